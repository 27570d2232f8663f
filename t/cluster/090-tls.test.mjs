/*
 * rediss://: both ways through a real Redis, certificates that are refused and
 * what is told then, servers that hang or speak no TLS.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';

import { closeAll, connect, once } from '../lib/client.mjs';
import { PATIENCE, freePort, nginxVersion, startNginx, testConfig, until }
    from '../lib/nginx.mjs';
import { NO_REDIS, heard, startNode, startRedis } from '../lib/redis.mjs';
import { Authority } from '../lib/tls.mjs';
import { exited } from '../workers/lib/processes.mjs';

const LONG = PATIENCE * 6;
const NO_TLS = /OpenSSL|BoringSSL|LibreSSL/.test(nginxVersion())
               && spawnSync('openssl', ['version']).status === 0
    ? false : 'nginx or this machine has no OpenSSL';
const SECRET = 's3cret-of-redis';

const skip = NO_REDIS || NO_TLS;


/* What a Redis says to those who may only greet it. */
function greets(socket) {
    socket.on('error', () => {});
    socket.on('data', (data) => {
        socket.told = (socket.told ?? '') + data;
        socket.write('+PONG\r\n');
    });
}


describe('rediss://', { skip }, () => {
    const it = { nginx: [], servers: [] };

    before(async () => {
        it.ours = new Authority();
        it.theirs = new Authority();
        it.good = it.ours.sign('IP:127.0.0.1', 'DNS:localhost');
        it.other = it.ours.sign('IP:127.0.0.9', 'DNS:other.example');
        it.port = await freePort();
        it.redis = await startRedis([
            '--tls-port', it.port, '--tls-cert-file', it.good.cert,
            '--tls-key-file', it.good.key, '--tls-ca-cert-file', it.ours.ca,
            '--tls-auth-clients', 'no', '--requirepass', SECRET,
        ]);
    });

    after(async () => {
        closeAll();
        await Promise.all(it.nginx.map((nginx) => nginx.stop()));
        it.servers.forEach((server) => server.close());
        await it.redis?.stop();
        it.ours?.remove();
        it.theirs?.remove();
    });

    async function start(words, options = {}) {
        const nginx = await startNginx({
            workers: 2, location: 'socketio_room *;',
            zone: 'zone=app:16m log=32m',
            http: `socketio_redis app ${words};`, ...options,
        });

        it.nginx.push(nginx);

        return nginx;
    }

    const url = (host = '127.0.0.1', port = it.port) =>
        `rediss://:${SECRET}@${host}:${port}`;

    async function stop(nginx) {
        closeAll();
        it.nginx.splice(it.nginx.indexOf(nginx), 1);
        await nginx.stop();
        assert.doesNotMatch(nginx.finalLog, /\[crit\]/);
        assert.ok(!nginx.finalLog.includes(SECRET));
    }

    /* A server with a certificate; resolves with the sockets that come. */
    async function serve(pair, more = {}) {
        const sockets = new Set();
        const server = tls.createServer({
            cert: fs.readFileSync(pair.cert), key: fs.readFileSync(pair.key),
            ...more,
        }, (socket) => {
            sockets.add(socket);
            socket.unref();
            greets(socket);
        });

        server.on('tlsClientError', () => {});
        await new Promise((resolve) => {
            server.listen(0, '127.0.0.1', resolve);
        });
        it.servers.push(server.unref());

        return { port: server.address().port, sockets };
    }

    async function node() {
        const { redis } = it;

        return startNode({
            client: async () => {
                const one = await redis.client();

                await one.auth({ password: SECRET });

                return one;
            },
        });
    }

    /* An event of a client here, and one of a server elsewhere. */
    async function flows(nginx, data = 1) {
        const other = await node();
        const far = await connect(other, { mode: 'websocket' });
        const near = await connect(nginx, { mode: 'websocket' });
        const [here, there] = [once(near, 'far', LONG),
                               once(far, 'near', LONG)];

        other.io.emit('far', data);
        await nginx.publish({ event: 'near', data });
        assert.deepEqual(await here, [data]);
        assert.deepEqual(await there, [data]);
        far.disconnect();
        near.disconnect();
        await other.stop();
    }

    test('both ways, by address and by name', async () => {
        for (const host of ['127.0.0.1', 'localhost']) {
            const nginx = await start(`${url(host)} ca=${it.ours.ca}`);

            await heard(nginx, 'up', LONG);
            await flows(nginx);
            await stop(nginx);
        }
    });

    test('messages of many TLS records arrive whole', async () => {
        const nginx = await start(`${url()} ca=${it.ours.ca}`,
                                  { api: 'client_max_body_size 8m;' });

        await heard(nginx);
        await flows(nginx, 'x'.repeat(900000));
        await stop(nginx);
    });

    test('the answers to questions too', async () => {
        const nginx = await start(`${url()} ca=${it.ours.ca}`);
        const other = await node();
        const far = await connect(other, { mode: 'websocket' });

        await heard(nginx);

        const answer = await until(async () => {
            const got = await nginx.call('fetchSockets', {});

            return got.sockets.length === 1 && got;
        }, 'the socket of the other node');

        assert.equal(answer.sockets[0].id, far.id);
        assert.equal(answer.cluster, undefined);
        far.disconnect();
        await other.stop();
        await stop(nginx);
    });

    test('an authority of the system', async () => {
        process.env.SSL_CERT_FILE = it.ours.ca;

        try {
            const nginx = await start(url());

            await heard(nginx);
            await stop(nginx);

        } finally {
            delete process.env.SSL_CERT_FILE;
        }
    });

    const refused = {
        'of another authority': [() => it.good, () => `ca=${it.theirs.ca}`,
                                 /unable to get local issuer certificate/],
        'of no authority of the system': [
            () => it.good, () => '', /unable to get local issuer certificate/],
        'for another address': [() => it.other, () => `ca=${it.ours.ca}`,
                                /IP address mismatch/],
        'for another name': [() => it.other, () => `ca=${it.ours.ca}`,
                             /hostname mismatch/i, 'localhost'],
    };

    for (const [name, [pair, words, why, host]] of Object.entries(refused)) {
        test(`refuses a certificate ${name}, and says so`, async () => {
            const { port, sockets } = await serve(pair());
            const begin = Date.now();
            const nginx = await start(`${url(host, port)} ${words()}`);

            const told = () => nginx.logs().split('\n')
                .filter((line) => line.includes('certificate is refused'));

            /* three connections; two tries are 50, 100, 200 ms apart or more */
            await until(() => sockets.size >= 12 && told().length > 0,
                        'some tries', LONG);
            assert.ok(Date.now() - begin >= 300, 'they take their time');

            const lines = told();

            assert.equal((await nginx.status()).cluster.state, 'down');
            assert.match(lines[0], /\[error\].* lost Redis at /);
            assert.match(lines[0], why);
            assert.ok(lines.length <= 3, 'one line a connection');
            assert.ok([...sockets].every((one) => one.told === undefined),
                      'nothing is told to strangers');

            const one = await connect(nginx, { mode: 'websocket' });

            /* but where a worker tries just then */
            await until(async () => {
                const got = once(one, 'e');
                const { cluster } = await nginx.publish({ event: 'e' });

                await got;

                return cluster === 'down';
            }, 'publishers are told', LONG);
            await stop(nginx);
        });
    }

    test('verify=off takes any certificate', async () => {
        const { port, sockets } = await serve(it.other);
        const nginx = await start(`${url('127.0.0.1', port)} verify=off`);

        await until(() => [...sockets].some((one) =>
            one.told?.includes('AUTH')), 'it is greeted');
        await stop(nginx);

        const real = await start(`${url()} verify=off`);

        await heard(real);
        await flows(real);
        await stop(real);
    });

    test('tells the server the name, but no address', async () => {
        for (const [host, name] of [['localhost', 'localhost'],
                                    ['127.0.0.1', false]]) {
            const { port, sockets } = await serve(it.good);
            const nginx = await start(
                `${url(host, port)} ca=${it.ours.ca}`, { workers: 1 });

            await until(() => sockets.size >= 2, 'connections', LONG);
            assert.deepEqual(new Set([...sockets].map((s) => s.servername)),
                             new Set([name]));
            await stop(nginx);
        }
    });

    test('a server that hangs in the handshake, or has no TLS', async () => {
        const answers = { silent: null, plain: '+PONG\r\n',
                          http: 'HTTP/1.1 400 Bad Request\r\n\r\n' };

        for (const [name, bytes] of Object.entries(answers)) {
            const server = net.createServer((socket) => {
                socket.on('error', () => {});
                socket.unref();
                socket.resume();

                if (bytes) {
                    socket.end(bytes);
                }
            });

            await new Promise((resolve) => {
                server.listen(0, '127.0.0.1', resolve);
            });
            it.servers.push(server.unref());

            const { port } = server.address();
            const nginx = await start(`${url('127.0.0.1', port)}`);
            const why = bytes ? 'cannot connect with TLS'
                              : 'it does not answer in time';

            await until(() => nginx.logs().includes(why),
                        `${name}: the log says so`, LONG);
            await stop(nginx);
        }
    });

    test('a Redis that wants a certificate', async () => {
        const port = await freePort();
        const redis = await startRedis([
            '--tls-port', port, '--tls-cert-file', it.good.cert,
            '--tls-key-file', it.good.key, '--tls-ca-cert-file', it.ours.ca,
            '--tls-auth-clients', 'yes']);
        const nginx = await start(`${url('127.0.0.1', port)} ca=${it.ours.ca}`);

        await until(() => nginx.logs().includes('"tls-auth-clients no"'),
                    'the log says so', LONG);
        assert.ok(!nginx.logs().includes(SECRET));
        await redis.stop();
    });

    test('Redis that is killed and started again, a reload', async () => {
        const nginx = await start(`${url()} ca=${it.ours.ca}`);

        await heard(nginx);
        await it.redis.kill();
        await heard(nginx, 'down');
        await until(() => /lost Redis at/.test(nginx.logs()), 'the log');
        await it.redis.start();
        await heard(nginx, 'up', LONG);
        /* each worker has a connection of its own to publish by */
        await until(async () => (await Promise.all(
            Array.from({ length: 20 }, () => nginx.publish({ event: 'e' }))))
            .every(({ cluster }) => cluster === undefined),
                    'publishers are told', LONG);
        await flows(nginx);

        /* who comes to one that is about to leave may miss what is published */
        const old = nginx.workers();

        await nginx.reload();
        await exited(nginx, old, LONG);
        await heard(nginx, 'up', LONG);
        await flows(nginx);
        await stop(nginx);
    });

    test('a worker that is killed is followed', async () => {
        const nginx = await start(`${url()} ca=${it.ours.ca}`);

        await heard(nginx);

        const { cluster, workers } = await nginx.status();

        await nginx.kill(workers.find((w) => w.slot === cluster.leader).pid);

        /* status says "up" until there is another one */
        await until(() => it.redis.cli('-a', SECRET, 'client', 'list', 'type',
                                       'pubsub').match(/ psub=2 /g)?.length
                          === 1, 'another listens', LONG);
        await heard(nginx, 'up', LONG);
        await flows(nginx);
        await stop(nginx);
    });

    const good = ['rediss://h', 'rediss://h verify=on',
                  'rediss://[::1]:1/2 verify=off', 'rediss://127.0.0.1 CA'];
    const bad = [
        ['redis://127.0.0.1 CA', 'write rediss://'],
        ['redis://127.0.0.1 verify=off', 'write rediss://'],
        ['unix:/tmp/none.sock verify=off', 'write rediss://'],
        ['rediss://127.0.0.1 CA verify=off', 'both ca= and verify=off'],
        ['rediss://127.0.0.1 verify=maybe', 'verify=on or verify=off'],
        ['rediss://127.0.0.1 ca=', 'needs a file as ca='],
        ['rediss://127.0.0.1 ca=/none/such.pem', '/none/such.pem'],
        ['rediss://', 'no host'],
    ];

    for (const words of good) {
        test(`takes ${words}`, async () => {
            const run = await testConfig({
                http: `resolver 127.0.0.1; socketio_redis app ${
                    words.replace('CA', `ca=${it.ours.ca}`)};`,
                location: '' });

            assert.ok(run.ok, run.output);
        });
    }

    for (const [words, why] of bad) {
        test(`refuses ${words}`, async () => {
            const run = await testConfig({
                http: `socketio_redis app ${
                    words.replace('CA', `ca=${it.ours.ca}`)};`,
                location: '' });

            assert.ok(!run.ok);
            assert.ok(run.output.includes(why), run.output);
        });
    }
});
