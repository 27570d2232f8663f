/*
 * Any worker serves any request: a session whose requests land on all of them
 * gets what it would get from one, and all receivers see the same order.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { until } from '../lib/nginx.mjs';
import { Polling, WebSocketRaw } from '../lib/raw.mjs';
import { cluster } from './lib/cluster.mjs';
import { Ledger, judge } from './lib/journal.mjs';
import { Member } from './lib/member.mjs';
import { agentTo, call, landOn, ownerOf } from './lib/processes.mjs';

const WORKERS = 4;

let nginx, agents, send;

cluster({
    http: 'log_format worker "$pid $request_method $arg_transport '
          + '$arg_sid";',
    server: 'access_log workers.log worker;',
}, async (it) => {
    nginx = it.nginx;
    agents = await Promise.all(nginx.workers().map((pid) => it.agentTo(pid)));
    send = await it.everyWorker();
});


/* What the workers have served, oldest first. */
function requests() {
    return nginx.read('workers.log').trim().split('\n').map((line) => {
        const [pid, method, transport, sid] = line.split(' ');

        return { pid, method, transport, sid };
    });
}


describe('a polling session whose requests are all on new connections', () => {
    test('gets everything once and in order', async () => {
        const ledger = new Ledger(nginx);
        const member = await Member.open(nginx);

        await member.join('r');

        const seats = () => new Set(requests()
            .filter((r) => r.method === 'GET' && r.sid === member.sid)
            .map((r) => r.pid));
        let n = 0;

        /* many events may come in one GET, and each of those lands anywhere */
        while (n < 300 || n < 20000 && seats().size < WORKERS) {
            await ledger.publish(['r'], { send });
            n++;
        }

        await member.until(n - 1);
        assert.deepEqual(member.events, [...Array(n).keys()]);
        assert.deepEqual(judge([member.journal], ledger), []);
        await member.vanish('close');
        assert.equal(seats().size, WORKERS, 'GETs landed on every worker');
    });

    test('joins and leaves hold from their ack, on all workers', async () => {
        const session = await Polling.open(nginx.url);
        const wanted = [];
        let n = 0;

        const emit = async (expected) => {
            const { json } = await send({ rooms: ['x'], event: 'e',
                                          data: ++n });

            assert.equal(json.matched, expected);

            if (expected) {
                wanted.push(`42["e",${n}]`);
            }
        };

        await session.connect();

        for (let i = 0; i < 40; i++) {
            await emit(0);
            await session.send(`42${2 * i}["join","x"]`);
            wanted.push(`43${2 * i}[{"ok":true,"rooms":["x"]}]`);
            await emit(1);
            await emit(1);
            await session.send(`42${2 * i + 1}["leave","x"]`);
            wanted.push(`43${2 * i + 1}[{"ok":true,"rooms":["x"]}]`);
            await emit(0);

            if (i % 3 === 0) {
                while (session.queue.length < wanted.length) {
                    session.queue.push(...await session.poll());
                }
            }
        }

        while (session.queue.length < wanted.length) {
            session.queue.push(...await session.poll());
        }

        assert.deepEqual(session.queue, wanted);
        await session.close();
    });

    test('the API joins it and asks it out on other workers', async () => {
        const session = await Polling.open(nginx.url);
        const id = await session.connect();
        const wanted = [];

        for (let i = 0; i < 40; i++) {
            const agent = agents[i % agents.length];

            await send({ rooms: ['y'], event: 'e', data: 'before' });
            await call(nginx, agent, 'socketsJoin', { rooms: id, join: 'y' });
            await send({ rooms: ['y'], event: 'e', data: i });
            await call(nginx, agent, 'socketsLeave',
                       { rooms: id, leave: 'y' });
            await send({ rooms: ['y'], event: 'e', data: 'after' });
            wanted.push(`42["e",${i}]`);
        }

        while (session.queue.length < wanted.length) {
            session.queue.push(...await session.poll());
        }

        assert.deepEqual(session.queue, wanted);
        await session.close();
    });
});


test('an upgrade on another worker loses and doubles nothing', async () => {
    const ledger = new Ledger(nginx);
    const stop = [...Array(4).keys()].map((publisher) =>
        ledger.stream(50, () => [['u']], { publisher, send }));
    const members = [];

    for (let round = 0; round < 20; round++) {
        const some = await Promise.all(Array.from({ length: 8 },
            () => Member.open(nginx)));

        await Promise.all(some.map((m) => m.join('u')));

        await Promise.all(some.map((m) => m.upgrade()));
        members.push(...some);
    }

    /* a fast machine is through with the upgrades before */
    await until(() => members[0].events.length > 50, 'many events pass');
    await Promise.all(stop.map((s) => s()));
    assert.deepEqual(ledger.failures(), []);

    const last = await ledger.publish(['u'], { send });

    await Promise.all(members.map((m) => m.until(last.id)));

    assert.ok(members.every((m) => m.ws), 'all are on WebSockets');

    const elsewhere = members.filter((m) => {
        const seats = requests().filter((r) => r.sid === m.sid);

        return seats.findLast((r) => r.transport === 'polling').pid
               !== seats.find((r) => r.transport === 'websocket').pid;
    }).length;

    assert.ok(elsewhere > 10, `${elsewhere} WebSockets on another worker`);
    assert.deepEqual(judge(members.map((m) => m.journal), ledger), []);
    await Promise.all(members.map((m) => m.vanish('cut')));
});


test('a GET is parked on one worker, the WebSocket is on another', async () => {
    const [a, b] = agents;
    const poller = await agentTo(nginx, a.worker);
    const session = await Polling.open(nginx.url, { agent: poller });
    const id = await session.connect();
    let ws;

    for (let i = 0; i < 20; i++) {
        await call(nginx, a, 'emit', { rooms: id, event: 'e', data: i });
    }

    const first = await session.poll();
    const { parked } = await session.park();

    /* one that comes before the end of the last one is let in and closed */
    for (let answer; answer !== '3probe'; ) {
        ws?.close();
        ws = await WebSocketRaw.open(nginx.url, { sid: session.sid });

        if (await ownerOf(nginx, ws.socket) !== a.worker) {
            await ws.send('2probe');
            answer = String((await ws.next()).data);
        }
    }

    assert.equal((await parked).body, '6', 'the parked GET is let go');

    for (let i = 20; i < 40; i++) {
        await call(nginx, i % 2 ? a : b, 'emit',
                   { rooms: id, event: 'e', data: i });
    }

    await ws.send('5');

    const got = [...first];

    while (got.length < 40) {
        got.push(await ws.recv());
    }

    assert.deepEqual(got, Array.from({ length: 40 },
                                     (_, i) => `42["e",${i}]`));
    ws.close();
    poller.destroy();
});


test('the order of a room is the same for all, on all workers', async () => {
    const ledger = new Ledger(nginx);
    const members = await Promise.all(Array.from({ length: 48 }, (_, i) =>
        Member.open(nginx, { transport: i % 6 ? 'websocket' : 'polling' })));

    /* a receiver on every worker */
    for (const pid of nginx.workers()) {
        members.push((await landOn(nginx, pid, async () => {
            const m = await Member.open(nginx, { transport: 'websocket' });

            return { m, close: () => m.vanish('cut') };
        }, ({ m }) => m.ws.socket)).m);
    }

    await Promise.all(members.map((m) => m.join('o')));

    /* everybody publishes at once: who comes first is for the log to say */
    await Promise.all(agents.map(async (agent, publisher) => {
        for (let i = 0; i < 100; i++) {
            await ledger.publish(['o'], {
                publisher, send: (body) => call(nginx, agent, 'emit', body),
            });
        }
    }));

    const last = await ledger.publish(['o']);

    await Promise.all(members.map((m) => m.until(last.id)));

    for (const member of members) {
        assert.deepEqual(member.events, members[0].events);
    }

    assert.equal(members[0].events.length, 401);
    assert.deepEqual(judge(members.map((m) => m.journal), ledger), []);
    await Promise.all(members.map((m) => m.vanish('close')));
});
