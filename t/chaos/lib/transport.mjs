/*
 * Engine.IO as the stock client does it, without the upgrade: a session on one
 * transport, from the handshake to its end.  Knows nothing of Socket.IO.
 */

import { Frames, Http } from './channel.mjs';

const PATH = '/socket.io/?EIO=4&transport=';
const RS = '\x1e';
const ANEW = 0.125;             /* of requests are on a new connection */


class Transport {
    /* on: {open(), message(text), close(reason)}: close is called once */
    constructor(target, on) {
        this.target = target;
        this.on = on;
        this.opened = false;
        this.closed = false;
    }

    packet(text) {
        switch (text[0]) {

        case '0':
            this.#handshake(JSON.parse(text.slice(1)));
            return;

        case '1':
            this.close('transport close');
            return;

        case '2':
            this.#beat();
            this.send('3');
            return;

        case '4':
            this.on.message(text.slice(1));
            return;

        case '6':
            return;
        }

        throw new Error(`an Engine.IO packet ${text}`);
    }

    #handshake({ sid, pingInterval, pingTimeout }) {
        this.sid = sid;
        this.silence = pingInterval + pingTimeout;
        this.opened = true;
        this.#beat();
        this.on.open();
    }

    #beat() {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.close('ping timeout'),
                                this.silence);
    }

    close(reason) {
        if (this.closed) {
            return;
        }

        this.closed = true;
        clearTimeout(this.timer);
        this.drop();
        this.on.close(reason);
    }
}


export class WebSocketTransport extends Transport {
    constructor(target, on) {
        super(target, on);
        this.frames = new Frames(target, `${PATH}websocket`, {
            open: () => {},
            text: (text) => this.packet(text),
            end: () => this.close(this.opened ? 'transport close'
                                              : 'transport error'),
        });
    }

    send(text) {
        this.frames.send(text);
    }

    drop() {
        this.frames.drop();
    }
}


export class PollingTransport extends Transport {
    constructor(target, on) {
        super(target, on);
        this.queue = [];
        this.posting = false;
        this.#poll();
    }

    /* A connection for a request: the one of before, or sometimes a new one. */
    #channel(kind) {
        if (!this[kind]?.idle || Math.random() < ANEW) {
            this[kind]?.drop();
            this[kind] = new Http(this.target);
        }

        return this[kind];
    }

    #path() {
        return `${PATH}polling${this.sid ? `&sid=${this.sid}` : ''}`;
    }

    #poll() {
        this.#channel('getting').request('GET', this.#path(), null,
            (status, body) => this.#answered(status, body));
    }

    #answered(status, body) {
        if (this.closed) {
            return;
        }

        if (status !== 200) {
            this.close('transport error');
            return;
        }

        for (const text of body.split(RS)) {
            if (this.closed) {
                return;
            }

            this.packet(text);
        }

        if (!this.closed) {
            this.#poll();
        }
    }

    send(text) {
        this.queue.push(text);
        this.#flush();
    }

    #flush() {
        if (this.posting || this.queue.length === 0 || this.closed) {
            return;
        }

        this.posting = true;
        this.#channel('putting').request('POST', this.#path(),
            this.queue.splice(0).join(RS), (status) => {
                this.posting = false;

                if (status !== 200) {
                    this.close('transport error');
                }

                this.#flush();
            });
    }

    drop() {
        this.getting?.drop();
        this.putting?.drop();
    }
}
