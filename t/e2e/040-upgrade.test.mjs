/*
 * From polling to WebSocket: the probe, what flows meanwhile, and every way
 * in which an upgrade does not come about.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { REORDERS } from '../lib/faults.mjs';
import { startNginx } from '../lib/nginx.mjs';
import { OP, Polling, WebSocketRaw, frame, upgrade } from '../lib/raw.mjs';
import { now, steady } from '../lib/steady.mjs';

for (const workers of [1, 4]) {
    describe(`upgrade with ${workers} worker(s)`, () => suite(workers));
}


function suite(workers) {
    let nginx;
    let hasty;

    before(async () => {
        nginx = await startNginx({
            workers,
            location: 'socketio_room room:*;',
        });
        hasty = await startNginx({
            workers,
            location: 'socketio_upgrade_timeout 1s;',
        });
    });

    after(async () => {
        await nginx.stop();
        await hasty.stop();
    });

    const open = () => Polling.open(nginx.url);

    async function probe(session) {
        const ws = await WebSocketRaw.open(session.base,
                                           { sid: session.sid });

        await ws.send('2probe');
        assert.equal(await ws.recv(), '3probe');

        return ws;
    }

    /* A POST whose last byte comes at finish(); without a body it breaks off. */
    async function halfPost(session, body) {
        const text = body ?? '42';
        const { port } = new URL(nginx.url);
        const socket = net.connect(port, '127.0.0.1');

        socket.write(
            `POST ${session.url().slice(nginx.url.length)} HTTP/1.1\r\n`
            + 'Host: localhost\r\nContent-Type: text/plain\r\n'
            + `Content-Length: ${text.length}\r\n`
            + 'Expect: 100-continue\r\n\r\n');
        assert.match(`${await once(socket, 'data')}`, / 100 /);
        socket.write(text.slice(0, -1));

        return {
            async finish() {
                if (body === null) {
                    socket.destroy();
                    return;
                }

                socket.write(text.slice(-1));
                assert.match(`${await once(socket, 'data')}`, / 200 /);
                socket.destroy();
            },
        };
    }

    async function alive(session) {
        assert.deepEqual(await session.ack(9, ['join', 'room:alive']),
                         [{ ok: true, rooms: ['room:alive'] }]);
    }

    test('after "5" everything goes by WebSocket', async () => {
        const session = await open();
        const id = await session.connect();

        await session.ack(0, ['join', 'room:a']);

        const ws = await upgrade(session);

        await nginx.publish({ rooms: ['room:a'], event: 'e', args: [1] });
        assert.equal(await ws.recv(), '42["e",1]');
        await nginx.publish({ rooms: [id], event: 'e', args: [2] });
        assert.equal(await ws.recv(), '42["e",2]');
        await alive(ws);
        ws.close();
    });

    test('CONNECT may come after the upgrade', async () => {
        const ws = await upgrade(await open());

        await ws.connect();
        await alive(ws);
        ws.close();
    });

    test('no open packet and nothing but "3probe" before "5"', async () => {
        const session = await open();
        const id = await session.connect();
        const ws = await probe(session);

        await nginx.publish({ rooms: [id], event: 'e', args: [1] });
        assert.equal(await session.recv(), '42["e",1]');
        await ws.send('5');
        await nginx.publish({ rooms: [id], event: 'e', args: [2] });
        assert.equal(await ws.recv(), '42["e",2]');
        ws.close();
    });

    test('every GET during the upgrade is answered "6"', async () => {
        const session = await open();
        const { parked } = await session.park();
        const ws = await probe(session);

        assert.equal((await parked).body, '6');

        for (let i = 0; i < 2; i++) {
            assert.deepEqual(await session.poll(), ['6']);
        }

        await ws.send('5');
        await ws.connect();
        ws.close();
    });

    test('a POST during the upgrade is taken', async () => {
        const session = await open();

        await session.connect();

        const ws = await probe(session);

        await session.send('421["join","room:a"]');
        await ws.send('5');
        assert.equal(await ws.recv(), '431[{"ok":true,"rooms":["room:a"]}]');
        ws.close();
    });

    test('what waited for a poll comes by WebSocket, in order', async () => {
        const session = await open();
        const id = await session.connect();

        for (let i = 0; i < 10; i++) {
            await nginx.publish({ rooms: [id], event: 'e', args: [i] });
        }

        const ws = await upgrade(session);

        for (let i = 10; i < 20; i++) {
            await nginx.publish({ rooms: [id], event: 'e', args: [i] });
        }

        for (let i = 0; i < 20; i++) {
            assert.equal(await ws.recv(), `42["e",${i}]`);
        }

        ws.close();
    });

    test('publishes during the whole upgrade, each once', async () => {
        const session = await open();
        const id = await session.connect();
        const got = [];
        let count = 0;
        let stop = false;

        const publisher = (async () => {
            while (!stop) {
                await nginx.publish({ rooms: [id], event: 'e',
                                      args: [count++] });
            }
        })();

        got.push(...await session.poll());

        const { parked } = await session.park();
        const ws = await probe(session);

        got.push(...(await parked).body.split('\x1e'));
        await ws.send('5');
        got.push(await ws.recv(), await ws.recv());
        stop = true;
        await publisher;
        await nginx.publish({ rooms: [id], event: 'e', args: ['last'] });

        while (got.at(-1) !== '42["e","last"]') {
            got.push(await ws.recv());
        }

        assert.deepEqual(got.filter((packet) => packet !== '6'),
                         [...Array.from({ length: count },
                                        (_, i) => `42["e",${i}]`),
                          '42["e","last"]']);
        ws.close();
    });

    test('"5" without a probe, and with a payload', async () => {
        for (const packet of ['5', '52', '5x']) {
            const session = await open();

            await session.connect();

            const ws = await WebSocketRaw.open(nginx.url,
                                               { sid: session.sid });

            await ws.send(packet);
            await alive(ws);
            ws.close();
        }
    });

    test('"2probe" and "5" in one write', async () => {
        const session = await open();
        const id = await session.connect();
        const ws = await WebSocketRaw.open(nginx.url, { sid: session.sid });

        ws.write(Buffer.concat([frame(OP.TEXT, '2probe'),
                                frame(OP.TEXT, '5')]));
        assert.equal(await ws.recv(), '3probe');
        await nginx.publish({ rooms: [id], event: 'e', args: [1] });
        assert.equal(await ws.recv(), '42["e",1]');
        await alive(ws);
        ws.close();
    });

    test('a WebSocket ping and "5" in one write', async () => {
        const session = await open();
        const id = await session.connect();
        const ws = await probe(session);

        ws.write(Buffer.concat([frame(OP.PING, 'x'), frame(OP.TEXT, '5')]));
        assert.equal((await ws.next()).type, 'pong');
        await nginx.publish({ rooms: [id], event: 'e', args: [1] });
        assert.equal(await ws.recv(), '42["e",1]');
        await alive(ws);
        ws.close();
    });

    test('a GET that is parked when "5" comes is answered', async () => {
        const session = await open();

        await session.connect();

        const ws = await WebSocketRaw.open(nginx.url, { sid: session.sid });
        const { parked } = await session.park();

        await ws.send('5');

        const res = await parked;

        assert.ok(res.status === 200 ? /^[16]$/.test(res.body)
                                     : res.status === 400, res.body);
        await alive(ws);
        ws.close();
    });

    test('polling is over after it', async () => {
        const session = await open();
        const ws = await upgrade(session);

        await ws.connect();

        for (const res of [await session.get(), await session.post('40')]) {
            assert.equal(res.status, 400);
            assert.equal(JSON.parse(res.body).code, 3);
        }

        await alive(ws);
        ws.close();
    });

    test('"5", and a GET at once: the GET gets 400', async () => {
        for (let i = 0; i < 10; i++) {
            const session = await open();
            const ws = await probe(session);

            await ws.send('5');

            let res = await session.get();

            /* another worker may take the GET before the "5" */
            while ((workers > 1 || REORDERS) && res.status === 200) {
                assert.equal(res.body, '6');
                res = await session.get();
            }

            assert.equal(res.status, 400);
            ws.close();
        }
    });

    test('a second attempt during the first one is closed', async () => {
        const session = await open();
        const ws = await probe(session);
        const second = await WebSocketRaw.request(nginx.url,
                                                  { sid: session.sid });

        assert.ok(second.status === 101 || second.status === 400,
                  `status ${second.status}`);
        await second.end();
        await ws.send('5');
        await ws.connect();
        await alive(ws);
        ws.close();
    });

    describe('the session stays on polling when', () => {
        async function stays(session) {
            await session.connect();
            await session.ack(9, ['join', 'other:room']);
            await session.close();
        }

        test('the WebSocket breaks off after the probe', async () => {
            const session = await open();
            const ws = await probe(session);

            ws.close();
            await ws.closed;
            await stays(session);
        });

        test('the WebSocket is closed after the probe', async () => {
            const session = await open();
            const ws = await probe(session);

            ws.frame(OP.CLOSE);
            await ws.end();
            await stays(session);
        });

        test('the WebSocket ends before the probe', async () => {
            const session = await open();
            const ws = await WebSocketRaw.open(nginx.url,
                                               { sid: session.sid });

            ws.close();
            await ws.closed;
            await stays(session);
        });

        for (const packet of ['2', '2other', '3', '40', '6', 'x', '1']) {
            test(`"${packet}" comes for a probe`, async () => {
                const session = await open();
                const ws = await WebSocketRaw.open(nginx.url,
                                                   { sid: session.sid });

                await ws.send(packet);
                await ws.end();
                await stays(session);
            });
        }

        test('something else comes for "5"', async () => {
            const session = await open();
            const ws = await probe(session);

            await ws.send('4early');
            await ws.end();
            await stays(session);
        });

        test('no "5" comes in time', () => steady(async () => {
            const session = await Polling.open(hasty.url);
            const start = now();
            const ws = await probe(session);

            await ws.end();
            assert.ok(now() - start >= 990, 'not before its time');
            await stays(session);
        }));

        test('no probe comes in time', async () => {
            const session = await Polling.open(hasty.url);
            const ws = await WebSocketRaw.open(hasty.url,
                                               { sid: session.sid });

            await ws.end();
            await stays(session);
        });
    });

    const skip = REORDERS && 'nginx says "100 Continue" whole or not at all';

    /*
     * What the POST does to rooms would be told to nobody who listens, and cells
     * that it frees would be heard on by the WebSocket.
     */
    for (const body of ['42["leave","room:left"]', '41', '1', null]) {
        test(`"5" while a POST of ${body} is in hand`, { skip }, async () => {
            const session = await open();

            await session.connect();
            await session.ack(0, ['join', 'room:left']);

            const post = await halfPost(session, body);
            const ws = await probe(session);

            await ws.send('5');
            await ws.end();
            await post.finish();

            if (body === null) {
                /* a GET may be there before the worker sees the break */
                const res = await session.get();

                assert.ok(res.status === 400 || res.body === '1', res.body);
                await session.assertGone();
                return;
            }

            if (body === '1') {
                await session.assertLeft();
                return;
            }

            if (body === '41') {
                await session.connect();
            }

            assert.equal((await nginx.publish({ rooms: ['room:left'],
                                                event: 'e' })).matched, 0);
            await alive(session);
            await session.close();
        });
    }

    test('a new attempt after one that failed', async () => {
        const session = await open();

        await session.connect();

        const first = await probe(session);

        first.frame(OP.CLOSE);
        await first.end();

        const ws = await upgrade(session);

        await alive(ws);
        ws.close();
    });

    test('a session that ends takes its upgrade along', async () => {
        const session = await open();
        const ws = await probe(session);

        await session.post('1');
        await ws.end();
        await session.assertLeft();
    });

    test('"2probe" on an upgraded socket ends it', async () => {
        const ws = await upgrade(await open());

        await ws.connect();
        await ws.send('2probe');
        await ws.end();
    });

    test('the end of an upgraded connection ends the session', async () => {
        const session = await open();

        await session.connect();
        await session.ack(0, ['join', 'room:up']);

        const ws = await upgrade(session);

        await alive(ws);
        ws.frame(OP.CLOSE);
        await ws.end();
        assert.equal((await nginx.publish({ rooms: ['room:up'],
                                            event: 'e' })).matched, 0);
    });
}
