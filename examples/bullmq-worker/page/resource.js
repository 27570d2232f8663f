/*
 * Shows what jobs do to one resource.
 */

'use strict';

const $ = (id) => document.getElementById(id);
const RESOURCE = 42;

const socket = io();


socket.on('connect', () => {
    socket.emit('join', `resource:${RESOURCE}`, (answer) => {
        $('state').textContent = answer.ok ? 'watching' : answer.error;
    });
});

socket.on('disconnect', (reason) => { $('state').textContent = reason; });

socket.on('job:progress', ({ percent }) => { $('progress').value = percent; });

for (const action of ['archived', 'restored', 'shaken']) {
    socket.on(`resource:${action}`, ({ job }) => {
        const item = document.createElement('li');

        item.textContent = `${action} by job ${job}`;
        $('events').prepend(item);
    });
}


for (const button of document.querySelectorAll('button')) {
    button.onclick = () => fetch('/jobs', {
        method: 'POST',
        body: JSON.stringify({ resource: RESOURCE, action: button.value }),
    });
}
