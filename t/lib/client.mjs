/*
 * The stock socket.io-client in the versions that the tests know, and the few
 * waits that tests need around it.  Every client is closed by closeAll().
 */

import { io as io48 } from 'socket.io-client';
import { io as io40 } from 'sio40';
import { io as io3 } from 'sio3';

import { PATIENCE } from './nginx.mjs';

export const CLIENTS = { '4.8': io48, '4.0': io40, '3.1': io3 };

/* Transports as a test names them, and what the client calls them. */
export const MODES = {
    polling: ['polling'],
    websocket: ['websocket'],
    upgrade: ['polling', 'websocket'],
};

const open = new Set();


/* A client that has not connected yet, on a transport of its own. */
export function client(nginx, { version = '4.8', namespace = '/',
                                mode = 'upgrade', ...options } = {}) {
    const url = (nginx.url ?? nginx) + namespace;
    const socket = CLIENTS[version](url, {
        transports: MODES[mode], forceNew: true, reconnection: false,
        ...options,
    });

    open.add(socket);

    return socket;
}


/* The arguments of the next event, as an array. */
export function once(socket, event, patience = PATIENCE) {
    return collect(socket, event, 1, patience).then(([args]) => args);
}


/* The arguments of the next n events of that name. */
export function collect(socket, event, n, patience = PATIENCE) {
    const got = [];

    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
            socket.off(event, take);
            reject(new Error(`${got.length} of ${n} "${event}" in `
                             + `${patience} ms`));
        }, patience);

        function take(...args) {
            got.push(args);

            if (got.length === n) {
                clearTimeout(timer);
                socket.off(event, take);
                resolve(got);
            }
        }

        socket.on(event, take);
    });
}


/* A connected client; with mode upgrade, one that is on WebSocket already. */
export async function connect(nginx, options = {}) {
    const socket = client(nginx, options);

    await connected(socket);

    if ((options.mode ?? 'upgrade') === 'upgrade' && !options.transports) {
        await upgraded(socket);
    }

    return socket;
}


export function connected(socket, patience = PATIENCE) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('no connect')),
                                 patience);

        socket.once('connect', () => { clearTimeout(timer); resolve(); });
        socket.once('connect_error', (err) => {
            clearTimeout(timer);
            reject(err);
        });
    });
}


export async function upgraded(socket) {
    const engine = socket.io.engine;

    if (engine.transport.name !== 'websocket') {
        await once(engine, 'upgrade');
    }
}


/* Emits and waits for the ack, as an array of its values. */
export function emitAck(socket, ...args) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no ack of ${args}`)),
                                 PATIENCE);

        socket.emit(...args, (...values) => {
            clearTimeout(timer);
            resolve(values);
        });
    });
}


/* Promise.all that names what is missing. */
export async function waitAll(promises) {
    const results = await Promise.allSettled(promises);
    const lost = results.filter((r) => r.status === 'rejected');

    if (lost.length > 0) {
        throw new Error(`${lost.length} of ${results.length} failed: `
                        + lost.map((r) => r.reason.message).join('; '));
    }

    return results.map((r) => r.value);
}


export function closeAll() {
    for (const socket of open) {
        socket.disconnect();
        socket.io.engine?.close();
    }

    open.clear();
}
