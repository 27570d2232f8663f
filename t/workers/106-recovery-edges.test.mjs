/*
 * Recovery where something else is in the way: other sockets of the session,
 * other logs' offsets, memory that is short, workers that die all the time.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { client, connect, connected, emitAck, once, waitAll }
    from '../lib/client.mjs';
import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';
import { Polling } from '../lib/raw.mjs';
import { SECRET, inSeconds, token } from '../lib/tokens.mjs';
import { back, journal, lose, numbers, suite } from './lib/recovery.mjs';

const ROOMS = 'socketio_room *; socketio_recovery 30s;';
const KEY = `socketio_jwt_key HS256 secret=${SECRET};`;
const user = (sub) => ({ token: token({ sub, exp: inSeconds(3600) }) });


function run(name, options, body) {
    suite(name, { workers: 3, location: ROOMS, ...options }, body);
}


/* Publishes n at an offset that is none: tried again until it is known. */
async function publishOnce(nginx, n, more) {
    const body = { event: 'n', data: n, id: `n-${n}`, ...more };

    for ( ;; ) {
        try {
            return await nginx.publish(body);

        } catch (err) {
            assert.doesNotMatch(err.message, /^emit: \{/, err.message);
        }
    }
}


run('in a row', {}, (state) => {
    for (const mode of ['polling', 'websocket', 'upgrade']) {
        test(`${mode}: ten times, with events and without`, async () => {
            const socket = await connect(state.nginx, { mode });
            const got = journal(socket);
            const { id } = socket;
            let n = 0;

            for (let i = 0; i < 10; i++) {
                await lose(socket);

                if (i % 3) {
                    await state.nginx.publish({ room: id, event: 'n',
                                                data: n++ });
                }

                await back(socket);
                assert.equal(socket.id, id);

                if (i % 2) {
                    await state.nginx.publish({ event: 'n', data: n++ });
                    await until(() => got.length === n, 'it is live');
                }
            }

            await until(() => got.length === n, 'all of them');
            assert.deepEqual(got, numbers(0, n));
        });
    }

    for (const mode of ['polling', 'websocket']) {
        test(`${mode}: who waits is not asked for an ack`, async () => {
            const gone = await connect(state.nginx, { mode });
            const here = await connect(state.nginx, { mode });

            for (const socket of [gone, here]) {
                await emitAck(socket, 'join', `asked-${mode}`);
            }

            here.on('q', (ack) => ack(here.id));
            await lose(gone);
            await until(async () =>
                (await state.nginx.status()).sockets.waiting, 'it waits');

            const answer = await state.nginx.publish({
                room: `asked-${mode}`, event: 'q',
                ack: { timeout: PATIENCE },
            });

            assert.equal(answer.matched, 1);
            assert.equal(answer.expected, 1);
            assert.equal(answer.missing, 0);
            assert.deepEqual(answer.responses, [here.id]);
            await back(gone);
        });
    }

    test('before what was missed has come', async () => {
        const socket = await connect(state.nginx, { mode: 'websocket' });
        const got = journal(socket);

        await lose(socket);

        for (let i = 0; i < 10; i++) {
            await state.nginx.publish({ room: 'nobody', event: 'n', data: i });
            await state.nginx.publish({ event: 'n', data: i });
            socket.connect();
            await once(socket.io, 'open');
            await new Promise((resolve) => setImmediate(resolve));
            socket.io.engine.close();
        }

        /* a CONNECT that is read only now would take the next one's place */
        await until(async () => (await state.nginx.status()).sessions
            .websocket === 0, 'the last one is gone');
        await back(socket);
        await state.nginx.publish({ event: 'n', data: 10 });
        await until(() => got.length === 11, 'all of them');
        assert.deepEqual(got, numbers(0, 11));
    });
});


run('several namespaces', {
    location: `${ROOMS}
        socketio_namespace / { }
        socketio_namespace /a { }
        socketio_namespace /b { ${KEY} socketio_auth required; }
        socketio_namespace /c { socketio_recovery off; }`,
}, (state) => {
    for (const mode of ['polling', 'websocket']) {
        test(`${mode}: of one session, and one is refused`, async () => {
            const root = await connect(state.nginx, { mode });
            const a = root.io.socket('/a');
            const b = root.io.socket('/b', { auth: user('ann') });
            const c = root.io.socket('/c');
            const all = [root, a, b, c];

            await waitAll([connected(a), connected(b), connected(c)]);

            const got = all.map(journal);
            const ids = all.map((s) => s.id);

            await lose(root);

            for (const [i, namespace] of ['/', '/a', '/b', '/c'].entries()) {
                await state.nginx.publish({ namespace, event: 'n', data: i });
            }

            b.auth = user('bob');

            const { recoveries_token: before } = await state.counters();
            const again = all.map((s) => connected(s));

            all.forEach((s) => s.connect());
            await waitAll(again);
            assert.deepEqual(all.map((s) => Boolean(s.recovered)),
                             [true, true, false, false]);
            assert.deepEqual(all.map((s, i) => s.id === ids[i]),
                             [true, true, false, false]);

            for (const [i, namespace] of ['/', '/a', '/b', '/c'].entries()) {
                await state.nginx.publish({ namespace, event: 'n',
                                            data: 10 + i });
            }

            await until(() => got.every((g, i) => g.includes(10 + i)),
                        'the last ones');
            assert.deepEqual(got, [[0, 10], [1, 11], [12], [13]]);
            assert.equal((await state.counters()).recoveries_token,
                         before + 1);
        });

        test(`${mode}: one comes to a session that is at work`, async (t) => {
            const host = await connect(state.nginx, { mode, namespace: '/a' });
            const live = journal(host);
            let n = 0, stop = false;

            t.after(() => { stop = true; });

            const publisher = (async () => {
                while (!stop) {
                    await state.nginx.publish({ namespace: '/a', event: 'n',
                                                data: n++ });
                }
            })();

            for (let i = 0; i < 15; i++) {
                const first = await connect(state.nginx, { mode });
                const { id: room } = first;
                const count = i % 4;

                await lose(first);

                for (const k of numbers(0, count)) {
                    await state.nginx.publish({ room, event: 'n', data: k });
                }

                host.io._autoConnect = false;

                const second = host.io.socket('/');
                const got = journal(second);

                second._pid = first._pid;
                await back(second);
                await state.nginx.publish({ room: second.id, event: 'n',
                                            data: count });
                await until(() => got.includes(count), 'the last one');
                assert.deepEqual(got, numbers(0, count + 1));
                second.disconnect();
                delete host.io.nsps['/'];
            }

            stop = true;
            await publisher;
            await until(() => live.length >= n, 'all live ones');
            assert.deepEqual(live, numbers(0, n));
        });
    }
});


/* Whose upgrade is cut off is deaf until it misses a ping. */
run('accidents', {
    location: `${ROOMS} socketio_ping_interval 3s; socketio_ping_timeout 7s;`,
}, (state) => {
    test('workers die, configurations change: each event once, in order',
         async () => {
        const all = [];

        for (const mode of ['polling', 'websocket', 'upgrade']) {
            for (let i = 0; i < 4; i++) {
                const socket = await connect(state.nginx, { mode });

                await emitAck(socket, 'join', 'k');
                Object.assign(socket.io.opts, {});
                socket.io.reconnection(true);
                socket.io.reconnectionDelay(20);
                socket.io.reconnectionDelayMax(100);
                all.push({ mode, socket, id: socket.id,
                           got: journal(socket) });
            }
        }

        let trouble = Promise.resolve();

        for (let n = 0; n < 300; n++) {
            await publishOnce(state.nginx, n, { room: 'k' });

            if (n % 60 === 20) {
                trouble = trouble.then(() => {
                    const pids = state.nginx.workers();

                    return state.nginx.kill(pids[n % pids.length]);
                }).catch(() => {});
            }

            if (n % 100 === 50) {
                trouble = trouble.then(() => state.nginx.reload());
            }
        }

        await trouble;
        await publishOnce(state.nginx, 300, { room: 'k' });

        /* an old worker may send somebody away behind the last event */
        await until(() => all.every((m) => m.socket.connected
                                           && m.got.at(-1) === 300),
                    'everybody', PATIENCE * 6);

        for (const { mode, socket, id, got } of all) {
            assert.equal(socket.id, id, mode);
            assert.deepEqual(got, numbers(0, 301), mode);
        }

        /* whoever was with none that was killed is moved by a reload */
        await until(async () => (await state.counters()).recoveries > 0,
                    'somebody was recovered');
    });
});


run('offsets', {}, (state) => {
    test('of another node, of the future, and none at all', async () => {
        const other = await startNginx({ location: ROOMS });
        const foreign = (await other.publish({ event: 'n' })).offset;

        await other.stop();

        const own = (await state.nginx.publish({ event: 'n' })).offset;
        const cases = [
            [foreign, 'epoch'],
            [`${own.slice(0, 6)}zzzzzz`, 'offset'],
            [`${own.slice(0, 6)}3w5e11264sgsf`, 'offset'],
            [`${own.slice(0, 6)}zzzzzzzzzzzzz`, 'offset'],
            [`${own.slice(0, 6)}0${own.slice(6)}`, 'offset'],
            [own.slice(0, 6), 'offset'],
            [`${own.toUpperCase()}A`, 'offset'],
            [`${own} `, 'offset'],
            ['', 'offset'],
            ['x'.repeat(10000), 'offset'],
            ['\u0000', 'offset'],
            [{}, 'offset'], [[], 'offset'], [true, 'offset'],
        ];

        for (const [offset, reason] of cases) {
            const socket = await connect(state.nginx, { mode: 'websocket' });
            const before = await state.counters();

            await lose(socket);
            socket._lastOffset = offset;
            await back(socket, false);

            const after = await state.counters();
            const key = `recoveries_${reason}`;

            assert.equal(after[key], before[key] + 1,
                         `${JSON.stringify(offset)}: ${reason}`);
        }
    });

    test('a position between two records is as good as one', async () => {
        const socket = await connect(state.nginx, { mode: 'websocket' });
        const got = journal(socket);
        const { offset } = await state.nginx.publish({ event: 'n', data: 0 });

        await until(() => got.length === 1, 'it is live');
        await lose(socket);
        await state.nginx.publish({ event: 'n', data: 1 });

        const position = parseInt(offset.slice(6), 36) + 3;

        socket._lastOffset = offset.slice(0, 6) + position.toString(36);
        await back(socket);
        await until(() => got.length === 2, 'the missed one');
        assert.deepEqual(got, [0, 1]);
    });

    test('who was excepted in a room that he has left stays so', async () => {
        const socket = await connect(state.nginx, { mode: 'websocket' });
        const got = journal(socket);

        await emitAck(socket, 'join', ['x', 'y']);
        await state.nginx.publish({ room: 'y', event: 'n', data: 0 });
        await until(() => got.length === 1, 'it is live');

        const offset = socket._lastOffset;

        await state.nginx.publish({ room: 'y', except: 'x', event: 'n',
                                    data: 1 });
        await emitAck(socket, 'leave', 'x');
        await state.nginx.publish({ room: 'y', event: 'n', data: 2 });
        await until(() => got.length === 2, 'it is live');
        await lose(socket);
        got.length = 0;
        socket._lastOffset = offset;
        await back(socket);
        await until(() => got.length >= 1, 'what was missed');
        await state.nginx.publish({ event: 'n', data: 3 });
        await until(() => got.includes(3), 'the last one');
        assert.deepEqual(got, [2, 3]);
    });
});


run('exceptions', { location: 'socketio_room *;' }, (state) => {
    test('of a room that a polling client was not in just then', async () => {
        const session = await Polling.open(state.nginx.url);

        await session.connect();
        await session.ack(1, ['join', ['x', 'y']]);
        await session.send('42["leave","x"]');
        await state.nginx.publish({ room: 'y', except: 'x', event: 'n',
                                    data: 1 });
        await session.send('42["join","x"]');
        await state.nginx.publish({ room: 'y', except: 'x', event: 'n',
                                    data: 2 });
        await state.nginx.publish({ room: 'y', event: 'n', data: 3 });
        assert.equal(await session.recv(), '42["n",1]');
        assert.equal(await session.recv(), '42["n",3]');
        await session.close();
    });
});


run('limits', {
    location: `${ROOMS} ${KEY} socketio_auth optional;
               socketio_limit_sockets user=1;`,
}, (state) => {
    test('too many sockets of one user', async () => {
        const first = await connect(state.nginx, { mode: 'websocket',
                                                   auth: user('ann') });

        await lose(first);

        const second = await until(() => connect(state.nginx, {
            mode: 'websocket', auth: user('ann') }).catch(() => null),
            'who waits does not count');

        const refused = once(first, 'connect_error');

        first.connect();
        assert.match((await refused)[0].message, /Too many connections/);
        assert.equal((await state.counters()).recoveries_full, 1);

        /* it still waits, and comes back when there is room */
        second.disconnect();
        await until(async () => {
            await back(first).catch(() => {});

            return first.connected && first.recovered;
        }, 'it is back');
    });
});


run('short memory', {
    workers: 2, zone: 'zone=app:1m log=256k', location: ROOMS,
}, (state) => {
    const used = async (pool) => (await state.nginx.status()).memory[pool];

    /* Rooms of clients that stay, until the pool is that full. */
    async function fill(sockets, part) {
        const { size } = await used('memberships');

        for (let n = 0; (await used('memberships')).used < size * part; ) {
            const join = numbers(n, n += 20).map((i) => `room-${i}`);

            await state.nginx.call('socketsJoin', {
                rooms: sockets.map((s) => s.id), join });
        }
    }

    test('who waits is given up, and nobody waits any more', async () => {
        const keepers = await waitAll(numbers(0, 4).map(() =>
            connect(state.nginx, { mode: 'websocket' })));
        const early = await connect(state.nginx, { mode: 'websocket' });

        await lose(early);
        await fill(keepers, 0.9);
        await until(async () => (await state.counters()).waits_given_up === 1,
                    'the early one is given up', PATIENCE * 2);
        await back(early, false);

        const { id } = early;

        await lose(early);
        await until(async () => (await state.counters()).waits_given_up === 2,
                    'it does not wait at all');
        await back(early, false);
        assert.notEqual(early.id, id);

        /* one that seems alive is not taken over, but replaced by a new one */
        const gone = once(early, 'disconnect');
        const again = client(state.nginx, { mode: 'websocket' });

        again._pid = early._pid;
        await back(again, false);
        await gone;
        assert.equal((await state.counters()).recoveries_full, 1);

        /* with room again everything is as before */
        keepers.forEach((s) => s.disconnect());
        await until(async () => {
            const { size, used: n } = await used('memberships');

            return n < size / 2;
        }, 'room again');
        await lose(again);
        await back(again);
    });

    test('rooms that only those who wait are in', async () => {
        const { waits_given_up: before } = await state.counters();
        const keeper = await connect(state.nginx, { mode: 'websocket' });
        const { size } = await used('rooms');

        for (let n = 0; (await used('rooms')).used < size * 0.9; ) {
            const join = numbers(n, n += 50).map((i) => `own-${i}`);

            await state.nginx.call('socketsJoin', { rooms: keeper.id, join });
        }

        const { size: most, used: n } = await used('memberships');

        assert.ok(n < most * 0.8, 'it is for want of rooms');
        await lose(keeper);
        await until(async () => (await used('rooms')).used === 0,
                    'others may have them');
        assert.equal((await state.counters()).waits_given_up, before + 1);
        await back(keeper, false);
    });
});
