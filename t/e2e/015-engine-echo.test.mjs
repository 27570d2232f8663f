/*
 * Engine.IO alone, over a build that echoes every message
 * (TEST_NGINX_MODULE_ECHO): what Socket.IO above it would hide, such as
 * arbitrary text and binary in both directions.
 */

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { startNginx } from '../lib/nginx.mjs';
import { OP, Polling, RS, WebSocketRaw, frame, openSession, TRANSPORTS,
         upgrade } from '../lib/raw.mjs';

const MODULE = process.env.TEST_NGINX_MODULE_ECHO;
const BINARY = process.env.TEST_NGINX_BINARY_ECHO;
const skip = MODULE === undefined
             ? 'TEST_NGINX_MODULE_ECHO is not set' : false;

if (skip) {
    process.stderr.write(`SKIPPED 015-engine-echo: ${skip}\n`);
    test('the echo build', { skip }, () => {});
}

for (const workers of [1, 4]) {
    describe(`echo with ${workers} worker(s)`, { skip }, () =>
        suite(workers));
}


function suite(workers) {
    let nginx;

    before(async () => {
        nginx = await startNginx({ workers, binary: BINARY, module: MODULE,
                                   api: null });
    });

    after(() => nginx.stop());

    for (const transport of TRANSPORTS) {
        describe(transport, () => both(transport));
    }

    test('no greeting: the first poll waits', async () => {
        const session = await Polling.open(nginx.url);
        const { parked } = await session.park();

        await session.send('4first');
        assert.equal((await parked).body, '4first');
        await session.close();
    });

    test('three messages of a POST come back in one poll', async () => {
        const session = await Polling.open(nginx.url);

        await session.send('4test1', '4test2', '4test3');
        assert.equal((await session.get()).body,
                     ['4test1', '4test2', '4test3'].join(RS));
        await session.close();
    });

    test('binary in a payload', async () => {
        const session = await Polling.open(nginx.url);

        await session.post(`4a${RS}bAQIDBA==${RS}b${RS}4b`);
        assert.equal((await session.get()).body,
                     `4a${RS}bAQIDBA==${RS}b${RS}4b`);
        await session.close();
    });

    test('text "b..." on a WebSocket is binary', async () => {
        const ws = await WebSocketRaw.open(nginx.url);

        ws.frame(OP.TEXT, 'bAQIDBA==');
        assert.deepEqual(await ws.recv(), Buffer.from([1, 2, 3, 4]));
        ws.close();
    });

    test('b64=1: binary on a WebSocket is text', async () => {
        const ws = await WebSocketRaw.open(nginx.url, { query: { b64: 1 } });

        ws.frame(OP.BINARY, Buffer.from([1, 2, 3, 4]));
        assert.equal(await ws.recv(), 'bAQIDBA==');
        ws.close();
    });

    test('an upgrade loses nothing and doubles nothing', async () => {
        const session = await Polling.open(nginx.url);

        await session.send('4one');

        const ws = await WebSocketRaw.open(nginx.url, { sid: session.sid });

        await ws.send('2probe');
        assert.equal(await ws.recv(), '3probe');
        await session.send('4two');

        const got = [];

        while (!got.includes('4two')) {
            got.push(...await session.poll());
        }

        await session.send('4three');
        await ws.send('5', '4four');
        got.push(await ws.recv(), await ws.recv());
        assert.deepEqual(got.filter((p) => p !== '6'),
                         ['4one', '4two', '4three', '4four']);
        ws.close();
    });

    test('a second WebSocket after the upgrade', async () => {
        const ws = await upgrade(await Polling.open(nginx.url));
        const second = await WebSocketRaw.request(nginx.url,
                                                  { sid: ws.sid });

        assert.ok(second.status === 101 || second.status === 400);
        await second.end();
        await ws.send('4still');
        assert.equal(await ws.recv(), '4still');
        ws.close();
    });

    test('1000 messages in frames of random cuts', async () => {
        const ws = await WebSocketRaw.open(nginx.url);
        const sent = [];
        const chunks = [];

        for (let i = 0; i < 1000; i++) {
            const text = `4${i} ${crypto.randomBytes(i % 97)
                                        .toString('hex')}`;

            sent.push(text);
            chunks.push(frame(OP.TEXT, text));
        }

        const done = (async () => {
            for (const text of sent) {
                assert.equal(await ws.recv(), text);
            }
        })();

        await ws.trickle(Buffer.concat(chunks), 1009);
        await done;
        ws.close();
    });


    function both(transport) {
        const messages = [
            '4', '4x', '4\u0000', '4ä\u2014\u{1f600}', `4${'x'.repeat(125)}`,
            `4${'x'.repeat(65535)}`, `4${'ü'.repeat(100000)}`,
            Buffer.alloc(0), Buffer.from([0]), Buffer.from([0xff, 0, 0x1e]),
            crypto.randomBytes(126), crypto.randomBytes(65536),
            crypto.randomBytes(300001),
        ];

        test('every message comes back as it went', async () => {
            const session = await openSession(transport, nginx.url);

            for (const message of messages) {
                await session.send(message);
                assert.deepEqual(await session.recv(), message);
            }

            session.close();
        });

        test('in order', async () => {
            const session = await openSession(transport, nginx.url);

            for (let i = 0; i < 100; i += 10) {
                await session.send(...Array.from({ length: 10 },
                                                 (_, k) => `4${i + k}`));
            }

            for (let i = 0; i < 100; i++) {
                assert.equal(await session.recv(), `4${i}`);
            }

            await session.close();
        });
    }
}
