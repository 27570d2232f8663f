
/*
 * Makes calls and their bodies.  What a client has sent goes into a body byte
 * for byte, so it must have been validated before.
 */

#include "ngx_sio_call.h"
#include "sio_base64.h"


#define NGX_SIO_CALL_POOL  2048


static ngx_int_t ngx_sio_call_write_head(ngx_sio_call_t *call,
    const sio_packet_t *packet);
static sio_span_t ngx_sio_call_arguments(const sio_packet_t *packet);
static ngx_int_t ngx_sio_call_attachments(ngx_sio_call_t *call,
    const sio_span_t *attachments, ngx_uint_t n);
static u_char *ngx_sio_call_auth(u_char *p, const sio_packet_t *packet,
    ngx_uint_t verified);
static sio_span_t ngx_sio_call_user(const ngx_sio_snapshot_t *snapshot);
static ngx_int_t ngx_sio_call_write_disconnect(ngx_sio_call_t *call,
    sio_span_t reason, ngx_uint_t lost);
static ngx_uint_t ngx_sio_call_socket(ngx_sio_call_t *call);
static u_char *ngx_sio_call_put(u_char *p, sio_span_t text);


const ngx_sio_call_backend_t  *ngx_sio_call_backend;


static ngx_str_t  ngx_sio_call_types[] = {
    ngx_string("event"),
    ngx_string("connect"),
    ngx_string("disconnect")
};


ngx_sio_call_t *
ngx_sio_call_create(ngx_sio_zone_t *zone, const ngx_sio_endpoint_t *endpoint,
    ngx_uint_t type)
{
    ngx_pool_t      *pool;
    ngx_sio_call_t  *call;

    pool = ngx_create_pool(NGX_SIO_CALL_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    call = ngx_pcalloc(pool, sizeof(ngx_sio_call_t));

    if (call == NULL || ngx_sio_random_id(call->id) != NGX_OK) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    call->pool = pool;
    call->zone = zone;
    call->endpoint = endpoint;
    call->type = type;

    return call;
}


ngx_int_t
ngx_sio_call_copy(ngx_sio_call_t *call, sio_span_t text, sio_span_t *copy)
{
    u_char  *p;

    p = ngx_pnalloc(call->pool, text.n + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (text.n) {
        ngx_memcpy(p, text.p, text.n);
    }

    copy->p = p;
    copy->n = text.n;

    return NGX_OK;
}


void
ngx_sio_call_free(ngx_sio_call_t *call)
{
    ngx_destroy_pool(call->pool);
}


ngx_int_t
ngx_sio_call_write_event(ngx_sio_call_t *call, const sio_packet_t *packet,
    const sio_span_t *attachments)
{
    if (ngx_sio_call_write_head(call, packet) != NGX_OK) {
        return NGX_ERROR;
    }

    if (packet->attachments) {
        return ngx_sio_call_attachments(call, attachments,
                                        packet->attachments);
    }

    call->tail = sio_span("}");
    call->size = call->head.n;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_call_write_head(ngx_sio_call_t *call, const sio_packet_t *packet)
{
    u_char      *p;
    size_t       n;
    uint64_t     now;
    sio_span_t   args;
    ngx_time_t  *tp;

    n = 256 + 6 * call->namespace.n;

    if (packet) {
        args = ngx_sio_call_arguments(packet);
        n += packet->event.raw.n + args.n;
    }

    p = ngx_pnalloc(call->pool, n);
    if (p == NULL) {
        return NGX_ERROR;
    }

    tp = ngx_timeofday();
    now = (uint64_t) tp->sec * 1000 + tp->msec;

    call->head.p = p;

    p = ngx_sprintf(p, "{\"type\":\"%V\",\"id\":\"%*s\",\"time\":%uL,"
                    "\"namespace\":\"", &ngx_sio_call_types[call->type],
                    (size_t) NGX_SIO_ID_LEN, call->id, now);
    p += sio_json_escape(p, call->namespace);
    p = ngx_sprintf(p, "\",\"socket\":\"%*s\",", (size_t) NGX_SIO_ID_LEN,
                    call->socket_id);

    if (packet) {
        p = ngx_sio_call_put(p, sio_span("\"event\":"));
        p = ngx_sio_call_put(p, packet->event.raw);
        p = ngx_sio_call_put(p, sio_span(",\"args\":["));
        p = ngx_sio_call_put(p, args);
        p = ngx_sprintf(p, "],\"wantsAck\":%s,",
                        packet->id.n ? "true" : "false");
    }

    call->head.n = p - call->head.p;

    return NGX_OK;
}


/* What stands behind the event's name, with its commas. */

static sio_span_t
ngx_sio_call_arguments(const sio_packet_t *packet)
{
    sio_span_t         args;
    sio_json_iter_t    it;
    sio_json_member_t  m;

    ngx_memzero(&args, sizeof(sio_span_t));

    sio_json_iter(&it, &packet->payload);

    if (!sio_json_next(&it, &m) || !sio_json_next(&it, &m)) {
        return args;
    }

    args.p = m.value.raw.p;
    args.n = packet->payload.raw.p + packet->payload.raw.n - 1 - args.p;

    return args;
}


static ngx_int_t
ngx_sio_call_attachments(ngx_sio_call_t *call, const sio_span_t *attachments,
    ngx_uint_t n)
{
    u_char      *p;
    size_t       size;
    ngx_uint_t   i;

    size = sizeof(",\"attachments\":[]}");

    for (i = 0; i < n; i++) {
        size += sio_base64_encoded_size(attachments[i].n) + 3;
    }

    p = ngx_pnalloc(call->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    call->tail.p = p;
    p = ngx_sio_call_put(p, sio_span(",\"attachments\":["));

    for (i = 0; i < n; i++) {
        *p++ = '"';
        p += sio_base64_encode(p, attachments[i]);
        *p++ = '"';
        *p++ = i + 1 < n ? ',' : ']';
    }

    *p++ = '}';

    call->tail.n = p - call->tail.p;
    call->size = call->head.n + call->tail.n;

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_write_connect(ngx_sio_call_t *call, const sio_packet_t *packet,
    ngx_uint_t verified)
{
    u_char      *p;
    sio_span_t   handshake;

    if (ngx_sio_call_write_head(call, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    handshake = call->snapshot.handshake;

    p = ngx_pnalloc(call->pool, packet->payload.raw.n + handshake.n + 64);
    if (p == NULL) {
        return NGX_ERROR;
    }

    call->tail.p = p;
    p = ngx_sio_call_put(p, sio_span(",\"auth\":{"));
    p = ngx_sio_call_auth(p, packet, verified);
    p = ngx_sio_call_put(p, sio_span("},\"handshake\":"));
    p = ngx_sio_call_put(p, handshake.n ? handshake : sio_span("{}"));
    *p++ = '}';

    call->tail.n = p - call->tail.p;
    call->size = call->head.n + call->tail.n;

    return NGX_OK;
}


/* A token that was verified is nobody else's business. */

static u_char *
ngx_sio_call_auth(u_char *p, const sio_packet_t *packet, ngx_uint_t verified)
{
    u_char             *start;
    sio_json_iter_t     it;
    sio_json_member_t   m;

    start = p;
    sio_json_iter(&it, &packet->payload);

    while (sio_json_next(&it, &m)) {

        if (verified && sio_json_is(&m.key, sio_span("token"))) {
            continue;
        }

        if (p != start) {
            *p++ = ',';
        }

        p = ngx_sio_call_put(p, m.key.raw);
        *p++ = ':';
        p = ngx_sio_call_put(p, m.value.raw);
    }

    return p;
}


ngx_int_t
ngx_sio_call_body(ngx_sio_call_t *call)
{
    u_char              *p;
    sio_span_t           user;
    ngx_sio_snapshot_t  *s;

    s = &call->snapshot;
    user = ngx_sio_call_user(s);

    p = ngx_pnalloc(call->pool, call->head.n + user.n + s->rooms.n + s->data.n
                                + s->claims.n + call->tail.n + 64);
    if (p == NULL) {
        return NGX_ERROR;
    }

    call->body.p = p;

    p = ngx_sio_call_put(p, call->head);
    p = ngx_sio_call_put(p, sio_span("\"user\":"));
    p = ngx_sio_call_put(p, user);
    p = ngx_sio_call_put(p, sio_span(",\"rooms\":["));
    p = ngx_sio_call_put(p, s->rooms);
    p = ngx_sio_call_put(p, sio_span("],\"data\":"));
    p = ngx_sio_call_put(p, s->data.n ? s->data : sio_span("{}"));
    p = ngx_sio_call_put(p, sio_span(",\"claims\":"));
    p = ngx_sio_call_put(p, s->claims.n ? s->claims : sio_span("{}"));
    p = ngx_sio_call_put(p, call->tail);

    call->body.n = p - call->body.p;

    return NGX_OK;
}


/* The `sub` of the claims, as it is written there. */

static sio_span_t
ngx_sio_call_user(const ngx_sio_snapshot_t *snapshot)
{
    sio_json_t  claims, sub;

    if (snapshot->claims.n == 0
        || sio_json_parse(snapshot->claims, SIO_JSON_DEPTH, &claims, NULL)
           != SIO_OK)
    {
        return sio_span("null");
    }

    sub = sio_json_get(&claims, "sub");

    return sub.kind == SIO_JSON_NONE ? sio_span("null") : sub.raw;
}


ngx_sio_call_t *
ngx_sio_call_disconnect(ngx_sio_zone_t *zone,
    const ngx_sio_endpoint_t *endpoint, ngx_sio_ref_t socket,
    sio_span_t reason, ngx_uint_t lost)
{
    ngx_sio_call_t  *call;

    call = ngx_sio_call_create(zone, endpoint, NGX_SIO_CALL_DISCONNECT);
    if (call == NULL) {
        return NULL;
    }

    call->socket = socket;

    if (!ngx_sio_call_socket(call)
        || ngx_sio_snapshot_socket(zone, socket, 1, call->pool,
                                   &call->snapshot)
           != NGX_OK
        || ngx_sio_call_write_disconnect(call, reason, lost) != NGX_OK)
    {
        ngx_sio_call_free(call);
        return NULL;
    }

    return call;
}


ngx_sio_call_t *
ngx_sio_call_unopened(const ngx_sio_call_t *connect, sio_span_t reason)
{
    ngx_sio_call_t            *call;
    const ngx_sio_snapshot_t  *s;

    call = ngx_sio_call_create(connect->zone, connect->endpoint,
                               NGX_SIO_CALL_DISCONNECT);
    if (call == NULL) {
        return NULL;
    }

    s = &connect->snapshot;

    call->conf = connect->conf;
    call->session = connect->session;
    ngx_memcpy(call->socket_id, connect->socket_id, NGX_SIO_ID_LEN);
    ngx_memcpy(call->id, connect->socket_id, NGX_SIO_ID_LEN);

    if (ngx_sio_call_copy(call, connect->namespace, &call->namespace) != NGX_OK
        || ngx_sio_call_copy(call, s->claims, &call->snapshot.claims) != NGX_OK
        || ngx_sio_call_copy(call, s->data, &call->snapshot.data) != NGX_OK
        || ngx_sio_call_copy(call, s->handshake, &call->snapshot.handshake)
           != NGX_OK
        || ngx_sio_call_write_disconnect(call, reason, 0) != NGX_OK)
    {
        ngx_sio_call_free(call);
        return NULL;
    }

    return call;
}


/* One end of a socket is one call, however often it has to be made. */

static ngx_int_t
ngx_sio_call_write_disconnect(ngx_sio_call_t *call, sio_span_t reason,
    ngx_uint_t lost)
{
    u_char  *p;

    p = ngx_pnalloc(call->pool, 6 * reason.n + 64);

    if (p == NULL || ngx_sio_call_write_head(call, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    call->tail.p = p;
    p = ngx_sio_call_put(p, sio_span(",\"reason\":\""));
    p += sio_json_escape(p, reason);
    p = ngx_sio_call_put(p, lost ? sio_span("\",\"lost\":true}")
                                 : sio_span("\"}"));
    call->tail.n = p - call->tail.p;
    call->size = call->head.n + call->tail.n;

    return NGX_OK;
}


/* Fills in what the socket's cell says of itself; 0 if it is gone. */

static ngx_uint_t
ngx_sio_call_socket(ngx_sio_call_t *call)
{
    u_char             name[NGX_SIO_NAMESPACE_NAME_MAX], *p;
    size_t             n;
    ngx_uint_t         found;
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;

    sh = call->zone->shared;
    n = 0;

    ngx_sio_lock(call->zone);

    so = &sh->sockets[call->socket.cell];
    found = so->serial == call->socket.serial && so->state != NGX_SIO_FREE;

    if (found) {
        ngx_memcpy(call->socket_id, so->id, NGX_SIO_ID_LEN);
        ngx_memcpy(call->id, so->id, NGX_SIO_ID_LEN);
        call->session.cell = so->session;
        call->session.serial = sh->sessions[so->session].serial;
        n = ngx_sio_string_copy(sh, sh->namespaces[so->namespace].name, name,
                                sizeof(name));
    }

    ngx_sio_unlock(call->zone);

    p = found ? ngx_pnalloc(call->pool, n) : NULL;
    if (p == NULL) {
        return 0;
    }

    ngx_memcpy(p, name, n);
    call->namespace.p = p;
    call->namespace.n = n;
    call->conf = ngx_sio_namespace_lookup(call->endpoint, call->namespace);

    return call->conf != NULL;
}


static u_char *
ngx_sio_call_put(u_char *p, sio_span_t text)
{
    return text.n ? ngx_cpymem(p, text.p, text.n) : p;
}
