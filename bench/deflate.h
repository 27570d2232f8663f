/*
 * Compressed messages of WebSockets (RFC 7692).  A server may compress each
 * message by itself, or with what it has sent to the same client before; then
 * the client has to remember it, too.
 */

#ifndef _DEFLATE_H_INCLUDED_
#define _DEFLATE_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


typedef struct z_stream_s  deflate_t;


/*
 * What a client decompresses with; with `takeover` it is the client's own, else
 * all share one.
 */
deflate_t *deflate_open(int takeover);

/* NULL is nothing to close, and neither is the one that is shared. */
void deflate_close(deflate_t *d);

/*
 * The message of which n bytes have come, and its size; it lasts until the next
 * call.  NULL: it is none.
 */
const uint8_t *deflate_message(deflate_t *d, const uint8_t *p, size_t n,
    size_t *size);


#endif /* _DEFLATE_H_INCLUDED_ */
