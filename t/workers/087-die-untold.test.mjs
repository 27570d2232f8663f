/*
 * A worker dies at each of the points within the lock that an operation of the
 * server API comes to, when it has changed what another worker's client is in,
 * and has not told that worker.  Afterwards the client gets what fetchSockets
 * says that it gets, or its connection is closed, so that it comes back; others
 * notice nothing.  Needs the test build (TEST_NGINX_MODULE_ECHO): a worker dies
 * at the point whose number it finds in a file of its own in the directory
 * SIO_TEST_DIE.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { startNginx, until } from '../lib/nginx.mjs';
import { Polling, WebSocketRaw, decodePayload, request, upgrade }
    from '../lib/raw.mjs';
import { SECRET, inSeconds, token } from '../lib/tokens.mjs';

const MODULE = process.env.TEST_NGINX_MODULE_ECHO;
const BINARY = process.env.TEST_NGINX_BINARY_ECHO;
const skip = MODULE === undefined ? 'TEST_NGINX_MODULE_ECHO is not set' : false;

const POINTS = 100;
const MANY = 300;
const TRIES = 100;

/* What a service says. */
const ANSWER = JSON.stringify({ leave: ['a'], join: ['asked'], ack: [1] });
const MARK = '42["mark"]';
const TAIL = '42["tail"]';

let dir, nginx, keeper, home, serial = 0;

if (skip) {
    process.stderr.write(`SKIPPED 087-die-untold: ${skip}\n`);
}


beforeEach(async () => {
    if (skip) {
        return;
    }

    /* workers run as another user, and take the file away */
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ngx-sio-die-'));
    fs.chmodSync(dir, 0o777);
    process.env.SIO_TEST_DIE = dir;

    nginx = await startNginx({
        workers: 2, binary: BINARY, module: MODULE, mayDie: true,
        location: 'socketio_room *; socketio_auth optional;'
                  + 'socketio_ping_interval 5m;'
                  + `socketio_jwt_key HS256 secret=${SECRET};`,
        server: `add_header X-Worker $pid always;
                 location /other/ {
                     socketio app;
                     socketio_room *;
                     socketio_room role:\${jwt.role} auto;
                     socketio_auth optional;
                     socketio_jwt_key HS256 secret=${SECRET};
                     socketio_recovery 30s;
                     socketio_ping_interval 5m;
                     socketio_on ask forward /_ask;
                     socketio_namespace / { }
                     socketio_namespace /asked {
                         socketio_on connect forward /_ask;
                     }
                 }
                 location = /_ask { internal; return 200 '${ANSWER}'; }`,
    });

    /* who stays in the room, and tells that its worker has read the log */
    keeper = await WebSocketRaw.open(nginx.url);
    home = keeper.headers['x-worker'];
    await keeper.connect();
    await keeper.ack(1, ['join', 'r']);
});


afterEach(async () => {
    await nginx?.stop();
    delete process.env.SIO_TEST_DIE;

    if (dir) {
        fs.rmSync(dir, { recursive: true });
    }
});


/* The worker's next points count from here; 0: no more. */
function arm(worker, point) {
    const file = path.join(dir, 'new');

    fs.writeFileSync(file, String(point));
    fs.renameSync(file, path.join(dir, worker));
}


/* A connection that is kept, to the keeper's worker or to the other one. */
async function pinned(same) {
    for (let i = 0; i < TRIES; i++) {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        const { headers } = await request(`${nginx.url}/socketio/status`,
                                          { agent });
        const worker = headers['x-worker'];

        if ((worker === home) === same) {
            return { agent, worker };
        }

        agent.destroy();
    }

    throw new Error('one worker has all connections');
}


/* A WebSocket of the keeper's worker. */
async function opened(open = (options) =>
    WebSocketRaw.open(nginx.url, options), options = {}) {

    for (let i = 0; i < TRIES; i++) {
        const ws = await open(options);

        if (ws.headers['x-worker'] === home) {
            return ws;
        }

        ws.close();
    }

    throw new Error('the other worker has all connections');
}


/* Calls the other worker, which is to die at that point.  Whether it did. */
async function dies(point, [operation, body]) {
    const { agent, worker } = await pinned(false);
    const call = (to, json) => request(`${nginx.url}/socketio/${to}`, {
        method: 'POST', agent, body: JSON.stringify(json),
        headers: { 'Content-Type': 'application/json' },
    });

    arm(worker, point);

    try {
        assert.equal((await call(operation, body)).status, 200);
        arm(worker, 0);
        await call('fetchSockets', { rooms: 'nobody' });

        return false;

    } catch (err) {
        assert.match(String(err.code), /ECONNRESET|EPIPE/, err.message);

        return true;

    } finally {
        agent.destroy();
    }
}


/* Those of before have gone: a point is always the same place. */
const alone = () =>
    until(async () => (await nginx.status()).memory.sessions.used === 1,
          'only the keeper is there');


/* The rooms of a socket, undefined if it is not there. */
async function settled(id) {
    /* whoever takes the lock finds out, then the keeper's worker reads of it */
    await nginx.call('fetchSockets', { rooms: 'nobody' });
    await keeper.ack(++serial, ['join', 'other']);

    const { sockets } = await nginx.call('fetchSockets', { rooms: id });

    return sockets[0]?.rooms;
}


/* What it gets, up to the tail, its end or its connection's. */
async function rest(ws) {
    const got = [];

    for ( ;; ) {
        const { type, data, code } = await ws.next();

        got.push(type === 'text' ? data.toString() : type);

        if (type !== 'text') {
            return { got, closed: true, code };
        }

        if (got.at(-1) === '41' || got.at(-1) === TAIL) {
            return { got, told: got.at(-1) === '41' };
        }
    }
}


async function judge(ws, id, point) {
    const rooms = await settled(id);

    await nginx.publish({ rooms: 'r', event: 'mark' });
    await nginx.publish({ event: 'tail' });

    const { got, told, closed, code } = await rest(ws);
    const what = `point ${point}: ${got}, in ${rooms}`;

    if (told) {
        assert.equal(rooms, undefined, what);

    } else if (!closed) {
        assert.ok(rooms !== undefined, what);
        assert.equal(got.includes(MARK), rooms.includes('r'), what);
    }

    assert.deepEqual((await rest(keeper)).got, [MARK, TAIL], what);

    return { told, closed, code };
}


/*
 * Has the other worker die at each point of what `change` asks for a client.
 * Returns what became of each.
 */
async function everywhere(change, room) {
    const ends = [];
    let point;

    for (point = 1; point < POINTS; point++) {
        const jti = `j${++serial}`;

        await alone();

        const ws = await opened();
        const id = await ws.connect('/', {
            token: token({ sub: 'user', jti, exp: inSeconds(3600) }),
        });

        if (room) {
            await ws.ack(1, ['join', room]);
        }

        if (!await dies(point, change(id, jti))) {
            ws.close();
            break;
        }

        ends.push(await judge(ws, id, point));
        ws.close();
    }

    assert.ok(point < POINTS, 'the points have an end');
    assert.ok(ends.length > 3, `${ends.length} workers died`);

    return ends;
}


const closed = async () =>
    (await nginx.status()).counters.rebuilds_closed;


test('a leave that its client\'s worker was not told of', { skip },
     async () => {
    const before = await closed();
    const ends = await everywhere((id) =>
        ['socketsLeave', { rooms: id, leave: 'r' }], 'r');
    const lost = ends.filter((end) => end.closed);

    assert.ok(lost.length > 0 && lost.length < ends.length);
    assert.ok(lost.every(({ code }) => code === 1012), 'they come back');
    assert.equal(await closed(), before + lost.length);
});


test('a join that its client\'s worker was not told of', { skip },
     async () => {
    const ends = await everywhere((id) =>
        ['socketsJoin', { rooms: id, join: 'r' }]);
    const lost = ends.filter((end) => end.closed);

    assert.ok(lost.length > 0 && lost.length < ends.length);
    assert.ok(lost.every(({ code }) => code === 1012), 'they come back');
});


test('a disconnect that its client\'s worker was not told of', { skip },
     async () => {
    const ends = await everywhere((id) =>
        ['disconnectSockets', { rooms: id }], 'r');

    assert.ok(ends.some((end) => end.told));
    assert.ok(!ends.some((end) => end.closed), 'they stay away');
});


test('an end that its client\'s worker was not told of', { skip },
     async () => {
    const before = await closed();
    const ends = await everywhere((id) =>
        ['disconnectSockets', { rooms: id, close: true }], 'r');

    assert.ok(ends.some((end) => end.told));
    assert.ok(await closed() > before, 'a session that was closed');
});


test('a revocation that its client\'s worker was not told of', { skip },
     async () => {
    const ends = await everywhere((id, jti) =>
        ['revoke', { jti, for: 60 }], 'r');

    assert.ok(ends.some((end) => end.told));
});


test('more clients than one turn looks at', { skip }, async () => {
    const all = new Map();

    while (all.size < MANY) {
        const ws = await opened();

        all.set(await ws.connect(), ws);
        await ws.ack(1, ['join', 'many']);
    }

    /* a rebuild, which has points, too, soon after the one before */
    for (let point = 100; point < 110; point++) {
        assert.ok(await dies(point, ['socketsLeave',
                                     { rooms: 'many', leave: 'many' }]));
        await nginx.call('fetchSockets', { rooms: 'nobody' });
    }

    await settled('many');

    const { sockets } = await nginx.call('fetchSockets', { rooms: 'many',
                                                           limit: MANY });
    const members = new Set(sockets.map(({ id }) => id));

    assert.ok(members.size > 0 && members.size < MANY, `${members.size}`);

    await nginx.publish({ rooms: 'many', event: 'mark' });
    await nginx.publish({ event: 'tail' });

    let lost = 0;

    for (const [id, ws] of all) {
        const { got, closed: away } = await rest(ws);

        lost += away ? 1 : 0;
        assert.ok(away || got.includes(MARK) === members.has(id), `${got}`);
        ws.close();
    }

    assert.ok(lost > 0 && lost <= 10, `${lost} were closed`);
    assert.deepEqual((await rest(keeper)).got, [TAIL]);
});


/* Clients whose seats have come to be in all the ways that there are. */
const KINDS = {
    'rooms of rules, and a new token': async (ws) => {
        const user = (more) => ({ token: token({
            sub: 'user', exp: inSeconds(3600), ...more }) });

        await ws.connect('/', user({ role: ['x', 'y'] }));
        await ws.ack(1, ['auth:refresh', user({ role: ['y', 'z'] })]);
    },
    'joins and leaves': async (ws) => {
        await ws.connect();
        await ws.ack(1, ['join', ['a', 'b', 'c', 'a']]);
        await ws.ack(2, ['leave', ['b', 'c', 'd']]);
        await ws.ack(3, ['join', 'b']);
        await nginx.publish({ rooms: 'b', event: 'e' });
        await ws.recv();
        await ws.ack(4, ['leave', 'b']);
        await ws.ack(5, ['leave', 'c']);
        await ws.ack(6, ['join', 'c']);
    },
    'what the API has moved': async (ws) => {
        const rooms = await ws.connect();

        await nginx.call('socketsJoin', { rooms, join: ['a', 'b'] });
        await nginx.call('socketsLeave', { rooms, leave: ['b', 'c'] });
        await nginx.call('socketsJoin', { rooms, join: ['b', 'c'] });
    },
    'several namespaces, and one that was left': async (ws) => {
        await ws.connect();
        await ws.connect('/asked');
        await ws.send('41/asked,');
        await ws.connect('/asked');
        await ws.ack(1, ['join', 'a'], '/asked');
    },
    'one that was kicked': async (ws) => {
        const rooms = await ws.connect('/asked');

        await ws.connect();
        await nginx.call('disconnectSockets', { namespace: '/asked', rooms });
        assert.equal(await ws.recv(), '41/asked,');
    },
    'what a service has said': async (ws) => {
        await ws.connect();
        await ws.ack(1, ['join', ['a', 'b']]);
        await ws.ack(2, ['ask']);
    },
};


test('who was told of everything is left alone', { skip }, async () => {
    const path = '/other/';
    const clients = [];

    for (const [name, make] of Object.entries(KINDS)) {
        const ws = await opened(undefined, { path });

        await make(ws);
        clients.push([name, ws]);
    }

    clients.push(['an upgrade', await opened(async () => {
        const session = await Polling.open(nginx.url, { path });

        await session.connect();
        await session.ack(1, ['join', ['a', 'b']]);
        await session.ack(2, ['leave', 'b']);
        await nginx.publish({ rooms: 'a', event: 'e' });

        const ws = await upgrade(session);

        assert.match(await ws.recv(), /^42\["e"/);

        return ws;
    })]);

    const lost = await opened(undefined, { path });

    await lost.send('40{}');

    const { pid } = JSON.parse((await lost.recv()).slice(2));

    await lost.ack(1, ['join', ['a', 'b']]);
    lost.close();
    await nginx.publish({ rooms: 'a', event: 'e' });

    const back = await opened(undefined, { path });

    await back.send(`40${JSON.stringify({ pid })}`);
    await back.recv();
    clients.push(['a recovery', back]);

    assert.ok(await dies(2, ['emit', { rooms: 'r', event: 'lost' }]));
    await settled('r');
    await nginx.publish({ event: 'tail' });

    for (const [name, ws] of clients) {
        let got;

        do {
            got = (await ws.next()).data?.toString();
            assert.ok(got?.startsWith('42["'), `${name}: ${got}`);
        } while (!got.startsWith('42["tail"'));

        ws.close();
    }

    const { rebuilds, rebuilds_closed: gone } = (await nginx.status()).counters;

    assert.deepEqual({ rebuilds, gone }, { rebuilds: 1, gone: 0 });
});


test('a join that the worker of a waiting GET was not told of', { skip },
     async () => {
    const { agent } = await pinned(true);
    let point, joined = 0;

    for (point = 1; point < POINTS; point++) {
        await alone();

        const session = await Polling.open(nginx.url, { agent });
        const id = await session.connect();
        const { parked } = await session.park();

        if (!await dies(point, ['socketsJoin', { rooms: id, join: 'r' }])) {
            parked.abort();
            break;
        }

        const rooms = await settled(id);

        await nginx.publish({ rooms: 'r', event: 'mark' });

        if (rooms.includes('r')) {
            assert.equal(decodePayload((await parked).body)[0], MARK);
            joined++;
        }

        await nginx.publish({ event: 'tail' });

        if (!rooms.includes('r')) {
            assert.equal(decodePayload((await parked).body)[0], TAIL);
        }

        assert.deepEqual((await rest(keeper)).got, [MARK, TAIL]);
        await session.close();
    }

    agent.destroy();
    assert.ok(point < POINTS, 'the points have an end');
    assert.ok(joined > 1, `${joined} joined`);
});
