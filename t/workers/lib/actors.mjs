/*
 * The clients of the storm.  An actor lives one session after the other, each
 * with a journal, and does at random what clients do: join, leave, upgrade,
 * vanish.  It says what has ended its sessions; the storm judges that.
 */

import http from 'node:http';

import { client } from '../../lib/client.mjs';
import { Journal, tick } from './journal.mjs';
import { Member, reason } from './member.mjs';

const ENDS = ['cut', 'silent', 'close', 'disconnect'];


export class Storm {
    constructor(nginx, random, rooms) {
        Object.assign(this, { nginx, random, rooms });
        this.going = true;
        this.journals = [];
        this.drops = [];            /* sessions that ended by themselves */
        this.faults = [];
        this.count = {};
    }

    counts(what) {
        this.count[what] = (this.count[what] ?? 0) + 1;
    }

    pause(low, high) {
        return new Promise((resolve) =>
            setTimeout(resolve, this.random.between(low, high)));
    }
}


/* A room by the API, as a service does it; false when nobody can tell. */
async function move(storm, member, operation, key, room) {
    try {
        const res = await storm.nginx.api(operation,
                                          { rooms: member.id, [key]: room });

        return res.status === 200;

    } catch {
        return false;
    }
}


async function step(storm, member, stays) {
    const { random } = storm;
    const free = storm.rooms.filter((room) =>
        !stays.some((stay) => stay.room === room));
    const dice = random.next();

    if (dice < 0.4 && free.length > 4) {
        stays.push(await member.join(random.pick(free)));
        storm.counts('joins');

    } else if (dice < 0.5 && free.length > 4) {
        const stay = member.journal.joining(random.pick(free));

        if (!await move(storm, member, 'socketsJoin', 'join', stay.room)) {
            return member.vanish('cut');
        }

        stay.in = tick();
        stays.push(stay);
        storm.counts('joins by the API');

    } else if (dice < 0.75 && stays.length > 0) {
        const [stay] = stays.splice(random.below(stays.length), 1);

        await member.leave(stay);
        storm.counts('leaves');

    } else if (dice < 0.8 && stays.length > 0) {
        const [stay] = stays.splice(random.below(stays.length), 1);

        stay.asksOut = tick();

        if (!await move(storm, member, 'socketsLeave', 'leave', stay.room)) {
            return member.vanish('cut');
        }

        stay.out = tick();
        storm.counts('leaves by the API');

    } else if (dice < 0.95 && !member.ws && member.mayUpgrade) {
        await member.upgrade();
        storm.counts('upgrades');
    }

    return null;
}


async function life(storm, member) {
    const stays = [];
    const steps = storm.random.between(3, 30);

    for (let i = 0; i < steps && storm.going && !member.ended; i++) {
        await step(storm, member, stays);
        await storm.pause(5, 250);
    }

    if (storm.going && !member.ended) {
        const how = storm.random.pick(ENDS);

        await member.vanish(how);
        storm.counts(`ends: ${how}`);
    }
}


/* A client made by hand, one session after the other until the storm ends. */
export async function rawActor(storm) {
    const { random } = storm;

    while (storm.going) {
        const kind = random.pick(['polling', 'websocket', 'upgrade']);
        const agent = random.chance(0.5)
                      ? new http.Agent({ keepAlive: true }) : undefined;
        let member;

        try {
            member = await Member.open(storm.nginx, {
                transport: kind === 'upgrade' ? 'polling' : kind, agent,
            });

        } catch (err) {
            storm.counts(`no handshake: ${reason(err)}`);
            await storm.pause(10, 50);
            continue;
        }

        member.mayUpgrade = kind === 'upgrade';
        storm.journals.push(member.journal);
        storm.counts(`sessions: ${kind}`);

        /* what fails when the session is ended from outside is no fault */
        await life(storm, member).catch((err) => {
            if (!member.ended) {
                return member.vanish(`cut after: ${err.message}`);
            }
        });

        if (!storm.going && !member.ended) {
            return member;
        }

        if (!member.journal.end.startsWith('itself')) {
            storm.drops.push(member);
        }

        await member.gone;
        agent?.destroy();
    }

    return null;
}


/* The stock client, which comes back by itself. */
export function stockActor(storm, mode) {
    const socket = client(storm.nginx, {
        mode, reconnection: true, reconnectionDelay: 50,
        reconnectionDelayMax: 400,
    });
    let journal = null;
    let born;

    socket.on('connect', () => {
        born = tick();

        const mine = new Journal(`stock ${mode} ${socket.id}`);

        journal = mine;
        storm.journals.push(mine);
        storm.counts(`sessions: stock ${mode}`);

        for (const room of storm.random.some(storm.rooms, 3)) {
            const stay = mine.joining(room);

            socket.emit('join', room, () => {
                if (journal === mine && mine.end === null) {
                    stay.in = tick();
                }
            });
        }
    });

    socket.on('e', (id) => journal.event(id));

    socket.on('disconnect', (reason) => {
        storm.counts(`stock: ${reason}`);

        /* before it was connected, or again */
        if (journal === null || journal.end !== null) {
            return;
        }

        journal.ends(reason);

        if (reason !== 'io client disconnect') {
            storm.drops.push({ journal, born, since: born,
                               endedAt: tick() });
        }
    });

    return socket;
}
