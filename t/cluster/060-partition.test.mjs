/*
 * The network between a node and its Redis is cut and healed: both are there,
 * no connection ends, packets are lost.  Redis lives in a network namespace of
 * its own; the cut takes PARTITION_SECONDS.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { client, closeAll, connect, connected, once } from '../lib/client.mjs';
import { PATIENCE, SLOWED, startNginx, until } from '../lib/nginx.mjs';
import { NO_REDIS, heard, startNode, startRedis } from '../lib/redis.mjs';

const SECONDS = Number(process.env.PARTITION_SECONDS ?? 6);
const LONG = PATIENCE * 6;
const PROMPT = SLOWED ? PATIENCE : 4000;
const DEAF = 12;        /* seconds after which a node must have noticed */

/* The interface's name has at most 15 characters. */
const NAME = `sio${process.pid}`;
const [HIGH, LOW] = [(process.pid >> 6) & 255, (process.pid & 63) << 2];
const NEAR = `198.18.${HIGH}.${LOW + 1}`;
const FAR = `198.18.${HIGH}.${LOW + 2}`;


function ip(...words) {
    const run = spawnSync('ip', words, { encoding: 'utf8' });

    return run.status === 0 ? null : run.error?.message ?? run.stderr.trim();
}


/* A namespace and a wire to it, or why there can be none. */
function wire() {
    for (const words of [
        `netns add ${NAME}`,
        `link add ${NAME} type veth peer name eth0 netns ${NAME}`,
        `addr add ${NEAR}/30 dev ${NAME}`,
        `link set ${NAME} up`,
        `-n ${NAME} addr add ${FAR}/30 dev eth0`,
        `-n ${NAME} link set lo up`,
        `-n ${NAME} link set eth0 up`,
    ]) {
        const why = ip(...words.split(' '));

        if (why) {
            unwire();
            return `no network namespaces: ip ${words}: ${why}`;
        }
    }

    return false;
}


function unwire() {
    ip('link', 'del', NAME);
    ip('netns', 'del', NAME);
}


const skip = NO_REDIS || wire();

if (skip) {
    process.stderr.write(`SKIPPED 060-partition: ${skip}\n`);
}


describe(`a cut of ${SECONDS} s between a node and Redis`, { skip }, () => {
    let redis, nginx;

    before(async () => {
        redis = await startRedis(
            ['--bind', FAR, '127.0.0.1', '--protected-mode', 'no'],
            { host: FAR, within: ['ip', 'netns', 'exec', NAME] });
        nginx = await startNginx({
            workers: 2, location: 'socketio_room *;',
            http: `socketio_redis app ${redis.url};`,
        });
        await heard(nginx);
    });

    after(async () => {
        closeAll();
        await nginx?.stop();
        await redis?.stop();
        unwire();
    });

    /* An event of a client here, and one of a server elsewhere. */
    async function flows(one) {
        const node = await startNode(redis);
        const far = client(node.url, { mode: 'websocket' });
        const heard = [];

        try {
            await connected(far);

            const here = once(one, 'far');

            far.on('near', (data) => heard.push(data));
            node.io.emit('far', 1);
            assert.deepEqual(await here, [1]);

            /* each worker has a connection, which TCP may still try to mend */
            await until(async () => {
                await nginx.publish({ event: 'near', data: 2 });

                return heard.length;
            }, 'the other node hears', LONG);
            assert.equal(heard[0], 2);

        } finally {
            far.disconnect();
            await node.stop();
            await redis.leave();
        }
    }

    test('is survived, seen, and forgotten', async () => {
        const clients = await Promise.all(['websocket', 'polling'].map(
            (mode) => connect(nginx, { mode })));
        const states = new Set();
        let gone = 0;

        clients.forEach((c) => c.on('disconnect', () => { gone++; }));
        await flows(clients[0]);

        assert.equal(ip('-n', NAME, 'link', 'set', 'eth0', 'down'), null);

        const begin = Date.now();

        /* a command is to be answered within 5 s, the leader hears in 8 */
        const seen = () => SECONDS <= 5 || states.has('publisher away')
                           || states.has('down');
        const time = () => Date.now() - begin;

        for (let n = 0; time() < SECONDS * 1000
                        || (!seen() && time() < SECONDS * 1000 + PATIENCE); n++)
        {
            const got = clients.map((c) => once(c, `local ${n}`));
            const asked = Date.now();
            const answer = await nginx.publish({ event: `local ${n}` });

            await Promise.all(got);
            assert.ok(Date.now() - asked < PROMPT, 'nothing blocks');
            states.add(answer.cluster);

            const { cluster } = await nginx.status();

            states.add(cluster.state);

            if (cluster.publisher !== 'up') {
                states.add('publisher away');
            }

            await sleep(250);
        }

        assert.ok(seen(), [...states].join());

        if (SECONDS > DEAF) {
            assert.equal((await nginx.status()).cluster.state, 'down');
            assert.match(nginx.logs(), /lost Redis at/);
        }

        assert.equal(ip('-n', NAME, 'link', 'set', 'eth0', 'up'), null);

        /* the longest pause, a connection that is tried, and chance */
        await until(async () => {
            const { cluster } = await nginx.status();

            return cluster.state === 'up' && cluster.publisher === 'up'
                   && (await nginx.publish({ event: 'x' })).cluster
                      === undefined;
        }, 'all is up again', LONG);

        await flows(clients[0]);
        assert.equal(gone, 0);
    });
});
