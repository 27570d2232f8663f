/*
 * A worker that is slower than a whole log, and sessions that come back too
 * late: who may have lost something is told so by the end of its session, and
 * nobody else.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { afterEach, describe, test } from 'node:test';

import { closeAll, connect, once, waitAll } from '../lib/client.mjs';
import { PATIENCE, until } from '../lib/nginx.mjs';
import { Polling } from '../lib/raw.mjs';
import { cluster, HEARTBEAT, SILENCE } from './lib/cluster.mjs';
import { Ledger, judge } from './lib/journal.mjs';
import { Member, closeMembers } from './lib/member.mjs';
import { call, drained, keepUp, landOn, ownerOf } from './lib/processes.mjs';

const LOG = 256 * 1024;
const PIECE = 8 * 1024;

let nginx, baseline;

/*
 * Sessions whose clients went in the midst of something are gone soon, too.  A
 * connection to a worker is kept, however often it is asked for the lag: the
 * next one might come to a worker that is stopped.
 */
const it = cluster({ zone: 'zone=app:4m log=256k',
                     http: 'keepalive_requests 1000000;',
                     location: `${HEARTBEAT} socketio_connect_timeout 20s;` },
                   () => {
    ({ nginx, baseline } = it);
});


afterEach(async () => {
    await closeMembers();
    closeAll();
    await drained(nginx, baseline, SILENCE);
});


/*
 * Publishes twice what the log holds, through one worker, and no faster than
 * all but one read it.
 */
async function flood(agent, rooms, but) {
    for (let n = 0; n < 2 * LOG / PIECE; n++) {
        const { status } = await call(nginx, agent, 'emit', {
            rooms, event: 'flood', data: 'x'.repeat(PIECE) });

        assert.equal(status, 200);
        await keepUp(nginx, agent, LOG / 4, but);
    }
}


/* A worker, stopped while fn runs with a connection to another one. */
async function whileStopped(pid, fn) {
    const other = await it.agentTo(nginx.workers().find((p) => p !== pid));

    process.kill(pid, 'SIGSTOP');

    try {
        await until(() => stopped(pid),
                    'it has stopped');
        await fn(other);

    } finally {
        process.kill(pid, 'SIGCONT');
    }
}


function stopped(pid) {
    return /\) T /.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
}


const socketOf = (member) => member.ws.socket;

async function memberOn(pid) {
    const open = async () => {
        const member = await Member.open(nginx, { transport: 'websocket' });

        member.close = () => member.vanish('cut');

        return member;
    };

    return landOn(nginx, pid, open, socketOf);
}


describe('a stopped worker that the log has lapped', () => {
    test('closes its WebSockets, and is counted', async () => {
        const pid = nginx.workers()[0];
        const ledger = new Ledger(nginx);
        const before = (await nginx.status()).counters.overruns;
        const lapped = [await memberOn(pid), await memberOn(pid)];
        const others = await Promise.all(nginx.workers().slice(1)
            .map((p) => memberOn(p)));

        /* one of them is in no room at all: the worker cannot know that */
        await waitAll([lapped[0], ...others].map((m) => m.join('r')));

        let last;

        await whileStopped(pid, async (agent) => {
            const send = (body) => call(nginx, agent, 'emit', body);

            await ledger.publish(['r'], { send });
            await flood(agent, ['elsewhere'], pid);
            await flood(agent, ['r'], pid);
            last = await ledger.publish(['r'], { send });
            await waitAll(others.map((m) => m.until(last.id)));
        });

        assert.ok(others.every((m) => m.floods === 2 * LOG / PIECE));

        for (const member of lapped) {
            assert.equal(await member.gone, 'close 1012');
        }

        assert.deepEqual(judge(others.map((m) => m.journal), ledger), []);
        assert.ok(others.every((m) => !m.ended), 'others are untouched');

        const { counters } = await nginx.status();

        assert.equal(counters.overruns, before + 1);
        assert.match(nginx.logs(), new RegExp(`\\[error\\] ${pid}#.*lapped by `
                                              + 'the log of socketio_zone '
                                              + '"app"'));

        /* and it goes on */
        const fresh = await memberOn(pid);

        await fresh.join('r');
        last = await ledger.publish(['r']);
        await waitAll([fresh, ...others].map((m) => m.until(last.id)));
    });

    test('has stock clients that come back', async () => {
        const pid = nginx.workers()[1];
        const sockets = [];

        const theirs = [];

        while (theirs.length < 2) {
            const socket = await connect(nginx, {
                mode: sockets.length % 2 ? 'websocket' : 'upgrade',
                reconnection: true, reconnectionDelay: 20,
                reconnectionDelayMax: 100 });
            const tcp = socket.io.engine.transport.ws._socket;

            await socket.emitWithAck('join', 's');
            sockets.push(socket);

            if (await ownerOf(nginx, tcp) === pid) {
                theirs.push(socket);
            }
        }

        const reasons = theirs.map((s) => once(s, 'disconnect'));
        const back = theirs.map((s) => once(s, 'connect', PATIENCE * 2));

        await whileStopped(pid, (agent) => flood(agent, ['s'], pid));
        assert.deepEqual(await waitAll(reasons.map(async (r) =>
            (await r)[0])), theirs.map(() => 'transport close'));
        await waitAll(back);

        const got = sockets.map((s) => once(s, 'e'));

        await nginx.publish({ event: 'e' });
        await waitAll(got);
    });

    test('keeps parked polls that have missed nothing', async () => {
        const pid = nginx.workers()[2];
        const agents = await Promise.all(Array.from({ length: 2 },
            () => it.agentTo(pid)));
        const [quiet, loud] = await Promise.all(agents.map((agent) =>
            Polling.open(nginx.url, { agent })));

        await waitAll([quiet.connect(), loud.connect()]);
        await quiet.ack(1, ['join', 'quiet']);
        await loud.ack(1, ['join', 'loud']);

        const parked = [await quiet.park(), await loud.park()];

        /* an answer to what comes behind them shows that they are parked */
        await it.agentTo(pid);

        await whileStopped(pid, (agent) => flood(agent, ['loud'], pid));

        const lost = await parked[1].parked;

        assert.deepEqual([lost.status, JSON.parse(lost.body)],
                         [400, { code: 1, message: 'Session ID unknown' }]);
        await nginx.publish({ rooms: 'quiet', event: 'e', data: 1 });

        const got = await parked[0].parked;

        assert.deepEqual([got.status, got.body], [200, '42["e",1]']);
        quiet.agent = undefined;
        await quiet.close();
        await quiet.assertLeft();
    });
});


describe('a polling session between two polls', () => {
    test('that missed nothing goes on, one that did ends', async () => {
        const agent = await it.agentTo(nginx.workers()[0]);
        const [quiet, loud] = await Promise.all([Polling.open(nginx.url),
                                                 Polling.open(nginx.url)]);

        await waitAll([quiet.connect(), loud.connect()]);
        await quiet.ack(1, ['join', 'quiet']);
        await loud.ack(1, ['join', 'loud']);
        await flood(agent, ['loud']);

        const lost = await loud.get();

        assert.deepEqual([lost.status, JSON.parse(lost.body)],
                         [400, { code: 1, message: 'Session ID unknown' }]);
        await loud.assertGone();

        await nginx.publish({ rooms: 'quiet', event: 'e', data: 1 });
        assert.deepEqual(await quiet.poll(), ['42["e",1]']);

        /* what is still in the log is not lost, whatever came before it */
        await flood(agent, ['elsewhere']);
        await nginx.publish({ rooms: 'quiet', event: 'e', data: 2 });
        assert.deepEqual(await quiet.poll(), ['42["e",2]']);
        await quiet.close();
        await quiet.assertLeft();
    });

    test('that left the room before goes on', async () => {
        const agent = await it.agentTo(nginx.workers()[0]);
        const session = await Polling.open(nginx.url);

        await session.connect();
        await session.ack(1, ['join', 'loud']);
        await session.ack(2, ['leave', 'loud']);

        const other = await Polling.open(nginx.url);

        await other.connect();
        await other.ack(1, ['join', 'loud']);
        await flood(agent, ['loud']);
        await other.close();

        assert.deepEqual(await session.ack(3, ['join', 'again']), [{ ok: true, rooms: ['again'] }]);
        await session.close();
        await session.assertLeft();
        await other.assertLeft();
    });
});
