
/*
 * The greeting: is it Redis, does it let us in, is it ready.  Passwords are
 * never logged.
 */

#include "ngx_sio_redis_internal.h"


static const char *ngx_sio_redis_answer(ngx_sio_redis_t *redis,
    redisReply *reply);


/* PING comes first, so that a password is told to Redis only. */

void
ngx_sio_redis_greet(ngx_sio_redis_t *redis)
{
    u_char                       number[NGX_INT_T_LEN];
    ngx_uint_t                   n;
    sio_span_t                   argv[3];
    const ngx_sio_redis_conf_t  *conf;

    conf = redis->conf;
    n = 1;

    if (redis->step == 1 && conf->password.len == 0) {
        redis->step++;
    }

    if (redis->step == 2 && conf->db == 0) {
        redis->step++;
    }

    switch (redis->step) {

    case 1:
        argv[0] = sio_span("AUTH");

        if (conf->user.len) {
            argv[n].p = conf->user.data;
            argv[n++].n = conf->user.len;
        }

        argv[n].p = conf->password.data;
        argv[n++].n = conf->password.len;
        break;

    case 2:
        argv[0] = sio_span("SELECT");
        argv[n].p = number;
        argv[n++].n = ngx_sprintf(number, "%ui", conf->db) - number;
        break;

    default:
        argv[0] = sio_span("PING");
    }

    if (ngx_sio_redis_put(&redis->hello, n, argv) != NGX_OK) {
        ngx_sio_redis_fail(redis, "no memory");
    }
}


void
ngx_sio_redis_greeted(ngx_sio_redis_t *redis, redisReply *reply)
{
    const char  *why;

    why = ngx_sio_redis_answer(redis, reply);

    if (why != NULL) {
        ngx_sio_redis_fail(redis, why);
        return;
    }

    if (redis->step++ == 3) {
        ngx_sio_redis_ready(redis);
        return;
    }

    ngx_sio_redis_greet(redis);

    if (redis->c) {
        ngx_sio_redis_flush(redis);
    }
}


/* What is wrong with an answer to the greeting, NULL if nothing is. */

static const char *
ngx_sio_redis_answer(ngx_sio_redis_t *redis, redisReply *reply)
{
    ngx_uint_t  denied;

    if (reply->type == REDIS_REPLY_ERROR) {

        denied = ngx_strncmp(reply->str, "NOPERM", 6) == 0;

        if (redis->step == 0 && redis->conf->password.len
            && (denied || ngx_strncmp(reply->str, "NOAUTH", 6) == 0))
        {
            return NULL;
        }

        if (denied) {
            return redis->step == 2 ? "its user may not SELECT a database"
                                    : "its user may not PING";
        }

        switch (redis->step) {

        case 1:
            return "wrong user or password";

        case 2:
            return "no such database";
        }

        if (ngx_strncmp(reply->str, "NOAUTH", 6) == 0) {
            return "it wants a password";
        }

        return ngx_strncmp(reply->str, "LOADING", 7) == 0
               ? "it is still loading its data" : "it refuses to serve";
    }

    if (reply->type != REDIS_REPLY_STATUS
        || ((redis->step == 0 || redis->step == 3)
            && ngx_strcmp(reply->str, "PONG") != 0))
    {
        return "it is not Redis";
    }

    return NULL;
}
