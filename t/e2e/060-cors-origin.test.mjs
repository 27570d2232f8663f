/*
 * socketio_origin: the CORS headers of polling and the Origin check of
 * WebSockets.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startNginx, testConfig } from '../lib/nginx.mjs';
import { WebSocketRaw, openSession, request } from '../lib/raw.mjs';

const APP = 'https://app.example.com';
const EVIL = 'https://evil.example.com';


/* A polling handshake from an origin. */
function poll(nginx, origin, options = {}) {
    return request(`${nginx.url}/socket.io/?EIO=4&transport=polling`,
                   { ...options,
                     headers: { ...origin && { Origin: origin },
                                ...options.headers } });
}


function preflight(nginx, origin, more = {}) {
    return poll(nginx, origin, {
        method: 'OPTIONS',
        headers: { 'Access-Control-Request-Method': 'GET',
                   'Access-Control-Request-Headers': 'authorization,x-a',
                   ...more },
    });
}


async function wsStatus(nginx, origin, headers = {}) {
    const ws = await WebSocketRaw.request(nginx.url, {
        headers: { ...origin !== undefined && { Origin: origin },
                   ...headers },
    });

    ws.close();

    return ws.status;
}


function vary(res) {
    return (res.headers.vary ?? '').toLowerCase();
}


function run(name, location, body) {
    describe(name, () => {
        const nginx = {};

        before(async () => {
            const started = await startNginx({ location });

            Object.setPrototypeOf(nginx, started);
            nginx.url = started.url;
            nginx.port = started.port;
            nginx.stop = () => started.stop();
        });

        after(() => nginx.stop());
        body(nginx);
    });
}


run('off', '', (nginx) => {
    test('no CORS header, whatever the origin', async () => {
        for (const origin of [undefined, APP, nginx.url]) {
            const res = await poll(nginx, origin);

            assert.equal(res.status, 200);
            assert.deepEqual(Object.keys(res.headers).filter(
                (name) => name.startsWith('access-control')), []);
        }
    });

    test('OPTIONS is a bad handshake method', async () => {
        const res = await preflight(nginx, APP);

        assert.equal(res.status, 400);
        assert.equal(JSON.parse(res.body).code, 2);
    });

    test('a WebSocket without Origin is accepted', async () => {
        assert.equal(await wsStatus(nginx), 101);
    });

    test('a WebSocket of the same host is accepted', async () => {
        const host = `127.0.0.1:${nginx.port}`;

        assert.equal(await wsStatus(nginx, `http://${host}`), 101);
        assert.equal(await wsStatus(nginx, `https://${host}`), 101,
                     'TLS may end elsewhere');
        assert.equal(await wsStatus(nginx, 'http://App.Example.com',
                                    { Host: 'app.example.COM' }), 101);
        assert.equal(await wsStatus(nginx, 'https://app.example.com:8443',
                                    { Host: 'app.example.com:8443' }), 101);
    });

    const foreign = {
        'another host': [EVIL],
        'another port': ['http://127.0.0.1:1'],
        'no port': ['http://127.0.0.1'],
        'null': ['null'],
        'a suffix of the host': ['http://example.com',
                                 { Host: 'app.example.com' }],
        'a longer host': ['http://app.example.com.evil.com',
                          { Host: 'app.example.com' }],
        'the host as user': ['http://app.example.com@evil.com',
                             { Host: 'app.example.com' }],
    };

    for (const [name, [origin, headers]] of Object.entries(foreign)) {
        test(`a WebSocket from ${name} is 403`, async () => {
            assert.equal(await wsStatus(nginx, origin, headers), 403);
        });
    }

    test('an upgrade is checked too', async () => {
        const session = await openSession('polling', nginx.url);
        const ws = await WebSocketRaw.request(nginx.url, {
            sid: session.sid, headers: { Origin: EVIL },
        });

        assert.equal(ws.status, 403);
        ws.close();
        await session.connect();
        await session.close();
    });
});


run('*', 'socketio_origin *; socketio_max_payload 1000;', (nginx) => {
    test('every answer allows everybody', async () => {
        const res = await poll(nginx, EVIL);

        assert.equal(res.status, 200);
        assert.equal(res.headers['access-control-allow-origin'], '*');
        assert.equal(res.headers['access-control-allow-credentials'],
                     undefined);
    });

    test('errors too', async () => {
        const base = `${nginx.url}/socket.io/?EIO=4`;

        for (const target of [base, `${base}&transport=polling&sid=x`]) {
            const res = await request(target, { headers: { Origin: EVIL } });

            assert.equal(res.status, 400);
            assert.equal(res.headers['access-control-allow-origin'], '*');
        }
    });

    test('and POST, and 413', async () => {
        const session = await openSession('polling', nginx.url,
                                          { headers: { Origin: EVIL } });

        for (const [body, status] of [['40', 200],
                                      ['4'.repeat(2000), 413]])
        {
            const res = await session.post(body);

            assert.equal(res.status, status);
            assert.equal(res.headers['access-control-allow-origin'], '*');
        }

        await session.close();
    });

    test('any WebSocket is accepted', async () => {
        assert.equal(await wsStatus(nginx, EVIL), 101);
        assert.equal(await wsStatus(nginx, 'null'), 101);
    });

    test('preflight', async () => {
        const res = await preflight(nginx, EVIL);

        assert.equal(res.status, 204);
        assert.equal(res.body, '');
        assert.equal(res.headers['access-control-allow-origin'], '*');
        assert.equal(res.headers['access-control-allow-headers'],
                     'authorization,x-a');
        assert.match(res.headers['access-control-allow-methods'], /\bGET\b/);
        assert.match(res.headers['access-control-allow-methods'],
                     /\bPOST\b/);
        assert.match(vary(res), /access-control-request-headers/);
    });
});


run('a list', `socketio_origin ${APP} http://localhost:3000 credentials;`,
    (nginx) => {
    for (const origin of [APP, 'http://localhost:3000']) {
        test(`${origin} is allowed`, async () => {
            const res = await poll(nginx, origin);

            assert.equal(res.status, 200);
            assert.equal(res.headers['access-control-allow-origin'], origin);
            assert.equal(res.headers['access-control-allow-credentials'],
                         'true');
            assert.match(vary(res), /\borigin\b/);
            assert.equal(await wsStatus(nginx, origin), 101);
        });
    }

    for (const origin of [EVIL, 'http://app.example.com',
                          'https://app.example.com:444',
                          'https://app.example.com.evil.com', 'null'])
    {
        test(`${origin} is not`, async () => {
            const res = await poll(nginx, origin);

            assert.equal(res.status, 200, 'the browser hides it');
            assert.equal(res.headers['access-control-allow-origin'],
                         undefined);
            assert.match(vary(res), /\borigin\b/);
            assert.equal(await wsStatus(nginx, origin), 403);
        });
    }

    test('no Origin is accepted', async () => {
        assert.equal((await poll(nginx)).status, 200);
        assert.equal(await wsStatus(nginx), 101);
    });

    test('preflight of one that is allowed', async () => {
        const res = await preflight(nginx, APP);

        assert.equal(res.status, 204);
        assert.equal(res.headers['access-control-allow-origin'], APP);
        assert.equal(res.headers['access-control-allow-credentials'],
                     'true');
        assert.equal(res.headers['access-control-allow-headers'],
                     'authorization,x-a');
        assert.match(vary(res), /\borigin\b/);
    });

    test('preflight of one that is not', async () => {
        const res = await preflight(nginx, EVIL);

        assert.equal(res.headers['access-control-allow-origin'], undefined);
    });

    test('preflight with a sid', async () => {
        const session = await openSession('polling', nginx.url);
        const res = await session.get({
            method: 'OPTIONS',
            headers: { Origin: APP, 'Access-Control-Request-Method': 'POST',
                       'Access-Control-Request-Headers': 'x-a' },
        });

        assert.equal(res.status, 204);
        assert.equal(res.headers['access-control-allow-origin'], APP);
        await session.connect();
        await session.close();
    });
});


run('a list without credentials', `socketio_origin ${APP};`, (nginx) => {
    test('no credentials header', async () => {
        const res = await poll(nginx, APP);

        assert.equal(res.headers['access-control-allow-origin'], APP);
        assert.equal(res.headers['access-control-allow-credentials'],
                     undefined);
    });
});


describe('configuration', () => {
    const bad = ['socketio_origin * credentials;', 'socketio_origin;',
                 'socketio_origin credentials;',
                 'socketio_origin off https://a.example;'];

    for (const location of bad) {
        test(`refused: ${location}`, async () => {
            const { ok, output } = await testConfig({ location });

            assert.equal(ok, false);
            assert.match(output, /\[emerg\].*socketio_origin/);
        });
    }
});
