/*
 * The storm: some hundred clients connect, join, leave, upgrade and vanish at
 * random while services publish, workers are killed and the configuration is
 * reloaded.  Every session must have got each event of its rooms exactly once
 * and in order, nothing before its joins and nothing after its leaves, and
 * nothing may stay behind.
 *
 *   STORM_SECONDS  how long (15)
 *   STORM_CLIENTS  how many (150, a tenth of them stock clients)
 *   STORM_RATE     events per second (100)
 *   STORM_SEED     repeats what the clients decide
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { closeAll } from '../lib/client.mjs';
import { rawActor, stockActor, Storm } from './lib/actors.mjs';
import { PATIENCE, until } from '../lib/nginx.mjs';
import { cluster, SILENCE } from './lib/cluster.mjs';
import { judge, Ledger, tick } from './lib/journal.mjs';
import { closeMembers } from './lib/member.mjs';
import { drained, exited } from './lib/processes.mjs';
import { Random } from './lib/random.mjs';

const SECONDS = Number(process.env.STORM_SECONDS ?? 15);
const CLIENTS = Number(process.env.STORM_CLIENTS ?? 150);
const RATE = Number(process.env.STORM_RATE ?? 100);
const SEED = Number(process.env.STORM_SEED ?? Date.now() % 1000000);
const WORKERS = 4;
const PUBLISHERS = 4;
const MODES = ['polling', 'websocket', 'upgrade'];
const ROOMS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

const it = cluster({ workers: WORKERS, drain: '300ms',
                     location: `socketio_ping_interval 2s;
                         socketio_ping_timeout 10s;
                         socketio_room *;` });


/* One to three rooms, now and then with an exception. */
function target(random) {
    const rooms = random.some(ROOMS, random.pick([1, 1, 1, 2, 3]));
    const rest = ROOMS.filter((room) => !rooms.includes(room));

    return [rooms, random.chance(0.15) ? [random.pick(rest)] : []];
}


function publishers(ledger, seed) {
    return Array.from({ length: PUBLISHERS }, (_, publisher) => {
        const random = new Random(seed + 1 + publisher);

        return ledger.stream(RATE / PUBLISHERS, () => {
            const [rooms, except] = target(random);

            return [rooms, { except, publisher }];
        });
    });
}


/* As nginx.kill(), while other workers may be leaving; it is reaped, too. */
function kill(nginx, pid) {
    nginx.killed.add(pid);
    process.kill(pid, 'SIGKILL');

    return until(async () => {
        const { workers } = await nginx.status().catch(() => ({}));
        const now = nginx.workers();

        return workers && !workers.some((w) => w.pid === pid)
               && workers.filter((w) => !w.draining && now.includes(w.pid))
                   .length === WORKERS;
    }, `a worker in place of ${pid}`, PATIENCE * 2);
}


/* Kills a worker that is not leaving anyway. */
async function killOne(nginx, random) {
    const { workers } = await nginx.status().catch(() => ({ workers: [] }));
    const staying = workers.filter((w) => !w.draining).map((w) => w.pid);
    const now = nginx.workers();

    if (staying.length === WORKERS && staying.every((p) => now.includes(p))) {
        await kill(nginx, random.pick(staying));
    }
}


/* Resolves when the old workers are there no more. */
async function reload(nginx) {
    const old = nginx.workers();

    await nginx.reload();

    return { gone: exited(nginx, old, PATIENCE * 3) };
}


/* Kills and reloads; returns what was done, from when to when. */
async function trouble(storm, nginx, random) {
    const troubles = [];
    const leaving = [];

    /* what has happened to a connection may be read a little later */
    const over = async (one) => {
        await storm.pause(300, 300);
        one.to = tick();
    };

    while (storm.going) {
        await storm.pause(300, 1500);

        if (!storm.going) {
            break;
        }

        const what = random.pick(['kill', 'kill', 'reload']);
        const one = { what, from: tick(), to: Infinity };

        troubles.push(one);
        storm.counts(what);

        if (what === 'kill') {
            await killOne(nginx, random);
            leaving.push(over(one));

        } else {
            const { gone } = await reload(nginx);

            leaving.push(gone.then(() => over(one)));
        }
    }

    await Promise.all(leaving);

    return troubles;
}


/* Whether a session that ended by itself may have ended. */
function excused(member, troubles) {
    const why = member.journal.end;
    const since = (at, what) => troubles.some((t) =>
        t.from < member.endedAt && t.to > at
        && (what === undefined || t.what === what));

    /* WebSockets of an old worker, of a killed one */
    if (why === 'close 1012') {
        return since(member.born, 'reload');
    }

    if (why === 'end') {
        return since(member.born, 'kill');
    }

    /* a connection that broke, a session whose poll had died in flight */
    if (/^ECONN|socket hang up|EPIPE/.test(why)) {
        return since(member.since);
    }

    /* of stock clients */
    if (/^transport (close|error)$/.test(why)) {
        return since(member.born);
    }

    /* one whose upgrade's WebSocket was killed has paused polling for ever */
    if (why === 'ping timeout') {
        return member.journal.name.startsWith('stock upgrade')
               && since(member.born, 'kill');
    }

    return /400 /.test(why) && since(member.since, 'kill');
}


test(`storm of ${SECONDS} s, STORM_SEED=${SEED}`, async (t) => {
    const { nginx } = it;
    const storm = new Storm(nginx, new Random(SEED), ROOMS);
    const ledger = new Ledger(nginx);
    const stock = Array.from({ length: Math.ceil(CLIENTS / 10) },
        (_, i) => stockActor(storm, MODES[i % 3]));
    const raw = Array.from({ length: CLIENTS - stock.length },
        () => rawActor(storm));
    const stop = publishers(ledger, SEED);
    const troubled = trouble(storm, nginx, new Random(SEED + 100));
    let troubles;

    try {
        await Promise.race([troubled, new Promise((resolve) =>
            setTimeout(resolve, SECONDS * 1000))]);

    } finally {
        storm.going = false;
        troubles = await troubled;
        await Promise.all(stop.map((s) => s()));
    }

    const members = (await Promise.all(raw)).filter((m) => m !== null);

    /* who is still there gets all that was published, and then these */
    const last = [];

    for (const room of ROOMS) {
        last.push(await ledger.publish([room]));
    }

    await settled(storm.journals, last, SILENCE);

    storm.faults.push(...judge(storm.journals, ledger));
    storm.faults.push(...[...storm.drops, ...members.filter((m) => m.ended)]
        .filter((m) => !excused(m, troubles))
        .map((m) => `${m.journal.name} was ended: ${m.journal.end}`));

    t.diagnostic(JSON.stringify(storm.count));
    t.diagnostic(`${ledger.events.length} events, `
                 + `${ledger.failures().length} cut off; `
                 + `${storm.journals.length} sessions, `
                 + `${storm.drops.length} dropped, `
                 + `${members.length} to the end`);

    assert.deepEqual(storm.faults.slice(0, 30), [],
                     `${storm.faults.length} faults, STORM_SEED=${SEED}`);
    assert.ok(members.length > 0, 'somebody was there to the end');

    await closeMembers();
    closeAll();
    await drained(nginx, it.baseline, SILENCE);

    const { counters } = await nginx.status();

    assert.equal(counters.overruns, 0);
    assert.equal(counters.slow_closed, 0);

    /* a worker that is killed between a change and its count owes one */
    for (const kind of ['sessions', 'sockets']) {
        const [opened, closed] = ['opened', 'closed']
            .map((what) => counters[`${kind}_${what}`]);

        assert.ok(Math.abs(opened - closed) <= 1,
                  `${kind}: ${opened} opened, ${closed} closed`);
    }
});


/* Resolves when each session has the last event of the rooms it is in. */
async function settled(journals, last, patience) {
    const end = Date.now() + patience;
    const behind = (journal) => journal.end === null && last.some((event) =>
        journal.stays.some((stay) => stay.room === event.rooms[0]
                                     && stay.in < event.start
                                     && stay.asksOut > event.end)
        && !journal.got.some(({ id }) => id === event.id));

    while (journals.some(behind) && Date.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}
