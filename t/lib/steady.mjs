/*
 * For tests whose subject is time, and for what the server promises within a
 * second or three: it cannot keep that while the machine stands still.  A
 * virtual one may, for seconds, and all processes with it.  This process
 * notices that by its own timers.
 */

const TRIES = 5;
const TICK = 10;        /* ms */
const STALL = 50;       /* ms; a process with a processor has no such pause */


/* Milliseconds of a clock that nobody sets. */
export const now = () => performance.now();


/* Measures the longest pause of this process until it is stopped. */
function watch() {
    let [last, longest] = [now(), 0];

    const look = () => {
        const at = now();

        longest = Math.max(longest, at - last - TICK);
        last = at;
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
