/*
 * A Redis that is slow, reads nothing, is full, or throws us out: clients of
 * this nginx are served, what waits is bounded, counters and the log tell, and
 * all is well again when Redis is.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { closeAll, collect, connect, once } from '../lib/client.mjs';
import { PATIENCE, SLOWED, freePort, nginxVersion, startNginx, until }
    from '../lib/nginx.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { NO_REDIS, heard, startNode, startRedis } from '../lib/redis.mjs';
import { Authority } from '../lib/tls.mjs';
import { exited } from '../workers/lib/processes.mjs';

const LONG = PATIENCE * 6;
const PROMPT = SLOWED ? PATIENCE : 4000;
const MB = 1024 * 1024;
const QUEUE = 16 * MB;          /* bytes that may wait in a connection */
const KERNEL = 12 * MB;         /* what the sockets on the way may hold */


/* Runs a test with a Redis, a proxy in front of it, and an nginx behind. */
function through(name, body, { tls = false, words = [], ...options } = {}) {
    const skip = NO_REDIS
        || (tls && !/OpenSSL/.test(nginxVersion()) && 'nginx has no OpenSSL');

    test(name, { skip }, async () => {
        const it = { proxy: new Proxy() };
        let port, url;

        if (tls) {
            it.authority = new Authority();

            const { cert, key } = it.authority.sign('IP:127.0.0.1');

            port = await freePort();
            words = ['--tls-port', port, '--tls-cert-file', cert,
                     '--tls-key-file', key, '--tls-ca-cert-file',
                     it.authority.ca, '--tls-auth-clients', 'no'];
        }

        try {
            it.redis = await startRedis(words);
            await it.proxy.start(port ?? it.redis.port);
            url = `127.0.0.1:${it.proxy.port}`;
            it.nginx = await startNginx({
                location: 'socketio_room *; socketio_send_buffer 64m;',
                zone: 'zone=app:16m log=32m', api: 'client_max_body_size 8m;',
                http: `socketio_redis app ${tls
                    ? `rediss://${url} ca=${it.authority.ca}`
                    : `redis://${url}`};`,
                ...options,
            });
            await body(it);

        } finally {
            closeAll();
            it.proxy.stop();
            await it.node?.stop();
            await it.nginx?.stop();
            await it.redis?.stop();
            it.authority?.remove();
        }
    });
}


const numbers = (n) => Array.from({ length: n }, (_, i) => [i]);


/* n events of each side, in order at the other. */
async function flows(it, n = 1) {
    it.node ??= await startNode(it.redis);

    const name = `${Math.random()}`;
    const near = await connect(it.nginx, { mode: 'websocket' });
    const far = await connect(it.node, { mode: 'websocket' });
    const got = [near, far].map((one) => collect(one, name, n, LONG));

    near.on('connect_error', () => {});

    for (let i = 0; i < n; i++) {
        it.node.io.except('nobody').to(near.id).emit(name, i);
        await it.nginx.publish({ rooms: [far.id], event: name, data: i });
    }

    assert.deepEqual(await Promise.all(got), [numbers(n), numbers(n)]);
    near.disconnect();
    far.disconnect();
}


const counters = async (it) => (await it.nginx.status()).counters;
const emit = async (it, event, data) =>
    (await it.nginx.publish({ event, data })).cluster;
const well = async (it) => {
    await heard(it.nginx, 'up', LONG);
    await until(async () => await emit(it, 'x') === undefined
                            && (await it.nginx.status()).cluster.publisher
                               === 'up', 'publishers are told', LONG);
};

/* The leader has changed when those who leave are gone. */
const reload = async (it) => {
    const fresh = await it.nginx.reload();

    await until(() => it.nginx.workers().every((pid) => fresh.includes(pid)),
                'the old ones leave', LONG);
    await well(it);
};

const lines = (it, what) => it.nginx.logs().split('\n')
    .filter((line) => line.includes(what));


describe('Redis behind a slow line', () => {
    for (const tls of [false, true]) {
        const kind = tls ? ', by TLS' : '';

        through(`that trickles${kind}`, async (it) => {
            await heard(it.nginx, 'up', LONG);
            it.proxy.up.slow(16, 1);
            it.proxy.down.slow(16, 1);
            await flows(it, 20);

            const { cluster_failures, cluster_lost } = await counters(it);

            assert.deepEqual([cluster_failures, cluster_lost], [0, 0]);

            /* a connection that begins so as well */
            await reload(it);
            await flows(it, 2);
        }, { tls });

        through(`whose every answer takes 200 ms${kind}`, async (it) => {
            await heard(it.nginx, 'up', LONG);
            it.proxy.down.slow(MB, 200);
            await flows(it, 10);
            it.proxy.up.slow(MB, 200);
            await flows(it, 10);
            assert.equal((await counters(it)).cluster_failures, 0);
        }, { tls });

        through(`that reads nothing${kind}`, async (it) => {
            await heard(it.nginx, 'up', LONG);
            await flows(it);

            const near = await connect(it.nginx, { mode: 'websocket' });
            const data = 'x'.repeat(MB / 2);
            let [sent, taken, got] = [0, 0, 0];

            near.on('big', () => { got++; });
            const begun = await counters(it);

            it.proxy.up.stop();

            for (let state; state !== 'down'; sent++) {
                const begin = Date.now();

                state = await emit(it, 'big', data);
                assert.ok(Date.now() - begin < PROMPT, 'nothing blocks');
                taken += state !== 'down' && data.length;
                assert.ok(taken <= QUEUE + KERNEL, `${taken} bytes taken`);
            }

            assert.ok(taken >= QUEUE / 2, `${taken} bytes taken`);
            await until(() => got === sent, 'clients here get all', LONG);

            /* the answer is due in 5 s, and what waited is lost */
            assert.ok((await counters(it)).cluster_lost > begun.cluster_lost);
            await until(() => lines(it, 'it does not answer in time').length,
                        'the log says so', LONG);
            assert.ok((await counters(it)).cluster_lost
                      > begun.cluster_lost + taken / data.length / 2);
            await heard(it.nginx, 'down', LONG);

            const here = once(near, 'small');

            await emit(it, 'small');
            await here;
            it.proxy.up.go();
            await well(it);
            await flows(it, 5);
        }, { tls });
    }

    through('that says nothing, while events wait', async (it) => {
        await heard(it.nginx, 'up', LONG);
        it.proxy.down.stop();
        await emit(it, 'x');
        await until(async () => (await it.nginx.status()).cluster.publisher
                                !== 'up', 'the publisher is away', LONG);
        assert.ok((await counters(it)).cluster_lost >= 1);
        it.proxy.down.go();
        await well(it);
        await flows(it, 5);
    });

    /* the old leader is gone when the heir finds out */
    through('that is deaf to who is to listen next', async (it) => {
        await heard(it.nginx, 'up', LONG);

        let deaf;

        it.proxy.up.map = (data, pair) => {
            if (data.includes('PSUBSCRIBE')) {
                deaf ??= pair;
            }

            return data;
        };
        it.proxy.down.map = (data, pair) => (pair === deaf ? Buffer.alloc(0)
                                                           : data);

        const old = it.nginx.workers();

        await it.nginx.reload();
        await exited(it.nginx, old, LONG);
        assert.ok(deaf);
        assert.equal((await it.nginx.status()).cluster.state, 'down');
        await well(it);
        assert.ok(lines(it, 'listener lost Redis').at(-1)
            .includes('nothing is heard from it'));
        await flows(it, 5);
    });
});


describe('a full Redis', () => {
    /* PUBLISH needs no memory of its own */
    through('passes on what is published', async (it) => {
        await heard(it.nginx, 'up', LONG);
        it.redis.cli('config', 'set', 'maxmemory-policy', 'noeviction');
        it.redis.cli('config', 'set', 'maxmemory', '1');
        assert.match(it.redis.cli('set', 'a', 'b'), /^OOM/);
        await flows(it, 5);
        await reload(it);
        await flows(it, 5);
        assert.equal((await counters(it)).cluster_lost, 0);
    });

    through('that refuses commands is told of, once', async (it) => {
        await heard(it.nginx, 'up', LONG);

        const before = await counters(it);

        it.proxy.up.map = (data, pair) => {
            pair.hears ||= data.includes('SUBSCRIBE');

            return data;
        };
        it.proxy.down.map = (data, pair) => (pair.hears ? data : Buffer.from(
            data.toString('latin1').replaceAll(/^:\d+\r\n/gm,
                "-OOM command not allowed when used memory > 'maxmemory'.\r\n"),
            'latin1'));

        const near = await connect(it.nginx, { mode: 'websocket' });
        const got = collect(near, 'e', 10);

        for (let i = 0; i < 10; i++) {
            assert.equal(await emit(it, 'e', i), undefined);
        }

        assert.deepEqual(await got, numbers(10));
        await until(async () => (await counters(it)).cluster_lost
                                >= before.cluster_lost + 10, 'all are counted');
        assert.equal(lines(it, 'refuses a command: OOM').length, 1);
        assert.equal((await it.nginx.status()).cluster.publisher, 'up');

        it.proxy.down.map = undefined;

        const { cluster_lost } = await counters(it);

        await flows(it, 5);
        assert.ok((await counters(it)).cluster_lost <= cluster_lost + 2);
    });

    through('that throws out a slow subscriber', async (it) => {
        await heard(it.nginx, 'up', LONG);
        it.redis.cli('config', 'set', 'client-output-buffer-limit',
                     'pubsub 1mb 0 0');

        const raw = await it.redis.client();
        const before = await counters(it);
        const data = 'x'.repeat(MB);
        const hears = () => it.redis.cli('client', 'list', 'type', 'pubsub')
            !== '';

        assert.ok(hears());
        it.proxy.down.stop();

        for (let i = 0; i < 100 && hears(); i++) {
            await raw.publish('socket.io#/#nobody#', data);
        }

        assert.ok(!hears(), 'Redis has closed the connection');
        it.proxy.down.go();
        await until(() => lines(it, 'listener lost Redis').length > 0,
                    'the log says so', LONG);
        await until(() => lines(it, 'listener of Redis').length > 0,
                    'it is back', LONG);
        await heard(it.nginx, 'up', LONG);
        assert.ok((await counters(it)).cluster_failures
                  > before.cluster_failures);
        await flows(it, 5);
    });
});
