/*
 * A Socket.IO client that costs little, so that there can be thousands, and
 * that behaves as the stock one does where it matters here: what it says to
 * connect and to recover, what it does with events that come before the answer
 * to that, and when it comes back.  It knows no upgrade, no binary and no acks
 * but that of its join, and removes no duplicates.
 */

import { PollingTransport, WebSocketTransport } from './transport.mjs';

const TRANSPORTS = { polling: PollingTransport,
                     websocket: WebSocketTransport };
const DELAY = 1000;             /* ms: those of the stock client */
const DELAY_MAX = 5000;
const JITTER = 0.5;
const PATIENCE = 20000;


export class LeanClient {
    /*
     * transport, target, and on: {connect(recovered), event(data, offset),
     * close(reason), joined(), fault(text)}; join are the rooms.
     */
    constructor({ transport, target, rooms, on }) {
        this.Transport = TRANSPORTS[transport];
        this.target = target;
        this.rooms = rooms;
        this.on = on;
        this.attempts = 0;
        this.connected = false;
        this.early = [];        /* as the stock client's receiveBuffer */
        this.open();
    }

    open() {
        const engine = new this.Transport(this.target, {
            open: () => this.#opened(),
            message: (text) => queueMicrotask(() => this.#packet(text)),
            close: (reason) => this.#closed(reason),
        });

        this.engine = engine;
        this.late = setTimeout(() => engine.close('timeout'), PATIENCE);
    }

    #opened() {
        clearTimeout(this.late);
        this.attempts = 0;

        const auth = this.pid === undefined ? ''
            : JSON.stringify({ pid: this.pid, offset: this.offset });

        this.engine.send(`40${auth}`);
    }

    #closed(reason) {
        clearTimeout(this.late);
        this.connected = false;
        this.on.close(reason);

        if (!this.gone) {
            this.again = setTimeout(() => this.open(), this.#delay());
        }
    }

    #delay() {
        const ms = DELAY * 2 ** this.attempts++;
        const random = Math.random();
        const deviation = Math.floor(random * JITTER * ms);

        return Math.min(Math.floor(random * 10) & 1 ? ms + deviation
                                                    : ms - deviation,
                        DELAY_MAX);
    }

    #packet(text) {
        switch (text[0]) {

        case '0':
            this.#connected(JSON.parse(text.slice(1)));
            return;

        case '2':
            this.#event(JSON.parse(text.slice(1)));
            return;

        case '3':
            this.#joined(text);
            return;
        }

        this.on.fault(`a packet ${text}`);
    }

    #connected({ sid, pid }) {
        const recovered = pid !== undefined && pid === this.pid;

        this.sid = sid;
        this.pid = pid;
        this.connected = true;
        this.early.splice(0).forEach((args) => this.#give(args));

        if (!recovered) {
            this.in = false;
        }

        this.on.connect(recovered);

        if (!this.in) {
            this.engine.send(`421["join",${JSON.stringify(this.rooms)}]`);
        }
    }

    #joined(text) {
        if (text.startsWith('31[{"ok":true')) {
            this.in = true;
            this.on.joined();

        } else {
            this.on.fault(`an ack ${text}`);
        }
    }

    #event(args) {
        if (this.connected) {
            this.#give(args);

        } else {
            this.early.push(args);
        }
    }

    #give(args) {
        const last = args.at(-1);

        this.on.event(args[1], last);

        if (this.pid !== undefined && typeof last === 'string') {
            this.offset = last;
        }
    }

    /* For good, without a word. */
    leave() {
        this.gone = true;
        clearTimeout(this.again);
        this.engine.close('left');
    }
}
