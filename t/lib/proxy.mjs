/*
 * A wire to a TCP server that can be made slow, stopped and made to lie, each
 * way by itself.  Knows nothing of what goes through it.
 */

import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';


/* One way of all connections; by default everything passes at once. */
class Line {
    #gate = null;
    #open = null;

    /* Afterwards this many bytes at a time, so many milliseconds apart. */
    slow(bytes, ms) {
        this.bytes = bytes;
        this.ms = ms;
    }

    /* Nothing is read any more until go(). */
    stop() {
        this.#gate ??= new Promise((resolve) => { this.#open = resolve; });
    }

    go() {
        this.#open?.();
        this.#gate = null;
        this.#open = null;
        this.bytes = undefined;
        this.ms = undefined;
    }

    async #put(socket, data) {
        await this.#gate;

        if (!socket.write(data)) {
            await new Promise((resolve) => {
                socket.once('drain', resolve);
                socket.once('close', resolve);
            });
        }

        if (this.ms) {
            await sleep(this.ms);
        }
    }

    async pump(from, to, pair) {
        try {
            for await (let data of from) {
                data = await this.map?.(data, pair) ?? data;

                for (let at = 0; at < data.length && !to.destroyed; ) {
                    const part = data.subarray(at, at + (this.bytes
                                                         ?? data.length));

                    await this.#put(to, part);
                    at += part.length;
                }
            }

        } catch {
            /* it was broken off */
        }

        to.destroy();
    }
}


export class Proxy {
    up = new Line();            /* to the server */
    down = new Line();
    #sockets = new Set();

    async start(port) {
        this.server = net.createServer((client) => {
            const server = net.connect(port, '127.0.0.1');
            const pair = {};

            for (const socket of [client, server]) {
                this.#sockets.add(socket);
                socket.setNoDelay(true);
                socket.on('error', () => {});
                socket.on('close', () => this.#sockets.delete(socket));
            }

            this.up.pump(client, server, pair);
            this.down.pump(server, client, pair);
        });

        await new Promise((resolve) => {
            this.server.listen(0, '127.0.0.1', resolve);
        });
        this.port = this.server.address().port;

        return this;
    }

    stop() {
        this.up.go();
        this.down.go();
        this.server.close();
        this.#sockets.forEach((socket) => socket.destroy());
    }
}
