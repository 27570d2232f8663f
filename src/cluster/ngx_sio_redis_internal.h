
/*
 * What the files of a connection to Redis share.
 */

#ifndef _NGX_SIO_REDIS_INTERNAL_H_INCLUDED_
#define _NGX_SIO_REDIS_INTERNAL_H_INCLUDED_


#include "ngx_sio_redis.h"


#define NGX_SIO_REDIS_TIMEOUT   5000        /* ms, to greet or to reply */


/* Begins or continues the greeting; takes its next answer. */
void ngx_sio_redis_greet(ngx_sio_redis_t *redis);
void ngx_sio_redis_greeted(ngx_sio_redis_t *redis, redisReply *reply);

/*
 * Looks the server's name up; ngx_sio_redis_dial() or ngx_sio_redis_fail() is
 * called then, maybe before this returns.
 */
void ngx_sio_redis_resolve(ngx_sio_redis_t *redis);

/* Gives up a lookup that is under way. */
void ngx_sio_redis_resolve_stop(ngx_sio_redis_t *redis);

/* Connects to an address, which is copied. */
void ngx_sio_redis_dial(ngx_sio_redis_t *redis, struct sockaddr *sockaddr,
    socklen_t socklen);

/*
 * Begins TLS on a connection that is made or being made; then
 * ngx_sio_redis_connected() or ngx_sio_redis_fail() is called, maybe before
 * this returns.
 */
void ngx_sio_redis_tls_begin(ngx_sio_redis_t *redis);

/* Ends TLS, if there is any, and frees what it had; never waits. */
void ngx_sio_redis_tls_end(ngx_connection_t *c);

/* The connection can be used, by TLS or without: the greeting begins. */
void ngx_sio_redis_connected(ngx_sio_redis_t *redis);

/* The greeting is over: commands that wait are written. */
void ngx_sio_redis_ready(ngx_sio_redis_t *redis);

/*
 * Writes what can be written now to a connection that there is.  Returns why it
 * failed, or NULL; closes nothing.
 */
const char *ngx_sio_redis_write(ngx_sio_redis_t *redis);

/* The same, but a failure ends in ngx_sio_redis_fail(). */
void ngx_sio_redis_flush(ngx_sio_redis_t *redis);

/*
 * Appends a command to a buffer.  NGX_OK, or NGX_DECLINED when that would be
 * more than NGX_SIO_REDIS_OUT bytes.
 */
ngx_int_t ngx_sio_redis_put(ngx_sio_redis_buf_t *buf, ngx_uint_t argc,
    const sio_span_t *argv);

/* A reader of replies into a block, or NULL without memory. */
redisReader *ngx_sio_redis_reply_reader(ngx_sio_redis_replies_t *replies);

/* Frees what the reader has made. */
void ngx_sio_redis_reply_reset(ngx_sio_redis_replies_t *replies);

/* Tell the log that Redis is lost, or refuses a command, if it is news. */
void ngx_sio_redis_log_lost(ngx_sio_redis_t *redis, const char *why);
void ngx_sio_redis_log_refused(ngx_sio_redis_t *redis, const char *why);


#endif /* _NGX_SIO_REDIS_INTERNAL_H_INCLUDED_ */
