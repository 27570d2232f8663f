/*
 * SIGQUIT and SIGTERM with clients there: each is told, and nginx leaves
 * nothing behind.  stop() judges the rest.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { connect, once, closeAll } from '../lib/client.mjs';
import { startNginx } from '../lib/nginx.mjs';
import { Polling, WebSocketRaw, openSession } from '../lib/raw.mjs';

for (const workers of [1, 4]) {
    describe(`the end with ${workers} worker(s)`, () => suite(workers));
}


function suite(workers) {
    const start = () => startNginx({ workers,
                                     location: 'socketio_room room:*;' });

    test('a WebSocket is closed, not cut off', async () => {
        const nginx = await start();
        const sessions = [await WebSocketRaw.open(nginx.url),
                          await openSession('websocket', nginx.url),
                          await openSession('upgrade', nginx.url)];

        await sessions[1].connect();
        await sessions[2].connect();

        const codes = Promise.all(sessions.map((s) => s.end()));

        await nginx.stop();

        for (const code of await codes) {
            assert.notEqual(code, undefined, 'a close frame came');
        }
    });

    test('a client that does not answer the close', async () => {
        const nginx = await start();
        const ws = await openSession('websocket', nginx.url);

        await ws.connect();
        await nginx.stop();
        ws.close();
    });

    test('a client that does not even read', async () => {
        const nginx = await start();
        const ws = await openSession('websocket', nginx.url);
        const id = await ws.connect();

        ws.socket.pause();

        for (let i = 0; i < 40; i++) {
            await nginx.publish({ rooms: [id], event: 'e',
                                  data: 'x'.repeat(20000) });
        }

        await nginx.stop();
        ws.close();
    });

    test('a parked poll is answered', async () => {
        const nginx = await start();
        const session = await Polling.open(nginx.url);

        await session.connect();

        const { parked } = await session.park();

        /* what comes behind it on one worker shows that it is parked */
        await Polling.open(nginx.url);

        const ended = parked.catch((err) => ({ status: err.code }));

        await nginx.stop();

        const { status } = await ended;

        assert.ok(status !== undefined, `answered ${status}`);
    });

    test('idle polling sessions', async () => {
        const nginx = await start();

        for (let i = 0; i < 20; i++) {
            await (await Polling.open(nginx.url)).connect();
        }

        await nginx.stop();
    });

    test('stock clients lose their transport, no more', async () => {
        const nginx = await start();
        const sockets = [await connect(nginx, { mode: 'websocket' }),
                         await connect(nginx, { mode: 'polling' }),
                         await connect(nginx, { mode: 'upgrade' })];
        const reasons = sockets.map((s) => once(s, 'disconnect'));

        await nginx.stop();

        for (const [reason] of await Promise.all(reasons)) {
            assert.match(reason, /^transport (close|error)$/);
        }

        closeAll();
    });

    test('SIGTERM', async () => {
        const nginx = await start();

        for (const transport of ['polling', 'websocket', 'upgrade']) {
            await (await openSession(transport, nginx.url)).connect();
        }

        await nginx.stop({ signal: 'SIGTERM' });
    });
}
