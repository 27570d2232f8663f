/*
 * A thread with a TCP proxy before nginx that cuts clients off at random, each
 * known by its address, and lets none of them in again for two seconds.
 */

import net from 'node:net';
import { Worker, isMainThread, parentPort, workerData }
    from 'node:worker_threads';

const AWAY = 2000;              /* ms */
const SOON = 200;               /* ms for the rest of a cut in the middle */
const OPEN = 3000;              /* ms that nginx does not hear of a cut */
const TICK = 10;
const AGAIN = 0.5;              /* of cuts are followed by one in the replay */
const LATEST = 8;               /* piece of the replay in which that is */
const EVENT = '42[';


/* From the test's side: cuts is how many there were in a second. */
export class Cutter {
    static async start(port, cuts) {
        const cutter = new Cutter();

        cutter.worker = new Worker(new URL(import.meta.url), {
            workerData: { cutter: port, cuts } });
        cutter.port = await cutter.#answer();

        return cutter;
    }

    #answer() {
        return new Promise((resolve, reject) => {
            this.worker.once('message', resolve);
            this.worker.once('error', reject);
        });
    }

    #ask(what) {
        this.worker.postMessage(what);

        return this.#answer();
    }

    begin() {
        return this.#ask('begin');
    }

    /* Resolves to the number of cuts of each kind; connections go on. */
    end() {
        return this.#ask('end');
    }

    stop() {
        return this.worker.terminate();
    }
}


/* One connection of a client, and ours to nginx for it. */
class Pair {
    /* fragile: it breaks in the middle of the events that come */
    constructor(client, port, owner, fragile) {
        this.client = client;
        this.fragile = fragile;
        this.owner = owner;
        this.server = net.connect({ port, host: '127.0.0.1', noDelay: true });
        this.mode = null;
        client.setNoDelay(true);
        owner.add(this);

        this.#watch(client, this.server);
        this.#watch(this.server, client);
    }

    #watch(from, to) {
        from.on('data', (data) => this.#data(from, to, data));
        from.on('error', () => {});
        from.on('close', () => this.#closed(from, to));
    }

    #data(from, to, data) {
        if (this.mode === null && this.fragile.left > 0
            && from === this.server && data.includes(EVENT)
            && --this.fragile.left === 0)
        {
            this.fragile.count();
            this.mode = 'middle';
        }

        if (this.mode === 'middle' && from === this.server) {
            to.write(data.subarray(0, Math.random() * data.length));
            this.#gone();
            return;
        }

        if (this.mode !== 'frozen' && this.mode !== 'half'
            && !to.write(data))
        {
            from.pause();
            to.once('drain', () => from.resume());
        }
    }

    #closed(from, to) {
        this.owner.delete(this);

        if (this.mode === null) {
            to.end();
        }
    }

    #gone() {
        this.mode = 'gone';
        this.client.end();
        this.server.destroy();
        setTimeout(() => this.client.destroy(), SOON);
    }

    cut(mode) {
        this.mode = mode;

        if (mode === 'reset') {
            this.client.resetAndDestroy();
            this.server.resetAndDestroy();

        } else if (mode === 'half') {
            this.client.resetAndDestroy();
            setTimeout(() => this.server.destroy(), OPEN);

        } else {
            setTimeout(() => this.#gone(), mode === 'frozen' ? AWAY : SOON);
        }
    }
}


/*
 * middle: in the middle of what nginx says next; half: nginx does not notice;
 * frozen: nobody notices until nothing has come through for a while.  Then some
 * are cut again in the middle of what they have missed (replay).
 */
const MODES = ['reset', 'middle', 'half', 'frozen'];


class Proxy {
    constructor(port) {
        this.pairs = new Map();         /* by address */
        this.away = new Map();
        this.counts = Object.fromEntries(
            [...MODES, 'replay'].map((mode) => [mode, 0]));
        this.fragile = new Map();
        this.server = net.createServer((client) => this.#accept(client, port));
    }

    #accept(client, port) {
        const address = client.remoteAddress;

        client.on('error', () => {});

        if (address === undefined || this.away.get(address) > Date.now()) {
            client.resetAndDestroy();
            return;
        }

        if (!this.pairs.has(address)) {
            this.pairs.set(address, new Set());
            this.fragile.set(address, { left: 0,
                                        count: () => this.counts.replay++ });
        }

        new Pair(client, port, this.pairs.get(address),
                 this.fragile.get(address));
    }

    cut() {
        const all = [...this.pairs.keys()];
        const address = all[Math.floor(Math.random() * all.length)];
        const mode = MODES[Math.floor(Math.random() * MODES.length)];
        const pairs = this.pairs.get(address);

        if (pairs === undefined || pairs.size === 0) {
            return;
        }

        this.counts[mode]++;
        this.fragile.get(address).left =
            Math.random() < AGAIN ? Math.ceil(Math.random() * LATEST) : 0;
        this.away.set(address, Date.now() + AWAY);
        [...pairs].forEach((pair) => pair.mode === null && pair.cut(mode));
    }
}


function serve() {
    const proxy = new Proxy(workerData.cutter);
    let timer;

    function begin() {
        const from = Date.now();
        let done = 0;

        timer = setInterval(() => {
            const due = (Date.now() - from) * workerData.cuts / 1000;

            for ( /* void */ ; done < due; done++) {
                proxy.cut();
            }
        }, TICK);
    }

    parentPort.on('message', (what) => {
        clearInterval(timer);

        if (what === 'begin') {
            begin();
        }

        parentPort.postMessage(proxy.counts);
    });

    proxy.server.listen(0, '127.0.0.1', () =>
        parentPort.postMessage(proxy.server.address().port));
}


if (!isMainThread && workerData?.cutter) {
    serve();
}
