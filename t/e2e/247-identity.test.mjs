/*
 * Whose a session is: what is known of others opens nothing of theirs, and a
 * token gives nothing to a session but what it asks for with it.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startNginx } from '../lib/nginx.mjs';
import { Polling, TRANSPORTS, WebSocketRaw, openSession, request }
    from '../lib/raw.mjs';
import { SECRET, inSeconds, token } from '../lib/tokens.mjs';

const KEY = `socketio_jwt_key HS256 secret=${SECRET};`;
const exp = inSeconds(3600);
const signed = (claims) => token({ exp, ...claims });
const bearer = (claims) => ({ authorization: `Bearer ${signed(claims)}` });
const UNKNOWN = { code: 1, message: 'Session ID unknown' };

let nginx;


/* A session with a socket. */
async function user(sub, transport = 'polling', options = {}) {
    const session = await openSession(transport, nginx.url, options);

    session.id = await session.connect('/', { token: signed({ sub }) });

    return session;
}


async function rooms(id) {
    const { sockets } = await nginx.call('fetchSockets', { rooms: [id] });

    return sockets[0].rooms.filter((room) => room !== id).sort();
}


/* All that was published for the session before this and nothing else. */
async function hears(session, data) {
    await nginx.publish({ rooms: [session.id], event: 'mine', data });

    let got;

    do {
        got = String(await session.recv());
    } while (got === '2');

    assert.equal(got, `42["mine",${JSON.stringify(data)}]`);
}


describe('identity', () => {
    before(async () => {
        nginx = await startNginx({
            workers: 4,
            location: `
                ${KEY} socketio_auth required;
                socketio_jwt_token header:authorization query:token;
                socketio_room user:\${jwt.sub} auto;
                socketio_room *;
                socketio_namespace / { }
                socketio_namespace /optional { socketio_auth optional; }`,
            server: `
                location /other/ { socketio app; }
                location /strict/ {
                    socketio app;
                    ${KEY} socketio_auth required handshake;
                    socketio_jwt_token header:authorization query:token;
                }`,
        });
    });

    after(() => nginx.stop());

    for (const transport of TRANSPORTS) {
        test(`${transport}: an id is no sid`, async () => {
            const victim = await user('victim', transport);

            assert.notEqual(victim.id, victim.sid);
            assert.match(victim.id, /^[\w-]{20}$/);

            const thief = new Polling(nginx.url, { headers: bearer(
                { sub: 'thief' }) });

            thief.sid = victim.id;

            for (const res of [
                await thief.get(), await thief.post('40'),
                await thief.post('42["join","x"]'), await thief.post('1'),
                await WebSocketRaw.request(nginx.url, {
                    sid: victim.id, headers: thief.headers }),
            ]) {
                assert.equal(res.status, 400, res.body);
                assert.deepEqual(JSON.parse(res.body), UNKNOWN);
            }

            await hears(victim, transport);
            victim.close();
        });

        test(`${transport}: the room of an id is closed`, async () => {
            const victim = await user('victim', transport);
            const thief = await user('thief', transport);

            for (const event of [
                ['join', victim.id], ['join', { room: victim.id }],
                ['join', { rooms: ['x', victim.id] }],
                ['join', [victim.id]],
            ]) {
                const [answer] = await thief.ack(1, event);

                assert.deepEqual([answer.ok, answer.error],
                                 [false, 'Forbidden']);
            }

            /* nor does a member that names a socket mean anything */
            for (const event of [
                ['join', { room: 'x', socket: victim.id }],
                ['leave', { room: 'user:victim', socket: victim.id,
                            sid: victim.sid }],
                ['auth:refresh', { token: signed({ sub: 'victim' }),
                                   socket: victim.id }],
                ['auth:refresh', { token: signed({ sub: 'thief', a: 1 }),
                                   socket: victim.id, sid: victim.sid }],
            ]) {
                await thief.ack(2, event);
            }

            assert.deepEqual(await rooms(victim.id), ['user:victim']);

            await nginx.publish({ rooms: [victim.id], event: 'secret' });
            assert.equal(String(await victim.recv()), '42["secret"]');
            await hears(thief, 1);
            victim.close();
            thief.close();
        });
    }

    test('a sid is known at its endpoint alone', async () => {
        const session = await user('5');

        for (const path of ['/other/', '/strict/']) {
            const other = new Polling(nginx.url, {
                path, headers: bearer({ sub: '5' }) });

            other.sid = session.sid;

            for (const res of [
                await other.get(), await other.post('40'),
                await WebSocketRaw.request(nginx.url, {
                    path, sid: session.sid, headers: other.headers }),
            ]) {
                assert.equal(res.status, 400, res.body);
                assert.deepEqual(JSON.parse(res.body), UNKNOWN);
            }
        }

        await hears(session, 1);
        session.close();
    });

    test('no answer and no log has a sid', async () => {
        const open = await Promise.all(TRANSPORTS.map((transport) =>
            user('5', transport)));
        const answers = [
            await nginx.api('fetchSockets', {}),
            await nginx.request('GET', '/socketio/rooms'),
            await nginx.request('GET', '/socketio/namespaces'),
            await nginx.request('GET', '/socketio/status'),
        ].map(({ body }) => body).join('');

        for (const session of open) {
            assert.ok(answers.includes(session.id));
            assert.ok(!answers.includes(session.sid), 'an answer has it');
            assert.ok(!nginx.logs().includes(session.sid), 'a log has it');
        }

        open.forEach((session) => session.close());
    });

    test('another token on the way changes nobody', async () => {
        const session = await user('5', 'polling', {
            headers: bearer({ sub: '5' }) });

        /* who has the sid has the session, and nothing more */
        session.headers = bearer({ sub: 'boss' });
        session.query = { token: signed({ sub: 'boss' }) };

        await session.ack(1, ['join', 'x']);
        assert.deepEqual(await rooms(session.id), ['user:5', 'x']);

        const [{ user: sub }] = (await nginx.call('fetchSockets', {
            rooms: [session.id] })).sockets;

        assert.equal(sub, '5');
        assert.deepEqual(
            await session.ack(2, ['auth:refresh',
                                  { token: signed({ sub: 'boss' }) }]),
            [{ ok: false, error: 'Forbidden' }]);

        /* the token of the handshake is the one that another CONNECT has */
        const id = await session.connect('/optional');

        assert.deepEqual((await nginx.call('fetchSockets', {
            namespace: '/optional', rooms: [id] })).sockets[0].user, '5');

        const ws = await WebSocketRaw.open(nginx.url, {
            sid: session.sid, headers: bearer({ sub: 'boss' }) });

        await ws.send('2probe');
        assert.equal(await ws.recv(), '3probe');
        await ws.send('5');
        await ws.ack(3, ['join', 'y']);
        assert.deepEqual(await rooms(session.id), ['user:5', 'x', 'y']);
        ws.close();
    });

    test('auth.token that is no string', async () => {
        const refused = async (auth, namespace, options) => {
            const session = await openSession('websocket', nginx.url,
                                              options);
            const nsp = namespace ? `${namespace},` : '';

            await session.send(`40${nsp}${JSON.stringify(auth)}`);

            const reply = await session.recv();

            session.close();

            return reply.startsWith(`44${nsp}`)
                   ? JSON.parse(reply.slice(2 + nsp.length)).message : null;
        };
        const options = { headers: bearer({ sub: '5' }) };

        for (const bad of [5, 0, true, false, {}, { token: 'x' }, [], ['x']]) {
            for (const namespace of ['', '/optional']) {
                assert.equal(await refused({ token: bad }, namespace),
                             'Invalid token');
                assert.equal(await refused({ token: bad }, namespace, options),
                             'Invalid token');
            }
        }

        for (const auth of [{ token: null }, {}, { tokens: 5 }]) {
            assert.equal(await refused(auth, ''), 'Authentication required');
            assert.equal(await refused(auth, '/optional'), null);
            assert.equal(await refused(auth, '', options), null);
        }
    });

    test('required handshake: each WebSocket request brings it', async () => {
        const path = '/strict/';
        const headers = bearer({ sub: '5' });
        const session = await Polling.open(nginx.url, { path, headers });

        session.headers = {};
        await session.connect('/');

        const upgrade = async (more) => (await WebSocketRaw.request(
            nginx.url, { path, sid: session.sid, ...more })).status;

        assert.equal(await upgrade({}), 401);
        assert.equal(await upgrade({ headers: { authorization: 'Bearer x' } }),
                     401);
        assert.equal(await upgrade({ query: { token: signed({}) } }), 101);
        assert.equal((await WebSocketRaw.request(nginx.url, { path })).status,
                     401);
        assert.equal((await request(
            `${nginx.url}${path}?EIO=4&transport=polling`)).status, 401);
        session.close();
    });
});
