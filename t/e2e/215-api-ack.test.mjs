/*
 * Emits that want acks: the answer waits for one value from each client, from
 * all workers, for those that leave and those that never answer.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { closeAll, connect } from '../lib/client.mjs';
import { REORDERS } from '../lib/faults.mjs';
import { PATIENCE, startNginx, testConfig, until } from '../lib/nginx.mjs';
import { TRANSPORTS, openSession, request } from '../lib/raw.mjs';

const LOCATION = `
    socketio_namespace / { socketio_room room:*; }
    socketio_namespace /chat { }`;

/* Longer than any test waits: an answer has not come by its time-out. */
const LONG = 10 * PATIENCE;


function run(name, options, body) {
    describe(name, () => {
        const state = {};

        before(async () => {
            state.nginx = await startNginx({ location: LOCATION, ...options });
        });

        after(async () => {
            closeAll();
            await state.nginx.stop();
        });

        state.open = async (transport = 'websocket', namespace = '/') => {
            const session = await openSession(transport, state.nginx.url);

            session.id = await session.connect(namespace);

            return session;
        };

        /* The answer to an emit with ack, on a connection of its own. */
        state.ask = async (emit, timeout = LONG) => {
            const { status, body } = await request(
                `${state.nginx.url}/socketio/emit`, {
                    method: 'POST', patience: PATIENCE * 3,
                    headers: { 'Content-Type': 'application/json' },
                    body: JSON.stringify({ event: 'q', ack: { timeout },
                                           ...emit }),
                });

            assert.equal(status, 200, body);

            return JSON.parse(body);
        };

        state.dropped = async () =>
            (await state.nginx.status()).counters.acks_dropped;

        /* Those of earlier tests may still be going. */
        state.alone = (n) => until(async () =>
            (await state.nginx.status()).sockets.connected === n,
                                   `no more than ${n} sockets`);

        state.pending = async () =>
            (await state.nginx.status()).memory.acks.used;

        body(state);
    });
}


/* The next question that a raw session gets: its ack id and arguments. */
async function question(session, nsp = '') {
    const packet = await session.recv();
    const [, id, args] = /^42(?:\/\w+,)?(\d+)(\[.*\])$/.exec(packet);

    assert.ok(packet.startsWith(`42${nsp}`), packet);
    assert.ok(Number.isSafeInteger(Number(id)), id);

    return { id, args: JSON.parse(args),
             answer: (text) => session.send(`43${nsp}${id}${text}`) };
}


run('answers of clients', { workers: 4 }, (state) => {
    test('one value each, from all workers', async () => {
        const { nginx, ask } = state;
        const modes = ['websocket', 'polling', 'upgrade'];
        const clients = await Promise.all(
            Array.from({ length: 12 }, (_, i) =>
                connect(nginx, { mode: modes[i % 3] })));

        clients.forEach((socket, i) => {
            socket.on('q', (value, ack) => ack({ i, value }, 'more'));
        });

        for (let round = 0; round < 5; round++) {
            const answer = await ask({ data: round });

            assert.deepEqual(
                answer.responses.sort((a, b) => a.i - b.i),
                clients.map((_, i) => ({ i, value: round })));
            assert.equal(answer.ok, true);
            assert.equal(answer.matched, 12);
            assert.equal(answer.expected, 12);
            assert.equal(answer.missing, 0);
            assert.equal(answer.timedOut, false);
            assert.equal(typeof answer.offset, 'string');
            assert.equal(answer.attachments, undefined);
        }

        closeAll();
    });

    for (const transport of TRANSPORTS) {
        test(`the packet over ${transport}`, async () => {
            const { ask, open } = state;
            const session = await open(transport, '/chat');
            const emit = { namespace: '/chat', rooms: session.id, args: [1, {}] };

            for (const [text, value] of [
                ['[]', null], ['[null]', null], ['[1,2,3]', 1],
                ['["a"]', 'a'], ['[[]]', []], ['[{"a":[1]},2]', { a: [1] }],
            ]) {
                const answer = ask(emit);
                const q = await question(session, '/chat,');

                assert.deepEqual(q.args, ['q', 1, {}]);
                await q.answer(text);

                const { responses, expected, missing } = await answer;

                assert.deepEqual(responses, [value]);
                assert.equal(expected, 1);
                assert.equal(missing, 0);
            }

            await session.close();
        });
    }

    test('values as they stand', async () => {
        const { nginx, open } = state;
        const session = await open();
        const text = '{ "a" : 1.0,\t"n":12345678901234567890123,"s":"\\u00e9"}';
        const answer = nginx.api('emit', { rooms: session.id, event: 'q',
                                           ack: { timeout: LONG } });

        await (await question(session)).answer(`[${text}]`);
        assert.ok((await answer).body.includes(`"responses":[${text}]`));
        session.close();
    });

    test('binary answers', async () => {
        const { ask, nginx, open } = state;
        const modes = ['websocket', 'polling', 'upgrade'];
        const clients = await Promise.all(modes.map((mode) =>
            connect(nginx, { mode })));
        const data = [Buffer.from([1, 2, 3]), Buffer.alloc(0),
                      Buffer.alloc(70000, 7)];
        const silent = await open();

        clients.forEach((socket, i) => {
            socket.on('q', (ack) => ack({ i, b: data[i] }, data[0]));
            socket.on('mixed', (ack) => ack(i === 1 ? data[0] : i));
        });

        const ids = clients.map((socket) => socket.id);
        const all = await ask({ rooms: ids });

        assert.equal(all.missing, 0);

        for (const [n, { i, b }] of all.responses.entries()) {
            assert.deepEqual(b, { _placeholder: true, num: 0 });
            assert.deepEqual(all.attachments[n].map((text) =>
                Buffer.from(text, 'base64')), [data[i], data[0]]);
        }

        const mixed = await ask({ rooms: ids, event: 'mixed' });
        const at = mixed.responses.findIndex((v) => typeof v === 'object');

        assert.deepEqual(mixed.attachments,
                         [0, 1, 2].map((n) => n === at ? ['AQID'] : []));

        /* attachments that never come, and the next packet in their place */
        const answer = ask({ rooms: silent.id });
        const q = await question(silent);

        await silent.send(`461-${q.id}[{"_placeholder":true,"num":0}]`);
        await silent.send(`43${q.id}["instead"]`);

        const { responses, missing } = await answer;

        assert.deepEqual(responses, []);
        assert.equal(missing, 1);
        closeAll();
    });

    for (const transport of TRANSPORTS) {
        test(`binary packets of ids made up over ${transport}`, async () => {
            const { ask, open } = state;
            const session = await open(transport);

            for (const id of ['', '1', '4294967297', '99999999999999999999']) {
                await session.send(`462-${id}[{"_placeholder":true,"num":1}]`,
                                   Buffer.from('a'), Buffer.from('b'));
            }

            const answer = ask({ rooms: session.id });
            const q = await question(session);

            await session.send(`462-${q.id}[{"_placeholder":true,"num":1}]`,
                               Buffer.from('a'), Buffer.from('b'));

            const { responses, attachments } = await answer;

            assert.deepEqual(responses, [{ _placeholder: true, num: 1 }]);
            assert.deepEqual(attachments, [['YQ==', 'Yg==']]);
            await session.close();
        });
    }

    test('nobody is there', async () => {
        const answer = await state.ask({ rooms: 'room:none' });

        assert.deepEqual({ ...answer, offset: '' }, {
            ok: true, offset: '', matched: 0, responses: [], expected: 0,
            missing: 0, timedOut: false });
    });

    test('of the selection and of nobody else', async () => {
        const { alone, ask, open } = state;
        const list = await Promise.all([['room:a'], ['room:b'],
                                        ['room:a', 'room:b'], []]
            .map(async (rooms, i) => {
                const session = await open(TRANSPORTS[i % 3]);

                if (rooms.length) {
                    await session.ack(1, ['join', rooms]);
                }

                return session;
            }));
        const own = list[0].id;

        await alone(list.length);

        for (const [selector, places] of [
            [{}, [0, 1, 2, 3]],
            [{ rooms: 'room:a' }, [0, 2]],
            [{ rooms: ['room:a', 'room:b'] }, [0, 1, 2]],
            [{ rooms: ['room:a', own] }, [0, 2]],
            [{ rooms: own }, [0]],
            [{ except: 'room:b' }, [0, 3]],
            [{ rooms: ['room:a', 'room:b'], except: own }, [1, 2]],
            [{ except: ['room:a', 'room:b', list[3].id] }, []],
        ]) {
            const answer = ask(selector);

            for (const i of places) {
                await (await question(list[i])).answer(`[${i}]`);
            }

            const { responses, expected, missing } = await answer;

            assert.deepEqual(responses.sort(), places, JSON.stringify(selector));
            assert.equal(expected, places.length);
            assert.equal(missing, 0);
        }

        await Promise.all(list.map((session) => session.close()));
    });

    test('a client that goes on answering writes nothing', async () => {
        const { alone, ask, dropped, nginx, open } = state;
        const [one, two] = await Promise.all([open(), open()]);

        await alone(2);

        const before = await dropped();
        const { acks } = (await nginx.status()).counters;
        const answer = ask({ rooms: [one.id, two.id] });
        const q = await question(one);
        const last = await question(two);

        await q.answer('["first"]');

        const records = async () => (await nginx.status()).counters.records;
        const known = await until(async () =>
            (await nginx.status()).counters.acks > acks && records(),
                                  'an ack');

        for (let i = 0; i < 20; i++) {
            await q.answer(`["${'x'.repeat(10000)}"]`);
        }

        await until(async () => await dropped() - before === 20, 'drops');
        assert.equal(await records(), known);
        await last.answer('["last"]');
        assert.deepEqual((await answer).responses, ['first', 'last']);
        [one, two].forEach((session) => session.close());
    });

    test('only whose turn it is, and once', async () => {
        const { ask, dropped, open } = state;
        const [one, two, other] = await Promise.all([open(), open('polling'),
                                                     open()]);
        const before = await dropped();
        const answer = ask({ rooms: [one.id, two.id] });
        const q = await question(one);
        const { id } = await question(two);

        assert.equal(id, q.id);

        await other.send(`43${id}["stolen"]`);
        await q.answer('["first"]');
        await q.answer('["second"]');

        for (const made of ['0', '1', '4294967297', '9007199254740991',
                            '18446744073709551617', '99999999999999999999',
                            `${BigInt(id) + 1n}`, `${BigInt(id) ^ 1n << 32n}`])
        {
            await one.send(`43${made}["made up"]`);
        }

        /* all of that is in the log before this one */
        await until(async () => await dropped() - before >= 10, 'drops');
        await two.send(`43${id}["two"]`);

        const { responses, missing } = await answer;

        assert.deepEqual(responses.sort(), ['first', 'two']);
        assert.equal(missing, 0);
        assert.equal(await dropped() - before, 10);
        [one, two, other].forEach((session) => session.close());
    });
});


run('clients that do not answer', { workers: 4 }, (state) => {
    for (const transport of TRANSPORTS) {
        test(`silence over ${transport}, and a late ack`, async () => {
            const { ask, dropped, open } = state;
            const [session, good] = await Promise.all([open(transport),
                                                       open()]);
            let answered, before, q;

            /* once more where the machine was too slow for the good one */
            for (const ms of [300, 2000, 8000]) {
                before = await dropped();

                const answer = ask({ rooms: [session.id, good.id] }, ms);

                await (await question(good)).answer('["good"]');
                q = await question(session);
                answered = await answer;

                if (answered.responses.length > 0) {
                    break;
                }

                await until(async () => await dropped() > before, 'a drop');
            }

            const { responses, expected, missing, timedOut } = answered;

            assert.deepEqual(responses, ['good']);
            assert.equal(expected, 2);
            assert.equal(missing, 1);
            assert.equal(timedOut, true);

            await q.answer('["late"]');
            await until(async () => await dropped() === before + 1, 'a drop');

            /* it is not taken for the answer to another question */
            const next = ask({ rooms: session.id });

            await (await question(session)).answer('["next"]');
            assert.deepEqual((await next).responses, ['next']);
            await Promise.all([session.close(), good.close()]);
        });
    }

    const ends = {
        'DISCONNECT': (session) => session.send('41'),
        'the end of the session': (session) => session.send('1'),
        'disconnectSockets': (session) => state.nginx.call(
            'disconnectSockets', { rooms: session.id }),
        'the end of the connection': (session) => session.close(),
    };

    for (const [name, end] of Object.entries(ends)) {
        for (const transport of TRANSPORTS) {
            test(`${name} over ${transport}`, async () => {
                const { ask, open } = state;
                const [session, good] = await Promise.all([open(transport),
                                                           open()]);
                const answer = ask({ rooms: [session.id, good.id] });

                await question(session);
                await (await question(good)).answer('["good"]');
                await end(session);

                const { responses, expected, missing, timedOut }
                    = await answer;

                assert.deepEqual(responses, ['good']);
                assert.equal(expected, 2);
                assert.equal(missing, 1);
                assert.equal(timedOut, false);
                good.close();
                await session.close();
            });
        }
    }

    test('an answer and a farewell at once', async () => {
        const { ask, open } = state;

        for (let i = 0; i < 20; i++) {
            const session = await open();
            const answer = ask({ rooms: session.id });
            const q = await question(session);

            await session.send(`43${q.id}["last words"]`, '41');
            assert.deepEqual((await answer).responses, ['last words']);
            session.close();
        }
    });

    test('a leave after the event', async () => {
        const { ask, open } = state;
        const session = await open();

        await session.ack(1, ['join', 'room:x']);

        const answer = ask({ rooms: 'room:x' });
        const q = await question(session);

        await session.ack(2, ['leave', 'room:x']);
        await q.answer('["still"]');
        assert.deepEqual((await answer).responses, ['still']);
        session.close();
    });
});


run('many', { workers: 4 }, (state) => {
    test('1,000 questions at once, and others are served', async () => {
        const { ask, nginx, open, pending } = state;
        const session = await open();
        const answers = Array.from({ length: 1000 }, (_, i) =>
            ask({ rooms: session.id, data: i }));
        const questions = [];

        while (questions.length < 1000) {
            questions.push(await question(session));
        }

        assert.equal(new Set(questions.map((q) => q.id)).size, 1000);
        assert.equal(await pending(), 1000);

        for (let i = 0; i < 8; i++) {
            await nginx.publish({ rooms: 'room:none', event: 'e' });
        }

        for (const q of questions.reverse()) {
            await q.answer(`[${q.args[1]}]`);
        }

        (await Promise.all(answers)).forEach(({ responses, missing }, i) => {
            assert.deepEqual(responses, [i]);
            assert.equal(missing, 0);
        });

        assert.equal(await pending(), 0);
        session.close();
    });

    test('600 clients, more than one slice of them', async () => {
        const { alone, ask, open } = state;
        const list = [];

        while (list.length < 600) {
            list.push(...await Promise.all(
                Array.from({ length: 50 }, () => open())));
        }

        await alone(list.length);

        /* they answer while others are still being counted */
        const answer = ask({});

        await Promise.all(list.map(async (session, i) =>
            (await question(session)).answer(`[${i}]`)));

        const { responses, expected, missing, timedOut } = await answer;

        assert.equal(expected, 600);
        assert.equal(missing, 0);
        assert.equal(timedOut, false);
        assert.deepEqual(responses.sort((a, b) => a - b),
                         list.map((_, i) => i));
        list.forEach((session) => session.close());
    });
});


run('bounds', { workers: 1, http: 'socketio_pending_acks 3;' }, (state) => {
    const refused = async (emit) => {
        const { status, headers, json } = await state.nginx.api(
            'emit', { event: 'q', ack: { timeout: LONG }, ...emit });

        assert.equal(status, 429, JSON.stringify(json));
        assert.equal(json.error.code, 'too_many_acks');
        assert.equal(headers['retry-after'], '1');
    };

    test('more than may be awaited', async () => {
        const { ask, nginx, open } = state;
        const list = await Promise.all([1, 2, 3, 4].map(() => open()));
        const ids = list.map((session) => session.id);

        await refused({ rooms: ids });
        await refused({ rooms: ids, id: 'kept free' });

        const answer = ask({ rooms: ids.slice(0, 2), data: 'good' });
        const q = [await question(list[0]), await question(list[1])];

        assert.equal(q[0].args[1], 'good', 'what was refused did not come');

        await refused({ rooms: ids.slice(0, 2) });

        /* room for one more, which ends at once */
        assert.equal((await ask({ rooms: ids[3], id: 'kept free' }, 1))
            .timedOut, true);

        await q[0].answer('[]');
        await q[1].answer('[]');
        assert.equal((await answer).missing, 0);

        const next = ask({ rooms: ids.slice(0, 3) });

        for (const session of list.slice(0, 3)) {
            await (await question(session)).answer('[]');
        }

        assert.equal((await next).missing, 0);
        list.forEach((session) => session.close());
        await nginx.status();
    });

    test('a publisher that goes away', async () => {
        const { ask, nginx, open, pending } = state;
        const session = await open();

        for (let i = 0; i < 5; i++) {
            const call = request(`${nginx.url}/socketio/emit`, {
                method: 'POST', headers: { 'Content-Type': 'application/json' },
                body: JSON.stringify({ rooms: session.id, event: 'q',
                                       ack: { timeout: LONG } }),
            });

            await question(session);
            assert.equal(await pending(), 1);
            call.abort();
            await until(async () => await pending() === 0, 'nothing waits');
        }

        /* it has given back what it had taken of the bound */
        const answer = ask({ rooms: [session.id, session.id, session.id] });

        await (await question(session)).answer('[1]');
        assert.deepEqual((await answer).responses, [1]);
        session.close();
    });

    test('a connection goes on after it', async () => {
        const { nginx, open } = state;
        const session = await open();
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

        for (let i = 0; i < 3; i++) {
            const answer = request(`${nginx.url}/socketio/emit`, {
                method: 'POST', agent,
                headers: { 'Content-Type': 'application/json' },
                body: JSON.stringify({ rooms: session.id, event: 'q',
                                       ack: { timeout: LONG } }),
            });

            await (await question(session)).answer(`[${i}]`);
            assert.deepEqual(JSON.parse((await answer).body).responses, [i]);
        }

        agent.destroy();
        session.close();
    });

    test('with an id, a repeat does not wait', async () => {
        const { ask, open } = state;
        const session = await open();
        const emit = { rooms: session.id, id: 'asked' };
        const answer = ask(emit);
        const q = await question(session);
        const again = await ask(emit);

        assert.deepEqual(Object.keys(again).sort(),
                         ['duplicate', 'matched', 'offset', 'ok']);
        await q.answer('[1]');

        const { offset, responses } = await answer;

        assert.deepEqual(responses, [1]);
        assert.equal(again.offset, offset);
        session.close();
    });

    describe('bad forms', () => {
        for (const [text, path] of [
            ['"ack":true', 'ack'], ['"ack":null', 'ack'], ['"ack":1', 'ack'],
            ['"ack":[]', 'ack'], ['"ack":{"timeout":0}', 'ack.timeout'],
            ['"ack":{"timeout":-1}', 'ack.timeout'],
            ['"ack":{"timeout":1.5}', 'ack.timeout'],
            ['"ack":{"timeout":"5"}', 'ack.timeout'],
            ['"ack":{"timeout":600001}', 'ack.timeout'],
            ['"ack":{"time":5}', 'ack.time'],
            ['"ack":{},"flags":{"volatile":true}', 'ack'],
        ]) {
            test(text, async () => {
                const { status, json } = await state.nginx.api(
                    'emit', `{"event":"e",${text}}`);

                assert.equal(status, 400);
                assert.equal(json.error.code, 'malformed');
                assert.equal(json.error.path, path);
            });
        }

        test('in a batch', async () => {
            const { results } = await state.nginx.call('batch', [
                { event: 'e', ack: {} }]);

            assert.equal(results[0].error.status, 400);
            assert.equal(results[0].error.path, 'ack');
        });
    });
});


run('an answer larger than a record', { workers: 2,
                                        zone: 'zone=app:1m log=256k' },
    (state) => {
    for (const transport of ['websocket', 'polling']) {
        test(`over ${transport} is missing at once`, async () => {
            const { ask, open } = state;
            const [session, good] = await Promise.all([open(transport),
                                                       open()]);
            const answer = ask({ rooms: [session.id, good.id] });

            await (await question(session)).answer(
                `["${'x'.repeat(40000)}"]`);
            await (await question(good)).answer(
                `["${'x'.repeat(30000)}"]`);

            const { responses, missing, timedOut } = await answer;

            assert.deepEqual(responses, ['x'.repeat(30000)]);
            assert.equal(missing, 1);
            assert.equal(timedOut, false);
            await Promise.all([session.close(), good.close()]);
        });
    }
});


run('workers that die and leave', { workers: 2 }, (state) => {
    /* A keep-alive connection, and the pid of the worker that has it. */
    async function pinned() {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        const res = await request(`${state.nginx.url}/socketio/status`,
                                  { agent });

        return {
            agent, pid: JSON.parse(res.body).pid,
            ask: (emit) => request(`${state.nginx.url}/socketio/emit`, {
                method: 'POST', agent,
                headers: { 'Content-Type': 'application/json' },
                body: JSON.stringify({ event: 'q', ack: { timeout: LONG },
                                       ...emit }),
            }),
        };
    }

    /* So many that some of them are on either worker. */
    const CROWD = 40;

    async function crowd() {
        const list = await Promise.all(
            Array.from({ length: CROWD }, () => state.open()));

        await Promise.all(list.map((session) =>
            session.ack(1, ['join', 'room:crowd'])));

        return list;
    }

    test('the clients of a killed worker are missing', async () => {
        const { nginx } = state;
        const list = await crowd();
        const { agent, ask, pid } = await pinned();
        const answer = ask({ rooms: 'room:crowd' });
        const questions = await Promise.all(list.map((s) => question(s)));

        await nginx.kill(nginx.workers().find((other) => other !== pid));

        const left = list.map((session, i) => [session, questions[i]])
                         .filter(([session]) => !session.ended);

        for (const [, q] of left) {
            await q.answer('[1]');
        }

        const { responses, expected, missing, timedOut }
            = JSON.parse((await answer).body);

        assert.equal(expected, CROWD);
        assert.equal(responses.length + missing, CROWD);
        assert.ok(missing > 0 && missing < CROWD, `${missing} of ${CROWD}`);
        assert.equal(timedOut, false);
        agent.destroy();
        list.forEach((session) => session.close());
    });

    test('a killed worker leaves no question behind', async () => {
        const { nginx, pending } = state;
        const list = await crowd();
        const { agent, ask, pid } = await pinned();
        const answer = ask({ rooms: 'room:crowd' });

        answer.catch(() => {});

        const questions = await Promise.all(list.map((s) => question(s)));

        await nginx.kill(pid);
        await assert.rejects(answer);
        await until(async () => await pending() === 0, 'nothing waits');

        for (const [i, session] of list.entries()) {
            if (!session.ended) {
                await questions[i].answer('[1]');

                /* the news of its end may come only now */
                await session.ack(2, ['leave', 'room:crowd']).catch((err) => {
                    assert.ok(session.ended, err);
                });
            }
        }

        agent.destroy();
        list.forEach((session) => session.close());
    });

    /* nginx itself wants to send "100 Continue" at one blow */
    test('a worker that leaves asks nobody', { skip: REORDERS }, async () => {
        const { nginx } = state;

        for (const [more, status] of [[{ ack: {} }, 503], [{}, 200]]) {
            const body = JSON.stringify({ event: 'e', ...more });
            const left = () =>
                nginx.logs().split('gracefully shutting down').length;
            const before = left();
            const socket = net.connect(nginx.port, '127.0.0.1');
            let text = '';

            socket.on('data', (chunk) => { text += chunk; });
            socket.write('POST /socketio/emit HTTP/1.1\r\nHost: x\r\n'
                         + 'Content-Type: application/json\r\n'
                         + 'Expect: 100-continue\r\n'
                         + `Content-Length: ${body.length}\r\n\r\n`);
            await until(() => text.includes('100 Continue'), 'a worker');
            await nginx.reload();
            await until(() => left() - before === 2, 'old workers leave');
            text = '';
            socket.write(body);
            await once(socket, 'close');

            assert.match(text, new RegExp(`^HTTP/1.1 ${status} `));
            assert.equal(/\r\nRetry-After: 1\r\n/.test(text), status === 503);
            assert.equal(text.includes('"code":"draining"'), status === 503);
            await until(() => nginx.workers().length === 2, 'they are gone');
        }
    });

    test('a reload moves the clients, the answer comes', async () => {
        const { nginx, pending } = state;
        const [ws, polling] = await Promise.all([state.open(),
                                                 state.open('polling')]);
        const { agent, ask } = await pinned();
        const answer = ask({ rooms: [ws.id, polling.id] });

        await question(ws);

        const q = await question(polling);

        await nginx.reload();

        /* the old workers still take connections, and break them off */
        await until(() => q.answer('["kept"]').then(() => true, () => false),
                    'the answer is taken');

        const { responses, missing, timedOut }
            = JSON.parse((await answer).body);

        assert.deepEqual(responses, ['kept']);
        assert.equal(missing, 1);
        assert.equal(timedOut, false);
        await until(() => nginx.workers().length === 2, 'old workers leave');
        assert.equal(await pending(), 0);
        agent.destroy();
        ws.close();
        await polling.close();
    });
});


describe('socketio_pending_acks', () => {
    for (const [text, ok] of [['1', true], ['1000000', true], ['0', false],
                              ['1000001', false], ['many', false]])
    {
        for (const place of ['http', 'server', 'api']) {
            test(`${text} in ${place}`, async () => {
                const { ok: good, output } = await testConfig(
                    { [place]: `socketio_pending_acks ${text};` });

                assert.equal(good, ok, output);
            });
        }
    }
});
