/*
 * The soak: rounds of a crowd of clients, the first half of them with workers
 * that are killed and reloads with changing numbers of workers.  After each
 * round everybody goes, and the server must be as it was before the first:
 * no session, no cell, no descriptor more.  Workers that have lived through
 * the second half must not have grown since its second round, nor be slower.
 *
 *   SOAK_SECONDS  how long in all (60)
 *   SOAK_CLIENTS  how many at a time (80)
 *   SOAK_SEED     repeats what clients decide
 *   SOAK_RECORD   where samples go, a line of JSON each (build/soak.jsonl)
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';
import { closeMembers } from '../workers/lib/member.mjs';
import { drained, exited, used } from '../workers/lib/processes.mjs';
import { Random } from '../workers/lib/random.mjs';
import { Crowd, options, startAnswering } from './lib/crowd.mjs';
import { most, quantile, sample, workersOf } from './lib/measure.mjs';

const REPO = path.resolve(path.dirname(fileURLToPath(import.meta.url)),
                          '../..');
const SECONDS = Number(process.env.SOAK_SECONDS ?? 60);
const CLIENTS = Number(process.env.SOAK_CLIENTS ?? 80);
const SEED = Number(process.env.SOAK_SEED ?? Date.now() % 1000000);
const RECORD = process.env.SOAK_RECORD ?? path.join(REPO, 'build/soak.jsonl');
const ROUNDS = SECONDS < 120 ? 6 : 12;
const PUBLISHERS = 3;
const RATE = 100;               /* events per second */
const EVERY = Math.min(5000, SECONDS * 1000 / ROUNDS / 2);
const GROWTH = 1024;            /* kB that a worker may gain */
const SLOWER = 50;              /* ms, of the median */
const WORKERS = [4, 2, 5, 3, 4];

/* sessions that say nothing any more are gone then, and calls about them */
const SILENCE = 12000 + PATIENCE;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));


/* Kills and reloads until the crowd goes. */
async function trouble(nginx, crowd, random) {
    let reloads = 0;

    for ( ;; ) {
        await crowd.pause(1000, 3000);

        if (!crowd.going) {
            break;
        }

        if (random.chance(0.6)) {
            const pid = random.pick(nginx.workers());

            nginx.killed.add(pid);
            process.kill(pid, 'SIGKILL');
            crowd.counts('kills');
            await until(() => !nginx.workers().includes(pid), 'it is dead');

        } else {
            const old = nginx.workers();

            await nginx.reload({ workers: WORKERS[++reloads % 5] });
            crowd.counts('reloads');
            await exited(nginx, old, PATIENCE * 4);
        }
    }
}


async function record(nginx, crowd, name, lines) {
    while (crowd.going) {
        await pause(EVERY);
        lines.push({ round: name, ...await sample(nginx, crowd) });
        fs.appendFileSync(RECORD, `${JSON.stringify(lines.at(-1))}\n`);
    }
}


/* Everybody has gone: nothing is left.  Returns what is used now. */
async function empty(nginx, baseline, descriptors) {
    await closeMembers();
    await drained(nginx, baseline, SILENCE);

    let held;

    await until(() => {
        held = workersOf(nginx);

        return most(held, 'descriptors') <= descriptors;
    }, 'descriptors are closed', SILENCE).catch((err) => {
        throw new Error(`${err.message}: ${JSON.stringify(held)}`);
    });

    const { counters } = await nginx.status();

    assert.equal(counters.sessions_opened, counters.sessions_closed);
    assert.equal(counters.sockets_opened, counters.sockets_closed);

    return held;
}


async function round(nginx, number, more) {
    const random = new Random(SEED + number);
    const crowd = new Crowd(nginx, random);
    const lines = [];
    const all = [crowd.run(CLIENTS, PUBLISHERS, RATE),
                 record(nginx, crowd, number, lines)];

    if (more.troubled) {
        all.push(trouble(nginx, crowd, random));
    }

    await Promise.race([Promise.all(all), pause(SECONDS * 1000 / ROUNDS)]);
    crowd.going = false;
    await Promise.all(all);

    const workers = await empty(nginx, more.baseline, more.descriptors);
    const of = (key) => quantile(lines.map((line) => line[key]), 0.5);
    const told = { number, troubled: more.troubled,
                   memory: workers.map((w) => w.memory),
                   median: of('median'), slowest: of('slowest') };

    fs.appendFileSync(RECORD, `${JSON.stringify(told)}\n`);

    return { ...told, count: crowd.count };
}


async function soak(nginx, t) {
    const baseline = await used(nginx);
    const descriptors = most(workersOf(nginx), 'descriptors') + 2;
    const rounds = [];

    for (let number = 0; number < ROUNDS; number++) {
        const troubled = number < ROUNDS / 2;
        const one = await round(nginx, number, { baseline, descriptors,
                                                 troubled });

        t.diagnostic(JSON.stringify(one));
        rounds.push(one);
    }

    return rounds.filter((one) => !one.troubled);
}


test(`soak of ${SECONDS} s, SOAK_SEED=${SEED}`, async (t) => {
    fs.mkdirSync(path.dirname(RECORD), { recursive: true });
    fs.writeFileSync(RECORD, '');

    const service = await startAnswering(new Random(SEED));
    let nginx;

    try {
        nginx = await startNginx(options(service, {
            workers: 4, drain: '500ms', level: 'notice' }));

        const quiet = await soak(nginx, t);
        const { counters } = await nginx.status();

        assert.ok(counters.recoveries > 0, 'clients came back');
        const [, early] = quiet;
        const late = quiet.at(-1);

        /* a sanitizer keeps what was freed */
        assert.ok(process.env.ASAN_OPTIONS !== undefined
                  || Math.max(...late.memory)
                     <= Math.max(...early.memory) + GROWTH,
                  `workers have grown from ${early.memory} kB to `
                  + `${late.memory}`);
        assert.ok(late.median <= early.median * 2 + SLOWER,
                  `an emit takes ${late.median} ms, not ${early.median}`);

    } finally {
        await closeMembers();
        await nginx?.stop().finally(() => service.stop());
    }
});
