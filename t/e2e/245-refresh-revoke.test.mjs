/*
 * New tokens of connected sockets, and tokens that are not good any more: what
 * becomes of rooms, who is disconnected, who is kept out, on any worker, over
 * any transport, and after a reload.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { closeAll, connect, emitAck, once } from '../lib/client.mjs';
import { PATIENCE, startNginx, testConfig, until } from '../lib/nginx.mjs';
import { TRANSPORTS, openSession, request } from '../lib/raw.mjs';
import { SECRET, inSeconds, inTime, token } from '../lib/tokens.mjs';

const AUTH = `socketio_ping_interval 10m;
              socketio_jwt_key HS256 secret=${SECRET};
              socketio_auth required;`;
const WORKERS = { workers: 4 };
const exp = inSeconds(3600);
const iat = inSeconds(-10);

let serial = 0;

/* A user that no other test has. */
const somebody = () => `user${++serial}`;
const signed = (claims) => token({ exp, iat, ...claims });


function run(name, location, options, body) {
    describe(name, () => {
        const state = {};

        before(async () => {
            state.nginx = await startNginx({ location: AUTH + location,
                                             ...options });
        });

        after(async () => {
            closeAll();
            await state.nginx.stop();
        });

        state.open = async (claims, transport = 'websocket',
                            namespace = '/') => {
            const session = await openSession(transport, state.nginx.url);

            session.id = await session.connect(
                namespace, claims && { token: signed(claims) });

            return session;
        };

        /* The text by which a CONNECT is refused, or null. */
        state.refusal = async (text, namespace = '/') => {
            const session = await openSession('websocket', state.nginx.url);
            const nsp = namespace === '/' ? '' : `${namespace},`;

            await session.send(`40${nsp}${JSON.stringify({ token: text })}`);

            const reply = await session.recv();

            session.close();

            return reply.startsWith(`44${nsp}`)
                   ? JSON.parse(reply.slice(2 + nsp.length)).message : null;
        };

        state.rooms = async (id, namespace = '/') => {
            const { sockets } = await state.nginx.call(
                'fetchSockets', { namespace, rooms: [id] });

            return sockets.length === 0 ? null
                   : sockets[0].rooms.filter((room) => room !== id).sort();
        };

        state.fails = async (operation, body, status, error) => {
            const res = await state.nginx.api(operation, body);

            assert.equal(res.status, status, res.body);
            assert.equal(res.json.ok, false);
            assert.deepEqual({ ...res.json.error, ...error }, res.json.error);
        };

        body(state);
    });
}


/* The next packet that is no ping. */
async function packet(session) {
    for ( ;; ) {
        const got = String(await session.recv());

        if (got !== '2') {
            return got;
        }
    }
}


const refreshed = async (session, text, namespace) =>
    (await session.ack(7, ['auth:refresh', { token: text }], namespace))[0];


run('refresh by the client', `
    socketio_room user:\${jwt.sub} auto;
    socketio_room role:\${jwt.role} auto;
    socketio_room dept:\${jwt.depts};
    socketio_room boss:* if=role=boss;
    socketio_room free:*;
    socketio_namespace / { }
    socketio_namespace /names {
        socketio_refresh_event token token:*;
    }
    socketio_namespace /none { socketio_refresh_event off; }
    socketio_namespace /off { socketio_auth off; }
    socketio_namespace /optional { socketio_auth optional; }
    socketio_namespace /texts {
        socketio_auth_message "invalid=No \\"entry\\"" forbidden=no
                              expired=late;
    }`, WORKERS, (state) => {
    for (const transport of TRANSPORTS) {
        test(`${transport}: rooms follow the claims`, async () => {
            const sub = somebody();
            const session = await state.open(
                { sub, role: 'boss', depts: ['x', 'y', 'z'] }, transport);

            const [{ ok }] = await session.ack(
                1, ['join', ['dept:x', 'dept:y', 'dept:z', 'free:1',
                             'boss:1', 'boss:2']]);

            assert.equal(ok, true);

            /* what the server gives, a rule does not take */
            await state.nginx.call('socketsJoin', {
                rooms: [session.id], join: ['given', 'dept:y', 'boss:2'] });
            assert.deepEqual(await session.ack(2, ['join', 'dept:y']),
                             [{ ok: true, rooms: ['dept:y'] }]);

            assert.deepEqual(
                await refreshed(session, signed({ sub, role: 'clerk',
                                                  depts: ['z', 'w'] })),
                { ok: true });
            assert.deepEqual(await state.rooms(session.id),
                             ['boss:2', 'dept:y', 'dept:z', 'free:1', 'given',
                              'role:clerk', `user:${sub}`]);

            /* the audience follows, and so do later joins */
            for (const room of ['dept:x', 'boss:1', 'role:boss',
                                'role:clerk'])
            {
                await state.nginx.publish({ rooms: [room], event: 'e',
                                            data: room });
            }

            assert.equal(await packet(session), '42["e","role:clerk"]');
            assert.equal((await session.ack(3, ['join', 'dept:x']))[0].ok,
                         false);
            assert.equal((await session.ack(4, ['join', 'dept:w']))[0].ok,
                         true);

            /* and back, to an "auto" room that the client had left */
            await session.ack(5, ['leave', `user:${sub}`]);
            assert.deepEqual(await refreshed(session,
                                             signed({ sub, role: 'boss' })),
                             { ok: true });
            assert.deepEqual(await state.rooms(session.id),
                             ['boss:2', 'dept:y', 'free:1', 'given',
                              'role:boss', `user:${sub}`]);
            session.close();
        });

        test(`${transport}: refusals change nothing`, async () => {
            const sub = somebody();
            const session = await state.open({ sub, role: 'r' }, transport);
            const rooms = await state.rooms(session.id);
            const invalid = 'Invalid token';

            for (const [payload, error] of [
                [[{ token: 'garbage' }], invalid],
                [[{ token: token({ sub, exp }, { key: 'x'.repeat(32) }) }],
                 invalid],
                [[{ token: signed({ sub, exp: inSeconds(-5) }) }],
                 'Token expired'],
                [[{ token: signed({ sub: 'another' }) }], 'Forbidden'],
                [[{ token: signed({ role: 'r' }) }], 'Forbidden'],
                [[{ token: '' }], invalid], [[{ token: 'Bearer ' }], invalid],
                [[{ token: 5 }], invalid], [[{ token: null }], invalid],
                [[{ token: [] }], invalid], [[{}], invalid], [[], invalid],
                [[null], invalid], [[signed({ sub })], invalid],
                [[{ token: 'x'.repeat(9000) }], invalid],
            ]) {
                const event = ['auth:refresh', ...payload];

                assert.deepEqual(await session.ack(1, event),
                                 [{ ok: false, error }]);

                await session.send(`42${JSON.stringify(event)}`);
                assert.equal(await packet(session),
                             `42["error",{"ok":false,"error":"${error}"}]`);
            }

            assert.deepEqual(await state.rooms(session.id), rooms);

            /* good ones: without an ack there is no answer */
            await session.send(`42${JSON.stringify(
                ['auth:refresh', { token: `Bearer ${signed({ sub })}` }])}`);
            assert.deepEqual(await refreshed(session, signed({ sub })),
                             { ok: true });
            assert.deepEqual(await state.rooms(session.id), [`user:${sub}`]);
            session.close();
        });
    }

    test('texts, and an answer in its namespace', async () => {
        const session = await state.open({ sub: 'a' }, 'websocket', '/texts');
        const error = async (text) =>
            (await refreshed(session, text, '/texts')).error;

        assert.equal(await error('x'), 'No "entry"');
        assert.equal(await error(signed({ sub: 'b' })), 'no');
        assert.equal(await error(signed({ exp: inSeconds(-5) })), 'late');
        assert.deepEqual(await refreshed(session, signed({ sub: 'a' }),
                                         '/texts'), { ok: true });
        session.close();
    });

    test('who has no token, or names nobody, gets none', async () => {
        for (const claims of [undefined, { role: 'x' }, { sub: null },
                              { sub: '' }, { sub: true }])
        {
            const session = await state.open(claims, 'websocket',
                                             '/optional');

            for (const sub of ['a', undefined, '', null]) {
                assert.deepEqual(await refreshed(session, signed({ sub }),
                                                 '/optional'),
                                 { ok: false, error: 'Forbidden' });
            }

            session.close();
        }
    });

    test('names of the event, off, and no auth', async () => {
        const sub = somebody();
        const names = await state.open({ sub }, 'websocket', '/names');
        const event = { token: signed({ sub, role: 'new' }) };

        for (const name of ['token', 'token:x']) {
            assert.deepEqual(await names.ack(1, [name, event], '/names'),
                             [{ ok: true }]);
        }

        assert.deepEqual(await state.rooms(names.id, '/names'),
                         ['role:new', `user:${sub}`]);

        for (const [session, namespace] of [
            [names, '/names'],
            [await state.open({ sub }, 'websocket', '/none'), '/none'],
            [await state.open({ sub }, 'websocket', '/off'), '/off'],
        ]) {
            await session.send(`42${namespace},1${JSON.stringify(
                ['auth:refresh', event])}`);
            assert.equal((await session.ack(2, ['join', 'free:1'],
                                            namespace))[0].ok, true);
            session.close();
        }
    });

    test('the stock client', async () => {
        const sub = somebody();
        const socket = await connect(state.nginx,
                                     { auth: { token: signed({ sub }) } });

        assert.deepEqual(
            await emitAck(socket, 'auth:refresh',
                          { token: signed({ sub, role: 'x' }) }),
            [{ ok: true }]);
        assert.deepEqual(await state.rooms(socket.id),
                         ['role:x', `user:${sub}`]);

        const error = once(socket, 'error');

        socket.emit('auth:refresh', { token: 'no' });
        assert.deepEqual(await error, [{ ok: false, error: 'Invalid token' }]);
    });

    test('a number and its text are one user', async () => {
        const session = await state.open({ sub: 5 });

        assert.deepEqual(await refreshed(session, signed({ sub: '5' })),
                         { ok: true });
        session.close();
    });
});


run('what is made of claims', `
    socketio_room role:\${jwt.role} auto;
    socketio_room all auto;
    socketio_data role=\${jwt.role} name=\${jwt.name};
    socketio_announce join=came leave=went;
    socketio_limit_data 600;`, WORKERS, (state) => {
    test('data is made again, other members of rooms are told', async () => {
        const sub = somebody();
        const session = await state.open({ sub, role: 'a', name: 'n' });
        const other = await state.open({ sub: 'other', role: 'a' });
        const third = await state.open({ sub: 'third', role: 'b' });
        const data = async () => (await state.nginx.call(
            'fetchSockets', { rooms: [session.id] })).sockets[0].data;

        assert.deepEqual(await data(), { role: 'a', name: 'n' });
        assert.equal(await packet(other),
                     '42["came",{"userId":"third","room":"all"}]');
        assert.deepEqual(
            await state.nginx.call('refresh', {
                socket: session.id, token: signed({ sub, role: 'b' }) }),
            { ok: true });
        assert.deepEqual(await data(), { role: 'b' });
        assert.equal(await packet(other),
                     `42["went",{"userId":"${sub}","room":"role:a"}]`);
        assert.equal(await packet(third),
                     `42["came",{"userId":"${sub}","room":"role:b"}]`);

        await state.fails('refresh', {
            socket: session.id,
            token: signed({ sub, role: 'c', name: 'x'.repeat(300) }),
        }, 422, { message: 'Invalid token' });
        assert.deepEqual(await data(), { role: 'b' });
        assert.deepEqual(await state.rooms(session.id), ['all', 'role:b']);
        [session, other, third].forEach((one) => one.close());
    });
});


run('the end of a token', '', WORKERS, (state) => {
    for (const transport of TRANSPORTS) {
        test(`${transport}: a refresh puts it off`, async () => {
            const sub = somebody();
            const long = { sub, exp };
            const [stays, goes, late] = await inTime(async (soon) => {
                const short = { sub, exp: soon };
                const all = await Promise.all([short, short, long].map(
                    (claims) => state.open(claims, transport)));

                assert.deepEqual(await refreshed(all[0], signed(long)),
                                 { ok: true });

                return all;
            });

            assert.equal(await packet(goes), '41');

            /* at once, too: the new end counts */
            await inTime(async (soon) => assert.deepEqual(
                await refreshed(late, signed({ sub, exp: soon })),
                { ok: true }), 1);
            assert.equal(await packet(late), '41');

            assert.deepEqual(await state.rooms(stays.id), []);
            [stays, goes, late].forEach((session) => session.close());
        });
    }
});


run('refresh by the server', `
    socketio_limit_rooms 200;
    socketio_room role:\${jwt.role} auto;
    socketio_room dept:\${jwt.dept};
    socketio_room dept:\${jwt.dept}:*;
    socketio_namespace / { }
    socketio_namespace /n { }
    socketio_namespace /off { socketio_auth off; }`, WORKERS, (state) => {
    for (const transport of TRANSPORTS) {
        test(`${transport}: rooms follow the claims`, async () => {
            const sub = somebody();
            const session = await state.open({ sub, role: 'a', dept: 'x' },
                                             transport);

            await session.ack(1, ['join', 'dept:x']);
            assert.deepEqual(
                await state.nginx.call('refresh', {
                    socket: session.id,
                    token: signed({ sub, role: 'b', dept: 'y' }) }),
                { ok: true });

            for (const room of ['dept:x', 'role:a', 'role:b']) {
                await state.nginx.publish({ rooms: [room], event: 'e',
                                            data: room });
            }

            assert.equal(await packet(session), '42["e","role:b"]');
            assert.deepEqual(await state.rooms(session.id), ['role:b']);
            session.close();
        });

        test(`${transport}: joins at the same time`, async () => {
            const sub = somebody();
            const session = await state.open({ sub, dept: 'x' }, transport);
            const give = (dept) => state.nginx.call('refresh', {
                socket: session.id, token: signed({ sub, dept }) });
            const joins = Array.from({ length: 100 },
                                     (_, i) => `42["join","dept:x:${i}"]`);

            for (let i = 0; i < 25; i++) {
                await Promise.all([session.send(...joins, `42${i}["leave"]`),
                                   give('y')]);

                while (!(await packet(session)).startsWith(`43${i}[`)) {
                    /* refusals, as events */
                }

                assert.deepEqual(await state.rooms(session.id), []);
                await give('x');
            }

            session.close();
        });
    }

    test('faults', async () => {
        const sub = somebody();
        const session = await state.open({ sub }, 'websocket', '/n');
        const other = await state.open(undefined, 'websocket', '/off');
        const socket = session.id;
        const good = signed({ sub });

        for (const [body, status, error] of [
            [{ socket, token: good }, 404, { code: 'unknown_socket' }],
            [{ socket, token: good, namespace: '/no' }, 404,
             { code: 'unknown_namespace' }],
            [{ socket: 'x', token: good, namespace: '/n' }, 404,
             { code: 'unknown_socket' }],
            [{ socket, token: 'x', namespace: '/n' }, 422,
             { code: 'invalid_token', message: 'Invalid token' }],
            [{ socket, token: '', namespace: '/n' }, 422,
             { code: 'invalid_token', message: 'Invalid token' }],
            [{ socket, token: signed({ sub: 'other' }), namespace: '/n' }, 422,
             { code: 'invalid_token', message: 'Forbidden' }],
            [{ socket, token: signed({ sub, exp: inSeconds(-9) }),
               namespace: '/n' }, 422,
             { code: 'invalid_token', message: 'Token expired' }],
            [{ socket: other.id, token: good, namespace: '/off' }, 422,
             { code: 'invalid_token', message: 'Forbidden' }],
            [{ token: good }, 400, { path: 'socket' }],
            [{ socket: 5, token: good }, 400, { path: 'socket' }],
            [{ socket }, 400, { path: 'token' }],
            [{ socket, token: {} }, 400, { path: 'token' }],
            [{ socket, token: good, user: sub }, 400, { path: 'user' }],
            [{ socket, token: good, rooms: [] }, 400, { path: 'rooms' }],
        ]) {
            await state.fails('refresh', body, status, error);
        }

        const { results } = await state.nginx.call('batch', [
            { op: 'refresh', socket, namespace: '/n',
              token: signed({ sub, role: 'z' }) },
            { op: 'refresh', socket, namespace: '/n', token: 'x' },
        ]);

        assert.deepEqual(results[0], { ok: true });
        assert.equal(results[1].error.status, 422);
        assert.deepEqual(await state.rooms(socket, '/n'), ['role:z']);
        session.close();
        other.close();
    });
});


run('revoke', `
    socketio_room user:\${jwt.sub} auto;
    socketio_namespace / { }
    socketio_namespace /n { }
    socketio_namespace /optional { socketio_auth optional; }`, WORKERS,
    (state) => {
    const invalid = 'Invalid token';
    const later = inSeconds(600);

    const handshake = async (text) =>
        (await request(`${state.nginx.url}/socket.io/?EIO=4`
                       + '&transport=polling',
                       { headers: { authorization: `Bearer ${text}` } }))
            .status;

    test('a user, everywhere', async () => {
        const sub = somebody();
        const mine = [];

        for (const transport of TRANSPORTS) {
            mine.push([await state.open({ sub }, transport), '41'],
                      [await state.open({ sub, a: 1 }, transport, '/n'),
                       '41/n,']);
        }

        const other = await state.open({ sub: `${sub}x` }, 'polling');
        const newer = await state.open({ sub, iat: later });

        /* what was published before comes first */
        await state.nginx.publish({ rooms: [`user:${sub}`], event: 'e' });
        assert.deepEqual(await state.nginx.call('revoke', { user: sub }),
                         { ok: true, matched: 6 });

        for (const [session, farewell] of mine) {
            if (farewell === '41') {
                assert.equal(await packet(session), '42["e"]');
            }

            assert.equal(await packet(session), farewell);
        }

        assert.deepEqual(await state.rooms(other.id), [`user:${sub}x`]);
        assert.deepEqual(await state.rooms(newer.id), [`user:${sub}`]);
        assert.equal(await packet(newer), '42["e"]');

        const kept = async () => {
            for (const claims of [{ sub }, { sub, jti: 'new' },
                                  { sub, iat: undefined }, { sub, iat: 0.5 }])
            {
                const text = signed(claims);

                assert.equal(await state.refusal(text), invalid);
                assert.equal(await state.refusal(text, '/n'), invalid);
                assert.equal(await handshake(text), 401);
                assert.deepEqual(await refreshed(newer, text),
                                 { ok: false, error: invalid });
                await state.fails('refresh',
                                  { socket: newer.id, token: text }, 422,
                                  { message: invalid });
            }

            const text = signed({ sub, iat: later });

            assert.equal(await state.refusal(text), null);
            assert.equal(await handshake(text), 200);
            assert.deepEqual(await refreshed(newer, text), { ok: true });
        };

        await kept();

        /* with its connection it may come back by another token */
        assert.ok(await mine[0][0].connect('/', {
            token: signed({ sub, iat: later }) }));

        [other, ...mine.map(([session]) => session)]
            .forEach((session) => session.close());
        newer.close();
    });

    test('a reload does not forget', async () => {
        const sub = somebody();

        await state.nginx.call('revoke', { user: sub });
        await state.nginx.reload();

        /* the old ones still take connections, and break them off */
        await until(() => state.nginx.workers().length === WORKERS.workers,
                    'the old workers are gone');

        for (let i = 0; i < 4; i++) {
            assert.equal(await state.refusal(signed({ sub })), invalid);
        }
    });

    test('for a time', async () => {
        const text = await inTime(async (end, n) => {
            const sub = somebody();
            const text = signed({ sub });

            await state.nginx.call('revoke', { user: sub, for: n });
            await state.nginx.call('revoke', { user: sub, for: n - 1 });
            assert.equal(await state.refusal(text), invalid);

            return text;
        });

        await until(async () => await state.refusal(text) === null,
                    'the token is good again');
        assert.equal(await handshake(text), 200);
    });

    test('a number and its text are one user', async () => {
        const sub = 100000 + ++serial;
        const session = await state.open({ sub });

        assert.equal((await state.nginx.call('revoke',
                                             { user: `${sub}` })).matched, 1);
        assert.equal(await packet(session), '41');
        assert.equal(await state.refusal(signed({ sub })), invalid);

        const text = somebody().slice(4).padStart(7, '9');

        await state.nginx.call('revoke', { user: Number(text) });
        assert.equal(await state.refusal(signed({ sub: text })), invalid);
        session.close();
    });

    test('names that need escapes', async () => {
        for (const sub of ['a"b\\c', '\u65e5\u672c', 'x\u0001', '*',
                           'x'.repeat(3000)])
        {
            await state.nginx.call('revoke', { user: sub });
            assert.equal(await state.refusal(signed({ sub })), invalid);
        }
    });

    test('one token by its jti', async () => {
        const sub = somebody();
        const one = await state.open({ sub, jti: `${sub}-1` }, 'polling');
        const two = await state.open({ sub, jti: `${sub}-2` });

        assert.deepEqual(await state.nginx.call('revoke',
                                                { jti: `${sub}-1` }),
                         { ok: true, matched: 1 });
        assert.equal(await packet(one), '41');
        assert.deepEqual(await state.rooms(two.id), [`user:${sub}`]);

        assert.equal(await state.refusal(signed({ sub, jti: `${sub}-1`,
                                                  iat: later })), invalid);
        assert.equal(await state.refusal(signed({ sub, jti: `${sub}-2` })),
                     null);
        assert.equal(await state.refusal(signed({ sub: `${sub}-1` })), null);
        one.close();
        two.close();
    });

    test('the token of a socket', async () => {
        const sub = somebody();
        const claims = { sub, exp: inSeconds(1000) };
        const one = await state.open(claims, 'polling');
        const same = await state.open(claims, 'websocket', '/n');
        const two = await state.open({ ...claims, a: 1 });

        assert.deepEqual(await state.nginx.call('revoke',
                                                { socket: same.id }),
                         { ok: true, matched: 2 });
        assert.equal(await packet(one), '41');
        assert.equal(await packet(same), '41/n,');
        assert.deepEqual(await state.rooms(two.id), [`user:${sub}`]);
        assert.equal(await state.refusal(signed(claims)), invalid);
        assert.equal(await state.refusal(signed({ ...claims, a: 1 })), null);

        await state.fails('revoke', { socket: same.id }, 404,
                          { code: 'unknown_socket' });

        /* one that has no token can only be put out */
        const bare = await state.open(undefined, 'websocket', '/optional');

        assert.deepEqual(await state.nginx.call('revoke',
                                                { socket: bare.id }),
                         { ok: true, matched: 1 });
        assert.equal(await packet(bare), '41/optional,');
        assert.ok(await bare.connect('/optional'));
        [one, same, two, bare].forEach((session) => session.close());
    });

    test('after a refresh the new token counts', async () => {
        const sub = somebody();
        const session = await state.open({ sub, jti: `${sub}-1` });

        assert.deepEqual(
            await refreshed(session, signed({ sub, jti: `${sub}-2` })),
            { ok: true });
        assert.equal((await state.nginx.call('revoke',
                                             { jti: `${sub}-1` })).matched, 0);
        assert.equal((await state.nginx.call('revoke',
                                             { jti: `${sub}-2` })).matched, 1);
        assert.equal(await packet(session), '41');
        session.close();
    });

    test('nobody slips through who connects at the same time', async () => {
        for (let round = 0; round < 5; round++) {
            const sub = somebody();
            const sessions = await Promise.all(
                Array.from({ length: 24 }, (_, i) =>
                    openSession(i % 2 ? 'polling' : 'websocket',
                                state.nginx.url)));
            const auth = { token: signed({ sub }) };
            const half = (n, fn) => Promise.all(
                sessions.slice(n, n + 12).map(fn));

            await half(0, (s) => s.connect('/', auth));

            const [{ matched }] = await Promise.all([
                state.nginx.call('revoke', { user: sub }),
                half(12, (s) => s.send(`40${JSON.stringify(auth)}`))]);

            /* whatever they are answered, they are served before we look */
            await half(12, (s) => s.recv());
            assert.ok(matched >= 12, `${matched} of 24`);
            assert.equal(await state.rooms(`user:${sub}`), null);
            sessions.forEach((session) => session.close());
        }
    });

    test('faults', async () => {
        for (const [body, error] of [
            [{}, {}], [{ user: 'a', jti: 'b' }, {}],
            [{ user: 'a', socket: 'b' }, {}],
            [{ user: '' }, { path: 'user' }], [{ user: true }, {}],
            [{ user: null }, { path: 'user' }], [{ jti: ['a'] }, {}],
            [{ jti: {} }, { path: 'jti' }], [{ socket: 5 }, {}],
            [{ user: 'a', for: 0 }, { path: 'for' }],
            [{ user: 'a', for: '60' }, { path: 'for' }],
            [{ user: 'a', for: 1.5 }, { path: 'for' }],
            [{ user: 'a', for: 315360001 }, { path: 'for' }],
            [{ user: 'a', namespace: '/' }, { path: 'namespace' }],
            [{ user: 'a', token: 'x' }, { path: 'token' }],
        ]) {
            await state.fails('revoke', body, 400,
                              { code: 'malformed', ...error });
        }

        assert.equal(await state.refusal(signed({ sub: 'a' })), null);
        assert.equal((await state.nginx.request('GET', '/socketio/revoke'))
            .status, 405);
    });

    test('in a batch', async () => {
        const [one, two] = [somebody(), somebody()];
        const session = await state.open({ sub: two });
        const { results } = await state.nginx.call('batch', [
            { op: 'revoke', user: one },
            { op: 'revoke' },
            { op: 'revoke', user: two, for: 60 },
        ]);

        assert.deepEqual([results[0], results[1].ok, results[2]],
                         [{ ok: true, matched: 0 }, false,
                          { ok: true, matched: 1 }]);
        assert.equal(await packet(session), '41');
        session.close();
    });

    test('counters', async () => {
        const before = (await state.nginx.status()).counters;

        await state.nginx.call('revoke', { user: 'counted' });
        assert.equal(await state.refusal(signed({ sub: 'counted' })), invalid);

        const { counters, memory } = await state.nginx.status();

        assert.equal(counters.tokens_revoked, before.tokens_revoked + 1);
        assert.equal(counters.tokens_refused, before.tokens_refused + 1);
        assert.equal(counters.connects_refused, before.connects_refused + 1);
        assert.ok(counters.tokens_refreshed > 0);
        assert.ok(memory.revocations.used > 0);
        assert.equal(memory.revocations.size, 4096);
    });
});


run('only /n is declared', 'socketio_namespace /n { }', {}, (state) => {
    test('revoke needs no namespace', async () => {
        const session = await state.open({ sub: 'a' }, 'websocket', '/n');

        assert.equal((await state.nginx.call('revoke',
                                             { socket: session.id })).matched,
                     1);
        assert.equal(await packet(session), '41/n,');
        session.close();
    });
});


run('a table that is full', '', { zone: 'zone=app:512k log=256k' },
    (state) => {
    test('507, until entries have run out', async () => {
        const { revocations } = (await state.nginx.status()).memory;

        assert.deepEqual(revocations, { used: 0, size: 128 });

        const lasting = revocations.size - 20;
        const { results } = await state.nginx.call('batch', Array.from(
            { length: revocations.size },
            (_, i) => ({ op: 'revoke', jti: `t${i}`,
                         for: i < lasting ? 600 : 6 })));

        assert.ok(results.every(({ ok }) => ok));

        const session = await state.open({ sub: 'a' });

        await state.fails('revoke', { user: 'a' }, 507,
                          { code: 'memory_full' });
        assert.equal(await state.refusal(signed({ sub: 'a' })), null);
        assert.deepEqual(await session.ack(1, ['join', 'x']),
                         [{ ok: false, error: 'Forbidden', rooms: ['x'] }]);

        /* an entry that is there already can be prolonged */
        await state.nginx.call('revoke', { jti: 't0' });

        await until(async () => (await state.nginx.api(
            'revoke', { user: 'a' })).status === 200, 'there is room again',
                    PATIENCE * 2);
        assert.equal(await packet(session), '41');

        await until(async () =>
            (await state.nginx.status()).memory.revocations.used
            === lasting + 1, 'old entries are freed');
        assert.equal(await state.refusal(signed({ jti: 't1' })),
                     'Invalid token');
        session.close();
    });
});


describe('nginx -t', () => {
    for (const [location, message] of [
        ['socketio_refresh_event a off;', 'takes "off" alone'],
        ['socketio_refresh_event off a;', 'takes "off" alone'],
        ['socketio_refresh_event connect;', 'is reserved by Socket.IO'],
        ['socketio_refresh_event ${jwt.sub};', 'is not known'],
        ['socketio_refresh_event a; socketio_refresh_event b;',
         'is duplicate'],
        ['socketio_refresh_event off; socketio_refresh_event off;',
         'is duplicate'],
        ['socketio_refresh_event;', 'invalid number of arguments'],
    ]) {
        test(`refuses ${location}`, async () => {
            const { ok, output } = await testConfig({ location });

            assert.equal(ok, false, output);
            assert.ok(output.includes(message), output);
        });
    }

    for (const location of [
        'socketio_refresh_event off;',
        'socketio_refresh_event a b:* c;',
        'socketio_namespace /a { socketio_refresh_event off; }',
    ]) {
        test(`takes ${location}`, async () => {
            const { ok, output } = await testConfig({ location });

            assert.equal(ok, true, output);
        });
    }
});
