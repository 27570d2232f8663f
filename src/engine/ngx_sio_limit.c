
/*
 * Applies socketio_limit_events to what clients send, before anything else of
 * an event is looked at.  A WebSocket's bucket is in its presence, so no event
 * takes the lock; a POST takes it from the socket's cell and gives it back.
 */

#include "ngx_sio_auth.h"
#include "ngx_sio_kick.h"
#include "ngx_sio_limit.h"
#include "ngx_sio_meter.h"
#include "ngx_sio_registry.h"
#include "ngx_sio_seldom.h"


/*
 * Refusals of a session that polls, or is behind, are records of the log, which
 * is everybody's: it gets as many as it may send events, and some more at once.
 */
#define NGX_SIO_LIMIT_REFUSALS  100

/* What other refusals they are told of: at once, a second, and in buckets. */
#define NGX_SIO_LIMIT_BURST     5000
#define NGX_SIO_LIMIT_RATE      1000
#define NGX_SIO_LIMIT_CLIENTS   256     /* a power of two */


static void ngx_sio_limit_log(ngx_sio_presence_t *presence);
static ngx_uint_t ngx_sio_limit_paid(const ngx_sio_peer_t *peer);
static ngx_uint_t ngx_sio_limit_told(ngx_sio_presence_t *presence);
static void ngx_sio_limit_refuse(ngx_sio_presence_t *presence,
    sio_span_t id);
static void ngx_sio_limit_disconnect(ngx_sio_peer_t *peer,
    ngx_sio_presence_t *presence, ngx_sio_ref_t socket);


ngx_int_t
ngx_sio_limit_event(ngx_sio_presence_t *presence, const sio_packet_t *packet)
{
    ngx_uint_t       action;
    ngx_sio_ref_t    socket;
    ngx_sio_peer_t  *peer;

    if (sio_bucket_take(&presence->meter.events,
                        &presence->conf->limit_events, ngx_current_msec))
    {
        return NGX_OK;
    }

    peer = presence->peer;
    socket = presence->socket;
    action = presence->conf->limit_action;

    ngx_sio_stat(peer->reader->zone, events_limited, 1);
    ngx_sio_limit_log(presence);

    /* sending may read a kick in the log, which frees the presence */

    if ((packet->type == SIO_EVENT || packet->type == SIO_BINARY_EVENT)
        && packet->id.n
        && ngx_sio_limit_told(presence))
    {
        ngx_sio_limit_refuse(presence, packet->id);
    }

    if (action == NGX_SIO_LIMIT_DISCONNECT && !peer->closing) {
        ngx_sio_limit_disconnect(peer, presence, socket);
    }

    return NGX_DECLINED;
}


static void
ngx_sio_limit_log(ngx_sio_presence_t *presence)
{
    ngx_uint_t               n;

    static ngx_sio_seldom_t  seldom;

    if (ngx_sio_log_counted(&seldom, &n)) {
        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                      "socketio socket %*s of namespace \"%*s\" is over "
                      "socketio_limit_events: %ui events of clients were "
                      "refused since the last such message",
                      (size_t) NGX_SIO_ID_LEN, presence->id,
                      (size_t) presence->name_len, presence->name, n);
    }
}


/*
 * A WebSocket's client pays for what it is told by its own send buffer, but not
 * while it is behind.
 */

static ngx_uint_t
ngx_sio_limit_paid(const ngx_sio_peer_t *peer)
{
    return peer->kind == NGX_SIO_PEER_WEBSOCKET && peer->lag == NULL;
}


static ngx_uint_t
ngx_sio_limit_told(ngx_sio_presence_t *presence)
{
    sio_rate_t  rate;

    if (ngx_sio_limit_paid(presence->peer)) {
        return 1;
    }

    rate = presence->conf->limit_events;
    rate.burst += NGX_SIO_LIMIT_REFUSALS;

    if (sio_bucket_take(&presence->meter.refusals, &rate, ngx_current_msec)) {
        return 1;
    }

    ngx_sio_stat(presence->peer->reader->zone, refusals_untold, 1);

    return 0;
}


ngx_uint_t
ngx_sio_limit_tells(const ngx_sio_peer_t *peer)
{
    ngx_uint_t               i;

    static sio_bucket_t      buckets[NGX_SIO_LIMIT_CLIENTS];
    static const sio_rate_t  rate = { NGX_SIO_LIMIT_RATE * 1000,
                                      NGX_SIO_LIMIT_BURST - 1 };

    if (ngx_sio_limit_paid(peer)) {
        return 1;
    }

    i = peer->session.cell & (NGX_SIO_LIMIT_CLIENTS - 1);

    if (sio_bucket_take(&buckets[i], &rate, ngx_current_msec)) {
        return 1;
    }

    ngx_sio_stat(peer->reader->zone, refusals_untold, 1);

    return 0;
}


static void
ngx_sio_limit_refuse(ngx_sio_presence_t *presence, sio_span_t id)
{
    u_char             head[NGX_SIO_NAMESPACE_NAME_MAX + SIO_ACK_ID_MAX + 8];
    sio_span_t         name;
    ngx_sio_payload_t  payload;

    ngx_memzero(&payload, sizeof(ngx_sio_payload_t));

    name.p = presence->name;
    name.n = presence->name_len;

    payload.text[0].p = head;
    payload.text[0].n = sio_packet_write_head(head, SIO_ACK, 0, name, id);
    payload.text[1] = sio_span("[{\"ok\":false,"
                               "\"error\":\"Rate limit exceeded\"}]");

    ngx_sio_peer_send(presence->peer, &payload);
}


/*
 * A WebSocket's presence goes when the worker reads its own control record,
 * which is here and now: the next event of the client must not find it.
 */

static void
ngx_sio_limit_disconnect(ngx_sio_peer_t *peer, ngx_sio_presence_t *presence,
    ngx_sio_ref_t socket)
{
    ngx_sio_mask_t   wake;
    ngx_sio_zone_t  *zone;

    zone = peer->reader->zone;
    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(zone);

    if (ngx_sio_socket_locked(zone, socket) != NULL) {
        ngx_sio_socket_disconnect_locked(zone, socket.cell, &wake);
    }

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);

    if (peer->kind == NGX_SIO_PEER_WEBSOCKET) {
        ngx_sio_reader_catch_up(peer->reader,
                                sio_ring_head(zone->shared->log));

    } else {
        ngx_sio_limit_left(presence);
        ngx_sio_presence_remove(presence);
    }
}


void
ngx_sio_limit_left(const ngx_sio_presence_t *presence)
{
    ngx_sio_zone_t     *zone;
    ngx_sio_session_t  *s;

    zone = presence->peer->reader->zone;

    ngx_sio_lock(zone);

    s = ngx_sio_session_locked(zone, presence->peer->session);

    if (s) {
        ngx_sio_meter_left(s, &presence->conf->limit_events,
                           &presence->meter);
    }

    ngx_sio_unlock(zone);
}


ngx_int_t
ngx_sio_limit_connect(const ngx_sio_peer_t *peer,
    const ngx_sio_namespace_conf_t *conf)
{
    ngx_uint_t          ok;
    ngx_sio_zone_t     *zone;
    ngx_sio_meter_t     meter;
    ngx_sio_session_t  *s;

    zone = peer->reader->zone;

    ngx_sio_lock(zone);

    s = ngx_sio_session_locked(zone, peer->session);
    ok = s == NULL || ngx_sio_meter_begin(s, &conf->limit_events, &meter);

    ngx_sio_unlock(zone);

    if (ok) {
        return NGX_OK;
    }

    ngx_sio_stat(zone, events_limited, 1);

    return NGX_BUSY;
}


void
ngx_sio_limit_refused(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    const ngx_sio_namespace_conf_t *conf)
{
    ngx_sio_session_t  *s;

    ngx_sio_lock(zone);

    s = ngx_sio_session_locked(zone, session);

    if (s) {
        ngx_sio_meter_refused(s, &conf->limit_events);
    }

    ngx_sio_unlock(zone);
}


void
ngx_sio_limit_save_locked(ngx_sio_peer_t *peer)
{
    ngx_queue_t         *q;
    ngx_sio_socket_t    *so;
    ngx_sio_presence_t  *presence;

    for (q = ngx_queue_head(&peer->presences);
         q != ngx_queue_sentinel(&peer->presences);
         q = ngx_queue_next(q))
    {
        presence = ngx_queue_data(q, ngx_sio_presence_t, queue);
        so = ngx_sio_socket_locked(peer->reader->zone, presence->socket);

        if (so) {
            so->meter = presence->meter;
        }
    }
}


sio_span_t
ngx_sio_limit_user(sio_span_t claims)
{
    sio_json_t     json, sub;
    sio_span_t     user;

    static u_char  buffer[NGX_SIO_CLAIMS_MAX];

    ngx_memzero(&user, sizeof(sio_span_t));

    if (claims.n == 0
        || sio_json_parse(claims, SIO_JSON_DEPTH, &json, NULL) != SIO_OK)
    {
        return user;
    }

    sub = sio_json_get(&json, "sub");

    if (sub.kind == SIO_JSON_NUMBER) {
        return sub.raw;
    }

    if (sio_json_string(&sub, buffer, sizeof(buffer), &user.n) == SIO_OK) {
        user.p = buffer;
    }

    return user;
}
