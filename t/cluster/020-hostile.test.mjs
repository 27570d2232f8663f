/*
 * What is no message of the adapter: refused and counted, by nginx alone,
 * since a server for Node.js ends of some of these.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Emitter } from '@socket.io/redis-emitter';

import { closeAll, connect, once } from '../lib/client.mjs';
import { startNginx } from '../lib/nginx.mjs';
import { NO_REDIS, heard, startRedis } from '../lib/redis.mjs';


test('messages that nobody should send', { skip: NO_REDIS }, async () => {
    const redis = await startRedis();
    const nginx = await startNginx({
        location: 'socketio_room *;', zone: 'zone=app:1m log=256k',
        http: `socketio_redis app ${redis.url} prefix=a*;`,
    });

    await heard(nginx);

    const pub = await redis.client();
    const emitter = new Emitter(pub, { key: 'a*' });
    const client = await connect(nginx);
    const got = once(client, 'fine');
    const bad = [
        '', 'x', '\xc1', '\x93\xa1x', '\xdd\xff\xff\xff\xff',
        '\x93\xa1x\x82\xa4type\x02\xa4data\x91\xa7connect\x80',
        '\x93\xa1x\x83\xa4type\x02\xa4data\x91\xa1e\xa3nsp\xa2/x\x80',
        '\x91'.repeat(40) + '\xc0',
    ];

    for (const message of bad) {
        await pub.publish('a*#/#', Buffer.from(message, 'latin1'));
    }

    for (const channel of ['a*#', 'a*#/', 'a*##', 'a*-request#', 'a*#a#b#c#',
                           'a*-request##', 'a*-x#/#', 'ab#/#',
                           'a*-request#/#', 'a*-request#/']) {
        for (const message of ['', 'x', '{}', '{"type":9}', '{"type":2}',
                               '{"type":5,"opts":1}']) {
            await pub.publish(channel, message);
        }
    }

    /* ten attachments are taken, eleven are not; nor is what is too large */
    emitter.emit('many', ...Array(11).fill(Buffer.from('x')));
    emitter.emit('large', 'x'.repeat(40000));
    client.onAny((event, ...args) => {
        if (event !== 'fine' || args.length !== 10) {
            client.wrong = event;
        }
    });
    emitter.emit('fine', ...Array(10).fill(Buffer.from('x')));
    await got;

    const { counters, cluster } = await nginx.status();

    assert.equal(client.wrong, undefined);
    assert.ok(counters.cluster_refused >= bad.length + 2);
    assert.equal(cluster.state, 'up');
    assert.equal(counters.cluster_failures, 0);

    closeAll();
    await nginx.stop();
    await redis.stop();
});
