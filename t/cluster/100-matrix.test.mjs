/*
 * All that can be published and asked in a cluster, from every side, to members
 * at every node: two nginx and one server for Node.js.  One set of clients sees
 * everything; what each of them should have got is computed from a model.
 */

import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { after, before, describe, test } from 'node:test';

import { Emitter } from '@socket.io/redis-emitter';

import { closeAll, connect, emitAck, once, waitAll } from '../lib/client.mjs';
import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';
import { request } from '../lib/raw.mjs';
import { NO_REDIS, heard, startNode, startRedis } from '../lib/redis.mjs';
import { steady } from '../lib/steady.mjs';

const LOCATION = `
    socketio_room *;
    socketio_on "all-*"  relay room=* self;
    socketio_on "one-*"  relay room=\${arg.0} self;
    socketio_on "two-*"  relay room=\${arg.0},\${arg.1} self;
    socketio_on "rest-*" relay room=\${arg.0};
    socketio_on "vone-*" relay room=\${arg.0} self volatile;
    socketio_namespace / { }
    socketio_namespace /n { }`;

const N = 8;

const it = { cases: 0 };


/* One connection to an nginx is one worker, which keeps the order. */
class Api {
    constructor(nginx) {
        this.nginx = nginx;
        this.agent = new Agent({ keepAlive: true, maxSockets: 1 });
    }

    async call(operation, body) {
        const reply = await request(`${this.nginx.url}/socketio/${operation}`, {
            method: 'POST', agent: this.agent, body: JSON.stringify(body),
            headers: { 'content-type': 'application/json' },
        });
        const answer = JSON.parse(reply.body);

        assert.equal(answer.ok, true, String(reply.body));

        return answer;
    }

    emit({ namespace, rooms, except, isVolatile, event, args }) {
        const attachments = [];

        return this.call('emit', {
            namespace, rooms, except, event, flags: { volatile: isVolatile },
            args: args.map((v) => Buffer.isBuffer(v)
                ? { _placeholder: true,
                    num: attachments.push(v.toString('base64')) - 1 } : v),
            ...attachments.length ? { attachments } : {},
        });
    }
}


/* A selection of Node's server or of an emitter. */
function select(io, { namespace = '/', rooms = [], except = [], isVolatile }) {
    let to = io.of(namespace);

    to = isVolatile ? to.volatile : to;
    to = rooms.length ? to.to(rooms) : to;

    return except.length ? to.except(except) : to;
}


/* A client of each transport at a server; .rooms is what it has joined. */
async function member(server, mode, namespace, rooms) {
    const c = await connect(server, { mode, namespace });

    await waitAll(rooms.map((room) => emitAck(c, 'join', room)));
    Object.assign(c, { rooms, server, mode, space: namespace, got: [] });
    c.onAny((event, ...args) => {
        if (typeof args.at(-1) !== 'function') {
            c.got.push([event, ...args]);
        }
    });

    return c;
}


function members(namespace) {
    const [a, b] = it.nginx;
    const plain = ['all', 'r'];
    const shy = ['all', 'shy'];

    return waitAll([
        member(a, 'websocket', namespace, plain),
        member(a, 'polling', namespace, plain),
        member(b, 'websocket', namespace, plain),
        member(b, 'polling', namespace, plain),
        member(it.node, 'websocket', namespace, plain),
        member(a, 'polling', namespace, shy),
        member(b, 'websocket', namespace, shy),
        member(it.node, 'websocket', namespace, shy),
    ]);
}


/* Whom a selection means. */
function chosen(all, { namespace = '/', rooms = [], except = [] }) {
    const among = (c, names) => names.some((r) => c.rooms.includes(r)
                                                  || r === c.id);

    return all.filter((c) => c.space === namespace
                             && (rooms.length === 0 || among(c, rooms))
                             && !among(c, except));
}


async function begin() {
    it.redis = await startRedis();
    it.node = await startNode(it.redis);
    it.node.io.of('/n').on('connection', (socket) => {
        socket.on('join', (room, ack) => {
            socket.join(room);
            ack({ ok: true });
        });
    });
    it.nginx = await Promise.all([1, 2].map(() => startNginx({
        workers: 2, location: LOCATION,
        http: `socketio_redis app ${it.redis.url};`,
    })));
    await Promise.all(it.nginx.map((nginx) => heard(nginx)));
    it.api = it.nginx.map((nginx) => new Api(nginx));
    it.emitter = new Emitter(await it.redis.client());
    it.all = [...await members('/'), ...await members('/n')];
    await until(() => ['/', '/n'].every((nsp) => it.redis.cli(
        'pubsub', 'numsub', `socket.io-request#${nsp}#`).endsWith('\n3')),
                'three nodes');
}


async function end() {
    closeAll();
    it.api?.forEach((api) => api.agent.destroy());
    await it.node?.stop();
    await Promise.all((it.nginx ?? []).map((nginx) => nginx.stop()));
    await it.redis?.stop();
}


const sources = {
    'API at A': (m) => it.api[0].emit(m),
    'API at B': (m) => it.api[1].emit(m),
    'Node': (m) => select(it.node.io, m).emit(m.event, ...m.args),
    'emitter': (m) => select(it.emitter, m).emit(m.event, ...m.args),
};

/* A client's relay says where to by the beginning of its event's name. */
const relays = {
    'relay at A, websocket': 0,
    'relay at A, polling': 1,
    'relay at B, websocket': 2,
    'relay at B, polling': 3,
};

function relay(index, m) {
    const from = it.all.filter((c) => c.space === m.namespace)[index];
    const kind = m.isVolatile ? 'vone' : ['all', 'one', 'two'][m.rooms.length];

    from.emit(`${m.others ? 'rest' : kind}-${m.event}`, ...m.rooms, ...m.args);

    return from;
}

const targets = {
    'one room': { rooms: ['r'] },
    'two rooms': { rooms: ['r', 'all'] },
    'the namespace': { rooms: [] },
    'all but a room': { rooms: [], except: ['shy'], api: true },
    'a room but another': { rooms: ['all'], except: ['shy', 'no'], api: true },
    'others in a room': { rooms: ['all'], others: true, client: true },
};

const payloads = {
    text: (i) => [i, { a: ['\u00e4', 0.5, null, i] }],
    binary: (i) => [i, Buffer.from([0, 255, i])],
    volatile: (i) => [i, 'x'],
};


/* What a client has got of a case: [number, value] each. */
function taken(c, event) {
    return c.got.filter(([e]) => e.endsWith(event)).map((e) => e.slice(-2)
        .map((v) => v instanceof ArrayBuffer || Buffer.isBuffer(v)
            ? Buffer.from(v) : v));
}


async function publish(send, target, payload, namespace) {
    const event = `e${it.cases++}`;
    const isVolatile = payload === 'volatile';
    const base = { namespace, rooms: target.rooms, except: target.except ?? [],
                   others: target.others, isVolatile };
    const want = Array.from({ length: N }, (_, i) => payloads[payload](i));
    const all = it.all.filter((c) => c.space === namespace);
    const most = chosen(all, base);
    let from;

    it.all.forEach((c) => { c.got = []; });

    for (const [i, args] of want.entries()) {
        from = await send({ ...base, event, args });

        /*
         * The next POST may come to another worker, which has a connection to
         * Redis of its own: other nodes may then get the two in either order.
         */
        if (from?.mode === 'polling' && !isVolatile) {
            await until(() => most.every((c) => taken(c, event).length > i
                                         || (target.others && c === from)),
                        `each has got ${i}`);
        }
    }

    /* a polling client gets a volatile one if a GET waits just then */
    if (isVolatile) {
        let n = N;

        await until(async () => {
            await send({ ...base, event, args: payloads.volatile(n++) });

            return most.every((c) => taken(c, event).length);
        }, 'each has got one');
    }

    await send({ namespace, rooms: ['all'], except: [], event: `${event}end`,
                 args: [N, 'end'] });
    await until(() => all.every((c) => taken(c, `${event}end`).length),
                `all get what comes last: ${JSON.stringify(all.map(
                    (c) => c.got.length))}`);

    for (const c of it.all) {
        const got = taken(c, event);
        const none = !most.includes(c) || (target.others && c === from);
        const name = `${c.space} ${c.mode} at ${c.server.url}`;

        if (none || !isVolatile) {
            assert.deepEqual(got, none ? [] : want, name);

        } else {
            /* who could not take one at once has missed it */
            got.forEach((v, i) => assert.ok(i === 0 || v[0] > got[i - 1][0]
                                            || from?.mode === 'polling',
                                            name));
            assert.ok(got.length > 0, name);
        }

        assert.equal(c.got.length - got.length, c.space === namespace ? 1 : 0,
                     name);
    }
}


describe('the matrix', { skip: NO_REDIS }, () => {
    before(begin);
    after(end);

    const cases = (name, send, can) => {
        for (const [where, target] of Object.entries(targets)) {
            for (const payload of Object.keys(payloads)) {
                if (can(target, payload)) {
                    test(`${name}: ${where}, ${payload}`, async () => {
                        await publish(send, target, payload, '/');

                        if (payload !== 'volatile') {
                            await publish(send, target, payload, '/n');
                        }
                    });
                }
            }
        }
    };

    for (const [name, send] of Object.entries(sources)) {
        cases(name, send, (target) => !target.client);
    }

    for (const [name, index] of Object.entries(relays)) {
        cases(name, (m) => relay(index, m), (target, payload) => !target.api
            && (payload !== 'volatile' || (target.rooms.length === 1
                                           && !target.others)));
    }

    const selections = {
        'one room': { rooms: ['r'] },
        'two rooms': { rooms: ['r', 'all'] },
        'the namespace': {},
        'all but a room': { except: ['shy'] },
        'a room but another, elsewhere': { rooms: ['all'], except: ['r'],
                                           namespace: '/n' },
        'nobody': { rooms: ['no'] },
    };
    const each = Object.entries(selections);
    const ids = (list) => list.map((one) => one.id).sort();

    test('fetchSockets from every side', async () => {
        const singles = it.all.filter((c) => c.space === '/').map((c) =>
            [`one at ${c.server.url}`, { rooms: [c.id] }]);

        for (const [name, selection] of [...each, ...singles]) {
            const want = ids(chosen(it.all, selection));

            await steady(async () => {
                const [a, b, node] = await waitAll([
                    it.api[0].call('fetchSockets', selection),
                    it.api[1].call('fetchSockets', selection),
                    select(it.node.io, selection).fetchSockets(),
                ]);

                assert.deepEqual(ids(a.sockets), want, name);
                assert.deepEqual(ids(b.sockets), want, name);
                assert.deepEqual(ids(node), want, name);
                assert.ok(!('missing' in a) && !('missing' in b), name);
            });
        }
    });

    const joined = (c) => it.node.io.of(c.space).in(c.id).fetchSockets()
        .then(([s]) => s && [...s.rooms].filter((r) => r !== c.id).sort());

    const sides = {
        'API at A': {
            join: (s, join) => it.api[0].call('socketsJoin', { ...s, join }),
            leave: (s, leave) => it.api[0].call('socketsLeave',
                                                { ...s, leave }),
            kick: (s, close) => it.api[0].call('disconnectSockets',
                                               { ...s, close }),
        },
        'API at B': {
            join: (s, join) => it.api[1].call('socketsJoin', { ...s, join }),
            leave: (s, leave) => it.api[1].call('socketsLeave',
                                                { ...s, leave }),
            kick: (s, close) => it.api[1].call('disconnectSockets',
                                               { ...s, close }),
        },
        'Node': {
            join: (s, join) => select(it.node.io, s).socketsJoin(join),
            leave: (s, leave) => select(it.node.io, s).socketsLeave(leave),
            kick: (s, close) => select(it.node.io, s).disconnectSockets(close),
        },
        'emitter': {
            join: (s, join) => select(it.emitter, s).socketsJoin(join),
            leave: (s, leave) => select(it.emitter, s).socketsLeave(leave),
            kick: (s, close) => select(it.emitter, s).disconnectSockets(close),
        },
    };

    for (const [name, side] of Object.entries(sides)) {
        const send = sources[name];

        test(`${name}: socketsJoin and socketsLeave`, async () => {
            for (const [where, selection] of each) {
                const room = `j${it.cases++}`;
                const { namespace = '/' } = selection;
                const most = chosen(it.all, selection);
                const event = `${room}e`;

                /*
                 * What the same side publishes next finds who has joined; but
                 * Node asks itself by way of Redis, too.
                 */
                const sure = (c) => name !== 'Node' || c.server !== it.node;

                it.all.forEach((c) => { c.got = []; });
                await side.join(selection, [room, `${room}+`]);
                await send({ namespace, rooms: [room], except: [], event,
                             args: [1, 2] });
                await until(() => most.every((c) => c.got.length || !sure(c)),
                            `${where}: those who joined get it`);

                const now = await waitAll(it.all.map(joined));

                it.all.forEach((c, i) => {
                    const within = most.includes(c);

                    assert.deepEqual(now[i], [...c.rooms, ...within
                        ? [room, `${room}+`] : []].sort(), where);
                    assert.ok(c.got.length === Number(within)
                              || (within && !sure(c)), where);
                });

                await side.leave(selection, `${room}+`);
                await side.leave({ rooms: [room], namespace }, room);
                await until(async () => (await waitAll(it.all.map(joined)))
                    .every((rooms, i) => rooms.join() === [...it.all[i].rooms]
                        .sort().join()), `${where}: leaves`);
            }
        });

        test(`${name}: disconnectSockets`, async () => {
            for (const close of [false, true]) {
                const room = `d${it.cases++}`;
                const some = await waitAll([...it.nginx, it.node].flatMap(
                    (server) => [[room], [room], [room, 'stay']].map(
                        (rooms, i) => member(server, i ? 'websocket'
                                                       : 'polling', '/n',
                                             rooms))));
                const going = some.filter((c) => c.rooms.length === 1);
                const gone = going.map((c) => once(c, 'disconnect'));

                await side.kick({ namespace: '/n', rooms: [room],
                                  except: ['stay'] }, close);

                for (const [reason] of await waitAll(gone)) {
                    assert.match(reason, close ? /^(io server disconnect|transport (close|error))$/
                                               : /^io server disconnect$/);
                }

                assert.ok(some.every((c) => c.connected
                                            !== going.includes(c)));
                assert.ok(it.all.every((c) => c.connected));
                some.forEach((c) => c.disconnect());
            }
        });
    }

    test('acks from every side', async () => {
        const answers = (list) => list.map((v) => [v.id, v.n, [...v.b]])
            .sort();

        it.all.forEach((c) => c.on('ask', (n, b, ack) => ack({
            id: c.id, n, b: Buffer.from([...new Uint8Array(b), 7]) })));

        for (const [name, selection] of each) {
            const want = chosen(it.all, selection)
                .map((c) => [c.id, 5, [1, 2, 7]]).sort();
            const body = {
                ...selection, event: 'ask', ack: { timeout: PATIENCE - 2000 },
                args: [5, { _placeholder: true, num: 0 }],
                attachments: ['AQI='],
            };

            await steady(async () => {
                const [a, b, node] = await waitAll([
                    it.api[0].call('emit', body), it.api[1].call('emit', body),
                    select(it.node.io, selection).timeout(PATIENCE)
                        .emitWithAck('ask', 5, Buffer.from([1, 2])),
                ]);

                for (const one of [a, b]) {
                    assert.deepEqual([one.expected, one.missing, one.timedOut,
                                      one.missingNodes],
                                     [want.length, 0, false, undefined], name);
                    assert.deepEqual(answers(one.responses.map((v, i) => ({
                        ...v, b: Buffer.from(one.attachments[i][0],
                                             'base64') }))), want, name);
                }

                assert.deepEqual(answers(node), want, name);
            });
        }

        it.all.forEach((c) => c.off('ask'));
    });

    test('serverSideEmit from every side reaches Node once', async () => {
        const got = [];

        for (const nsp of ['/', '/n']) {
            it.node.io.of(nsp).on('side', (...args) => got.push([nsp, ...args]));
        }

        const want = [];

        for (const [i, api] of it.api.entries()) {
            for (const namespace of ['/', '/n']) {
                await api.call('serverSideEmit', { namespace, event: 'side',
                                                   args: [i, { a: [1] }] });
                want.push([namespace, i, { a: [1] }]);
            }
        }

        it.emitter.serverSideEmit('side', 2, 'x');
        it.emitter.of('/n').serverSideEmit('side', 3);
        want.push(['/', 2, 'x'], ['/n', 3]);
        await until(() => got.length >= want.length, 'all of them');

        /* and nginx, which has nobody for it, answers */
        assert.deepEqual(await it.node.io.serverSideEmitWithAck('other', 1),
                         [null, null]);
        assert.deepEqual(got.map(String).sort(), want.map(String).sort());

        for (const nginx of it.nginx) {
            const { counters } = await nginx.status();

            assert.equal(counters.cluster_refused, 0);
            assert.equal(counters.cluster_lost, 0);
        }
    });
});
