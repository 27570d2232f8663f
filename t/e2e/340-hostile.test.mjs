/*
 * Whatever a client may send that no good client sends.  Each time: the
 * protocol's error on that connection, its end, and nobody else notices;
 * stop() sees to it that nothing is logged at alert.
 */

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { startNginx } from '../lib/nginx.mjs';
import { OP, Polling, RS, WebSocketRaw, closeBody, frame,
         openSession, rawHttp, request } from '../lib/raw.mjs';

for (const workers of [1, 4]) {
    describe(`hostile clients, ${workers} worker(s)`, () => suite(workers));
}


function suite(workers) {
    let nginx;
    let pids;
    const bystanders = [];
    let count = 0;

    before(async () => {
        nginx = await startNginx({
            workers,
            location: `
                socketio_room room:*;
                socketio_namespace / { }
                socketio_namespace /chat { }
                socketio_ping_interval 10m;
                socketio_max_payload 10000;`,
        });
        pids = nginx.workers().sort();

        for (const transport of ['polling', 'websocket', 'upgrade']) {
            const session = await openSession(transport, nginx.url);

            await session.connect();
            await session.ack(0, ['join', 'room:bystander']);
            bystanders.push(session);
        }
    });

    /* whatever happened, the others are there and got nothing else */
    async function bystandersAreFine() {
        count++;
        await nginx.publish({ rooms: ['room:bystander'], event: 'e',
                              data: count });

        for (const session of bystanders) {
            assert.equal(await session.recv(), `42["e",${count}]`);
        }
    }

    after(async () => {
        const now = nginx.workers().sort();

        for (const session of bystanders) {
            await session.close();
        }

        await nginx.stop();
        assert.deepEqual(now, pids, 'no worker died');
    });

    const parts = { frames, packets, requests, connections };

    for (const [name, part] of Object.entries(parts)) {
        describe(name, { concurrency: 8 }, () => {
            after(bystandersAreFine);
            part(() => nginx, workers);
        });
    }
}


/* Frames that RFC 6455 forbids: the close code, and the end. */
function frames(nginx) {
    const text = Buffer.from('42["x"]');
    const rows = {
        'not masked': [1002, frame(OP.TEXT, text, { mask: false })],
        'a control frame not masked': [1002,
            frame(OP.PING, '', { mask: false })],
        'RSV1': [1002, frame(OP.TEXT, text, { rsv: 4 })],
        'RSV2': [1002, frame(OP.TEXT, text, { rsv: 2 })],
        'RSV3': [1002, frame(OP.TEXT, text, { rsv: 1 })],
        'RSV1 of a control frame': [1002, frame(OP.PING, '', { rsv: 4 })],
        'opcode 3': [1002, frame(3, text)],
        'opcode 7': [1002, frame(7, '')],
        'opcode 11': [1002, frame(11, '')],
        'opcode 15': [1002, frame(15, '')],
        'a long ping': [1002, frame(OP.PING, 'x'.repeat(126))],
        'a long close': [1002, frame(OP.CLOSE, 'x'.repeat(126))],
        'a ping in fragments': [1002, frame(OP.PING, '', { fin: false })],
        'a close in fragments': [1002, frame(OP.CLOSE, '', { fin: false })],
        'a continuation of nothing': [1002, frame(OP.CONT, text)],
        'a continuation of nothing, not final': [1002,
            frame(OP.CONT, text, { fin: false })],
        'text inside a message': [1002, Buffer.concat([
            frame(OP.TEXT, '42["x"', { fin: false }),
            frame(OP.TEXT, text)])],
        'binary inside a message': [1002, Buffer.concat([
            frame(OP.TEXT, '42["x"', { fin: false }),
            frame(OP.BINARY, text)])],
        'a length with the top bit': [1002, Buffer.from([
            0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4])],
        '7 bits of length in 16': [1002, frame(OP.TEXT, text, { form: 16 })],
        '7 bits of length in 64': [1002, frame(OP.TEXT, text, { form: 64 })],
        '16 bits of length in 64': [1002, frame(OP.TEXT, 'x'.repeat(200),
                                                { form: 64 })],
        'a close of one byte': [1002, frame(OP.CLOSE, 'x')],
        'a close with code 999': [1002, frame(OP.CLOSE, closeBody(999))],
        'a close with code 1004': [1002, frame(OP.CLOSE, closeBody(1004))],
        'a close with code 1005': [1002, frame(OP.CLOSE, closeBody(1005))],
        'a close with code 1006': [1002, frame(OP.CLOSE, closeBody(1006))],
        'a close with code 1015': [1002, frame(OP.CLOSE, closeBody(1015))],
        'a close with code 2999': [1002, frame(OP.CLOSE, closeBody(2999))],
        'a close with code 5000': [1002, frame(OP.CLOSE, closeBody(5000))],
        'a reason that is no UTF-8': [1007, frame(OP.CLOSE, Buffer.concat([
            closeBody(1000), Buffer.from([0xff])]))],
        'text that is no UTF-8': [1007, frame(OP.TEXT, Buffer.from([
            0x34, 0x32, 0xc0, 0x80]))],
        'a surrogate in UTF-8': [1007, frame(OP.TEXT, Buffer.from([
            0x34, 0x34, 0xed, 0xa0, 0x80]))],
        'above U+10FFFF': [1007, frame(OP.TEXT, Buffer.from([
            0x34, 0x34, 0xf4, 0x90, 0x80, 0x80]))],
        'text that ends inside a character': [1007,
            frame(OP.TEXT, Buffer.from([0x34, 0x34, 0xe2, 0x82]))],
        'bad UTF-8 across fragments': [1007, Buffer.concat([
            frame(OP.TEXT, Buffer.from([0x34, 0x34, 0xe2]), { fin: false }),
            frame(OP.CONT, Buffer.from([0x28, 0xa1]))])],
        'one byte too many': [1009, frame(OP.TEXT, `4${'x'.repeat(10000)}`)],
        'announced: 4 GiB': [1009, frame(OP.TEXT, '4',
                                         { length: 2 ** 32 })],
        'announced: 2^62': [1009, frame(OP.BINARY, '4',
                                        { length: 2 ** 62 })],
        'too long in fragments': [1009, Buffer.concat([
            frame(OP.BINARY, 'x'.repeat(6000), { fin: false }),
            frame(OP.CONT, 'x'.repeat(6000), { fin: false })])],
    };

    for (const [name, [code, bytes]] of Object.entries(rows)) {
        for (const way of ['at once', 'byte by byte']) {
            if (way === 'byte by byte' && bytes.length > 200) {
                continue;
            }

            test(`${name}, ${way}: ${code}`, async () => {
                const ws = await WebSocketRaw.open(nginx().url);

                await ws.connect();

                if (way === 'at once') {
                    ws.write(bytes);

                } else {
                    await ws.trickle(bytes);
                }

                await ws.assertEnds(code);
            });
        }
    }

    for (const code of [1000, 1001, 1003, 1007, 1011, 3000, 4999]) {
        test(`a close with code ${code} is legal`, async () => {
            const ws = await WebSocketRaw.open(nginx().url);

            ws.frame(OP.CLOSE, closeBody(code, 'why'));
            assert.equal(await ws.end(), code);
        });
    }

    test('a hundred thousand empty fragments', async () => {
        const ws = await WebSocketRaw.open(nginx().url);

        await ws.connect();
        ws.frame(OP.TEXT, '421["join","room:a"]', { fin: false });
        ws.write(Buffer.concat(Array(100000).fill(
            frame(OP.CONT, '', { fin: false }))));
        ws.frame(OP.CONT, '');
        assert.match(String((await ws.next()).data),
                     /^431\[\{"ok":true|^\x03/);
        ws.close();
    });

    test('pings by the thousand, and no reading', async () => {
        const ws = await WebSocketRaw.open(nginx().url);

        ws.socket.pause();
        ws.write(Buffer.concat(Array(20000).fill(
            frame(OP.PING, 'x'.repeat(125)))));
        ws.close();
        await ws.closed;
    });

    test('noise instead of frames', async () => {
        for (let i = 0; i < 20; i++) {
            const ws = await WebSocketRaw.open(nginx().url);

            ws.write(crypto.randomBytes(2000));
            ws.socket.end();
            await ws.end();
        }
    });
}


/* Packets that neither Engine.IO nor Socket.IO knows. */
function packets(nginx, workers) {
    const holder = '{"_placeholder":true,"num":0}';
    const deep = (n) => `${'['.repeat(n)}${']'.repeat(n)}`;

    const engine = ['', '2', '2probe', '7', '9x', 'x', '\0', ' 40', '\u00e4',
                    'b!', 'bAQI', 'b=', 'bA', 'bAQID=', 'bAQ==AQ=='];

    const socket = [
        '4', '4abc', '47', '49', '4-', '4x["a"]',
        '42', '42{}', '42[]', '42[null]', '42[true]', '42[{}]', '42[[]]',
        '42"x"', '42null', '42abc["x"]', '42["x"', '42["x"]]', '42["x"]y',
        '42["x",]', '42[,"x"]', "42['x']", '42["x",01]', '42["x",.5]',
        '42["x",NaN]', '42["x",1.]', '42["x","\n"]', '42["x","\\q"]',
        '42["x","\\u12"]', '42["x",{1:2}]', '42["x",{"a":1,}]',
        '42["x",tru]', '42-1["x"]', '421.5["x"]', '42 1["x"]',
        `42["x",${deep(200)}]`, `42["x",${'['.repeat(5000)}`,
        '42["connect"]', '42["connect_error"]', '42["disconnect"]',
        '42["disconnecting"]', '42["newListener"]',
        '42["removeListener"]', '42["conn\\u0065ct"]',
        '42/chat,["x"]', '42/nowhere,["x"]', '41/chat', '43/chat,1[]',
        '40', '40/,', '40[]', '40null', '40"x"', '401', '40{', '40{}}',
        '41{}', '41[]', '41"x"',
        '43', '431', '431{}', '431"x"', '43["x"',
        '44', '44{"message":"x"}', '44"x"',
        '45', '45["x"]', '45-["x"]', '45a-["x"]', '450-["x"]', '451["x"]',
        `4511-["x",${holder}]`, `45999999999999-["x",${holder}]`,
        '451-', '451-{}', '451-[]', '451-[null]', '451-["connect"]',
        '461-1{}', '46["x"]', '460-1[]',
    ];

    const CONNECTED_ONLY = new Set(['40', '40/,']);
    const sequences = {
        'an attachment that is not there': [
            '451-["x",{"_placeholder":true,"num":1}]', Buffer.from([1])],
        'an attachment of number -1': [
            '451-["x",{"_placeholder":true,"num":-1}]', Buffer.from([1])],
        'an attachment of number 1e9': [
            '451-["x",{"_placeholder":true,"num":1e9}]', Buffer.from([1])],
        'an attachment of number "0"': [
            '451-["x",{"_placeholder":true,"num":"0"}]', Buffer.from([1])],
        'an attachment without a number': [
            '451-["x",{"_placeholder":true}]', Buffer.from([1])],
        'binary without a header': [Buffer.from([1])],
        'an empty frame without a header': [Buffer.alloc(0)],
        'text among attachments': [`451-["x",${holder}]`, '42["y"]'],
        'a header among attachments': [`452-["x",${holder}]`,
                                       Buffer.from([1]),
                                       `451-["x",${holder}]`],
        'CONNECT among attachments': [`451-["x",${holder}]`, '40/chat,'],
        'one attachment too many': [`451-["x",${holder}]`,
                                    Buffer.from([1]), Buffer.from([2])],
        'a second CONNECT': ['40'],
        'a CONNECT_ERROR': ['44{"message":"x"}'],
    };

    async function ends(session, send) {
        if (session instanceof WebSocketRaw) {
            await send();
            await session.end();

            return;
        }

        const { parked } = await session.park();

        await send().catch(() => {});

        await Polling.assertTold(parked, workers);
        await session.assertGone();
    }

    async function connected(transport) {
        const session = await openSession(transport, nginx().url);

        await session.connect();

        return session;
    }

    for (const transport of ['polling', 'websocket']) {
        for (const packet of [...engine, ...socket]) {
            const name = JSON.stringify(packet).slice(0, 60);

            test(`${transport}: ${name}`, async () => {
                const session = await connected(transport);

                await ends(session, async () =>
                    transport === 'polling' ? session.post(packet)
                                            : session.send(packet));
            });
        }

        for (const [name, list] of Object.entries(sequences)) {
            test(`${transport}: ${name}`, async () => {
                const session = await connected(transport);

                await ends(session, () => session.send(...list));
            });
        }

        for (const packet of ['42["x"]', '41', '431[]', '4abc', '44{}',
                              '42/chat,["x"]'])
        {
            test(`${transport}: ${packet} before CONNECT`, async () => {
                const session = await openSession(transport, nginx().url);

                await ends(session, () => session.send(packet));
            });
        }
    }

    for (const packet of socket.filter((p) => !CONNECTED_ONLY.has(p))) {
        test(`in one namespace, ends both: ${packet.slice(0, 50)}`,
             async () => {
            const ws = await connected('websocket');

            /* what is malformed here is not about who has joined what */
            if (!packet.includes('/chat')) {
                await ws.connect('/chat');
            }

            await ws.send(packet);
            await ws.end();
        });
    }

    test('bytes that are no UTF-8 in a POST', async () => {
        for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80],
                             [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82]])
        {
            const session = await connected('polling');

            await ends(session, () => session.post(Buffer.concat([
                Buffer.from('42["x","'), Buffer.from(bytes),
                Buffer.from('"]')])));
        }
    });

    test('separators without packets', async () => {
        for (const body of [RS, `${RS}${RS}`, `42["x"]${RS}${RS}3`]) {
            const session = await connected('polling');

            await ends(session, () => session.post(body));
        }
    });

    test('a POST of the smallest packets', async () => {
        const session = await connected('polling');

        await session.send(...Array(5000).fill('3'));
        await session.ack(1, ['join', 'room:a']);
        await session.close();
    });

    test('a CONNECT for every name there is', async () => {
        const ws = await connected('websocket');

        for (let i = 0; i < 500; i++) {
            await ws.send(`40/n${i},`);
            assert.match(await ws.recv(), /^44\/n/);
        }

        await ws.ack(1, ['join', 'room:a']);
        ws.close();
    });

    test('CONNECT and DISCONNECT, a thousand times', async () => {
        const ws = await connected('websocket');

        for (let i = 0; i < 1000; i++) {
            await ws.send('40/chat,', '41/chat,');
        }

        for (let i = 0; i < 1000; i++) {
            assert.match(await ws.recv(), /^40\/chat,\{"sid"/);
        }

        ws.close();
    });
}


/* HTTP that is malformed, or well-formed and absurd. */
function requests(nginx) {
    const target = '/socket.io/?EIO=4&transport=polling';

    const refused = {
        'no HTTP at all': 'hello\r\n\r\n',
        'no version': `GET ${target}\r\n\r\n`.replace('\r\n\r\n', ' X\r\n'),
        'a zero byte in the line': `GET ${target}\0 HTTP/1.1\r\n`
                                   + 'Host: x\r\n\r\n',
        'no Host': `GET ${target} HTTP/1.1\r\n\r\n`,
        'two lengths': `POST ${target}&sid=x HTTP/1.1\r\nHost: x\r\n`
                       + 'Content-Length: 2\r\nContent-Length: 3\r\n\r\n40',
        'a negative length': `POST ${target}&sid=x HTTP/1.1\r\nHost: x\r\n`
                             + 'Content-Length: -1\r\n\r\n',
        'a length and chunks': `POST ${target}&sid=x HTTP/1.1\r\nHost: x\r\n`
                               + 'Content-Length: 2\r\n'
                               + 'Transfer-Encoding: chunked\r\n\r\n'
                               + '0\r\n\r\n',
        'a bad chunk': `POST ${target}&sid=x HTTP/1.1\r\nHost: x\r\n`
                       + 'Transfer-Encoding: chunked\r\n\r\nXY\r\n',
        'a header of 100 KB': `GET ${target} HTTP/1.1\r\nHost: x\r\n`
                              + `X: ${'x'.repeat(100000)}\r\n\r\n`,
        'a WebSocket by HTTP/1.0':
            '/socket.io/?EIO=4&transport=websocket'.replace(/^/, 'GET ')
            + ' HTTP/1.0\r\nHost: x\r\nUpgrade: websocket\r\n'
            + 'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
            + 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    };

    for (const [name, bytes] of Object.entries(refused)) {
        test(name, async () => {
            const text = await rawHttp(nginx().port, bytes.replace(
                '\r\n\r\n', '\r\nConnection: close\r\n\r\n'));

            if (/^HTTP/.test(text)) {
                assert.match(text, /^HTTP\/1\.[01] (4\d\d|501) /);
            }
        });
    }

    test('a query of odd bytes', async () => {
        for (const query of ['%', '%zz', '%00', '=&=&', '&'.repeat(1000),
                             'sid', 'sid=%', 'sid[]=x', 'EIO=4%00',
                             'transport=polling%00', 'EIO=%34',
                             `x=${'y'.repeat(4000)}`])
        {
            const res = await request(`${nginx().url}/socket.io/?${query}`);

            assert.ok(res.status === 400, `${query}: ${res.status}`);
        }
    });

    test('a sid of odd bytes', async () => {
        for (const sid of ['', '%20', '%00', '../..', "'--", '%ff%fe',
                           'A'.repeat(19), 'A'.repeat(21)])
        {
            const res = await request(`${nginx().url}${target}&sid=${sid}`);

            assert.ok(res.status === 400 || (sid === '' && res.status < 500),
                      `"${sid}": ${res.status}`);
        }
    });

    test('every prefix and every change of a sid is unknown', async () => {
        const session = await Polling.open(nginx().url);

        for (const sid of [session.sid.slice(0, 19), `${session.sid}A`,
                           session.sid.toLowerCase() === session.sid
                           ? session.sid.toUpperCase()
                           : session.sid.toLowerCase(),
                           [...session.sid].reverse().join('')])
        {
            const res = await request(`${nginx().url}${target}&sid=${sid}`);

            assert.equal(JSON.parse(res.body).code, 1);
        }

        await session.connect();
        await session.close();
    });

    test('a socket id is no sid', async () => {
        const session = await Polling.open(nginx().url);
        const id = await session.connect();
        const res = await request(`${nginx().url}${target}&sid=${id}`);

        assert.equal(JSON.parse(res.body).code, 1);
        await session.close();
    });

    test('pipelined requests are answered in order', async () => {
        const one = `GET ${target} HTTP/1.1\r\nHost: x\r\n`;
        const text = await rawHttp(nginx().port,
            `${one}\r\n${one}\r\n`
            + 'GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: x\r\n\r\n'
            + `${one}Connection: close\r\n\r\n`);
        const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)]
            .map((m) => m[1]);

        assert.deepEqual(statuses, ['200', '200', '400', '200']);
    });

    test('a pipelined request behind a GET that waits', async () => {
        const session = await Polling.open(nginx().url);
        const { pathname, search } = new URL(session.url());
        const done = rawHttp(nginx().port,
            `GET ${pathname}${search} HTTP/1.1\r\nHost: x\r\n\r\n`
            + `GET ${target} HTTP/1.1\r\nHost: x\r\n`
            + 'Connection: close\r\n\r\n');

        /* the second request may be read before the first is parked */
        await session.post('40').catch(() => {});

        const text = await done;
        const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)];

        assert.equal(statuses.length, 2, text);
        await session.close();
    });
}


/* Clients that come, go, and stop in the middle. */
function connections(nginx) {
    async function cut(bytes, socketOptions = {}) {
        const socket = net.connect(nginx().port, '127.0.0.1');

        socket.on('error', () => {});
        await new Promise((resolve) => socket.write(bytes, resolve));

        const closed = new Promise((resolve) =>
            socket.once('close', resolve));

        if (socketOptions.reset) {
            socket.resetAndDestroy();

        } else {
            socket.destroy();
        }

        await closed;
    }

    const handshake = (extra = '') =>
        'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n'
        + 'Upgrade: websocket\r\nConnection: Upgrade\r\n'
        + 'Sec-WebSocket-Version: 13\r\n'
        + `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${extra}\r\n`;

    for (const reset of [false, true]) {
        const how = reset ? 'a reset' : 'an end';

        test(`${how} in every part of a WebSocket's life`, async () => {
            const bytes = Buffer.concat([
                Buffer.from(handshake()), frame(OP.TEXT, '40'),
                frame(OP.TEXT, '421["join","room:a"]'),
            ]);

            for (let n = 10; n <= bytes.length; n += 9) {
                await cut(bytes.subarray(0, n), { reset });
            }
        });

        test(`${how} of a parked poll`, async () => {
            for (let i = 0; i < 20; i++) {
                const session = await Polling.open(nginx().url);
                const { pathname, search } = new URL(session.url());

                await session.connect();
                await cut(`GET ${pathname}${search} HTTP/1.1\r\n`
                          + 'Host: x\r\n\r\n', { reset });
            }
        });

        test(`${how} of a POST in every part`, async () => {
            for (let n = 0; n < 20; n++) {
                const session = await Polling.open(nginx().url);
                const { pathname, search } = new URL(session.url());

                await cut(`POST ${pathname}${search} HTTP/1.1\r\n`
                          + 'Host: x\r\nContent-Length: 20\r\n\r\n'
                          + '42["join","room:abcd'.slice(0, n), { reset });
            }
        });
    }

    test('two hundred handshakes that nobody goes on with', async () => {
        const all = await Promise.all(Array.from({ length: 200 }, () =>
            request(`${nginx().url}/socket.io/?EIO=4&transport=polling`)));

        assert.equal(new Set(all.map((res) => res.body)).size, 200);
    });

    test('a body along with a WebSocket handshake', async () => {
        const text = handshake('Content-Length: 5\r\n') + 'hello';
        const ws = new WebSocketRaw(nginx().url, { head: text });

        await ws.shaken;
        ws.close();
        await ws.closed;
    });
}
