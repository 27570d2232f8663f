/*
 * The server API asks the other nodes: sockets, rooms, acks; with answers of
 * all, and with what there is when a node says nothing.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { closeAll, connect, emitAck, waitAll } from '../lib/client.mjs';
import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';
import { NO_REDIS, heard, startNode, startRedis } from '../lib/redis.mjs';
import { steady } from '../lib/steady.mjs';

const LATE = PATIENCE - 2000;   /* ms: acks that all come */


describe('answers', { skip: NO_REDIS }, () => {
    const it = {};

    before(async () => {
        it.redis = await startRedis();
        it.node = await startNode(it.redis);
        it.nginx = await Promise.all([1, 2].map(() => startNginx({
            workers: 2, location: `socketio_room *;
                socketio_namespace / { } socketio_namespace /n { }`,
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

    const nodes = (n) => until(() => it.redis.cli('pubsub', 'numsub',
        'socket.io-request#/#').endsWith(`\n${n}`), `${n} nodes`);

    const everywhere = async (room) => {
        const clients = await Promise.all([
            ...it.nginx.flatMap((nginx) => ['polling', 'websocket'].map(
                (mode) => connect(nginx, { mode }))),
            connect(it.node),
        ]);

        await nodes(3);
        await waitAll(clients.map((c) => emitAck(c, 'join', room)));

        return clients;
    };

    /* All go, and all servers have noticed. */
    const bye = async () => {
        closeAll();
        await until(async () => it.node.io.sockets.sockets.size === 0
            && (await waitAll(it.nginx.map((nginx) => nginx.call(
                'fetchSockets', { flags: { local: true } }))))
                .every(({ sockets }) => sockets.length === 0),
                    'nobody is left');
    };

    /* A test whose answers are complete within the time that servers have. */
    const question = (name, body) => test(name, () => steady(async () => {
        await body();
        await bye();
    }, bye));

    /* A node that is counted and never answers. */
    const mute = async (body) => {
        const sub = await it.redis.client();

        await sub.subscribe('socket.io-request#/#', () => {});
        await nodes(4);

        try {
            await body();
        } finally {
            await sub.unsubscribe('socket.io-request#/#');
            await nodes(3);
        }
    };

    question('fetchSockets', async () => {
        const clients = await everywhere('f');
        const ids = clients.map((c) => c.id).sort();

        for (const nginx of it.nginx) {
            const answer = await nginx.call('fetchSockets', { rooms: 'f' });

            assert.deepEqual(answer.sockets.map((s) => s.id).sort(), ids);
            assert.deepEqual(Object.keys(answer), ['ok', 'sockets']);

            for (const s of answer.sockets) {
                assert.deepEqual(Object.keys(s), ['id', 'namespace', 'rooms',
                    'user', 'data', 'handshake']);
                assert.deepEqual(s.rooms.sort(), [s.id, 'f'].sort());
                assert.equal(s.namespace, '/');
                assert.equal(s.user, null);
                assert.ok(s.handshake.headers.host && s.handshake.address);
            }

            const local = await nginx.call('fetchSockets', {
                rooms: 'f', flags: { local: true } });

            assert.equal(local.sockets.length, 2);
        }

        const page = await it.nginx[0].call('fetchSockets',
                                            { rooms: 'f', limit: 1 });

        assert.equal(page.sockets.length, 4);

        const rest = await it.nginx[0].call('fetchSockets', {
            rooms: 'f', limit: 1, cursor: page.cursor });

        assert.deepEqual([...page.sockets, ...rest.sockets].map((s) => s.id)
            .sort(), ids);

        const batch = await it.nginx[0].api('batch', [
            { op: 'fetchSockets', rooms: 'f' }]);

        assert.equal(batch.json.results[0].sockets.length, 2);

        for (const flags of [1, { local: 1 }, { other: true }]) {
            assert.equal((await it.nginx[0].api('fetchSockets', { flags }))
                .status, 400);
        }
    });

    question('what is secret in a handshake stays there', async () => {
        const client = await connect(it.node, {
            mode: 'websocket', auth: { token: 'hidden1' },
            query: { token: 'hidden2', shown: '1' },
            extraHeaders: { Cookie: 'a=hidden3', 'X-Any': 'hidden4',
                            Authorization: 'Bearer hidden5' },
        });

        await connect(it.nginx[0]);
        await nodes(3);

        const { sockets } = await it.nginx[0].call('fetchSockets',
                                                   { rooms: client.id });

        assert.equal(sockets[0].handshake.query.shown, '1');
        assert.ok(!JSON.stringify(sockets).includes('hidden'));
    });

    question('rooms', async () => {
        const clients = await everywhere('r');

        await emitAck(clients[0], 'join', 'first');
        await emitAck(clients[2], 'join', 'second "\u00e4"');
        await emitAck(clients[4], 'join', 'node');
        it.node.io.in(clients[4].id).socketsJoin(17);
        await until(() => it.node.io.of('/').adapter.rooms.has(17), 'a room');

        const { rooms, ...more } = await it.nginx[0].get('rooms');

        assert.deepEqual(Object.fromEntries(
            rooms.map((r) => [r.room, r.sockets])), {
            r: 2, first: 1, 'second "\u00e4"': 0, node: 0, 17: 0,
        });
        assert.equal(rooms.length, 5);
        assert.deepEqual(more, { ok: true });

        const local = await it.nginx[0].get('rooms?local=1');

        assert.deepEqual(local.rooms.map((r) => r.room).sort(),
                         ['first', 'r']);
        assert.equal((await it.nginx[0].request('GET',
            '/socketio/rooms?local=x')).status, 400);
    });

    question('many sockets', async () => {
        const clients = await Promise.all(Array.from({ length: 250 }, () =>
            connect(it.nginx[1], { mode: 'websocket' })));

        await connect(it.nginx[0]);
        await connect(it.node);
        await nodes(3);

        const { sockets } = await it.nginx[0].call('fetchSockets', {});

        assert.equal(new Set(sockets.map((s) => s.id)).size, 252);
    });

    question('many questions at the same time', async () => {
        const clients = await everywhere('m');
        const answers = await waitAll(Array.from({ length: 60 }, (_, i) =>
            i % 2 ? it.nginx[i % 4 > 1 ? 0 : 1].call('fetchSockets',
                                                     { rooms: 'm' })
                  : it.nginx[0].get('rooms')));

        answers.forEach((a) => {
            assert.equal(a.missing, undefined);
            assert.ok(a.rooms || a.sockets.length === 5);
        });
    });

    question('a node that says nothing is missing', async () => {
        const clients = await everywhere('s');

        await mute(async () => {
            const begun = Date.now();
            const [sockets, rooms] = await waitAll([
                it.nginx[0].call('fetchSockets', { rooms: 's' }),
                it.nginx[1].get('rooms'),
            ]);

            assert.ok(Date.now() - begun < 5000, 'it is waited for 3 s');
            assert.equal(sockets.missing, 1);
            assert.equal(sockets.sockets.length, 5);
            assert.equal(rooms.missing, 1);
        });
    });

    question('acks of all nodes', async () => {
        const clients = await everywhere('q');

        clients.forEach((c, i) => c.on('q', (x, b, ack) =>
            ack({ i, x, b: Buffer.from([b[0], i]) })));

        for (const nginx of it.nginx) {
            const answer = await nginx.call('emit', {
                rooms: ['q', 'none'], event: 'q', ack: { timeout: LATE },
                args: [7, { _placeholder: true, num: 0 }],
                attachments: ['CQ=='],
            });

            assert.equal(answer.expected, 5);
            assert.equal(answer.missing, 0);
            assert.equal(answer.timedOut, false);
            assert.equal(answer.missingNodes, undefined);
            assert.deepEqual(answer.responses.map((r) => [r.i, r.x]).sort(),
                             [0, 1, 2, 3, 4].map((i) => [i, 7]));
            answer.attachments.forEach(([b], n) => assert.deepEqual(
                [...Buffer.from(b, 'base64')], [9, answer.responses[n].i]));
        }

        const local = await it.nginx[0].call('emit', {
            rooms: 'q', event: 'q', args: [1, [1]], ack: { timeout: LATE },
            flags: { local: true } });

        assert.equal(local.expected, 2);

        /* where nobody is asked here */
        const far = await it.nginx[0].call('emit', {
            rooms: clients[4].id, event: 'q', args: [1, [1]],
            ack: { timeout: LATE } });

        assert.deepEqual([far.matched, far.expected, far.responses[0].i],
                         [0, 1, 4]);

        /* who says nothing */
        clients[3].off('q');

        const late = await it.nginx[0].call('emit', {
            rooms: 'q', event: 'q', args: [1, [1]], ack: { timeout: 2000 } });

        assert.deepEqual([late.expected, late.missing, late.timedOut,
                          late.responses.length], [5, 1, true, 4]);

        await mute(async () => {
            const answer = await it.nginx[0].call('emit', {
                rooms: 'none', event: 'q', ack: { timeout: 2000 } });

            assert.deepEqual([answer.expected, answer.missingNodes,
                              answer.timedOut], [0, 1, true]);
        });
    });

    question('a namespace where nobody is', async () => {
        const { sockets, missing } = await it.nginx[0].call('fetchSockets',
            { namespace: '/n' });

        assert.deepEqual([sockets, missing], [[], undefined]);
    });

    test('Redis goes', async () => {
        await it.node.stop();
        it.node = null;

        const clients = await Promise.all([0, 1].map(() =>
            connect(it.nginx[0])));

        await waitAll(clients.map((c) => emitAck(c, 'join', 'gone')));
        clients.forEach((c, i) => c.on('q', (ack) => ack(i)));
        await it.redis.kill();
        await Promise.all(it.nginx.map((nginx) => heard(nginx, 'down')));

        const sockets = await it.nginx[0].call('fetchSockets',
                                               { rooms: 'gone' });

        assert.equal(sockets.cluster, 'down');
        assert.equal(sockets.sockets.length, 2);
        assert.equal((await it.nginx[0].get('rooms')).cluster, 'down');

        const answer = await it.nginx[0].call('emit', {
            rooms: 'gone', event: 'q', ack: { timeout: LATE } });

        assert.deepEqual([answer.cluster, answer.responses.sort(),
                          answer.timedOut], ['down', [0, 1], false]);
    });
});
