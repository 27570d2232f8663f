/*
 * What nginx -t refuses and how it says so, what it takes, and how values are
 * inherited.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { freePort, startNginx, testConfig, until } from '../lib/nginx.mjs';
import { Polling, openSession, request } from '../lib/raw.mjs';

const LONG = 'x'.repeat(127);


/* The answer to a polling handshake: its JSON and its cookies. */
async function handshake(url, location = '/socket.io/') {
    const res = await request(`${url}${location}?EIO=4&transport=polling`);

    assert.equal(res.status, 200, res.body);

    return { ...JSON.parse(res.body.slice(1)),
             cookies: res.headers['set-cookie'] ?? [] };
}


/* Rows of [what stands in the location, what the message says]. */
function refuses(title, rows, place = 'location') {
    describe(`${title} refuses`, () => {
        for (const [text, message] of rows) {
            test(text, async () => {
                const { ok, output } = await testConfig({ [place]: text });

                assert.equal(ok, false, output);

                const line = output.split('\n')
                                   .find((l) => l.includes('[emerg]')) ?? '';

                assert.ok(line.includes(message), `${message}\n${output}`);
            });
        }
    });
}


function takes(title, rows, place = 'location') {
    describe(`${title} takes`, () => {
        for (const text of rows) {
            test(text, async () => {
                const { ok, output } = await testConfig({ [place]: text });

                assert.equal(ok, true, output);
            });
        }
    });
}


refuses('socketio_zone', [
    ['zone=app:511k', 'write 512k to 65536m'],
    ['zone=app:65537m', 'write 512k to 65536m'],
    ['zone=app:1m log=255k', 'write 256k to 4096m'],
    ['zone=app:1m log=4097m', 'write 256k to 4096m'],
    ['zone=app:1m log=much', 'invalid parameter "log=much"'],
    ['zone=app:1m size=1m', 'invalid parameter "size=1m"'],
    ['zone=app:1y', 'invalid size "1y"'],
    ['zone=app:', 'invalid size ""'],
    ['zone=app', 'write zone=NAME:SIZE'],
    ['zone=:1m', 'write zone=NAME:SIZE'],
    ['log=1m', 'needs zone=NAME:SIZE'],
    ['app 64m', 'invalid parameter "app"'],
    ['zone=app:1m zone=b:1m', 'invalid parameter "zone=b:1m"'],
], 'zone');

refuses('socketio_zone twice', [
    ['socketio_zone zone=app:16m log=8m;', 'duplicate socketio_zone "app"'],
    ['socketio_zone zone=app:1m;', 'duplicate socketio_zone "app"'],
    ['limit_req_zone $uri zone=x:1m rate=1r/s; socketio_zone zone=x:1m;',
     '"x" is already declared'],
], 'http');

refuses('socketio_compression', [
    ['socketio_compression;', 'invalid number of arguments'],
    ['socketio_compression yes;', 'write "on" or "off"'],
    ['socketio_compression off threshold=1k;', 'a parameter after "off"'],
    ['socketio_compression on 1k;', 'takes threshold=SIZE'],
    ['socketio_compression on level=9;', 'takes threshold=SIZE'],
    ['socketio_compression on threshold=1k x;', 'takes threshold=SIZE'],
    ['socketio_compression on threshold=;', 'a size from 0 to 1m'],
    ['socketio_compression on threshold=-1;', 'a size from 0 to 1m'],
    ['socketio_compression on threshold=2m;', 'a size from 0 to 1m'],
    ['socketio_compression on threshold=many;', 'a size from 0 to 1m'],
    ['socketio_compression on; socketio_compression off;', 'is duplicate'],
    ['socketio_namespace / { socketio_compression; }',
     'invalid number of arguments'],
]);

takes('socketio_compression', [
    'socketio_compression on;',
    'socketio_compression off;',
    'socketio_compression on threshold=0;',
    'socketio_compression on threshold=1m;',
    'socketio_namespace / { socketio_compression on threshold=2k; }',
]);

refuses('socketio', [
    ['socketio app;', '"socketio" directive is duplicate'],
    ['location /socket.io/a/ { socketio other; }',
     'unknown socketio_zone "other" in location "/socket.io/a/", '
     + 'write "socketio_zone zone=other:64m;" in http'],
    ['location /socket.io/a/ { socketio ""; }', 'needs the name'],
]);

refuses('socketio in a server', [
    ['socketio app;', 'not allowed here'],
    ['socketio_zone zone=b:1m;', 'not allowed here'],
    ['socketio_drain 1s;', 'not allowed here'],
    ['socketio_namespace / { }', 'not allowed here'],
], 'server');

refuses('a time', [
    ['socketio_ping_interval 0;', 'must be more than 0 and at most 10d'],
    ['socketio_ping_interval 11d;', 'must be more than 0 and at most 10d'],
    ['socketio_ping_timeout 0;', '"socketio_ping_timeout"'],
    ['socketio_connect_timeout 0;', '"socketio_connect_timeout"'],
    ['socketio_upgrade_timeout 0;', '"socketio_upgrade_timeout"'],
    ['socketio_ping_timeout soon;', 'invalid value'],
    ['socketio_ping_timeout 1s; socketio_ping_timeout 1s;', 'is duplicate'],
]);

refuses('a number or a size', [
    ['socketio_max_payload 0;', 'must be more than 0 and at most 1024m'],
    ['socketio_max_payload 1025m;', 'must be more than 0 and at most 1024m'],
    ['socketio_send_buffer 4095;', 'must be 4k to 1024m'],
    ['socketio_limit_namespaces 0;', 'must be 1 to 1000'],
    ['socketio_limit_namespaces 1001;', 'must be 1 to 1000'],
    ['socketio_limit_rooms 0;', 'must be 1 to 65535'],
    ['socketio_room_max_length 0;', 'must be 1 to 4096'],
    ['socketio_room_max_length long;', 'invalid number'],
]);

refuses('socketio_transports', [
    ['socketio_transports;', 'invalid number of arguments'],
    ['socketio_transports polling webtransport;',
     'transport "webtransport" of socketio_transports is not known, write '
     + '"polling", "websocket" or both'],
    ['socketio_transports polling; socketio_transports websocket;',
     'is duplicate'],
]);

refuses('socketio_cookie', [
    ['socketio_cookie off Secure;', 'has parameters after "off"'],
    ['socketio_cookie "a b";', 'needs a name without blanks'],
    ['socketio_cookie a=b;', 'needs a name without blanks'],
    ['socketio_cookie "";', 'needs a name without blanks'],
    ['socketio_cookie io "Path=/; Secure";', 'write each as a word'],
    ['socketio_cookie io "a\nb";', 'write each as a word'],
    ['socketio_cookie io; socketio_cookie off;', 'is duplicate'],
]);

refuses('socketio_origin', [
    ['socketio_origin * credentials;', 'write the origins instead of "*"'],
    ['socketio_origin off credentials;', 'write the origins'],
    ['socketio_origin credentials;', 'needs an origin'],
    ['socketio_origin * https://a.de;', 'stand alone'],
    ['socketio_origin null credentials;', 'which any site can be'],
    ['socketio_origin a.de;', 'is no origin: write SCHEME://HOST[:PORT]'],
    ['socketio_origin https://a.de/;', 'without even a slash'],
    ['socketio_origin https://a.de:8080/app;', 'without even a slash'],
    ['socketio_origin https://A.de;', 'write it in lower case'],
    ['socketio_origin https://*.a.de;', 'write each origin in full'],
    ['socketio_origin https://a.de:443;', 'browsers leave out'],
    ['socketio_origin http://[::1]:80;', 'browsers leave out'],
    ['socketio_origin https://a.de:0;', 'has a bad port'],
    ['socketio_origin https://a.de:65536;', 'has a bad port'],
    ['socketio_origin https://a.de:;', 'has a bad port'],
    ['socketio_origin https://;', 'has no host'],
    ['socketio_origin http://[::1;', 'has a character that no host has'],
    ['socketio_origin https://u@a.de;', 'has a character that no host has'],
    ['socketio_origin https://\u00e4.de;', 'xn--'],
    ['socketio_origin wss://a.de;', 'write https://HOST'],
]);

takes('socketio_origin', [
    'socketio_origin off;',
    'socketio_origin *;',
    'socketio_origin null file://;',
    'socketio_origin https://a.de http://a.de:8080 credentials;',
    'socketio_origin http://127.0.0.1:443 https://[::1]:80 http://[fe80::1];',
    'socketio_origin https://xn--4ca.de:80 capacitor://localhost;',
]);

refuses('socketio_namespace', [
    ['socketio_namespace chat { }', 'needs "/" in front'],
    ['socketio_namespace "" { }', 'needs "/" in front'],
    ['socketio_namespace /a,b { }', 'has a comma'],
    ['socketio_namespace "/a\tb" { }', 'has control characters'],
    ['socketio_namespace "/a\x7f" { }', 'has control characters'],
    [`socketio_namespace /${LONG}x { }`, 'at most 128 bytes'],
    ['socketio_namespace /a { } socketio_namespace /a { }',
     'duplicate socketio_namespace "/a"'],
    ['socketio_namespace ~a { } socketio_namespace ~a { }',
     'duplicate socketio_namespace "~a"'],
    ['socketio_namespace ~ { }', 'right after the "~"'],
    ['socketio_namespace ~* { }', 'right after the "~"'],
    ['socketio_namespace ~( { }', 'socketio_namespace "~("'],
    ['socketio_namespace /a;', 'has no opening "{"'],
    ['socketio_namespace /a { root /tmp; }',
     '"root" directive is not allowed in a socketio_namespace block'],
    ['socketio_namespace /a { socketio_origin *; }',
     '"socketio_origin" directive is not allowed in a socketio_namespace'],
    ['socketio_namespace /a { socketio app; }',
     '"socketio" directive is not allowed in a socketio_namespace'],
    ['socketio_namespace /a { socketio_namespace /b { } }',
     'unexpected "{"'],
    ['socketio_namespace /a { socketio_limit_rooms; }',
     '"socketio_limit_rooms" directive has an invalid number of arguments'],
    ['socketio_namespace /a { socketio_limit_rooms 1 2; }',
     'has an invalid number of arguments'],
    ['socketio_namespace /a { socketio_room; }',
     'has an invalid number of arguments'],
    ['socketio_namespace /a { socketio_limit_rooms 0; }',
     '"socketio_limit_rooms" directive must be 1 to 65535'],
    ['socketio_namespace /a { socketio_limit_rooms 1; '
     + 'socketio_limit_rooms 1; }', 'is duplicate'],
    ['socketio_namespace /a { include; }',
     '"include" directive has an invalid number of arguments'],
    ['socketio_namespace /a { include none.conf; }', 'none.conf" failed'],
]);

takes('socketio_namespace', [
    `socketio_namespace /${LONG} { }`,
    'socketio_namespace / { } socketio_namespace ~/ { }',
    'socketio_namespace ~a { } socketio_namespace ~*a { }',
    'socketio_namespace "~^/a{2,3}$" { }',
    'socketio_namespace /\u00e4 { socketio_send_buffer 4k; }',
]);

refuses('socketio_room', [
    ['socketio_room a$b;', 'socketio_room "a$b" has a "$"'],
    ['socketio_room "a:${sub}";',
     '"${sub}" of socketio_room "a:${sub}" is not known, write ${jwt.CLAIM}'],
    ['socketio_room "a:${jwt.a}${jwt.b}";',
     '"a:${jwt.a}${jwt.b}" needs text between placeholders, such as ":"'],
    ['socketio_room "${jwt.}";', '"${jwt.}" of socketio_room'],
    ['socketio_room a b;', 'parameter "b" of socketio_room is not known'],
    ['socketio_room a if=role;',
     'parameter "if=role" of socketio_room is not known'],
    ['socketio_room a if==b;',
     'parameter "if==b" of socketio_room is not known'],
    ['socketio_room a if=a=b if=c=d;',
     'parameter "if=c=d" of socketio_room is not known'],
    ['socketio_room a:* auto;',
     'cannot join a room with "*" by "auto"'],
    ['socketio_room "";', 'socketio_room "" is empty'],
    ['socketio_room "a\tb";', 'has control characters'],
    [`socketio_room ${LONG}xx;`,
     'of namespace "/" is longer than socketio_room_max_length 128 allows'],
    ['socketio_room abc; socketio_namespace /a { '
     + 'socketio_room_max_length 2; }', 'of namespace "/a" is longer'],
]);

refuses('an event', [
    ['socketio_join_event;', 'invalid number of arguments'],
    ['socketio_join_event a; socketio_join_event b;', 'is duplicate'],
    ['socketio_join_event a connect;',
     'event "connect" of socketio_join_event is reserved'],
    ['socketio_leave_event disconnect;',
     'event "disconnect" of socketio_leave_event is reserved'],
    ['socketio_leave_event "${arg.0}";', '"${arg.0}" of socketio_leave_event'],
    ['socketio_leave_event "";', 'socketio_leave_event "" is empty'],
    ['socketio_join_event join off;',
     '"socketio_join_event" directive takes "off" alone'],
    ['socketio_leave_event off; socketio_leave_event leave;', 'is duplicate'],
]);

refuses('a line of a block', [
    'socketio_recovery 30s skip_auth x', 'socketio_recovery', 'socketio_room',
    'socketio_limit_rooms 1 2',
].map((line) => [`socketio_namespace / { ${line}; }`,
                 'has an invalid number of arguments']));

takes('a line of a block', [
    'socketio_recovery 30s skip_auth', 'socketio_recovery 30s',
    'socketio_compression on threshold=1k', 'socketio_compression off',
    'socketio_join_event off; socketio_leave_event off',
].map((line) => `socketio_namespace / { ${line}; }`));

refuses('limits', [
    ['socketio_limit_events;', 'invalid number of arguments'],
    ['socketio_limit_events on;', 'parameter "on" of socketio_limit_events is '
     + 'not known: it takes rate=10r/s, burst=20, and "drop"'],
    ['socketio_limit_events rate=5r/s;', 'needs a rate and a burst, such as'],
    ['socketio_limit_events burst=5;', 'needs a rate and a burst'],
    ['socketio_limit_events drop;', 'needs a rate and a burst'],
    ['socketio_limit_events rate=5 burst=5;',
     'parameter "rate=5" of socketio_limit_events needs a unit: 10r/s'],
    ['socketio_limit_events rate=0r/s burst=5;', 'must be from 1 to 1000000'],
    ['socketio_limit_events rate=5r/s burst=-1;', 'must be from 0 to 1000000'],
    ['socketio_limit_events rate=5r/s rate=5r/s burst=1;', 'is a second rate'],
    ['socketio_limit_events rate=5r/s burst=1 burst=1;', 'is a second burst'],
    ['socketio_limit_events off drop;', 'has parameters after "off"'],
    ['socketio_limit_events off; socketio_limit_events off;', 'is duplicate'],
    ['socketio_limit_events rate=5r/s burst=1; socketio_limit_events off;',
     'is duplicate'],
    ['socketio_limit_sockets 5;', 'needs user=N'],
    ['socketio_limit_sockets user=0;', 'needs user=N'],
    ['socketio_limit_sockets user=10000001;', 'needs user=N'],
    ['socketio_limit_sockets user=;', 'needs user=N'],
    ['socketio_limit_sockets user=1; socketio_limit_sockets off;',
     'is duplicate'],
    ['socketio_limit_connections 0;', 'needs a number of sessions from 1'],
    ['socketio_limit_connections many;', 'needs a number of sessions from 1'],
    ['socketio_limit_connections 5 per=user;',
     'takes nothing after the number but "per=address"'],
    ['socketio_limit_connections off per=address;',
     'has parameters after "off"'],
    ['socketio_limit_connections 5; socketio_limit_connections 6;',
     'is duplicate: one is for all sessions, and one with "per=address"'],
    ['socketio_limit_connections 5 per=address; '
     + 'socketio_limit_connections off;', 'is duplicate'],
    ['socketio_limit_connects rate=5r/s burst=1 drop;',
     'invalid number of arguments'],
    ['socketio_limit_connects rate=5r/s drop;',
     'is not known: it takes rate=10r/s and burst=20'],
    ['socketio_limit_connects rate=5r/s;', 'needs a rate and a burst'],
    ['socketio_namespace /a { socketio_limit_connections 5; }',
     '"socketio_limit_connections" directive is not allowed'],
    ['socketio_namespace /a { socketio_limit_connects off; }',
     '"socketio_limit_connects" directive is not allowed'],
]);


takes('limits', [
    'socketio_limit_events off;',
    'socketio_limit_events burst=0 rate=1r/m;',
    'socketio_limit_events rate=1000000r/s burst=1000000 disconnect;',
    'socketio_limit_sockets off; socketio_limit_connections off;',
    'socketio_limit_connections 100; socketio_limit_connections 5 per=address;',
    'socketio_limit_connections 5 per=address; socketio_limit_connects off;',
    'socketio_limit_connects rate=100r/s burst=1000;',
    `socketio_namespace /a { socketio_limit_events rate=5r/s burst=1 drop;
                             socketio_limit_sockets user=3; }`,
]);


refuses('socketio_on', [
    ['socketio_on;', 'invalid number of arguments'],
    ['socketio_on a;', 'needs an action after the event: write relay, forward'],
    ['socketio_on a b;', 'action "b" of socketio_on is not known, write relay'],
    ['socketio_on "" drop;', 'socketio_on "" is empty'],
    ['socketio_on "${arg.0}" drop;', '"${arg.0}" of socketio_on "${arg.0}"'],
    ['socketio_on connect relay room=a;',
     '"connect" of socketio_on is no event of a client, it can only be '
     + 'forwarded: write "socketio_on connect forward /URI;"'],
    ['socketio_on disconnect drop;',
     '"disconnect" of socketio_on is no event of a client'],
    ['socketio_on connect_error drop;', 'is reserved by Socket.IO'],
    ['socketio_on a relay;', 'relays to nobody: write room=TEMPLATE'],
    ['socketio_on a relay any self;', 'relays to nobody'],
    ['socketio_on a relay room=;', 'room "" is empty'],
    ['socketio_on a relay room=a,,b;', 'room "" is empty'],
    ['socketio_on a relay room=a,;', 'room "" is empty'],
    ['socketio_on a relay room=a room=b;', 'is duplicate: write the rooms'],
    ['socketio_on a relay room=a:*;', 'has a "*" in a room: write room=* alone'],
    ['socketio_on a relay room=*,b;', 'has a "*" in a room'],
    ['socketio_on a relay "room=${sub}";', '"${sub}" of room "${sub}" of '
     + 'socketio_on is not known, write ${jwt.CLAIM}, ${arg.0}'],
    ...['arg', 'arg.', 'arg.x', 'arg.100', 'arg.0.', 'arg.0..a', 'arg.0x',
        'jwt.', 'time'].map((name) =>
        [`socketio_on a relay "room=\${${name}}";`,
         `"\${${name}}" of room "\${${name}}" of socketio_on is not known`]),
    ['socketio_on a relay "room=${arg.0}${arg.1}";',
     '"${arg.1}" of room "${arg.0}${arg.1}" of socketio_on follows another '
     + 'placeholder: write text between them'],
    [`socketio_on a relay room=${LONG}xx;`,
     'of socketio_on "a" of namespace "/" is longer than'],
    [`socketio_on a relay room=${Array(17).fill('r').join()};`,
     'has too many rooms'],
    ['socketio_on a relay room=a selves;',
     'option "selves" of socketio_on "a" is not known: "relay" takes room='],
    ['socketio_on a relay room=a async;', 'option "async" of socketio_on "a"'],
    ['socketio_on a drop room=a;', '"drop" takes if=CLAIM=VALUE'],
    ['socketio_on a drop if=role;', 'is no condition, write one if=CLAIM=VALUE'],
    ['socketio_on a drop if=a=b if=c=d;', 'is no condition, write one if='],
    ['socketio_on a drop limit=5;', 'needs a unit: 10r/s, or 10r/m'],
    ['socketio_on a drop limit=0r/s;', 'must be from 1 to 1000000'],
    ['socketio_on a drop limit=1r/s limit=2r/s;', 'is duplicate'],
    ['socketio_on a drop burst=5;', 'has burst= without limit=RATE'],
    ['socketio_on a drop limit=1r/s burst=x;', 'must be from 0 to 1000000'],
    ['socketio_on a relay room=a merge=user;',
     'needs a name before each value: write merge=NAME:TEMPLATE'],
    ['socketio_on a relay room=a merge=:b;', 'needs a name before each value'],
    ['socketio_on a relay room=a merge=b:;', 'value "" is empty'],
    ['socketio_on a relay room=a merge=b:*;', 'has a "*" in a value'],
    ['socketio_on a relay room=a merge=b:c,b:d;', 'has a name twice'],
    ['socketio_on a relay room=a merge=b:c merge=d:e;', 'is duplicate: write'],
    ['socketio_on a relay room=a merge=_placeholder:b;',
     '"_placeholder" is Socket.IO\'s own'],
    ['socketio_on a relay room=a "merge=b:${sub}";',
     '"${sub}" of value "${sub}" of socketio_on is not known'],
    ['socketio_on a forward;', 'needs the URI of a location after "forward"'],
    ['socketio_on a forward chat;', 'needs the URI of a location'],
    ['socketio_on a forward @chat;', 'needs the URI of a location'],
    ['socketio_on a forward /c timeout=0;', 'needs a time, such as timeout=5s'],
    ['socketio_on a forward /c timeout=x;', 'needs a time'],
    ['socketio_on a forward /c self;', '"forward" takes a URI, async, timeout='],
    ['socketio_on connect forward /c self;', '"forward" takes a URI'],
    ['socketio_forward_queue 0;', 'must be 1 to 1000000'],
    ['socketio_forward_queue;', 'invalid number of arguments'],
]);

takes('socketio_on', [
    'socketio_on * relay room=*;',
    'socketio_on a forward /c?x=1 async timeout=5s if=a=b limit=1r/s burst=5;',
    'socketio_on connect forward /c; socketio_on disconnect forward /c;',
    'socketio_forward_queue 1; socketio_on * forward /c;',
    'socketio_on a drop; socketio_on a:*:b drop if=role=admin limit=1r/m;',
    `socketio_on a relay room=a,b:\${arg.0},c:\${arg.10.x.y}:\${jwt.s.u}
     self any volatile if=https://x/role=a=b limit=10r/s burst=1000000
     merge=user:\${jwt.sub},at:\${now},by:"\${socket.id}:\${namespace}",k:v:w;`,
    `socketio_on a relay room=${LONG}; socketio_namespace /a { socketio_on * drop;
     } socketio_namespace /b { socketio_on * relay room=b; }`,
]);

takes('a namespace\'s directive on any level', [
    `socketio_room a:*; socketio_room b; socketio_join_event in in:*;
     socketio_leave_event out; socketio_limit_rooms 65535;
     socketio_room_max_length 4096; socketio_send_buffer 1024m;
     socketio_on a drop;
     server { listen 127.0.0.1:10001; socketio_room a:*;
              socketio_join_event in; socketio_leave_event out;
              socketio_limit_rooms 1; socketio_room_max_length 3;
              socketio_send_buffer 4k; socketio_on b relay room=c; }`,
], 'http');

takes('an endpoint\'s directive on any level', [
    `socketio_ping_interval 1ms; socketio_ping_timeout 10d;
     socketio_connect_timeout 1m; socketio_upgrade_timeout 1d;
     socketio_max_payload 1; socketio_transports websocket polling;
     socketio_cookie io; socketio_origin *; socketio_limit_namespaces 1;
     server { listen 127.0.0.1:10001; socketio_ping_interval 1s;
              socketio_ping_timeout 1s; socketio_connect_timeout 1s;
              socketio_upgrade_timeout 1s; socketio_max_payload 1024m;
              socketio_transports polling; socketio_cookie off;
              socketio_origin off; socketio_limit_namespaces 1000; }`,
], 'http');


describe('values', () => {
    let nginx;

    before(async () => {
        nginx = await startNginx({
            http: `socketio_ping_interval 11s;
                   socketio_ping_timeout  12s;
                   socketio_max_payload   1m;
                   socketio_cookie        io Secure;
                   socketio_room          http:*;
                   include                late*.conf;`,
            server: `
                socketio_ping_timeout 13s;

                location /late/ {
                    socketio late;
                    socketio_ping_interval 14s;

                    location /late/inner/ {
                        socketio app;
                        socketio_max_payload 7k;
                    }
                }

                location = /exact {
                    socketio app;
                    socketio_cookie off;
                    socketio_transports polling;
                }

                location /if/ {
                    socketio app;
                    socketio_max_payload 5k;

                    if ($arg_x) { set $y 1; }
                }

                location /limited/ {
                    socketio app;
                    socketio_max_payload 6k;

                    limit_except GET { allow 127.0.0.1; deny all; }
                }

                location /rooms/ {
                    socketio app;

                    socketio_namespace /none { }
                    socketio_namespace /own  { include rooms*.conf;
                                               socketio_room own:*; }
                    socketio_namespace "~*^/CASE$" { }
                    socketio_namespace ~case { socketio_room never:*; }
                }`,
            main: ({ prefix }) => {
                fs.writeFileSync(path.join(prefix, 'late.conf'),
                                 'socketio_zone zone=late:1m log=256k;\n');
                fs.writeFileSync(path.join(prefix, 'rooms.conf'),
                                 'socketio_room included:*;\n');

                return '';
            },
        });
    });

    after(() => nginx.stop());

    const rows = {
        '/socket.io/': [11, 13, 1048576, ['websocket'], true],
        '/late/': [14, 13, 1048576, ['websocket'], true],
        '/late/inner/': [14, 13, 7168, ['websocket'], true],
        '/exact': [11, 13, 1048576, [], false],
        '/if/': [11, 13, 5120, ['websocket'], true],
    };

    for (const [location, row] of Object.entries(rows)) {
        test(`of ${location}`, async () => {
            const open = await handshake(nginx.url, location);

            assert.deepEqual([open.pingInterval / 1000,
                              open.pingTimeout / 1000, open.maxPayload,
                              open.upgrades, open.cookies.length > 0], row);
        });
    }

    test('cookie attributes go with the cookie', async () => {
        const { sid, cookies } = await handshake(nginx.url);

        assert.deepEqual(cookies, [`io=${sid}; Secure`]);
    });

    test('an if block is its location', async () => {
        const res = await request(`${nginx.url}/if/?EIO=4&transport=polling`
                                  + '&x=1');

        assert.equal(res.status, 200);

        const { sid, maxPayload } = JSON.parse(res.body.slice(1));
        const session = new Polling(nginx.url, { path: '/if/' });

        assert.equal(maxPayload, 5120);
        session.sid = sid;
        await session.connect();
        await session.close();
    });

    test('a limit_except block is its location', async () => {
        const session = await Polling.open(nginx.url, { path: '/limited/' });

        assert.equal(session.handshake.maxPayload, 6144);
        await session.connect();
        await session.close();
    });

    test('rooms of http count where a block has none', async () => {
        const session = await Polling.open(nginx.url, { path: '/rooms/' });
        const may = async (namespace, room) =>
            (await session.ack(1, ['join', room], namespace))[0].ok;

        for (const namespace of ['/none', '/own', '/case', '/Case',
                                 '/xcase'])
        {
            await session.connect(namespace);
        }

        assert.equal(await may('/none', 'http:1'), true);
        assert.equal(await may('/own', 'http:1'), false);
        assert.equal(await may('/own', 'own:1'), true);
        assert.equal(await may('/own', 'included:1'), true);
        assert.equal(await may('/case', 'http:1'), true);
        assert.equal(await may('/Case', 'http:1'), true);
        assert.equal(await may('/case', 'never:1'), false);
        assert.equal(await may('/xcase', 'never:1'), true);
        await session.close();
    });
});


describe('two servers without names', () => {
    let nginx;
    let other;

    before(async () => {
        const port = await freePort();

        other = `http://127.0.0.1:${port}`;
        nginx = await startNginx({
            http: `server {
                       listen 127.0.0.1:${port};
                       location /socket.io/ {
                           socketio app;
                           socketio_namespace /other { }
                       }
                   }`,
        });
    });

    after(() => nginx.stop());

    test('have endpoints of their own', async () => {
        const session = await Polling.open(nginx.url);
        const stranger = new Polling(other);

        stranger.sid = session.sid;
        await stranger.assertGone();
        await session.connect();
        await session.close();

        const there = await openSession('polling', other);

        await there.connect('/other');
        await there.close();
    });
});


describe('a reload', () => {
    test('keeps sessions of an endpoint that moves in the file', async () => {
        const nginx = await startNginx();

        try {
            const session = await Polling.open(nginx.url);
            const more = 'location /more/ { socketio app; }';

            await session.connect();
            await nginx.reload({ server: more, location: '# changed' });

            /* it is the new worker that is to know the session */
            await until(() => nginx.workers().length === 1,
                        'the old worker has left');
            assert.deepEqual(await session.ack(1, ['join', 'a']),
                             [{ ok: false, error: 'Forbidden',
                                rooms: ['a'] }]);
            await session.close();

        } finally {
            await nginx.stop();
        }
    });

    test('takes zones away and brings them back', async () => {
        const nginx = await startNginx();
        const none = { zone: null, location: null, api: null,
                       server: 'location / { return 204; }' };

        const status = (target, want) => until(async () =>
            (await nginx.request('GET', target)).status === want,
            `${target} is ${want}, when the old worker has left`);

        try {
            await handshake(nginx.url);
            await nginx.reload(none);
            await status('/', 204);
            await nginx.reload({ zone: 'zone=app:1m', location: '',
                                 api: '' });
            await status('/socket.io/?EIO=4&transport=polling', 200);
            await nginx.reload(none);
            await status('/', 204);
            await until(() => nginx.workers().length === 1,
                        'the old worker ends');
            await nginx.kill(nginx.workers()[0]);
            await status('/', 204);

        } finally {
            await nginx.stop();
        }
    });

    test('that fails leaves everything as it is', async () => {
        const nginx = await startNginx({ expectEmerg: true });

        try {
            const session = await Polling.open(nginx.url);

            await session.connect();
            fs.writeFileSync(path.join(nginx.prefix, 'nginx.conf'),
                             nginx.config.replace('socketio app;',
                                                  'socketio none;'));
            process.kill(nginx.child.pid, 'SIGHUP');
            await until(() => nginx.logs().includes('unknown socketio_zone'),
                        'the master refuses the configuration');
            assert.equal((await session.ack(1, ['join', 'a']))[0].ok, false);
            await session.close();

        } finally {
            await nginx.stop();
        }
    });
});


describe('nginx', () => {
    test('without http{}', () => {
        const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ngx-sio-'));
        const module = process.env.TEST_NGINX_MODULE;

        fs.writeFileSync(path.join(dir, 'nginx.conf'), `
            ${module ? `load_module ${module};` : ''}
            pid nginx.pid;
            events { }`);

        const run = spawnSync(process.env.TEST_NGINX_BINARY ?? 'nginx',
                              ['-t', '-p', `${dir}/`, '-e', 'error.log',
                               '-c', `${dir}/nginx.conf`],
                              { encoding: 'utf8', env: {
                                  ...process.env,

                                  /* nginx's own pool, at the end of -t */
                                  ASAN_OPTIONS: 'detect_leaks=0',
                              } });

        fs.rmSync(dir, { recursive: true });
        assert.equal(run.status, 0, run.stderr);
    });

    test('in one process', async () => {
        const nginx = await startNginx({ main: 'master_process off;' });

        try {
            await handshake(nginx.url);

        } finally {
            await nginx.stop();
        }
    });
});
