
/*
 * Parts of the operation emit, for those who publish what a service has
 * answered.
 */

#ifndef _NGX_HTTP_SIO_API_EMIT_H_INCLUDED_
#define _NGX_HTTP_SIO_API_EMIT_H_INCLUDED_


#include "ngx_http_sio_api.h"


/*
 * An emit in two steps, so that nothing is published before all of them are
 * good: the first reads and checks the operation's values, the second publishes
 * and cannot fail but for want of memory.
 */
ngx_int_t ngx_http_sio_api_emit_check(ngx_http_sio_api_op_t *op);
ngx_int_t ngx_http_sio_api_emit_publish(ngx_http_sio_api_op_t *op);

/*
 * Decodes the member `attachments`, at most SIO_ATTACHMENTS_MAX of them, for
 * placeholders in a value, which may be of kind NONE.
 */
ngx_int_t ngx_http_sio_api_attachments(ngx_http_sio_api_op_t *op,
    const sio_json_t *checked, sio_span_t *attachments, ngx_uint_t *n);


#endif /* _NGX_HTTP_SIO_API_EMIT_H_INCLUDED_ */
