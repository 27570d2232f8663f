
/*
 * Commands that wait to be written, are written, and replies that are waited
 * for.
 */

#include "ngx_sio_redis_internal.h"


#define NGX_SIO_REDIS_WAITS  65536      /* replies that may be awaited */
#define NGX_SIO_REDIS_KEEP   262144     /* bytes that a buffer keeps */


static ngx_int_t ngx_sio_redis_await(ngx_sio_redis_t *redis,
    const ngx_sio_redis_wait_t *wait);


ngx_int_t
ngx_sio_redis_command(ngx_sio_redis_t *redis, ngx_uint_t argc,
    const sio_span_t *argv, const ngx_sio_redis_wait_t *wait)
{
    ngx_int_t  rc;

    if (!ngx_sio_redis_usable(redis)) {
        return NGX_DECLINED;
    }

    if (redis->message == NULL
        && ngx_sio_redis_await(redis, wait) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    rc = ngx_sio_redis_put(&redis->out, argc, argv);

    if (rc != NGX_OK) {
        redis->nwaits -= redis->message == NULL;
        return rc;
    }

    if (redis->state == NGX_SIO_REDIS_READY) {

        if (redis->nwaits == 1) {
            ngx_add_timer(&redis->timer, NGX_SIO_REDIS_TIMEOUT);
        }

        /*
         * The first command of a turn of the event loop is written at once, so
         * that it is on its way before its publisher is answered and turns to
         * another worker; the others are written together.  A failure is told
         * with them: here it would meet a caller in the midst of something.
         */

        if (!redis->c->write->posted) {
            ngx_post_event(redis->c->write, &ngx_posted_events);
            redis->broken = ngx_sio_redis_write(redis);
        }
    }

    return NGX_OK;
}


void
ngx_sio_redis_flush(ngx_sio_redis_t *redis)
{
    const char  *why;

    why = redis->broken ? redis->broken : ngx_sio_redis_write(redis);

    if (why) {
        ngx_sio_redis_fail(redis, why);
    }
}


const char *
ngx_sio_redis_write(ngx_sio_redis_t *redis)
{
    ssize_t               n;
    ngx_sio_redis_buf_t  *buf;

    if (!redis->c->write->ready) {
        return NULL;
    }

    buf = redis->state == NGX_SIO_REDIS_READY ? &redis->out : &redis->hello;

    for ( /* void */ ; buf->at < buf->n; buf->at += n) {
        n = redis->c->send(redis->c, buf->p + buf->at, buf->n - buf->at);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            return "the connection broke";
        }
    }

    if (buf->at == buf->n) {
        buf->at = 0;
        buf->n = 0;

        /* a burst does not make it large for good */

        if (buf->size > NGX_SIO_REDIS_KEEP) {
            ngx_sio_redis_buf_free(buf);
        }
    }

    return ngx_handle_write_event(redis->c->write, 0) == NGX_OK
           ? NULL : "cannot wait for it";
}


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


static ngx_int_t
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
