/*
 * What the servers for Node and Bun do, the same that nginx.conf says: clients
 * join rooms, "echo" goes to others in a room where nobody is, and a POST is
 * an emit.
 */

import { createRequire } from 'node:module';

/* Packages are not installed here, but in a folder of the runner. */
export const load = createRequire(`${process.env.BENCH_PACKAGES}/`);


export function listen(io) {
    io.on('connection', (socket) => {
        socket.on('join', (rooms, ack) => {
            socket.join(rooms);
            ack({ ok: true, rooms });
        });

        socket.on('echo', (text, ack) => {
            socket.to('nobody').emit('echo', text);
            ack({ ok: true });
        });
    });
}


export function publish(io, body) {
    const { rooms, event, data } = JSON.parse(body);

    io.to(rooms).emit(event, data);
}
