
/*
 * Spans and return codes shared by the plain-C codecs.
 *
 * Everything in src/proto is bytes in, spans out: no allocation, no globals,
 * no clock, no I/O, no nginx.  A span points into the caller's bytes and lives
 * as long as they do.
 */

#ifndef _SIO_SPAN_H_INCLUDED_
#define _SIO_SPAN_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <string.h>


#define SIO_OK      0
#define SIO_ERROR  (-1)
#define SIO_AGAIN  (-2)


typedef struct {
    const uint8_t  *p;
    size_t          n;          /* bytes */
} sio_span_t;


#define sio_span(text)        ((sio_span_t) { (const uint8_t *) (text),        \
                                              sizeof(text) - 1 })


/* Whether two spans hold the same bytes. */
static inline int
sio_span_eq(sio_span_t a, sio_span_t b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}


#endif /* _SIO_SPAN_H_INCLUDED_ */
