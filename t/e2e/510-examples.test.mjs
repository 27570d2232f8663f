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

    /* Nobody is connected any more when this returns, as services know too. */
    async disconnect() {
        closeAll();
        await Promise.all(this.pages.splice(0).map((page) => page.close()));
        await until(async () => {
            const { json } = await this.nginx.request('GET', '/fence/status');

            return json.sessions.polling + json.sessions.websocket === 0
                   && json.sockets.connected + json.sockets.waiting === 0
                   && json.memory.sockets.used === 0;
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


example('chat', (it) => {
    /* Ann and Ben may be in "staff", everybody in "general". */
    const open = (user, options) => it.user(user, { namespace: '/chat',
                                                    ...options });
    const join = (socket, room = 'general') => ask(socket, 'room:join', room);
    const send = (socket, content, more) => ask(
        socket, 'message:send', { roomId: 'general', content, ...more });

    /* Users in "general", who have heard of each other already. */
    const inside = async (...users) => {
        const sockets = [];

        for (const user of users) {
            const socket = await open(user);

            assert.equal((await join(socket)).ok, true);
            sockets.push(socket);
        }

        await it.settle(...sockets);
        sockets.forEach((socket) => { socket.heard = []; });

        return sockets;
    };

    test('join: the history comes, and the others are told', async () => {
        const ann = await open('ann', { mode: 'websocket' });
        const ben = await open('ben', { mode: 'polling' });

        assert.deepEqual(await join(ann), { ok: true, users: ['ann'] });
        assert.deepEqual(ann.heard, [['room:history', 'general', []]]);

        const { ok, id } = await send(ann, 'Hello', { sender: 'ben' });

        assert.equal(ok, true);
        assert.deepEqual(await join(ben), { ok: true, users: ['ann', 'ben'] });
        await it.settle(ann, ben);

        const [, [, message]] = ann.heard;

        assert.ok(Math.abs(Date.now() - Date.parse(message.createdAt)) < 60000);
        assert.deepEqual(message, {
            id, roomId: 'general', content: 'Hello', type: 'text',
            sender: { id: 'ann', name: 'Ann' }, createdAt: message.createdAt,
        });
        assert.deepEqual(ann.heard.slice(1), [
            ['message:new', message],
            ['room:user-joined', { userId: 'ben', roomId: 'general' }],
        ]);
        assert.deepEqual(ben.heard, [['room:history', 'general', [message]]]);
    });

    for (const mode of MIXED) {
        test(`a message reaches all before its ack: ${mode}`, async () => {
            const [ann, ben] = await inside('ann', 'ben');
            const cem = await open('cem', { mode });
            const idle = await open('ann', { mode });

            await join(cem);

            const answer = await send(cem, mode);

            assert.equal(heard(cem, 'message:new').length, 1);
            await it.settle(ann, ben, idle);

            for (const socket of [ann, ben, cem]) {
                const [[message], ...more] = heard(socket, 'message:new');

                assert.deepEqual(more, []);
                assert.deepEqual([message.id, message.content],
                                 [answer.id, mode]);
            }

            assert.deepEqual(idle.heard, []);
        });
    }

    test('messages come in one order to all', async () => {
        const all = await inside('ann', 'ben', 'cem');

        await Promise.all(all.flatMap((socket) => [1, 2, 3, 4].map(
            (n) => send(socket, `${n}`))));
        await it.settle(...all);

        const [first, ...others] = all.map((socket) =>
            heard(socket, 'message:new').map(([{ id }]) => id));

        assert.equal(first.length, 12);
        others.forEach((ids) => assert.deepEqual(ids, first));
    });

    test('typing: the others in the room, and under the own name', async () => {
        const [ann, ben, tab] = await inside('ann', 'ben', 'ben');
        const idle = await open('cem');

        ben.emit('typing:start', 'general');
        assert.deepEqual(
            await ask(ben, 'typing:start', 'general',
                      { userId: 'ann', text: 1 }), { ok: true });
        assert.deepEqual(await ask(ben, 'typing:stop', 'general'),
                         { ok: true });
        await it.settle(ann, ben, tab, idle);

        const user = { userId: 'ben', userName: 'Ben' };

        for (const socket of [ann, tab]) {
            assert.deepEqual(socket.heard, [
                ['typing:start', 'general', user],
                ['typing:start', 'general', { text: 1, ...user }],
                ['typing:stop', 'general', user],
            ]);
        }

        assert.deepEqual([...ben.heard, ...idle.heard], []);
    });

    test('receipts: the others are told who has read', async () => {
        const [ann, ben] = await inside('ann', 'ben');
        const { id } = await send(ann, 'read me');

        assert.deepEqual(
            await ask(ben, 'message:read', { roomId: 'general', messageId: id,
                                             userId: 'cem' }), { ok: true });
        await it.settle(ann, ben);
        assert.deepEqual(heard(ann, 'message:read'), [
            [{ roomId: 'general', messageId: id, userId: 'ben' }],
        ]);
        assert.deepEqual(heard(ben, 'message:read'), []);
    });

    test('a room of others stays shut', async () => {
        const ann = await open('ann');
        const cem = await open('cem');

        assert.equal((await join(ann, 'staff')).ok, true);
        ann.heard = [];

        for (const room of ['staff', 'none', '', null, {}, ['general'],
                            'room:staff', 'constructor'])
        {
            assert.deepEqual(await join(cem, room),
                             { ok: false, error: 'Forbidden' }, String(room));
        }

        assert.deepEqual(
            await ask(cem, 'message:send', { roomId: 'staff', content: 'x' }),
            { ok: false, error: 'Not in this room' });
        assert.deepEqual(await ask(cem, 'typing:start', 'staff'),
                         { ok: false, error: 'Forbidden' });
        assert.deepEqual(
            await ask(cem, 'message:read', { roomId: 'staff', messageId: 1 }),
            { ok: false, error: 'Forbidden' });
        assert.equal((await ask(cem, 'join', 'room:staff')).ok, false);

        await ask(ann, 'message:send', { roomId: 'staff', content: 'secret' });
        await it.settle(ann, cem);
        assert.deepEqual(names(ann), ['message:new']);
        assert.deepEqual(cem.heard, []);
    });

    test('what is no message is refused', async () => {
        const [ann, ben] = await inside('ann', 'ben');

        for (const content of ['', 'x'.repeat(2001), 5, null, undefined]) {
            assert.deepEqual(await send(ann, content),
                             { ok: false, error: 'Invalid message' });
        }

        assert.equal((await ask(ann, 'message:send')).ok, false);
        assert.equal((await ask(ann, 'message:send', 'x')).ok, false);
        assert.deepEqual(await ask(ann, 'room:close', 'general'),
                         { ok: false, error: 'Unknown event' });
        await it.settle(ann, ben);
        assert.deepEqual([...ann.heard, ...ben.heard], []);
    });

    test('leave, and the last of two tabs', async () => {
        const [ann, ben, tab] = await inside('ann', 'ben', 'ben');
        const gone = { userId: 'ben', roomId: 'general' };

        assert.deepEqual(await ask(ben, 'room:leave', 'general'),
                         { ok: true });
        assert.deepEqual(await ask(ben, 'room:leave', 'general'),
                         { ok: false, error: 'Not in this room' });
        await it.settle(ann, ben, tab);
        assert.deepEqual(ann.heard, []);

        const left = once(ann, 'room:user-left');

        tab.disconnect();
        assert.deepEqual(await left, [gone]);
        assert.equal((await send(ben, 'x')).ok, false);
        assert.deepEqual(ben.heard, []);
    });

    test('who has no token stays outside', async () => {
        const socket = client(it.nginx, { namespace: '/chat' });
        const [err] = await once(socket, 'connect_error');

        assert.equal(err.message, 'Authentication required');
    });

    test('the page', { skip }, async () => {
        const ann = await it.page('ann');
        const ben = await it.page('ben');

        for (const page of [ann, ben]) {
            await page.locator('#users', { hasText: 'ann, ben' }).waitFor();
        }

        /* it is volatile, so it may be lost while a page upgrades */
        await until(async () => {
            await ann.fill('#text', 'Good <b>morning</b>');

            return ben.getByText('Ann typing').waitFor({ timeout: 1000 })
                .then(() => true, () => false);
        }, 'who is typing is shown', PATIENCE * 3);
        await ann.click('#form button');

        for (const page of [ann, ben]) {
            await page.locator('#messages', {
                hasText: 'Ann: Good <b>morning</b>',
            }).waitFor();
        }

        await ann.getByText('✓ ben').waitFor();
        assert.deepEqual([...ann.faults, ...ben.faults], []);
    });

    test('without the service there is an answer, too', async () => {
        const [ann, ben] = await inside('ann', 'ben');

        await it.stopService();

        const answer = await send(ann, 'x');

        assert.equal(answer.ok, false);
        assert.equal(typeof answer.error, 'string');

        /* what nginx does alone goes on */
        assert.deepEqual(await ask(ann, 'typing:start', 'general'),
                         { ok: true });
        await it.settle(ben);
        assert.deepEqual(names(ben), ['typing:start']);
        await it.startService();
        assert.equal((await send(ann, 'y')).ok, true);
    });
});


example('driver-tracking', (it) => {
    const people = async (mode, ...list) => Object.fromEntries(
        await Promise.all(list.map(
            async (user) => [user, await it.user(user, { mode })])));

    /* what is volatile comes while a poll waits, or once upgrades are over */
    for (const mode of ['websocket', 'upgrade']) {
        test(`a position is for the own company and admins: ${mode}`,
            async () => {
                const all = await people(mode, 'ada', 'dan', 'dora', 'nora',
                                         'sam', 'pia', 'vera');
                const tab = await it.user('nora', { mode });
                const sent = { x: 1, y: 2, driver: 'dora', time: 0 };

                await it.settle(tab, ...Object.values(all));
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
        const answers = await Promise.all(Array.from({ length: 30 }, () =>
            ask(dan, 'position:update', { x: 1, y: 1 })));
        const refused = answers.filter(({ ok }) => !ok);

        assert.equal(answers[0].ok, true);
        assert.ok(refused.length >= 15, `${refused.length} of 30 refused`);
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


example('place-order', (it) => {
    const order = (key, ...items) => ({
        key, items: items.map(([dish, count]) => ({ dish, count })),
    });

    for (const mode of MIXED) {
        test(`an order, its ack, and whom it concerns: ${mode}`, async () => {
            const [cara, tab, carl, kim] = await Promise.all(
                ['cara', 'cara', 'carl', 'kim'].map(
                    (user) => it.user(user, { mode })));
            const wanted = order(mode, ['soup', 2], ['cake', 1]);
            const answer = await ask(cara, 'place-order', wanted);

            assert.equal(answer.ok, true);
            await it.settle(cara, tab, carl, kim);

            const placed = { orderId: answer.orderId, customer: 'cara',
                             items: wanted.items, total: 1280 };

            assert.deepEqual(kim.heard, [['order:new', placed]]);
            assert.deepEqual(tab.heard, [['order:placed', placed]]);
            assert.deepEqual([...cara.heard, ...carl.heard], []);

            /* once more, as after a time-out: the same order */
            assert.deepEqual(await ask(tab, 'place-order', wanted), answer);

            assert.deepEqual(await ask(kim, 'order-ready', answer.orderId),
                             { ok: true });
            await it.settle(cara, tab, carl, kim);

            const ready = ['order:ready', { orderId: answer.orderId }];

            assert.deepEqual(kim.heard.slice(1), [ready]);
            assert.deepEqual(tab.heard.slice(1), [ready]);
            assert.deepEqual(cara.heard, [ready]);
            assert.deepEqual(carl.heard, []);
        });
    }

    test('what is no order is refused', async () => {
        const kim = await it.user('kim');

        for (const wrong of [undefined, null, 'soup', {}, { items: [] },
                             order('a'), order('a', ['steak', 1]),
                             order('a', ['soup', 0]), order('a', ['soup', 1.5]),
                             order('a', ['constructor', 1]),
                             order(5, ['soup', 1])])
        {
            const cara = await it.user('cara', { mode: 'websocket' });

            assert.deepEqual(await ask(cara, 'place-order', wrong),
                             { ok: false, error: 'Invalid order' });
            cara.disconnect();
        }

        assert.deepEqual(await ask(kim, 'order-ready', 'x'),
                         { ok: false, error: 'No such order' });
        await it.settle(kim);
        assert.deepEqual(kim.heard, []);
    });

    test('who is no customer cannot order, who is no cook not cook',
        async () => {
            const cara = await it.user('cara');
            const kim = await it.user('kim');
            const { orderId } = await ask(cara, 'place-order',
                                          order('k', ['cake', 1]));
            const none = { message: 'operation has timed out' };

            await Promise.all([
                assert.rejects(kim.timeout(200).emitWithAck(
                    'place-order', order('k', ['cake', 1])), none),
                assert.rejects(cara.timeout(200).emitWithAck(
                    'order-ready', orderId), none),
            ]);
            await it.settle(cara, kim);
            assert.deepEqual(names(kim), ['order:new']);
            assert.deepEqual(cara.heard, []);
        });

    test('the page', { skip }, async () => {
        const kim = await it.page('kim');
        const cara = await it.page('cara');

        for (const page of [kim, cara]) {
            await page.locator('#state', { hasText: 'connected' }).waitFor();
        }

        await cara.selectOption('select', 'pasta');
        await cara.click('#form button');
        await cara.getByText('cara: 1 × pasta').waitFor();
        await kim.click('#orders li:has-text("1 × pasta") button');
        await cara.getByText('1 × pasta – ready').waitFor();

        await cara.selectOption('select', 'steak');
        await cara.click('#form button');
        await cara.getByText('Invalid order').waitFor();
        assert.deepEqual([...kim.faults, ...cara.faults], []);
    });
});


describe('tools/example', () => {
    const tool = path.join(REPO, 'tools/example');
    const build = path.dirname(MODULE);

    function run(...args) {
        const child = spawn(tool, args, { detached: true,
                                          stdio: ['ignore', 'pipe', 'pipe'] });

        child.text = '';
        child.stdout.on('data', (data) => { child.text += data; });
        child.stderr.on('data', (data) => { child.text += data; });

        return child;
    }

    test('starts one, and tidies up on Ctrl-C',
        { skip: !existsSync(path.join(build, 'obj/module'))
                && 'this is not the module that make builds' }, async () => {
            const port = await freePort();
            const child = run(build, 'resource-status', String(port));
            const ended = event(child, 'exit');
            const url = `http://127.0.0.1:${port}`;

            try {
                await until(() => fetch(url).then((res) => res.ok, () => false),
                            'the page is there', PATIENCE * 3);
                await until(() => fetch(`${url}/login`, {
                    method: 'POST', body: '{"user":"olga"}',
                }).then((res) => res.ok), 'the service is there', PATIENCE * 3);

            } finally {
                /* as a terminal does: to nginx and the service as well */
                process.kill(-child.pid, 'SIGINT');
                await ended;
            }

            const [, place] = /logs in (\S+)\/examples/.exec(child.text);

            assert.equal(child.exitCode, 0, child.text);
            assert.equal(existsSync(place), false);
            await assert.rejects(fetch(url));
        });

    test('says which there are', async () => {
        const child = run(build, 'none');

        await event(child, 'close');
        assert.equal(child.exitCode, 1);

        for (const name of ['chat', 'driver-tracking', 'place-order',
                            'resource-status']) {
            assert.ok(child.text.includes(name), child.text);
        }
    });
});
