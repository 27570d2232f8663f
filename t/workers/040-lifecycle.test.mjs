/*
 * The ways in which nginx starts, is asked things, is replaced and ends, all of
 * which a module can break.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, test } from 'node:test';

import { closeAll, connect, once, waitAll } from '../lib/client.mjs';
import { PATIENCE, startNginx, until } from '../lib/nginx.mjs';
import { Polling, WebSocketRaw } from '../lib/raw.mjs';
import { HEARTBEAT } from './lib/cluster.mjs';
import { Member, closeMembers } from './lib/member.mjs';
import { agreed, attached, children, ownerOf, slots } from './lib/processes.mjs';


/* An upgrade executes argv[0] again, which therefore must be a path. */
const BINARY = [process.env.TEST_NGINX_BINARY ?? 'nginx']
    .flatMap((name) => name.includes('/') ? [name]
        : `${process.env.PATH}:/usr/sbin`.split(':')
            .map((dir) => path.join(dir, name)))
    .find((name) => fs.existsSync(name));


afterEach(async () => {
    await closeMembers();
    closeAll();
});


async function start(options) {
    const all = { workers: 2, location: HEARTBEAT, binary: BINARY,
                  ...options };
    const nginx = await startNginx(all);

    await until(async () => (await nginx.status()).workers.length
                            === all.workers, 'workers have slots');

    return nginx;
}


/* Those whose sessions a reload does not end. */
function polls(members) {
    return members.filter((m) => !m.ws);
}


function run(nginx, ...args) {
    return spawnSync(BINARY, ['-p', `${nginx.prefix}/`,
                              '-e', `${nginx.prefix}/error.log`,
                              '-c', `${nginx.prefix}/nginx.conf`, ...args],
                     { cwd: nginx.prefix, encoding: 'utf8' });
}


function descriptors(pid) {
    return fs.readdirSync(`/proc/${pid}/fd`).length;
}


/* Nobody accepts at the port any more. */
async function refused(port) {
    const ws = new WebSocketRaw(`http://127.0.0.1:${port}`);

    await ws.shaken;
    assert.equal(ws.status, 0, 'the port is closed');
}


/* A client of each kind gets an event; returns them. */
async function served(nginx, room = 'r') {
    const members = [await Member.open(nginx),
                     await Member.open(nginx, { transport: 'websocket' }),
                     await Member.open(nginx)];

    await members[2].upgrade();
    await waitAll(members.map((m) => m.join(room)));
    await reached(nginx, members, room);

    return members;
}


let events = 0;

async function reached(nginx, members, room = 'r') {
    const id = ++events;

    await nginx.publish({ rooms: room, event: 'e', data: id });
    await waitAll(members.map((m) => m.until(id)));
}


for (const flag of ['-t', '-T']) {
    test(`nginx ${flag} beside a running server`, async () => {
        const nginx = await start();
        const members = await served(nginx);
        const before = await nginx.status();
        const workers = nginx.workers();
        const fds = descriptors(nginx.master);

        for (let i = 0; i < 5; i++) {
            const { status, stderr, stdout } = run(nginx, flag);

            assert.equal(status, 0, stderr);
            assert.match(stderr, /test is successful/);
            assert.equal(/socketio_zone/.test(stdout), flag === '-T');
            await reached(nginx, members);
        }

        const after = await nginx.status();

        assert.deepEqual(nginx.workers(), workers);
        assert.equal(descriptors(nginx.master), fds);
        assert.deepEqual(slots(after), slots(before));
        assert.deepEqual(after.memory, before.memory);
        assert.equal(after.log.epoch, before.log.epoch);
        assert.ok(members.every((m) => !m.ended));
        await closeMembers();
        await nginx.stop();
    });
}


test('reloads leave no descriptors behind in the master', async () => {
    const nginx = await start();
    const fds = descriptors(nginx.master);

    for (let i = 0; i < 4; i++) {
        const old = nginx.workers();

        await nginx.reload();
        await until(() => !nginx.workers().some((pid) => old.includes(pid)),
                    'old workers exit');
    }

    /* those to the old workers are closed when the master hears of their end */
    await until(() => descriptors(nginx.master) <= fds,
                `descriptors are ${fds} again`);
    await nginx.stop();
});


test('master_process off', async () => {
    const nginx = await start({ workers: 1, main: 'master_process off;' });

    await served(nginx);

    const { workers } = await nginx.status();

    assert.deepEqual(workers.map((w) => w.pid), [nginx.master]);
    await closeMembers();
    await nginx.stop();
});


test('daemon on', async () => {
    const nginx = await start({ daemon: true });
    const members = await served(nginx);
    const old = nginx.workers();

    await nginx.reload();
    await reached(nginx, polls(members));

    /* until then they accept, and move whom they have accepted */
    await until(async () => (await nginx.status()).workers.every(
        (w) => w.draining || !old.includes(w.pid)), 'old workers leave');
    await reached(nginx, await served(nginx));
    await closeMembers();
    await nginx.stop();
    await refused(nginx.port);
});


for (const signal of ['SIGTERM', 'SIGQUIT', 'SIGINT']) {
    test(`${signal} leaves no process and no socket`, async () => {
        const nginx = await start({ workers: 4 });
        const members = (await waitAll(Array.from({ length: 8 },
            () => served(nginx)))).flat();
        const silent = await Polling.open(nginx.url);

        await silent.connect();

        const gone = members.map((m) => m.gone);

        await nginx.stop({ signal });
        await waitAll(gone);
        await refused(nginx.port);
    });
}


for (const signal of ['SIGTERM', 'SIGQUIT']) {
    test(`${signal} to one worker`, async () => {
        const nginx = await start({ workers: 2 });
        const members = [];
        const seats = new Map();

        /* until both have some */
        while (members.length < 18 || new Set(seats.values()).size < 2) {
            for (const member of await served(nginx)) {
                members.push(member);

                if (member.ws) {
                    seats.set(member, await ownerOf(nginx, member.ws.socket));
                }
            }
        }

        const [pid] = nginx.workers();
        const theirs = members.filter((m) => seats.get(m) === pid);

        await nginx.kill(pid, signal);
        await waitAll(theirs.map((m) => m.gone));
        await attached(nginx, 2);

        const rest = members.filter((m) => !m.ended);

        assert.ok(rest.length > 0);
        await reached(nginx, rest);
        await reached(nginx, await served(nginx));

        if (signal === 'SIGQUIT') {
            assert.ok(theirs.every((m) => m.journal.end === 'close 1012'));
            assert.ok(members.every((m) => m.ws || !m.ended),
                      'polling sessions went on');
        }

        await closeMembers();
        await nginx.stop();
    });
}


/*
 * An nginx ignores USR2 unless it is a daemon, and hands on the environment only
 * as it is told to.
 */
const DAEMON = {
    daemon: true,
    main: 'env ASAN_OPTIONS; env LSAN_OPTIONS; env UBSAN_OPTIONS;',
};

describe('a binary upgrade (USR2)', () => {
    const upgrade = async (nginx) => {
        const old = nginx.master;

        process.kill(old, 'SIGUSR2');

        return until(() => {
            const pid = nginx.announced;

            return pid && pid !== old && pid;
        }, 'a new master', PATIENCE * 3);
    };

    /* Workers of a master; the harness only knows those of one. */
    const ready = (nginx, master) => until(
        () => children(master).length === 2,
        'workers of the new master', PATIENCE * 3);

    test('goes through', async () => {
        const nginx = await start(DAEMON);
        const old = nginx.master;
        const sockets = await waitAll(['polling', 'websocket', 'upgrade']
            .map((mode) => connect(nginx, { mode, reconnection: true,
                                            reconnectionDelay: 20,
                                            reconnectionDelayMax: 200 })));
        const reasons = [];

        sockets.forEach((s) => s.on('disconnect', (r) => reasons.push(r)));

        const master = await upgrade(nginx);

        await ready(nginx, master);
        process.kill(old, 'SIGQUIT');
        nginx.succeededBy(master);
        await until(() => !fs.existsSync(`/proc/${old}`), 'the old one ends',
                    PATIENCE * 3);

        /* who is on his way out has not heard of it yet */
        await agreed(nginx, sockets);

        const got = sockets.map((s) => once(s, 'last'));

        await nginx.publish({ event: 'last', data: 1 });
        await waitAll(got);
        assert.ok(!reasons.includes('io server disconnect'), reasons.join());
        closeAll();
        await nginx.stop();
    });

    /* in steps: the old workers leave, its master waits, then it goes */
    test('by WINCH and QUIT, with clients that recover', async () => {
        const nginx = await start({ ...DAEMON, location:
            `${HEARTBEAT} socketio_recovery 30s;` });
        const old = nginx.master;
        const sockets = await waitAll(['polling', 'websocket', 'upgrade']
            .map((mode) => connect(nginx, { mode, reconnection: true,
                                            reconnectionDelay: 20,
                                            reconnectionDelayMax: 200 })));
        const workers = nginx.workers();
        const gone = () => workers.every((pid) =>
            !fs.existsSync(`/proc/${pid}`));

        await waitAll(sockets.map((s) => s.emitWithAck('join', 'r')));

        const master = await upgrade(nginx);

        await ready(nginx, master);
        process.kill(old, 'SIGWINCH');
        await until(gone, 'old workers leave', PATIENCE * 3);
        assert.ok(fs.existsSync(`/proc/${old}`), 'their master stays');
        nginx.succeededBy(master);

        /* the memory of the new one is its own: they begin anew and know it */
        await until(() => sockets.every((s) => s.connected && !s.recovered
                                               && s.io.engine.id),
                    'all are back', PATIENCE * 3);
        await until(async () => (await nginx.status()).sockets.connected === 3,
                    'in the new one', PATIENCE * 3);

        const { counters, sockets: count } = await nginx.status();

        assert.equal(count.waiting, 0);
        assert.equal(counters.recoveries, 0);
        assert.ok(counters.recoveries_epoch + counters.recoveries_unknown >= 3);
        await waitAll(sockets.map((s) => s.emitWithAck('join', 'r')));
        process.kill(old, 'SIGQUIT');
        await until(() => !fs.existsSync(`/proc/${old}`), 'the old one ends',
                    PATIENCE * 3);

        const got = sockets.map((s) => once(s, 'e'));

        await nginx.publish({ rooms: 'r', event: 'e', data: 1 });
        await waitAll(got);
        closeAll();
        await nginx.stop();
    });

    test('WINCH and back: the old master takes over again', async () => {
        const nginx = await start(DAEMON);
        const old = nginx.master;
        const socket = await connect(nginx, {
            mode: 'websocket', reconnection: true, reconnectionDelay: 20,
            reconnectionDelayMax: 200 });
        const master = await upgrade(nginx);

        await ready(nginx, master);
        process.kill(old, 'SIGWINCH');

        /* the new master is a child of the old one */
        const own = () => nginx.workers().filter((pid) => pid !== master);

        await until(() => own().length === 0, 'old workers leave',
                    PATIENCE * 3);
        await until(() => socket.connected, 'it is in the new one',
                    PATIENCE * 3);
        process.kill(old, 'SIGHUP');
        await until(() => own().length === 2, 'the old master works again');
        process.kill(master, 'SIGQUIT');
        await until(() => !fs.existsSync(`/proc/${master}`), 'the new one ends',
                    PATIENCE * 3);
        await until(async () => socket.connected
                    && (await nginx.status()).sockets.connected === 1,
                    'it is back', PATIENCE * 3);
        await reached(nginx, await served(nginx));
        closeAll();
        await closeMembers();
        await nginx.stop();
    });

    const OTHER = process.env.TEST_NGINX_MODULE_ECHO;

    /* another build at the same path: loaded by USR2, and by that only */
    test('to another build of the module', {
        skip: OTHER ? false : 'TEST_NGINX_MODULE_ECHO is not set',
    }, async () => {
        const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ngx-sio-so-'));
        const file = path.join(dir, 'module.so');
        const replace = (from) => {
            fs.copyFileSync(from, `${file}.new`);
            fs.renameSync(`${file}.new`, file);
        };

        /* only the test build sends Engine.IO messages back */
        const echoes = async (nginx) => {
            const ws = await WebSocketRaw.open(nginx.url);

            await ws.send('4hello');

            const answer = await ws.recv().catch(() => null);

            ws.close();

            return answer === '4hello';
        };

        replace(process.env.TEST_NGINX_MODULE);

        const nginx = await start({ ...DAEMON, module: file });

        try {
            const old = nginx.master;
            const workers = nginx.workers();
            const members = await served(nginx);

            replace(OTHER);
            await nginx.reload();
            await until(() => !nginx.workers().some((pid) =>
                workers.includes(pid)), 'old workers leave');
            assert.equal(await echoes(nginx), false, 'a reload keeps it');
            await reached(nginx, polls(members));

            const master = await upgrade(nginx);

            await ready(nginx, master);
            process.kill(old, 'SIGQUIT');
            nginx.succeededBy(master);
            await until(() => !fs.existsSync(`/proc/${old}`),
                        'the old one ends', PATIENCE * 3);
            assert.equal(await echoes(nginx), true, 'USR2 loads it');

        } finally {
            await closeMembers();
            await nginx.stop();
            fs.rmSync(dir, { recursive: true });
        }
    });

    test('is called off', async () => {
        const nginx = await start(DAEMON);
        const ws = await Member.open(nginx, { transport: 'websocket' });

        await ws.join('r');

        const master = await upgrade(nginx);

        await ready(nginx, master);
        process.kill(master, 'SIGQUIT');
        await until(() => !fs.existsSync(`/proc/${master}`)
                          && nginx.announced === nginx.master,
                    'the old master is alone again', PATIENCE * 3);
        await reached(nginx, [ws, ...await served(nginx)]);
        await closeMembers();
        await nginx.stop();
    });
});


test('cache helper processes are no workers', async () => {
    const nginx = await start({
        http: 'proxy_cache_path cache keys_zone=c:1m inactive=1m;',
    });
    const helper = await until(() => nginx.workers().find((pid) =>
        /cache manager/.test(fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8'))),
        'there is a cache manager');
    const before = await nginx.status();

    assert.equal(before.workers.length, 2);

    const members = await served(nginx);

    await nginx.kill(helper, 'SIGTERM');
    await reached(nginx, members);
    assert.deepEqual(slots(await nginx.status()), slots(before));
    await closeMembers();
    await nginx.stop();
});
