/*
 * One run: an nginx, threads full of clients, the publisher, and the trouble.
 * Returns what was counted, and says it in one line.
 */

import { createRequire } from 'node:module';
import os from 'node:os';
import { Worker } from 'node:worker_threads';

import { PATIENCE, nginxVersion, startNginx } from '../../lib/nginx.mjs';
import { Cutter } from './cutter.mjs';
import { Counts } from './journal.mjs';
import { Latency } from './latency.mjs';
import { Publisher } from './publisher.mjs';
import { Trouble } from './trouble.mjs';

const WORKERS = 4;
const THREADS = 2;
const STOCK = ['polling', 'websocket', 'upgrade'];
const LEAN = ['polling', 'websocket'];

const JOINED = 60000 + PATIENCE * 10;

/* The longest a client stays away, and then it has to come back. */
const RETURN = 8000 + PATIENCE * 6;

const STOCK_VERSION = createRequire(import.meta.url)(
    'socket.io-client/package.json').version;

const VERSIONS = () => [
    `nginx ${/nginx\/(\S+)/.exec(nginxVersion())?.[1]}`,
    `Node.js ${process.versions.node}`, `socket.io-client ${STOCK_VERSION}`,
    `${os.cpus().length} CPUs for all`].join(', ');

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));


/* Every client has an address of its own, by which a proxy knows it. */
function plan({ clients, witnesses, rooms }, target) {
    return Array.from({ length: clients }, (_, i) => {
        const stock = i < witnesses;
        const kinds = stock ? STOCK : LEAN;
        const transport = kinds[i % kinds.length];

        return {
            name: `${stock ? 'stock' : 'lean'} ${transport} ${i}`, stock,
            transport,
            rooms: stock ? [i % rooms, (i + 7) % rooms] : [i % rooms],
            target: { ...target,
                      localAddress: `127.1.${i >> 8}.${i & 255}` },
        };
    });
}


function within(promise, ms, what) {
    let timer;
    const late = new Promise((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`${what}: ${ms} ms`)), ms);
    });

    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}


class Threads {
    constructor(clients, started) {
        this.heads = Array.from({ length: THREADS }, (_, n) => {
            const worker = new Worker(new URL('crowd.mjs', import.meta.url), {
                workerData: { started: started.buffer,
                    clients: clients.filter((_c, i) => i % THREADS === n) } });

            return worker;
        });
        this.failed = new Promise((_resolve, reject) =>
            this.heads.forEach((worker) => worker.on('error', reject)));
        this.joined = this.#all();
    }

    /* The next message of each. */
    #all() {
        return Promise.race([this.failed, Promise.all(this.heads.map(
            (worker) => new Promise((resolve) =>
                worker.once('message', resolve))))]);
    }

    ask(ask, finals) {
        const answers = this.#all();

        this.heads.forEach((worker) => worker.postMessage({ ask, finals }));

        return answers;
    }
}


async function completed(threads, finals, patience = RETURN) {
    const end = Date.now() + patience;

    for ( ;; ) {
        const answers = await threads.ask('complete', finals);
        const rest = answers.reduce((sum, one) => sum + one.incomplete, 0);

        if (rest === 0 || Date.now() > end) {
            return;
        }

        await pause(100);
    }
}


function summed(answers) {
    const sum = { counts: new Counts(), totals: {}, reasons: {}, waiting: 0,
                  latency: new Latency(), live: new Latency() };

    for (const one of answers) {
        sum.counts.add(one.counts);
        sum.waiting += Math.max(0, one.waiting);
        sum.latency.add({ counts: one.latency });
        sum.live.add({ counts: one.live });

        for (const [key, value] of Object.entries(one.totals)) {
            sum.totals[key] = Array.isArray(value)
                ? [...sum.totals[key] ?? [], ...value]
                : (sum.totals[key] ?? 0) + value;
        }

        for (const [key, value] of Object.entries(one.reasons)) {
            sum.reasons[key] = (sum.reasons[key] ?? 0) + value;
        }
    }

    return sum;
}


function line(options, sum, publisher, trouble, counters) {
    const { counts, totals, latency, live } = sum;
    const ms = (of) => `p50 ${of.quantile(0.5)} ms, p99 ${of.quantile(0.99)} ms`;
    const cuts = Object.entries(trouble.cuts ?? {})
        .map(([mode, n]) => `${n} ${mode}`).join(', ');

    return [
        `${new Date().toISOString().slice(0, 10)}, ${VERSIONS()}`,
        `${Math.round(options.seconds)} s, ${options.clients} clients, `
        + `${WORKERS} workers, ${publisher.published} events`,
        `${trouble.kills} kills (${counters.rebuilds} within the lock), `
        + `${trouble.reloads} reloads${cuts ? `; cuts: ${cuts}` : ''}`,
        `${totals.connects - options.clients} reconnections, `
        + `${totals.recovered} recovered`,
        `${publisher.repeats} repeated POSTs, ${publisher.duplicates} of what `
        + 'had been published',
        `${counts.deliveries} deliveries: ${counts.missing} missing, `
        + `${counts.duplicated} duplicated, `
        + `${counts.disordered} out of order`,
        `latency ${ms(latency)}, while connected ${ms(live)}`,
    ].join('; ');
}


export async function chaos(options) {
    const nginx = await startNginx({
        workers: WORKERS, connections: 8192, level: 'notice', drain: '2s',
        zone: 'zone=app:64m', main: 'worker_rlimit_nofile 16384;',
        server: 'access_log off;',
        location: `socketio_room room:*;
                   socketio_ping_interval 3s; socketio_ping_timeout 10s;
                   socketio_recovery ${options.recovery ?? '2m'};` });

    try {
        return await run(nginx, options);

    } finally {
        await nginx.stop();
    }
}


async function run(nginx, options) {
    const started = new Int32Array(new SharedArrayBuffer(4 * options.rooms));
    const publisher = new Publisher(nginx, started, options);
    const cutter = options.cuts ? await Cutter.start(nginx.port, options.cuts)
                                : null;
    const target = { host: '127.0.0.1', port: cutter?.port ?? nginx.port };
    const threads = new Threads(plan(options, target), started);

    publisher.start();
    await within(threads.joined, JOINED, 'not all have joined');

    const trouble = new Trouble(nginx, options);

    await cutter?.begin();
    await pause(options.seconds * 1000);
    trouble.cuts = await cutter?.end();
    await trouble.quiet(WORKERS);
    await publisher.stop();
    await completed(threads, [...started], options.patience);
    await pause(options.linger ?? 500);

    const { counters } = await nginx.status();
    const sum = summed(await threads.ask('end', [...started]));

    await cutter?.stop();

    return { ...sum.counts, ...sum.totals, waiting: sum.waiting, counters,
             reasons: sum.reasons, cuts: trouble.cuts, kills: trouble.kills,
             reloads: trouble.reloads, published: publisher.published,
             faults: [...sum.totals.faults, ...publisher.refused],
             line: line(options, sum, publisher, trouble, counters) };
}
