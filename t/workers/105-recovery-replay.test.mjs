/*
 * Replays that are long, that break off, and that meet others of the same
 * session: the client gets each event once, in order, and nobody else waits.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { connect, emitAck, once, waitAll } from '../lib/client.mjs';
import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';
import { Polling, WebSocketRaw } from '../lib/raw.mjs';
import { internal, startService } from '../lib/service.mjs';
import { back, journal, lose, numbers, suite } from './lib/recovery.mjs';

const ROOMS = 'socketio_room *; socketio_recovery 30s;';
const CALM = `${ROOMS} socketio_ping_interval 5m;`;
const BUFFER = 64 * 1024;
const PIECE = 4 * 1024;


function run(name, options, body) {
    suite(name, { workers: 2, location: ROOMS, ...options }, (state) => {
        state.publish = async (from, to, more = {}) => {
            for (const n of numbers(from, to)) {
                await state.nginx.publish({ event: 'n', data: n, ...more });
            }
        };

        /* events of some bytes, many with one call */
        state.flood = async (from, to, room, size = PIECE, more = {}) => {
            const pad = 'x'.repeat(size);

            for (let at = from; at < to; at += 100) {
                await state.nginx.call('batch', numbers(
                    at, Math.min(at + 100, to)).map((n) =>
                    ({ rooms: room, event: 'n', data: [n, pad], ...more })));
            }
        };

        body(state);
    });
}


/*
 * Passes on what clients and the server say, but cuts the connection off where
 * `left` bytes have come from the server since it was set.
 */
class Cutter {
    left = Infinity;
    cuts = 0;

    static async open(nginx) {
        const cutter = new Cutter();

        cutter.server = net.createServer((c) => cutter.#pass(c, nginx.port));
        cutter.server.listen(0, '127.0.0.1');
        cutter.server.unref();
        await new Promise((resolve) =>
            cutter.server.once('listening', resolve));
        cutter.url = `http://127.0.0.1:${cutter.server.address().port}`;

        return cutter;
    }

    #pass(client, port) {
        const server = net.connect(port, '127.0.0.1');
        const end = () => { client.destroy(); server.destroy(); };

        for (const socket of [client, server]) {
            socket.on('error', end);
            socket.on('close', end);
        }

        client.pipe(server);
        server.on('data', (data) => {
            if (data.length < this.left) {
                this.left -= data.length;
                client.write(data);
                return;
            }

            client.write(data.subarray(0, this.left));
            this.left = Infinity;
            this.cuts++;
            server.destroy();
            client.end(() => client.destroy());
        });
    }

    close() {
        this.server.close();
    }
}


/* A member of room `r` over WebSocket, made by hand. */
async function member(nginx, room = 'r') {
    const ws = await WebSocketRaw.open(nginx.url);

    await ws.send('40');
    Object.assign(ws, JSON.parse((await ws.recv()).slice(2)));
    await ws.ack(1, ['join', room]);

    return ws;
}


async function comeBack(nginx, { pid, offset }) {
    const ws = await WebSocketRaw.open(nginx.url);

    await ws.send(`40${JSON.stringify({ pid, offset })}`);

    return ws;
}


/* The number and the offset of an event's packet. */
function eventOf(packet) {
    const [name, data, offset] = JSON.parse(packet.slice(2));

    assert.equal(name, 'n');

    return { n: Array.isArray(data) ? data[0] : data, offset };
}


/* Kilobytes that the workers have in memory of their own. */
function resident(nginx) {
    return nginx.workers().reduce((sum, pid) => {
        const text = fs.readFileSync(`/proc/${pid}/status`, 'utf8');

        return sum + Number(/RssAnon:\s+(\d+)/.exec(text)[1]);
    }, 0);
}


run('long ones', {
    zone: 'zone=app:16m log=16m',
    listen: ({ port }) => `127.0.0.1:${port} sndbuf=16k`,
    location: `${CALM} socketio_send_buffer ${BUFFER};`,
}, (state) => {
    for (const mode of ['polling', 'websocket', 'upgrade']) {
        test(`${mode}: far more than the send buffer, while more is published`,
             async () => {
            const socket = await connect(state.nginx, { mode });
            const got = journal(socket);
            const room = `r-${mode}`;

            await emitAck(socket, 'join', room);
            await state.flood(0, 2, room);
            await until(() => got.length === 2, 'live ones');
            await lose(socket);
            await state.flood(2, 800, room);
            await state.flood(800, 2000, room, 10);

            const { slow_closed: before } = await state.counters();
            const more = back(socket);

            await state.flood(2000, 2300, room, 10);
            await more;
            await emitAck(socket, 'leave', room);
            await state.flood(2300, 2301, room);
            await state.flood(2301, 2302, socket.id);
            await until(() => got.at(-1) === 2301, 'all', PATIENCE * 3);
            assert.deepEqual(got, [...numbers(0, 2300), 2301]);
            assert.equal((await state.counters()).slow_closed, before);
        });
    }

    test('who reads slowly costs a slice, and nobody waits for him',
         async () => {
        const lost = await member(state.nginx);
        const other = await connect(state.nginx, { mode: 'websocket' });
        const got = journal(other);

        await emitAck(other, 'join', 'other');
        lost.close();
        await state.flood(0, 2000, 'r');

        const memory = resident(state.nginx);
        const { recoveries: before } = await state.counters();
        const all = [];

        /* each takes the place of the one before */
        while (all.length < 8) {
            const one = await comeBack(state.nginx, lost);

            one.socket.pause();
            all.push(one);
            await until(async () => (await state.counters()).recoveries
                                    === before + all.length, 'it is back');
        }

        await state.flood(0, 20, 'other');
        await until(() => got.length === 20, 'the other one has his');

        if (!process.env.ASAN_OPTIONS) {
            const more = resident(state.nginx) - memory;

            assert.ok(more < 2048, `the workers grew by ${more}k`);
        }

        const last = all.pop();

        last.socket.resume();
        assert.match(await last.recv(), /^40/);

        for (const n of numbers(0, 2000)) {
            assert.equal(eventOf(await last.recv()).n, n);
        }

        [...all, last].forEach((ws) => ws.close());
    });

    test('many at once: each gets all of it', async () => {
        const lost = await waitAll(numbers(0, 90).map(() =>
            member(state.nginx, 'many')));

        lost.forEach((ws) => ws.close());
        await state.flood(0, 200, 'many', 500);

        const all = await waitAll(lost.map((ws) =>
            comeBack(state.nginx, ws)));

        await waitAll(all.map(async (ws) => {
            assert.match(await ws.recv(), /^40/);

            for (const n of numbers(0, 200)) {
                assert.equal(eventOf(await ws.recv()).n, n);
            }

            ws.close();
        }));
    });

    /*
     * Positions are kept 4096 at a time, two for an event that two rooms bring:
     * one event of one room in the midst has them end between such two.
     */
    test('what two rooms bring comes once, wherever slices end', async () => {
        const lost = await member(state.nginx, ['two', 'rooms']);

        lost.close();
        await state.flood(0, 1000, ['two', 'rooms'], 10);
        await state.flood(1000, 1001, 'two', 10);
        await state.flood(1001, 4000, ['two', 'rooms'], 10);

        const ws = await comeBack(state.nginx, lost);

        assert.match(await ws.recv(), /^40/);

        for (const n of numbers(0, 4000)) {
            assert.equal(eventOf(await ws.recv()).n, n);
        }

        ws.close();
    });

    test('acks and rooms keep their place behind it', async () => {
        const lost = await member(state.nginx);

        lost.close();
        await state.flood(0, 500, 'r');

        const { leaves: before } = await state.counters();
        const ws = await comeBack(state.nginx, lost);

        ws.socket.pause();
        await ws.send('421["join","s"]');
        await ws.send('422["leave","r"]');
        await until(async () => (await state.counters()).leaves > before,
                    'it has left');
        await state.flood(500, 510, 'r');
        await state.flood(600, 610, 's');
        await state.nginx.call('disconnectSockets', { rooms: 's' });
        ws.socket.resume();
        assert.match(await ws.recv(), /^40/);

        const rest = [];

        for (let p = await ws.recv(); ; p = await ws.recv()) {
            rest.push(p.startsWith('42') ? eventOf(p).n : p.slice(0, 3));

            if (p === '41') {
                break;
            }
        }

        assert.deepEqual(rest, [...numbers(0, 500), '431', '432',
                                ...numbers(600, 610), '41']);
        ws.close();
    });

    test('who is refused again and again is told of some', async () => {
        const { recoveries, refusals_untold: before } =
            await state.counters();
        const untold = async () =>
            (await state.counters()).refusals_untold - before;
        const lost = await member(state.nginx);

        lost.close();
        await state.flood(0, 500, 'r');

        const ws = await comeBack(state.nginx, lost);

        ws.socket.pause();
        await until(async () =>
            (await state.counters()).recoveries > recoveries, 'it is back');
        await ws.send(...numbers(0, 15000).map((i) => `42${i}["join",""]`));
        await until(async () => await untold() > 0, 'some are not');
        await ws.send('4299999["join","s"]');
        ws.socket.resume();

        let told = 0;

        for (let p = await ws.recv(); !p.startsWith('4399999');
             p = await ws.recv())
        {
            told += p.startsWith('43');
        }

        assert.ok(told >= 5000, `${told} were told`);
        assert.equal(told + await untold(), 15000);
        ws.close();
    });
});


describe('while a service is asked for another namespace', () => {
    const state = {};

    before(async () => {
        state.service = await startService(() => ({ join: ['given'] }));
        state.nginx = await startNginx({
            workers: 2,
            zone: 'zone=app:16m log=16m',
            listen: ({ port }) => `127.0.0.1:${port} sndbuf=16k`,
            server: internal(state.service.port),
            location: `${CALM} socketio_send_buffer ${BUFFER};
                socketio_namespace / { }
                socketio_namespace /asked {
                    socketio_room lobby auto;
                    socketio_on connect forward /_call;
                }`,
        });
    });

    after(() => state.nginx.stop().finally(() => state.service.stop()));

    test('its rooms are heard when the replay is over', async () => {
        const lost = await member(state.nginx);
        const pad = 'x'.repeat(PIECE);

        lost.close();

        for (let i = 0; i < 500; i += 100) {
            await state.nginx.call('batch', numbers(i, i + 100).map((n) =>
                ({ rooms: 'r', event: 'n', data: [n, pad] })));
        }

        const ws = await comeBack(state.nginx, lost);

        ws.socket.pause();
        await ws.send('40/asked,');
        await until(async () => (await state.nginx.call('fetchSockets', {
            namespace: '/asked' })).sockets.length === 1, 'it is there');
        ws.socket.resume();
        assert.match(await ws.recv(), /^40\{/);

        for (const n of numbers(0, 500)) {
            assert.equal(eventOf(await ws.recv()).n, n);
        }

        assert.match(await ws.recv(), /^40\/asked,/);

        for (const n of numbers(0, 5)) {
            for (const rooms of ['lobby', 'given']) {
                await state.nginx.publish({ namespace: '/asked', rooms,
                                            event: rooms, data: n });
            }

            await state.nginx.publish({ namespace: '/asked', event: 'all',
                                        data: n });

            for (const name of ['lobby', 'given', 'all']) {
                const packet = await ws.recv();

                assert.equal(packet.slice(0, packet.lastIndexOf(',')),
                             `42/asked,["${name}",${n}`);
            }
        }

        ws.close();
    });
});


run('a log that is shorter than the absence', {
    zone: 'zone=app:4m log=2m',
    listen: ({ port }) => `127.0.0.1:${port} sndbuf=16k`,
    location: `${CALM} socketio_send_buffer ${BUFFER};`,
}, (state) => {
    test('a slow replay that is lapped ends, and it is told', async () => {
        const lost = await member(state.nginx);

        lost.close();
        await state.flood(0, 400, 'r');

        const { slow_closed: before } = await state.counters();
        const slow = await comeBack(state.nginx, lost);

        slow.socket.pause();
        await until(async () => (await state.counters()).recoveries > 0,
                    'it is back');
        await state.flood(400, 1200, 'r');
        slow.socket.resume();
        assert.match(await slow.recv(), /^40/);

        let last;
        let next = 0;

        try {
            for ( ;; ) {
                const event = eventOf(await slow.recv());

                assert.equal(event.n, next++);
                last = event.offset;
            }

        } catch (err) {
            assert.match(err.message, /close|end/i);
        }

        assert.ok(next > 0 && next < 400, `${next} events`);
        assert.equal((await state.counters()).slow_closed, before + 1);

        const again = await comeBack(state.nginx,
                                     { pid: lost.pid, offset: last });
        const { pid } = JSON.parse((await again.recv()).slice(2));

        assert.notEqual(pid, lost.pid);
        assert.ok((await state.counters()).recoveries_lapped > 0);
        again.close();
    });
});


/*
 * Heartbeats are short: who is cut off between the probe of an upgrade and its
 * end is deaf until the stock client misses one.
 */
run('breaks', {
    zone: 'zone=app:16m log=16m',
    listen: ({ port }) => `127.0.0.1:${port} sndbuf=16k`,
    location: `${ROOMS} socketio_send_buffer ${BUFFER};
        socketio_ping_interval 4s;
        socketio_ping_timeout 6s;
        socketio_namespace / { }
        socketio_namespace /a { }`,
}, (state) => {
    for (const mode of ['polling', 'websocket', 'upgrade']) {
        test(`${mode}: again and again amidst what was missed`, async () => {
            const cutter = await Cutter.open(state.nginx);
            const socket = await connect(cutter, {
                mode, reconnectionDelay: 10, reconnectionDelayMax: 50 });
            const got = journal(socket);
            const room = `b-${mode}`;

            await emitAck(socket, 'join', room);
            await state.flood(0, 2, room);
            await until(() => got.length === 2, 'live ones');
            await lose(socket);
            await state.flood(2, 900, room);
            socket.io.reconnection(true);
            socket.connect();

            for (const left of [1500000, 700000, 1200000, 20000, 1100000]) {
                const { cuts } = cutter;

                cutter.left = left;
                await until(() => cutter.cuts > cuts || got.at(-1) === 899,
                            'a cut', PATIENCE * 3);
            }

            cutter.left = Infinity;
            await state.flood(900, 901, room);
            await until(() => got.at(-1) === 900, 'all', PATIENCE * 5);
            assert.ok(cutter.cuts >= 2, `${cutter.cuts} cuts`);
            assert.deepEqual(got, numbers(0, 901));
            cutter.close();
        });
    }

    test('polling: one that broke off behind its first answer', async () => {
        const cutter = await Cutter.open(state.nginx);
        const socket = await connect(cutter, { mode: 'polling',
                                               reconnectionDelay: 10 });
        const got = journal(socket);
        const { recoveries_broken: before } = await state.counters();

        await emitAck(socket, 'join', 'p');
        await lose(socket);
        await state.flood(0, 500, 'p');
        cutter.left = 1500000;
        socket.io.reconnection(true);
        socket.connect();
        await until(() => cutter.cuts === 1, 'it is cut off', PATIENCE * 3);
        assert.ok(socket.receiveBuffer.length > 0);
        assert.equal(got.length, 0);
        await until(() => got.length >= 500, 'all', PATIENCE * 3);
        assert.deepEqual(got, numbers(0, 500));
        assert.equal((await state.counters()).recoveries_broken, before + 1);
        cutter.close();
    });

    test('the one that broke off beside another that is behind', async () => {
        const polling = await Polling.open(state.nginx.url);
        const sockets = {};

        for (const nsp of ['', '/a,']) {
            await polling.send(`40${nsp}`);
            sockets[nsp] = JSON.parse((await polling.recv())
                .slice(2 + nsp.length));
        }

        await polling.close();

        const come = (session, nsp) => session.send(
            `40${nsp}${JSON.stringify({ pid: sockets[nsp].pid })}`);

        await state.flood(0, 500, sockets[''].sid);
        await state.flood(0, 500, sockets['/a,'].sid, PIECE,
                          { namespace: '/a' });

        const broken = await Polling.open(state.nginx.url);

        await come(broken, '/a,');
        assert.match((await broken.poll())[0], /^42\/a,/);
        await broken.close();

        const { recoveries_broken: before } = await state.counters();
        const ws = await WebSocketRaw.open(state.nginx.url);

        ws.socket.pause();
        await come(ws, '');
        await come(ws, '/a,');
        await until(async () =>
            (await state.counters()).recoveries_broken > before, 'both came');
        ws.socket.resume();
        assert.match(await ws.recv(), /^40\{/);

        while (!(await ws.recv()).startsWith('40/a,{')) {
            /* what the other one has missed */
        }

        ws.close();
    });
});
