/*
 * Polling after the handshake: POST and GET, their overlaps and their ends.
 * Every request is on a connection of its own; with four workers it arrives
 * at any of them.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { REORDERS } from '../lib/faults.mjs';
import { startNginx, until } from '../lib/nginx.mjs';
import { Polling, RS } from '../lib/raw.mjs';

const ROOMS = 'socketio_room room:*;';


for (const workers of [1, 4]) {
    describe(`polling with ${workers} worker(s)`, () => suite(workers));
}


function suite(workers) {
    let nginx;

    before(async () => {
        nginx = await startNginx({
            workers,
            location: `${ROOMS} socketio_max_payload 10000;`,
        });
    });

    after(() => nginx.stop());

    const open = (options) => Polling.open(nginx.url, options);

    test('a POST is answered "ok"', async () => {
        const session = await open();
        const res = await session.post('40');

        assert.equal(res.status, 200);
        assert.equal(res.body, 'ok');
        assert.match(res.headers['content-type'], /^text\/html/);
        assert.equal(res.headers['content-length'], '2');
        assert.equal(res.headers['cache-control'], 'no-store');
        await session.close();
    });

    test('a GET has the headers of a poll', async () => {
        const session = await open();

        await session.send('40');

        const res = await session.get();

        assert.equal(res.status, 200);
        assert.match(res.headers['content-type'],
                     /^text\/plain; charset=utf-8$/i);
        assert.equal(res.headers['cache-control'], 'no-store');
        await session.close();
    });

    test('packets of one POST are answered together, in order', async () => {
        const session = await open();

        await session.connect();
        await session.send('420["join","room:a"]', '421["join","room:b"]',
                           '422["join","room:c"]');

        const packets = await session.poll();

        assert.deepEqual(packets, [
            '430[{"ok":true,"rooms":["room:a"]}]',
            '431[{"ok":true,"rooms":["room:b"]}]',
            '432[{"ok":true,"rooms":["room:c"]}]',
        ]);
        await session.close();
    });

    test('what is published between polls comes in one answer', async () => {
        const session = await open();
        const id = await session.connect();

        for (let i = 0; i < 20; i++) {
            await nginx.publish({ rooms: [id], event: 'e', args: [i] });
        }

        const got = [];

        while (got.length < 20) {
            got.push(...await session.poll());
        }

        assert.deepEqual(got, Array.from({ length: 20 },
                                         (_, i) => `42["e",${i}]`));
        await session.close();
    });

    test('a parked GET gets what is published', async () => {
        const session = await open();
        const id = await session.connect();

        for (let i = 0; i < 5; i++) {
            const { parked } = await session.park();

            await nginx.publish({ rooms: [id], event: 'e', args: [i] });
            assert.equal((await parked).body, `42["e",${i}]`);
        }

        await session.close();
    });

    test('binary is base64 both ways', async () => {
        const session = await open();
        const id = await session.connect();

        await nginx.publish({
            rooms: [id], event: 'e',
            args: [{ _placeholder: true, num: 0 }, 'x',
                   { _placeholder: true, num: 1 }],
            attachments: ['AQIDBA==', ''],
        });

        const got = [];

        while (got.length < 3) {
            const res = await session.get();

            got.push(...res.body.split(RS));
        }

        assert.deepEqual(got, [
            '452-["e",{"_placeholder":true,"num":0},"x",'
            + '{"_placeholder":true,"num":1}]',
            'bAQIDBA==', 'b',
        ]);

        await session.send('451-7["join",{"_placeholder":true,"num":0}]',
                           Buffer.from('room:a'));
        assert.match(await session.recv(), /^437\[\{"ok":false/);
        await session.close();
    });

    test('UTF-8 goes through unchanged', async () => {
        const session = await open();

        await session.connect();

        const room = 'room:häß \u2014 日本 \u{1f600}';

        assert.deepEqual(await session.ack(1, ['join', room]),
                         [{ ok: true, rooms: [room] }]);
        await session.close();
    });

    test('content types of a POST', async () => {
        for (const type of ['text/plain', 'text/plain;charset=UTF-8',
                            'application/json',
                            'application/x-www-form-urlencoded'])
        {
            const session = await open();
            const res = await session.post('40',
                                           { headers: { 'Content-Type': type },
                                           });

            assert.equal(res.status, 200, type);
            assert.match(await session.recv(), /^40\{/);
            await session.close();
        }
    });

    test('a chunked POST, one byte per chunk', async () => {
        const session = await open();
        const body = await new Promise((resolve, reject) => {
            const req = http.request(session.url(), {
                method: 'POST', agent: false,
                headers: { 'Transfer-Encoding': 'chunked' },
            }, (res) => {
                let text = '';

                res.on('data', (chunk) => { text += chunk; });
                res.on('end', () => resolve(text));
            });

            req.on('error', reject);

            for (const byte of Buffer.from('40')) {
                req.write(Buffer.from([byte]));
            }

            req.end();
        });

        assert.equal(body, 'ok');
        assert.match(await session.recv(), /^40\{/);
        await session.close();
    });

    test('octet-stream: 400, and the session ends', async () => {
        const session = await open();
        const res = await session.post('40', {
            headers: { 'Content-Type': 'application/octet-stream' },
        });

        assert.equal(res.status, 400);
        await session.assertGone();
    });

    test('too long: 413, and the session lives', async () => {
        const session = await open();
        const res = await session.post('4' + 'x'.repeat(10001));

        assert.equal(res.status, 413);

        await session.send('40');
        assert.match(await session.recv(), /^40\{/);
        await session.close();
    });

    test('exactly as long as allowed', async () => {
        const session = await open();

        await session.connect();

        const head = '42["nobody","';
        const fill = 'x'.repeat(10000 - head.length - 2);
        const res = await session.post(`${head}${fill}"]`);

        assert.equal(res.status, 200);
        assert.deepEqual(await session.ack(1, ['join', 'room:a']),
                         [{ ok: true, rooms: ['room:a'] }]);
        await session.close();
    });

    test('"1" ends the session; a parked GET gets "6"', async () => {
        const session = await open();
        const { parked } = await session.park();
        const res = await session.post('1');

        assert.equal(res.status, 200);
        assert.equal(res.body, 'ok');
        assert.equal((await parked).body, '6');
        await session.assertGone();
    });

    test('"1" and GET at the same time: the GET gets "6"', async () => {
        for (let i = 0; i < 10; i++) {
            const session = await open();
            const [get, post] = await Promise.all([session.get(),
                                                   session.post('1')]);

            assert.equal(post.status, 200);
            assert.equal(get.status, 200);
            assert.equal(get.body, '6');
        }
    });

    test('packets that an open session ignores', async () => {
        const session = await open();

        await session.send('0', '3', '5', '6', '40');
        assert.match(await session.recv(), /^40\{/);
        await session.close();
    });

    test('an aborted GET ends the session', async () => {
        const session = await open();
        const { parked } = await session.park();

        parked.abort();

        const res = await session.get();

        /* another worker may take the second GET before the first one */
        assert.ok(res.status === 400 || (workers > 1 && res.body === '1'),
                  `${res.status} ${res.body}`);
        await session.assertGone();
    });

    /* with several workers, another one would take it */
    workers === 1 && test('a GET that is aborted unread too', async () => {
        const session = await open();
        const rooms = [await session.connect()];
        const url = new URL(session.url());
        const socket = net.connect(url.port, url.hostname);
        const [pid] = nginx.workers();

        await once(socket, 'connect');
        process.kill(pid, 'SIGSTOP');

        try {
            socket.end(`GET ${url.pathname}${url.search} HTTP/1.1\r\n`
                       + 'Host: x\r\n\r\n');
            await once(socket, 'finish');

        } finally {
            process.kill(pid, 'SIGCONT');
        }

        await until(async () => (await nginx.call('fetchSockets', { rooms }))
            .sockets.length === 0, 'the end of the session');
        await session.assertGone();
    });

    test('an aborted POST ends the session', async () => {
        const session = await open();
        const url = new URL(session.url());
        const socket = net.connect(url.port, url.hostname);

        await new Promise((resolve) => socket.write(
            `POST ${url.pathname}${url.search} HTTP/1.1\r\nHost: x\r\n`
            + 'Content-Length: 100\r\n\r\n40', resolve));

        const { parked } = await session.park();

        socket.destroy();

        /* the end may be seen before the GET, on one worker too */
        await Polling.assertTold(parked, Infinity);
        await session.assertGone();
    });

    test('unknown methods with a sid', async () => {
        for (const method of ['PUT', 'DELETE', 'OPTIONS']) {
            const session = await open();
            const res = await session.get({ method });

            assert.ok(res.status >= 400, `${method}: ${res.status}`);
            await session.send('40');
            assert.match(await session.recv(), /^40\{/);
            await session.close();
        }
    });

    test('the sid of a polling session is no WebSocket', async () => {
        const session = await open();
        const res = await session.get({ query: { transport: 'websocket' } });

        assert.equal(res.status, 400);
        assert.equal(JSON.parse(res.body).code, 3);
        await session.close();
    });

    test('one connection carries many sessions', async () => {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        const sessions = [];

        for (let i = 0; i < 5; i++) {
            sessions.push(await open({ agent }));
        }

        for (const session of sessions) {
            await session.connect();
        }

        for (const session of sessions.reverse()) {
            assert.deepEqual(await session.ack(3, ['join', 'room:a']),
                             [{ ok: true, rooms: ['room:a'] }]);
        }

        for (const session of sessions) {
            await session.close();
        }

        agent.destroy();
    });

    test('an answer is never cut inside a packet', async () => {
        const session = await open();
        const id = await session.connect();
        const text = '\u{1f600}'.repeat(5000);

        for (let i = 0; i < 10; i++) {
            await nginx.publish({ rooms: [id], event: 'e', args: [i, text] });
        }

        for (let i = 0; i < 10; i++) {
            assert.equal(await session.recv(), `42["e",${i},"${text}"]`);
        }

        await session.close();
    });

    describe('overlaps', () => {
        test('a second GET ends the session', async () => {
            const session = await open();
            const { parked } = await session.park();
            const second = await session.get();
            const first = await parked;

            /* the kernel may give two workers the two in either order */
            const [good, bad] = first.status === 200 ? [first, second]
                                                     : [second, first];

            if (workers === 1 && !REORDERS) {
                assert.equal(good, first);
            }

            assert.equal(good.status, 200);
            assert.equal(good.body, '1');
            assert.equal(bad.status, 400);
            await session.assertGone();
        });

        test('a second POST ends the session', async () => {
            const session = await open();
            const url = new URL(session.url());
            const socket = net.connect(url.port, url.hostname);

            socket.on('error', () => {});

            await new Promise((resolve) => socket.write(
                `POST ${url.pathname}${url.search} HTTP/1.1\r\nHost: x\r\n`
                + 'Content-Length: 100\r\n\r\n40', resolve));

            const { parked } = await session.park();

            /* it is refused as soon as the first one is being read */
            while ((await session.post('3')).status === 200) { /* not yet */ }

            await Polling.assertTold(parked, workers);
            await session.assertGone();
            socket.destroy();
        });
    });

    describe('malformed payloads end the session', () => {
        const rows = {
            'unknown packet type': 'abc',
            'empty body': '',
            'empty packet at the end': `3${RS}`,
            'empty packet at the start': `${RS}40`,
            'ping from a client': '2',
            'probe from a client': '2probe',
            'bad base64': 'b!!!!',
            'invalid UTF-8': Buffer.from([0x34, 0x34, 0xff, 0xfe]),
            'cut UTF-8': Buffer.from([0x34, 0x34, 0xe2, 0x82]),
        };

        for (const [name, body] of Object.entries(rows)) {
            test(name, async () => {
                const session = await open();
                const { parked } = await session.park();

                await session.post(body);
                await Polling.assertTold(parked, workers);
                await session.assertGone();
            });
        }
    });
}
