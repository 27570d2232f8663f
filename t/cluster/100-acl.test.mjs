/*
 * The user of Redis that the documentation recommends may do all that nginx
 * does; without any one of his rights the log says which.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { closeAll, connect, once } from '../lib/client.mjs';
import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';
import { NO_REDIS, heard, startNode, startRedis } from '../lib/redis.mjs';
import { steady } from '../lib/steady.mjs';

const LONG = PATIENCE * 6;
const [, NAME, RIGHTS] = /^user (\S+) on >secret (.*)$/m.exec(
    fs.readFileSync(new URL('../../docs/cluster.md', import.meta.url), 'utf8'));
const rights = RIGHTS.split(' ');


describe('the rights in Redis', { skip: NO_REDIS }, () => {
    const it = { users: 0 };

    before(async () => {
        it.redis = await startRedis();
        it.node = await startNode(it.redis);
    });

    after(async () => {
        closeAll();
        await it.node?.stop();
        await it.redis?.stop();
    });

    /* Runs a test with an nginx that is a user with these rights. */
    async function as(words, body, db = '') {
        const name = `${NAME}${++it.users}`;

        it.redis.cli('acl', 'setuser', name, 'on', '>s3cret', ...words);
        it.redis.cli('acl', 'log', 'reset');

        const nginx = await startNginx({
            workers: 2, location: 'socketio_room *;',
            http: `socketio_redis app redis://${name}:s3cret@127.0.0.1:${
                it.redis.port}${db} node=a;`,
        });

        try {
            await body(nginx);
            assert.ok(!nginx.logs().includes('s3cret'));

        } finally {
            closeAll();
            await nginx.stop();
            it.redis.cli('acl', 'deluser', name);
        }
    }

    /* Events both ways, and a question. */
    async function works(nginx) {
        await heard(nginx);

        const near = await connect(nginx, { mode: 'websocket' });
        const far = await connect(it.node, { mode: 'websocket' });
        const [here, there] = [once(near, 'far'), once(far, 'near')];

        it.node.io.emit('far', 1);
        await nginx.publish({ event: 'near', data: 2 });
        assert.deepEqual(await here, [1]);
        assert.deepEqual(await there, [2]);

        await steady(async () => {
            const answer = await nginx.call('fetchSockets', {});

            assert.equal(answer.sockets.length, 2);
            assert.equal(answer.cluster, undefined);
        });
        await nginx.call('socketsJoin', { rooms: ['r'], join: ['s'] });
        await nginx.call('serverSideEmit', { event: 'e' });
        await nginx.call('revoke', { user: 'u' });
    }

    test('that the documentation names are enough', () => as(rights,
        async (nginx) => {
            await works(nginx);
            assert.equal(it.redis.cli('acl', 'log'), '');
            assert.doesNotMatch(nginx.logs(), /\[(warn|error)\]/);
        }, '/1'));

    for (const [what, words] of Object.entries({
        'is off': ['off'], 'may do nothing': ['on', 'nopass', '-@all'],
    })) {
        test(`are asked of the user alone, where the default one ${what}`,
            async () => {
                const user = (...all) => it.redis.cli(
                    '--user', 'admin', '--pass', 'a', '--no-auth-warning',
                    'acl', 'setuser', ...all);

                it.redis.cli('acl', 'setuser', 'admin', 'on', '>a', '~*', '&*',
                             '+@all');

                await as(rights, async (nginx) => {
                    user('default', ...words);

                    try {
                        await heard(nginx);
                        await nginx.reload();
                        await until(async () => (await nginx.status())
                            .cluster.publisher === 'up', 'it is let in');

                    } finally {
                        user('default', 'on', 'nopass', '~*', '&*', '+@all');
                    }
                });
            });
    }

    const ask = (nginx) => nginx.call('fetchSockets', {});
    const missing = {
        '+ping': /publisher lost Redis at .*its user may not PING/,
        '+select': /publisher lost Redis at .*may not SELECT/,
        '+publish': /publisher: Redis at .* refuses a command: NOPERM .*publish/,
        '+psubscribe': /listener lost .* to socket\.io-request#\*, NOPERM/,
        '+subscribe': /listener lost .* to socket\.io-nginx##, NOPERM/,
        '&socket.io*': /listener lost .* to socket\.io-nginx##, NOPERM/,
        '&socket.io#*': /listener lost .* subscribe to socket\.io#\*, NOPERM/,
        '&socket.io-request#*': /listener lost .* to socket\.io-request#\*, /,
        '+pubsub|numsub': [
            /publisher: Redis at .* refuses a command: NOPERM .*pubsub\|numsub/,
            async (nginx) => {
                await heard(nginx);
                assert.equal((await ask(nginx)).cluster, 'down');
            },
        ],
        '+unsubscribe': [/asker lost .*-response#\.\.\., NOPERM .*unsubscribe/,
                         async (nginx) => {
                             await heard(nginx);
                             await ask(nginx);
                         }],
    };

    for (const right of rights.filter((one) => !/^(-|reset)/.test(one))) {
        test(`without ${right} the log says so`, () => {
            const [why, act] = [missing[right] ?? []].flat();

            assert.ok(why, 'the test knows this right');

            return as(rights.filter((one) => one !== right), async (nginx) => {
                await act?.(nginx);
                await until(() => why.test(nginx.logs()), `${why}`, LONG);

                /* clients are served */
                const one = await connect(nginx, { mode: 'websocket' });
                const got = once(one, 'e');

                await nginx.publish({ event: 'e' });
                await got;

                if (!act && right !== '+publish') {
                    assert.equal((await nginx.status()).cluster.state, 'down');
                    assert.doesNotMatch(nginx.logs(), /listener .* is back/);
                }
            }, '/1');
        });
    }
});
