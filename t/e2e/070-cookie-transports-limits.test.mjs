/*
 * The engine cookie, the choice of transports, and the sizes that the
 * configuration sets.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { client, closeAll, connect, connected, once } from '../lib/client.mjs';
import { startNginx, testConfig } from '../lib/nginx.mjs';
import { Polling, WebSocketRaw, encodePayload, request }
    from '../lib/raw.mjs';


function run(name, location, body) {
    describe(name, () => {
        let nginx;

        before(async () => { nginx = await startNginx({ location }); });
        after(async () => { closeAll(); await nginx.stop(); });
        body(() => nginx);
    });
}


run('socketio_cookie NAME', 'socketio_cookie io;', (nginx) => {
    test('is set by the polling handshake only', async () => {
        const res = await request(`${nginx().url}/socket.io/?EIO=4`
                                  + '&transport=polling');
        const { sid } = JSON.parse(res.body.slice(1));
        const [cookie, ...more] = res.headers['set-cookie'];

        assert.deepEqual(more, []);

        const [pair, ...attributes] = cookie.split(/; */);

        assert.equal(pair, `io=${sid}`);
        assert.deepEqual(attributes.map((a) => a.toLowerCase()).sort(),
                         ['httponly', 'path=/', 'samesite=lax']);

        const session = new Polling(nginx().url);

        session.sid = sid;

        for (const other of [await session.post('40'), await session.get()]) {
            assert.equal(other.status, 200);
            assert.equal(other.headers['set-cookie'], undefined);
        }

        await session.close();
    });

    test('not with a WebSocket', async () => {
        const ws = await WebSocketRaw.open(nginx().url);

        assert.equal(ws.headers['set-cookie'], undefined);
        ws.close();
    });
});


run('socketio_cookie with attributes',
    'socketio_cookie sid Path=/app Secure Max-Age=60;', (nginx) => {
    test('has them as they stand', async () => {
        const res = await request(`${nginx().url}/socket.io/?EIO=4`
                                  + '&transport=polling');
        const [cookie] = res.headers['set-cookie'];

        assert.match(cookie, /^sid=[\w-]{20};/);
        assert.match(cookie, /; *Path=\/app(;|$)/);
        assert.match(cookie, /; *Secure(;|$)/);
        assert.match(cookie, /; *Max-Age=60(;|$)/);
    });
});


run('polling only', 'socketio_transports polling;', (nginx) => {
    test('no upgrade is offered or taken', async () => {
        const session = await Polling.open(nginx().url);

        assert.deepEqual(session.handshake.upgrades, []);

        const ws = await WebSocketRaw.request(nginx().url,
                                              { sid: session.sid });

        assert.equal(ws.status, 400);
        await session.connect();
        await session.close();
    });

    test('no WebSocket', async () => {
        const ws = await WebSocketRaw.request(nginx().url);

        assert.equal(ws.status, 400);

        const res = await request(`${nginx().url}/socket.io/?EIO=4`
                                  + '&transport=websocket');

        assert.equal(JSON.parse(res.body).code, 0);
    });

    test('a stock client stays on polling', async () => {
        const socket = client(nginx(), { mode: 'upgrade' });

        await connected(socket);
        assert.equal(socket.io.engine.transport.name, 'polling');
        socket.disconnect();
    });
});


run('websocket only', 'socketio_transports websocket;', (nginx) => {
    test('no polling', async () => {
        const res = await request(`${nginx().url}/socket.io/?EIO=4`
                                  + '&transport=polling');

        assert.equal(res.status, 400);
        assert.deepEqual(JSON.parse(res.body),
                         { code: 0, message: 'Transport unknown' });
    });

    test('a stock client on WebSocket', async () => {
        const socket = await connect(nginx(), { mode: 'websocket' });

        socket.disconnect();
    });

    test('a stock client that polls gets an error', async () => {
        const socket = client(nginx(), { mode: 'polling' });
        const [err] = await once(socket, 'connect_error');

        assert.match(err.message, /xhr poll error/);
    });
});


/* What is more than 100 bytes. */
const TOO_LARGE = {
    'a POST': async (url) => {
        const session = await Polling.open(url);

        assert.equal((await session.post('x'.repeat(101))).status, 413);
    },
    'a POST in chunks': async (url) => {
        const session = await Polling.open(url);
        const res = await session.post('x'.repeat(101), {
            headers: { 'Transfer-Encoding': 'chunked' },
        });

        assert.equal(res.status, 413);
    },
    'an attachment in a POST of its own': async (url) => {
        const session = await Polling.open(url);

        await session.connect();
        await session.send(EVENT);
        assert.equal((await session.post(encodePayload([Buffer.alloc(70)])))
                     .status, 400);
    },
    'a message': async (url) => {
        const ws = await WebSocketRaw.open(url);

        await ws.send('x'.repeat(101));
        await ws.assertEnds(1009);
    },
    'a compressed message': async (url) => {
        const ws = await WebSocketRaw.open(url, { deflate: true });

        assert.ok(ws.deflates);
        await ws.send('x'.repeat(5000));
        await ws.assertEnds(1009);
    },
    'an event with its attachment': async (url) => {
        const ws = await WebSocketRaw.open(url);

        await ws.connect();
        await ws.send(EVENT, Buffer.alloc(70));
        await ws.assertEnds(1009);
    },
};

const TOLD = /\[info\].* sent more than socketio_max_payload in one message/;
const EVENT = '451-["e",{"_placeholder":true,"num":0}]';

for (const [name, send] of Object.entries(TOO_LARGE)) {
    run(`${name}, over socketio_max_payload`,
        'socketio_max_payload 100; socketio_compression on;', (nginx) => {
        test('is not called malformed', async () => {
            await send(nginx().url);

            const { counters } = await nginx().status();

            assert.equal(counters.protocol_errors, 0);
            assert.match(nginx().logs(), TOLD);
            assert.ok(!nginx().logs().includes('malformed'));
        });
    });
}


run('socketio_max_payload 100', 'socketio_max_payload 100;', (nginx) => {
    test('is announced', async () => {
        const session = await Polling.open(nginx().url);

        assert.equal(session.handshake.maxPayload, 100);
        await session.close();
    });

    test('a POST of 100 and of 101 bytes', async () => {
        const session = await Polling.open(nginx().url);

        await session.connect();

        const event = (size) => `42["e","${'x'.repeat(size - 10)}"]`;

        assert.equal((await session.post(event(100))).status, 200);
        assert.equal((await session.post(event(101))).status, 413);
        await session.close();
    });

    test('a POST that announces more is refused unread', async () => {
        const session = await Polling.open(nginx().url);
        const res = await request(session.url(), {
            method: 'POST', body: 'x'.repeat(1000),
        });

        assert.equal(res.status, 413);
        await session.connect();
        await session.close();
    });

    test('chunks count too', async () => {
        const session = await Polling.open(nginx().url);
        const res = await request(session.url(), {
            method: 'POST', body: 'x'.repeat(1000),
            headers: { 'Transfer-Encoding': 'chunked' },
        });

        assert.equal(res.status, 413);
        await session.connect();
        await session.close();
    });

    test('a message of 100 and of 101 bytes', async () => {
        const ws = await WebSocketRaw.open(nginx().url);

        await ws.connect();
        await ws.send(`42["e","${'x'.repeat(90)}"]`);
        await ws.send('41');
        await ws.connect();

        const other = await WebSocketRaw.open(nginx().url);

        await other.connect();
        await other.send(`42["e","${'x'.repeat(91)}"]`);
        await other.assertEnds(1009);
        ws.close();
    });

    test('what the server sends is not bound by it', async () => {
        const ws = await WebSocketRaw.open(nginx().url);
        const id = await ws.connect();
        const text = 'x'.repeat(1000);

        await nginx().publish({ rooms: [id], event: 'e', args: [text] });
        assert.equal(await ws.recv(), `42["e","${text}"]`);
        ws.close();
    });
});


run('a bound inherited from the server block', '', (nginx) => {
    test('has the default', async () => {
        const session = await Polling.open(nginx().url);

        assert.equal(session.handshake.maxPayload, 1000000);
        await session.close();
    });

    test('is inherited and overridden', async () => {
        const own = await startNginx({
            server: `socketio_max_payload 300;
                     socketio_ping_timeout 7s;`,
            location: 'socketio_max_payload 400;',
        });

        try {
            const session = await Polling.open(own.url);

            assert.equal(session.handshake.maxPayload, 400);
            assert.equal(session.handshake.pingTimeout, 7000);
            await session.close();

        } finally {
            await own.stop();
        }
    });
});


describe('nginx -t refuses', () => {
    const rows = {
        'a zone that is too small': { zone: 'zone=app:100k log=256k' },
        'a log that is too small': { zone: 'zone=app:1m log=100k' },
        'a zone without a size': { zone: 'zone=app' },
        'an unknown parameter of a zone': { zone: 'zone=app:1m logs=1m' },
        'a zone that nobody declares': { zone: null },
        'two zones of one name': { http: 'socketio_zone zone=app:1m;' },
        'an unknown transport': { location: 'socketio_transports tcp;' },
        'a payload of nothing': { location: 'socketio_max_payload 0;' },
        'a heartbeat of nothing': { location: 'socketio_ping_interval 0;' },
        'a word for a time': { location: 'socketio_ping_timeout soon;' },
        'a directive that does not exist yet':
            { location: 'socketio_auth required;' },
        'a namespace without a slash':
            { location: 'socketio_namespace chat { }' },
        'a namespace twice':
            { location: `socketio_namespace /a { }
                         socketio_namespace /a { }` },
        'a bad pattern': { location: 'socketio_namespace ~( { }' },
        'a foreign directive in a namespace':
            { location: 'socketio_namespace /a { root /tmp; }' },
        'a lone dollar in a room': { location: 'socketio_room a$b;' },
        'an unknown name in a room':
            { location: 'socketio_room "user:${nothing.here}";' },
        'a join event without a name': { location: 'socketio_join_event;' },
    };

    for (const [name, options] of Object.entries(rows)) {
        test(name, async () => {
            const { ok, output } = await testConfig(options);

            assert.equal(ok, false, output);
            assert.match(output, /\[emerg\]/);
            assert.match(output, /socketio|unknown directive|"root"/);
        });
    }

    test('and takes the default of these tests', async () => {
        const { ok, output } = await testConfig();

        assert.equal(ok, true, output);
    });

    test('and takes the least zone', async () => {
        const { ok, output } = await testConfig({
            zone: 'zone=app:512k log=256k',
        });

        assert.equal(ok, true, output);
    });
});
