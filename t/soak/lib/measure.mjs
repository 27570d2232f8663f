/*
 * What a server uses, seen from outside: memory and descriptors of its workers
 * by /proc, cells of the zone by its status.
 */

import fs from 'node:fs';


/* Kilobytes of a process's own, with its share of what forks have in common. */
export function memoryOf(pid) {
    const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');

    return Number(/^Pss_Anon:\s+(\d+)/m.exec(text)[1]);
}


export function descriptorsOf(pid) {
    return fs.readdirSync(`/proc/${pid}/fd`).length;
}


/* Null for a process that has ended meanwhile. */
function tolerant(fn) {
    try {
        return fn();
    } catch {
        return null;
    }
}


export function workersOf(nginx) {
    return nginx.workers().map((pid) => ({
        pid,
        memory: tolerant(() => memoryOf(pid)),
        descriptors: tolerant(() => descriptorsOf(pid)),
    })).filter((w) => w.memory !== null && w.descriptors !== null);
}


export function most(list, key) {
    return Math.max(...list.map((one) => one[key]));
}


/* The value that a share of the numbers does not exceed, to a tenth. */
export function quantile(numbers, share) {
    const sorted = [...numbers].sort((a, b) => a - b);
    const value = sorted[Math.floor(share * (sorted.length - 1))] ?? 0;

    return Math.round(value * 10) / 10;
}


/* One line of the record. */
export async function sample(nginx, crowd) {
    const status = await nginx.status().catch(() => null);
    const workers = workersOf(nginx);
    const taken = crowd?.latencies.splice(0) ?? [];

    return {
        time: Math.round(Date.now() / 1000), workers,
        sessions: status?.sessions, log: status?.log.head,
        used: status && Object.fromEntries(Object.entries(status.memory)
            .map(([kind, pool]) => [kind, pool.used])),
        emits: taken.length, median: quantile(taken, 0.5),
        slowest: quantile(taken, 0.99),
    };
}
