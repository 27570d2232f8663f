/*
 * Pings of the server, pongs of the client, and the deadlines that follow
 * from them.  Time is the subject here: where a test waits, it waits for a
 * deadline of the configuration.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { closeAll, collect, connect, once } from '../lib/client.mjs';
import { PATIENCE, startNginx } from '../lib/nginx.mjs';
import { Polling, TRANSPORTS, WebSocketRaw, openSession }
    from '../lib/raw.mjs';

const INTERVAL = 300;
const TIMEOUT = 200;

/* A machine under load is late, never early (but for the clock's grain). */
const GRAIN = 15;
const LATE = Math.max(400, PATIENCE / 5);

function assertAbout(ms, wanted, what) {
    assert.ok(ms >= wanted - GRAIN && ms <= wanted + LATE,
              `${what} after ${ms} ms, not ${wanted}`);
}


for (const workers of [1, 4]) {
    describe(`heartbeat with ${workers} worker(s)`, { concurrency: 16 }, () =>
        suite(workers));
}


function suite(workers) {
    let nginx;

    before(async () => {
        nginx = await startNginx({
            workers,
            location: `
                socketio_room room:*;
                socketio_ping_interval ${INTERVAL}ms;
                socketio_ping_timeout ${TIMEOUT}ms;`,
        });
    });

    after(async () => {
        closeAll();
        await nginx.stop();
    });

    for (const transport of TRANSPORTS) {
        describe(transport, { concurrency: 16 }, () => both(transport));
    }

    test('the intervals are announced', async () => {
        const session = await Polling.open(nginx.url);

        assert.equal(session.handshake.pingInterval, INTERVAL);
        assert.equal(session.handshake.pingTimeout, TIMEOUT);
        await session.close();
    });

    test('the first poll of an idle session is exactly "2"', async () => {
        const session = await Polling.open(nginx.url);

        assert.equal((await session.get()).body, '2');
        await session.close();
    });

    test('without a pong a parked GET gets "1"', async () => {
        const start = Date.now();
        const session = await Polling.open(nginx.url);

        assert.equal(await session.recv(), '2');
        assert.equal((await session.get()).body, '1');
        assertAbout(Date.now() - start, INTERVAL + TIMEOUT, 'the end');
        await session.assertGone();
    });

    test('who does not poll is gone after both', async () => {
        const session = await Polling.open(nginx.url);

        await sleep(INTERVAL + TIMEOUT);
        await session.assertGone();
    });

    test('a session that is gone is in no room', async () => {
        const session = await Polling.open(nginx.url);

        await session.connect();
        await session.ack(0, ['join', 'room:short']);
        assert.equal((await nginx.publish({ rooms: ['room:short'],
                                            event: 'e' })).matched, 1);
        await sleep(INTERVAL + TIMEOUT + LATE);
        assert.equal((await nginx.publish({ rooms: ['room:short'],
                                            event: 'e' })).matched, 0);
        await session.assertGone();
    });

    test('who does not poll in time for the ping is gone', async () => {
        const session = await Polling.open(nginx.url);

        await session.connect();

        /* a POST shows life, but it is no pong */
        await sleep(INTERVAL);
        await session.post('420["join","room:a"]');
        await sleep(TIMEOUT);
        await session.assertGone();
    });

    test('a ping that is out during the upgrade', async () => {
        const session = await Polling.open(nginx.url);

        assert.equal(await session.recv(), '2');

        const ws = await WebSocketRaw.open(nginx.url, { sid: session.sid });

        await ws.send('2probe');
        assert.equal(await ws.recv(), '3probe');
        await ws.send('5', '3');

        for (let i = 0; i < 3; i++) {
            assert.equal(await ws.recv(), '2');
            await ws.send('3');
        }

        ws.close();
    });

    for (const mode of TRANSPORTS) {
        test(`a stock client stays (${mode})`, async () => {
            const socket = await connect(nginx, { mode });

            await collect(socket.io, 'ping', 4);
            assert.equal(socket.connected, true);
            socket.disconnect();
        });
    }

    test('a stock client that sends no pong is dropped', async () => {
        const socket = await connect(nginx, { mode: 'websocket' });
        const reason = once(socket, 'disconnect');

        socket.io.engine._sendPacket = () => {};
        assert.ok(['transport close', 'ping timeout', 'transport error']
                  .includes((await reason)[0]));
    });


    function both(transport) {
        const open = () => openSession(transport, nginx.url);

        test('a ping each interval, as long as pongs come', async () => {
            const session = await open();
            let last = Date.now();

            for (let i = 0; i < 4; i++) {
                assert.equal(await session.recv(), '2');

                const now = Date.now();

                if (i > 0) {
                    assertAbout(now - last, INTERVAL, 'a ping');
                }

                last = now;
                await session.send('3');
            }

            await session.close();
        });

        test('traffic does not put off the ping', async () => {
            const start = Date.now();
            const session = await open();
            const id = await session.connect();
            let stop = false;

            const publisher = (async () => {
                while (!stop) {
                    await nginx.publish({ rooms: [id], event: 'e' })
                        .catch(() => { stop = true; });
                    await sleep(10);
                }
            })();

            while (await session.recv() !== '2') { /* an event */ }

            assertAbout(Date.now() - start, INTERVAL, 'the ping');
            stop = true;
            await publisher;
            await session.close();
        });

        test('no traffic stands for a pong', async () => {
            const start = Date.now();
            const session = await open();
            let over = false;

            await session.connect();

            const sender = (async () => {
                while (!over) {
                    await session.send('42["nobody"]').catch(() => {});
                    await sleep(20);
                }
            })();

            if (transport === 'polling') {
                while (await session.recv() !== '1') { /* 2 */ }

            } else {
                await session.end();
            }

            over = true;
            await sender;
            assertAbout(Date.now() - start, INTERVAL + TIMEOUT, 'the end');
        });

        test('a pong that nobody asked for does no harm', async () => {
            const session = await open();

            await session.send('3');
            await session.connect();
            await session.send('3');

            for (let i = 0; i < 2; i++) {
                assert.equal(await session.recv(), '2');
                await session.send('3');
            }

            await session.close();
        });

        test('no pong: closed after interval and timeout', async () => {
            const start = Date.now();
            const session = await open();

            assert.equal(await session.recv(), '2');

            if (transport === 'polling') {
                assert.equal(await session.recv(), '1');

            } else {
                await session.end();
            }

            assertAbout(Date.now() - start, INTERVAL + TIMEOUT, 'the end');
        });
    }
}


describe('connect timeout', { concurrency: 16 }, () => {
    let nginx;

    before(async () => {
        nginx = await startNginx({
            location: `socketio_connect_timeout 300ms;
                       socketio_namespace /known { }`,
        });
    });

    after(() => nginx.stop());

    const ends = async (session) => {
        if (session instanceof Polling) {
            while (!['1', '6'].includes(await session.recv())) { /* 44 */ }
            await session.get();
            await session.assertGone();

        } else {
            await session.end();
        }
    };

    for (const transport of TRANSPORTS) {
        const open = () => openSession(transport, nginx.url);

        test(`${transport}: who never connects is closed`, async () => {
            const start = Date.now();

            await ends(await open());
            assertAbout(Date.now() - start, 300, 'the end');
        });

        test(`${transport}: a refused CONNECT does not count`, async () => {
            const session = await open();

            await session.send('40/other,');
            assert.equal(await session.recv(),
                         '44/other,{"message":"Invalid namespace"}');
            await ends(session);
        });

        test(`${transport}: who has left may stay`, async () => {
            const session = await open();

            await session.connect('/known');
            await session.send('41/known,');
            await sleep(400);
            await session.connect('/known');
            await session.close();
        });
    }
});
