/*
 * Nothing lost: thousands of clients with the stock protocol, events published
 * all the time, a worker killed each second, a reload every ten.  Whoever comes
 * back has missed nothing, got nothing twice, and all of it in order.
 *
 *   CHAOS_TIME=60 CHAOS_CLIENTS=2000 CHAOS_ROOMS=50 CHAOS_RATE=200
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { chaos } from './lib/chaos.mjs';

const number = (name, standard) => Number(process.env[name] ?? standard);

const SECONDS = number('CHAOS_TIME', 60);
const SIZE = { clients: number('CHAOS_CLIENTS', 2000),
               witnesses: number('CHAOS_WITNESSES', 30),
               rooms: number('CHAOS_ROOMS', 50),
               rate: number('CHAOS_RATE', 200) };


/* A part of the clients, or of cuts a second: enough to show something. */
const part = (n) => Math.max(20, SIZE.clients / n);
const cuts = (n) => Math.max(5, SIZE.clients / n);


function recoveries(counters) {
    return Object.fromEntries(Object.entries(counters).filter(([name, n]) =>
        n > 0 && /^(recoveries|waits|slow|overruns)/.test(name)));
}


function judge(t, sum) {
    t.diagnostic(sum.line);

    t.diagnostic(JSON.stringify({ closed: sum.reasons,
                                  ...recoveries(sum.counters) }));

    for (const text of [...sum.faults, ...sum.details]) {
        t.diagnostic(text);
    }

    assert.deepEqual(sum.faults, []);
    assert.equal(sum.waiting, 0, 'clients that never joined');
    assert.equal(sum.missing, 0, 'missing');
    assert.equal(sum.duplicated, 0, 'duplicated');
    assert.equal(sum.disordered, 0, 'out of order');
    assert.ok(sum.deliveries > 0 && sum.recovered > 0);
}


describe('nothing lost', () => {
    test(`kills and reloads, ${SECONDS} s`, async (t) => {
        judge(t, await chaos({ ...SIZE, seconds: SECONDS, kill: 1000,
                               reload: 10000 }));
    });

    test('connections that are cut', async (t) => {
        judge(t, await chaos({ ...SIZE, clients: part(4), cuts: cuts(40),
                               seconds: SECONDS / 3 }));
    });

    test('long replays that break off', async (t) => {
        judge(t, await chaos({ ...SIZE, clients: part(20), rooms: 4,
                               pad: 4000, cuts: cuts(200),
                               kill: 2000, reload: 10000,
                               seconds: SECONDS / 3 }));
    });

    test('without recovery the judge finds losses', async (t) => {
        const sum = await chaos({ ...SIZE, clients: 200, seconds: 5,
                                  recovery: 'off', kill: 500, patience: 5000 });

        t.diagnostic(sum.line);
        assert.ok(sum.missing > 0 && sum.anew > 0 && sum.recovered === 0);
        assert.equal(sum.duplicated, 0);
        assert.equal(sum.disordered, 0);
    });
});
