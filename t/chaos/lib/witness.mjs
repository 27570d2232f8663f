/* The stock socket.io-client with the same life as a lean one. */

import http from 'node:http';

import { io } from 'socket.io-client';

const TRANSPORTS = { polling: ['polling'], websocket: ['websocket'],
                     upgrade: ['polling', 'websocket'] };


export class Witness {
    /* As of LeanClient; a transport may be "upgrade", too. */
    constructor({ transport, target, rooms, on }) {
        const agent = new http.Agent({ localAddress: target.localAddress });

        this.on = on;
        this.socket = io(`http://${target.host}:${target.port}`, {
            transports: TRANSPORTS[transport], forceNew: true, agent });
        this.socket.on('e', on.event);
        this.socket.on('disconnect', on.close);
        this.socket.on('connect_error', (err) => this.#refused(err));
        this.socket.on('connect', () => this.#connected(rooms));
    }

    #connected(rooms) {
        const recovered = Boolean(this.socket.recovered);

        if (!recovered) {
            this.in = false;
        }

        this.on.connect(recovered);

        if (!this.in) {
            this.socket.emit('join', rooms, (answer) => this.#joined(answer));
        }
    }

    #joined(answer) {
        if (answer.ok) {
            this.in = true;
            this.on.joined();

        } else {
            this.on.fault(`an ack ${JSON.stringify(answer)}`);
        }
    }

    /* That there is no connection is no fault: it comes again by itself. */
    #refused(err) {
        if (this.socket.active) {
            this.on.close(err.message);

        } else {
            this.on.fault(`refused: ${err.message}`);
        }
    }

    leave() {
        this.socket.io.reconnection(false);
        this.socket.io.engine?.close();
        this.socket.disconnect();
    }
}
