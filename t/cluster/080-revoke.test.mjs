/*
 * What one nginx revokes, the others revoke too.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { closeAll, connect, once, waitAll } from '../lib/client.mjs';
import { startNginx } from '../lib/nginx.mjs';
import { NO_REDIS, heard, startNode, startRedis } from '../lib/redis.mjs';
import { SECRET, inSeconds, token } from '../lib/tokens.mjs';


describe('revoke', { skip: NO_REDIS }, () => {
    const it = {};

    before(async () => {
        it.redis = await startRedis();
        it.node = await startNode(it.redis);
        it.nginx = await Promise.all([1, 2].map(() => startNginx({
            workers: 2, location: `socketio_jwt_key HS256 secret=${SECRET};
                socketio_auth required;`,
            http: `socketio_redis app ${it.redis.url};`,
        })));
        await Promise.all(it.nginx.map((nginx) => heard(nginx)));
        it.raw = await it.redis.client();
    });

    after(async () => {
        closeAll();
        await it.node?.stop();
        await Promise.all((it.nginx ?? []).map((nginx) => nginx.stop()));
        await it.redis?.stop();
    });

    const signed = (claims) => token({ exp: inSeconds(600),
                                       iat: inSeconds(-5), ...claims });

    const cases = {
        user: [{ sub: 'u1' }, () => ({ user: 'u1' })],
        jti: [{ sub: 'u2', jti: 'j2' }, () => ({ jti: 'j2' })],
        socket: [{ sub: 'u3' }, (own) => ({ socket: own.id })],
    };

    for (const [name, [claims, body]] of Object.entries(cases)) {
        test(`by ${name}`, async () => {
            const auth = { token: signed(claims) };
            const clients = await Promise.all(it.nginx.map((nginx) =>
                connect(nginx, { auth })));
            const other = await connect(it.nginx[1], {
                auth: { token: signed({ sub: 'other' }) } });
            const node = await connect(it.node, { auth });
            const gone = clients.map((c) => once(c, 'disconnect'));

            assert.deepEqual(await it.nginx[0].call('revoke',
                                                    body(clients[0])),
                             { ok: true, matched: 1 });
            await waitAll(gone);
            await assert.rejects(connect(it.nginx[1], { auth }));
            assert.ok(other.connected && node.connected);
            closeAll();
        });
    }

    test('what is nothing that can be revoked', async () => {
        const before = (await it.nginx[0].status()).counters.cluster_refused;
        const client = await connect(it.nginx[0], {
            auth: { token: signed({ sub: 'other' }) } });
        const messages = ['', '{', '[]', '{"revoke":3}',
            '{"revoke":0,"key":"00","issued":1,"until":1}',
            `{"revoke":0,"key":"${'zz'.repeat(16)}","issued":1,"until":1}`,
            `{"revoke":0,"key":"${'00'.repeat(16)}","issued":-1,"until":1}`];

        for (const message of messages) {
            await it.raw.publish('socket.io-nginx##', message);
        }

        const got = once(client, 'e');

        await it.nginx[1].publish({ event: 'e' });
        await got;
        assert.equal((await it.nginx[0].status()).counters.cluster_refused
                     - before, messages.length);
        closeAll();
    });
});
