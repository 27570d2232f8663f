/*
 * What clients may send, and how often they may be there: each of the limits,
 * over both transports and on several workers, what is told to who is over one,
 * and what a reload keeps.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { client, closeAll, connect, connected, emitAck, once }
    from '../lib/client.mjs';
import { startNginx, until } from '../lib/nginx.mjs';
import { Polling, TRANSPORTS, WebSocketRaw, openSession, request, upgrade }
    from '../lib/raw.mjs';
import { SECRET, inSeconds, token } from '../lib/tokens.mjs';

const KEY = `socketio_jwt_key HS256 secret=${SECRET};`;
const REFUSAL = { ok: false, error: 'Rate limit exceeded' };
const exp = inSeconds(3600);


function run(name, options, body) {
    describe(name, () => {
        const state = {};

        before(async () => {
            state.nginx = await startNginx({ level: 'info', ...options });
            state.open = (transport, more) =>
                openSession(transport, state.nginx.url, more);
            state.counters = async () =>
                (await state.nginx.status()).counters;
        });

        after(async () => {
            closeAll();
            await state.nginx.stop();
        });

        body(state);
    });
}


/* n events in as few messages as the transport can; ids count from 1. */
async function burst(session, n, event = 'join') {
    const packets = [];

    for (let i = 1; i <= n; i++) {
        packets.push(`42${i}["${event}","r${i}"]`);
    }

    await session.send(...packets);
}


/* The next n acks by their ids: true where the event was taken. */
async function acks(session, n) {
    const got = new Map();

    while (got.size < n) {
        const packet = String(await session.recv());

        if (packet === '2') {
            continue;
        }

        const [, id, json] = /^43(\d+)(\[.*\])$/.exec(packet) ?? [];

        assert.ok(id, `${packet} is an ack`);

        const [answer] = JSON.parse(json);

        if (!answer.ok) {
            assert.deepEqual(answer, REFUSAL);
        }

        assert.ok(!got.has(Number(id)), `one ack for ${id}`);
        got.set(Number(id), answer.ok);
    }

    return got;
}

const taken = (got) => [...got.values()].filter((ok) => ok).length;


run('socketio_limit_events', {
    workers: 2,
    location: `
        socketio_room *;
        socketio_limit_rooms 1000;
        socketio_limit_events rate=1r/m burst=4;

        socketio_namespace / { }
        socketio_namespace /free { socketio_limit_events off; }
        socketio_namespace /strict {
            socketio_limit_events rate=1r/m burst=2 disconnect;
        }`,
}, (state) => {
    for (const transport of TRANSPORTS) {
        test(`${transport}: the burst passes, acks refuse the rest`,
             async () => {
            const session = await state.open(transport);
            const before = await state.counters();

            await session.connect();
            await burst(session, 12);

            const got = await acks(session, 12);

            assert.deepEqual([1, 2, 3, 4, 5, 6, 12].map((id) => got.get(id)),
                             [true, true, true, true, true, false, false]);

            const after = await state.counters();

            assert.equal(after.events_limited - before.events_limited, 7);
            assert.equal(after.joins - before.joins, 5);
            await session.close();
        });

        test(`${transport}: other namespaces are not concerned`, async () => {
            const session = await state.open(transport);

            await session.connect();
            await session.connect('/free');
            await burst(session, 6);
            assert.equal(taken(await acks(session, 6)), 5);

            for (let i = 1; i < 20; i++) {
                const [{ ok }] = await session.ack(i, ['join', 'a'], '/free');

                assert.equal(ok, true);
            }

            await session.close();
        });

        test(`${transport}: each kind of event counts`, async () => {
            const session = await state.open(transport);

            await session.connect();
            await session.send('42["unmatched"]', '42["leave","x"]',
                               '430["an ack"]', '42[7]',
                               '427["join","last"]', '428["join","over"]');

            const got = await acks(session, 2);

            assert.deepEqual([...got], [[7, true], [8, false]]);
            await session.close();
        });

        test(`${transport}: without an ack nothing is told`, async () => {
            const session = await state.open(transport);
            const id = await session.connect();

            await burst(session, 5);
            await acks(session, 5);
            await session.send('42["join","silent"]', '439["ack"]');

            const { sockets: [{ rooms }] } =
                await state.nginx.call('fetchSockets', { rooms: [id] });

            assert.equal(rooms.includes('silent'), false);
            await state.nginx.publish({ rooms: [id], event: 'e', data: 1 });
            assert.equal(await session.recv(), '42["e",1]');
            await session.close();
        });

        test(`${transport}: disconnect ends the socket alone`, async () => {
            const session = await state.open(transport);

            await session.connect();
            await session.connect('/strict');
            await session.send('42/strict,1["join","a"]',
                               '42/strict,2["join","b"]',
                               '42/strict,3["join","c"]',
                               '42/strict,4["join","d"]',
                               '42/strict,5["join","e"]');

            for (const reply of ['43/strict,1[{"ok":true,"rooms":["a"]}]',
                                 '43/strict,2[{"ok":true,"rooms":["b"]}]',
                                 '43/strict,3[{"ok":true,"rooms":["c"]}]',
                                 `43/strict,4[${JSON.stringify(REFUSAL)}]`,
                                 '41/strict,'])
            {
                assert.equal(await session.recv(), reply);
            }

            const { sockets } = await state.nginx.call('fetchSockets',
                                                       { namespace: '/strict' });

            assert.deepEqual(sockets, []);
            assert.equal((await session.ack(9, ['join', 'a']))[0].ok, true);

            /* what it has used up is not given back by coming again */
            await session.send('40/strict,');
            assert.equal(await session.recv(),
                         '44/strict,{"message":"Rate limit exceeded"}');
            await session.close();
        });

        test(`${transport}: disconnect within a binary event`, async () => {
            const session = await state.open(transport);
            const data = Buffer.from('data');

            await session.connect();
            await session.connect('/strict');

            for (let i = 0; i < 4; i++) {
                await session.send('451-/strict,["e",{"_placeholder":true,'
                                   + '"num":0}]', data);
            }

            assert.equal(await session.recv(), '41/strict,');
            assert.equal((await session.ack(9, ['join', 'a']))[0].ok, true);
            await session.close();
        });
    }

    for (const transport of TRANSPORTS) {
        test(`${transport}: coming again does not begin anew`, async () => {
            const session = await state.open(transport);

            await session.connect();
            await burst(session, 3);
            assert.equal(taken(await acks(session, 3)), 3);
            await session.send('41');
            await session.connect();

            /* three events and the leave, so there is one more */
            await burst(session, 3);
            assert.equal(taken(await acks(session, 3)), 1);
            await session.send('41', '40');
            assert.equal(await session.recv(),
                         '44{"message":"Rate limit exceeded"}');
            await session.close();
        });

        test(`${transport}: coming and going is limited, and ends`,
             async () => {
            const session = await state.open(transport);
            const before = await state.counters();

            for (let i = 0; i < 5; i++) {
                await session.connect();
                await session.send('41');
            }

            for (let i = 0; i < 3; i++) {
                await session.send('40');
                assert.equal(await session.recv(),
                             '44{"message":"Rate limit exceeded"}');
            }

            const after = await state.counters();

            assert.equal(after.events_limited - before.events_limited, 3);
            assert.equal(after.sockets_opened - before.sockets_opened, 5);

            await session.connect('/free');
            await session.close();
        });

        test(`${transport}: CONNECTs that are refused count`, async () => {
            const session = await state.open(transport);

            for (let i = 0; i < 7; i++) {
                await session.send('40/none,');
                assert.equal(await session.recv(), '44/none,{"message":"'
                             + (i < 5 ? 'Invalid namespace'
                                      : 'Rate limit exceeded') + '"}');
            }

            await session.connect('/free');
            await session.close();
        });
    }

    test('leaving several namespaces is not leaving one often', async () => {
        const session = await state.open('websocket');

        await session.connect();
        await session.connect('/strict');
        await session.send('41', '41/strict,');
        await session.connect('/strict');
        await session.connect();
        await session.close();
    });

    test('a bucket goes along with an upgrade', async () => {
        const session = await state.open('polling');

        await session.connect();
        await burst(session, 4);
        assert.equal(taken(await acks(session, 4)), 4);

        const ws = await upgrade(session);

        await burst(ws, 4);
        assert.deepEqual([...await acks(ws, 4)],
                         [[1, true], [2, false], [3, false], [4, false]]);
        ws.close();
    });

    test('a bucket is that of all POSTs, on any worker', async () => {
        const session = await state.open('polling');
        const got = [];

        await session.connect();

        for (let i = 1; i <= 12; i++) {
            got.push((await session.ack(i, ['join', `r${i}`]))[0].ok);
        }

        assert.deepEqual(got.slice(0, 6), [true, true, true, true, true,
                                           false]);
        assert.equal(got.filter((ok) => ok).length, 5);
        await session.close();
    });

    test('a polling client cannot fill the log with refusals', async () => {
        const session = await state.open('polling');
        const before = await state.nginx.status();

        await session.connect();

        for (let i = 0; i < 4; i++) {
            await burst(session, 1000);
        }

        /* 5 joins, and a burst of 4, one and 100 more */
        assert.equal(taken(await acks(session, 110)), 5);

        const after = await state.nginx.status();

        assert.equal(after.counters.events_limited
                     - before.counters.events_limited, 3995);
        assert.ok(after.log.head - before.log.head < 110 * 160,
                  `${after.log.head - before.log.head} bytes of the log`);

        await state.nginx.publish({ event: 'next', data: 1 });
        assert.equal(await session.recv(), '42["next",1]');
        await session.close();
    });

    test('the error log says it, not for each event', async () => {
        const lines = state.nginx.logs().split('\n').filter((line) =>
            line.includes('is over socketio_limit_events'));
        const seconds = new Set(lines.map((line) =>
            `${line.slice(0, 19)} ${/\] (\d+)#/.exec(line)[1]}`));

        assert.ok(lines.length > 0);
        assert.equal(lines.length, seconds.size,
                     'at most one a second and worker');
        assert.match(lines[0], /\[info\].*socket \S{20} of namespace "\//);
    });

    test('the stock client is told', async () => {
        const socket = await connect(state.nginx);
        const got = [];

        for (let i = 0; i < 8; i++) {
            got.push((await emitAck(socket, 'join', `r${i}`))[0]);
        }

        assert.equal(got.filter(({ ok }) => ok).length, 5);
        assert.deepEqual(got.at(-1), REFUSAL);
    });
});


run('a rate that fills up again', {
    location: `socketio_room *; socketio_limit_events rate=20r/s burst=0;`,
}, (state) => {
    for (const transport of ['polling', 'websocket']) {
        test(`${transport}: one more after a while`, async () => {
            const session = await state.open(transport);
            let id = 1;

            await session.connect();
            await session.ack(id, ['join', 'a']);

            await until(async () =>
                (await session.ack(++id, ['join', 'a']))[0].ok,
                        'an event passes again');
            await session.close();
        });
    }
});


run('socketio_limit_sockets', {
    workers: 2,
    location: `
        ${KEY}
        socketio_auth optional;
        socketio_limit_sockets user=2;
        socketio_room "user:\${jwt.sub}" auto;

        socketio_namespace / { }
        socketio_namespace /one { socketio_limit_sockets user=1; }
        socketio_namespace /any { socketio_limit_sockets off; }`,
}, (state) => {
    const auth = (sub) => ({ token: token({ sub, exp }) });

    const refused = async (session, sub, namespace = '/') => {
        const nsp = namespace === '/' ? '' : `${namespace},`;

        await session.send(`40${nsp}${JSON.stringify(auth(sub))}`);
        assert.equal(await session.recv(),
                     `44${nsp}{"message":"Too many connections"}`);
    };

    for (const transport of TRANSPORTS) {
        test(`${transport}: one more is refused`, async () => {
            const sub = `u-${transport}`;
            const before = await state.counters();
            const open = await Promise.all(Array.from({ length: 4 }, () =>
                state.open(transport)));

            await open[0].connect('/', auth(sub));
            await open[1].connect('/', auth(sub));
            await refused(open[2], sub);
            await refused(open[3], sub);

            const after = await state.counters();

            assert.equal(after.sockets_limited - before.sockets_limited, 2);

            /* in another namespace they are others, and so are others here */
            await open[0].connect('/one', auth(sub));
            await refused(open[1], sub, '/one');
            await open[1].connect('/any', auth(sub));
            await open[2].connect('/any', auth(sub));
            await open[3].connect('/any', auth(sub));
            await open[2].connect('/', auth(`${sub}2`));

            /* a place is free at once */
            await open[0].send('41');
            await open[0].ack(1, ['join', 'after that'], '/one');
            await open[3].connect('/', auth(sub));
            await open[3].close();
            await until(() => open[0].connect('/', auth(sub))
                                     .then(() => true, () => false),
                        'the place of a session that ended is free');
            await Promise.all(open.map((session) => session.close()));
        });
    }

    test('one user whether text or number, none without a sub', async () => {
        const open = await Promise.all(Array.from({ length: 5 }, () =>
            state.open('websocket')));

        await open[0].connect('/', auth('77'));
        await open[1].connect('/', auth(77));
        await refused(open[2], '77');
        await refused(open[3], 77);

        for (const session of open.slice(2)) {
            await session.connect();
        }

        for (const session of open.slice(1, 4)) {
            await session.connect('/one', { token: token({ exp }) });
            session.close();
        }
    });

    test('exact when many come at once', async () => {
        const open = await Promise.all(Array.from({ length: 12 }, (_, i) =>
            state.open(i % 2 ? 'polling' : 'websocket')));

        await Promise.all(open.map((session) =>
            session.send(`40${JSON.stringify(auth('crowd'))}`)));

        const replies = await Promise.all(open.map((s) => s.recv()));

        assert.equal(replies.filter((r) => r.startsWith('40')).length, 2);
        assert.equal(replies.filter((r) => r.includes('Too many')).length, 10);
        await Promise.all(open.map((session) => session.close()));
    });

    test('two tabs of one user are two sockets in his room', async () => {
        const tabs = await Promise.all(['polling', 'upgrade'].map((mode) =>
            connect(state.nginx, { mode, auth: auth('550') })));
        const got = tabs.map((tab) => once(tab, 'news'));

        assert.notEqual(tabs[0].id, tabs[1].id);

        const { matched } = await state.nginx.publish({ rooms: 'user:550',
                                                        event: 'news',
                                                        data: 5 });

        assert.equal(matched, 2);
        assert.deepEqual(await Promise.all(got), [[5], [5]]);

        const third = client(state.nginx, { auth: auth('550') });
        const [err] = await once(third, 'connect_error');

        assert.equal(err.message, 'Too many connections');

        /* one closes: the other stays, and the third gets in */
        tabs[0].disconnect();
        await until(() => {
            third.connect();
            return connected(third).then(() => true, () => false);
        }, 'a tab in place of the one that was closed');

        assert.equal((await state.nginx.publish({ rooms: 'user:550',
                                                  event: 'x' })).matched, 2);
    });

    test('the error log says it', async () => {
        assert.match(state.nginx.logs(),
                     /\[info\].*CONNECT denied, "Too many connections".* "\/"/);
    });
});


/* A handshake over a transport; resolves to {status, headers, body}. */
async function handshake(nginx, transport, headers = {}, path) {
    if (transport === 'websocket') {
        return WebSocketRaw.request(nginx.url, { headers, path });
    }

    return request(`${nginx.url}${path ?? '/socket.io/'}?EIO=4`
                   + '&transport=polling', { headers });
}


function assertBusy(res, transport) {
    assert.equal(res.status, 503);
    assert.equal(res.headers['retry-after'], '1');

    if (transport === 'polling') {
        assert.equal(res.headers['content-type'], 'application/json');
        assert.deepEqual(JSON.parse(res.body),
                         { code: 4, message: 'Too many connections' });
    }
}


async function leave(nginx, sessions) {
    for (const session of sessions) {
        await session.close();
    }

    await until(async () => {
        const { memory } = await nginx.status();

        return memory.sessions.used === 0 && memory.tallies.used === 0;
    }, 'nothing is left');
}


run('socketio_limit_connections', {
    workers: 2,
    zone: 'zone=app:1m log=1m',
    server: `set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;
             location /other/ { socketio app; }`,
    location: `socketio_limit_connections 6;
               socketio_limit_connections 2 per=address;`,
}, (state) => {
    const from = (address) => ({ headers: { 'X-Real-IP': address } });
    const probe = (transport, address) =>
        handshake(state.nginx, transport, from(address).headers);

    for (const transport of ['polling', 'websocket']) {
        test(`${transport}: per address`, async () => {
            const before = await state.counters();
            const open = [await state.open('polling', from('192.0.2.1')),
                          await state.open('upgrade', from('192.0.2.1'))];

            assertBusy(await probe(transport, '192.0.2.1'), transport);
            open.push(await state.open(transport, from('192.0.2.2')));

            const after = await state.counters();

            assert.equal(after.sessions_limited - before.sessions_limited, 1);
            assert.equal(after.sessions_refused, before.sessions_refused);

            /* the others of that address go on, and its place is given again */
            await open[0].connect();
            await open[0].close();
            open[0] = await state.open(transport, from('192.0.2.1'));
            assertBusy(await probe(transport, '192.0.2.1'), transport);
            await leave(state.nginx, open);
        });

        test(`${transport}: in all`, async () => {
            const open = [];

            for (let i = 1; i <= 6; i++) {
                open.push(await state.open(i % 2 ? 'polling' : 'websocket',
                                           from(`192.0.2.${i}`)));
            }

            assertBusy(await probe(transport, '192.0.2.7'), transport);

            const other = await handshake(state.nginx, transport, {},
                                          '/other/');

            assert.ok(other.status === 200 || other.status === 101,
                      'another endpoint has a count of its own');

            if (transport === 'polling') {
                const { sid } = JSON.parse(other.body.slice(1));
                const session = new Polling(state.nginx.url,
                                            { path: '/other/' });

                session.sid = sid;
                open.push(session);

            } else {
                open.push(other);
            }

            await leave(state.nginx, open);
        });
    }

    test('of IPv6 the network counts, IPv4 within it is IPv4', async () => {
        const open = [
            await state.open('polling', from('2001:db8:0:1::1')),
            await state.open('polling', from('2001:db8:0:1:ffff::2')),
            await state.open('polling', from('2001:db8:0:2::1')),
            await state.open('polling', from('::ffff:192.0.2.1')),
            await state.open('polling', from('192.0.2.1')),
        ];

        assertBusy(await probe('polling', '2001:db8:0:1::3'), 'polling');
        assertBusy(await probe('polling', '::ffff:192.0.2.1'), 'polling');
        open.push(await state.open('polling', from('::ffff:192.0.2.2')));
        await leave(state.nginx, open);
    });

    test('a session that waits for its last poll counts no more', async () => {
        const open = [await state.open('polling', from('192.0.2.9')),
                      await state.open('polling', from('192.0.2.9'))];

        await Promise.all(open.map((session) => session.connect()));
        await state.nginx.call('disconnectSockets', { close: true });

        const fresh = [await state.open('polling', from('192.0.2.9')),
                       await state.open('websocket', from('192.0.2.9'))];

        assertBusy(await probe('polling', '192.0.2.9'), 'polling');

        for (const session of open) {
            await session.get();
            await session.get();
        }

        await leave(state.nginx, fresh);
    });

    test('exact when many come at once', async () => {
        const all = await Promise.all(Array.from({ length: 20 }, () =>
            probe('polling', '192.0.2.3')));
        const good = all.filter(({ status }) => status === 200);

        assert.equal(good.length, 2);
        await leave(state.nginx, good.map(({ body }) => {
            const session = new Polling(state.nginx.url);

            session.sid = JSON.parse(body.slice(1)).sid;

            return session;
        }));
    });

    test('the error log has it with the address', async () => {
        assert.match(state.nginx.logs(),
                     /handshake refused, over socketio_limit_conn.* 192\.0\.2/);
    });
});


describe('a reload', () => {
    test('a new limit counts who was there before', async () => {
        const nginx = await startNginx({ workers: 2 });

        try {
            const open = [await Polling.open(nginx.url),
                          await Polling.open(nginx.url)];

            await Promise.all(open.map((session) => session.connect()));
            await nginx.reload({
                location: 'socketio_limit_connections 3 per=address;',
            });

            /* old workers know no limit */
            await until(() => nginx.workers().length === 2, 'they leave');
            open.push(await Polling.open(nginx.url));
            assertBusy(await handshake(nginx, 'polling'), 'polling');
            await open[0].close();
            open[0] = await Polling.open(nginx.url);
            assertBusy(await handshake(nginx, 'websocket'), 'websocket');
            await Promise.all(open.map((session) => session.close()));

        } finally {
            await nginx.stop();
        }
    });
});


run('socketio_limit_connects', {
    workers: 2,
    http: 'socketio_limit_connects rate=1r/m burst=3;',
    server: `location /free/ { socketio app; socketio_limit_connects off; }
             location /bounded/ { socketio app;
                                  socketio_limit_connections 1; }`,
}, (state) => {
    test('the zone has one bucket', async () => {
        const first = await state.open('polling', { path: '/bounded/' });

        /* who is over another limit takes nothing of it */

        for (let i = 0; i < 5; i++) {
            assertBusy(await handshake(state.nginx, 'polling', {},
                                       '/bounded/'), 'polling');
        }

        const open = [first, await state.open('polling'),
                      await state.open('websocket'),
                      await state.open('polling')];

        for (const transport of ['polling', 'websocket']) {
            assertBusy(await handshake(state.nginx, transport), transport);
        }

        open.push(await state.open('websocket', { path: '/free/' }));

        const { sessions_limited: n } = await state.counters();

        assert.equal(n, 7);

        /* what is open goes on, an upgrade is no handshake */
        await open[1].connect();
        open[1] = await upgrade(open[1]);
        await state.nginx.publish({ event: 'e', data: 1 });
        assert.equal(await open[1].recv(), '42["e",1]');
        await leave(state.nginx, open);
    });
});


/* Without any limit of events: what is refused must not fill the log. */
run('refusals', {
    workers: 2,
    location: 'socketio_room ok:*; socketio_on no relay room=never;',
}, (state) => {
    const flood = (n) => Array.from({ length: n }, (_, i) => [
        `42${i}["join","no"]`, `42${i}["no"]`, `40/nowhere${i},`,
    ][i % 3]);

    /* Answers until the ack of a join that is allowed. */
    async function answers(session) {
        let n = 0;

        for ( ;; ) {
            const packet = String(await session.recv());

            if (packet.startsWith('4399999')) {
                return n;
            }

            n += packet !== '2';
        }
    }

    test('a polling client is told of 5,000 and 1,000 a second', async () => {
        const { refusals_untold: before } = await state.counters();
        const session = await state.open('polling');

        await session.connect();

        const start = Date.now();

        await session.send(...flood(15000), '4299999["join","ok:1"]');

        const told = Date.now() - start;
        const n = await answers(session);

        assert.ok(n >= 5000 && n <= 5001 + told, `${n} in ${told} ms`);
        assert.equal((await state.counters()).refusals_untold - before,
                     15000 - n);
        await session.close();
    });

    test('a WebSocket of all, since nobody else pays', async () => {
        const { refusals_untold: before } = await state.counters();
        const session = await state.open('websocket');

        await session.connect();
        await session.send(...flood(900), '4299999["join","ok:1"]');
        assert.equal(await answers(session), 900);
        assert.equal((await state.counters()).refusals_untold, before);
        await session.close();
    });
});
