/*
 * refresh and revoke of a socket that another nginx has: done there, and the
 * answer is true, in bounded time, whatever the others say or do not say.
 */

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { closeAll, connect, once, waitAll } from '../lib/client.mjs';
import { startNginx, until } from '../lib/nginx.mjs';
import { NO_REDIS, heard, startNode, startRedis } from '../lib/redis.mjs';
import { steady } from '../lib/steady.mjs';
import { SECRET, inSeconds, token } from '../lib/tokens.mjs';

const LOCATION = `
    socketio_jwt_key HS256 secret=${SECRET};
    socketio_auth optional;
    socketio_auth_message 'forbidden=not "you" \u00e4';
    socketio_namespace / { socketio_room team:\${jwt.team} auto; }
    socketio_namespace /n { }`;
const NONE = 'A'.repeat(20);
const ASK = 'socket.io-nginx##';
const ANSWER = 'socket.io-response##';


describe('errands', { skip: NO_REDIS }, () => {
    const it = { revoked: 0 };

    before(async () => {
        it.redis = await startRedis();
        it.node = await startNode(it.redis);
        it.nginx = await Promise.all([1, 2].map(() => startNginx({
            workers: 2, location: LOCATION,
            http: `socketio_redis app ${it.redis.url};`,
        })));
        await Promise.all(it.nginx.map((nginx) => heard(nginx)));
        it.ids = (await waitAll(it.nginx.map((nginx) => nginx.status())))
            .map((status) => status.cluster.node);
        it.raw = await it.redis.client();
    });

    afterEach(closeAll);

    after(async () => {
        closeAll();
        await it.node?.stop();
        await Promise.all((it.nginx ?? []).map((nginx) => nginx.stop()));
        await it.redis?.stop();
    });

    const signed = (claims) => token({ exp: inSeconds(600),
                                       iat: inSeconds(-5), ...claims });

    const open = (server, claims, options = {}) => connect(server, {
        ...options, auth: claims ? { token: signed(claims) } : {} });

    const rooms = async (nginx, id) => (await nginx.call('fetchSockets', {
        rooms: id, flags: { local: true } })).sockets[0].rooms;

    /* Another nginx, as far as Redis knows; it says what answers gives it. */
    const stranger = async (answers, body) => {
        const sub = await it.redis.client();
        const said = [];
        const say = async (ask) => {
            for (const answer of ask.id ? answers(ask) : []) {
                await it.raw.publish(ANSWER, typeof answer === 'object'
                    ? JSON.stringify({ requestId: ask.id, ...answer })
                    : answer);
            }
        };

        await sub.subscribe(ASK, (message) => {
            said.push(say(JSON.parse(message)));
        });

        try {
            await body();
        } finally {
            await sub.unsubscribe(ASK);
            await waitAll(said);
        }
    };

    /* A test whose answers come within the 3 s that servers have. */
    const errand = (name, body) => test(name, () => steady(body, closeAll));

    for (const mode of ['websocket', 'polling']) {
        errand(`refresh, ${mode}`, async () => {
            const far = await open(it.nginx[1], { sub: 'u', team: 1 },
                                   { mode });

            assert.ok((await rooms(it.nginx[1], far.id)).includes('team:1'));
            assert.deepEqual(await it.nginx[0].call('refresh', {
                socket: far.id, token: signed({ sub: 'u', team: 2 }) }),
                             { ok: true, node: it.ids[1] });

            const now = await rooms(it.nginx[1], far.id);

            assert.ok(now.includes('team:2') && !now.includes('team:1'));
            assert.deepEqual(await it.nginx[1].call('refresh', {
                socket: far.id, token: signed({ sub: 'u', team: 3 }) }),
                             { ok: true });
        });
    }

    errand('refresh that the other node refuses', async () => {
        const far = await open(it.nginx[1], { sub: 'u', team: 1 });
        const bad = {
            [signed({ sub: 'other' })]: 'not "you" \u00e4',
            [token({ sub: 'u' }, { key: 'x'.repeat(32) })]: 'Unauthorized',
            ['x'.repeat(20000)]: 'Unauthorized',
            '"\u0000\ud83d\ude00': 'Unauthorized',
            '': 'Unauthorized',
        };

        for (const [text, message] of Object.entries(bad)) {
            const answers = await waitAll([0, 1].map((i) =>
                it.nginx[i].api('refresh', { socket: far.id, token: text })));

            assert.deepEqual(answers[0].json, answers[1].json);
            assert.equal(answers[0].status, 422);
            assert.equal(answers[0].json.error.code, 'invalid_token');

            if (message.startsWith('not')) {
                assert.equal(answers[0].json.error.message, message);
            }
        }

        assert.ok((await rooms(it.nginx[1], far.id)).includes('team:1'));
    });

    errand('refresh in the wrong namespace', async () => {
        const far = await open(it.nginx[1], { sub: 'u' },
                               { namespace: '/n' });
        const body = { socket: far.id, token: signed({ sub: 'u' }) };

        assert.equal((await it.nginx[0].api('refresh', body)).status, 404);
        assert.equal((await it.nginx[0].call('refresh', {
            ...body, namespace: '/n' })).node, it.ids[1]);
    });

    errand('revoke', async () => {
        const auth = { token: signed({ sub: `r${it.revoked++}` }) };
        const [near, far, more] = await Promise.all([0, 1, 1].map((i) =>
            connect(it.nginx[i], { auth })));
        const others = await Promise.all([
            open(it.nginx[0], { sub: 'x' }), open(it.nginx[1], { sub: 'x' }),
            connect(it.node, { auth })]);
        const gone = [near, far, more].map((c) => once(c, 'disconnect'));

        assert.deepEqual(await it.nginx[0].call('revoke', { socket: far.id }),
                         { ok: true, matched: 2, node: it.ids[1] });
        await waitAll(gone);

        for (const nginx of it.nginx) {
            await assert.rejects(connect(nginx, { auth }));
        }

        assert.ok(others.every((c) => c.connected));
    });

    errand('revoke of a socket without a token', async () => {
        const far = await open(it.nginx[1], null, { namespace: '/n' });
        const gone = once(far, 'disconnect');
        const { id } = far;

        assert.deepEqual(await it.nginx[0].call('revoke', { socket: id }),
                         { ok: true, matched: 1, node: it.ids[1] });
        assert.equal((await gone)[0], 'io server disconnect');
        assert.equal((await it.nginx[0].api('revoke', { socket: id }))
            .status, 404);
    });

    errand('many at once', async () => {
        const clients = await Promise.all(Array.from({ length: 30 }, () =>
            open(it.nginx[1], { sub: 'm' }, { mode: 'websocket' })));
        const answers = await waitAll(clients.flatMap((c) => [1, 2].map(
            (team) => it.nginx[0].call('refresh', {
                socket: c.id, token: signed({ sub: 'm', team }) }))));

        assert.ok(answers.every((a) => a.node === it.ids[1]));
        assert.equal((await it.nginx[0].get('status')).cluster.state, 'up');
    });

    errand('a socket that nobody has', async () => {
        const node = await connect(it.node);
        const begun = Date.now();

        for (const socket of [NONE, node.id, 'short', '"\\\u00e4', '#'.repeat(20)]) {
            for (const [operation, more] of [['revoke', {}],
                                             ['refresh', { token: 'x' }]])
            {
                const { status, json } = await it.nginx[0].api(
                    operation, { socket, ...more });

                assert.equal(status, 404);
                assert.deepEqual(json, { ok: false, error: {
                    code: 'unknown_socket', message: 'unknown socket',
                    path: 'socket' } });
            }
        }

        assert.ok(Date.now() - begun < 2500);
    });

    errand('a batch asks nobody', async () => {
        const far = await open(it.nginx[1], { sub: 'b' });
        const { json } = await it.nginx[0].api('batch', [
            { op: 'revoke', socket: far.id },
            { op: 'refresh', socket: far.id, token: 'x' }]);

        assert.deepEqual(json.results.map((r) => r.error.status), [404, 404]);
        assert.ok(far.connected);
    });

    errand('a node that says nothing', async () => {
        const far = await open(it.nginx[1], { sub: 's' });

        await stranger(() => [], async () => {
            let begun = Date.now();

            assert.deepEqual(await it.nginx[0].call('refresh', {
                socket: far.id, token: signed({ sub: 's' }) }),
                             { ok: true, node: it.ids[1] });
            assert.ok(Date.now() - begun < 2000, 'who has it ends the wait');

            begun = Date.now();

            const { status, json } = await it.nginx[0].api('revoke',
                                                           { socket: NONE });

            assert.equal(status, 504);
            assert.equal(json.error.code, 'no_answer');
            assert.equal(json.missing, 1);
            assert.equal(json.cluster, undefined);
            assert.ok(Date.now() - begun > 2500 && Date.now() - begun < 4000);
        });
    });

    errand('a caller that goes away is not waited for', async () => {
        await stranger(() => [], async () => {
            const asks = Array.from({ length: 20 }, () => {
                const stop = new AbortController();

                setTimeout(() => stop.abort(), 50);

                return fetch(`${it.nginx[0].url}/socketio/revoke`, {
                    method: 'POST', signal: stop.signal,
                    headers: { 'content-type': 'application/json' },
                    body: JSON.stringify({ socket: NONE }) });
            });

            assert.ok((await Promise.allSettled(asks)).every(
                (r) => r.status === 'rejected'));
        });

        assert.equal((await it.nginx[0].api('revoke', { socket: NONE }))
            .status, 404);
    });

    errand('answers of strangers', async () => {
        const data = (more) => ({ data: { node: 'x', result: 1, matched: 1,
                                          message: '', ...more } });
        const none = [
            '', '{', '[]', '\u0000', '\x81\xa1', '{"requestId":1}', 'ID',
            'x'.repeat(1 << 20), '{"requestId":"ID-1","data":{"result":1}}',
            { type: 9, ...data() },
        ];
        const empty = [
            {}, { data: null }, { data: [] }, { data: 'x'.repeat(1 << 20) },
            data({ result: 0 }), data({ result: 4 }), data({ result: -1 }),
            data({ result: '1' }), data({ result: 1e9 }), data({ node: 1 }),
            data({ node: undefined }), data({ node: 'x'.repeat(100) }),
            data({ message: {} }), data({ message: 'x'.repeat(2000) }),
        ];
        const ask = () => it.nginx[0].api('revoke', { socket: NONE });

        await stranger(({ id }) => none.map((a) => typeof a === 'object'
            ? a : a.replaceAll('ID', id)), async () => {
            const { status, json } = await ask();

            assert.equal(status, 504, 'none of these is an answer');
            assert.equal(json.missing, 1);
        });

        for (const answer of empty) {
            await stranger(() => [answer], async () => {
                assert.equal((await ask()).status, 404,
                             JSON.stringify(answer).slice(0, 60));
            });
        }

        /* what it says is believed, once: it could do the same by other means */
        await stranger(() => [data({ node: '"<\u00e4>' }), data({ node: 'y' }),
                              data({ result: 2 })], async () => {
            assert.deepEqual(await it.nginx[0].call('revoke',
                                                    { socket: NONE }),
                             { ok: true, matched: 1, node: '"<\u00e4>' });
        });
        await stranger(() => [data({ result: 3 })], async () => {
            assert.equal((await it.nginx[0].api('revoke', { socket: NONE }))
                .status, 507);
        });
    });

    errand('what is no errand', async () => {
        const refused = async () =>
            (await it.nginx[1].status()).counters.cluster_refused;
        const far = await open(it.nginx[1], { sub: 'h' });
        const before = await refused();
        const good = { uid: 'abcdef', id: 'i', ask: 'revoke', for: 1,
                       nsp: '', socket: far.id, token: '' };
        const bad = [{ ask: 'other' }, { ask: 1 }, { ask: null }, { for: -1 },
                     { for: 1e12 }, { for: '1' }, { id: 1 },
                     { id: 'x'.repeat(200) }, { socket: far.id.repeat(2) },
                     { socket: 5 }, { nsp: 'x'.repeat(3000) }, { nsp: [] },
                     { token: 'x'.repeat(9000) }, { token: undefined }];

        for (const more of bad) {
            await it.raw.publish(ASK, JSON.stringify({ ...good, ...more }));
        }

        await until(async () => await refused() === before + bad.length,
                    'all are refused');
        assert.ok(far.connected);

        const gone = once(far, 'disconnect');

        await it.raw.publish(ASK, JSON.stringify(good));
        await gone;
    });

    errand('a question is heard once, and only by the leader', async () => {
        const answers = [];
        const sub = await it.redis.client();

        await sub.subscribe(ANSWER, (text) => answers.push(JSON.parse(text)));
        assert.equal((await it.nginx[0].api('revoke', { socket: NONE }))
            .status, 404);
        await it.raw.publish(ANSWER, '{"last":1}');
        await until(() => answers.at(-1)?.last, 'all answers');

        /* one to a question of another test may still have come */
        assert.equal(answers.filter((a) => a.requestId?.startsWith(it.ids[0]))
            .length, 2);
        await sub.unsubscribe(ANSWER);
    });

    test('Redis goes', async () => {
        const near = await open(it.nginx[0], { sub: 'd' });
        const far = await open(it.nginx[1], { sub: 'd' });

        await it.node.stop();
        it.node = null;
        await it.redis.leave();
        await it.redis.kill();
        await Promise.all(it.nginx.map((nginx) => heard(nginx, 'down')));

        const { status, json } = await it.nginx[0].api('revoke',
                                                       { socket: far.id });

        assert.equal(status, 504);
        assert.equal(json.error.code, 'no_answer');
        assert.equal(json.cluster, 'down');
        assert.deepEqual(await it.nginx[0].call('refresh', {
            socket: near.id, token: signed({ sub: 'd' }) }), { ok: true });
        assert.ok(far.connected);
    });
});
