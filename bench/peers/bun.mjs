/*
 * Socket.IO on Bun, with the engine of its authors: bun bun.mjs PORT
 */

/* global Bun */

import { listen, load, publish } from './application.mjs';

const { Server } = load('socket.io');
const { Server: Engine } = load('@socket.io/bun-engine');
const engine = new Engine({ path: '/socket.io/' });
const io = new Server();

io.bind(engine);
listen(io);

Bun.serve({
    ...engine.handler(),
    hostname: '127.0.0.1',
    port: Number(process.argv[2]),

    async fetch(request, server) {
        if (request.method === 'POST'
            && request.url.endsWith('/socketio/emit'))
        {
            publish(io, await request.text());

            return new Response('{"ok":true}');
        }

        return engine.handleRequest(request, server);
    },
});
