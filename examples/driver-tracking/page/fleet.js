/*
 * The page of drivers, companies and admins.  What it shows is what nginx lets
 * through: the buttons are there for everybody, the rights are not.
 */

'use strict';

const $ = (id) => document.getElementById(id);

let me, socket, timer;


async function newToken() {
    const res = await fetch('/login', { method: 'POST',
                                        body: JSON.stringify({ user: me }) });

    return (await res.json()).token;
}


/* No joins: the rooms are those of the token, after each reconnect as well. */
function connect() {
    socket = io({ auth: async (send) => send({ token: await newToken() }) });

    socket.on('connect', () => note(`connected as ${me}`));
    socket.on('connect_error', (err) => note(err.message));
    socket.on('disconnect', (reason) => {
        note(reason);

        /* the token has run out: the client waits to be told */
        if (reason === 'io server disconnect') {
            socket.connect();
        }
    });

    socket.on('position:update', place);
    socket.on('message:send', ({ from, role, text }) =>
        note(`${from}, ${role}: ${text}`));
    socket.on('announcement', ({ from, text }) => note(`${from}: ${text}`));
    socket.on('job:assigned', (job) => note(`go to ${job.place}`));
}


/* Puts a driver on the map; driver and time are what nginx has added. */
function place({ x, y, driver, time }) {
    let mark = $(`d-${driver}`);

    if (!mark) {
        mark = document.createElementNS('http://www.w3.org/2000/svg', 'text');
        mark.id = `d-${driver}`;
        $('map').append(mark);
    }

    mark.textContent = `● ${driver}`;
    mark.setAttribute('x', x);
    mark.setAttribute('y', y);
    mark.dataset.time = time;
}


function note(text) {
    const item = document.createElement('li');

    item.textContent = text;
    $('log').prepend(item);
}


/* Round in circles.  What cannot be sent now is not worth sending later. */
$('drive').onclick = () => {
    clearInterval(timer);
    timer = setInterval(() => {
        const angle = Date.now() / 3000;

        socket.volatile.emit('position:update', {
            x: Math.round(50 + 30 * Math.cos(angle)),
            y: Math.round(30 + 20 * Math.sin(angle)),
        });
    }, 1000);
};


$('message').onsubmit = (event) => {
    event.preventDefault();
    socket.emit('message:send', Object.fromEntries(new FormData(event.target)),
                (answer) => note(answer.ok ? 'sent' : answer.error));
};


$('announce').onclick = () =>
    socket.emit('announcement', { text: 'The office closes at five.' });


$('login').onclick = ({ target }) => {
    if (target.value) {
        me = target.value;
        $('login').hidden = true;
        $('fleet').hidden = false;
        connect();
    }
};
