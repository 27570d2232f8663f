/*
 * A worker dies at each of the points within the zone's lock that a session's
 * life comes to: the others find the registry half changed, rebuild it, and go
 * on; nothing stays behind.  Needs the test build (TEST_NGINX_MODULE_ECHO),
 * which counts these points and kills the worker at the one that SIO_TEST_DIE
 * names.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';
import { Polling, WebSocketRaw, upgrade } from '../lib/raw.mjs';
import { SECRET, inSeconds, token } from '../lib/tokens.mjs';

const MODULE = process.env.TEST_NGINX_MODULE_ECHO;
const BINARY = process.env.TEST_NGINX_BINARY_ECHO;
const skip = MODULE === undefined ? 'TEST_NGINX_MODULE_ECHO is not set' : false;

const STEP = Number(process.env.DIE_STEP ?? 5);
const POINTS = 2000;
const CALM = '/calm/';
const user = (more) => token({ sub: 'user', exp: inSeconds(3600), ...more });
const USER = user();

/* What a service says to `ask`. */
const ANSWER = JSON.stringify({
    data: { text: 'longer than one block of shared memory, which has 56' },
    leave: ['role:a'], join: ['asked'], ack: [1], disconnect: true,
});

if (skip) {
    process.stderr.write(`SKIPPED 080-die-in-lock: ${skip}\n`);
}


/* Any step may fail, because its worker dies. */
async function live(nginx) {
    const open = [];
    const keep = (ws) => { open.push(ws); return ws; };

    const steps = [
        async () => {
            const lost = keep(await WebSocketRaw.open(nginx.url));

            await lost.send('40{}');
            const { pid } = JSON.parse((await lost.recv()).slice(2));

            await lost.ack(1, ['join', 'a']);
            lost.close();
            await nginx.publish({ room: 'a', event: 'e', data: 0 });

            const session = await Polling.open(nginx.url);

            await session.send(`40${JSON.stringify({ pid })}`);
            await session.recv();

            const ws = keep(await WebSocketRaw.open(nginx.url));

            await ws.send(`40${JSON.stringify({ pid })}`);
            await ws.recv();
        },
        async () => {
            const session = await Polling.open(nginx.url);

            await session.connect();
            await session.ack(1, ['join', ['a', 'b', 'a room with a name that '
                                           + 'takes more than one block']]);
            await nginx.publish({ room: 'a', event: 'e', data: 1 });
            await session.recv();
            await session.ack(2, ['leave', 'b']);

            const ws = keep(await upgrade(session));

            await nginx.publish({ room: 'a', event: 'e', data: 2 });
            await ws.recv();
        },
        async () => {
            const ws = keep(await WebSocketRaw.open(nginx.url));

            await ws.connect('/', { token: USER });
            await ws.ack(1, ['join', 'a']);
            await nginx.publish({ event: 'e', data: 3 });
            await ws.recv();
            await ws.send('41');
        },
        async () => {
            const ws = keep(await WebSocketRaw.open(nginx.url));

            await ws.connect('/', { token: user({ role: 'a' }) });
            await ws.ack(1, ['auth:refresh',
                             { token: user({ role: 'b', jti: 'j' }) }]);
            await nginx.call('revoke', { jti: 'j', for: 1 });
            await ws.recv();
        },
        async () => {
            const session = await Polling.open(nginx.url);

            await session.connect();
            await session.ack(1, ['relay', 'a']);
            await session.send('452-1["relay","a"]');
            await session.send(Buffer.alloc(200, 'x'));
            await session.send(Buffer.alloc(200, 'y'));
            await session.send('451-["relay","a"]');
        },
        async () => {
            const session = await Polling.open(nginx.url);

            /* its blocks are given back in slices when it has gone */
            await session.connect();
            await session.send('452-["relay","a"]');
            await session.send(Buffer.alloc(500, 'z'));
            await session.send('1');
        },
        async () => {
            const session = await Polling.open(nginx.url);
            const ws = keep(await WebSocketRaw.open(nginx.url));

            await session.connect();
            await session.ack(1, ['ask']);
            await session.recv();
            await ws.connect();
            await ws.ack(1, ['ask']);
            await ws.recv();
        },
        async () => {
            const session = await Polling.open(nginx.url);

            await session.connect();
            await nginx.call('socketsJoin', { join: ['c'] });
            await nginx.call('disconnectSockets', { close: true });

            /* what is left for it, and the goodbye */
            await session.get();
            await session.get();
            await session.get();
        },
    ];

    for (const step of steps) {
        await step().catch(() => {});
    }

    open.forEach((ws) => ws.close());
}


/* Returns whether a worker died. */
async function dieAt(point) {
    process.env.SIO_TEST_DIE = String(point);

    const location = 'socketio_room *; socketio_room role:${jwt.role} auto;'
        + 'socketio_data a=b; socketio_announce join=in leave=out;'
        + 'socketio_recovery 400ms; socketio_auth optional;'
        + 'socketio_on relay relay room=a any limit=100r/s;'
        + 'socketio_on ask forward /_ask;'
        + 'socketio_on disconnect forward /_told;'
        + `socketio_jwt_key HS256 secret=${SECRET};`;

    /* who checks is not to be sent away by a machine that stands still */
    const nginx = await startNginx({
        workers: 2, binary: BINARY, module: MODULE, mayDie: true,
        location: 'socketio_ping_interval 300ms;'
                  + `socketio_ping_timeout 200ms; ${location}`,
        server: `location ${CALM} {
                     socketio app;
                     socketio_ping_interval 4s;
                     socketio_ping_timeout 4s;
                     ${location}
                 }
                 location = /_ask { internal; return 200 '${ANSWER}'; }
                 location = /_told { internal; return 204; }`,
    });

    await live(nginx);

    /* the points that come last are those of the check itself */
    await check(nginx, point).catch(() => check(nginx, point));

    const { rebuilds } = (await nginx.status()).counters;

    await nginx.stop();

    const dead = [...nginx.finalLog.matchAll(/ (\d+) exited on signal 9/g)];

    assert.ok(dead.length <= 1, 'one worker dies, no other after it');

    return { died: dead.length === 1, rebuilds };
}


async function served(nginx, ws, point) {
    await ws.connect();
    await ws.ack(1, ['join', 'a']);
    await nginx.publish({ room: 'a', event: 'still', data: point });

    let got;

    do {
        got = await ws.recv();
    } while (got.startsWith('42["out"'));

    assert.ok(got.startsWith(`42["still",${point},"`), got);
}


/* The service goes on, and nothing is left of what was there before. */
async function check(nginx, point) {
    const ws = await WebSocketRaw.open(nginx.url, { path: CALM });

    try {
        await served(nginx, ws, point);

    } finally {
        ws.close();
    }

    let memory;

    await until(async () => {
        ({ memory } = await nginx.status());

        return Object.values(memory).every(({ used }) => used === 0);
    }, 'nothing is left', PATIENCE * 3).catch((err) => {
        throw new Error(`${err.message}, of point ${point}: `
                        + JSON.stringify(memory));
    });
}


test('a worker dies at any point within the lock', { skip }, async () => {
    let died = 0, rebuilt = 0, point;

    for (point = 1; point < POINTS; point += STEP) {
        const result = await dieAt(point);

        if (!result.died) {
            break;
        }

        died++;
        rebuilt += result.rebuilds;
    }

    assert.ok(point < POINTS, 'the points have an end');
    assert.ok(died > 10, `${died} workers died`);
    assert.ok(rebuilt > 5, `${rebuilt} rebuilds after ${died} deaths`);
});


/*
 * Somebody comes into a room and goes while a worker dies at that point.
 * Returns what another member, of whom nothing is in flight, was told; nothing
 * if it was his request that the worker died of.
 */
async function told(point) {
    process.env.SIO_TEST_DIE = String(point);

    const nginx = await startNginx({
        workers: 2, binary: BINARY, module: MODULE, mayDie: true,
        location: 'socketio_room *; socketio_announce join=in leave=out;',
    });
    const got = [];
    const dead = () => / exited on signal 9/.test(nginx.logs());

    try {
        const w = await Polling.open(nginx.url);

        await w.connect();
        await w.ack(1, ['join', 'a']);

        const ws = await WebSocketRaw.open(nginx.url);

        await ws.connect()
            .then(() => ws.ack(1, ['join', ['a', 'b']]))
            .then(() => nginx.call('disconnectSockets', { rooms: 'b' }))
            .catch(() => {});
        await until(async () => (await nginx.status()).workers.length === 2,
                    'the dead worker is replaced');
        ws.close();
        await nginx.publish({ rooms: 'a', event: 'mark' });

        while (got.at(-1) !== '42["mark"]') {
            got.push(await w.recv());
        }

        /* a death is noticed some time after it */
        while (got.some((p) => p.includes('in"'))
               && !got.some((p) => p.includes('out"'))) {
            got.push(await w.recv());
        }

    } catch (err) {
        if (/^no answer/.test(err.message)) {
            got.push('nothing more');

        } else {
            got.length = 0;
            await until(dead, 'the master sees the death');
        }
    }

    await nginx.stop();

    const died = / exited on signal 9/.test(nginx.finalLog);

    return { died, got };
}


test('whoever came goes, wherever a worker dies', { skip }, async () => {
    let died = 0, gone = 0, point;

    for (point = 1; point < POINTS; point++) {
        const result = await told(point);

        if (!result.died) {
            break;
        }

        const count = (event) =>
            result.got.filter((p) => p.includes(`["${event}"`)).length;

        died++;
        gone += count('out');
        assert.ok(count('in') <= 1, `point ${point}: ${result.got}`);
        assert.ok(count('out') >= count('in'), `point ${point}: ${result.got}`);
        assert.ok(count('out') <= 2, `point ${point}: ${result.got}`);
    }

    assert.ok(point < POINTS, 'the points have an end');
    assert.ok(gone > 0, `${gone} leaves after ${died} deaths`);
});
