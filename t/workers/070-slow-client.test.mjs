/*
 * A client that stops reading: what waits for it is bounded, volatile events go
 * first, and nobody else notices.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { afterEach, describe, test } from 'node:test';

import { closeAll, connect, once, waitAll } from '../lib/client.mjs';
import { PATIENCE, until } from '../lib/nginx.mjs';
import { WebSocketRaw } from '../lib/raw.mjs';
import { cluster, SILENCE } from './lib/cluster.mjs';
import { Ledger, judge } from './lib/journal.mjs';
import { Member, closeMembers } from './lib/member.mjs';
import { drained, ownerOf } from './lib/processes.mjs';

const BUFFER = 64 * 1024;
const PIECE = 4 * 1024;

/* what the kernel may hold for a client that does not read */
const KERNEL = 2 * 1024 * 1024;

const slow = [];

let nginx, baseline;

const it = cluster({
    workers: 2, zone: 'zone=app:4m log=4m',
    listen: ({ port }) => `127.0.0.1:${port} sndbuf=16k`,
    location: `socketio_room *; socketio_send_buffer ${BUFFER};
               socketio_ping_interval 5m;`,
}, () => {
    ({ nginx, baseline } = it);
});


afterEach(async () => {
    slow.splice(0).forEach((ws) => ws.close());
    await closeMembers();
    closeAll();
    await drained(nginx, baseline, SILENCE);
});


async function counters() {
    return (await nginx.status()).counters;
}


function emit(data, flags = {}) {
    return nginx.publish({ rooms: 'r', event: 'flood', flags,
                           data: [data, 'x'.repeat(PIECE)] });
}


/* A WebSocket in the room that reads no more. */
async function slowOne() {
    const ws = await WebSocketRaw.open(nginx.url);

    ws.id = await ws.connect();
    await ws.ack(1, ['join', 'r']);
    ws.socket.pause();
    slow.push(ws);

    return ws;
}


/*
 * Fills what the kernel takes, until several events in a row are dropped for
 * the client; a single one may be dropped while the kernel is at work.
 */
async function fill() {
    for (let n = 0; n < KERNEL / PIECE; n += 8) {
        const before = (await counters()).volatile_dropped;
        const dropped = async () =>
            (await counters()).volatile_dropped >= before + 8;

        for (let i = 0; i < 8; i++) {
            await emit(`fill ${n + i}`, { volatile: true });
        }

        if (await until(dropped, 'all are dropped', 100).catch(() => false)) {
            return;
        }
    }

    throw new Error('the client takes everything');
}


/* Numbers of the events that come until one has that number. */
async function readTo(ws, last) {
    const got = [];

    do {
        const packet = await ws.recv();

        got.push(JSON.parse(packet.slice(2))[1][0]);
    } while (got.at(-1) !== last);

    return got;
}


/* Kilobytes that a process has in memory of its own. */
function resident(pid) {
    const text = fs.readFileSync(`/proc/${pid}/status`, 'utf8');

    return Number(/RssAnon:\s+(\d+)/.exec(text)[1]);
}


describe('a WebSocket that is not read', () => {
    test('is closed when socketio_send_buffer is full', async () => {
        const { slow_closed: before } = await counters();
        const ledger = new Ledger(nginx);
        const members = [await Member.open(nginx),
                         await Member.open(nginx, { transport: 'websocket' }),
                         await Member.open(nginx, { transport: 'websocket' })];
        const ws = await slowOne();
        const pid = await ownerOf(nginx, ws.socket);

        await waitAll(members.map((m) => m.join('r')));

        const memory = resident(pid);
        let n = 0;

        await until(async () => {
            await emit(n++);
            await ledger.publish(['r']);

            return (await counters()).slow_closed > before;
        }, 'the client is closed', PATIENCE * 4);

        assert.ok(n * PIECE > BUFFER, `closed after ${n} events`);
        assert.ok(n * PIECE < BUFFER + KERNEL, `closed after ${n} events`);
        assert.equal((await counters()).slow_closed, before + 1);
        assert.match(nginx.logs(), /too slow, over socketio_send_buffer/);

        if (!process.env.ASAN_OPTIONS) {
            const more = resident(pid) - memory;

            assert.ok(more < 2048, `the worker grew by ${more}k`);
        }

        await until(async () => (await nginx.publish({
            rooms: ws.id, event: 'e' })).matched === 0,
            'its socket is nobody\'s any more');

        const last = await ledger.publish(['r']);

        await waitAll(members.map((m) => m.until(last.id)));
        assert.deepEqual(judge(members.map((m) => m.journal), ledger), []);

        ws.socket.resume();
        await ws.end(PATIENCE * 2);
    });

    test('is closed by one event that is too large', async () => {
        const { slow_closed: before } = await counters();
        const member = await Member.open(nginx, { transport: 'websocket' });
        const ws = await slowOne();

        await member.join('r');
        await fill();

        const floods = member.floods ?? 0;

        /* larger than the buffer, which is no matter for who reads */
        await nginx.publish({ rooms: 'r', event: 'flood',
                              data: 'x'.repeat(4 * BUFFER) });
        await until(async () => (await counters()).slow_closed === before + 1,
                    'the client is closed');
        await until(() => member.floods > floods, 'the other one has it');
        assert.equal(member.ended, false);
        ws.socket.resume();
        await ws.end(PATIENCE * 2);
    });

    test('loses volatile events first', async () => {
        const before = await counters();
        const ws = await slowOne();

        await fill();

        /* far more than the buffer */
        for (let n = 0; n < 4 * BUFFER / PIECE; n++) {
            await emit(`volatile ${n}`, { volatile: true });
        }

        const wanted = [];

        for (let n = 0; n < BUFFER / PIECE / 2; n++) {
            await emit(`must ${n}`);
            await emit(`volatile`, { volatile: true });
            wanted.push(`must ${n}`);
        }

        await until(async () => (await counters()).volatile_dropped
                                - before.volatile_dropped
                                >= 4 * BUFFER / PIECE,
                    'volatile events are dropped');
        assert.equal((await counters()).slow_closed, before.slow_closed);

        ws.socket.resume();

        const got = await readTo(ws, wanted.at(-1));

        assert.deepEqual(got.filter((e) => !e.startsWith('fill')), wanted);

        /* now that it reads again, it gets volatile ones too */
        await until(async () => {
            await emit('again', { volatile: true });

            return ws.queue.length > 0;
        }, 'a volatile event arrives');
        ws.close();
    });

    test('that reads again has lost nothing', async () => {
        const ws = await slowOne();
        await fill();
        const wanted = [];

        for (let i = 0; i < BUFFER / PIECE - 4; i++) {
            await emit(i);
            wanted.push(i);
        }

        ws.socket.resume();

        const got = await readTo(ws, wanted.at(-1));

        const fills = got.filter((e) => String(e).startsWith('fill'))
            .map((e) => Number(e.slice(5)));

        assert.deepEqual(fills, [...fills].sort((a, b) => a - b));
        assert.deepEqual(got.slice(fills.length), wanted);
        ws.close();
    });
});


test('a stock client that was too slow comes back', async () => {
    const socket = await connect(nginx, { mode: 'websocket',
                                          reconnection: true,
                                          reconnectionDelay: 20 });
    const { slow_closed: before } = await counters();

    await socket.emitWithAck('join', 'r');

    const tcp = socket.io.engine.transport.ws._socket;

    tcp.pause();
    await until(async () => {
        await emit('x');

        return (await counters()).slow_closed > before;
    }, 'the client is closed', PATIENCE * 4);

    const reason = once(socket, 'disconnect');
    const back = once(socket, 'connect', PATIENCE * 2);

    tcp.resume();
    assert.match((await reason)[0], /^transport (close|error)$/);
    await back;

    const got = once(socket, 'e');

    await nginx.publish({ event: 'e', data: 1 });
    assert.deepEqual(await got, [1]);
});
