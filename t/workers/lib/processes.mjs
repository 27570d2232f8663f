/*
 * Which worker holds which connection, and connections to a chosen worker.
 * All of it is seen from outside: by /proc, and by the pid that `status` tells.
 */

import fs from 'node:fs';
import http from 'node:http';

import { PATIENCE, until } from '../../lib/nginx.mjs';


/* The inodes of nginx's ends of connections, by the client's port. */
function inodes(port) {
    const found = new Map();
    const ours = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;

    for (const line of fs.readFileSync('/proc/net/tcp', 'utf8').split('\n')) {
        if (!line.includes(ours)) {
            continue;
        }

        const field = line.trim().split(/\s+/);

        if (field.length < 10 || field[1].split(':')[1] === undefined) {
            continue;
        }

        if (parseInt(field[1].split(':')[1], 16) === port) {
            found.set(parseInt(field[2].split(':')[1], 16), field[9]);
        }
    }

    return found;
}


/* undefined if a process ends, or closes the descriptor, while we look. */
function attempt(look) {
    try {
        return look();

    } catch {
        return undefined;
    }
}


function socketsOf(pid) {
    const found = new Set();

    for (const fd of attempt(() => fs.readdirSync(`/proc/${pid}/fd`)) ?? []) {
        const link = attempt(() => fs.readlinkSync(`/proc/${pid}/fd/${fd}`));
        const inode = /^socket:\[(\d+)\]$/.exec(link);

        if (inode) {
            found.add(inode[1]);
        }
    }

    return found;
}


/* Pids of workers by the client's port of each connection they have. */
export function owners(nginx) {
    const of = new Map();
    const wanted = inodes(nginx.port);

    for (const pid of nginx.workers()) {
        const held = socketsOf(pid);

        for (const [port, inode] of wanted) {
            if (held.has(inode)) {
                of.set(port, pid);
            }
        }
    }

    return of;
}


/* The same, once each of these sockets of clients has been accepted. */
export function seatsOf(nginx, sockets) {
    return until(() => {
        const seats = owners(nginx);

        return sockets.every((s) => seats.has(s.localPort)) && seats;
    }, 'each connection is with some worker');
}


/* The worker that serves a client's socket, once it has accepted it. */
export function ownerOf(nginx, socket) {
    return until(() => owners(nginx).get(socket.localPort),
                 'some worker has the connection');
}


export function get(nginx, path, agent) {
    return new Promise((resolve, reject) => {
        http.get(nginx.url + path, { agent }, (res) => {
            const chunks = [];

            res.on('data', (chunk) => chunks.push(chunk));
            res.on('error', reject);
            res.on('end', () => resolve(JSON.parse(Buffer.concat(chunks))));
        }).on('error', reject);
    });
}


/*
 * A kept-alive connection to one worker, for one request at a time; without a
 * pid to whichever it is.  The agent has .worker, the pid.
 */
export async function agentTo(nginx, pid) {
    for (let i = 0; i < 400; i++) {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        const { pid: worker } = await get(nginx, '/socketio/status', agent);

        if (pid === undefined || worker === pid) {
            agent.worker = worker;
            return agent;
        }

        agent.destroy();
    }

    throw new Error(`no connection came to worker ${pid}`);
}


/* An API call through an agent; resolves to {status, json}. */
export function call(nginx, agent, operation, body) {
    return new Promise((resolve, reject) => {
        const req = http.request(`${nginx.url}/socketio/${operation}`, {
            agent, method: 'POST',
            headers: { 'Content-Type': 'application/json' },
        }, (res) => {
            const chunks = [];

            res.on('data', (chunk) => chunks.push(chunk));
            res.on('error', reject);
            res.on('end', () => resolve({
                status: res.statusCode,
                json: JSON.parse(Buffer.concat(chunks)),
            }));
        });

        req.on('error', reject);
        req.end(JSON.stringify(body));
    });
}


/* Opens things until one has landed on the worker; the others are closed. */
export async function landOn(nginx, pid, open, socketOf) {
    for (let i = 0; i < 400; i++) {
        const thing = await open();

        if (await ownerOf(nginx, socketOf(thing)) === pid) {
            return thing;
        }

        thing.close();
    }

    throw new Error(`nothing came to worker ${pid}`);
}


/* Numbers of used cells of the zone, by kind. */
export async function used(nginx) {
    const { memory } = await nginx.status();

    return Object.fromEntries(Object.entries(memory)
        .map(([kind, pool]) => [kind, pool.used]));
}


/* The processes that a process has started and that have not ended. */
export function children(parent) {
    return fs.readdirSync('/proc').filter((pid) => {
        const stat = /^\d+$/.test(pid)
            && attempt(() => fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
        const [state, ppid] = stat
            ? stat.slice(stat.lastIndexOf(')') + 2).split(' ') : ['Z'];

        return state !== 'Z' && Number(ppid) === parent;
    }).map(Number);
}


/* The workers of a status, without what changes while they live. */
export function slots(status) {
    return status.workers.map(({ slot, pid, started }) =>
        ({ slot, pid, started }));
}


/* Resolves when nobody is connected and shared memory is as it was. */
export async function drained(nginx, baseline, patience) {
    const wanted = JSON.stringify(baseline);
    let seen;

    await until(async () => {
        const { sessions } = await nginx.status();

        seen = JSON.stringify(await used(nginx));

        return seen === wanted
               && sessions.polling === 0 && sessions.websocket === 0;
    }, 'shared memory is given back', patience).catch((err) => {
        throw new Error(`${err.message}: ${seen}, not ${wanted}`);
    });
}


/*
 * Resolves when status knows n workers, and no others: a process is there before
 * it has a slot.
 */
export function attached(nginx, n) {
    return until(async () => {
        const { workers } = await nginx.status();
        const now = nginx.workers();

        return workers.length === n && workers.every((w) =>
            now.includes(w.pid));
    }, `${n} workers have slots`, PATIENCE * 3);
}


/*
 * Resolves when the server has these stock clients, and nobody else, by the ids
 * that they know: one that lost its connection just now does not know it yet.
 * Who upgrades has done so.
 */
export function agreed(nginx, sockets) {
    return until(async () => {
        if (!sockets.every(({ connected, io }) => connected
            && io.engine.transport.name === io.opts.transports.at(-1)))
        {
            return false;
        }

        const { sockets: list } = await nginx.call('fetchSockets', {});
        const ids = list.map(({ id }) => id).sort();

        return ids.join() === sockets.map(({ id }) => id).sort().join();
    }, 'server and clients agree who is there', PATIENCE * 3);
}


/*
 * Resolves when all workers but one are at most a part of the log behind: those
 * that the kernel has not let run might be lapped, too.
 */
export function keepUp(nginx, agent, bytes, but) {
    return until(async () => {
        const { workers } = await get(nginx, '/socketio/status', agent);

        return workers.every((w) => w.pid === but || w.lag <= bytes);
    }, 'the others read the log', PATIENCE * 3);
}


/* Resolves when these processes are gone. */
export function exited(nginx, pids, patience) {
    return until(() => !nginx.workers().some((pid) => pids.includes(pid)),
                 `workers ${pids} exit`, patience);
}
