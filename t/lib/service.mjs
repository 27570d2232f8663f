/*
 * A microservice as a test needs it: it keeps what it was asked and answers
 * what the test says.  Owns its port and its connections; stop() ends both.
 */

import { once } from 'node:events';
import http from 'node:http';
import { after, before, describe } from 'node:test';

import { closeAll } from './client.mjs';
import { startNginx } from './nginx.mjs';
import { openSession } from './raw.mjs';


/*
 * The service's `answer` is called with each call ({body, raw, headers, method,
 * url, req, res}) and returns, or promises, what is answered: undefined for
 * 204, a string or Buffer as it is, an object as JSON; {status, send} gives the
 * status too.  `false` leaves the answer to the function itself.  `calls` has
 * all calls so far.
 */
export async function startService(answer = () => undefined) {
    const service = { answer, calls: [], sockets: new Set() };
    const server = http.createServer(async (req, res) => {
        const chunks = [];

        try {
            for await (const chunk of req) {
                chunks.push(chunk);
            }

        } catch {
            return;             /* broken off: that is no call */
        }

        const raw = Buffer.concat(chunks);
        const call = { raw, body: JSON.parse(raw), headers: req.headers,
                       method: req.method, url: req.url, req, res };

        service.calls.push(call);
        respond(res, await service.answer(call));
    });

    server.on('connection', (socket) => {
        service.sockets.add(socket);
        socket.on('close', () => service.sockets.delete(socket));
        socket.on('error', () => {});
    });
    server.keepAliveTimeout = 60000;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    server.unref();             /* a test that fails must not wait for it */

    service.port = server.address().port;

    service.stop = async () => {
        server.close();
        service.sockets.forEach((socket) => socket.destroy());
    };

    /* The calls of one event, in the order in which they came. */
    service.of = (event) => service.calls.filter((c) => c.body.event === event);

    return service;
}


function respond(res, answer) {
    if (answer === false) {
        return;
    }

    const { status, send } = answer?.status ? answer
                                            : { status: undefined,
                                                send: answer };

    if (send === undefined) {
        res.writeHead(status ?? 204).end();
        return;
    }

    const text = typeof send === 'string' || Buffer.isBuffer(send)
                 ? send : JSON.stringify(send);

    res.writeHead(status ?? 200, { 'Content-Type': 'application/json' });
    res.end(text);
}


/* A location for calls to a service's port. */
export function internal(port, more = '') {
    return `
        location = /_call {
            internal;
            proxy_pass http://127.0.0.1:${port};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            subrequest_output_buffer_size 256k;
            ${more}
        }`;
}


/* An nginx with a service behind it; body gets {nginx, service, open}. */
export function run(name, options, body) {
    describe(name, () => {
        const state = {};

        before(async () => {
            state.service = await startService();
            state.nginx = await startNginx({
                ...options,
                server: internal(state.service.port, options.more)
                        + (options.server ?? ''),
            });
            state.open = (transport = 'websocket', more) =>
                openSession(transport, state.nginx.url, more);
        });

        after(async () => {
            closeAll();
            await state.nginx.stop().finally(() => state.service.stop());
        });

        body(state);
    });
}



/* A promise, and what settles it. */
export function gate() {
    let open;
    const promise = new Promise((resolve) => { open = resolve; });

    return { promise, open };
}
