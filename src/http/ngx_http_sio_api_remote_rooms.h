
/*
 * The rooms that only other nodes have, for GET rooms.
 */

#ifndef _NGX_HTTP_SIO_API_REMOTE_ROOMS_H_INCLUDED_
#define _NGX_HTTP_SIO_API_REMOTE_ROOMS_H_INCLUDED_


#include "ngx_http_sio_api_remote.h"


typedef struct {
    ngx_http_sio_api_op_t      *op;
    ngx_http_sio_api_remote_t  *rooms;
    ngx_http_sio_api_remote_t  *ids;
    ngx_rbtree_t                tree;       /* names that are not listed */
    ngx_rbtree_node_t           sentinel;
} ngx_http_sio_api_remote_rooms_t;


/*
 * Asks the other nodes about the op's namespace; it ends with the request.
 * Returns NULL without memory.
 */
ngx_http_sio_api_remote_rooms_t *ngx_http_sio_api_remote_rooms_ask(
    ngx_http_sio_api_op_t *op);

/* Writes some rooms, the first one after a comma if there were n others. */
ngx_int_t ngx_http_sio_api_remote_rooms(
    ngx_http_sio_api_remote_rooms_t *remote, ngx_uint_t *n);

/* How many nodes are missing, and what is wrong; 96 bytes of JSON at most. */
u_char *ngx_http_sio_api_remote_rooms_write(
    ngx_http_sio_api_remote_rooms_t *remote, u_char *p);


#endif /* _NGX_HTTP_SIO_API_REMOTE_ROOMS_H_INCLUDED_ */
