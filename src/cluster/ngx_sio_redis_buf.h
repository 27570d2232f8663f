
/*
 * Bytes that grow at their end, and are taken away at their beginning: what is
 * to be written to Redis, and answers under way.
 */

#ifndef _NGX_SIO_REDIS_BUF_H_INCLUDED_
#define _NGX_SIO_REDIS_BUF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    u_char    *p;
    size_t     at;                      /* what is before it is gone */
    size_t     n;
    size_t     size;
} ngx_sio_redis_buf_t;


/*
 * Makes room for n bytes more, which are not counted yet.  NGX_OK, or
 * NGX_DECLINED without memory and when that would be more than most; then the
 * buffer is as it was.
 */
ngx_int_t ngx_sio_redis_buf_reserve(ngx_sio_redis_buf_t *buf, size_t n,
    size_t most);

/* Frees what a buffer has; it is empty then. */
void ngx_sio_redis_buf_free(ngx_sio_redis_buf_t *buf);


#endif /* _NGX_SIO_REDIS_BUF_H_INCLUDED_ */
