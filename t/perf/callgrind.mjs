/*
 * Counts of instructions from callgrind: dumps of a running process, and what
 * is in them.
 */

import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { until } from '../lib/nginx.mjs';

const run = promisify(execFile);


/* Instructions by function since the last dump of a process; a Map. */
export class Callgrind {
    constructor(dir, pid) {
        this.dir = dir;
        this.pid = pid;
        this.dumps = 0;
    }

    async dump() {
        const file = path.join(this.dir,
                               `callgrind.${this.pid}.${++this.dumps}`);

        await run('vgdb', [`--pid=${this.pid}`, 'dump']);
        await until(() => fs.existsSync(file)
                          && /^totals: /m.test(fs.readFileSync(file, 'utf8')),
                    `callgrind writes ${file}`);

        return selfCounts(fs.readFileSync(file, 'utf8'));
    }
}


/*
 * "fn=(12) name" begins a function, its name is given once; "calls=" announces
 * a line with the costs of a call, which are in the callee's lines already.
 */
export function selfCounts(text) {
    const names = new Map();
    const counts = new Map();
    let current;
    let skip = false;

    for (const line of text.split('\n')) {
        const name = /^c?fn=\((\d+)\)(?: (.*))?$/.exec(line);

        if (name) {
            if (name[2]) {
                names.set(name[1], name[2].replace(/'\d+$/, ''));
            }

            if (line[0] === 'f') {
                current = name[1];
            }

        } else if (line.startsWith('calls=')) {
            skip = true;

        } else if (/^[+*\d-]/.test(line)) {
            if (!skip) {
                const key = names.get(current);
                const cost = Number(line.split(' ').at(-1));

                counts.set(key, (counts.get(key) ?? 0) + cost);
            }

            skip = false;
        }
    }

    return counts;
}


/* a - b * times, function by function. */
export function minus(a, b, times = 1) {
    const left = new Map(a);

    for (const [name, n] of b) {
        left.set(name, (left.get(name) ?? 0) - n * times);
    }

    return left;
}


/* Each count divided by n. */
export function per(counts, n) {
    return new Map([...counts].map(([name, count]) => [name, count / n]));
}


export function total(counts) {
    return [...counts.values()].reduce((sum, n) => sum + n, 0);
}
