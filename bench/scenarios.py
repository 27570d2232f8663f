"""The scenarios: what each asks of the load generator, and which of its figures
make rows of the table.  bench/README.md says what they mean.
"""

import itertools

SOCKETIO = ('ours', 'node', 'bun', 'floor', 'floor-batch')
ALL = ('ours', 'node', 'bun', 'nchan', 'floor', 'floor-batch')
WHOLE = ('ours', 'node', 'bun')
NODES = ('ours', 'node')

# (what, where in the generator's line, unit, whether more is better)
FANOUT = (
    ('deliveries per second', 'window.deliveries_per_s', '', True),
    ('CPU per delivery', 'window.cpu_us_per_delivery', 'µs', False),
    ('median latency', 'window.latency.p50', 'µs', False),
    ('99 % latency', 'window.latency.p99', 'µs', False),
)
PUBLISH = (
    ('publishes per second', 'window.publishes_per_s', '', True),
    ('CPU per publish', 'window.cpu_us_per_publish', 'µs', False),
    ('median latency', 'window.latency.p50', 'µs', False),
    ('99 % latency', 'window.latency.p99', 'µs', False),
)
EVENTS = (
    ('acks per second', 'window.acks_per_s', '', True),
    ('CPU per event', 'window.cpu_us_per_ack', 'µs', False),
    ('99 % latency', 'window.latency.p99', 'µs', False),
)
MEMORY = (
    ('memory per connection', 'memory.per_connection', 'B', False),
    ('memory in all', 'memory.after', 'B', False),
)


class Part:
    """One measurement: a fresh server each time."""

    def __init__(self, name, title, peers, rows, load, **more):
        self.name = name
        self.title = title
        self.peers = peers
        self.rows = rows
        self.load = load
        self.wants = more.get('wants', {})      # of the server
        self.before = more.get('before')        # not measured
        self.most = more.get('most', 100)       # repetitions
        self.special = more.get('special')      # a function of bench/run


def words(text):
    return text.split()


PARTS = [
    Part('S1', '10,000 idle WebSockets', ALL, MEMORY,
         words('--clients 10000 --settle 5')),
    Part('S2', '5,000 handshakes, 64 at a time', ALL,
         (('handshakes per second', 'connect.per_s', '', True),
          ('CPU per handshake', 'connect.cpu_us', 'µs', False),
          ('99 % latency', 'connect.latency.p99', 'µs', False)),
         words('--clients 5000'), before=words('--clients 5000')),
    Part('S3', '1,000 in one room, 8 publishes under way', ALL, FANOUT,
         words('--clients 1000 --outstanding 8 --warmup 3')),
    Part('S4', '5,000 rooms of one, 8 publishes under way', ALL, PUBLISH,
         words('--clients 5000 --rooms 5000 --outstanding 8 --warmup 3')),
    Part('S5', '1,000 in one room, 20 publishes a second', ALL,
         (('median latency', 'window.latency.p50', 'µs', False),
          ('99 % latency', 'window.latency.p99', 'µs', False),
          ('CPU per delivery', 'window.cpu_us_per_delivery', 'µs', False)),
         words('--clients 1000 --rate 20 --warmup 3 --duration 6')),
    Part('S6-1', 'events with ack, 100 clients, 4 each under way', SOCKETIO,
         EVENTS, words('--clients 100 --depth 4 --warmup 3')),
    Part('S6-2', 'S6-1 with a write for each event', SOCKETIO, EVENTS,
         words('--clients 100 --depth 4 --singly 1 --warmup 3')),
    Part('S7', '500 polling clients in one room, 8 under way', WHOLE, FANOUT,
         words('--clients 500 --polling 1 --outstanding 8 --warmup 3')),
    Part('S8', 'burst: 1,000 publishes to 1,000 clients, 64 under way', ALL,
         (('seconds to the last delivery', 'window.wall_s', 's', False),
          ('CPU per delivery', 'window.cpu_us_per_delivery', 'µs', False),
          ('99 % latency', 'window.latency.p99', 'µs', False)),
         words('--clients 1000 --outstanding 64 --response 1 --warmup 3 '
               '--messages 1000')),
    Part('S9-1', 'S3 not pinned, one worker', ('ours', 'nchan'), FANOUT,
         words('--clients 1000 --outstanding 8 --warmup 3'),
         wants={'pinned': False}),
    Part('S9-2', 'S3 not pinned, two workers', ('ours', 'nchan'), FANOUT,
         words('--clients 1000 --outstanding 8 --warmup 3'),
         wants={'pinned': False, 'workers': 2}),
    Part('S10', '10,000 idle WebSockets for 60 seconds', ALL,
         (('of one CPU', 'window.server_busy', '%', False),),
         words('--clients 10000 --settle 5 --idle 60'), most=2),
    Part('S11-1', 'publishes over 100 rooms of one', WHOLE, PUBLISH,
         words('--clients 2000 --rooms 100 --each 1 --outstanding 8 '
               '--warmup 3'), wants={'zone': '256m'}),
    Part('S11-2', 'publishes over 100,000 rooms of one', WHOLE, PUBLISH,
         words('--clients 2000 --rooms 100000 --each 50 --outstanding 8 '
               '--warmup 3'), wants={'zone': '256m'}),
    Part('S12-1', 'TLS: 5,000 idle WebSockets', ('ours', 'node'), MEMORY,
         words('--clients 5000 --settle 5 --tls 1'), wants={'tls': True}),
    Part('S12-2', 'TLS: S3', ('ours', 'node'), FANOUT,
         words('--clients 1000 --outstanding 8 --warmup 3 --tls 1'),
         wants={'tls': True}),
    Part('S13', '20,000 clients are cut, and recover at once', ('ours',),
         (('seconds until all have recovered', 'window.wall_s', 's', False),
          ('99 % of them had after', 'connect.latency.p99', 'µs', False),
          ('CPU per client', 'connect.cpu_us', 'µs', False)),
         words('--clients 10000 --conc 10000 --rooms 500 --messages 5 '
               '--outstanding 8 --response 1 --patience 120 --recovery 1'),
         wants={'pinned': False, 'workers': 2, 'zone': '256m', 'log': '64m',
                'location': 'socketio_recovery 5m;'}, special='stampede'),
    Part('S14-1', 'by Redis: 1,000 rooms of one, 256 under way', NODES,
         (('deliveries per second', 'window.deliveries_per_s', '', True),
          ('CPU per delivery', 'window.cpu_us_per_delivery', 'µs', False),
          ('99 % latency', 'window.latency.p99', 'µs', False)),
         words('--clients 1000 --rooms 1000 --outstanding 256 --warmup 3'),
         wants={'redis': True}),
    Part('S14-2', 'by Redis: of 100 messages 99 for other nodes', NODES,
         (('messages per second', 'window.publishes_per_s', '', True),
          ('CPU per message', 'window.cpu_us_per_publish', 'µs', False)),
         words('--clients 1000 --rooms 100000 --apart 100 --outstanding 256 '
               '--warmup 3'), wants={'redis': True}),
    Part('S14-3', 'by Redis: 1,000 in one room, 8 under way', NODES,
         (('deliveries per second', 'window.deliveries_per_s', '', True),
          ('CPU per delivery', 'window.cpu_us_per_delivery', 'µs', False)),
         words('--clients 1000 --outstanding 8 --warmup 2'),
         wants={'redis': True}),
    Part('S15', 'S3 with 2,000 bytes, compressed', NODES,
         (*FANOUT, ('bytes per delivery', 'window.bytes_per_delivery', 'B',
                    False),
          ('memory per connection', 'memory.per_connection', 'B', False)),
         words('--clients 1000 --payload 2000 --deflate 1 --outstanding 8 '
               '--warmup 3'), wants={'deflate': True}),
]


def chosen(names):
    """The parts of scenarios; S9 means S9-1 and S9-2."""
    unknown = [x for x in names
               if not any(x in (p.name, p.name.split('-')[0]) for p in PARTS)]

    if unknown:
        raise SystemExit(f'no scenario {unknown[0]}; there are '
                         + ' '.join(p.name for p in PARTS))

    return [p for p in PARTS
            if not names or p.name in names or p.name.split('-')[0] in names]


def groups(parts):
    """Parts of one scenario are compared with each other: S9-1 and S9-2."""
    return [list(group) for _, group in
            itertools.groupby(parts, lambda part: part.name.split('-')[0])]
