/*
 * Memory that is missing in one place, which is known by the size of what is
 * asked for there: its client is told, and nothing of it stays.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startNginx, until } from '../lib/nginx.mjs';
import { OP, Polling, WebSocketRaw } from '../lib/raw.mjs';


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
