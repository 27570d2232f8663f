/*
 * Compressed messages of WebSockets: see deflate.h.
 */

#include "deflate.h"
#include "load.h"

#include <stdlib.h>
#include <zlib.h>


#define DEFLATE_MOST  (256 * 1024)      /* of a message */


static deflate_t  *deflate_shared;


static deflate_t *
deflate_new(void)
{
    deflate_t  *d;

    d = calloc(1, sizeof(deflate_t));

    /* raw, with the largest window */
    if (d == NULL || inflateInit2(d, -15) != Z_OK) {
        load_die("no memory");
    }

    return d;
}


deflate_t *
deflate_open(int takeover)
{
    if (takeover) {
        return deflate_new();
    }

    if (deflate_shared == NULL) {
        deflate_shared = deflate_new();
    }

    return deflate_shared;
}


void
deflate_close(deflate_t *d)
{
    if (d && d != deflate_shared) {
        inflateEnd(d);
        free(d);
    }
}


const uint8_t *
deflate_message(deflate_t *d, const uint8_t *p, size_t n, size_t *size)
{
    int  rc;

    static uint8_t        text[DEFLATE_MOST];
    static const uint8_t  tail[4] = { 0, 0, 0xff, 0xff };   /* section 7.2.2 */

    if (d == deflate_shared) {
        inflateReset(d);
    }

    d->next_out = text;
    d->avail_out = sizeof(text);

    d->next_in = (uint8_t *) p;
    d->avail_in = (unsigned) n;
    rc = inflate(d, Z_SYNC_FLUSH);

    if ((rc != Z_OK && rc != Z_BUF_ERROR) || d->avail_in) {
        return NULL;
    }

    d->next_in = (uint8_t *) tail;
    d->avail_in = sizeof(tail);
    rc = inflate(d, Z_SYNC_FLUSH);

    if (rc != Z_OK || d->avail_in || d->avail_out == 0) {
        return NULL;
    }

    *size = sizeof(text) - d->avail_out;

    return text;
}
