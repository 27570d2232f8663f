
/*
 * One connection to Redis in nginx's event loop.
 *
 * hiredis writes commands and reads replies; connecting, waiting and closing
 * are nginx's, since hiredis' own asynchronous API resolves names blocking, has
 * no timeouts in 0.14 and ends the process when a server says something that it
 * was not asked.
 */

#ifndef _NGX_SIO_REDIS_H_INCLUDED_
#define _NGX_SIO_REDIS_H_INCLUDED_


#include "ngx_sio_redis_buf.h"
#include "ngx_sio_redis_conf.h"

#include <ngx_event_connect.h>
#include <hiredis/hiredis.h>


#define NGX_SIO_REDIS_ARGS  4       /* words of a command */
#define NGX_SIO_REDIS_OUT  (16 * 1024 * 1024)   /* bytes that may wait */


typedef enum {
    NGX_SIO_REDIS_IDLE = 0,
    NGX_SIO_REDIS_CONNECTING,           /* or greeting */
    NGX_SIO_REDIS_READY,
    NGX_SIO_REDIS_WAITING               /* for the next try */
} ngx_sio_redis_state_t;

typedef struct ngx_sio_redis_s  ngx_sio_redis_t;

/*
 * Takes a reply, which is gone when this returns; NULL when the connection was
 * lost before it came.
 */
typedef void (*ngx_sio_redis_reply_pt)(ngx_sio_redis_t *redis,
    redisReply *reply, void *data);

/* Called when the connection is ready, and when a ready one is lost. */
typedef void (*ngx_sio_redis_change_pt)(ngx_sio_redis_t *redis);

typedef struct {
    ngx_sio_redis_reply_pt   handler;   /* NULL: only errors matter */
    void                    *data;
} ngx_sio_redis_wait_t;


/* What the log was told of last, so that it is not told too often. */
typedef struct {
    time_t                   time;      /* 0: nothing */
    uint32_t                 text;      /* its hash */
} ngx_sio_redis_told_t;


/* The objects of the reply that is being read or taken, see redis_reply.c. */
#define NGX_SIO_REDIS_BLOCK  512            /* words */

typedef struct ngx_sio_redis_large_s  ngx_sio_redis_large_t;

typedef struct {
    ngx_sio_redis_large_t   *large;     /* what did not fit */
    size_t                   used;      /* words of the block */
    uint64_t                 block[NGX_SIO_REDIS_BLOCK];
} ngx_sio_redis_replies_t;


struct ngx_sio_redis_s {
    ngx_connection_t             dummy;     /* first: for debug logs */
    const ngx_sio_redis_conf_t  *conf;
    const char                  *role;  /* for logs */
    ngx_sio_redis_change_pt      changed;
    ngx_sio_redis_reply_pt       message;   /* of who subscribes, or NULL */
    void                        *data;

    ngx_sio_redis_state_t        state;
    ngx_connection_t            *c;
    redisReader                 *reader;
    const char                  *broken;    /* why a write failed: it is to
                                               be closed in this turn */
    ngx_uint_t                   taking;    /* a reply */
    ngx_uint_t                   paused;    /* takes no messages */
    ngx_uint_t                   step;      /* of the greeting */
    ngx_uint_t                   address;   /* that is tried next */
    ngx_resolver_ctx_t          *resolving; /* its name, under way */
    ngx_event_t                  timer;
    ngx_msec_t                   backoff;
    ngx_msec_t                   since;     /* when it became ready */
    ngx_sio_redis_told_t         lost;
    ngx_sio_redis_told_t         refused;   /* commands, by Redis */

    ngx_sio_redis_buf_t          hello;     /* what is to be written: the */
    ngx_sio_redis_buf_t          out;       /* greeting, then the rest */
    ngx_sio_redis_wait_t        *waits;     /* a ring of replies to come */
    ngx_uint_t                   first;
    ngx_uint_t                   nwaits;
    ngx_uint_t                   size;
    ngx_sio_redis_replies_t      replies;
};


/* Prepares a connection that is zero but for conf, role, handlers, data. */
void ngx_sio_redis_init(ngx_sio_redis_t *redis);

/* Connects if that is not under way; it then keeps itself connected. */
void ngx_sio_redis_open(ngx_sio_redis_t *redis);

/* Closes for good; replies that are awaited come as NULL. */
void ngx_sio_redis_close(ngx_sio_redis_t *redis);

/* Closes and tries again later; why is for the log. */
void ngx_sio_redis_fail(ngx_sio_redis_t *redis, const char *why);

/*
 * Tells the log that what was lost is back; for who subscribes, when that has
 * been confirmed.
 */
void ngx_sio_redis_back(ngx_sio_redis_t *redis);

/*
 * Queues a command of at most NGX_SIO_REDIS_ARGS words.  Returns NGX_OK, or
 * NGX_DECLINED when the connection is away, or too much waits.  Nothing is
 * written before the server has proved to be Redis.  Calls no handler: that the
 * connection breaks is told later in this turn of the event loop.
 */
ngx_int_t ngx_sio_redis_command(ngx_sio_redis_t *redis, ngx_uint_t argc,
    const sio_span_t *argv, const ngx_sio_redis_wait_t *wait);

/*
 * Takes no more messages, after the one that is being taken, until it is told
 * to go on; harmless where that is so already, and when it is not connected.
 */
void ngx_sio_redis_pause(ngx_sio_redis_t *redis);
void ngx_sio_redis_resume(ngx_sio_redis_t *redis);

/* Whether a command would be taken. */
ngx_uint_t ngx_sio_redis_usable(const ngx_sio_redis_t *redis);


#endif /* _NGX_SIO_REDIS_H_INCLUDED_ */
