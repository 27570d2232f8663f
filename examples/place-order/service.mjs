/*
 * The shop's service.  It keeps no connections and knows no sockets: nginx asks
 * it about an event, and the answer says what the client is told and what is
 * sent to whom.
 */

import crypto from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { json } from 'node:stream/consumers';

const PORT = process.env.PORT ?? 3000;
const SECRET = readFileSync('jwt.secret', 'utf8').trim();

/* In place of a database. */
const users = new Map([['cara', 'customer'], ['carl', 'customer'],
                       ['kim', 'kitchen']]);
const menu = new Map([['soup', 450], ['pasta', 890], ['cake', 380]]);
const orders = new Map();
const byKey = new Map();


/* ---- what nginx asks ---- */

/* The order's total in cents, undefined where something is wrong with it. */
function price(items) {
    if (!Array.isArray(items) || items.length < 1 || items.length > 20) {
        return undefined;
    }

    let total = 0;

    for (const item of items) {
        const cents = menu.get(item?.dish);

        if (cents === undefined || !Number.isInteger(item.count)
            || item.count < 1 || item.count > 100)
        {
            return undefined;
        }

        total += cents * item.count;
    }

    return total;
}


/*
 * A client that has waited in vain sends its order again, under the same key.
 * It is the same order then.
 */
function place({ user, args: [order] }) {
    const total = price(order?.items);
    const key = `${user} ${order?.key}`;

    if (total === undefined || typeof order.key !== 'string') {
        return { ack: [{ ok: false, error: 'Invalid order' }] };
    }

    if (byKey.has(key)) {
        return { ack: [{ ok: true, orderId: byKey.get(key) }] };
    }

    const orderId = crypto.randomUUID();
    const placed = { orderId, customer: user, items: order.items, total };

    orders.set(orderId, placed);
    byKey.set(key, orderId);

    return {
        emit: [
            { rooms: ['role:kitchen'], event: 'order:new', data: placed },
            { rooms: [`user:${user}`], except: ['${socket.id}'],
              event: 'order:placed', data: placed },
        ],
        ack: [{ ok: true, orderId }],
    };
}


function ready({ args: [orderId] }) {
    const order = orders.get(orderId);

    if (order === undefined) {
        return { ack: [{ ok: false, error: 'No such order' }] };
    }

    return {
        emit: [{ rooms: [`user:${order.customer}`, 'role:kitchen'],
                 event: 'order:ready', data: { orderId } }],
        ack: [{ ok: true }],
    };
}


const handlers = { 'place-order': place, 'order-ready': ready };

const events = (call) => handlers[call.event](call);


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
function login({ user }) {
    return users.has(user) ? { token: token({ sub: user,
                                              role: users.get(user) }) }
                           : { error: 'Who is that?' };
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
}).listen(PORT, '127.0.0.1', () => console.log(`order service on ${PORT}`));
