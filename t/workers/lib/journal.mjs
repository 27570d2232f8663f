/*
 * What was published, what each session has got, and the judge of both.
 *
 * All of it happens in one process, so that one counter orders it: an event
 * whose publisher had its answer before a join was sent is before that join; one
 * that was sent off after a join's ack had come is behind it.  In between the
 * places in the log decide, which publishers are told as offsets.
 */

let now = 0;


/* The moment, for comparing. */
export function tick() {
    return ++now;
}


/* What publishers have sent; shared by all of a test. */
export class Ledger {
    constructor(nginx) {
        this.nginx = nginx;
        this.events = [];
    }

    /*
     * Publishes to rooms, exactly once.  What fails half-way (its worker was
     * killed) may be in the log or not, and its place is unknown.
     */
    async publish(rooms, { except = [], publisher = 0, send } = {}) {
        const event = { id: this.events.length, publisher, rooms, except,
                        start: tick(), end: Infinity, position: null };

        this.events.push(event);

        try {
            const body = { rooms, except, event: 'e', data: event.id };
            const res = await (send ? send(body)
                                    : this.nginx.api('emit', body));

            if (res.status !== 200) {
                throw new Error(`emit: ${res.status}`);
            }

            event.end = tick();
            event.position = parseInt(res.json.offset.slice(6), 36);

            /* nobody to get it: it was not even written to the log */
            if (res.json.matched === 0) {
                event.nobody = true;
                event.position = null;
            }

        } catch (err) {
            event.error = err;
        }

        return event;
    }

    /* Publishes at a rate until told to stop; returns what to call for that. */
    stream(rate, pick, options) {
        let going = true;
        const done = (async () => {
            const begin = Date.now();

            for (let n = 1; going; n++) {
                await this.publish(...pick(), options);

                const wait = begin + n * 1000 / rate - Date.now();

                await new Promise((resolve) =>
                    (wait > 0 ? setTimeout(resolve, wait)
                              : setImmediate(resolve)));
            }
        })();

        return () => {
            going = false;
            return done;
        };
    }

    failures() {
        return this.events.filter((event) => event.error);
    }
}


/* What one session saw, in its order. */
export class Journal {
    constructor(name) {
        this.name = name;
        this.got = [];          /* {id, at} */
        this.stays = [];        /* in rooms */
        this.end = null;        /* why the session ended, null: it did not */
        this.notes = [];        /* what else happened to it, for failures */
    }

    note(what) {
        this.notes.push(`${what} ${tick()}`);
    }

    /* The session's life around an event, for somebody who has to explain it. */
    tell(event) {
        const times = ({ asked, asksOut, ...s }) =>
            `${s.room} ${asked}-${s.in}..${asksOut}-${s.out}`;
        const near = this.got.filter(({ at }) =>
            Math.abs(at - event.end) < 400).map(({ id, at }) => `${id}@${at}`);

        return `event ${event.id} at ${event.position}, `
               + `${event.start}-${event.end}; `
               + `stays ${this.stays.map(times).join(', ')}; `
               + `${this.notes.join(', ')}; got ${near.join(' ')}; `
               + `${this.end}`;
    }

    event(id) {
        this.got.push({ id, at: tick() });
    }

    /*
     * A stay is asked for, in force, asked to end, and out of force; told is
     * when the session itself was told of its end.
     */
    joining(room) {
        const stay = { room, asked: tick(), in: Infinity,
                       asksOut: Infinity, out: Infinity, told: Infinity };

        this.stays.push(stay);

        return stay;
    }

    ends(why) {
        this.end ??= why;
    }
}


/* Where a stay surely is in force, in positions of the log. */
function sureOf(stay, journal, ledger) {
    let from = Infinity;
    let to = -Infinity;

    for (const event of ledger.events) {
        if (event.position === null || !event.rooms.includes(stay.room)) {
            continue;
        }

        /* one under way during a leave and a join may be of either stay */
        const inside = event.start > stay.in && event.end < stay.asksOut
                       || event.rooms.length === 1
                          && journal.has.has(event.id)
                          && mayBeIn(stay, event)
                          && journal.stays.every((other) => other === stay
                              || other.room !== stay.room
                              || !mayBeIn(other, event));

        if (inside) {
            from = Math.min(from, event.position);
            to = Math.max(to, event.position);
        }
    }

    return { from, to };
}


/* Whether an event may be of a stay. */
function mayBeIn(stay, event) {
    return event.end > stay.asked && event.start < stay.out;
}


function judgeGot(journal, ledger, faults) {
    const last = new Map();
    let position = -1;

    journal.has = new Set();

    for (const { id, at } of journal.got) {
        const event = ledger.events[id];

        if (journal.has.has(id)) {
            faults.push(`${journal.name}: event ${id} twice`);
        }

        if (event.nobody) {
            faults.push(`${journal.name}: event ${id}, which matched nobody`);
        }

        if (event.position !== null && event.position <= position) {
            faults.push(`${journal.name}: event ${id} at ${event.position} `
                        + `came after ${position}`);
        }

        if (id <= (last.get(event.publisher) ?? -1)) {
            faults.push(`${journal.name}: event ${id} of ${event.publisher} `
                        + `came after ${last.get(event.publisher)}`);
        }

        const stays = journal.stays.filter((stay) =>
            event.rooms.includes(stay.room) && mayBeIn(stay, event));

        if (stays.length === 0) {
            faults.push(`${journal.name}: event ${id} to ${event.rooms}, `
                        + 'where it was not');

        } else if (stays.every((stay) => at > stay.told)) {
            faults.push(`${journal.name}: event ${id} to ${event.rooms}, `
                        + 'after the ack of the leave');
        }

        journal.has.add(id);
        last.set(event.publisher, id);
        position = event.position ?? position;
    }

    return position;
}


function judgeMissed(journal, ledger, through, faults) {
    const sure = journal.stays.map((stay) =>
        ({ stay, ...sureOf(stay, journal, ledger) }));

    for (const event of ledger.events) {
        if (event.nobody && journal.end === null
            && journal.stays.some((stay) => event.rooms.includes(stay.room)
                                            && event.start > stay.in
                                            && event.end < stay.asksOut))
        {
            faults.push(`${journal.name}: event ${event.id} to `
                        + `${event.rooms} matched nobody`);
        }

        if (event.position === null
            || journal.end !== null && event.position > through)
        {
            continue;
        }

        const within = ({ from, to }) =>
            from <= event.position && event.position <= to;
        const due = sure.some((s) => event.rooms.includes(s.stay.room)
                                     && within(s));
        const excepted = journal.stays.some((stay) =>
            event.except.includes(stay.room) && mayBeIn(stay, event));
        const surelyExcepted = sure.some((s) =>
            event.except.includes(s.stay.room) && event.start > s.stay.in
            && event.end < s.stay.asksOut);

        if (due && !excepted && !journal.has.has(event.id)) {
            faults.push(`${journal.name}: event ${event.id} to `
                        + `${event.rooms} is missing: `
                        + `${journal.tell(event)}`);
        }

        if (surelyExcepted && journal.has.has(event.id)) {
            faults.push(`${journal.name}: event ${event.id} in spite of `
                        + `except ${event.except}`);
        }
    }
}


/*
 * Judges sessions; returns what is wrong, as texts, the first of each session
 * and how many more.  A session that has not ended must have got everything;
 * one that has, all up to its last event.
 */
export function judge(journals, ledger) {
    return journals.flatMap((journal) => {
        const faults = [];
        const through = judgeGot(journal, ledger, faults);

        judgeMissed(journal, ledger, through, faults);

        if (faults.length > 2) {
            faults.splice(2, Infinity, `${journal.name} (${journal.end}): `
                          + `${faults.length - 2} more of `
                          + `${ledger.events.length}, it has `
                          + `${journal.got.length}, from ${journal.got[0]?.id} `
                          + `to ${journal.got.at(-1)?.id}`);
        }

        return faults;
    });
}
