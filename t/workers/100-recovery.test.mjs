/*
 * Connection state recovery: the stock client loses its connection in every
 * way there is, comes back to any worker, and has missed nothing and got
 * nothing twice.
 */

import assert from 'node:assert/strict';
import events from 'node:events';
import net from 'node:net';
import { test } from 'node:test';

import { client, connect, emitAck, once } from '../lib/client.mjs';
import { PATIENCE, testConfig, until } from '../lib/nginx.mjs';
import { SECRET, inSeconds, token } from '../lib/tokens.mjs';
import { back, journal, lose, numbers, suite } from './lib/recovery.mjs';

const BASE = 'socketio_room *; socketio_ping_interval 10s; '
             + 'socketio_ping_timeout 10s;';
const AUTH = `socketio_jwt_key HS256 secret=${SECRET};
              socketio_auth optional; socketio_room room:\${jwt.role} auto;`;
const user = (more) => token({ sub: 'ann', exp: inSeconds(3600), ...more });


function run(name, options, body) {
    suite(name, { workers: 3, location: `${BASE} socketio_recovery 30s;`,
                  ...options }, body);
}


/*
 * A proxy that cuts the client off after `left` frames that begin with text,
 * shorter than 126 bytes, have passed.  Endless at first, and afterwards.
 */
async function breaking(port, text) {
    const proxy = { left: Infinity };

    proxy.broken = new Promise((resolve) => { proxy.tell = resolve; });
    proxy.server = net.createServer((socket) => {
        const upstream = net.connect(port, '127.0.0.1');

        socket.pipe(upstream);
        socket.on('error', () => {});
        upstream.on('error', () => {});
        upstream.on('close', () => socket.end());
        upstream.on('data', (data) => {
            let at = -1;

            while ((at = data.indexOf(text, at + 1)) !== -1) {
                if (proxy.left-- === 0) {
                    proxy.left = Infinity;
                    socket.end(data.subarray(0, at - 2));
                    upstream.destroy();
                    proxy.tell();
                    return;
                }
            }

            socket.write(data);
        });
    });

    proxy.server.listen(0, '127.0.0.1');
    await events.once(proxy.server, 'listening');
    proxy.url = `http://127.0.0.1:${proxy.server.address().port}`;

    return proxy;
}


run('the stock client', {}, (state) => {
    async function publish(from, to, more = { room: 'r' }) {
        for (const n of numbers(from, to)) {
            await state.nginx.publish({ event: 'n', data: n, ...more });
        }
    }

    for (const mode of ['polling', 'websocket', 'upgrade']) {
        test(`${mode}: comes back five times, exactly once`, async () => {
            const socket = await connect(state.nginx, { mode });
            const got = journal(socket);
            const { id } = socket;
            const room = `r-${mode}`;

            await emitAck(socket, 'join', room);

            for (let i = 0; i < 5; i++) {
                await publish(i * 9, i * 9 + 3, { room });
                await until(() => got.length === i * 9 + 3, 'live ones');
                await lose(socket);
                await publish(i * 9 + 3, i * 9 + 6, { room });
                await back(socket);
                assert.equal(socket.id, id);
                await publish(i * 9 + 6, i * 9 + 9, { room });
                await until(() => got.length >= (i + 1) * 9, 'all of them');
            }

            await publish(45, 46, { room });
            await until(() => got.length >= 46, 'the last one');
            assert.deepEqual(got, numbers(0, 46));
        });

        test(`${mode}: without any event, and with ids as rooms`, async () => {
            const socket = await connect(state.nginx, { mode });
            const got = journal(socket);
            const { id: room } = socket;

            await lose(socket);
            await publish(0, 2, { room });
            await publish(2, 4, {});

            const answer = await state.nginx.publish(
                { room: 'nobody', event: 'n', data: 'never' });

            assert.equal(answer.matched, 0);
            await back(socket);
            await lose(socket);
            await back(socket);
            await publish(4, 5, {});
            await until(() => got.length === 5, 'all of them');
            assert.deepEqual(got, numbers(0, 5));
        });
    }

    test('the missed ones come after connect', async () => {
        const socket = await connect(state.nginx, { mode: 'websocket' });
        const packets = [];

        await lose(socket);
        await publish(0, 2, {});
        socket.io.on('packet', (p) => packets.push(p.type));
        await back(socket);
        await until(() => packets.length === 3, 'both');
        assert.deepEqual(packets, [0, 2, 2]);
    });

    test('a connection that breaks again amidst what was missed', async () => {
        const proxy = await breaking(state.nginx.port, '42["n"');
        const socket = await connect(proxy.url, { mode: 'websocket' });
        const got = journal(socket);

        await lose(socket);
        await publish(0, 4, {});

        proxy.left = 2;
        socket.connect();
        await proxy.broken;
        await until(() => !socket.io.engine || socket.io.engine.readyState
                          === 'closed', 'it is cut off');
        await back(socket);
        await publish(4, 5, {});
        await until(() => got.includes(4), 'the last one');
        proxy.server.close();
        assert.deepEqual(got, numbers(0, 5));
    });

    test('a volatile event that ends in a string', async () => {
        const socket = await connect(state.nginx, { mode: 'websocket' });
        const got = journal(socket);
        const typing = once(socket, 'typing');

        await state.nginx.publish({ event: 'typing', data: 'bob',
                                    flags: { volatile: true } });
        const args = await typing;

        assert.equal(args[0], 'bob');
        assert.equal(typeof args[1], 'string');
        await lose(socket);
        await state.nginx.publish({ event: 'n', data: 'v', flags: { volatile: true } });
        await publish(0, 1, {});
        await back(socket);
        await publish(1, 2, {});
        await until(() => got.length === 2, 'both');
        assert.deepEqual(got, [0, 1]);
    });

    test('attachments come back with their offset', async () => {
        const socket = await connect(state.nginx, { mode: 'polling' });

        await lose(socket);
        await state.nginx.publish({ event: 'n',
            data: { _placeholder: 1, deep: [{ a: ' ] ' }] } });

        const event = once(socket, 'n');

        await back(socket);
        const [data, offset] = await event;

        assert.deepEqual(data.deep, [{ a: ' ] ' }]);
        assert.match(offset, /^[0-9a-z]{7,19}$/);
    });

    test('rooms that were left count until then', async () => {
        const socket = await connect(state.nginx, { mode: 'websocket' });
        const got = journal(socket);

        await emitAck(socket, 'join', 'x');
        await emitAck(socket, 'join', 'y');
        await publish(0, 1, { room: 'x' });
        await until(() => got.length === 1, 'the first');
        const offset = socket._lastOffset;

        await publish(1, 2, { room: 'x' });
        await emitAck(socket, 'leave', 'x');
        await publish(2, 3, { room: 'x' });
        await publish(3, 4, { room: 'y' });
        await lose(socket);
        got.length = 0;

        /* as if the last ones had been lost on their way */
        socket._lastOffset = offset;
        await back(socket);
        await until(() => got.length === 2, 'what it was a member for');
        assert.deepEqual(got, [1, 3]);
    });

    test('who waits is not counted, nor listed', async () => {
        const socket = await connect(state.nginx, { mode: 'websocket' });

        await emitAck(socket, 'join', 'w');
        await lose(socket);
        await until(async () => (await state.nginx.call('fetchSockets',
            { rooms: ['w'] })).sockets.length === 0, 'it is gone');

        const { matched } = await state.nginx.publish({ room: 'w', event: 'n',
                                                        data: 7 });
        assert.equal(matched, 0);

        const got = journal(socket);

        await back(socket);
        await until(() => got.length === 1, 'it came all the same');
        const { sockets } = await state.nginx.call('fetchSockets',
                                                   { rooms: ['w'] });
        assert.deepEqual(sockets.map((s) => s.id), [socket.id]);
        assert.deepEqual(sockets[0].rooms.sort(), ['w', socket.id].sort());
    });

    for (const mode of ['polling', 'websocket']) {
        test(`${mode}: while the old connection seems alive`, async () => {
            const old = await connect(state.nginx, { mode });
            const { id } = old;
            const gone = once(old, 'disconnect');

            await emitAck(old, 'join', 'o');

            const socket = client(state.nginx, { mode });
            const got = journal(socket);

            socket._pid = old._pid;
            await back(socket);
            assert.equal(socket.id, id);
            await gone;
            await publish(0, 1, { room: 'o' });
            await until(() => got.length === 1, 'on the new one');
            const { sockets } = await state.nginx.call('fetchSockets',
                                                       { rooms: ['o'] });
            assert.equal(sockets.length, 1);
        });
    }

    test('polling: more than one answer of them', async () => {
        const socket = await connect(state.nginx, { mode: 'polling' });
        const got = journal(socket);

        await publish(0, 2, {});
        await until(() => got.length === 2, 'two');
        await lose(socket);
        await publish(2, 400, {});
        await back(socket);
        await publish(400, 402, {});
        await until(() => got.length === 402, 'all');
        assert.deepEqual(got, numbers(0, 402));
    });

    test('what is no offset of ours begins anew', async () => {
        const before = await state.counters();
        const cases = [['garbage!', 'offset'], ['zzzzzz1', 'epoch'],
                       [42, 'offset']];

        for (const [offset, reason] of cases) {
            const socket = await connect(state.nginx, { mode: 'websocket' });
            const { id } = socket;

            await lose(socket);
            socket._lastOffset = offset;
            await back(socket, false);
            assert.notEqual(socket.id, id);
            const now = await state.counters();

            assert.ok(now[`recoveries_${reason}`]
                      > before[`recoveries_${reason}`], reason);
        }

        const socket = await connect(state.nginx, { mode: 'websocket' });

        await lose(socket);
        socket._pid = `${socket._pid.slice(0, 19)}~${socket._pid.slice(20)}`;
        await back(socket, false);
        assert.ok((await state.counters()).recoveries_unknown
                  > before.recoveries_unknown);
    });

    test('who leaves by himself does not wait', async () => {
        const socket = await connect(state.nginx, { mode: 'websocket' });
        const rooms = socket.id;

        /* another worker may be faster than the one that is told of it */
        socket.disconnect();
        await until(async () => (await state.nginx.call('fetchSockets',
            { rooms })).sockets.length === 0, 'it is gone');
        await back(socket, false);
    });

    test('a disconnect by the server is final', async () => {
        const socket = await connect(state.nginx, { mode: 'websocket' });
        const gone = once(socket, 'disconnect');

        await state.nginx.call('disconnectSockets', { rooms: [socket.id] });
        await gone;
        await back(socket, false);
    });

    test('a killed worker, and a reload', async () => {
        const all = [];

        for (const mode of ['polling', 'websocket']) {
            for (let i = 0; i < 6; i++) {
                const socket = await connect(state.nginx, {
                    mode, reconnection: true, reconnectionDelay: 50,
                    reconnectionDelayMax: 200 });

                await emitAck(socket, 'join', 'k');
                all.push({ socket, id: socket.id, got: journal(socket) });
            }
        }

        const before = await state.counters();

        for (let n = 0; n < 40; n++) {
            await state.nginx.publish({ room: 'k', event: 'n', data: n })
                .catch(() => {});

            if (n === 10) {
                await state.nginx.kill(state.nginx.workers()[0]);
            }

            if (n === 25) {
                await state.nginx.reload();
            }
        }

        /* whoever was not with the killed worker is moved by the reload */
        await until(() => state.nginx.workers().length === 3,
                    'the old workers have left', PATIENCE * 3);
        await publish(40, 41, { room: 'k' });
        await until(() => all.every((m) => m.socket.connected
                                           && m.got.at(-1) === 40),
                    'everybody', PATIENCE * 3);
        assert.ok((await state.counters()).recoveries
                  >= before.recoveries + 6);

        for (const { socket, id, got } of all) {
            assert.equal(socket.id, id);
            assert.deepEqual(got, all[0].got);
            assert.equal(new Set(got).size, got.length);
        }

        assert.ok(all[0].got.length >= 39, `${all[0].got.length} of 41`);
    });
});


run('a short wait', { location: `${BASE} socketio_recovery 4s;
                      socketio_announce leave=left;` }, (state) => {
    test('the leave is announced when it is over in vain', async () => {
        const other = await connect(state.nginx, { mode: 'websocket' });
        const socket = await connect(state.nginx, { mode: 'websocket' });
        let left = 0;

        other.on('left', () => left++);
        await emitAck(other, 'join', 'r');
        await emitAck(socket, 'join', 'r');
        await lose(socket);
        await back(socket);
        assert.equal(left, 0);
        await lose(socket);
        await until(() => left === 1, 'announced', PATIENCE * 2);
        await until(async () => (await state.counters()).waits_over === 1,
                    'counted');
        await back(socket, false);
        assert.equal(left, 1);
    });
});


run('a small log', { zone: 'zone=app:4m log=256k' }, (state) => {
    test('what it no longer holds is said', async () => {
        const quiet = await connect(state.nginx, { mode: 'websocket' });
        const busy = await connect(state.nginx, { mode: 'websocket' });
        const other = await connect(state.nginx, { mode: 'websocket' });

        await emitAck(quiet, 'join', 'quiet');
        await emitAck(busy, 'join', 'busy');
        await emitAck(other, 'join', 'busy');
        await lose(quiet);
        await lose(busy);

        for (let n = 0; n < 200; n++) {
            await state.nginx.publish({ room: 'busy', event: 'n',
                                        data: 'x'.repeat(2000) });
        }

        const got = journal(quiet);

        /* a worker that was lapped itself closes its WebSockets once more */
        for (const socket of [quiet, busy]) {
            socket.io.reconnection(true);
            socket.io.reconnectionDelay(50);
        }

        await state.nginx.publish({ room: 'quiet', event: 'n', data: 1 });
        await back(quiet);
        await until(() => got.length === 1, 'the quiet room');
        await back(busy, false);
        assert.ok((await state.counters()).recoveries_lapped >= 1);
    });
});


run('tokens', { location: `${AUTH} socketio_recovery 30s;` },
    (state) => {
    const open = (auth) => connect(state.nginx, { mode: 'websocket',
                                                  auth: { token: auth } });

    test('the rooms of rules follow the new claims', async () => {
        const socket = await open(user({ role: 'a' }));
        const got = journal(socket);
        const rooms = socket.id;

        await lose(socket);

        /* it is a member for as long as its worker has not seen that */
        await until(async () => (await state.nginx.call('fetchSockets',
            { rooms })).sockets.length === 0, 'the server has noticed');
        await state.nginx.publish({ room: 'room:a', event: 'n', data: 1 });
        socket.auth = { token: user({ role: 'b' }) };
        await back(socket);
        await state.nginx.publish({ room: 'room:a', event: 'n', data: 2 });
        await state.nginx.publish({ room: 'room:b', event: 'n', data: 3 });
        await until(() => got.includes(3), 'the new room');
        assert.deepEqual(got, [3]);
    });

    test('another user, an expired and a revoked token', async () => {
        const socket = await open(user());

        await lose(socket);
        socket.auth = { token: user({ sub: 'bob' }) };
        await back(socket, false);

        const expired = await open(user());
        const refused = once(expired, 'connect_error');

        await lose(expired);
        expired.auth = { token: user({ exp: inSeconds(-100) }) };
        expired.connect();
        await refused;

        const revoked = await open(user({ jti: 'j' }));
        const error = once(revoked, 'connect_error');

        await lose(revoked);
        await state.nginx.call('revoke', { jti: 'j' });
        revoked.connect();
        await error;
        assert.equal((await state.counters()).recoveries_token, 2);
    });
});


run('skip_auth', { location: `${AUTH}
                              socketio_recovery 30s skip_auth;` }, (state) => {
    test('the token is not looked at', async () => {
        const socket = await connect(state.nginx, { mode: 'websocket',
            auth: { token: user({ role: 'a' }) } });
        const got = journal(socket);

        await lose(socket);
        socket.auth = { token: 'bad' };
        await back(socket);
        await state.nginx.publish({ room: 'room:a', event: 'n', data: 1 });
        await until(() => got.length === 1, 'the room is there');
    });
});


run('off', { location: BASE }, (state) => {
    test('no pid, no offset', async () => {
        const socket = await connect(state.nginx, { mode: 'websocket' });
        const event = once(socket, 'n');

        await state.nginx.publish({ event: 'n', data: 1 });
        assert.deepEqual(await event, [1]);
        assert.equal(socket._pid, undefined);
        await lose(socket);
        await back(socket, false);
    });
});


test('the directive', async () => {
    for (const good of ['off', '2m', '500ms', '30s skip_auth']) {
        const { ok, output } = await testConfig({
            location: `socketio_recovery ${good};` });

        assert.ok(ok, output);
    }

    for (const bad of ['0', '-1s', 'on', '2d', 'off skip_auth', '2m x',
                       '2m; socketio_recovery 3m']) {
        const { ok } = await testConfig({
            location: `socketio_recovery ${bad};` });

        assert.ok(!ok, bad);
    }
});
