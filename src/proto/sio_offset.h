
/*
 * Offsets: what a client remembers of the last event that it got.  Six digits
 * of base 36 name the epoch of a log, the others a position in it; there is one
 * way only to write each.
 */

#ifndef _SIO_OFFSET_H_INCLUDED_
#define _SIO_OFFSET_H_INCLUDED_


#include "sio_span.h"


#define SIO_OFFSET_EPOCH  6         /* digits */
#define SIO_OFFSET_MAX    19        /* digits, with those of any position */


/* Writes one, SIO_OFFSET_MAX bytes at most; returns how many. */
size_t sio_offset_write(uint8_t *dst, uint64_t epoch, uint64_t position);

/* Reads a position.  SIO_ERROR: it is none; SIO_AGAIN: another log's. */
int sio_offset_read(sio_span_t text, uint64_t epoch, uint64_t *position);


#endif /* _SIO_OFFSET_H_INCLUDED_ */
