
/*
 * Sec-WebSocket-Extensions: which offers of permessage-deflate are taken, which
 * are declined, and what is no such header at all.
 */

#include "../lib/guard.h"
#include "../lib/tap.h"
#include "sio_extension.h"


/* want: the window, negative where the client has asked for it; 99: error. */
typedef struct {
    const char  *value;
    int          want;
} case_t;


#define PMD     "permessage-deflate"
#define ERROR   99

static const case_t  cases[] = {
    { "", 0 },
    { " \t", 0 },
    { ",", 0 },
    { ", ,\t,", 0 },
    { PMD, 15 },
    { "  " PMD "\t", 15 },
    { "," PMD ",", 15 },
    { PMD "; client_max_window_bits", 15 },
    { PMD ";client_max_window_bits=8", 15 },
    { PMD "; client_max_window_bits=15", 15 },
    { PMD "; client_max_window_bits=\"10\"", 15 },
    { PMD "; server_no_context_takeover", 15 },
    { PMD "; client_no_context_takeover; server_no_context_takeover", 15 },
    { PMD "; server_max_window_bits=8", -8 },
    { PMD "; server_max_window_bits=9", -9 },
    { PMD ";server_max_window_bits=10", -10 },
    { PMD " ; server_max_window_bits = 15 ", -15 },
    { PMD "; server_max_window_bits=\"12\"", -12 },
    { PMD "; server_max_window_bits=\"\\1\\2\"", -12 },
    { "x, " PMD, 15 },
    { "x; a; b=c; d=\"e\", " PMD, 15 },
    { PMD ", x; a=b", 15 },

    { "x-webkit-deflate-frame", 0 },
    { "permessage-bzip2", 0 },
    { "Permessage-Deflate", 0 },
    { PMD "x", 0 },
    { "permessage-deflat", 0 },
    { PMD "; server_max_window_bits", 0 },
    { PMD "; server_max_window_bits=7", 0 },
    { PMD "; server_max_window_bits=16", 0 },
    { PMD "; server_max_window_bits=0", 0 },
    { PMD "; server_max_window_bits=08", 0 },
    { PMD "; server_max_window_bits=1x", 0 },
    { PMD "; server_max_window_bits=100", 0 },
    { PMD "; server_max_window_bits=-9", 0 },
    { PMD "; server_max_window_bits=\"108\"", 0 },
    { PMD "; client_max_window_bits=7", 0 },
    { PMD "; client_max_window_bits=16", 0 },
    { PMD "; client_max_window_bits=x", 0 },
    { PMD "; server_no_context_takeover=1", 0 },
    { PMD "; client_no_context_takeover=\"1\"", 0 },
    { PMD "; unknown", 0 },
    { PMD "; unknown=1; client_max_window_bits", 0 },
    { PMD "; client_max_window_bits; client_max_window_bits", 0 },
    { PMD "; client_max_window_bits=8; client_max_window_bits=9", 0 },
    { PMD "; server_max_window_bits=9; server_max_window_bits=9", 0 },
    { PMD "; server_no_context_takeover; server_no_context_takeover", 0 },
    { PMD "; Client_Max_Window_Bits", 0 },

    { PMD "; server_max_window_bits=7, " PMD, 15 },
    { PMD "; x, " PMD "; server_max_window_bits=10", -10 },
    { PMD "; server_max_window_bits=10, " PMD, -10 },
    { PMD ", " PMD "; server_max_window_bits=10", 15 },

    { ";", ERROR },
    { "=", ERROR },
    { PMD ";", ERROR },
    { PMD "; ", ERROR },
    { PMD ";;", ERROR },
    { PMD "; =8", ERROR },
    { PMD "; a=", ERROR },
    { PMD "; a=,", ERROR },
    { PMD "; a=\"", ERROR },
    { PMD "; a=\"\"", ERROR },
    { PMD "; a=\"b", ERROR },
    { PMD "; a=\"b\\", ERROR },
    { PMD "; a=\"b c\"", ERROR },
    { PMD "; a=\"b\"c", ERROR },
    { PMD "; a=b=c", ERROR },
    { PMD " x", ERROR },
    { PMD "; a b", ERROR },
    { PMD ", \x01", ERROR },
    { PMD ", \xff", ERROR },
    { PMD ", (x)", ERROR },
    { "\"" PMD "\"", ERROR }
};


static void
test_offer(const case_t *c)
{
    int              rc, got;
    size_t           n;
    uint8_t         *copy;
    sio_span_t       value;
    sio_extension_t  e;

    n = strlen(c->value);
    copy = guard_copy(c->value, n);
    value.p = copy;
    value.n = n;

    rc = sio_extension_offer(value, &e);
    got = (rc == SIO_ERROR) ? ERROR : e.asked ? -e.window : e.window;

    if (!ok(got == c->want, "\"%s\"", c->value)) {
        note("got %d, want %d", got, c->want);
    }

    guard_free(copy, n);
}


static void
test_answer(uint8_t window, uint8_t asked, const char *more)
{
    char             want[256];
    size_t           n;
    uint8_t         *dst;
    sio_extension_t  e;

    e.window = window;
    e.asked = asked;

    n = (size_t) sprintf(want, "permessage-deflate; server_no_context_takeover;"
                         " client_no_context_takeover%s", more);

    dst = guard_alloc(n);
    is_bytes(dst, sio_extension_answer(dst, &e), want, n, "window %u%s",
             window, asked ? ", asked for" : "");
    ok(n <= SIO_EXTENSION_MAX, "within its bound");
    guard_free(dst, n);
}


int
main(void)
{
    size_t      i;
    sio_span_t  nothing;

    sio_extension_t  e;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_offer(&cases[i]);
    }

    nothing.p = NULL;
    nothing.n = 0;
    ok(sio_extension_offer(nothing, &e) == SIO_OK && e.window == 0, "nothing");

    test_answer(15, 0, "");
    test_answer(15, 1, "; server_max_window_bits=15");
    test_answer(10, 1, "; server_max_window_bits=10");
    test_answer(9, 1, "; server_max_window_bits=9");
    test_answer(8, 1, "; server_max_window_bits=8");

    return done_testing();
}
