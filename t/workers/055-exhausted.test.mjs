/*
 * What a process may have runs out: connections, descriptors, the zone's cells
 * by calls of the API, the log's records by their size.  Who is there goes on,
 * it is told in the error log, at most once a second, and counted.
 */

import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';
import { WebSocketRaw } from '../lib/raw.mjs';
import { drained, landOn, used } from './lib/processes.mjs';

const CONNECTIONS = 64;
const FULL = /\[error\].*socketio_zone "app" is full: all its \d+ \w+ are in/;
const OWN = 129 + 40;           /* descriptors of a worker without clients */

/* clients made by hand answer no pings, and have none among what they get */
const CALM = 'socketio_room *; socketio_ping_interval 5m;';


/* A test with an nginx of its own, whose workers survive. */
function check(name, options, body) {
    test(name, async () => {
        const nginx = await startNginx({ location: CALM, ...options });
        const baseline = await used(nginx);
        const pids = nginx.workers().sort();

        try {
            await body(nginx, baseline);
            await drained(nginx, baseline, PATIENCE * 3);
            assert.deepEqual(nginx.workers().sort(), pids, 'no worker died');

        } finally {
            await nginx.stop();
        }
    });
}


async function member(nginx) {
    const ws = new WebSocketRaw(nginx.url);

    try {
        return await joined(ws);

    } catch (err) {
        ws.close();
        throw err;
    }
}


async function joined(ws) {
    await ws.shaken;
    assert.match(await ws.recv(), /^0/);
    await ws.connect();
    assert.deepEqual(await ws.ack(1, ['join', 'r']),
                     [{ ok: true, rooms: ['r'] }]);

    return ws;
}


/* WebSockets until one is not let in. */
async function fill(nginx, most) {
    const members = [];

    for ( ;; ) {
        const ws = await member(nginx).catch(() => null);

        if (ws === null) {
            return members;
        }

        members.push(ws);
        assert.ok(members.length < most, `${most} connections at most`);
    }
}


async function published(members, send, n) {
    const { matched } = await send({ rooms: 'r', event: 'e', data: n });

    assert.equal(matched, members.length);

    for (const ws of members) {
        assert.equal(await ws.recv(), `42["e",${n}]`);
    }
}


/* Calls through one connection that is there already. */
function caller(nginx) {
    const socket = net.connect(nginx.port, '127.0.0.1');
    const waiting = [];
    let text = '';

    socket.on('data', (chunk) => {
        text += chunk;

        const match = /\r\n\r\n(\{.*\})\n?$/s.exec(text);

        if (match) {
            text = '';
            waiting.shift()?.(JSON.parse(match[1]));
        }
    });
    socket.on('error', () => {});

    return {
        close: () => socket.destroy(),
        emit: (body) => new Promise((resolve) => {
            const data = JSON.stringify(body);

            waiting.push(resolve);
            socket.write(`POST /socketio/emit HTTP/1.1\r\nHost: x\r\n`
                         + 'Content-Type: application/json\r\n'
                         + `Content-Length: ${data.length}\r\n\r\n${data}`);
        }),
    };
}


function lines(nginx, pattern) {
    return nginx.logs().split('\n').filter((line) => pattern.test(line));
}


/* No worker has written more than one such line in a second. */
function assertSeldom(nginx, pattern) {
    const found = lines(nginx, pattern);
    const keys = found.map((line) => line.slice(0, 19)
                                     + / (\d+)#/.exec(line)[1]);

    assert.ok(found.length > 0, `${pattern} is logged`);
    assert.equal(new Set(keys).size, keys.length, found.join('\n'));
}


async function exhausted(nginx, pattern) {
    /* a keep-alive connection would be closed to make room */
    const members = await fill(nginx, 400);

    assert.ok(members.length >= 16, `${members.length} are there`);
    await until(() => lines(nginx, pattern).length > 0, 'it is logged');

    /* one goes: an API's connection may come */
    members.pop().close();

    const service = await until(async () => {
        const one = caller(nginx);
        const answer = await Promise.race([
            one.emit({ rooms: 'nobody', event: 'e' }),
            new Promise((resolve) => setTimeout(resolve, 1000, null)),
        ]);

        if (answer === null) {
            one.close();
        }

        return answer && one;
    }, 'a service gets through', PATIENCE * 2);

    for (let n = 0; n < 20; n++) {
        await published(members, service.emit, n);
    }

    service.close();
    members.splice(0, 8).forEach((ws) => ws.close());

    const fresh = await until(() => member(nginx).catch(() => null),
                              'others may come');

    await until(async () => {
        const { sessions } = await nginx.status();

        return sessions.websocket === members.length + 1;
    }, 'those who went are gone');
    await published([...members, fresh], (body) => nginx.publish(body), 99);
    [...members, fresh].forEach((ws) => ws.close());

    /*
     * nginx accepts again half a second after a failure, and must not be told
     * to stop in between: it would accept on a socket that is closed.
     */
    await sleep(1500);
}


describe('a worker that may have no more', { concurrency: 2 }, () => {
    check('connections', {
        connections: CONNECTIONS,
        expectAlert: /worker_connections are not enough/,
        location: `${CALM} keepalive_timeout 0;`,
    }, (nginx) =>
        exhausted(nginx, /worker_connections are not enough/));

    check('descriptors', { main: `worker_rlimit_nofile ${OWN};` }, (nginx) =>
        exhausted(nginx, /Too many open files/));
});


describe('a full zone', () => {
    check('joins by the API are refused with 507', {
        zone: 'zone=app:512k log=256k',
        location: `${CALM} socketio_limit_rooms 1000;`,
    }, async (nginx) => {
        const members = await Promise.all(Array.from({ length: 10 },
            () => member(nginx)));
        const join = Array.from({ length: 120 }, (_, n) => `new ${n}`);
        let res;

        for (let n = 0; n < 40; n++) {
            res = await nginx.api('socketsJoin', {
                join: join.map((room) => `${room} of ${n}`) });

            if (res.status !== 200) {
                break;
            }
        }

        /* what is left is used up by single rooms */
        for (let n = 0; n < 1000 && (n === 0 || res.status === 200); n++) {
            res = await nginx.api('socketsJoin', { join: `single ${n}` });
        }

        assert.equal(res.status, 507);
        assert.equal(res.json.error.code, 'memory_full');
        assertSeldom(nginx, FULL);

        /* again and again: still told once a second */
        for (let n = 0; n < 30; n++) {
            const { status } = await nginx.api('socketsJoin', { join });

            assert.equal(status, 507);
        }

        assertSeldom(nginx, FULL);
        await published(members, (body) => nginx.publish(body), 1);
        await Promise.all(members.map(async (ws) => {
            const [answer] = await ws.ack(2, ['join', 'one more']);

            assert.deepEqual(answer, { ok: false,
                                       error: 'Service unavailable',
                                       rooms: ['one more'] });
        }));
        members.forEach((ws) => ws.close());
    });

    check('handshakes are refused with 503 and a line', {
        zone: 'zone=app:512k log=256k', workers: 2,
    }, async (nginx) => {
        const open = [];
        let refused = 0;

        while (refused < 50) {
            const ws = await WebSocketRaw.request(nginx.url);

            if (ws.status === 503) {
                refused++;

            } else {
                open.push(ws);
            }
        }

        const { counters } = await nginx.status();

        assert.equal(counters.sessions_refused, 50);
        assertSeldom(nginx, FULL);
        assert.match(nginx.logs(), /full: all its \d+ sessions are in use/);
        open.forEach((ws) => ws.close());
    });
});


describe('records', () => {
    check('as large as the log takes, and larger', {
        workers: 2, zone: 'zone=app:1m log=256k',
    }, async (nginx) => {
        /* of each worker: one without is lapped, which is no matter to it */
        const members = await Promise.all(nginx.workers().map((pid) =>
            landOn(nginx, pid, () => member(nginx), (ws) => ws.socket)));
        let fits = 0;
        let over = 256 * 1024;

        /* the border, by halves */
        while (over - fits > 1) {
            const n = Math.floor((fits + over) / 2);
            const res = await nginx.api('emit', {
                rooms: 'r', event: 'e', data: 'x'.repeat(n) });

            if (res.status === 200) {
                fits = n;

                for (const ws of members) {
                    assert.equal((await ws.recv()).length, n + 10);
                }

            } else {
                assert.equal(res.status, 413);
                assert.equal(res.json.error.code, 'too_large');
                over = n;
            }
        }

        assert.ok(fits > 32000 && fits < 32768, `${fits} bytes fit`);

        /* one after the other, over the end of the ring again and again */
        for (let n = 0; n < 40; n++) {
            const data = String(n % 10).repeat(fits);

            await nginx.publish({ rooms: 'r', event: 'e', data });

            for (const ws of members) {
                assert.ok(await ws.recv() === `42["e","${data}"]`);
            }
        }

        const { counters } = await nginx.status();

        assert.equal(counters.overruns, 0);
        members.forEach((ws) => ws.close());
    });
});


describe('lines that clients cause', () => {
    check('are written once a second', { workers: 2 }, async (nginx) => {
        for (let n = 0; n < 60; n++) {
            const ws = await WebSocketRaw.open(nginx.url);

            ws.frame(1, 'nonsense');
            await ws.end();
        }

        const { counters } = await nginx.status();

        assert.equal(counters.protocol_errors, 60);
        assertSeldom(nginx, /\[info\].*client sent a malformed packet/);
    });
});


/* Two workers more than there are slots. */
describe('worker slots', () => {
    check('run out: who has none refuses sessions and serves the rest', {
        workers: 130, connections: 64,
    }, async (nginx) => {
        /* a process is there before it looks for a slot */
        await until(() => lines(nginx,
            /\[error\].*no free socketio worker slot/).length === 2,
            'two have none', PATIENCE * 3);

        await until(async () => (await nginx.status()).slots.used === 128,
                    'all others have one', PATIENCE * 3);
        assert.equal((await nginx.status()).slots.size, 128);

        /* all of them answer; about one in 65 has no slot */
        const open = [];
        let refused = 0;

        for (let n = 0; n < 3000 && (refused === 0 || n < 60); n++) {
            const ws = await WebSocketRaw.request(nginx.url);

            if (ws.status === 503) {
                refused++;
                ws.close();
                continue;
            }

            assert.equal(ws.status, 101);

            if (open.length < 20) {
                open.push(await joined(ws));

            } else {
                ws.close();
            }
        }

        assert.ok(refused > 0, 'a worker without a slot refuses');
        await published(open, (body) => nginx.publish(body), 1);
        open.forEach((ws) => ws.close());
    });
});
