/*
 * The two services of docs/upstream.md, as they stand there, asked what nginx
 * asks them: also what no client should have sent.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { freePort, until } from '../lib/nginx.mjs';

const DOCS = new URL('../../docs/upstream.md', import.meta.url).pathname;
const SAMPLES = readFileSync(DOCS, 'utf8').split('\n## A service\n')[1];

const EVENT = {
    type: 'event', id: 'x', namespace: '/', socket: 's', wantsAck: true,
    event: 'message:send', args: [{ room: 'room:1', text: 'hi' }],
    user: '550', rooms: ['room:1'], data: {}, claims: {},
};
const REFUSED = { error: { message: 'Not in this room' } };


for (const [language, program, file] of [
    ['js', 'node', 'service.mjs'],
    ['python', 'python3', 'service.py'],
]) {
    describe(`the service in ${language}`, () => {
        const state = {};

        before(async () => {
            const code = SAMPLES.match(
                new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``))[1];

            state.dir = mkdtempSync(path.join(os.tmpdir(), 'sio-sample-'));
            state.port = await freePort();
            writeFileSync(path.join(state.dir, file),
                          code.replace('3000', `${state.port}`));
            state.child = spawn(program, [path.join(state.dir, file)],
                                { stdio: 'ignore' });
            await until(() => ask({ type: 'connect' }).catch(() => false),
                        'it listens');
        });

        after(async () => {
            const gone = once(state.child, 'exit');

            state.child.kill();
            await gone;
            rmSync(state.dir, { recursive: true });
        });

        async function ask(call) {
            const answer = await fetch(`http://127.0.0.1:${state.port}/`, {
                method: 'POST', body: JSON.stringify(call) });

            return { status: answer.status, text: await answer.text() };
        }

        test('a message', async () => {
            const { text } = await ask(EVENT);
            const { emit: [{ args: [message], ...emit }], ack, ...rest } =
                JSON.parse(text);

            assert.deepEqual(emit, { rooms: ['room:1'],
                                     event: 'message:new' });
            assert.deepEqual(message, { id: message.id, from: '550',
                                        text: 'hi' });
            assert.deepEqual(ack, [{ ok: true, id: message.id }]);
            assert.deepEqual(rest, {});
        });

        for (const [what, args] of [
            ['nothing', []], ['null', [null]], ['a number', [1]],
            ['another room', [{ room: 'room:2' }]], ['no room', [{}]],
        ]) {
            test(`a message of ${what} is refused`, async () => {
                const { status, text } = await ask({ ...EVENT, args });

                assert.equal(status, 200);
                assert.deepEqual(JSON.parse(text), REFUSED);
            });
        }

        for (const call of [{ type: 'connect', rooms: [] },
                            { type: 'disconnect', rooms: [] },
                            { ...EVENT, event: 'other' }]) {
            test(`${call.type} ${call.event ?? ''} is accepted`, async () => {
                const { status, text } = await ask(call);

                assert.ok(status === 204 || text === '{}', text);
            });
        }
    });
}
