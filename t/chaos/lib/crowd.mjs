/*
 * A thread full of clients, each with its journal.  Told by messages when to
 * look whether all is there, and to end; answers with the counts.
 */

import { parentPort, workerData } from 'node:worker_threads';

import { Counts, Journal } from './journal.mjs';
import { Latency, clock } from './latency.mjs';
import { LeanClient } from './lean.mjs';
import { Witness } from './witness.mjs';

const TRAIL = 24;               /* lines that a client remembers */
const EVERY = 20;               /* ms between groups of new clients */
const GROUP = 10;

const started = new Int32Array(workerData.started);
const counts = new Counts();
const totals = { connects: 0, recovered: 0, anew: 0, faults: [] };
const reasons = {};
const latency = new Latency();
const live = new Latency();     /* of what was published while connected */
const clients = [];
let waiting = workerData.clients.length;


class Client {
    constructor({ name, stock, transport, rooms, target }) {
        this.name = name;
        this.trail = [];
        this.since = Infinity;
        this.times = 0;
        this.journal = new Journal(name, counts, () => this.#known());
        this.rooms = rooms;

        const Kind = stock ? Witness : LeanClient;

        this.client = new Kind({ transport, target,
            rooms: rooms.map((room) => `room:${room}`),
            on: {
                connect: (recovered) => this.#connected(recovered),
                event: (data, offset) => this.#event(data, offset),
                close: (reason) => this.#closed(reason),
                joined: () => this.#joined(),
                fault: (text) => this.#fault(text),
            } });
    }

    #note(text) {
        this.trail.push(`${clock().toFixed(0)} ${text}`);

        if (this.trail.length > TRAIL) {
            this.trail.shift();
        }
    }

    #known() {
        return this.trail.join(', ');
    }

    #connected(recovered) {
        this.#note(`${recovered ? 'recovered' : 'anew'} after ${this.last}`);
        this.since = clock();
        totals.connects++;
        totals.recovered += recovered;
        totals.anew += !recovered && this.times++ > 0;
    }

    #closed(reason) {
        this.since = Infinity;
        this.#note(reason);
        reasons[reason] = (reasons[reason] ?? 0) + 1;
    }

    #joined() {
        this.#note('joined');
        waiting -= !this.in;
        this.in = true;
        this.rooms.forEach((room) =>
            this.journal.joined(room, Atomics.load(started, room)));

        if (waiting === 0) {
            waiting = -1;
            parentPort.postMessage({ joined: true });
        }
    }

    #event({ r, n, t }, offset) {
        const ms = clock() - t;

        this.last = offset;
        this.journal.got(r, n, offset);
        latency.note(ms);

        if (t > this.since) {
            live.note(ms);
        }
    }

    #fault(text) {
        this.#note(text);
        totals.faults.push(`${this.name}: ${text}`);
    }
}


function begin() {
    const left = [...workerData.clients];
    const timer = setInterval(() => {
        left.splice(0, GROUP).forEach((one) => clients.push(new Client(one)));

        if (left.length === 0) {
            clearInterval(timer);
        }
    }, EVERY);
}


parentPort.on('message', ({ ask, finals }) => {
    const final = (room) => finals[room];

    if (ask === 'complete') {
        parentPort.postMessage({ incomplete: clients.filter((one) =>
            !one.journal.complete(final)).length });
        return;
    }

    clients.forEach((one) => {
        one.client.leave();
        one.journal.end(final);
    });

    parentPort.postMessage({ counts: { ...counts }, totals, reasons, waiting,
                             latency: latency.counts, live: live.counts });
    parentPort.close();
});


begin();
