/*
 * socketio_origin as a browser sees it: pages of three origins with the stock
 * client, by polling and by WebSocket, with and without credentials.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { launchBrowser, noBrowser } from '../lib/browser.mjs';
import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';

const CLIENT = path.resolve(path.dirname(fileURLToPath(import.meta.url)),
                            '../node_modules/socket.io-client/dist');
const PAGE = '<!doctype html><script src="/client/socket.io.min.js"></script>';
const TRANSPORTS = ['polling', 'websocket'];

const skip = noBrowser('260-browser-origins');


/* A web server of another origin: the page and the client's bundle. */
async function site() {
    const bundle = readFileSync(path.join(CLIENT, 'socket.io.min.js'));
    const server = http.createServer((req, res) => {
        const script = req.url.startsWith('/client/');

        res.setHeader('Content-Type', script ? 'text/javascript' : 'text/html');
        res.end(script ? bundle : PAGE);
    });

    server.listen(0, '127.0.0.1');
    await once(server, 'listening');

    return {
        origin: `http://127.0.0.1:${server.address().port}`,
        stop: () => {
            server.closeAllConnections?.();
            server.close();
        },
    };
}


describe('origins in a browser', { skip }, () => {
    let a, b, browser, nginx;
    const pages = {};

    before(async () => {
        a = await site();
        b = await site();
        nginx = await startNginx({
            workers: 2,
            http: `log_format origins "$http_origin $cookie_io $arg_transport "
                                      "$arg_sid $request_method $status";`,
            location: `socketio_origin ${a.origin} credentials;
                       socketio_cookie io; socketio_room lobby;`,
            server: `access_log origins.log origins;
                     location /off/ { socketio app; socketio_room lobby; }
                     location /any/ {
                         socketio app; socketio_room lobby; socketio_origin *;
                     }
                     location = /page {
                         default_type text/html; return 200 '${PAGE}';
                     }
                     location /client/ { alias ${CLIENT}/; }`,
        });
        browser = await launchBrowser();

        for (const [name, url] of [['a', a.origin], ['b', b.origin],
                                   ['same', `${nginx.url}/page`]]) {
            const context = await browser.newContext();

            pages[name] = await context.newPage();
            pages[name].setDefaultTimeout(PATIENCE * 3);
            await pages[name].goto(url);
        }
    });

    after(async () => {
        await browser?.close();
        await nginx?.stop();
        a?.stop();
        b?.stop();
    });

    /* What the client in a page comes to: a joined room, or an error. */
    function tries(name, where, transport, withCredentials = false) {
        return pages[name].evaluate((options) => new Promise((resolve) => {
            const socket = window.io(options.url, {
                path: options.where, transports: [options.transport],
                withCredentials: options.withCredentials,
                reconnection: false, forceNew: true,
            });
            const end = (result) => { socket.disconnect(); resolve(result); };

            socket.on('connect_error', (err) => end(err.message));
            socket.on('connect', () => {
                const used = socket.io.engine.transport.name;

                socket.emit('join', 'lobby', (ack) => end([used, ack.ok]));
            });
        }), { url: nginx.url, where, transport, withCredentials });
    }

    const ERRORS = { polling: 'xhr poll error', websocket: 'websocket error' };

    /* Each row: the endpoint, and whose pages it serves. */
    for (const [what, where, served] of [
        ['a listed origin', '/socket.io/', ['a']],
        ['off', '/off/', ['same']],
        ['*', '/any/', ['a', 'b', 'same']],
    ]) {
        for (const transport of TRANSPORTS) {
            test(`${what}: ${transport}`, async () => {
                for (const name of ['a', 'b', 'same']) {
                    /* a page may always read what its own origin answers */
                    const may = served.includes(name)
                                || (name === 'same' && transport === 'polling');

                    assert.deepEqual(await tries(name, where, transport),
                                     may ? [transport, true]
                                         : ERRORS[transport],
                                     `page ${name}`);
                }
            });
        }
    }

    for (const transport of TRANSPORTS) {
        test(`credentials: ${transport}`, async () => {
            assert.deepEqual(await tries('a', '/socket.io/', transport, true),
                             [transport, true]);
            assert.equal(await tries('b', '/socket.io/', transport, true),
                         ERRORS[transport]);
        });
    }

    test('credentials are not for every origin', async () => {
        assert.equal(await tries('a', '/any/', 'polling', true),
                     ERRORS.polling);
    });

    test('the cookie goes with credentials only', async () => {
        const mine = () => nginx.read('origins.log').split('\n')
            .map((line) => line.split(' '))
            .filter(([origin, , transport, sid]) => origin === a.origin
                    && transport === 'polling' && sid !== '-');
        const before = mine().length;

        await tries('a', '/socket.io/', 'polling', true);

        /* a worker writes its line after its answer */
        const withIt = await until(() => mine().length >= before + 2
                                         && mine().slice(before),
                                   'the lines of the first client');

        await tries('a', '/socket.io/', 'polling');

        /* the first client's goodbye may come late */

        const first = new Set(withIt.map(([, , , sid]) => sid));
        const without = await until(() => {
            const found = mine().slice(before)
                                .filter(([, , , sid]) => !first.has(sid));

            return found.length >= 2 && found;
        }, 'the lines of the second client');

        for (const [, cookie, , sid] of withIt.filter(([, , , , m]) =>
            m !== 'OPTIONS')) {
            assert.equal(cookie, sid);
        }

        for (const [, cookie] of without) {
            assert.equal(cookie, '-');
        }
    });
});
