/*
 * Overload that must not be silent: a worker that stands still while the log
 * goes on, or passes it, with clients that are kept for recovery; and sessions
 * that leave much behind.  What each costs, who pays, and what status says.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { afterEach, describe, test } from 'node:test';

import { closeAll, connect, once, waitAll } from '../lib/client.mjs';
import { PATIENCE, until } from '../lib/nginx.mjs';
import { Polling } from '../lib/raw.mjs';
import { cluster } from './lib/cluster.mjs';
import { agentTo, call, drained, get, keepUp, ownerOf }
    from './lib/processes.mjs';

const LOG = 256 * 1024;
const PIECE = 8 * 1024;
const KEPT = 1000 * 1000;       /* of a packet, in shared memory */

let nginx, baseline;

const it = cluster({
    zone: 'zone=app:8m log=256k',
    http: 'keepalive_requests 1000000;',    /* to a worker that is not stopped */
    location: 'socketio_room *; socketio_recovery 5s;'
              + 'socketio_max_payload 2m; client_max_body_size 2m;'
              + 'socketio_on up relay room=*;',
}, () => {
    ({ nginx, baseline } = it);
});


afterEach(async () => {
    closeAll();
    await drained(nginx, baseline, PATIENCE * 3);
});


/* A stock client whose WebSocket one worker has, with what it gets. */
async function clientOn(pid) {
    for ( ;; ) {
        const socket = await connect(nginx, {
            mode: 'websocket', reconnection: true, reconnectionDelay: 20,
            reconnectionDelayMax: 100 });

        if (await ownerOf(nginx, socket.io.engine.transport.ws._socket)
            === pid)
        {
            socket.got = [];
            socket.on('n', (n) => socket.got.push(n));
            await socket.emitWithAck('join', 'r');

            return socket;
        }

        socket.disconnect();
    }
}


/* Stops a worker while fn runs with a connection to another one. */
async function whileStopped(pid, fn) {
    const agent = await agentTo(nginx, nginx.workers().find((p) => p !== pid));

    process.kill(pid, 'SIGSTOP');

    try {
        await until(() => /\) T /.test(fs.readFileSync(`/proc/${pid}/stat`)),
                    'it has stopped');
        await fn((body) => call(nginx, agent, 'emit', body), agent);

    } finally {
        process.kill(pid, 'SIGCONT');
        agent.destroy();
    }
}


/* What a worker, whichever or that of an agent, says of one. */
async function status(pid, agent) {
    const { workers } = agent ? await get(nginx, '/socketio/status', agent)
                              : await nginx.status();

    return workers.find((w) => w.pid === pid);
}


describe('a worker that stands still', () => {
    test('and is not lapped delivers all of it afterwards', async () => {
        const [pid] = nginx.workers();
        const socket = await clientOn(pid);
        const reasons = [];
        let lag;

        socket.on('disconnect', (reason) => reasons.push(reason));

        await whileStopped(pid, async (emit, agent) => {
            for (let n = 0; n < 10; n++) {
                await emit({ rooms: 'r', event: 'n', data: n });
            }

            ({ lag } = await status(pid, agent));
        });

        assert.ok(lag > 10 * 40, `it was ${lag} bytes behind`);
        await until(() => socket.got.length === 10, 'all has come');
        assert.deepEqual(socket.got, [...Array(10).keys()]);
        assert.deepEqual(reasons, []);
        await until(async () => (await status(pid)).lag === 0,
                    'it is behind no longer');
    });

    test('and is lapped tells clients: what is lost is said', async () => {
        const pid = nginx.workers()[1];
        const socket = await clientOn(pid);
        const other = await clientOn(nginx.workers()[2]);
        const { counters: before } = await nginx.status();
        const logged = nginx.logs().length;

        await nginx.publish({ rooms: 'r', event: 'n', data: 'first' });
        await until(() => socket.got.length === 1, 'the first');

        const gone = once(socket, 'disconnect', PATIENCE * 2);
        const back = once(socket, 'connect', PATIENCE * 3);

        await whileStopped(pid, async (emit, agent) => {
            for (let n = 0; n < 2 * LOG / PIECE; n++) {
                await emit({ rooms: 'r', event: 'flood',
                             data: 'x'.repeat(PIECE) });
                await keepUp(nginx, agent, LOG / 4, pid);
            }

            await emit({ rooms: 'r', event: 'n', data: 'last' });
        });

        assert.deepEqual(await gone.then(([reason]) => reason),
                         'transport close');
        await back;
        assert.equal(Boolean(socket.recovered), false, 'it is told so');
        assert.deepEqual(socket.got, ['first']);
        await until(() => other.got.length > 1, 'the other one has all');
        assert.deepEqual(other.got, ['first', 'last']);

        const { counters } = await nginx.status();

        assert.equal(counters.overruns, before.overruns + 1);
        assert.equal(counters.recoveries_lapped, before.recoveries_lapped + 1);
        assert.equal(counters.memory_failed, 0);
        assert.equal(nginx.logs().slice(logged).match(/lapped by the log/g)
            .length, 1);

        /* and it is served again */
        await socket.emitWithAck('join', 'r');
        await nginx.publish({ rooms: 'r', event: 'n', data: 'again' });
        await until(() => socket.got.at(-1) === 'again', 'the next');
    });
});


describe('a session with a large packet that is not complete', () => {
    const begin = async () => {
        const session = await Polling.open(nginx.url);

        await session.connect();
        await session.send('452-["up","r"]');
        await session.send(Buffer.alloc(KEPT, 'x'));

        return session;
    };

    const blocks = async () => (await nginx.status()).memory.blocks.used;

    test('gives its blocks back in slices when it ends', async () => {
        const before = await blocks();
        const sessions = await waitAll([begin(), begin()]);

        assert.ok(await blocks() > before + 2 * KEPT / 56);
        await waitAll(sessions.map((s) => s.close()));
        await until(async () => await blocks() <= baseline.blocks,
                    'all blocks are back', PATIENCE * 2);
    });

    /* three quarters of the blocks may be kept: the next needs these */
    test('leaves them to who needs them at once', async () => {
        const { memory } = await nginx.status();
        const most = Math.floor(memory.blocks.size * 56 * 0.7 / KEPT);

        assert.ok(most > 1, `${most} fit`);

        for (let round = 0; round < 4; round++) {
            const sessions = await waitAll(Array.from({ length: most }, begin));

            await waitAll(sessions.map((s) => s.close()));
        }
    });
});
