/*
 * A worker that is killed takes along only what was in flight on it: its
 * WebSockets and parked polls come back, nobody else notices, and the counts
 * are true again within two seconds.
 */

import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';

import { closeAll, connect, emitAck, once, waitAll } from '../lib/client.mjs';
import { PATIENCE, SLOWED, until } from '../lib/nginx.mjs';
import { Polling, WebSocketRaw } from '../lib/raw.mjs';
import { cluster, SILENCE } from './lib/cluster.mjs';
import { Ledger, judge } from './lib/journal.mjs';
import { Member, closeMembers } from './lib/member.mjs';
import { agentTo, attached, call, drained, landOn, seatsOf }
    from './lib/processes.mjs';

/* ms: "true again within two seconds" */
const TRUE_AGAIN = SLOWED ? 6000 : 2000;
const TURN = 50;

let nginx, baseline;

const it = cluster({}, () => {
    ({ nginx, baseline } = it);
});


afterEach(async () => {
    await closeMembers();
    closeAll();
    await drained(nginx, baseline, SILENCE);
});


/*
 * As until(), for what is promised within some time: a turn of this loop that
 * took longer counts as one, since nobody else had a better one.
 */
async function soon(fn, what) {
    let spent = 0;

    for ( ;; ) {
        const begun = Date.now();

        if (await fn()) {
            return;
        }

        assert.ok(spent < TRUE_AGAIN, `in vain for ${spent} ms: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
        spent += Math.min(Date.now() - begun, TURN);
    }
}


async function room(name) {
    const { rooms } = await nginx.get('rooms?namespace=/');

    return rooms.find((r) => r.room === name)?.sockets ?? 0;
}


/* A session with a POST of which a worker has got the head only. */
async function halfPost() {
    const session = await Polling.open(nginx.url);

    await session.connect();

    const { socket } = new WebSocketRaw(nginx.url, { head:
        `POST ${session.url().slice(nginx.url.length)} HTTP/1.1\r\n`
        + 'Host: localhost\r\nContent-Length: 10\r\n'
        + 'Content-Type: text/plain\r\n\r\n42' });

    await new Promise((resolve) => socket.once('connect', resolve));

    return { session, socket, close: () => socket.destroy() };
}


describe('the worker of some clients', () => {
    test('under load: the others go on, counts are true in 2 s', async () => {
        const ledger = new Ledger(nginx);
        const load = await waitAll(Array.from({ length: 16 }, (_, i) =>
            Member.open(nginx, { transport: i % 2 ? 'websocket'
                                                  : 'polling' })));
        const sockets = await waitAll(Array.from({ length: 32 }, () =>
            Member.open(nginx, { transport: 'websocket' })));
        const idle = await waitAll(Array.from({ length: 8 }, () =>
            Polling.open(nginx.url)));

        await waitAll(idle.map((s) => s.connect()));
        await waitAll(idle.map((s) => s.ack(1, ['join', 'k'])));
        await waitAll(sockets.map((m) => m.join('k')));
        await waitAll(load.map((m) => m.join('l')));

        const stop = [0, 1, 2].map((publisher) =>
            ledger.stream(40, () => [['l']], { publisher }));
        const { workers: before, counters } = await nginx.status();
        const seats = await seatsOf(nginx, sockets.map((m) => m.ws.socket));
        const seat = (m) => seats.get(m.ws.socket.localPort);
        const victim = before.find((w) => w.pid === seat(sockets[0]));
        const theirs = sockets.filter((m) => seat(m) === victim.pid);

        assert.equal(await room('k'), 40);
        await nginx.kill(victim.pid);
        await waitAll(theirs.map((m) => m.gone));
        await soon(async () => await room('k') === 40 - theirs.length,
                   'the room is true again');
        assert.deepEqual(sockets.filter((m) => m.ended), theirs,
                         'no WebSocket of another worker was lost');
        await Promise.all(stop.map((s) => s()));

        const last = await ledger.publish(['k', 'l']);
        const rest = [...load, ...sockets].filter((m) => !m.ended);

        await waitAll(rest.map((m) => m.until(last.id)));
        assert.deepEqual(judge([...load, ...sockets].map((m) => m.journal),
                               ledger), []);

        for (const session of idle) {
            const got = await session.poll();

            assert.ok(got.includes(`42["e",${last.id}]`), got.join());
            await session.close();
        }

        await attached(nginx, 4);

        const after = await nginx.status();

        assert.ok(after.workers.every((w) => w.pid !== victim.pid));
        assert.equal(after.counters.workers_reaped,
                     counters.workers_reaped + 1);

        const line = `worker ${victim.pid} of slot ${victim.slot} is dead`;

        await until(() => nginx.logs().includes(line), 'it is logged');
    });

    test('its slot is used again', async () => {
        const slots = new Set();

        for (let i = 0; i < 12; i++) {
            const { workers } = await nginx.status();

            workers.forEach((w) => slots.add(w.slot));
            await nginx.kill(workers[i % 4].pid);
            await soon(async () => {
                const { workers: now } = await nginx.status();

                return now.length === 4 && now.every((w) =>
                    nginx.workers().includes(w.pid));
            }, 'the dead one was reaped');
        }

        assert.ok(slots.size <= 6, `slots ${[...slots]} for four workers`);
    });
});


describe('a polling session', () => {
    test('with nothing in flight does not notice', async () => {
        const sessions = [];

        for (const pid of nginx.workers()) {
            const agent = await agentTo(nginx, pid);
            const session = await Polling.open(nginx.url, { agent });

            /* all that it has ever said was to one worker */
            session.id = await session.connect();
            assert.deepEqual(await session.ack(1, ['join', 'idle']),
                             [{ ok: true, rooms: ['idle'] }]);
            session.agent = undefined;
            agent.destroy();
            sessions.push(session);
        }

        for (const pid of nginx.workers()) {
            await nginx.publish({ rooms: 'idle', event: 'e', data: pid });
            await nginx.kill(pid);
        }

        await soon(async () => (await nginx.status()).workers.length === 4,
                   'the dead were reaped');

        const { matched } = await nginx.publish({ rooms: 'idle', event: 'e',
                                                  data: 'end' });

        assert.equal(matched, sessions.length);

        for (const session of sessions) {
            const got = await session.poll();

            assert.equal(got.filter((p) => p.startsWith('42["e",')).length, 5);
            await session.close();
        }
    });

    test('with a GET parked there is unknown at its next request', async () => {
        const { pid } = await nginx.status();
        const agent = await agentTo(nginx, pid);
        const other = await agentTo(nginx,
                                    nginx.workers().find((p) => p !== pid));
        const session = await Polling.open(nginx.url, { agent });
        const id = await session.connect();
        const { parked } = await session.park();
        const behind = await agentTo(nginx, pid);

        /* an answer to what comes behind it shows that it is parked */
        behind.destroy();

        const broken = parked.then(() => 'answered', (err) => err.code);

        session.agent = other;
        await nginx.kill(pid);
        assert.equal(await broken, 'ECONNRESET');
        await session.assertGone();
        await soon(async () => (await nginx.publish({
            rooms: id, event: 'e', data: 1 })).matched === 0,
            'nobody is in its room');
        agent.destroy();
        other.destroy();
    });

    test('with a POST half sent there is unknown too', async () => {
        const { pid } = await nginx.status();
        const { session, close } = await landOn(nginx, pid, halfPost,
                                                (half) => half.socket);

        /* an answer to what comes behind it shows that it was read */
        (await agentTo(nginx, pid)).destroy();

        await nginx.kill(pid);
        close();
        await soon(async () => (await session.get()).status === 400,
                   'the session is gone');
    });
});


describe('stock clients', () => {
    for (const mode of ['polling', 'websocket', 'upgrade']) {
        test(`on ${mode} come back when all workers are killed`, async () => {
            const sockets = await waitAll(Array.from({ length: 8 }, () =>
                connect(nginx, { mode, reconnection: true,
                                 reconnectionDelay: 20,
                                 reconnectionDelayMax: 200 })));
            const reasons = [];
            const { counters: before } = await nginx.status();

            sockets.forEach((s) => s.on('disconnect', (r) => reasons.push(r)));
            await Promise.all(nginx.workers().map((pid) => nginx.kill(pid)));

            /* who was between two polls just then goes on as he was */
            await soon(async () => (await nginx.status()).counters
                .workers_reaped >= before.workers_reaped + 4,
                'the dead were reaped');
            await until(async () => sockets.every((s) => s.connected)
                && (await nginx.status()).sockets.connected === 8,
                'all are connected', PATIENCE * 2);
            assert.ok(mode === 'polling' || reasons.length >= 8, reasons.join());
            await waitAll(sockets.map((s) => emitAck(s, 'join', 's')));

            const got = sockets.map((s) => once(s, 'e'));

            await nginx.publish({ rooms: 's', event: 'e', data: mode });
            assert.deepEqual(await waitAll(got), sockets.map(() => [mode]));
            assert.ok(reasons.every((r) => /^transport (close|error)$/.test(r)),
                      reasons.join());
        });
    }
});


test('nobody is deaf after ten kills in a row', async () => {
    const ledger = new Ledger(nginx);
    const stop = ledger.stream(100, () => [['d']]);
    const idle = await Promise.all(Array.from({ length: 4 },
        () => Member.open(nginx, { transport: 'websocket' })));

    await waitAll(idle.map((m) => m.join('d')));

    for (let i = 0; i < 10; i++) {
        await nginx.kill(nginx.workers()[i % 4]);
    }

    await stop();

    const fresh = [];

    for (const pid of nginx.workers()) {
        const member = await landOn(nginx, pid, async () => {
            const m = await Member.open(nginx, { transport: 'websocket' });

            return { m, socket: m.ws.socket, close: () => m.vanish('cut') };
        }, (thing) => thing.socket);

        await member.m.join('d');
        fresh.push(member.m);
    }

    /* each worker wakes each other one */
    for (const pid of nginx.workers()) {
        const agent = await agentTo(nginx, pid);
        const event = await ledger.publish(['d'], {
            send: (body) => call(nginx, agent, 'emit', body),
        });

        await waitAll(fresh.map((m) => m.until(event.id)));
        agent.destroy();
    }

    assert.deepEqual(judge([...idle, ...fresh].map((m) => m.journal), ledger),
                     []);
});
