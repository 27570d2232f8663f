/*
 * Questions to other nodes that meet with accidents: the worker that asks is
 * killed, the connection that should hear the answers is deaf, answers come too
 * late, are malformed, huge, or somebody else's.
 */

import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { encode } from 'notepack.io';

import { closeAll, connect, emitAck, once, waitAll } from '../lib/client.mjs';
import { PATIENCE, freePort, startNginx, until } from '../lib/nginx.mjs';
import { request } from '../lib/raw.mjs';
import { NO_REDIS, heard, startNode, startRedis } from '../lib/redis.mjs';
import { steady } from '../lib/steady.mjs';

const ASK = 'socket.io-request#/#';
const ANSWER = 'socket.io-response#/#';
const WAIT = 3000;              /* of the API for lists, see docs/cluster.md */


/* Stands between an nginx and Redis, and can keep what Redis says to some. */
class Proxy {
    async start(redis) {
        this.port = await freePort();
        this.pairs = [];
        this.server = net.createServer((near) => {
            const far = net.connect(redis.port, '127.0.0.1');
            const pair = { near, far, said: '', deaf: false };

            near.on('data', (data) => {
                pair.said = (pair.said + data.toString('latin1')).slice(-9999);
                far.write(data);
            });
            far.on('data', (data) => {
                if (!pair.deaf) {
                    near.write(data);
                }
            });

            for (const [one, other] of [[near, far], [far, near]]) {
                one.on('error', () => {});
                one.on('close', () => other.destroy());
            }

            this.pairs.push(pair);
        });

        await new Promise((resolve) => {
            this.server.listen(this.port, '127.0.0.1', resolve);
        });

        return this;
    }

    /* Connections that have said something, and are open. */
    that(word) {
        return this.pairs.filter((p) => !p.near.destroyed
                                        && p.said.includes(word));
    }

    stop() {
        this.pairs.forEach((p) => { p.near.destroy(); p.far.destroy(); });
        this.server.close();
    }
}


/* A request that may fail; .answer or .error. */
async function attempt(nginx, operation, body, agent) {
    try {
        const reply = await request(`${nginx.url}/socketio/${operation}`, {
            method: body ? 'POST' : 'GET', body: body && JSON.stringify(body),
            headers: { 'content-type': 'application/json' }, agent,
        });

        return { status: reply.status, answer: JSON.parse(reply.body) };

    } catch (error) {
        return { error };
    }
}


describe('accidents', { skip: NO_REDIS }, () => {
    const it = {};

    before(async () => {
        /* Node's own connection must not be closed for what it is told */
        it.redis = await startRedis(['--client-output-buffer-limit',
                                     'pubsub', '0', '0', '0']);
        it.proxy = await new Proxy().start(it.redis);
        it.node = await startNode(it.redis);
        it.nginx = await Promise.all([it.proxy, it.redis].map(({ port }) =>
            startNginx({
                workers: 2, location: 'socketio_room *;',
                http: `socketio_redis app redis://127.0.0.1:${port};`,
            })));
        await Promise.all(it.nginx.map((nginx) => heard(nginx)));
        it.raw = await it.redis.client();
        it.clients = await waitAll([it.nginx[0], it.nginx[1], it.node].map(
            (server) => connect(server, {
                mode: 'polling', reconnection: true, reconnectionDelay: 20,
            })));
        await waitAll(it.clients.map((c) => emitAck(c, 'join', 'r')));

        /* a poll that a worker takes with it ends its session */
        it.clients.forEach((c) => c.on('connect', () => c.emit('join', 'r')));
        await nodes(3);
    });

    after(async () => {
        closeAll();
        await it.node?.stop();
        await Promise.all((it.nginx ?? []).map((nginx) => nginx.stop()));
        it.proxy?.stop();
        await it.redis?.stop();
    });

    const nodes = (n) => until(() => it.redis.cli('pubsub', 'numsub', ASK)
        .endsWith(`\n${n}`), `${n} nodes`);

    /* Another node, as far as Redis knows, that hears what is asked. */
    const stranger = async (hears, body) => {
        const sub = await it.redis.client();
        const said = [];

        await sub.subscribe(ASK, (message) => {
            const id = /"?requestId"?[^0-9a-z]*([0-9a-z]+-[0-9a-f]+-[0-9a-f]+)/
                .exec(message.toString('latin1'));

            if (id) {
                said.push(hears(id[1]));
            }
        }, true);
        await nodes(4);

        try {
            await body();
        } finally {
            await sub.unsubscribe(ASK);
            await waitAll(said);
            await nodes(3);
        }
    };

    const used = async (nginx, kind) =>
        (await nginx.status()).memory[kind].used;

    /* All is well: everybody is listed, and answers. */
    const well = async () => {
        it.clients.forEach((c) => {
            c.off('ok');
            /* without an ack where the answers could not be heard */
            c.on('ok', (ack) => ack?.(1));
        });

        for (const nginx of it.nginx) {
            /* they, and none that one of them has left behind */
            await until(async () => {
                const list = await nginx.call('fetchSockets', { rooms: 'r' });

                return list.sockets.map((s) => s.id).sort().join()
                           === it.clients.map((c) => c.id).sort().join()
                       && !list.missing && !list.cluster;
            }, 'all are listed', PATIENCE * 3);

            await steady(async () => {
                /* the worker that is asked now may be another one, and not
                 * yet connected again */
                const answer = await until(async () => {
                    const said = await nginx.call('emit', {
                        rooms: 'r', event: 'ok',
                        ack: { timeout: PATIENCE - 2000 } });

                    return !said.cluster && said;
                }, 'the cluster is asked');

                assert.deepEqual([answer.responses, answer.expected,
                                  answer.timedOut], [[1, 1, 1], 3, false]);
            });
            await until(async () => await used(nginx, 'acks') === 0,
                        'no question is left');
        }
    };

    test('all is well', well);

    /* A test in which servers must not stand still for a second or three. */
    const accident = (name, body) => test(name, () => steady(body, async () => {
        it.clients.forEach((c) => c.off('late'));
        it.proxy.pairs.forEach((pair) => pair.deaf && pair.near.destroy());
        await well();
    }));

    accident('a worker is killed while it asks', async () => {
        const late = [];
        let asked = 0;

        it.clients.forEach((c) => c.on('late', (ack) => late.push(ack)));

        await stranger(() => { asked++; }, async () => {
            const [nginx] = it.nginx;
            const all = Array.from({ length: 24 }, (_, i) => [
                () => attempt(nginx, 'fetchSockets', { rooms: 'r' }),
                () => attempt(nginx, 'rooms'),
                () => attempt(nginx, 'emit', {
                    rooms: 'r', event: 'late', ack: { timeout: WAIT } }),
            ][i % 3]()).map((p) => p.then((r) => ({ ...r, end: Date.now() })));

            /* rooms are two questions */
            await until(() => asked >= 32 && late.length >= 24,
                        'all questions are out');

            /* the leader here has come to the last of them */
            const behind = once(it.clients[0], 'behind');

            it.node.io.to('r').emit('behind');
            await behind;

            const begun = Date.now();

            await nginx.kill(nginx.workers()[0]);

            const results = await Promise.all(all);
            const lost = results.filter((r) => r.error);
            const rest = results.filter((r) => !r.error);

            assert.ok(lost.length > 0 && rest.length > 0,
                      `${lost.length} of ${results.length} were lost`);
            lost.forEach((r) => assert.ok(r.end - begun < 1500,
                                          'they end at once'));
            rest.forEach(({ status, answer }) => {
                assert.equal(status, 200);
                assert.equal(answer.missingNodes ?? answer.missing, 1);
            });
        });

        /* acks that nobody waits for any more, also of the dead worker */
        late.forEach((ack) => ack(1));
        it.clients.forEach((c) => c.off('late'));
        await well();
    });

    test('the leader is killed while it is asked', async () => {
        const [a, b] = it.nginx;
        const all = Array.from({ length: 12 }, (_, i) => i % 2
            ? attempt(a, 'fetchSockets', { rooms: 'r' })
            : attempt(a, 'emit', { rooms: 'r', event: 'x',
                                   ack: { timeout: 500 } }));
        const { cluster, workers } = await b.status();

        await b.kill(workers.find((w) => w.slot === cluster.leader).pid);

        for (const { status, answer } of await Promise.all(all)) {
            assert.equal(status, 200);
            assert.ok(answer.ok);
        }

        await until(async () => (await b.status()).cluster.state === 'up',
                    'it hears again', PATIENCE * 2);
        await well();
    });

    accident('answers come when nobody waits any more', async () => {
        const [a, b] = it.nginx;
        const { cluster, workers } = await b.status();
        const { pid } = workers.find((w) => w.slot === cluster.leader);
        let got = false;

        it.clients.forEach((c, i) => c.on('late', (ack) => {
            got ||= i === 1;
            ack('late');
        }));
        process.kill(pid, 'SIGSTOP');

        try {
            const [list, acks] = await waitAll([
                a.call('fetchSockets', { rooms: 'r' }),
                a.call('emit', { rooms: 'r', event: 'late',
                                 ack: { timeout: 2000 } }),
            ]);

            assert.equal(list.missing, 1);
            assert.equal(list.sockets.length, 2);
            assert.deepEqual([acks.missingNodes, acks.expected,
                              acks.timedOut], [1, 2, true]);

        } finally {
            process.kill(pid, 'SIGCONT');
        }

        await until(() => got, 'the late one is asked');
        it.clients.forEach((c) => c.off('late'));
        await well();
    });

    accident('who should hear the answers is deaf', async () => {
        const [a] = it.nginx;
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        const fetch = () => attempt(a, 'fetchSockets', { rooms: 'r' }, agent);

        assert.equal((await fetch()).answer.sockets.length, 3);

        const deaf = it.proxy.that('-response#');

        assert.ok(deaf.length > 0);
        deaf.forEach((pair) => { pair.deaf = true; });

        const begun = Date.now();
        const { answer } = await fetch();

        /* a channel that is not confirmed is told apart within a second */
        assert.ok(Date.now() - begun < WAIT + 1000);
        assert.equal(answer.sockets.length, 1);
        assert.ok(answer.missing === 3 || answer.cluster === 'down',
                  JSON.stringify(answer));
        assert.equal((await a.publish({ rooms: 'r', event: 'x' })).cluster,
                     undefined, 'events go on');

        /* it connects again by itself, if it is asked for long enough */
        await until(async () => {
            const more = await Promise.all([fetch(), fetch()]);

            return more.every((r) => r.answer.sockets.length === 3);
        }, 'it hears again', PATIENCE * 6);
        deaf.forEach((pair) => { pair.near.destroy(); });
        agent.destroy();
        await well();
    });

    const list = (member, value) => (id) => JSON.stringify({
        requestId: id, [member]: value });
    const ack = (more) => (id) => encode({ type: 9, requestId: id, ...more });
    const text = (words) => (id) => words.replaceAll('ID', id);
    const deep = (n) => `${'['.repeat(n)}1${']'.repeat(n)}`;
    const some = { id: 'x'.repeat(20), rooms: [], data: {}, handshake: {} };

    const common = {
        'nothing': text(''),
        'no JSON': text('{"requestId":"ID"'),
        'an id and noise': text('{"requestId":"ID"}x'),
        'its id elsewhere': text('{"a":"ID","requestId":"b"}'),
        'an id that is longer': text('{"requestId":"ID0"}'),
        'an id of numbers': text('{"requestId":7,"uid":"ID"}'),
        'MessagePack that is cut': (id) => encode({ requestId: id, type: 9,
                                                    packet: [1] })
            .subarray(0, 40),
        'MessagePack, an array': (id) => encode([id, id]),
        'deep': text(`{"requestId":"ID","sockets":${deep(5000)}}`),
        'long': text(`{"requestId":"ID","x":"${'y'.repeat(9 << 20)}"}`),
        'a type': text('{"requestId":"ID","type":1e300}'),
        'no UTF-8': (id) => Buffer.concat([
            Buffer.from(`{"requestId":"${id}","rooms":["`),
            Buffer.from([0xff, 0xc0]), Buffer.from('"]}')]),
    };

    const lists = {
        ...Object.fromEntries([null, 1, 'x', {}, [1, 'a', null, [], true],
                               [{}], [{ id: 1 }], [{ id: null }]].map((v) =>
            [`sockets ${JSON.stringify(v)}`, list('sockets', v)])),
        'members of other types': list('sockets', [{
            id: '', rooms: {}, data: 0, user: [[]], handshake: 'x' }]),
        'a handshake of other types': list('sockets', [{
            ...some, handshake: { query: [], headers: 'x', address: {},
                                  time: [1], secure: 'no' } }]),
        'a handshake with secrets': list('sockets', [{
            ...some, handshake: { query: { token: 'hidden' },
                                  headers: { cookie: 'hidden' } } }]),
        'members twice': text('{"requestId":"ID","sockets":[{"id":"a","id":'
                              + '"b","\\u0069d":"c","rooms":[],"rooms":1}]}'),
        'many': list('sockets', Array(20000).fill(some)),
        'many nothings': list('sockets', Array(1 << 20).fill(0)),
        'too much': list('sockets', [{ ...some, data: 'x'.repeat(17 << 20) }]),
        'rooms of other types': list('rooms', [1, 1.5, -0, 1e300, null, true,
                                               [], {}, 'x', '\u0000', '',
                                               'y'.repeat(5000)]),
        'many rooms': list('rooms', Array.from({ length: 50000 },
                                               (_, i) => `room${i}`)),
        'the same often': (id) => Array(200).fill(list('sockets', [some])(id)),
    };

    const acks = {
        ...Object.fromEntries([-1, 1.5, 4294967295, 1e19, 'x', null, {}].map(
            (v) => [`a count of ${JSON.stringify(v)}`, (id) =>
                JSON.stringify({ type: 8, requestId: id, clientCount: v })])),
        'no packet': ack({}),
        'a packet that is none': ack({ packet: 5 }),
        'maps with other keys': (id) => Buffer.concat([
            Buffer.from([0x83]), encode('type'), encode(9),
            encode('requestId'), encode(id), encode('packet'),
            Buffer.from([0x91, 0x82, 0xc0, 1, 0x91, 1, 2])]),
        'NaN, dates, binary': ack({ packet: [NaN, Infinity, new Date(0),
                                             Buffer.from('x')] }),
        'many binaries': ack({ packet: Array(64).fill(Buffer.from('x')) }),
        'more than asked': (id) => Array(3000).fill(ack({ packet: [1] })(id)),
        'too much': ack({ packet: ['x'.repeat(9 << 20)] }),
        'a lot, often': (id) => Array(6).fill(
            ack({ packet: ['x'.repeat(2 << 20)] })(id)),
        'as JSON': text('{"type":9,"requestId":"ID","packet":[1]}'),
    };

    const questions = {
        fetchSockets: [{ rooms: 'r' }, { ...common, ...lists }],
        rooms: [undefined, { ...common, ...lists }],
        emit: [{ rooms: 'r', event: 'ok', ack: { timeout: PATIENCE - 4000 } },
               { ...common, ...acks }],
    };

    for (const [operation, [body, answers]] of Object.entries(questions)) {
        test(`${operation}: whatever a stranger answers`, async () => {
            const sub = await it.redis.client();
            const counts = [];
            let answer;

            it.clients.forEach((c) => {
                c.off('ok');
                c.on('ok', (take) => take(1));
            });

            /* the other two have one client each */
            await sub.subscribe(ANSWER, (message) => {
                if (/^\{.*"clientCount":1[,}]/.test(message.slice(0, 200))) {
                    counts.push(message);
                }
            });

            await stranger(async (id) => {
                for (const message of [answer(id)].flat()) {
                    await it.raw.publish(ANSWER, message);
                }

                /*
                 * So that the next one need not wait.  Counts have no names: one
                 * that comes twice would be taken for that of another node.
                 */
                if (operation === 'emit') {
                    await until(() => counts.filter((message) =>
                        message.includes(id)).length >= 2, 'the others count');
                }

                await it.raw.publish(ANSWER, JSON.stringify({
                    requestId: id, type: 8, clientCount: 0 }));
            }, async () => {
                const longest = 1000 + (body?.ack?.timeout ?? WAIT);

                const one = async (name) => {
                    const begun = Date.now();
                    const { status, answer: told, error } = await attempt(
                        it.nginx[0], operation, body);

                    assert.equal(status, 200, `${name}: ${error}`);
                    assert.equal(told.ok, true, name);
                    assert.ok(Date.now() - begun < longest, name);
                    assert.ok(!JSON.stringify(told).includes('hidden'), name);

                    if (operation === 'emit') {
                        const n = told.responses.length;

                        assert.equal(told.expected - n, told.missing, name);
                        assert.ok(n >= 3, `${name}: ${n}`);
                    }
                };

                for (const [name, words] of Object.entries(answers)) {
                    answer = words;
                    await steady(() => one(name));
                }
            });
            await sub.unsubscribe(ANSWER);

            await well();
        });
    }
});
