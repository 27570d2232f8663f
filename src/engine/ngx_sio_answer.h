
/*
 * Acks of clients: what they answer to events that want one.
 */

#ifndef _NGX_SIO_ANSWER_H_INCLUDED_
#define _NGX_SIO_ANSWER_H_INCLUDED_


#include "ngx_sio_presence.h"
#include "sio_packet.h"


/*
 * Passes a packet of type ACK or BINARY_ACK on to who has asked for it; the
 * attachments are as many as the packet says.  Returns NGX_OK.
 */
ngx_int_t ngx_sio_answer(ngx_sio_presence_t *presence,
    const sio_packet_t *packet, sio_span_t *attachments);


#endif /* _NGX_SIO_ANSWER_H_INCLUDED_ */
