
/*
 * What emit has more than an event: a key by which a repeat is known, and the
 * acks of the clients that get it.
 */

#ifndef _NGX_HTTP_SIO_API_ACK_H_INCLUDED_
#define _NGX_HTTP_SIO_API_ACK_H_INCLUDED_


#include "ngx_http_sio_api.h"
#include "ngx_sio_acks.h"
#include "ngx_sio_emit.h"


/*
 * Reads the member `ack` as ms, 0 where there is none.  Codes as for
 * operations.
 */
ngx_int_t ngx_http_sio_api_ack_time(ngx_http_sio_api_op_t *op,
    ngx_msec_t *time);

/*
 * Reads the member `id` as a key of the op's namespace, of NGX_SIO_KEY_LEN
 * bytes in the pool; NULL where there is none.  Codes as for operations.
 */
ngx_int_t ngx_http_sio_api_key(ngx_http_sio_api_op_t *op, const u_char **key);

/* The same for the id of the raw lane. */
ngx_int_t ngx_http_sio_api_key_text(ngx_http_sio_api_op_t *op, sio_span_t id,
    const u_char **key);

/*
 * Prepares an emit for acks: sets emit->most, and *id to the packet's ack id.
 * It ends with the request at the latest.  Codes as for operations.
 */
ngx_int_t ngx_http_sio_api_ask(ngx_http_sio_api_op_t *op, ngx_msec_t time,
    ngx_sio_emit_t *emit, sio_span_t *id);

/*
 * Asks the other nodes' clients too, once the event is out here; sets
 * emit->cluster.
 */
void ngx_http_sio_api_ask_nodes(ngx_http_sio_api_op_t *op,
    ngx_sio_emit_t *emit);

/* The error when more sockets match than may be awaited. */
ngx_int_t ngx_http_sio_api_ask_refuse(ngx_http_sio_api_op_t *op);

/* Awaits the acks once the event is out and its answer begun. */
ngx_int_t ngx_http_sio_api_ask_wait(ngx_http_sio_api_op_t *op,
    const ngx_sio_emit_t *emit);

/* Nobody is to be awaited after all. */
void ngx_http_sio_api_ask_end(ngx_http_sio_api_op_t *op);


#endif /* _NGX_HTTP_SIO_API_ACK_H_INCLUDED_ */
