/*
 * Faults that were found by reading the code, each with what it took to show
 * it.  Where the memory was wrong rather than the answer, make asan shows more.
 */

import assert from 'node:assert/strict';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'node:test';

import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';
import { Polling, RS, WebSocketRaw } from '../lib/raw.mjs';

const ROOMS = 'socketio_room *; socketio_namespace / { }'
              + 'socketio_namespace ~^/n { }';

/* 400 kB */
const LONG = `set $more "${'$some'.repeat(10)}";`
             + `set $long "${'$more'.repeat(10)}";`;

describe('regressions', { concurrency: 3 }, suite);


/* Runs a test with an nginx of its own; its workers must survive. */
function check(name, options, body) {
    test(name, async () => {
        const nginx = await startNginx(options);
        const pids = nginx.workers().sort();

        try {
            await body(nginx);
            assert.deepEqual(nginx.workers().sort(), pids, 'no worker died');

        } finally {
            await nginx.stop();
        }
    });
}


function suite() {
    check('a handshake is described within its bound', { location: ROOMS },
          described);
    check('a record that ends right before the end of the log',
          { location: ROOMS, zone: 'zone=app:1m log=256k' }, lastBytes);
    check('a slow client is disconnected from a namespace', {
        location: ROOMS, zone: 'zone=app:1m log=64m',
        api: 'client_max_body_size 8m;',
    }, slowDisconnect);
    check('an upgrade that is too slow for what waited, with a ping unanswered',
          {
              location: `${ROOMS} socketio_ping_interval 300ms;
                         socketio_ping_timeout 8s; socketio_send_buffer 4k;`,
              zone: 'zone=app:1m log=64m', api: 'client_max_body_size 8m;',
          }, slowUpgrade);
    check('the janitor comes to all sessions of every zone', {
        location: `${ROOMS} socketio_connect_timeout 5s;`,
        zone: 'zone=app:32m log=1m; socketio_zone zone=other:1m log=1m',
    }, everySession);
    check('rooms of other namespaces do not make a client slow', {
        location: `${ROOMS} socketio_limit_rooms 1000;`,
    }, manyRooms);
    check('an answer to a poll that does not go out at once', {
        location: ROOMS, listen: ({ port }) => `127.0.0.1:${port} sndbuf=4k`,
        api: 'client_max_body_size 8m;',
    }, longAnswers);
    check('a 101 that goes out in two pieces', {
        location: `${ROOMS} postpone_output 0; limit_rate 100;`,
    }, slowHandshake);
    check('a 101 that is given to SSI', {
        location: `${ROOMS} ssi on; ssi_types *;`,
    }, includedHandshake);
    check('a 101 that nobody reads, of a WebSocket that is refused', {
        location: 'send_timeout 4s; add_header X-Long $long always;',
        server: `set $some "${'x'.repeat(4000)}"; ${LONG}`,
        listen: ({ port }) => `127.0.0.1:${port} sndbuf=4k`,
    }, unreadHandshake);
    check('more GETs to answer than two turns do', {
        location: `${ROOMS} socketio_ping_interval 10m;`, connections: 2048,
    }, manyAnswers);
    check('connecting again and again without a poll', {
        location: `${ROOMS} socketio_ping_interval 10m;`,
    }, manySockets);
    check('refused joins leave nothing behind', { location: ROOMS },
          refusedJoins);
    check('many stays in a busy room between two polls', {
        location: `${ROOMS} socketio_ping_interval 10m;`,
    }, manyStays);
    check('a pong moves the ping of the GET that waits already', {
        location: `socketio_ping_interval 400ms; socketio_ping_timeout 1h;`,
    }, pongWhileParked);
    check('a farewell is not said again to who has it already', {
        location: `${ROOMS} postpone_output 0; limit_rate $arg_rate;`,
    }, oneFarewell);
    check('a POST of pongs and leaves is one record for the GET that waits', {
        location: `${ROOMS} socketio_ping_interval 10m;`,
    }, manyPongs);
}


async function counters(nginx) {
    return (await nginx.status()).counters;
}


/*
 * Connects a session whose first ping comes so soon that it may be there before
 * the answer; returns the socket's id when both have come.
 */
async function pinged(session) {
    await session.send('40');

    const got = [await session.recv(), await session.recv()].sort();

    assert.equal(got[0], '2', 'a ping');
    assert.match(got[1], /^40\{"sid"/);

    return JSON.parse(got[1].slice(2)).sid;
}


/* The last parameter's length comes upon every number of bytes left. */
async function described(nginx) {
    const query = {};

    for (let i = 0; i < 5; i++) {
        query[`p${i}`] = 'x'.repeat(220);
    }

    for (let n = 0; n < 256; n += 3) {
        query.last = 'y'.repeat(n);

        const session = await Polling.open(nginx.url, {
            query, headers: { 'User-Agent': 'u'.repeat(250),
                              'X-Request-Id': 'r'.repeat(250) },
        });
        const id = await session.connect();
        const res = await nginx.call('fetchSockets', { rooms: [id] });
        const { handshake } = res.sockets[0];
        const size = JSON.stringify(handshake).length;

        assert.ok(size <= 1536, `${size} bytes`);
        await session.close();
    }
}


async function lastBytes(nginx) {
    const ws = await WebSocketRaw.open(nginx.url);

    await ws.connect();

    const { size } = (await nginx.status()).log;

    const publish = async (n) => {
        const data = 'x'.repeat(n);

        await nginx.publish({ event: 'e', data });
        assert.equal(await ws.recv(), `42["e","${data}"]`);

        return (await nginx.status()).log.head;
    };

    const left = (head) => size - (head - 4096) % size;
    const first = await publish(80);
    let head = await publish(80);
    const overhead = head - first - 80;

    while (left(head) > 24000) {
        head = await publish(16000);
    }

    head = await publish(left(head) - 8 - overhead);
    assert.equal(left(head), size, 'it went on at the beginning');

    await publish(10);
    assert.equal((await counters(nginx)).overruns, 0);
    ws.close();
}


/* One message of more than socketio_send_buffer, and nobody who reads it. */
async function slowDisconnect(nginx) {
    const ws = await WebSocketRaw.open(nginx.url);
    const id = await ws.connect();

    ws.socket.pause();
    await nginx.publish({ rooms: [id], event: 'e',
                          data: 'x'.repeat(7000000) });
    await nginx.call('disconnectSockets', { rooms: [id] });
    await until(async () => (await nginx.status()).sessions.websocket === 0,
                'the slow client is gone');

    assert.equal((await counters(nginx)).slow_closed, 1);
    ws.close();
}


async function slowUpgrade(nginx) {
    const session = await Polling.open(nginx.url);
    const id = await pinged(session);

    for (let i = 0; i < 2; i++) {
        await nginx.publish({ rooms: [id], event: 'e',
                              data: 'x'.repeat(7000000) });
    }

    const ws = await WebSocketRaw.open(nginx.url, { sid: session.sid });

    await ws.send('2probe');
    assert.equal(await ws.recv(), '3probe');
    ws.socket.pause();
    await ws.send('5');

    /* what waits for it is in the log: it is its pong that is missing, once */
    await until(async () => (await counters(nginx)).pings_timed_out === 1,
                'the client that says nothing is closed', PATIENCE * 3);
    ws.close();
    await until(async () => (await nginx.status()).sessions.websocket === 0,
                'it is gone');
    await sleep(9000);

    const { pings_timed_out: timedOut, slow_closed: slow }
        = await counters(nginx);

    assert.deepEqual([timedOut, slow], [1, 0]);
}


async function everySession(nginx) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
    const count = 8600;
    let opened = 0;

    await Promise.all(Array.from({ length: 16 }, async () => {
        while (opened++ < count) {
            await Polling.open(nginx.url, { agent });
        }
    }));

    agent.destroy();

    assert.equal((await counters(nginx)).sessions_opened, count);
    await until(async () => (await nginx.status()).memory.sessions.used === 0,
                'all sessions are buried', PATIENCE * 3);
}


async function manyRooms(nginx) {
    const session = await Polling.open(nginx.url);
    const rooms = Array.from({ length: 250 }, (_, i) => `r${i}`);

    await session.connect();
    await session.connect('/n1');
    await session.ack(0, ['join', rooms]);
    await session.ack(1, ['join', rooms.map((room) => `more${room}`)]);
    await session.ack(2, ['join', 'a'], '/n1');
    await session.ack(3, ['leave', 'a'], '/n1');
    await session.ack(4, ['leave', 'r1']);
    assert.equal((await counters(nginx)).slow_closed, 0);
    await session.close();
}


async function manySockets(nginx) {
    const session = await Polling.open(nginx.url);

    for (let i = 0; i < 20; i++) {
        await session.send(...Array(500).fill(['40', '41']).flat());
    }

    const { sockets } = (await nginx.status()).memory;

    assert.ok(sockets.used <= 256, `${sockets.used} sockets of one session`);

    /* whoever polls may connect again; the log is not filled by refusals */

    const { refusals_untold: untold } = await counters(nginx);

    for (let answers = 0; answers < 10000 - untold; /* void */) {
        answers += (await session.poll()).length;
    }

    await session.send('40');
    assert.match((await session.poll())[0], /^40\{"sid"/);
    await session.close();
}


async function refusedJoins(nginx) {
    const session = await Polling.open(nginx.url);

    await session.connect();

    for (let i = 0; i < 50; i++) {
        const rooms = Array.from({ length: 200 }, (_, k) => `r${i}.${k}`);

        await session.send(`42${JSON.stringify(['join', rooms])}`);
    }

    const { memory } = await nginx.status();

    assert.equal(memory.memberships.used, 0);
    assert.equal(memory.rooms.used, 0);
    await session.close();
}


async function includedHandshake(nginx) {
    const ws = await WebSocketRaw.open(nginx.url);

    await ws.connect();
    ws.close();
}


async function slowHandshake(nginx) {
    const ws = await WebSocketRaw.open(nginx.url);
    const id = await ws.connect();

    await nginx.publish({ rooms: [id], event: 'e' });
    assert.equal(await ws.recv(), '42["e"]');
    ws.close();
}


/* Its session has a WebSocket already: nothing else would ever end it. */
async function unreadHandshake(nginx) {
    const ws = await WebSocketRaw.open(nginx.url);
    const late = new WebSocketRaw(nginx.url, { sid: ws.sid });

    late.socket.pause();
    await until(() => nginx.read('access.log').includes(ws.sid),
                'the request is over', PATIENCE * 2);
    late.socket.resume();
    await late.closed;
    await ws.connect();
    ws.close();
}


/* Nothing else happens that would wake the worker for the rest. */
async function manyAnswers(nginx) {
    const sessions = [];

    const open = async () => {
        const session = await Polling.open(nginx.url);

        await session.connect();
        sessions.push(session);
    };

    for (let i = 0; i < 12; i++) {
        await Promise.all(Array.from({ length: 50 }, open));
    }

    const parked = await Promise.all(sessions.map((each) => each.park()));

    await nginx.publish({ event: 'e' });

    for (const each of parked) {
        assert.equal((await each.parked).body, '42["e"]');
    }
}


/* Each stay is an interval of its own, as events come in between. */
async function manyStays(nginx) {
    const session = await Polling.open(nginx.url);
    const member = await Polling.open(nginx.url);
    const missed = Array(20).fill({ rooms: ['a'], event: 'missed' });
    const wanted = [];

    await session.connect();
    await member.connect();
    await member.ack(0, ['join', 'a']);

    for (let i = 0; i < 100; i++) {
        await session.send('42["join","a"]');
        await nginx.publish({ rooms: ['a'], event: 'got', data: i });
        await session.send('42["leave","a"]');
        await nginx.call('batch', missed);
        wanted.push(`42["got",${i}]`);
    }

    assert.deepEqual(await session.poll(), wanted);
    await session.close();
    await member.close();
}


async function pongWhileParked(nginx) {
    const session = await Polling.open(nginx.url);

    await pinged(session);

    const { parked } = await session.park();

    await until(async () => (await nginx.status()).counters.sockets_opened,
                'the worker has seen the GET');
    await session.send('3');
    assert.equal((await parked).body, '2');
    await session.close();
}


/* With one for each the log would be over before anybody has read it. */
async function manyPongs(nginx) {
    const other = await WebSocketRaw.open(nginx.url);
    const session = await Polling.open(nginx.url);

    await other.connect();
    await session.connect();

    const { parked } = await session.park();

    /* by the answer the one worker has seen the GET */
    const { records } = await counters(nginx);

    for (const packet of ['3', '42["leave","x"]']) {
        const n = Math.floor(900000 / (packet.length + 1));

        const res = await session.post(Array(n).fill(packet).join(RS));

        assert.equal(res.status, 200);
    }

    const after = await counters(nginx);

    assert.ok(after.records - records < 10, `${after.records - records}`);
    assert.equal(after.overruns, 0);
    await nginx.publish({ event: 'e' });
    assert.equal((await parked).body, '42["e"]');
    assert.equal(await other.recv(), '42["e"]');
    await session.close();
    other.close();
}


/* The worker has handed its answer out and is not through with it. */
async function oneFarewell(nginx) {
    const session = await Polling.open(nginx.url);
    const slow = session.get({ query: { rate: 10 } });

    await slow.sent;
    await session.send('1');
    await session.assertGone();
    slow.abort();
}


/* To a GET that has waited, and to one that finds the event there. */
async function longAnswers(nginx) {
    const session = await Polling.open(nginx.url);

    await session.connect();

    for (const waits of [true, false]) {
        const data = (waits ? 'a' : 'b').repeat(600000);
        const { parked } = waits ? await session.park() : {};

        await nginx.publish({ event: 'e', data });

        const res = await (parked ?? session.get());

        assert.equal(res.status, 200);
        assert.ok(res.body === `42["e","${data}"]`,
                  `${res.body.length} bytes`);
    }

    assert.deepEqual(await session.ack(1, ['join', 'x']),
                     [{ ok: true, rooms: ['x'] }]);
}
