
/* Engine.IO v4 packets, as text frames and as polling payloads. */

#ifndef _SIO_EIO_H_INCLUDED_
#define _SIO_EIO_H_INCLUDED_


#include "sio_span.h"


#define SIO_EIO_OPEN     '0'
#define SIO_EIO_CLOSE    '1'
#define SIO_EIO_PING     '2'
#define SIO_EIO_PONG     '3'
#define SIO_EIO_MESSAGE  '4'
#define SIO_EIO_UPGRADE  '5'
#define SIO_EIO_NOOP     '6'
#define SIO_EIO_BINARY   'b'    /* a message in base64 */

#define SIO_EIO_SEPARATOR  0x1e


typedef struct {
    uint8_t     type;           /* one of the characters above */
    sio_span_t  data;           /* the rest; base64 if type is BINARY */
} sio_eio_packet_t;


/*
 * Reads one packet that fills the whole text (a WebSocket text message, or one
 * part of a payload).  Returns SIO_OK, or SIO_ERROR when the text is empty or
 * starts with no packet type.  The data is not looked at.
 */
int sio_eio_parse(sio_span_t text, sio_eio_packet_t *packet);

/*
 * Takes the next packet off a polling payload: *rest becomes what follows its
 * separator.  *rest is the whole payload before the first call; done is 0 then
 * and becomes 1 with the last packet.  Returns as sio_eio_parse(), so an empty
 * payload, or one that ends in a separator, ends in SIO_ERROR.
 */
int sio_eio_next(sio_span_t *rest, int *done, sio_eio_packet_t *packet);


#endif /* _SIO_EIO_H_INCLUDED_ */
