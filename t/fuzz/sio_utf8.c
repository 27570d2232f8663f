
/*
 * UTF-8: a text fed in pieces, whose sizes the first byte decides, gets the
 * same verdict as the whole, and as one character after the other.
 */

#include "../lib/guard.h"
#include "sio_utf8.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int good)
{
    if (!good) {
        abort();
    }
}


static int
feed(sio_span_t text, unsigned seed)
{
    int         rc;
    size_t      n;
    sio_utf8_t  u;
    sio_span_t  piece;

    rc = SIO_OK;
    memset(&u, 0, sizeof(u));

    while (text.n != 0 && rc != SIO_ERROR) {
        n = seed % 19;
        seed = seed * 7 + 3;

        piece.n = n < text.n ? n : text.n;
        piece.p = guard_copy(text.p, piece.n);
        rc = sio_utf8_feed(&u, piece);
        guard_free((uint8_t *) piece.p, piece.n);

        text.p += piece.n;
        text.n -= piece.n;
    }

    return rc;
}


static int
walk(sio_span_t text)
{
    size_t  n;

    while (text.n != 0) {
        n = sio_utf8_char(text.p, text.p + text.n);

        if (n == 0) {
            return 0;
        }

        check(n <= 4 && n <= text.n);

        text.p += n;
        text.n -= n;
    }

    return 1;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int         valid;
    sio_span_t  text;

    if (size == 0) {
        return 0;
    }

    text.n = size - 1;
    text.p = guard_copy(data + 1, text.n);

    valid = sio_utf8_valid(text);
    check(valid == (feed(text, data[0]) == SIO_OK));
    check(valid == walk(text));

    guard_free((uint8_t *) text.p, text.n);

    return 0;
}
