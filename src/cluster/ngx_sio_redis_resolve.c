
/*
 * The addresses of a Redis that is configured by name, where http has a
 * resolver: looked up before each connection, so that a server that has moved
 * is found again.  Called by ngx_sio_redis.c alone; never blocks.
 */

#include "ngx_sio_redis_internal.h"


static void ngx_sio_redis_resolved(ngx_resolver_ctx_t *ctx);


void
ngx_sio_redis_resolve(ngx_sio_redis_t *redis)
{
    ngx_resolver_ctx_t          *ctx;
    const ngx_sio_redis_conf_t  *conf;

    conf = redis->conf;

    ctx = ngx_resolve_start(conf->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_sio_redis_fail(redis, "no memory to look its name up");
        return;
    }

    ctx->name = conf->host;
    ctx->handler = ngx_sio_redis_resolved;
    ctx->data = redis;
    ctx->timeout = ngx_min(conf->resolver_timeout, NGX_SIO_REDIS_TIMEOUT);
    ctx->cancelable = 1;

    redis->resolving = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        redis->resolving = NULL;
        ngx_sio_redis_fail(redis, "cannot look its name up");
    }
}


void
ngx_sio_redis_resolve_stop(ngx_sio_redis_t *redis)
{
    if (redis->resolving) {
        ngx_resolve_name_done(redis->resolving);
        redis->resolving = NULL;
    }
}


static void
ngx_sio_redis_resolved(ngx_resolver_ctx_t *ctx)
{
    socklen_t             socklen;
    ngx_int_t             state;
    ngx_sockaddr_t        sockaddr;
    ngx_sio_redis_t      *redis;
    ngx_resolver_addr_t  *addr;

    redis = ctx->data;
    state = ctx->state;
    socklen = 0;

    if (state == NGX_OK && ctx->naddrs) {
        addr = &ctx->addrs[redis->address++ % ctx->naddrs];
        socklen = addr->socklen;
        ngx_memcpy(&sockaddr, addr->sockaddr, socklen);
        ngx_inet_set_port(&sockaddr.sockaddr, redis->conf->port);
    }

    /* the addresses are the resolver's until here */

    ngx_sio_redis_resolve_stop(redis);

    if (socklen) {
        ngx_sio_redis_dial(redis, &sockaddr.sockaddr, socklen);

    } else {
        ngx_sio_redis_fail(redis, ngx_resolver_strerror(state));
    }
}
