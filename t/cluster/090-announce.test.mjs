/*
 * Who comes and goes at one nginx is announced at all nodes, once each, in the
 * order of what else its client does.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { closeAll, connect, emitAck, waitAll } from '../lib/client.mjs';
import { startNginx, until } from '../lib/nginx.mjs';
import { NO_REDIS, heard, startNode, startRedis } from '../lib/redis.mjs';
import { SECRET, inSeconds, token } from '../lib/tokens.mjs';
import { owners } from '../workers/lib/processes.mjs';

const LOCATION = `
    socketio_jwt_key HS256 secret=${SECRET};
    socketio_auth optional;
    socketio_room *;
    socketio_limit_rooms 1000;
    socketio_announce join=in leave=out;
    socketio_on say relay room=\${arg.0};
    socketio_namespace / {
        socketio_room *;
        socketio_room team:\${jwt.team} auto;
    }
    socketio_namespace /n { }`;


describe('announcements', { skip: NO_REDIS }, () => {
    const it = { rooms: 0 };

    before(async () => {
        it.redis = await startRedis();
        it.node = await startNode(it.redis);
        it.node.io.of('/n').on('connection', (socket) => {
            socket.on('join', (room, ack) => {
                socket.join(room);
                ack({ ok: true });
            });
        });
        it.nginx = await Promise.all([1, 2].map(() => startNginx({
            workers: 2, location: LOCATION,
            http: `socketio_redis app ${it.redis.url};`,
        })));
        await Promise.all(it.nginx.map((nginx) => heard(nginx)));
    });

    after(async () => {
        closeAll();
        await it.node?.stop();
        await Promise.all((it.nginx ?? []).map((nginx) => nginx.stop()));
        await it.redis?.stop();
    });

    const user = (nginx, sub, options = {}) => connect(nginx, {
        mode: 'websocket', ...options,
        auth: { token: token({ exp: inSeconds(600), sub, ...options.claims }) },
    });

    /* Notes in .got what a client hears, but for joins of who has no token. */
    const listen = (client) => {
        client.got = [];
        client.onAny((event, ...args) => {
            if (args[0]?.userId !== null) {
                client.got.push([event, ...args]);
            }
        });
    };

    /* Members of a room at both nginx, or only the far one, and at Node. */
    const watchers = async (room, { far = false, namespace = '/' } = {}) => {
        const all = await waitAll([
            ...(far ? [it.nginx[1]] : it.nginx).flatMap((nginx) =>
                ['polling', 'websocket'].map((mode) =>
                    connect(nginx, { mode, namespace }))),
            connect(it.node, { namespace }),
        ]);

        all.forEach(listen);
        await waitAll(all.map((w) => emitAck(w, 'join', room)));

        return all;
    };

    /* All of them get these events, in this order, and no others. */
    const get = async (all, room, want, namespace = '/') => {
        await until(() => all.every((w) => w.got.length >= want.length),
                    `${JSON.stringify(want)}, there are `
                    + JSON.stringify(all.map((w) => w.got)));
        it.node.io.of(namespace).to(room).emit('mark');
        await until(() => all.every((w) => w.got.some(([e]) => e === 'mark')),
                    'the mark');
        all.forEach((w) => {
            assert.deepEqual(w.got, [...want, ['mark']]);
            w.got = [];
        });
    };

    const row = (event, userId, room) => [event, { userId, room }];

    const begins = {
        'a join': (s, room) => emitAck(s, 'join', room),
        'socketsJoin here': (s, room) => it.nginx[0].call(
            'socketsJoin', { rooms: s.id, join: room }),
        'socketsJoin elsewhere': (s, room) => it.nginx[1].call(
            'socketsJoin', { rooms: s.id, join: room }),
        'socketsJoin of Node': (s, room) =>
            it.node.io.in(s.id).socketsJoin(room),
    };
    const ends = {
        'a leave': (s, room) => emitAck(s, 'leave', room),
        'a disconnect': (s) => { s.disconnect(); },
        'disconnectSockets elsewhere': (s) => it.nginx[1].call(
            'disconnectSockets', { rooms: s.id }),
        'a lost connection': (s) => { s.io.engine.transport.ws.terminate(); },
    };
    const names = Object.keys(ends);

    Object.entries(begins).forEach(([begin, come], i) => {
        test(`${begin}, ${names[i]}`, async () => {
            for (const far of [false, true]) {
                const room = `r${it.rooms++}`;
                const all = await watchers(room, { far });
                const s = await user(it.nginx[0], 'u1');

                await come(s, room);
                await get(all, room, [row('in', 'u1', room)]);
                await ends[names[i]](s, room);
                await get(all, room, [row('out', 'u1', room)]);
                closeAll();
            }
        });
    });

    test('rooms of auto, in the place of the CONNECT', async () => {
        const room = 'team:"\u00e4" 1';
        const all = await watchers(room);
        const s = await user(it.nginx[0], 7, { claims: { team: '"\u00e4" 1' } });

        await get(all, room, [row('in', 7, room)]);
        s.disconnect();
        await get(all, room, [row('out', 7, room)]);
        closeAll();
    });

    test('socketsLeave of all: others hear of those here', async () => {
        const room = `r${it.rooms++}`;
        const all = await watchers(room, { far: true });
        const s = await user(it.nginx[0], 'u1');

        await emitAck(s, 'join', room);
        await get(all, room, [row('in', 'u1', room)]);
        await it.nginx[0].call('socketsLeave', { rooms: room, leave: room });
        await until(() => all.every((w) => w.got.length > 0), 'one leaves');
        all.forEach((w) => assert.deepEqual(w.got, [row('out', 'u1', room)]));
        closeAll();
    });

    test('another namespace', async () => {
        const all = await watchers('x', { namespace: '/n' });
        const root = await watchers('x');
        const s = await user(it.nginx[0], 'u1', { namespace: '/n' });

        await emitAck(s, 'join', 'x');
        await get(all, 'x', [row('in', 'u1', 'x')], '/n');
        await get(root, 'x', []);
        closeAll();
    });

    for (const mode of ['websocket', 'polling']) {
        test(`${mode}: the order of what a client does`, async () => {
            const room = `order-${mode}`;
            const all = await watchers(room, { far: true });
            const s = await user(it.nginx[0], 'u1', { mode });
            const want = [];

            for (let i = 0; i < 20; i++) {
                s.emit('join', room);
                s.emit('say', room, i);
                s.emit('leave', room);
                want.push(row('in', 'u1', room), ['say', room, i],
                          row('out', 'u1', room));
            }

            await get(all, room, want);
            closeAll();
        });
    }

    test('many at once, more than fits a block', async () => {
        const rooms = Array.from({ length: 200 }, (_, i) =>
            `${'many'.repeat(30)}${i}`);
        const all = await waitAll([connect(it.nginx[1]), connect(it.node)]);
        const s = await waitAll([1, 2].map((n) => user(it.nginx[0], `u${n}`)));

        for (const w of all) {
            listen(w);
            await waitAll(rooms.map((room) => emitAck(w, 'join', room)));
        }

        await it.nginx[0].call('socketsJoin', {
            rooms: s.map((one) => one.id), join: rooms });
        await it.nginx[0].call('disconnectSockets', {
            rooms: s.map((one) => one.id) });
        await until(() => all.every((w) => w.got.length === 800),
                    'all of them');

        for (const { got } of all) {
            const seen = new Set(got.map((e) => JSON.stringify(e)));

            assert.equal(seen.size, 800);
        }

        closeAll();
    });

    test('who was at a worker that is killed leaves everywhere', async () => {
        const all = await watchers('killed', { far: true });
        const s = await waitAll([1, 2, 3, 4].map((n) =>
            user(it.nginx[0], `u${n}`)));

        await waitAll(s.map((one) => emitAck(one, 'join', 'killed')));
        await until(() => all.every((w) => w.got.length === 4), 'joins');
        all.forEach((w) => { w.got = []; });

        /* who lets the others know must not be killed before it has done so */
        let out = 0;

        for (const pid of it.nginx[0].workers()) {
            const at = owners(it.nginx[0]);

            out += s.filter(({ io }) => at.get(
                io.engine.transport.ws._socket.localPort) === pid).length;
            await it.nginx[0].kill(pid);
            await until(() => all.every((w) => w.got.length >= out), 'leaves');
        }

        assert.equal(out, 4);
        await get(all.map((w) => {
            w.got.sort((a, b) => (a[1].userId < b[1].userId ? -1 : 1));

            return w;
        }), 'killed', [1, 2, 3, 4].map((n) => row('out', `u${n}`, 'killed')));
        closeAll();
    });

    test('without Redis they stay at their node', async () => {
        await it.node.stop();
        it.node = null;
        await heard(it.nginx[0]);

        const [w, s] = [await connect(it.nginx[0]),
                        await user(it.nginx[0], 'u1')];
        const got = [];

        w.onAny((...args) => { got.push(args); });
        await emitAck(w, 'join', 'alone');
        await it.redis.kill();
        await heard(it.nginx[0], 'down');

        const lost = async () =>
            (await it.nginx[0].status()).counters.cluster_lost;

        await until(async () => (await it.nginx[0].publish({ event: 'x' }))
            .cluster === 'down', 'publishers are told');

        const before = await lost();

        await emitAck(s, 'join', 'alone');
        await emitAck(s, 'leave', 'alone');
        await until(() => got.filter(([e]) => e !== 'x').length === 2,
                    'both');
        await until(async () => await lost() > before, 'it is counted');
    });
});
