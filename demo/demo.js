/*
 * The demo page: a stock client, what it knows about its connection, and what
 * arrives.  Everything that comes from outside is set as text, never as HTML.
 */

'use strict';

const $ = (id) => document.getElementById(id);

/* Joined at every connect: rooms belong to a connection, not to a page. */
const rooms = new Set(['lobby']);

/* Names this page in the cookie by which nginx tells the worker. */
const tab = Math.random().toString(36).slice(2, 10);

const socket = io({ query: { tab } });

let began = performance.now();
let workers = [];
let seen = {};


/* ---- 1: the connection ---- */

function cookieName(transport) {
    return `worker-${tab}-${transport}`;
}


/* The process that has answered this transport last, 0 if none has. */
function workerOf(transport) {
    const name = `${cookieName(transport)}=`;
    const cookie = document.cookie.split('; ')
                                  .find((text) => text.startsWith(name));

    /* cookies are gone after a minute, a WebSocket is not */

    if (cookie) {
        seen[transport] = Number(cookie.slice(name.length));
    }

    return seen[transport] ?? 0;
}


function forgetWorkers() {
    seen = {};

    for (const transport of ['polling', 'websocket']) {
        document.cookie = `${cookieName(transport)}=; Path=/; Max-Age=0`;
    }
}


function showConnection() {
    const engine = socket.io.engine;
    const transport = socket.connected ? engine.transport.name : '';
    const state = socket.connected ? 'connected'
                  : socket.active ? 'connecting' : 'disconnected';
    const pid = transport ? workerOf(transport) : 0;

    $('state').textContent = state;
    $('state').dataset.state = state;
    $('id').textContent = socket.id ?? '';
    $('toggle').textContent = socket.active ? 'Disconnect' : 'Connect';
    $('kill').textContent = pid ? `kill -9 ${pid}` : 'kill -9';

    for (const name of ['polling', 'websocket']) {
        $(name).classList.toggle('now', name === transport);
    }

    $('polling').classList.toggle('done', transport === 'websocket');
    showWorkers(pid);
}


function showWorkers(mine) {
    const known = workers.some((worker) => worker.pid === mine);
    const list = known || !mine ? workers : [...workers, { pid: mine }];

    $('workers').dataset.pid = mine;
    $('workers').replaceChildren(...list.map((worker) => {
        const box = document.createElement('div');

        box.textContent = worker.pid;
        box.classList.toggle('now', worker.pid === mine);
        box.classList.toggle('leaving', Boolean(worker.draining));
        box.title = worker.draining ? 'leaving after a reload'
                                    : `worker ${worker.slot}`;

        return box;
    }));
}


/* A page of the same origin may read the status; it cannot publish. */
async function askStatus() {
    if (document.hidden) {
        return;
    }

    try {
        const status = await (await fetch('/socketio/status')).json();
        const { polling, websocket } = status.sessions;
        const n = polling + websocket;

        workers = status.workers;
        $('clients').textContent =
            `${n} ${n === 1 ? 'client is' : 'clients are'} connected.`;

    } catch {
        /* nginx is away: the client's state says so */
        workers = [];
        $('clients').textContent = '';
    }

    showConnection();
}


/* The upgrade may be over before the namespace's answer is there. */
socket.io.on('open', () => {
    const engine = socket.io.engine;
    const ms = () => Math.round(performance.now() - began);

    note(`connection opened by ${engine.transport.name} after ${ms()} ms`);

    engine.on('upgrade', (transport) => {
        note(`upgraded to ${transport.name} after ${ms()} ms`);
        showConnection();
    });
});


socket.on('connect', () => {
    showConnection();
    change('join', [...rooms]);
    askStatus();
});


socket.on('disconnect', (reason) => {
    note(`disconnected: ${reason}`);
    forgetWorkers();
    showRooms();
    showConnection();
});


socket.on('connect_error', (err) => {
    note(`no connection: ${err.message}`);
    showConnection();
});


socket.io.on('reconnect_attempt', () => { began = performance.now(); });


$('again').onclick = () => {
    began = performance.now();
    socket.disconnect().connect();
    showConnection();
};


$('toggle').onclick = () => {
    began = performance.now();

    if (socket.active) {
        socket.disconnect();

    } else {
        socket.connect();
    }

    showConnection();
};


/* ---- 2: the command ---- */

function showTargets() {
    const before = $('to').value || 'lobby';
    const options = [...rooms].map((room) => new Option(room, room));

    options.push(new Option('everybody', '*'));

    if (socket.id) {
        options.push(new Option('this tab only', '#'));
    }

    $('to').replaceChildren(...options);
    $('to').value = before;

    if ($('to').value === '') {
        $('to').value = '*';
    }

    showCommand();
}


/* The room is in the data, because clients are not told which it was. */
function showCommand() {
    const to = $('to').value;
    const body = { event: $('event').value };
    const data = { text: $('text').value };

    if (to === '#') {
        body.rooms = socket.id;
        data.room = 'this tab';

    } else if (to !== '*') {
        body.rooms = to;
        data.room = to;
    }

    const json = JSON.stringify({ ...body, data }).replaceAll("'", "'\\''");

    $('command').textContent = `curl ${location.origin}/socketio/emit \\\n`
        + `    -H 'Content-Type: application/json' \\\n    -d '${json}'`;
}


for (const id of ['to', 'event', 'text']) {
    $(id).addEventListener('input', showCommand);
}


$('copy').onclick = async () => {
    try {
        await navigator.clipboard.writeText($('command').textContent);
        $('copy').textContent = 'Copied';
        setTimeout(() => { $('copy').textContent = 'Copy'; }, 1500);

    } catch {
        getSelection().selectAllChildren($('command'));
    }
};


/* ---- 3: rooms ---- */

/* Joining and leaving are events like any other; nginx acknowledges them. */
function change(event, names) {
    if (names.length === 0) {
        showRooms();
        return;
    }

    socket.timeout(5000).emit(event, names, (err, answer) => {
        const ok = !err && answer.ok;

        $('ack').classList.toggle('refused', !ok);
        $('ack').textContent = err
            ? 'no answer'
            : `emit('${event}', ${JSON.stringify(names)})  →  `
              + JSON.stringify(answer);

        for (const name of ok ? names : []) {
            if (event === 'join') {
                rooms.add(name);

            } else {
                rooms.delete(name);
            }
        }

        showRooms();
    });
}


function showRooms() {
    $('rooms').replaceChildren(...[...rooms].map((room) => {
        const item = document.createElement('li');
        const leave = document.createElement('button');

        leave.textContent = '×';
        leave.title = `Leave ${room}`;
        leave.setAttribute('aria-label', leave.title);
        leave.onclick = () => change('leave', [room]);

        item.classList.toggle('off', !socket.connected);
        item.append(room, leave);

        return item;
    }));

    showTargets();
}


$('join').onsubmit = (event) => {
    event.preventDefault();

    const room = $('room').value.trim();

    if (room !== '') {
        change('join', [room]);
    }
};


/* ---- 4: events ---- */

const LINES = 100;


function line(kind, parts) {
    const item = document.createElement('li');
    const now = new Date();
    const time = document.createElement('time');

    time.textContent = now.toTimeString().slice(0, 8);
    time.dateTime = now.toISOString();
    item.className = kind;
    item.append(time);

    for (const [name, text] of Object.entries(parts)) {
        if (text !== undefined) {
            const part = document.createElement('span');

            part.className = name;
            part.textContent = text;
            item.append(part);
        }
    }

    $('events').prepend(item);

    while ($('events').children.length > LINES) {
        $('events').lastChild.remove();
    }
}


function note(text) {
    line('note', { text });
}


socket.onAny((event, ...args) => {
    args.pop();        // the offset, of socketio_recovery

    const [data] = args;
    const plain = args.length === 1 && typeof data?.text === 'string';

    $('empty').hidden = true;
    line('event', {
        room: typeof data?.room === 'string' ? data.room : undefined,
        name: event,
        text: plain ? data.text : JSON.stringify(args).slice(1, -1),
    });
});


showRooms();
showConnection();
askStatus();
setInterval(askStatus, 2000);
