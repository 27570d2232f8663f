/*
 * A worker dies at each of the points within the zone's lock that an emit with
 * an id, and one that waits for acks, come to.  The publisher sends it again,
 * with the same id: the client gets it once, wherever the worker died.  Needs
 * the test build, as 080-die-in-lock.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startNginx, until } from '../lib/nginx.mjs';
import { Polling } from '../lib/raw.mjs';

const MODULE = process.env.TEST_NGINX_MODULE_ECHO;
const BINARY = process.env.TEST_NGINX_BINARY_ECHO;
const skip = MODULE === undefined ? 'TEST_NGINX_MODULE_ECHO is not set' : false;

const POINTS = 200;

if (skip) {
    process.stderr.write(`SKIPPED 085-die-with-key: ${skip}\n`);
}


/* As a publisher does: again until there is an answer. */
async function publish(nginx, body) {
    for (let tries = 0; ; tries++) {
        try {
            return { ...await nginx.publish(body), tries };

        } catch (err) {
            assert.ok(tries < 2, `${err.message}, the third time`);
        }
    }
}


/* What the client gets: all events up to the mark. */
async function received(nginx, session) {
    const got = [];

    await nginx.publish({ rooms: session.id, event: 'mark' });

    for ( ;; ) {
        const packet = await session.recv();

        if (packet === '42["mark"]') {
            return got;
        }

        got.push(JSON.parse(packet.replace(/^42\d*/, '')));
    }
}


/* Returns what became of it: undefined when no worker has died. */
async function dieAt(point) {
    process.env.SIO_TEST_DIE = String(point);

    const nginx = await startNginx({
        workers: 2, binary: BINARY, module: MODULE, mayDie: true,
    });
    const dead = () => /exited on signal 9/.test(nginx.logs());
    const result = { repeated: 0, known: 0 };

    /* a session whose own request dies is lost, that is no matter here */
    await live(nginx, result).catch(async (err) => {
        if (result.repeated > 0
            || !await until(dead, 'a worker has died').catch(() => false))
        {
            throw new Error(`point ${point}`, { cause: err });
        }
    });

    await until(async () => {
        const { memory } = await nginx.status().catch(() => ({}));

        return memory?.acks.used === 0;
    }, `no question is left of point ${point}`);

    await nginx.stop();

    return /exited on signal 9/.test(nginx.finalLog) ? result : undefined;
}


async function live(nginx, result) {
    const session = await Polling.open(nginx.url);

    session.id = await session.connect();

    for (const more of [{}, { ack: { timeout: 1 } }]) {
        const emit = { rooms: session.id, event: 'e', id: `${more.ack}`,
                       ...more };
        const first = await publish(nginx, emit);
        const again = await publish(nginx, emit);

        result.repeated += first.tries > 0;
        result.known += first.duplicate === true;

        /* one that dies while it waits for acks is known as well */
        assert.ok(first.tries > 0 || first.duplicate === undefined);
        assert.equal(again.offset, first.offset);
        assert.equal(again.matched, 1);
        assert.equal(again.duplicate, true);
    }

    assert.deepEqual(await received(nginx, session), [['e'], ['e']]);
    await session.close();
}


test('a repeat after a worker has died', { skip }, async () => {
    let repeated = 0, known = 0, point;

    for (point = 1; point < POINTS; point++) {
        const result = await dieAt(point);

        if (result === undefined) {
            break;
        }

        repeated += result.repeated;
        known += result.known;
    }

    assert.ok(point < POINTS, 'the points have an end');
    assert.ok(repeated - known > 5, `${repeated} repeats, ${known} known`);
    assert.ok(known > 3, `${known} of ${repeated} repeats were known`);
});
