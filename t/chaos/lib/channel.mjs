/*
 * A TCP connection as lean clients use it: HTTP/1.1 requests one after the
 * other, kept alive, or the frames of one WebSocket.  Says what came and that
 * it ended; never tries anything again.
 */

import crypto from 'node:crypto';
import net from 'node:net';

const MAX = 16 * 1024 * 1024;   /* bytes of one answer, or of one frame */


class Channel {
    /* target: {host, port, localAddress, headers} */
    constructor(target) {
        this.target = target;
        this.socket = net.connect({ host: target.host, port: target.port,
                                    localAddress: target.localAddress,
                                    noDelay: true });
        this.dead = false;
        this.socket.on('data', (chunk) => this.take(chunk));
        this.socket.on('error', () => {});
        this.socket.on('close', () => this.end());
    }

    end() {
        if (!this.dead) {
            this.dead = true;
            this.socket.destroy();
            this.broken();
        }
    }

    /* Nobody is told of its end any more. */
    drop() {
        this.dead = true;
        this.socket.destroy();
    }
}


/* Of an answer: its head, and where its body begins and ends. */
function parse(text) {
    const begin = text.indexOf('\r\n\r\n') + 4;

    if (begin === 3) {
        return null;
    }

    const head = text.slice(0, begin);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    const end = begin + Number(length?.[1] ?? 0);

    if (end > MAX) {
        throw new Error(`an answer of ${end} bytes`);
    }

    return { status: Number(head.slice(9, 12)), begin, end,
             last: length === null || /\r\nconnection: close/i.test(head) };
}


export class Http extends Channel {
    constructor(target) {
        super(target);
        this.text = '';
        this.done = null;
        this.socket.setEncoding('latin1');
    }

    get idle() {
        return !this.dead && this.done === null;
    }

    /* done(status, body) is called once; status is 0 if the answer is lost. */
    request(method, path, body, done) {
        const length = body === null ? ''
            : 'Content-Type: text/plain;charset=UTF-8\r\n'
              + `Content-Length: ${Buffer.byteLength(body)}\r\n`;

        this.done = done;
        this.socket.write(`${method} ${path} HTTP/1.1\r\n`
            + `Host: ${this.target.host}:${this.target.port}\r\n${length}\r\n`
            + `${body ?? ''}`);
    }

    take(chunk) {
        this.text += chunk;

        const answer = parse(this.text);

        if (answer === null || this.text.length < answer.end) {
            return;
        }

        const body = this.text.slice(answer.begin, answer.end);
        const { done } = this;

        this.text = '';
        this.done = null;

        if (answer.last) {
            this.drop();
        }

        done?.(answer.status, body);
    }

    broken() {
        const { done } = this;

        this.done = null;
        done?.(0, '');
    }
}


export class Frames extends Channel {
    /* on: {open(), text(string), end()}; end follows a refusal, too */
    constructor(target, path, on) {
        super(target);
        this.on = on;
        this.rest = null;
        this.begun = false;
        this.socket.write(`GET ${path} HTTP/1.1\r\n`
            + `Host: ${target.host}:${target.port}\r\n`
            + 'Upgrade: websocket\r\nConnection: Upgrade\r\n'
            + 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: '
            + `${crypto.randomBytes(16).toString('base64')}\r\n\r\n`);
    }

    send(text) {
        const data = Buffer.from(text);
        const mask = crypto.randomBytes(4);
        const head = data.length < 126
            ? Buffer.from([0x81, 0x80 | data.length])
            : Buffer.from([0x81, 0xfe, data.length >> 8, data.length & 255]);

        for (let i = 0; i < data.length; i++) {
            data[i] ^= mask[i & 3];
        }

        this.socket.write(Buffer.concat([head, mask, data]));
    }

    take(chunk) {
        let data = this.rest === null ? chunk
                                      : Buffer.concat([this.rest, chunk]);

        this.rest = null;

        if (!this.begun) {
            const end = data.indexOf('\r\n\r\n');

            if (end === -1) {
                this.rest = data;
                return;
            }

            if (data.toString('latin1', 9, 12) !== '101') {
                this.end();
                return;
            }

            this.begun = true;
            this.on.open();
            data = data.subarray(end + 4);
        }

        this.#frames(data);
    }

    #frames(data) {
        let at = 0;

        while (!this.dead && data.length - at >= 2) {
            let length = data[at + 1] & 127;
            let begin = at + 2;

            if (length === 126 && data.length >= at + 4) {
                length = data.readUInt16BE(begin);
                begin += 2;

            } else if (length === 127 && data.length >= at + 10) {
                length = Number(data.readBigUInt64BE(begin));
                begin += 8;

            } else if (length > 125) {
                break;
            }

            if (length > MAX) {
                throw new Error(`a frame of ${length} bytes`);
            }

            if (data.length < begin + length) {
                break;
            }

            this.#frame(data[at], data, begin, begin + length);
            at = begin + length;
        }

        this.rest = at < data.length ? data.subarray(at) : null;
    }

    #frame(first, data, begin, end) {
        if (first === 0x81) {
            this.on.text(data.toString('utf8', begin, end));

        } else if (first === 0x88) {

            /* as in browsers and in ws: when the messages have been handled */
            setImmediate(() => this.end());

        } else {
            throw new Error(`a frame that begins with ${first}`);
        }
    }

    broken() {
        this.on.end();
    }
}
