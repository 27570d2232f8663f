/*
 * POST emit: the JSON form and the raw lane, whom it reaches, that every byte
 * arrives as it was sent, and each refusal with its code and path.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startNginx } from '../lib/nginx.mjs';
import { TRANSPORTS, openSession, rawHttp } from '../lib/raw.mjs';

for (const workers of [1, 4]) {
    describe(`emit with ${workers} worker(s)`, () => delivery(workers));
}

describe('refusals', refusals);


const CONFIG = {
    location: `
        socketio_ping_interval 10m;
        socketio_room room:*;
        socketio_namespace / { }
        socketio_namespace /chat { }
        socketio_namespace ~^/dyn_ { }`,
    api: 'client_max_body_size 8m;',
};


function delivery(workers) {
    let nginx;

    before(async () => {
        nginx = await startNginx({ workers, ...CONFIG });
    });

    after(() => nginx.stop());

    async function open(transport = 'websocket', namespace = '/') {
        const session = await openSession(transport, nginx.url);

        session.id = await session.connect(namespace);

        return session;
    }

    async function sessions(...rooms) {
        return Promise.all(rooms.map(async (list) => {
            const session = await open();

            if (list.length > 0) {
                await session.ack(0, ['join', list]);
            }

            return session;
        }));
    }

    /* Which of them got the event; ends with a mark that all get. */
    async function receivers(list, selector) {
        await nginx.publish({ ...selector, event: 'x' });

        for (const session of list) {
            await nginx.publish({ rooms: [session.id], event: 'mark' });
        }

        const got = [];

        for (const session of list) {
            let count = 0;

            while (await session.recv() !== '42["mark"]') {
                count++;
            }

            got.push(count);
        }

        return got;
    }

    const close = (list) => list.forEach((session) => session.close());

    test('the answer', async () => {
        const session = await open();
        const res = await nginx.api('emit', { rooms: [session.id],
                                              event: 'e', args: [1] });

        assert.equal(res.status, 200);
        assert.match(res.headers['content-type'], /^application\/json/);
        assert.deepEqual(Object.keys(res.json).sort(),
                         ['matched', 'offset', 'ok']);
        assert.equal(res.json.ok, true);
        assert.equal(res.json.matched, 1);
        assert.equal(typeof res.json.offset, 'string');
        session.close();
    });

    describe('arguments', () => {
        const rows = {
            'none': ['{"event":"e"}', '42["e"]'],
            'an empty array': ['{"event":"e","args":[]}', '42["e"]'],
            'several': ['{"event":"e","args":[1,"a",null,{"b":[]}]}',
                        '42["e",1,"a",null,{"b":[]}]'],
            'data': ['{"event":"e","data":{"a":1}}', '42["e",{"a":1}]'],
            'data that is an array': ['{"event":"e","data":[1,2]}',
                                      '42["e",[1,2]]'],
            'data that is null': ['{"event":"e","data":null}',
                                  '42["e",null]'],
            'numbers as they stand': [
                '{"event":"e","args":[12345678901234567890123,1.0,1.10,'
                + '1e5,1E+5,-0,0.1,-0.0,9007199254740993]}',
                '42["e",12345678901234567890123,1.0,1.10,1e5,1E+5,-0,0.1,'
                + '-0.0,9007199254740993]'],
            'escapes as they stand': [
                '{"event":"e","data":"\\u0000\\/\\u00e9\u00e9\\n\\ud83d\\ude00'
                + '\u{1f600}\\u2028\u2028\u007f"}',
                '42["e","\\u0000\\/\\u00e9\u00e9\\n\\ud83d\\ude00\u{1f600}'
                + '\\u2028\u2028\u007f"]'],
            'keys as they stand': [
                '{"data":{"b":1,"a":2,"b":3,"":4,"__proto__":5,"10":6,"9":7}'
                + ',"event":"e"}',
                '42["e",{"b":1,"a":2,"b":3,"":4,"__proto__":5,"10":6,"9":7}]'
            ],
            'blanks inside as they stand': [
                '{"event":"e","data":{ "a" :\t1,\r\n"b":[ 1 , 2 ] }}',
                '42["e",{ "a" :\t1,\r\n"b":[ 1 , 2 ] }]'],
            'a name with escapes': [
                '{"event":"a\\"b\\\\c\\u0001","data":1}',
                '42["a\\"b\\\\c\\u0001",1]'],
            'a name that is not reserved': ['{"event":"message"}',
                                            '42["message"]'],
            'a placeholder in plain JSON': [
                '{"event":"e","data":{"placeholder":true,"num":0}}',
                '42["e",{"placeholder":true,"num":0}]'],
            '120 levels': [
                `{"event":"e","data":${'['.repeat(120)}${']'.repeat(120)}}`,
                `42["e",${'['.repeat(120)}${']'.repeat(120)}]`],
        };

        for (const [name, [body, packet]] of Object.entries(rows)) {
            test(name, async () => {
                const session = await open();
                const res = await nginx.api('emit',
                    body.replace('{', `{"rooms":["${session.id}"],`));

                assert.equal(res.status, 200, res.body);
                assert.equal(await session.recv(), packet);
                session.close();
            });
        }

        test('on every transport', async () => {
            for (const transport of TRANSPORTS) {
                const session = await open(transport);

                await nginx.api('emit', `{"rooms":["${session.id}"],`
                                        + '"event":"e","args":[1.0,"ü"]}');
                assert.equal(await session.recv(), '42["e",1.0,"ü"]');
                await session.close();
            }
        });

        test('a long one', async () => {
            const text = 'x'.repeat(900000);

            for (const transport of TRANSPORTS) {
                const session = await open(transport);

                await nginx.publish({ rooms: [session.id], event: 'e',
                                      data: text });
                assert.equal(await session.recv(), `42["e","${text}"]`);
                await session.close();
            }
        });

        test('a chunked request', async () => {
            const session = await open();
            const body = `{"room":"${session.id}","event":"e"}`;
            const res = await nginx.request('POST', '/socketio/emit', {
                body, headers: { 'Content-Type': 'application/json',
                                 'Transfer-Encoding': 'chunked' },
            });

            assert.equal(res.status, 200);
            assert.equal(await session.recv(), '42["e"]');
            session.close();
        });

        test('a charset in the content type', async () => {
            const res = await nginx.api('emit', { event: 'e' }, {
                'Content-Type': 'Application/JSON; charset=utf-8',
            });

            assert.equal(res.status, 200);
        });
    });

    describe('raw lane', () => {
        const raw = (query, body) => nginx.api(`emit?${query}`, body);

        const bodies = ['{"b":1.0,"a":[ 1 ]}', '12345678901234567890123',
                        '"\\u00e9\u00e9\u{1f600}"', 'null', '[]', 'true',
                        '{ "a" : "\\/" }'];

        for (const body of bodies) {
            test(`delivers ${body}`, async () => {
                const session = await open();
                const res = await raw(`event=e&room=${session.id}`, body);

                assert.equal(res.status, 200, res.body);
                assert.equal(res.json.ok, true);
                assert.equal(res.json.matched, 1);
                assert.equal(await session.recv(), `42["e",${body}]`);
                session.close();
            });
        }

        test('names are percent-decoded', async () => {
            const session = await open();

            await session.ack(0, ['join', 'room:ä b&c']);

            const res = await raw('event=my%20%C3%A4%22event'
                                  + '&room=room%3A%C3%A4%20b%26c', '1');

            assert.equal(res.json.matched, 1, res.body);
            assert.deepEqual(JSON.parse((await session.recv()).slice(2)),
                             ['my ä"event', 1]);
            session.close();
        });

        test('several rooms, each socket once', async () => {
            const list = await sessions(['room:a', 'room:b'], ['room:b'],
                                        []);

            await raw('event=e&room=room:a&room=room:b', '1');

            for (const session of list.slice(0, 2)) {
                assert.equal(await session.recv(), '42["e",1]');
            }

            for (const session of list) {
                await nginx.publish({ rooms: [session.id], event: 'mark' });
                assert.equal(await session.recv(), '42["mark"]');
            }

            close(list);
        });

        test('a namespace', async () => {
            const session = await open('websocket', '/chat');

            await raw(`event=e&namespace=/chat&room=${session.id}`, '1');
            assert.equal(await session.recv(), '42/chat,["e",1]');
            await raw('event=e&namespace=%2Fchat', '2');
            assert.equal(await session.recv(), '42/chat,["e",2]');
            session.close();
        });

        test('no room is the whole namespace', async () => {
            const session = await open();

            await raw('event=e', '1');
            assert.equal(await session.recv(), '42["e",1]');
            session.close();
        });

        test('a blank line at the end of the body', async () => {
            const session = await open();

            await raw(`event=e&room=${session.id}`, '{"a":1}\n');
            assert.deepEqual(JSON.parse((await session.recv()).slice(2)),
                             ['e', { a: 1 }]);
            session.close();
        });
    });

    describe('whom it reaches', () => {
        test('unions once, without the excepted', async () => {
            const list = await sessions(['room:a'], ['room:b'],
                                        ['room:a', 'room:b'],
                                        ['room:b', 'room:c'], []);
            const own = list[0].id;
            const rows = [
                [{ rooms: ['room:a'] }, [1, 0, 1, 0, 0]],
                [{ rooms: 'room:b' }, [0, 1, 1, 1, 0]],
                [{ to: ['room:a', 'room:b'] }, [1, 1, 1, 1, 0]],
                [{ to: 'room:c' }, [0, 0, 0, 1, 0]],
                [{ room: 'room:a' }, [1, 0, 1, 0, 0]],
                [{ room: ['room:c', 'room:a', 'room:c'] },
                 [1, 0, 1, 1, 0]],
                [{ rooms: ['room:a', own] }, [1, 0, 1, 0, 0]],
                [{ rooms: [own, list[4].id] }, [1, 0, 0, 0, 1]],
                [{ rooms: ['room:none'] }, [0, 0, 0, 0, 0]],
                [{ rooms: ['room:none', 'room:c'] }, [0, 0, 0, 1, 0]],
                [{ rooms: ['room:b'], except: ['room:c'] },
                 [0, 1, 1, 0, 0]],
                [{ rooms: ['room:a', 'room:b'], except: 'room:a' },
                 [0, 1, 0, 1, 0]],
                [{ rooms: ['room:a'], except: [own] }, [0, 0, 1, 0, 0]],
                [{ except: ['room:a', 'room:b'] }, [0, 0, 0, 0, 1]],
                [{ except: ['room:none'] }, [1, 1, 1, 1, 1]],
                [{ rooms: ['room:a'], except: ['room:a'] },
                 [0, 0, 0, 0, 0]],
                [{ rooms: [] }, [1, 1, 1, 1, 1]],
                [{}, [1, 1, 1, 1, 1]],
                [{ namespace: '/' }, [1, 1, 1, 1, 1]],
                [{ namespace: '/chat' }, [0, 0, 0, 0, 0]],
                [{ namespace: '/chat', rooms: ['room:a'] },
                 [0, 0, 0, 0, 0]],
                [{ flags: {} }, [1, 1, 1, 1, 1]],
                [{ flags: { local: true, compress: false } },
                 [1, 1, 1, 1, 1]],
                [{ flags: { volatile: false } }, [1, 1, 1, 1, 1]],
            ];

            for (const [selector, wanted] of rows) {
                assert.deepEqual(await receivers(list, selector), wanted,
                                 JSON.stringify(selector));
            }

            close(list);
        });

        test('matched', async () => {
            const list = await sessions(['room:m'], ['room:m'], []);
            const matched = async (selector) =>
                (await nginx.publish({ event: 'e', ...selector })).matched;

            assert.equal(await matched({ rooms: ['room:m'] }), 2);
            assert.equal(await matched({ rooms: [list[2].id] }), 1);
            assert.equal(await matched({ rooms: ['room:none'] }), 0);
            assert.equal(await matched({ namespace: '/chat' }), 0);
            assert.equal(await matched({ namespace: '/dyn_x' }), 0);
            assert.ok(await matched({ rooms: ['room:m', list[0].id] }) >= 2);
            assert.ok(await matched({}) >= 3);
            close(list);
        });

        test('a room of an odd name', async () => {
            const rooms = ['room:"\\/', 'room:\u{1f600}', 'room:a b',
                           `room:${'x'.repeat(120)}`, 'room:*'];
            const [session] = await sessions(rooms);

            for (const room of rooms) {
                assert.equal((await nginx.publish({ rooms: [room],
                                                    event: 'e' })).matched,
                             1);
                assert.equal(await session.recv(), '42["e"]');
            }

            session.close();
        });

        test('not a client that has only a transport', async () => {
            const idle = await openSession('websocket', nginx.url);
            const session = await open();

            await nginx.publish({ event: 'e' });
            assert.equal(await session.recv(), '42["e"]');
            await idle.connect();
            close([idle, session]);
        });
    });

    describe('attachments', () => {
        const holder = (num) => ({ _placeholder: true, num });

        async function packets(session, n) {
            const got = [];

            while (got.length < n) {
                got.push(await session.recv());
            }

            return got;
        }

        for (const transport of TRANSPORTS) {
            test(`${transport}: in order, deep, and empty`, async () => {
                const session = await open(transport);

                await nginx.publish({
                    rooms: [session.id], event: 'e',
                    args: [{ a: [holder(0)] }, holder(2), 'x', holder(1)],
                    attachments: ['AAEC', '', '/+8='],
                });
                assert.deepEqual(await packets(session, 4), [
                    '453-["e",{"a":[{"_placeholder":true,"num":0}]},'
                    + '{"_placeholder":true,"num":2},"x",'
                    + '{"_placeholder":true,"num":1}]',
                    Buffer.from([0, 1, 2]), Buffer.alloc(0),
                    Buffer.from([0xff, 0xef]),
                ]);
                await session.close();
            });
        }

        test('in a namespace', async () => {
            const session = await open('websocket', '/chat');

            await nginx.publish({ namespace: '/chat', event: 'e',
                                  data: holder(0), attachments: ['AA=='] });
            assert.deepEqual(await packets(session, 2), [
                '451-/chat,["e",{"_placeholder":true,"num":0}]',
                Buffer.from([0])]);
            session.close();
        });

        test('ten of them', async () => {
            const session = await open();
            const list = Array.from({ length: 10 }, (_, i) => i);

            await nginx.publish({
                rooms: [session.id], event: 'e', args: list.map(holder),
                attachments: list.map((i) =>
                    Buffer.from([i]).toString('base64')),
            });
            assert.deepEqual((await packets(session, 11)).slice(1),
                             list.map((i) => Buffer.from([i])));
            session.close();
        });

        test('a large one', async () => {
            const session = await open();
            const bytes = Buffer.alloc(500000, 7);

            await nginx.publish({
                rooms: [session.id], event: 'e', data: holder(0),
                attachments: [bytes.toString('base64')],
            });
            assert.deepEqual((await packets(session, 2))[1], bytes);
            session.close();
        });
    });
}


function refusals() {
    let nginx;
    let session;

    before(async () => {
        nginx = await startNginx(CONFIG);
        session = await openSession('websocket', nginx.url);
        session.id = await session.connect();
        await session.connect('/chat');
    });

    /* after all these refusals nothing may have been delivered */
    after(async () => {
        await nginx.publish({ event: 'mark' });
        assert.equal(await session.recv(), '42["mark"]');
        session.close();
        await nginx.stop();
    });

    function check(res, status, { code, path } = {}) {
        assert.equal(res.status, status, res.body);
        assert.match(res.headers['content-type'], /^application\/json/);
        assert.equal(res.json.ok, false);

        const { error } = res.json;

        assert.match(error.code, /^[a-z][a-z0-9_]*$/);
        assert.equal(typeof error.message, 'string');
        assert.notEqual(error.message, '');

        if (code !== undefined) {
            assert.equal(error.code, code);
        }

        if (path !== undefined) {
            assert.equal(error.path, path, res.body);
        }
    }

    function rows(status, list) {
        for (const [body, path, code] of list) {
            const text = typeof body === 'string' ? body
                                                  : JSON.stringify(body);

            test(`${status}: ${text.slice(0, 60)}`, async () => {
                check(await nginx.api('emit', text), status,
                      { path, code });
            });
        }
    }

    const deep = (n) => `${'['.repeat(n)}${']'.repeat(n)}`;
    const holder = { _placeholder: true, num: 0 };

    rows(400, [
        [''], ['{'], ['[]'], ['"x"'], ['null'], ['{}x'], ['{"event":"e"}}'],
        ['{"event":"e",}'], ['{event:"e"}'], ["{'event':'e'}"],
        ['{"event":"e","data":NaN}'], ['{"event":"e","data":01}'],
        ['{"event":"e","data":"\u0001"}'], ['{"event":"e","data":"\\x"}'],
        ['{"event":"e","data":1.}'], ['{"event":"e","data":[1,]}'],
        ['{"event":"e","data":"cut'],
        [`{"event":"e","data":${deep(200)}}`],
        [`{"event":"e","data":${'['.repeat(100000)}`],
        [{}, 'event'], [{ event: 5 }, 'event'], [{ event: null }, 'event'],
        [{ event: ['e'] }, 'event'],
        [{ event: 'e', args: {} }, 'args'],
        [{ event: 'e', args: 'x' }, 'args'],
        [{ event: 'e', rooms: 5 }, 'rooms'],
        [{ event: 'e', rooms: {} }, 'rooms'],
        [{ event: 'e', rooms: [5] }, 'rooms[0]'],
        [{ event: 'e', rooms: ['a', null] }, 'rooms[1]'],
        [{ event: 'e', rooms: ['a', ['b']] }, 'rooms[1]'],
        [{ event: 'e', rooms: ['a', ''] }, 'rooms[1]'],
        [{ event: 'e', except: 5 }, 'except'],
        [{ event: 'e', except: ['a', 5] }, 'except[1]'],
        [{ event: 'e', namespace: 5 }, 'namespace'],
        [{ event: 'e', flags: [] }, 'flags'],
        [{ event: 'e', flags: { volatile: 1 } }, 'flags.volatile'],
        [{ event: 'e', flags: { unknown: true } }, 'flags.unknown'],
        [{ event: 'e', unknown: 1 }, 'unknown'],
        [{ event: 'e', attachments: 'AA==' }, 'attachments'],
        [{ event: 'e', data: holder, attachments: [5] }, 'attachments[0]'],
        [{ event: 'e', data: holder, attachments: ['!!'] },
         'attachments[0]'],
        [{ event: 'e', data: holder, attachments: ['AAA'] },
         'attachments[0]'],
        [{ event: 'e', data: { ...holder, num: 1 }, attachments: ['AA=='] }],
        [{ event: 'e', data: { ...holder, num: -1 },
           attachments: ['AA=='] }],
        [{ event: 'e', data: holder,
           attachments: Array(11).fill('AA==') }, 'attachments'],
    ]);

    rows(404, [
        [{ event: 'e', namespace: '/nowhere' }, 'namespace'],
        [{ event: 'e', namespace: 'chat' }, 'namespace'],
        [{ event: 'e', namespace: '/dyn' }, 'namespace'],
        [{ event: 'e', namespace: '/chat/' }, 'namespace'],
    ]);

    rows(422, ['connect', 'connect_error', 'disconnect', 'disconnecting',
               'newListener', 'removeListener']
        .map((event) => [{ event }, 'event']));

    rows(422, [['{"event":"conn\\u0065ct"}', 'event']]);

    test('400: bytes that are no UTF-8', async () => {
        for (const bad of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80],
                           [0xe2, 0x82], [0xf4, 0x90, 0x80, 0x80]])
        {
            const body = Buffer.concat([Buffer.from('{"event":"e","data":"'),
                                        Buffer.from(bad),
                                        Buffer.from('"}')]);

            check(await nginx.api('emit', body), 400);
        }
    });

    test('raw lane: 400, 404, 422', async () => {
        for (const body of ['', 'x', '{', '1 2', '{"a":1}}', '[1],2',
                            `${deep(200)}`])
        {
            check(await nginx.api('emit?event=e', body), 400);
        }

        check(await nginx.api('emit?event=e&namespace=/nowhere', '1'), 404);
        check(await nginx.api('emit?event=disconnect', '1'), 422);
        check(await nginx.api('emit?event=e&room=', '1'), 400);
    });

    for (const type of ['text/plain', 'application/x-www-form-urlencoded',
                        'multipart/form-data; boundary=x',
                        'application/jsonp', 'text/json'])
    {
        test(`415: ${type}`, async () => {
            check(await nginx.api('emit', { event: 'e' },
                                  { 'Content-Type': type }), 415);
        });
    }

    test('415: no content type', async () => {
        check(await nginx.request('POST', '/socketio/emit',
                                  { body: '{"event":"e"}' }), 415);
    });

    const browsers = {
        'an Origin': { Origin: 'https://evil.example' },
        'the Origin null': { Origin: 'null' },
        'Sec-Fetch-Site cross-site': { 'Sec-Fetch-Site': 'cross-site' },
        'Sec-Fetch-Site same-site': { 'Sec-Fetch-Site': 'same-site' },
    };

    for (const [name, headers] of Object.entries(browsers)) {
        test(`403: ${name}`, async () => {
            check(await nginx.api('emit', { event: 'e' }, headers), 403);
            check(await nginx.request('GET', '/socketio/status',
                                      { headers }), 403);
        });
    }

    for (const site of ['none', 'same-origin']) {
        test(`Sec-Fetch-Site ${site} may pass`, async () => {
            const res = await nginx.request('GET', '/socketio/status', {
                headers: { 'Sec-Fetch-Site': site },
            });

            assert.equal(res.status, 200);
        });
    }

    test('405: other methods', async () => {
        for (const method of ['GET', 'PUT', 'DELETE']) {
            check(await nginx.request(method, '/socketio/emit'), 405);
        }

        check(await nginx.api('status', {}), 405);
        check(await nginx.api('rooms', {}), 405);
    });

    test('404: other operations', async () => {
        for (const operation of ['', 'emits', 'emit/', 'Emit', 'nothing']) {
            check(await nginx.api(operation, { event: 'e' }), 404);
        }
    });

    test('501: operations that are not built', async () => {
        check(await nginx.api('serverSideEmit', { event: 'e' }), 501,
              { code: 'not_implemented' });
        check(await nginx.request('GET', '/socketio/metrics'), 501,
              { code: 'not_implemented' });
    });

    test('413: more than an eighth of the log', async () => {
        const data = 'x'.repeat(1100000);

        check(await nginx.api('emit', { rooms: [session.id], event: 'e',
                                        data }), 413);
        check(await nginx.api(`emit?event=e&room=${session.id}`,
                              JSON.stringify(data)), 413);
        check(await nginx.api('emit', {
            rooms: [session.id], event: 'e',
            data: { _placeholder: true, num: 0 },
            attachments: [Buffer.alloc(1100000).toString('base64')],
        }), 413);
    });

    test('403 by the rules of the location', async () => {
        const own = await startNginx({
            api: null,
            server: `location /socketio/ { socketio_api app; deny all; }`,
        });

        try {
            assert.equal((await own.api('emit', { event: 'e' })).status, 403);

        } finally {
            await own.stop();
        }
    });

    test('a body that never comes does no harm', async () => {
        const text = await rawHttp(nginx.port,
            'POST /socketio/emit HTTP/1.1\r\nHost: x\r\n'
            + 'Content-Type: application/json\r\nConnection: close\r\n'
            + 'Transfer-Encoding: chunked\r\n\r\nZZ\r\n');

        assert.match(text, /^HTTP\/1\.1 400 /);
    });
}
