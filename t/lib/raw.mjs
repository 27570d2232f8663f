/*
 * A Socket.IO client made by hand, for everything that a good client never
 * sends: polling requests one by one, each on a connection of its own, and
 * WebSocket frames byte by byte.  Nothing happens here that the test did not
 * ask for: no heartbeat, no polling in the background, no reconnection.
 */

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import zlib from 'node:zlib';

import { REORDERS } from './faults.mjs';
import { PATIENCE } from './nginx.mjs';

export const RS = '\x1e';


function withTimeout(promise, what, patience = PATIENCE) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no ${what} in `
                                                  + `${patience} ms`)),
                           patience);
    });

    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}


/*
 * One HTTP request.  Returns a promise of {status, headers, body, raw}, which
 * also has abort(), and sent, a promise that the request is on its way.
 */
export function request(url, { method = 'GET', headers = {}, body, agent,
                               patience = PATIENCE } = {}) {
    const lib = url.startsWith('https:') ? https : http;
    const req = lib.request(url, { method, headers, agent: agent ?? false,
                                   rejectUnauthorized: false });

    const promise = withTimeout(new Promise((resolve, reject) => {
        req.on('error', reject);
        req.on('upgrade', (res, socket) => {
            socket.destroy();
            resolve({ status: res.statusCode, headers: res.headers,
                      body: '', raw: Buffer.alloc(0) });
        });
        req.on('response', (res) => {
            const chunks = [];

            res.on('data', (chunk) => chunks.push(chunk));
            res.on('error', reject);
            res.on('end', () => {
                const raw = Buffer.concat(chunks);

                resolve({ status: res.statusCode, headers: res.headers,
                          body: raw.toString('utf8'), raw });
            });
        });
    }), `answer to ${method} ${url}`, patience);

    promise.catch(() => req.destroy());
    promise.sent = new Promise((resolve) => req.once('finish', resolve));
    promise.abort = () => { promise.catch(() => {}); req.destroy(); };
    req.end(body);

    return promise;
}


/* Sends bytes on a connection of their own; resolves to all that came back. */
export function rawHttp(port, bytes, { patience = PATIENCE } = {}) {
    const socket = net.connect(port, '127.0.0.1');
    const chunks = [];

    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => {});
    socket.write(bytes);

    return withTimeout(new Promise((resolve) => {
        socket.on('close', () =>
            resolve(Buffer.concat(chunks).toString('latin1')));
    }), 'end of the connection', patience).finally(() => socket.destroy());
}


export function queryOf(parameters) {
    return Object.entries(parameters)
        .filter(([, value]) => value !== undefined && value !== null)
        .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
        .join('&');
}


/* A packet of a polling payload: a string, or a Buffer for a binary message. */
export function decodePayload(body) {
    return body.split(RS).map((packet) =>
        packet[0] === 'b' ? Buffer.from(packet.slice(1), 'base64') : packet);
}


export function encodePayload(packets) {
    return packets.map((packet) =>
        Buffer.isBuffer(packet) ? `b${packet.toString('base64')}` : packet)
        .join(RS);
}


/*
 * What both transports share: recv() gives the next Engine.IO packet, a
 * string or a Buffer; connect() and event() are Socket.IO upon it.
 */
class Session {
    constructor() {
        this.queue = [];
    }

    async connect(namespace = '/', auth) {
        const nsp = namespace === '/' ? '' : `${namespace},`;

        await this.send(`40${nsp}${auth === undefined
                                   ? '' : JSON.stringify(auth)}`);

        const reply = await this.recv();

        assert.ok(String(reply).startsWith(`40${nsp}{`),
                  `CONNECT of ${namespace} was answered ${reply}`);

        return JSON.parse(reply.slice(2 + nsp.length)).sid;
    }

    /* Sends an event with an ack id; resolves to the array of the ack. */
    async ack(id, args, namespace = '/') {
        const nsp = namespace === '/' ? '' : `${namespace},`;

        await this.send(`42${nsp}${id}${JSON.stringify(args)}`);

        const reply = await this.recv();
        const head = `43${nsp}${id}`;

        assert.ok(String(reply).startsWith(`${head}[`),
                  `${JSON.stringify(args)} was answered ${reply}`);

        return JSON.parse(reply.slice(head.length));
    }
}


export class Polling extends Session {
    /* base is http://host:port; query, headers and path are for everything. */
    static async open(base, options = {}) {
        const session = new Polling(base, options);
        const res = await session.get();

        assert.equal(res.status, 200, `handshake: ${res.body}`);
        assert.equal(res.body[0], '0', `handshake: ${res.body}`);
        session.handshake = JSON.parse(res.body.slice(1));
        session.sid = session.handshake.sid;

        return session;
    }

    constructor(base, { path = '/socket.io/', query = {}, headers = {},
                        agent } = {}) {
        super();
        Object.assign(this, { base, path, query, headers, agent });
    }

    url(more = {}) {
        const query = { EIO: 4, transport: 'polling', sid: this.sid,
                        ...this.query, ...more };

        return `${this.base}${this.path}?${queryOf(query)}`;
    }

    get({ query, ...options } = {}) {
        return request(this.url(query),
                       { headers: this.headers, agent: this.agent,
                         ...options });
    }

    post(body, { query, headers, ...options } = {}) {
        return request(this.url(query), {
            method: 'POST', body, agent: this.agent,
            headers: { 'Content-Type': 'text/plain;charset=UTF-8',
                       ...this.headers, ...headers },
            ...options,
        });
    }

    /* One GET, decoded; it must succeed. */
    async poll(options) {
        const res = await this.get(options);

        assert.equal(res.status, 200, `poll: ${res.body}`);

        return decodePayload(res.body);
    }

    async send(...packets) {
        const res = await this.post(encodePayload(packets));

        assert.equal(res.status, 200, `post: ${res.body}`);
        assert.equal(res.body, 'ok');
    }

    async recv() {
        while (this.queue.length === 0) {
            this.queue.push(...await this.poll());
        }

        return this.queue.shift();
    }

    /*
     * A GET that waits, in an object as nobody may await it yet.  It is on its
     * way when this returns: what is sent later comes later to one worker, but
     * not to another one.
     */
    async park() {
        const parked = this.get();

        await parked.sent;

        return { parked };
    }

    /*
     * Asserts that a parked GET was told the end.  With several workers the
     * session may have been gone before the GET came.
     */
    static async assertTold(parked, workers) {
        const res = await parked;

        if ((workers > 1 || REORDERS) && res.status === 400) {
            return;
        }

        assert.equal(res.status, 200, `a parked GET got ${res.body}`);
        assert.equal(decodePayload(res.body).at(-1), '1');
    }

    /* Asserts that the session is gone. */
    async assertGone() {
        const res = await this.get();

        assert.equal(res.status, 400, `a GET after the end: ${res.body}`);
        assert.deepEqual(JSON.parse(res.body),
                         { code: 1, message: 'Session ID unknown' });
    }

    /*
     * The same after the client's own "1": one GET that was under way with it
     * may still get its "6".
     */
    async assertLeft() {
        const res = await this.get();

        if (res.status === 200) {
            assert.equal(res.body, '6');
        }

        await this.assertGone();
    }

    async close() {
        await this.post('1').catch(() => {});
    }
}


/* A message as permessage-deflate sends it, and the reverse. */

const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

export function deflate(text, options) {
    const all = zlib.deflateRawSync(text, {
        finishFlush: zlib.constants.Z_SYNC_FLUSH, ...options,
    });

    assert.deepEqual(all.subarray(-4), TAIL);

    return all.subarray(0, -4);
}


export function inflate(data, windowBits = 15) {
    return zlib.inflateRawSync(Buffer.concat([data, TAIL]), {
        finishFlush: zlib.constants.Z_SYNC_FLUSH, windowBits,
    });
}


const TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;
const NAMES = { 0: 'continuation', 1: 'text', 2: 'binary', 8: 'close',
                9: 'ping', 10: 'pong' };

export const OP = { CONT: 0, TEXT, BINARY, CLOSE, PING, PONG };


/*
 * The bytes of one frame.  mask: false sends it unmasked; length announces
 * another length than that of the payload; form is 7, 16 or 64 bits of it.
 */
export function frame(op, payload = '', { fin = true, rsv = 0, mask = true,
                                          length, form } = {}) {
    const data = Buffer.from(payload);
    const size = length ?? data.length;
    const bits = form ?? (size < 126 ? 7 : size < 65536 ? 16 : 64);
    const head = Buffer.alloc(2 + (bits === 7 ? 0 : bits / 8));

    head[0] = (fin ? 0x80 : 0) | (rsv << 4) | op;
    head[1] = (mask ? 0x80 : 0)
              | (bits === 7 ? size : bits === 16 ? 126 : 127);

    if (bits === 16) {
        head.writeUInt16BE(size, 2);

    } else if (bits === 64) {
        head.writeBigUInt64BE(BigInt(size), 2);
    }

    if (!mask) {
        return Buffer.concat([head, data]);
    }

    const key = crypto.randomBytes(4);

    for (let i = 0; i < data.length; i++) {
        data[i] ^= key[i & 3];
    }

    return Buffer.concat([head, key, data]);
}


/* Payload of a close frame. */
export function closeBody(code, reason = '') {
    const head = Buffer.alloc(2);

    head.writeUInt16BE(code);

    return Buffer.concat([head, Buffer.from(reason)]);
}


export class WebSocketRaw extends Session {
    /*
     * Connects and sends the handshake.  Resolves to an object with .status
     * and .headers; with 101 it is open, else .body has the refusal.  Headers
     * given as null are left out.  deflate: offers compression, sends packets
     * compressed, and inflates what comes so.
     */
    static async request(base, options = {}) {
        const ws = new WebSocketRaw(base, options);

        await ws.shaken;

        return ws;
    }

    /* As request(), must give 101; without a sid reads the open packet too. */
    static async open(base, options = {}) {
        const ws = await WebSocketRaw.request(base, options);

        assert.equal(ws.status, 101, `ws handshake: ${ws.body}`);

        if (!options.sid && options.open !== false) {
            const packet = await ws.recv();

            assert.equal(packet[0], '0', `ws handshake: ${packet}`);
            ws.handshake = JSON.parse(packet.slice(1));
            ws.sid = ws.handshake.sid;
        }

        return ws;
    }

    constructor(base, { path = '/socket.io/', query = {}, sid, headers = {},
                        method = 'GET', head, deflate: offers } = {}) {
        super();

        const url = new URL(base);
        const target = `${path}?${queryOf({ EIO: 4, transport: 'websocket',
                                            sid, ...query })}`;

        this.deflates = Boolean(offers);
        this.key = crypto.randomBytes(16).toString('base64');
        this.buffer = Buffer.alloc(0);
        this.waiting = [];
        this.ended = null;
        this.ignore = new Set();
        this.socket = url.protocol === 'https:'
            ? tls.connect({ port: url.port, host: url.hostname,
                            rejectUnauthorized: false,
                            ALPNProtocols: ['http/1.1'] })
            : net.connect({ port: url.port, host: url.hostname });
        this.socket.setNoDelay(true);
        this.socket.unref();    /* whoever waits has a timer */
        this.shaking = new Promise((resolve) => { this.onShaken = resolve; });
        this.closing = new Promise((resolve) => { this.onClosed = resolve; });
        this.socket.on('data', (chunk) => this.#data(chunk));
        this.socket.on('error', () => {});
        this.socket.on('close', () => this.#end());
        this.socket.write(head ?? this.#head(method, target, url.host,
                                             headers));
    }

    /* The answer to the handshake is there, whatever it is. */
    get shaken() {
        return withTimeout(this.shaking, 'answer to the handshake');
    }

    /* The connection is closed, by whomever. */
    get closed() {
        return withTimeout(this.closing, 'end of the WebSocket');
    }

    #head(method, target, host, headers) {
        const all = {
            Host: host, Upgrade: 'websocket', Connection: 'Upgrade',
            'Sec-WebSocket-Key': this.key, 'Sec-WebSocket-Version': '13',
            'Sec-WebSocket-Extensions':
                this.deflates ? 'permessage-deflate' : null,
            ...headers,
        };
        const lines = Object.entries(all)
            .filter(([, value]) => value !== null)
            .map(([name, value]) => `${name}: ${value}\r\n`);

        return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
    }

    #data(chunk) {
        this.buffer = Buffer.concat([this.buffer, chunk]);

        if (this.status === undefined && !this.#response()) {
            return;
        }

        if (this.status === 101) {
            while (this.#frame()) { /* takes them all */ }

        } else if (this.buffer.length >= this.headers['content-length']) {
            this.socket.end();
            this.#end();
        }
    }

    #response() {
        const end = this.buffer.indexOf('\r\n\r\n');

        if (end < 0) {
            return false;
        }

        const [line, ...lines] = this.buffer.subarray(0, end)
            .toString('latin1').split('\r\n');

        this.headers = {};

        for (const text of lines) {
            const colon = text.indexOf(':');

            this.headers[text.slice(0, colon).toLowerCase()]
                = text.slice(colon + 1).trim();
        }

        this.buffer = this.buffer.subarray(end + 4);
        this.status = Number(line.split(' ')[1]);

        if (this.status === 101) {
            this.#accepted();
            this.onShaken();
        }

        return true;
    }

    #accepted() {
        const wanted = crypto.createHash('sha1')
            .update(`${this.key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
            .digest('base64');

        this.deflates &&=
            'sec-websocket-extensions' in this.headers;
        this.acceptOk = this.headers['sec-websocket-accept'] === wanted;
    }

    #frame() {
        const b = this.buffer;

        if (b.length < 2) {
            return false;
        }

        let size = b[1] & 0x7f;
        let at = 2;

        if (size === 126) {
            if (b.length < 4) return false;
            size = b.readUInt16BE(2);
            at = 4;

        } else if (size === 127) {
            if (b.length < 10) return false;
            size = Number(b.readBigUInt64BE(2));
            at = 10;
        }

        if (b.length < at + size) {
            return false;
        }

        this.#message(b[0], b[1], Buffer.from(b.subarray(at, at + size)));
        this.buffer = b.subarray(at + size);

        return true;
    }

    #message(first, second, bytes) {
        const data = this.deflates && (first & 0x40) ? inflate(bytes) : bytes;
        const type = NAMES[first & 0x0f] ?? `opcode ${first & 0x0f}`;
        const message = { type, data, fin: (first & 0x80) !== 0,
                          rsv: (first >> 4) & 7,
                          masked: (second & 0x80) !== 0 };

        if (type === 'close') {
            this.closeCode = data.length >= 2 ? data.readUInt16BE(0) : 1005;
            message.code = this.closeCode;
        }

        this.#deliver(message);
    }

    #deliver(message) {
        if (message.type === 'text'
            && this.ignore.has(message.data.toString('utf8')))
        {
            return;
        }

        const waiter = this.waiting.shift();

        if (waiter) {
            waiter(message);

        } else {
            this.queue.push(message);
        }
    }

    #end() {
        if (this.ended) {
            return;
        }

        this.status ??= 0;
        this.body = this.status === 101 ? '' : this.buffer.toString('utf8');
        this.ended = { type: 'end' };
        this.onShaken();
        this.onClosed({ code: this.closeCode });
        this.waiting.splice(0).forEach((waiter) => waiter(this.ended));
    }

    /*
     * The next frame as {type, data, fin, rsv, masked, code}; {type: 'end'}
     * after the end of the connection.
     */
    async next(patience = PATIENCE) {
        if (this.queue.length > 0) {
            return this.queue.shift();
        }

        if (this.ended) {
            return this.ended;
        }

        return withTimeout(new Promise((resolve) => {
            this.waiting.push(resolve);
        }), 'WebSocket frame', patience);
    }

    /* The next Engine.IO packet: a string, or a Buffer for a binary frame. */
    async recv() {
        const message = await this.next();

        assert.ok(message.type === 'text' || message.type === 'binary',
                  `got ${message.type} ${message.code ?? ''}, not a packet`);
        assert.equal(message.masked, false, 'a server does not mask');

        return message.type === 'text' ? message.data.toString('utf8')
                                       : message.data;
    }

    write(bytes) {
        this.socket.write(bytes);
    }

    /* The same bytes one by one, each in a segment of its own. */
    async trickle(bytes, size = 1) {
        for (let i = 0; i < bytes.length; i += size) {
            this.socket.write(bytes.subarray(i, i + size));
            await new Promise((resolve) => setImmediate(resolve));
        }
    }

    frame(op, payload, options) {
        this.write(frame(op, payload, options));
    }

    async send(...packets) {
        for (const packet of packets) {
            const op = Buffer.isBuffer(packet) ? BINARY : TEXT;

            if (this.deflates) {
                this.frame(op, deflate(packet), { rsv: 4 });

            } else {
                this.frame(op, packet);
            }
        }
    }

    /*
     * Waits for the server to end the connection and returns the code of its
     * close frame: undefined when it sent none.  What else comes is dropped.
     */
    async end(patience = PATIENCE) {
        for ( ;; ) {
            const message = await this.next(patience);

            if (message.type === 'end') {
                return this.closeCode;
            }

            if (message.type === 'close') {
                this.socket.end(frame(CLOSE, message.data.subarray(0, 2)));
            }
        }
    }

    /* Asserts that the session of this connection is gone too. */
    async assertEnds(code) {
        const got = await this.end();

        if (code !== undefined) {
            assert.equal(got, code, 'code of the close frame');
        }
    }

    close() {
        this.socket.destroy();
    }
}


/* Probes and upgrades a polling session; returns its open WebSocket. */
export async function upgrade(polling, options = {}) {
    const ws = await WebSocketRaw.open(polling.base,
                                       { path: polling.path,
                                         headers: polling.headers,
                                         query: polling.query,
                                         sid: polling.sid, ...options });

    try {
        await ws.send('2probe');
        assert.equal(await ws.recv(), '3probe');
        await ws.send('5');

    } catch (err) {
        ws.close();
        throw err;
    }

    ws.sid = polling.sid;
    ws.handshake = polling.handshake;

    return ws;
}


/*
 * An open session over the named transport: polling, websocket or upgrade.
 * Both kinds have send, recv, connect, ack and close.
 */
export async function openSession(transport, base, options) {
    switch (transport) {
    case 'polling':
        return Polling.open(base, options);

    case 'websocket':
        return WebSocketRaw.open(base, options);

    case 'upgrade':
        return upgrade(await Polling.open(base, options));

    default:
        throw new Error(`no transport ${transport}`);
    }
}

export const TRANSPORTS = ['polling', 'websocket', 'upgrade'];
