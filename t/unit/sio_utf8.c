
/*
 * UTF-8 validation: every code point, every way to be malformed, and every way
 * to break a text in two.
 */

#include "../lib/tap.h"
#include "../lib/guard.h"
#include "sio_utf8.h"


typedef struct {
    const char  *name;
    const char  *text;
} sample_t;


static const sample_t  malformed[] = {
    { "continuation alone", "\x80" },
    { "continuation after ASCII", "abc\xbf" },
    { "overlong 2, C0", "\xc0\x80" },
    { "overlong 2, C1", "\xc1\xbf" },
    { "overlong 3", "\xe0\x9f\xbf" },
    { "overlong 4", "\xf0\x8f\xbf\xbf" },
    { "first surrogate", "\xed\xa0\x80" },
    { "last surrogate", "\xed\xbf\xbf" },
    { "above U+10FFFF", "\xf4\x90\x80\x80" },
    { "F5", "\xf5\x80\x80\x80" },
    { "FE", "\xfe" },
    { "FF", "\xff" },
    { "second byte is ASCII", "\xc3(" },
    { "third byte is ASCII", "\xe2\x82(" },
    { "fourth byte is ASCII", "\xf0\x9f\x98(" },
    { "one continuation too many", "\xc3\xa9\xa9" },
    { "lead after lead", "\xe2\xe2\x82\xac" },
    { "after eight plain bytes", "12345678\xff" },
    { "inside eight plain bytes", "1234567\xff" "12345678" }
};


static sio_span_t
guarded(const void *p, size_t n)
{
    sio_span_t  text;

    text.p = guard_copy(p, n);
    text.n = n;

    return text;
}


static void
release(sio_span_t text)
{
    guard_free((uint8_t *) text.p, text.n);
}


/* A code point in the bits of its length, whether or not it may stand so. */

static size_t
spell(uint8_t *p, uint32_t c, unsigned n)
{
    static const uint8_t  lead[] = { 0, 0x00, 0xc0, 0xe0, 0xf0 };

    unsigned  i;

    for (i = n - 1; i > 0; i--) {
        p[i] = 0x80 | (c & 0x3f);
        c >>= 6;
    }

    p[0] = lead[n] | (uint8_t) c;

    return n;
}


static unsigned
length_of(uint32_t c)
{
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}


static void
test_code_points(void)
{
    int         want;
    uint32_t    c;
    unsigned    n, wrong;
    sio_span_t  text;

    wrong = 0;

    for (n = 1; n <= 4; n++) {
        text.p = guard_alloc(n);
        text.n = n;

        for (c = 0; c < (n == 1 ? 0x80u : 1u << (5 * n + 1)); c++) {
            spell((uint8_t *) text.p, c, n);

            want = n == length_of(c) && c <= 0x10ffff
                   && (c < 0xd800 || c > 0xdfff);

            wrong += sio_utf8_valid(text) != want;
            wrong += sio_utf8_char(text.p, text.p + n) != (want ? n : 0);
        }

        release(text);
    }

    is_uint(wrong, 0, "all code points in all lengths");
}


static void
test_malformed(void)
{
    unsigned         i;
    sio_span_t       text;
    const sample_t  *s;

    for (i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        s = &malformed[i];
        text = guarded(s->text, strlen(s->text));
        ok(!sio_utf8_valid(text), "malformed: %s", s->name);
        release(text);
    }
}


static void
test_truncated(void)
{
    size_t      n;
    sio_utf8_t  u;
    sio_span_t  text;

    static const char  face[] = "ok \xf0\x9f\x98\x80";

    for (n = 4; n < sizeof(face) - 1; n++) {
        memset(&u, 0, sizeof(u));
        text = guarded(face, n);

        ok(sio_utf8_feed(&u, text) == SIO_AGAIN, "cut at %zu: again", n);
        ok(!sio_utf8_valid(text), "cut at %zu: not a whole text", n);
        is_uint(sio_utf8_char(text.p + 3, text.p + n), 0,
                "cut at %zu: no character", n);

        release(text);
    }

    is_uint(sio_utf8_char(NULL, NULL), 0, "no character in nothing");
}


static void
test_pieces(void)
{
    size_t      i, j, n;
    unsigned    wrong;
    sio_utf8_t  u;
    sio_span_t  a, b, c, none;

    static const char  text[] =
        "plain ascii, gr\xc3\xbc\xc3\x9f" "e, \xe2\x82\xac, "
        "\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf, \xed\x9f\xbf\xee\x80\x80";

    n = sizeof(text) - 1;
    wrong = 0;
    none.p = NULL;
    none.n = 0;

    for (i = 0; i <= n; i++) {
        for (j = i; j <= n; j++) {
            a = guarded(text, i);
            b = guarded(text + i, j - i);
            c = guarded(text + j, n - j);

            memset(&u, 0, sizeof(u));
            wrong += sio_utf8_feed(&u, a)
                     != (sio_utf8_valid(a) ? SIO_OK : SIO_AGAIN);
            wrong += sio_utf8_feed(&u, b) == SIO_ERROR;
            wrong += sio_utf8_feed(&u, none) == SIO_ERROR;
            wrong += sio_utf8_feed(&u, c) != SIO_OK;

            release(a);
            release(b);
            release(c);
        }
    }

    is_uint(wrong, 0, "a text in every three pieces");

    memset(&u, 0, sizeof(u));
    ok(sio_utf8_feed(&u, none) == SIO_OK, "nothing is whole");
    ok(sio_utf8_feed(&u, sio_span("\xed")) == SIO_AGAIN, "half a surrogate");
    ok(sio_utf8_feed(&u, none) == SIO_AGAIN, "nothing does not complete it");
    ok(sio_utf8_feed(&u, sio_span("\xa0")) == SIO_ERROR,
       "bad at the first byte that cannot follow");
}


int
main(void)
{
    test_code_points();
    test_malformed();
    test_truncated();
    test_pieces();

    ok(sio_utf8_valid(sio_span("")), "an empty text");
    ok(sio_utf8_valid(sio_span("\0\x7f")), "NUL and DEL");
    ok(sio_utf8_valid(sio_span("\xef\xbb\xbf")), "a byte order mark");
    ok(sio_utf8_valid(sio_span("\xef\xbf\xbe\xef\xbf\xbf")), "noncharacters");

    return done_testing();
}
