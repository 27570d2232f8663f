"""What is known of all runs as one table, for people and for RESULTS.md."""

import os
import platform
import re
import statistics

NAMES = {'ours': 'this module', 'node': 'Socket.IO on Node',
         'bun': 'Socket.IO on Bun', 'nchan': 'nchan', 'floor': 'floor',
         'floor-batch': 'floor, batched'}
FAULTS = ('lost', 'duplicates', 'reordered', 'corrupt', 'foreign', 'misrouted',
          'refused', 'failed', 'closed', 'unconnected', 'unrecovered')


def figure(line, path):
    for key in path.split('.'):
        line = line.get(key, {}) if isinstance(line, dict) else {}

    return float(line) if isinstance(line, (int, float)) else None


def noisy(line):
    """Whether others had more than 10 % of a CPU, or the host 5 %."""
    window = line.get('window') or line.get('connect', {})
    wall = window.get('wall_s', 0)

    return (window.get('others_s', 0) > 0.10 * wall + 0.02
            or window.get('steal_s', 0) > 0.05 * wall + 0.01)


def faults(line):
    """What went wrong in a run, as text; '' if nothing did."""
    found = line.get('faults', {})

    return ', '.join(f'{found[x]} {x}' for x in FAULTS if found.get(x))


def short(value, unit):
    """A figure as people read it: three digits that count."""
    if value is None:
        return '–'

    if unit == '%':
        value *= 100

    if unit == 'µs' and value >= 1000:
        value, unit = value / 1000, 'ms'

    if unit == 'B' and value >= 1e6:
        value, unit = value / 1e6, 'MB'

    if value >= 100:
        text = f'{value:,.0f}'

    elif value >= 10:
        text = f'{value:.1f}'

    elif value >= 0.1 or value == 0:
        text = f'{value:.2f}'

    else:
        text = f'{value:.4f}'

    return f'{text} {unit}'.strip()


def ratio(ours, other, more):
    """How many times better ours is."""
    if not ours or not other:
        return '–'

    value = ours / other if more else other / ours

    return f'{value:.0f} ×' if value >= 20 else f'{value:.1f} ×'


def medians(runs, row):
    """Peer -> median of a row's figure."""
    found = {}

    for peer, lines in runs.items():
        values = [figure(x, row[1]) for x in lines]
        values = [x for x in values if x is not None]

        if values:
            found[peer] = statistics.median(values)

    return found


def bound(line):
    """Whether the generator had no time left."""
    return line.get('window', {}).get('own_busy', 0) > 0.95


def mark(lines):
    """What a reader has to know of a cell: noise, a busy generator, faults."""
    def most(judge):
        return sum(map(judge, lines)) * 2 > len(lines)

    return ((' ~' if most(noisy) else '') + (' ^' if most(bound) else '')
            + (' !' if any(map(faults, lines)) else ''))


def rows(parts, runs, peers):
    """Lines of cells: scenario, its title and figures, medians, ratio."""
    for part in parts:
        there = runs.get(part.name, {})

        if not there:
            continue

        yield [f'**{part.name}**', f'**{part.title}**',
               *[''] * (len(peers) + 1)]

        for row in part.rows:
            found = medians(there, row)
            cells = [short(found.get(x), row[2]) + mark(there[x])
                     if x in found else '' for x in peers]
            times = ratio(found.get('ours'), found.get('node'), row[3])

            yield ['', row[0], *cells,
                   times if 'node' in found else '']


def table(parts, runs, peers):
    """Markdown that is readable as it is, too."""
    lines = [['', '', *(NAMES[x] for x in peers), 'better than Node'],
             *rows(parts, runs, peers)]
    widths = [max(len(x[i]) for x in lines) for i in range(len(lines[0]))]
    text = []

    for at, cells in enumerate(lines):
        text.append('| ' + ' | '.join(
            x.ljust(w) if i < 2 else x.rjust(w)
            for i, (x, w) in enumerate(zip(cells, widths))) + ' |')

        if at == 0:
            text.append('|' + '|'.join('-' * (w + 2) if i < 2
                                       else '-' * (w + 1) + ':'
                                       for i, w in enumerate(widths)) + '|')

    return '\n'.join(text)


def spread(parts, runs, peers):
    """The first figure of each part: all runs, least and most, and faults."""
    lines = ['| scenario | peer | figure | runs | least | median | most | '
             'noisy | faults |',
             '|---|---|---|--:|--:|--:|--:|--:|---|']

    for part in parts:
        for peer in peers:
            there = runs.get(part.name, {}).get(peer, [])
            name, path, unit, _ = part.rows[0]
            values = [figure(x, path) for x in there]
            values = [x for x in values if x is not None]

            if not values:
                continue

            wrong = '; '.join(sorted(set(filter(None, map(faults, there)))))
            lines.append(
                f'| {part.name} | {NAMES[peer]} | {name} | {len(values)} | '
                f'{short(min(values), unit)} | '
                f'{short(statistics.median(values), unit)} | '
                f'{short(max(values), unit)} | {sum(map(noisy, there))} | '
                f'{wrong or "none"} |')

    return '\n'.join(lines)


def machine():
    """The machine in a line."""
    model, count = '?', os.cpu_count()

    with open('/proc/cpuinfo', encoding='utf-8') as file:
        found = re.search(r'model name\s*: (.*)', file.read())
        model = found[1] if found else model

    with open('/proc/meminfo', encoding='utf-8') as file:
        memory = int(re.search(r'MemTotal:\s*(\d+)', file.read())[1])

    system = ''

    if os.path.exists('/etc/os-release'):
        with open('/etc/os-release', encoding='utf-8') as file:
            found = re.search(r'PRETTY_NAME="(.*)"', file.read())
            system = found[1] if found else ''

    return (f'{count} × {model}, {memory / 2**20:.0f} GiB, {system}, '
            f'Linux {platform.release()}')
