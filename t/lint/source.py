"""Files of the repository and C source seen as lines, functions, statements.

Used by the checks of this folder; knows nothing of what they forbid.
"""

import os
import re
import subprocess

LAYERS = ['proto', 'jwt', 'hub', 'cluster', 'engine', 'http']
C_FOLDERS = ['src', 't/unit', 't/fuzz', 't/lib', 't/bench', 'bench']


def read(top, path):
    with open(os.path.join(top, path), encoding='utf-8',
              errors='replace') as file:
        return file.read()


def files(top):
    """Files that are in git or could be, sorted; without git, all files."""
    if os.path.exists(os.path.join(top, '.git')):
        text = subprocess.run(['git', '-c', 'safe.directory=*', 'ls-files',
                               '-co', '--exclude-standard', '-z'],
                              cwd=top, capture_output=True, text=True,
                              check=True).stdout
        found = {x for x in text.split('\0')
                 if os.path.isfile(os.path.join(top, x))}

    else:
        found = set()

        for where, folders, names in os.walk(top):
            folders[:] = [x for x in folders
                          if x not in ('.git', 'build', 'node_modules')]
            found.update(os.path.relpath(os.path.join(where, x), top)
                         for x in names)

    return sorted(found)


def c_files(top, folders=tuple(C_FOLDERS)):
    return [x for x in files(top)
            if x.endswith(('.c', '.h'))
            and x.startswith(tuple(f'{f}/' for f in folders))]


TOKEN = re.compile(r'/\*.*?\*/'
                   r'|"(?:\\.|[^"\\\n])*"'
                   r"|'(?:\\.|[^'\\\n])*'"
                   r'|//[^\n]*', re.S)


def strip(text):
    """Blanks comments and what is in quotes; lines and columns stay.

    A // comment stays as the two slashes.
    """
    def blank(match):
        word = match[0]
        body = re.sub(r'[^\n]', ' ', word)

        if word.startswith('//'):
            return '//' + body[2:]

        if word.startswith('/*'):
            return body

        return word[0] + body[1:-1] + word[-1]

    return TOKEN.sub(blank, text)


def without_directives(code):
    """Blanks preprocessor lines of stripped code."""
    return re.sub(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*',
                  lambda m: re.sub(r'[^\n]', ' ', m[0]), code, flags=re.M)


class Function:
    """A definition: head is the text before the brace, first its line."""

    def __init__(self, head, first, start, end, depth):
        self.name = (re.findall(r'(\w+)\s*\(', head) or ['?'])[0]
        self.head = head
        self.first = first
        self.lines = end - start + 1    # from brace to brace
        self.depth = depth              # of braces, the body being 1

    def arguments(self):
        return count_arguments(self.head)


def count_arguments(head):
    """How many arguments the first parenthesis of a declaration lists."""
    head = re.sub(r'__attribute__\s*\(\(.*?\)\)', '', head)
    depth = 0
    text = ''

    for char in head[head.find('('):]:
        if char == ')':
            depth -= 1

            if depth == 0:
                break

        if depth == 1 or char not in ',':
            text += char

        if char == '(':
            depth += 1

    words = [x.strip() for x in text[1:].split(',')]

    return len([x for x in words if x not in ('', 'void', '...')])


def functions(code):
    """Definitions in stripped code, their braces standing in column 1."""
    lines = without_directives(code).split('\n')
    found = []
    start = None

    for i, line in enumerate(lines):
        if start is None and line.startswith('{'):
            first = i

            while first > 0 and re.search(r'[^\s};]', lines[first - 1]) \
                    and not re.search(r'[;}]\s*$', lines[first - 1]):
                first -= 1

            start, depth, deepest = i, 0, 0

        if start is None:
            continue

        for char in line:
            depth += (char == '{') - (char == '}')
            deepest = max(deepest, depth)

        if depth <= 0:
            head = '\n'.join(lines[first:start])
            found.append(Function(head, first + 1, start, i, deepest))
            start = None

    return found


class Statement:
    """A declaration at file level; lines are numbered from 1."""

    def __init__(self, text, first, last):
        self.text = text
        self.first = first
        self.last = last

    def is_prototype(self):
        return '(' in self.text and not re.match(
            r'(typedef|static|struct\s+\w+\s*\{|enum|union)\b', self.text) \
            and '=' not in self.text


def statements(code):
    """Declarations at file level that end in a semicolon."""
    found = []
    text, first, line, depth = '', 0, 1, 0

    for char in without_directives(code):
        if not text.strip() and not char.isspace():
            text, first = '', line

        text += char

        if char == '{':
            depth += 1

        elif char == '}':
            depth -= 1

            if depth == 0 and re.search(r'\)\s*\{', text):
                text = ''

        elif char == ';' and depth == 0:
            found.append(Statement(text.strip(), first, line))
            text = ''

        if char == '\n':
            line += 1

    return found
