/* Latencies in steps of a tenth of a millisecond, then of one, then of ten. */

const STEPS = [[0.1, 1000], [1, 10000], [10, 60000]];
const SIZE = STEPS.reduce((sum, [step, to]) => sum + to / step, 0) + 1;


/* Milliseconds; the same clock in all threads. */
export function clock() {
    const [seconds, nanoseconds] = process.hrtime();

    return Math.round(seconds * 1e5 + nanoseconds / 1e4) / 100;
}


export class Latency {
    constructor(counts = new Float64Array(SIZE)) {
        this.counts = counts;
    }

    note(ms) {
        let at = 0;

        for (const [step, to] of STEPS) {
            if (ms < to) {
                this.counts[at + Math.max(0, Math.floor(ms / step))]++;
                return;
            }

            at += to / step;
        }

        this.counts[SIZE - 1]++;
    }

    add(other) {
        other.counts.forEach((n, i) => { this.counts[i] += n; });
    }

    quantile(q) {
        const wanted = q * this.counts.reduce((sum, n) => sum + n, 0);
        let sum = 0;
        let at = 0;

        for (const [step, to] of STEPS) {
            for (let i = 0; i < to / step; i++) {
                sum += this.counts[at + i];

                if (sum >= wanted) {
                    return Math.round(i * step * 10) / 10;
                }
            }

            at += to / step;
        }

        return Infinity;
    }
}
