"""What each check must find, so that none of them passes by being blind.

Each entry: the check, the files of a small tree, and parts of the complaints
that must come.  A tree with an empty list must pass.
"""

LONG = 'int\nsio_a(void)\n{\n' + '    a();\n' * 130 + '}\n'
DEEP = 'int\nsio_a(void)\n{\n' + '{' * 5 + '}' * 5 + '\n}\n'
DOC = '## socketio_a\n\nSyntax: x\nDefault: y\nContext: z\n'
TABLE = ('static ngx_command_t  ngx_http_sio_c[] = {\n\n'
         '    { ngx_string("socketio_a"),\n      0 },\n\n'
         '      ngx_null_command\n};\n')
STATS = '    NGX_SIO_STAT(a),\n    NGX_SIO_STAT(b),\n'
COUNTERS = '### Counters\n\n| `a`, `b` | both | |\n\n## More\n\n| `d` |\n'

SAMPLES = [
    ('layers', {'src/proto/sio_a.h': '#include <stdint.h>\n',
                'src/hub/ngx_sio_b.h': '#include "sio_a.h"\n'}, []),
    ('layers', {'src/proto/sio_a.h': '#include "ngx_sio_b.h"\n',
                'src/hub/ngx_sio_b.h': ''}, ['may not include']),
    ('layers', {'src/hub/ngx_sio_a.h': '#include "ngx_sio_b.h"\n',
                'src/hub/ngx_sio_b.h': '#include "ngx_sio_a.h"\n'},
     ['include each other']),
    ('layers', {'src/proto/sio_a.c': '#include <stdlib.h>\n'}, ['plain C']),
    ('layers', {'src/hub/ngx_sio_a.c': '#include <ngx_http.h>\n'},
     ['only src/http']),
    ('layers', {'src/proto/sio_a.h': '', 'src/engine/ngx_sio_c.h':
                '#include "sio_jwt.h"\n',
                'src/jwt/sio_jwt.h': '#include <jwt.h>\n#include "sio_a.h"\n'},
     []),
    ('layers', {'src/hub/ngx_sio_a.h': '#include "sio_jwt.h"\n',
                'src/jwt/sio_jwt.h': ''}, ['src/hub may not include']),
    ('layers', {'src/hub/ngx_sio_a.h': '',
                'src/jwt/sio_jwt.h': '#include "ngx_sio_a.h"\n'},
     ['src/jwt may not include']),
    ('layers', {'src/jwt/sio_jwt.c': '#include <ngx_core.h>\n'},
     ['knows no nginx']),
    ('layers', {'src/hub/ngx_sio_a.c': '#include "ngx_sio_b.c"\n',
                'src/hub/ngx_sio_b.c': '', 'src/http/foo.c': ''},
     ['no .c file', 'are called']),

    ('style', {'src/hub/ngx_sio_a.c': '/* "// no comment" */\n'
                                      'char *a = "http://x";\n'}, []),
    ('style', {'src/hub/ngx_sio_a.c': '\tint a;  \n// b\n/* TO' 'DO */\n'
                                      + 'x' * 81},
     ['tabs', 'blanks', '/* */', 'a note', '81 columns', 'newline']),
    ('style', {'src/hub/ngx_sio_a.c': '\n' * 601,
               'src/hub/ngx_sio_a.h': '\n' * 151},
     ['601 lines', '151 lines']),
    ('style', {'src/hub/ngx_sio_a.c': LONG},
     ['132 lines, 120 allowed', '5 % of']),
    ('style', {'src/hub/ngx_sio_a.c': DEEP}, ['braces 6 deep']),
    ('style', {'src/hub/ngx_sio_a.h': 'int a(int b, int c, int d, int e,\n'
                                      '    void (*f)(int, int), int g);\n',
               'src/hub/ngx_sio_a.c': 'int\na(int b, int c, int d, int e,\n'
                                      '    int f, int g)\n{\n}\n'},
     ['6 arguments', 'a: 6 arguments']),

    ('prototypes', {'src/hub/ngx_sio_a.h':
                    'typedef int (*f_pt)(int);\n\n'
                    '/* Twice. */\nint a(int);\nint\nb(int,\n  int);\n\n'
                    'static inline int\nc(int d)\n{\n    return d;\n}\n'}, []),
    ('prototypes', {'src/hub/ngx_sio_a.h': '/* A. */\nint a(int);\n\n'
                                           'int b(int);\n'}, ['b: say']),
    ('prototypes', {'src/hub/ngx_sio_a.h':
                    '/* A. */\n' + 'int a(int);\n' * 7}, ['a: say']),

    ('directives', {'src/http/ngx_http_sio_a.c': TABLE,
                    'docs/directives.md': DOC}, []),
    ('directives', {'src/http/ngx_http_sio_a.c': TABLE}, ['describe it']),
    ('directives', {'docs/directives.md': DOC.replace('Default', 'D')},
     ['no table', 'state its Default']),

    ('counters', {'src/hub/ngx_sio_stats.c': STATS,
                  'docs/operations.md': COUNTERS}, []),
    ('counters', {'src/hub/ngx_sio_stats.c': STATS}, ['a: say', 'b: say']),
    ('counters', {'src/hub/ngx_sio_stats.c': STATS,
                  'docs/operations.md': COUNTERS.replace('`b`', '`c`')},
     ['b: say', 'c: there is no']),

    ('names', {'README.md': 'see $(TOP)/' 'work/x and network/' 'work/\n'}, []),
    ('names', {'README.md': 'see /' 'work/x\n', 'a': '.' 'library/x\n',
               'b': '../' 'shared\n'}, ['one machine'] * 3),

    ('proto', {'src/proto/sio_a.c': '#include <string.h>\n'
               'unsigned long sio_a(const char *p);\n'
               'unsigned long sio_a(const char *p) { return strlen(p); }\n'},
     []),
    ('proto', {'src/proto/sio_a.c': 'int a(void) { int b; return 0; }\n'},
     ['does not compile']),
    ('proto', {'src/proto/sio_a.c': 'int b;\nint getpid(void);\n'
               'int a(void);\nint a(void) { return getpid(); }\n'},
     ['no variables', 'getpid']),

    ('commits', {'.git': ['Hub: what changed']}, []),
    ('commits', {'.git': ['fix', 'Hub: ' + 'x' * 70]},
     ['write "Area', '75 columns']),
]
