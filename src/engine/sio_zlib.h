
/*
 * Compression of single messages by permessage-deflate (RFC 7692) without
 * context: zlib's two states and a buffer, which one worker uses for all of its
 * connections, one message after the other.
 *
 * Plain C on zlib, without nginx and I/O.
 */

#ifndef _SIO_ZLIB_H_INCLUDED_
#define _SIO_ZLIB_H_INCLUDED_


#include "sio_span.h"

#include <zlib.h>


/* Zero-filled before the first use; what it needs is allocated by then. */
typedef struct {
    z_stream    deflate;
    z_stream    inflate;
    uint8_t    *out;            /* of the last message that was inflated */
    size_t      size;
    size_t      blocks;         /* of that message, as far as it went */
    uint8_t     deflates;       /* which of the states are there */
    uint8_t     inflates;
    uint8_t     ended;          /* inflating, at the end of a last block */
} sio_zlib_t;


/*
 * Compresses src into [dst, dst + *n), and sets *n to the bytes written.
 * Returns SIO_OK; SIO_AGAIN when they would be more than *n less 4, which is
 * what tells that it is not worth it; SIO_ERROR without memory.
 */
int sio_zlib_deflate(sio_zlib_t *z, sio_span_t src, uint8_t *dst, size_t *n);

/*
 * Inflates a whole message to at most max bytes.  Returns 0 and *out, which is
 * valid until the next call of this or of sio_zlib_trim(), or the close code
 * for the client: SIO_WS_BAD_DATA, SIO_WS_TOO_BIG (it stops at max and one
 * byte, or where blocks are many and hold little), SIO_WS_TRY_LATER without
 * memory.
 */
uint16_t sio_zlib_inflate(sio_zlib_t *z, sio_span_t src, size_t max,
    sio_span_t *out);

/* Gives the memory of a large message back. */
void sio_zlib_trim(sio_zlib_t *z);

/* Frees all that the states have allocated. */
void sio_zlib_free(sio_zlib_t *z);


#endif /* _SIO_ZLIB_H_INCLUDED_ */
