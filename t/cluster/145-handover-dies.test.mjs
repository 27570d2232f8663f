/*
 * A worker dies at each of the points that a reload comes to, those of handing
 * over and taking listening among them: somebody listens afterwards, alone, and
 * what other nodes say comes once.  Needs the test build
 * (TEST_NGINX_MODULE_ECHO), which counts these points anew at a reload.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Emitter } from '@socket.io/redis-emitter';

import { closeAll, connect, emitAck } from '../lib/client.mjs';
import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';
import { NO_REDIS, heard, startRedis } from '../lib/redis.mjs';

const MODULE = process.env.TEST_NGINX_MODULE_ECHO;
const BINARY = process.env.TEST_NGINX_BINARY_ECHO;
const skip = MODULE === undefined ? 'TEST_NGINX_MODULE_ECHO is not set'
                                  : NO_REDIS;

const POINTS = 100;

if (skip) {
    process.stderr.write(`SKIPPED 145-handover-dies: ${skip}\n`);
}


/* Returns whether a worker died, and how listening was passed on. */
async function dieAt(redis, emitter, point) {
    process.env.SIO_TEST_DIE = String(point);

    const nginx = await startNginx({
        workers: 1, binary: BINARY, module: MODULE, mayDie: true,
        location: 'socketio_room *;', drain: '100ms',
        http: `socketio_redis app ${redis.url};`,
    });

    try {
        await heard(nginx);

        const old = nginx.workers();

        await nginx.reload({ workers: 2 });
        await until(async () => {
            /* who is asked may be the one that dies */
            const status = await nginx.status().catch(() => null);
            const leader = status?.workers.find(
                (w) => w.slot === status.cluster.leader);

            return leader && status.cluster.state === 'up'
                   && !old.includes(leader.pid);
        }, 'another worker listens', PATIENCE * 3);
        await until(() => nginx.workers().length === 2
                          && !nginx.workers().some((pid) => old.includes(pid)),
                    'the old one is gone', PATIENCE * 3);
        await until(() => old.every((pid) => nginx.logs()
            .includes(` ${pid} exited `)), 'the log tells how', PATIENCE * 3);
        await until(() => redis.cli('client', 'list', 'type', 'pubsub')
            .match(/ psub=[1-9]/g)?.join() === ' psub=2', 'no other does',
                    PATIENCE * 3);

        const { cluster_handovers: over, cluster_handovers_cut: cut } =
            (await nginx.status()).counters;
        const dead = / exited on signal 9/.test(nginx.logs());

        /* the points that are left are those of clients */
        if (!dead) {
            return { dead, cut };
        }

        const socket = await connect(nginx, { mode: 'websocket' });
        const got = [];

        socket.on('n', (n) => got.push(n));
        await emitAck(socket, 'join', 'r');

        for (const n of [1, 2, 3]) {
            emitter.to('r').emit('n', n);
        }

        await until(() => got.at(-1) === 3, 'what another node says');
        assert.deepEqual(got, [1, 2, 3]);
        closeAll();

        return { dead, over, cut };

    } finally {
        closeAll();
        await nginx.stop();
    }
}


test('a worker dies while listening is handed over', { skip }, async (t) => {
    const redis = await startRedis();
    const ways = new Map();
    let died = 0, point;

    try {
        const emitter = new Emitter(await redis.client());

        for (point = 1; point < POINTS; point++) {
            let { dead, over, cut } = await dieAt(redis, emitter, point);

            /* on a machine that stands still it is cut, and has fewer points */
            for (let i = 0; i < 5 && !dead && cut > 0; i++) {
                ({ dead, over, cut } = await dieAt(redis, emitter, point));
            }

            if (!dead) {
                break;
            }

            const way = `${over} handed over, ${cut} cut`;

            died++;
            ways.set(way, (ways.get(way) ?? 0) + 1);
        }

    } finally {
        delete process.env.SIO_TEST_DIE;
        await redis.stop();
    }

    t.diagnostic(`${died} died: ${JSON.stringify([...ways])}`);
    assert.ok(point < POINTS, 'the points have an end');
    assert.ok(died >= 3, `${died} workers died`);
});
