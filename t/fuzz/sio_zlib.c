
/*
 * Inflating: whatever comes, at most max bytes and the buffer's bound are
 * taken, a state that has seen garbage inflates the next message as a fresh one
 * does, and what was compressed comes back.  Input: three bytes of max, the
 * message.
 */

#include "sio_ws.h"
#include "sio_zlib.h"

#include <stdlib.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int good)
{
    if (!good) {
        abort();
    }
}


/* Compresses, and inflates again, by a state that was used before. */

static void
check_back(sio_zlib_t *z, sio_span_t text)
{
    int          rc;
    size_t       n;
    uint8_t     *dst;
    sio_span_t   small, out;

    n = text.n;
    dst = malloc(n + 1);
    check(dst != NULL);

    rc = sio_zlib_deflate(z, text, dst, &n);
    check(rc == SIO_OK || rc == SIO_AGAIN);

    if (rc == SIO_OK) {
        check(n + 4 < text.n);
        small.p = dst;
        small.n = n;
        check(sio_zlib_inflate(z, small, text.n, &out) == 0);
        check(sio_span_eq(out, text));
    }

    free(dst);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t       max;
    uint16_t     code;
    sio_span_t   src, out, again;
    sio_zlib_t   fresh;

    static sio_zlib_t  used;

    if (size < 3) {
        return 0;
    }

    max = data[0] | data[1] << 8 | (data[2] & 15) << 16;
    src.p = data + 3;
    src.n = size - 3;

    memset(&fresh, 0, sizeof(fresh));
    code = sio_zlib_inflate(&fresh, src, max, &out);

    check(code == 0 || code == SIO_WS_BAD_DATA || code == SIO_WS_TOO_BIG);
    check(fresh.size <= 16384 || fresh.size <= 2 * max);

    check(sio_zlib_inflate(&used, src, max, &again) == code);

    if (code == 0) {
        check(out.n <= max);
        check(sio_span_eq(out, again));
        check_back(&fresh, out);
    }

    check_back(&used, src);

    sio_zlib_free(&fresh);
    sio_zlib_trim(&used);

    return 0;
}
