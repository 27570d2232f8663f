/*
 * The page of customers and of the kitchen.
 */

'use strict';

const $ = (id) => document.getElementById(id);

let me, socket, key;


async function newToken() {
    const res = await fetch('/login', { method: 'POST',
                                        body: JSON.stringify({ user: me }) });

    return (await res.json()).token;
}


function connect() {
    socket = io({ auth: async (send) => send({ token: await newToken() }) });

    socket.on('connect', () => state('connected'));
    socket.on('connect_error', (err) => state(err.message));
    socket.on('disconnect', (reason) => {
        state(`disconnected: ${reason}`);

        /* the token has run out: the client waits to be told */
        if (reason === 'io server disconnect') {
            socket.connect();
        }
    });

    socket.on('order:new', show);           /* the kitchen */
    socket.on('order:placed', show);        /* the customer's other tabs */
    socket.on('order:ready', ({ orderId }) => {
        const item = $(`o-${orderId}`);

        if (item) {
            item.append(' – ready');
            item.querySelector('button')?.remove();
        }
    });
}


function show({ orderId, customer, items }) {
    const item = document.createElement('li');

    item.id = `o-${orderId}`;
    item.textContent = `${customer}: `
        + items.map(({ dish, count }) => `${count} × ${dish}`).join(', ');

    if (me === 'kim') {
        const button = document.createElement('button');

        button.textContent = 'Ready';
        button.onclick = () => request('order-ready', orderId);
        item.append(' ', button);
    }

    $('orders').prepend(item);
}


/* The answer's error, if there is one, is the service's own text. */
async function request(event, data) {
    try {
        const answer = await socket.timeout(6000).emitWithAck(event, data);

        state(answer.ok ? 'done' : answer.error);

        return answer;

    } catch {
        state('no answer, please try again');

        return undefined;
    }
}


$('form').onsubmit = async (event) => {
    event.preventDefault();

    const { dish, count } = Object.fromEntries(new FormData($('form')));
    const items = [{ dish, count: Number(count) }];

    /* kept while nobody knows what became of it: no order is placed twice */
    key ??= crypto.randomUUID();

    const answer = await request('place-order', { key, items });

    if (answer?.ok) {
        show({ orderId: answer.orderId, customer: me, items });
        key = undefined;
    }
};


$('form').oninput = () => { key = undefined; };


function state(text) {
    $('state').textContent = text;
}


$('login').onclick = ({ target }) => {
    if (target.value) {
        me = target.value;
        $('login').hidden = true;
        $('form').hidden = me === 'kim';
        connect();
    }
};
