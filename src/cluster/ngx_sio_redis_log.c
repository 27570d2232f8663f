
/*
 * What the error log is told of Redis, which may fail many times a minute.
 * Passwords are never among it.
 */

#include "ngx_sio_redis_internal.h"


#define NGX_SIO_REDIS_QUIET     60          /* s, nothing is logged twice */
#define NGX_SIO_REDIS_QUIET_OTHER  5        /* s, nor is anything else */


static ngx_uint_t ngx_sio_redis_news(ngx_sio_redis_told_t *told,
    const char *text);


void
ngx_sio_redis_log_lost(ngx_sio_redis_t *redis, const char *why)
{
    if (ngx_sio_redis_news(&redis->lost, why)) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "socketio %s lost Redis at %V: %s; clients of this "
                      "nginx are served, other nodes are not reached, trying "
                      "again", redis->role, &redis->conf->name, why);
    }
}


void
ngx_sio_redis_back(ngx_sio_redis_t *redis)
{
    if (redis->lost.time) {
        redis->lost.time = 0;
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "socketio %s of Redis at %V is back", redis->role,
                      &redis->conf->name);
    }
}


void
ngx_sio_redis_log_refused(ngx_sio_redis_t *redis, const char *why)
{
    ngx_uint_t  denied;

    denied = ngx_strncmp(why, "NOPERM", 6) == 0;

    if (ngx_sio_redis_news(&redis->refused, why)) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "socketio %s: Redis at %V refuses a command: %s%s",
                      redis->role, &redis->conf->name, why,
                      denied ? "; its user needs +publish and +pubsub, and all "
                               "channels of the prefix" : "");
    }
}


/* Whether a text is to be logged now; what is said again waits longer. */

static ngx_uint_t
ngx_sio_redis_news(ngx_sio_redis_told_t *told, const char *text)
{
    time_t    quiet;
    uint32_t  hash;

    hash = ngx_crc32_short((u_char *) text, ngx_strlen(text));
    quiet = hash == told->text ? NGX_SIO_REDIS_QUIET
                               : NGX_SIO_REDIS_QUIET_OTHER;

    if (told->time && ngx_time() - told->time < quiet) {
        return 0;
    }

    told->time = ngx_time();
    told->text = hash;

    return 1;
}
