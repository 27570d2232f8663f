/*
 * The connection by which a worker hears answers: it breaks while it is written
 * to, confirms too late, or is taken for deaf.  Questions go on, and an event
 * that wants acks reaches other nodes in any case, once.
 */

import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { closeAll, connect, emitAck } from '../lib/client.mjs';
import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { request } from '../lib/raw.mjs';
import { NO_REDIS, heard, startNode, startRedis } from '../lib/redis.mjs';
import { steady, strictly } from '../lib/steady.mjs';

const ASK = 'socket.io-request#/#';
const ANSWER = 'socket.io-response#/#';
const BROKEN = /send\(\) failed \(32: Broken pipe\)/;


/* Runs a test with a Redis, a proxy in front of it, and nginx with one worker. */
function withAsker(name, body, { unix = false } = {}) {
    /* Redis has a second or so to confirm, and nodes have 3 to answer */
    test(name, { skip: NO_REDIS }, () => steady(async () => {
        const it = { redis: await startRedis(), proxy: new Proxy(),
                     agent: new Agent({ keepAlive: true, maxSockets: 1 }) };

        try {
            await it.proxy.start(it.redis.port);
            it.nginx = await startNginx({
                location: `socketio_room *;
                           socketio_namespace / { }
                           socketio_namespace /quiet { }`,
                http: `socketio_redis app ${unix ? `unix:${it.redis.sock}`
                    : `redis://127.0.0.1:${it.proxy.port}`};`,
            });
            await heard(it.nginx);
            it.client = await connect(it.nginx, { mode: 'websocket' });
            await subscribed(it, ASK, 1);
            await body(it);

        } finally {
            closeAll();
            it.agent.destroy();
            it.proxy.stop();
            await it.node?.stop();
            await it.nginx?.stop();
            await it.redis.stop();
        }
    }));
}


const subscribed = (it, channel, n) => until(() => it.redis.cli(
    'pubsub', 'numsub', channel).endsWith(`\n${n}`), `${n} at ${channel}`);

/* All by one connection to nginx; the promise has abort() and sent. */
const ask = (it, operation, body) => request(
    `${it.nginx.url}/socketio/${operation}`, {
        method: 'POST', body: JSON.stringify(body), agent: it.agent,
        headers: { 'content-type': 'application/json' },
    });

const fetch = async (it) => JSON.parse(
    (await ask(it, 'fetchSockets', {})).body);

/* The one client, and nothing that is missing. */
function listed(it, { body }) {
    const { sockets, ...more } = JSON.parse(body);

    assert.deepEqual(sockets.map((s) => s.id), [it.client.id]);
    assert.deepEqual(more, { ok: true });
}

const whole = async (it) => listed(it, await ask(it, 'fetchSockets', {}));

const again = async (it) => {
    await until(async () => !(await fetch(it)).cluster, 'it hears again');
    await whole(it);
};

/* What the asker says to hear answers. */
const hears = (data) => /\bSUBSCRIBE\b[^]*-response#/.test(
    data.toString('latin1'));

const lost = (it) => it.nginx.logs().split('\n')
    .filter((line) => line.includes('asker lost Redis'));

/*
 * Redis closes the asker, whose last command it was, while nginx stands still,
 * after something else.
 */
async function closedBehind(it, command, before) {
    const [pid] = it.nginx.workers();
    const [, id] = await until(() => new RegExp(
        `id=(\\d+) addr=\\S*redis\\.sock.* psub=0 .*cmd=${command}\\b`)
        .exec(it.redis.cli('client', 'list')), `its ${command}`);

    /* it has read what Redis has said so far */
    await it.nginx.status();
    process.kill(pid, 'SIGSTOP');

    try {
        await before();
        assert.equal(it.redis.cli('client', 'kill', 'id', id), '1');

    } finally {
        process.kill(pid, 'SIGCONT');
    }
}


describe('a connection that breaks when it is written to', () => {
    withAsker('a question begins', async (it) => {
        await whole(it);

        let second;

        await closedBehind(it, 'unsubscribe', async () => {
            second = ask(it, 'fetchSockets', {});
            await second.sent;
        });
        listed(it, await second);
        assert.match(it.nginx.logs(), BROKEN);
        await whole(it);
    }, { unix: true });

    withAsker('a question ends', async (it) => {
        const sub = await it.redis.client();
        let asked = 0, answered = 0;

        await whole(it);
        await sub.subscribe(ASK, () => { asked++; });
        await sub.subscribe(ANSWER, () => { answered++; });

        const open = ask(it, 'fetchSockets', {});

        await until(() => asked === 1 && answered === 1,
                    'it is asked, and answers itself');
        await closedBehind(it, 'subscribe', async () => {
            open.abort();
            await sleep(50);
        });
        await until(() => lost(it).length, 'it is lost');
        assert.match(it.nginx.logs(), BROKEN);
        await sub.unsubscribe(ASK);
        await again(it);
    }, { unix: true });
});


describe('an event that wants acks, when answers cannot be heard yet', () => {
    withAsker('reaches other nodes, once', async (it) => {
        const got = [];

        it.node = await startNode(it.redis);

        const far = await connect(it.node, { mode: 'websocket' });

        let [begun, held, delay] = [0, 0, 900];

        far.on('e', (n, ack) => { got.push(n); ack(n); });
        it.proxy.up.map = (data, pair) => {
            begun += hears(data);
            pair.asks ||= hears(data);

            return data;
        };
        it.proxy.down.map = async (data, pair) => {
            if (pair.asks) {
                held++;
                await sleep(delay);
                held--;
            }

            return data;
        };
        it.client.on('e', (n, ack) => ack(n));

        const emit = (data, timeout) => ask(it, 'emit', {
            event: 'e', data, ack: { timeout } });

        /* the time is over */
        const short = JSON.parse((await emit(1, 600)).body);

        assert.deepEqual([short.responses, short.timedOut], [[1], true]);
        await until(() => got.length === 1, 'the first');

        /* who has asked is gone */
        await subscribed(it, ANSWER, 1);

        const gone = emit(2, PATIENCE);

        await until(() => begun === 2, 'nginx has begun');
        gone.abort();
        await until(() => got.length === 2, 'the second');
        await subscribed(it, ANSWER, 1);

        /* in time, which is a second */
        delay = 50;
        await until(() => held === 0, 'the last one is through');

        const long = JSON.parse((await emit(3, PATIENCE / 2)).body);

        assert.deepEqual([long.responses, long.timedOut], [[3, 3], false]);
        strictly(() => assert.deepEqual(got, [1, 2, 3]));
    });
});


describe('nothing is heard', () => {
    withAsker('of a node that hangs: that node is missing', async (it) => {
        const sub = await it.redis.client();

        await sub.subscribe('socket.io-request#/quiet#', () => {});

        const { cluster_failures: before } = (await it.nginx.status()).counters;
        const { body } = await ask(it, 'fetchSockets', { namespace: '/quiet' });

        assert.deepEqual(JSON.parse(body),
                         { ok: true, sockets: [], missing: 1 });
        assert.deepEqual(lost(it), []);
        assert.equal((await it.nginx.status()).counters.cluster_failures,
                     before);
    });

    withAsker('of anybody, in a channel that is in use', async (it) => {
        const asking = [];
        const sub = await it.redis.client();
        let asked = 0;

        it.proxy.up.map = (data, pair) => {
            if (hears(data)) {
                asking.push(pair);
            }

            return data;
        };
        it.proxy.down.map = (data, pair) => (pair.deaf ? Buffer.alloc(0)
                                                       : data);
        await sub.subscribe(ASK, () => { asked++; }, true);

        const open = it.nginx.api('emit', {
            event: 'x', rooms: 'none', ack: { timeout: PATIENCE - 3000 } });

        await until(() => asked, 'the first is asked');
        await sleep(100);
        asking.forEach((pair) => { pair.deaf = true; });

        const answer = await fetch(it);

        assert.equal(answer.missing, 2);
        assert.match(lost(it).join(), /nothing is heard from it/);
        await sub.unsubscribe(ASK);
        assert.equal((await open).json.missingNodes, 1);
        await again(it);
    });
});
