
/*
 * POST emit, the path that has to be fast: the body is scanned once, and its
 * data goes from the request's buffer into the log without a copy between.
 */

#include "ngx_http_sio_api_ack.h"
#include "ngx_http_sio_api_args.h"
#include "ngx_http_sio_api_operations.h"
#include "ngx_http_sio_api_emit.h"
#include "ngx_sio_bus.h"
#include "sio_packet.h"


#define NGX_HTTP_SIO_API_EVENT_MAX  16      /* longer than any reserved name */


typedef struct {
    sio_span_t    event;        /* JSON text */
    sio_span_t    id;           /* raw lane: publisher's, or none */
    sio_span_t    args;         /* JSON texts with commas, none if empty */
    sio_json_t    checked;      /* where placeholders may stand */
    sio_span_t    attachments[SIO_ATTACHMENTS_MAX];
    ngx_uint_t    nattachments;
    ngx_uint_t    flags;
    ngx_uint_t    local;        /* not for other nodes */
    ngx_msec_t    ack;          /* how long acks are awaited; 0: none are */
    const u_char *key;          /* NGX_SIO_KEY_LEN bytes, or NULL */
} ngx_http_sio_api_event_t;


static ngx_int_t ngx_http_sio_api_emit_read(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_event_t *e);
static ngx_int_t ngx_http_sio_api_event(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_event_t *e);
static ngx_int_t ngx_http_sio_api_arguments(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_event_t *e);
static ngx_int_t ngx_http_sio_api_flags(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_event_t *e);
static ngx_int_t ngx_http_sio_api_flag(ngx_http_sio_api_event_t *e,
    const sio_json_member_t *m);
static ngx_int_t ngx_http_sio_api_raw(ngx_http_sio_api_op_t *op);
static ngx_int_t ngx_http_sio_api_raw_pair(ngx_http_sio_api_op_t *op,
    sio_span_t name, sio_span_t value);
static ngx_int_t ngx_http_sio_api_raw_event(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_event_t *e, sio_span_t name);
static ngx_int_t ngx_http_sio_api_publish(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_event_t *e);
static ngx_int_t ngx_http_sio_api_publish_head(ngx_http_sio_api_op_t *op,
    const ngx_http_sio_api_event_t *e, sio_span_t id, sio_span_t *head);
static ngx_int_t ngx_http_sio_api_published(ngx_http_sio_api_op_t *op,
    const ngx_sio_emit_t *emit);


ngx_int_t
ngx_http_sio_api_emit(ngx_http_sio_api_op_t *op)
{
    ngx_int_t                  rc;
    ngx_http_sio_api_event_t   e;

    if (op->request->args.len && !op->inner) {
        return ngx_http_sio_api_raw(op);
    }

    rc = ngx_http_sio_api_emit_read(op, &e);

    return rc == NGX_OK ? ngx_http_sio_api_publish(op, &e) : rc;
}


ngx_int_t
ngx_http_sio_api_emit_check(ngx_http_sio_api_op_t *op)
{
    size_t                     n;
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    ngx_http_sio_api_event_t  *e;

    e = ngx_palloc(op->pool, sizeof(ngx_http_sio_api_event_t));
    if (e == NULL) {
        return NGX_ERROR;
    }

    op->state = e;

    rc = ngx_http_sio_api_emit_read(op, e);
    if (rc != NGX_OK) {
        return rc;
    }

    n = 64 + op->namespace.n + e->event.n + e->args.n;

    for (i = 0; i < e->nattachments; i++) {
        n += 4 + e->attachments[i].n;
    }

    if (ngx_sio_log_fits(op->zone, n)) {
        return NGX_OK;
    }

    return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_TOO_LARGE,
                                 "larger than an eighth of the log", "");
}


ngx_int_t
ngx_http_sio_api_emit_publish(ngx_http_sio_api_op_t *op)
{
    return ngx_http_sio_api_publish(op, op->state);
}


static ngx_int_t
ngx_http_sio_api_emit_read(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_event_t *e)
{
    ngx_int_t  rc;

    ngx_memzero(e, sizeof(ngx_http_sio_api_event_t));

    rc = ngx_http_sio_api_read(op);

    if (rc == NGX_OK) {
        rc = ngx_http_sio_api_event(op, e);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sio_api_flags(op, e);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sio_api_ack_time(op, &e->ack);
    }

    if (rc == NGX_OK && e->ack && (e->flags & NGX_SIO_VOLATILE)) {
        rc = ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                   "a volatile event has no acks", "ack");
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sio_api_key(op, &e->key);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sio_api_arguments(op, e);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sio_api_attachments(op, &e->checked, e->attachments,
                                          &e->nattachments);
    }

    return rc;
}


static ngx_int_t
ngx_http_sio_api_event(ngx_http_sio_api_op_t *op, ngx_http_sio_api_event_t *e)
{
    size_t       n;
    uint8_t      buf[NGX_HTTP_SIO_API_EVENT_MAX];
    sio_json_t  *v;
    sio_span_t   name;

    v = &op->value[NGX_HTTP_SIO_API_EVENT];

    if (v->kind != SIO_JSON_STRING) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must be a string", "event");
    }

    if (sio_json_string(v, buf, sizeof(buf), &n) == SIO_OK) {
        name.p = buf;
        name.n = n;

        if (sio_packet_reserved(name)) {
            return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_RESERVED,
                                         "reserved event name", "event");
        }
    }

    e->event = v->raw;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_api_flags(ngx_http_sio_api_op_t *op, ngx_http_sio_api_event_t *e)
{
    sio_json_t         *v;
    sio_json_iter_t     it;
    sio_json_member_t   m;

    v = &op->value[NGX_HTTP_SIO_API_FLAGS];

    if (v->kind != SIO_JSON_NONE && v->kind != SIO_JSON_OBJECT) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must be an object", "flags");
    }

    sio_json_iter(&it, v);

    while (sio_json_next(&it, &m)) {

        if (m.value.kind != SIO_JSON_TRUE && m.value.kind != SIO_JSON_FALSE) {
            return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                         "must be true or false", "flags.%*s",
                                         m.key.raw.n - 2, m.key.raw.p + 1);
        }

        if (ngx_http_sio_api_flag(e, &m) != NGX_OK) {
            return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                         "unknown flag", "flags.%*s",
                                         m.key.raw.n - 2, m.key.raw.p + 1);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_api_flag(ngx_http_sio_api_event_t *e,
    const sio_json_member_t *m)
{
    ngx_uint_t  on;

    on = m->value.kind == SIO_JSON_TRUE;

    if (sio_json_is(&m->key, sio_span("volatile"))) {
        e->flags &= ~NGX_SIO_VOLATILE;
        e->flags |= on ? NGX_SIO_VOLATILE : 0;

    } else if (sio_json_is(&m->key, sio_span("compress"))) {
        e->flags &= ~NGX_SIO_PLAIN;
        e->flags |= on ? 0 : NGX_SIO_PLAIN;

    } else if (sio_json_is(&m->key, sio_span("local"))) {
        e->local = on;

    } else {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_api_arguments(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_event_t *e)
{
    sio_json_t         *args, *data;
    sio_json_iter_t     it;
    sio_json_member_t   m;

    args = &op->value[NGX_HTTP_SIO_API_ARGS];
    data = &op->value[NGX_HTTP_SIO_API_DATA];

    if (args->kind == SIO_JSON_NONE) {
        e->args = data->raw;
        e->checked = *data;
        return NGX_OK;
    }

    if (data->kind != SIO_JSON_NONE) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "args and data exclude each other",
                                     "data");
    }

    if (args->kind != SIO_JSON_ARRAY) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must be an array", "args");
    }

    sio_json_iter(&it, args);

    if (sio_json_next(&it, &m)) {
        e->args.p = args->raw.p + 1;
        e->args.n = args->raw.n - 2;
        e->checked = *args;
    }

    return NGX_OK;
}


/* The raw lane: everything but the one argument is in the query string. */

static ngx_int_t
ngx_http_sio_api_raw(ngx_http_sio_api_op_t *op)
{
    ngx_int_t                  rc;
    sio_json_t                 v;
    ngx_http_sio_api_event_t   e;

    ngx_memzero(&e, sizeof(ngx_http_sio_api_event_t));
    op->state = &e;

    rc = ngx_http_sio_api_query(op, ngx_http_sio_api_raw_pair);
    if (rc != NGX_OK) {
        return rc;
    }

    if (e.event.p == NULL) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "an event is required", "event");
    }

    rc = ngx_http_sio_api_known(op);

    if (rc == NGX_OK && e.id.n) {
        rc = ngx_http_sio_api_key_text(op, e.id, &e.key);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    /* the packet's array is one more level */

    if (sio_json_parse(op->body, SIO_JSON_DEPTH - 1, &v, NULL) != SIO_OK) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "the body must be one JSON value", "");
    }

    e.args = v.raw;

    return ngx_http_sio_api_publish(op, &e);
}


static ngx_int_t
ngx_http_sio_api_raw_pair(ngx_http_sio_api_op_t *op, sio_span_t name,
    sio_span_t value)
{
    ngx_http_sio_api_event_t  *e;

    e = op->state;

    if (sio_span_eq(name, sio_span("event"))) {
        return ngx_http_sio_api_raw_event(op, e, value);
    }

    if (sio_span_eq(name, sio_span("id"))) {
        e->id = value;
        return value.n ? NGX_OK
                       : ngx_http_sio_api_key_text(op, value, &e->key);
    }

    if (sio_span_eq(name, sio_span("namespace"))) {
        op->namespace = value;
        return NGX_OK;
    }

    if (sio_span_eq(name, sio_span("room"))
        || sio_span_eq(name, sio_span("rooms"))
        || sio_span_eq(name, sio_span("to")))
    {
        return ngx_http_sio_api_add(op, &op->rooms, value, "room");
    }

    if (sio_span_eq(name, sio_span("except"))) {
        return ngx_http_sio_api_add(op, &op->except, value, "except");
    }

    if (!sio_span_eq(name, sio_span("volatile"))) {
        return ngx_http_sio_api_pair_unknown(op, name);
    }

    if (sio_span_eq(value, sio_span("1"))
        || sio_span_eq(value, sio_span("true")))
    {
        e->flags = NGX_SIO_VOLATILE;
        return NGX_OK;
    }

    if (sio_span_eq(value, sio_span("0"))
        || sio_span_eq(value, sio_span("false")))
    {
        e->flags = 0;
        return NGX_OK;
    }

    return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                 "must be 1 or 0", "volatile");
}


static ngx_int_t
ngx_http_sio_api_raw_event(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_event_t *e, sio_span_t name)
{
    u_char  *p;
    size_t   n;

    if (sio_packet_reserved(name)) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_RESERVED,
                                     "reserved event name", "event");
    }

    p = ngx_pnalloc(op->pool, name.n * 6 + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p[0] = '"';
    n = sio_json_escape(p + 1, name);
    p[n + 1] = '"';

    e->event.p = p;
    e->event.n = n + 2;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_api_publish(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_event_t *e)
{
    ngx_int_t        rc;
    sio_span_t       id;
    ngx_sio_emit_t   emit;

    ngx_memzero(&id, sizeof(sio_span_t));
    ngx_memzero(&emit, sizeof(ngx_sio_emit_t));

    emit.zone = op->zone;
    emit.namespace = op->namespace;
    emit.rooms = op->rooms.elts;
    emit.nrooms = op->rooms.nelts;
    emit.except = op->except.elts;
    emit.nexcept = op->except.nelts;
    emit.flags = e->flags;
    emit.local = e->local || e->ack;
    emit.key = e->key;

    if (e->ack) {
        rc = ngx_http_sio_api_ask(op, e->ack, &emit, &id);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ngx_http_sio_api_publish_head(op, e, id, &emit.payload.text[0])
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    emit.payload.text[1] = e->args;
    emit.payload.text[2] = sio_span("]");
    emit.payload.attachments = e->attachments;
    emit.payload.nattachments = e->nattachments;

    /* whether somebody listens makes no difference to what is too large */

    rc = NGX_DECLINED;

    if (ngx_sio_log_fits(op->zone, ngx_sio_payload_size(&emit.payload))) {
        rc = ngx_sio_publish(&emit);
    }

    if (e->ack && (rc != NGX_OK || emit.duplicate)) {
        ngx_http_sio_api_ask_end(op);
    }

    if (rc == NGX_BUSY) {
        return ngx_http_sio_api_ask_refuse(op);
    }

    if (rc != NGX_OK) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_TOO_LARGE,
                                     "larger than an eighth of the log", "");
    }

    if (e->ack && !e->local && !emit.duplicate && op->zone->bus) {
        ngx_http_sio_api_ask_nodes(op, &emit);
    }

    if (ngx_http_sio_api_published(op, &emit) != NGX_OK) {
        return NGX_ERROR;
    }

    if (e->ack && !emit.duplicate) {
        return ngx_http_sio_api_ask_wait(op, &emit);
    }

    return ngx_http_sio_api_write(op->out, "}");
}


/* The packet up to its first argument. */

static ngx_int_t
ngx_http_sio_api_publish_head(ngx_http_sio_api_op_t *op,
    const ngx_http_sio_api_event_t *e, sio_span_t id, sio_span_t *head)
{
    u_char    *p, *start;
    unsigned   type;

    start = ngx_pnalloc(op->pool, sio_packet_head_max(op->namespace, id)
                                  + e->event.n + 2);
    if (start == NULL) {
        return NGX_ERROR;
    }

    type = e->nattachments ? SIO_BINARY_EVENT : SIO_EVENT;

    p = start + sio_packet_write_head(start, type, e->nattachments,
                                      op->namespace, id);
    *p++ = '[';
    p = ngx_cpymem(p, e->event.p, e->event.n);

    if (e->args.n) {
        *p++ = ',';
    }

    head->p = start;
    head->n = p - start;

    return NGX_OK;
}


/* The answer but for what acks add to it, and its end. */

static ngx_int_t
ngx_http_sio_api_published(ngx_http_sio_api_op_t *op,
    const ngx_sio_emit_t *emit)
{
    u_char  *p;

    p = ngx_http_sio_api_reserve(op->out, 96 + SIO_OFFSET_MAX
                                          + NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(p, "{\"ok\":true,%s\"offset\":\"",
                    emit->duplicate ? "\"duplicate\":true," : "");
    p = ngx_sio_offset_write(op->zone, emit->position, p);
    p = ngx_sprintf(p, "\",\"matched\":%ui%s", emit->matched,
                    ngx_http_sio_api_cluster(emit->cluster));

    ngx_http_sio_api_commit(op->out, p);

    return NGX_OK;
}
