/*
 * What the stock clients of three versions get, over every transport, with
 * one worker and with four: connect, join with an ack, text and binary
 * events, and the reasons of a disconnect.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { CLIENTS, client, closeAll, collect, connect, connected, emitAck,
         once, upgraded, waitAll } from '../lib/client.mjs';
import { startNginx } from '../lib/nginx.mjs';
import { TRANSPORTS } from '../lib/raw.mjs';

for (const workers of [1, 4]) {
    describe(`stock clients with ${workers} worker(s)`, () =>
        suite(workers));
}


function suite(workers) {
    let nginx;

    before(async () => {
        nginx = await startNginx({
            workers,
            location: `
                socketio_room room:*;
                socketio_namespace / { }
                socketio_namespace /chat { }`,
        });
    });

    after(async () => {
        closeAll();
        await nginx.stop();
    });

    for (const version of Object.keys(CLIENTS)) {
        for (const mode of TRANSPORTS) {
            describe(`${version} by ${mode}`, () => one({ version, mode }));
        }
    }

    test('twelve clients at once, each event to each once', async () => {
        const sockets = await waitAll(
            Array.from({ length: 12 }, (_, i) =>
                connect(nginx, { mode: TRANSPORTS[i % 3] })));

        await waitAll(sockets.map((s) => emitAck(s, 'join', 'room:all')));

        const got = sockets.map((s) => collect(s, 'n', 50));

        for (let i = 0; i < 50; i++) {
            const { matched } = await nginx.publish({
                rooms: ['room:all'], event: 'n', args: [i],
            });

            assert.equal(matched, 12);
        }

        const wanted = Array.from({ length: 50 }, (_, i) => [i]);

        for (const events of await waitAll(got)) {
            assert.deepEqual(events, wanted);
        }

        sockets.forEach((s) => s.disconnect());
    });


    function one(options) {
        const open = (more = {}) => connect(nginx, { ...options, ...more });

        test('connects, joins, receives', async () => {
            const socket = await open();

            assert.match(socket.id, /^[\w-]{20}$/);
            assert.deepEqual(await emitAck(socket, 'join', 'room:a'),
                             [{ ok: true, rooms: ['room:a'] }]);

            const got = collect(socket, 'news', 2);

            await nginx.publish({ rooms: ['room:a'], event: 'news',
                                  args: [1, 'zwei \u2014 \u{1f600}',
                                         { three: [true, null] }] });
            await nginx.publish({ rooms: [socket.id], event: 'news',
                                  data: 'own' });
            assert.deepEqual(await got, [
                [1, 'zwei \u2014 \u{1f600}', { three: [true, null] }],
                ['own'],
            ]);
            socket.disconnect();
        });

        test('receives binary', async () => {
            const socket = await open();
            const got = once(socket, 'bin');

            await nginx.publish({
                rooms: [socket.id], event: 'bin',
                args: [{ file: { _placeholder: true, num: 1 } },
                       { _placeholder: true, num: 0 }, 'end'],
                attachments: ['AAECAw==', '/w=='],
            });
            assert.deepEqual(await got, [{ file: Buffer.from([255]) },
                                         Buffer.from([0, 1, 2, 3]), 'end']);
            socket.disconnect();
        });

        test('receives what is long', async () => {
            const socket = await open();
            const text = 'ü'.repeat(150000);
            const got = once(socket, 'long');

            await nginx.publish({ rooms: [socket.id], event: 'long',
                                  data: text });
            assert.deepEqual(await got, [text]);
            socket.disconnect();
        });

        test('sends binary, which is dropped, and goes on', async () => {
            const socket = await open();

            socket.emit('upload', Buffer.alloc(100000, 1),
                        [Buffer.alloc(3)]);
            assert.deepEqual(await emitAck(socket, 'join', 'room:b'),
                             [{ ok: true, rooms: ['room:b'] }]);
            socket.disconnect();
        });

        test('an event that nobody handles gets no ack', async () => {
            const socket = await open();
            let acked = false;

            socket.emit('unknown', 1, () => { acked = true; });
            await emitAck(socket, 'join', 'room:c');
            assert.equal(acked, false);
            socket.disconnect();
        });

        test('two namespaces on one connection', async () => {
            const main = await open();
            const chat = main.io.socket('/chat');

            await connected(chat);
            assert.notEqual(chat.id, main.id);
            await emitAck(chat, 'join', 'room:x');
            await emitAck(main, 'join', 'room:x');

            const got = [once(chat, 'e'), once(main, 'e')];

            await nginx.publish({ namespace: '/chat', rooms: ['room:x'],
                                  event: 'e', data: 'chat' });
            await nginx.publish({ rooms: ['room:x'], event: 'e',
                                  data: 'main' });
            assert.deepEqual(await waitAll(got), [['chat'], ['main']]);

            chat.disconnect();
            assert.deepEqual(await emitAck(main, 'join', 'room:y'),
                             [{ ok: true, rooms: ['room:y'] }]);
            main.disconnect();
        });

        test('an unknown namespace is a connect_error', async () => {
            const socket = client(nginx, { ...options,
                                           namespace: '/nowhere' });
            const [err] = await once(socket, 'connect_error');

            assert.equal(err.message, 'Invalid namespace');
            assert.equal(err.data, undefined);
        });

        for (const close of [false, true]) {
            test(`disconnectSockets, close ${close}`, async () => {
                const socket = await open();
                const reason = once(socket, 'disconnect');

                /* the server too has seen the end of an upgrade */
                await emitAck(socket, 'join', 'room:d');
                await nginx.call('disconnectSockets',
                                 { rooms: [socket.id], close });
                assert.equal((await reason)[0], 'io server disconnect');
            });
        }

        test('may leave and come back', async () => {
            const socket = await open();
            const first = socket.id;

            await emitAck(socket, 'join', 'room:back');

            const gone = once(socket.io.engine, 'close');

            socket.disconnect();
            await gone;
            socket.connect();
            await connected(socket);

            if (options.mode === 'upgrade') {
                await upgraded(socket);
            }

            assert.notEqual(socket.id, first);

            const { sockets } = await nginx.call('fetchSockets',
                                                 { rooms: ['room:back'] });

            assert.deepEqual(sockets.filter((s) => s.id === socket.id), []);
            socket.disconnect();
        });

        test('reconnects when its connection breaks', async () => {
            const socket = await open({ reconnection: true,
                                        reconnectionDelay: 10,
                                        reconnectionDelayMax: 20 });
            const first = socket.id;
            const reason = once(socket, 'disconnect');
            const again = once(socket, 'connect');

            socket.io.engine.close();
            assert.ok(['transport close', 'forced close']
                      .includes((await reason)[0]));
            await again;
            assert.notEqual(socket.id, first);
            socket.disconnect();
        });
    }
}
