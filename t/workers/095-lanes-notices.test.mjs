/*
 * Calls to services over several workers: a socket's calls stay in order
 * whichever workers its events come to, a worker that dies leaves nobody
 * waiting, and a service hears of every socket's end.
 */

import assert from 'node:assert/strict';
import { after, afterEach, describe, test } from 'node:test';

import { closeAll, connect } from '../lib/client.mjs';
import { until } from '../lib/nginx.mjs';
import { Polling, encodePayload, openSession, upgrade } from '../lib/raw.mjs';
import { gate, internal, startService } from '../lib/service.mjs';
import { SECRET, token } from '../lib/tokens.mjs';
import { HEARTBEAT, SILENCE, cluster } from './lib/cluster.mjs';
import { drained, owners } from './lib/processes.mjs';

const QUICK = '/quick/';        /* where pings time out soon */
const LOST = { ok: false, error: 'Service unavailable' };

const service = await startService();
let nginx, baseline;

const it = cluster({
    location: `${HEARTBEAT}
        socketio_jwt_key HS256 secret=${SECRET};
        socketio_namespace / {
            socketio_on call forward /_call;
            socketio_on aside forward /_call async;
        }
        socketio_namespace /told {
            socketio_auth optional;
            socketio_room user:\${jwt.sub} auto;
            socketio_on call forward /_call;
            socketio_on disconnect forward /_call;
        }
        socketio_namespace /asked {
            socketio_on connect forward /_call;
            socketio_on disconnect forward /_call;
        }`,
    server: `${internal(service.port, 'proxy_set_header X-Worker $pid;')}
        location ${QUICK} {
            socketio app;
            socketio_ping_interval 2s;
            socketio_ping_timeout 4s;
            socketio_namespace /told {
                socketio_on disconnect forward /_call;
            }
        }`,
}, () => ({ nginx, baseline } = it));

after(() => service.stop());

afterEach(async () => {
    closeAll();
    service.answer = () => undefined;
    await drained(nginx, baseline, SILENCE);
    service.calls.length = 0;
});


const ends = (id) => service.calls.filter(({ body }) =>
    body.type === 'disconnect' && (!id || body.socket === id));

const end = (id) => until(() => ends(id)[0]?.body,
                          `the service hears of ${id}'s end`, SILENCE);

const event = (n) => `42${n}["call",${n}]`;


/* A session with a POST of each event sent through workers in turn. */
async function inTurn(session, n) {
    const agents = await Promise.all(nginx.workers()
        .map((pid) => it.agentTo(pid)));

    for (let i = 0; i < n; i++) {
        const res = await session.post(encodePayload([event(i)]),
                                       { agent: agents[i % agents.length] });

        assert.equal(res.body, 'ok');
    }
}


async function acks(session, n) {
    const got = [];

    while (got.length < n) {
        const packet = await session.recv();

        if (typeof packet === 'string' && packet.startsWith('43')) {
            got.push(packet);
        }
    }

    return got;
}


describe('the lane of a socket', () => {
    test('one call at a time, in order, from four workers', async () => {
        const session = await Polling.open(nginx.url);
        const order = [];
        let now = 0, most = 0;

        service.answer = async ({ body }) => {
            most = Math.max(most, ++now);
            order.push(body.args[0]);
            await new Promise((resolve) => { setImmediate(resolve); });
            now--;

            return { ack: body.args };
        };

        await session.connect();
        await inTurn(session, 40);

        const wanted = Array.from({ length: 40 }, (_, i) => i);

        assert.deepEqual(await acks(session, 40),
                         wanted.map((n) => `43${n}[${n}]`));
        assert.deepEqual(order, wanted);
        assert.equal(most, 1);
        await session.close();
    });

    test('behind a call that takes its time, and not others', async () => {
        const session = await Polling.open(nginx.url);
        const other = await openSession('websocket', nginx.url);
        const slow = gate();

        service.answer = async ({ body }) => {
            if (body.args[0] === 0) {
                await slow.promise;
            }

            return { ack: body.args };
        };

        await Promise.all([session.connect(), other.connect()]);
        await inTurn(session, 12);

        await until(() => service.calls.length, 'the first call');
        other.send(event(99));
        assert.deepEqual(await acks(other, 1), ['4399[99]']);
        assert.deepEqual(service.calls.map(({ body }) => body.args[0]),
                         [0, 99]);

        slow.open();
        assert.deepEqual(await acks(session, 12),
                         Array.from({ length: 12 }, (_, n) => `43${n}[${n}]`));
        await Promise.all([session.close(), other.close()]);
    });

    test('it stays in order over an upgrade', async () => {
        const session = await Polling.open(nginx.url);
        const slow = gate();

        service.answer = async ({ body }) => {
            if (body.args[0] === 0) {
                await slow.promise;
            }

            return { ack: body.args };
        };

        await session.connect();
        await inTurn(session, 4);

        const ws = await upgrade(session);

        ws.send(event(4));
        ws.send(event(5));
        slow.open();

        assert.deepEqual(await acks(ws, 6),
                         Array.from({ length: 6 }, (_, n) => `43${n}[${n}]`));
        await ws.close();
    });

    test('what waits too long is refused, the rest is served', async () => {
        const session = await openSession('websocket', nginx.url);
        const slow = gate();

        service.answer = async ({ body }) => {
            await slow.promise;

            return { ack: body.args };
        };

        await session.connect();

        for (let i = 0; i < 200; i++) {
            session.send(event(i));
        }

        const refused = await acks(session, 72);

        assert.deepEqual(refused[0], `43128[${JSON.stringify(LOST)}]`);
        slow.open();
        assert.equal((await acks(session, 128)).at(-1), '43127[127]');
        await session.close();
    });
});


describe('a worker that is killed', () => {
    test('its calls end with errors, wherever the client is', async () => {
        const session = await Polling.open(nginx.url);
        const victim = await it.agentTo(nginx.workers()[0]);
        const slow = gate();

        service.answer = async ({ body }) => {
            await slow.promise;

            return { ack: body.args };
        };

        await session.connect();
        await session.post(encodePayload([event(0), event(1)]),
                           { agent: victim });
        await inTurn(session, 4);
        await until(() => service.calls.length, 'the first call');
        await nginx.kill(victim.worker);

        const lost = await acks(session, 6);

        assert.deepEqual(lost.map((a) => a.replace(/^43\d+/, '')),
                         Array(6).fill(`[${JSON.stringify(LOST)}]`));

        service.answer = ({ body }) => ({ ack: body.args });
        await session.send(event(7));
        assert.deepEqual(await acks(session, 1), ['437[7]']);

        slow.open();
        await session.close();
    });
});


describe('the end of a socket', () => {
    const told = (options) => connect(nginx, { namespace: '/told', ...options });

    test('who, where, what: once', async () => {
        const socket = await told({ auth: { token: token({ sub: '550' }) } });
        const { id } = socket;

        socket.disconnect();

        const body = await end(id);
        const { time, ...rest } = body;

        assert.deepEqual(rest, {
            type: 'disconnect', id, namespace: '/told', socket: id,
            user: '550', rooms: ['user:550'], data: {},
            claims: rest.claims, reason: 'client namespace disconnect',
        });
        assert.equal(rest.claims.sub, '550');
        assert.ok(Math.abs(time - Date.now()) < SILENCE);
        assert.equal(ends().length, 1);
    });

    const reasons = {
        'transport close': (socket) => socket.io.engine.close(),
        'server namespace disconnect': (socket) =>
            nginx.api('disconnectSockets',
                      { namespace: '/told', rooms: [socket.id] }),
    };

    for (const [reason, act] of Object.entries(reasons)) {
        for (const mode of ['polling', 'websocket']) {
            test(`${reason} (${mode})`, async () => {
                const socket = await told({ mode, reconnection: false });
                const { id } = socket;

                await act(socket);

                const body = await end(id);

                assert.equal(body.reason, reason);
                assert.equal(body.lost, undefined);
            });
        }
    }

    for (const transport of ['polling', 'websocket']) {
        test(`ping timeout (${transport})`, async () => {
            const session = await openSession(transport, nginx.url,
                                              { path: QUICK });

            await session.send('40/told,');
            assert.equal((await end()).reason, 'ping timeout');
            await session.close();
        });
    }

    test('ping timeout (a GET that waits)', async () => {
        const session = await Polling.open(nginx.url, { path: QUICK });

        await session.send('40/told,');

        while (!(await session.poll()).includes('2')) {
            /* what comes before the ping */
        }

        const [{ reason }] = await Promise.all([
            end(), session.get({ patience: SILENCE }),
        ]);

        assert.equal(reason, 'ping timeout');
    });

    test('transport error: a second GET, a second POST, a bad packet',
         async () => {
        for (const bad of [
            (s) => Promise.all([s.get(), s.get()]),
            (s) => s.post('x'),
        ]) {
            const session = await Polling.open(nginx.url);
            const id = await session.connect('/told');

            await bad(session);
            assert.equal((await end(id)).reason, 'transport error');
        }
    });

    test('what the client has sent before comes first', async () => {
        const socket = await told();
        const slow = gate();

        service.answer = () => slow.promise;
        socket.emit('call', 1);
        socket.emit('call', 2);
        await until(() => service.calls.length, 'the first call');
        socket.disconnect();
        slow.open();

        await end();
        assert.deepEqual(service.calls.map(({ body }) => body.type),
                         ['event', 'event', 'disconnect']);
    });

    test('again until the service takes it, with the same id', async () => {
        const socket = await told();
        let failures = 2;

        service.answer = ({ body }) =>
            body.type === 'disconnect' && failures-- > 0
            ? { status: 500 } : undefined;

        socket.disconnect();
        await until(() => ends().length === 3, 'the third attempt', SILENCE);
        assert.equal(new Set(ends().map(({ body }) => body.id)).size, 1);
    });

    test('a service that refuses is not asked again', async () => {
        const before = (await nginx.status()).counters.notices;
        const socket = await told();

        service.answer = () => ({ status: 404 });
        socket.disconnect();
        await until(async () =>
            (await nginx.status()).counters.notices === before + 1, 'told');
        assert.equal(ends().length, 1);
    });

    test('a killed worker: each of its sockets, as lost', async () => {
        const sockets = await Promise.all(Array.from({ length: 8 }, () =>
            told({ mode: 'websocket', reconnection: false })));
        const ids = sockets.map((s) => s.id);
        const pids = await until(() => {
            const seats = owners(nginx);
            const all = sockets.map((s) =>
                seats.get(s.io.engine.transport.ws._socket.localPort));

            return all.every(Boolean) && all;
        }, 'each is on some worker');
        const gone = ids.filter((_, i) => pids[i] === pids[0]);

        await nginx.kill(pids[0]);
        await Promise.all(gone.map((id) => end(id)));
        assert.deepEqual(ends().map(({ body }) => body.socket).sort(),
                         [...gone].sort());
        assert.ok(ends().every(({ body }) => body.lost === true
                                && body.reason === 'transport close'));
    });

    test('the worker that tells it dies: another one does', async () => {
        const socket = await told({ mode: 'websocket' });
        const slow = gate();

        service.answer = () => slow.promise;
        socket.disconnect();
        await end();
        await nginx.kill(Number(ends()[0].headers['x-worker']));
        await until(() => ends().length === 2, 'told again', SILENCE);
        slow.open();
        assert.equal(ends()[0].body.id, ends()[1].body.id);
    });

    test('a reload: sockets that are moved, and those that stay', async () => {
        const polling = await told({ mode: 'polling' });
        const socket = await told({ mode: 'websocket', reconnection: false });
        const { id } = socket;

        await nginx.reload();
        assert.equal((await end(id)).reason, 'server shutting down');

        const stays = polling.id;

        polling.disconnect();
        assert.equal((await end(stays)).reason, 'client namespace disconnect');
    });

    test('a client that is let in and has gone: it is told', async () => {
        const session = await openSession('websocket', nginx.url);
        const slow = gate();

        service.answer = ({ body }) =>
            body.type === 'connect' ? slow.promise : undefined;
        session.send('40/asked,');

        const { socket } = (await until(() => service.calls[0], 'asked')).body;

        await session.close();
        await until(async () => (await nginx.status()).sessions.websocket === 0,
                    'the session has ended');
        slow.open();

        const body = await end(socket);

        assert.equal(body.namespace, '/asked');
    });
});
