/* What the tests of recovery have in common. */

import assert from 'node:assert/strict';
import { after, afterEach, before, describe } from 'node:test';

import { closeAll, connected, once } from '../../lib/client.mjs';
import { startNginx } from '../../lib/nginx.mjs';


export function numbers(from, to) {
    return Array.from({ length: to - from }, (_, i) => from + i);
}


/* A suite with an nginx of its own: body(state) declares the tests. */
export function suite(name, options, body) {
    describe(name, () => {
        const state = {};

        before(async () => {
            state.nginx = await startNginx(options);
        });

        afterEach(closeAll);

        after(async () => {
            closeAll();
            await state.nginx.stop();
        });

        state.counters = async () => (await state.nginx.status()).counters;
        body(state);
    });
}


/*
 * What a client gets of `n`, without the offset: numbers, alone or in front of
 * padding.
 */
export function journal(socket) {
    const got = [];

    socket.on('n', (data) => got.push(Array.isArray(data) ? data[0] : data));

    return got;
}


/* The client's connection breaks. */
export async function lose(socket) {
    const gone = once(socket, 'disconnect');

    socket.io.engine.close();
    await gone;
}


/* It connects again, and is recovered or not. */
export async function back(socket, expected = true) {
    const again = connected(socket);

    socket.connect();
    await again;
    assert.equal(Boolean(socket.recovered), expected);
}
