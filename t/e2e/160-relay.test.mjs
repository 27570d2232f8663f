/*
 * socketio_on: which rule an event means, and relays: to whom they go, what
 * arrives, and that nobody can say who he is himself.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { closeAll, collect, connect, emitAck, once }
    from '../lib/client.mjs';
import { startNginx, until } from '../lib/nginx.mjs';
import { TRANSPORTS, openSession, upgrade } from '../lib/raw.mjs';
import { SECRET, inSeconds, token } from '../lib/tokens.mjs';

const OK = [{ ok: true }];
const FORBIDDEN = [{ ok: false, error: 'Forbidden' }];
const LIMITED = [{ ok: false, error: 'Rate limit exceeded' }];
const TOO_LARGE = [{ ok: false, error: 'Payload too large' }];
const exp = inSeconds(3600);


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

        /* A session whose socket is in these rooms. */
        state.open = async ({ rooms = [], transport = 'websocket', claims,
                              namespace = '/' } = {}) => {
            const session = await openSession(transport, state.nginx.url);

            session.id = await session.connect(
                namespace, claims && { token: token({ exp, ...claims }) });

            if (rooms.length > 0) {
                await state.nginx.call('socketsJoin', {
                    namespace, rooms: [session.id], join: rooms });
            }

            return session;
        };

        /* What sessions get up to a mark for all: packets without "42". */
        state.got = async (sessions, namespace = '/') => {
            const nsp = namespace === '/' ? '' : `${namespace},`;
            const mark = `42${nsp}["mark"]`;

            await state.nginx.publish({ namespace, event: 'mark', args: [] });

            return Promise.all(sessions.map(async (session) => {
                const got = [];

                for ( ;; ) {
                    const packet = await session.recv();

                    if (packet === mark) {
                        return got;
                    }

                    got.push(packet);
                }
            }));
        };

        body(state);
    });
}


/* The rule that an event means, told by the room that gets it. */
run('rules', `
    socketio_jwt_key HS256 secret=${SECRET};
    socketio_auth optional;
    socketio_room *;
    socketio_on a        relay room=first any;
    socketio_on a        relay room=second any;
    socketio_on b:*      relay room=admins any if=role=admin;
    socketio_on b:c      relay room=c any;
    socketio_on b:*      drop;
    socketio_on join:x   relay room=first any;
    socketio_on num      relay room=first any if=level=3;
    socketio_namespace / { }
    socketio_namespace /own { socketio_on a relay room=own any; }
    socketio_namespace /any { socketio_on * relay room=any any; }`, (state) => {
    const NAMES = ['first', 'second', 'admins', 'c', 'own', 'any'];

    const rows = [
        ['the first that matches', 'a', {}, '/', 'first'],
        ['a pattern without its claim', 'b:c', {}, '/', 'c'],
        ['a pattern with its claim', 'b:c', { role: 'admin' }, '/', 'admins'],
        ['a claim that is an array', 'b:d', { role: ['x', 'admin'] }, '/',
         'admins'],
        ['a claim that is not it', 'b:c', { role: 'administrator' }, '/', 'c'],
        ['drop', 'b:d', {}, '/', null],
        ['an integer', 'num', { level: 3 }, '/', 'first'],
        ['nothing', 'unknown', {}, '/', null],
        ['nothing for a claim that fails', 'num', { level: 4 }, '/', null],
        ['another case', 'A', {}, '/', null],
        ['a block\'s own', 'a', {}, '/own', 'own'],
        ['not what is outside of a block', 'b:c', {}, '/own', null],
        ['a star', 'what ever \u{1f600}', {}, '/any', 'any'],
        ['a star for an empty name', '', {}, '/any', 'any'],
    ];

    for (const [name, event, claims, namespace, room] of rows) {
        test(`${name}: ${event}`, async () => {
            const members = await Promise.all(NAMES.map((r) =>
                state.open({ rooms: [r], namespace })));
            const sender = await state.open({ namespace, claims });
            const nsp = namespace === '/' ? '' : `${namespace},`;

            await sender.send(`42${nsp}7${JSON.stringify([event, 1])}`);

            const [answer, ...got] = await state.got([sender, ...members],
                                                     namespace);
            const packet = `42${nsp}${JSON.stringify([event, 1])}`;

            assert.deepEqual(got, NAMES.map((r) => r === room ? [packet] : []));
            assert.deepEqual(answer, room === null
                                     ? [] : [`43${nsp}7${JSON.stringify(OK)}`]);

            [sender, ...members].forEach((session) => session.close());
        });
    }

    test('joins come first', async () => {
        const sender = await state.open();

        assert.deepEqual(await sender.ack(1, ['join:x', 'y']),
                         [{ ok: true, rooms: ['x:y'] }]);
        sender.close();
    });

    test('numbers are no names', async () => {
        const member = await state.open({ rooms: ['any'], namespace: '/any' });
        const sender = await state.open({ namespace: '/any' });

        await sender.send('42/any,1[5,1]');
        assert.deepEqual(await state.got([member, sender], '/any'), [[], []]);
        member.close();
        sender.close();
    });
});


run('rooms', `
    socketio_jwt_key HS256 secret=${SECRET};
    socketio_auth optional;
    socketio_room *;
    socketio_room_max_length 20;
    socketio_on fixed    relay room=r1;
    socketio_on two      relay room=r1,r2;
    socketio_on all      relay room=*;
    socketio_on self     relay room=r1 self;
    socketio_on any      relay room=r1 any;
    socketio_on selfany  relay room=r1 any self;
    socketio_on volatile relay room=r1 any volatile;
    socketio_on arg      relay room=r:\${arg.0} any;
    socketio_on whole    relay room=\${arg.0} any;
    socketio_on mine     relay room=\${arg.0};
    socketio_on deep     relay room=\${arg.1.a.b} any;
    socketio_on sub      relay room=u:\${jwt.sub} any;
    socketio_on groups   relay room=g:\${jwt.groups} any;
    socketio_on mygroups relay room=g:\${jwt.groups};
    socketio_on pair     relay room=\${arg.0}:x:\${arg.1} any;
    socketio_on id       relay room=\${socket.id} self;
    socketio_on nsp      relay room=n:\${namespace} any;
    socketio_namespace / { }
    socketio_namespace /n { }`, (state) => {
    for (const transport of TRANSPORTS) {
        test(`members, not the sender, ${transport}`, async () => {
            const sender = await state.open({ rooms: ['r1'], transport });
            const member = await state.open({ rooms: ['r1'], transport });
            const other = await state.open({ rooms: ['r2'], transport });

            await sender.send('421["fixed",{"a":  1.0e0 },"\\u0041",null]');
            assert.deepEqual(await state.got([sender, member, other]),
                             [['431[{"ok":true}]'],
                              ['42["fixed",{"a":  1.0e0 },"\\u0041",null]'],
                              []]);

            await sender.send('42["fixed"]');
            assert.deepEqual(await state.got([sender, member, other]),
                             [[], ['42["fixed"]'], []]);

            [sender, member, other].forEach((session) => session.close());
        });

        test(`self comes before the ack, ${transport}`, async () => {
            const sender = await state.open({ rooms: ['r1'], transport });

            await sender.send('421["self"]', '422["self"]');
            assert.deepEqual(await state.got([sender]),
                             [['42["self"]', '431[{"ok":true}]',
                               '42["self"]', '432[{"ok":true}]']]);
            sender.close();
        });

        test(`a refusal, ${transport}`, async () => {
            const sender = await state.open({ transport });
            const member = await state.open({ rooms: ['r1'], transport });
            const before = (await state.nginx.status()).counters;

            assert.deepEqual(await sender.ack(1, ['fixed', 1]), FORBIDDEN);
            await sender.send('42["fixed",1]');
            assert.deepEqual(await state.got([sender, member]), [[], []]);

            const { counters } = await state.nginx.status();

            assert.equal(counters.relays_refused - before.relays_refused, 2);
            assert.equal(counters.relays, before.relays);
            sender.close();
            member.close();
        });
    }

    test('a union is given once', async () => {
        const sender = await state.open({ rooms: ['r1', 'r2'] });
        const both = await state.open({ rooms: ['r1', 'r2'] });
        const one = await state.open({ rooms: ['r2'] });

        assert.deepEqual(await sender.ack(1, ['two']), OK);
        assert.deepEqual(await state.got([sender, both, one]),
                         [[], ['42["two"]'], ['42["two"]']]);
        [sender, both, one].forEach((session) => session.close());
    });

    test('membership of each room', async () => {
        const sender = await state.open({ rooms: ['r1'] });
        const member = await state.open({ rooms: ['r1', 'r2'] });

        assert.deepEqual(await sender.ack(1, ['two']), FORBIDDEN);
        assert.deepEqual(await sender.ack(2, ['join', 'r2']),
                         [{ ok: true, rooms: ['r2'] }]);
        assert.deepEqual(await sender.ack(3, ['two']), OK);
        assert.deepEqual(await sender.ack(4, ['leave', 'r1']),
                         [{ ok: true, rooms: ['r1'] }]);
        assert.deepEqual(await sender.ack(5, ['two']), FORBIDDEN);
        assert.deepEqual(await state.got([member]), [['42["two"]']]);
        sender.close();
        member.close();
    });

    test('any and the namespace need none', async () => {
        const sender = await state.open();
        const member = await state.open({ rooms: ['r1'] });

        assert.deepEqual(await sender.ack(1, ['any']), OK);
        assert.deepEqual(await sender.ack(2, ['selfany']), OK);
        assert.deepEqual(await sender.ack(3, ['all']), OK);
        assert.deepEqual(await sender.ack(4, ['volatile']), OK);
        assert.deepEqual(await state.got([sender, member]),
                         [[], ['42["any"]', '42["selfany"]', '42["all"]',
                               '42["volatile"]']]);
        sender.close();
        member.close();
    });

    test('nobody there', async () => {
        const sender = await state.open();

        assert.deepEqual(await sender.ack(1, ['whole', 'nobody']), OK);
        assert.deepEqual(await sender.ack(2, ['mine', 'nobody']), FORBIDDEN);
        sender.close();
    });

    test('a volatile one is for polls that wait only', async () => {
        const sender = await state.open();
        const poll = await state.open({ rooms: ['r1'], transport: 'polling' });

        assert.deepEqual(await sender.ack(1, ['volatile']), OK);
        assert.deepEqual(await sender.ack(2, ['any']), OK);
        assert.deepEqual(await poll.poll(), ['42["any"]']);
        sender.close();
    });

    test('one namespace', async () => {
        const sender = await state.open({ rooms: ['r1'], namespace: '/n' });
        const same = await state.open({ rooms: ['r1', 'n:/n'],
                                        namespace: '/n' });
        const other = await state.open({ rooms: ['r1', 'n:/n'] });

        assert.deepEqual(await sender.ack(1, ['fixed', 1], '/n'), OK);
        assert.deepEqual(await sender.ack(2, ['all'], '/n'), OK);
        assert.deepEqual(await sender.ack(3, ['nsp'], '/n'), OK);
        assert.deepEqual(await state.got([same], '/n'),
                         [['42/n,["fixed",1]', '42/n,["all"]',
                           '42/n,["nsp"]']]);
        assert.deepEqual(await state.got([other]), [[]]);
        [sender, same, other].forEach((session) => session.close());
    });

    test('ids of sockets', async () => {
        const sender = await state.open();
        const member = await state.open();

        assert.deepEqual(await sender.ack(1, ['mine', member.id]), FORBIDDEN);
        assert.deepEqual(await sender.ack(2, ['mine', sender.id]), OK);
        await sender.send('423["id"]');
        assert.equal(await sender.recv(), '42["id"]');
        assert.equal(await sender.recv(), '433[{"ok":true}]');
        assert.deepEqual(await sender.ack(4, ['whole', member.id]), OK);
        assert.deepEqual(await state.got([member]),
                         [[`42["whole","${member.id}"]`]]);
        sender.close();
        member.close();
    });

    const values = [
        ['a string', ['whole', 'r1'], ['r1']],
        ['an integer', ['arg', 5], ['r:5']],
        ['escapes', ['whole', '\u0041"\\'], ['A"\\']],
        ['nesting', ['deep', 0, { a: { b: 'r1' } }], ['r1']],
        ['a star', ['whole', '*'], ['*']],
        ['a placeholder', ['whole', '${socket.id}'], ['${socket.id}']],
        ['two', ['pair', 'a', 'b'], ['a:x:b']],
        ['none', ['whole'], null],
        ['null', ['whole', null], null],
        ['empty', ['whole', ''], null],
        ['empty behind text', ['arg', ''], null],
        ['a boolean', ['whole', true], null],
        ['a fraction', ['whole', 1.5], null],
        ['an array', ['whole', ['r1']], null],
        ['an object', ['whole', { a: 'r1' }], null],
        ['control characters', ['whole', 'r1\n'], null],
        ['too long', ['whole', 'x'.repeat(21)], null],
        ['as long as may be', ['whole', 'x'.repeat(20)], ['x'.repeat(20)]],
        ['nesting that ends', ['deep', 0, { a: 'r1' }], null],
        ['nesting in an array', ['deep', 0, [{ b: 'r1' }]], null],
        ['the separator', ['pair', 'a:x:b', 'c'], null],
        ['no token', ['sub'], null],
    ];

    for (const [name, args, rooms] of values) {
        test(`from the event: ${name}`, async () => {
            const others = ['r1', 'r:', 'u:', '*', 'null'];
            const sender = await state.open();
            const stranger = await state.open({
                rooms: others.filter((room) => !rooms?.includes(room)) });
            const member = await state.open({ rooms: rooms ?? [] });

            assert.deepEqual(await sender.ack(1, args),
                             rooms === null ? FORBIDDEN : OK);
            assert.deepEqual(await state.got([member, stranger]),
                             [rooms === null
                              ? [] : [`42${JSON.stringify(args)}`], []]);
            [sender, stranger, member].forEach((session) => session.close());
        });
    }

    const claims = [
        ['a claim', { sub: '5' }, 'sub', ['u:5']],
        ['an integer', { sub: 5 }, 'sub', ['u:5']],
        ['a star', { sub: '*' }, 'sub', ['u:*']],
        ['none', { }, 'sub', null],
        ['null', { sub: null }, 'sub', null],
        ['an array', { groups: ['a', 2] }, 'groups', ['g:a', 'g:2']],
        ['an empty array', { groups: [] }, 'groups', null],
        ['an array with others', { groups: ['a', null] }, 'groups', null],
    ];

    for (const [name, content, event, rooms] of claims) {
        test(`from the token: ${name}`, async () => {
            const sender = await state.open({ claims: content });
            const members = await Promise.all((rooms ?? []).map((room) =>
                state.open({ rooms: [room] })));
            const stranger = await state.open({ rooms: ['u:6', 'g:b', 'u:'] });

            assert.deepEqual(await sender.ack(1, [event]),
                             rooms === null ? FORBIDDEN : OK);

            const got = await state.got([stranger, ...members]);

            assert.deepEqual(got, [[], ...members.map(() => [`42["${event}"]`])]);
            [sender, stranger, ...members].forEach((s) => s.close());
        });
    }

    test('membership of each element', async () => {
        const sender = await state.open({ claims: { groups: ['a', 'b'] },
                                          rooms: ['g:a'] });

        assert.deepEqual(await sender.ack(1, ['mygroups']), FORBIDDEN);
        assert.deepEqual(await sender.ack(2, ['join', 'g:b']),
                         [{ ok: true, rooms: ['g:b'] }]);
        assert.deepEqual(await sender.ack(3, ['mygroups']), OK);
        sender.close();
    });
});


run('merge', `
    socketio_jwt_key HS256 secret=${SECRET};
    socketio_auth required;
    socketio_on e     relay room=r any merge=user:\${jwt.sub};
    socketio_on all   relay room=r any merge=s:\${socket.id},k:text,n:\${namespace};
    socketio_on now   relay room=r any merge=at:\${now},t:at_\${now};
    socketio_on types relay room=r any merge=v:\${jwt.v};
    socketio_on mixed relay room=r any merge=v:x-\${jwt.v}-y;
    socketio_on arg   relay room=r any merge=v:\${arg.0},w:\${arg.0.a};
    socketio_on deep  relay room=r any merge=v:\${arg.0};
    socketio_on "quote" relay room=r any "merge=\u00e9\\":\${jwt.sub}";`,
    (state) => {
    const rows = [
        ['{}', '{"user":"550"}'],
        ['{"a":1}', '{"a":1,"user":"550"}'],
        ['{"user":"admin"}', '{"user":"550"}'],
        ['{"user":1,"a":2,"user":{"user":3}}', '{"a":2,"user":"550"}'],
        ['{"\\u0075ser":1,"us\\u0065r":2,"\\u0075\\u0073\\u0065\\u0072":3}',
         '{"user":"550"}'],
        ['{"User":1,"user ":2}', '{"User":1,"user ":2,"user":"550"}'],
        ['{"n":{"user":1}}', '{"n":{"user":1},"user":"550"}'],
        ['{},{"user":1},7', '{"user":"550"},{"user":"550"},7'],
        ['1,"user",{"user":2}', '1,"user",{"user":"550"}'],
        ['[{"user":1}]', '[{"user":1}],{"user":"550"}'],
        ['', '{"user":"550"}'],
        ['null', 'null,{"user":"550"}'],
        ['{"_placeholder":true,"num":0,"user":1}',
         '{"_placeholder":true,"num":0,"user":"550"}'],
        ['{"__proto__":{"user":1}}', '{"__proto__":{"user":1},"user":"550"}'],
    ];

    for (const [args, want] of rows) {
        test(`[${args}]`, async () => {
            const sender = await state.open({ claims: { sub: '550' } });
            const member = await state.open({ rooms: ['r'], claims: {} });

            await sender.send(`421["e"${args && ','}${args}]`);
            assert.equal(await sender.recv(), '431[{"ok":true}]');
            assert.deepEqual(await state.got([member]), [[`42["e",${want}]`]]);
            sender.close();
            member.close();
        });
    }

    const values = [
        ['all', [{ k: 'x' }], {}, (sender) =>
            [{ s: sender.id, k: 'text', n: '/' }]],
        ['types', [], { v: 5 }, () => [{ v: 5 }]],
        ['types', [], { v: [1, { a: null }] }, () => [{ v: [1, { a: null }] }]],
        ['types', [], { v: null }, () => [{ v: null }]],
        ['types', [], {}, null],
        ['mixed', [], { v: 5 }, () => [{ v: 'x-5-y' }]],
        ['mixed', [], { v: 'q"\\\u00e9' }, () => [{ v: 'x-q"\\\u00e9-y' }]],
        ['mixed', [], { v: ['a'] }, null],
        ['mixed', [], { v: true }, null],
        ['mixed', [], { v: '' }, null],
        ['arg', [{ a: [1], v: 2 }], {}, () =>
            [{ a: [1], v: { a: [1], v: 2 }, w: [1] }]],
        ['arg', [{ b: 1 }], {}, null],
        ['quote', [{ '\u00e9"': 1, b: 2 }], { sub: 'x' }, () =>
            [{ b: 2, '\u00e9"': 'x' }]],
    ];

    for (const [event, args, claims, want] of values) {
        test(`values: ${event} ${JSON.stringify([args, claims])}`, async () => {
            const sender = await state.open({ claims });
            const member = await state.open({ rooms: ['r'], claims: {} });

            assert.deepEqual(await sender.ack(1, [event, ...args]),
                             want === null ? FORBIDDEN : OK);

            const [got] = await state.got([member]);

            assert.deepEqual(got.map((p) => JSON.parse(p.slice(2))),
                             want === null
                             ? [] : [[event, ...want(sender)]]);
            sender.close();
            member.close();
        });
    }

    test('the time', async () => {
        const sender = await state.open({ claims: {} });
        const member = await state.open({ rooms: ['r'], claims: {} });
        const before = Date.now();

        assert.deepEqual(await sender.ack(1, ['now', {}]), OK);

        const [[got]] = await state.got([member]);
        const [, { at, t }] = JSON.parse(got.slice(2));

        assert.ok(at >= before - 1000 && at <= Date.now() + 1000, got);
        assert.equal(t, `at_${at}`);
        sender.close();
        member.close();
    });

    test('nothing deeper than JSON may be', async () => {
        const sender = await state.open({ claims: {} });
        const nested = (n) => '['.repeat(n) + ']'.repeat(n);

        await sender.send(`421["deep",${nested(126)}]`);
        assert.equal(await sender.recv(), '431[{"ok":true}]');
        await sender.send(`422["deep",${nested(127)}]`);
        assert.equal(await sender.recv(), '432[{"ok":false,'
                                          + '"error":"Forbidden"}]');
        sender.close();
    });

    test('placeholders of binary events', async () => {
        const sender = await state.open({ claims: { sub: '550' } });
        const member = await state.open({ rooms: ['r'], claims: {} });

        await sender.send('451-["e",{"_placeholder":true,"num":0,"user":1}]',
                          Buffer.from('a'));
        await sender.send('451-["e",{"x":{"_placeholder":true,"num":0},'
                          + '"user":1}]', Buffer.from('b'));
        await sender.send('451-["e",{"_placeholder":1,"num":0,"user":1}]',
                          Buffer.from('c'));
        assert.deepEqual(await state.got([member]), [[
            '451-["e",{"_placeholder":true,"num":0},{"user":"550"}]',
            Buffer.from('a'),
            '451-["e",{"x":{"_placeholder":true,"num":0},"user":"550"}]',
            Buffer.from('b'),
            '451-["e",{"_placeholder":1,"num":0,"user":"550"}]',
            Buffer.from('c'),
        ]]);
        sender.close();
        member.close();
    });

    test('as the stock client reads it', async () => {
        const auth = { token: token({ exp, sub: '550' }) };
        const sender = await connect(state.nginx, { auth });
        const member = await connect(state.nginx, { auth });

        await state.nginx.call('socketsJoin', { rooms: [member.id],
                                                join: 'r' });

        const got = once(member, 'e');

        assert.deepEqual(await emitAck(sender, 'e', { user: 'admin', b: [1] },
                                       Buffer.from('bin')), OK);

        const [object, binary] = await got;

        assert.deepEqual(object, { user: '550', b: [1] });
        assert.deepEqual(Buffer.from(binary), Buffer.from('bin'));
    });
});


run('limits', `
    socketio_room *;
    socketio_on once  relay room=r any limit=1r/m;
    socketio_on burst relay room=r any limit=1r/m burst=2;
    socketio_on drop  drop limit=1r/m;
    socketio_on fast  relay room=r any limit=10r/s;
    ${Array.from({ length: 9 }, (_, i) =>
        `socketio_on many${i} drop limit=1r/m;`).join('\n')}
    socketio_namespace / { }
    socketio_namespace /n { }`, (state) => {
    for (const transport of TRANSPORTS) {
        test(`of a socket and a rule, ${transport}`, async () => {
            const member = await state.open({ rooms: ['r'] });
            const sender = await state.open({ transport });
            const before = (await state.nginx.status()).counters;

            assert.deepEqual(await sender.ack(1, ['once', 1]), OK);
            assert.deepEqual(await sender.ack(2, ['once', 2]), LIMITED);
            await sender.send('42["once",3]');

            for (const want of [OK, OK, OK, LIMITED]) {
                assert.deepEqual(await sender.ack(4, ['burst']), want);
            }

            const { counters } = await state.nginx.status();

            assert.equal(counters.rules_limited - before.rules_limited, 3);

            assert.deepEqual(await state.got([member, sender]),
                             [['42["once",1]', ...Array(3).fill(
                                                   '42["burst"]')], []]);

            /* another namespace is another socket */
            await sender.connect('/n');
            assert.deepEqual(await sender.ack(5, ['once'], '/n'), OK);
            assert.deepEqual(await sender.ack(6, ['once'], '/n'), LIMITED);

            await sender.send('42["drop"]');
            assert.deepEqual(await sender.ack(7, ['drop']), LIMITED);

            for (let i = 0; i < 9; i++) {
                await sender.send(`42["many${i}"]`);
                assert.deepEqual(await sender.ack(8, [`many${i}`]), LIMITED);
            }

            sender.close();
            member.close();
        });
    }

    test('comes back with time', async () => {
        const sender = await state.open({ transport: 'polling' });

        assert.deepEqual(await sender.ack(1, ['fast']), OK);
        await until(async () => (await sender.ack(2, ['fast']))[0].ok,
                    'the next one');
        sender.close();
    });

    test('is logged', () => {
        assert.match(state.nginx.logs(),
                     /\[info\].*client is over "limit=" of socketio_on "once"/);
    });
});


run('binary', `
    socketio_room *;
    socketio_max_payload 100k;
    socketio_on e   relay room=r any;
    socketio_on bin relay room=r any self;`, (state) => {
    const SIZES = [0, 1, 55, 56, 57, 20000];
    const data = SIZES.map((n) => Buffer.alloc(n, 'x'));
    const head = `45${SIZES.length}-["e",${SIZES.map((_, i) =>
        `{"_placeholder":true,"num":${i}}`)}]`;

    for (const transport of TRANSPORTS) {
        test(`passes, ${transport}`, async () => {
            const sender = await state.open({ transport });
            const member = await state.open({ rooms: ['r'] });
            const poll = await state.open({ rooms: ['r'],
                                            transport: 'polling' });

            await sender.send(head.replace('-', '-9'), ...data);

            const want = [head, ...data];

            assert.deepEqual(await state.got([sender, member, poll]),
                             [['439[{"ok":true}]'], want, want]);
            [sender, member, poll].forEach((session) => session.close());
        });

        test(`text before its end is an error, ${transport}`, async () => {
            const sender = await state.open({ transport });

            if (transport === 'polling') {
                const res = await sender.post(`${head}\x1e42["e"]`);

                assert.equal(res.status, 400);
                await sender.assertGone();
                return;
            }

            await sender.send(head, '42["e"]');
            await sender.assertEnds();
        });

        test(`the sum has a bound, ${transport}`, async () => {
            const sender = await state.open({ transport });
            const half = Buffer.alloc(60000, 'x');
            const two = '452-["e",{"_placeholder":true,"num":0},'
                        + '{"_placeholder":true,"num":1}]';

            if (transport === 'polling') {
                await sender.send(two, half);
                assert.equal((await sender.post(`b${half.toString('base64')}`))
                             .status, 400);
                await sender.assertGone();
                return;
            }

            await sender.send(two, half, half);
            await sender.assertEnds();
        });
    }

    test('what nobody takes is swallowed', async () => {
        const sender = await state.open();

        await sender.send('452-["unknown"]', Buffer.from('a'),
                          Buffer.from('b'), '421["e"]');
        assert.equal(await sender.recv(), '431[{"ok":true}]');
        await sender.send(Buffer.from('c'));
        await sender.assertEnds();
    });

    test('a session that ends within', async () => {
        const memory = async () => (await state.nginx.status()).memory;

        closeAll();
        await until(async () => (await memory()).sessions.used === 0,
                    'the others are gone');

        for (const transport of TRANSPORTS) {
            const sender = await state.open({ transport });

            await sender.send(head, data[5]);
            await sender.close();
        }

        const sender = await state.open({ transport: 'polling' });

        await sender.send(head);
        await sender.send(data[5]);
        assert.ok((await memory()).blocks.used > 300);
        await sender.close();

        await until(async () => (await memory()).sessions.used === 0,
                    'sessions are gone');
        await until(async () => (await memory()).blocks.used === 0,
                    'memory is back');
    });

    test('as the stock client sends it', async () => {
        for (const mode of TRANSPORTS) {
            const sender = await connect(state.nginx, { mode });
            const member = await connect(state.nginx, { mode });

            await state.nginx.call('socketsJoin', { rooms: [member.id],
                                                    join: 'r' });

            const got = once(member, 'e');
            const blob = Buffer.alloc(30000, 'y');

            assert.deepEqual(await emitAck(sender, 'e', { a: [blob] }, blob),
                             OK);

            const [{ a }, second] = await got;

            assert.deepEqual(Buffer.from(a[0]), blob);
            assert.deepEqual(Buffer.from(second), blob);
        }
    });
});


run('too large', `
    socketio_on e relay room=r any merge=v:\${arg.0.v};
    socketio_on p relay room=r any;`, (state) => {
    for (const transport of TRANSPORTS) {
        test(`for the log, ${transport}`, async () => {
            const member = await state.open({ transport });
            const sender = await state.open({ transport });

            await state.nginx.call('socketsJoin', { rooms: [member.id],
                                                    join: 'r' });
            assert.deepEqual(await sender.ack(1, ['p', 'x'.repeat(40000)]),
                             TOO_LARGE);
            assert.deepEqual(await sender.ack(2, ['p', 'y']), OK);
            assert.deepEqual(await state.got([member]), [['42["p","y"]']]);
            sender.close();
            member.close();
        });
    }

    test('by what is merged', async () => {
        const member = await state.open();
        const sender = await state.open();
        const many = [{ v: 'x'.repeat(1000) }, ...Array(1000).fill({})];

        await state.nginx.call('socketsJoin', { rooms: [member.id],
                                                join: 'r' });
        assert.deepEqual(await sender.ack(1, ['e', ...many]), TOO_LARGE);
        assert.deepEqual(await sender.ack(2, ['e', many[0]]), OK);
        sender.close();
        member.close();
    });
}, { zone: 'zone=app:2m log=256k' });


run('several workers', `
    socketio_room *;
    socketio_on e relay room=r self limit=1000r/s burst=1000;
    socketio_on twice drop limit=1r/m;`, (state) => {
    const n = 6;
    const head = `45${n}-["e",${Array.from({ length: n }, (_, i) =>
        `{"_placeholder":true,"num":${i}}`)}]`;
    const part = (k) => Buffer.alloc(3000 + k * 1000, `${k}`);
    const parts = Array.from({ length: n }, (_, k) => part(k));

    test('a binary event in POSTs of its own', async () => {
        const member = await state.open({ rooms: ['r'] });
        const sender = await state.open({ rooms: ['r'],
                                          transport: 'polling' });

        for (let i = 0; i < 5; i++) {
            await sender.send(head);

            for (let k = 0; k < n; k += 1 + i % 2) {
                await sender.send(...parts.slice(k, k + 1 + i % 2));
            }

            await sender.send(`42${i}["e",${i}]`);

            for (const want of [head, ...parts, `42["e",${i}]`,
                                `43${i}[{"ok":true}]`])
            {
                assert.deepEqual(await sender.recv(), want);
            }
        }

        const [got] = await state.got([member]);

        assert.deepEqual(got, Array.from({ length: 5 }, (_, i) =>
            [head, ...parts, `42["e",${i}]`]).flat());
        member.close();
        sender.close();
    });

    test('an upgrade in between', async () => {
        const member = await state.open({ rooms: ['r'] });
        const sender = await state.open({ rooms: ['r'],
                                          transport: 'polling' });

        await sender.send(head);
        await sender.send(parts[0], parts[1]);

        const ws = await upgrade(sender);

        await ws.send(...parts.slice(2));
        await ws.send('427["e"]');
        assert.equal(await ws.recv(), head);

        for (const want of [...parts, '42["e"]', '437[{"ok":true}]']) {
            assert.deepEqual(await ws.recv(), want);
        }

        const [got] = await state.got([member]);

        assert.deepEqual(got, [head, ...parts, '42["e"]']);
        member.close();
        ws.close();
    });

    test('a limit holds on all of them', async () => {
        const sender = await state.open({ transport: 'polling' });

        await sender.send('42["twice"]');

        for (let i = 0; i < 12; i++) {
            assert.deepEqual(await sender.ack(i, ['twice']), LIMITED);
        }

        sender.close();
    });

    test('one order for all, and each once', async () => {
        const N = 100;
        const clients = await Promise.all(TRANSPORTS.flatMap((mode) =>
            [connect(state.nginx, { mode }), connect(state.nginx, { mode })]));

        await Promise.all(clients.map((c) => emitAck(c, 'join', 'r')));

        const total = N * clients.length;
        const got = clients.map((c) => collect(c, 'e', total, 20000));

        await Promise.all(clients.map(async (c, k) => {
            const acks = [];

            for (let i = 0; i < N; i++) {
                acks.push(emitAck(c, 'e', k, i));
            }

            for (const ack of await Promise.all(acks)) {
                assert.deepEqual(ack, OK);
            }
        }));

        const [first, ...others] = await Promise.all(got);

        others.forEach((other) => assert.deepEqual(other, first));

        clients.forEach((_, k) =>
            assert.deepEqual(first.filter(([c]) => c === k)
                                 .map(([, i]) => i),
                             Array.from({ length: N }, (__, i) => i)));
    });
}, { workers: 4 });


run('memory that is short', `
    socketio_max_payload 1m;
    socketio_on e relay room=r any;`, (state) => {
    test('ends the session that wants it, and tells why', async () => {
        const sender = await state.open({ transport: 'polling' });
        const other = await state.open();

        await sender.send('452-["e"]');

        const res = await sender.post(
            `b${Buffer.alloc(700000).toString('base64')}`);

        assert.equal(res.status, 400);
        await sender.assertGone();
        assert.match(state.nginx.logs(), /\[error\].*socketio zone "app" has no/);
        assert.deepEqual(await other.ack(1, ['e']), OK);
        other.close();
    });
}, { zone: 'zone=app:512k log=1m' });
