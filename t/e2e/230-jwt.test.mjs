/*
 * Who may connect: tokens in the CONNECT packet and in the handshake, what is
 * told to who is refused, the access phase, and what no log may have.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { client, closeAll, connect, connected, emitAck, once }
    from '../lib/client.mjs';
import { PATIENCE, startNginx, testConfig, until } from '../lib/nginx.mjs';
import { Polling, TRANSPORTS, WebSocketRaw, openSession, request }
    from '../lib/raw.mjs';
import { EC, OTHER_SECRET, RSA, SECRET, es256, hostile, inSeconds, inTime,
         rs256, token } from '../lib/tokens.mjs';

const KEY = `socketio_jwt_key HS256 secret=${SECRET};`;
const REQUIRED = `${KEY} socketio_auth required;`;
const GOOD = { sub: '7', exp: inSeconds(3600) };
const BEARER = { authorization: `Bearer ${token(GOOD)}` };


function run(name, options, body) {
    describe(name, () => {
        const state = {};

        before(async () => {
            state.nginx = await startNginx(typeof options === 'string'
                                           ? { location: options } : options);
            state.open = (transport = 'websocket', more) =>
                openSession(transport, state.nginx.url, more);
            state.handshake = (headers = {}, query = '') =>
                request(`${state.nginx.url}/socket.io/?EIO=4`
                        + `&transport=polling${query}`, { headers });
        });

        after(async () => {
            closeAll();
            await state.nginx.stop();
        });

        body(state);
    });
}


/* Sends a CONNECT that must be refused; returns the message. */
async function refused(session, auth, namespace = '/') {
    const nsp = namespace === '/' ? '' : `${namespace},`;

    await session.send(`40${nsp}${auth === undefined
                                  ? '' : JSON.stringify(auth)}`);

    const reply = String(await session.recv());

    assert.ok(reply.startsWith(`44${nsp}{`), `${reply} refuses`);

    return JSON.parse(reply.slice(2 + nsp.length)).message;
}


function keyFile(prefix, name, text) {
    fs.writeFileSync(path.join(prefix, name), text);

    return path.join(prefix, name);
}


run('a token in CONNECT', {
    location: ({ prefix }) => `
        socketio_jwt_key HS256 secret=${SECRET};
        socketio_jwt_key HS256 secret=${OTHER_SECRET} kid=old;
        socketio_jwt_key RS256 file=${keyFile(prefix, 'rsa', RSA.publicKey)};
        socketio_jwt_key ES256 file=${keyFile(prefix, 'ec', EC.publicKey)};
        socketio_jwt_require iss=https://login.example aud=app;
        socketio_jwt_leeway 10m;
        socketio_auth required;
        socketio_namespace / { }
        socketio_namespace /texts {
            socketio_auth_message "missing=Authentication failed"
                                  "invalid=No \\"entry\\" \u2014 sorry"
                                  forbidden=no expired=late;
        }
        socketio_namespace /open { socketio_auth off; }
        socketio_namespace /optional { socketio_auth optional; }`,
}, (state) => {
    const claims = { ...GOOD, iss: 'https://login.example', aud: 'app' };
    const lists = { ...claims, aud: ['other', 'app'] };
    const good = [
        ['HS256', token(claims)],
        ['RS256', rs256(claims)],
        ['ES256', es256(claims)],
        ['with Bearer', `Bearer ${token(claims)}`],
        ['with bearer', `bearer ${token(claims)}`],
        ['aud as an array', token(lists)],
        ['the key of its kid', token(claims, { key: OTHER_SECRET,
                                               header: { kid: 'old' } })],
        ['expired within the leeway', token({ ...claims,
                                              exp: inSeconds(-2) })],
        ['begins within the leeway', token({ ...claims, nbf: inSeconds(300) })],
        ['without an end', token({ ...claims, exp: undefined })],
    ];
    const bad = [
        ['missing', undefined, 'Authentication required'],
        ['no member', {}, 'Authentication required'],
        ['empty', '', 'Authentication required'],
        ['Bearer alone', 'Bearer ', 'Invalid token'],
        ['garbage', 'garbage', 'Invalid token'],
        ['wrong key', token(claims, { key: 'x'.repeat(32) }),
         'Invalid token'],
        ['wrong kid', token(claims, { key: OTHER_SECRET,
                                      header: { kid: 'new' } }),
         'Invalid token'],
        ['the key of another kid', token(claims, { key: 'y'.repeat(32),
                                                   header: { kid: 'old' } }),
         'Invalid token'],
        ['expired', token({ ...claims, exp: inSeconds(-3600) }),
         'Token expired'],
        ['too early', token({ ...claims, nbf: inSeconds(7200) }),
         'Invalid token'],
        ['wrong iss', token({ ...claims, iss: 'https://evil.example' }),
         'Forbidden'],
        ['no iss', token({ ...claims, iss: undefined }), 'Forbidden'],
        ['wrong aud', token({ ...claims, aud: ['other'] }), 'Forbidden'],
    ];
    const authOf = (value) => typeof value === 'string' ? { token: value }
                                                        : value;

    for (const transport of TRANSPORTS) {
        for (const [name, value] of good) {
            test(`${transport}: ${name}`, async () => {
                const session = await state.open(transport);

                await session.connect('/', { token: value });
                session.close();
            });
        }

        for (const [name, value, message] of bad) {
            test(`${transport}: ${name}`, async () => {
                const session = await state.open(transport);

                assert.equal(await refused(session, authOf(value)), message);

                /* the connection stays, and others of its namespaces */
                await session.connect('/open');
                assert.equal(await refused(session, authOf(value)), message);
                await session.connect('/', { token: token(claims) });
                session.close();
            });
        }
    }

    test('texts of a namespace', async () => {
        const session = await state.open();
        const say = (value) => refused(session, authOf(value), '/texts');

        assert.equal(await say(undefined), 'Authentication failed');
        assert.equal(await say('x'), 'No "entry" \u2014 sorry');
        assert.equal(await say(token({ ...claims, aud: 'x' })), 'no');
        assert.equal(await say(token({ ...claims, exp: 1 })), 'late');
        session.close();
    });

    test('optional takes none, but no bad one', async () => {
        const session = await state.open();

        assert.equal(await refused(session, { token: 'x' }, '/optional'),
                     'Invalid token');
        await session.connect('/optional');
        session.close();
    });

    for (const mode of ['polling', 'websocket', 'upgrade']) {
        test(`stock client, ${mode}: connects again`, async () => {
            const other = await connect(state.nginx, { mode,
                                                       namespace: '/open' });
            const socket = other.io.socket('/', { auth: { token: 'bad' } });
            const [err] = await once(socket, 'connect_error');

            assert.equal(err.message, 'Invalid token');
            assert.equal(socket.connected, false);

            socket.auth = { token: token(claims) };
            socket.connect();
            await connected(socket);
            assert.equal(other.connected, true);
            assert.deepEqual(await emitAck(other, 'join', 'x'),
                             [{ ok: false, error: 'Forbidden',
                                rooms: ['x'] }]);
        });
    }

    test('user of fetchSockets, and never a token', async () => {
        const session = await state.open('websocket', {
            headers: { cookie: 'jwt=secret.cookie.token' },
        });
        const text = token(claims);
        const id = await session.connect('/', { token: text });
        const { sockets } = await state.nginx.call('fetchSockets',
                                                   { rooms: [id] });

        assert.equal(sockets[0].user, '7');

        const all = JSON.stringify(sockets);

        for (const part of text.split('.').slice(1)) {
            assert.ok(!all.includes(part), all);
        }

        assert.ok(!all.includes('secret.cookie'), all);
        session.close();
    });

    test('user is null without a token, a number as it is', async () => {
        const session = await state.open();
        const user = async (namespace, auth) => {
            const id = await session.connect(namespace, auth);
            const { sockets } = await state.nginx.call(
                'fetchSockets', { namespace, rooms: [id] });

            return sockets[0].user;
        };

        assert.equal(await user('/open'), null);
        assert.equal(await user('/', { token: token({ ...claims, sub: 5 }) }),
                     5);
        session.close();
    });
});


run('a token in the handshake', `${REQUIRED}
    socketio_jwt_token header:Authorization header:x-token cookie:jwt
                       query:token;
    socketio_namespace / { }
    socketio_namespace /b {
        socketio_jwt_key HS256 secret=${OTHER_SECRET};
    }`, (state) => {
    const ways = [
        ['header', { extraHeaders: BEARER }],
        ['header without Bearer',
         { extraHeaders: { authorization: token(GOOD) } }],
        ['another header', { extraHeaders: { 'X-Token': token(GOOD) } }],
        ['cookie', { extraHeaders: { cookie: `a=b; jwt=${token(GOOD)}; c` } }],
        ['query', { query: { token: token(GOOD) } }],
    ];

    for (const [name, options] of ways) {
        for (const mode of ['polling', 'websocket', 'upgrade']) {
            test(`${name}, ${mode}`, async () => {
                const socket = await connect(state.nginx,
                                             { mode, ...options });

                assert.equal(socket.connected, true);
            });
        }
    }

    test('Basic is no token', async () => {
        const res = await state.handshake({ authorization: 'Basic YTpi' });

        assert.equal(res.status, 200);
    });

    test('it must suit the namespace', async () => {
        const session = await state.open('websocket', { headers: BEARER });

        assert.equal(await refused(session, undefined, '/b'),
                     'Invalid token');
        await session.connect('/');

        const own = token(GOOD, { key: OTHER_SECRET });

        await session.connect('/b', { token: own });
        session.close();
    });

    test('that of CONNECT counts first', async () => {
        const session = await state.open('polling', { headers: BEARER });

        assert.equal(await refused(session, { token: 'x' }), 'Invalid token');
        await session.connect('/');
    });

    test('a query token is in no log and no answer', async () => {
        const text = token({ sub: 'logged', exp: GOOD.exp });
        const session = await Polling.open(state.nginx.url,
                                           { query: { token: text } });
        const id = await session.connect('/');
        const fetched = await state.nginx.api('fetchSockets',
                                              { rooms: [id] });
        const bad = `${text.slice(0, -4)}AAAA`;

        assert.equal((await state.handshake({}, `&token=${bad}`)).status,
                     401);
        await until(() => state.nginx.read('access.log').includes(' 401 '),
                    'the line of the access log');

        const logs = state.nginx.read('access.log') + state.nginx.logs();

        assert.match(logs, /token=\*\*\*/);

        for (const part of text.split('.').slice(1)) {
            assert.ok(!logs.includes(part.slice(0, -4)), 'a log has it');
            assert.ok(!fetched.body.includes(part.slice(0, -4)), 'the API');
        }
    });
});


run('the access phase', `${REQUIRED} socketio_origin https://a.example;`,
    (state) => {
        test('a bad token is 401', async () => {
            const res = await state.handshake({ authorization: 'Bearer x' });

            assert.equal(res.status, 401);
            assert.match(res.headers['www-authenticate'], /^Bearer/);

            const ws = await WebSocketRaw.request(state.nginx.url, {
                headers: { Authorization: 'Bearer x' },
            });

            assert.equal(ws.status, 401);
        });

        test('an absent or a good one is not', async () => {
            assert.equal((await state.handshake()).status, 200);
            assert.equal((await state.handshake(BEARER)).status, 200);
        });
    });


run('required handshake', {
    http: `log_format claims "$socketio_jwt_claim_sub $socketio_jwt_claim_o"
                             " $socketio_jwt_claim_none $request_uri";`,
    server: 'access_log access.log claims;',
    location: `${KEY} socketio_auth required handshake;
               socketio_origin https://a.example;`,
}, (state) => {
    test('an absent token is 401', async () => {
        const res = await state.handshake();

        assert.equal(res.status, 401);
        assert.equal(res.headers['www-authenticate'],
                     'Bearer realm="socketio"');

        const ws = await WebSocketRaw.request(state.nginx.url);

        assert.equal(ws.status, 401);
    });

    for (const query of ['&sid=', '&SID=x', '&Sid=x', '&sid=x&sid=',
                         '&sid', '&%73id=x'])
    {
        test(`nor does ${query} help`, async () => {
            assert.equal((await state.handshake({}, query)).status, 401);
        });
    }

    test('a preflight passes', async () => {
        const res = await request(`${state.nginx.url}/socket.io/?EIO=4`
                                  + '&transport=polling', {
            method: 'OPTIONS',
            headers: { origin: 'https://a.example',
                       'access-control-request-method': 'POST' },
        });

        assert.equal(res.status, 204);
    });

    test('polls need no token', async () => {
        const session = await Polling.open(state.nginx.url,
                                           { headers: BEARER });

        session.headers = {};
        await session.connect('/');
    });

    test('variables of claims', async () => {
        const text = token({ sub: 'us er', o: { a: [1] }, exp: GOOD.exp });
        const res = await state.handshake({ authorization: `Bearer ${text}` });

        assert.equal(res.status, 200);
        await until(() => state.nginx.read('access.log')
                               .includes('us er {\\x22a\\x22:[1]} - /socket'),
                    'claims in the access log');
    });
});


run('other access modules', {
    server: `location = /ask {
                 internal;
                 if ($http_x_let = in) { return 204; }
                 return 403;
             }
             location /any/ {
                 socketio app; ${REQUIRED}
                 satisfy any; deny all;
             }
             location /allowed/ {
                 socketio app; ${REQUIRED}
                 satisfy any; allow 127.0.0.1; deny all;
             }
             location /denied/ {
                 socketio app; ${REQUIRED}
                 deny all;
             }
             location /asked/ {
                 socketio app; ${REQUIRED}
                 auth_request /ask;
             }`,
}, (state) => {
    const status = async (place, headers) =>
        (await request(`${state.nginx.url}${place}?EIO=4&transport=polling`,
                       { headers })).status;
    const rows = [
        ['/any/', BEARER, 200],
        ['/any/', {}, 403],
        ['/any/', { authorization: 'Bearer x' }, 401],
        ['/allowed/', {}, 200],
        ['/allowed/', BEARER, 200],
        ['/denied/', BEARER, 403],
        ['/denied/', {}, 403],
        ['/asked/', BEARER, 403],
        ['/asked/', { 'x-let': 'in' }, 200],
        ['/asked/', { ...BEARER, 'x-let': 'in' }, 200],
        ['/asked/', { authorization: 'Bearer x', 'x-let': 'in' }, 401],
    ];

    for (const [place, headers, expected] of rows) {
        test(`${place} ${Object.keys(headers)}`, async () => {
            assert.equal(await status(place, headers), expected);
        });
    }

    test('who came by a token under satisfy any may poll', async () => {
        const session = await Polling.open(state.nginx.url,
                                           { path: '/any/', headers: BEARER });

        session.headers = {};
        await session.connect('/');
        assert.equal(await status('/any/', {}), 403);
    });

    test('who came by an address is not connected by a bad token',
         async () => {
             const session = await Polling.open(state.nginx.url, {
                 path: '/allowed/', headers: { authorization: 'Bearer x' },
             });

             assert.equal(await refused(session), 'Invalid token');
         });
});


run('hostile tokens', {
    level: 'debug',
    location: ({ prefix }) => `
        ${REQUIRED}
        socketio_jwt_key RS256 file=${keyFile(prefix, 'rsa', RSA.publicKey)};
        socketio_jwt_key ES256 file=${keyFile(prefix, 'ec', EC.publicKey)};
        socketio_jwt_token header:authorization cookie:jwt query:token;`,
    server: 'large_client_header_buffers 4 32k;',
}, (state) => {
    const claims = { sub: 'debug', exp: GOOD.exp };
    const all = hostile(claims);
    const printable = all.filter((t) => t !== '' && /^[\x21-\x7e]+$/.test(t)
                                        && t.length < 30000);
    const ways = {
        header: (t) => [{ authorization: `Bearer ${t}` }],
        cookie: (t) => [{ cookie: `jwt=${t}` }],
        query: (t) => [{}, `&token=${encodeURIComponent(t)}`],
    };
    let workers;

    before(() => { workers = state.nginx.workers(); });

    test('in CONNECT, and no log has them', async () => {
        const session = await state.open();

        assert.ok(all.length >= 60);

        for (const t of all) {
            assert.match(await refused(session, { token: t }),
                         /^(Invalid token|Token expired)$/, t);
        }

        for (const t of [5, 0, true, false, {}, [], ['x'], { token: 'x' }]) {
            assert.equal(await refused(session, { token: t }),
                         'Invalid token');
        }

        assert.equal(await refused(session, { token: null }),
                     'Authentication required');

        await session.connect('/', { token: token(claims) });
        session.close();

        const logs = state.nginx.read('access.log') + state.nginx.logs();
        const last = new Set(all.concat(token(claims)).map(
            (t) => t.split('.')[2] ?? '').filter((s) => s.length > 20));

        for (const part of last) {
            assert.ok(!logs.includes(part), `a log has ${part}`);
        }
    });

    for (const [way, make] of Object.entries(ways)) {
        test(`in the ${way}`, async () => {
            const tokens = printable.filter((t) => way !== 'cookie'
                                                   || !t.includes(';'));

            assert.ok(tokens.length >= 60);

            for (const t of tokens) {
                const res = await state.handshake(...make(t));

                assert.equal(res.status, 401, `${res.body} for ${t}`);
            }

            for (const t of [token(claims)]) {
                const res = await state.handshake(...make(t));

                assert.equal(res.status, 200);
            }
        });
    }

    test('the access log has none', () => {
        const log = state.nginx.read('access.log');

        for (const t of printable.filter((text) => text.length > 30)) {
            assert.ok(!log.includes(t), `the access log has ${t}`);
        }
    });

    test('no worker has crashed', () => {
        assert.deepEqual(state.nginx.workers(), workers);
    });
});


run('expiry', `${KEY} socketio_auth required;
    socketio_namespace / { }
    socketio_namespace /other { socketio_auth off; }
    socketio_namespace /ignore { socketio_auth_expiry ignore; }
    socketio_namespace /leeway { socketio_jwt_leeway 60s; }`, (state) => {
    for (const transport of TRANSPORTS) {
        test(`${transport}: ends its namespace alone`, async () => {
            const { session, auth, id } = await inTime(async (exp) => {
                const session = await state.open(transport);
                const auth = { token: token({ sub: 'x', exp }) };
                const id = await session.connect('/', auth);

                for (const namespace of ['/ignore', '/leeway']) {
                    await session.connect(namespace, auth);
                }

                await session.connect('/other');

                return { session, auth, id };
            });

            let reply;

            do {
                reply = String(await session.recv());
            } while (reply === '2');

            assert.equal(reply, '41');
            assert.deepEqual((await state.nginx.call('fetchSockets',
                                                     { rooms: [id] })).sockets,
                             []);

            for (const namespace of ['/ignore', '/leeway', '/other']) {
                const [answer] = await session.ack(1, ['join', 'x'],
                                                   namespace);

                assert.equal(answer.error, 'Forbidden');
            }

            assert.equal(await refused(session, auth), 'Token expired');
            await session.connect('/', { token: token(GOOD) });
            session.close();
        });
    }

    test('the stock client is told', async () => {
        const { told } = await inTime(async (exp) => {
            const auth = { token: token({ exp }) };
            const socket = client(state.nginx, { auth });
            const told = once(socket, 'disconnect', PATIENCE * 2);

            told.catch(() => {});
            await connected(socket);

            return { told };
        });

        assert.deepEqual((await told)[0], 'io server disconnect');
    });
});


run('socketio_limit_data', `${REQUIRED} socketio_limit_data 1k;`,
    (state) => {
        const sized = (n) => token({ ...GOOD, text: 'x'.repeat(n) });

        test('bounds the claims', async () => {
            const session = await state.open();

            assert.equal(await refused(session, { token: sized(1024) }),
                         'Invalid token');
            await session.connect('/', { token: sized(900) });
            assert.match(state.nginx.logs(), /more than socketio_limit_data/);
            session.close();
        });
    });


describe('nginx -t', () => {
    const file = (name, text, directive) => ({ prefix }) =>
        directive(keyFile(prefix, name, text));
    const pem = (alg, text) => file('key', text, (name) =>
        `socketio_jwt_key ${alg} file=${name};`);
    const jwks = (text) => file('set', text, (name) =>
        `socketio_jwt_jwks file=${name};`);
    const refusals = [
        ['socketio_jwt_key HS256;', 'invalid number of arguments'],
        [`socketio_jwt_key none secret=${SECRET};`,
         'socketio_jwt_key none: is no algorithm'],
        ['socketio_jwt_key HS256 secret=short;', 'fewer than 16 bytes'],
        [`socketio_jwt_key HS256 ${SECRET};`,
         'needs file=PATH, env=NAME or secret=TEXT'],
        ['socketio_jwt_key HS256 env=SIO_NO_SUCH;',
         'environment variable "SIO_NO_SUCH" of socketio_jwt_key is not set'],
        ['socketio_jwt_key HS256 file=/no/such/file;',
         'open() "/no/such/file" failed'],
        [`socketio_jwt_key HS256 secret=${SECRET} id=x;`,
         'takes nothing but kid=ID after the key'],
        [pem('RS256', RSA.privateKey), 'has a private key'],
        [pem('RS256', EC.publicKey), 'has a key of another kind'],
        [pem('RS256', 'x'.repeat(40)), 'has no public key'],
        [pem('HS256', RSA.publicKey), 'has a PEM key'],
        ['socketio_jwt_jwks /keys;', 'needs file=PATH'],
        [jwks('x'), 'is no JSON object'],
        [jwks('{"keys":[]}'), 'has no key for signatures in it'],
        [jwks('{"keys":[{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAA"}]}'),
         'has a key without "alg"'],
        ['socketio_jwt_token body:x;', 'takes header:'],
        ['socketio_jwt_token cookie:;', 'takes header:'],
        ['socketio_jwt_token cookie:a; socketio_jwt_token cookie:b;',
         'is duplicate'],
        ['socketio_namespace /a { socketio_jwt_token cookie:a; }',
         'is not allowed in a socketio_namespace block'],
        ['socketio_jwt_require iss;', 'takes CLAIM=VALUE'],
        ['socketio_jwt_require =x;', 'takes CLAIM=VALUE'],
        ['socketio_jwt_leeway soon;', 'invalid value'],
        ['socketio_jwt_leeway 1s; socketio_jwt_leeway 1s;', 'is duplicate'],
        ['socketio_auth on;',
         'takes "off", "optional" or "required [handshake]"'],
        ['socketio_auth optional handshake;', 'after "required"'],
        ['socketio_auth required handshake more;', 'after "required"'],
        ['socketio_auth off; socketio_auth off;', 'is duplicate'],
        ['socketio_auth required;',
         'socketio_auth of namespace "/" has no key: add socketio_jwt_key'],
        ['socketio_namespace /a { socketio_auth optional; }',
         'socketio_auth of namespace "/a" has no key'],
        ['socketio_auth_message wrong=x;',
         'takes missing=, invalid=, forbidden= and expired='],
        ['socketio_auth_message missing=a missing=b;', 'is duplicate'],
        ['socketio_auth_expiry never;', 'takes "disconnect" or "ignore"'],
        ['socketio_auth_expiry ignore; socketio_auth_expiry ignore;',
         'is duplicate'],
        ['socketio_limit_data 255;', 'must be 256 to 64k'],
        ['socketio_limit_data 65k;', 'must be 256 to 64k'],
    ];

    for (const [location, message] of refusals) {
        test(`refuses: ${message} (${location})`, async () => {
            const { ok, output } = await testConfig({ location });

            assert.equal(ok, false, output);
            assert.ok(output.includes(message), output);
            assert.ok(!output.includes(SECRET), 'a key is shown');
        });
    }

    const jwk = { kty: 'oct', alg: 'HS256', kid: '1',
                  k: Buffer.from(SECRET).toString('base64url') };

    for (const location of [
        `${KEY} ${KEY} socketio_auth required handshake;`,
        pem('HS256', `${SECRET}\n`), pem('RS256', RSA.publicKey),
        pem('ES256', EC.publicKey), jwks(JSON.stringify({ keys: [jwk] })),
        'socketio_auth off; socketio_auth_expiry ignore;',
        `socketio_auth required; socketio_namespace /a { ${KEY} }`,
        'socketio_limit_data 64k; socketio_jwt_leeway 1m;',
    ]) {
        test(`takes ${location}`, async () => {
            const { ok, output } = await testConfig({ location });

            assert.equal(ok, true, output);
        });
    }
});
