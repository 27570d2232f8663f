/* Random numbers that a seed repeats (mulberry32). */

export class Random {
    constructor(seed) {
        this.state = seed >>> 0;
    }

    /* From 0 up to 1. */
    next() {
        this.state = (this.state + 0x6d2b79f5) >>> 0;

        let t = this.state;

        t = Math.imul(t ^ (t >>> 15), t | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);

        return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    }

    below(n) {
        return Math.floor(this.next() * n);
    }

    between(low, high) {
        return low + this.below(high - low + 1);
    }

    chance(probability) {
        return this.next() < probability;
    }

    pick(list) {
        return list[this.below(list.length)];
    }

    /* n different ones of a list. */
    some(list, n) {
        const rest = [...list];

        return Array.from({ length: n }, () =>
            rest.splice(this.below(rest.length), 1)[0]);
    }
}
