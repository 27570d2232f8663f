/*
 * node=: ids of sessions name their node.  Polling clients in front of whom
 * requests are spread at random need it; and a Redis that is named in the DNS.
 */

import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { after, afterEach, before, describe, test } from 'node:test';

import { closeAll, collect, connect, connected, client, once }
    from '../lib/client.mjs';
import { PATIENCE, freePort, startNginx, testConfig, until }
    from '../lib/nginx.mjs';
import { NO_REDIS, heard, startRedis } from '../lib/redis.mjs';
import { steady } from '../lib/steady.mjs';

const ROUNDS = 8;


/* What stands in front of the nodes: docs/cluster.md has the same lines. */
const MAP = `map $arg_sid $sio_node { ~\\.a$ node_a; ~\\.b$ node_b; default any; }`;

function front(nodes, routed) {
    const servers = nodes.map((n) => `127.0.0.1:${n.port}`);

    return startNginx({
        workers: 1, zone: null, api: null, location: null,
        http: `
            upstream any { random; server ${servers.join('; server ')}; }
            upstream node_a { server ${servers[0]}; }
            upstream node_b { server ${servers[1]}; }
            ${routed ? MAP : 'map $uri $sio_node { default any; }'}`,
        server: `
            location /socket.io/ {
                proxy_pass http://$sio_node;
                proxy_http_version 1.1;
                proxy_set_header Host $http_host;
                proxy_set_header Upgrade $http_upgrade;
                proxy_set_header Connection $http_connection;
                proxy_next_upstream off;
            }`,
    });
}


/* The sid of a handshake, and how a request with a sid is answered. */
async function open(nginx) {
    const { body } = await nginx.request(
        'GET', '/socket.io/?EIO=4&transport=polling');

    return JSON.parse(body.slice(1)).sid;
}

function post(nginx, sid, body = '40') {
    return nginx.request(
        'POST', `/socket.io/?EIO=4&transport=polling&sid=${sid}`, { body });
}

const UNKNOWN = { code: 1, message: 'Session ID unknown' };


describe('two nodes behind a third', { skip: NO_REDIS }, () => {
    let redis, nodes, routed, blind;

    before(async () => {
        redis = await startRedis();
        nodes = await Promise.all(['a', 'b'].map((name) => startNginx({
            workers: 2, location: 'socketio_room *; socketio_cookie io;',
            http: `socketio_redis app ${redis.url} node=${name};`,
        })));
        await Promise.all(nodes.map((n) => heard(n)));
        [routed, blind] = await Promise.all([true, false].map(
            (map) => front(nodes, map)));
    });

    afterEach(closeAll);

    after(async () => {
        await Promise.all([routed, blind].map(
            (n) => n?.stop({ signal: 'SIGTERM' })));
        await Promise.all(nodes.map((n) => n?.stop()));
        await redis?.stop();
    });

    for (const mode of ['polling', 'upgrade']) {
        test(`${mode}: with the map all come through`, async () => {
            const some = () => Promise.all(Array.from(
                { length: ROUNDS }, () => connect(routed, { mode })));
            const clients = await some();
            const ends = new Set();

            /* by chance all may come to one of the nodes, seldom twice */
            for (let tries = 0; tries < 4 && ends.size < 2; tries++) {
                clients.push(...tries ? await some() : []);
                clients.forEach((c) => ends.add(c.io.engine.id.slice(20)));
            }

            const all = clients.map((c) => collect(c, 'e', ROUNDS));

            assert.deepEqual([...ends].sort(), ['.a', '.b']);

            for (let i = 0; i < ROUNDS; i++) {
                await nodes[i % 2].publish({ event: 'e', data: i });
            }

            for (const got of await Promise.all(all)) {
                assert.deepEqual(got.map(([n]) => n).sort(),
                                 [...Array(ROUNDS).keys()]);
            }
        });
    }

    test('polling: without it they do not', async () => {
        const results = await Promise.allSettled(Array.from(
            { length: ROUNDS }, async () => {
                const c = client(blind, { mode: 'polling' });

                await Promise.all([connected(c), once(c, 'disconnect')]);
                throw new Error('it was closed');
            }));

        /* each of several requests is one half chance */
        assert.ok(results.some((r) => /it was closed|xhr/.test(r.reason)));
        await until(() => nodes.some((n) => /session is of node "[ab]", this/
            .test(n.logs())), 'the log tells');
    });

    test('WebSockets need none', async () => {
        const clients = await Promise.all(Array.from(
            { length: ROUNDS }, () => connect(blind, { mode: 'websocket' })));
        const all = clients.map((c) => once(c, 'e'));

        await nodes[0].publish({ event: 'e' });
        await Promise.all(all);
    });

    test('who comes to the wrong node is told', async () => {
        const sid = await open(nodes[0]);
        const far = await post(nodes[1], sid);

        assert.match(sid, /^[\w-]{20}\.a$/);
        assert.equal(far.status, 400);
        assert.deepEqual(far.json, UNKNOWN);
        assert.match(nodes[1].logs(), /\[info\].*of node "a", this is "b"/);

        const upgrade = await nodes[1].request(
            'GET', `/socket.io/?EIO=4&transport=websocket&sid=${sid}`);

        assert.equal(upgrade.status, 400);
        assert.deepEqual(upgrade.json, UNKNOWN);

        assert.equal((await post(nodes[0], sid)).status, 200);
    });

    test('its own name may be missing, others are unknown', async () => {
        const sid = await open(nodes[0]);
        const bare = sid.slice(0, 20);

        for (const bad of [`${bare}.`, `${bare}.c`, `${bare}.aa`, `${bare}a`,
                           `${bare}.${'a'.repeat(17)}`, `${bare}.a.a`,
                           `${bare}.A`, `${bare}.%61`, '.a', `${bare}.a%00`])
        {
            const res = await post(nodes[0], bad);

            assert.equal(res.status, 400, bad);
            assert.deepEqual(res.json, UNKNOWN);
        }

        assert.equal((await post(nodes[0], bare)).status, 200);
    });

    test('the cookie has it as well', async () => {
        const { headers, body } = await nodes[1].request(
            'GET', '/socket.io/?EIO=4&transport=polling');
        const { sid } = JSON.parse(body.slice(1));

        assert.ok(String(headers['set-cookie']).startsWith(`io=${sid};`));
        assert.ok(sid.endsWith('.b'));
    });
});


describe('node=', () => {
    const http = (words) => ({
        http: `socketio_redis app redis://127.0.0.1 ${words};`,
    });

    for (const name of ['a', 'node-1_B', 'x'.repeat(16)]) {
        test(`takes ${name}`, async () => {
            const run = await testConfig(http(`node=${name}`));

            assert.ok(run.ok, run.output);
        });
    }

    for (const name of ['', 'a.b', 'x'.repeat(17), 'a/b', 'é']) {
        test(`refuses "${name}"`, async () => {
            const run = await testConfig(http(`node=${name}`));

            assert.ok(!run.ok);
            assert.match(run.output, /needs a node of 1 to 16 characters/);
        });
    }
});


/*
 * A DNS server that gives one address for all names, in .address; undefined:
 * none is known.
 */
async function startDns() {
    const dns = { socket: dgram.createSocket('udp4'), asked: 0 };

    dns.socket.on('message', (query, from) => {
        const end = query.indexOf(0, 12) + 5;
        const head = Buffer.from(query.subarray(0, end));
        const known = dns.address && query.readUInt16BE(end - 4) === 1;

        head.writeUInt16BE(dns.address ? 0x8180 : 0x8183, 2);
        head.writeUInt16BE(known ? 1 : 0, 6);
        head.writeUInt32BE(0, 8);
        dns.asked++;

        const record = known ? Buffer.from([
            0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4,
            ...dns.address.split('.').map(Number)]) : Buffer.alloc(0);

        dns.socket.send(Buffer.concat([head, record]), from.port,
                        from.address);
    });

    await new Promise((resolve) => {
        dns.socket.bind(0, '127.0.0.1', resolve);
    });

    return dns;
}


describe('a name in the URL', { skip: NO_REDIS }, () => {
    test('is looked up at each connection', async () => {
        const redis = await startRedis();
        const dns = await startDns();
        const nginx = await startNginx({
            workers: 2, location: 'socketio_room *;',
            http: `
                socketio_redis app redis://redis.test:${redis.port};
                resolver 127.0.0.1:${dns.socket.address().port} valid=1s
                         ipv6=off;`,
        });

        try {
            await until(() => nginx.logs().includes('Host not found'),
                        'the log says that there is none');

            const one = await connect(nginx, { mode: 'websocket' });

            /* but where a worker tries just then */
            await until(async () => {
                const got = once(one, 'e');
                const { cluster } = await nginx.publish({ event: 'e' });

                await got;

                return cluster === 'down';
            }, 'publishers are told', PATIENCE * 6);

            /* nothing listens there; the right address comes later */
            const before = dns.asked;

            dns.address = '127.0.0.2';
            await until(() => nginx.logs().includes('127.0.0.2')
                              || dns.asked > before + 4, 'a wrong one',
                        PATIENCE * 6);
            assert.equal((await nginx.status()).cluster.state, 'down');

            dns.address = '127.0.0.1';
            await heard(nginx, 'up', PATIENCE * 6);

        } finally {
            closeAll();
            await nginx.stop();
            dns.socket.close();
            await redis.stop();
        }
    });

    test('a resolver that says nothing blocks nobody', async () => {
        const dns = dgram.createSocket('udp4');

        await new Promise((resolve) => { dns.bind(0, '127.0.0.1', resolve); });

        const { port } = dns.address();
        const nginx = await startNginx({
            location: 'socketio_room *;',
            http: `resolver 127.0.0.1:${port}; resolver_timeout 1s;
                   socketio_redis app redis://redis.test;`,
        });

        try {
            const one = await connect(nginx, { mode: 'websocket' });

            await steady(async () => {
                const got = once(one, 'e', 1000);

                await Promise.all([nginx.publish({ event: 'e' }), got]);
            });
            await until(() => nginx.logs().includes('Operation timed out'),
                        'the log says so', PATIENCE * 2);
            assert.equal((await nginx.status()).cluster.state, 'down');
            await nginx.reload();

        } finally {
            closeAll();
            await nginx.stop();
            dns.close();
        }
    });

    test('an address needs no resolver that answers', async () => {
        const redis = await startRedis();
        const nginx = await startNginx({
            http: `resolver 127.0.0.1:${await freePort()};
                   socketio_redis app ${redis.url};`,
        });

        try {
            await heard(nginx);

        } finally {
            await nginx.stop();
            await redis.stop();
        }
    });

    test('without a resolver nginx -t looks it up', async () => {
        const http = 'socketio_redis app redis://no-such-host.invalid;';
        const none = await testConfig({ http });
        const later = await testConfig({
            http: `${http} resolver 127.0.0.1;`,
        });

        assert.ok(!none.ok);
        assert.match(none.output, /host not found in "no-such-host.invalid"/);
        assert.ok(later.ok, later.output);
    });
});
