/*
 * Shared memory that runs out: what is new is refused and told why, what is
 * there goes on, and what is given back can be had again.
 */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { client, closeAll, once, waitAll } from '../lib/client.mjs';
import { until } from '../lib/nginx.mjs';
import { Polling, WebSocketRaw } from '../lib/raw.mjs';
import { cluster, SILENCE } from './lib/cluster.mjs';
import { drained } from './lib/processes.mjs';

const open = [];

let nginx, baseline;

/* a heartbeat that nobody here has to answer */
const it = cluster({
    zone: 'zone=app:512k log=256k',
    location: 'socketio_room *; socketio_limit_rooms 1000;'
              + 'socketio_ping_interval 5m; socketio_connect_timeout 5m;'
              + 'socketio_namespace / { } socketio_namespace ~^/n { }',
}, () => {
    ({ nginx, baseline } = it);
});


afterEach(async () => {
    await closeAllRaw();
    closeAll();
    await drained(nginx, baseline, SILENCE);
});


async function closeAllRaw() {
    await Promise.all(open.splice(0).map(async (session) => {
        if (session instanceof Polling) {
            await session.close();
            await session.assertLeft();

        } else {
            session.close();
        }
    }));
}


/* Opens sessions until one is refused; returns the refusal. */
async function fill(openOne) {
    for ( ;; ) {
        const refusal = await openOne();

        if (refusal) {
            return refusal;
        }

        assert.ok(open.length < 20000, 'the zone is never full');
    }
}


async function polling() {
    const session = new Polling(nginx.url);
    const res = await session.get();

    if (res.status !== 200) {
        return res;
    }

    session.sid = JSON.parse(res.body.slice(1)).sid;
    open.push(session);

    return null;
}


async function websocket() {
    const ws = await WebSocketRaw.request(nginx.url);

    if (ws.status !== 101) {
        return ws;
    }

    assert.match(await ws.recv(), /^0\{/);
    open.push(ws);

    return null;
}


/* Those that are there work as ever: in order, with rooms, from the API. */
async function untouched(sessions) {
    for (const [i, session] of sessions.entries()) {
        const room = `room ${i}`;

        assert.deepEqual(await session.ack(1, ['join', room]),
                         [{ ok: true, rooms: [room] }]);

        const { matched } = await nginx.publish({ rooms: room, event: 'e',
                                                  data: i });

        assert.equal(matched, 1);
        assert.equal(await session.recv(), `42["e",${i}]`);
        assert.deepEqual(await session.ack(2, ['leave', room]),
                         [{ ok: true, rooms: [room] }]);
    }
}


test('sessions: 503 with Retry-After, the others go on', async () => {
    const early = [await Polling.open(nginx.url),
                   await WebSocketRaw.open(nginx.url)];

    open.push(...early);
    await waitAll(early.map((s) => s.connect()));

    const { counters } = await nginx.status();
    const refusals = [await fill(polling), await fill(websocket)];

    for (const { status, headers } of refusals) {
        assert.equal(status, 503);
        assert.match(headers['retry-after'] ?? '', /^[1-9]\d*$/);
    }

    const { memory, sessions, counters: after } = await nginx.status();

    assert.equal(memory.sessions.used, memory.sessions.size);
    assert.equal(sessions.polling + sessions.websocket, memory.sessions.size);
    assert.equal(after.sessions_refused - counters.sessions_refused, 2);

    await untouched(early);

    for (const mode of ['polling', 'websocket']) {
        const socket = client(nginx, { mode });

        await once(socket, 'connect_error');
    }

    /* the place of one that goes is free at once */
    const last = open.pop();

    if (last instanceof Polling) {
        await last.close();
        await last.assertLeft();

    } else {
        last.close();
    }

    open.push(await Polling.open(nginx.url));
    await open.at(-1).connect();
    await untouched([open.at(-1), ...early]);
});


test('sockets: CONNECT is refused, the connection stays', async () => {
    const { memory } = await nginx.status();
    const early = await WebSocketRaw.open(nginx.url);
    let refusal = null;
    let last;

    open.push(early);
    await early.connect();

    while (refusal === null) {
        last = await WebSocketRaw.open(nginx.url);
        open.push(last);

        for (let n = 0; n < 20 && refusal === null; n++) {
            await last.send(`40/n${n},`);

            const reply = await last.recv();

            if (reply.startsWith('44')) {
                refusal = { reply, namespace: `/n${n}` };
            }
        }

        assert.ok(open.length <= memory.sockets.size);
    }

    const { reply, namespace } = refusal;

    assert.match(reply, new RegExp(`^44${namespace},`
                                   + '\\{"message":"[A-Z][a-z ]+"\\}$'));

    const full = await nginx.status();

    assert.equal(full.memory.sockets.used, full.memory.sockets.size);
    assert.ok(full.counters.connects_refused > 0);
    await untouched([early]);

    /* those in other namespaces are as they were */
    const [, first] = open;

    assert.deepEqual(await first.ack(7, ['join', 'x'], '/n0'),
                     [{ ok: true, rooms: ['x'] }]);

    const { matched } = await nginx.publish({ namespace: '/n0',
                                              event: 'all' });

    assert.ok(matched > 1);
    assert.equal(await first.recv(), '42/n0,["all"]');

    /* one goes, one may come */
    await first.send('41/n0,');
    await first.ack(8, ['join', 'y'], '/n1');
    await until(async () => {
        await last.send(`40${namespace},`);

        return (await lastly(last)).startsWith(`40${namespace},`);
    }, 'there is room now');
});


/* The next packet that is no event. */
async function lastly(session) {
    const packet = await session.recv();

    return packet.startsWith('42') ? lastly(session) : packet;
}


test('memberships: joins are refused, emit goes on', async () => {
    const { memory } = await nginx.status();
    const sessions = [];
    let answer;

    /* everybody in the same rooms, many at once */
    const rooms = Array.from({ length: 60 }, (_, n) => `m${n}`);

    for ( ;; ) {
        const session = await WebSocketRaw.open(nginx.url);

        open.push(session);
        await session.connect();
        [answer] = await session.ack(1, ['join', rooms]);

        if (!answer.ok) {
            break;
        }

        sessions.push(session);
        assert.ok(sessions.length < memory.sessions.size);
    }

    assert.match(answer.error, /^[A-Z]/);

    const { matched } = await nginx.publish({ rooms: 'm1', event: 'e' });

    assert.equal(matched, sessions.length, 'a refused join leaves no traces');

    for (const session of sessions) {
        assert.equal(await session.recv(), '42["e"]');
    }

    const res = await nginx.api('socketsJoin', {
        join: Array.from({ length: 200 }, (_, n) => `new ${n}`) });

    assert.equal(res.status, 507);
    assert.equal(res.json.error.code, 'memory_full');

    await nginx.call('socketsLeave', { leave: rooms });
    await untouched(sessions.slice(0, 4));
});
