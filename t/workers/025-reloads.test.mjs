/*
 * Many reloads in a row with changing numbers of workers, while events are
 * published to stock clients that recover: nobody misses one or gets it twice,
 * old workers are gone when socketio_drain is over, and clients are moved over
 * all of that time.
 *
 *   RELOADS  how many (15; make reloads: 100)
 */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { closeAll, connect, emitAck, waitAll } from '../lib/client.mjs';
import { PATIENCE, SLOWED, until } from '../lib/nginx.mjs';
import { cluster, SILENCE } from './lib/cluster.mjs';
import { agreed, attached, drained, exited } from './lib/processes.mjs';

const RELOADS = Number(process.env.RELOADS ?? 15);
const DRAIN = 600;
const CLIENTS = 30;
const RATE = 60;                /* events per second */
const WORKERS = [3, 1, 4, 2, 4, 1, 2, 3];
const HEARTBEAT = `socketio_room *; socketio_ping_interval 4s;
                   socketio_ping_timeout 12s; socketio_recovery 15s;`;

let nginx, baseline;

const it = cluster({ drain: `${DRAIN}ms`, location: HEARTBEAT }, () => {
    ({ nginx, baseline } = it);
});


afterEach(async () => {
    closeAll();
    await drained(nginx, baseline, SILENCE);
});


/* A client that notes the numbers it gets and when it was moved. */
async function listener(mode) {
    const socket = await connect(nginx, {
        mode, reconnection: true, reconnectionDelay: 10,
        reconnectionDelayMax: 100 });
    const one = { mode, socket, got: [], moved: [], lost: 0 };

    socket.on('n', (n) => one.got.push(n));
    socket.on('disconnect', (why) => one.moved.push({ why, at: Date.now() }));
    socket.on('connect', () => { one.lost += !socket.recovered; });
    await emitAck(socket, 'join', 'r');

    return one;
}


/*
 * Publishes numbers until told to stop; resolves to how many.  A connection
 * that waits on a worker's socket is reset when there is one worker less, so
 * the publisher repeats itself, as the API's ids allow.
 */
function publisher() {
    let going = true;
    const done = (async () => {
        let n = 0;

        for ( ; going; n++) {
            await until(async () => {
                const res = await nginx.api('emit', {
                    rooms: 'r', event: 'n', data: n, id: `n${n}` })
                    .catch(() => null);

                return res?.status === 200;
            }, `event ${n} is published`, PATIENCE * 3);
            await new Promise((resolve) => setTimeout(resolve, 1000 / RATE));
        }

        return n;
    })();

    return () => {
        going = false;
        return done;
    };
}


/* One reload; resolves to when it began and how long old workers stayed. */
async function reload(workers) {
    const old = nginx.workers();
    const start = Date.now();

    await nginx.reload({ workers });
    await exited(nginx, old, DRAIN + PATIENCE * 2);

    return { start, took: Date.now() - start };
}


test(`${RELOADS} reloads under load`, async (t) => {
    const modes = ['polling', 'websocket', 'upgrade'];
    const before = (await nginx.status()).counters;
    const clients = await waitAll(Array.from({ length: CLIENTS },
        (_, i) => listener(modes[i % 3])));
    const stop = publisher();
    const reloads = [];

    for (let i = 0; i < RELOADS; i++) {
        reloads.push(await reload(WORKERS[i % WORKERS.length]));
        await agreed(nginx, clients.map((c) => c.socket));
    }

    const n = await stop();

    await until(() => clients.every((c) => c.got.at(-1) === n - 1),
                'the last one', PATIENCE * 3).catch(() => {});

    const all = Array.from({ length: n }, (_, i) => i);

    for (const { mode, got, lost } of clients) {
        const missing = all.filter((k) => !got.includes(k));

        assert.deepEqual(missing, [], `missed over ${mode}`);
        assert.deepEqual(got, all, `twice or out of order over ${mode}`);
        assert.equal(lost, 0, `${mode}: each time it recovered`);
    }

    /* WebSockets are moved at each reload, over all of the drain time */
    const moved = clients.filter((c) => c.mode !== 'polling')
        .flatMap((c) => c.moved.map((m) => m.at));
    const quarters = [0, 0, 0, 0];

    /* from the first that was told: a busy machine begins later */
    for (const [i, { start }] of reloads.entries()) {
        const times = moved.filter((at) => at >= start
            && !(at >= reloads[i + 1]?.start));

        for (const at of times) {
            quarters[Math.min(3, Math.floor((at - Math.min(...times))
                                            / DRAIN * 4))]++;
        }
    }

    const most = Math.max(...reloads.map((r) => r.took));

    await attached(nginx, WORKERS[(RELOADS - 1) % WORKERS.length]);

    const { counters } = await nginx.status();

    t.diagnostic(`${n} events, moved by quarters ${quarters.join(' ')}, `
                 + `old workers gone within ${most} ms`);
    assert.ok(moved.length >= RELOADS * CLIENTS * 2 / 3, `${moved.length}`);
    assert.ok(counters.moved - before.moved >= RELOADS * CLIENTS * 2 / 3);
    assert.ok(Math.max(...quarters) < moved.length * 0.7, quarters.join());
    assert.ok(quarters.filter((q) => q > moved.length / 20).length >= 3,
              quarters.join());
    assert.ok(most < DRAIN + (SLOWED ? PATIENCE : 4000),
              `old workers stayed ${most} ms`);
    assert.equal(counters.workers_reaped, before.workers_reaped);
    assert.equal(counters.overruns, before.overruns);
    assert.ok(clients.every((c) => c.moved.every((m) =>
        /^transport (close|error)$/.test(m.why))));
});


/* nginx makes memory of another size anew: all sessions are gone with it. */
test('another size of the zone: all begin anew', async () => {
    const clients = await waitAll(['polling', 'websocket', 'upgrade']
        .map(listener));
    const { log } = await nginx.status();
    const again = clients.map((c) => until(() => c.moved.length > 0
        && c.socket.connected, `${c.mode} is back`, PATIENCE * 4));
    const old = nginx.workers();

    await nginx.publish({ rooms: 'r', event: 'n', data: 'before' });
    await until(() => clients.every((c) => c.got.length === 1), 'the first');
    await nginx.reload({ workers: 2, zone: 'zone=app:20m log=8m' });
    await waitAll(again);
    await exited(nginx, old, DRAIN + PATIENCE);
    await agreed(nginx, clients.map((c) => c.socket));

    const status = await nginx.status();

    assert.notEqual(status.log.epoch, log.epoch);
    assert.equal(status.counters.recoveries, 0);
    assert.ok(status.counters.recoveries_epoch
              + status.counters.recoveries_unknown >= 3);

    /* once more by an old worker that has not heard of the reload yet */
    assert.ok(clients.every((c) => c.lost >= 1), 'they are told');
    await waitAll(clients.map((c) => emitAck(c.socket, 'join', 'r')));
    await nginx.publish({ rooms: 'r', event: 'n', data: 'after' });
    await until(() => clients.every((c) => c.got.length === 2), 'the next');
    assert.deepEqual(clients.map((c) => c.got),
                     clients.map(() => ['before', 'after']));
    closeAll();
    baseline = Object.fromEntries(Object.keys(baseline).map((k) => [k, 0]));
    it.baseline = baseline;
});
