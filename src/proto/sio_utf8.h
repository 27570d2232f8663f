
/* UTF-8 validation (RFC 3629: no overlongs, no surrogates, up to U+10FFFF). */

#ifndef _SIO_UTF8_H_INCLUDED_
#define _SIO_UTF8_H_INCLUDED_


#include "sio_span.h"


/* State of a text that arrives in pieces; zero-filled before the first. */
typedef struct {
    uint8_t  need;              /* continuation bytes still to come */
    uint8_t  low;               /* bounds of the next continuation byte */
    uint8_t  high;
} sio_utf8_t;


/*
 * Checks the next piece of a text.  Returns SIO_OK when all bytes so far form
 * whole characters, SIO_AGAIN when the last character is not complete yet,
 * SIO_ERROR when the text is not UTF-8 (the state is then of no further use).
 */
int sio_utf8_feed(sio_utf8_t *u, sio_span_t piece);

/* Whether a whole text is valid UTF-8. */
int sio_utf8_valid(sio_span_t text);

/*
 * The length of the character at p, 1 to 4 bytes, or 0 if what stands there
 * before end is no whole valid character.
 */
size_t sio_utf8_char(const uint8_t *p, const uint8_t *end);


#endif /* _SIO_UTF8_H_INCLUDED_ */
