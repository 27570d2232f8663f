/*
 * The examples: each is started as examples/README.md says, in a prefix of its
 * own, and stock clients go through what it promises; its page does so in a
 * browser.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import { once as event } from 'node:events';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync,
         writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { client, closeAll, connected, emitAck, once, upgraded }
    from '../lib/client.mjs';
import { PATIENCE, freePort, startNginx, until } from '../lib/nginx.mjs';

const REPO = path.resolve(path.dirname(fileURLToPath(import.meta.url)),
                          '../..');
const EXAMPLES = path.join(REPO, 'examples');
const MODULE = process.env.TEST_NGINX_MODULE
               ?? path.join(REPO, 'build/ngx_socketio_module.so');
const BUNDLE = path.join(REPO, 't/node_modules/socket.io-client/dist');

const browsers = [process.env.TEST_CHROMIUM, '/usr/bin/chromium',
                  '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = browsers.find((file) => file && existsSync(file));
const skip = !executablePath && 'no Chromium, TEST_CHROMIUM may name one';

if (skip) {
    process.stderr.write(`SKIPPED pages of 510-examples: ${skip}\n`);
}


/* ---- starting one ---- */

/* By which the tests tell that what was sent before has arrived. */
const fence = (zone) => `
location /fence/ { socketio_api ${zone}; allow 127.0.0.1; deny all; }`;


/* The example's files in the test's prefix, with this prefix's paths. */
function config(name, port) {
    const here = (text) => text
        .replace(/^load_module .*$/m,
                 MODULE === '' ? '' : `load_module ${MODULE};`)
        .replaceAll('../../build/client/', 'client/')
        .replaceAll('include ../', 'include ')
        .replaceAll('127.0.0.1:3000', `127.0.0.1:${port}`)
        .replace('logs/error.log', 'error.log');

    return (place) => {
        const to = (file) => path.join(place.prefix, file);
        const read = (file) => readFileSync(path.join(EXAMPLES, file), 'utf8');

        cpSync(path.join(EXAMPLES, name), place.prefix, { recursive: true });
        mkdirSync(to('logs'), { recursive: true });
        writeFileSync(to('jwt.secret'),
                      crypto.randomBytes(32).toString('hex'));

        for (const file of ['http.conf', 'client.conf']) {
            writeFileSync(to(file), here(read(file)));
        }

        if (!existsSync(to('client'))) {
            symlinkSync(BUNDLE, to('client'));
        }

        const text = here(read(`${name}/nginx.conf`));
        const [, zone] = /socketio_zone zone=(\w+)/.exec(text);

        return 'daemon off;\n' + text
            .replace('include client.conf;', (line) => line + fence(zone))
            .replaceAll('127.0.0.1:8080', `127.0.0.1:${place.port}`);
    };
}


class Example {
    constructor(name) {
        this.name = name;
        this.pages = [];
    }

    async start() {
        this.port = await freePort();
        this.nginx = await startNginx({ workers: 2,
                                        config: config(this.name, this.port) });
        await this.startService();
    }

    async startService() {
        const { prefix, url } = this.nginx;
        const command = existsSync(path.join(prefix, 'service.mjs'))
                        ? ['node', 'service.mjs'] : ['python3', 'service.py'];

        this.service = spawn(command[0], command.slice(1), {
            cwd: prefix, stdio: ['ignore', 'pipe', 'inherit'],
            env: { ...process.env, PORT: String(this.port),
                   SOCKETIO_API: `${url}/socketio` },
        });

        /* its first line says that it listens */
        this.service.stdout.setEncoding('utf8');
        await until(() => this.service.stdout.read(), `${command[1]} listens`,
                    PATIENCE * 2);
    }

    async stopService() {
        if (this.service.exitCode === null
            && this.service.signalCode === null)
        {
            this.service.kill();
            await event(this.service, 'exit');
        }
    }

    async stop() {
        closeAll();
        await this.browser?.close();

        if (this.service) {
            await this.stopService();
        }

        await this.nginx?.stop();
    }

    /* Nobody is connected any more when this returns. */
    async disconnect() {
        closeAll();
        await Promise.all(this.pages.splice(0).map((page) => page.close()));
        await until(async () => {
            const { json } = await this.nginx.request('GET', '/fence/status');

            return json.sessions.polling + json.sessions.websocket === 0;
        }, 'all sessions are closed', PATIENCE * 2);
    }

    async token(user) {
        const res = await this.nginx.request('POST', '/login', {
            body: JSON.stringify({ user }),
        });

        assert.equal(res.status, 200, res.body);

        return res.json.token;
    }

    /* A connected client; .heard has what came, as [event, ...arguments]. */
    async user(user, options = {}) {
        const socket = client(this.nginx, {
            auth: { token: await this.token(user) }, ...options,
        });

        /* before it is connected: a service may be quicker than we are */
        socket.heard = [];
        socket.onAny((...args) => socket.heard.push(args));

        await connected(socket);

        if ((options.mode ?? 'upgrade') === 'upgrade') {
            await upgraded(socket);
        }

        return socket;
    }

    /* Waits until the sockets have what was sent to them before. */
    async settle(...sockets) {
        for (const socket of sockets) {
            const done = once(socket, 'fence');
            const res = await this.nginx.request('POST', '/fence/emit', {
                body: JSON.stringify({ namespace: socket.nsp, event: 'fence',
                                       rooms: socket.id }),
                headers: { 'Content-Type': 'application/json' },
            });

            assert.equal(res.status, 200, res.body);
            await done;
            socket.heard = socket.heard.filter(([name]) => name !== 'fence');
        }
    }

    /* The page as a user sees it. */
    async page(user) {
        this.browser ??= await chromium.launch({ executablePath,
                                                 args: ['--no-sandbox'] });

        const context = await this.browser.newContext();
        const page = await context.newPage();

        this.pages.push(context);
        page.faults = [];
        page.on('pageerror', (err) => page.faults.push(String(err)));
        page.setDefaultTimeout(PATIENCE * 3);
        await page.goto(this.nginx.url);
        await page.click(`button[value=${user}]`);

        return page;
    }
}


function example(name, body) {
    describe(name, () => {
        const it = new Example(name);

        before(() => it.start());
        afterEach(() => it.disconnect());
        after(() => it.stop());
        body(it);
    });
}


async function ask(socket, ...args) {
    const [answer] = await emitAck(socket, ...args);

    return answer;
}


/* What a socket has heard of some event, each as its arguments. */
const heard = (socket, name) => socket.heard.filter(([got]) => got === name)
                                            .map(([, ...args]) => args);

const names = (socket) => socket.heard.map(([name]) => name);

const MIXED = ['polling', 'websocket', 'upgrade'];


/* ---- what they promise ---- */

example('resource-status', (it) => {
    const open = (user, mode) => it.user(user, { namespace: '/data_owner',
                                                 mode });
    const change = async (who, id, body) => it.nginx.request(
        'PATCH', `/resources/${id}/status`, {
            body: JSON.stringify(body),
            headers: who ? { Authorization: `Bearer ${await it.token(who)}` }
                     : {},
        });

    for (const mode of MIXED) {
        test(`one PATCH, three events: ${mode}`, async () => {
            const [olga, tab, otto, bea, idle] = await Promise.all(
                ['olga', 'olga', 'otto', 'bea', 'bea'].map(
                    (user) => open(user, mode)));

            assert.deepEqual(
                await ask(bea, 'join:resource', { resourceId: 42 }),
                { ok: true, rooms: ['resource:42'] });

            const res = await change('olga', 42, { status: 'running' });

            assert.deepEqual(res.json, { success: true });
            await it.settle(olga, tab, otto, bea, idle);

            const [[, payload]] = bea.heard;
            const { timestamp } = payload.metadata;

            assert.ok(Math.abs(Date.now() - Date.parse(timestamp)) < 60000);
            assert.deepEqual(payload, {
                id: '42', data: { status: 'running' },
                metadata: { timestamp, triggered_by: 'olga',
                            department: 'A' },
            });

            const department = ['resource:status:updated',
                                { ...payload, resource_ref: 'REF-95000042' }];
            const own = ['status:confirmed', payload];

            assert.deepEqual(bea.heard, [['status:updated', payload]]);
            assert.deepEqual(otto.heard, [department]);
            assert.deepEqual(olga.heard, [department, own]);
            assert.deepEqual(tab.heard, [department, own]);
            assert.deepEqual(idle.heard, []);
        });
    }

    test('nobody hears of what is refused', async () => {
        const otto = await open('otto');

        assert.equal((await change(null, 42, { status: 'idle' })).status, 401);
        assert.equal((await change('otto', 42, { status: 'x' })).status, 400);
        assert.equal((await change('otto', 42, 'idle')).status, 400);
        assert.equal((await change('otto', 44, { status: 'idle' })).status,
                     404);
        await it.settle(otto);
        assert.deepEqual(otto.heard, []);
    });

    test('rooms of others are refused', async () => {
        const bea = await open('bea');

        for (const room of ['department:A', 'user:olga']) {
            assert.equal((await ask(bea, 'join', room)).error, 'Forbidden');
        }
    });

    test('who has no token stays outside', async () => {
        const socket = client(it.nginx, { namespace: '/data_owner' });
        const [err] = await once(socket, 'connect_error');

        assert.equal(err.message, 'Authentication required');
    });

    test('the page', { skip }, async () => {
        const olga = await it.page('olga');
        const otto = await it.page('otto');

        for (const page of [olga, otto]) {
            await page.getByText('watching resource:42').waitFor();
        }

        await olga.click('#set button[value=flagged]');
        await olga.getByText('42 is flagged').waitFor();

        for (const page of [olga, otto]) {
            await page.locator('#status', { hasText: 'flagged' }).waitFor();
            await page.getByText('REF-95000042: flagged, by olga').waitFor();
            assert.deepEqual(page.faults, []);
        }

        assert.equal(await otto.textContent('#confirmed'), '');
    });
});


example('driver-tracking', (it) => {
    const people = async (mode, ...list) => Object.fromEntries(
        await Promise.all(list.map(
            async (user) => [user, await it.user(user, { mode })])));

    /* by polling, what is volatile comes only while a poll waits */
    for (const mode of ['websocket', 'upgrade']) {
        test(`a position is for the own company and admins: ${mode}`,
            async () => {
                const all = await people(mode, 'ada', 'dan', 'dora', 'nora',
                                         'sam', 'pia', 'vera');
                const tab = await it.user('nora', { mode });
                const sent = { x: 1, y: 2, driver: 'dora', time: 0 };

                assert.deepEqual(await ask(all.dan, 'position:update', sent),
                                 { ok: true });
                await it.settle(tab, ...Object.values(all));

                for (const socket of [all.ada, all.nora, tab]) {
                    const [[got], ...more] = heard(socket, 'position:update');

                    assert.deepEqual(more, []);
                    assert.ok(Math.abs(Date.now() - got.time) < 60000);
                    assert.deepEqual(got, { ...sent, driver: 'dan',
                                            time: got.time });
                }

                for (const name of ['dan', 'dora', 'sam', 'pia', 'vera']) {
                    assert.deepEqual(all[name].heard, [], name);
                }
            });
    }

    test('who is no driver has no position', async () => {
        const { ada, nora, vera } = await people('websocket', 'ada', 'nora',
                                                 'vera');

        nora.emit('position:update', { x: 1, y: 1 });
        vera.emit('position:update', { x: 1, y: 1 });

        /* what comes after it has been judged after it */
        await ask(nora, 'message:send', { to: 'ada', text: 'a' });
        await ask(vera, 'message:send', { to: 'ada', text: 'b' });
        await it.settle(ada, nora, vera);
        assert.deepEqual(names(ada), ['message:send', 'message:send']);
    });

    test('too many positions are refused', async () => {
        const dan = await it.user('dan', { mode: 'websocket' });
        const answers = await Promise.all(Array.from({ length: 10 }, () =>
            ask(dan, 'position:update', { x: 1, y: 1 })));
        const refused = answers.filter(({ ok }) => !ok);

        assert.equal(answers[0].ok, true);
        assert.ok(refused.length >= 5, `${refused.length} of 10 refused`);
        assert.equal(refused[0].error, 'Rate limit exceeded');
    });

    test('messages between any two, under the own name', async () => {
        const { vera, dan, ada } = await people('upgrade', 'vera', 'dan',
                                                'ada');
        const phone = await it.user('dan', { mode: 'polling' });

        assert.deepEqual(await ask(vera, 'message:send', {
            to: 'dan', text: 'Hello', from: 'ada', role: 'admin',
        }), { ok: true });
        assert.equal((await ask(vera, 'message:send', { text: 'x' })).ok,
                     false);
        await it.settle(vera, dan, ada, phone);

        for (const socket of [dan, phone]) {
            assert.deepEqual(socket.heard, [['message:send', {
                to: 'dan', text: 'Hello', from: 'vera', role: 'vendor',
            }]]);
        }

        assert.deepEqual([...vera.heard, ...ada.heard], []);
    });

    test('announcements are the admins\'', async () => {
        const all = await people('upgrade', 'ada', 'dan', 'sam', 'pia');

        all.dan.emit('announcement', { text: 'no' });
        assert.deepEqual(await ask(all.ada, 'announcement', { text: 'yes' }),
                         { ok: true });
        await it.settle(...Object.values(all));

        for (const socket of Object.values(all)) {
            assert.deepEqual(socket.heard, [['announcement', {
                text: 'yes', from: 'ada',
            }]]);
        }

    });

    test('a job reaches the driver on all devices', async () => {
        const { dora, dan } = await people('websocket', 'dora', 'dan');
        const phone = await it.user('dora', { mode: 'polling' });
        const res = await it.nginx.request('POST', '/jobs', {
            body: JSON.stringify({ driver: 'dora', place: 'the port' }),
        });

        assert.deepEqual(res.json, { devices: 2 });
        await it.settle(dora, dan, phone);
        assert.deepEqual(dora.heard, [['job:assigned', { place: 'the port' }]]);
        assert.deepEqual(phone.heard, dora.heard);
        assert.deepEqual(dan.heard, []);
    });

    test('who may watch a company', async () => {
        const { sam, dan, ada } = await people('websocket', 'sam', 'dan',
                                               'ada');

        for (const socket of [sam, dan]) {
            assert.equal((await ask(socket, 'join', 'company:north')).error,
                         'Forbidden');
        }

        assert.equal((await ask(ada, 'join', 'company:north')).ok, true);

        /* in both rooms, and told once */
        await ask(dan, 'position:update', { x: 3, y: 3 });
        await it.settle(sam, ada);
        assert.deepEqual(names(ada), ['position:update']);
        assert.deepEqual(sam.heard, []);
    });

    test('a reconnect needs no join', async () => {
        const nora = await it.user('nora', { mode: 'websocket',
                                             reconnection: true,
                                             reconnectionDelay: 10 });
        const dan = await it.user('dan', { mode: 'websocket' });
        const again = once(nora, 'connect');

        nora.io.engine.close();
        await again;
        await ask(dan, 'position:update', { x: 4, y: 4 });
        await it.settle(nora);
        assert.deepEqual(names(nora), ['position:update']);
    });

    test('the page', { skip }, async () => {
        const nora = await it.page('nora');
        const dan = await it.page('dan');

        for (const page of [nora, dan]) {
            await page.getByText('connected as').waitFor();
        }

        await dan.click('#drive');
        await nora.locator('#map text', { hasText: 'dan' }).waitFor();
        await nora.click('#message button');
        await nora.getByText('sent').waitFor();
        await dan.getByText('nora, company: Where are you?').waitFor();
        assert.deepEqual([...nora.faults, ...dan.faults], []);
    });
});
