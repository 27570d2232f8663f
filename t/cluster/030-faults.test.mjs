/*
 * Redis that is away, comes back, hangs, is none or lets nobody in: clients of
 * this nginx are served, status tells, and all returns by itself.
 */

import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';

import { closeAll, connect, once } from '../lib/client.mjs';
import { PATIENCE, freePort, startNginx, testConfig, until }
    from '../lib/nginx.mjs';
import { NO_REDIS, heard, startNode, startRedis } from '../lib/redis.mjs';
import { steady } from '../lib/steady.mjs';

const LONG = PATIENCE * 6;


/* Runs a test with a Redis and an nginx on it. */
function withRedis(name, body, { redis: words = [], url = (r) => r.url,
                                 ...options } = {}) {
    test(name, { skip: NO_REDIS }, async () => {
        const redis = await startRedis(words);
        const nginx = await startNginx({
            workers: 2, location: 'socketio_room *;',
            http: `socketio_redis app ${url(redis)};`, ...options,
        });

        try {
            await body(redis, nginx);

        } finally {
            closeAll();
            await nginx.stop();
            await redis.stop();
        }
    });
}


/* Clients are served; resolves to what the publisher is told. */
async function told(nginx) {
    const client = await connect(nginx, { mode: 'websocket' });
    const got = once(client, 'e');
    const answer = await nginx.publish({ event: 'e', data: 1 });

    assert.deepEqual(await got, [1]);
    client.disconnect();

    return answer.cluster;
}


/*
 * Clients are served, and publishers are told that Redis is away, but not in
 * the moments in which their worker tries to connect.
 */
const servedAlone = (nginx) => until(async () => await told(nginx) === 'down',
                                     'publishers are told', LONG);


/* An event comes from outside. */
async function reached(redis, nginx) {
    const client = await connect(nginx, { mode: 'websocket' });
    const node = await startNode(redis);
    const got = once(client, 'far');

    node.io.emit('far', 1);
    assert.deepEqual(await got, [1]);
    client.disconnect();
    await node.stop();
}


describe('Redis', () => {
    withRedis('that is killed and started again', async (redis, nginx) => {
        await heard(nginx);
        await redis.kill();
        await heard(nginx, 'down');
        await servedAlone(nginx);
        await redis.start();
        await heard(nginx, 'up', LONG);
        await reached(redis, nginx);
        await until(async () => (await nginx.publish({ event: 'e' })).cluster
                                === undefined, 'publishers are told', LONG);
    });

    withRedis('that hangs', async (redis, nginx) => {
        await heard(nginx);
        redis.child.kill('SIGSTOP');
        assert.equal(await told(nginx), undefined);
        await heard(nginx, 'down', LONG);
        await until(async () => (await nginx.publish({ event: 'e' })).cluster
                                === 'down', 'publishers are told', LONG);
        redis.child.kill('SIGCONT');
        await heard(nginx, 'up', LONG);
        await reached(redis, nginx);
    });

    withRedis('with a password, a user and a database', async (redis, nginx) => {
        await heard(nginx);
        assert.equal(redis.cli('-a', 'p@ss', 'client', 'list')
            .match(/user=default/g).length >= 2, true);
        assert.doesNotMatch(nginx.logs(), /p@ss|p%40ss/);
    }, { redis: ['--requirepass', 'p@ss'],
         url: (r) => `redis://:p%40ss@127.0.0.1:${r.port}/3` });

    withRedis('by a socket of its own', async (redis, nginx) => {
        await heard(nginx);
        await reached(redis, nginx);
    }, { url: (r) => `unix:${r.sock}` });

    withRedis('with a wrong password', async (redis, nginx) => {
        await until(() => nginx.logs().includes('wrong user or password'),
                    'the log says so');
        await servedAlone(nginx);
        assert.doesNotMatch(nginx.logs(), /bad-secret/);
    }, { redis: ['--requirepass', 'x'],
         url: (r) => `redis://:bad-secret@127.0.0.1:${r.port}` });

    withRedis('that wants a password', async (redis, nginx) => {
        await until(() => nginx.logs().includes('it wants a password'),
                    'the log says so');
        await servedAlone(nginx);
        redis.cli('-a', 'x', 'config', 'set', 'requirepass', '');
        await heard(nginx, 'up', LONG);
    }, { redis: ['--requirepass', 'x'] });

    withRedis('whose user may not subscribe', async (redis, nginx) => {
        await until(() => nginx.logs().includes('let this user subscribe'),
                    'the log says so');
        assert.equal((await nginx.status()).cluster.state, 'down');
        assert.equal(await told(nginx), undefined);
    }, { redis: ['--user', 'u', 'on', '>p', 'allkeys', '&*', '+@all',
                 '-psubscribe'],
         url: (r) => `redis://u:p@127.0.0.1:${r.port}` });
});


describe('what is not Redis', () => {
    const answers = {
        'HTTP': 'HTTP/1.1 400 Bad Request\r\n\r\n',
        'loading': '-LOADING Redis is loading the dataset in memory\r\n',
        'noise': '+PONG\r\n+PONG\r\n+PONG\r\n+PONG\r\n:1\r\n*0\r\n',
        'an array': '*1\r\n$4\r\nPONG\r\n',
        'deep arrays': '*1\r\n'.repeat(40),
        'a long line': `+${'x'.repeat(100000)}\r\n`,
    };

    for (const [name, bytes] of Object.entries(answers)) {
        test(name, async () => {
            const sockets = new Set();
            const server = net.createServer((socket) => {
                sockets.add(socket);
                socket.on('error', () => {});
                socket.on('data', () => {});
                socket.write(bytes);
            });
            const port = await freePort();

            server.listen(port, '127.0.0.1');

            const nginx = await startNginx({
                location: 'socketio_room *;',
                http: `socketio_redis app redis://127.0.0.1:${port};`,
            });

            try {
                /* hiredis 1.x takes the arrays for a reply's beginning */
                await until(() => sockets.size >= 4, 'some tries',
                            PATIENCE * 3);
                await told(nginx);
                assert.equal((await nginx.status()).cluster.state, 'down');

            } finally {
                closeAll();
                await nginx.stop();
                sockets.forEach((socket) => socket.destroy());
                server.close();
            }
        });
    }

    test('and one that says nothing', async () => {
        const server = net.createServer((socket) => {
            socket.on('error', () => {});
            socket.unref();
        });
        const port = await freePort();

        server.listen(port, '127.0.0.1');

        const nginx = await startNginx({
            http: `socketio_redis app redis://127.0.0.1:${port};`,
        });

        try {
            await until(() => nginx.logs().includes('not answer in time'),
                        'the log says so', LONG);

        } finally {
            await nginx.stop();
            server.close();
        }
    });
});


describe('the leader', () => {
    withRedis('that is killed is followed within 2 s', async (redis, nginx) => {
        await heard(nginx);

        const client = await connect(nginx, {
            mode: 'websocket', reconnection: true, reconnectionDelay: 50,
        });
        const node = await startNode(redis);

        await steady(async () => {
            const { cluster, workers } = await nginx.status();
            const { pid } = workers.find((w) => w.slot === cluster.leader);
            const begin = Date.now();

            await nginx.kill(pid);

            const timer = setInterval(() => node.io.emit('far'), 20);

            try {
                await once(client, 'far');

            } finally {
                clearInterval(timer);
            }

            const took = Date.now() - begin;

            assert.ok(took < 2000, `${took} ms`);
        }, () => heard(nginx));

        await until(async () => redis.cli('pubsub', 'numsub',
                                          'socket.io-request#/#')
            .endsWith('2'), 'one node');
        await node.stop();
    });

    withRedis('leaves at a reload, and another takes over',
        async (redis, nginx) => {
            await heard(nginx);

            const client = await connect(nginx, { mode: 'polling' });
            const node = await startNode(redis);

            await nginx.reload();
            await heard(nginx);

            const got = once(client, 'far', LONG);

            node.io.emit('far');
            await got;
            await node.stop();
        });
});


describe('socketio_redis', () => {
    const good = [
        'redis://127.0.0.1', 'redis://127.0.0.1:1234/5', 'redis://[::1]:6379',
        'redis://u:p%40:x@127.0.0.1/', 'unix:/tmp/none.sock',
        'redis://localhost adapter=pubsub prefix=a:b', 'redis://h@127.0.0.1 '
        + 'env=HOME', 'redis://127.0.0.1 env=HOME',
    ];
    const bad = [
        ['app', 'invalid number of arguments'],
        ['app http://127.0.0.1', 'needs a URL such as redis://'],
        ['none redis://127.0.0.1', 'unknown zone "none"'],
        ['app redis://', 'no host'],
        ['app redis://127.0.0.1:99999', 'invalid port'],
        ['app redis://127.0.0.1/x', 'needs the number of a database'],
        ['app redis://u@127.0.0.1', 'a user without a password'],
        ['app redis://127.0.0.1 env=SIO_NO_SUCH', 'is not set'],
        ['app redis://:p@127.0.0.1 env=HOME', 'two passwords'],
        ['app redis://127.0.0.1 env=HOME env=HOME',
         'duplicate parameter "env=HOME"'],
        ['app redis://127.0.0.1 prefix=a node=b prefix=c',
         'duplicate parameter "prefix=c"'],
        ['app redis://127.0.0.1 prefix=', 'needs a prefix'],
        ['app redis://127.0.0.1 prefix=a#b', 'needs a prefix'],
        ['app redis://127.0.0.1 adapter=sharded', 'invalid parameter'],
        ['app rediss://127.0.0.1 ca=no.pem', 'no.pem" of socketio_redis in '],
        ['app redis://127.0.0.1; socketio_redis app redis://127.0.0.1',
         'duplicate "socketio_redis"'],
    ];

    for (const url of good) {
        test(`takes ${url}`, async () => {
            const run = await testConfig({ http: `socketio_redis app ${url};`,
                                           location: '' });

            assert.ok(run.ok, run.output);
        });
    }

    for (const [words, why] of bad) {
        test(`refuses ${words}`, async () => {
            const run = await testConfig({ http: `socketio_redis ${words};`,
                                           location: '' });

            assert.ok(!run.ok);
            assert.ok(run.output.includes(why), run.output);
            assert.doesNotMatch(run.output, /:p@/);
        });
    }
});
