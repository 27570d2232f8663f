
/*
 * Commands that wait to be written, and replies that are waited for.
 */

#include "ngx_sio_redis_internal.h"


#define NGX_SIO_REDIS_WAITS  65536      /* replies that may be awaited */


ngx_int_t
ngx_sio_redis_put(ngx_sio_redis_buf_t *buf, ngx_uint_t argc,
    const sio_span_t *argv)
{
    int          n;
    char        *command;
    size_t       lengths[NGX_SIO_REDIS_ARGS];
    ngx_int_t    rc;
    ngx_uint_t   i;
    const char  *words[NGX_SIO_REDIS_ARGS];

    for (i = 0; i < argc; i++) {
        words[i] = (const char *) argv[i].p;
        lengths[i] = argv[i].n;
    }

    n = redisFormatCommandArgv(&command, (int) argc, words, lengths);

    if (n < 0) {
        return NGX_DECLINED;
    }

    rc = ngx_sio_redis_buf_reserve(buf, n, NGX_SIO_REDIS_OUT);

    if (rc == NGX_OK) {
        ngx_memcpy(buf->p + buf->n, command, n);
        buf->n += n;
    }

    redisFreeCommand(command);

    return rc;
}


ngx_int_t
ngx_sio_redis_await(ngx_sio_redis_t *redis, const ngx_sio_redis_wait_t *wait)
{
    ngx_uint_t             i, size;
    ngx_sio_redis_wait_t  *waits;

    if (redis->nwaits == redis->size) {

        if (redis->size == NGX_SIO_REDIS_WAITS) {
            return NGX_DECLINED;
        }

        size = redis->size ? redis->size * 2 : 64;
        waits = ngx_alloc(size * sizeof(ngx_sio_redis_wait_t), ngx_cycle->log);

        if (waits == NULL) {
            return NGX_DECLINED;
        }

        for (i = 0; i < redis->nwaits; i++) {
            waits[i] = redis->waits[(redis->first + i) % redis->size];
        }

        if (redis->waits) {
            ngx_free(redis->waits);
        }

        redis->waits = waits;
        redis->first = 0;
        redis->size = size;
    }

    i = (redis->first + redis->nwaits++) % redis->size;

    if (wait) {
        redis->waits[i] = *wait;

    } else {
        ngx_memzero(&redis->waits[i], sizeof(ngx_sio_redis_wait_t));
    }

    return NGX_OK;
}
