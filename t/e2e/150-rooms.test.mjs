/*
 * socketio_room and the join and leave events: every form that their payload
 * may have, what the rules allow, and how a refusal looks.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { closeAll, connect, emitAck, once } from '../lib/client.mjs';
import { startNginx } from '../lib/nginx.mjs';
import { TRANSPORTS, openSession } from '../lib/raw.mjs';


function run(name, location, body, options = {}) {
    describe(name, () => {
        const state = {};

        before(async () => {
            state.nginx = await startNginx({ location, ...options });
        });

        after(async () => {
            closeAll();
            await state.nginx.stop();
        });

        body(state, async (transport = 'websocket') => {
            const session = await openSession(transport, state.nginx.url);

            session.id = await session.connect();

            return session;
        });
    });
}


/* The rooms of a socket as the API tells them, without its own. */
async function roomsOf(nginx, id, namespace = '/') {
    const { sockets } = await nginx.call('fetchSockets',
                                         { namespace, rooms: [id] });

    assert.equal(sockets.length, 1);
    assert.ok(sockets[0].rooms.includes(id), 'its own room');

    return sockets[0].rooms.filter((room) => room !== id).sort();
}


run('payloads', 'socketio_room *;', (state, open) => {
    const joins = [
        ['join', 'room:a', ['room:a']],
        ['join', 'plain', ['plain']],
        ['join', ['a', 'b', 'c'], ['a', 'b', 'c']],
        ['join', ['a'], ['a']],
        ['join', { room: 'r' }, ['r']],
        ['join', { roomId: 'r' }, ['r']],
        ['join', { rooms: ['r1', 'r2'] }, ['r1', 'r2']],
        ['rejoin', 'room:a', ['room:a']],
        ['rejoin', ['a', 'b'], ['a', 'b']],
        ['rejoin', { rooms: ['r1', 'r2'] }, ['r1', 'r2']],
        ['join:user', '5', ['user:5']],
        ['join:user', 5, ['user:5']],
        ['join:user', -5, ['user:-5']],
        ['join:user', { id: 5 }, ['user:5']],
        ['join:user', { userId: 5 }, ['user:5']],
        ['join:user', { user_id: '5' }, ['user:5']],
        ['join:user', { whatever: 'x' }, ['user:x']],
        ['join:user', { id: 1, name: 'n' }, ['user:1']],
        ['join:department', { departmentId: 'A', level: 3 },
         ['department:A']],
        ['join:zone', 'Zone-A', ['zone:Zone-A']],
        ['join:zone', 'a:b', ['zone:a:b']],
        ['join', { user: 5, departmentId: 'A' }, ['user:5', 'department:A']],
        ['join', { user: 5, role: 'admin', department: 'A' },
         ['user:5', 'role:admin', 'department:A']],
        ['join', { user_id: 5, shift_id: 'm' }, ['user:5', 'shift:m']],
        ['rejoin', { userId: 550 }, ['user:550']],
        ['join', { userId: 550 }, ['user:550']],
        ['join', { room: 'r', user: 5 }, ['room:r', 'user:5']],
        ['join', 'r\u00f6m \u2014 \u65e5', ['r\u00f6m \u2014 \u65e5']],
        ['join', 'quote"back\\slash/', ['quote"back\\slash/']],
    ];

    for (const [event, payload, rooms] of joins) {
        test(`${event} ${JSON.stringify(payload)}`, async () => {
            const session = await open();

            assert.deepEqual(await session.ack(1, [event, payload]),
                             [{ ok: true, rooms }]);
            assert.deepEqual(await roomsOf(state.nginx, session.id),
                             [...rooms].sort());

            for (const room of rooms) {
                await state.nginx.publish({ rooms: [room], event: 'e',
                                            data: room });
                assert.deepEqual(JSON.parse((await session.recv()).slice(2)),
                                 ['e', room]);
            }

            const leave = event.replace(/^(re)?join/, 'leave');

            assert.deepEqual(await session.ack(2, [leave, payload]),
                             [{ ok: true, rooms }]);
            assert.deepEqual(await roomsOf(state.nginx, session.id), []);
            session.close();
        });
    }

    const bad = [
        ['join'], ['join', ''], ['join', null], ['join', true],
        ['join', []], ['join', {}], ['join', ['a', 5, null]],
        ['join', ['a', '']], ['join', [['a']]], ['join', { room: '' }],
        ['join', { room: null }], ['join', { rooms: 'r' }],
        ['join', { rooms: [] }], ['join', { rooms: ['a', {}] }],
        ['join', { rooms: ['a'], more: 1 }], ['join', { user: [5] }],
        ['join', { user: 5, department: null }], ['join', { user: {} }],
        ['join', { user: true }], ['join', { user: 1.5 }],
        ['join:user'], ['join:user', ''], ['join:user', null],
        ['join:user', true], ['join:user', 1.5], ['join:user', {}],
        ['join:user', { a: 1, b: 2 }], ['join:user', { id: [1] }],
        ['join:user', [1, 2]],
        ['join', 'a\u0001b'], ['join', 'a\nb'], ['join', 'a\u007fb'],
        ['join', '\u0000'], ['join:user', 'a\tb'],
    ];

    for (const args of bad) {
        test(`refused: ${JSON.stringify(args)}`, async () => {
            const session = await open();
            const [answer, ...more] = await session.ack(1, args);

            assert.deepEqual(more, []);
            assert.equal(answer.ok, false);
            assert.match(answer.error, /./);
            assert.ok(Array.isArray(answer.rooms));
            assert.deepEqual(await roomsOf(state.nginx, session.id), []);
            session.close();
        });
    }

    test('escapes in a name mean the character', async () => {
        const session = await open();

        await session.send('421["join","r\\u006fom\\u003A\\ud83d\\ude00"]');

        const reply = JSON.parse((await session.recv()).slice(3));

        assert.deepEqual(reply, [{ ok: true, rooms: ['room:\u{1f600}'] }]);
        await state.nginx.publish({ rooms: ['room:\u{1f600}'], event: 'e' });
        assert.equal(await session.recv(), '42["e"]');
        session.close();
    });

    test('an event name with escapes is the same event', async () => {
        const session = await open();

        await session.send('421["jo\\u0069n","a"]');
        assert.equal(await session.recv(), '431[{"ok":true,"rooms":["a"]}]');
        session.close();
    });

    test('"*" of a client is a letter', async () => {
        const session = await open();

        await session.ack(1, ['join', 'room:*']);
        await state.nginx.publish({ rooms: ['room:x'], event: 'no' });
        await state.nginx.publish({ rooms: ['room:*'], event: 'yes' });
        assert.equal(await session.recv(), '42["yes"]');
        session.close();
    });

    test('a join event with binary is refused', async () => {
        const session = await open();

        await session.send('451-3["join",{"_placeholder":true,"num":0}]',
                           Buffer.from('room:a'));
        assert.match(await session.recv(), /^433\[\{"ok":false/);
        session.close();
    });

    test('the room of a socket is for nobody to join', async () => {
        const a = await open();
        const b = await open();

        for (const id of [a.id, b.id]) {
            const [answer] = await a.ack(1, ['join', id]);

            assert.deepEqual(answer, { ok: false, error: 'Forbidden',
                                       rooms: [id] });
        }

        await state.nginx.publish({ rooms: [b.id], event: 'secret' });
        assert.equal(await b.recv(), '42["secret"]');
        assert.deepEqual(await roomsOf(state.nginx, a.id), []);
        a.close();
        b.close();
    });

    test('nor to leave', async () => {
        const session = await open();

        await session.ack(1, ['leave', session.id]);
        await state.nginx.publish({ rooms: [session.id], event: 'e' });
        assert.equal(await session.recv(), '42["e"]');
        session.close();
    });

    test('joining twice is joining once', async () => {
        const session = await open();

        await session.ack(1, ['join', 'twice']);
        await session.ack(2, ['join', ['twice', 'twice']]);

        const { matched } = await state.nginx.publish({ rooms: ['twice'],
                                                        event: 'e' });

        assert.equal(matched, 1);
        assert.equal(await session.recv(), '42["e"]');
        await session.ack(3, ['leave', 'twice']);
        await state.nginx.publish({ rooms: ['twice'], event: 'no' });
        await session.ack(4, ['join', 'other']);
        session.close();
    });

    test('leaving a room that was not joined', async () => {
        const session = await open();

        assert.equal((await session.ack(1, ['leave', 'never']))[0].ok, true);
        session.close();
    });

    test('names that only begin like a join event', async () => {
        const session = await open();

        await session.send('421["joining","a"]', '422["Join","a"]',
                           '423["leaves","a"]', '424["rejoin:user","a"]');
        await session.ack(5, ['join', 'b']);
        assert.deepEqual(await roomsOf(state.nginx, session.id), ['b']);
        session.close();
    });
});


run('no rule, no room', '', (state, open) => {
    for (const transport of TRANSPORTS) {
        test(`${transport}: a refusal names the room`, async () => {
            const session = await open(transport);

            assert.deepEqual(await session.ack(1, ['join', 'room:a']),
                             [{ ok: false, error: 'Forbidden',
                                rooms: ['room:a'] }]);
            await session.send('42["join",["room:b","room:c"]]');

            const packet = await session.recv();

            assert.deepEqual(JSON.parse(packet.slice(2)),
                             ['error', { ok: false, error: 'Forbidden',
                                         rooms: ['room:b', 'room:c'] }]);
            await session.close();
        });
    }

    test('the server may put clients anywhere', async () => {
        const session = await open();

        await state.nginx.call('socketsJoin', { rooms: [session.id],
                                                join: ['anything'] });
        await state.nginx.publish({ rooms: ['anything'], event: 'e' });
        assert.equal(await session.recv(), '42["e"]');
        session.close();
    });

    test('a stock client hears "error"', async () => {
        const socket = await connect(state.nginx, { mode: 'websocket' });
        const heard = once(socket, 'error');

        socket.emit('join', 'room:x');
        assert.deepEqual(await heard, [{ ok: false, error: 'Forbidden',
                                         rooms: ['room:x'] }]);
        assert.deepEqual(await emitAck(socket, 'join', { user: 1 }),
                         [{ ok: false, error: 'Forbidden',
                            rooms: ['user:1'] }]);
        socket.disconnect();
    });
});


run('rules', `
    socketio_room room:*;
    socketio_room lobby;
    socketio_room a:*:z;
    socketio_room "with blank";
    socketio_room public:*;
    socketio_room a.c;`, (state, open) => {
    const verdicts = {
        'room:a': true, 'room:a:b': true, 'room:*': true, 'room::': true,
        'room:': false, 'room': false, 'xroom:a': false, 'Room:a': false,
        'lobby': true, 'lobby2': false, 'lobb': false,
        'a:b:z': true, 'a:b:c:z': true, 'a::z': false, 'a:z': false,
        'a:b:zz': false, 'a:z:z': true,
        'with blank': true, 'public:data': true,
        'a.c': true, 'abc': false,
    };

    for (const [room, allowed] of Object.entries(verdicts)) {
        test(`"${room}": ${allowed ? 'allowed' : 'refused'}`, async () => {
            const session = await open();
            const [answer] = await session.ack(1, ['join', room]);

            assert.deepEqual(answer, allowed
                ? { ok: true, rooms: [room] }
                : { ok: false, error: 'Forbidden', rooms: [room] });
            session.close();
        });
    }

    test('nothing is joined when any part is refused', async () => {
        const session = await open();

        assert.deepEqual(
            await session.ack(1, ['join', ['room:a', 'no', 'lobby', 'nor']]),
            [{ ok: false, error: 'Forbidden', rooms: ['no', 'nor'] }]);
        assert.deepEqual(await roomsOf(state.nginx, session.id), []);
        session.close();
    });

    test('a refusal takes nothing away', async () => {
        const session = await open();

        await session.ack(1, ['join', 'room:kept']);
        await session.ack(2, ['join', ['room:kept', 'no']]);
        assert.deepEqual(await roomsOf(state.nginx, session.id),
                         ['room:kept']);
        session.close();
    });
});


run('names of the events', `
    socketio_room room:*;
    socketio_join_event  enter room:join sub:*;
    socketio_leave_event exit unsub:*;`, (state, open) => {
    test('are the ones that are configured', async () => {
        const session = await open();
        const ok = async (...args) => (await session.ack(1, args))[0].ok;

        assert.equal(await ok('enter', 'room:a'), true);
        assert.equal(await ok('room:join', 'room:b'), true);
        assert.equal(await ok('sub:room', 'c'), true);
        assert.deepEqual(await roomsOf(state.nginx, session.id),
                         ['room:a', 'room:b', 'room:c']);
        assert.equal(await ok('exit', 'room:a'), true);
        assert.equal(await ok('unsub:room', 'c'), true);
        assert.deepEqual(await roomsOf(state.nginx, session.id),
                         ['room:b']);
        session.close();
    });

    test('and no others', async () => {
        const session = await open();

        await session.send('421["join","room:x"]', '422["leave","room:x"]',
                           '423["join:room","x"]');
        await session.ack(4, ['enter', 'room:a']);
        assert.deepEqual(await roomsOf(state.nginx, session.id),
                         ['room:a']);
        session.close();
    });
});


run('no events at all', `
    socketio_room *;
    socketio_join_event  off;
    socketio_leave_event off;
    socketio_on join  relay room=other any;
    socketio_on leave relay room=other any;`, (state, open) => {
    test('join and leave are as any other event', async () => {
        const session = await open();

        for (const event of ['join', 'leave']) {
            const [answer] = await session.ack(1, [event, 'r']);

            assert.deepEqual(answer, { ok: true });
        }

        assert.deepEqual(await roomsOf(state.nginx, session.id), []);
        session.close();
    });
});


run('limits', `
    socketio_room *;
    socketio_limit_rooms 3;
    socketio_room_max_length 20;`, (state, open) => {
    test('as many rooms as allowed', async () => {
        const session = await open();
        const ok = async (...args) => (await session.ack(1, args))[0].ok;

        assert.equal(await ok('join', ['a', 'b']), true);
        assert.equal(await ok('join', ['c', 'd']), false);
        assert.deepEqual(await roomsOf(state.nginx, session.id),
                         ['a', 'b']);
        assert.equal(await ok('join', 'c'), true);
        assert.equal(await ok('join', 'd'), false);
        assert.equal(await ok('join', 'c'), true, 'it is there already');
        assert.equal(await ok('leave', 'a'), true);
        assert.equal(await ok('join', 'd'), true);
        assert.deepEqual(await roomsOf(state.nginx, session.id),
                         ['b', 'c', 'd']);
        session.close();
    });

    test('more at once than ever allowed', async () => {
        const session = await open();
        const [answer] = await session.ack(1, ['join',
                                               ['a', 'b', 'c', 'd']]);

        assert.equal(answer.ok, false);
        assert.deepEqual(await roomsOf(state.nginx, session.id), []);
        session.close();
    });

    test('a name of 20 and of 21 bytes', async () => {
        const session = await open();
        const ok = async (room) => (await session.ack(1, ['join', room]))[0]
                                   .ok;

        assert.equal(await ok('x'.repeat(20)), true);
        assert.equal(await ok('x'.repeat(21)), false);
        session.close();
    });

    test('the type counts into the name', async () => {
        const session = await open();
        const ok = async (id) => (await session.ack(1, ['join:t', id]))[0].ok;

        assert.equal(await ok('x'.repeat(18)), true);
        assert.equal(await ok('x'.repeat(19)), false);
        session.close();
    });
});


run('64 rooms by default', 'socketio_room *;', (state, open) => {
    test('and one more is too many', async () => {
        const session = await open();
        const rooms = Array.from({ length: 64 }, (_, i) => `r${i}`);

        assert.equal((await session.ack(1, ['join', rooms]))[0].ok, true);
        assert.equal((await session.ack(2, ['join', 'more']))[0].ok, false);
        session.close();
    });

    test('names of 128 bytes, not of 129', async () => {
        const session = await open();
        const ok = async (n) =>
            (await session.ack(1, ['join', 'x'.repeat(n)]))[0].ok;

        assert.equal(await ok(128), true);
        assert.equal(await ok(129), false);
        session.close();
    });
});


run('four workers', 'socketio_room room:*;', (state, open) => {
    test('every transport gets what its rooms get', async () => {
        const sessions = [];

        for (let i = 0; i < 12; i++) {
            const session = await open(TRANSPORTS[i % 3]);

            await session.ack(0, ['join', `room:${i % 4}`]);
            sessions.push(session);
        }

        for (let room = 0; room < 4; room++) {
            const { matched } = await state.nginx.publish({
                rooms: [`room:${room}`], event: 'e', data: room,
            });

            assert.equal(matched, 3);
        }

        await state.nginx.publish({ event: 'all' });

        for (const [i, session] of sessions.entries()) {
            assert.equal(await session.recv(), `42["e",${i % 4}]`);
            assert.equal(await session.recv(), '42["all"]');
            await session.close();
        }
    });

    test('whoever goes is in no room', async () => {
        for (const transport of TRANSPORTS) {
            const session = await open(transport);

            await session.ack(0, ['join', 'room:leaving']);
            await session.send('41');
            await session.connect();
            assert.equal((await state.nginx.publish({
                rooms: ['room:leaving'], event: 'e' })).matched, 0);
            await session.close();
        }
    });
}, { workers: 4 });
