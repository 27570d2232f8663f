/*
 * Too much of everything on the bus, and events that come while their clients
 * are away: nothing is lost that has its place, and memory is bounded.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';

import { Emitter } from '@socket.io/redis-emitter';

import { closeAll, connect, emitAck, once, waitAll }
    from '../lib/client.mjs';
import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';
import { WebSocketRaw } from '../lib/raw.mjs';
import { NO_REDIS, heard, startRedis } from '../lib/redis.mjs';


/* A Redis and an nginx on it, for the time of a test. */
function withRedis(name, body, { words = [], ...options } = {}) {
    test(name, { skip: NO_REDIS }, async () => {
        const redis = await startRedis(words);
        const nginx = await startNginx({
            workers: 2, location: 'socketio_room *; socketio_recovery 30s;',
            http: `socketio_redis app ${redis.url};`, ...options,
        });

        try {
            await heard(nginx);
            await body(redis, nginx);

        } finally {
            closeAll();
            await nginx.stop();
            await redis.stop();
        }
    });
}


for (const mode of ['websocket', 'polling']) {
    withRedis(`${mode}: who comes back gets what others have published`,
        async (redis, nginx) => {
            const emitter = new Emitter(await redis.client());
            const client = await connect(nginx, { mode });
            const { id } = client;
            const got = [];

            client.on('n', (n) => got.push(n));
            await emitAck(client, 'join', 'r');
            await nginx.publish({ event: 'n', data: 0 });
            await until(() => got.length === 1, 'an offset');

            const gone = once(client, 'disconnect');

            client.io.engine.close();
            await gone;
            await until(async () => (await nginx.status()).counters
                .sockets_closed === 1,
                        'nobody is here');

            const { cluster_received: before } = (await nginx.status()).counters;

            emitter.emit('n', 1);
            emitter.to('r').emit('n', 2);
            emitter.to(id).emit('n', 3);
            emitter.to(['x', 'r']).emit('n', 4);
            emitter.to('x').emit('n', 5);
            await until(async () => {
                const { counters } = await nginx.status();

                return counters.cluster_received + counters.cluster_skipped
                       >= before + 5;
            }, 'five messages');

            const again = once(client, 'connect');

            client.connect();
            await again;
            assert.ok(client.recovered);
            await until(() => got.length >= 5, 'all of them');
            assert.deepEqual(got, [0, 1, 2, 3, 4]);
        });
}


/* Bytes of memory that a process has had at most. */
function peak(pid) {
    const text = fs.readFileSync(`/proc/${pid}/status`, 'latin1');

    return Number(/VmHWM:\s*(\d+)/.exec(text)[1]) * 1024;
}


withRedis('many requests for large lists, and one for a small one',
    async (redis, nginx) => {
        const pub = await redis.client();
        const sub = await redis.client();
        const { cluster, workers } = await nginx.status();
        const { pid } = workers.find((w) => w.slot === cluster.leader);
        const sessions = [];
        let answers = 0;
        let small = false;

        for (let i = 0; i < 500; i++) {
            sessions.push(await WebSocketRaw.open(nginx.url));
            await sessions[i].connect();
        }

        await nginx.call('socketsJoin', { join:
            Array.from({ length: 30 }, (_, i) => `${i}`.padEnd(200, 'x')) });

        const before = peak(pid);

        await sub.subscribe('socket.io-response#/#', (message) => {
            answers += message.startsWith('{"requestId":"big');
            small ||= message.startsWith('{"requestId":"small');
        });

        const ask = (requestId, type) => pub.publish('socket.io-request#/#',
            JSON.stringify({ uid: 'x', requestId, type,
                             opts: { rooms: [], except: [] } }));

        await waitAll([...Array.from({ length: 60 }, (_, i) =>
            ask(`big${i}`, 5)), ask('small', 1)]);
        await until(() => small, 'the last answer', PATIENCE * 4);
        assert.equal(answers, 60);

        /* ASan keeps what was freed */
        assert.ok(process.env.ASAN_OPTIONS || peak(pid) - before < 80e6,
                  `${peak(pid) - before} bytes`);

        sessions.forEach((session) => session.close());
    }, { zone: 'zone=app:32m',
         words: ['--client-output-buffer-limit', 'pubsub 0 0 0'] });


withRedis('answers that no node should give', async (redis, nginx) => {
    const pub = await redis.client();
    const sub = await redis.client();
    const client = await connect(nginx, { mode: 'websocket' });
    const deep = '['.repeat(30) + ']'.repeat(30);
    const lists = [
        'null', '7', '"x"', '{}', '[]', '[null,1,"a",[],{}]',
        '[{"id":7}]', '[{"id":null,"rooms":[]}]',
        '[{"id":"\\u0061","rooms":null,"data":1e999,"user":{},"handshake":3}]',
        '[{"id":"b","id":"c","handshake":{"query":[],"headers":{"a":{}}}}]',
        `[{"id":"d","handshake":{"query":{"${'q'.repeat(300)}":1,"x":2}}}]`,
        `[{"id":"e","data":${deep.slice(4, -4)}}]`,
        JSON.stringify(Array.from({ length: 5000 }, (_, i) => `r${i % 9}`)),
    ];
    const whole = [
        () => '', () => '{', () => '{}', () => '\xc1', () => '\xdd\xff\xff\xff\xff',
        (id) => `{"requestId":"${id}","type":-1,"clientCount":1e9}`,
        (id) => `{"requestId":"${id}","type":8,"clientCount":99999999999}`,
        (id) => `{"requestId":"${id}","type":9,"packet":${deep}}`,
        (id) => `{"requestId":["${id}"]}`,
        (id) => `{"requestId":"${id}x","sockets":[{"id":"z"}]}`,
    ];

    await emitAck(client, 'join', 'r');
    await sub.subscribe('socket.io-request#/#', async (text) => {
        const id = /-?[0-9a-z]{6}-[0-9a-f]+-[0-9a-f]+/.exec(text)[0];
        const answer = (message) => pub.publish('socket.io-response#/#',
            Buffer.from(message, 'latin1'));

        /* together, so that a question is not over before the last one */
        await Promise.allSettled([
            ...whole.map((make) => answer(make(id))),
            ...lists.map((list) => answer(`{"requestId":"${id}",`
                + `"sockets":${list},"rooms":${list}}`)),
        ]);
    });
    await until(() => /2$/.test(redis.cli('pubsub', 'numsub',
                                          'socket.io-request#/#')), 'two');

    const { sockets } = await nginx.call('fetchSockets', {});

    assert.ok(sockets.find((s) => s.id === client.id));
    assert.ok(!sockets.find((s) => s.id === 'z'));

    const { rooms } = await nginx.get('rooms');

    assert.ok(rooms.find((r) => r.room === 'r'));
    assert.equal(rooms.length, new Set(rooms.map((r) => r.room)).size);

    client.on('ask', (ack) => ack(1));

    const { responses } = await nginx.publish({ event: 'ask',
                                                ack: { timeout: 4000 } });

    assert.ok(responses.includes(1));
    assert.equal((await nginx.status()).counters.cluster_failures, 0);
});
