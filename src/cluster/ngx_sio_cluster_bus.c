
/*
 * Broadcasts both ways.  A message for a room is looked at by its channel's
 * name first, so that this node does not pay for rooms that nobody here is in.
 */

#include "ngx_sio_hashes.h"
#include "ngx_sio_cluster_hand.h"
#include "ngx_sio_cluster_note.h"
#include "ngx_sio_cluster_private.h"
#include "ngx_sio_seldom.h"


#define NGX_SIO_CLUSTER_KEEP  262144    /* bytes that its buffer keeps */


static ngx_uint_t ngx_sio_cluster_publish(ngx_sio_emit_t *emit);
static ngx_int_t ngx_sio_cluster_packet(ngx_sio_cluster_t *cl,
    const ngx_sio_emit_t *emit, sio_span_t *text);
static sio_span_t ngx_sio_cluster_after(ngx_sio_cluster_t *cl,
    sio_span_t channel, const char *kind);
static void ngx_sio_cluster_broadcast(ngx_sio_cluster_t *cl, sio_span_t rest,
    sio_span_t payload);
static ngx_uint_t ngx_sio_cluster_interest(ngx_sio_zone_t *zone,
    sio_span_t namespace, sio_span_t room);


const struct ngx_sio_bus_s  ngx_sio_cluster_bus = {
    ngx_sio_cluster_publish,
    ngx_sio_cluster_note
};


static ngx_uint_t
ngx_sio_cluster_publish(ngx_sio_emit_t *emit)
{
    sio_span_t                message, room;
    ngx_sio_cluster_t        *cl;
    sio_adapter_broadcast_t   b;

    cl = emit->zone->cluster;

    if (cl == NULL) {
        return NGX_SIO_CLUSTER_DOWN;
    }

    ngx_sio_cluster_notes(cl);

    ngx_memzero(&room, sizeof(sio_span_t));

    if (emit->nrooms == 1) {
        room = emit->rooms[0];
    }

    if (ngx_sio_cluster_event(cl, emit, &b) != NGX_OK
        || sio_adapter_encode(cl->out, &b, &message) != SIO_OK)
    {
        return NGX_SIO_CLUSTER_REFUSED;
    }

    return ngx_sio_cluster_send(cl, "", emit->namespace, room, message)
           == NGX_OK ? NGX_SIO_CLUSTER_SENT : NGX_SIO_CLUSTER_DOWN;
}


ngx_int_t
ngx_sio_cluster_event(ngx_sio_cluster_t *cl, const ngx_sio_emit_t *emit,
    sio_adapter_broadcast_t *b)
{
    ngx_memzero(b, sizeof(sio_adapter_broadcast_t));

    b->uid.p = cl->uid;
    b->uid.n = NGX_SIO_UID_LEN;
    b->rooms.name = emit->rooms;
    b->rooms.n = emit->nrooms;
    b->except.name = emit->except;
    b->except.n = emit->nexcept;
    b->is_volatile = emit->flags & NGX_SIO_VOLATILE;
    b->plain = emit->flags & NGX_SIO_PLAIN;
    b->nattachments = emit->payload.nattachments;

    if (b->nattachments) {
        ngx_memcpy(b->attachments, emit->payload.attachments,
                   b->nattachments * sizeof(sio_span_t));
    }

    /* a socket's own worker emits for it, so the cell is still its own */

    if (emit->others && emit->nexcept == 0) {
        cl->sender.p = emit->zone->shared->sockets[emit->sender.cell].id;
        cl->sender.n = NGX_SIO_ID_LEN;
        b->except.name = &cl->sender;
        b->except.n = 1;
    }

    return ngx_sio_cluster_packet(cl, emit, &b->text);
}


static ngx_int_t
ngx_sio_cluster_packet(ngx_sio_cluster_t *cl, const ngx_sio_emit_t *emit,
    sio_span_t *text)
{
    size_t             n;
    u_char            *p;
    ngx_uint_t         i;
    const sio_span_t  *piece;

    piece = emit->payload.text;

    for (n = 0, i = 0; i < 4; i++) {
        n += piece[i].n;
    }

    /* a large one does not take its memory for good */

    if (cl->text.size > NGX_SIO_CLUSTER_KEEP) {
        ngx_sio_redis_buf_free(&cl->text);
    }

    if (ngx_sio_redis_buf_reserve(&cl->text, n, NGX_SIO_REDIS_OUT) != NGX_OK) {
        return NGX_ERROR;
    }

    for (p = cl->text.p, i = 0; i < 4; i++) {
        p = ngx_cpymem(p, piece[i].p, piece[i].n);
    }

    text->p = cl->text.p;
    text->n = n;

    return NGX_OK;
}


ngx_int_t
ngx_sio_cluster_send(ngx_sio_cluster_t *cl, const char *kind,
    sio_span_t namespace, sio_span_t name, sio_span_t message)
{
    u_char     *p, channel[NGX_SIO_CHANNEL_MAX];
    ngx_int_t   rc;
    sio_span_t  argv[3];

    rc = NGX_DECLINED;

    if (cl->conf->prefix.len + namespace.n + name.n + 32 <= sizeof(channel)) {
        p = ngx_cpymem(channel, cl->conf->prefix.data, cl->conf->prefix.len);
        p = ngx_sprintf(p, "%s#", kind);
        p = ngx_cpymem(p, namespace.p, namespace.n);
        *p++ = '#';

        if (name.n) {
            p = ngx_cpymem(p, name.p, name.n);
            *p++ = '#';
        }

        argv[0] = sio_span("PUBLISH");
        argv[1].p = channel;
        argv[1].n = p - channel;
        argv[2] = message;

        ngx_sio_redis_open(&cl->publisher);
        rc = ngx_sio_redis_command(&cl->publisher, 3, argv, NULL);
    }

    if (rc == NGX_OK) {
        ngx_sio_stat(cl->zone, cluster_sent, 1);

    } else {
        ngx_sio_stat(cl->zone, cluster_lost, 1);
    }

    return rc;
}


ngx_uint_t
ngx_sio_cluster_tell(ngx_sio_zone_t *zone, sio_span_t namespace,
    sio_adapter_request_t *request)
{
    sio_span_t          none, message;
    ngx_sio_cluster_t  *cl;

    if (zone->bus == NULL) {
        return NGX_SIO_CLUSTER_NONE;
    }

    cl = zone->cluster;
    ngx_memzero(&none, sizeof(sio_span_t));

    if (cl == NULL) {
        return NGX_SIO_CLUSTER_DOWN;
    }

    /* what was announced in this turn has happened before */

    ngx_sio_cluster_notes(cl);

    request->uid.p = cl->uid;
    request->uid.n = NGX_SIO_UID_LEN;

    if (sio_adapter_request_write(cl->out, request, &message) != SIO_OK) {
        return NGX_SIO_CLUSTER_REFUSED;
    }

    return ngx_sio_cluster_send(cl, "-request", namespace, none, message)
           == NGX_OK ? NGX_SIO_CLUSTER_SENT : NGX_SIO_CLUSTER_DOWN;
}


void
ngx_sio_cluster_message(ngx_sio_cluster_t *cl, ngx_uint_t pattern,
    sio_span_t channel, sio_span_t payload)
{
    sio_span_t  rest;

    if (!pattern) {

        if (ngx_sio_cluster_after(cl, channel, "-nginx#").n) {
            ngx_sio_cluster_private(cl, payload);

        } else if (ngx_sio_cluster_after(cl, channel, "-node#").n) {
            ngx_sio_cluster_twin_heard(cl, payload);

        } else if (ngx_sio_cluster_after(cl, channel, "-beat#").n) {
            ngx_sio_cluster_hand_marker(cl, payload);

        } else if (cl->hand) {
            rest = ngx_sio_cluster_after(cl, channel, "-request#");

            if (rest.n) {
                rest.n--;
                ngx_sio_cluster_request_none(cl, rest, payload);
            }
        }

        return;
    }

    /* one of two that hear takes it; each that is counted answers requests */

    if (cl->hand) {
        return;
    }

    rest = ngx_sio_cluster_after(cl, channel, "#");

    if (rest.n) {
        ngx_sio_cluster_broadcast(cl, rest, payload);
        return;
    }

    rest = ngx_sio_cluster_after(cl, channel, "-request#");

    if (rest.n) {
        rest.n--;
        ngx_sio_cluster_request(cl, rest, payload);
    }
}


/* The rest of a channel behind the prefix, nothing if it is another's. */

static sio_span_t
ngx_sio_cluster_after(ngx_sio_cluster_t *cl, sio_span_t channel,
    const char *kind)
{
    size_t            n;
    sio_span_t        rest;
    const ngx_str_t  *prefix;

    prefix = &cl->conf->prefix;
    n = ngx_strlen(kind);
    ngx_memzero(&rest, sizeof(sio_span_t));

    if (channel.n > prefix->len + n
        && channel.p[channel.n - 1] == '#'
        && ngx_memcmp(channel.p, prefix->data, prefix->len) == 0
        && ngx_memcmp(channel.p + prefix->len, kind, n) == 0)
    {
        rest.p = channel.p + prefix->len + n;
        rest.n = channel.n - prefix->len - n;
    }

    return rest;
}


static void
ngx_sio_cluster_broadcast(ngx_sio_cluster_t *cl, sio_span_t rest,
    sio_span_t payload)
{
    sio_span_t                namespace, room;
    const u_char             *p;
    sio_adapter_broadcast_t   b;

    p = ngx_strlchr((u_char *) rest.p, (u_char *) rest.p + rest.n, '#');

    namespace.p = rest.p;
    namespace.n = p - rest.p;
    room.p = p + 1;
    room.n = rest.n - namespace.n - 1;
    room.n -= room.n != 0;

    /* what this node has said itself: fixarray, fixstr, the uid */

    if (payload.n > NGX_SIO_UID_LEN + 2
        && payload.p[1] == (0xa0 | NGX_SIO_UID_LEN)
        && ngx_memcmp(payload.p + 2, cl->uid, NGX_SIO_UID_LEN) == 0)
    {
        return;
    }

    if (!ngx_sio_cluster_interest(cl->zone, namespace, room)) {
        ngx_sio_stat(cl->zone, cluster_skipped, 1);
        return;
    }

    if (sio_adapter_decode(cl->in, payload, &b) != SIO_OK) {
        ngx_sio_cluster_refuse(cl, sio_adapter_why(cl->in));
        return;
    }

    ngx_sio_cluster_deliver(cl, namespace, &b);
}


void
ngx_sio_cluster_deliver(ngx_sio_cluster_t *cl, sio_span_t namespace,
    const sio_adapter_broadcast_t *b)
{
    ngx_sio_emit_t  emit;

    if (!sio_span_eq(b->nsp, namespace)) {
        ngx_sio_cluster_refuse(cl, "its namespace is not the channel's");
        return;
    }

    ngx_memzero(&emit, sizeof(ngx_sio_emit_t));

    emit.zone = cl->zone;
    emit.namespace = b->nsp;
    emit.rooms = b->rooms.name;
    emit.nrooms = b->rooms.n;
    emit.except = b->except.name;
    emit.nexcept = b->except.n;
    emit.flags = (b->is_volatile ? NGX_SIO_VOLATILE : 0)
                 | (b->plain ? NGX_SIO_PLAIN : 0);
    emit.payload.text[0] = b->text;
    emit.payload.attachments = (sio_span_t *) b->attachments;
    emit.payload.nattachments = b->nattachments;

    if (!ngx_sio_log_fits(cl->zone, ngx_sio_payload_size(&emit.payload))
        || ngx_sio_emit(&emit) != NGX_OK)
    {
        ngx_sio_cluster_refuse(cl, "larger than an eighth of the log");
        return;
    }

    ngx_sio_stat(cl->zone, cluster_received, 1);
}


static ngx_uint_t
ngx_sio_cluster_interest(ngx_sio_zone_t *zone, sio_span_t namespace,
    sio_span_t room)
{
    uint32_t           nsp, cell;
    ngx_uint_t         found;
    ngx_sio_shared_t  *sh;

    sh = zone->shared;
    found = 0;

    ngx_sio_lock(zone);

    nsp = ngx_sio_namespace_find(sh, namespace);

    /* who may come back is to find it in the log; a namespace has somebody */

    if (nsp && room.n == 0) {
        found = 1;

    } else if (nsp) {
        cell = ngx_sio_room_find(sh, nsp, room);
        found = (cell && sh->rooms[cell].count + sh->rooms[cell].waiting)
                || ngx_sio_socket_find(sh, nsp, room)
                || ngx_sio_socket_waiting(sh, nsp, room);
    }

    ngx_sio_unlock(zone);

    return found;
}


void
ngx_sio_cluster_refuse(ngx_sio_cluster_t *cl, const char *why)
{
    ngx_sio_stat(cl->zone, cluster_refused, 1);

    ngx_sio_log_seldom(NGX_LOG_INFO, ngx_cycle->log,
                       "socketio refuses a message of the cluster: %s", why);
}
