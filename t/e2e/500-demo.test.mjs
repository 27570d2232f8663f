/*
 * The demo in a browser: demo/nginx.conf with another port, two browsers on
 * two workers, what a POST sends to both, and what a dead worker does to them.
 * Pictures are left in build/demo.
 */

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { launchBrowser, noBrowser } from '../lib/browser.mjs';
import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';

const REPO = path.resolve(path.dirname(fileURLToPath(import.meta.url)),
                          '../..');
const MODULE = process.env.TEST_NGINX_MODULE
               ?? path.join(REPO, 'build/ngx_socketio_module.so');
const BUNDLE = path.join(REPO, 't/node_modules/socket.io-client/dist');
const PICTURES = path.join(REPO, 'build/demo');

const skip = noBrowser('500-demo');


/* As tools/demo does it, in the test's prefix. */
function config(place) {
    mkdirSync(path.join(place.prefix, 'logs'), { recursive: true });

    for (const [name, target] of [['demo', path.join(REPO, 'demo')],
                                  ['client', BUNDLE]]) {
        if (!existsSync(path.join(place.prefix, name))) {
            symlinkSync(target, path.join(place.prefix, name));
        }
    }

    const text = readFileSync(path.join(REPO, 'demo/nginx.conf'), 'utf8')
        .replaceAll('127.0.0.1:8080', `127.0.0.1:${place.port}`)
        .replace('logs/error.log', 'error.log');

    return `${MODULE === '' ? '' : `load_module ${MODULE};`}
            daemon off;\n${text}`;
}


describe('the demo', { skip }, () => {
    let nginx, browser;

    before(async () => {
        nginx = await startNginx({ workers: 4, config });
        browser = await launchBrowser();
        mkdirSync(PICTURES, { recursive: true });
    });

    after(async () => {
        await browser?.close();
        await nginx?.stop();
    });

    /* A page in a browser of its own, once it is on WebSocket and in a room. */
    async function open(options = {}) {
        const context = await browser.newContext(options);
        const page = await context.newPage();

        page.faults = [];
        page.on('pageerror', (err) => page.faults.push(String(err)));
        page.setDefaultTimeout(PATIENCE * 3);

        await page.goto(nginx.url);
        await settled(page);

        return page;
    }

    async function settled(page) {
        await page.waitForSelector('#state[data-state=connected]');
        await page.waitForSelector('#websocket.now');
        await page.waitForFunction(
            () => document.querySelector('#ack').textContent.includes('true')
                  && Number(document.querySelector('#workers').dataset.pid));
    }

    const worker = async (page) =>
        Number(await page.getAttribute('#workers', 'data-pid'));

    const shows = (page, text) =>
        page.locator('#events .event', { hasText: text }).first().waitFor();

    /* Which worker takes a connection is the kernel's choice. */
    async function openElsewhere(pid) {
        for (let i = 0; i < 40; i++) {
            const page = await open();

            if (await worker(page) !== pid) {
                return page;
            }

            await page.context().close();
        }

        return assert.fail('40 connections on one of four workers');
    }

    test('two workers, one POST, both pages show it', async () => {
        const one = await open();
        const two = await openElsewhere(await worker(one));

        /* those that were closed again may still be going */
        await until(async () =>
            (await nginx.status()).sockets.connected === 2, 'two are there');

        assert.ok(nginx.workers().includes(await worker(one)));
        assert.ok(nginx.workers().includes(await worker(two)));

        const answer = await nginx.publish({
            rooms: 'lobby', event: 'news',
            data: { room: 'lobby', text: 'Hello, both of you' },
        });

        assert.equal(answer.matched, 2);
        await shows(one, 'Hello, both of you');
        await shows(two, 'Hello, both of you');

        await one.screenshot({ path: path.join(PICTURES, 'light.png'),
                               fullPage: true });
        await one.context().close();
        await two.context().close();
        assert.deepEqual([...one.faults, ...two.faults], []);
    });

    test('rooms: joined, refused, left', async () => {
        const page = await open({ colorScheme: 'dark',
                                  viewport: { width: 390, height: 844 } });

        await page.fill('#room', 'room:green');
        await page.click('#join button');
        await page.locator('#rooms li', { hasText: 'room:green' }).waitFor();

        await page.fill('#room', 'secret');
        await page.click('#join button');
        await page.locator('#ack.refused', { hasText: 'Forbidden' }).waitFor();

        await nginx.publish({ rooms: 'room:green', event: 'move',
                              args: [4, { by: 'white' }] });
        await shows(page, '4,{"by":"white"}');

        await page.screenshot({ path: path.join(PICTURES, 'phone.png'),
                                fullPage: true });

        const wide = await page.evaluate(
            () => document.documentElement.scrollWidth);

        assert.ok(wide <= 390, `${wide} pixels wide on a phone`);

        await page.click('#rooms li:has-text("room:green") button');
        await page.locator('#ack', { hasText: "emit('leave'" }).waitFor();

        const gone = await nginx.publish({ rooms: 'room:green', event: 'x' });

        assert.equal(gone.matched, 0);
        assert.deepEqual(page.faults, []);
        await page.context().close();
    });

    test('the command that the page offers', async () => {
        const page = await open();

        await page.selectOption('#to', { label: 'this tab only' });
        await page.fill('#text', "it's \"quoted\"");

        const command = await page.textContent('#command');
        const [, body] = /-d '(.*)'$/.exec(command);

        assert.ok(command.startsWith(`curl ${nginx.url}/socketio/emit `));

        const answer = await nginx.api('emit', body.replaceAll("'\\''", "'"));

        assert.equal(answer.json.matched, 1, answer.body);
        await shows(page, "it's \"quoted\"");
        await page.context().close();
    });

    test('a killed worker: the page comes back and joins again', async () => {
        const page = await open();
        const pid = await worker(page);

        assert.equal(await page.textContent('#kill'), `kill -9 ${pid}`);
        await nginx.kill(pid);
        await page.locator('#events .note', { hasText: 'disconnected' })
                  .waitFor();
        await settled(page);
        assert.notEqual(await worker(page), pid);

        await until(async () => (await nginx.publish({
            rooms: 'lobby', event: 'news', data: { text: 'back' },
        })).matched === 1, 'in the lobby again');
        await shows(page, 'back');
        await page.context().close();
    });

    test('the bundle has the headers of the Node server', async () => {
        const path = '/socket.io/socket.io.js';
        const first = await nginx.request('GET', path);

        assert.equal(first.status, 200);
        assert.equal(first.headers['cache-control'], 'public, max-age=0');
        assert.equal(first.headers['content-type'],
                     'application/javascript; charset=utf-8');

        const again = await nginx.request('GET', path, {
            headers: { 'If-None-Match': first.headers.etag },
        });

        assert.equal(again.status, 304);

        for (const name of ['socket.io.min.js', 'socket.io.js.map',
                            'socket.io.esm.min.js']) {
            const res = await nginx.request('GET', `/socket.io/${name}`);

            assert.equal(res.status, 200, name);
        }
    });
});
