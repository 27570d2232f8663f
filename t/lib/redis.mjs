/*
 * A Redis of one's own, and a Socket.IO server for Node.js that shares it by
 * the adapter.
 */

import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createServer } from 'node:http';
import os from 'node:os';
import path from 'node:path';

import { createAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';

import { PATIENCE, freePort, until } from './nginx.mjs';

/* Why tests with Redis are skipped, false where they are not. */
export const NO_REDIS =
    spawnSync('redis-server', ['--version']).status === 0
        ? false : 'redis-server is not installed: run "make deps"';


class Redis {
    constructor(port, options, { host = '127.0.0.1', within = [] }) {
        this.port = port;
        this.host = host;
        this.within = within;
        this.options = options;
        this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sio-redis-'));
        this.sock = path.join(this.dir, 'redis.sock');
        this.clients = [];
        fs.chmodSync(this.dir, 0o755);
    }

    get url() {
        return `redis://${this.host}:${this.port}`;
    }

    async start() {
        const [program, ...words] = [...this.within, 'redis-server'];

        this.child = spawn(program, [
            ...words, '--port', this.port, '--bind', '127.0.0.1', '--dir', this.dir,
            '--unixsocket', this.sock, '--unixsocketperm', '777',
            '--save', '', '--appendonly', 'no', ...this.options,
        ], { stdio: 'ignore' });

        let gone = false;

        this.exited = new Promise((resolve) => {
            this.child.once('exit', () => { gone = true; resolve(); });
        });

        /* by its own socket, as somebody else may have the port */
        await until(() => gone || spawnSync('redis-cli', [
            '-s', this.sock, 'ping'], { encoding: 'utf8' })
            .stdout.match(/PONG|NOAUTH/), 'redis-server', PATIENCE * 3);

        if (gone) {
            throw new Error(`redis-server ended, its port was ${this.port}`);
        }

        return this;
    }

    /* A client of its own, closed at the end. */
    async client() {
        const client = createClient({
            url: this.url, socket: { reconnectStrategy: false },
        });

        client.on('error', () => {});
        await client.connect();
        this.clients.push(client);

        return client;
    }

    cli(...args) {
        return spawnSync('redis-cli', ['-h', this.host, '-p', this.port,
                                       ...args], { encoding: 'utf8' }).stdout.trim();
    }

    async kill(signal = 'SIGKILL') {
        this.child.kill(signal);
        await this.exited;
    }

    /* Closes the clients that client() has made. */
    async leave() {
        await Promise.all(this.clients.splice(0).map((c) => c.quit()
            .catch(() => c.disconnect()).catch(() => {})));
    }

    async stop() {
        this.child.kill('SIGCONT');
        await this.leave();
        await this.kill();
        fs.rmSync(this.dir, { recursive: true, force: true });
    }
}


/*
 * Options are words of redis-server's command line; place may name the host that
 * it listens at, and the command within which it runs.
 */
export async function startRedis(options = [], place = {}) {
    for (let left = 3; ; left--) {
        const redis = new Redis(await freePort(), options, place);

        try {
            return await redis.start();

        } catch (err) {
            redis.child.kill('SIGKILL');
            fs.rmSync(redis.dir, { recursive: true, force: true });

            if (left === 1) {
                throw err;
            }
        }
    }
}


/* A Node server of the cluster: its io, its url, and stop(). */
export async function startNode(redis, { key, requestsTimeout = PATIENCE }
                                = {}) {
    const pub = await redis.client();
    const sub = await redis.client();
    const http = createServer();
    const io = new Server(http, {
        adapter: createAdapter(pub, sub, { key, requestsTimeout }),
    });

    await new Promise((resolve) => {
        http.listen(0, '127.0.0.1', resolve);
    });

    /* the last of what it subscribes to, and nobody tells when it has */
    const { specificResponseChannel: last } = io.of('/').adapter;

    await until(async () => Number((await pub.sendCommand(
        ['PUBSUB', 'NUMSUB', last]))[1]) > 0, 'Node hears the cluster');

    io.on('connection', (socket) => {
        socket.on('join', (room, ack) => {
            socket.join(room);
            ack?.({ ok: true });
        });
    });

    return {
        io, url: `http://127.0.0.1:${http.address().port}`,
        stop: () => new Promise((resolve) => { io.close(resolve); }),
    };
}


/* Waits until an nginx hears the cluster. */
export function heard(nginx, state = 'up', patience = undefined) {
    return until(async () => (await nginx.status()).cluster.state === state,
                 `cluster ${state}`, patience);
}
