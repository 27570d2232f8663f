
/*
 * A call as a subrequest in memory of a request without a client.
 *
 * nginx believes that the request has a connection.  Its descriptor is -1 and
 * its events are marked active, so that epoll never gets it; the request is
 * `blocked` until it is freed here, so that no error of the subrequest closes
 * it.  It is freed in an event of its own, when nobody is in its functions.
 */

#include "ngx_http_sio_call.h"
#include "ngx_http_sio_call_headers.h"
#include "ngx_http_sio_effects.h"
#include "ngx_sio_forward.h"


#define NGX_HTTP_SIO_CALL_BUSY  10      /* ms between looks at file I/O */


typedef struct {
    ngx_connection_t             connection;    /* first: events lead to it */
    ngx_sio_call_t              *call;
    ngx_event_t                  read;
    ngx_event_t                  write;
    ngx_event_t                  turn;          /* begins, ends the call */
    ngx_event_t                  timer;
    ngx_log_t                    log;
    ngx_http_log_ctx_t           log_ctx;
    ngx_http_connection_t        hc;
    ngx_http_post_subrequest_t   ps;
    ngx_http_request_t          *request;
    ngx_http_request_t          *subrequest;
    ngx_int_t                    rc;            /* of the subrequest */
    unsigned                     answered:1;
    unsigned                     timedout:1;
} ngx_http_sio_call_t;


static ngx_int_t ngx_http_sio_call_start(ngx_sio_call_t *call);
static void ngx_http_sio_call_connection(ngx_http_sio_call_t *c);
static u_char *ngx_http_sio_call_log(ngx_log_t *log, u_char *buf, size_t len);
static void ngx_http_sio_call_begin(ngx_event_t *ev);
static ngx_int_t ngx_http_sio_call_request(ngx_http_sio_call_t *c);
static ngx_int_t ngx_http_sio_call_body(ngx_http_request_t *r,
    sio_span_t body);
static ngx_int_t ngx_http_sio_call_subrequest(ngx_http_sio_call_t *c);
static ngx_int_t ngx_http_sio_call_done(ngx_http_request_t *r, void *data,
    ngx_int_t rc);
static void ngx_http_sio_call_timeout(ngx_event_t *ev);
static void ngx_http_sio_call_event(ngx_event_t *ev);
static void ngx_http_sio_call_end(ngx_event_t *ev);
static void ngx_http_sio_call_answer(ngx_http_sio_call_t *c,
    ngx_http_sio_call_answer_t *answer);
static const char *ngx_http_sio_call_incomplete(ngx_http_request_t *sr,
    size_t n);
static void ngx_http_sio_call_free(ngx_http_sio_call_t *c);


static const ngx_sio_call_backend_t  ngx_http_sio_call_backend = {
    ngx_http_sio_call_start
};


void
ngx_http_sio_call_register(void)
{
    ngx_sio_call_backend = &ngx_http_sio_call_backend;
}


/* Nothing runs yet: the caller may be in the midst of a client's packets. */

static ngx_int_t
ngx_http_sio_call_start(ngx_sio_call_t *call)
{
    ngx_http_sio_call_t  *c;

    c = ngx_pcalloc(call->pool, sizeof(ngx_http_sio_call_t));
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->call = call;

    ngx_http_sio_call_connection(c);

    c->turn.handler = ngx_http_sio_call_begin;
    c->turn.data = c;
    c->turn.log = ngx_cycle->log;

    ngx_post_event(&c->turn, &ngx_posted_events);

    return NGX_OK;
}


static void
ngx_http_sio_call_connection(ngx_http_sio_call_t *c)
{
    ngx_connection_t         *fc;
    ngx_http_sio_loc_conf_t  *slcf;

    fc = &c->connection;
    slcf = ngx_http_sio_endpoint_conf(c->call->endpoint);

    c->log = *ngx_cycle->log;
    c->log_ctx.connection = fc;
    c->log.data = &c->log_ctx;
    c->log.handler = ngx_http_sio_call_log;
    c->log.action = "calling a service for a socketio client";

    c->hc.conf_ctx = slcf->ctx;

    fc->fd = (ngx_socket_t) -1;
    fc->data = &c->hc;
    fc->read = &c->read;
    fc->write = &c->write;
    fc->log = &c->log;
    fc->pool = c->call->pool;
    fc->log_error = NGX_ERROR_INFO;
    fc->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    fc->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;
    fc->start_time = ngx_current_msec;
    fc->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);

    c->read.data = fc;
    c->read.log = &c->log;
    c->read.active = 1;
    c->read.handler = ngx_http_sio_call_event;

    c->write.data = fc;
    c->write.log = &c->log;
    c->write.write = 1;
    c->write.active = 1;
    c->write.ready = 1;
    c->write.handler = ngx_http_sio_call_event;

    c->timer.data = fc;
    c->timer.log = &c->log;
    c->timer.handler = ngx_http_sio_call_timeout;
}


static u_char *
ngx_http_sio_call_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char              *p;
    ngx_http_request_t  *r;
    ngx_http_log_ctx_t  *ctx;

    p = buf;

    if (log->action) {
        p = ngx_snprintf(p, len, " while %s", log->action);
    }

    ctx = log->data;
    p = ngx_snprintf(p, buf + len - p, ", client: %V",
                     &ctx->connection->addr_text);

    r = ctx->request;

    return r ? r->log_handler(r, ctx->current_request, p, buf + len - p) : p;
}


static void
ngx_http_sio_call_begin(ngx_event_t *ev)
{
    ngx_http_sio_call_t  *c;

    c = ev->data;
    ev->handler = ngx_http_sio_call_end;

    if (ngx_http_sio_call_request(c) != NGX_OK
        || ngx_http_sio_call_subrequest(c) != NGX_OK)
    {
        c->rc = NGX_ERROR;
        c->answered = 1;
        ngx_post_event(&c->turn, &ngx_posted_events);
        return;
    }

    if (c->call->rule->timeout) {
        ngx_add_timer(&c->timer, c->call->rule->timeout);
    }

    ngx_http_run_posted_requests(&c->connection);
}


static ngx_int_t
ngx_http_sio_call_request(ngx_http_sio_call_t *c)
{
    ngx_http_request_t  *r;

    c->connection.buffer = ngx_create_temp_buf(c->call->pool, 1);

    if (c->connection.buffer == NULL
        || ngx_http_sio_call_address(c->call, &c->connection) != NGX_OK)
    {
        return NGX_ERROR;
    }

    r = ngx_http_create_request(&c->connection);
    if (r == NULL) {
        return NGX_ERROR;
    }

    c->request = r;
    c->connection.data = r;

    r->main_filter_need_in_memory = 1;
    r->blocked = 1;
    r->read_event_handler = ngx_http_request_empty_handler;
    r->write_event_handler = ngx_http_request_empty_handler;

    r->method = NGX_HTTP_POST;
    ngx_str_set(&r->method_name, "POST");
    r->http_version = NGX_HTTP_VERSION_11;
    ngx_str_set(&r->http_protocol, "HTTP/1.1");
    r->uri = c->call->rule->uri;
    r->unparsed_uri = r->uri;
    r->valid_location = 1;

    if (ngx_http_sio_call_headers(r, c->call) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sio_call_body(r, c->call->body);
}


static ngx_int_t
ngx_http_sio_call_body(ngx_http_request_t *r, sio_span_t body)
{
    ngx_buf_t                *b;
    ngx_chain_t              *cl;
    ngx_http_request_body_t  *rb;

    b = ngx_calloc_buf(r->pool);
    cl = ngx_alloc_chain_link(r->pool);
    rb = ngx_pcalloc(r->pool, sizeof(ngx_http_request_body_t));

    if (b == NULL || cl == NULL || rb == NULL) {
        return NGX_ERROR;
    }

    b->start = (u_char *) body.p;
    b->pos = b->start;
    b->last = b->start + body.n;
    b->end = b->last;
    b->memory = 1;
    b->last_buf = 1;

    cl->buf = b;
    cl->next = NULL;

    rb->bufs = cl;
    rb->buf = b;

    r->request_body = rb;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_call_subrequest(ngx_http_sio_call_t *c)
{
    u_char              *p;
    ngx_str_t            uri, args;
    ngx_http_request_t  *sr;

    uri = c->call->rule->uri;
    ngx_str_null(&args);

    p = ngx_strlchr(uri.data, uri.data + uri.len, '?');

    if (p) {
        args.data = p + 1;
        args.len = uri.data + uri.len - args.data;
        uri.len = p - uri.data;
    }

    c->ps.handler = ngx_http_sio_call_done;
    c->ps.data = c;

    if (ngx_http_subrequest(c->request, &uri, &args, &sr, &c->ps,
                            NGX_HTTP_SUBREQUEST_IN_MEMORY
                            |NGX_HTTP_SUBREQUEST_WAITED)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    sr->method = NGX_HTTP_POST;
    sr->method_name = c->request->method_name;
    sr->header_only = 0;

    c->subrequest = sr;

    return NGX_OK;
}


/* May be called more than once, and while the call is just being begun. */

static ngx_int_t
ngx_http_sio_call_done(ngx_http_request_t *r, void *data, ngx_int_t rc)
{
    ngx_http_sio_call_t *c = data;

    /* NGX_AGAIN: a thread still reads it from a file */

    if (rc != NGX_OK && rc != NGX_AGAIN && c->rc == NGX_OK) {
        c->rc = rc;
    }

    c->answered = 1;

    if (!c->turn.posted) {
        ngx_post_event(&c->turn, &ngx_posted_events);
    }

    return NGX_OK;
}


static void
ngx_http_sio_call_timeout(ngx_event_t *ev)
{
    ngx_http_sio_call_t  *c;

    c = ev->data;
    c->timedout |= !c->answered;

    if (!c->turn.posted) {
        ngx_post_event(&c->turn, &ngx_posted_events);
    }
}


/* Modules set timers on the client's events, such as for limit_req. */

static void
ngx_http_sio_call_event(ngx_event_t *ev)
{
    ngx_connection_t    *fc;
    ngx_http_request_t  *r;

    fc = ev->data;
    r = fc->data;

    if (ev->delayed && ev->timedout) {
        ev->delayed = 0;
        ev->timedout = 0;
    }

    if (ev->write) {
        r->write_event_handler(r);

    } else {
        r->read_event_handler(r);
    }

    ngx_http_run_posted_requests(fc);
}


static void
ngx_http_sio_call_end(ngx_event_t *ev)
{
    ngx_sio_call_t              *call;
    ngx_http_sio_call_t         *c;
    ngx_http_sio_call_answer_t   answer;

    c = ev->data;

    /* a subrequest that still has something to do says so again */

    if (!c->timedout && c->subrequest && !c->subrequest->done
        && !c->connection.error)
    {
        return;
    }

    /* threads and aio write to the request's memory: they come first */

    if (c->request && c->request->blocked > 1) {
        ngx_add_timer(&c->timer, NGX_HTTP_SIO_CALL_BUSY);
        return;
    }

    call = c->call;

    ngx_http_sio_call_answer(c, &answer);
    call->status = answer.status;
    ngx_http_sio_effects(call, &answer);
    ngx_http_sio_call_free(c);

    ngx_sio_forward_end(call);
}


static void
ngx_http_sio_call_answer(ngx_http_sio_call_t *c,
    ngx_http_sio_call_answer_t *answer)
{
    ngx_buf_t           *b;
    ngx_http_request_t  *sr;

    ngx_memzero(answer, sizeof(ngx_http_sio_call_answer_t));

    sr = c->subrequest;
    answer->request = c->request;

    if (!c->answered || c->timedout) {
        answer->timedout = 1;
        answer->failure = "no answer in time";
        return;
    }

    answer->status = c->rc >= NGX_HTTP_OK ? (ngx_uint_t) c->rc
                     : sr ? sr->headers_out.status : 0;

    if (answer->status == NGX_HTTP_GATEWAY_TIME_OUT) {
        answer->timedout = 1;
    }

    if (sr == NULL || answer->status == 0
        || (c->rc != NGX_OK && c->rc < NGX_HTTP_OK))
    {
        answer->failure = "no answer";
        return;
    }

    b = sr->out ? sr->out->buf : NULL;

    if (b) {
        answer->body.p = b->pos;
        answer->body.n = b->last - b->pos;
    }

    answer->failure = ngx_http_sio_call_incomplete(sr, answer->body.n);
}


/* nginx has an answer that was cut look like one that was not. */

static const char *
ngx_http_sio_call_incomplete(ngx_http_request_t *sr, size_t n)
{
    ngx_event_pipe_t     *p;
    ngx_http_upstream_t  *u;

    u = sr->upstream;

    if (u == NULL || sr->headers_out.status == NGX_HTTP_NO_CONTENT) {
        return NULL;
    }

    p = u->pipe;

    if ((p && p->downstream_error)
        || (sr->out == NULL && sr->headers_out.content_length_n > 0))
    {
        return "the answer is larger than subrequest_output_buffer_size";
    }

#if (NGX_HTTP_CACHE)

    if (sr->cached) {
        return NULL;
    }

#endif

    if (sr->headers_out.content_length_n > (off_t) n
        || (p && u->buffering && (p->upstream_error || p->length > 0))
        || (!u->buffering && u->length > 0))
    {
        return "the answer was broken off";
    }

    return NULL;
}


/* What the subrequest still has in hand is cancelled by its cleanups. */

static void
ngx_http_sio_call_free(ngx_http_sio_call_t *c)
{
    ngx_http_cleanup_t  *cln;
    ngx_http_request_t  *r;

    if (c->timer.timer_set) {
        ngx_del_timer(&c->timer);
    }

    if (c->turn.posted) {
        ngx_delete_posted_event(&c->turn);
    }

    r = c->request;

    if (r == NULL) {
        return;
    }

    /* not the last reference: none of these is to free the request */

    r->count += 2;

    while (r->cleanup) {
        cln = r->cleanup;
        r->cleanup = cln->next;

        if (cln->handler) {
            cln->handler(cln->data);
        }
    }

    if (c->turn.posted) {
        ngx_delete_posted_event(&c->turn);
    }

    if (c->read.timer_set) {
        ngx_del_timer(&c->read);
    }

    if (c->write.timer_set) {
        ngx_del_timer(&c->write);
    }

    if (c->read.posted) {
        ngx_delete_posted_event(&c->read);
    }

    if (c->write.posted) {
        ngx_delete_posted_event(&c->write);
    }

    c->connection.timedout = 0;
    r->blocked = 0;
    r->logged = 1;

    ngx_http_free_request(r, 0);
}
