/*
 * Two nginx and one server for Node.js on one Redis: who publishes by what
 * means reaches whom, once and in order.
 */

import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { after, before, describe, test } from 'node:test';

import { Emitter } from '@socket.io/redis-emitter';

import { closeAll, collect, connect, emitAck, once, waitAll }
    from '../lib/client.mjs';
import { startNginx, until } from '../lib/nginx.mjs';
import { request } from '../lib/raw.mjs';
import { NO_REDIS, heard, startNode, startRedis } from '../lib/redis.mjs';

const LOCATION = `socketio_room *;
    socketio_compression on;
    socketio_on say relay room=\${arg.0} self;
    socketio_on tell relay room=\${arg.0};
    socketio_namespace / { }
    socketio_namespace /n { }`;

const N = 40;


describe('a cluster', { skip: NO_REDIS }, () => {
    const it = { nodes: [] };

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

        it.emitter = new Emitter(await it.redis.client());

        /* one connection is one worker, which keeps the order */
        it.agent = new Agent({ keepAlive: true, maxSockets: 1 });
    });

    after(async () => {
        closeAll();
        it.agent?.destroy();
        await it.node?.stop();
        await Promise.all((it.nginx ?? []).map((nginx) => nginx.stop()));
        await it.redis?.stop();
    });

    /* A client of each server, and of each transport of nginx. */
    async function everywhere(room, namespace = '/') {
        const clients = await Promise.all([
            ...it.nginx.flatMap((nginx) => ['polling', 'websocket'].map(
                (mode) => connect(nginx, { mode, namespace }))),
            connect(it.node, { namespace }),
        ]);

        if (room) {
            await waitAll(clients.map((c) => emitAck(c, 'join', room)));
        }

        return clients;
    }

    function leave(clients) {
        clients.forEach((c) => c.disconnect());
    }

    async function publish(body) {
        const reply = await request(`${it.nginx[0].url}/socketio/emit`, {
            method: 'POST', agent: it.agent, body: JSON.stringify(body),
            headers: { 'content-type': 'application/json' },
        });

        assert.equal(JSON.parse(reply.body).ok, true);
    }

    /* Each way to publish, with what it cannot say left out. */
    const sources = {
        'the API': ({ rooms, except, namespace, isVolatile }, args) =>
            publish({ namespace, rooms, except, event: 'e', args,
                      flags: { volatile: isVolatile } }),

        'Node': ({ rooms, except, namespace, isVolatile }, args) => {
            let to = it.node.io.of(namespace);

            to = isVolatile ? to.volatile : to;
            to = rooms.length ? to.to(rooms) : to;
            (except.length ? to.except(except) : to).emit('e', ...args);
        },

        'the emitter': ({ rooms, except, namespace, isVolatile }, args) => {
            let to = it.emitter.of(namespace);

            to = isVolatile ? to.volatile : to;
            to = rooms.length ? to.to(rooms) : to;
            (except.length ? to.except(except) : to).emit('e', ...args);
        },
    };

    const targets = [
        ['one room', { rooms: ['r'] }],
        ['two rooms, once', { rooms: ['r', 'all'] }],
        ['a namespace', { rooms: [], namespace: '/n' }],
        ['all but a room', { rooms: [], except: ['shy'] }],
        ['a room but another', { rooms: ['all'], except: ['shy'] }],
    ];

    for (const [source, send] of Object.entries(sources)) {
        for (const [name, target] of targets) {
            test(`${source}: ${name}`, async () => {
                const { namespace = '/', rooms, except = [] } = target;
                const clients = await everywhere('all', namespace);
                const shy = await connect(it.nginx[1], { mode: 'websocket',
                                                         namespace });
                const rest = await connect(it.node, { namespace });

                await waitAll(clients.map((c) => emitAck(c, 'join', 'r')));

                for (const c of [shy, rest]) {
                    await emitAck(c, 'join', 'shy');
                    await emitAck(c, 'join', 'all');
                    c.on('e', () => { c.wrong = true; });
                }

                const all = clients.map((c) => collect(c, 'e', N));

                for (let i = 0; i < N; i++) {
                    await send({ namespace, rooms, except },
                               [i, { a: [0.5, 'ä', null, true] }]);
                }

                for (const got of await waitAll(all)) {
                    assert.deepEqual(got, Array.from({ length: N }, (_, i) =>
                        [i, { a: [0.5, 'ä', null, true] }]));
                }

                /* what comes after shows that nothing came twice */
                const last = [...clients, shy, rest].map((c) =>
                    once(c, 'last'));

                clients.forEach((c) => c.on('e', () => { c.wrong = true; }));

                if (except.length) {
                    assert.ok(!shy.wrong && !rest.wrong);
                }

                it.node.io.of(namespace).to('all').emit('last');
                await waitAll(last);
                assert.deepEqual(clients.filter((c) => c.wrong), []);
                leave([...clients, shy, rest]);
            });
        }

        /* a polling client gets it if a GET waits just then */
        test(`${source}: volatile`, async () => {
            const clients = await everywhere('all');
            const journals = clients.map((c) => {
                const got = [];

                c.on('e', (i) => got.push(i));

                return got;
            });
            let n = 0;

            await until(async () => {
                await send({ namespace: '/', rooms: ['all'], except: [],
                             isVolatile: true }, [n++]);

                return journals.every((got) => got.length);
            }, 'each has got one');

            const last = clients.map((c) => once(c, 'last'));

            it.node.io.to('all').emit('last');
            await waitAll(last);

            for (const got of journals) {
                assert.deepEqual(got, [...new Set(got)].sort((a, b) => a - b));
            }

            leave(clients);
        });

        test(`${source}: to one socket`, async () => {
            const [a, , b, , c] = await everywhere();

            for (const socket of [a, b, c]) {
                const got = once(socket, 'e');

                await send({ namespace: '/', rooms: [socket.id],
                             except: [] }, [socket.id]);
                assert.deepEqual(await got, [socket.id]);
            }

            leave([a, b, c]);
        });
    }

    test('values as Node reads and writes them', async () => {
        const clients = await everywhere('values');
        const args = [9007199254740991, -1, 0.1, 1e-7, -2147483649, '',
                      'a\u0000b', '\u{1f600}', [], {}, [[[]]], null,
                      { 'a b': { c: [1] } }];
        const expect = async (publish, want) => {
            const all = clients.map((c) => once(c, 'e'));

            await publish();

            for (const got of await waitAll(all)) {
                assert.deepEqual(got, want);
            }
        };

        await expect(() => it.nginx[0].publish({ rooms: ['values'],
                                                 event: 'e', args }), args);
        await expect(() => it.emitter.to('values').emit('e', ...args), args);
        await expect(() => it.node.io.to('values').emit(
            'e', new Date(86400000), undefined, [undefined],
            { u: undefined, v: 1 }),
                     ['1970-01-02T00:00:00.000Z', null, [null], { v: 1 }]);
        leave(clients);
    });

    test('binary from each side', async () => {
        const clients = await everywhere('bytes');
        const bytes = Buffer.from([0, 1, 2, 255]);
        const expect = async (publish) => {
            const all = clients.map((c) => once(c, 'e'));

            await publish();

            for (const [got] of await waitAll(all)) {
                assert.deepEqual(Buffer.from(got.a[0]), bytes);
                assert.equal(got.b, 1);
            }
        };

        await expect(() => it.node.io.to('bytes').emit('e', { a: [bytes],
                                                              b: 1 }));
        await expect(() => it.emitter.to('bytes').emit('e', { a: [bytes],
                                                              b: 1 }));
        await expect(() => it.nginx[1].publish({
            rooms: ['bytes'], event: 'e', attachments: [bytes.toString(
                'base64')],
            data: { a: [{ _placeholder: true, num: 0 }], b: 1 },
        }));
        leave(clients);
    });

    test('compress is what the publisher says', async () => {
        const clients = await Promise.all(it.nginx.map((nginx) =>
            connect(nginx, { mode: 'websocket', perMessageDeflate: true })));
        const compressions = () => Promise.all(it.nginx.map(async (nginx) =>
            (await nginx.status()).counters.compressions));
        const text = 'again and '.repeat(500);
        const { node: { io }, emitter } = it;
        const api = (flags) => it.nginx[1].publish({ rooms: ['dense'], flags,
                                                     event: 'e', data: text });

        await waitAll(clients.map((c) => emitAck(c, 'join', 'dense')));
        await until(() => it.redis.cli('pubsub', 'numsub',
                                       'socket.io-request#/#').endsWith('3'),
                    'both are asked for acks');

        for (const [publish, wanted] of [
            [() => io.to('dense').emit('e', text), [1, 1]],
            [() => io.to('dense').compress(false).emit('e', text), [0, 0]],
            [() => io.to('dense').timeout(500).emit('e', text, () => {}),
             [1, 1]],
            [() => io.to('dense').compress(false).timeout(500)
                .emit('e', text, () => {}), [0, 0]],
            [() => emitter.to('dense').compress(false).emit('e', text), [0, 0]],
            [() => api({}), [1, 1]],
            [() => api({ compress: false }), [0, 0]],
        ]) {
            const before = await compressions();
            const all = clients.map((c) => once(c, 'e'));

            await publish();
            assert.deepEqual((await waitAll(all)).map(([got]) => got),
                             [text, text]);
            assert.deepEqual((await compressions()).map((n, i) =>
                n - before[i]), wanted, String(publish));
        }

        leave(clients);
    });

    test('a relay of a client, with and without himself', async () => {
        const clients = await everywhere('talk');
        const [first, ...others] = clients;
        const said = clients.map((c) => once(c, 'say'));

        first.emit('say', 'talk', 1);

        for (const got of await waitAll(said)) {
            assert.deepEqual(got, ['talk', 1]);
        }

        const told = others.map((c) => once(c, 'tell'));

        first.on('tell', () => { first.wrong = true; });
        first.emit('tell', 'talk', 2);
        await waitAll(told);
        await emitAck(first, 'join', 'x');
        assert.ok(!first.wrong);
        leave(clients);
    });

    test('local events stay, rooms that nobody is in cost little',
        async () => {
            const clients = await everywhere('near');
            const near = clients.slice(0, 2).map((c) => once(c, 'e'));
            const all = clients.map((c) => once(c, 'last'));

            clients.slice(2).forEach((c) => {
                c.on('e', () => { c.wrong = true; });
            });
            await it.nginx[0].publish({ rooms: ['near'], event: 'e',
                                        flags: { local: true } });
            await waitAll(near);

            const skipped = async () =>
                (await it.nginx[1].status()).counters.cluster_skipped;
            const before = await skipped();

            it.node.io.to('nobody').emit('e', 1);
            await it.nginx[0].publish({ rooms: ['near'], event: 'last' });
            await waitAll(all);

            /* two publishers are in no order */
            await until(async () => await skipped() > before, 'it is skipped');
            assert.equal(await skipped(), before + 1);
            assert.deepEqual(clients.filter((c) => c.wrong), []);
            leave(clients);
        });
});
