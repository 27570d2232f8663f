"""The checks: each yields what is wrong as (file, line, what to do)."""

import os
import re
import shutil
import subprocess
import tempfile

import source

# The C standard's headers that need neither a heap, a clock nor I/O.
PLAIN_HEADERS = {'stddef.h', 'stdint.h', 'stdbool.h', 'string.h', 'limits.h',
                 'inttypes.h', 'stdarg.h', 'errno.h', 'ctype.h', 'math.h',
                 'float.h', 'assert.h', 'stdalign.h'}
PREFIXES = {'proto': 'sio_', 'jwt': 'sio_jwt', 'hub': 'ngx_sio_',
            'cluster': ('ngx_sio_', 'sio_adapter'),
            'engine': ('ngx_sio_', 'sio_zlib'), 'http': 'ngx_http_sio_'}

# What the files of a layer may include, besides their own layer's.
BELOW = {'proto': (), 'jwt': ('proto',), 'hub': ('proto',),
         'cluster': ('proto', 'hub'),
         'engine': ('proto', 'jwt', 'hub'),
         'http': ('proto', 'jwt', 'hub', 'cluster', 'engine')}

COLUMNS = 80
C_LINES = 600
H_LINES = 150
FUNCTION_LINES = 120
FUNCTION_P95 = 80
ARGUMENTS = 5
DEPTH = 4
GROUP = 6
SUBJECT = 72
COMMITS = 20

TEXT = ('.c', '.h', '.mjs', '.js', '.py', '.sh', '.md', '.json', '.conf',
        '.yml', '.css', '.html', '.supp', '.dict', '/config', '/run',
        '/build', '/deps', '/demo', '/check')


def layer(path):
    match = re.match(r'src/(\w+)/', path)

    return match[1] if match and match[1] in source.LAYERS else None


def includes(top, path):
    """(line, name, in quotes) of each #include."""
    for i, line in enumerate(source.read(top, path).split('\n'), 1):
        match = re.match(r'\s*#\s*include\s*(["<])([^">]+)', line)

        if match:
            yield i, match[2], match[1] == '"'


def layers(top):
    """Includes lead downwards: http, engine or cluster, hub or jwt, proto."""
    paths = source.c_files(top, ('src',))
    place = {os.path.basename(x): x for x in paths}
    graph = {}

    for path in paths:
        own = layer(path)
        name = os.path.basename(path)

        if own is None:
            yield path, 1, 'move it to one of src/' + ', src/'.join(
                source.LAYERS)
            continue

        if not name.startswith(PREFIXES[own]):
            yield (path, 1, f'files of src/{own} are called '
                   f'{PREFIXES[own]}*')

        graph[path] = []

        for line, want, quoted in includes(top, path):
            target = place.get(os.path.basename(want))

            if want.endswith('.c'):
                yield path, line, f'include no .c file: compile {want} itself'

            elif target:
                graph[path].append((line, target))

                if layer(target) not in (own, *BELOW[own]):
                    yield (path, line, f'src/{own} may not include '
                           f'{target}: pass data up by a callback')

            elif own == 'proto' and (quoted or want not in PLAIN_HEADERS):
                yield (path, line, f'src/proto is plain C: it may include '
                       f'its own files and {", ".join(sorted(PLAIN_HEADERS))}'
                       f', not {want}')

            elif path.startswith(('src/cluster/sio_', 'src/engine/sio_')) \
                    and want.startswith('ngx_'):
                yield path, line, f'the codec knows no nginx: not {want}'

            elif own == 'jwt' and want.startswith('ngx_'):
                yield path, line, f'src/jwt knows no nginx: not {want}'

            elif own != 'http' and want.startswith('ngx_http'):
                yield path, line, f'only src/http may include {want}'

            elif quoted:
                yield path, line, f'{want} is no file of src: use <{want}>'

    yield from cycles(graph)


def cycles(graph):
    done = set()

    def walk(path, trail):
        if path in trail:
            chain = trail[trail.index(path):] + [path]
            yield path, 1, 'headers include each other: ' + ' -> '.join(chain)
            return

        if path in done:
            return

        for _, target in graph.get(path, []):
            yield from walk(target, trail + [path])

        done.add(path)

    for path in graph:
        yield from walk(path, [])


def style(top):
    """Columns, blanks, comments, sizes, arguments, depth."""
    sizes = []

    for path in source.files(top):
        if not f'/{path}'.endswith(TEXT) \
                or path.startswith(('t/fuzz/corpus/', 't/lint/')) \
                or path.endswith('package-lock.json'):
            continue

        text = source.read(top, path)

        yield from text_style(path, text)

        if path.endswith(('.c', '.h')):
            code = source.strip(text)
            yield from c_style(path, text, code)

            for function in source.functions(code):
                yield from function_style(path, function)

                if path.startswith('src/'):
                    sizes.append((function.lines, path, function))

    sizes.sort(key=lambda x: x[0])

    if sizes:
        lines, path, function = sizes[max(0, len(sizes) * 95 // 100 - 1)]

        if lines > FUNCTION_P95:
            yield (path, function.first, f'5 % of the functions are longer '
                   f'than {lines} lines, {FUNCTION_P95} allowed: split the '
                   'longest')


def text_style(path, text):
    if text and not text.endswith('\n'):
        yield path, text.count('\n') + 1, 'end the file with a newline'

    for i, line in enumerate(text.split('\n'), 1):
        if '\t' in line:
            yield path, i, 'use spaces, not tabs'

        if line != line.rstrip():
            yield path, i, 'remove the blanks at the end of the line'

        if re.search(r'\b(TODO|FIXME|XXX)\b', line):
            yield path, i, 'do it or leave it, but do not leave a note'


def c_style(path, text, code):
    lines = text.count('\n')
    most = C_LINES if path.endswith('.c') else H_LINES

    if lines > most and path.startswith('src/'):
        yield path, lines, f'{lines} lines, {most} allowed: split the file'

    for i, line in enumerate(text.split('\n'), 1):
        if len(line) > COLUMNS:
            yield path, i, f'{len(line)} columns, {COLUMNS} allowed'

    for i, line in enumerate(code.split('\n'), 1):
        if '//' in line:
            yield path, i, 'write /* */ comments'

    for one in source.statements(code):
        if path.endswith('.h') and one.is_prototype():
            count = source.count_arguments(one.text)

            if count > ARGUMENTS:
                yield (path, one.first, f'{count} arguments, {ARGUMENTS} '
                       'allowed: pass a struct')


def function_style(path, function):
    if function.lines > FUNCTION_LINES:
        yield (path, function.first, f'{function.name}: {function.lines} '
               f'lines, {FUNCTION_LINES} allowed: split it')

    if function.arguments() > ARGUMENTS:
        yield (path, function.first, f'{function.name}: '
               f'{function.arguments()} arguments, {ARGUMENTS} allowed: '
               'pass a struct')

    if function.depth > DEPTH:
        mark = 'warning: ' if function.depth == DEPTH + 1 else ''
        yield (path, function.first, f'{mark}{function.name}: braces '
               f'{function.depth} deep, {DEPTH} allowed: return early or '
               'split it')


def prototypes(top):
    """Each prototype in a header has a comment directly above it."""
    for path in source.files(top):
        if path.startswith('src/') and path.endswith('.h'):
            yield from undocumented(path, source.read(top, path))


def undocumented(path, text):
    raw = text.split('\n')
    code = source.strip(text)
    lines = code.split('\n')
    last, left = 0, 0   # line and room of the documented group above

    for one in source.statements(code):
        if not one.is_prototype():
            last = 0
            continue

        above = one.first - 2

        if above >= 0 and raw[above].rstrip().endswith('*/') \
                and not lines[above].strip():
            left = GROUP

        elif last != one.first - 1:
            left = 0

        if left == 0:
            name = (re.findall(r'(\w+)\s*\(', one.text) or ['?'])[0]
            yield (path, one.first, f'{name}: say in a comment directly above '
                   'what it returns, who owns, who locks (one comment may '
                   f'serve {GROUP} prototypes without blank lines)')

        left = max(0, left - 1)
        last = one.last


def directives(top):
    """Tables of directives and docs/directives.md name the same ones."""
    page = 'docs/directives.md'
    tables = {}

    for path in source.c_files(top, ('src',)):
        text = source.read(top, path)

        for table in re.finditer(r'\bngx_command_t\b[^;{]*\[\]\s*=\s*\{.*?^\};',
                                 text, re.S | re.M):
            for word in re.finditer(r'ngx_string\("(socketio\w*)"\)',
                                    table[0]):
                line = text.count('\n', 0, table.start() + word.start()) + 1
                tables.setdefault(word[1], (path, line))

    docs = {}

    if os.path.exists(os.path.join(top, page)):
        docs = documented(source.read(top, page))

    for name, (path, line) in sorted(tables.items()):
        if name not in docs:
            yield (path, line, f'{name}: describe it in {page} below a '
                   'heading of its own')

    for name, (line, body) in sorted(docs.items()):
        if name not in tables:
            yield page, line, f'{name}: no table in src has this directive'

        for word in ('Syntax', 'Default', 'Context'):
            if not re.search(rf'\b{word}\b', body, re.I):
                yield page, line, f'{name}: state its {word}'


def documented(text):
    """Directives that are headings of a page: {name: (line, text below)}."""
    found = {}
    parts = re.split(r'^(#{2,5} .*)$', text, flags=re.M)
    line = parts[0].count('\n') + 1

    for head, body in zip(parts[1::2], parts[2::2]):
        if re.match(r'#+ [`*]*socketio', head):
            for name in re.findall(r'\bsocketio\w*', head):
                found[name] = (line, body)

        line += body.count('\n')

    return found


def counters(top):
    """What status shows is described in docs/operations.md, and no more."""
    table, page = 'src/hub/ngx_sio_stats.c', 'docs/operations.md'

    if not os.path.exists(os.path.join(top, table)):
        return

    text = source.read(top, page) \
        if os.path.exists(os.path.join(top, page)) else ''
    part = re.search(r'^### Counters$(.*?)^##', text, re.S | re.M)
    rows = re.findall(r'^\| (`.*?) \|', part[1] if part else '', re.M)
    told = {name for row in rows for name in re.findall(r'`(\w+)`', row)}
    names = re.findall(r'NGX_SIO_STAT\((\w+)\),', source.read(top, table))

    for name in names:
        if name not in told:
            yield table, 0, f'{name}: say in {page} what it counts'

    for name in sorted(told - set(names)):
        yield page, 0, f'{name}: there is no such counter'


def commits(top):
    """Subjects of the last commits: "Area: what changed"."""
    if not os.path.exists(os.path.join(top, '.git')) \
            or not shutil.which('git'):
        return

    log = subprocess.run(['git', '-c', 'safe.directory=*', 'log',
                          f'-{COMMITS}', '--no-merges', '--format=%h\t%s'],
                         cwd=top, capture_output=True, text=True, check=False)

    for row in log.stdout.splitlines():
        commit, subject = row.split('\t', 1)

        if not re.match(r'[A-Z][\w ./,-]*: \S', subject):
            yield f'commit {commit}', 0, f'"{subject}": write "Area: text"'

        if len(subject) > SUBJECT:
            yield (f'commit {commit}', 0, f'"{subject}": {len(subject)} '
                   f'columns, {SUBJECT} allowed')


def names(top):
    """Nothing names a place on the author's machine."""
    places = [r'(?<![\w.)}])/' + 'work/', r'(?<!\w)\.' + 'library',
              r'\.\./' + 'shared']

    for path in source.files(top):
        for i, line in enumerate(source.read(top, path).split('\n'), 1):
            for place in places:
                if re.search(place, line):
                    yield (path, i, 'a path of one machine: write one that '
                           'is relative to the repository')


def symbols(path):
    """(type, name) of an object file's symbols."""
    text = subprocess.run(['nm', path], capture_output=True, text=True,
                          check=True).stdout

    for row in text.splitlines():
        kind, name = row.split()[-2:]
        yield kind, name


def proto(top):
    """src/proto compiles alone, and its objects hold and call nothing else."""
    paths = source.c_files(top, ('src/proto',))
    known = set()
    seen = []

    with tempfile.TemporaryDirectory() as temp:
        for path in paths:
            for compiler in ('gcc', 'clang', 'clang-14'):
                if not shutil.which(compiler) or (
                        compiler == 'clang-14' and shutil.which('clang')):
                    continue

                made = os.path.join(temp, f'{compiler}.o')
                run = subprocess.run(
                    [compiler, '-std=c11', '-O1', '-fno-pie', '-Wall',
                     '-Wextra', '-Wpedantic', '-Werror', '-x', 'c', '-I.',
                     '-c', '-o', made, '-'], cwd=top, capture_output=True,
                    input=f'#include "{path}"\ntypedef int sio_none_t;\n',
                    text=True, check=False)

                if run.returncode != 0:
                    yield (path, 1, f'does not compile alone with {compiler}:'
                           f'\n{run.stderr.rstrip()}')

                elif compiler == 'gcc':
                    for kind, name in symbols(made):
                        seen.append((path, kind, name))

                        if kind in 'TR':
                            known.add(name)

    for path, kind, name in seen:
        if kind in 'DdBbC':
            yield path, 1, f'{name}: src/proto has no variables, only constants'

        elif kind == 'U' and name not in known \
                and not re.match(r'(mem|str)\w+$|__stack_chk_fail$', name):
            yield (path, 1, f'{name}: src/proto calls nothing but itself and '
                   'mem*, str*: no heap, clock, I/O')


RULES = [layers, style, prototypes, directives, counters, commits, names,
         proto]
