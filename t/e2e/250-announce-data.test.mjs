/*
 * What other members of a room are told when somebody comes or goes, on every
 * way in and out; and what socketio_data makes of claims.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { client, closeAll, connect, connected, emitAck }
    from '../lib/client.mjs';
import { REORDERS } from '../lib/faults.mjs';
import { PATIENCE, startNginx, testConfig, until } from '../lib/nginx.mjs';
import { Polling, openSession, request } from '../lib/raw.mjs';
import { SECRET, inSeconds, inTime, token } from '../lib/tokens.mjs';

const AUTH = `socketio_jwt_key HS256 secret=${SECRET};
              socketio_auth optional;`;
const exp = inSeconds(3600);
const PAIR = ['polling', 'websocket'];
const DOCS = path.resolve(path.dirname(fileURLToPath(import.meta.url)),
                          '../../docs/authentication.md');


function run(name, options, body) {
    describe(name, () => {
        const state = {};

        before(async () => {
            state.nginx = await startNginx({
                workers: 2, ...options,
                location: AUTH + options.location,
            });
        });

        after(async () => {
            closeAll();
            await state.nginx.stop();
        });

        state.open = async (claims, transport = 'websocket',
                            namespace = '/', more) => {
            const session = await openSession(transport, state.nginx.url,
                                              more);

            session.id = await session.connect(
                namespace, claims ? { token: token({ exp, ...claims }) }
                                  : undefined);

            return session;
        };

        state.fetch = async (id, namespace = '/') => {
            const { body } = await state.nginx.api(
                'fetchSockets', { namespace, rooms: [id] });

            return body;
        };

        body(state);
    });
}


/*
 * A stock client in a room, and what it is told there.  A mark that it is sent
 * comes behind all that was announced before.
 */
async function watcher(state, room, { mode = 'websocket',
                                      namespace = '/' } = {}) {
    const socket = await connect(state.nginx, {
        mode, namespace, auth: { token: token({ exp, sub: 'watcher' }) },
    });
    const got = [];
    let mark = 0;

    socket.onAny((event, arg) => got.push([event, arg]));

    if (room) {
        await emitAck(socket, 'join', room);
    }

    return {
        socket, got,
        next: (n = 1) => until(() => got.length >= n && got.splice(0, n),
                               `${n} announcements, there are ${got.length}`),
        told: async () => {
            const event = `mark${++mark}`;

            await state.nginx.publish({ namespace, rooms: [socket.id], event });
            await until(() => got.some(([e]) => e === event), event);

            return got.splice(0).filter(([e]) => !e.startsWith('mark'));
        },
    };
}


const joined = (userId, room) => ['user:in', { userId, room }];
const left = (userId, room) => ['user:out', { userId, room }];

run('socketio_announce', {
    location: `
        socketio_announce join=user:in leave=user:out;
        socketio_ping_interval 20s;
        socketio_namespace / {
            socketio_room *;
            socketio_room team:\${jwt.team} auto;
            socketio_room guests:\${jwt.guest} auto if=guest=1;
        }
        socketio_namespace /quiet { socketio_room *; socketio_announce off; }
        socketio_namespace /in {
            socketio_room *; socketio_announce join=only;
        }
        socketio_namespace /out {
            socketio_room *; socketio_announce "leave=so \\"long\\"";
        }
        socketio_namespace "~^/rx" { socketio_room *; }
        socketio_namespace /small { socketio_room *; socketio_limit_rooms 1; }
    `,
}, (state) => {
    const ends = {
        'a leave': (s) => s.ack(2, ['leave', s.room]),
        'socketsLeave': (s) => state.nginx.call(
            'socketsLeave', { rooms: [s.id], leave: [s.room] }),
        'DISCONNECT': (s) => s.send('41'),
        'disconnectSockets': (s) => state.nginx.call(
            'disconnectSockets', { rooms: [s.id] }),
        'disconnectSockets with close': (s) => state.nginx.call(
            'disconnectSockets', { rooms: [s.id], close: true }),
        'the end of its session': (s) => s.close(),
    };
    const begins = {
        'a join': (s) => s.ack(1, ['join', s.room]),
        'socketsJoin': (s) => state.nginx.call(
            'socketsJoin', { rooms: [s.id], join: [s.room] }),
    };
    let n = 0;

    for (const transport of PAIR) {
        for (const mode of PAIR) {
            test(`${transport} comes and goes, ${mode} is told`, async () => {
                for (const [way, end] of Object.entries(ends)) {
                    for (const begin of Object.values(begins)) {
                        const room = `r${n++}`;
                        const w = await watcher(state, room, { mode });
                        const s = await state.open({ sub: '5' }, transport);

                        s.room = room;
                        await begin(s);
                        assert.deepEqual(await w.next(),
                                         [joined('5', room)], way);
                        await end(s);
                        assert.deepEqual(await w.next(), [left('5', room)],
                                         way);
                        assert.deepEqual(await w.told(), [], way);
                        w.socket.disconnect();
                        await s.close();
                    }
                }
            });
        }

        test(`a ${transport} socket's auto rooms`, async () => {
            const team = `t-${transport}`;
            const w = await watcher(state, `team:${team}`);
            const s = await state.open({ sub: 7, team }, transport);

            assert.deepEqual(await w.next(), [joined(7, `team:${team}`)]);
            await state.nginx.publish({ rooms: [s.id], event: 'mark' });
            assert.equal(await s.recv(), '42["mark"]', 'it is not told itself');
            await s.send('41');
            assert.deepEqual(await w.next(), [left(7, `team:${team}`)]);
            await s.close();
        });

        test(`a ${transport} socket is not told of itself`, async () => {
            const room = `self-${transport}`;
            const w = await watcher(state, room);
            const s = await state.open({ sub: '5' }, transport);

            await s.ack(1, ['join', room]);
            await s.ack(2, ['leave', room]);
            await state.nginx.call('socketsJoin',
                                   { rooms: [s.id], join: [room] });
            await state.nginx.call('socketsLeave',
                                   { rooms: [s.id], leave: [room] });
            await state.nginx.publish({ rooms: [s.id], event: 'mark' });
            assert.equal(await s.recv(), '42["mark"]');

            await s.ack(3, ['join', room]);
            await state.nginx.call('disconnectSockets', { rooms: [s.id] });
            assert.equal(await s.recv(), '41', 'the goodbye comes first');
            assert.equal((await w.told()).length, 6);
            await s.close();
        });

        test(`${transport}: each is told of the others`, async () => {
            const room = `all-${transport}`;
            const members = [];

            for (const sub of ['1', '2', '3']) {
                const s = await state.open({ sub }, transport);

                await s.ack(1, ['join', room]);
                members.push(s);
            }

            const out = (sub) => `42["user:out",{"userId":"${sub}",`
                                 + `"room":"${room}"}]`;
            const into = (sub) => out(sub).replace('out', 'in');

            assert.deepEqual([await members[0].recv(),
                              await members[0].recv()], [into('2'), into('3')]);
            assert.equal(await members[1].recv(), into('3'));
            await members[0].send('41');
            assert.equal(await members[1].recv(), out('1'));
            assert.equal(await members[2].recv(), out('1'));
            await members[1].close();
            assert.equal(await members[2].recv(), out('2'));
            await members[2].close();
        });
    }

    test('its place is that of the change', async () => {
        const w = await Polling.open(state.nginx.url);
        const s = await connect(state.nginx, {
            mode: 'websocket', auth: { token: token({ exp, sub: '5' }) },
        });
        const send = (event) => state.nginx.publish({ rooms: ['o'], event });

        await w.connect();
        await w.ack(1, ['join', 'o']);
        await send('a');
        await emitAck(s, 'join', 'o');
        await send('b');
        await emitAck(s, 'leave', 'o');
        await send('c');
        await emitAck(s, 'join', 'o');
        await send('d');
        await state.nginx.call('disconnectSockets', { rooms: [s.id] });
        await send('e');

        const got = [];

        while (got.at(-1) !== '42["e"]') {
            got.push(await w.recv());
        }

        const row = (way) => `42["user:${way}",{"userId":"5","room":"o"}]`;

        assert.deepEqual(got, ['42["a"]', row('in'), '42["b"]', row('out'),
                               '42["c"]', row('in'), '42["d"]', row('out'),
                               '42["e"]']);
        await w.close();
    });

    test('sub as it stands in the token', async () => {
        const w = await watcher(state, 'subs');

        for (const sub of ['5', 5, 'a"b\\c/d\u00e4\ud83d\ude00', '', null]) {
            const s = await state.open({ sub });

            await s.ack(1, ['join', 'subs']);
            assert.deepEqual(await w.next(), [joined(sub, 'subs')]);
            s.close();
            assert.deepEqual(await w.next(), [left(sub, 'subs')]);
        }

        for (const claims of [undefined, { name: 'x' }]) {
            const s = await state.open(claims);

            await s.ack(1, ['join', 'subs']);
            assert.deepEqual(await w.next(), [joined(null, 'subs')]);
            s.close();
            await w.next();
        }
    });

    test('rooms with names that JSON escapes', async () => {
        for (const room of ['"\\', 'r\u00e4um\ud83d\ude00', 'x'.repeat(128)]) {
            const w = await watcher(state, room);
            const s = await state.open({ sub: '5' });

            await s.ack(1, ['join', room]);
            assert.deepEqual(await w.next(), [joined('5', room)]);
            s.close();
            assert.deepEqual(await w.next(), [left('5', room)]);
        }
    });

    test('nothing where nothing changes', async () => {
        const w = await watcher(state, 'same');
        const s = await state.open({ sub: '5' });

        await s.ack(1, ['join', 'same']);
        await s.ack(2, ['join', ['same', 'same']]);
        await state.nginx.call('socketsJoin',
                               { rooms: [s.id], join: ['same'] });
        await s.ack(3, ['leave', 'other']);
        assert.deepEqual(await w.told(), [joined('5', 'same')]);
        await s.ack(4, ['leave', ['same', 'same']]);
        await s.ack(5, ['leave', 'same']);
        assert.deepEqual(await w.told(), [left('5', 'same')]);
        s.close();
        assert.deepEqual(await w.told(), []);
    });

    test('nothing of a join that is undone', async () => {
        const w = await watcher(state, 'one', { namespace: '/small' });
        const s = await state.open({ sub: '5' }, 'websocket', '/small');
        const [answer] = await s.ack(1, ['join', ['one', 'two']], '/small');

        assert.equal(answer.ok, false);
        s.close();
        assert.deepEqual(await w.told(), []);
    });

    test('no record for a room without others', async () => {
        const counters = async () => (await state.nginx.status()).counters;
        const s = await state.open({ sub: '5' });
        const had = await counters();

        await s.ack(1, ['join', ['alone', 'alone too']]);
        await s.ack(2, ['leave', 'alone']);
        s.close();

        const has = await until(async () => {
            const now = await counters();

            return now.sessions_closed > had.sessions_closed && now;
        }, 'the session is gone');

        assert.equal(has.announcements, had.announcements);
    });

    test('namespaces: off, one of both, a pattern', async () => {
        const rows = [
            ['/quiet', []],
            ['/in', [['only', { userId: '5', room: 'q' }]]],
            ['/out', [['so "long"', { userId: '5', room: 'q' }]]],
            ['/rx7', [joined('5', 'q'), left('5', 'q')]],
        ];

        for (const [namespace, expected] of rows) {
            const w = await watcher(state, 'q', { namespace });
            const s = await state.open({ sub: '5' }, 'polling', namespace);

            await s.ack(1, ['join', 'q'], namespace);
            await s.ack(2, ['leave', 'q'], namespace);
            assert.deepEqual(await w.told(), expected, namespace);
            w.socket.disconnect();
            await s.close();
        }
    });

    test('a session with several namespaces', async () => {
        const w = await watcher(state, 'm', { namespace: '/rx1' });
        const v = await watcher(state, 'm', { namespace: '/rx2' });
        const s = await state.open({ sub: '1' }, 'websocket', '/rx1');

        await s.connect('/rx2', { token: token({ exp, sub: '2' }) });
        await s.ack(1, ['join', 'm'], '/rx1');
        await s.ack(1, ['join', 'm'], '/rx2');
        s.close();
        assert.deepEqual(await w.next(2), [joined('1', 'm'), left('1', 'm')]);
        assert.deepEqual(await v.next(2), [joined('2', 'm'), left('2', 'm')]);
    });

    test('a reload that calls the events otherwise', async () => {
        const s = await state.open({ sub: '5' }, 'polling');
        const w = await state.open({ sub: 'w' }, 'polling');

        await s.ack(1, ['join', 'reload']);
        await w.ack(1, ['join', 'reload']);
        assert.match(await s.recv(), /user:in/);

        const fresh = await state.nginx.reload({
            location: `${AUTH} socketio_room *;
                       socketio_announce join=i leave=o;`,
        });

        await until(() => state.nginx.workers().length === fresh.length,
                    'the old workers are gone');
        await s.ack(2, ['leave', 'reload']);

        const t = await state.open({ sub: '6' }, 'polling');

        await t.ack(1, ['join', 'reload']);
        assert.equal(await w.recv(),
                     '42["i",{"userId":"6","room":"reload"}]',
                     'the older socket announces nothing any more');
    });
});


run('socketio_announce where clients vanish', {
    workers: 3,
    location: 'socketio_room *; socketio_announce join=user:in leave=user:out;',
    server: `location /soon/ {
                 socketio app; ${AUTH}
                 socketio_room *;
                 socketio_announce join=user:in leave=user:out;
                 socketio_ping_interval 2s; socketio_ping_timeout 3s;
             }`,
}, (state) => {
    for (const transport of PAIR) {
        test(`a ${transport} client that is silent`, async () => {
            const w = await watcher(state, 'silent');
            const s = await state.open({ sub: '5' }, transport, '/',
                                       { path: '/soon/' });

            await s.ack(1, ['join', 'silent']);
            assert.deepEqual(await w.next(2), [joined('5', 'silent'),
                                               left('5', 'silent')]);
            await s.close();
        });

        test(`a ${transport} client's token runs out`, async () => {
            const { room, s, w } = await inTime(async (end, soon) => {
                const room = `expire${soon}`;
                const w = await watcher(state, room);
                const s = client(state.nginx, { mode: transport, auth: {
                    token: token({ sub: '5', exp: end }),
                } });

                await connected(s);
                s.emit('join', room);
                await until(() => w.got.length > 0 || !s.connected,
                            'the join or the end');
                assert.ok(w.got.length > 0, 'the join');

                return { room, s, w };
            });

            assert.deepEqual(await w.next(), [joined('5', room)]);
            assert.deepEqual(
                await until(() => w.got.length && w.got.splice(0),
                            'the leave', PATIENCE * 2),
                [left('5', room)]);
            await until(() => !s.connected, 'the client is told');
        });
    }
});


run('socketio_announce where workers are killed', {
    workers: 3,
    location: 'socketio_room *; socketio_announce join=user:in leave=user:out;',
}, (state) => {
    test('their clients leave, each once', async () => {
        const w = await Polling.open(state.nginx.url);
        const subs = ['0', '1', '2', '3', '4', '5'];
        const row = (way) => (sub) =>
            `42["user:${way}",{"userId":"${sub}","room":"killed"}]`;
        const got = [];

        await w.connect();
        await w.ack(1, ['join', 'killed']);

        for (const sub of subs) {
            const s = await state.open({ sub });

            await s.ack(1, ['join', 'killed']);
        }

        /* all workers have gone on: nothing of the watcher is in flight */
        const pids = new Set();

        await until(async () =>
            pids.add((await state.nginx.status()).pid).size === 3,
                    'each worker has answered');

        for (const pid of state.nginx.workers()) {
            await state.nginx.kill(pid);
        }

        while (got.length < 2 * subs.length) {
            const packet = await w.recv();

            if (packet !== '2') {
                got.push(packet);
            }
        }

        assert.deepEqual(got.slice(0, subs.length), subs.map(row('in')));
        assert.deepEqual(got.slice(subs.length).sort(), subs.map(row('out')));
        await w.close();
    });
});


run('socketio_data', {
    http: 'log_format s "$arg_who $request_method [$socketio_socket] $status";',
    server: 'access_log sockets.log s;',
    location: `
        socketio_data userId=\${jwt.sub} role=\${jwt.role};
        socketio_data dept=\${jwt.department} org.id=\${jwt.org.id};
        socketio_data "label=\${jwt.name} <\${jwt.sub}> \\"\${namespace}\\" *"
                      me=\${socket.id} "w\u00e4=x" all=\${jwt};
        socketio_namespace / { }
        socketio_namespace /none { socketio_auth off; }
        socketio_namespace /own { socketio_data only=\${jwt.sub}; }
        socketio_namespace /small {
            socketio_limit_data 300; socketio_data all=\${jwt};
        }
    `,
}, (state) => {
    /* The bytes of a socket's data. */
    async function data(claims, namespace = '/') {
        const s = await state.open(claims, 'websocket', namespace);
        const body = await state.fetch(s.id, namespace);
        const { sockets } = JSON.parse(body);

        s.close();

        return { text: body, value: sockets[0].data, id: s.id };
    }

    test('claims keep their types', async () => {
        const rows = [
            ['x', '"x"'], [5, '5'], [-1.5, '-1.5'], [true, 'true'],
            [false, 'false'], [null, 'null'], [[], '[]'],
            [['a', 7, null, { b: [] }], '["a",7,null,{"b":[]}]'],
            [{ a: { b: 'c"\\' } }, '{"a":{"b":"c\\"\\\\"}}'],
        ];

        for (const [department, json] of rows) {
            const { text } = await data({ sub: '5', department });

            assert.ok(text.includes(`"data":{"userId":"5","dept":${json},`),
                      `${text} has ${json}`);
        }
    });

    test('templates with text make strings', async () => {
        for (const [name, sub, label] of [
            ['A', '5', 'A <5> "/" *'], ['B', 7, 'B <7> "/" *'],
            ['"\\', true, '"\\ <true> "/" *'],
        ]) {
            assert.equal((await data({ name, sub })).value.label, label);
        }
    });

    test('what is missing is left out', async () => {
        const { value, id } = await data({ role: 'r', org: { id: 'o' } });

        assert.deepEqual(value, { role: 'r', 'org.id': 'o', me: id,
                                  'w\u00e4': 'x',
                                  all: { exp, role: 'r', org: { id: 'o' } } });

        for (const name of [[], {}, null, undefined]) {
            assert.equal((await data({ sub: '5', name })).value.label,
                         undefined);
        }
    });

    test('no token, no claims', async () => {
        const { value, id } = await data(undefined);

        assert.deepEqual(value, { me: id, 'w\u00e4': 'x' });
        assert.deepEqual((await data(undefined, '/own')).value, {});
    });

    test('auth off: no claims', async () => {
        const { value, id } = await data({ sub: '5' }, '/none');

        assert.deepEqual(value, { me: id, 'w\u00e4': 'x' });
    });

    test('a namespace with members of its own', async () => {
        assert.deepEqual((await data({ sub: 5 }, '/own')).value, { only: 5 });
    });

    test('claims and data over the limit', async () => {
        const size = (n) => ({ sub: 'x'.repeat(n) });
        const s = await openSession('websocket', state.nginx.url);
        const offer = async (claims) => {
            await s.send(`40/small,{"token":"${token({ exp, ...claims })}"}`);

            return s.recv();
        };

        assert.equal(await offer(size(200)),
                     '44/small,{"message":"Invalid token"}');
        assert.match(state.nginx.logs(), /more than socketio_limit_data/);
        assert.match(await offer(size(80)), /^40\/small,{"sid"/);
        s.close();
    });

    /* the lines of the log are in order */
    test('$socketio_socket', { skip: REORDERS }, async () => {
        /* requests of earlier tests may still end */
        const lines = (method) => state.nginx.read('sockets.log').split('\n')
            .filter((line) => line.startsWith(`me ${method} `))
            .map((line) => line.slice(3));

        /* a worker writes its line after its answer */
        const written = (gets, posts) => until(() =>
            lines('GET').length >= gets && lines('POST').length >= posts,
                                               'the log is written');
        const s = await Polling.open(state.nginx.url,
                                     { query: { who: 'me' } });

        await written(1, 0);

        const id = await s.connect();

        await written(2, 1);
        await s.connect('/own');
        await written(3, 2);
        await s.send('41');
        await written(3, 3);
        await s.send('41/own,');
        await written(3, 4);
        await request(`${state.nginx.url}/nothing?who=me`);
        await written(4, 4);

        const gets = lines('GET');
        const posts = lines('POST');
        const second = posts[2].match(/\[(.*)\]/)[1];

        assert.equal(gets[0], 'GET [] 200', 'the handshake has none yet');
        assert.equal(gets[1], `GET [${id}] 200`);
        assert.equal(posts[0], `POST [${id}] 200`);
        assert.equal(posts[1], `POST [${id}] 200`, 'the oldest one');
        assert.match(second, /^[\w-]{20}$/);
        assert.notEqual(second, id);
        assert.equal(posts[3], 'POST [] 200');
        assert.equal(gets[3], 'GET [-] 404', 'no endpoint');
        assert.ok(!state.nginx.read('sockets.log').includes(s.sid));
        await s.close();
    });
});


describe('the configuration', () => {
    for (const [line, message] of [
        ['socketio_announce join=connect;', 'reserved by Socket.IO'],
        ['socketio_announce leave=disconnect;', 'reserved by Socket.IO'],
        ['socketio_announce join=a leave=connect_error;', 'reserved'],
        ['socketio_announce join=newListener;', 'reserved'],
        ['socketio_announce join=;', 'needs the name of an event'],
        ['socketio_announce join=a join=b;', 'is duplicate'],
        ['socketio_announce join=a; socketio_announce leave=b;',
         'is duplicate'],
        ['socketio_announce both=a;', 'takes join=EVENT and leave=EVENT'],
        ['socketio_announce on;', 'takes join=EVENT and leave=EVENT'],
        ['socketio_announce off join=a;', 'parameters after "off"'],
        ['socketio_announce;', 'number of arguments'],
        [`socketio_announce join=${'x'.repeat(1025)};`, 'too long'],
        ['socketio_data;', 'number of arguments'],
        ['socketio_data x;', 'NAME=TEMPLATE'],
        ['socketio_data =x;', 'NAME=TEMPLATE'],
        ['socketio_data x=;', 'is empty'],
        ['socketio_data x=$y;', 'not followed by'],
        ['socketio_data x=${y};', 'is not known'],
        ['socketio_data x=${arg.0};', 'is not known'],
        ['socketio_data x=a${jwt};', 'is not known'],
        ['socketio_data a=1 a=2;', 'duplicate "a"'],
        ['socketio_data a=1; socketio_data a=2;', 'duplicate "a"'],
        ['socketio_limit_data 1;', 'must be 256 to 64k'],
    ]) {
        test(`refuses ${line.slice(0, 60)}`, async () => {
            const { ok, output } = await testConfig({ location: line });

            assert.equal(ok, false, output);
            assert.ok(output.includes(message), output);
        });
    }

    for (const line of [
        'socketio_announce off;',
        'socketio_announce join=a;',
        'socketio_announce join=a leave=a;',
        'socketio_announce join=error leave=message;',
        'socketio_data a=1 b=* "c=${jwt} x";'.replace('${jwt} x', 'x y'),
        'socketio_data a=1; socketio_namespace /x { socketio_data a=2; }',
    ]) {
        test(`takes ${line}`, async () => {
            const { ok, output } = await testConfig({ location: line });

            assert.equal(ok, true, output);
        });
    }
});


describe('the table of docs/authentication.md', () => {
    const table = readFileSync(DOCS, 'utf8')
        .split('## What you want')[1].split('## ')[0];

    for (const row of table.split('\n')) {
        const [, asked, given = ''] = row.split('|');

        for (const [, line] of given.matchAll(/`(socketio_[^`]*[;}])`/g)) {
            test(`${asked.trim()}: ${line}`, async () => {
                process.env.JWT_SECRET = SECRET;

                const { ok, output } = await testConfig({
                    location: AUTH.replace(/socketio_auth optional;/,
                                           line.includes('socketio_auth ')
                                           ? '' : '$&')
                              + line.replace('{ \u2026 }', '{ }')
                                    .replaceAll('\u2026', 'x'),
                });

                assert.equal(ok, true, output);
            });
        }
    }
});


run('the table: who may be where, and what is known of him', {
    location: `
        socketio_data user=\${jwt} departmentId=\${jwt.department};
        socketio_announce join=user-joined leave=user-left;
        socketio_namespace /data_owner {
            socketio_auth required;
            socketio_room user:\${jwt.sub};
            socketio_room department:\${jwt.department};
            socketio_room shift:\${jwt.shift};
            socketio_room "room:\${jwt.org}:*";
            socketio_room_max_length 16;
        }`,
}, (state) => {
    const nsp = '/data_owner';
    const ann = { sub: '550', department: 'A', org: 'o' };

    test('join:user, join:department, join:shift', async () => {
        const s = await state.open(ann, 'websocket', nsp);
        const t = await state.open({ ...ann, shift: 7 }, 'polling', nsp);
        const rows = [
            [s, ['join:user', { userId: '550' }], true],
            [s, ['join:user', { userId: '551' }], false],
            [s, ['join:department', { departmentId: 'A' }], true],
            [s, ['join:department', { departmentId: 'B' }], false],
            [s, ['join:shift', { shiftId: 7 }], false],
            [t, ['join:shift', { shiftId: 7 }], true],
            [t, ['join:shift', { shiftId: 8 }], false],
            [s, ['join', 'room:o:1'], true],
            [s, ['join', 'room:p:1'], false],
            [s, ['join', 'room:o:234567890'], true],
            [s, ['join', 'room:o:2345678901'], false],
            [s, ['join', 'anything'], false],
        ];

        for (const [who, event, expected] of rows) {
            const [answer] = await who.ack(1, event, nsp);

            assert.equal(answer.ok, expected, JSON.stringify(event));
        }

        const [{ user, data, rooms }] = JSON.parse(
            await state.fetch(s.id, nsp)).sockets;

        assert.equal(user, '550');
        assert.deepEqual(data, { user: { exp, ...ann }, departmentId: 'A' });
        assert.deepEqual(rooms.filter((room) => room !== s.id).sort(),
                         ['department:A', 'room:o:1', 'room:o:234567890',
                          'user:550']);
        s.close();
        await t.close();
    });

    test('nobody without a token, and nothing before it', async () => {
        const s = await openSession('websocket', state.nginx.url);

        await s.send(`40${nsp},`);
        assert.equal(await s.recv(),
                     `44${nsp},{"message":"Authentication required"}`);

        const w = await watcher(state, undefined, { namespace: nsp });

        assert.deepEqual(await w.told(), []);
        await s.send(`42${nsp},["join","user:550"]`);
        await s.closed;
    });

    test('others in the room hear who comes and goes', async () => {
        const w = await state.open(ann, 'polling', nsp);
        const s = await state.open(ann, 'websocket', nsp);

        await w.ack(1, ['join', 'room:o:1'], nsp);
        await s.ack(1, ['join', 'room:o:1'], nsp);
        s.close();
        assert.deepEqual([await w.recv(), await w.recv()],
                         ['joined', 'left'].map((way) =>
                             `42${nsp},["user-${way}",{"userId":"550",`
                             + '"room":"room:o:1"}]'));
        await w.close();
    });
});
