
/*
 * Reading valid JSON: the walk, lookups by decoded name, decoded strings,
 * integers, and escaping.
 */

#include "../lib/tap.h"
#include "../lib/guard.h"
#include "sio_json.h"
#include "sio_utf8.h"


#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))


typedef struct {
    const char  *json;
    const char  *plain;
    size_t       n;
} string_t;


typedef struct {
    const char  *json;
    uint64_t     max;
    int          rc;
    uint64_t     value;
} number_t;


#define STRING(json, plain)  { json, plain, sizeof(plain) - 1 }

#define REPLACED  "\xef\xbf\xbd"

static const string_t  strings[] = {
    STRING("\"\"", ""),
    STRING("\"abc\"", "abc"),
    STRING("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"),
    STRING("\"\\u0000\"", "\0"),
    STRING("\"a\\u0000b\"", "a\0b"),
    STRING("\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
           "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"),
    STRING("\"\\u00e9\\u00E9\"", "\xc3\xa9\xc3\xa9"),
    STRING("\"\xc3\xa9\\n\xe2\x82\xac\"", "\xc3\xa9\n\xe2\x82\xac"),
    STRING("\"\\ud83d\\uDE00\"", "\xf0\x9f\x98\x80"),
    STRING("\"\\ud800\\udc00\\udbff\\udfff\"",
           "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
    STRING("\"\\ud800\"", REPLACED),
    STRING("\"\\udc00\"", REPLACED),
    STRING("\"\\udbff\\n\"", REPLACED "\n"),
    STRING("\"\\ud800x\"", REPLACED "x"),
    STRING("\"\\ud800\\u0041\"", REPLACED "A"),
    STRING("\"\\udc00\\ud800\"", REPLACED REPLACED),
    STRING("\"\\ud800\\ud83d\\ude00\"", REPLACED "\xf0\x9f\x98\x80"),
    STRING("\"\\ud83d\\ude00\\ude00\"", "\xf0\x9f\x98\x80" REPLACED),
    STRING("\"\\ud800\\\\udc00\"", REPLACED "\\udc00"),
    STRING("\"\\\\u0041\"", "\\u0041"),
    STRING("\"\\\\\\\"\\\\\"", "\\\"\\")
};


static const number_t  numbers[] = {
    { "0", 0, SIO_OK, 0 },
    { "-0", 0, SIO_OK, 0 },
    { "1", 0, SIO_ERROR, 0 },
    { "9", 10, SIO_OK, 9 },
    { "10", 10, SIO_OK, 10 },
    { "11", 10, SIO_ERROR, 0 },
    { "100", 10, SIO_ERROR, 0 },
    { "-1", 10, SIO_ERROR, 0 },
    { "-10", 10, SIO_ERROR, 0 },
    { "1.0", 10, SIO_ERROR, 0 },
    { "0.0", 10, SIO_ERROR, 0 },
    { "-0.5", 10, SIO_ERROR, 0 },
    { "1e0", 10, SIO_ERROR, 0 },
    { "0E1", 10, SIO_ERROR, 0 },
    { "86400", 86400, SIO_OK, 86400 },
    { "18446744073709551615", UINT64_MAX, SIO_OK, UINT64_MAX },
    { "18446744073709551616", UINT64_MAX, SIO_ERROR, 0 },
    { "18446744073709551615", UINT64_MAX - 1, SIO_ERROR, 0 },
    { "18446744073709551614", UINT64_MAX - 1, SIO_OK, UINT64_MAX - 1 },
    { "184467440737095516150", UINT64_MAX, SIO_ERROR, 0 },
    { "12345678901234567890123", UINT64_MAX, SIO_ERROR, 0 },
    { "\"1\"", 10, SIO_ERROR, 0 },
    { "null", 10, SIO_ERROR, 0 },
    { "[1]", 10, SIO_ERROR, 0 },
    { "true", 10, SIO_ERROR, 0 }
};


/* The caller frees what it gives with release(). */

static sio_json_t
parse(const char *json, sio_span_t *text)
{
    sio_json_t  v;

    text->n = strlen(json);
    text->p = guard_copy(json, text->n);

    if (sio_json_parse(*text, SIO_JSON_DEPTH, &v, NULL) != SIO_OK) {
        ok(0, "parse %s", json);
    }

    return v;
}


static void
release(sio_span_t text)
{
    guard_free((uint8_t *) text.p, text.n);
}


static void
test_strings(void)
{
    size_t           i, n;
    uint8_t         *dst;
    sio_json_t       v;
    sio_span_t       text, plain;
    const string_t  *s;

    for (i = 0; i < COUNT(strings); i++) {
        s = &strings[i];
        v = parse(s->json, &text);
        dst = guard_alloc(s->n);
        plain.p = (const uint8_t *) s->plain;
        plain.n = s->n;

        ok(sio_json_string(&v, dst, s->n, &n) == SIO_OK, "string %zu", i);
        is_bytes(dst, n, s->plain, s->n, "its bytes");
        ok(n <= v.raw.n - 2 && (n == 0 || sio_utf8_valid(plain)),
           "never longer, always UTF-8");
        ok(sio_json_is(&v, plain), "it is itself");

        plain.n++;
        ok(!sio_json_is(&v, plain), "and not itself with NUL");
        plain.n -= 2;

        if (s->n != 0) {
            ok(!sio_json_is(&v, plain), "nor itself cut short");
            ok(sio_json_string(&v, dst, s->n - 1, &n) == SIO_ERROR,
               "it needs its room");
        }

        guard_free(dst, s->n);
        release(text);
    }
}


static void
test_not_strings(void)
{
    size_t      i, n;
    uint8_t     dst[16];
    sio_json_t  v;
    sio_span_t  text, empty;

    static const char  *const others[] = { "1", "null", "[\"a\"]", "{}" };

    empty.p = NULL;
    empty.n = 0;

    for (i = 0; i < COUNT(others); i++) {
        v = parse(others[i], &text);
        ok(sio_json_string(&v, dst, sizeof(dst), &n) == SIO_ERROR,
           "%s is no string", others[i]);
        ok(!sio_json_is(&v, text), "%s is not even its own bytes", others[i]);
        ok(!sio_json_is(&v, empty), "nor empty");
        release(text);
    }

    v = parse("\"\"", &text);
    ok(sio_json_is(&v, empty), "an empty string is an empty span");
    ok(sio_json_string(&v, NULL, 0, &n) == SIO_OK && n == 0,
       "and needs no room");
    release(text);

    v = parse("\"\\n\"", &text);
    ok(!sio_json_is(&v, sio_span("\\n")), "an escape is not its spelling");
    release(text);

    memset(&v, 0, sizeof(v));
    ok(!sio_json_is(&v, empty), "no value is no string");
}


static void
test_numbers(void)
{
    int              rc;
    size_t           i;
    uint64_t         got;
    sio_json_t       v;
    sio_span_t       text;
    const number_t  *n;

    for (i = 0; i < COUNT(numbers); i++) {
        n = &numbers[i];
        v = parse(n->json, &text);

        got = 0;
        rc = sio_json_uint(&v, n->max, &got);
        ok(rc == n->rc, "%s within %" PRIu64, n->json, n->max);
        is_uint(got, n->value, "its value");

        release(text);
    }
}


static void
test_walk(void)
{
    size_t             i;
    sio_json_t         v;
    sio_span_t         text;
    sio_json_iter_t    it;
    sio_json_member_t  m;

    static const char  *const values[] = {
        "\"]}\\\"[{\"", "[\"]\",[{\"a]\":\"\\\\\"}],{}]", "{\"}\":\"\\\"}\"}",
        "-1.5e+3", "true", "false", "null", "[]", "{}", "\"\"", "0"
    };

    static const sio_json_kind_t  kinds[] = {
        SIO_JSON_STRING, SIO_JSON_ARRAY, SIO_JSON_OBJECT, SIO_JSON_NUMBER,
        SIO_JSON_TRUE, SIO_JSON_FALSE, SIO_JSON_NULL, SIO_JSON_ARRAY,
        SIO_JSON_OBJECT, SIO_JSON_STRING, SIO_JSON_NUMBER
    };

    v = parse(" [\"]}\\\"[{\",[\"]\",[{\"a]\":\"\\\\\"}],{}] , "
              "{\"}\":\"\\\"}\"},-1.5e+3,true\n,\tfalse,null,[],{},\"\",0]",
              &text);
    sio_json_iter(&it, &v);

    for (i = 0; sio_json_next(&it, &m) && i < COUNT(values); i++) {
        is_bytes(m.value.raw.p, m.value.raw.n, values[i], strlen(values[i]),
                 "element %zu", i);
        is_uint(m.value.kind, kinds[i], "its kind");
        is_uint(m.key.kind, SIO_JSON_NONE, "no key");
    }

    is_uint(i, COUNT(values), "all elements");
    ok(!sio_json_next(&it, &m), "the end is final");
    release(text);

    v = parse("{ \"a:,\" : 1 ,\"\\\"\":[2],\"\":\"3\"}", &text);
    sio_json_iter(&it, &v);

    ok(sio_json_next(&it, &m), "a member");
    is_bytes(m.key.raw.p, m.key.raw.n, "\"a:,\"", 5, "its key");
    is_bytes(m.value.raw.p, m.value.raw.n, "1", 1, "its value");
    ok(sio_json_next(&it, &m), "a member");
    is_bytes(m.key.raw.p, m.key.raw.n, "\"\\\"\"", 4, "its key");
    is_bytes(m.value.raw.p, m.value.raw.n, "[2]", 3, "its value");
    ok(sio_json_next(&it, &m), "a member");
    is_bytes(m.key.raw.p, m.key.raw.n, "\"\"", 2, "its key");
    is_bytes(m.value.raw.p, m.value.raw.n, "\"3\"", 3, "its value");
    ok(!sio_json_next(&it, &m), "no more");
    release(text);
}


static void
test_nothing_to_walk(void)
{
    size_t             i;
    sio_json_t         v;
    sio_span_t         text;
    sio_json_iter_t    it;
    sio_json_member_t  m;

    static const char  *const none[] = {
        "[]", "{}", "[ ]", "{\n}", "1", "\"[1]\"", "null"
    };

    for (i = 0; i < COUNT(none); i++) {
        v = parse(none[i], &text);
        sio_json_iter(&it, &v);
        ok(!sio_json_next(&it, &m), "nothing in vector %zu", i);
        release(text);
    }

    memset(&v, 0, sizeof(v));
    sio_json_iter(&it, &v);
    ok(!sio_json_next(&it, &m), "nothing in no value");
    is_uint(sio_json_get(&v, "a").kind, SIO_JSON_NONE, "nor under a name");
}


static void
test_get(void)
{
    sio_json_t  v, found;
    sio_span_t  text;

    v = parse("{\"a\":1,\"ab\":2,\"\\u0061\":{\"a\":3},\"x\":{\"y\":4},"
              "\"\":5,\"\xc3\xa9\":6,\"n\":null}", &text);

    found = sio_json_get(&v, "a");
    is_bytes(found.raw.p, found.raw.n, "{\"a\":3}", 7, "the last of a name");
    is_uint(found.kind, SIO_JSON_OBJECT, "its kind");

    found = sio_json_get(&found, "a");
    is_bytes(found.raw.p, found.raw.n, "3", 1, "a member of a member");

    found = sio_json_get(&v, "ab");
    is_bytes(found.raw.p, found.raw.n, "2", 1, "a longer name");

    found = sio_json_get(&v, "");
    is_bytes(found.raw.p, found.raw.n, "5", 1, "the empty name");

    found = sio_json_get(&v, "\xc3\xa9");
    is_bytes(found.raw.p, found.raw.n, "6", 1, "a name beyond ASCII");

    is_uint(sio_json_get(&v, "n").kind, SIO_JSON_NULL, "null is there");
    is_uint(sio_json_get(&v, "y").kind, SIO_JSON_NONE, "not a member's");
    is_uint(sio_json_get(&v, "\\u0061").kind, SIO_JSON_NONE, "not a spelling");
    release(text);

    v = parse("[\"a\",1]", &text);
    is_uint(sio_json_get(&v, "a").kind, SIO_JSON_NONE, "not in an array");
    release(text);
}


static void
test_escape(void)
{
    size_t      n, got;
    char        plain[130], *quoted;
    uint8_t    *dst, back[sizeof(plain)];
    unsigned    i;
    sio_json_t  v;
    sio_span_t  text;

    static const char  want[] =
        "\\u0000\\u0001\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e\\u000f\\u0010"
        "\\u001f !\\\"#/\\\\\x7f\xc3\xa9\xe2\x80\xa8";

    text = sio_span("\0\1\7\b\t\n\v\f\r\x0e\x0f\x10\x1f !\"#/\\\x7f\xc3\xa9"
                    "\xe2\x80\xa8");
    dst = guard_alloc(6 * text.n);
    n = sio_json_escape(dst, text);
    is_bytes(dst, n, want, sizeof(want) - 1, "escape what must be");
    guard_free(dst, 6 * text.n);

    for (i = 0; i < 128; i++) {
        plain[i] = (char) i;
    }

    plain[128] = '\xc2';
    plain[129] = '\x80';

    text.p = (uint8_t *) plain;
    text.n = sizeof(plain);
    quoted = (char *) guard_alloc(6 * text.n + 2);
    n = sio_json_escape((uint8_t *) quoted + 1, text);
    quoted[0] = quoted[n + 1] = '"';

    text.p = (uint8_t *) quoted;
    text.n = n + 2;
    ok(sio_json_parse(text, 0, &v, NULL) == SIO_OK, "what is escaped parses");
    ok(sio_json_string(&v, back, sizeof(back), &got) == SIO_OK, "decodes");
    is_bytes(back, got, plain, sizeof(plain), "and is what it was");
    guard_free((uint8_t *) quoted, 6 * sizeof(plain) + 2);

    text.p = NULL;
    text.n = 0;
    is_uint(sio_json_escape(NULL, text), 0, "nothing to escape");

    text = sio_span("\1\2\3");
    dst = guard_alloc(18);
    is_uint(sio_json_escape(dst, text), 18, "the most room that it needs");
    guard_free(dst, 18);
}


int
main(void)
{
    test_strings();
    test_not_strings();
    test_numbers();
    test_walk();
    test_nothing_to_walk();
    test_get();
    test_escape();

    return done_testing();
}
