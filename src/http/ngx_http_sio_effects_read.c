
/*
 * Reads a service's answer and has everything checked before any of it is
 * done.  A member that is null is as one that is not there, as many languages
 * write it.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_http_sio_api_emit.h"
#include "ngx_http_sio_effects.h"


static sio_json_t ngx_http_sio_effects_get(ngx_http_sio_effects_t *e,
    const char *name);
static ngx_int_t ngx_http_sio_effects_bad(ngx_http_sio_effects_t *e,
    const char *why, const char *path);
static ngx_int_t ngx_http_sio_effects_data(ngx_http_sio_effects_t *e);
static ngx_int_t ngx_http_sio_effects_rooms(ngx_http_sio_effects_t *e);
static ngx_int_t ngx_http_sio_effects_names(ngx_http_sio_effects_t *e,
    ngx_http_sio_api_member_t member, const char *name, ngx_array_t *names);
static ngx_int_t ngx_http_sio_effects_emits(ngx_http_sio_effects_t *e);
static ngx_int_t ngx_http_sio_effects_emit(ngx_http_sio_effects_t *e,
    const sio_json_t *v);
static void ngx_http_sio_effects_sender(ngx_http_sio_effects_t *e,
    ngx_array_t *names);
static ngx_int_t ngx_http_sio_effects_ack(ngx_http_sio_effects_t *e);
static ngx_int_t ngx_http_sio_effects_error(ngx_http_sio_effects_t *e);
static ngx_int_t ngx_http_sio_effects_disconnect(ngx_http_sio_effects_t *e);


ngx_int_t
ngx_http_sio_effects_read(ngx_http_sio_effects_t *e, sio_span_t body)
{
    size_t     i;
    ngx_int_t  rc;

    for (i = 0; i < body.n && memchr(" \t\r\n", body.p[i], 4); i++) {
        /* void */
    }

    if (i == body.n) {
        return NGX_OK;
    }

    if (sio_json_parse(body, SIO_JSON_DEPTH, &e->answer, NULL) != SIO_OK) {
        return ngx_http_sio_effects_bad(e, "is no JSON", "");
    }

    if (e->answer.kind != SIO_JSON_OBJECT) {
        return ngx_http_sio_effects_bad(e, "must be an object", "");
    }

    rc = ngx_http_sio_effects_data(e);

    if (rc == NGX_OK) {
        rc = ngx_http_sio_effects_rooms(e);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sio_effects_emits(e);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sio_effects_ack(e);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sio_effects_error(e);
    }

    return rc == NGX_OK ? ngx_http_sio_effects_disconnect(e) : rc;
}


static sio_json_t
ngx_http_sio_effects_get(ngx_http_sio_effects_t *e, const char *name)
{
    sio_json_t  v;

    v = sio_json_get(&e->answer, name);

    if (v.kind == SIO_JSON_NULL) {
        v.kind = SIO_JSON_NONE;
    }

    return v;
}


static ngx_int_t
ngx_http_sio_effects_bad(ngx_http_sio_effects_t *e, const char *why,
    const char *path)
{
    e->why = why;
    e->path_len = ngx_snprintf(e->path, sizeof(e->path), "%s", path)
                  - e->path;
    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_sio_effects_data(ngx_http_sio_effects_t *e)
{
    sio_json_t  v;

    v = ngx_http_sio_effects_get(e, "data");

    if (v.kind == SIO_JSON_NONE) {
        return NGX_OK;
    }

    if (v.kind != SIO_JSON_OBJECT) {
        return ngx_http_sio_effects_bad(e, "must be an object", "data");
    }

    if (v.raw.n + e->call->snapshot.claims.n > e->call->conf->auth.limit) {
        return ngx_http_sio_effects_bad(e, "is with the token's claims more "
                                           "than socketio_limit_data", "data");
    }

    e->data = v.raw;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_effects_rooms(ngx_http_sio_effects_t *e)
{
    ngx_int_t  rc;

    rc = ngx_http_sio_effects_names(e, NGX_HTTP_SIO_API_LEAVE, "leave",
                                    &e->leave);

    return rc == NGX_OK
           ? ngx_http_sio_effects_names(e, NGX_HTTP_SIO_API_JOIN, "join",
                                        &e->join)
           : rc;
}


static ngx_int_t
ngx_http_sio_effects_names(ngx_http_sio_effects_t *e,
    ngx_http_sio_api_member_t member, const char *name, ngx_array_t *names)
{
    ngx_int_t  rc;

    e->op.value[member] = ngx_http_sio_effects_get(e, name);

    rc = ngx_http_sio_api_names(&e->op, member, names);

    return rc == NGX_DECLINED
           ? ngx_http_sio_effects_bad(e, e->op.error.message, name) : rc;
}


static ngx_int_t
ngx_http_sio_effects_emits(ngx_http_sio_effects_t *e)
{
    ngx_int_t               rc;
    ngx_uint_t              n;
    sio_json_t              v;
    sio_json_iter_t         it;
    sio_json_member_t       m;
    ngx_http_sio_api_op_t  *op;

    v = ngx_http_sio_effects_get(e, "emit");

    if (v.kind == SIO_JSON_NONE) {
        return NGX_OK;
    }

    if (v.kind != SIO_JSON_ARRAY) {
        return ngx_http_sio_effects_bad(e, "must be an array", "emit");
    }

    sio_json_iter(&it, &v);

    for (n = 0; sio_json_next(&it, &m); n++) {

        if (n == NGX_HTTP_SIO_EFFECTS_EMITS) {
            return ngx_http_sio_effects_bad(e, "has more than 1000 entries",
                                            "emit");
        }

        rc = ngx_http_sio_effects_emit(e, &m.value);

        if (rc == NGX_DECLINED) {
            op = (ngx_http_sio_api_op_t *) e->emits.elts + n;
            e->why = op->error.message;
            e->path_len = ngx_snprintf(e->path, sizeof(e->path),
                                       "emit[%ui]%s%*s", n,
                                       op->error.path_len ? "." : "",
                                       op->error.path_len, op->error.path)
                          - e->path;
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_effects_emit(ngx_http_sio_effects_t *e, const sio_json_t *v)
{
    ngx_int_t               rc;
    ngx_str_t               name;
    sio_json_iter_t         it;
    sio_json_member_t       m;
    ngx_http_sio_api_op_t  *op;

    if (e->emits.elts == NULL
        && ngx_array_init(&e->emits, e->op.pool, 4,
                          sizeof(ngx_http_sio_api_op_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    op = ngx_array_push(&e->emits);
    if (op == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&name, "emit");

    ngx_memzero(op, sizeof(ngx_http_sio_api_op_t));
    op->request = e->op.request;
    op->pool = e->op.pool;
    op->zone = e->op.zone;
    op->out = e->op.out;
    op->inner = 1;
    op->namespace = e->call->namespace;
    op->operation = ngx_http_sio_api_operation(&name);

    if (v->kind != SIO_JSON_OBJECT) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must be an object", "");
    }

    sio_json_iter(&it, v);

    while (sio_json_next(&it, &m)) {
        rc = ngx_http_sio_api_take(op, &m);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (op->value[NGX_HTTP_SIO_API_OP].kind != SIO_JSON_NONE
        || op->value[NGX_HTTP_SIO_API_ACK].kind != SIO_JSON_NONE)
    {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "has no place in an answer",
                                     op->value[NGX_HTTP_SIO_API_OP].kind
                                     != SIO_JSON_NONE ? "op" : "ack");
    }

    rc = ngx_http_sio_api_emit_check(op);

    if (rc == NGX_OK) {
        ngx_http_sio_effects_sender(e, &op->rooms);
        ngx_http_sio_effects_sender(e, &op->except);
    }

    return rc;
}


/* The one thing in an answer that stands for something else. */

static void
ngx_http_sio_effects_sender(ngx_http_sio_effects_t *e, ngx_array_t *names)
{
    ngx_uint_t   i;
    sio_span_t  *name;

    name = names->elts;

    for (i = 0; i < names->nelts; i++) {
        if (sio_span_eq(name[i], sio_span("${socket.id}"))) {
            name[i].p = e->call->socket_id;
            name[i].n = NGX_SIO_ID_LEN;
        }
    }
}


static ngx_int_t
ngx_http_sio_effects_ack(ngx_http_sio_effects_t *e)
{
    ngx_int_t   rc;
    sio_json_t  v;

    v = ngx_http_sio_effects_get(e, "ack");

    if (v.kind == SIO_JSON_FALSE) {
        e->silent = 1;
        v.kind = SIO_JSON_NONE;
    }

    if (v.kind != SIO_JSON_NONE && v.kind != SIO_JSON_ARRAY) {
        return ngx_http_sio_effects_bad(e, "must be an array or false", "ack");
    }

    e->op.value[NGX_HTTP_SIO_API_ATTACHMENTS] =
                                ngx_http_sio_effects_get(e, "attachments");

    rc = ngx_http_sio_api_attachments(&e->op, &v, e->attachments,
                                      &e->nattachments);

    if (rc == NGX_DECLINED) {
        return ngx_http_sio_effects_bad(e, e->op.error.message,
                                        "attachments");
    }

    if (v.kind == SIO_JSON_ARRAY) {
        e->ack = v.raw;
    }

    return rc;
}


static ngx_int_t
ngx_http_sio_effects_error(ngx_http_sio_effects_t *e)
{
    sio_json_t  v, message, data;

    v = ngx_http_sio_effects_get(e, "error");

    if (v.kind == SIO_JSON_NONE) {
        return NGX_OK;
    }

    message = sio_json_get(&v, "message");
    data = sio_json_get(&v, "data");

    if (message.kind != SIO_JSON_STRING) {
        return ngx_http_sio_effects_bad(e, "must be an object with a message "
                                           "that is a string", "error");
    }

    e->refused = 1;
    e->message.p = message.raw.p + 1;
    e->message.n = message.raw.n - 2;
    e->error_data = data.raw;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_effects_disconnect(ngx_http_sio_effects_t *e)
{
    sio_json_t  v;

    v = ngx_http_sio_effects_get(e, "disconnect");

    if (v.kind != SIO_JSON_NONE && v.kind != SIO_JSON_TRUE
        && v.kind != SIO_JSON_FALSE)
    {
        return ngx_http_sio_effects_bad(e, "must be true or false",
                                        "disconnect");
    }

    e->disconnect = v.kind == SIO_JSON_TRUE;

    return NGX_OK;
}
