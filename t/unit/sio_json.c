
/*
 * The JSON scanner: what RFC 8259 takes and what it does not, where the first
 * bad byte is said to be, depth, and members found in the same pass.
 */

#include "../lib/tap.h"
#include "../lib/guard.h"
#include "sio_json.h"


#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))


typedef struct {
    const char       *text;
    sio_json_kind_t   kind;
} good_t;


typedef struct {
    const char       *text;
    size_t            at;
} bad_t;


static const good_t  accepted[] = {
    { "null", SIO_JSON_NULL },
    { "true", SIO_JSON_TRUE },
    { "false", SIO_JSON_FALSE },
    { " \t\r\n null \t\r\n ", SIO_JSON_NULL },

    { "0", SIO_JSON_NUMBER },
    { "-0", SIO_JSON_NUMBER },
    { "-0.0", SIO_JSON_NUMBER },
    { "0.5", SIO_JSON_NUMBER },
    { "0e1", SIO_JSON_NUMBER },
    { "0e+1", SIO_JSON_NUMBER },
    { "0E-0", SIO_JSON_NUMBER },
    { "1e5", SIO_JSON_NUMBER },
    { "1E05", SIO_JSON_NUMBER },
    { "123.456e-789", SIO_JSON_NUMBER },
    { "-1.000000000000000000000000000001", SIO_JSON_NUMBER },
    { "1e999999", SIO_JSON_NUMBER },
    { "12345678901234567890123", SIO_JSON_NUMBER },
    { "-9223372036854775809", SIO_JSON_NUMBER },
    { " 7 ", SIO_JSON_NUMBER },

    { "\"\"", SIO_JSON_STRING },
    { "\" \"", SIO_JSON_STRING },
    { "\"seven..\"", SIO_JSON_STRING },
    { "\"eight...\"", SIO_JSON_STRING },
    { "\"sixteen bytes...\"", SIO_JSON_STRING },
    { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", SIO_JSON_STRING },
    { "\"\\u0000\"", SIO_JSON_STRING },
    { "\"\\u00e9\\u00E9\\uabCD\"", SIO_JSON_STRING },
    { "\"\\uD83D\\ude00\"", SIO_JSON_STRING },
    { "\"\\ud800\"", SIO_JSON_STRING },
    { "\"\\udc00\"", SIO_JSON_STRING },
    { "\"\\ud800\\ud800\\n\"", SIO_JSON_STRING },
    { "\"\\udc00\\ud800\"", SIO_JSON_STRING },
    { "\"\\\\u0000\"", SIO_JSON_STRING },
    { "\"\\uFFFF\\ufffe\"", SIO_JSON_STRING },
    { "\"\x7f\"", SIO_JSON_STRING },
    { "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"", SIO_JSON_STRING },
    { "\"\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf\"", SIO_JSON_STRING },
    { "\"\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80\"", SIO_JSON_STRING },
    { "\"/* no comment */ // []{},:\"", SIO_JSON_STRING },

    { "[]", SIO_JSON_ARRAY },
    { " [ ] ", SIO_JSON_ARRAY },
    { "[[]]", SIO_JSON_ARRAY },
    { "[[],[],[[]]]", SIO_JSON_ARRAY },
    { "[null,1,\"1\",{}]", SIO_JSON_ARRAY },
    { "[ 1\n,\t2 , 3\r]", SIO_JSON_ARRAY },
    { "[\"]\"]", SIO_JSON_ARRAY },
    { "[1e1,-0,0]", SIO_JSON_ARRAY },

    { "{}", SIO_JSON_OBJECT },
    { " { } ", SIO_JSON_OBJECT },
    { "{\"\":0}", SIO_JSON_OBJECT },
    { "{\"a\":1,\"a\":2}", SIO_JSON_OBJECT },
    { "{\"a\":[{\"b\":[{}]}]}", SIO_JSON_OBJECT },
    { " { \"a\" : 1 , \"\\u0061\" : { } } ", SIO_JSON_OBJECT },
    { "{\"__proto__\":null,\"a\\u0000b\":true}", SIO_JSON_OBJECT }
};


static const bad_t  refused[] = {
    { "", 0 },
    { " ", 1 },
    { "\n\n", 2 },
    { "\xef\xbb\xbf{}", 0 },
    { "\xef\xbb\xbf", 0 },
    { "\xfe\xff", 0 },
    { "\v1", 0 },
    { "\f1", 0 },
    { "\xc2\xa0" "1", 0 },
    { "\xe2\x81\xa0" "1", 0 },
    { "1\xc2\xa0", 1 },
    { "1 2", 2 },
    { "1,", 1 },
    { "a", 0 },
    { "'a'", 0 },
    { "*", 0 },
    { "<null>", 0 },
    { "[] x", 3 },
    { "[]]", 2 },
    { "{}}", 2 },
    { "{}{}", 2 },
    { "\"\"\"", 2 },
    { "/**/1", 0 },
    { "1//", 1 },
    { "{\"a\":1/**/}", 6 },
    { ",", 0 },
    { ":", 0 },
    { "]", 0 },
    { "}", 0 },
    { "\\u005b]", 0 },

    { "nul", 3 },
    { "nulL", 3 },
    { "Null", 0 },
    { "nulll", 4 },
    { "tru", 3 },
    { "truth", 3 },
    { "TRUE", 0 },
    { "fals", 4 },
    { "falsy", 4 },
    { "undefined", 0 },
    { "NaN", 0 },
    { "-NaN", 1 },
    { "Infinity", 0 },
    { "-Infinity", 1 },

    { "+1", 0 },
    { "++1", 0 },
    { "-", 1 },
    { "--1", 1 },
    { "- 1", 1 },
    { "-a", 1 },
    { "01", 1 },
    { "-01", 2 },
    { "00", 1 },
    { "-00", 2 },
    { "1.", 2 },
    { "1.e1", 2 },
    { "-1.", 3 },
    { "1.2.3", 3 },
    { ".5", 0 },
    { "-.5", 1 },
    { "0.", 2 },
    { "1e", 2 },
    { "1e+", 3 },
    { "1e-", 3 },
    { "1E", 2 },
    { "1ee1", 2 },
    { "1e+-1", 3 },
    { "1e1.5", 3 },
    { "1e1e1", 3 },
    { "0x1", 1 },
    { "0b1", 1 },
    { "1_000", 1 },
    { "1 000", 2 },
    { "1a", 1 },
    { "1n", 1 },
    { "\xef\xbc\x91", 0 },

    { "\"", 1 },
    { "\"a", 2 },
    { "\"12345678", 9 },
    { "\"\\", 2 },
    { "\"\\\"", 3 },
    { "\"\\a\"", 2 },
    { "\"\\'\"", 2 },
    { "\"\\x00\"", 2 },
    { "\"\\0\"", 2 },
    { "\"\\U0041\"", 2 },
    { "\"\\\n\"", 2 },
    { "\"\\\xc3\xa9\"", 2 },
    { "\"\\u", 3 },
    { "\"\\u\"", 3 },
    { "\"\\u00\"", 5 },
    { "\"\\u000\"", 6 },
    { "\"\\u000g\"", 6 },
    { "\"\\u 041\"", 3 },
    { "\"\\u+041\"", 3 },
    { "\"\\ud83d\\u\"", 9 },
    { "\"\\ud83d\\ude0\"", 12 },
    { "\"\\ud800\\\"", 9 },
    { "\"\n\"", 1 },
    { "\"\t\"", 1 },
    { "\"a\rb\"", 2 },
    { "\"\x1f\"", 1 },
    { "\"1234567\x1f" "89012345\"", 8 },
    { "\"12345678\x01\"", 9 },
    { "\"\x80\"", 1 },
    { "\"a\xff\"", 2 },
    { "\"\xc0\xaf\"", 1 },
    { "\"\xc3\"", 1 },
    { "\"\xc3\xa9\xe2\x82\"", 3 },
    { "\"\xe0\x80\xaf\"", 1 },
    { "\"\xed\xa0\x80\"", 1 },
    { "\"\xed\xa0\xbd\xed\xb8\x80\"", 1 },
    { "\"\xf4\x90\x80\x80\"", 1 },
    { "\"\xf0\x9f\x98", 1 },
    { "\"\xfc\x83\xbf\xbf\xbf\xbf\"", 1 },
    { "\"1234567\xff" "89012345\"", 8 },

    { "[", 1 },
    { "[ ", 2 },
    { "[1", 2 },
    { "[1,", 3 },
    { "[1,]", 3 },
    { "[1,,2]", 3 },
    { "[,1]", 1 },
    { "[,]", 1 },
    { "[1 2]", 3 },
    { "[1:2]", 2 },
    { "[1}", 2 },
    { "[}", 1 },
    { "[1;2]", 2 },
    { "[\"a\"", 4 },
    { "[\"a\",\n4", 7 },
    { "[\"\":1]", 3 },
    { "[a", 1 },
    { "[][", 2 },
    { "[[1]", 4 },
    { "[1]]", 3 },
    { "[.1]", 1 },
    { "[1.]", 3 },
    { "[-]", 2 },
    { "[nul]", 4 },
    { "[\xff]", 1 },
    { "[*]", 1 },

    { "{", 1 },
    { "{ ", 2 },
    { "{]", 1 },
    { "{a:1}", 1 },
    { "{'a':1}", 1 },
    { "{1:1}", 1 },
    { "{null:1}", 1 },
    { "{[]:1}", 1 },
    { "{,}", 1 },
    { "{:1}", 1 },
    { "{\"a\"", 4 },
    { "{\"a\"}", 4 },
    { "{\"a\" 1}", 5 },
    { "{\"a\",1}", 4 },
    { "{\"a\":", 5 },
    { "{\"a\":}", 5 },
    { "{\"a\":1", 6 },
    { "{\"a\":1,", 7 },
    { "{\"a\":1,}", 7 },
    { "{\"a\":1,,}", 7 },
    { "{\"a\":1 \"b\":2}", 7 },
    { "{\"a\":1,1}", 7 },
    { "{\"a\"::1}", 5 },
    { "{\"a\":1:2}", 6 },
    { "{\"a\":1]", 6 },
    { "{\"a\":[1}", 7 },
    { "{\"a\":\"b}", 8 },
    { "{\"a", 3 },
    { "{\"\\u00", 6 },
    { "{\"\xff\":1}", 2 },
    { "{\"a\":1}#", 7 },
    { "{\"a\"=1}", 4 }
};


static sio_span_t
guarded(const char *text, size_t n)
{
    sio_span_t  span;

    span.p = guard_copy(text, n);
    span.n = n;

    return span;
}


static void
release(sio_span_t text)
{
    guard_free((uint8_t *) text.p, text.n);
}


static void
test_accepted(void)
{
    size_t         i, lead, n;
    sio_json_t     v;
    sio_span_t     text;
    const good_t  *g;

    for (i = 0; i < COUNT(accepted); i++) {
        g = &accepted[i];
        text = guarded(g->text, strlen(g->text));

        lead = strspn(g->text, " \t\r\n");
        n = text.n - lead;

        while (n != 0 && strchr(" \t\r\n", g->text[lead + n - 1]) != NULL) {
            n--;
        }

        if (ok(sio_json_parse(text, SIO_JSON_DEPTH, &v, NULL) == SIO_OK,
               "accept vector %zu", i))
        {
            is_uint(v.kind, g->kind, "its kind");
            is_bytes(v.raw.p, v.raw.n, g->text + lead, n, "its bytes");
        }

        release(text);
    }
}


static void
test_refused(void)
{
    int           rc;
    size_t        i, at;
    sio_json_t    v;
    sio_span_t    text;
    const bad_t  *b;

    for (i = 0; i < COUNT(refused); i++) {
        b = &refused[i];
        text = guarded(b->text, strlen(b->text));

        at = 1000;
        rc = sio_json_parse(text, SIO_JSON_DEPTH, &v, &at);
        ok(rc == SIO_ERROR && v.kind == SIO_JSON_NONE, "refuse vector %zu", i);
        is_uint(at, b->at, "at its bad byte");

        release(text);
    }

    ok(sio_json_parse(sio_span("1\0"), 1, &v, &at) == SIO_ERROR && at == 1,
       "refuse NUL after a value");
    ok(sio_json_parse(sio_span("\"\0\""), 1, &v, &at) == SIO_ERROR && at == 1,
       "refuse NUL in a string");

    text.p = NULL;
    text.n = 0;
    ok(sio_json_parse(text, 1, &v, &at) == SIO_ERROR && at == 0,
       "refuse an empty span");
}


/* Every proper prefix of a text that needs its last byte is bad at its end. */

static void
test_prefixes(void)
{
    size_t      n, at, wrong;
    sio_json_t  v;
    sio_span_t  text;

    static const char  whole[] =
        " [ {\"a\\n\\u00e9\xf0\x9f\x98\x80long enough\" : [-1.5e+3, true] },"
        " null, \"\", false, {\"\" : {}} ] ";

    wrong = 0;

    for (n = 0; n < sizeof(whole) - 2; n++) {
        text = guarded(whole, n);

        wrong += sio_json_parse(text, SIO_JSON_DEPTH, &v, &at) != SIO_ERROR;
        wrong += at != n && whole[at] != '\xf0';

        release(text);
    }

    is_uint(wrong, 0, "all prefixes of a text");

    text = guarded(whole, n);
    ok(sio_json_parse(text, SIO_JSON_DEPTH, &v, &at) == SIO_OK, "the text");
    release(text);
}


/* Brings every byte to every place of a word in the string's fast path. */

static void
test_string_bytes(void)
{
    char        s[20];
    int         good;
    size_t      at;
    unsigned    c, place, wrong;
    sio_json_t  v;
    sio_span_t  text;

    wrong = 0;
    text.p = guard_alloc(sizeof(s));
    text.n = sizeof(s);

    for (c = 0; c < 256; c++) {
        good = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';

        for (place = 1; place < sizeof(s) - 2; place++) {
            memset(s, 'x', sizeof(s));
            s[0] = s[sizeof(s) - 1] = '"';
            s[place] = (char) c;
            memcpy((uint8_t *) text.p, s, sizeof(s));

            wrong += (sio_json_parse(text, 0, &v, &at) == SIO_OK) != good;
            wrong += !good && at != place + (c == '"' || c == '\\');
        }
    }

    is_uint(wrong, 0, "every byte at every place of a string");
    release(text);
}


/* Opens levels containers, objects where the bit of the mask is set. */

static int
nested(unsigned levels, unsigned mask, unsigned depth, size_t *at)
{
    int         rc;
    char        s[2048];
    size_t      n;
    unsigned    i;
    sio_json_t  v;
    sio_span_t  text;

    n = 0;

    for (i = 0; i < levels; i++) {
        n += (size_t) sprintf(s + n, mask >> i % 32 & 1 ? "{\"\":" : "[");
    }

    s[n++] = '0';

    while (i-- > 0) {
        s[n++] = mask >> i % 32 & 1 ? '}' : ']';
    }

    text = guarded(s, n);
    rc = sio_json_parse(text, depth, &v, at);
    release(text);

    return rc;
}


static void
test_depth(void)
{
    size_t      at;
    unsigned    i;
    sio_json_t  v;

    static const unsigned  masks[] = { 0, 0xffffffff, 0x55555555, 0x1337c0de };

    for (i = 0; i < COUNT(masks); i++) {
        ok(nested(128, masks[i], 128, &at) == SIO_OK, "depth 128, %x",
           masks[i]);
        ok(nested(129, masks[i], 128, &at) == SIO_ERROR, "depth 129, %x",
           masks[i]);
        ok(nested(129, masks[i], 1000, &at) == SIO_ERROR,
           "depth 129 of 1000, %x", masks[i]);
        ok(nested(7, masks[i], 7, &at) == SIO_OK, "depth 7 of 7, %x",
           masks[i]);
        ok(nested(8, masks[i], 7, &at) == SIO_ERROR, "depth 8 of 7, %x",
           masks[i]);
    }

    ok(nested(129, 0, 128, &at) == SIO_ERROR && at == 128,
       "refused at the bracket that is too deep");

    ok(sio_json_parse(sio_span("1"), 0, &v, &at) == SIO_OK, "a scalar at 0");
    ok(sio_json_parse(sio_span(" []"), 0, &v, &at) == SIO_ERROR && at == 1,
       "no array at 0");
    ok(sio_json_parse(sio_span("{}"), 1, &v, &at) == SIO_OK, "an object at 1");
    ok(sio_json_parse(sio_span("{\"a\":[]}"), 1, &v, &at) == SIO_ERROR
       && at == 5, "no array in an object at 1");
    ok(sio_json_parse(sio_span("[[],{},[[]]]"), 3, &v, &at) == SIO_OK,
       "siblings do not add up");
}


static int
members(sio_span_t text, sio_json_t *v, sio_json_member_t *m, unsigned max,
    unsigned *n)
{
    int              rc;
    sio_json_list_t  list;

    list.members = m;
    list.max = max;

    rc = sio_json_parse_members(text, v, &list, NULL);
    *n = list.n;

    return rc;
}


static void
test_members(void)
{
    unsigned           n;
    sio_json_t         v;
    sio_span_t         text;
    sio_json_member_t  m[3];

    static const char  object[] =
        " {\"a\" : [1, {\"x\":2}] ,\"\\u0062\":-1e5,\"c\":{},\"d\":null} ";

    text = guarded(object, sizeof(object) - 1);
    memset(m, 0xff, sizeof(m));

    ok(members(text, &v, m, 2, &n) == SIO_OK,
       "an object's members");
    is_uint(n, 4, "their number is beyond the room");
    is_bytes(m[0].key.raw.p, m[0].key.raw.n, "\"a\"", 3, "a key");
    is_uint(m[0].key.kind, SIO_JSON_STRING, "a key is a string");
    is_bytes(m[0].value.raw.p, m[0].value.raw.n, "[1, {\"x\":2}]", 12,
             "an array");
    is_uint(m[0].value.kind, SIO_JSON_ARRAY, "its kind");
    is_bytes(m[1].key.raw.p, m[1].key.raw.n, "\"\\u0062\"", 8,
             "an escaped key");
    is_bytes(m[1].value.raw.p, m[1].value.raw.n, "-1e5", 4, "a number");
    is_uint(m[1].value.kind, SIO_JSON_NUMBER, "its kind");
    is_uint(m[2].value.kind, (sio_json_kind_t) 0xffffffff,
            "nothing is stored beyond the room");
    release(text);

    ok(members(sio_span("[\"ev\", [[]],true]"), &v, m, 3, &n)
       == SIO_OK && n == 3, "an array's members");
    is_uint(m[0].key.kind, SIO_JSON_NONE, "no keys");
    is_uint(m[0].key.raw.n, 0, "not even empty ones");
    is_bytes(m[1].value.raw.p, m[1].value.raw.n, "[[]]", 4, "an array");
    is_bytes(m[2].value.raw.p, m[2].value.raw.n, "true", 4, "a literal");
    is_uint(m[2].value.kind, SIO_JSON_TRUE, "its kind");

    n = 7;
    ok(members(sio_span("\"[1,2]\""), &v, m, 3, &n)
       == SIO_OK && n == 0, "a string has none");
    n = 7;
    ok(members(sio_span("{ }"), &v, m, 3, &n)
       == SIO_OK && n == 0, "nor has an empty object");
    n = 7;
    ok(members(sio_span("[1,2,x]"), &v, m, 3, &n)
       == SIO_ERROR && n == 0, "nor has a malformed array");
}


int
main(void)
{
    test_accepted();
    test_refused();
    test_prefixes();
    test_string_bytes();
    test_depth();
    test_members();

    return done_testing();
}
