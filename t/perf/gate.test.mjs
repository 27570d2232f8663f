/*
 * How many instructions a worker spends on what it does most, counted by
 * callgrind: other than times they are the same on a busy machine.  Fails where
 * a count of counts.json has grown by more than a tenth, and names the functions
 * that grew.  Only the program's own instructions count, not the kernel's.
 *
 * PERF_UPDATE=1 writes counts.json, PERF_PROFILE=1 prints where they all go.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { PATIENCE, nginxVersion, startNginx } from '../lib/nginx.mjs';
import { Polling, WebSocketRaw, request } from '../lib/raw.mjs';
import { Callgrind, minus, per, total } from './callgrind.mjs';

const COUNTS = new URL('counts.json', import.meta.url).pathname;
const FIGURES = [
    'WebSocket handshake', 'join with ack', 'event with ack',
    'publish to nobody', 'delivery', 'delivery, 32 in one drain',
    'polling delivery',
];
const GROWTH = 1.1;
const TOP = 30;             /* functions kept of each count */
const MEMBERS = 200;
const N = 100;
const BATCH = 32;
const IDLE = 1000;          /* ms in which only timers count */
const DATA = 'x'.repeat(200);

const update = Boolean(process.env.PERF_UPDATE);
const profile = Boolean(process.env.PERF_PROFILE);
const version = `${nginxVersion().match(/nginx\/\S+/)[0]} ${process.arch}`;
const kept = fs.existsSync(COUNTS)
    ? JSON.parse(fs.readFileSync(COUNTS, 'utf8')) : { figures: {} };
const skip = !update && kept.version !== version
    && `counts.json is of ${kept.version}, this is ${version}`;

const now = { version, figures: {} };
let nginx;
let agent;
let callgrind;
let figures;

if (skip) {
    process.stderr.write(`SKIPPED perf: ${skip}\n`);
}

before(async () => {
    if (skip) {
        return;
    }

    process.env.PERF_NGINX = process.env.TEST_NGINX_BINARY;
    nginx = await startNginx({
        binary: new URL('nginx', import.meta.url).pathname,
        main: 'master_process off;',    /* callgrind dumps no forked process */
        level: 'warn',
        http: 'access_log off; keepalive_requests 1000000;',
        location: `socketio_room *;
                   socketio_ping_interval 300s;
                   socketio_on echo relay room=nobody any;`,
    });
    agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    callgrind = new Callgrind(nginx.prefix, nginx.child.pid);
    figures = await least();
});

after(async () => {
    if (update) {
        fs.writeFileSync(COUNTS, `${JSON.stringify(now, null, 1)}\n`);
    }

    agent?.destroy();
    await nginx?.stop();
});

for (const name of FIGURES) {
    test(name, { skip, timeout: 30 * PATIENCE }, (t) => judge(t, name));
}


/* What a busy machine has made too much is measured again. */
async function least() {
    const figures = await measure();
    const many = (name) => !update
        && total(figures[name]) > kept.figures[name].total * GROWTH;

    for (let i = 0; i < 3 && FIGURES.some(many); i++) {
        const again = await measure();

        for (const name of FIGURES) {
            if (total(again[name]) < total(figures[name])) {
                figures[name] = again[name];
            }
        }
    }

    return figures;
}


async function measure() {
    const figures = {};
    const sockets = [];

    async function connect(n) {
        for (let i = 0; i < n; i++) {
            const ws = await WebSocketRaw.open(nginx.url);

            await ws.connect();
            sockets.push(ws);
        }
    }

    await connect(20);
    await publish('nobody', 20);
    await publish('nobody', 20, BATCH);
    await callgrind.dump();

    /* timers count as well, the more so the longer something takes */
    let since = Date.now();

    await sleep(IDLE);

    const idle = per(await callgrind.dump(), Date.now() - since);

    async function counted() {
        const counts = await callgrind.dump();
        const end = Date.now();
        const left = minus(counts, idle, end - since);

        since = end;

        return left;
    }

    since = Date.now();
    await connect(MEMBERS);
    figures['WebSocket handshake'] = per(await counted(), MEMBERS);

    const members = sockets.slice(-MEMBERS);

    for (const ws of members) {
        await ws.ack(1, ['join', 'all']);
    }

    figures['join with ack'] = per(await counted(), MEMBERS);

    for (let i = 0; i < N; i++) {
        await members[0].ack(2, ['echo', DATA]);
    }

    figures['event with ack'] = per(await counted(), N);

    await publish('nobody', N);

    const nobody = await counted();

    figures['publish to nobody'] = per(nobody, N);

    await publish('all', N);
    await received(members, N);
    figures.delivery = per(minus(await counted(), nobody), N * MEMBERS);

    await publish('nobody', N / 10, BATCH);

    const batch = await counted();

    await publish('all', N / 10, BATCH);
    await received(members, N / 10 * BATCH);
    figures['delivery, 32 in one drain'] =
        per(minus(await counted(), batch), N / 10 * BATCH * MEMBERS);

    figures['polling delivery'] = await polled(counted, per(nobody, N));

    sockets.forEach((ws) => ws.close());

    return figures;
}


/* A GET, and the event that it was waiting for. */
async function polled(counted, onePublish) {
    const session = await Polling.open(nginx.url);
    const id = await session.connect();

    await publish(id, 1);
    await session.recv();
    await counted();

    for (let i = 0; i < N; i++) {
        const next = session.recv();

        await publish(id, 1);
        await next;
    }

    return minus(per(await counted(), N), onePublish);
}


/* n publishes one after the other, or n batches of so many. */
async function publish(room, n, batch = 0) {
    const event = { rooms: [room], event: 'e', data: DATA };
    const body = JSON.stringify(batch ? Array(batch).fill(event) : event);
    const url = `${nginx.url}/socketio/${batch ? 'batch' : 'emit'}`;

    for (let i = 0; i < n; i++) {
        const res = await request(url, { method: 'POST', body, agent,
            headers: { 'Content-Type': 'application/json' } });

        if (res.status !== 200) {
            throw new Error(`publish: ${res.status} ${res.body}`);
        }
    }
}


async function received(members, n) {
    for (const ws of members) {
        for (let i = 0; i < n; i++) {
            await ws.recv();
        }
    }
}


function judge(t, name) {
    const counts = figures[name];
    const sum = Math.round(total(counts));
    const top = [...counts].filter(([, n]) => n >= 0.1)
                           .sort(([, a], [, b]) => b - a).slice(0, TOP);
    const was = kept.figures[name];

    now.figures[name] = {
        total: sum,
        functions: Object.fromEntries(
            top.map(([fn, n]) => [fn, Math.round(n * 10) / 10])),
    };
    t.diagnostic(`${name}: ${sum} instructions, ${was?.total} kept`);

    if (profile) {
        t.diagnostic(list(top));
    }

    if (!update) {
        assert.ok(sum <= was.total * GROWTH,
                  `${sum} instructions were ${was.total}; grown have:\n`
                  + list(grown(counts, was.functions)));
    }
}


function grown(counts, functions) {
    return [...counts].map(([fn, n]) => [fn, n - (functions[fn] ?? 0)])
                      .filter(([, n]) => n >= 1)
                      .sort(([, a], [, b]) => b - a)
                      .slice(0, 10);
}


function list(functions) {
    return functions.map(([fn, n]) => `${n.toFixed(1).padStart(10)}  ${fn}`)
                    .join('\n');
}
