/*
 * TLS and HTTP/2: polling over both, WebSocket over TLS, and the clear
 * refusal of a WebSocket over HTTP/2, which nginx does not have.
 */

import assert from 'node:assert/strict';
import { once as onceEvent } from 'node:events';
import http2 from 'node:http2';
import { after, before, describe, test } from 'node:test';

import { closeAll, collect, connect, emitAck } from '../lib/client.mjs';
import { PATIENCE, makeCertificate, nginxVersion, startNginx, until }
    from '../lib/nginx.mjs';
import { OP, TRANSPORTS, WebSocketRaw, decodePayload, frame, openSession }
    from '../lib/raw.mjs';

const missing = ['ssl', 'v2'].filter((name) =>
    !nginxVersion().includes(`--with-http_${name}_module`));
const skip = missing.length > 0 && `nginx has no ${missing.join(', ')}`;

if (skip) {
    process.stderr.write(`SKIPPED 350-tls-http2: ${skip}\n`);
    test('TLS and HTTP/2', { skip }, () => {});
}

for (const workers of [1, 4]) {
    describe(`TLS with ${workers} worker(s)`, { skip }, () =>
        suite(workers));
}


function suite(workers) {
    let nginx;
    let url;

    before(async () => {
        nginx = await startNginx({
            workers,
            listen: ({ port }) => `127.0.0.1:${port} ssl http2`,
            server: ({ prefix }) => {
                const { cert, key } = makeCertificate(prefix);

                return `ssl_certificate ${cert};
                        ssl_certificate_key ${key};`;
            },
            location: `socketio_room room:*;
                       socketio_send_buffer 256k;
                       socketio_ping_interval 5m;`,
            api: null,
            http: ({ prefix }) => `
                server {
                    listen unix:${prefix}/api.sock;
                    location /socketio/ {
                        socketio_api app;
                        allow unix:;
                        deny all;
                    }
                }`,
        });
        url = `https://127.0.0.1:${nginx.port}`;
    });

    after(async () => {
        closeAll();
        await nginx.stop();
    });

    for (const transport of TRANSPORTS) {
        test(`${transport} over TLS`, async () => {
            const session = await openSession(transport, url);

            session.id = await session.connect();
            assert.deepEqual(await session.ack(1, ['join', 'room:a']),
                             [{ ok: true, rooms: ['room:a'] }]);
            await publish({ rooms: ['room:a'], event: 'e', data: 'tls' });
            assert.equal(await session.recv(), '42["e","tls"]');
            await session.close();
        });

        test(`a stock client by ${transport} over TLS`, async () => {
            const socket = await connect(url, {
                mode: transport, rejectUnauthorized: false,
            });

            await emitAck(socket, 'join', 'room:s');

            const got = collect(socket, 'e', 20);

            for (let i = 0; i < 20; i++) {
                await publish({ rooms: ['room:s'], event: 'e', data: i });
            }

            assert.deepEqual(await got,
                             Array.from({ length: 20 }, (_, i) => [i]));
            socket.disconnect();
        });
    }

    test('the handshake is known as secure', async () => {
        const session = await openSession('polling', url);
        const id = await session.connect();
        const { sockets } = await call('fetchSockets', { rooms: [id] });

        assert.equal(sockets[0].handshake.secure, true);
        await session.close();
    });

    test('frames cut anywhere by TLS records', async () => {
        const ws = await WebSocketRaw.open(url);

        await ws.connect();
        await ws.trickle(Buffer.concat([
            frame(OP.TEXT, '421["join","room:a"]'),
            frame(OP.TEXT, '422["join","room:b"]'),
        ]));
        assert.match(await ws.recv(), /^431/);
        assert.match(await ws.recv(), /^432/);
        ws.close();
    });

    test('a long event over TLS', async () => {
        const text = 'x'.repeat(500000);

        for (const transport of TRANSPORTS) {
            const session = await openSession(transport, url);
            const id = await session.connect();

            await publish({ rooms: [id], event: 'e', data: text });
            assert.equal(await session.recv(), `42["e","${text}"]`);
            await session.close();
        }
    });

    /*
     * What TLS has been offered must not change until it was taken.  Where it
     * was offered all volatile events that wait none can be dropped and the
     * client is closed: then once more.
     */
    test('a client that stops reading loses volatile events only', async () => {
        const pad = 'x'.repeat(5000);
        const event = (name, n) => ({ rooms: ['room:slow'], event: name,
                                      args: [n, pad],
                                      flags: { volatile: name === 'volatile' } });
        let rounds = 10;

        /* until events of both kinds wait when more are queued */
        for (let dropped = false; !dropped && rounds > 0; rounds--) {
            const before = await counters();
            const ws = await WebSocketRaw.open(url);
            let now = before;
            let sent = 0;

            await ws.connect();
            assert.deepEqual(await ws.ack(1, ['join', 'room:slow']),
                             [{ ok: true, rooms: ['room:slow'] }]);
            ws.socket.pause();

            /* many in one drain, until the kernel takes no more */
            while (now.volatile_dropped === before.volatile_dropped) {
                const burst = [];

                for (let i = 0; i < 10; i++) {
                    burst.push(event('stored', sent++), event('volatile', 0));
                }

                await call('batch', burst);
                now = await counters();
            }

            /* and until of those that wait some are dropped, if any do */
            for (let i = 0; i < 3 && !dropped; i++) {
                await call('batch', Array.from({ length: 5 }, () =>
                    event('stored', sent++)));
                dropped = (await counters()).volatile_dropped
                          > now.volatile_dropped;
            }

            assert.equal((await counters()).slow_closed, before.slow_closed);
            ws.socket.resume();

            for (let n = 0; n < sent;) {
                const [name, ...args] = JSON.parse((await ws.recv()).slice(2));

                assert.equal(args[1], pad);

                if (name === 'stored') {
                    assert.equal(args[0], n++);
                }
            }

            ws.close();
        }
    });

    test('one that is too slow is closed quietly', async () => {
        const ws = await WebSocketRaw.open(url);
        const id = await ws.connect();
        const slow = async () => (await counters()).slow_closed;
        const before = await slow();

        ws.socket.pause();

        while (await slow() === before) {
            await publish({ rooms: [id], event: 'e',
                            data: 'x'.repeat(100000) });
        }

        assert.doesNotMatch(nginx.logs(), /SSL_shutdown/);
        ws.close();
    });

    describe('HTTP/2', () => {
        let client;

        before(async () => {
            client = http2.connect(url, { rejectUnauthorized: false });
            await onceEvent(client, 'connect');
        });

        after(() => client.close());

        const path = (sid) => '/socket.io/?EIO=4&transport=polling'
                              + (sid ? `&sid=${sid}` : '');

        async function open() {
            const res = await h2(client, { ':path': path() });

            assert.equal(res.status, 200);
            assert.equal(res.body[0], '0');

            return JSON.parse(res.body.slice(1)).sid;
        }

        async function post(sid, body) {
            const res = await h2(client, { ':path': path(sid),
                                           ':method': 'POST' }, body);

            assert.equal(res.status, 200);
            assert.equal(res.body, 'ok');
        }

        test('a session, all on one connection', async () => {
            const sid = await open();
            const parked = h2(client, { ':path': path(sid) });

            await post(sid, '40');

            const reply = (await parked).body;

            assert.match(reply, /^40\{"sid"/);

            const { sid: id } = JSON.parse(reply.slice(2));
            const next = h2(client, { ':path': path(sid) });

            await publish({ rooms: [id], event: 'e', data: 2.0 });
            assert.equal((await next).body, '42["e",2]');
            await post(sid, '1');

            /* one GET that was under way with the "1" may get its "6" */
            await h2(client, { ':path': path(sid) });
            assert.equal((await h2(client, { ':path': path(sid) })).status,
                         400);
        });

        test('many sessions on one connection', async () => {
            const sids = await Promise.all(Array.from({ length: 10 }, open));
            const polls = sids.map((sid) =>
                h2(client, { ':path': path(sid) }));

            await Promise.all(sids.map((sid) => post(sid, '40')));

            for (const res of await Promise.all(polls)) {
                assert.match(res.body, /^40\{"sid"/);
            }

            await Promise.all(sids.map((sid) => post(sid, '1')));
        });

        test('what waits comes together', async () => {
            const sid = await open();

            await post(sid, '40');

            const first = await h2(client, { ':path': path(sid) });
            const { sid: id } = JSON.parse(first.body.slice(2));

            for (let i = 0; i < 5; i++) {
                await publish({ rooms: [id], event: 'e', data: i });
            }

            const got = [];

            while (got.length < 5) {
                got.push(...decodePayload(
                    (await h2(client, { ':path': path(sid) })).body));
            }

            assert.deepEqual(got, [0, 1, 2, 3, 4].map((i) => `42["e",${i}]`));
            await post(sid, '1');
        });

        test('a stream that is reset ends its session', async () => {
            const sid = await open();

            await post(sid, '40');
            await h2(client, { ':path': path(sid) });

            const parked = client.request({ ':path': path(sid) });

            parked.on('error', () => {});

            /* an answer to a later stream: this one has arrived */
            await open();
            parked.close(http2.constants.NGHTTP2_CANCEL);
            await onceEvent(parked, 'close');

            const res = await h2(client, { ':path': path(sid) });

            assert.equal(res.status, 400);
        });

        test('an aborted stream harms no other', async () => {
            const sid = await open();
            const other = await open();
            const parked = h2(client, { ':path': path(sid) });
            const doomed = client.request({ ':path': path(other) });

            doomed.on('error', () => {});
            doomed.close(http2.constants.NGHTTP2_CANCEL);
            await post(sid, '40');
            assert.match((await parked).body, /^40\{/);
            await post(sid, '1');
        });

        test('no extended CONNECT is offered', () => {
            assert.notEqual(client.remoteSettings.enableConnectProtocol,
                            true);
        });

        test('a WebSocket handshake is refused clearly', async () => {
            for (const headers of [
                { ':path': path().replace('polling', 'websocket') },
                { ':path': path().replace('polling', 'websocket'),
                  'sec-websocket-version': '13',
                  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' },
            ]) {
                const res = await h2(client, headers);

                assert.equal(res.status, 400);
                assert.notEqual(res.body, '');
            }

            await open();
        });
    });


    /* The server API is on a UNIX socket here: its calls are plain HTTP. */
    async function call(operation, body) {
        const { default: http } = await import('node:http');
        const json = await new Promise((resolve, reject) => {
            const req = http.request({
                socketPath: `${nginx.prefix}/api.sock`,
                method: body ? 'POST' : 'GET',
                path: `/socketio/${operation}`, agent: false,
                headers: { 'Content-Type': 'application/json' },
            }, (res) => {
                let text = '';

                res.on('data', (chunk) => { text += chunk; });
                res.on('end', () => resolve(JSON.parse(text)));
            });

            req.on('error', reject);
            req.end(body && JSON.stringify(body));
        });

        assert.equal(json.ok, true, JSON.stringify(json));

        return json;
    }

    /* Once all workers have read what was sent: none is lapped by the log. */
    function counters() {
        return until(async () => {
            const status = await call('status');

            return status.workers.every(({ lag }) => lag === 0)
                   && status.counters;
        }, 'all is read');
    }

    function publish(body) {
        return call('emit', body);
    }
}


function h2(client, headers, body) {
    const stream = client.request(headers, { endStream: body === undefined });

    if (body !== undefined) {
        stream.end(body);
    }

    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
            stream.close(http2.constants.NGHTTP2_CANCEL);
            reject(new Error(`no answer to ${headers[':path']}`));
        }, PATIENCE);
        let status;
        let text = '';

        stream.setEncoding('utf8');
        stream.on('response', (all) => { status = all[':status']; });
        stream.on('data', (chunk) => { text += chunk; });
        stream.on('error', reject);
        stream.on('end', () => {
            clearTimeout(timer);
            resolve({ status, body: text });
        });
    });
}
