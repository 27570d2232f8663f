
/*
 * How calls to services travel: each is a request of its own that no client has
 * made, with one subrequest to the location that the rule names.  So it goes
 * through all of nginx that stands behind a location: upstreams, keep-alive,
 * TLS, load balancing, whatever protocol.
 */

#ifndef _NGX_HTTP_SIO_CALL_H_INCLUDED_
#define _NGX_HTTP_SIO_CALL_H_INCLUDED_


#include "ngx_http_sio_conf.h"
#include "ngx_sio_call.h"


/* What came of a call; memory is the call's. */
typedef struct {
    ngx_http_request_t    *request;     /* of the module, with a pool */
    ngx_uint_t             status;      /* 0: there was none */
    sio_span_t             body;
    const char            *failure;     /* why it is none, NULL: it is one */
    ngx_uint_t             timedout;
} ngx_http_sio_call_answer_t;


/* Has the engine's calls travel; called before a worker starts. */
void ngx_http_sio_call_register(void);


#endif /* _NGX_HTTP_SIO_CALL_H_INCLUDED_ */
