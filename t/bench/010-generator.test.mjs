/*
 * The load generator of bench/: that it finds what a server does wrong, and
 * finds nothing wrong where nothing is; and a second of it with nginx, so that
 * it keeps understanding what the module says.  No figure is judged.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { freePort, startNginx, until } from '../lib/nginx.mjs';
import { NO_REDIS, heard, startRedis } from '../lib/redis.mjs';

const BENCH = process.env.TEST_BENCH
              ?? path.resolve(path.dirname(fileURLToPath(import.meta.url)),
                              '../../build/bench');
const FAULTS = ['lost', 'duplicates', 'reordered', 'corrupt', 'foreign',
                'misrouted', 'refused', 'failed', 'closed', 'unconnected',
                'unrecovered'];


/*
 * Runs the generator; returns its line with the exit code.  Where it waits to
 * be told to go on, it is.
 */
async function load(port, options) {
    const words = Object.entries({ port, settle: 0, warmup: 0.1, duration: 0.4,
                                   ...options })
                        .flatMap(([k, v]) => [`--${k}`, `${v}`]);
    const child = spawn(path.join(BENCH, 'load'), words,
                        { stdio: ['pipe', 'pipe', 'inherit'] });
    let text = '';

    child.stdout.on('data', (data) => {
        text += data;

        if (/^(connected|away)$/m.test(`${data}`)) {
            child.stdin.write('\n');
        }
    });

    const [code] = await once(child, 'close');

    return { code, ...JSON.parse(text.slice(text.indexOf('{'))) };
}


async function floor(...options) {
    const port = await freePort();
    const child = spawn(path.join(BENCH, 'floor'), [`${port}`, ...options],
                        { stdio: 'inherit' });

    await until(async () => (await load(port, { clients: 1 })).ready === 1,
                'the floor listens');

    return { port, stop: () => child.kill() };
}


/*
 * As load(), judged by onlyFaults(), each time: longer and longer until there
 * is enough in its window, for which a busy machine may need more than usual.
 * Where there is less, a fault that is wanted may not have come yet.
 */
async function enough(port, options, wanted, is) {
    let line;

    for (const times of [1, 4, 16]) {
        line = await load(port, {
            ...options, duration: (options.duration ?? 0.4) * times });

        if (is(line.window)) {
            onlyFaults(line, ...wanted);
            return line;
        }

        onlyFaults(line, ...wanted.map((name) => name.replace(/\??$/, '?')));
    }

    return assert.fail(JSON.stringify(line));
}


/* What may be is written with a question mark. */
function onlyFaults(line, ...wanted) {
    for (const name of FAULTS) {
        if (wanted.includes(`${name}?`)) {
            continue;
        }

        assert.equal(line.faults[name] > 0, wanted.includes(name),
                     `${name}: ${line.faults[name]}`);
    }

    assert.equal(line.code, FAULTS.some((name) => line.faults[name]) ? 1 : 0);
}


/* The last delivery that is held back for a swap is never given. */
describe('a server that does wrong', () => {
    const wrong = [
        [[], {}, []],
        [['--batch'], { outstanding: 8 }, []],
        [['--fault', 'lose', '97'], { response: 1 }, ['lost']],
        [['--fault', 'twice', '97'], {}, ['duplicates']],
        [['--fault', 'swap', '97'], { response: 1 }, ['reordered', 'lost?']],
        [['--fault', 'damage', '97'], { response: 1 }, ['lost', 'corrupt']],
    ];

    for (const [faults, options, wanted] of wrong) {
        test(`${faults.join(' ') || 'nothing'}: ${wanted}`, async () => {
            const server = await floor(...faults);

            try {
                /* what is lost is waited for, what is not takes its time */
                await enough(server.port, {
                    clients: 50, outstanding: 1, ...options,
                    ...wanted.join().includes('lost') && { patience: 3 },
                }, wanted, (window) => window.deliveries > 500);

            } finally {
                server.stop();
            }
        });
    }

    test('nobody is there', async () => {
        const line = await load(await freePort(), { clients: 5 });

        onlyFaults(line, 'failed');
        assert.equal(line.faults.failed, 5);
    });
});


const LOCATION = 'socketio_room r*; socketio_on echo relay room=nobody any;';

const start = (location, http = '') => startNginx({
    http: `keepalive_requests 1000000; access_log off; ${http}`, location });


describe('nginx', () => {
    let nginx;

    before(async () => { nginx = await start(LOCATION); });

    after(() => nginx.stop());

    test('a room of 200 for a second', async () => {
        const line = await enough(nginx.port, {
            clients: 200, outstanding: 8, duration: 1,
            pids: nginx.workers().join(),
        }, [], (window) => window.deliveries > 1000);

        assert.ok(line.window.latency.p50 <= line.window.latency.p99);
    });

    test('others', async () => {
        for (const options of [
            { clients: 100, polling: 1, outstanding: 4 },
            { clients: 100, rooms: 100, outstanding: 4 },
            { clients: 20, rooms: 100, each: 5, rate: 200 },
            { clients: 100, outstanding: 16, messages: 50, response: 1 },
        ]) {
            await enough(nginx.port, options, [],
                         (window) => window.deliveries > 20);
        }
    });

    test('events with ack', async () => {
        for (const options of [{}, { singly: 1 }]) {
            await enough(nginx.port, { clients: 20, depth: 4, ...options }, [],
                         (window) => window.acks > 100);
        }
    });
});


describe('nginx that compresses, and one that does not', () => {
    const options = { clients: 20, payload: 2000, deflate: 1, outstanding: 4 };

    for (const [location, wanted] of [
        ['socketio_compression on;', []],
        ['', ['failed']],
    ]) {
        test(`${location} ${wanted}`, async () => {
            const nginx = await start(`${LOCATION} ${location}`);

            try {
                const line = await enough(nginx.port, options, wanted,
                    (window) => wanted.length || window.deliveries > 20);

                if (!wanted.length) {
                    assert.ok(line.window.bytes_per_delivery < 1000);
                }

            } finally {
                await nginx.stop();
            }
        });
    }
});


describe('nginx with recovery', () => {
    const options = { clients: 100, conc: 100, rooms: 10, recovery: 1,
                      outstanding: 4, response: 1, messages: 2 };
    let nginx;

    before(async () => {
        nginx = await start(`${LOCATION} socketio_recovery 1m;`);
    });

    after(() => nginx.stop());

    test('all come back and miss nothing', async () => {
        const line = await load(nginx.port, options);

        onlyFaults(line);
        assert.equal(line.window.deliveries, 200);
    });
});


describe('nginx without recovery', () => {
    let nginx;

    before(async () => { nginx = await start(LOCATION); });

    after(() => nginx.stop());

    test('nobody comes back', async () => {
        const line = await load(nginx.port, {
            clients: 5, rooms: 1, recovery: 1, outstanding: 1, response: 1 });

        assert.equal(line.code, 1);
        assert.equal(line.faults.failed, 5);
    });
});


describe('nginx as a node of a Redis', { skip: NO_REDIS }, () => {
    const it = {};

    before(async () => {
        it.redis = await startRedis();
        it.nginx = await start(LOCATION, `socketio_redis app ${it.redis.url};`);
        await heard(it.nginx);
    });

    after(async () => {
        await it.nginx?.stop();
        await it.redis?.stop();
    });

    test('what another node publishes', async () => {
        for (const options of [
            { clients: 50, rooms: 50, outstanding: 64 },
            { clients: 50, rooms: 10, rate: 500, prefix: 'r'.repeat(40) },
            { clients: 20, rooms: 400, apart: 10, each: 2, outstanding: 64 },
            { clients: 10, payload: 20000, messages: 20, outstanding: 4 },
        ]) {
            await enough(it.nginx.port, {
                redis: it.redis.port, aside: it.redis.child.pid, ...options,
            }, [], (window) => window.deliveries > 20);
        }
    });

    test('what is published by another Redis is refused', async () => {
        const other = await startRedis();

        try {
            const line = await load(it.nginx.port, {
                clients: 5, redis: other.port, outstanding: 8 });

            onlyFaults(line, 'refused');

        } finally {
            await other.stop();
        }
    });
});
