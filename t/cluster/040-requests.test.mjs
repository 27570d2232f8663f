/*
 * What nodes and emitters ask of each other: joins, leaves, disconnects, lists
 * of sockets and rooms, from every side.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Emitter } from '@socket.io/redis-emitter';
import { encode } from 'notepack.io';

import { closeAll, connect, emitAck, once, waitAll }
    from '../lib/client.mjs';
import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';
import { NO_REDIS, heard, startNode, startRedis } from '../lib/redis.mjs';


describe('requests', { skip: NO_REDIS }, () => {
    const it = {};

    before(async () => {
        it.redis = await startRedis();
        it.node = await startNode(it.redis);
        it.nginx = await Promise.all([1, 2].map(() => startNginx({
            workers: 2, location: `socketio_room *;
                socketio_namespace / { } socketio_namespace /n { }
                socketio_namespace /r { socketio_recovery 1m; }`,
            http: `socketio_redis app ${it.redis.url};`,
        })));
        await Promise.all(it.nginx.map((nginx) => heard(nginx)));
        it.emitter = new Emitter(await it.redis.client());
    });

    after(async () => {
        closeAll();
        await it.node?.stop();
        await Promise.all((it.nginx ?? []).map((nginx) => nginx.stop()));
        await it.redis?.stop();
    });

    const everywhere = async () => {
        const clients = await Promise.all([
            ...it.nginx.flatMap((nginx) => ['polling', 'websocket'].map(
                (mode) => connect(nginx, { mode }))),
            connect(it.node),
        ]);

        await until(() => it.redis.cli('pubsub', 'numsub',
                                       'socket.io-request#/#').endsWith('3'),
                    'three nodes');

        return clients;
    };

    /* Rooms of a client by the node that serves him. */
    const roomsOf = async (client) => {
        if (client.io.uri.startsWith(it.node.url)) {
            return [...it.node.io.of('/').adapter.socketRooms(client.id)];
        }

        const nginx = it.nginx.find((n) => client.io.uri.startsWith(n.url));
        const { sockets } = await nginx.call('fetchSockets',
                                             { rooms: [client.id] });

        return sockets[0].rooms;
    };

    const sources = {
        'Node': () => it.node.io,
        'the emitter': () => it.emitter,
        'the API': () => {
            const to = (rooms, except = []) => ({
                except: (x) => to(rooms, [x]),
                socketsJoin: (join) => it.nginx[0].call(
                    'socketsJoin', { rooms, except, join }),
                socketsLeave: (leave) => it.nginx[0].call(
                    'socketsLeave', { rooms, except, leave }),
                disconnectSockets: (close) => it.nginx[0].call(
                    'disconnectSockets', { rooms, except, close }),
            });

            return { in: (room) => to([room]), to: (room) => to([room]) };
        },
    };

    for (const [source, io] of Object.entries(sources)) {
        test(`${source}: socketsJoin, socketsLeave, disconnectSockets`,
            async () => {
                const clients = await everywhere();
                const [first, ...others] = clients;

                await waitAll(clients.map((c) => emitAck(c, 'join', 'a')));
                await emitAck(first, 'join', 'not');

                await io().in('a').except('not').socketsJoin(['b', 'c']);
                await until(async () => (await waitAll(clients.map(roomsOf)))
                    .every((rooms, i) => rooms.includes('b') === (i > 0)
                                         && rooms.includes('c') === (i > 0)),
                            'joins');

                await io().in('b').socketsLeave('c');
                await until(async () => (await waitAll(clients.map(roomsOf)))
                    .every((rooms) => !rooms.includes('c')), 'leaves');

                const gone = others.map((c) => once(c, 'disconnect'));

                await io().in('b').disconnectSockets(true);
                await waitAll(gone);
                assert.ok(first.connected);
                first.disconnect();
            });
    }

    test('what is published after a join finds who has joined', async () => {
        const clients = await everywhere();

        for (let i = 0; i < 20; i++) {
            const got = clients.map((c) => once(c, `e${i}`));

            it.emitter.socketsJoin(`room${i}`);
            it.emitter.to(`room${i}`).emit(`e${i}`);
            await waitAll(got);
        }

        clients.forEach((c) => c.disconnect());
    });

    test('one socket by its id', async () => {
        const clients = await everywhere();

        for (const client of clients) {
            await it.node.io.in(client.id).socketsJoin('alone');
        }

        await until(async () => (await waitAll(clients.map(roomsOf)))
            .every((rooms) => rooms.includes('alone')), 'all of them');
        clients.forEach((c) => c.disconnect());
    });

    test('fetchSockets and allRooms of Node', async () => {
        const clients = await everywhere();

        await waitAll(clients.map((c) => emitAck(c, 'join', 'f')));

        const sockets = await it.node.io.in('f').fetchSockets();

        assert.deepEqual(sockets.map((s) => s.id).sort(),
                         clients.map((c) => c.id).sort());
        assert.ok(sockets.every((s) => s.rooms.has('f') && s.rooms.has(s.id)
                                       && s.data && s.handshake.headers));

        const rooms = await it.node.io.of('/').adapter.allRooms();

        assert.ok(rooms.has('f'));
        assert.ok(clients.every((c) => rooms.has(c.id)));
        assert.deepEqual(await it.node.io.in('none').fetchSockets(), []);

        /* a remote socket is as good as one's own */
        const far = sockets.find((s) => s.id === clients[0].id);
        const got = once(clients[0], 'far');

        far.emit('far', 1);
        assert.deepEqual(await got, [1]);

        const bye = once(clients[0], 'disconnect');

        far.disconnect();
        await bye;
        clients.forEach((c) => c.disconnect());
    });

    test('more sockets than fit a slice', async () => {
        const clients = await Promise.all(Array.from({ length: 120 }, () =>
            connect(it.nginx[1], { mode: 'websocket' })));

        await waitAll(clients.map((c) => emitAck(c, 'join', 'many')));

        const sockets = await it.node.io.in('many').fetchSockets();

        assert.deepEqual(sockets.map((s) => s.id).sort(),
                         clients.map((c) => c.id).sort());
        clients.forEach((c) => c.disconnect());
    });

    test('a namespace nobody has heard of yet', async () => {
        it.node.io.of('/n');

        const client = await connect(it.nginx[0], { namespace: '/n' });
        const got = once(client, 'e');

        it.emitter.of('/n').socketsJoin('x');
        it.emitter.of('/n').to('x').emit('e');
        await got;
        client.disconnect();
    });

    test('serverSideEmit of the API', async () => {
        const got = new Promise((resolve) => {
            it.node.io.once('hello', (...args) => resolve(args));
        });

        assert.deepEqual(await it.nginx[0].call('serverSideEmit', {
            event: 'hello', args: [1, { a: '\u00e4' }] }), { ok: true });
        assert.deepEqual(await got, [1, { a: '\u00e4' }]);

        for (const body of [{}, { event: 1 }, { event: 'e', args: {} },
                            { event: 'e', rooms: 'r' }]) {
            assert.equal((await it.nginx[0].api('serverSideEmit', body))
                .status, 400);
        }
    });

    test('broadcasts of Node with acks', async () => {
        const clients = await everywhere();

        await waitAll(clients.map((c) => emitAck(c, 'join', 'q')));
        clients.forEach((c, i) => c.on('q', (x, ack) =>
            ack({ i, x, b: Buffer.from([i]) })));

        const got = await it.node.io.to(['q', 'none']).timeout(PATIENCE)
            .emitWithAck('q', 7);

        assert.deepEqual(got.map((v) => v.i).sort(), [0, 1, 2, 3, 4]);
        assert.ok(got.every((v) => v.x === 7 && v.b[0] === v.i));

        /* one who says nothing: the others' answers come with the error */
        clients[1].off('q');

        await assert.rejects(it.node.io.to('q').timeout(3000)
            .emitWithAck('q', 7), (err) => err.responses.length === 4);

        const [far] = (await it.node.io.in(clients[0].id).fetchSockets());

        assert.equal((await far.timeout(PATIENCE).emitWithAck('q', 8)).x, 8);
        clients.forEach((c) => c.disconnect());
    });

    test('who waits for his client is not asked', async () => {
        const clients = [];

        for (let i = 0; i < 2; i++) {
            clients.push(await connect(it.nginx[0], {
                mode: 'websocket', namespace: '/r' }));
            await emitAck(clients[i], 'join', 'q');
        }

        clients[1].on('q', (ack) => ack(1));
        clients[0].io.engine.close();
        await until(async () =>
            (await it.nginx[0].status()).sockets.waiting, 'it waits');
        await until(() => Number(it.redis.cli('pubsub', 'numsub',
                                              'socket.io-request#/r#')
            .match(/\d+$/)[0]) > 0, 'its nginx is asked');

        const answer = await it.nginx[1].publish({
            namespace: '/r', room: 'q', event: 'q', ack: { timeout: PATIENCE },
        });

        assert.deepEqual(answer.responses, [1]);
        assert.equal(answer.expected, 1);
        clients.forEach((c) => c.disconnect());
    });

    /* One answers, and one keeps questions open by his silence. */
    const twoAt = async (nginx, room) => {
        const clients = await waitAll([1, 2].map(() =>
            connect(nginx, { mode: 'websocket' })));

        await waitAll(clients.map((c) => emitAck(c, 'join', room)));
        clients[0].on('q', (n, ack) => ack(n));

        return clients;
    };

    const counters = async () => (await it.nginx[0].status()).counters;
    const acks = (room, n) => new Promise((resolve) => {
        it.node.io.to(room).timeout(PATIENCE / 2)
            .emit('q', n, (err, got) => resolve(got));
    });

    test('many broadcasts with acks, while one says nothing', async () => {
        const clients = await twoAt(it.nginx[0], 'slow');
        const all = await waitAll(Array.from({ length: 300 }, (_, n) =>
            acks('slow', n)));

        assert.deepEqual(all, all.map((_, n) => [n]));
        assert.equal((await counters()).cluster_unasked, 0);
        clients.forEach((c) => c.disconnect());
    });

    test('more of them than there is memory for', async () => {
        const N = 5000;
        const [one, silent] = await twoAt(it.nginx[0], 'full');
        const pub = await it.redis.client();
        const used = async () => (await it.nginx[0].status()).memory.acks.used;
        let got = 0;

        one.off('q');
        silent.on('q', () => { got++; });
        await waitAll(Array.from({ length: N }, (_, i) => pub.publish(
            'socket.io-request#/#', encode({
                uid: 'silent', requestId: `t${i}`, type: 7,
                packet: { type: 2, data: ['q', i], nsp: '/' },
                opts: { rooms: ['full'], except: [],
                        flags: { timeout: PATIENCE } },
            }))));
        await until(() => got === N, 'all are delivered', PATIENCE * 2);

        const { cluster_unasked: unasked } = await counters();

        assert.ok(unasked > 0 && unasked < N - 1000, `${unasked}`);
        assert.match(it.nginx[0].logs(), /\[warn\] .* awaits no acks/);
        await until(async () => await used() === 0, 'they end', PATIENCE * 2);
        one.on('q', (n, ack) => ack(n));
        assert.deepEqual(await acks('full', 1), [1]);
        assert.equal((await counters()).cluster_unasked, unasked);
        [one, silent].forEach((c) => c.disconnect());
    });

    test('serverSideEmit of Node does not wait in vain', async () => {
        const clients = await everywhere();

        assert.deepEqual(await it.node.io.serverSideEmitWithAck('hello'),
                         [null, null]);
        clients.forEach((c) => c.disconnect());
    });
});
