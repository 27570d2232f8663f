/*
 * The chat's service: logins, who may be in which room, and the messages.
 * nginx asks it about a client's event and does what the answer says.
 */

import crypto from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { json } from 'node:stream/consumers';

const PORT = process.env.PORT ?? 3000;
const API = process.env.SOCKETIO_API ?? 'http://127.0.0.1:8080/socketio';
const SECRET = readFileSync('jwt.secret', 'utf8').trim();

const HISTORY = 50;

/* In place of a database. */
const users = new Map([['ann', 'Ann'], ['ben', 'Ben'], ['cem', 'Cem']]);
const rooms = new Map([
    ['general', { members: ['ann', 'ben', 'cem'], messages: [] }],
    ['staff', { members: ['ann', 'ben'], messages: [] }],
]);


/* ---- what nginx asks ---- */

const refused = (message) => ({ error: { message } });


/* Who is in a room by other sockets than one, over all workers and tabs. */
async function present(roomId, except) {
    const res = await fetch(`${API}/fetchSockets`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ namespace: '/chat', rooms: `room:${roomId}`,
                               except, limit: 1000 }),
    });
    const { sockets } = await res.json();

    return new Set(sockets.map((socket) => socket.user));
}


/* What the others are told, unless another tab of the user is in the room. */
async function tell(event, { user, socket }, roomId) {
    const users = await present(roomId, socket);

    return users.has(user) ? []
           : [{ rooms: `room:${roomId}`, except: ['${socket.id}'], event,
                data: { userId: user, roomId } }];
}


const handlers = {
    async 'room:join'(call) {
        const [roomId] = call.args;
        const room = rooms.get(roomId);

        if (!room?.members.includes(call.user)) {
            return refused('Forbidden');
        }

        const users = await present(roomId, call.socket);

        return {
            join: [`room:${roomId}`],
            emit: [{ rooms: ['${socket.id}'], event: 'room:history',
                     args: [roomId, room.messages.slice(-HISTORY)] },
                   ...await tell('room:user-joined', call, roomId)],
            ack: [{ ok: true, users: [...users.add(call.user)].sort() }],
        };
    },

    async 'room:leave'(call) {
        const [roomId] = call.args;

        if (!call.rooms.includes(`room:${roomId}`)) {
            return refused('Not in this room');
        }

        return {
            leave: [`room:${roomId}`],
            emit: await tell('room:user-left', call, roomId),
            ack: [{ ok: true }],
        };
    },

    async 'message:send'({ user, claims, rooms: mine, args: [message] }) {
        const { roomId, content, type = 'text' } = message ?? {};
        const room = rooms.get(roomId);

        if (!room || !mine.includes(`room:${roomId}`)) {
            return refused('Not in this room');
        }

        if (typeof content !== 'string' || content.length < 1
            || content.length > 2000 || type !== 'text')
        {
            return refused('Invalid message');
        }

        const stored = { id: crypto.randomUUID(), roomId, content, type,
                         sender: { id: user, name: claims.name },
                         createdAt: new Date().toISOString() };

        room.messages.push(stored);

        return {
            emit: [{ rooms: [`room:${roomId}`], event: 'message:new',
                     data: stored }],
            ack: [{ ok: true, id: stored.id }],
        };
    },

    async disconnect(call) {
        const ids = call.rooms.filter((room) => room.startsWith('room:'))
                              .map((room) => room.slice(5));
        const emits = await Promise.all(
            ids.map((id) => tell('room:user-left', call, id)));

        return { emit: emits.flat() };
    },
};


async function events(call) {
    const handler = call.type === 'disconnect' ? handlers.disconnect
                                               : handlers[call.event];

    return handler ? handler(call) : refused('Unknown event');
}


/* ---- what the page asks ---- */

/* A JSON Web Token for an hour; any JWT library makes the same. */
function token(claims) {
    const part = (value) => Buffer.from(JSON.stringify(value))
                                  .toString('base64url');
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const text = `${part({ alg: 'HS256', typ: 'JWT' })}.`
                 + part({ ...claims, exp });
    const sign = crypto.createHmac('sha256', SECRET).update(text);

    return `${text}.${sign.digest('base64url')}`;
}


/* Without passwords, because this is an example. */
async function login({ user }) {
    return users.has(user)
           ? { token: token({ sub: user, name: users.get(user) }) }
           : refused('Who is that?');
}


/* ---- HTTP ---- */

const routes = { 'POST /events': events, 'POST /login': login };


http.createServer(async (req, res) => {
    const route = routes[`${req.method} ${req.url}`];
    let status = route ? 200 : 404;
    let body = {};

    try {
        body = await route?.(await json(req));

    } catch (err) {
        console.error(err);
        status = 500;
    }

    res.writeHead(status, { 'Content-Type': 'application/json' });
    res.end(JSON.stringify(body ?? {}));
}).listen(PORT, '127.0.0.1', () => console.log(`chat service on ${PORT}`));
