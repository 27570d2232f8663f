/*
 * Reloads while other nodes publish every millisecond or two: who leaves hands
 * over its listening at one place of the bus, so each event comes once and in
 * order.  When the old leader or Redis fails in between some may be missing,
 * but none comes twice, and all is well afterwards.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Emitter } from '@socket.io/redis-emitter';

import { closeAll, connect, emitAck, waitAll } from '../lib/client.mjs';
import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';
import { NO_REDIS, heard, startNode, startRedis } from '../lib/redis.mjs';
import { steady, strictly } from '../lib/steady.mjs';
import { exited } from '../workers/lib/processes.mjs';

const LONG = PATIENCE * 6;
const DRAIN = 300;
const WORKERS = [3, 1, 4, 2, 1, 3, 2, 4, 1, 2];
const LOCATION = `socketio_room *; socketio_recovery 10s;
                  socketio_ping_interval 4s; socketio_ping_timeout 8s;`;


/*
 * Runs a test with a Redis, an nginx on it, and an emitter beside it.  A handover
 * has 2 seconds.
 */
function withBus(name, body) {
    test(name, { skip: NO_REDIS }, (t) => steady(async () => {
        const it = { redis: await startRedis(), t };

        try {
            it.nginx = await startNginx({
                workers: 2, location: LOCATION, drain: `${DRAIN}ms`,
                http: `socketio_redis app ${it.redis.url};`,
                zone: 'zone=app:16m log=32m',
            });
            await heard(it.nginx);
            it.emitter = new Emitter(await it.redis.client());
            it.clients = await waitAll(
                ['polling', 'websocket', 'polling', 'websocket']
                    .map((mode) => listener(it.nginx, mode)));
            await body(it);

        } finally {
            it.stream?.();
            closeAll();
            it.redis.child.kill('SIGCONT');
            await it.node?.stop();

            if (it.stopped && it.nginx.workers().includes(it.stopped)) {
                process.kill(it.stopped, 'SIGCONT');
            }

            await it.nginx?.stop();
            await it.redis.stop();
        }
    }));
}


/* A client that notes the numbers it gets, and comes back when it is moved. */
async function listener(nginx, mode) {
    const socket = await connect(nginx, {
        mode, reconnection: true, reconnectionDelay: 10,
        reconnectionDelayMax: 100 });
    const one = { mode, socket, got: [], lost: 0 };

    socket.on('n', (n) => one.got.push(n));
    socket.on('connect', () => { one.lost += !socket.recovered; });
    await emitAck(socket, 'join', 'r');

    return one;
}


/* Publishes numbers until it is called again; resolves to how many. */
function stream(it) {
    let going = true;

    it.sent = 0;

    const done = (async () => {
        while (going) {
            it.emitter.to('r').emit('n', it.sent++);
            await sleep(1);
        }

        return it.sent;
    })();

    it.stream = () => {
        going = false;
        return done;
    };
}


/* Waits until so many more are published. */
function more(it, n) {
    const wanted = it.sent + n;

    return until(() => it.sent >= wanted, `${n} more are published`, LONG);
}


const numbers = (n) => Array.from({ length: n }, (_, i) => i);
const counters = async (it) => (await it.nginx.status()).counters;


/* Ends the stream; all clients get to its last number. */
async function end(it) {
    const n = await it.stream();

    await until(() => it.clients.every((c) => c.got.at(-1) === n - 1),
                'the last one', LONG).catch(() => {});

    return n;
}


const ordered = ({ mode, got }) => strictly(() => assert.deepEqual(
    got, [...new Set(got)].sort((a, b) => a - b),
    `twice or out of order, ${mode}`));


/* Some may be missing only where a handover was cut, or a client was too late. */
async function exactly(it, n) {
    const { cluster_handovers_cut: cut } = await counters(it);

    for (const client of it.clients) {
        const { mode, got, lost } = client;
        const seen = new Set(got);
        const whole = () => assert.deepEqual(
            numbers(n).filter((k) => !seen.has(k)), [], `missed over ${mode}`);

        ordered(client);

        if (cut || lost) {
            whole();

        } else {
            strictly(whole);
        }

        assert.deepEqual(got, numbers(n), mode);
        assert.equal(lost, 0, `${mode}: each time it recovered`);
    }
}


/* Nothing twice, nothing out of order; the last ones are there without a gap. */
function rising(it, n, last = 50) {
    for (const client of it.clients) {
        ordered(client);
        assert.deepEqual(client.got.slice(-last), numbers(n).slice(-last),
                         client.mode);
    }
}


async function leader(it) {
    const { cluster, workers } = await it.nginx.status();

    return workers.find((w) => w.slot === cluster.leader)?.pid;
}


/* Waits until a worker has been told to quit. */
const leaves = (it, pid) => until(
    () => new RegExp(` ${pid}#.* leaves, `).test(it.nginx.logs()),
    `${pid} leaves`);


/* Of all workers but the leader the heir alone has two connections to Redis. */
function heir(it, old) {
    const inodes = new Set(fs.readFileSync('/proc/net/tcp', 'utf8').split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter((field) => parseInt(field[2]?.split(':')[1], 16)
                           === it.redis.port)
        .map((field) => `socket:[${field[9]}]`));
    const connections = (pid) => links(`/proc/${pid}/fd`)
        .filter((link) => inodes.has(link)).length;

    return it.nginx.workers().find((pid) => pid !== old
                                            && connections(pid) > 1);
}


/* Where the symbolic links of a directory lead to. */
function links(dir) {
    try {
        return fs.readdirSync(dir).map((name) =>
            fs.readlinkSync(`${dir}/${name}`));

    } catch {
        return [];              /* the process, or one of them, is gone */
    }
}


/*
 * Reloads while Redis stands still, so that no handover ends, and does something
 * with the old leader in the midst of it.
 */
async function within(it, body) {
    const pid = await leader(it);

    it.redis.child.kill('SIGSTOP');
    await it.nginx.reload({ workers: 3 });
    await leaves(it, pid);
    await body(pid, await until(() => heir(it, pid), 'there is an heir'));
    it.redis.child.kill('SIGCONT');
}


describe('a reload while other nodes publish', () => {
    withBus('each event comes once and in order', async (it) => {
        const before = await counters(it);

        stream(it);

        for (const workers of WORKERS) {
            const old = it.nginx.workers();

            await more(it, 20);
            await it.nginx.reload({ workers });
            await exited(it.nginx, old, DRAIN + PATIENCE * 2);
            await more(it, 20);
        }

        const n = await end(it);
        const after = await counters(it);

        it.t.diagnostic(`${n} events`);
        await exactly(it, n);

        /* more, if the heir was a worker that had not been told to leave yet */
        assert.ok(after.cluster_handovers - before.cluster_handovers
                  >= WORKERS.length);
        assert.equal(after.cluster_handovers_cut, 0);
        assert.equal(after.cluster_failures, before.cluster_failures);
    });

    withBus('also when the heir is told to quit at once', async (it) => {
        stream(it);

        for (const workers of WORKERS.slice(0, 6)) {
            await it.nginx.reload({ workers });
        }

        await until(() => it.nginx.workers().length === WORKERS[5],
                    'all others are gone', LONG);

        const n = await end(it);

        await exactly(it, n);
        assert.equal((await counters(it)).cluster_handovers_cut, 0);
    });

    /*
     * Nodes count each other first and ask then.  Who does the one before the
     * old leader is not counted any more and the other after it waits in vain;
     * the list below is asked for so often that this may come at each reload.
     */
    withBus('requests are answered once', async (it) => {
        const lists = [];
        const times = WORKERS.slice(0, 5);
        const polls = it.clients.filter((c) => c.mode === 'polling')
            .map((c) => c.socket.id);
        const list = async () => (await it.node.io.fetchSockets())
            .map((s) => s.id).filter((id) => polls.includes(id));
        let going = true, late = 0;

        it.node = await startNode(it.redis, { requestsTimeout: 2000 });
        await until(async () => (await list()).length === polls.length,
                    'nginx is counted');

        const done = (async () => {
            while (going) {
                await list().then((ids) => lists.push(ids), () => late++);
            }
        })();

        for (const workers of times) {
            const old = it.nginx.workers();
            const wanted = lists.length + late + 10;

            await it.nginx.reload({ workers });
            await exited(it.nginx, old, DRAIN + PATIENCE * 2);
            await until(() => lists.length + late >= wanted, 'some lists',
                        LONG);
        }

        going = false;
        await done;

        const short = lists.filter((ids) => ids.length < polls.length);

        it.t.diagnostic(`of ${lists.length} lists ${short.length} are not `
                        + `whole, ${late} have not come`);
        strictly(() => assert.deepEqual(
            lists.filter((ids) => ids.length > polls.length), []));
        assert.ok(short.length <= times.length, `${short.length}`);
        assert.ok(late <= times.length, `${late}`);
    });
});


describe('what fails during a reload', () => {
    withBus('Redis stands still for a moment: nothing is lost', async (it) => {
        stream(it);
        await within(it, () => {});

        const n = await sleep(500).then(() => end(it));

        await exactly(it, n);
        assert.equal((await counters(it)).cluster_handovers_cut, 0);
    });

    withBus('Redis stands still for long', async (it) => {
        stream(it);
        await within(it, () => sleep(3500));
        await heard(it.nginx, 'up', LONG);
        await sleep(500);
        await more(it, 100);
        rising(it, await end(it));
    });

    withBus('the heir is killed: another one inherits', async (it) => {
        stream(it);
        await within(it, (pid, next) => {
            it.nginx.killed.add(next);
            process.kill(next, 'SIGKILL');
        });
        await until(async () => {
            const { cluster_handovers: over, cluster_handovers_cut: cut }
                = await counters(it);

            return over + cut > 0;
        }, 'another listens');
        assert.ok((await counters(it)).cluster_handovers >= 1);
        await more(it, 100);

        const n = await end(it);

        await exactly(it, n);
        assert.equal((await counters(it)).cluster_handovers_cut, 0);
    });

    withBus('the old leader is killed', async (it) => {
        stream(it);
        await within(it, (pid) => {
            it.nginx.killed.add(pid);
            process.kill(pid, 'SIGKILL');
        });

        const start = Date.now();

        await until(async () => (await counters(it)).cluster_handovers_cut
                                === 1, 'another listens');
        assert.ok(Date.now() - start < 2000);
        await more(it, 100);
        rising(it, await end(it));
    });

    withBus('the old leader does not come to the marker', async (it) => {
        stream(it);
        await within(it, (pid) => {
            it.stopped = pid;
            process.kill(pid, 'SIGSTOP');
        });
        await until(async () => (await counters(it)).cluster_handovers_cut
                                === 1, 'another listens');
        assert.notEqual(await leader(it), it.stopped);
        await more(it, 50);
        process.kill(it.stopped, 'SIGCONT');
        await exited(it.nginx, [it.stopped], PATIENCE);
        await more(it, 100);
        rising(it, await end(it));
    });

    withBus('another Redis', async (it) => {
        const other = await startRedis();

        try {
            const old = it.nginx.workers();

            await it.nginx.reload({
                http: `socketio_redis app ${other.url};` });
            await exited(it.nginx, old, DRAIN + PATIENCE * 2);
            await heard(it.nginx, 'up', LONG);
            it.emitter = new Emitter(await other.client());
            stream(it);
            await more(it, 100);
            await exactly(it, await end(it));

        } finally {
            await other.stop();
        }
    });
});
