/*
 * `socketio_on … forward`: what a service is asked, what its answer does, and
 * what becomes of clients when it is slow, wrong or not there.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { client, closeAll, collect, connect, emitAck, once }
    from '../lib/client.mjs';
import { startNginx, until } from '../lib/nginx.mjs';
import { TRANSPORTS, openSession } from '../lib/raw.mjs';
import { gate, internal, run, startService } from '../lib/service.mjs';
import { SECRET, inSeconds, token } from '../lib/tokens.mjs';

const AUTH = `socketio_jwt_key HS256 secret=${SECRET}; socketio_auth optional;`;


const UNAVAILABLE = [{ ok: false, error: 'Service unavailable' }];
const NAMESPACES = `
    socketio_namespace / {
        socketio_room r:*;
        socketio_room user:\${jwt.sub} auto;
        socketio_on async:* forward /_call async;
        socketio_on brief forward /_call timeout=150ms;
        socketio_on * forward /_call;
    }
    socketio_namespace ~^/n { socketio_on * forward /_call; }`;


run('what a service is asked', { location: `${AUTH} ${NAMESPACES}` }, (s) => {
    test('the body and the headers', async () => {
        const claims = { sub: '550', role: 'x', exp: inSeconds(60) };
        const socket = await connect(s.nginx, {
            mode: 'websocket', auth: { token: token(claims) },
            extraHeaders: { traceparent: '00-abc-def-01' },
        });

        await emitAck(socket, 'join', 'r:1');
        s.service.answer = () => ({ ack: [{ ok: true }, 2, 'é'] });

        const values = await emitAck(socket, 'message:send',
                                     { roomId: 'r1', n: 1 }, 'two');

        assert.deepEqual(values, [{ ok: true }, 2, 'é']);

        const call = s.service.calls.at(-1);
        const { id, time, ...body } = call.body;

        assert.match(id, /^[A-Za-z0-9_-]{20}$/);
        assert.ok(Math.abs(time - Date.now()) < 10000);
        assert.deepEqual(body, {
            type: 'event', namespace: '/', socket: socket.id,
            event: 'message:send', args: [{ roomId: 'r1', n: 1 }, 'two'],
            wantsAck: true, user: '550', rooms: ['user:550', 'r:1'],
            data: {}, claims,
        });
        assert.equal(call.method, 'POST');
        assert.equal(call.url, '/_call');
        assert.equal(call.headers['content-type'], 'application/json');
        assert.equal(call.headers['content-length'],
                     String(call.raw.length));
        assert.equal(call.headers['transfer-encoding'], undefined);
        assert.equal(call.headers['x-socketio-type'], 'event');
        assert.equal(call.headers['x-socketio-namespace'], '/');
        assert.equal(call.headers['x-socketio-event'], 'message:send');
        assert.equal(call.headers['x-socketio-socket'], socket.id);
        assert.equal(call.headers['x-socketio-id'], id);
        assert.equal(call.headers['x-forwarded-for'], '127.0.0.1');
        assert.equal(call.headers.traceparent, '00-abc-def-01');
    });

    for (const transport of TRANSPORTS) {
        test(`arguments byte for byte (${transport})`, async () => {
            const session = await s.open(transport);
            const args = String.raw`{"b":1.50,"a":1e2,"":"\u0041\/"},  [ ]`;

            await session.connect();
            s.service.answer = () => undefined;
            await session.send(`427["raw",${args}]`);

            assert.equal(await session.recv(), '437[]');

            const call = s.service.of('raw').at(-1);

            assert.ok(call.raw.includes(`"args":[${args}]`), String(call.raw));
            assert.equal(call.body.user, null);
            await session.close();
        });
    }

    test('names from clients cannot end a header', async () => {
        const socket = await connect(s.nginx, { mode: 'websocket',
                                                namespace: '/né{1}' });
        const name = 'a\r\nX-Evil: 1\n\u0000é\x7f %';

        await emitAck(socket, name);
        await emitAck(socket, 'x'.repeat(255) + 'é');

        const [first, second] = s.service.calls.slice(-2);

        assert.equal(first.headers['x-evil'], undefined);
        assert.equal(first.headers['x-socketio-event'],
                     'a%0D%0AX-Evil:%201%0A%00%C3%A9%7F%20%');
        assert.equal(first.headers['x-socketio-namespace'], '/n%C3%A9{1}');
        assert.equal(first.body.event, name);
        assert.equal(first.body.namespace, '/né{1}');
        assert.equal(second.headers['x-socketio-event'], 'x'.repeat(255));
    });

    test('an event without an ack', async () => {
        const session = await s.open();

        await session.connect();
        s.service.answer = () => ({ ack: ['unwanted'], emit: [
            { rooms: ['${socket.id}'], event: 'saved' }] });
        await session.send('42["quiet"]');

        assert.equal(await session.recv(), '42["saved"]');
        assert.equal(s.service.calls.at(-1).body.wantsAck, false);
        await session.close();
    });
});


run('what an answer does', { location: `${AUTH} ${NAMESPACES}
    socketio_limit_data 256;` }, (s) => {
    test('nothing at all is good', async () => {
        const socket = await connect(s.nginx, { mode: 'websocket' });

        for (const answer of [undefined, '', ' \n', '{}',
                              '{"ack":null,"data":null,"join":null,'
                              + '"leave":null,"emit":null,"error":null,'
                              + '"disconnect":null,"other":1}',
                              { status: 201, send: '{}' }]) {
            s.service.answer = () => answer;
            assert.deepEqual(await emitAck(socket, 'e'), [],
                             JSON.stringify(answer));
        }
    });

    test('data is kept and comes with the next call', async () => {
        const socket = await connect(s.nginx, { mode: 'polling' });
        const data = { step: 1, text: 'ü'.repeat(50) };

        s.service.answer = () => ({ data });
        await emitAck(socket, 'first');
        s.service.answer = () => ({});
        await emitAck(socket, 'second');

        assert.deepEqual(s.service.calls.at(-1).body.data, data);

        const { sockets } = await s.nginx.call('fetchSockets', {
            rooms: [socket.id] });

        assert.deepEqual(sockets[0].data, data);

        s.service.answer = () => ({ data: { text: 'x'.repeat(300) } });
        assert.deepEqual(await emitAck(socket, 'big'),
                         UNAVAILABLE);
        assert.match(s.nginx.logs(), /data is with .* socketio_limit_data/);
        socket.disconnect();
    });

    test('leave, join, emit, ack, disconnect in this order', async () => {
        const token1 = token({ sub: '7', exp: inSeconds(60) });
        const socket = await connect(s.nginx, { mode: 'websocket',
                                                auth: { token: token1 } });
        const other = await connect(s.nginx, { mode: 'polling' });
        const seen = [];

        await emitAck(other, 'join', 'r:9');
        await emitAck(socket, 'join', ['r:1', 'r:2']);
        socket.onAny((event, ...args) => seen.push([event, ...args]));
        s.service.answer = () => ({
            disconnect: true, ack: ['done'],
            emit: [{ rooms: 'r:9', event: 'to9', args: [1, { a: 2 }] },
                   { rooms: ['r:1'], event: 'to1' },
                   { rooms: ['r:2'], event: 'to2' },
                   { event: 'all', data: 5, except: ['${socket.id}'] },
                   { event: 'nowhere', namespace: '/nx', data: 5 }],
            join: ['r:9', 'r:1'], leave: ['r:1', 'r:2'],
        });

        const heard = collect(other, 'all', 1);
        const gone = once(socket, 'disconnect');

        assert.deepEqual(await emitAck(socket, 'go'), ['done']);
        assert.deepEqual(seen, [['to9', 1, { a: 2 }], ['to1']]);
        assert.deepEqual(await gone.then(([reason]) => reason),
                         'io server disconnect');
        assert.deepEqual(await heard, [[5]]);
        other.disconnect();
    });

    test('no ack at all', async () => {
        const session = await s.open();

        await session.connect();
        s.service.answer = ({ body }) => ({
            ack: body.args[0] < 2 ? false : ['third'],
            error: body.args[0] === 1 ? { message: 'unheard' } : null,
            emit: [{ rooms: ['${socket.id}'], event: 'e', args: body.args }],
        });

        for (let n = 0; n < 3; n++) {
            await session.send(`42${n}["quiet",${n}]`);
            assert.equal(await session.recv(), `42["e",${n}]`);
        }

        assert.equal(await session.recv(), '432["third"]');
        await session.close();
    });

    test('no template but the sender is filled in', async () => {
        const session = await s.open();
        const sid = await session.connect();
        const odd = ['${jwt.sub}', '${namespace}', 'r:${socket.id}'];

        s.service.answer = () => ({ join: odd, ack: ['${socket.id}'],
                                    emit: [{ rooms: ['${socket.id}'],
                                             event: '${socket.id}',
                                             data: '${socket.id}' }] });
        await session.send('421["go"]');

        assert.equal(await session.recv(),
                     '42["${socket.id}","${socket.id}"]');
        assert.equal(await session.recv(), '431["${socket.id}"]');

        const { sockets } = await s.nginx.call('fetchSockets', {
            rooms: [sid] });

        assert.deepEqual(sockets[0].rooms.sort(), [...odd, sid].sort());
        await session.close();
    });

    for (const mode of ['websocket', 'polling']) {
        test(`binary both ways (${mode})`, async () => {
            const socket = await connect(s.nginx, { mode });
            const bytes = Buffer.from([0, 255, 1, 254]);

            s.service.answer = ({ body }) => ({
                ack: [{ _placeholder: true, num: 0 }, 'x'],
                attachments: body.attachments,
                emit: [{ rooms: ['${socket.id}'], event: 'bin',
                         args: [{ b: { _placeholder: true, num: 0 } }],
                         attachments: body.attachments }],
            });

            const event = once(socket, 'bin');
            const [ack, x] = await emitAck(socket, 'up', { b: bytes });
            const { body } = s.service.of('up').at(-1);

            assert.deepEqual(body.args,
                             [{ b: { _placeholder: true, num: 0 } }]);
            assert.deepEqual(body.attachments, [bytes.toString('base64')]);
            assert.deepEqual(Buffer.from(ack), bytes);
            assert.equal(x, 'x');
            assert.deepEqual(Buffer.from((await event)[0].b), bytes);
            socket.disconnect();
        });
    }

    test('what is wrong has no effect at all', async () => {
        const socket = await connect(s.nginx, { mode: 'websocket' });
        const effects = { emit: [{ event: 'never' }], join: ['r:never'],
                          data: { never: 1 } };
        const seen = [];

        socket.on('never', () => seen.push(1));

        for (const bad of [
            '{"ack":[1]', '[]', '\0', ' \0\n', { ack: { ok: true } }, { data: [] },
            { join: 5 }, { leave: [''] }, { emit: {} },
            { emit: [{ event: 'x' }, 1] }, { emit: [{ event: 'connect' }] },
            { emit: [{ event: 'x', room: 5 }] },
            { emit: [{ event: 'x', op: 'emit' }] },
            { emit: [{ event: 'x', ack: { timeout: 5 } }] },
            { emit: [{ event: 'x', namespace: '/zz' }] },
            { emit: [{ event: 'x', secret: 1 }] },
            { error: 'no' }, { error: {} }, { disconnect: 'yes' },
            { ack: [1], attachments: ['*'] },
            { ack: [{ _placeholder: true, num: 1 }], attachments: ['AA=='] },
        ]) {
            s.service.answer = () => typeof bad === 'string'
                                     ? bad : { ...effects, ...bad };
            assert.deepEqual(await emitAck(socket, 'bad'), UNAVAILABLE,
                             JSON.stringify(bad));
        }

        /* one line in a second */
        for (const [bad, line] of [
            [{ ...effects, emit: [{ event: 5 }] },
             "failed with status 200: the answer's emit[0].event must"],
            ['x', 'failed with status 200: the answer is no JSON ('],
        ]) {
            s.service.answer = () => bad;
            await until(async () => {
                await emitAck(socket, 'bad');
                return s.nginx.logs().includes(line);
            }, 'the reason in the log');
        }

        s.service.answer = () => ({});
        await emitAck(socket, 'look');

        const { body } = s.service.calls.at(-1);

        assert.deepEqual(body.rooms, []);
        assert.deepEqual(body.data, {});
        assert.deepEqual(seen, []);
        assert.doesNotMatch(s.nginx.logs(), /never/);
    });

    test('an error is what the client gets', async () => {
        const socket = await connect(s.nginx, { mode: 'websocket' });

        s.service.answer = () => ({ ack: ['not this'],
                                    error: { message: 'No "é"',
                                             data: { a: 1 } } });

        assert.deepEqual(await emitAck(socket, 'e'),
                         [{ ok: false, error: 'No "é"' }]);
    });
});


run('what is larger than the log takes', {
    location: `socketio_namespace / { socketio_on * forward /_call; }
        socketio_namespace /asked { socketio_on connect forward /_call; }`,
    zone: 'zone=app:4m log=256k',
}, (s) => {
    const huge = { message: 'x'.repeat(100000) };

    for (const transport of ['polling', 'websocket']) {
        test(`an error is told all the same (${transport})`, async () => {
            const session = await s.open(transport);

            await session.connect();

            for (const answer of [{ ack: [huge] }, { error: huge },
                                  { error: { message: 'a', data: huge } }]) {
                s.service.answer = () => answer;
                assert.equal((await session.ack(1, ['e'])).length, 1);
            }

            for (const error of [huge, { message: 'No', data: huge }]) {
                s.service.answer = () => ({ error });
                await session.send('40/asked,');
                assert.equal(await session.recv(), '44/asked,'
                             + '{"message":"Service unavailable"}');
            }

            await session.close();
        });
    }
});


run('order', { location: `${AUTH} ${NAMESPACES}` }, (s) => {
    for (const transport of TRANSPORTS) {
        test(`a socket's calls wait for each other (${transport})`,
             async () => {
            const session = await s.open(transport);
            const other = await s.open();
            const held = gate();
            const before = s.service.of('n').length;
            let running = 0;

            await session.connect();
            await other.connect();
            s.service.answer = async ({ body }) => {
                running++;
                assert.ok(body.event !== 'n' || running === 1);

                if (body.args[0] === 0) {
                    await held.promise;
                }

                running--;
                return { ack: body.args, data: { n: body.args[0] } };
            };

            for (let n = 0; n < 5; n++) {
                await session.send(`42${n}["n",${n}]`);
            }

            await until(() => s.service.of('n').length > before,
                        'the first call');
            await session.send('429["async:x",9]');
            assert.equal(await session.recv(), '439[9]');
            assert.deepEqual(await other.ack(1, ['other', 7]), [7]);

            assert.equal(s.service.of('n').length, before + 1);
            held.open();

            for (let n = 0; n < 5; n++) {
                assert.equal(await session.recv(), `43${n}[${n}]`);
            }

            const calls = s.service.of('n').slice(before);

            assert.deepEqual(calls.map((c) => c.body.args[0]),
                             [0, 1, 2, 3, 4]);
            assert.deepEqual(calls.slice(1).map((c) => c.body.data.n),
                             [0, 1, 2, 3]);
            await session.close();
            await other.close();
        });
    }

    test('calls of a client that is gone are still made', async () => {
        const session = await s.open();
        const other = await s.open();
        const held = gate();
        const sid = await session.connect();

        await other.connect();
        await other.ack(1, ['join', 'r:1']);
        await session.ack(2, ['join', 'r:2']);
        s.service.answer = async ({ body }) => {
            if (body.args[0] === 0) {
                await held.promise;
            }

            return { ack: [1], data: { a: 1 }, join: ['r:5'],
                     emit: [{ rooms: ['r:1', '${socket.id}'], event: 'late',
                              data: body.args[0] }] };
        };
        await session.send('420["g",0]');
        await session.send('421["g",1]');
        await until(() => s.service.of('g').length === 1, 'the call');
        await session.close();
        await until(async () => (await s.nginx.status())
            .sessions.websocket === 1, 'the end of the session');

        const { counters: before } = await s.nginx.status();

        held.open();

        assert.equal(await other.recv(), '42["late",0]');
        assert.equal(await other.recv(), '42["late",1]');

        const { body } = s.service.of('g').at(-1);

        assert.equal(body.socket, sid);
        assert.deepEqual(body.rooms, ['r:2']);

        const { counters } = await s.nginx.status();

        assert.equal(counters.calls_gone - before.calls_gone, 2);
        await other.close();
    });
});


describe('trouble', () => {
    let nginx, service;

    before(async () => {
        service = await startService();
        nginx = await startNginx({
            location: `socketio_namespace / {
                socketio_on refused forward /_refused;
                socketio_on none forward /_none;
                socketio_on text forward "/_text?a=1";
                socketio_on gone forward /_444;
                socketio_on inner forward /_204;
                socketio_on small forward /_small;
                socketio_on unbuffered forward /_unbuffered;
                socketio_on slow forward /_slow;
                socketio_on threads forward /_threads;
                socketio_on brief forward /_call timeout=100ms;
                socketio_on limited forward /_limited;
                socketio_on self forward /socketio/emit;
                socketio_on * forward /_call;
            }`,
            http: `limit_req_zone $server_name zone=lr:1m rate=20r/s;
                   proxy_cache_path cache keys_zone=c:1m;`,
            server: ({ port }) => `${internal(service.port)}
                location = /_refused { proxy_pass http://127.0.0.1:1; }
                location = /_text { internal;
                    return 200 '{"ack":["$arg_a $request_method $uri"]}'; }
                location = /_444 { internal; return 444; }
                location = /_204 { internal; return 204; }
                location = /_small { internal;
                    subrequest_output_buffer_size 1k;
                    proxy_pass http://127.0.0.1:${service.port}; }
                location = /_unbuffered { internal; proxy_buffering off;
                    subrequest_output_buffer_size 64k;
                    proxy_http_version 1.1;
                    proxy_pass http://127.0.0.1:${service.port}; }
                location = /_slow { internal; proxy_read_timeout 100ms;
                    proxy_pass http://127.0.0.1:${service.port}; }
                location = /_threads { internal; aio threads;
                    proxy_cache c; proxy_cache_methods POST;
                    proxy_cache_valid 1h;
                    proxy_pass http://127.0.0.1:${service.port}; }
                location = /_limited { internal; limit_req zone=lr burst=50;
                    proxy_pass http://127.0.0.1:${service.port}; }`,
        });
    });

    after(async () => {
        closeAll();
        await nginx.stop().finally(() => service.stop());
    });

    const unavailable = UNAVAILABLE;
    const timeout = [{ ok: false, error: 'Timeout' }];

    test('statuses, connections, sizes', async () => {
        const socket = await connect(nginx, { mode: 'websocket' });
        const big = JSON.stringify({ ack: ['x'.repeat(2000)] });
        const cut = ({ res }, head) => {
            res.writeHead(200, head);
            res.write('{"ack":[1]}');
            setTimeout(() => res.destroy(), 20);
            return false;
        };

        for (const [event, answer, wanted] of [
            ['refused', null, unavailable],
            ['none', null, unavailable],
            ['text', null, ['1 POST /_text']],
            ['gone', null, unavailable],
            ['inner', null, []],
            ['a', () => ({ status: 500, send: '{"ack":[1]}' }), unavailable],
            ['a', () => ({ status: 404 }), unavailable],
            ['a', () => ({ status: 302 }), unavailable],
            ['a', ({ res }) => { res.destroy(); return false; }, unavailable],
            ['a', (c) => cut(c, { 'Content-Length': 20 }), unavailable],
            ['a', (c) => cut(c, {}), unavailable],
            ['unbuffered', (c) => cut(c, { 'Content-Length': 20 }),
             unavailable],
            ['a', () => big, ['x'.repeat(2000)]],
            ['small', () => big, unavailable],
            ['small', ({ res }) => { res.write(big); res.end(); return false; },
             unavailable],
            ['unbuffered', ({ res }) => {
                res.write(big); res.end(); return false;
            }, ['x'.repeat(2000)]],
            ['a', () => ({ ack: ['y'.repeat(200000)] }),
             ['y'.repeat(200000)]],
            ['threads', () => ({ ack: ['t'] }), ['t']],
            ['threads', () => false, ['t']],
            ['brief', () => false, timeout],
            ['slow', () => false, timeout],
            ['a', () => ({ ack: ['fine'] }), ['fine']],
        ]) {
            service.answer = answer ?? (() => undefined);
            assert.deepEqual(await emitAck(socket, event), wanted,
                             `${event} ${answer}`);
        }

        assert.match(nginx.logs(), /socketio call to "\/_refused" failed/);
        socket.disconnect();
    });

    test('a location that makes calls wait', async () => {
        const session = await openSession('websocket', nginx.url);

        await session.connect();
        service.answer = ({ body }) => ({ ack: body.args });

        for (let n = 0; n < 4; n++) {
            await session.send(`42${n}["limited",${n}]`);
        }

        for (let n = 0; n < 4; n++) {
            assert.equal(await session.recv(), `43${n}[${n}]`);
        }

        await session.close();
    });

    test('the server API as a service', async () => {
        const session = await openSession('websocket', nginx.url);

        await session.connect();
        assert.deepEqual(await session.ack(1, ['self']), unavailable);
        await session.close();
    });

    /* a sanitizer keeps what was freed */
    test('no memory is kept', { skip: process.env.ASAN_OPTIONS !== undefined },
         async () => {
        const session = await openSession('websocket', nginx.url);
        const rss = () => Number(/^VmRSS:\s+(\d+)/m.exec(
            fs.readFileSync(`/proc/${nginx.workers()[0]}/status`, 'utf8'))[1]);
        const round = async (n) => {
            for (let i = 0; i < n; i += 50) {
                for (let j = 0; j < 50; j++) {
                    await session.send(`42${j}["${j % 5 ? 'm' : 'refused'}",`
                                       + `"${'z'.repeat(500)}"]`);
                }

                for (let j = 0; j < 50; j++) {
                    assert.match(await session.recv(), /^43\d+\[/);
                }
            }
        };

        await session.connect();
        service.answer = ({ body }) => {
            service.calls.length = 0;
            return { ack: [body.args[0]], data: { n: 1 },
                     emit: [{ rooms: ['r:none'], event: 'x' }] };
        };
        await round(1000);

        const warm = rss();

        await round(2000);

        assert.ok(rss() - warm < 1500, `${warm} kB became ${rss()} kB`);
        await session.close();
    });
});


run('bounds', { location: 'socketio_forward_queue 5;'
                          + 'socketio_on * forward /_call;' }, (s) => {
    test('too many calls', async () => {
        const session = await s.open();
        const held = gate();

        await session.connect();
        s.service.answer = async () => { await held.promise; };

        for (let n = 0; n < 8; n++) {
            await session.send(`42${n}["e"]`);
        }

        for (let n = 5; n < 8; n++) {
            assert.equal(await session.recv(),
                         `43${n}[{"ok":false,"error":"Service unavailable"}]`);
        }

        held.open();

        for (let n = 0; n < 5; n++) {
            assert.equal(await session.recv(), `43${n}[]`);
        }

        const { counters } = await s.nginx.status();

        assert.equal(counters.calls, 5);
        assert.equal(counters.calls_refused, 3);
        assert.match(s.nginx.logs(), /5 calls with .* wait already/);
        await session.close();
    });
});


run('several workers', { location: `${AUTH} ${NAMESPACES}`, workers: 4,
                         drain: '3s' }, (s) => {
    for (const mode of ['polling', 'websocket', 'upgrade']) {
        test(`the ack comes after the emits (${mode})`, async () => {
            const sockets = await Promise.all(Array.from({ length: 8 }, () =>
                connect(s.nginx, { mode })));

            s.service.answer = ({ body }) => ({
                join: [`r:${body.socket}`], ack: [body.args[0]],
                emit: [{ rooms: [`r:${body.socket}`], event: 'in',
                         data: body.args[0] }],
            });

            await Promise.all(sockets.map(async (socket) => {
                const seen = [];

                socket.on('in', (n) => seen.push(['in', n]));

                await Promise.all(Array.from({ length: 6 }, async (_, n) => {
                    await emitAck(socket, 'e', n);
                    seen.push(['ack', n]);
                }));

                /* on one worker calls are in order; here each has its emit */
                for (let n = 0; n < 6; n++) {
                    const at = (kind) => seen.findIndex(([k, m]) =>
                        k === kind && m === n);

                    assert.ok(at('in') >= 0 && at('in') < at('ack'),
                              JSON.stringify(seen));
                }
            }));

            closeAll();
        });
    }

    test('a call in flight outlives a reload', async () => {
        const socket = await connect(s.nginx, { mode: 'polling' });
        const leaving = await connect(s.nginx, { mode: 'websocket' });
        const held = gate();

        s.service.answer = async ({ body }) => {
            await held.promise;
            return { ack: body.args,
                     emit: [{ event: 'told', data: body.args[0] }] };
        };

        const answered = emitAck(socket, 'reload', 5);
        const told = collect(socket, 'told', 2);

        leaving.emit('reload', 6);
        await until(() => s.service.of('reload').length === 2, 'the calls');

        const left = once(leaving, 'disconnect');

        await s.nginx.reload();
        await left;
        held.open();

        assert.deepEqual(await answered, [5]);
        assert.deepEqual((await told).flat().sort(), [5, 6]);
        await until(() => s.nginx.workers().length === 4,
                    'the old workers leave');
        closeAll();
    });
});


/* Offsets belong to events, whose handlers expect them. */
run('acks with recovery on', {
    location: 'socketio_recovery 10s; socketio_on * forward /_call;',
}, (s) => {
    for (const mode of ['polling', 'websocket']) {
        test(`have the service's arguments alone (${mode})`, async () => {
            const socket = await connect(s.nginx, { mode });

            s.service.answer = () => ({ ack: [{ ok: true }],
                                        emit: [{ event: 'e', args: [1] }] });

            const event = once(socket, 'e');

            assert.deepEqual(await emitAck(socket, 'ask'), [{ ok: true }]);

            const [one, offset] = await event;

            assert.equal(one, 1);
            assert.equal(typeof offset, 'string');
        });
    }
});
