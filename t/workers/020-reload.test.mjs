/*
 * Reloads: old workers keep their clients until they have moved them, polling
 * sessions do not notice, and nothing is lost between old workers and new ones.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { client, connected, connect, once, closeAll, emitAck, waitAll }
    from '../lib/client.mjs';
import { PATIENCE, until } from '../lib/nginx.mjs';
import { Polling, WebSocketRaw } from '../lib/raw.mjs';
import { cluster, HEARTBEAT, SILENCE } from './lib/cluster.mjs';
import { Ledger, judge } from './lib/journal.mjs';
import { Member, closeMembers } from './lib/member.mjs';
import { agreed, attached, drained, exited, ownerOf, owners, slots }
    from './lib/processes.mjs';

const DRAIN = 1500;

/*
 * Where much is to be done within a drain: a worker moves a client each 50 ms,
 * more if it has more, so it takes a hundred clients to make it last.
 */
const LONG = 10000;
const STEP = 50;             /* ms until the next client is moved */
const MANY = 400;

let nginx, baseline;

const it = cluster({ drain: `${DRAIN}ms`, expectEmerg: true }, () => {
    ({ nginx, baseline } = it);
});


afterEach(async () => {
    await closeMembers();
    closeAll();
    await drained(nginx, baseline, SILENCE);
});


/* A POST to the API of which a worker has got all but the last byte. */
async function halfPublish(body) {
    const text = JSON.stringify(body);
    const socket = net.connect(nginx.port, '127.0.0.1');
    const answer = new Promise((resolve, reject) => {
        let got = '';

        socket.on('data', (chunk) => { got += chunk; });
        socket.on('error', reject);
        socket.on('close', () => resolve(got));
    });

    socket.write(`POST /socketio/emit HTTP/1.1\r\nHost: localhost\r\n`
                 + 'Content-Type: application/json\r\nConnection: close\r\n'
                 + `Content-Length: ${text.length}\r\n\r\n`
                 + text.slice(0, -1));

    const pid = await ownerOf(nginx, socket);

    return { pid, finish: () => { socket.write(text.slice(-1));
                                  return answer; } };
}


/* The next reload finds workers that drain for so long. */
async function draining(ms) {
    const old = nginx.workers();

    await nginx.reload({ drain: `${ms}ms` });
    await exited(nginx, old);
    await attached(nginx, 4);
}


describe('old workers', () => {
    /* one reload, and what is wrong with its times */
    const spread = async () => {
        const sockets = await Promise.all(Array.from({ length: 200 },
            () => WebSocketRaw.open(nginx.url)));
        const old = nginx.workers();

        await Promise.all(sockets.map((ws) => ws.connect()));

        const seats = owners(nginx);
        const ends = sockets.map(async (ws) => {
            const pid = seats.get(ws.socket.localPort);
            const code = await ws.end(DRAIN + PATIENCE * 2);

            return { pid, code, at: Date.now() };
        });

        await nginx.reload();

        const got = await Promise.all(ends);

        await exited(nginx, old);
        await attached(nginx, 4);
        assert.deepEqual([...new Set(got.map((g) => g.code))], [1012]);

        const faults = [];

        for (const pid of old) {
            const times = got.filter((g) => g.pid === pid).map((g) => g.at)
                .sort((a, b) => a - b);

            assert.ok(times.length > 20, `${pid} had WebSockets`);

            if (times.at(-1) - times[0] <= DRAIN / 3) {
                faults.push(`${pid} took ${times.at(-1) - times[0]} ms`);
            }
        }

        const times = got.map((g) => g.at).sort((a, b) => a - b);
        const early = times.filter((at) => at < times[0] + DRAIN / 2).length;

        if (times.at(-1) - times[0] > DRAIN + 1000) {
            faults.push(`the last was closed ${times.at(-1) - times[0]} ms `
                        + 'after the first');
        }

        if (early <= 40 || early >= 180) {
            faults.push(`${early} of 200 were closed in the first half`);
        }

        return faults;
    };

    /* a machine that stands still for a second has the times of one reload */
    test('close WebSockets with 1012, spread over socketio_drain', async () => {
        const faults = [];

        do {
            faults.push((await spread()).join(', '));
        } while (faults.at(-1) && faults.length < 6);

        assert.equal(faults.at(-1), '', faults.join('; '));
    });

    test('get and send events until their clients have gone', async () => {
        await draining(LONG);

        const old = new Set(nginx.workers());
        const staying = await Promise.all(Array.from({ length: MANY },
            () => Member.open(nginx, { transport: 'websocket' })));
        const half = await halfPublish({ rooms: 'r', event: 'e', data: 1 });

        await waitAll(staying.map((m) => m.join('r')));
        assert.ok(old.has(half.pid));
        await nginx.reload({ drain: `${DRAIN}ms` });

        const leaving = await until(async () => {
            const { workers } = await nginx.status();
            const some = workers.filter((w) => w.draining);

            return some.length === old.size && some;
        }, 'status says who is draining');

        assert.ok(leaving.every((w) => old.has(w.pid)));

        const fresh = await Member.open(nginx, { transport: 'websocket' });
        const polling = await Member.open(nginx);

        await waitAll([fresh.join('r'), polling.join('r')]);

        /* from a new worker and from an old one, to clients of both */
        const { matched } = await nginx.publish({ rooms: 'r', event: 'e',
                                                  data: 0 });

        assert.ok(matched > 2, `${matched} members, old ones among them`);
        assert.match(await half.finish(), /"ok":true/);

        const everybody = [...staying.filter((m) => !m.ended),
                           fresh, polling];

        assert.ok(everybody.length > 6, `${everybody.length} are there`);
        await waitAll(everybody.map((m) => until(
            () => m.events.includes(1) || m.ended, 'the event or the end')));
        assert.deepEqual(fresh.events, [0, 1]);
        assert.deepEqual(polling.events, [0, 1]);
        assert.ok(staying.filter((m) => m.events.join() === '0,1').length > 6,
                  'clients of old workers got both');
        await exited(nginx, [...old], LONG + PATIENCE);
        await waitAll(staying.map((m) => m.gone));
        assert.ok(staying.every((m) => m.journal.end === 'close 1012'));
    });

    test('let parked polls go, and the session goes on', async () => {
        const sessions = await Promise.all(Array.from({ length: 12 },
            () => Polling.open(nginx.url)));
        const ids = await Promise.all(sessions.map((s) => s.connect()));
        const old = nginx.workers();
        const parked = await Promise.all(sessions.map((s) => s.park()));

        await until(() => owners(nginx).size >= 12, 'the GETs have arrived');

        /* an answer to what comes behind them shows that they are parked */
        await Promise.all(old.map((pid) => it.agentTo(pid)));
        await nginx.reload();

        for (const { parked: get } of parked) {
            const { status, body } = await get;

            assert.deepEqual([status, body], [200, '6']);
        }

        await exited(nginx, old);
        await nginx.publish({ rooms: ids, event: 'e', data: 1 });

        for (const session of sessions) {
            assert.deepEqual(await session.poll(), ['42["e",1]']);
            await session.close();
        }
    });
});


test('a handshake that a leaving worker was in the middle of', async () => {
    const old = nginx.workers();
    const ws = new WebSocketRaw(nginx.url, {
        head: 'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n'
              + 'Host: localhost\r\nUpgrade: websocket\r\n',
    });
    const poll = net.connect(nginx.port, '127.0.0.1');
    const answer = new Promise((resolve) => {
        poll.once('data', (chunk) => resolve(String(chunk)));
    });

    poll.write('GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n');

    for (const socket of [ws.socket, poll]) {
        assert.ok(old.includes(await ownerOf(nginx, socket)));
    }

    await nginx.reload();
    await until(() => nginx.workers().length <= 6, 'idle ones have left');

    ws.write('Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
             + `Sec-WebSocket-Key: ${ws.key}\r\n\r\n`);
    poll.write('Host: localhost\r\n\r\n');

    const session = new Polling(nginx.url);

    session.sid = /^HTTP\/1.1 200 .*"sid":"([^"]+)"/s.exec(await answer)[1];
    await session.close();
    await ws.shaken;
    assert.equal(ws.status, 101);
    assert.match(await ws.recv(), /^0\{/);
    assert.equal(await ws.end(), 1012, 'it is sent on to a new worker');
    poll.destroy();
    await exited(nginx, old);
});


/* A polling session whose upgrade has begun: all but the "5". */
async function probed() {
    await draining(LONG);

    const session = await Polling.open(nginx.url);
    const id = await session.connect();
    const ws = await WebSocketRaw.open(nginx.url, { sid: session.sid });
    const old = await ownerOf(nginx, ws.socket);

    await ws.send('2probe');
    assert.equal(await ws.recv(), '3probe');

    const { parked } = await session.park();

    assert.equal((await parked).body, '6');

    return { id, ws, old };
}


/* Resolves when a worker, after a reload, moves its clients. */
async function reloaded(pid) {
    await nginx.reload({ drain: `${DRAIN}ms` });
    await until(async () => (await nginx.status()).workers
        .find((w) => w.pid === pid)?.draining, 'the old worker is leaving');
}


/*
 * Were the probe closed once it is answered, the stock client would have paused
 * polling for nothing and be deaf until it times out.
 */
test('an upgrade that has begun is finished by a leaving worker', async () => {
    const { id, ws, old } = await probed();

    await reloaded(old);
    await nginx.publish({ rooms: id, event: 'e', data: 1 });
    await ws.send('5');
    assert.equal(await ws.recv(), '42["e",1]');
    assert.equal(await ws.end(LONG + PATIENCE), 1012);
    await exited(nginx, [old]);

    /* one that never says "5" is not waited for longer than the drain */
    const idle = await Polling.open(nginx.url);
    const probe = await WebSocketRaw.open(nginx.url, { sid: idle.sid });
    const next = await ownerOf(nginx, probe.socket);

    await probe.send('2probe');
    assert.equal(await probe.recv(), '3probe');
    await nginx.reload();
    assert.equal(await probe.end(DRAIN + PATIENCE), 1012);
    await exited(nginx, [next]);
    await idle.close();
});


test('who is behind is moved when it has got what is there', async () => {
    const { id, ws, old } = await probed();

    /* more than the kernel takes for a client that does not read */
    for (let n = 0; n < 60; n++) {
        await nginx.publish({ rooms: id, event: 'e',
                              data: [n, 'x'.repeat(100000)] });
    }

    await reloaded(old);
    ws.socket.pause();
    await ws.send('5');
    await sleep(STEP * 6);
    ws.socket.resume();

    for (let n = 0; n < 60; n++) {
        assert.match(await ws.recv(), new RegExp(`^42\\["e",\\[${n},"xx`));
    }

    assert.equal(await ws.end(LONG + PATIENCE), 1012);
    await exited(nginx, [old]);
});


describe('stock clients', () => {
    for (const mode of ['polling', 'websocket', 'upgrade']) {
        test(`on ${mode}, over three reloads`, async () => {
            const sockets = await waitAll(Array.from({ length: 10 }, () =>
                connect(nginx, { mode, reconnection: true,
                                 reconnectionDelay: 20,
                                 reconnectionDelayMax: 200 })));
            const reasons = [];
            const { counters: before } = await nginx.status();

            sockets.forEach((s) => s.on('disconnect', (r) => reasons.push(r)));

            for (let i = 0; i < 3; i++) {
                const old = nginx.workers();
                const back = mode === 'polling' ? []
                    : sockets.map((s) => once(s, 'connect',
                                              DRAIN + PATIENCE * 2));

                await nginx.reload();
                await waitAll(back);
                await exited(nginx, old);
                await agreed(nginx, sockets);
                assert.deepEqual(await waitAll(sockets.map((s) =>
                    emitAck(s, 'join', 'r'))),
                    sockets.map(() => [{ ok: true, rooms: ['r'] }]));

                const got = sockets.map((s) => once(s, 'e'));

                await nginx.publish({ rooms: 'r', event: 'e', data: i });
                assert.deepEqual(await waitAll(got), sockets.map(() => [i]));
            }

            assert.deepEqual([...new Set(reasons)],
                             mode === 'polling' ? [] : ['transport close']);

            /* who comes back to one that is told only then goes once more */
            const { counters } = await nginx.status();

            assert.ok(reasons.length <= counters.moved - before.moved);
            assert.ok(mode === 'polling' || reasons.length >= 30,
                      `${reasons.length}`);
        });
    }
});


test('worker_processes 1, 4, 2 with clients there', async () => {
    const reasons = [];
    const sockets = ['polling', 'websocket', 'upgrade', 'polling',
                     'websocket', 'upgrade'].map((mode) =>
        client(nginx, { mode, reconnection: true, reconnectionDelay: 20,
                        reconnectionDelayMax: 200 }));

    sockets.forEach((s) => s.on('disconnect', (r) => reasons.push(r)));
    await waitAll(sockets.map((s) => connected(s)));

    for (const workers of [1, 4, 2, 4]) {
        const old = nginx.workers();

        await nginx.reload({ workers });
        await exited(nginx, old);
        await agreed(nginx, sockets);
        await attached(nginx, workers);

        const got = sockets.map((s) => once(s, 'e'));

        await nginx.publish({ event: 'e', data: workers });
        assert.deepEqual(await waitAll(got), sockets.map(() => [workers]));
    }

    assert.ok(!reasons.includes('io server disconnect'), reasons.join());
    assert.ok(reasons.length >= 12, 'WebSockets were moved');
});


test('20 reloads under load', async () => {
    const ledger = new Ledger(nginx);
    const all = [];
    let going = true;

    /* whoever loses his WebSocket comes back as somebody else */
    const keep = async (transport) => {
        while (going) {
            const member = await Member.open(nginx, { transport })
                .catch(() => null);

            if (member === null) {
                continue;
            }

            all.push(member);
            await member.join('l').catch(() => {});

            await member.gone;
        }
    };

    const kept = [
        ...Array.from({ length: 20 }, () => keep('polling')),
        ...Array.from({ length: 20 }, () => keep('websocket')),
    ];
    const stop = [0, 1].map((publisher) =>
        ledger.stream(40, () => [['l']], { publisher }));
    const first = nginx.workers();

    try {
        for (let i = 0; i < 20; i++) {
            await nginx.reload({ drain: '200ms' });
        }

        await until(() => {
            const now = nginx.workers();

            return now.length === 4 && !now.some((pid) => first.includes(pid));
        }, 'only the newest workers are left', PATIENCE * 3);

    } finally {
        await Promise.all(stop.map((s) => s()));
        going = false;
    }

    assert.deepEqual(ledger.failures(), []);

    const end = await ledger.publish(['l']);

    await waitAll(all.filter((m) => !m.ended && m.journal.stays[0].in < end.start)
        .map((m) => m.until(end.id)));
    assert.deepEqual(judge(all.map((m) => m.journal), ledger), []);
    assert.deepEqual(all.filter((m) => m.ended
                                       && m.journal.end !== 'close 1012')
        .map((m) => `${m.journal.name}: ${m.journal.end}`), []);
    assert.equal(all.filter((m) => m.polling && !m.ended).length, 20);
    await closeMembers();
    await Promise.all(kept);

    const old = nginx.workers();

    await nginx.reload({ drain: `${DRAIN}ms` });
    await exited(nginx, old);
});


describe('a reload that fails', () => {
    /* text: the configuration as it would be; says: what is logged */
    const fails = async (text, says) => {
        const conf = path.join(nginx.prefix, 'nginx.conf');

        await attached(nginx, 4);

        const workers = nginx.workers().sort();
        const before = await nginx.status();
        const members = [await Member.open(nginx),
                         await Member.open(nginx, { transport: 'websocket' })];
        const ledger = new Ledger(nginx);
        const logged = nginx.logs().length;

        await waitAll(members.map((m) => m.join('f')));
        fs.writeFileSync(conf, text);
        process.kill(nginx.child.pid, 'SIGHUP');
        await until(() => says.test(nginx.logs().slice(logged)),
                    `the log says ${says}`, PATIENCE * 3);
        fs.writeFileSync(conf, nginx.config);

        const last = await ledger.publish(['f']);

        await waitAll(members.map((m) => m.until(last.id)));

        const after = await nginx.status();

        assert.deepEqual(nginx.workers().sort(), workers);
        assert.deepEqual(slots(after), slots(before));
        assert.equal(after.log.epoch, before.log.epoch);
        await waitAll(members.map((m) => m.join('g')));
        assert.ok(members.every((m) => !m.ended));
    };

    test('for a word that nobody knows', async () => {
        await fails(`${nginx.config}\nnonsense;\n`, /unknown directive/);
    });

    test('for a port that is taken, after the zones were set up', async () => {
        const server = net.createServer().listen(0, '127.0.0.1');

        await new Promise((resolve) => server.once('listening', resolve));

        const taken = server.address().port;

        await fails(nginx.config.replace('server {', `server {
                        listen 127.0.0.1:${taken}; }
                        server {`),
                    /still could not bind/);
        server.close();
    });

    /*
     * Another size of the whole is another zone, which begins empty; here only
     * the share differs.  A zone of 4m more remembers 1,024 revocations more,
     * of 52 bytes each.
     */
    test('for another size of the log', async () => {
        await fails(nginx.config.replace('zone=app:16m log=8m',
                                         'zone=app:20m log=4044k'),
                    /has another layout/);
    });

    test('and the next one succeeds', async () => {
        const old = nginx.workers();
        const member = await Member.open(nginx);

        await nginx.reload({ location: `${HEARTBEAT} socketio_limit_rooms 1;` });
        await exited(nginx, old);
        await member.join('one');
        await assert.rejects(member.join('two'), /Too many rooms/);
        await nginx.reload({ location: HEARTBEAT });
    });
});
