
/*
 * What other nodes have of something that the server API lists.  Their lists
 * are gathered as they come, and written behind those of this node.
 */

#ifndef _NGX_HTTP_SIO_API_REMOTE_H_INCLUDED_
#define _NGX_HTTP_SIO_API_REMOTE_H_INCLUDED_


#include "ngx_http_sio_api.h"
#include "ngx_sio_cluster_question.h"


typedef struct {
    ngx_sio_cluster_question_t   question;
    ngx_http_sio_api_op_t       *op;
    ngx_uint_t                   type;      /* SIO_ADAPTER_... */
    ngx_uint_t                   cluster;   /* NGX_SIO_CLUSTER_... */
    ngx_msec_t                   end;
    ngx_uint_t                   waiting;
    ngx_uint_t                   dropped;   /* answers that were too large */
    size_t                       bytes;     /* of answers */
    size_t                       held;      /* with what was made of them */
    ngx_array_t                  lists;     /* sio_json_t, copies */
    ngx_uint_t                   list;      /* the one that is walked over */
    ngx_uint_t                   begun;
    sio_json_iter_t              it;
} ngx_http_sio_api_remote_t;


/*
 * Asks the other nodes about the op's selection; it ends with the request.
 * Returns NULL without memory.
 */
ngx_http_sio_api_remote_t *ngx_http_sio_api_remote_ask(
    ngx_http_sio_api_op_t *op, ngx_uint_t type);

/* NGX_OK when there is nothing to wait for any more, else NGX_AGAIN. */
ngx_int_t ngx_http_sio_api_remote_wait(ngx_http_sio_api_remote_t *remote);

/* The next element of the lists; 0 at the end. */
ngx_uint_t ngx_http_sio_api_remote_next(ngx_http_sio_api_remote_t *remote,
    sio_json_t *v);

/* Writes some sockets, the first one after a comma if there were n others. */
ngx_int_t ngx_http_sio_api_remote_sockets(ngx_http_sio_api_remote_t *remote,
    sio_span_t namespace, ngx_uint_t *n);

/* Counts memory that the request has besides, until it ends. */
void ngx_http_sio_api_remote_hold(ngx_http_sio_api_remote_t *remote,
    size_t n);

/* How many answers are not there, the largest number if none can be heard. */
ngx_uint_t ngx_http_sio_api_remote_lack(
    const ngx_http_sio_api_remote_t *remote);

/* How many nodes are missing, and what is wrong; 96 bytes of JSON at most. */
u_char *ngx_http_sio_api_remote_write(ngx_http_sio_api_remote_t *remote,
    u_char *p);


#endif /* _NGX_HTTP_SIO_API_REMOTE_H_INCLUDED_ */
