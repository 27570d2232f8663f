/*
 * Namespaces: which exist, how CONNECT and DISCONNECT are written, and that
 * one namespace never shows in another.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startNginx } from '../lib/nginx.mjs';
import { Polling, TRANSPORTS, openSession } from '../lib/raw.mjs';

const INVALID = '{"message":"Invalid namespace"}';

function run(name, location, body, options = {}) {
    describe(name, () => {
        let nginx;

        before(async () => {
            nginx = await startNginx({ location, ...options });
        });
        after(() => nginx.stop());
        body((transport = 'websocket') =>
            openSession(transport, nginx.url), () => nginx);
    });
}


run('no block', 'socketio_room room:*;', (open) => {
    for (const transport of TRANSPORTS) {
        test(`${transport}: "/" and no other`, async () => {
            const session = await open(transport);

            await session.send('40/chat,');
            assert.equal(await session.recv(), `44/chat,${INVALID}`);
            await session.connect();
            await session.send('40/random');
            assert.equal(await session.recv(), `44/random,${INVALID}`);
            assert.deepEqual(await session.ack(1, ['join', 'room:a']),
                             [{ ok: true, rooms: ['room:a'] }]);
            await session.close();
        });
    }

    test('a query is part of the name', async () => {
        const session = await open();

        await session.send('40/custom?a=b,');
        assert.equal(await session.recv(), `44/custom?a=b,${INVALID}`);
        session.close();
    });

    for (const auth of ['', '{}', '{"token":"t","a":[1,{"b":null}]}',
                        ' { "a" : 1 } '])
    {
        test(`CONNECT with "${auth}"`, async () => {
            const session = await open();

            await session.send(`40${auth}`);
            assert.match(await session.recv(), /^40\{"sid":"[\w-]{20}"\}$/);
            session.close();
        });
    }

    test('"42/,[...]" is "/"', async () => {
        const session = await open();

        await session.send('40/,');
        assert.match(await session.recv(), /^40\{"sid":"/);
        await session.send('42/,5["join","room:a"]');
        assert.equal(await session.recv(),
                     '435[{"ok":true,"rooms":["room:a"]}]');
        session.close();
    });

    test('"41" has no answer and leaves the transport open', async () => {
        const session = await open();

        const first = await session.connect();

        await session.send('41');

        const second = await session.connect();

        assert.notEqual(first, second);
        session.close();
    });

    test('"41" and "40" back to back', async () => {
        for (const transport of TRANSPORTS) {
            const session = await open(transport);

            await session.connect();
            await session.send('41', '40');
            assert.match(await session.recv(), /^40\{"sid":"/);
            await session.close();
        }
    });

    test('"40" and an event back to back', async () => {
        for (const transport of TRANSPORTS) {
            const session = await open(transport);

            await session.send('40', '421["join","room:a"]');
            assert.match(await session.recv(), /^40\{"sid":"/);
            assert.equal(await session.recv(),
                         '431[{"ok":true,"rooms":["room:a"]}]');
            await session.close();
        }
    });

    test('nothing is received after "41"', async () => {
        const session = await open();

        await session.connect();
        await session.ack(1, ['join', 'room:a']);
        await session.send('41', '40');
        await session.recv();
        await session.ack(2, ['join', 'room:b']);
        session.close();
    });
});


run('blocks', `
    socketio_namespace /chat     { socketio_room room:*; }
    socketio_namespace /chat/sub { }
    socketio_namespace /Ä\u00b7\u2014 { }
    socketio_namespace "~^/room_[0-9]{4}$" { socketio_room room:*; }
    socketio_namespace /room_0000 { socketio_room exact:*; }`,
    (open, nginx) => {

    test('only what is declared, "/" too', async () => {
        const session = await open();

        for (const name of ['/cha', '/chat/', '/chat/subs', '/CHAT',
                            '/room_12345', '/room_', '/xroom_1234'])
        {
            await session.send(`40${name},`);
            assert.equal(await session.recv(), `44${name},${INVALID}`);
        }

        await session.send('40');
        assert.equal(await session.recv(), `44${INVALID}`);
        session.close();
    });

    for (const name of ['/chat', '/chat/sub', '/Ä\u00b7\u2014',
                        '/room_1234'])
    {
        test(`${name}, with a comma and without`, async () => {
            for (const tail of [',', '', ',{"token":"x"}']) {
                const session = await open();

                await session.send(`40${name}${tail}`);

                const reply = await session.recv();

                assert.ok(reply.startsWith(`40${name},{"sid":"`), reply);
                session.close();
            }
        });
    }

    test('an exact name wins over a pattern', async () => {
        const session = await open();

        await session.connect('/room_0000');
        assert.deepEqual(await session.ack(1, ['join', 'exact:1'],
                                           '/room_0000'),
                         [{ ok: true, rooms: ['exact:1'] }]);
        assert.equal((await session.ack(2, ['join', 'room:1'],
                                        '/room_0000'))[0].ok, false);
        session.close();
    });

    test('each has its own id, rooms and end', async () => {
        for (const transport of TRANSPORTS) {
            const session = await open(transport);
            const a = await session.connect('/chat');
            const b = await session.connect('/room_1234');

            assert.notEqual(a, b);
            await session.ack(1, ['join', 'room:x'], '/chat');
            await session.ack(1, ['join', 'room:x'], '/room_1234');

            const to = (namespace, data) => nginx().publish({
                namespace, rooms: ['room:x'], event: 'e', data,
            });

            assert.equal((await to('/room_1234', 1)).matched, 1);
            assert.equal(await session.recv(), '42/room_1234,["e",1]');
            assert.equal((await to('/chat', 2)).matched, 1);
            assert.equal(await session.recv(), '42/chat,["e",2]');

            await session.send('41/chat');
            await session.ack(2, ['join', 'room:y'], '/room_1234');
            assert.equal((await to('/chat', 3)).matched, 0);
            assert.equal((await to('/room_1234', 4)).matched, 1);
            assert.equal(await session.recv(), '42/room_1234,["e",4]');
            await session.close();
        }
    });

    test('instances of one pattern are apart', async () => {
        const session = await open();

        await session.connect('/room_0001');
        await session.connect('/room_0002');
        await nginx().publish({ namespace: '/room_0001', event: 'e' });
        assert.equal(await session.recv(), '42/room_0001,["e"]');
        await nginx().publish({ namespace: '/room_0002', event: 'e' });
        assert.equal(await session.recv(), '42/room_0002,["e"]');
        session.close();
    });

    test('a publish to a pattern that nobody is in', async () => {
        const { matched } = await nginx().publish({
            namespace: '/room_9999', event: 'e',
        });

        assert.equal(matched, 0);
    });

    test('a name over 128 bytes', async () => {
        const session = await open();

        await session.send(`40/${'x'.repeat(128)},`);
        assert.match(await session.recv(), /^44\/x+,\{"message":"/);
        await session.connect('/chat');
        session.close();
    });

    test('what a client sends at once, in order', async () => {
        const session = await open();

        await session.send('40/chat,', '40/nope,', '40/room_1234',
                           '42/chat,1["join","room:a"]', '41/chat',
                           '42/room_1234,2["join","room:b"]');

        const got = [];

        for (let i = 0; i < 5; i++) {
            got.push((await session.recv()).replace(/"sid":".*?"/, '"sid"'));
        }

        assert.deepEqual(got, [
            '40/chat,{"sid"}', `44/nope,${INVALID}`, '40/room_1234,{"sid"}',
            '43/chat,1[{"ok":true,"rooms":["room:a"]}]',
            '43/room_1234,2[{"ok":true,"rooms":["room:b"]}]',
        ]);
        session.close();
    });
});


run('a pattern that matches everything', 'socketio_namespace ~. { }',
    (open) => {
    const rows = {
        'over 128 bytes': `/${'x'.repeat(128)}`,
        'a tab': '/a\tb',
        'a line feed': '/a\nb',
        'a zero byte': '/a\0b',
        'a delete': '/a\x7fb',
    };

    for (const [name, nsp] of Object.entries(rows)) {
        test(`does not see ${name}`, async () => {
            const session = await open();

            await session.send(`40${nsp},`);
            assert.match(await session.recv(), /^44\//);
            await session.connect('/fine');
            session.close();
        });
    }

    test('sees a name of 128 bytes', async () => {
        const session = await open();

        await session.connect(`/${'x'.repeat(127)}`);
        session.close();
    });
});


run('socketio_limit_namespaces 3',
    `socketio_limit_namespaces 3;
     socketio_namespace / { }
     socketio_namespace ~^/n { }`, (open) => {
    test('a fourth is refused, what is there goes on', async () => {
        const session = await open();

        for (const name of ['/n1', '/n2', '/n3']) {
            await session.connect(name);
        }

        await session.send('40/n4,');
        assert.match(await session.recv(), /^44\/n4,\{"message":"/);
        await session.connect('/');

        const other = await open();

        await other.connect('/n1');
        other.close();
        session.close();
    });
});


run('defaults of the location', `
    socketio_namespace /own { socketio_room own:*; }
    socketio_namespace /heir { }
    socketio_room common:*;`, (open) => {
    test('hold where a block has none', async () => {
        const session = await open();

        await session.connect('/own');
        await session.connect('/heir');

        const ok = async (namespace, room) =>
            (await session.ack(1, ['join', room], namespace))[0].ok;

        assert.equal(await ok('/own', 'own:1'), true);
        assert.equal(await ok('/own', 'common:1'), false);
        assert.equal(await ok('/heir', 'common:1'), true);
        assert.equal(await ok('/heir', 'own:1'), false);
        session.close();
    });
});


describe('two endpoints', () => {
    let nginx;

    before(async () => {
        nginx = await startNginx({
            server: `location /other/ {
                         socketio app;
                         socketio_namespace /there { }
                     }`,
            location: 'socketio_namespace /here { }',
        });
    });

    after(() => nginx.stop());

    test('have namespaces of their own', async () => {
        const here = await openSession('websocket', nginx.url);
        const there = await openSession('websocket', nginx.url,
                                        { path: '/other/' });

        await here.connect('/here');
        await there.connect('/there');
        await here.send('40/there,');
        assert.equal(await here.recv(), `44/there,${INVALID}`);
        here.close();
        there.close();
    });

    test('do not know the sessions of one another', async () => {
        const session = await Polling.open(nginx.url);

        session.path = '/other/';
        await session.assertGone();
        session.path = '/socket.io/';
        await session.connect('/here');
        await session.close();
    });

    test('are one zone for who publishes', async () => {
        const there = await openSession('websocket', nginx.url,
                                        { path: '/other/' });

        await there.connect('/there');

        const { matched } = await nginx.publish({ namespace: '/there',
                                                  event: 'e' });

        assert.equal(matched, 1);
        assert.equal(await there.recv(), '42/there,["e"]');
        there.close();
    });
});
