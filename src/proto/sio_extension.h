
/*
 * Sec-WebSocket-Extensions, the server's side: permessage-deflate of RFC 7692
 * out of what a client offers, and the answer to it.
 *
 * The server compresses each message by itself, so it always answers with
 * server_no_context_takeover, and asks the same of the client.
 */

#ifndef _SIO_EXTENSION_H_INCLUDED_
#define _SIO_EXTENSION_H_INCLUDED_


#include "sio_span.h"


#define SIO_EXTENSION_MAX      128  /* bytes of an answer */
#define SIO_EXTENSION_WINDOW   15   /* where the client asks for no other */


typedef struct {
    uint8_t  window;        /* log2 of how far a message to the client may
                               refer back, 8 to 15; 0: nothing to accept */
    uint8_t  asked;         /* the client has asked for it */
} sio_extension_t;


/*
 * Finds the first offer in a header's value that can be accepted.  Others are
 * declined, among them permessage-deflate with parameters that are unknown,
 * have bad values or come twice (RFC 7692, section 7.1).  Returns SIO_OK, or
 * SIO_ERROR when the value is no list of extensions at all: then the connection
 * must fail (RFC 6455, section 9.1).
 */
int sio_extension_offer(sio_span_t value, sio_extension_t *e);

/*
 * Writes the answer to an accepted offer; dst has SIO_EXTENSION_MAX bytes.
 * Returns the number of bytes written.
 */
size_t sio_extension_answer(uint8_t *dst, const sio_extension_t *e);


#endif /* _SIO_EXTENSION_H_INCLUDED_ */
