/*
 * Pings of the server, pongs of the client, and the deadlines that follow
 * from them.  Time is the subject here: where a test waits, it waits for a
 * deadline of the configuration.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { closeAll, collect, connect, once } from '../lib/client.mjs';
import { PATIENCE, SLOWED, startNginx, until } from '../lib/nginx.mjs';
import { Polling, TRANSPORTS, WebSocketRaw, openSession }
    from '../lib/raw.mjs';
import { now, steady } from '../lib/steady.mjs';

const INTERVAL = 300;

/* Sessions that are to end have time enough for what they do before. */
const TIMEOUT = 1200;

/* A machine under load is late, never early (but for the clock's grain). */
const GRAIN = 15;
const LATE = SLOWED ? 2400 : 800;

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
    let patient;

    /* Who is to stay has all the time for its pongs. */
    before(async () => {
        const start = (timeout) => startNginx({
            workers,
            location: `
                socketio_room room:*;
                socketio_ping_interval ${INTERVAL}ms;
                socketio_ping_timeout ${timeout}ms;`,
        });

        nginx = await start(TIMEOUT);
        patient = await start(PATIENCE);
    });

    after(async () => {
        closeAll();
        await nginx.stop().finally(() => patient.stop());
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
        const session = await Polling.open(patient.url);

        assert.equal((await session.get()).body, '2');
        await session.close();
    });

    test('without a pong a parked GET gets "1"', () => steady(async () => {
        const start = now();
        const session = await Polling.open(nginx.url);

        assert.equal(await session.recv(), '2');
        assert.equal((await session.get()).body, '1');
        assertAbout(now() - start, INTERVAL + TIMEOUT, 'the end');
        await session.assertGone();
    }));

    test('who does not poll is gone after both', async () => {
        const session = await Polling.open(nginx.url);

        await sleep(INTERVAL + TIMEOUT + GRAIN);
        await session.assertGone();
    });

    test('a session that is gone is in no room', () => steady(async () => {
        const session = await Polling.open(nginx.url);
        const rooms = [`room:${session.sid}`];
        const matched = async () =>
            (await nginx.publish({ rooms, event: 'e' })).matched;

        await session.connect();
        await session.ack(0, ['join', ...rooms]);
        assert.equal(await matched(), 1);
        await sleep(INTERVAL + TIMEOUT);
        await until(async () => await matched() === 0, 'nobody there', LATE);
        await session.assertGone();
    }));

    test('who does not poll in time for the ping is gone',
         () => steady(async () => {
        const session = await Polling.open(nginx.url);

        await session.connect();

        /* a POST shows life, but it is no pong */
        await sleep(INTERVAL);
        await session.send('420["join","room:a"]');
        await sleep(TIMEOUT + GRAIN);
        await session.assertGone();
    }));

    test('a ping that is out during the upgrade', async () => {
        const session = await Polling.open(patient.url);

        assert.equal(await session.recv(), '2');

        const ws = await WebSocketRaw.open(patient.url, { sid: session.sid });

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
            const socket = await connect(patient, { mode });

            await collect(socket.io, 'ping', 4);
            assert.equal(socket.connected, true);
            socket.disconnect();
        });
    }

    test('a stock client that sends no pong is dropped',
         () => steady(async () => {
        const socket = await connect(nginx, { mode: 'websocket' });
        const reason = once(socket, 'disconnect');

        socket.io.engine._sendPacket = () => {};
        assert.ok(['transport close', 'ping timeout', 'transport error']
                  .includes((await reason)[0]));
    }));


    function both(transport) {
        test('a ping each interval, as long as pongs come',
             () => steady(async () => {
            let since = now();
            const session = await openSession(transport, patient.url);

            for (let i = 0; i < 4; i++) {
                assert.equal(await session.recv(), '2');
                assertAbout(now() - since, INTERVAL, 'a ping');
                since = now();
                await session.send('3');
            }

            await session.close();
        }));

        test('traffic does not put off the ping', () => steady(async () => {
            const start = now();
            const session = await openSession(transport, patient.url);
            const id = await session.connect();
            let stop = false;

            const publisher = (async () => {
                while (!stop) {
                    await patient.publish({ rooms: [id], event: 'e' })
                        .catch(() => { stop = true; });
                    await sleep(10);
                }
            })();

            try {
                while (await session.recv() !== '2') {
                    assert.ok(now() - start < INTERVAL + LATE, 'no ping');
                }

            } finally {
                stop = true;
                await publisher;
            }

            assertAbout(now() - start, INTERVAL, 'the ping');
            await session.close();
        }));

        test('no traffic stands for a pong', () => steady(async () => {
            const start = now();
            const session = await openSession(transport, nginx.url);
            let over = false;

            await session.connect();

            const sender = (async () => {
                while (!over) {
                    await session.send('42["nobody"]').catch(() => {});
                    await sleep(20);
                }
            })();

            try {
                if (transport === 'polling') {
                    while (await session.recv() !== '1') { /* 2 */ }

                } else {
                    await session.end();
                }

            } finally {
                over = true;
                await sender;
            }

            assertAbout(now() - start, INTERVAL + TIMEOUT, 'the end');
        }));

        test('a pong that nobody asked for does no harm',
             () => steady(async () => {
            const session = await openSession(transport, patient.url);

            await session.send('3');
            await session.connect();
            await session.send('3');

            for (let i = 0; i < 2; i++) {
                assert.equal(await session.recv(), '2');
                await session.send('3');
            }

            await session.close();
        }));

        test('no pong: closed after interval and timeout',
             () => steady(async () => {
            const start = now();
            const session = await openSession(transport, nginx.url);

            assert.equal(await session.recv(), '2');

            if (transport === 'polling') {
                assert.equal(await session.recv(), '1');

            } else {
                await session.end();
            }

            assertAbout(now() - start, INTERVAL + TIMEOUT, 'the end');
        }));
    }
}


describe('connect timeout', { concurrency: 16 }, () => {
    let nginx;

    before(async () => {
        nginx = await startNginx({
            location: `socketio_connect_timeout ${TIMEOUT}ms;
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

        test(`${transport}: who never connects is closed`,
             () => steady(async () => {
            const start = now();

            await ends(await open());
            assertAbout(now() - start, TIMEOUT, 'the end');
        }));

        test(`${transport}: a refused CONNECT does not count`,
             () => steady(async () => {
            const session = await open();

            await session.send('40/other,');
            assert.equal(await session.recv(),
                         '44/other,{"message":"Invalid namespace"}');
            await ends(session);
        }));

        test(`${transport}: who has left may stay`, () => steady(async () => {
            const session = await open();

            await session.connect('/known');
            await session.send('41/known,');
            await sleep(TIMEOUT + 100);
            await session.connect('/known');
            await session.close();
        }));
    }
});
