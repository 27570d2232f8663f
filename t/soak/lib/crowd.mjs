/*
 * A crowd: clients of every transport that come, use all that the server does
 * and go in every way, and services that publish, move sockets and are asked.
 * It judges nothing: what fails is counted by its reason.
 */

import http from 'node:http';

import { internal, startService } from '../../lib/service.mjs';
import { SECRET, inSeconds, token } from '../../lib/tokens.mjs';
import { Member, reason } from '../../workers/lib/member.mjs';

const ROOMS = ['a', 'b', 'c', 'd', 'e', 'f'];
const ENDS = ['cut', 'silent', 'close', 'disconnect'];
const KINDS = ['polling', 'websocket', 'upgrade'];

/* The configuration that a crowd wants, for startNginx(). */
export function options(service, more = {}) {
    return {
        location: `
            socketio_ping_interval 2s;
            socketio_ping_timeout 3s;
            socketio_connect_timeout 3s;
            socketio_upgrade_timeout 3s;
            socketio_send_buffer 128k;
            socketio_compression on threshold=0;
            socketio_recovery 3s;
            socketio_jwt_key HS256 secret=${SECRET};
            socketio_auth required;
            socketio_room user:\${jwt.sub} auto;
            socketio_room *;
            socketio_announce join=came leave=left;
            socketio_data user=\${jwt.sub};
            socketio_on say relay room=\${arg.0} merge=user:\${jwt.sub};
            socketio_on tell relay room=* volatile;
            socketio_on disconnect forward /_call;
            socketio_on ask forward /_call timeout=2s;
            socketio_on later forward /_call async timeout=300ms;`,
        server: internal(service.port),
        ...more,
    };
}


/* A service that is sometimes slow, sometimes wrong, and remembers nothing. */
export async function startAnswering(random) {
    const service = await startService(async ({ body }) => {
        service.calls.length = 0;

        if (body.type === 'disconnect') {
            return undefined;
        }

        if (random.chance(0.1)) {
            await new Promise((resolve) =>
                setTimeout(resolve, random.between(50, 600)));
        }

        return random.chance(0.05) ? { status: 500 }
                                   : { ack: [{ ok: true, n: random.next() }] };
    });

    return service;
}


export class Crowd {
    constructor(nginx, random) {
        Object.assign(this, { nginx, random });
        this.going = true;
        this.count = {};
        this.latencies = [];        /* of emits, ms, since they were taken */
        this.users = 0;
    }

    counts(what) {
        this.count[what] = (this.count[what] ?? 0) + 1;
    }

    pause(low, high) {
        return new Promise((resolve) =>
            setTimeout(resolve, this.random.between(low, high)));
    }

    /* n clients and m publishers; resolves when the crowd was told to end. */
    run(clients, publishers, rate) {
        return Promise.all([
            ...Array.from({ length: clients }, () => this.#client()),
            ...Array.from({ length: publishers }, () =>
                this.#publisher(rate / publishers)),
        ]);
    }

    async #client() {
        let last = null;

        while (this.going) {
            const agent = this.random.chance(0.5)
                          ? new http.Agent({ keepAlive: true }) : undefined;

            try {
                last = await this.#life(agent, last);

            } catch (err) {
                last = null;
                this.counts(`failed: ${reason(err).slice(0, 60)}`);
                await this.pause(10, 100);
            }

            agent?.destroy();
        }
    }

    /* One session; a client that was cut off may come back for its socket. */
    async #life(agent, last) {
        const { random } = this;
        const kind = random.pick(KINDS);
        const back = last !== null && random.chance(0.8);
        const sub = back ? last.sub : `u${random.below(50)}`;
        const claims = { sub, exp: inSeconds(random.pick([2, 600, 600])) };
        const member = await Member.open(this.nginx, {
            agent, strays: true, deflate: random.chance(0.5),
            auth: { token: token(claims),
                    ...back && { pid: last.pid, offset: last.offset } },
            transport: kind === 'upgrade' ? 'polling' : kind,
        });

        this.counts(kind);

        if (back) {
            this.counts(member.recovered ? 'recovered' : 'not recovered');
        }

        let end = 'by the server';

        try {
            const steps = random.between(2, 20);

            for (let i = 0; i < steps && this.going && !member.ended; i++) {
                await this.#step(member, kind);
                await this.pause(5, 150);
            }

        } catch (err) {
            if (!member.ended) {
                throw err;
            }

            this.counts(`failed: ${reason(err).slice(0, 60)}`);

        } finally {
            if (!member.ended) {
                end = random.pick(ENDS);
                await member.vanish(end);
            }
        }

        return /cut|server/.test(end) && member.pid
               ? { sub, pid: member.pid, offset: member.offset } : null;
    }

    async #step(member, kind) {
        const { random } = this;
        const room = random.pick(ROOMS);

        switch (random.below(9)) {

        case 0:
        case 1:
            await member.join(room);
            break;

        case 2:
            await member.leave({ room });
            break;

        case 3:
            await member.ask('say', room, 'x'.repeat(random.below(300)));
            break;

        case 4:
            await member.send(`42["tell",${random.below(9)}]`);
            break;

        case 5:
            await member.ask('ask', { n: 1 }, 'x'.repeat(random.below(3000)));
            break;

        case 6:
            await member.ask('later', random.below(9));
            break;

        case 7:
            await this.#api(random.pick(['socketsJoin', 'socketsLeave']),
                            member.id, room);
            break;

        default:
            if (kind === 'upgrade' && !member.ws) {
                await member.upgrade();
                this.counts('upgraded');
            }
        }
    }

    #api(operation, id, room) {
        return this.nginx.api(operation, {
            rooms: id, [operation.slice(7).toLowerCase()]: room });
    }

    async #publisher(rate) {
        while (this.going) {
            const started = performance.now();

            try {
                await this.#publish();
                this.latencies.push(performance.now() - started);

            } catch (err) {
                this.counts(`not published: ${reason(err).slice(0, 60)}`);
            }

            await this.pause(500 / rate, 1500 / rate);
        }
    }

    async #publish() {
        const { random } = this;
        const rooms = random.pick([ROOMS[0], random.pick(ROOMS),
                                   random.some(ROOMS, 2),
                                   `user:u${random.below(50)}`]);
        const size = random.chance(0.02) ? 20000 : 400;
        const res = await this.nginx.api('emit', {
            rooms, event: 'flood', data: 'x'.repeat(random.below(size)),
            ...random.chance(0.2) && { flags: { volatile: true } },
        });

        if (res.status !== 200) {
            throw new Error(`emit: ${res.status}`);
        }
    }
}
