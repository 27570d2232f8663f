/*
 * The judge: what one client has got, against what was published to its rooms.
 *
 * Events of a room are numbered, and each is sent off when the one before has
 * been answered, so their order in the room is that of their numbers.  All of
 * them are due that were sent off after the client knew that it is in the room.
 * Whatever comes must be the next one of its room, and its offset behind that
 * of all that came before.
 */

const DETAILS = 10;             /* faults that are told with all that is known */


export class Counts {
    constructor() {
        this.deliveries = 0;
        this.missing = 0;
        this.duplicated = 0;
        this.disordered = 0;
        this.details = [];
    }

    add(other) {
        for (const [key, value] of Object.entries(other)) {
            this[key] = Array.isArray(value)
                ? [...this[key], ...value].slice(0, DETAILS)
                : this[key] + value;
        }
    }
}


/* Offsets of one log: six characters for the log, then a number in base 36. */
function behind(offset, other) {
    return offset.length === other.length ? offset > other
                                          : offset.length > other.length;
}


export class Journal {
    /* tell() says what is known of the client, for a fault */
    constructor(name, counts, tell = () => '') {
        this.name = name;
        this.counts = counts;
        this.tell = tell;
        this.rooms = new Map();
        this.last = null;
    }

    /* It is in the room; what is sent off from number `from` on is due. */
    joined(room, from) {
        const entry = this.#room(room);

        if (!entry.due) {
            entry.due = true;
            entry.from = from;
        }
    }

    #room(room) {
        let entry = this.rooms.get(room);

        if (entry === undefined) {
            entry = { due: false, from: 0, next: -1, gaps: new Set() };
            this.rooms.set(room, entry);
        }

        return entry;
    }

    got(room, number, offset) {
        const entry = this.#room(room);

        this.counts.deliveries++;

        if (number < entry.next) {
            this.#old(entry, room, number, offset);
            return;
        }

        this.#gap(entry, room, number, offset);
        entry.next = number + 1;

        if (typeof offset === 'string') {
            if (this.last !== null && !behind(offset, this.last)) {
                this.#fault('disordered', `${room} ${number} at ${offset}, `
                                          + `after ${this.last}`);
            }

            this.last = offset;
        }
    }

    /* What was sent off before the join was acknowledged may be missing. */
    #gap(entry, room, number, offset) {
        const { due, from, next } = entry;
        const first = due ? Math.max(next, from) : number;

        for (let n = next < 0 ? first : next; n < number; n++) {
            entry.gaps.add(n);
        }

        if (first < number) {
            this.counts.missing += number - first - 1;
            this.#fault('missing', `${room} ${first} to ${number - 1}, then `
                                   + `${number} at ${offset}`);
        }
    }

    #old(entry, room, number, offset) {
        const late = entry.gaps.delete(number);

        if (late && entry.due && number >= entry.from) {
            this.counts.missing--;
        }

        this.#fault(late ? 'disordered' : 'duplicated',
                    `${room} ${number} at ${offset}, after ${entry.next - 1}`);
    }

    #fault(kind, text) {
        this.counts[kind]++;

        if (this.counts.details.length < DETAILS) {
            this.counts.details.push(
                `${kind}: ${this.name}: ${text} ${this.tell()}`);
        }
    }

    /* Whether it has all; finals(room) is how many there were. */
    complete(finals) {
        return [...this.rooms].every(([room, { due, from, next }]) =>
            due && Math.max(next, from) >= finals(room));
    }

    /* Nothing comes any more. */
    end(finals) {
        for (const [room, { due, from, next }] of this.rooms) {
            const first = Math.max(next, from);
            const lost = finals(room) - first;

            if (due && lost > 0) {
                this.counts.missing += lost - 1;
                this.#fault('missing', `${room} ${first} and all after it`);
            }
        }
    }
}
