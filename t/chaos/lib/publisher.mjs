/*
 * Publishes numbered events to rooms at a rate, each exactly once: what is not
 * answered is sent again with the same id.  In each room an event waits for
 * the one before, so their order is known.
 */

import http from 'node:http';

import { clock } from './latency.mjs';

const AGAIN = 25;               /* ms before a repeat */
const PATIENCE = 3000;


export class Publisher {
    /*
     * started: an Int32Array, for each room how many were sent off; rate:
     * events per second; pad: bytes by which each is longer
     */
    constructor(nginx, started, { rate, pad = 0 }) {
        this.nginx = nginx;
        this.started = started;
        this.rate = rate;
        this.pad = 'x'.repeat(pad);
        this.agent = new http.Agent({ keepAlive: true });
        this.lanes = Array.from(started, () => Promise.resolve());
        this.repeats = 0;
        this.duplicates = 0;
        this.behind = 0;
        this.refused = [];
    }

    start() {
        const begin = clock();
        const { length } = this.started;
        let sent = 0;

        this.timer = setInterval(() => {
            const due = (clock() - begin) * this.rate / 1000;

            for ( /* void */ ; sent < due; sent++) {
                const room = sent % length;

                this.lanes[room] = this.lanes[room].then(() =>
                    this.#publish(room));
            }
        }, 5);
    }

    /* Resolves when all is published. */
    async stop() {
        clearInterval(this.timer);
        await Promise.all(this.lanes);
        this.agent.destroy();
    }

    get published() {
        return this.started.reduce((sum, n) => sum + n, 0);
    }

    async #publish(room) {
        const number = Atomics.add(this.started, room, 1);
        const body = JSON.stringify({
            room: `room:${room}`, event: 'e', id: `${room}-${number}`,
            data: { r: room, n: number, t: clock(), x: this.pad } });

        for ( ;; ) {
            const answer = await this.#post(body);

            if (answer?.status === 200) {
                this.duplicates += answer.text.includes('"duplicate":true');
                return;
            }

            if (answer && answer.status < 500) {
                this.refused.push(`${answer.status} ${answer.text}`);
                return;
            }

            this.repeats++;
            await new Promise((resolve) => setTimeout(resolve, AGAIN));
        }
    }

    /* Resolves to null when there is no answer. */
    #post(body) {
        return new Promise((resolve) => {
            const req = http.request({
                host: '127.0.0.1', port: this.nginx.port, agent: this.agent,
                method: 'POST', path: '/socketio/emit', timeout: PATIENCE,
                headers: { 'Content-Type': 'application/json',
                           'Content-Length': Buffer.byteLength(body) },
            }, (res) => {
                let text = '';

                res.on('data', (chunk) => { text += chunk; });
                res.on('error', () => resolve(null));
                res.on('close', () =>
                    resolve(res.complete ? { status: res.statusCode, text }
                                         : null));
            });

            req.on('timeout', () => req.destroy());
            req.on('error', () => resolve(null));
            req.end(body);
        });
    }
}
