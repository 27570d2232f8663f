/*
 * Memory that is missing in one place, which is known by the size of what is
 * asked for there: its client is told, and nothing of it stays.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startNginx, until } from '../lib/nginx.mjs';
import { OP, Polling, WebSocketRaw, upgrade } from '../lib/raw.mjs';


/* From bound bytes on all allocations fail, once body() resumes the faults. */
function check(name, bound, location, body) {
    test(name, async () => {
        const nginx = await startNginx({
            location, faults: `alloc=1000,bound=${bound}`, expectEmerg: true,
        });

        nginx.faults.stop();

        try {
            await body(nginx);

        } finally {
            nginx.faults.stop();
            await nginx.stop();
        }
    });
}


async function probe(session) {
    const ws = await WebSocketRaw.open(session.base, { sid: session.sid });

    await ws.send('2probe');
    assert.equal(await ws.recv(), '3probe');

    return ws;
}


/* The upgrade of a session finds no memory: both end. */
async function notUpgraded(nginx, session) {
    const ws = await probe(session);

    nginx.faults.resume();
    await ws.send('5');
    assert.equal(await ws.end(), 1013);
    nginx.faults.stop();
    await session.assertGone();
}


/* The client was closed because of us, and nothing else was wrong. */
async function starved(nginx) {
    const { counters } = await nginx.status();

    assert.equal(counters.memory_failed, 1);
    assert.equal(counters.protocol_errors, 0);
    assert.match(nginx.logs(), /had no memory for what a socketio client has/);
    assert.ok(!nginx.logs().includes('malformed'));
}


async function empty(nginx) {
    await until(async () => (await nginx.status()).memory.sessions.used === 0,
                'no session is left');
}


/* A page of the worker's table of WebSockets, the first one. */
check('an upgrade that finds no memory ends its session', 4096, '',
      async (nginx) => {
    const session = await Polling.open(nginx.url);

    await session.connect();
    await notUpgraded(nginx, session);
    await starved(nginx);
    await empty(nginx);
});


/*
 * A new duration takes a clock.  The one of the limit is there where it lasts
 * as long as the one of the upgrade; what is left of 1000s is rounded to
 * another one.
 */
const CLOCK = 120;

check('an upgrade that finds none for its missing pong', CLOCK,
      `socketio_ping_interval 300ms; socketio_ping_timeout 1000s;
       socketio_connect_timeout 10s; socketio_upgrade_timeout 10s;`,
      async (nginx) => {
    const other = await WebSocketRaw.open(nginx.url);
    const session = await Polling.open(nginx.url);

    assert.deepEqual(await session.poll(), ['2']);
    await notUpgraded(nginx, session);
    other.close();
});


check('an upgrade that finds none for its limit', CLOCK,
      `socketio_ping_interval 12800ms; socketio_upgrade_timeout 12800ms;
       socketio_connect_timeout 20s;`,
      async (nginx) => {
    const first = await Polling.open(nginx.url);

    await first.connect();

    const other = await upgrade(first);
    const session = await Polling.open(nginx.url);

    await notUpgraded(nginx, session);
    other.close();
});


/* The body is put together in memory that the first event has left there. */
check('an answer to a poll that is never made is not taken as given', 50000,
      '', async (nginx) => {
    const session = await Polling.open(nginx.url);
    const data = 'x'.repeat(60000);

    await session.connect();
    await nginx.publish({ event: 'e', data });
    assert.deepEqual(await session.poll(), [`42["e","${data}"]`]);
    await nginx.publish({ event: 'e', data });

    nginx.faults.resume();
    assert.equal((await session.get()).status, 500);
    nginx.faults.stop();
    await session.assertGone();
});


check('a message in pieces', 100000, '', async (nginx) => {
    const ws = await WebSocketRaw.open(nginx.url);

    nginx.faults.resume();
    ws.frame(OP.TEXT, `4${'x'.repeat(150000)}`);
    assert.equal(await ws.end(), 1013);
    nginx.faults.stop();
    await starved(nginx);
    await empty(nginx);
});


check('a large POST', 100000, '', async (nginx) => {
    const session = await Polling.open(nginx.url);

    nginx.faults.resume();
    assert.equal((await session.post(`4${'x'.repeat(150000)}`)).status, 400);
    nginx.faults.stop();
    await session.assertGone();
    await starved(nginx);
});
