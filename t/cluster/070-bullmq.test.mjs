/*
 * examples/bullmq-worker with the real BullMQ: what a job tells, by the emitter
 * and by POST, reaches who looks at the resource, and a retry tells it once.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync,
         writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { closeAll, collect, connect, emitAck, once } from '../lib/client.mjs';
import { PATIENCE, freePort, startNginx, until } from '../lib/nginx.mjs';
import { NO_REDIS, startRedis } from '../lib/redis.mjs';

const REPO = path.resolve(path.dirname(fileURLToPath(import.meta.url)),
                          '../..');
const EXAMPLE = path.join(REPO, 'examples/bullmq-worker');
const MODULE = process.env.TEST_NGINX_MODULE
               ?? path.join(REPO, 'build/ngx_socketio_module.so');
const MODULES = path.join(REPO, 't/node_modules');

const browsers = [process.env.TEST_CHROMIUM, '/usr/bin/chromium',
                  '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = browsers.find((file) => file && existsSync(file));
const skip = !executablePath && 'no Chromium, TEST_CHROMIUM may name one';

if (skip) {
    process.stderr.write(`SKIPPED the page of 070-bullmq: ${skip}\n`);
}


/* The example's configuration with this test's ports and paths. */
function config(ports) {
    return ({ prefix, port }) => {
        const common = readFileSync(path.join(REPO, 'examples/http.conf'));
        const bundle = path.join(MODULES, 'socket.io-client/dist');

        mkdirSync(path.join(prefix, 'logs'), { recursive: true });
        cpSync(EXAMPLE, prefix, { recursive: true });
        writeFileSync(path.join(prefix, 'http.conf'),
                      String(common).replace('logs/', ''));

        return 'daemon off;\n'
            + readFileSync(path.join(EXAMPLE, 'nginx.conf'), 'utf8')
                .replace(/^load_module .*$/m,
                         MODULE === '' ? '' : `load_module ${MODULE};`)
                .replace('include ../http.conf', 'include http.conf')
                .replace('include ../client.conf;',
                         'location = /socket.io/socket.io.min.js { alias '
                         + `${bundle}/socket.io.min.js; }`)
                .replace('logs/error.log', 'error.log')
                .replace('127.0.0.1:6379', `127.0.0.1:${ports.redis}`)
                .replace('127.0.0.1:3000', `127.0.0.1:${ports.service}`)
                .replace('127.0.0.1:8080', `127.0.0.1:${port}`);
    };
}


describe('examples/bullmq-worker', { skip: NO_REDIS }, () => {
    let redis, nginx, service;

    before(async () => {
        redis = await startRedis();

        const port = await freePort();

        nginx = await startNginx({
            workers: 2, config: config({ redis: redis.port, service: port }),
        });

        if (!existsSync(path.join(nginx.prefix, 'node_modules'))) {
            symlinkSync(MODULES, path.join(nginx.prefix, 'node_modules'));
        }

        service = spawn('node', ['service.mjs'], {
            cwd: nginx.prefix, stdio: ['ignore', 'pipe', 'inherit'],
            env: { ...process.env, PORT: String(port), REDIS_URL: redis.url,
                   SOCKETIO_API: `${nginx.url}/socketio` },
        });

        /* its first line says that it listens */
        service.stdout.setEncoding('utf8');
        await until(() => service.stdout.read(), 'the service listens',
                    PATIENCE * 3);
        await until(async () => (await nginx.status()).cluster.state === 'up',
                    'the cluster');
    });

    after(async () => {
        closeAll();

        if (service && service.exitCode === null) {
            const gone = new Promise((resolve) => {
                service.once('exit', resolve);
            });

            service.kill();
            await gone;
        }

        await nginx?.stop();
        await redis?.stop();
    });

    async function watcher(resource, mode) {
        const socket = await connect(nginx, { mode });
        const [answer] = await emitAck(socket, 'join', `resource:${resource}`);

        assert.equal(answer.ok, true);
        socket.heard = [];
        socket.onAny((...args) => socket.heard.push(args));

        return socket;
    }

    async function add(resource, action) {
        const res = await nginx.request('POST', '/jobs', {
            body: JSON.stringify({ resource, action }),
        });

        assert.equal(res.status, 202, res.body);

        return res.json.job;
    }

    const done = (job) => until(async () => {
        const { json } = await nginx.request('GET', `/jobs/${job}`);

        return json.state === 'completed' && json;
    }, `job ${job}`, PATIENCE * 3);

    test('by the emitter and by POST, to who looks at it', async () => {
        const ann = await watcher(42, 'websocket');
        const ben = await watcher(42, 'polling');
        const cem = await watcher(43, 'websocket');
        const both = [ann, ben].map((s) => Promise.all([
            once(s, 'resource:archived', PATIENCE * 3),
            collect(s, 'job:progress', 4, PATIENCE * 3)]));
        const job = await add(42, 'archived');

        for (const [[end], steps] of await Promise.all(both)) {
            assert.deepEqual(end, { resource: 42, job });
            assert.deepEqual(steps.map(([data]) => data.percent),
                             [25, 50, 75, 100]);
        }

        const { result } = await done(job);

        assert.equal(result.success, true);
        assert.equal(result.matched, 2);
        assert.ok(result.offset);
        assert.deepEqual(cem.heard, []);
    });

    test('a job that is tried again tells its end once', async () => {
        const ann = await watcher(7, 'websocket');
        const job = await add(7, 'shaken');
        const { attempts, result } = await done(job);

        assert.equal(attempts, 2);
        assert.equal(result.success, true);

        /* the fence comes after all that was sent before */
        const fence = once(ann, 'fence');

        await nginx.publish({ event: 'fence' });
        await fence;
        assert.equal(ann.heard.filter(([e]) => e === 'resource:shaken').length,
                     1);
    });

    test('the page', { skip }, async () => {
        const browser = await chromium.launch({ executablePath,
                                                args: ['--no-sandbox'] });

        try {
            const page = await browser.newPage();
            const faults = [];

            page.on('pageerror', (err) => faults.push(String(err)));
            page.setDefaultTimeout(PATIENCE * 3);
            await page.goto(nginx.url);
            await page.getByText('watching').waitFor();
            await page.click('button[value=restored]');
            await page.getByText(/^restored by job/).waitFor();

            /* by Redis, which may take longer than the POST after it */
            await page.waitForFunction(() => globalThis.document
                .getElementById('progress').value === 100);
            assert.deepEqual(faults, []);

        } finally {
            await browser.close();
        }
    });
});
