/*
 * The rest of the server API: moving, dropping and listing sockets, rooms,
 * namespaces, status, and batches.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startNginx, until } from '../lib/nginx.mjs';
import { Polling, RS, TRANSPORTS, openSession } from '../lib/raw.mjs';

for (const workers of [1, 4]) {
    describe(`server API with ${workers} worker(s)`, () => suite(workers));
}


function suite(workers) {
    let nginx;

    before(async () => {
        nginx = await startNginx({
            workers,
            location: `
                socketio_room room:*;
                socketio_namespace / { }
                socketio_namespace /chat { }
                socketio_namespace /quiet { }
                socketio_namespace ~^/dyn_ { }`,
        });
    });

    after(() => nginx.stop());

    async function open(transport = 'websocket', { namespace = '/', rooms,
                                                   ...options } = {}) {
        const session = await openSession(transport, nginx.url, options);

        session.id = await session.connect(namespace);

        if (rooms) {
            await session.ack(0, ['join', rooms], namespace);
        }

        return session;
    }

    const close = (...list) =>
        Promise.all(list.map((session) => session.close()));

    async function sockets(selector = {}) {
        return (await nginx.call('fetchSockets', selector)).sockets;
    }

    const ids = (list) => list.map((item) => item.id ?? item).sort();

    function checkError(res, status, path) {
        assert.equal(res.status, status, res.body);
        assert.equal(res.json.ok, false);
        assert.match(res.json.error.code, /^[a-z]/);

        if (path !== undefined) {
            assert.equal(res.json.error.path, path, res.body);
        }
    }

    for (const transport of TRANSPORTS) {
        describe(transport, () => both(transport));
    }

    describe('fetchSockets', () => {
        test('what it tells of a socket', async () => {
            const session = await open('websocket', {
                rooms: ['room:a', 'room:b'],
                query: { user: 'ä b', x: '1' },
                headers: { 'X-Test': 'yes', Cookie: 'secret=cookie',
                           Authorization: 'Bearer secret',
                           'User-Agent': 'test/1' },
            });
            const [socket, ...more] = await sockets({ rooms: [session.id] });

            assert.deepEqual(more, []);
            assert.equal(socket.id, session.id);
            assert.equal(socket.namespace, '/');
            assert.deepEqual([...socket.rooms].sort(),
                             [session.id, 'room:a', 'room:b'].sort());
            assert.ok('user' in socket);
            assert.deepEqual(socket.data, {});

            const { handshake } = socket;

            assert.equal(handshake.address, '127.0.0.1');
            assert.equal(handshake.secure, false);
            assert.equal(handshake.transport, 'websocket');
            assert.ok(Math.abs(new Date(handshake.time) - Date.now())
                      < 60000, `time ${handshake.time}`);
            assert.equal(handshake.query.user, 'ä b');
            assert.equal(handshake.query.x, '1');
            assert.equal(handshake.headers['user-agent'], 'test/1');
            assert.doesNotMatch(JSON.stringify(socket), /secret|\bauth\b/);
            session.close();
        });

        test('never the sid, never the auth', async () => {
            const session = await openSession('polling', nginx.url);

            session.id = await session.connect('/',
                                               { token: 'hush, hush' });

            const text = JSON.stringify(await sockets());

            assert.ok(text.includes(session.id));
            assert.ok(!text.includes(session.sid));
            assert.ok(!text.includes('hush, hush'));
            await session.close();
        });

        test('selectors', async () => {
            const a = await open('websocket', { rooms: ['room:1'] });
            const b = await open('polling', { rooms: ['room:1', 'room:2'] });
            const c = await open('upgrade', { rooms: ['room:2'] });
            const of = async (selector) => ids(await sockets(selector));

            assert.deepEqual(await of({ rooms: ['room:1'] }), ids([a, b]));
            assert.deepEqual(await of({ rooms: ['room:1', 'room:2'] }),
                             ids([a, b, c]));
            assert.deepEqual(await of({ room: 'room:2',
                                        except: 'room:1' }), ids([c]));
            assert.deepEqual(await of({ to: [a.id, c.id] }), ids([a, c]));
            assert.deepEqual(await of({ rooms: ['room:none'] }), []);
            assert.deepEqual(await of({ namespace: '/quiet' }), []);
            await close(a, b, c);
        });

        test('pages', async () => {
            const list = [];

            for (let i = 0; i < 7; i++) {
                list.push(await open(TRANSPORTS[i % 3],
                                     { rooms: ['room:page'] }));
            }

            for (const limit of [1, 3, 7, 100]) {
                const seen = [];
                let cursor;

                do {
                    const page = await nginx.call('fetchSockets', {
                        rooms: ['room:page'], limit,
                        ...cursor && { cursor },
                    });

                    assert.ok(page.sockets.length <= limit);
                    seen.push(...page.sockets);
                    cursor = page.cursor;
                } while (cursor);

                assert.deepEqual(ids(seen), ids(list), `limit ${limit}`);
            }

            await close(...list);
        });

        test('refusals', async () => {
            const bad = [[{ limit: 0 }, 'limit'], [{ limit: 'x' }, 'limit'],
                         [{ limit: -1 }, 'limit'],
                         [{ cursor: 5 }, 'cursor'],
                         [{ rooms: [5] }, 'rooms[0]'],
                         [{ what: 1 }, 'what']];

            for (const [body, path] of bad) {
                checkError(await nginx.api('fetchSockets', body), 400, path);
            }

            checkError(await nginx.api('fetchSockets',
                                       { namespace: '/no' }),
                       404, 'namespace');
        });
    });

    describe('socketsJoin and socketsLeave', () => {
        test('selectors', async () => {
            const a = await open('websocket', { rooms: ['room:x'] });
            const b = await open('websocket', { rooms: ['room:x',
                                                        'room:y'] });
            const c = await open('websocket');
            const members = async (room) =>
                ids(await sockets({ rooms: [room] }));

            let answer = await nginx.call('socketsJoin', {
                rooms: ['room:x'], except: ['room:y'], join: ['vip'],
            });

            assert.ok(answer.matched >= 1);
            assert.deepEqual(await members('vip'), ids([a]));

            answer = await nginx.call('socketsJoin', {
                rooms: ['room:x', c.id], join: ['all', 'everybody'],
            });
            assert.deepEqual(await members('all'), ids([a, b, c]));
            assert.deepEqual(await members('everybody'), ids([a, b, c]));

            answer = await nginx.call('socketsLeave', {
                rooms: [b.id], leave: ['all', 'room:x', 'never'],
            });
            assert.equal(answer.matched, 1);
            assert.deepEqual(await members('all'), ids([a, c]));
            assert.deepEqual(await members('room:x'), ids([a]));

            answer = await nginx.call('socketsLeave', {
                rooms: ['everybody'], leave: 'everybody',
            });
            assert.equal(answer.matched, 3);
            assert.deepEqual(await members('everybody'), []);
            await close(a, b, c);
        });

        test('no selector is the whole namespace', async () => {
            const a = await open('websocket', { namespace: '/dyn_1' });
            const b = await open('websocket', { namespace: '/dyn_2' });

            const { matched } = await nginx.call('socketsJoin', {
                namespace: '/dyn_1', join: ['j'],
            });

            assert.equal(matched, 1);
            assert.deepEqual(ids(await sockets({ namespace: '/dyn_1',
                                                 rooms: ['j'] })), ids([a]));
            assert.deepEqual(await sockets({ namespace: '/dyn_2',
                                             rooms: ['j'] }), []);
            await close(a, b);
        });

        test('a room that is both selector and target', async () => {
            const a = await open('websocket', { rooms: ['room:old'] });

            await nginx.call('socketsJoin', { rooms: ['room:old'],
                                              join: ['new'] });
            await nginx.call('socketsLeave', { rooms: ['room:old'],
                                               leave: ['room:old'] });
            assert.deepEqual(ids(await sockets({ rooms: ['new'] })),
                             ids([a]));
            assert.deepEqual(await sockets({ rooms: ['room:old'] }), []);
            await close(a);
        });

        test('nobody leaves his own room', async () => {
            const a = await open();

            await nginx.api('socketsLeave', { rooms: [a.id],
                                              leave: [a.id] });
            await nginx.publish({ rooms: [a.id], event: 'e' });
            assert.equal(await a.recv(), '42["e"]');
            await close(a);
        });

        test('refusals', async () => {
            for (const [op, key] of [['socketsJoin', 'join'],
                                     ['socketsLeave', 'leave']])
            {
                checkError(await nginx.api(op, {}), 400, key);
                checkError(await nginx.api(op, { [key]: 5 }), 400, key);
                checkError(await nginx.api(op, { [key]: ['a', 5] }), 400,
                           `${key}[1]`);
                checkError(await nginx.api(op, { [key]: [''] }), 400,
                           `${key}[0]`);
                checkError(await nginx.api(op, { [key]: ['a'],
                                                 namespace: '/no' }),
                           404, 'namespace');
            }
        });
    });

    describe('disconnectSockets', () => {
        test('selectors', async () => {
            const a = await open('websocket', { rooms: ['room:out'] });
            const b = await open('websocket', { rooms: ['room:out',
                                                        'room:stay'] });

            const answer = await nginx.call('disconnectSockets', {
                rooms: ['room:out'], except: ['room:stay'],
            });

            assert.ok(answer.matched >= 1);
            assert.equal(await a.recv(), '41');
            await nginx.publish({ rooms: ['room:out'], event: 'e' });
            assert.equal(await b.recv(), '42["e"]');
            await close(a, b);
        });

        test('nobody there', async () => {
            const { matched } = await nginx.call('disconnectSockets',
                                                 { rooms: ['room:none'] });

            assert.equal(matched, 0);
        });

        test('a parked poll', async () => {
            const session = await Polling.open(nginx.url);
            const id = await session.connect();
            const { parked } = await session.park();

            await nginx.call('disconnectSockets', { rooms: [id],
                                                    close: true });

            let text = (await parked).body;

            while (text.split(RS).at(-1) !== '1') {
                text += RS + (await session.get()).body;
            }

            assert.deepEqual(text.split(RS).filter((p) => p !== '6'),
                             ['41', '1']);
            await session.assertGone();
        });

        test('refusals', async () => {
            checkError(await nginx.api('disconnectSockets', { close: 1 }),
                       400, 'close');
            checkError(await nginx.api('disconnectSockets',
                                       { namespace: '/no' }),
                       404, 'namespace');
        });
    });

    describe('rooms, namespaces, status', () => {
        const holds = (value, name) =>
            JSON.stringify(value).includes(JSON.stringify(name));

        test('rooms of a namespace', async () => {
            const a = await open('websocket', { rooms: ['room:list:1'] });
            const b = await open('polling', { namespace: '/chat',
                                              rooms: ['room:list:2'] });
            const main = await nginx.get('rooms');
            const chat = await nginx.get('rooms?namespace=/chat');

            assert.equal(main.ok, true);
            assert.ok(holds(main.rooms, 'room:list:1'));
            assert.ok(!holds(main.rooms, 'room:list:2'));
            assert.ok(holds(chat.rooms, 'room:list:2'));
            assert.ok(!holds(chat.rooms, 'room:list:1'));
            await close(a, b);
            assert.ok(!holds((await nginx.get('rooms?namespace=%2Fchat'))
                             .rooms, 'room:list:2'));
            checkError(await nginx.request('GET',
                                           '/socketio/rooms?namespace=/no'),
                       404, 'namespace');
        });

        test('namespaces', async () => {
            const session = await open('websocket',
                                       { namespace: '/dyn_list' });
            const { ok, namespaces } = await nginx.get('namespaces');

            assert.equal(ok, true);

            for (const name of ['/', '/chat', '/dyn_list']) {
                assert.ok(holds(namespaces, name), name);
            }

            await close(session);
        });

        test('status', async () => {
            /* those of earlier tests may still be going */
            const before = await until(async () => {
                const now = await nginx.status();

                return now.sockets.connected === 0 && now;
            }, 'nobody is there');

            assert.equal(typeof before, 'object');
            assert.ok(!JSON.stringify(before).includes('null,null'));

            const session = await open();
            const text = JSON.stringify(await nginx.status());

            assert.ok(!text.includes(session.sid), 'a sid is a key');

            const { sockets, workers, slots, log } = await nginx.status();

            assert.equal(sockets.connected, before.sockets.connected + 1);
            assert.equal(sockets.waiting, 0);
            assert.equal(slots.used, workers.length);
            assert.equal(slots.size, 128);
            assert.ok(workers.every((w) => w.lag >= 0 && w.lag <= log.size));
            await until(async () => (await nginx.status()).workers
                .every((w) => w.lag === 0), 'all is read');
            await close(session);
        });
    });

    describe('batch', () => {
        test('an array, in order', async () => {
            const session = await open();
            const res = await nginx.api('batch', [
                { rooms: [session.id], event: 'e', data: 1 },
                { op: 'socketsJoin', rooms: [session.id], join: ['b'] },
                { op: 'emit', rooms: ['b'], event: 'e', args: [2, 1.5] },
                { op: 'socketsLeave', rooms: ['b'], leave: ['b'] },
                { op: 'emit', rooms: ['b'], event: 'no' },
                { op: 'fetchSockets', rooms: [session.id] },
                { op: 'disconnectSockets', rooms: [session.id] },
            ]);

            assert.equal(res.status, 200, res.body);
            assert.equal(res.json.ok, true);

            const { results } = res.json;

            assert.deepEqual(results.map((r) => r.ok), Array(7).fill(true));
            assert.deepEqual(results.slice(0, 5).map((r) => r.matched),
                             [1, 1, 1, 1, 0]);
            assert.equal(results[5].sockets[0].id, session.id);

            assert.equal(await session.recv(), '42["e",1]');
            assert.equal(await session.recv(), '42["e",2,1.5]');
            assert.equal(await session.recv(), '41');
            await close(session);
        });

        test('NDJSON', async () => {
            const session = await open();
            const lines = [
                `{"room":"${session.id}","event":"e","data":1.0}`,
                `{"room":"${session.id}","event":"e","data":"\\u00e9"}`,
            ];

            for (const body of [lines.join('\n'), `${lines.join('\r\n')}\n`])
            {
                const res = await nginx.api('batch', body, {
                    'Content-Type': 'application/x-ndjson',
                });

                assert.equal(res.status, 200, res.body);
                assert.deepEqual(res.json.results.map((r) => r.ok),
                                 [true, true]);
                assert.equal(await session.recv(), '42["e",1.0]');
                assert.equal(await session.recv(), '42["e","\\u00e9"]');
            }

            await close(session);
        });

        test('each operation has its own result', async () => {
            const session = await open();
            const rooms = [session.id];
            const res = await nginx.api('batch', [
                { rooms, event: 'e', data: 1 },
                { rooms: [5], event: 'e' },
                { rooms, event: 'connect' },
                { rooms, event: 'e', namespace: '/no' },
                { op: 'nothing' },
                { op: 'serverSideEmit', event: 'e' },
                { rooms, event: 'e', ack: {} },
                { rooms, event: 'e', data: 2 },
            ]);

            assert.equal(res.status, 200, res.body);

            const { results } = res.json;

            assert.deepEqual(results.map((r) => r.ok),
                             [true, false, false, false, false, false, false,
                              true]);
            assert.match(results[1].error.path, /rooms\[0\]$/);

            for (const result of results.filter((r) => !r.ok)) {
                assert.match(result.error.code, /^[a-z]/);
            }

            assert.equal(await session.recv(), '42["e",1]');
            assert.equal(await session.recv(), '42["e",2]');
            await close(session);
        });

        test('an empty one', async () => {
            const res = await nginx.api('batch', []);

            assert.equal(res.status, 200);
            assert.deepEqual(res.json.results, []);
        });

        test('what is malformed delivers nothing', async () => {
            const session = await open();
            const good = JSON.stringify({ rooms: [session.id], event: 'e' });

            for (const body of ['{}', 'x', `[${good}`, `[${good},]`,
                                `[${good}] ${good}`])
            {
                checkError(await nginx.api('batch', body), 400);
            }

            await nginx.publish({ rooms: [session.id], event: 'mark' });
            assert.equal(await session.recv(), '42["mark"]');
            await close(session);
        });

        test('a hundred emits', async () => {
            const session = await open();

            await nginx.api('batch', Array.from({ length: 100 }, (_, i) =>
                ({ rooms: [session.id], event: 'e', data: i })));

            for (let i = 0; i < 100; i++) {
                assert.equal(await session.recv(), `42["e",${i}]`);
            }

            await close(session);
        });
    });


    function both(transport) {
        test('is found with its transport', async () => {
            const session = await open(transport);
            const [socket] = await sockets({ rooms: [session.id] });

            assert.equal(socket.id, session.id);
            assert.ok(['polling', 'websocket']
                      .includes(socket.handshake.transport));

            if (transport !== 'upgrade') {
                assert.equal(socket.handshake.transport, transport);
            }

            await close(session);
            await until(async () => (await sockets({ rooms: [session.id] }))
                                    .length === 0, 'the socket is gone');
        });

        test('is moved by the server', async () => {
            const session = await open(transport);
            const rooms = [session.id];

            await nginx.call('socketsJoin', { rooms, join: 'moved' });
            await nginx.publish({ rooms: ['moved'], event: 'e', data: 1 });
            assert.equal(await session.recv(), '42["e",1]');
            await nginx.call('socketsLeave', { rooms, leave: 'moved' });
            assert.equal((await nginx.publish({ rooms: ['moved'],
                                                event: 'e' })).matched, 0);
            await nginx.publish({ rooms, event: 'mark' });
            assert.equal(await session.recv(), '42["mark"]');
            await close(session);
        });

        test('close false: "41", and the transport stays', async () => {
            const session = await open(transport);

            await session.connect('/chat');

            const { matched } = await nginx.call('disconnectSockets',
                                                 { rooms: [session.id] });

            assert.equal(matched, 1);
            assert.equal(await session.recv(), '41');
            await nginx.publish({ rooms: [session.id], event: 'no' });
            await session.ack(1, ['join', 'room:x'], '/chat');
            assert.notEqual(await session.connect(), session.id);
            await close(session);
        });

        test('close true: a "41" for each, then the end', async () => {
            const session = await open(transport);

            await session.connect('/chat');
            await nginx.call('disconnectSockets', { rooms: [session.id],
                                                    close: true });

            const got = [await session.recv(), await session.recv()];

            assert.deepEqual(got.sort(), ['41', '41/chat,']);

            if (transport === 'polling') {
                let last;

                do {
                    last = await session.recv();
                } while (last === '6');

                assert.equal(last, '1');
                await session.assertGone();

            } else {
                await session.end();
            }

            assert.deepEqual(await sockets({ rooms: [session.id] }), []);
        });

        test('what was published before a disconnect arrives', async () => {
            const session = await open(transport);
            const rooms = [session.id];

            await nginx.api('batch', [
                { rooms, event: 'e', data: 1 },
                { rooms, event: 'e', data: 2 },
                { op: 'disconnectSockets', rooms, close: true },
                { rooms, event: 'e', data: 3 },
            ]);
            assert.equal(await session.recv(), '42["e",1]');
            assert.equal(await session.recv(), '42["e",2]');
            assert.equal(await session.recv(), '41');

            if (transport !== 'polling') {
                await session.end();
            }
        });
    }
}
