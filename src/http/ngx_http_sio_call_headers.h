
/* The headers of a call, and the address that it seems to come from. */

#ifndef _NGX_HTTP_SIO_CALL_HEADERS_H_INCLUDED_
#define _NGX_HTTP_SIO_CALL_HEADERS_H_INCLUDED_


#include "ngx_http_sio_conf.h"
#include "ngx_sio_call.h"


/*
 * Gives a connection the address of the call's client.  NGX_ERROR without
 * memory.
 */
ngx_int_t ngx_http_sio_call_address(ngx_sio_call_t *call,
    ngx_connection_t *c);

/* Sets the headers of a call's request.  NGX_ERROR without memory. */
ngx_int_t ngx_http_sio_call_headers(ngx_http_request_t *r,
    ngx_sio_call_t *call);


#endif /* _NGX_HTTP_SIO_CALL_HEADERS_H_INCLUDED_ */
