
/*
 * Connects, reads, and comes back after a failure, each time a little later.
 * Knows nothing of what the commands are for.
 */

#include "ngx_sio_redis_internal.h"


#define NGX_SIO_REDIS_FIRST     100         /* ms, until the first new try */
#define NGX_SIO_REDIS_LAST      5000        /* ms, between later ones */
#define NGX_SIO_REDIS_STABLE    3000        /* ms: then all is forgotten */
#define NGX_SIO_REDIS_FEED      4096        /* bytes for hiredis at a time */
#define NGX_SIO_REDIS_IN        (64 * 1024 * 1024)  /* bytes of one reply */
#define NGX_SIO_REDIS_READS     8           /* in one turn of the event loop */


static void ngx_sio_redis_connect(ngx_sio_redis_t *redis);
static void ngx_sio_redis_write_handler(ngx_event_t *ev);
static void ngx_sio_redis_read_handler(ngx_event_t *ev);
static const char *ngx_sio_redis_end(const ngx_sio_redis_t *redis, ssize_t n);
static ngx_int_t ngx_sio_redis_feed(ngx_sio_redis_t *redis, u_char *p,
    size_t n);
static ngx_int_t ngx_sio_redis_replies(ngx_sio_redis_t *redis);
static void ngx_sio_redis_reply(ngx_sio_redis_t *redis, redisReply *reply);
static void ngx_sio_redis_shut(ngx_sio_redis_t *redis);
static void ngx_sio_redis_timer_handler(ngx_event_t *ev);


void
ngx_sio_redis_init(ngx_sio_redis_t *redis)
{
    redis->dummy.fd = (ngx_socket_t) -1;
    redis->backoff = NGX_SIO_REDIS_FIRST;
    redis->timer.handler = ngx_sio_redis_timer_handler;
    redis->timer.data = redis;
    redis->timer.log = ngx_cycle->log;
    redis->timer.cancelable = 1;
}


void
ngx_sio_redis_open(ngx_sio_redis_t *redis)
{
    if (redis->state == NGX_SIO_REDIS_IDLE) {
        ngx_sio_redis_connect(redis);
    }
}


ngx_uint_t
ngx_sio_redis_usable(const ngx_sio_redis_t *redis)
{
    return redis->broken == NULL
           && (redis->state == NGX_SIO_REDIS_READY
               || redis->state == NGX_SIO_REDIS_CONNECTING);
}


static void
ngx_sio_redis_connect(ngx_sio_redis_t *redis)
{
    ngx_addr_t                  *addr;
    const ngx_sio_redis_conf_t  *conf;

    conf = redis->conf;

    redis->state = NGX_SIO_REDIS_CONNECTING;
    redis->step = 0;

    if (conf->resolver) {
        ngx_sio_redis_resolve(redis);
        return;
    }

    addr = &conf->addrs[redis->address++ % conf->naddrs];
    ngx_sio_redis_dial(redis, addr->sockaddr, addr->socklen);
}


void
ngx_sio_redis_dial(ngx_sio_redis_t *redis, struct sockaddr *sockaddr,
    socklen_t socklen)
{
    ngx_int_t              rc;
    ngx_peer_connection_t  pc;

    ngx_memzero(&pc, sizeof(ngx_peer_connection_t));

    pc.sockaddr = sockaddr;
    pc.socklen = socklen;
    pc.name = (ngx_str_t *) &redis->conf->name;
    pc.get = ngx_event_get_peer;
    pc.log = ngx_cycle->log;
    pc.log_error = NGX_ERROR_INFO;

    redis->reader = ngx_sio_redis_reply_reader(&redis->replies);
    if (redis->reader == NULL) {
        ngx_sio_redis_fail(redis, "no memory");
        return;
    }

    rc = ngx_event_connect_peer(&pc);

    if (rc != NGX_OK && rc != NGX_AGAIN) {

        if (pc.connection) {
            ngx_close_connection(pc.connection);
        }

        ngx_sio_redis_fail(redis, "cannot connect");
        return;
    }

    redis->c = pc.connection;
    redis->c->data = redis;
    redis->c->log = ngx_cycle->log;
    redis->c->read->log = ngx_cycle->log;
    redis->c->write->log = ngx_cycle->log;

    ngx_add_timer(&redis->timer, NGX_SIO_REDIS_TIMEOUT);

    if (redis->conf->ssl) {
        ngx_sio_redis_tls_begin(redis);

    } else {
        ngx_sio_redis_connected(redis);
    }
}


/* Until a connection is made its write event is not ready. */

void
ngx_sio_redis_connected(ngx_sio_redis_t *redis)
{
    redis->c->read->handler = ngx_sio_redis_read_handler;
    redis->c->write->handler = ngx_sio_redis_write_handler;

    ngx_sio_redis_greet(redis);

    if (redis->c) {
        ngx_sio_redis_flush(redis);
    }
}


void
ngx_sio_redis_ready(ngx_sio_redis_t *redis)
{
    redis->state = NGX_SIO_REDIS_READY;
    redis->since = ngx_current_msec;

    if (redis->nwaits) {
        ngx_add_timer(&redis->timer, NGX_SIO_REDIS_TIMEOUT);

    } else if (redis->timer.timer_set) {
        ngx_del_timer(&redis->timer);
    }

    if (redis->message == NULL) {
        ngx_sio_redis_back(redis);
    }

    /* what was published meanwhile waits in the buffer */

    ngx_sio_redis_flush(redis);

    if (redis->c && redis->changed) {
        redis->changed(redis);
    }
}


static void
ngx_sio_redis_write_handler(ngx_event_t *ev)
{
    ngx_connection_t  *c;
    ngx_sio_redis_t   *redis;

    c = ev->data;
    redis = c->data;

    ngx_sio_redis_flush(redis);
}


static void
ngx_sio_redis_read_handler(ngx_event_t *ev)
{
    ssize_t            n;
    ngx_uint_t         i;
    ngx_connection_t  *c;
    ngx_sio_redis_t   *redis;

    static u_char  buffer[65536];

    c = ev->data;
    redis = c->data;

    if (c->close) {
        ngx_sio_redis_close(redis);
        return;
    }

    if (redis->paused) {

        if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
            ngx_sio_redis_fail(redis, "cannot wait for it");
        }

        return;
    }

    /* what was read before a pause comes first */

    if (redis->reader->len && ngx_sio_redis_replies(redis) != NGX_OK) {
        return;
    }

    for (i = 0; i < NGX_SIO_REDIS_READS; i++) {
        n = c->recv(c, buffer, sizeof(buffer));

        if (n == NGX_AGAIN) {

            if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
                ngx_sio_redis_fail(redis, "cannot wait for it");
            }

            return;
        }

        if (n <= 0) {
            ngx_sio_redis_fail(redis, ngx_sio_redis_end(redis, n));
            return;
        }

        if (ngx_sio_redis_feed(redis, buffer, n) != NGX_OK) {
            return;
        }
    }

    ngx_post_event(ev, &ngx_posted_next_events);
}


/* Since TLS 1.3 a server judges of a client when that has written already. */

static const char *
ngx_sio_redis_end(const ngx_sio_redis_t *redis, ssize_t n)
{
    if (redis->conf->ssl && redis->state == NGX_SIO_REDIS_CONNECTING
        && redis->step == 0)
    {
        return "it ends the connection behind the TLS handshake, maybe it "
               "wants a certificate: it needs \"tls-auth-clients no\"";
    }

    return n == 0 ? "it closed the connection" : "the connection broke";
}


/*
 * Returns NGX_DONE when the connection was closed meanwhile, or is paused.
 * hiredis moves all that is left in its buffer with each kilobyte that it has
 * read of it, so that it gets a little at a time; in a pause it keeps the rest.
 */

static ngx_int_t
ngx_sio_redis_feed(ngx_sio_redis_t *redis, u_char *p, size_t n)
{
    size_t             size;
    ngx_connection_t  *c;

    c = redis->c;

    while (n) {
        size = redis->paused ? n : ngx_min(n, NGX_SIO_REDIS_FEED);

        if (redisReaderFeed(redis->reader, (char *) p, size) != REDIS_OK
            || redis->reader->len > NGX_SIO_REDIS_IN)
        {
            ngx_sio_redis_fail(redis, "its reply is too large");
            return NGX_DONE;
        }

        p += size;
        n -= size;

        if (!redis->paused && ngx_sio_redis_replies(redis) != NGX_OK
            && redis->c != c)
        {
            return NGX_DONE;
        }
    }

    return redis->paused ? NGX_DONE : NGX_OK;
}


/* Returns NGX_DONE as above. */

static ngx_int_t
ngx_sio_redis_replies(ngx_sio_redis_t *redis)
{
    void              *reply;
    ngx_connection_t  *c;

    c = redis->c;

    for ( ;; ) {

        if (redisReaderGetReply(redis->reader, &reply) != REDIS_OK) {
            ngx_sio_redis_fail(redis, "it is not Redis");
            return NGX_DONE;
        }

        if (reply == NULL) {
            return NGX_OK;
        }

        redis->taking = 1;
        ngx_sio_redis_reply(redis, reply);
        redis->taking = 0;

        ngx_sio_redis_reply_reset(&redis->replies);

        if (redis->c != c || redis->paused) {
            return NGX_DONE;
        }
    }
}


void
ngx_sio_redis_pause(ngx_sio_redis_t *redis)
{
    redis->paused = redis->state == NGX_SIO_REDIS_READY;
}


void
ngx_sio_redis_resume(ngx_sio_redis_t *redis)
{
    if (redis->paused) {
        redis->paused = 0;
        ngx_post_event(redis->c->read, &ngx_posted_next_events);
    }
}


static void
ngx_sio_redis_reply(ngx_sio_redis_t *redis, redisReply *reply)
{
    ngx_sio_redis_wait_t  wait;

    if (redis->state == NGX_SIO_REDIS_CONNECTING) {
        ngx_sio_redis_greeted(redis, reply);
        return;
    }

    if (redis->message) {
        redis->message(redis, reply, redis->data);
        return;
    }

    if (redis->nwaits == 0) {
        ngx_sio_redis_fail(redis, "it says what it was not asked");
        return;
    }

    wait = redis->waits[redis->first];
    redis->first = (redis->first + 1) % redis->size;

    if (--redis->nwaits) {
        ngx_add_timer(&redis->timer, NGX_SIO_REDIS_TIMEOUT);

    } else if (redis->timer.timer_set) {
        ngx_del_timer(&redis->timer);
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_sio_stat(redis->conf->zone, cluster_lost, 1);

        ngx_sio_redis_log_refused(redis, reply->str);
    }

    if (wait.handler) {
        wait.handler(redis, reply, wait.data);
    }
}


void
ngx_sio_redis_fail(ngx_sio_redis_t *redis, const char *why)
{
    ngx_msec_t             pause;
    ngx_sio_redis_state_t  state;

    state = redis->state;

    if (state == NGX_SIO_REDIS_READY
        && ngx_current_msec - redis->since > NGX_SIO_REDIS_STABLE)
    {
        redis->backoff = NGX_SIO_REDIS_FIRST;
    }

    /* half of it is chance, so that nodes do not come back all at once */

    pause = redis->backoff / 2
            + (ngx_msec_t) ngx_random() % (redis->backoff / 2 + 1);
    redis->backoff = ngx_min(redis->backoff * 2, NGX_SIO_REDIS_LAST);

    ngx_sio_stat(redis->conf->zone, cluster_failures, 1);

    ngx_sio_redis_log_lost(redis, why);

    ngx_sio_redis_shut(redis);

    redis->state = NGX_SIO_REDIS_WAITING;
    ngx_add_timer(&redis->timer, pause);

    if (state == NGX_SIO_REDIS_READY && redis->changed) {
        redis->changed(redis);
    }
}


void
ngx_sio_redis_close(ngx_sio_redis_t *redis)
{
    if (redis->state == NGX_SIO_REDIS_READY) {
        (void) ngx_sio_redis_write(redis);
    }

    ngx_sio_redis_shut(redis);

    if (redis->timer.timer_set) {
        ngx_del_timer(&redis->timer);
    }

    ngx_sio_redis_buf_free(&redis->hello);

    if (redis->waits) {
        ngx_free(redis->waits);
        redis->waits = NULL;
        redis->size = 0;
    }

    redis->state = NGX_SIO_REDIS_IDLE;
}


static void
ngx_sio_redis_shut(ngx_sio_redis_t *redis)
{
    ngx_uint_t            n;
    ngx_sio_redis_wait_t  wait;

    redis->state = NGX_SIO_REDIS_IDLE;
    redis->paused = 0;
    redis->broken = NULL;

    ngx_sio_redis_resolve_stop(redis);

    if (redis->c) {
        ngx_sio_redis_tls_end(redis->c);
        ngx_close_connection(redis->c);
        redis->c = NULL;
    }

    if (redis->reader) {
        redisReaderFree(redis->reader);
        redis->reader = NULL;
    }

    if (!redis->taking) {
        ngx_sio_redis_reply_reset(&redis->replies);
    }

    redis->hello.at = 0;
    redis->hello.n = 0;

    ngx_sio_redis_buf_free(&redis->out);

    for (n = redis->nwaits; n; n--) {
        wait = redis->waits[redis->first];
        redis->first = (redis->first + 1) % redis->size;
        redis->nwaits--;
        ngx_sio_stat(redis->conf->zone, cluster_lost, 1);

        if (wait.handler) {
            wait.handler(redis, NULL, wait.data);
        }
    }
}


static void
ngx_sio_redis_timer_handler(ngx_event_t *ev)
{
    ngx_sio_redis_t  *redis;

    redis = ev->data;

    if (redis->state == NGX_SIO_REDIS_WAITING) {
        ngx_sio_redis_connect(redis);
        return;
    }

    ngx_sio_redis_fail(redis, "it does not answer in time");
}
