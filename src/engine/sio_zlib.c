
/*
 * Deflates and inflates messages (RFC 7692, section 7.2), each by itself: the
 * states are reset, not freed, so that a message costs no allocation but that
 * of the caller.  Called for frames that are sent compressed and for messages
 * that come so; it knows neither frames nor connections.
 */

#include "sio_zlib.h"
#include "sio_ws.h"

#include <stdlib.h>


/* A ratio of 5 on JSON for 3 us a kB; the best one takes three times that. */
#define SIO_ZLIB_LEVEL   Z_BEST_SPEED
#define SIO_ZLIB_MEMORY  8
#define SIO_ZLIB_RAW     (-15)          /* no header; a window of 32k */

#define SIO_ZLIB_FIRST   16384          /* bytes of the buffer */
#define SIO_ZLIB_KEPT    65536

#define SIO_ZLIB_TAIL    4
#define SIO_ZLIB_BORDER  128            /* in data_type: between two blocks, */
#define SIO_ZLIB_LAST    64             /* behind the last one, */
#define SIO_ZLIB_BITS    7              /* within a byte */

/* Each may have tables, which take longer to set up than a text to inflate. */
#define SIO_ZLIB_BLOCKS  1024           /* of a message, and by its bytes: */
#define SIO_ZLIB_BLOCK   64


static uint16_t sio_zlib_run(sio_zlib_t *z, size_t max, size_t *n);
static uint16_t sio_zlib_room(sio_zlib_t *z, size_t n);


/* What a flush ends in, and messages are sent without: section 7.2.1. */
static const uint8_t  sio_zlib_tail[SIO_ZLIB_TAIL] = { 0, 0, 0xff, 0xff };


int
sio_zlib_deflate(sio_zlib_t *z, sio_span_t src, uint8_t *dst, size_t *n)
{
    z_stream  *s;

    s = &z->deflate;

    if (!z->deflates) {

        if (deflateInit2(s, SIO_ZLIB_LEVEL, Z_DEFLATED, SIO_ZLIB_RAW,
                         SIO_ZLIB_MEMORY, Z_DEFAULT_STRATEGY)
            != Z_OK)
        {
            return SIO_ERROR;
        }

        z->deflates = 1;
    }

    (void) deflateReset(s);

    s->next_in = (uint8_t *) src.p;
    s->avail_in = src.n;
    s->next_out = dst;
    s->avail_out = *n;

    /* all of the flush is out only where there is room left */

    if (*n <= SIO_ZLIB_TAIL
        || deflate(s, Z_SYNC_FLUSH) != Z_OK
        || s->avail_in != 0
        || s->avail_out == 0)
    {
        return SIO_AGAIN;
    }

    *n = s->total_out - SIO_ZLIB_TAIL;

    return SIO_OK;
}


uint16_t
sio_zlib_inflate(sio_zlib_t *z, sio_span_t src, size_t max, sio_span_t *out)
{
    size_t     n;
    uint16_t   code;
    z_stream  *s;

    s = &z->inflate;
    n = 0;

    if (!z->inflates) {

        if (inflateInit2(s, SIO_ZLIB_RAW) != Z_OK) {
            return SIO_WS_TRY_LATER;
        }

        z->inflates = 1;
    }

    (void) inflateReset(s);

    s->next_in = (uint8_t *) src.p;
    s->avail_in = src.n;
    z->blocks = 0;

    code = sio_zlib_run(z, max, &n);

    if (code == 0 && !z->ended) {
        s->next_in = (uint8_t *) sio_zlib_tail;
        s->avail_in = SIO_ZLIB_TAIL;

        code = sio_zlib_run(z, max, &n);
    }

    if (code != 0) {
        return code;
    }

    /* what was cut takes the tail for its own bytes */

    if (!z->ended
        && (s->data_type & (SIO_ZLIB_BORDER | SIO_ZLIB_BITS))
           != SIO_ZLIB_BORDER)
    {
        return SIO_WS_BAD_DATA;
    }

    out->p = z->out;
    out->n = n;

    return 0;
}


/*
 * Takes all of the input.  Blocks that are marked as the last may be followed
 * by others: section 7.2.3.4.
 */

static uint16_t
sio_zlib_run(sio_zlib_t *z, size_t max, size_t *n)
{
    int        rc, border;
    size_t     size;
    uint16_t   code;
    z_stream  *s;

    s = &z->inflate;

    for ( ;; ) {
        code = sio_zlib_room(z, *n);
        if (code != 0) {
            return code;
        }

        /* one byte more than max shows that there is more */

        size = (z->size > max) ? max + 1 : z->size;

        s->next_out = z->out + *n;
        s->avail_out = size - *n;

        rc = inflate(s, Z_BLOCK);

        *n = size - s->avail_out;
        z->ended = (rc == Z_STREAM_END);
        border = z->ended || (s->data_type & SIO_ZLIB_BORDER);
        z->blocks += border;

        if (*n > max || z->blocks > SIO_ZLIB_BLOCKS + *n / SIO_ZLIB_BLOCK) {
            return SIO_WS_TOO_BIG;
        }

        if (z->ended) {
            (void) inflateReset(s);

            if (s->avail_in == 0) {
                return 0;
            }

            continue;
        }

        if (rc == Z_MEM_ERROR) {
            return SIO_WS_TRY_LATER;
        }

        if (rc != Z_OK && rc != Z_BUF_ERROR) {
            return SIO_WS_BAD_DATA;
        }

        /* the end of a last block is told by the next call */

        if (border && (s->data_type & SIO_ZLIB_LAST)) {
            continue;
        }

        /* between two blocks all is out */

        if (s->avail_in == 0 && (border || s->avail_out != 0)) {
            return 0;
        }
    }
}


static uint16_t
sio_zlib_room(sio_zlib_t *z, size_t n)
{
    size_t    size;
    uint8_t  *p;

    if (n < z->size) {
        return 0;
    }

    size = z->size ? z->size * 2 : SIO_ZLIB_FIRST;

    p = realloc(z->out, size);
    if (p == NULL) {
        return SIO_WS_TRY_LATER;
    }

    z->out = p;
    z->size = size;

    return 0;
}


void
sio_zlib_trim(sio_zlib_t *z)
{
    if (z->size > SIO_ZLIB_KEPT) {
        free(z->out);
        z->out = NULL;
        z->size = 0;
    }
}


void
sio_zlib_free(sio_zlib_t *z)
{
    if (z->deflates) {
        (void) deflateEnd(&z->deflate);
    }

    if (z->inflates) {
        (void) inflateEnd(&z->inflate);
    }

    free(z->out);
    memset(z, 0, sizeof(sio_zlib_t));
}
