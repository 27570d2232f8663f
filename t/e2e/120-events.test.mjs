/*
 * Events in both directions as packets: what a client may send, what becomes
 * of it when nobody handles it, and the order in which events arrive.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startNginx } from '../lib/nginx.mjs';
import { Polling, TRANSPORTS, decodePayload, openSession }
    from '../lib/raw.mjs';

const JOINED = '[{"ok":true,"rooms":["room:a"]}]';

for (const workers of [1, 4]) {
    describe(`events with ${workers} worker(s)`, () => suite(workers));
}


function suite(workers) {
    let nginx;

    before(async () => {
        nginx = await startNginx({ workers,
                                   location: 'socketio_room room:*;' });
    });

    after(() => nginx.stop());

    for (const transport of TRANSPORTS) {
        describe(transport, () => both(transport));
    }

    test('volatile: only to a poll that waits', async () => {
        const session = await Polling.open(nginx.url);
        const id = await session.connect();
        const flags = { volatile: true };

        await nginx.publish({ rooms: [id], event: 'v', data: 1, flags });
        await nginx.publish({ rooms: [id], event: 'e', data: 2 });
        assert.equal(await session.recv(), '42["e",2]');

        const { parked } = await session.park();

        let done = false;

        parked.finally(() => { done = true; });

        /* the GET is parked at a moment that only its answer tells */
        for (let i = 0; !done; i++) {
            await nginx.publish({ rooms: [id], event: 'v', data: i, flags });
        }

        /* its worker may have heard late, of several at once */
        const got = decodePayload((await parked).body);
        const first = JSON.parse(got[0].slice(2))[1];

        assert.deepEqual(got, got.map((_, i) => `42["v",${first + i}]`));
        await session.close();
    });

    test('volatile: to an idle WebSocket', async () => {
        const session = await openSession('websocket', nginx.url);
        const id = await session.connect();

        await nginx.publish({ rooms: [id], event: 'v', data: 1,
                              flags: { volatile: true } });
        assert.equal(await session.recv(), '42["v",1]');
        session.close();
    });

    test('one order for every receiver', async () => {
        const sessions = [];

        for (let i = 0; i < 6; i++) {
            const session = await openSession(TRANSPORTS[i % 3], nginx.url);

            await session.connect();
            await session.ack(0, ['join', 'room:order']);
            sessions.push(session);
        }

        /* publishers that do not wait for one another */
        await Promise.all(Array.from({ length: 60 }, (_, i) =>
            nginx.publish({ rooms: ['room:order'], event: 'n', data: i })));

        const orders = await Promise.all(sessions.map(async (session) => {
            const got = [];

            while (got.length < 60) {
                got.push(await session.recv());
            }

            return got;
        }));

        assert.equal(new Set(orders[0]).size, 60);

        for (const order of orders) {
            assert.deepEqual(order, orders[0]);
        }

        for (const session of sessions) {
            await session.close();
        }
    });

    test('offsets grow with the order', async () => {
        const session = await openSession('websocket', nginx.url);
        const id = await session.connect();
        const offsets = new Set();

        for (let i = 0; i < 10; i++) {
            const { offset } = await nginx.publish({ rooms: [id],
                                                     event: 'e', data: i });

            assert.equal(typeof offset, 'string');
            assert.notEqual(offset, '');
            offsets.add(offset);
            assert.equal(await session.recv(), `42["e",${i}]`,
                         'and the client sees no offset');
        }

        assert.equal(offsets.size, 10);
        session.close();
    });


    function both(transport) {
        const open = async () => {
            const session = await openSession(transport, nginx.url);

            session.id = await session.connect();

            return session;
        };

        const alive = async (session) => {
            assert.deepEqual(await session.ack(77, ['join', 'room:a']),
                             JSON.parse(JOINED));
            await session.close();
        };

        const dropped = {
            'an unknown event': ['42["unknown",1]'],
            'one that asks for an ack': ['421["unknown",{"a":[1]}]'],
            'names that are not reserved': ['42["error"]', '42["message"]',
                                            '42["connection"]',
                                            '42["reconnect"]'],
            'a number for a name': ['42[7,"x"]'],
            'an empty name': ['42["",1]'],
            'a name with escapes': ['42["a\\u00e4\\n\\"b"]'],
            'JSON with blanks': ['42[ "x" , { "a" : 1 } ]'],
            'every kind of value': ['42["x",null,true,false,0,-1,1e9,0.5,'
                                    + '"\\u0000","\u{1f600}",[],{}]'],
            'a deep value': [`42["x",${'['.repeat(120)}${']'.repeat(120)}]`],
            'binary': ['451-["x",{"_placeholder":true,"num":0}]',
                       Buffer.from([1, 2, 3])],
            'binary with an ack': ['452-12["x",{"_placeholder":true,"num":0'
                                   + '},{"_placeholder":true,"num":1}]',
                                   Buffer.from([1]), Buffer.alloc(0)],
            'ten attachments': [
                `4510-["x",${Array.from({ length: 10 }, (_, i) =>
                    `{"_placeholder":true,"num":${i}}`)}]`,
                ...Array.from({ length: 10 }, (_, i) => Buffer.from([i]))],
            'one attachment used twice': [
                '451-["x",{"_placeholder":true,"num":0},'
                + '{"_placeholder":true,"num":0}]', Buffer.from([1])],
            'an attachment that is not used': ['451-["x"]',
                                               Buffer.from([1])],
            'a pong among attachments': [
                '452-["x",{"_placeholder":true,"num":0},'
                + '{"_placeholder":true,"num":1}]',
                Buffer.from([1]), '3', Buffer.from([2])],
            'a placeholder without an attachment':
                ['42["x",{"_placeholder":true,"num":0}]'],
            'dashes and digits in the data': ['42["5-1",3]', '42["x","2-"]'],
            'an ack that nobody awaits': ['4399[1]', '43[]',
                                          '430["x",{}]'],
            'a binary ack that nobody awaits':
                ['461-5[{"_placeholder":true,"num":0}]', Buffer.from([1])],
        };

        for (const [name, packets] of Object.entries(dropped)) {
            test(`dropped without a word: ${name}`, async () => {
                const session = await open();

                await session.send(...packets);
                await alive(session);
            });
        }

        for (const id of ['0', '12', '4294967296', '9007199254740993',
                          '18446744073709551615'])
        {
            test(`ack id ${id}`, async () => {
                const session = await open();

                await session.send(`42${id}["join","room:a"]`);

                const reply = await session.recv();

                assert.equal(reply, `43${id}${JOINED}`);
                await session.close();
            });
        }

        test('an ack id with leading zeros', async () => {
            const session = await open();

            await session.send('42007["join","room:a"]');
            assert.match(await session.recv(), /^43(00)?7\[\{"ok":true/);
            await session.close();
        });

        test('the same ack id again', async () => {
            const session = await open();

            for (let i = 0; i < 3; i++) {
                await session.send('425["join","room:a"]');
                assert.equal(await session.recv(), `435${JOINED}`);
            }

            await session.close();
        });

        test('events come in the order of their publishes', async () => {
            const session = await open();

            for (let i = 0; i < 50; i++) {
                await nginx.publish(i % 2
                    ? { rooms: [session.id], event: 'e', data: i }
                    : { event: 'e', data: i });
            }

            for (let i = 0; i < 50; i++) {
                assert.equal(await session.recv(), `42["e",${i}]`);
            }

            await session.close();
        });

        test('an ack keeps its place among events', async () => {
            const session = await open();

            await nginx.publish({ rooms: [session.id], event: 'before' });
            await session.send('421["join","room:a"]');

            assert.equal(await session.recv(), '42["before"]');
            assert.equal(await session.recv(), `431${JOINED}`);
            await nginx.publish({ rooms: ['room:a'], event: 'after' });
            assert.equal(await session.recv(), '42["after"]');
            await session.close();
        });

        test('nothing from before the join, all from then on', async () => {
            const session = await open();

            for (let i = 0; i < 5; i++) {
                const room = `room:${transport}:${i}`;

                await nginx.publish({ rooms: [room], event: 'before' });
                await session.ack(i, ['join', room]);
                await nginx.publish({ rooms: [room], event: 'e', data: i });
                assert.equal(await session.recv(), `42["e",${i}]`);
                await session.ack(i, ['leave', room]);
                await nginx.publish({ rooms: [room], event: 'after' });
            }

            await alive(session);
        });

        test('attachments stay behind their header', async () => {
            const session = await open();
            const count = 10;

            await Promise.all(Array.from({ length: count }, (_, i) =>
                nginx.publish({
                    rooms: [session.id], event: 'b',
                    args: [i, { _placeholder: true, num: 0 },
                           { _placeholder: true, num: 1 }],
                    attachments: [Buffer.from(`a${i}`).toString('base64'),
                                  Buffer.from(`b${i}`).toString('base64')],
                })));

            for (let n = 0; n < count; n++) {
                const head = await session.recv();
                const i = JSON.parse(head.slice(4))[1];

                assert.equal(String(await session.recv()), `a${i}`);
                assert.equal(String(await session.recv()), `b${i}`);
            }

            await alive(session);
        });
    }
}
