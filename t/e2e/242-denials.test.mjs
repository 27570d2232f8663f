/*
 * The error log says who was denied what and why, so that denials can be
 * audited: over both transports, never with a token, bounded for each client,
 * and nothing that a client chooses makes a line of its own.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startNginx, until } from '../lib/nginx.mjs';
import { openSession } from '../lib/raw.mjs';
import { SECRET, inSeconds, token } from '../lib/tokens.mjs';

const exp = inSeconds(3600);


describe('denials in the error log', () => {
    let nginx;

    before(async () => {
        nginx = await startNginx({
            level: 'info',
            workers: 2,
            location: `
                socketio_jwt_key HS256 secret=${SECRET};
                socketio_auth optional;
                socketio_limit_rooms 1;
                socketio_room "user:\${jwt.sub}";
                socketio_room open:*;
                socketio_on say relay room=open:none;

                socketio_namespace / { }
                socketio_namespace /in { socketio_auth required; }
                socketio_namespace /one { socketio_limit_sockets user=1; }`,
        });
    });

    after(() => nginx.stop());

    const denials = () => nginx.logs().split('\n').filter((line) =>
        /^\S+ \S+ \[info\] .*socketio \S+ denied, "/.test(line));

    /* The line that says it, which the worker writes before it answers. */
    const line = async (text) => {
        let found;

        await until(() => {
            found = denials().find((x) => x.includes(text));

            return found;
        }, `a denial with ${text}`);

        return found;
    };

    for (const transport of ['polling', 'websocket']) {
        test(`${transport}: a room, with user, socket and address`,
             async () => {
            const session = await openSession(transport, nginx.url);
            const jwt = token({ sub: `u-${transport}`, exp });
            const id = await session.connect('/', { token: jwt });

            await session.ack(1, ['join', ['user:1', 'user:2', 'open:1']]);

            assert.match(await line(`socket ${id},`), new RegExp(
                'socketio join denied, "Forbidden", client 127\\.0\\.0\\.1, '
                + `socket ${id}, user "u-${transport}", namespace "/", `
                + 'for "user:1", "user:2"$'));

            await session.ack(2, ['join', ['open:1', 'open:2']]);
            assert.match(await line('"open:2"'), /denied, "Too many rooms"/);
            await session.close();
        });

        test(`${transport}: CONNECT, refresh and relay`, async () => {
            const session = await openSession(transport, nginx.url);
            const bad = token({ sub: 'x', exp }, { key: 'not the key, but as '
                                                   + 'long as it has to be' });
            const id = await session.connect('/');

            await session.send(`40/in,${JSON.stringify({ token: bad })}`);
            await session.recv();
            assert.match(await line('"/in"'),
                         /CONNECT denied, "Invalid token", client 127\.0\.0\.1/);

            await session.send(`40/nowhere-${transport},`);
            await session.recv();
            assert.match(await line(`"/nowhere-${transport}"`),
                         /CONNECT denied, "Invalid namespace"/);

            await session.ack(1, ['auth:refresh', { token: bad }]);
            await session.ack(2, ['say', 'a secret']);

            const mine = denials().filter((x) => x.includes(id));

            assert.match(mine[0], /refresh denied, "Invalid token"/);
            assert.match(mine[1], /relay denied, "Forbidden".*, for "say"$/);
            assert.equal(nginx.logs().includes(bad), false);
            assert.equal(nginx.logs().includes('a secret'), false);
            await session.close();
        });
    }

    test('a user who is there already', async () => {
        const jwt = token({ sub: 'twice', exp });
        const one = await openSession('websocket', nginx.url);
        const two = await openSession('websocket', nginx.url);

        await one.connect('/one', { token: jwt });
        await two.send(`40/one,${JSON.stringify({ token: jwt })}`);
        assert.match(await two.recv(), /Too many connections/);
        assert.match(await line('"/one"'),
                     /CONNECT denied, "Too many connections"/);
        await one.close();
        await two.close();
    });

    test('what a client names is escaped and cut', async () => {
        const session = await openSession('websocket', nginx.url);
        const id = await session.connect();

        await session.ack(1, ['join', ['a"\n2026 [x] b',
                                       'é'.repeat(1000)]]);

        const said = await line(id);

        assert.ok(said.includes('for "a\\"\\n2026 [x] b", "éé'));
        assert.ok(said.includes('..."'));
        assert.ok(said.length < 800, `${said.length} characters`);

        await session.ack(2, ['join',
                              Array.from({ length: 200 }, (_, i) => `x${i}`)]);
        assert.match(denials().filter((x) => x.includes(id))[1],
                     /"x0", "x1", .* and \d+ more$/);
        await session.close();
    });

    test('one client does not fill the log', async () => {
        const session = await openSession('websocket', nginx.url);
        const id = await session.connect();
        const packets = [];

        for (let i = 1; i <= 500; i++) {
            packets.push(`42${i}["join","no"]`);
        }

        await session.send(...packets);

        for (let i = 0; i < 500; i++) {
            await session.recv();
        }

        const lines = denials().filter((x) => x.includes(id)).length;

        assert.ok(lines > 0 && lines < 40, `${lines} lines`);

        await until(async () => {
            await session.ack(501, ['join', 'no']);

            return denials().some((x) =>
                /; \d{3} denials before were not logged$/.test(x));
        }, 'the rest is counted');
        await session.close();
    });
});
