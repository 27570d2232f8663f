
/*
 * Operations of the server API that concern one socket: it is looked for here,
 * then at the other nodes.
 */

#ifndef _NGX_HTTP_SIO_API_ERRAND_H_INCLUDED_
#define _NGX_HTTP_SIO_API_ERRAND_H_INCLUDED_


#include "ngx_http_sio_api.h"
#include "ngx_sio_cluster_private.h"


/* The state of such an operation; memory is the op's pool's. */
typedef struct {
    ngx_http_sio_api_op_t       *op;
    ngx_sio_errand_t             errand;
    ngx_uint_t                   cluster;   /* NGX_SIO_CLUSTER_... */

    ngx_sio_cluster_question_t   question;  /* other nodes are asked */
    ngx_uint_t                   asked;
    ngx_uint_t                   waiting;
    ngx_msec_t                   end;
    sio_span_t                   node;      /* JSON: who has done it */
} ngx_http_sio_api_errand_t;


/* A new state, for the op; NULL without memory. */
ngx_http_sio_api_errand_t *ngx_http_sio_api_errand_create(
    ngx_http_sio_api_op_t *op, ngx_sio_errand_kind_t kind);

/*
 * Does the errand, wherever its socket is, and ngx_http_sio_api_errand_step()
 * goes on with it; codes as for operations.
 */
ngx_int_t ngx_http_sio_api_errand(ngx_http_sio_api_errand_t *e);


#endif /* _NGX_HTTP_SIO_API_ERRAND_H_INCLUDED_ */
