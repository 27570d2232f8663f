/*
 * One page that is all three: the resource's dashboard, the department's list,
 * and the device of who changes something.
 */

'use strict';

const $ = (id) => document.getElementById(id);

let me, token, socket, watched;


async function login() {
    const res = await fetch('/login', { method: 'POST',
                                        body: JSON.stringify({ user: me }) });

    ({ token } = await res.json());
}


function connect() {
    socket = io('/data_owner', {
        auth: async (send) => { await login(); send({ token }); },
    });

    socket.on('connect', () => { watched = undefined; watch(); });
    socket.on('connect_error', (err) => state(err.message));
    socket.on('disconnect', (reason) => {
        state(`disconnected: ${reason}`);

        /* the token has run out: the client waits to be told */
        if (reason === 'io server disconnect') {
            socket.connect();
        }
    });

    /* to the room resource:ID */
    socket.on('status:updated', ({ id, data }) => {
        if (id === watched) {
            $('status').textContent = data.status;
        }
    });

    /* to the room department:ID */
    socket.on('resource:status:updated', ({ resource_ref, data, metadata }) => {
        const item = document.createElement('li');

        item.textContent = `${resource_ref}: ${data.status}, by `
                           + metadata.triggered_by;
        $('department').prepend(item);
    });

    /* to the room user:ID */
    socket.on('status:confirmed', ({ id, data }) => {
        $('confirmed').textContent = `${id} is ${data.status}`;
    });
}


/* Two of the rooms come with the token, this one is the page's choice. */
async function watch() {
    const id = $('resource').value;

    if (watched) {
        socket.emit('leave:resource', { resourceId: watched });
    }

    watched = id;
    $('status').textContent = '?';

    const answer = await socket.timeout(5000).emitWithAck('join:resource',
                                                         { resourceId: id });

    state(answer.ok ? `watching ${answer.rooms}` : answer.error);
}


function state(text) {
    $('state').textContent = text;
}


$('set').onclick = async ({ target }) => {
    if (target.value) {
        const res = await fetch(`/resources/${watched}/status`, {
            method: 'PATCH',
            headers: { Authorization: `Bearer ${token}` },
            body: JSON.stringify({ status: target.value }),
        });

        if (!res.ok) {
            state((await res.json()).error);
        }
    }
};


$('resource').onchange = watch;


$('login').onclick = ({ target }) => {
    if (target.value) {
        me = target.value;
        $('login').hidden = true;
        $('work').hidden = false;
        connect();
    }
};
