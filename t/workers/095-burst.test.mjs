/*
 * All clients come back at once, as after a network was gone: all get in, and
 * those who were there all the time miss nothing and wait for nothing.
 *
 *   BURST_CLIENTS  how many (5000, or what descriptors allow)
 */

import assert from 'node:assert/strict';
import { execSync } from 'node:child_process';
import { test } from 'node:test';

import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';
import { WebSocketRaw } from '../lib/raw.mjs';
import { drained, used } from './lib/processes.mjs';
import { Ledger, judge } from './lib/journal.mjs';
import { Member, closeMembers } from './lib/member.mjs';

const FILES = Number(execSync('ulimit -n', { encoding: 'utf8' })) || 100000;
const CLIENTS = Math.min(Number(process.env.BURST_CLIENTS ?? 5000),
                         FILES - 1000);
const RATE = 20;                /* events per second meanwhile */
const LONGEST = PATIENCE * 30;


/* One client, with a room; resolves when it is in. */
async function come(nginx, number) {
    const ws = new WebSocketRaw(nginx.url);

    ws.socket.ref();
    await ws.shaking;
    assert.equal(ws.status, 101);
    assert.match((await ws.next(LONGEST)).data.toString(), /^0/);
    await ws.send('40');
    assert.match((await ws.next(LONGEST)).data.toString(), /^40/);
    await ws.send(`421["join","r${number % 50}"]`);
    assert.match((await ws.next(LONGEST)).data.toString(), /"ok":true/);

    return ws;
}


function all(nginx) {
    return Promise.all(Array.from({ length: CLIENTS },
        (_, number) => come(nginx, number)));
}


async function everybody(nginx, clients, mark) {
    const { matched } = await nginx.publish({ event: mark });

    assert.equal(matched, clients.length + 2);

    for (const ws of clients) {
        assert.equal((await ws.next(LONGEST)).data.toString(),
                     `42["${mark}"]`);
    }
}


test(`${CLIENTS} clients come back at once`, async (t) => {
    const nginx = await startNginx({
        workers: 2, connections: CLIENTS + 1000, zone: 'zone=app:32m log=8m',
        main: `worker_rlimit_nofile ${CLIENTS + 2000};`, level: 'notice',
        listen: ({ port }) => `127.0.0.1:${port} backlog=4096`,
        location: `socketio_room *; socketio_ping_interval 300s;
                   socketio_ping_timeout 300s;`,
    });

    try {
        const baseline = await used(nginx);
        const ledger = new Ledger(nginx);
        const members = [
            await Member.open(nginx, { transport: 'websocket', strays: true }),
            await Member.open(nginx, { strays: true }),
        ];

        await Promise.all(members.map((m) => m.join('watched')));

        const clients = await all(nginx);

        await everybody(nginx, clients, 'first');

        const stop = ledger.stream(RATE, () => ['watched']);
        const start = Date.now();

        clients.forEach((ws) => ws.close());

        const back = await all(nginx);

        t.diagnostic(`all are back after ${Date.now() - start} ms`);
        await stop();

        const last = await ledger.publish(['watched']);

        await Promise.all(members.map((m) => m.until(last.id)));
        assert.deepEqual(judge(members.map((m) => m.journal), ledger), []);
        assert.deepEqual(ledger.failures(), []);
        await until(async () => (await nginx.status()).sessions.websocket
                                === CLIENTS + 1, 'who went is gone', LONGEST);
        await everybody(nginx, back, 'second');

        const { counters } = await nginx.status();

        assert.equal(counters.sessions_refused, 0);
        assert.equal(counters.overruns, 0);
        assert.equal(counters.slow_closed, 0);
        back.forEach((ws) => ws.close());
        await closeMembers();
        await drained(nginx, baseline, LONGEST);

    } finally {
        await closeMembers();
        await nginx.stop();
    }
});
