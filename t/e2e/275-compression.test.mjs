/*
 * socketio_compression: what is negotiated, which messages are compressed and
 * how often, what compressed input may be, with raw frames, the stock client
 * and a browser; and nginx's own gzip for polls.
 */

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';

import { launchBrowser, noBrowser } from '../lib/browser.mjs';
import { closeAll, connect, emitAck, once } from '../lib/client.mjs';
import { startNginx } from '../lib/nginx.mjs';
import { OP, Polling, WebSocketRaw, deflate, frame, inflate, openSession,
         upgrade } from '../lib/raw.mjs';

const CLIENT = path.resolve(path.dirname(fileURLToPath(import.meta.url)),
                            '../node_modules/socket.io-client/dist');
const OFFER = 'permessage-deflate; client_max_window_bits';
const ANSWER = 'permessage-deflate; server_no_context_takeover; '
               + 'client_no_context_takeover';
const RSV1 = 4;

const skip = noBrowser('275-compression');


/* A text that compresses well and says when something is missing. */
function text(n) {
    let out = '';

    for (let i = 0; out.length < n; i++) {
        out += `row ${i}: hello there, how are you, `;
    }

    return out.slice(0, n);
}


/* The packet of an event whose text makes it n bytes long. */
function packetOf(event, n) {
    return `42["${event}","${text(n - 9 - event.length)}"]`;
}


/* A WebSocket with a socket in "/" or others, which offers compression. */
async function open(nginx, { offer = OFFER, namespaces = ['/'],
                             ...options } = {}) {
    const ws = await WebSocketRaw.open(nginx.url, {
        headers: { 'Sec-WebSocket-Extensions': offer }, ...options,
    });

    for (const namespace of namespaces) {
        await ws.connect(namespace);
    }

    return ws;
}


/* The next packet, and whether it came compressed. */
async function next(ws) {
    const message = await ws.next();

    assert.ok(message.type === 'text' || message.type === 'binary',
              `got ${message.type} ${message.code ?? ''}`);
    assert.ok(message.rsv === 0 || message.rsv === RSV1);

    const data = message.rsv ? inflate(message.data) : message.data;

    return { packet: message.type === 'text' ? data.toString() : data,
             compressed: message.rsv === RSV1, n: message.data.length };
}


/* Runs fn and returns by how much the counters have grown. */
async function grown(nginx, fn) {
    const old = (await nginx.status()).counters;

    await fn();

    const now = (await nginx.status()).counters;

    return Object.fromEntries(Object.entries(now)
        .map(([name, value]) => [name, value - old[name]]));
}


function server(options) {
    const state = {};

    before(async () => { state.nginx = await startNginx(options); });
    after(async () => {
        closeAll();
        await state.nginx?.stop();
    });

    return state;
}


describe('the handshake', () => {
    const s = server({
        location: 'socketio_compression on;',
        server: `location /off/ { socketio app; }
                 location /one/ {
                     socketio app;
                     socketio_namespace / { }
                     socketio_namespace /b { socketio_compression on; }
                 }
                 location /none/ {
                     socketio app; socketio_compression on;
                     socketio_namespace / { socketio_compression off; }
                 }`,
    });

    async function answer(offer, more = {}) {
        const ws = await WebSocketRaw.request(s.nginx.url, {
            headers: { 'Sec-WebSocket-Extensions': offer }, ...more,
        });

        ws.close();

        return ws.status === 101 ? ws.headers['sec-websocket-extensions']
                                 : ws.status;
    }

    for (const [offer, wanted] of [
        [OFFER, ANSWER],
        ['permessage-deflate', ANSWER],
        ['permessage-deflate; server_max_window_bits=10',
         `${ANSWER}; server_max_window_bits=10`],
        ['permessage-deflate; server_max_window_bits=8',
         `${ANSWER}; server_max_window_bits=8`],
        ['permessage-deflate; server_max_window_bits=7', undefined],
        ['permessage-deflate; server_max_window_bits=7, permessage-deflate',
         ANSWER],
        ['permessage-deflate; what', undefined],
        ['x-webkit-deflate-frame', undefined],
        ['', undefined],
        [null, undefined],
        ['permessage-deflate;', 400],
        ['permessage-deflate; =', 400],
        ['permessage-deflate\r\nSec-WebSocket-Extensions: x', ANSWER],
        ['x\r\nSec-WebSocket-Extensions: permessage-deflate', ANSWER],
        ['permessage-deflate\r\nSec-WebSocket-Extensions: ;', 400],
    ]) {
        test(`${JSON.stringify(offer)}`, async () => {
            assert.equal(await answer(offer), wanted);
        });
    }

    test('off, on in one namespace, off in the only one', async () => {
        assert.equal(await answer(OFFER, { path: '/off/' }), undefined);
        assert.equal(await answer(';', { path: '/off/' }), undefined);
        assert.equal(await answer(OFFER, { path: '/one/' }), ANSWER);
        assert.equal(await answer(OFFER, { path: '/none/' }), undefined);
    });

    test('a probe negotiates as well, an error has no answer', async () => {
        const polling = await Polling.open(s.nginx.url);

        await polling.connect();

        const headers = { 'Sec-WebSocket-Extensions': OFFER };
        const ws = await upgrade(polling, { headers });

        assert.equal(ws.headers['sec-websocket-extensions'], ANSWER);

        const bad = await WebSocketRaw.request(s.nginx.url, {
            headers, query: { EIO: 3 },
        });

        assert.equal(bad.status, 400);
        assert.equal(bad.headers['sec-websocket-extensions'], undefined);

        await s.nginx.publish({ event: 'e', data: text(5000) });

        const { packet, compressed } = await next(ws);

        assert.equal(packet, `42${JSON.stringify(['e', text(5000)])}`);
        assert.ok(compressed);
        ws.close();
    });
});


describe('sending', () => {
    const s = server({
        location: `socketio_compression on;
                   socketio_room r;
                   socketio_on back relay self room=r any;
                   socketio_on ask forward /_call;
                   socketio_namespace / { }
                   socketio_namespace /off { socketio_compression off; }
                   socketio_namespace /low {
                       socketio_compression on threshold=100;
                   }
                   socketio_namespace /zero {
                       socketio_compression on threshold=0;
                   }`,
        server: `location = /_call {
                     internal;
                     default_type application/json;
                     return 200 '{"ack": ["${'long '.repeat(400)}"]}';
                 }
                 location /fast/ {
                     socketio app;
                     socketio_compression on threshold=0;
                     socketio_ping_interval 50ms;
                 }`,
    });
    const publish = (body) => s.nginx.publish({ event: 'e', ...body });

    test('from the threshold on', async () => {
        const ws = await open(s.nginx);

        for (const [n, wanted] of [[100, false], [1023, false], [1024, true],
                                   [70000, true], [300000, true]]) {
            const sent = packetOf('e', n);

            await publish({ data: JSON.parse(sent.slice(2))[1] });

            const got = await next(ws);

            assert.equal(sent.length, n);
            assert.equal(got.packet, sent);
            assert.equal(got.compressed, wanted, `${n} bytes`);
        }

        ws.close();
    });

    test('once for all, and plain for who has not asked', async () => {
        const five = await Promise.all([1, 2, 3, 4, 5].map(() =>
            open(s.nginx)));
        const plain = await openSession('websocket', s.nginx.url);
        const polling = await openSession('polling', s.nginx.url);

        await plain.connect();
        await polling.connect();

        const data = text(20000);
        const wanted = `42["e","${data}"]`;
        const more = await grown(s.nginx, async () => {
            await publish({ data });

            const got = await Promise.all(five.map(next));
            const sizes = new Set(got.map(({ n }) => n));

            assert.ok(got.every(({ packet }) => packet === wanted));
            assert.ok(got.every(({ compressed }) => compressed));
            assert.equal(sizes.size, 1);
            assert.ok([...sizes][0] < wanted.length / 4);
            assert.equal(await plain.recv(), wanted);
            assert.equal(await polling.recv(), wanted);
        });

        assert.equal(more.compressions, 1);
        assert.equal(more.compressed_deliveries, 5);
        assert.ok(more.compressed_from >= wanted.length
                  && more.compressed_from < wanted.length + 20);
        assert.ok(more.compressed_to < more.compressed_from / 4);

        five.forEach((ws) => ws.close());
        plain.close();
        await polling.close();
    });

    test('nothing is compressed where nobody takes it', async () => {
        const plain = await openSession('websocket', s.nginx.url);

        await plain.connect();

        const more = await grown(s.nginx, async () => {
            await publish({ data: text(20000) });
            await plain.recv();
        });

        assert.equal(more.compressions, 0);
        plain.close();
    });

    test('flags.compress', async () => {
        const ws = await open(s.nginx);

        for (const [flags, wanted] of [
            [{ compress: false }, false],
            [{ compress: true }, true],
            [{ compress: false, volatile: true }, false],
            [{ volatile: true, compress: true }, true],
            [{}, true],
        ]) {
            await publish({ data: text(3000), flags });
            assert.equal((await next(ws)).compressed, wanted,
                         JSON.stringify(flags));
        }

        ws.close();
    });

    test('attachments, each by itself', async () => {
        const ws = await open(s.nginx);
        const base64 = await open(s.nginx, { query: { b64: 1 } });
        const zeros = Buffer.alloc(5000);
        const noise = crypto.randomBytes(5000);

        await publish({
            args: [{ _placeholder: true, num: 0 }, text(2000),
                   { _placeholder: true, num: 1 }],
            attachments: [zeros, noise].map((b) => b.toString('base64')),
        });

        const got = [await next(ws), await next(ws), await next(ws)];

        assert.deepEqual(got.map(({ compressed }) => compressed),
                         [true, true, false]);
        assert.match(got[0].packet, /^452-\["e",\{"_placeholder":true,/);
        assert.deepEqual(got[1].packet, zeros);
        assert.deepEqual(got[2].packet, noise);

        const texts = [await next(base64), await next(base64),
                       await next(base64)];

        assert.equal(texts[0].packet, got[0].packet);
        assert.equal(texts[1].packet, `b${zeros.toString('base64')}`);
        assert.equal(texts[2].packet, `b${noise.toString('base64')}`);
        assert.ok(texts[1].compressed);
        ws.close();
        base64.close();
    });

    test('what does not shrink, and what is very large, is plain', async () => {
        const ws = await open(s.nginx, { namespaces: ['/zero'] });
        const noise = crypto.randomBytes(3000).toString('base64url');

        for (const [data, wanted] of [
            [1, false], ['abcdefgh', false], ['a'.repeat(100), true],
        ]) {
            await publish({ namespace: '/zero', data });
            assert.equal((await next(ws)).compressed, wanted);
        }

        await publish({
            namespace: '/zero', args: [{ _placeholder: true, num: 0 }],
            attachments: [Buffer.from(noise, 'base64url')
                                .toString('base64')],
        });
        await next(ws);
        assert.equal((await next(ws)).compressed, false);
        ws.close();
    });

    test('each namespace has its threshold', async () => {
        const ws = await open(s.nginx, { namespaces: ['/', '/off', '/low'] });

        for (const [namespace, n, wanted] of [
            ['/', 500, false], ['/', 2000, true],
            ['/off', 500, false], ['/off', 2000, false],
            ['/low', 50, false], ['/low', 500, true],
        ]) {
            await publish({ namespace, data: text(n) });
            assert.equal((await next(ws)).compressed, wanted,
                         `${namespace} ${n}`);
        }

        ws.close();
    });

    test('a window that was asked for holds the whole message', async () => {
        const small = await open(s.nginx, {
            offer: 'permessage-deflate; server_max_window_bits=9',
            namespaces: ['/low'],
        });
        const large = await open(s.nginx, { namespaces: ['/low'] });

        for (const [n, wanted] of [[450, true], [600, false]]) {
            await publish({ namespace: '/low', data: text(n) });

            const message = await small.next();

            assert.equal(message.rsv === RSV1, wanted, `${n} bytes`);

            if (wanted) {
                assert.equal(inflate(message.data, 9).toString(),
                             `42/low,${JSON.stringify(['e', text(n)])}`);
            }

            assert.ok((await next(large)).compressed);
        }

        small.close();
        large.close();
    });

    test('acknowledgements of services', async () => {
        for (const [namespace, wanted] of [['/', true], ['/off', false],
                                           ['/low', true]]) {
            const ws = await open(s.nginx, { namespaces: [namespace] });
            const nsp = namespace === '/' ? '' : `${namespace},`;

            await ws.send(`42${nsp}7["ask"]`);

            const { packet, compressed } = await next(ws);

            assert.equal(packet, `43${nsp}7["${'long '.repeat(400)}"]`);
            assert.equal(compressed, wanted, namespace);
            ws.close();
        }
    });

    test('neither heartbeats nor the handshake', async () => {
        const ws = await open(s.nginx, { path: '/fast/', namespaces: [] });

        await ws.send('40');

        /* a ping may be quicker than the answer */
        for (let pings = 0, answers = 0; pings < 3 || answers < 1;) {
            const { packet, compressed } = await next(ws);

            assert.equal(compressed, false);

            if (packet === '2') {
                pings++;
                await ws.send('3');

            } else {
                assert.match(packet, /^40\{"sid"/);
                answers++;
            }
        }

        ws.close();
    });

    test('much at once, and what is read late', async () => {
        const ws = await open(s.nginx);
        const all = [];

        ws.socket.pause();

        for (let i = 0; i < 40; i++) {
            const data = crypto.randomBytes(6000).toString('hex');

            all.push(`42${JSON.stringify(['e', data])}`);
            await publish({ data });
        }

        ws.socket.resume();

        for (const wanted of all) {
            const { packet, compressed } = await next(ws);

            assert.ok(packet === wanted && compressed);
        }

        ws.close();
    });
});


describe('an upgrade', () => {
    const s = server({
        location: 'socketio_compression on; socketio_send_buffer 64k;',
    });

    test('gives what was missed as it is, and then compressed', async () => {
        const polling = await Polling.open(s.nginx.url);
        const all = [];
        const publish = async (data) => {
            all.push(`42${JSON.stringify(['e', data])}`);
            await s.nginx.publish({ event: 'e', data });
        };

        await polling.connect();

        for (let i = 0; i < 60; i++) {
            await publish(`${i} ${text(20000)}`);
        }

        const ws = await upgrade(polling, {
            headers: { 'Sec-WebSocket-Extensions': OFFER },
        });

        for (let i = 0; i < 20; i++) {
            await publish(`more ${i} ${text(20000)}`);
        }

        const kinds = [];

        while (kinds.length < all.length) {
            const { packet, compressed } = await next(ws);

            assert.ok(packet === all[kinds.length], `event ${kinds.length}`);
            kinds.push(compressed);
        }

        assert.ok(!kinds.slice(0, 60).includes(true));

        await publish(text(5000));
        assert.deepEqual(await next(ws).then((m) => [m.packet, m.compressed]),
                         [all.at(-1), true]);
        ws.close();
    });
});


describe('receiving', () => {
    const s = server({
        location: `socketio_compression on;
                   socketio_max_payload 100000;
                   socketio_room r;
                   socketio_on back relay self room=r any;`,
        server: 'location /plain/ { socketio app; socketio_room r; }',
    });

    async function joined(options) {
        const ws = await open(s.nginx, options);

        assert.deepEqual(await ws.ack(1, ['join', 'r']),
                         [{ ok: true, rooms: ['r'] }]);

        return ws;
    }

    const event = (data) => `42${JSON.stringify(['back', data])}`;

    for (const [name, bytes] of Object.entries({
        'one frame': (t) => frame(OP.TEXT, deflate(t), { rsv: RSV1 }),
        'no compression': (t) =>
            frame(OP.TEXT, deflate(t, { level: 0 }), { rsv: RSV1 }),
        'the smallest window': (t) =>
            frame(OP.TEXT, deflate(t, { windowBits: 9 }), { rsv: RSV1 }),
        'fragments': (t) => {
            const all = deflate(t);
            const at = all.length >> 1;

            return Buffer.concat([
                frame(OP.TEXT, all.subarray(0, 1), { rsv: RSV1, fin: false }),
                frame(OP.CONT, all.subarray(1, at), { fin: false }),
                frame(OP.PING, 'p'),
                frame(OP.CONT, all.subarray(at), { fin: false }),
                frame(OP.CONT, ''),
            ]);
        },
        'a last block': (t) => frame(OP.TEXT, Buffer.concat([
            zlib.deflateRawSync(t), Buffer.from([0])]), { rsv: RSV1 }),
        'plain': (t) => frame(OP.TEXT, t),
    })) {
        test(name, async () => {
            const ws = await joined();

            for (const n of [0, 10, 90000]) {
                const wanted = event(text(n));

                if (n === 90000) {
                    ws.write(bytes(wanted));

                } else {
                    await ws.trickle(bytes(wanted));
                }

                if (name === 'fragments') {
                    assert.equal((await ws.next()).type, 'pong');
                }

                assert.equal((await next(ws)).packet, wanted);
            }

            ws.close();
        });
    }

    test('attachments', async () => {
        const ws = await joined();
        const data = Buffer.alloc(50000, 'abc');

        ws.frame(OP.TEXT,
                 deflate('451-["back",{"_placeholder":true,"num":0}]'),
                 { rsv: RSV1 });
        ws.frame(OP.BINARY, deflate(data), { rsv: RSV1 });

        assert.match((await next(ws)).packet, /^451-\["back",/);
        assert.deepEqual((await next(ws)).packet, data);
        ws.close();
    });

    test('as much as socketio_max_payload, and not more', async () => {
        const empty = event('').length;
        const ws = await joined();

        ws.frame(OP.TEXT, deflate(event('x'.repeat(100000 - empty))),
                 { rsv: RSV1 });
        assert.equal((await next(ws)).packet.length, 100000);
        ws.close();

        const noise = await joined();
        const random = event(crypto.randomBytes(50000).toString('hex')
                                   .slice(0, 100000 - empty));
        const stored = deflate(random, { level: 0 });

        assert.ok(stored.length > 100000);
        noise.frame(OP.TEXT, stored, { rsv: RSV1 });
        assert.equal((await next(noise)).packet, random);
        noise.close();

        const more = await joined();

        more.frame(OP.TEXT, deflate(event('x'.repeat(100001 - empty))),
                   { rsv: RSV1 });
        assert.equal(await more.end(), 1009);
    });

    const message = deflate(event('hello'));

    for (const [name, code, ...frames] of [
        ['a bomb', 1009, [OP.TEXT, deflate(Buffer.alloc(50000000)), RSV1]],
        ['a bomb of binary', 1009,
         [OP.BINARY, deflate(Buffer.alloc(50000000)), RSV1]],
        ['garbage', 1007, [OP.TEXT, 'no compressed text', RSV1]],
        ['nothing', 1007, [OP.TEXT, '', RSV1]],
        ['a cut message', 1007, [OP.TEXT, message.subarray(0, -3), RSV1]],
        ['bad UTF-8', 1007, [OP.TEXT, deflate(Buffer.from([0x34, 0xff])),
                             RSV1]],
        ['a compressed ping', 1002, [OP.PING, 'x', RSV1]],
        ['a compressed continuation', 1002,
         [OP.TEXT, message.subarray(0, 3), RSV1, false],
         [OP.CONT, message.subarray(3), RSV1]],
        ['another reserved bit', 1002, [OP.TEXT, message, 2]],
        ['an empty packet', 1005, [OP.TEXT, deflate(''), RSV1]],
        ['more compressed bytes than fit', 1009,
         [OP.TEXT, crypto.randomBytes(120000), RSV1]],
    ]) {
        test(`${name} ends in ${code}`, async () => {
            const ws = await joined();

            for (const [op, data, rsv, fin = true] of frames) {
                ws.frame(op, data, { rsv, fin });
            }

            assert.equal(await ws.end(), code);

            /* the state that has seen it serves the next one */

            const other = await joined();

            other.frame(OP.TEXT, message, { rsv: RSV1 });
            assert.equal((await next(other)).packet, event('hello'));
            other.close();
        });
    }

    test('without having negotiated it', async () => {
        for (const options of [{ offer: null }, { path: '/plain/' }]) {
            const ws = await joined(options);

            ws.frame(OP.TEXT, message, { rsv: RSV1 });
            assert.equal(await ws.end(), 1002);
        }
    });

    test('a context that was not agreed on', async () => {
        const ws = await joined();
        const stream = zlib.createDeflateRaw();
        const chunks = [];

        stream.on('data', (chunk) => chunks.push(chunk));

        const send = async () => {
            chunks.length = 0;
            stream.write(event('hello'));
            await new Promise((resolve) => stream.flush(
                zlib.constants.Z_SYNC_FLUSH, resolve));
            ws.frame(OP.TEXT, Buffer.concat(chunks).subarray(0, -4),
                     { rsv: RSV1 });
        };

        await send();
        assert.equal((await next(ws)).packet, event('hello'));
        await send();
        assert.equal(await ws.end(), 1007);
    });

    test('others are served meanwhile', async () => {
        const flood = await joined();
        const other = await joined();

        await other.send('41');
        await other.connect();

        /* 200 MB in 250 kB, at once */

        const one = frame(OP.TEXT, deflate(`6${'x'.repeat(99000)}`),
                          { rsv: RSV1 });
        const all = Buffer.concat(Array(2000).fill(one));
        let more;

        /* again where it was us who did not get the processor meanwhile */
        for (let i = 0; i < 3 && !(more?.decompressions < 2000); i++) {
            more = await grown(s.nginx, async () => {
                flood.write(all);

                for (let k = 0; k < 5; k++) {
                    await other.ack(2, ['join', 'r']);
                }
            });

            await flood.ack(3, ['join', 'r']);
        }

        assert.ok(more.decompressions > 0 && more.decompressions < 2000,
                  `${more.decompressions} before 5 acks`);

        flood.close();
        other.close();
    });

    test('the counter', async () => {
        const ws = await joined();
        const more = await grown(s.nginx, async () => {
            ws.frame(OP.TEXT, message, { rsv: RSV1 });
            await next(ws);
            await ws.send(event('plain'));
            await next(ws);
        });

        assert.equal(more.decompressions, 1);
        ws.close();
    });
});


describe('clients', () => {
    const s = server({
        workers: 2,
        location: `socketio_compression on threshold=0;
                   socketio_recovery 1m;
                   socketio_room r;
                   socketio_on back relay self room=r any;`,
        server: `location = /page {
                     default_type text/html;
                     return 200 '<!doctype html>
                         <script src="/client/socket.io.min.js"></script>';
                 }
                 location /client/ { alias ${CLIENT}/; }`,
    });
    const options = { perMessageDeflate: { threshold: 0 } };

    for (const mode of ['websocket', 'upgrade']) {
        test(`the stock client in Node.js: ${mode}`, async () => {
            const socket = await connect(s.nginx, { mode, ...options });
            const { ws } = socket.io.engine.transport;

            assert.match(ws.extensions, /permessage-deflate/);
            await emitAck(socket, 'join', 'r');

            for (const data of [1, text(50000), Buffer.alloc(70000, 'xyz'),
                                { a: Buffer.from('b'), t: text(3000) }]) {
                const got = once(socket, 'back');

                socket.emit('back', data);
                assert.deepEqual((await got)[0], data);
            }

            const got = once(socket, 'e');
            const more = await grown(s.nginx, async () => {
                await s.nginx.publish({ rooms: socket.id, event: 'e',
                                        data: text(9000) });
                await got;
            });

            assert.equal((await got)[0], text(9000));
            assert.equal(more.compressed_deliveries, 1);
            closeAll();
        });
    }

    test('what was missed comes back', async () => {
        const socket = await connect(s.nginx, {
            mode: 'websocket', reconnection: true, reconnectionDelay: 100,
            ...options,
        });

        await emitAck(socket, 'join', 'r');

        const first = once(socket, 'e');

        await s.nginx.publish({ event: 'e', data: 0 });
        await first;

        const again = once(socket, 'connect');
        const missed = once(socket, 'e');

        socket.io.engine.close();
        await s.nginx.publish({ event: 'e', rooms: ['r'],
                                data: text(5000) });
        await again;
        assert.equal(socket.recovered, true);
        assert.equal((await missed)[0], text(5000));
    });

    test('a browser', { skip }, async () => {
        const browser = await launchBrowser();

        try {
            const page = await browser.newPage();

            await page.goto(`${s.nginx.url}/page`);

            const more = await grown(s.nginx, async () => {
                const got = await page.evaluate((data) =>
                    new Promise((resolve, reject) => {
                        const socket = window.io({
                            transports: ['websocket'], reconnection: false,
                        });

                        socket.on('connect_error', reject);
                        socket.on('back', (echo) => {
                            resolve([echo,
                                     socket.io.engine.transport.ws
                                           .extensions]);
                            socket.disconnect();
                        });
                        socket.on('connect', () => {
                            socket.emit('join', 'r', () => {
                                socket.emit('back', data);
                            });
                        });
                    }), text(30000));

                assert.equal(got[0], text(30000));
                assert.match(got[1], /permessage-deflate/);
            });

            assert.ok(more.decompressions >= 1);
            assert.ok(more.compressed_deliveries >= 1);

        } finally {
            await browser.close();
        }
    });
});


describe('polls', () => {
    const s = server({
        location: `gzip on; gzip_types text/plain; gzip_min_length 1000;
                   gzip_vary on;`,
    });

    test('are compressed by nginx', async () => {
        const session = await Polling.open(s.nginx.url);

        await session.connect();

        for (const n of [20000, 10, 300000]) {
            const parked = session.get({
                headers: { 'Accept-Encoding': 'gzip' },
            });

            await parked.sent;
            await s.nginx.publish({ event: 'e', data: text(n) });

            const res = await parked;
            const large = n > 1000;

            assert.equal(res.headers['content-encoding'],
                         large ? 'gzip' : undefined);
            assert.equal(res.headers.vary,
                         large ? 'Accept-Encoding' : undefined);
            assert.equal((large ? zlib.gunzipSync(res.raw) : res.raw).toString(),
                         `42${JSON.stringify(['e', text(n)])}`);
        }

        await session.close();
    });
});
