/*
 * Emits with an id: a repeat is answered as the first one was and reaches
 * nobody, on whatever worker it arrives.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startNginx, until } from '../lib/nginx.mjs';
import { TRANSPORTS, openSession } from '../lib/raw.mjs';

const LOCATION = `
    socketio_namespace / { socketio_room room:*; }
    socketio_namespace /chat { }`;

let count = 0;


/* An id that nothing else has used. */
const fresh = () => `id-${++count}`;


function run(name, options, body) {
    describe(name, () => {
        const state = {};

        before(async () => {
            state.nginx = await startNginx({ location: LOCATION, ...options });
        });

        after(() => state.nginx.stop());

        state.open = async (transport = 'websocket', namespace = '/') => {
            const session = await openSession(transport, state.nginx.url);

            session.id = await session.connect(namespace);

            return session;
        };

        state.raw = async (query, value) => {
            const { json } = await state.nginx.api(`emit?${query}`, value);

            assert.equal(json?.ok, true, JSON.stringify(json));

            return json;
        };

        body(state);
    });
}


/* What the session gets up to a mark of its own, as JSON. */
async function received(nginx, session, nsp = '') {
    const got = [];

    await nginx.publish({ namespace: nsp ? nsp.slice(0, -1) : '/',
                          rooms: session.id, event: 'mark' });

    for ( ;; ) {
        const packet = await session.recv();

        if (packet === `42${nsp}["mark"]`) {
            return got;
        }

        got.push(JSON.parse(packet.slice(2 + nsp.length)));
    }
}


for (const workers of [1, 4]) {
    run(`a repeat with ${workers} worker(s)`, { workers }, (state) => {
        for (const transport of TRANSPORTS) {
            test(`is not delivered again over ${transport}`, async () => {
                const { nginx, open } = state;
                const session = await open(transport);
                const emit = { rooms: session.id, event: 'e', data: 1,
                               id: fresh() };
                const first = await nginx.publish(emit);

                assert.equal(first.duplicate, undefined);
                assert.equal(first.matched, 1);

                for (let i = 0; i < 8; i++) {
                    const again = await nginx.publish(emit);

                    assert.deepEqual(again, { ...first, duplicate: true });
                }

                assert.deepEqual(await received(nginx, session), [['e', 1]]);
                await session.close();
            });
        }

        test('is one when all come at the same time', async () => {
            const { nginx, open } = state;
            const session = await open();

            for (let round = 0; round < 10; round++) {
                const emit = { rooms: session.id, event: 'e', id: fresh() };
                const answers = await Promise.all(
                    Array.from({ length: 20 }, () => nginx.publish(emit)));
                const firsts = answers.filter((a) => !a.duplicate);

                assert.equal(firsts.length, 1);

                for (const answer of answers) {
                    assert.equal(answer.offset, firsts[0].offset);
                    assert.equal(answer.matched, 1);
                }

                assert.deepEqual(await received(nginx, session), [['e']]);
            }

            session.close();
        });
    });
}


run('keys', { workers: 4 }, (state) => {
    test('are of a namespace', async () => {
        const { nginx, open } = state;
        const one = await open(), two = await open('websocket', '/chat');
        const id = fresh();

        await nginx.publish({ event: 'e', data: 1, id });

        const other = await nginx.publish({ namespace: '/chat', event: 'e',
                                            data: 2, id });

        assert.equal(other.duplicate, undefined);
        assert.deepEqual(await received(nginx, one), [['e', 1]]);
        assert.deepEqual(await received(nginx, two, '/chat,'), [['e', 2]]);
        one.close();
        two.close();
    });

    test('may be integers, which are their digits', async () => {
        const { nginx, raw } = state;

        for (const id of [0, -1, 12345678901234, 700000]) {
            const first = await nginx.publish({ event: 'e', id });

            assert.equal(first.duplicate, undefined, `${id}`);
            assert.equal((await nginx.publish({ event: 'e', id })).duplicate,
                         true);
            assert.equal((await nginx.publish({ event: 'e',
                                                id: `${id}` })).duplicate,
                         true);
            assert.equal((await raw(`event=e&id=${id}`, '1')).duplicate, true);
        }
    });

    test('are compared after decoding, byte for byte', async () => {
        const { nginx, raw } = state;

        await nginx.api('emit', '{"event":"e","id":"\\u00e4 key"}');
        assert.equal((await nginx.publish({ event: 'e',
                                            id: 'ä key' })).duplicate, true);
        assert.equal((await raw('event=e&id=%c3%a4%20key', '1')).duplicate,
                     true);

        for (const id of ['Ä key', 'ä key ', 'ä', 'ä\0key', 'x'.repeat(128),
                          'x'.repeat(127)])
        {
            assert.equal((await nginx.publish({ event: 'e', id })).duplicate,
                         undefined, id);
            assert.equal((await nginx.publish({ event: 'e', id })).duplicate,
                         true, id);
        }
    });

    test('count for whatever comes with them', async () => {
        const { nginx, open } = state;
        const session = await open();
        const id = fresh();

        const first = await nginx.publish({ event: 'e', data: 1, id });
        const again = await nginx.publish({ event: 'other', rooms: 'room:x',
                                            data: 2, id });

        assert.deepEqual(again, { ...first, duplicate: true });
        assert.deepEqual(await received(nginx, session), [['e', 1]]);
        session.close();
    });

    test('count where nobody was there', async () => {
        const { nginx, open } = state;
        const emit = { rooms: 'room:late', event: 'e', id: fresh() };
        const first = await nginx.publish(emit);

        assert.equal(first.matched, 0);

        const session = await open();

        await session.ack(1, ['join', 'room:late']);
        assert.deepEqual(await nginx.publish(emit),
                         { ...first, duplicate: true });
        assert.deepEqual(await received(nginx, session), []);
        session.close();
    });

    test('each element of a batch has its own', async () => {
        const { nginx, open } = state;
        const session = await open();
        const [a, b] = [fresh(), fresh()];
        const { results } = await nginx.call('batch', [
            { event: 'e', data: 1, id: a }, { event: 'e', data: 2, id: b },
            { event: 'e', data: 3, id: a }, { event: 'e', data: 4 },
        ]);

        assert.deepEqual(results.map((r) => r.duplicate ?? false),
                         [false, false, true, false]);
        assert.equal(results[2].offset, results[0].offset);

        const again = await nginx.call('batch', [
            { event: 'e', data: 5, id: b }, { event: 'e', data: 6, id: a },
        ]);

        assert.deepEqual(again.results, [
            { ...results[1], duplicate: true },
            { ...results[0], duplicate: true },
        ]);
        assert.deepEqual(await received(nginx, session),
                         [['e', 1], ['e', 2], ['e', 4]]);
        session.close();
    });

    test('are not noted with what is refused', async () => {
        const { nginx, open } = state;
        const session = await open();
        const id = fresh();

        for (const [body, status] of [
            [{ event: 'connect', id }, 422],
            [{ event: 'e', args: 1, id }, 400],
            [{ event: 'e', namespace: '/none', id }, 404],
            [{ event: 'e', volatile: 1, id }, 400],
        ]) {
            assert.equal((await nginx.api('emit', body)).status, status);
        }

        const good = await nginx.publish({ event: 'e', data: 1, id });

        assert.equal(good.duplicate, undefined);
        assert.deepEqual(await received(nginx, session), [['e', 1]]);
        session.close();
    });

    test('survive a reload and the death of workers', async () => {
        const { nginx } = state;
        const emit = { event: 'e', id: fresh() };
        const first = await nginx.publish(emit);

        const workers = await nginx.reload();

        /* the old ones still take connections, and break them off */
        await until(() => nginx.workers().length === workers.length,
                    'the old workers are gone');
        assert.deepEqual(await nginx.publish(emit),
                         { ...first, duplicate: true });

        await nginx.kill(workers[0]);
        assert.deepEqual(await nginx.publish(emit),
                         { ...first, duplicate: true });
    });

    test('are counted', async () => {
        const { nginx } = state;
        const emit = { event: 'e', id: fresh() };
        const before = (await nginx.status()).counters;

        await nginx.publish(emit);
        await nginx.publish(emit);
        await nginx.publish(emit);

        const { counters } = await nginx.status();

        assert.equal(counters.duplicates - before.duplicates, 2);
        assert.equal(counters.publishes - before.publishes, 1);
    });

    describe('that are none', () => {
        for (const id of ['""', `"${'x'.repeat(129)}"`, '1.5', '1e3', '-0.0',
                          'true', 'null', '[]', '{}', '["a"]',
                          '1'.repeat(129)])
        {
            test(id.slice(0, 20), async () => {
                const { status, json } = await state.nginx.api(
                    'emit', `{"event":"e","id":${id}}`);

                assert.equal(status, 400);
                assert.equal(json.error.code, 'malformed');
                assert.equal(json.error.path, 'id');
            });
        }

        test('empty in the raw lane', async () => {
            const { status, json } = await state.nginx.api(
                'emit?event=e&id=', '1');

            assert.equal(status, 400);
            assert.equal(json.error.path, 'id');
        });
    });
});


run('a full table', { workers: 2, zone: 'zone=app:512k log=256k' },
    (state) => {
    test('forgets the oldest', async () => {
        const { nginx } = state;
        const ids = Array.from({ length: 500 }, fresh);
        const emits = ids.map((id) => ({ event: 'e', id }));
        const publish = async (list) =>
            (await nginx.call('batch', list)).results.map((r) => !!r.duplicate);

        assert.ok((await publish(emits)).every((d) => d === false));

        const { counters } = await nginx.status();

        assert.ok(counters.keys_evicted > 100, `${counters.keys_evicted}`);

        const kept = await publish(emits.slice(-200));

        assert.ok(kept.every((d) => d === true), 'the newest are known');
        assert.equal((await publish([emits[0]]))[0], false);
        assert.equal((await publish([emits[0]]))[0], true);
    });

    test('a record that is too large leaves no key', async () => {
        const { nginx, open } = state;
        const session = await open();
        const id = fresh();
        const { status } = await nginx.api('emit', {
            event: 'e', data: 'x'.repeat(40000), id });

        assert.equal(status, 413);

        /* its rooms are what makes this one too large */
        const rooms = Array.from({ length: 350 }, (_, i) => `room:${i}`);

        await nginx.call('socketsJoin', { rooms: session.id, join: rooms });

        const big = await nginx.api('emit', {
            event: 'e', data: 'x'.repeat(30000), rooms, id });

        assert.equal(big.status, 413, big.body);
        assert.equal((await nginx.publish({ event: 'e', id })).duplicate,
                     undefined);
        assert.deepEqual(await received(nginx, session), [['e']]);
        session.close();
    });
});
