/*
 * Memory that is missing in one place, which is known by the size of what is
 * asked for there: its client is told, and nothing of it stays.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startNginx } from '../lib/nginx.mjs';
import { Polling } from '../lib/raw.mjs';


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
