
/*
 * What clients get of a call: acks, and answers to CONNECTs, wherever their
 * session is by then.
 */

#ifndef _NGX_SIO_REPLY_H_INCLUDED_
#define _NGX_SIO_REPLY_H_INCLUDED_


#include "ngx_sio_call.h"


/*
 * Sends the ack of an event that wants one, behind everything that is in the
 * log by now: args is a JSON array with placeholders for the attachments.
 * Returns NGX_OK, NGX_ABORT when the socket is gone, NGX_DECLINED when it is
 * too large.
 */
ngx_int_t ngx_sio_reply_ack(ngx_sio_call_t *call, sio_span_t args,
    sio_span_t *attachments, ngx_uint_t n);

/*
 * Tells the client that the call has failed, if it waits for an answer; message
 * is the inside of a JSON string.
 */
void ngx_sio_reply_error(ngx_sio_call_t *call, sio_span_t message);

/*
 * Opens the socket that a CONNECT has asked for: in the rooms that rules give
 * and in these, but not in those of `without`; data is JSON or empty.  Returns
 * NGX_OK with call->socket set, NGX_DECLINED when there is none, which the
 * client has been told, NGX_ABORT when its session is gone.
 */
ngx_int_t ngx_sio_reply_connect(ngx_sio_call_t *call, sio_span_t data,
    const ngx_array_t *rooms, const ngx_array_t *without);

/*
 * Refuses it; message is the inside of a JSON string, data is JSON or empty.
 */
void ngx_sio_reply_refuse(ngx_sio_call_t *call, sio_span_t message,
    sio_span_t data);



#endif /* _NGX_SIO_REPLY_H_INCLUDED_ */
