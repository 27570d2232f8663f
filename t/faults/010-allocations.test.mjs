/*
 * Memory that runs out in workers, at random: what needed it may fail, but no
 * worker dies, nothing is left behind, and the server serves afterwards.
 *
 *   ALLOC_SECONDS  how long for each share (6)
 *   FAULTS_SEED    of make faults: repeats what fails, as far as timing does
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SEED } from '../lib/faults.mjs';
import { PATIENCE, startNginx } from '../lib/nginx.mjs';
import { Polling, TRANSPORTS, WebSocketRaw, openSession }
    from '../lib/raw.mjs';
import { inSeconds, token } from '../lib/tokens.mjs';
import { Crowd, options, startAnswering } from '../soak/lib/crowd.mjs';
import { closeMembers } from '../workers/lib/member.mjs';
import { drained, used } from '../workers/lib/processes.mjs';
import { Random } from '../workers/lib/random.mjs';

const SECONDS = Number(process.env.ALLOC_SECONDS ?? 6);
const CLIENTS = 30;

/* sessions that say nothing, and sockets that their services hear of */
const SILENCE = 6000 + PATIENCE;


async function storm(nginx, seed) {
    const crowd = new Crowd(nginx, new Random(seed));
    const run = crowd.run(CLIENTS, 2, 60);

    await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
    crowd.going = false;

    const { alloc } = nginx.faults.done();

    nginx.faults.stop();
    await run;
    await closeMembers();

    return { count: crowd.count, alloc };
}


/* Everything works for each transport, on any worker. */
async function serves(nginx) {
    for (const transport of TRANSPORTS) {
        const session = await openSession(transport, nginx.url);
        const auth = { token: token({ sub: 'last', exp: inSeconds(600) }) };

        await session.connect('/', auth);
        assert.deepEqual(await session.ack(1, ['join', 'room']),
                         [{ ok: true, rooms: ['room'] }]);
        await nginx.publish({ rooms: 'room', event: 'e', data: 1 });
        assert.match(await session.recv(), /^42\["e",1,"\w+"\]$/);
        await session.close();
    }
}


/*
 * Shares per thousand of the allocations, from where on.  What is as large as
 * a request's pool, and everything.
 */
for (const plan of ['alloc=5', 'alloc=30', 'alloc=100,bound=512']) {
    test(`${plan}, FAULTS_SEED=${SEED}`, async (t) => {
        const service = await startAnswering(new Random(SEED));
        let nginx;

        try {
            nginx = await startNginx(options(service, {
                workers: 2, faults: plan, expectEmerg: true,
            }));

            const pids = nginx.workers().sort();

            nginx.faults.stop();

            const baseline = await used(nginx);

            nginx.faults.resume();

            const { count, alloc } = await storm(nginx, SEED);

            t.diagnostic(`${alloc} failed: ${JSON.stringify(count)}`);
            assert.ok(alloc > 10, 'allocations failed');
            assert.deepEqual(nginx.workers().sort(), pids, 'no worker died');
            await drained(nginx, baseline, SILENCE);
            await serves(nginx);
            await drained(nginx, baseline, SILENCE);
            assert.deepEqual(nginx.workers().sort(), pids, 'no worker died');

        } finally {
            nginx?.faults.stop();
            await nginx?.stop().finally(() => service.stop());
        }
    });
}


/*
 * Base64 makes the frame larger than what the publisher needs: it alone fails.
 * Nobody knows by then for whom the frame would have been.
 */
test('an event that a worker has no memory for', async () => {
    const nginx = await startNginx({
        faults: 'alloc=1000,bound=400000', expectEmerg: true,
        zone: 'zone=app:4m log=4m',
        api: 'client_max_body_size 1m; client_body_buffer_size 1m;',
    });

    try {
        const publish = (bytes) => nginx.publish({
            event: 'e', data: { _placeholder: true, num: 0 },
            attachments: [Buffer.alloc(bytes).toString('base64')] });
        const old = await WebSocketRaw.open(nginx.url, { query: { b64: 1 } });
        const polling = await Polling.open(nginx.url);

        await old.connect();
        await polling.connect();
        await publish(100);
        assert.match(await old.recv(), /^451-/);
        await old.recv();
        await publish(200000);
        assert.equal(await old.end(), 1012);

        const { counters } = await nginx.status();

        assert.equal(counters.memory_failed, 1);
        assert.equal(counters.overruns, 0);
        assert.match(nginx.logs(), /had no memory for an event of socketio_zone/);
        assert.ok(!/lapped/.test(nginx.logs()));

        const next = await WebSocketRaw.open(nginx.url);

        await next.connect();
        nginx.faults.stop();
        await publish(200000);
        assert.match(await next.recv(), /^451-/);
        next.close();
        await polling.close();

    } finally {
        await nginx.stop();
    }
});
