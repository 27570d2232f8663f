/*
 * Two nginx with one node=: each tells the log, seldom, and its status.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';
import { NO_REDIS, heard, startRedis } from '../lib/redis.mjs';
import { steady } from '../lib/steady.mjs';

const LONG = PATIENCE * 6;
const WARNING = /\[warn\].*two nginx have node=(\w+), this one \((\w+)\) and (\w+) on host "[^"]+"/;


describe('node=', { skip: NO_REDIS }, () => {
    const it = { nginx: [], names: 0 };

    before(async () => {
        it.redis = await startRedis();
        it.raw = await it.redis.client();
    });

    after(async () => {
        await Promise.all(it.nginx.map((nginx) => nginx.stop()));
        await it.redis?.stop();
    });

    async function start(words) {
        const nginx = await startNginx({
            workers: 2, http: `socketio_redis app ${it.redis.url} ${words};`,
        });

        it.nginx.push(nginx);
        await heard(nginx);

        return nginx;
    }

    const warnings = (nginx) => nginx.logs().split('\n')
        .filter((line) => line.includes('[warn]'));
    const status = async (nginx) => (await nginx.status()).cluster;

    /* Some heartbeats, two messages each. */
    async function heartbeats(nginx) {
        const sent = async () => (await nginx.status()).counters.cluster_sent;
        const begin = await sent();

        await until(async () => await sent() - begin >= 6, 'heartbeats', LONG);
    }

    test('that two have is noticed by both', async () => {
        const twins = await Promise.all([start('node=a'), start('node=a')]);
        const others = await Promise.all([start('node=b'), start('')]);
        for (const nginx of twins) {
            await until(async () => (await status(nginx)).nameTaken === true,
                        'status says so', LONG);
        }

        /* what goes on is told seldom */
        await heartbeats(others[0]);

        const [one, two] = await Promise.all(twins.map(status));

        for (const [nginx, own, other] of [[twins[0], one.node, two.node],
                                           [twins[1], two.node, one.node]]) {
            const lines = warnings(nginx);

            assert.equal(lines.length, 1, lines.join('\n'));
            assert.deepEqual(WARNING.exec(lines[0]).slice(1, 4),
                             ['a', own, other]);
        }

        assert.deepEqual([one.name, one.nameTaken], ['a', true]);
        assert.deepEqual(others.map(warnings), [[], []]);

        const [b, none] = await Promise.all(others.map(status));

        assert.deepEqual([b.name, b.nameTaken], ['b', false]);
        assert.ok(!('name' in none) && !('nameTaken' in none));

        /* when one of them is gone it is over */
        it.nginx.splice(it.nginx.indexOf(twins[1]), 1);
        await twins[1].stop();
        await until(async () => (await status(twins[0])).nameTaken === false,
                    'it is over', LONG);
    });

    /* but the old one must not be there for 1.5 s */
    test('that a reload to a larger zone has again', () => steady(async () => {
        const nginx = await start(`node=d${it.names++}`);
        const { node } = await status(nginx);

        await nginx.reload({ zone: 'zone=app:17m log=8m' });
        await until(async () => (await status(nginx)).node !== node,
                    'the new node', LONG);
        await heard(nginx);
        await heartbeats(nginx);
        assert.deepEqual(warnings(nginx), []);
        assert.equal((await status(nginx)).nameTaken, false);
    }));

    test('that a stranger says in a strange way is refused', async () => {
        const nginx = await start('node=c');
        const before = (await nginx.status()).counters.cluster_refused;
        const bad = ['x', 'abcdef', 'abcdefg', 'abcdef\n', 'abcdef x\n[alert]',
                     'abcdef \x1b[31m', `abcdef ${'x'.repeat(65)}`,
                     'a b c d', '\0'.repeat(20)];

        for (const message of bad) {
            await it.raw.publish('socket.io-node#c#', message);
        }

        await until(async () => (await nginx.status()).counters.cluster_refused
                                === before + bad.length, 'all are refused');
        assert.deepEqual(warnings(nginx), []);
        assert.equal((await status(nginx)).nameTaken, false);
    });
});
