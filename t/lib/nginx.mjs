/*
 * Starts a private nginx with the module, from a configuration that a test
 * states in parts, and stops it again.  Owns the temporary prefix, the port
 * and the processes; stop() also judges what the server left behind: its error
 * log, its sanitizer reports and its processes.  Never touches a process that
 * it did not start.
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Faults } from './faults.mjs';

const REPO = path.resolve(path.dirname(fileURLToPath(import.meta.url)),
                          '../..');
const BINARY = process.env.TEST_NGINX_BINARY ?? 'nginx';
const MODULE = process.env.TEST_NGINX_MODULE
               ?? path.join(REPO, 'build/ngx_socketio_module.so');

/*
 * How long anything that must happen may take, in milliseconds.  What comes at
 * once on a machine of one's own takes seconds on a busy one, and waiting for
 * it costs nothing when it comes.
 */
export const PATIENCE = Number(process.env.TEST_PATIENCE ?? 10000);

/* A sanitizer, or valgrind, makes the server itself slower. */
export const SLOWED = PATIENCE > 10000;

const instances = new Set();


/*
 * Polls for what has no event to await: the state of other processes.  Returns
 * the first truthy value of fn.
 */
export async function until(fn, what, patience = PATIENCE) {
    const end = Date.now() + patience;

    for ( ;; ) {
        const value = await fn();

        if (value) {
            return value;
        }

        if (Date.now() > end) {
            throw new Error(`waited ${patience} ms in vain: ${what}`);
        }

        await new Promise((resolve) => setTimeout(resolve, 5));
    }
}


/* A server that listens there, or null. */
function listening(port) {
    const server = net.createServer((socket) => socket.destroy());

    return new Promise((resolve) => {
        server.once('error', () => resolve(null));
        server.listen(port, '127.0.0.1', () => resolve(server));
    });
}


/* The first port of a hundred; who listens there has them all. */
async function hundred() {
    for (let n = 0; n < 200; n++) {
        const first = 11000 + (process.pid + n) % 200 * 100;
        const server = await listening(first);

        if (server) {
            server.unref();
            return first;
        }
    }

    throw new Error('no hundred ports are free');
}


/*
 * A port that nobody has, and that nobody is given soon: each process of tests
 * takes them from a hundred of its own, below those that the kernel gives away.
 * Two nginx with several workers would share one without a word.
 */
let own;
let ports = Math.floor(Math.random() * 100);

export async function freePort() {
    const first = await (own ??= hundred());

    for (let attempt = 0; attempt < 100; attempt++) {
        const port = first + 1 + ports++ % 99;
        const server = await listening(port);

        if (server) {
            await new Promise((resolve) => { server.close(resolve); });
            return port;
        }
    }

    throw new Error('no port is free');
}


let versionText;

export function nginxVersion() {
    versionText ??= spawnSync(BINARY, ['-V'], { encoding: 'utf8' }).stderr;

    return versionText ?? '';
}


function tempPaths() {
    const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

    return kinds
        .filter((k) => !nginxVersion().includes(`--without-http_${k}_module`))
        .map((k) => `    ${k}_temp_path temp/${k};`)
        .join('\n');
}


/* Each part may be a string, or a function of {port, prefix}. */
function part(value, place) {
    const text = typeof value === 'function' ? value(place) : value ?? '';

    return Array.isArray(text) ? text.join('\n') : String(text);
}


function endpoints(options, place) {
    let text = '';

    if (options.location !== null) {
        text += `
        location /socket.io/ {
            socketio app;
            ${part(options.location, place)}
        }`;
    }

    if (options.api !== null) {
        text += `
        location /socketio/ {
            socketio_api app;
            allow 127.0.0.1;
            deny all;
            ${part(options.api, place)}
        }`;
    }

    return text;
}


/*
 * With several workers the port is opened with reuseport, so that the kernel
 * spreads connections over all of them, not to the first that wakes up.
 */
function configuration(options, place) {
    if (options.config) {
        return part(options.config, place);
    }

    const workers = options.workers ?? 1;
    const module = options.module ?? MODULE;
    const zone = options.zone === undefined ? 'zone=app:16m log=8m'
                                            : options.zone;
    const listen = part(options.listen, place)
                   || `127.0.0.1:${place.port}`;

    return `daemon ${options.daemon ? 'on' : 'off'};
pid nginx.pid;
error_log error.log ${options.level ?? 'info'};
worker_processes ${workers};
env ASAN_OPTIONS;
env LSAN_OPTIONS;
env UBSAN_OPTIONS;
${module === '' ? '' : `load_module ${module};`}
${part(options.main, place)}
events {
    worker_connections ${options.connections ?? 1024};
    ${part(options.events, place)}
}
http {
    access_log access.log;
${tempPaths()}
    ${zone === null ? '' : `socketio_zone ${zone};`}
    ${zone === null || options.drain === null
      ? '' : `socketio_drain ${options.drain ?? '500ms'};`}
    ${part(options.http, place)}
    server {
        listen ${listen}${workers > 1 ? ' reuseport' : ''};
        ${part(options.server, place)}
${endpoints(options, place)}
    }
}
`;
}


function makePrefix() {
    const prefix = fs.mkdtempSync(path.join(os.tmpdir(), 'ngx-sio-'));

    fs.chmodSync(prefix, 0o755);
    fs.mkdirSync(path.join(prefix, 'temp'));
    fs.mkdirSync(path.join(prefix, 'sanitizer'));
    fs.chmodSync(path.join(prefix, 'sanitizer'), 0o777);
    fs.writeFileSync(path.join(prefix, 'error.log'), '');

    return prefix;
}


/* Workers run as another user: their reports go where that user may write. */
function environment(prefix, faults) {
    const log = `log_path=${path.join(prefix, 'sanitizer/report')}`;
    const join = (name, more) =>
        [process.env[name], log, more].filter(Boolean).join(':');

    return {
        ...process.env,
        ASAN_OPTIONS: join('ASAN_OPTIONS',
                           faults && 'verify_asan_link_order=0'),
        LSAN_OPTIONS: join('LSAN_OPTIONS'),
        UBSAN_OPTIONS: join('UBSAN_OPTIONS', 'print_stacktrace=1'),
        ...faults?.environment,
    };
}


/*
 * Every process of an instance has the prefix as its working directory, which
 * nginx does not change, so that orphans of a dead master are found too.
 */
function processesIn(prefix) {
    const found = [];

    for (const pid of fs.readdirSync('/proc')) {
        if (!/^\d+$/.test(pid)) {
            continue;
        }

        try {
            if (fs.readlinkSync(`/proc/${pid}/cwd`) !== prefix) {
                continue;
            }

            const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
            const [state, ppid] = stat.slice(stat.lastIndexOf(')') + 2)
                                      .split(' ');

            if (state !== 'Z') {
                found.push({ pid: Number(pid), ppid: Number(ppid) });
            }

        } catch {
            /* it ended while we looked */
        }
    }

    return found;
}


function accepts(port) {
    return new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1');

        socket.once('connect', () => { socket.destroy(); resolve(true); });
        socket.once('error', () => resolve(false));
    });
}


class Nginx {
    constructor(options) {
        this.options = options;
        this.prefix = makePrefix();
        this.faults = Faults.of(this.prefix, options.faults);
        this.killed = new Set();
        this.leaving = new Set();
        this.stderr = '';
        this.done = false;
    }

    async start() {
        instances.add(this);

        try {
            return await this.#start();

        } catch (err) {
            instances.delete(this);
            this.print();
            this.abandon();
            throw err;
        }
    }

    async #start() {
        for (let attempt = 0; attempt < 3; attempt++) {
            this.port = this.options.port ?? await freePort();
            this.url = `http://127.0.0.1:${this.port}`;

            if (await this.#launch()) {
                return this;
            }

            /* somebody else took the port meanwhile */
            if (!/Address already in use/.test(this.logs() + this.stderr)) {
                break;
            }

            this.#write('error.log', '');
        }

        throw new Error(`${BINARY} did not start`);
    }

    async #launch() {
        this.config = configuration(this.options, this);
        this.#write('nginx.conf', this.config);

        this.child = spawn(this.options.binary ?? BINARY, [
            '-p', `${this.prefix}/`,
            '-e', `${this.prefix}/error.log`,
            '-c', `${this.prefix}/nginx.conf`,
        ], { cwd: this.prefix, env: environment(this.prefix, this.faults),
             stdio: ['ignore', 'ignore', 'pipe'] });
        this.exited = new Promise((resolve) => {
            this.child.once('error', (err) => {
                this.stderr += `${err}\n`;
                resolve();
            });
            this.child.once('exit', resolve);
        });
        this.child.stderr.on('data', (data) => { this.stderr += data; });

        /* a test that fails before its stop() must not hang */
        this.child.unref();
        this.child.stderr.unref();

        let gone = false;

        if (this.options.daemon) {
            gone = !await this.#daemonized();

        } else {
            this.exited.then(() => { gone = true; });
        }

        await until(async () => gone || await this.#ready(),
                    'nginx accepts', PATIENCE * 3);

        return !gone;
    }

    /* The child has forked the master and ends. */
    async #daemonized() {
        this.child.ref();
        await this.exited;

        if (this.child.exitCode !== 0) {
            return false;
        }

        this.successor = await until(() => this.announced,
                                     'the daemon has a pid');

        return true;
    }

    async #ready() {
        const forks = !/master_process\s+off/.test(this.config);

        return await accepts(this.port)
               && (!forks || this.workers().length
                             >= (this.options.workers ?? 1));
    }

    #write(name, text) {
        fs.writeFileSync(path.join(this.prefix, name), text);
    }

    #remove() {
        if (process.env.TEST_NGINX_LEAVE) {
            process.stderr.write(`left: ${this.prefix}\n`);
            return;
        }

        fs.rmSync(this.prefix, { recursive: true, force: true });
    }

    read(name) {
        return fs.readFileSync(path.join(this.prefix, name), 'utf8');
    }

    /* The pid in nginx.pid; null while a binary upgrade moves that file. */
    get announced() {
        try {
            return Number(this.read('nginx.pid')) || null;

        } catch (err) {
            assert.equal(err.code, 'ENOENT');
            return null;
        }
    }

    logs() {
        return this.read('error.log');
    }

    print() {
        process.stderr.write(`--- nginx.conf of ${this.prefix}\n`
                             + `${this.config}--- error.log\n`
                             + `${this.finalLog ?? this.logs()}`
                             + `--- stderr\n${this.stderr}---\n`);
    }

    /* The worker processes that this master has now, leaving ones included. */
    workers() {
        return processesIn(this.prefix)
            .filter((p) => p.ppid === this.master)
            .map((p) => p.pid);
    }

    /* The master's pid: of a daemon, or after a binary upgrade, not the child. */
    get master() {
        return this.successor ?? this.child.pid;
    }

    succeededBy(pid) {
        this.successor = pid;
    }

    /*
     * Resolves when the new workers are there; old ones may still be leaving.
     * With an argument the options it names are changed first.
     */
    async reload(changes = {}) {
        const old = new Set(this.workers());

        old.forEach((pid) => this.leaving.add(pid));
        this.options = { ...this.options, ...changes };
        this.config = configuration(this.options, this);
        this.#write('nginx.conf', this.config);
        process.kill(this.master, 'SIGHUP');

        const wanted = this.options.workers ?? 1;

        return until(() => {
            const fresh = this.workers().filter((pid) => !old.has(pid));

            return fresh.length >= wanted ? fresh : null;
        }, 'new workers after a reload');
    }

    /*
     * Kills one worker and resolves when the master has replaced it.  Those of
     * before a reload may leave meanwhile.
     */
    async kill(pid, signal = 'SIGKILL') {
        const staying = (pids) => pids.filter((p) => !this.leaving.has(p));
        const before = this.workers();

        assert.ok(before.includes(pid), `${pid} is a worker of this nginx`);
        this.killed.add(pid);
        process.kill(pid, signal);

        await until(() => {
            const now = this.workers();

            return !now.includes(pid)
                   && staying(now).length >= staying(before).length;
        }, `a worker in place of ${pid}`);
    }

    request(method, target, { body, headers = {} } = {}) {
        return new Promise((resolve, reject) => {
            const req = http.request({
                port: this.port, host: '127.0.0.1', agent: false,
                method, path: target, headers,
            }, (res) => {
                const chunks = [];

                res.on('data', (chunk) => chunks.push(chunk));
                res.on('error', reject);
                res.on('end', () => resolve(answer(res, chunks)));
            });

            req.setTimeout(PATIENCE, () => {
                req.destroy(new Error(`no answer to ${method} ${target}`));
            });
            req.on('error', reject);
            req.end(body);
        });
    }

    /* One call of the server API; the answer has .status, .json, .body. */
    api(operation, body, headers = {}) {
        return this.request('POST', `/socketio/${operation}`, {
            body: typeof body === 'string' || Buffer.isBuffer(body)
                  ? body : JSON.stringify(body),
            headers: { 'Content-Type': 'application/json', ...headers },
        });
    }

    async get(operation) {
        const res = await this.request('GET', `/socketio/${operation}`);

        assert.equal(res.status, 200, `GET ${operation}: ${res.body}`);

        return res.json;
    }

    async #ok(operation, body) {
        /* { room: socket.id } of a socket that has none goes to everybody */
        for (const name of ['room', 'rooms', 'except', 'socket']) {
            assert.ok(body?.[name] !== undefined || !(name in Object(body)),
                      `${operation}: ${name} is undefined`);
        }

        const res = await this.api(operation, body);

        assert.equal(res.status, 200, `${operation}: ${res.body}`);
        assert.equal(res.json?.ok, true, `${operation}: ${res.body}`);

        return res.json;
    }

    publish(body) {
        return this.#ok('emit', body);
    }

    /* As publish, for any operation: it must succeed. */
    call(operation, body) {
        return this.#ok(operation, body);
    }

    status() {
        return this.get('status');
    }

    async stop({ signal = 'SIGQUIT' } = {}) {
        if (this.done) {
            return;
        }

        this.done = true;
        this.child.ref();
        instances.delete(this);

        const faults = await this.#leave(signal);

        this.finalLog = this.logs();
        faults.push(...this.#judgeLog(), ...this.#judgeReports());

        if (faults.length > 0) {
            this.print();
        }

        finished.push(this);
        this.#remove();
        assert.deepEqual(faults, [], 'nginx left cleanly');
    }

    async #leave(signal) {
        const faults = [];
        const gone = () => processesIn(this.prefix).length === 0;

        /* with a sanitizer each worker looks for leaks before it goes */
        const patience = PATIENCE * (1 + (this.options.workers ?? 1) / 50);

        if (this.successor) {
            process.kill(this.successor, signal);

        } else if (this.child.exitCode !== null
                   || this.child.signalCode !== null)
        {
            faults.push('the master was gone before the end of the test');

        } else {
            process.kill(this.child.pid, signal);
        }

        try {
            await until(gone, `all processes leave on ${signal}`, patience);

        } catch (err) {
            faults.push(err.message);
            this.#killRest();
            await until(gone, 'killed processes end');
        }

        await this.exited;

        return faults;
    }

    #killRest() {
        for (const { pid } of processesIn(this.prefix)) {
            try {
                process.kill(pid, 'SIGKILL');
            } catch {
                /* it ended by itself */
            }
        }
    }

    #judgeLog() {
        return this.finalLog.split('\n').filter((line) => {
            const exit = / (\d+) exited on signal (\d+)/.exec(line);

            if (exit !== null) {
                return !this.killed.has(Number(exit[1]))
                       && !(this.options.mayDie && exit[2] === '9');
            }

            const locked = /shared memory zone .* was locked by (\d+)/
                .exec(line);

            if (locked !== null) {
                return !this.killed.has(Number(locked[1]))
                       && !this.options.mayDie;
            }

            if (/\[emerg\]/.test(line)) {
                return !this.options.expectEmerg;
            }

            return /\[alert\]|Sanitizer|runtime error/.test(line)
                   && !this.options.expectAlert?.test(line);
        }).concat(/Sanitizer|runtime error/.test(this.stderr)
                  ? [this.stderr] : []);
    }

    #judgeReports() {
        const dir = path.join(this.prefix, 'sanitizer');

        return fs.readdirSync(dir)
            .map((name) => fs.readFileSync(path.join(dir, name), 'utf8'))
            .filter((text) => text !== '');
    }

    /* For a test process that ends without stop(). */
    abandon() {
        this.#killRest();
        this.finalLog = this.logs();
        this.#remove();
    }
}

const finished = [];


function answer(res, chunks) {
    const raw = Buffer.concat(chunks);
    const body = raw.toString('utf8');
    let json;

    try {
        json = JSON.parse(body);
    } catch {
        json = undefined;
    }

    return { status: res.statusCode, headers: res.headers, raw, body, json };
}


for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => process.exit(1));
}


process.on('exit', (code) => {
    const rest = [...instances];

    rest.forEach((nginx) => nginx.abandon());

    if (code !== 0 || process.exitCode) {
        [...finished, ...rest].forEach((nginx) => nginx.print());
    }
});


/*
 * Options, all optional: workers (1), connections, binary, module, zone (the parameters of
 * socketio_zone, null for none), drain, listen, port, level, and the parts
 * main, events, http, server, location, api, which are inserted in their
 * blocks (location, api: null leaves the location out).  config is such a part
 * that is the whole configuration; daemon starts it in the background.  mayDie
 * says that a worker may kill itself with signal 9, as the test build does when
 * told to.  expectEmerg allows [emerg] in the log, for tests that reload a
 * broken configuration or take memory away; expectAlert matches lines with
 * [alert] that nginx itself may write.  faults is a plan of faults.mjs.
 */
export function startNginx(options = {}) {
    return new Nginx(options).start();
}


/* nginx -t over the same options; returns {ok, output}. */
export async function testConfig(options = {}) {
    const prefix = makePrefix();
    const place = { prefix, port: options.port ?? await freePort() };
    const file = path.join(prefix, 'nginx.conf');

    fs.writeFileSync(file, configuration(options, place));

    const run = spawnSync(BINARY, ['-t', '-p', `${prefix}/`,
                                   '-e', `${prefix}/error.log`, '-c', file],
                          { encoding: 'utf8', cwd: prefix,
                            env: { ...environment(prefix),
                                   ASAN_OPTIONS: 'detect_leaks=0' } });
    const output = run.stderr + fs.readFileSync(`${prefix}/error.log`, 'utf8');

    fs.rmSync(prefix, { recursive: true, force: true });

    return { ok: run.status === 0, output };
}


/* A self-signed certificate for 127.0.0.1, made by openssl in dir. */
export function makeCertificate(dir) {
    const cert = path.join(dir, 'cert.pem');
    const key = path.join(dir, 'key.pem');
    const run = spawnSync('openssl', [
        'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
        '-subj', '/CN=localhost', '-keyout', key, '-out', cert,
        '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost',
    ], { encoding: 'utf8' });

    assert.equal(run.status, 0, `openssl: ${run.stderr}`);

    return { cert, key };
}
