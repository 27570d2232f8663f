/*
 * Socket.IO on Node: node node.mjs PORT [CERTIFICATE KEY]; with BENCH_REDIS,
 * a port, a node of a cluster; with BENCH_DEFLATE it compresses.
 */

import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';

import { listen, load, publish } from './application.mjs';

const { Server } = load('socket.io');
const [port, cert, key] = process.argv.slice(2);


async function options() {
    const port = process.env.BENCH_REDIS;

    if (process.env.BENCH_DEFLATE) {
        return { perMessageDeflate: true };
    }

    if (!port) {
        return {};
    }

    const { createAdapter } = load('@socket.io/redis-adapter');
    const { createClient } = load('redis');
    const clients = [1, 2].map(() => createClient({
        socket: { host: '127.0.0.1', port: Number(port) },
    }));

    await Promise.all(clients.map((client) => client.connect()));

    return { adapter: createAdapter(...clients) };
}


function answer(request, response) {
    const parts = [];

    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
        publish(io, Buffer.concat(parts).toString());
        response.setHeader('Content-Type', 'application/json');
        response.end('{"ok":true}');
    });
}

const server = cert ? https.createServer({ cert: fs.readFileSync(cert),
                                           key: fs.readFileSync(key) }, answer)
                    : http.createServer(answer);
const io = new Server(server, await options());

listen(io);
server.keepAliveTimeout = 600_000;
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });
