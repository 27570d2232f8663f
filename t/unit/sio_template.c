
/* Templates: how they are split, which are refused, which names they fit. */

#include "../lib/tap.h"
#include "../lib/guard.h"
#include "sio_template.h"


typedef struct {
    const char  *text;
    const char  *parts;         /* text in quotes, *, {name} */
} split_t;


typedef struct {
    const char  *text;
    const char  *name;
    int          fits;
} match_t;


static const split_t  splits[] = {
    { "lobby", "'lobby'" },
    { "*", "*" },
    { "**", "**" },
    { "room:*", "'room:'*" },
    { "*:room", "*':room'" },
    { "a*b*c", "'a'*'b'*'c'" },
    { "user:${jwt.sub}", "'user:'{jwt.sub}" },
    { "${a}${b}", "{a}{b}" },
    { "${a}*", "{a}*" },
    { "t:${jwt.https://x/y}:*", "'t:'{jwt.https://x/y}':'*" },
    { "${*}", "{*}" },
    { "a}b{c", "'a}b{c'" },
    { "\xc3\xa9*", "'\xc3\xa9'*" }
};


static const char  *const refused[] = {
    "", "$", "a$", "$a", "$$", "${", "${a", "${}", "a${}b", "$}", "$*",
    "$ {a}", "${a${b}}", "${a{b}", "${a$}", "*${", "****************a",
    "a*a*a*a*a*a*a*a*a", "*****************"
};


static const match_t  matches[] = {
    { "lobby", "lobby", 1 },
    { "lobby", "lobb", 0 },
    { "lobby", "lobbyy", 0 },
    { "lobby", "xlobby", 0 },
    { "lobby", "", 0 },
    { "lobby", "Lobby", 0 },
    { "*", "", 0 },
    { "*", "x", 1 },
    { "*", "*", 1 },
    { "*", "any thing", 1 },
    { "**", "x", 0 },
    { "**", "xy", 1 },
    { "***", "xy", 0 },
    { "***", "xyz", 1 },
    { "room:*", "room:", 0 },
    { "room:*", "room:1", 1 },
    { "room:*", "room:a:b", 1 },
    { "room:*", "xroom:1", 0 },
    { "*:room", ":room", 0 },
    { "*:room", "a:room", 1 },
    { "*:room", ":room:room", 1 },
    { "*:room", "a:rooms", 0 },
    { "a*a", "a", 0 },
    { "a*a", "aa", 0 },
    { "a*a", "aaa", 1 },
    { "a*a", "aba", 1 },
    { "a*b*c", "abc", 0 },
    { "a*b*c", "axbxc", 1 },
    { "a*b*c", "abbbc", 1 },
    { "a*b*c", "abbc", 0 },
    { "a*b*c", "axbxcx", 0 },
    { "*ab*", "abab", 0 },
    { "*ab*", "xaby", 1 },
    { "*ab*ab", "xabab", 0 },
    { "*ab*ab", "xabxab", 1 },
    { "*ab*ab*", "aababxabx", 1 },
    { "*aab", "aaaab", 1 },
    { "**a**", "xxaxx", 1 },
    { "**a**", "xaxx", 0 },
    { "*a*", "xxa", 0 },
    { "${a}", "x", 0 },
    { "x${a}", "x${a}", 0 },
    { "${a}*", "abc", 0 }
};


#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))


static size_t
print_parts(const sio_template_t *t, char *p, size_t size)
{
    size_t                      used;
    unsigned                    i;
    const sio_template_part_t  *part;

    static const char  *const formats[] = { "'%.*s'", "*", "{%.*s}" };

    used = 0;

    for (i = 0; i < t->n; i++) {
        part = &t->parts[i];

        if (part->kind == SIO_TEMPLATE_STAR) {
            is_uint(part->text.n, 0, "a star has no text");
            p[used++] = '*';
            continue;
        }

        used += (size_t) snprintf(p + used, size - used, formats[part->kind],
                                  (int) part->text.n,
                                  (const char *) part->text.p);
    }

    return used;
}


static void
test_splits(void)
{
    char             got[256];
    size_t           n;
    unsigned         i;
    sio_span_t       text;
    const char      *why;
    const split_t   *s;
    sio_template_t   t;

    for (i = 0; i < COUNT(splits); i++) {
        s = &splits[i];
        text.n = strlen(s->text);
        text.p = guard_copy(s->text, text.n);

        why = "";
        ok(sio_template_parse(text, &t, &why) == SIO_OK, "split %s %s",
           s->text, why);

        n = print_parts(&t, got, sizeof(got));
        is_bytes(got, n, s->parts, strlen(s->parts), "the parts of %s",
                 s->text);

        guard_free((uint8_t *) text.p, text.n);
    }
}


static void
test_refused(void)
{
    unsigned         i;
    sio_span_t       text;
    const char      *why;
    sio_template_t   t;

    for (i = 0; i < COUNT(refused); i++) {
        text.n = strlen(refused[i]);
        text.p = guard_copy(refused[i], text.n);

        why = NULL;
        ok(sio_template_parse(text, &t, &why) == SIO_ERROR, "refuse \"%s\"",
           refused[i]);
        ok(why != NULL && why[0] != '\0', "it says why: %s",
           why != NULL ? why : "");

        guard_free((uint8_t *) text.p, text.n);
    }
}


static void
test_matches(void)
{
    unsigned         i;
    sio_span_t       text, name;
    const char      *why;
    const match_t   *m;
    sio_template_t   t;

    for (i = 0; i < COUNT(matches); i++) {
        m = &matches[i];
        text.n = strlen(m->text);
        text.p = guard_copy(m->text, text.n);
        name.n = strlen(m->name);
        name.p = guard_copy(m->name, name.n);

        ok(sio_template_parse(text, &t, &why) == SIO_OK
           && !sio_template_match(&t, name) == !m->fits,
           "%s %s \"%s\"", m->text, m->fits ? "fits" : "does not fit",
           m->name);

        guard_free((uint8_t *) text.p, text.n);
        guard_free((uint8_t *) name.p, name.n);
    }
}


static void
test_counts(void)
{
    sio_span_t       name;
    const char      *why;
    sio_template_t   t;

    ok(sio_template_parse(sio_span("a*${b}*c${d}e*"), &t, &why) == SIO_OK,
       "a template of everything");
    is_uint(t.n, 8, "its parts");
    is_uint(t.stars, 3, "its stars");
    is_uint(t.names, 2, "its names");

    ok(sio_template_parse(sio_span("a*a*a*a*a*a*a*a*"), &t, &why) == SIO_OK,
       "as many parts as there may be");
    is_uint(t.n, SIO_TEMPLATE_PARTS, "they are all there");

    name.p = NULL;
    name.n = 0;
    ok(!sio_template_match(&t, name), "no name fits it");
}


int
main(void)
{
    test_splits();
    test_refused();
    test_matches();
    test_counts();

    return done_testing();
}
