/*
 * For what the server promises within a second or three, and cannot keep while
 * the machine stands still: a virtual one may, for seconds, and all processes
 * with it.  This process notices that by its own timers.
 */

const TRIES = 5;
const TICK = 20;        /* ms */
const STALL = 200;      /* ms: a pause of this process that is no accident */


/* Measures the longest pause of this process until it is stopped. */
function watch() {
    let [last, longest] = [performance.now(), 0];

    const look = () => {
        const now = performance.now();

        longest = Math.max(longest, now - last - TICK);
        last = now;
    };
    const timer = setInterval(look, TICK);

    return () => {
        clearInterval(timer);
        look();

        return longest;
    };
}


/*
 * Runs body; when it fails and the machine stood still meanwhile, runs undo and
 * then body again, some times.  Where nothing stands still the first failure
 * counts, as do those of strictly() always.
 */
export async function steady(body, undo = () => {}) {
    for (let left = TRIES; ; left--) {
        const stop = watch();

        try {
            return await body();

        } catch (err) {
            const pause = stop();

            if (left === 1 || pause < STALL || err.strict) {
                throw err;
            }

            process.stderr.write(`again after a stall of ${Math.round(pause)} `
                                 + `ms: ${err.message}\n`);

        } finally {
            stop();
        }

        await undo();
    }
}


/* What must not happen in a stall either: steady() does not try it again. */
export function strictly(check) {
    try {
        return check();

    } catch (err) {
        err.strict = true;
        throw err;
    }
}
