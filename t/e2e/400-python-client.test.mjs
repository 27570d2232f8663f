/*
 * A client that is not JavaScript: python-socketio, whose upgrade comes
 * before its first poll and which wants its CONNECT answered in a second.
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { once } from 'node:events';

import { PATIENCE, startNginx } from '../lib/nginx.mjs';
import { TRANSPORTS } from '../lib/raw.mjs';

const PYTHON = process.env.TEST_PYTHON ?? '/usr/bin/python3';

const probe = spawnSync(PYTHON, ['-c', 'import socketio, requests, websocket'],
                        { encoding: 'utf8' });
const skip = probe.status !== 0
             && `${PYTHON} has no socketio, requests or websocket`;

if (skip) {
    process.stderr.write(`SKIPPED 400-python-client: ${skip}\n`);
    test('python-socketio', { skip }, () => {});
}

/* Each line on stdout is an event of the client; stdin tells it to leave. */
const SCRIPT = `
import json, sys, threading
import socketio

url, transports = sys.argv[1], sys.argv[2].split(',')
got = threading.Event()

def say(*words):
    print(json.dumps(words), flush=True)

def connect():
    client = socketio.Client(reconnection=False)
    client.connect(url, transports=transports, namespaces=['/', '/chat'])

    @client.event
    def disconnect(*reason):
        say('disconnect')

    @client.on('news')
    def news(*args):
        say('news', *[a.hex() if isinstance(a, bytes) else a for a in args])

    @client.on('bye')
    def bye(*args):
        got.set()

    return client

# a machine may stand still for that second, but not each time
for left in (2, 1, 0):
    try:
        client = connect()
        break
    except socketio.exceptions.ConnectionError:
        if not left:
            raise

say('connected', client.get_sid(), client.transport())
say('ack', client.call('join', 'room:py', timeout=60))
say('ack', client.call('join', {'userId': 5}, namespace='/chat', timeout=60))
say('refused', client.call('join', 'other', timeout=60))
client.emit('unknown', {'n': 1, 'b': b'\\x00\\x01'})
say('ready')
assert got.wait(60), 'no bye'
say('transport', client.transport())
client.disconnect()
say('done')
`;

for (const workers of [1, 4]) {
    describe(`python-socketio with ${workers} worker(s)`, { skip }, () =>
        suite(workers));
}


function suite(workers) {
    let nginx;

    before(async () => {
        nginx = await startNginx({
            workers,
            location: `
                socketio_namespace / { socketio_room room:*; }
                socketio_namespace /chat { socketio_room user:*; }`,
        });
    });

    after(() => nginx.stop());

    for (const transport of TRANSPORTS) {
        test(transport, async () => {
            const python = start(transport === 'upgrade'
                                 ? 'polling,websocket' : transport);
            const [, id] = await python.line('connected');

            assert.match(id, /^[\w-]{20}$/);
            assert.deepEqual(await python.line('ack'),
                             ['ack', { ok: true, rooms: ['room:py'] }]);
            assert.deepEqual(await python.line('ack'),
                             ['ack', { ok: true, rooms: ['user:5'] }]);
            assert.deepEqual(await python.line('refused'),
                             ['refused', { ok: false, error: 'Forbidden',
                                           rooms: ['other'] }]);
            await python.line('ready');

            await nginx.publish({ rooms: ['room:py'], event: 'news',
                                  args: ['t\u00e4glich', { n: [1, null] }] });
            assert.deepEqual(await python.line('news'),
                             ['news', 't\u00e4glich', { n: [1, null] }]);
            await nginx.publish({
                rooms: [id], event: 'news',
                data: { _placeholder: true, num: 0 }, attachments: ['AAH/'],
            });
            assert.deepEqual(await python.line('news'), ['news', '0001ff']);

            await nginx.publish({ rooms: [id], event: 'bye' });
            assert.deepEqual(await python.line('transport'),
                             ['transport', transport === 'polling'
                              ? 'polling' : 'websocket']);
            await python.line('done');
            assert.equal(await python.end(), 0, python.errors());
        });
    }

    test('is told to go', async () => {
        const python = start('polling,websocket');
        const [, id] = await python.line('connected');

        await python.line('ready');
        await nginx.call('disconnectSockets', { rooms: [id] });
        await python.line('disconnect');
        python.kill();
    });


    function start(transports) {
        const child = spawn(PYTHON, ['-c', SCRIPT, nginx.url, transports],
                            { stdio: ['ignore', 'pipe', 'pipe'] });
        const lines = [];
        let wake = () => {};
        let rest = '';
        let errors = '';
        let closed = false;

        child.stderr.on('data', (data) => { errors += data; });
        child.stdout.on('data', (data) => {
            const parts = (rest + data).split('\n');

            rest = parts.pop();
            lines.push(...parts.map((text) => JSON.parse(text)));
            wake();
        });

        /* what it has said last may come after its exit */
        child.on('close', () => {
            closed = true;
            wake();
        });

        /* The next line that begins with this word. */
        async function line(word) {
            const end = Date.now() + PATIENCE * 2;

            for ( ;; ) {
                const at = lines.findIndex(([first]) => first === word);

                if (at >= 0) {
                    return lines.splice(at, 1)[0];
                }

                if (closed || Date.now() > end) {
                    child.kill();
                    throw new Error(`python said no "${word}": ${errors}`);
                }

                await new Promise((resolve) => {
                    const timer = setTimeout(resolve, 100);

                    wake = () => { clearTimeout(timer); resolve(); };
                });
            }
        }

        return {
            line,
            errors: () => errors,
            kill: () => child.kill(),
            end: async () => {
                if (child.exitCode === null) {
                    await once(child, 'exit');
                }

                return child.exitCode;
            },
        };
    }
}
