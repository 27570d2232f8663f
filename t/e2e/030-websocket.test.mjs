/*
 * WebSocket sessions: framing as RFC 6455 has it and Engine.IO packets upon
 * it.  What is malformed stands in 340-hostile.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startNginx } from '../lib/nginx.mjs';
import { OP, Polling, WebSocketRaw, closeBody, frame } from '../lib/raw.mjs';
import { now, steady } from '../lib/steady.mjs';

for (const workers of [1, 4]) {
    describe(`websocket with ${workers} worker(s)`, () => suite(workers));
}


function suite(workers) {
    let nginx;

    before(async () => {
        nginx = await startNginx({
            workers,
            location: `socketio_room room:*;
                       socketio_max_payload 100000;`,
        });
    });

    after(() => nginx.stop());

    const open = (options) => WebSocketRaw.open(nginx.url, options);

    async function alive(ws) {
        assert.deepEqual(await ws.ack(9, ['join', 'room:alive']),
                         [{ ok: true, rooms: ['room:alive'] }]);
    }

    test('server frames are whole, unmasked and without RSV', async () => {
        const ws = await open();
        const id = await ws.connect();

        await nginx.publish({ rooms: [id], event: 'e', args: [1] });

        const message = await ws.next();

        assert.deepEqual(message, { type: 'text', fin: true, rsv: 0,
                                    masked: false,
                                    data: Buffer.from('42["e",1]') });
        ws.close();
    });

    test('every length form of a frame from the server', async () => {
        const ws = await open();
        const id = await ws.connect();

        for (const size of [1, 100, 118, 119, 120, 65527, 65528, 65529,
                            300000])
        {
            const text = 'x'.repeat(size);

            await nginx.publish({ rooms: [id], event: 'e', args: [text] });
            assert.equal(await ws.recv(), `42["e","${text}"]`);
        }

        ws.close();
    });

    test('every length form of a frame from the client', async () => {
        const ws = await open();

        await ws.connect();

        const head = '421["join",{"rooms":["room:a"],"pad":"';
        const tail = '"}]';

        for (const size of [125, 126, 127, 65535, 65536]) {
            const pad = 'x'.repeat(size - head.length - tail.length);

            await ws.send(head + pad + tail);
            assert.match(await ws.recv(), /^431\[\{"ok":false/);
        }

        ws.close();
    });

    test('binary is a frame of raw bytes', async () => {
        const ws = await open();
        const id = await ws.connect();

        await nginx.publish({
            rooms: [id], event: 'e',
            args: [{ a: { _placeholder: true, num: 0 } },
                   { _placeholder: true, num: 1 }],
            attachments: ['AQIDBA==', ''],
        });
        assert.equal(await ws.recv(),
                     '452-["e",{"a":{"_placeholder":true,"num":0}},'
                     + '{"_placeholder":true,"num":1}]');
        assert.deepEqual(await ws.recv(), Buffer.from([1, 2, 3, 4]));
        assert.deepEqual(await ws.recv(), Buffer.alloc(0));
        ws.close();
    });

    test('b64: binary is a text frame', async () => {
        const ws = await open({ query: { b64: 1 } });
        const id = await ws.connect();

        await nginx.publish({
            rooms: [id], event: 'e', args: [{ _placeholder: true, num: 0 }],
            attachments: ['AQIDBA=='],
        });
        assert.match(await ws.recv(), /^451-\["e",/);
        assert.equal(await ws.recv(), 'bAQIDBA==');
        ws.close();
    });

    test('fragments, with control frames between them', async () => {
        const ws = await open();

        await ws.connect();
        ws.frame(OP.TEXT, '421["jo', { fin: false });
        ws.frame(OP.PING, 'between');
        ws.frame(OP.CONT, '', { fin: false });
        ws.frame(OP.PONG, 'unasked');
        ws.frame(OP.CONT, 'in","room:\u00e4"]'.slice(0, 8), { fin: false });
        ws.frame(OP.CONT, 'in","room:\u00e4"]'.slice(8));

        const pong = await ws.next();

        assert.equal(pong.type, 'pong');
        assert.equal(pong.data.toString(), 'between');
        assert.equal(await ws.recv(),
                     '431[{"ok":true,"rooms":["room:\u00e4"]}]');
        ws.close();
    });

    test('a character cut by a fragment border', async () => {
        const ws = await open();
        const bytes = Buffer.from('421["join","room:\u{1f600}"]');
        const cut = bytes.indexOf(0xf0) + 2;

        await ws.connect();
        ws.frame(OP.TEXT, bytes.subarray(0, cut), { fin: false });
        ws.frame(OP.CONT, bytes.subarray(cut));
        assert.equal(await ws.recv(),
                     '431[{"ok":true,"rooms":["room:\u{1f600}"]}]');
        ws.close();
    });

    test('one byte per segment', async () => {
        const ws = await open();

        await ws.connect();
        await ws.trickle(Buffer.concat([
            frame(OP.TEXT, '421["join","room:a"]'),
            frame(OP.PING, 'p'),
            frame(OP.TEXT, '422["join",', { fin: false }),
            frame(OP.CONT, '"room:b"]'),
        ]));
        assert.equal(await ws.recv(), '431[{"ok":true,"rooms":["room:a"]}]');
        assert.equal((await ws.next()).type, 'pong');
        assert.equal(await ws.recv(), '432[{"ok":true,"rooms":["room:b"]}]');
        ws.close();
    });

    test('many frames in one segment', async () => {
        const ws = await open();

        await ws.connect();
        ws.write(Buffer.concat(Array.from({ length: 50 }, (_, i) =>
            frame(OP.TEXT, `42${i}["join","room:${i}"]`))));

        for (let i = 0; i < 50; i++) {
            assert.equal(await ws.recv(),
                         `43${i}[{"ok":true,"rooms":["room:${i}"]}]`);
        }

        ws.close();
    });

    test('a ping is answered with its payload', async () => {
        const ws = await open();

        for (const payload of ['', 'x', 'y'.repeat(125)]) {
            ws.frame(OP.PING, payload);

            const pong = await ws.next();

            assert.equal(pong.type, 'pong');
            assert.equal(pong.data.toString(), payload);
        }

        ws.close();
    });

    test('a close frame is answered with its code', async () => {
        const ws = await open();

        ws.frame(OP.CLOSE, closeBody(1000, 'bye'));

        const message = await ws.next();

        assert.equal(message.type, 'close');
        assert.equal(message.code, 1000);
        assert.equal((await ws.next()).type, 'end');
    });

    test('an empty close frame is answered', async () => {
        const ws = await open();

        ws.frame(OP.CLOSE);

        const message = await ws.next();

        assert.equal(message.type, 'close');
        assert.ok([1000, 1005].includes(message.code));
        assert.equal((await ws.next()).type, 'end');
    });

    test('nothing is read after a close frame', async () => {
        const watch = await open();
        const ws = await open();

        await watch.connect();
        await watch.ack(0, ['join', 'room:watch']);

        const id = await ws.connect();

        ws.write(Buffer.concat([
            frame(OP.CLOSE, closeBody(1000)),
            frame(OP.TEXT, '420["join","room:late"]'),
        ]));
        await ws.end();

        const { matched } = await nginx.publish({ rooms: ['room:late'],
                                                  event: 'e' });

        assert.equal(matched, 0);
        assert.equal((await nginx.publish({ rooms: [id], event: 'e' }))
                     .matched, 0);
        watch.close();
    });

    test('packets that an open session ignores', async () => {
        const ws = await open();

        await ws.send('0', '3', '5', '6');
        await ws.connect();
        await alive(ws);
        ws.close();
    });

    test('a message as long as allowed', async () => {
        const ws = await open();
        const head = '42["nobody","';

        await ws.connect();
        await ws.send(`${head}${'x'.repeat(100000 - head.length - 2)}"]`);
        await alive(ws);
        ws.close();
    });

    test('a message one byte longer: 1009', async () => {
        const ws = await open();

        await ws.connect();
        await ws.send(`4${'x'.repeat(100000)}`);
        await ws.assertEnds(1009);
    });

    test('the answer to a close frame ends the connection',
         () => steady(async () => {
        for (const bad of [frame(OP.TEXT, `4${'x'.repeat(100000)}`),
                           frame(OP.TEXT, '42{}')])
        {
            const ws = await open();

            await ws.connect();
            ws.write(bad);

            const { type, data } = await ws.next();
            const start = now();

            assert.equal(type, 'close');
            ws.frame(OP.CLOSE, data);
            assert.equal((await ws.next()).type, 'end');
            assert.ok(now() - start < 1000, 'at once, not after 2 s');
        }
    }));

    test('the sum of fragments counts, before it is all there', async () => {
        const ws = await open();

        await ws.connect();
        ws.frame(OP.TEXT, `4${'x'.repeat(60000)}`, { fin: false });
        ws.frame(OP.CONT, 'x'.repeat(60000), { fin: false });
        await ws.assertEnds(1009);
    });

    test('its sid is not for polling', async () => {
        const ws = await open();
        const session = new Polling(nginx.url);

        session.sid = ws.sid;

        for (const res of [await session.get(), await session.post('40')]) {
            assert.equal(res.status, 400);
            assert.equal(JSON.parse(res.body).code, 3);
        }

        await ws.connect();
        ws.close();
    });

    test('a second WebSocket with its sid is refused', async () => {
        const ws = await open();
        const second = await WebSocketRaw.request(nginx.url,
                                                  { sid: ws.sid });

        assert.ok(second.status === 101 || second.status === 400,
                  `status ${second.status}`);
        await second.end();
        await ws.connect();
        await alive(ws);
        ws.close();
    });

    test('the end of a connection ends its session', async () => {
        const ws = await open();
        const watch = await open();

        await watch.connect();
        await ws.connect();
        await ws.ack(0, ['join', 'room:gone']);
        ws.frame(OP.CLOSE);
        await ws.end();
        assert.equal((await nginx.publish({ rooms: ['room:gone'],
                                            event: 'e' })).matched, 0);
        watch.close();
    });

    test('a burst for a client that reads late', async () => {
        const ws = await open();
        const id = await ws.connect();
        const text = 'x'.repeat(1000);

        ws.socket.pause();

        for (let i = 0; i < 200; i++) {
            await nginx.publish({ rooms: [id], event: 'e', args: [i, text] });
        }

        ws.socket.resume();

        for (let i = 0; i < 200; i++) {
            assert.equal(await ws.recv(), `42["e",${i},"${text}"]`);
        }

        ws.close();
    });
}
