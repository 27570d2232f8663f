/*
 * For tests whose subject is time, on a machine that may stand still for a
 * while.  Owns one timer, which notices when this process did not run.
 */

import { performance } from 'node:perf_hooks';

const TICK = 10;
const STALL = 50;       /* ms; a process with a processor has no such gaps */

let ticked = -Infinity;
let stalled = -Infinity;


/* Milliseconds of a clock that nobody sets. */
export function now() {
    return performance.now();
}


function tick() {
    const at = now();

    if (at - ticked > STALL) {
        stalled = at;
    }

    ticked = at;
}


/*
 * Runs a scenario and returns what it returns.  One that fails while the
 * machine stood still says nothing of the server, so it is run again, up to
 * five times in all; one that fails on a machine that runs has failed.
 */
export async function timely(scenario) {
    if (ticked === -Infinity) {
        ticked = now();
        setInterval(tick, TICK).unref();
    }

    for (let left = 4; ; left--) {
        const begun = now();

        try {
            return await scenario();

        } catch (err) {
            tick();

            if (left === 0 || stalled < begun) {
                throw err;
            }
        }
    }
}
