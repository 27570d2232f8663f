/*
 * The chat's page.  What comes from others is set as text, never as HTML.
 */

'use strict';

const $ = (id) => document.getElementById(id);

const typists = new Map();
let me, socket, roomId, users = new Set();


/* ---- the connection ---- */

async function newToken() {
    const res = await fetch('/login', { method: 'POST',
                                        body: JSON.stringify({ user: me }) });

    return (await res.json()).token;
}


function connect() {
    socket = io('/chat', {
        auth: async (send) => send({ token: await newToken() }),
    });

    /* rooms belong to a connection: each new one joins again */
    socket.on('connect', () => { state(''); join($('room').value); });
    socket.on('connect_error', (err) => state(`no connection: ${err.message}`));

    socket.on('disconnect', (reason) => {
        state(`disconnected: ${reason}`);

        /* the token has run out: the client waits to be told */
        if (reason === 'io server disconnect') {
            socket.connect();
        }
    });

    socket.on('room:history', (id, messages) => {
        $('messages').replaceChildren();
        messages.forEach(show);
    });

    socket.on('message:new', (message) => {
        show(message);

        if (message.sender.id !== me) {
            socket.emit('message:read', { roomId: message.roomId,
                                          messageId: message.id });
        }
    });

    socket.on('message:read', ({ messageId, userId }) => {
        const read = $(`m-${messageId}`)?.querySelector('small');

        if (read && !read.textContent.includes(userId)) {
            read.textContent += ` ✓ ${userId}`;
        }
    });

    socket.on('room:user-joined', ({ userId }) => here(users.add(userId)));

    socket.on('room:user-left', ({ userId }) => {
        users.delete(userId);
        here(users);
    });

    /* what the sender has sent, and what nginx has added */
    socket.on('typing:start', (id, { userId, userName }) => {
        clearTimeout(typists.get(userId)?.timer);
        typists.set(userId, { userName, timer: setTimeout(
            () => stopped(userId), 5000) });
        typing();
    });

    socket.on('typing:stop', (id, { userId }) => stopped(userId));
}


/* ---- rooms and messages ---- */

async function join(id) {
    try {
        if (roomId && roomId !== id) {
            await request('room:leave', roomId);
        }

        const answer = await request('room:join', id);

        roomId = id;
        here(users = new Set(answer.users));
        state('');

    } catch (err) {
        roomId = undefined;
        $('messages').replaceChildren();
        here(users = new Set());
        state(`${id}: ${err.message}`);
    }
}


/* An event that the service answers, {ok: true, …} or {ok: false, error}. */
async function request(event, data) {
    const answer = await socket.timeout(6000).emitWithAck(event, data);

    if (!answer.ok) {
        throw new Error(answer.error);
    }

    return answer;
}


function show({ id, sender, content }) {
    const item = document.createElement('li');

    item.id = `m-${id}`;
    item.append(`${sender.name}: ${content} `, document.createElement('small'));
    $('messages').append(item);
}


function here(set) {
    $('users').textContent = [...set].sort().join(', ');
}


function stopped(userId) {
    clearTimeout(typists.get(userId)?.timer);
    typists.delete(userId);
    typing();
}


function typing() {
    const names = [...typists.values()].map((typist) => typist.userName);

    $('typing').textContent = names.length
                              ? `${names.join(', ')} typing …` : '\u00a0';
}


function state(text) {
    $('state').textContent = text;
}


/* ---- what people do ---- */

let typed = 0;      /* when the others were told last, 0: not typing */


$('text').oninput = () => {
    if (roomId && Date.now() - typed > 2000) {
        typed = Date.now();
        socket.volatile.emit('typing:start', roomId);
    }
};


$('form').onsubmit = async (event) => {
    event.preventDefault();

    try {
        await request('message:send', { roomId, content: $('text').value });
        $('text').value = '';
        state('');

    } catch (err) {
        state(`not sent: ${err.message}`);
    }

    typed = 0;
    socket.emit('typing:stop', roomId);
};


$('room').onchange = () => join($('room').value);


$('login').onclick = ({ target }) => {
    if (target.value) {
        me = target.value;
        $('login').hidden = true;
        $('chat').hidden = false;
        connect();
    }
};
