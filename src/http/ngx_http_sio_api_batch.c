
/*
 * POST batch: one operation after the other, in order, a bounded number of them
 * in one turn of the event loop.  It is no transaction: whatever becomes of one
 * element, the next one is done.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_http_sio_api_guard.h"
#include "ngx_http_sio_api_operations.h"


#define NGX_HTTP_SIO_API_TURN_OPS    64         /* of one turn */
#define NGX_HTTP_SIO_API_TURN_BYTES  262144
#define NGX_HTTP_SIO_API_ANSWER_MAX  8388608    /* then nothing is fetched */


typedef struct {
    sio_json_iter_t          it;        /* the array's elements */
    sio_span_t               rest;      /* NDJSON: lines to come */
    ngx_uint_t               done;
    ngx_uint_t               running;
    ngx_http_sio_api_op_t    op;        /* the element's */
} ngx_http_sio_api_batch_t;


static ngx_uint_t ngx_http_sio_api_batch_next(ngx_http_sio_api_op_t *op,
    sio_json_t *element);
static ngx_uint_t ngx_http_sio_api_batch_line(ngx_http_sio_api_batch_t *b,
    sio_json_t *element);
static ngx_int_t ngx_http_sio_api_batch_begin(ngx_http_sio_api_op_t *op,
    const sio_json_t *element);
static ngx_int_t ngx_http_sio_api_batch_operation(ngx_http_sio_api_op_t *op,
    const sio_json_t *name);


ngx_int_t
ngx_http_sio_api_batch(ngx_http_sio_api_op_t *op)
{
    u_char                    *message;
    size_t                     at;
    sio_json_t                 v;
    ngx_http_sio_api_batch_t  *b;

    b = ngx_pcalloc(op->pool, sizeof(ngx_http_sio_api_batch_t));
    message = ngx_pnalloc(op->pool, 64);

    if (b == NULL || message == NULL) {
        return NGX_ERROR;
    }

    op->state = b;

    if (ngx_http_sio_api_guard_ndjson(op->request)) {
        b->rest = op->body;

    } else {

        if (sio_json_parse(op->body, SIO_JSON_DEPTH, &v, &at) != SIO_OK) {
            (void) ngx_sprintf(message, "malformed JSON at byte %uz%Z", at);

            return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                         (char *) message, "");
        }

        if (v.kind != SIO_JSON_ARRAY) {
            return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                         "must be an array", "");
        }

        sio_json_iter(&b->it, &v);
    }

    if (ngx_http_sio_api_write(op->out, "{\"ok\":true,\"results\":[")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_sio_api_batch_step(op);
}


ngx_int_t
ngx_http_sio_api_batch_step(ngx_http_sio_api_op_t *op)
{
    size_t                     bytes;
    ngx_int_t                  rc;
    ngx_uint_t                 n;
    sio_json_t                 element;
    ngx_http_sio_api_batch_t  *b;

    b = op->state;
    bytes = 0;

    for (n = 0; n < NGX_HTTP_SIO_API_TURN_OPS; n++) {

        if (b->running) {
            rc = b->op.operation->step(&b->op);

        } else {

            if (bytes > NGX_HTTP_SIO_API_TURN_BYTES) {
                break;
            }

            if (!ngx_http_sio_api_batch_next(op, &element)) {
                return ngx_http_sio_api_write(op->out, "]}");
            }

            bytes += element.raw.n;
            rc = ngx_http_sio_api_batch_begin(op, &element);
        }

        if (rc == NGX_DECLINED) {
            rc = ngx_http_sio_api_error_write(&b->op);
        }

        b->running = rc == NGX_AGAIN;

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_AGAIN;
}


/* Sets the element to kind NONE for a malformed line; 0 at the end. */

static ngx_uint_t
ngx_http_sio_api_batch_next(ngx_http_sio_api_op_t *op, sio_json_t *element)
{
    sio_json_member_t          m;
    ngx_http_sio_api_batch_t  *b;

    b = op->state;

    if (b->it.p == NULL) {
        return ngx_http_sio_api_batch_line(b, element);
    }

    if (!sio_json_next(&b->it, &m)) {
        return 0;
    }

    *element = m.value;

    return 1;
}


static ngx_uint_t
ngx_http_sio_api_batch_line(ngx_http_sio_api_batch_t *b, sio_json_t *element)
{
    size_t          i;
    sio_span_t      line;
    const uint8_t  *end;

    while (b->rest.n) {
        line = b->rest;
        end = memchr(line.p, '\n', line.n);

        if (end) {
            line.n = end - line.p;
            b->rest.p += line.n + 1;
            b->rest.n -= line.n + 1;

        } else {
            b->rest.n = 0;
        }

        for (i = 0; i < line.n; i++) {

            if (line.p[i] != ' ' && line.p[i] != '\t' && line.p[i] != '\r') {
                (void) sio_json_parse(line, SIO_JSON_DEPTH, element, NULL);
                return 1;
            }
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_sio_api_batch_begin(ngx_http_sio_api_op_t *op,
    const sio_json_t *element)
{
    ngx_int_t                  rc;
    sio_json_t                 name;
    sio_json_iter_t            it;
    sio_json_member_t          m;
    ngx_http_sio_api_op_t     *inner;
    ngx_http_sio_api_batch_t  *b;

    b = op->state;

    if (b->done++ && ngx_http_sio_api_write(op->out, ",") != NGX_OK) {
        return NGX_ERROR;
    }

    inner = &b->op;
    ngx_memzero(inner, sizeof(ngx_http_sio_api_op_t));

    inner->request = op->request;
    inner->pool = op->pool;
    inner->zone = op->zone;
    inner->out = op->out;
    inner->inner = 1;

    if (element->kind != SIO_JSON_OBJECT) {
        return ngx_http_sio_api_fail(inner, NGX_HTTP_SIO_API_MALFORMED,
                                     element->kind == SIO_JSON_NONE
                                     ? "malformed JSON"
                                     : "must be an object", "");
    }

    name = sio_json_get(element, "op");

    rc = ngx_http_sio_api_batch_operation(inner, &name);
    if (rc != NGX_OK) {
        return rc;
    }

    sio_json_iter(&it, element);

    while (sio_json_next(&it, &m)) {
        rc = ngx_http_sio_api_take(inner, &m);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return inner->operation->begin(inner);
}


static ngx_int_t
ngx_http_sio_api_batch_operation(ngx_http_sio_api_op_t *op,
    const sio_json_t *name)
{
    ngx_str_t                            text;
    sio_span_t                           span;
    const ngx_http_sio_api_operation_t  *o;

    span = sio_span("emit");

    if (name->kind != SIO_JSON_NONE && name->kind != SIO_JSON_STRING) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must be a string", "op");
    }

    if (name->kind == SIO_JSON_STRING
        && ngx_http_sio_api_string(op, name, &span) != NGX_OK)
    {
        return NGX_ERROR;
    }

    text.data = (u_char *) span.p;
    text.len = span.n;

    o = ngx_http_sio_api_operation(&text);

    if (o == NULL || o->method != NGX_HTTP_POST
        || o->begin == ngx_http_sio_api_batch)
    {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_UNKNOWN_OPERATION,
                                     "unknown operation", "op");
    }

    if (o->begin == NULL) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_NOT_IMPLEMENTED,
                                     "not implemented", "op");
    }

    if (o->begin == ngx_http_sio_api_fetch
        && op->out->size > NGX_HTTP_SIO_API_ANSWER_MAX)
    {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_TOO_LARGE,
                                     "the batch has fetched too much", "");
    }

    op->operation = o;

    return NGX_OK;
}
