/*
 * `socketio_on connect forward`: CONNECTs that wait for a service, on all
 * transports and workers, and what the client is told.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { client, closeAll, connect, connected, emitAck, once }
    from '../lib/client.mjs';
import { until } from '../lib/nginx.mjs';
import { TRANSPORTS } from '../lib/raw.mjs';
import { gate, run } from '../lib/service.mjs';
import { SECRET, inSeconds, token } from '../lib/tokens.mjs';

const KEY = `socketio_jwt_key HS256 secret=${SECRET};`;

const LOCATION = `
    socketio_namespace / { }
    socketio_namespace ~^/c {
        socketio_room r:*;
        socketio_room lobby auto;
        socketio_room second auto;
        socketio_on connect forward /_call;
        socketio_on * forward /_call;
    }
    socketio_namespace /brief {
        socketio_on connect forward /_call timeout=1s;
    }
    socketio_namespace /token {
        ${KEY}
        socketio_auth optional;
        socketio_data who=\${jwt.sub};
        socketio_auth_message "forbidden=Not you" "missing=Who are you?";
        socketio_on connect forward /_call if=role=asked;
    }`;


/* The connect_error of a client. */
async function refusal(socket) {
    const [err] = await once(socket, 'connect_error');

    return { message: err.message, data: err.data };
}


run('a CONNECT that is asked about', { location: LOCATION }, (s) => {
    test('what the service is asked, and what it may do', async () => {
        const claims = { sub: '7', role: 'asked', exp: inSeconds(60) };
        const jwt = token(claims);

        s.service.answer = () => ({ data: { a: [1] }, join: ['x', 'y'] });

        const socket = await connect(s.nginx, {
            namespace: '/token', mode: 'websocket', query: { v: '1' },
            auth: { token: jwt, device: { id: 1.0 } },
        });
        const { id, time, handshake, ...body } = s.service.calls.at(-1).body;

        assert.deepEqual(body, {
            type: 'connect', namespace: '/token', socket: socket.id,
            auth: { device: { id: 1 } }, user: '7', claims, rooms: [],
            data: { who: '7' },
        });
        assert.ok(!String(s.service.calls.at(-1).raw).includes(jwt));
        assert.equal(handshake.address, '127.0.0.1');
        assert.equal(handshake.transport, 'websocket');
        assert.equal(handshake.secure, false);
        assert.equal(handshake.query.v, '1');
        assert.match(handshake.headers.host, /^127\.0\.0\.1/);
        assert.equal(s.service.calls.at(-1).headers['x-socketio-type'],
                     'connect');

        const { sockets } = await s.nginx.call('fetchSockets', {
            namespace: '/token' });

        assert.deepEqual(sockets[0].data, { a: [1] });
        assert.deepEqual(sockets[0].rooms.sort(),
                         ['x', 'y', socket.id].sort());
        closeAll();
    });

    test('a token that nobody has verified goes along', async () => {
        s.service.answer = () => undefined;
        await connect(s.nginx, { namespace: '/c1', mode: 'websocket',
                                 auth: { token: 'mine' } });
        assert.deepEqual(s.service.calls.at(-1).body.auth, { token: 'mine' });
        closeAll();
    });

    test('who the rule does not mean is not asked about', async () => {
        const before = s.service.calls.length;

        await connect(s.nginx, { namespace: '/token', mode: 'websocket',
                                 auth: { token: token({ sub: '8' }) } });
        await connect(s.nginx, { namespace: '/token', mode: 'websocket' });
        assert.equal(s.service.calls.length, before);
        closeAll();
    });

    for (const transport of TRANSPORTS) {
        test(`the answer comes first, then what it emits (${transport})`,
             async () => {
            const session = await s.open(transport);

            s.service.answer = () => ({
                leave: ['second'], join: ['r:1'], disconnect: false,
                emit: [{ rooms: ['r:1'], event: 'hello', data: 1 },
                       { rooms: ['lobby'], event: 'all' },
                       { rooms: ['second'], event: 'not' }],
            });

            const id = await session.connect('/c');

            assert.equal(await session.recv(), '42/c,["hello",1]');
            assert.equal(await session.recv(), '42/c,["all"]');

            const { sockets } = await s.nginx.call('fetchSockets', {
                namespace: '/c', rooms: [id] });

            assert.deepEqual(sockets[0].rooms.sort(),
                             ['r:1', 'lobby', id].sort());

            /* its worker knows of its rooms: leaving one is leaving it */
            s.service.answer = () => undefined;
            await session.ack(1, ['leave', 'r:1'], '/c');
            await s.nginx.publish({ namespace: '/c', rooms: 'r:1',
                                    event: 'gone' });
            await s.nginx.publish({ namespace: '/c', rooms: id,
                                    event: 'own' });
            assert.equal(await session.recv(), '42/c,["own"]');
            await session.send('41/c,');
            await session.connect('/c');
            await session.close();
        });

        test(`refusals (${transport})`, async () => {
            const session = await s.open(transport);
            const refused = async (answer, namespace = '/c') => {
                s.service.answer = () => answer;
                await session.send(`40${namespace},`);
                return session.recv();
            };

            for (const [answer, told] of [
                [{ error: { message: 'no "é"', data: [1] } },
                 '{"message":"no \\"é\\"","data":[1]}'],
                [{ error: { message: 'no' }, join: ['x'] },
                 '{"message":"no"}'],
                [{ status: 401 }, '{"message":"Authentication required"}'],
                [{ status: 403, send: 'sorry' }, '{"message":"Forbidden"}'],
                [{ status: 403, send: { error: { message: 'x' } } },
                 '{"message":"x"}'],
                [{ status: 404 }, '{"message":"Service unavailable"}'],
                [{ status: 500, send: { error: { message: 'x' } } },
                 '{"message":"Service unavailable"}'],
                ['nonsense', '{"message":"Service unavailable"}'],
                [{ join: 5 }, '{"message":"Service unavailable"}'],
            ]) {
                assert.equal(await refused(answer), `44/c,${told}`);
            }

            assert.equal(await refused(false, '/brief'),
                         '44/brief,{"message":"Service unavailable"}');

            s.service.answer = () => undefined;
            await session.connect('/c');
            await session.connect('/');
            await session.close();
        });
    }

    test('texts of the namespace, and a stock client', async () => {
        const auth = { token: token({ sub: '7', role: 'asked' }) };

        for (const [answer, wanted] of [
            [{ status: 403 }, { message: 'Not you', data: undefined }],
            [{ status: 401 }, { message: 'Who are you?', data: undefined }],
            [{ error: { message: 'm', data: { d: 1 } } },
             { message: 'm', data: { d: 1 } }],
        ]) {
            s.service.answer = () => answer;
            assert.deepEqual(await refusal(client(s.nginx, {
                namespace: '/token', auth })), wanted);
        }

        closeAll();
    });

    test('disconnect right after', async () => {
        const session = await s.open();

        s.service.answer = () => ({ disconnect: true });
        await session.connect('/c');
        assert.equal(await session.recv(), '41/c,');
        await session.close();
    });

    for (const transport of TRANSPORTS) {
        test(`the session goes on meanwhile (${transport})`, async () => {
            const session = await s.open(transport);
            const held = gate();
            const before = s.service.calls.length;

            s.service.answer = () => held.promise;
            await session.send('40/c,');
            await session.connect('/');
            await until(() => s.service.calls.length > before, 'the call');
            held.open();
            assert.match(await session.recv(), /^40\/c,{/);
            await session.close();
        });

        test(`a second CONNECT is a protocol error (${transport})`,
             async () => {
            const session = await s.open(transport);
            const held = gate();
            const { counters: before } = await s.nginx.status();

            s.service.answer = () => held.promise;
            await session.send('40/c,');
            await session.send('40/c,').catch(() => {});
            await until(async () => (await s.nginx.status()).counters
                .sessions_closed > before.sessions_closed, 'the end');
            held.open();
            await until(async () => (await s.nginx.status()).counters
                .calls_gone > before.calls_gone, 'an answer for nobody');
        });
    }

    test('sixteen at a time', async () => {
        const session = await s.open();
        const held = gate();

        s.service.answer = () => held.promise;

        for (let n = 0; n < 17; n++) {
            await session.send(`40/c${n},`);
        }

        assert.equal(await session.recv(),
                     '44/c16,{"message":"Service unavailable"}');
        held.open();

        for (let n = 0; n < 16; n++) {
            assert.match(await session.recv(), /^40\/c\d+,{"sid"/);
        }

        await session.close();
    });

    test('an upgrade meanwhile', async () => {
        const held = gate();
        const before = s.service.calls.length;

        s.service.answer = async ({ body }) => {
            await held.promise;
            return { join: ['r:1'], ack: body.args };
        };

        const socket = client(s.nginx, { namespace: '/c' });
        const engine = socket.io.engine;

        await until(() => s.service.calls.length > before, 'the call');
        await until(() => engine.transport.name === 'websocket', 'upgrade');
        held.open();
        await connected(socket);

        const heard = once(socket, 'hi');

        await s.nginx.publish({ namespace: '/c', rooms: 'r:1', event: 'hi',
                                data: 5 });
        assert.deepEqual(await heard, [5]);
        assert.deepEqual(await emitAck(socket, 'e', 6), [6]);
        closeAll();
    });
});


run('connects on several workers', { location: LOCATION, workers: 4,
                                     drain: '3s' }, (s) => {
    for (const mode of ['polling', 'websocket', 'upgrade']) {
        test(`clients, their rooms and acks (${mode})`, async () => {
            s.service.answer = ({ body }) => body.type === 'connect'
                ? { join: [`r:${body.socket}`], data: { n: 1 },
                    emit: [{ rooms: [`r:${body.socket}`], event: 'first' }] }
                : { ack: [body.data.n, body.rooms.length] };

            await Promise.all(Array.from({ length: 10 }, async () => {
                const socket = client(s.nginx, { namespace: '/c', mode });
                const first = once(socket, 'first');

                await connected(socket);
                await first;

                const heard = once(socket, 'room');

                await s.nginx.publish({ namespace: '/c', data: 1,
                                        rooms: `r:${socket.id}`,
                                        event: 'room' });
                await heard;
                assert.deepEqual(await emitAck(socket, 'e'), [1, 3]);
            }));

            closeAll();
        });
    }

    test('the same namespace twice, on two workers', async () => {
        const held = gate();
        const before = s.service.calls.length;
        const session = await s.open('polling');

        s.service.answer = () => held.promise;

        for (let n = 0; n < 8; n++) {
            await session.send('40/c,').catch(() => {});
        }

        await until(() => s.service.calls.length > before, 'the call');
        held.open();
        await until(async () => (await s.nginx.status())
            .sessions.polling === 0, 'the end of the session');
    });

    test('a reload meanwhile', async () => {
        const held = gate();
        const before = s.service.calls.length;

        s.service.answer = () => held.promise;

        const socket = client(s.nginx, { namespace: '/c', mode: 'polling' });

        await until(() => s.service.calls.length > before, 'the call');
        await s.nginx.reload();
        held.open();
        await connected(socket);
        closeAll();
    });
});
