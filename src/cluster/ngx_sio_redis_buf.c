
/*
 * Bytes that grow.  Never logs but for lack of memory, and never shrinks.
 */

#include "ngx_sio_redis_buf.h"


/* A third of a new one is free, so that bytes are seldom copied again. */

ngx_int_t
ngx_sio_redis_buf_reserve(ngx_sio_redis_buf_t *buf, size_t n, size_t most)
{
    size_t   size, left;
    u_char  *p;

    left = buf->n - buf->at;

    if (n > most || left > most - n) {
        return NGX_DECLINED;
    }

    if (buf->p && buf->size - buf->n >= n) {
        return NGX_OK;
    }

    size = left + n + left / 2 + 1024;
    p = ngx_alloc(size, ngx_cycle->log);

    if (p == NULL) {
        return NGX_DECLINED;
    }

    if (buf->p) {
        ngx_memcpy(p, buf->p + buf->at, left);
        ngx_free(buf->p);
    }

    buf->p = p;
    buf->at = 0;
    buf->n = left;
    buf->size = size;

    return NGX_OK;
}


void
ngx_sio_redis_buf_free(ngx_sio_redis_buf_t *buf)
{
    if (buf->p) {
        ngx_free(buf->p);
    }

    ngx_memzero(buf, sizeof(ngx_sio_redis_buf_t));
}
