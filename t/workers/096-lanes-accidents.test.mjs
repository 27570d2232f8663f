/*
 * Calls to services when the worker that has a socket's lane is late: what it
 * is handed meanwhile may be more than it takes, or of clients that are gone.
 */

import assert from 'node:assert/strict';
import { after, afterEach, describe, test } from 'node:test';

import { until } from '../lib/nginx.mjs';
import { Polling, encodePayload, openSession, upgrade } from '../lib/raw.mjs';
import { gate, internal, startService } from '../lib/service.mjs';
import { SILENCE, cluster } from './lib/cluster.mjs';
import { drained, get, ownerOf } from './lib/processes.mjs';

const LANES = 200;
const EVENTS = 120;

const service = await startService();
let nginx, baseline;

const it = cluster({
    zone: 'zone=app:128m log=64m',
    location: `
        socketio_ping_interval 5m;
        socketio_forward_queue ${LANES};
        socketio_namespace / {
            socketio_room *;
            socketio_on call forward /_call;
        }
        socketio_namespace /told {
            socketio_room *;
            socketio_on disconnect forward /_call;
        }`,
    server: internal(service.port),
}, () => ({ nginx, baseline } = it));

after(() => service.stop());

afterEach(async () => {
    service.answer = () => undefined;
    await drained(nginx, baseline, SILENCE);
    service.calls.length = 0;
});


const event = (n) => `42${n}["call",${n}]`;

const post = async (session, packets, agent) => {
    const res = await session.post(encodePayload(packets), { agent });

    assert.equal(res.body, 'ok');
};


const agents = () => Promise.all(nginx.workers().slice(0, 2)
    .map((pid) => it.agentTo(pid)));

const status = (agent) => get(nginx, '/socketio/status', agent);


/* A WebSocket of another worker whose first call is in flight in this one. */
async function elsewhere(late) {
    for (;;) {
        const session = await Polling.open(nginx.url);

        service.calls.length = 0;
        await session.connect();
        await post(session, ['420["join","r:1"]'], late);
        await post(session, [event(0)], late);
        await until(() => service.calls.length, 'the first call');

        const ws = await upgrade(session);

        if (await ownerOf(nginx, ws.socket) !== late.worker) {
            return ws;
        }

        await ws.close();
    }
}


/* Runs body while a worker does nothing at all. */
async function without(pid, body) {
    process.kill(pid, 'SIGSTOP');

    try {
        return await body();

    } finally {
        process.kill(pid, 'SIGCONT');
    }
}


describe('a worker that is late', () => {
    test('calls of a client that has gone meanwhile are made', async () => {
        const [late, other] = await agents();
        const slow = gate();

        service.answer = ({ body }) =>
            body.args[0] === 0 ? slow.promise : undefined;

        const ws = await elsewhere(late);

        await without(late.worker, async () => {
            ws.send(event(1));
            ws.send(event(2));
            await ws.close();
            await until(async () => (await status(other)).sessions.websocket
                                    === 0, 'gone');
        });

        slow.open();
        await until(() => service.calls.length === 3, 'calls of who has gone');
        assert.deepEqual(service.calls.map(({ body }) => body.args[0]),
                         [0, 1, 2]);
        assert.deepEqual(service.calls.map(({ body }) => body.rooms),
                         [['r:1'], ['r:1'], ['r:1']]);
    });

    test('thousands that it has to refuse at once', async () => {
        const [late, other] = await agents();
        const slow = gate();
        const pids = nginx.workers();

        service.answer = () => slow.promise;

        const sessions = await Promise.all(Array.from({ length: LANES },
            () => Polling.open(nginx.url)));

        for (const session of sessions) {
            await session.connect();
            await post(session, [event(0)], late);
        }

        await until(() => service.calls.length === LANES, 'all lanes taken');

        const before = (await status(other)).counters.calls_refused;

        await without(late.worker, async () => {
            const events = Array.from({ length: EVENTS },
                                      (_, n) => event(n + 1));

            for (const session of sessions) {
                await post(session, events, other);
            }
        });

        await until(async () =>
            (await status(other)).counters.calls_refused - before
            === LANES * EVENTS, 'refusals', SILENCE);
        slow.open();
        assert.deepEqual(nginx.workers(), pids, 'no worker has died');
        await Promise.all(sessions.map((session) => session.close()));
    });
});


describe('the rooms of a socket that has ended', () => {
    for (const transport of ['polling', 'websocket']) {
        test(`none that it has just left (${transport})`, async () => {
            const session = await openSession(transport, nginx.url);

            await session.connect('/told');
            await session.send('42/told,1["join","a"]');
            await session.send('42/told,["join","b"]');
            await session.send('42/told,["leave","a"]');
            await session.send('41/told,');
            await until(() => service.calls.length, 'the service hears');
            assert.deepEqual(service.calls[0].body.rooms, ['b']);
            await session.close();
        });
    }
});
