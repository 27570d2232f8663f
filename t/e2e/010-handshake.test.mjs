/*
 * The first request of a session: what it must say, what it is answered, and
 * which refusal each fault gets (PROTOCOL: Engine.IO 4, handshake).
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startNginx } from '../lib/nginx.mjs';
import { Polling, WebSocketRaw, rawHttp, request } from '../lib/raw.mjs';

const ERRORS = {
    0: 'Transport unknown',
    1: 'Session ID unknown',
    2: 'Bad handshake method',
    3: 'Bad request',
    5: 'Unsupported protocol version',
};

let nginx;

before(async () => {
    nginx = await startNginx({
        location: `
            socketio_ping_interval 25s;
            socketio_ping_timeout  20s;`,
    });
});

after(() => nginx.stop());


async function refused(code, target, options) {
    const res = await request(nginx.url + target, options);

    assert.equal(res.status, 400, `${target}: ${res.body}`);

    if (options?.method !== 'HEAD') {
        assert.equal(res.body,
                     JSON.stringify({ code, message: ERRORS[code] }));
        assert.match(res.headers['content-type'], /^application\/json/);
    }
}


describe('polling handshake', () => {
    test('open packet and headers', async () => {
        const res = await request(`${nginx.url}/socket.io/?EIO=4`
                                  + '&transport=polling&t=abc');

        assert.equal(res.status, 200);
        assert.match(res.headers['content-type'],
                     /^text\/plain; charset=utf-8$/i);
        assert.equal(res.headers['cache-control'], 'no-store');
        assert.equal(Number(res.headers['content-length']), res.raw.length);
        assert.equal(res.headers['set-cookie'], undefined);
        assert.equal(res.headers['access-control-allow-origin'], undefined);

        assert.equal(res.body[0], '0');

        const open = JSON.parse(res.body.slice(1));

        assert.deepEqual(Object.keys(open).sort(),
                         ['maxPayload', 'pingInterval', 'pingTimeout', 'sid',
                          'upgrades']);
        assert.match(open.sid, /^[A-Za-z0-9_-]{20}$/);
        assert.deepEqual(open.upgrades, ['websocket']);
        assert.equal(open.pingInterval, 25000);
        assert.equal(open.pingTimeout, 20000);
        assert.equal(open.maxPayload, 1000000);
    });

    test('any path below the location is the endpoint', async () => {
        const res = await request(`${nginx.url}/socket.io/any/thing`
                                  + '?EIO=4&transport=polling');

        assert.equal(res.status, 200);
        assert.equal(res.body[0], '0');
    });

    test('unknown parameters and their order do not matter', async () => {
        const res = await request(`${nginx.url}/socket.io/?a=1&&b`
                                  + '&transport=polling&x=%ff&EIO=4&=');

        assert.equal(res.status, 200);
    });

    test('each session has another sid', async () => {
        const sids = new Set();

        for (let i = 0; i < 50; i++) {
            sids.add((await Polling.open(nginx.url)).sid);
        }

        assert.equal(sids.size, 50);

        /* nothing that two sids share may let a third be guessed */
        const [a, b] = [...sids];
        const same = [...a].filter((c, i) => c === b[i]).length;

        assert.ok(same <= 12, `${a} and ${b} are too much alike`);
    });

    test('HTTP/1.0 is served', async () => {
        const text = await rawHttp(nginx.port,
            'GET /socket.io/?EIO=4&transport=polling HTTP/1.0\r\n\r\n');

        assert.match(text, /^HTTP\/1\.[01] 200 /);
        assert.match(text, /\r\n\r\n0\{"sid"/);
    });

    test('CONNECT is answered by a later poll only', async () => {
        const session = await Polling.open(nginx.url);

        await session.send('40');

        const reply = await session.recv();
        const open = JSON.parse(reply.slice(2));

        assert.deepEqual(Object.keys(open), ['sid'], 'no pid, no extra key');
        assert.match(open.sid, /^[A-Za-z0-9_-]{20}$/);
        assert.notEqual(open.sid, session.sid);
    });
});


describe('refusals', () => {
    const base = '/socket.io/?EIO=4';
    const rows = [
        [0, '/socket.io/', 'nothing at all'],
        [0, base, 'no transport'],
        [0, `${base}&transport=`, 'empty transport'],
        [0, `${base}&transport=webtransport`, 'webtransport'],
        [0, `${base}&transport=Polling`, 'wrong case'],
        [0, '/socket.io/?EIO=3&transport=abc', 'transport before version'],
        [0, `${base}&transport=abc&sid=none`, 'transport before sid'],
        [1, `${base}&transport=polling&sid=none`, 'unknown sid'],
        [1, `${base}&transport=polling&sid=${'A'.repeat(20)}`, 'strange sid'],
        [1, `${base}&transport=polling&sid=${'A'.repeat(4000)}`, 'long sid'],
        [1, `/socket.io/?transport=polling&sid=x`, 'sid before version'],
        [1, `${base}&transport=websocket&sid=x`, 'ws sid without Upgrade'],
        [5, '/socket.io/?transport=polling', 'no EIO'],
        [5, '/socket.io/?EIO=3&transport=polling', 'EIO=3'],
        [5, '/socket.io/?EIO=abc&transport=polling', 'EIO=abc'],
        [5, '/socket.io/?EIO=44&transport=polling', 'EIO=44'],
        [5, '/socket.io/?EIO=&transport=polling', 'empty EIO'],
        [3, `${base}&transport=websocket`, 'websocket without Upgrade'],
    ];

    for (const [code, target, name] of rows) {
        test(`GET, ${name}: ${code}`, () => refused(code, target));
    }

    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD']) {
        test(`${method} without a sid: 2`, () =>
            refused(2, `${base}&transport=polling`, { method }));
    }

    test('the last of repeated parameters counts', async () => {
        const res = await request(`${nginx.url}/socket.io/?EIO=3&EIO=4`
                                  + '&transport=abc&transport=polling');

        assert.ok(res.status === 200 || res.status === 400);
    });

    test('another path is not the endpoint', async () => {
        const res = await request(`${nginx.url}/socket.io?EIO=4`
                                  + '&transport=polling');

        assert.notEqual(res.status, 200);
    });
});


describe('websocket handshake', () => {
    test('101, then the open packet without upgrades', async () => {
        const ws = await WebSocketRaw.open(nginx.url);

        assert.equal(ws.acceptOk, true);
        assert.match(ws.headers.upgrade, /^websocket$/i);
        assert.match(ws.headers.connection, /upgrade/i);
        assert.equal(ws.headers['sec-websocket-extensions'], undefined);
        assert.equal(ws.headers['sec-websocket-protocol'], undefined);
        assert.equal(ws.headers['set-cookie'], undefined);
        assert.deepEqual(Object.keys(ws.handshake).sort(),
                         ['maxPayload', 'pingInterval', 'pingTimeout', 'sid',
                          'upgrades']);
        assert.deepEqual(ws.handshake.upgrades, []);
        assert.match(ws.sid, /^[A-Za-z0-9_-]{20}$/);

        const id = await ws.connect();

        assert.match(id, /^[A-Za-z0-9_-]{20}$/);
        assert.notEqual(id, ws.sid);
        ws.close();
    });

    test('an offered subprotocol is echoed', async () => {
        const ws = await WebSocketRaw.open(nginx.url, {
            headers: { 'Sec-WebSocket-Protocol': 'one, two' },
        });

        assert.equal(ws.headers['sec-websocket-protocol'], 'one');
        ws.close();
    });

    test('an offered compression is declined', async () => {
        const ws = await WebSocketRaw.open(nginx.url, {
            headers: { 'Sec-WebSocket-Extensions':
                       'permessage-deflate; client_max_window_bits' },
        });

        assert.equal(ws.headers['sec-websocket-extensions'], undefined);
        ws.close();
    });

    test('header names and token lists in any case', async () => {
        const ws = await WebSocketRaw.open(nginx.url, {
            headers: { Upgrade: 'WebSocket',
                       Connection: 'keep-alive, upgrade' },
        });

        ws.close();
    });

    const faults = {
        'wrong EIO': { query: { EIO: 3 } },
        'no EIO': { query: { EIO: null } },
        'EIO=abc': { query: { EIO: 'abc' } },
        'unknown sid': { sid: 'A'.repeat(20) },
        'unknown transport': { query: { transport: 'abc' } },
        'no transport': { query: { transport: null } },
        'POST': { method: 'POST', headers: { 'Content-Length': 0 } },
        'no key': { headers: { 'Sec-WebSocket-Key': null } },
        'empty key': { headers: { 'Sec-WebSocket-Key': '' } },
        'short key': { headers: { 'Sec-WebSocket-Key': 'YWJj' } },
    };

    for (const [name, options] of Object.entries(faults)) {
        test(`${name}: 4xx before any 101`, async () => {
            const ws = await WebSocketRaw.request(nginx.url, options);

            assert.ok(ws.status >= 400 && ws.status < 500,
                      `status ${ws.status}`);
            ws.close();
        });
    }

    test('another version of the protocol: 426 names 13', async () => {
        const ws = await WebSocketRaw.request(nginx.url, {
            headers: { 'Sec-WebSocket-Version': '12' },
        });

        assert.ok(ws.status === 426 || ws.status === 400,
                  `status ${ws.status}`);
        assert.equal(ws.headers['sec-websocket-version'], '13');
        ws.close();
    });

    test('frames sent along with the request are not lost', async () => {
        const ws = new WebSocketRaw(nginx.url, {});

        ws.send('40');
        await ws.shaken;
        assert.equal((await ws.recv())[0], '0');
        assert.match(await ws.recv(), /^40\{"sid":"/);
        ws.close();
    });
});
