/*
 * A client that lives by itself upon the hand-made one: it polls or reads its
 * WebSocket, answers pings, joins, leaves, upgrades, and keeps a journal.  It
 * never reconnects: what ends its session is written down.
 */

import assert from 'node:assert/strict';

import { PATIENCE } from '../../lib/nginx.mjs';
import { Polling, WebSocketRaw, decodePayload, encodePayload }
    from '../../lib/raw.mjs';
import { Journal, tick } from './journal.mjs';

const FOREVER = 2 ** 30;        /* ms: of parked GETs and idle WebSockets */
const open = new Set();
const silent = new Set();
let count = 0;


/* Sends all away that are still there. */
export async function closeMembers() {
    await Promise.all([...open].map((member) =>
        member.vanish(member.ws ? 'cut' : 'close')));
    silent.forEach((member) => member.hangUp());
    silent.clear();
}


export function reason(err) {
    return err instanceof assert.AssertionError ? err.message
                                                : err.code ?? err.message;
}


export class Member {
    /*
     * transport: polling or websocket; agent: for the polls' connections; auth
     * is of the CONNECT; strays: packets that nobody expects are no fault;
     * deflate: of a WebSocket, compression is offered.
     */
    static async open(nginx, { transport = 'polling', agent, auth,
                               strays = false, deflate } = {}) {
        const member = new Member(nginx, transport);

        member.strays = strays;
        member.pid = auth?.pid;

        if (transport === 'polling') {
            member.polling = await Polling.open(nginx.url, { agent });

        } else {
            member.ws = await WebSocketRaw.open(nginx.url, { deflate });
        }

        member.sid = (member.polling ?? member.ws).sid;
        member.run = member.#run();
        await member.#connect(auth);

        return member;
    }

    constructor(nginx, transport) {
        this.nginx = nginx;
        this.transport = transport;
        this.journal = new Journal(`${transport} ${++count}`);
        this.waiting = new Map();       /* acks, by id; '' is the CONNECT */
        this.ids = 0;
        this.posting = Promise.resolve();
        this.noops = 0;
        this.since = this.started = this.born = tick();
        this.gone = new Promise((resolve) => { this.onGone = resolve; });
        open.add(this);
    }

    get events() {
        return this.journal.got.map(({ id }) => id);
    }

    get ended() {
        return this.journal.end !== null;
    }

    hangUp() {
        this.ws?.close();
        this.parked?.abort();
    }

    /* Only the first reason counts. */
    #end(why, stays = false) {
        this.journal.ends(this.leaving ?? why);
        this.endedAt ??= tick();
        open.delete(this);

        if (stays) {
            silent.add(this);
            this.parked?.catch(() => {});

        } else {
            this.hangUp();
        }

        this.waiting.forEach(({ reject }) =>
            reject(new Error(`the session has ended: ${why}`)));
        this.waiting.clear();
        this.onGone(this.journal.end);
    }

    async #run() {
        while (!this.ended) {
            try {
                await (this.ws ? this.#read() : this.#poll());

            } catch (err) {
                this.#end(reason(err));
            }
        }
    }

    /* What ends a session may have happened since the request before. */
    #starts() {
        this.since = this.started;
        this.started = tick();
    }

    async #poll() {
        if (this.pausing) {
            this.pausing();
            await this.switched;
            return;
        }

        this.#starts();
        this.parked = this.polling.get({ patience: FOREVER });

        const res = await this.parked;

        this.parked = null;

        if (res.status !== 200) {
            this.#end(`${res.status} ${res.body}`);
            return;
        }

        for (const packet of decodePayload(res.body)) {
            this.#packet(packet);
        }
    }

    async #read() {
        const message = await this.ws.next(FOREVER);

        if (message.type === 'text') {
            this.#packet(message.data.toString('utf8'));

        } else {
            this.#end(message.type === 'close' ? `close ${message.code}`
                                               : message.type);
        }
    }

    #packet(packet) {
        if (this.ended) {
            return;
        }

        if (packet === '2') {
            this.send('3').catch(() => {});

        } else if (packet === '6') {
            this.noops++;

        } else if (packet.startsWith('42["e",')) {
            this.journal.event(JSON.parse(packet.slice(2))[1]);
            this.onEvent?.();

        } else if (packet.startsWith('42["flood",')) {
            this.floods = (this.floods ?? 0) + 1;
            this.offset = /,"([0-9a-z]{7,19})"\]$/.exec(packet)?.[1]
                          ?? this.offset;

        } else if (packet.startsWith('40')) {
            const answer = JSON.parse(packet.slice(2));

            this.id = answer.sid;
            this.recovered = answer.pid !== undefined
                             && answer.pid === this.pid;
            this.pid = answer.pid;
            this.#acked('', this.id);

        } else if (/^43\d/.test(packet)) {
            const bracket = packet.indexOf('[');

            this.#acked(packet.slice(2, bracket),
                        JSON.parse(packet.slice(bracket)));

        } else if (!this.strays || /^(1|4[14])/.test(packet)) {
            this.#end(`packet ${packet}`);
        }
    }

    #acked(id, value) {
        const waiter = this.waiting.get(id);

        this.waiting.delete(id);
        waiter?.settle(tick());
        waiter?.resolve(value);
    }

    /* One POST at a time, as clients do it. */
    send(packet) {
        if (this.ws) {
            return this.ws.send(packet);
        }

        const posted = this.posting.then(async () => {
            if (this.ended) {
                return;
            }

            if (this.ws) {
                await this.ws.send(packet);
                return;
            }

            this.#starts();

            const res = await this.polling.post(encodePayload([packet]),
                                                { patience: PATIENCE * 4 });

            assert.equal(res.status, 200, `POST: ${res.status} ${res.body}`);
        }).catch((err) => this.#end(reason(err)));

        this.posting = posted;

        return posted;
    }

    /* settle(at) is called when the answer comes, before anything else is. */
    #ask(id, packet, settle = () => {}) {
        const answer = new Promise((resolve, reject) => {
            const timer = setTimeout(() => {
                this.#end(`no answer to ${packet}`);
            }, PATIENCE * 4);

            timer.unref();
            this.waiting.set(id, {
                settle,
                resolve: (v) => { clearTimeout(timer); resolve(v); },
                reject: (e) => { clearTimeout(timer); reject(e); },
            });
        });

        answer.catch(() => {});

        if (this.ended) {
            this.#end();
        } else {
            this.send(packet);
        }

        return answer;
    }

    #connect(auth) {
        return this.#ask('', auth ? `40${JSON.stringify(auth)}` : '40');
    }

    /* An event with an acknowledgement, of which it gives the arguments. */
    ask(...args) {
        const id = String(++this.ids);

        return this.#ask(id, `42${id}${JSON.stringify(args)}`);
    }

    async join(room) {
        const id = String(++this.ids);
        const stay = this.journal.joining(room);
        const [ack] = await this.#ask(id, `42${id}["join","${room}"]`,
                                      (at) => { stay.in = at; });

        assert.equal(ack.ok, true, `join of ${room}: ${JSON.stringify(ack)}`);

        return stay;
    }

    async leave(stay) {
        const id = String(++this.ids);

        stay.asksOut = tick();

        const [ack] = await this.#ask(id, `42${id}["leave","${stay.room}"]`,
                                      (at) => { stay.out = stay.told = at; });

        assert.equal(ack.ok, true, `leave: ${JSON.stringify(ack)}`);
    }

    /*
     * Moves to a WebSocket as the stock client does: probe, wait for the GET
     * that is under way, then "5".
     */
    async upgrade() {
        const ws = new WebSocketRaw(this.nginx.url, { sid: this.sid });

        try {
            await ws.shaken;
            assert.equal(ws.status, 101, `upgrade: ${ws.status} ${ws.body}`);
            await ws.send('2probe');
            assert.equal(await ws.recv(), '3probe');

        } catch (err) {
            ws.close();
            throw err;
        }

        this.journal.note('probed');

        const paused = new Promise((resolve) => { this.pausing = resolve; });
        let done;

        this.switched = new Promise((resolve) => { done = resolve; });
        await Promise.race([paused, this.gone]);
        await this.posting;

        if (this.ended) {
            ws.close();

        } else {
            this.journal.note('upgrades');
            await ws.send('5');
            this.ws = ws;
            this.journal.name += ' upgraded';
        }

        done();
    }

    /*
     * Ends the session from here: cut (the connection breaks), silent (polls
     * cease, a WebSocket stays open and answers nothing), close or disconnect.
     */
    async vanish(how) {
        if (this.ended) {
            return;
        }

        /* the server may be faster than the answer to the last POST */
        this.leaving = `itself: ${how}`;

        if (how === 'close') {
            await this.send('1');

        } else if (how === 'disconnect') {
            await this.send('41');
        }

        this.#end(null, how === 'silent');
    }

    /* Resolves when the event has come; the session must not end before. */
    async until(id) {
        await Promise.race([
            this.gone,
            new Promise((resolve, reject) => {
                const timer = setTimeout(() => reject(new Error(
                    `${this.journal.name} has no event ${id} in `
                    + `${PATIENCE * 3} ms, its last is ${this.events.at(-1)}`)),
                    PATIENCE * 3);
                const look = () => {
                    if (this.events.at(-1) === id
                        || this.events.includes(id)) {
                        clearTimeout(timer);
                        resolve();
                    }
                };

                this.onEvent = look;
                look();
                this.gone.then(() => clearTimeout(timer));
            }),
        ]);

        assert.equal(this.journal.end, null,
                     `${this.journal.name} was ended`);
    }
}
