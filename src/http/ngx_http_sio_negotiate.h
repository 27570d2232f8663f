
/* What a WebSocket's handshake negotiates: compression, a subprotocol. */

#ifndef _NGX_HTTP_SIO_NEGOTIATE_H_INCLUDED_
#define _NGX_HTTP_SIO_NEGOTIATE_H_INCLUDED_


#include "ngx_http_sio_conf.h"
#include "sio_extension.h"


/*
 * What is accepted of a handshake's offers; a window of 0 where nothing is, or
 * no namespace of the endpoint has socketio_compression.  NGX_ERROR: the header
 * is malformed, the handshake must fail.
 */
ngx_int_t ngx_http_sio_negotiate(ngx_http_request_t *r,
    sio_extension_t *extension);

/*
 * Adds the headers of the answer, if there are any: that, and the first of the
 * subprotocols that are offered.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_sio_negotiated(ngx_http_request_t *r,
    const sio_extension_t *extension);


#endif /* _NGX_HTTP_SIO_NEGOTIATE_H_INCLUDED_ */
