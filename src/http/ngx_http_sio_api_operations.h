
/*
 * The functions of the server API's operations, for its table and for a batch,
 * which has rules about some of them.
 */

#ifndef _NGX_HTTP_SIO_API_OPERATIONS_H_INCLUDED_
#define _NGX_HTTP_SIO_API_OPERATIONS_H_INCLUDED_


#include "ngx_http_sio_api.h"


/* Begin functions of what publishes and changes. */
ngx_int_t ngx_http_sio_api_emit(ngx_http_sio_api_op_t *op);
ngx_int_t ngx_http_sio_api_batch(ngx_http_sio_api_op_t *op);
ngx_int_t ngx_http_sio_api_join(ngx_http_sio_api_op_t *op);
ngx_int_t ngx_http_sio_api_leave(ngx_http_sio_api_op_t *op);
ngx_int_t ngx_http_sio_api_disconnect(ngx_http_sio_api_op_t *op);
ngx_int_t ngx_http_sio_api_server_side(ngx_http_sio_api_op_t *op);

/* Those of what looks. */
ngx_int_t ngx_http_sio_api_fetch(ngx_http_sio_api_op_t *op);
ngx_int_t ngx_http_sio_api_rooms(ngx_http_sio_api_op_t *op);
ngx_int_t ngx_http_sio_api_namespaces(ngx_http_sio_api_op_t *op);
ngx_int_t ngx_http_sio_api_status(ngx_http_sio_api_op_t *op);

/* Those of tokens. */
ngx_int_t ngx_http_sio_api_refresh(ngx_http_sio_api_op_t *op);
ngx_int_t ngx_http_sio_api_revoke(ngx_http_sio_api_op_t *op);

/* The step functions of those that look. */
ngx_int_t ngx_http_sio_api_fetch_step(ngx_http_sio_api_op_t *op);
ngx_int_t ngx_http_sio_api_list_step(ngx_http_sio_api_op_t *op);
ngx_int_t ngx_http_sio_api_status_step(ngx_http_sio_api_op_t *op);

/* Those of the others. */
ngx_int_t ngx_http_sio_api_batch_step(ngx_http_sio_api_op_t *op);
ngx_int_t ngx_http_sio_api_sockets_step(ngx_http_sio_api_op_t *op);
ngx_int_t ngx_http_sio_api_errand_step(ngx_http_sio_api_op_t *op);
ngx_int_t ngx_http_sio_api_ask_step(ngx_http_sio_api_op_t *op);


#endif /* _NGX_HTTP_SIO_API_OPERATIONS_H_INCLUDED_ */
