
/*
 * The content handler of the server API: what is refused at once, the body, and
 * the run of the operation.  Operations know nothing of HTTP but the query
 * string; nothing here knows what they do.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_http_sio_api_guard.h"


#define NGX_HTTP_SIO_API_KEEP  5000     /* ms between two slices, at most */


/* A request's operation, its answer, and its place in the event loop. */
typedef struct {
    ngx_http_sio_api_op_t     op;
    ngx_http_sio_api_out_t    out;
    ngx_event_t               event;
    unsigned                  suspended:1;
} ngx_http_sio_api_ctx_t;


static ngx_http_sio_api_ctx_t *ngx_http_sio_api_create_ctx(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_sio_api_accept(ngx_http_sio_api_ctx_t *ctx);
static void ngx_http_sio_api_name(ngx_http_request_t *r, ngx_str_t *name);
static void ngx_http_sio_api_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_sio_api_body_read(ngx_http_request_t *r,
    sio_span_t *body);
static void ngx_http_sio_api_run(ngx_http_sio_api_ctx_t *ctx, ngx_int_t rc);
static ngx_int_t ngx_http_sio_api_suspend(ngx_http_sio_api_ctx_t *ctx);
static void ngx_http_sio_api_resume(ngx_event_t *ev);
static void ngx_http_sio_api_listen(ngx_http_request_t *r);
static void ngx_http_sio_api_cleanup(void *data);
static ngx_int_t ngx_http_sio_api_send(ngx_http_sio_api_ctx_t *ctx,
    ngx_int_t rc);
static ngx_int_t ngx_http_sio_api_send_more(ngx_http_sio_api_ctx_t *ctx);


ngx_int_t
ngx_http_sio_api_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc, accepted;
    ngx_http_sio_api_ctx_t  *ctx;

    ctx = ngx_http_sio_api_create_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    accepted = ngx_http_sio_api_accept(ctx);

    if (accepted == NGX_OK && r->method == NGX_HTTP_POST) {
        r->request_body_in_single_buf = 1;

        rc = ngx_http_read_client_request_body(r,
                                               ngx_http_sio_api_body_handler);

        return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (accepted != NGX_OK) {
        return ngx_http_sio_api_send(ctx, accepted);
    }

    r->main->count++;
    ngx_http_sio_api_run(ctx, ctx->op.operation->begin(&ctx->op));

    return NGX_DONE;
}


static ngx_http_sio_api_ctx_t *
ngx_http_sio_api_create_ctx(ngx_http_request_t *r)
{
    ngx_http_sio_api_ctx_t       *ctx;
    ngx_http_sio_api_loc_conf_t  *alcf;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_sio_api_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    alcf = ngx_http_get_module_loc_conf(r, ngx_socketio_api_module);

    ctx->out.pool = r->pool;
    ctx->op.request = r;
    ctx->op.pool = r->pool;
    ctx->op.zone = alcf->zone;
    ctx->op.out = &ctx->out;

    ngx_http_set_ctx(r, ctx, ngx_socketio_api_module);

    return ctx;
}


/* All that is decided before the body is read. */

static ngx_int_t
ngx_http_sio_api_accept(ngx_http_sio_api_ctx_t *ctx)
{
    ngx_str_t               name;
    ngx_uint_t              method;
    ngx_http_request_t     *r;
    ngx_http_sio_api_op_t  *op;

    op = &ctx->op;
    r = op->request;

    if (!ngx_http_sio_api_guard_origin(r)) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_FORBIDDEN,
                                     "not for browsers", "");
    }

    ngx_http_sio_api_name(r, &name);
    op->operation = ngx_http_sio_api_operation(&name);

    if (op->operation == NULL) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_UNKNOWN_OPERATION,
                                     "unknown operation", "");
    }

    method = r->method == NGX_HTTP_HEAD ? NGX_HTTP_GET : r->method;

    if (method != op->operation->method) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_METHOD,
                                     "method not allowed", "");
    }

    if (method == NGX_HTTP_POST && !ngx_http_sio_api_guard_type(r)) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MEDIA_TYPE,
                                     "must be application/json or "
                                     "application/x-ndjson", "");
    }

    if (op->operation->begin == NULL) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_NOT_IMPLEMENTED,
                                     "not implemented", "");
    }

    return NGX_OK;
}


/* What follows a prefix location, the last part of the path elsewhere. */

static void
ngx_http_sio_api_name(ngx_http_request_t *r, ngx_str_t *name)
{
    u_char                    *p, *end;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    p = r->uri.data;
    end = p + r->uri.len;

    if (!clcf->noname && !clcf->named && !clcf->exact_match
#if (NGX_PCRE)
        && clcf->regex == NULL
#endif
        && r->uri.len >= clcf->name.len
        && ngx_strncmp(p, clcf->name.data, clcf->name.len) == 0)
    {
        p += clcf->name.len;

        if (p < end && *p == '/') {
            p++;
        }

    } else {
        for (p = end; p > r->uri.data && p[-1] != '/'; p--) {
            /* void */
        }
    }

    name->data = p;
    name->len = end - p;
}


static void
ngx_http_sio_api_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_sio_api_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_socketio_api_module);

    rc = ngx_http_sio_api_body_read(r, &ctx->op.body);

    if (rc == NGX_OK) {
        rc = ctx->op.operation->begin(&ctx->op);
    }

    ngx_http_sio_api_run(ctx, rc);
}


static ngx_int_t
ngx_http_sio_api_body_read(ngx_http_request_t *r, sio_span_t *body)
{
    u_char       *p;
    size_t        size;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_OK;
    }

    cl = r->request_body->bufs;

    if (cl->next == NULL && ngx_buf_in_memory(cl->buf)) {
        body->p = cl->buf->pos;
        body->n = cl->buf->last - cl->buf->pos;
        return NGX_OK;
    }

    for (size = 0; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    p = ngx_pnalloc(r->pool, size + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->p = p;
    body->n = size;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;
        size = ngx_buf_size(b);

        if (size == 0) {
            continue;
        }

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, size);
            continue;
        }

        n = ngx_read_file(b->file, p, size, b->file_pos);

        if (n != (ssize_t) size) {
            return NGX_ERROR;
        }

        p += size;
    }

    return NGX_OK;
}


/* The caller has a count of the request, which is given back at the end. */

static void
ngx_http_sio_api_run(ngx_http_sio_api_ctx_t *ctx, ngx_int_t rc)
{
    ngx_http_request_t  *r;

    r = ctx->op.request;

    if (rc == NGX_AGAIN) {

        if (ngx_http_sio_api_suspend(ctx) == NGX_OK) {
            return;
        }

        rc = NGX_ERROR;
    }

    if (ctx->suspended) {
        ngx_http_sio_api_cleanup(ctx);
    }

    ngx_http_finalize_request(r, ngx_http_sio_api_send(ctx, rc));
}


/*
 * The next slice follows in the next turn of the loop.  The timer keeps a
 * worker that is told to quit alive for it.
 */

static ngx_int_t
ngx_http_sio_api_suspend(ngx_http_sio_api_ctx_t *ctx)
{
    ngx_http_request_t  *r;
    ngx_pool_cleanup_t  *cln;

    r = ctx->op.request;

    if (!ctx->suspended) {
        cln = ngx_pool_cleanup_add(r->pool, 0);
        if (cln == NULL) {
            return NGX_ERROR;
        }

        cln->handler = ngx_http_sio_api_cleanup;
        cln->data = ctx;

        ctx->event.handler = ngx_http_sio_api_resume;
        ctx->event.data = ctx;
        ctx->event.log = r->connection->log;
        ctx->suspended = 1;
    }

    if (ctx->op.wait == 0) {
        ngx_post_event(&ctx->event, &ngx_posted_next_events);
        ngx_add_timer(&ctx->event, NGX_HTTP_SIO_API_KEEP);
        return NGX_OK;
    }

    /* a timer that is set already would be kept if it is not much later */

    if (ctx->event.timer_set) {
        ngx_del_timer(&ctx->event);
    }

    ngx_add_timer(&ctx->event, ctx->op.wait);

    if (r == r->main && r->read_event_handler != ngx_http_test_reading) {
        ngx_http_sio_api_listen(r);
    }

    return NGX_OK;
}


/* From now on a client that goes away ends the request. */

static void
ngx_http_sio_api_listen(ngx_http_request_t *r)
{
    ngx_event_t  *rev;

    rev = r->connection->read;
    r->read_event_handler = ngx_http_test_reading;

    /* he may have gone before, which is not told twice */

    if (rev->ready && !rev->posted) {
        ngx_post_event(rev, &ngx_posted_events);
    }
}


void
ngx_http_sio_api_wake(ngx_http_sio_api_op_t *op)
{
    ngx_http_sio_api_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(op->request, ngx_socketio_api_module);

    /* who has not waited yet is in its first step, which looks by itself */

    if (ctx->suspended) {
        ngx_post_event(&ctx->event, &ngx_posted_events);
    }
}


static void
ngx_http_sio_api_resume(ngx_event_t *ev)
{
    ngx_connection_t        *c;
    ngx_http_sio_api_ctx_t  *ctx;

    ctx = ev->data;
    c = ctx->op.request->connection;

    ngx_http_sio_api_run(ctx, ctx->op.operation->step(&ctx->op));

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_sio_api_cleanup(void *data)
{
    ngx_http_sio_api_ctx_t *ctx = data;

    if (ctx->event.posted) {
        ngx_delete_posted_event(&ctx->event);
    }

    if (ctx->event.timer_set) {
        ngx_del_timer(&ctx->event);
    }
}


static ngx_int_t
ngx_http_sio_api_send(ngx_http_sio_api_ctx_t *ctx, ngx_int_t rc)
{
    ngx_http_request_t      *r;
    ngx_http_sio_api_out_t  *out;

    r = ctx->op.request;
    out = &ctx->out;

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;

    if (rc == NGX_DECLINED) {
        out->first = NULL;
        out->last = NULL;
        out->size = 0;

        r->headers_out.status = ngx_http_sio_api_error_status(
                                                        ctx->op.error.reason);

        if (ngx_http_sio_api_error_write(&ctx->op) != NGX_OK
            || ngx_http_sio_api_send_more(ctx) != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    out->last->buf->last_buf = r == r->main;
    out->last->buf->last_in_chain = 1;

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.content_length_n = out->size + ngx_buf_size(out->last->buf);

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, out->first);
}


/* Headers that some errors have. */

static ngx_int_t
ngx_http_sio_api_send_more(ngx_http_sio_api_ctx_t *ctx)
{
    ngx_table_elt_t  *h;

    switch (ctx->op.error.reason) {

    case NGX_HTTP_SIO_API_METHOD:
    case NGX_HTTP_SIO_API_TOO_MANY_ACKS:
    case NGX_HTTP_SIO_API_DRAINING:
        break;

    default:
        return NGX_OK;
    }

    h = ngx_list_push(&ctx->op.request->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;

    if (ctx->op.error.reason != NGX_HTTP_SIO_API_METHOD) {
        ngx_str_set(&h->key, "Retry-After");
        ngx_str_set(&h->value, "1");
        return NGX_OK;
    }

    ngx_str_set(&h->key, "Allow");
    ngx_str_set(&h->value, "GET, HEAD");

    if (ctx->op.operation->method == NGX_HTTP_POST) {
        ngx_str_set(&h->value, "POST");
    }

    return NGX_OK;
}
