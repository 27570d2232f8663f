
/*
 * Engine.IO packets on a WebSocket: heartbeat, probe and upgrade here, messages
 * to the engine's dispatch.
 */

#include "ngx_http_sio_ws.h"
#include "ngx_sio_dispatch.h"
#include "ngx_sio_lag.h"
#include "ngx_sio_upgrade.h"
#include "sio_eio.h"


#define NGX_HTTP_SIO_WS_ROUND  128      /* ms: few different durations */


static ngx_int_t ngx_http_sio_ws_packet(ngx_http_sio_ws_t *ws,
    const sio_eio_packet_t *packet);
static ngx_int_t ngx_http_sio_ws_probe(ngx_http_sio_ws_t *ws,
    sio_span_t data);
static ngx_int_t ngx_http_sio_ws_upgrade(ngx_http_sio_ws_t *ws);
static ngx_int_t ngx_http_sio_ws_listen(ngx_http_sio_ws_t *ws,
    const ngx_sio_replay_t *replay);
static void ngx_http_sio_ws_resume(ngx_http_sio_ws_t *ws,
    const ngx_sio_upgrade_t *upgrade);
static void ngx_http_sio_ws_ping(ngx_sio_deadline_t *deadline);
static void ngx_http_sio_ws_pong_missing(ngx_sio_deadline_t *deadline);
static void ngx_http_sio_ws_limited(ngx_sio_deadline_t *deadline);


#define ngx_http_sio_ws_of(deadline, field)                                   \
    ((ngx_http_sio_ws_t *) ((u_char *) (deadline)                             \
                            - offsetof(ngx_http_sio_ws_t, field)))


ngx_int_t
ngx_http_sio_ws_message(ngx_http_sio_ws_t *ws, ngx_uint_t text,
    sio_span_t data)
{
    sio_eio_packet_t  packet;

    ngx_sio_stat(ws->peer.reader->zone, packets_in, 1);
    ws->peer.fault = NGX_SIO_FAULT_PACKET;

    if (ws->peer.kind == NGX_SIO_PEER_PROBE) {
        return text ? ngx_http_sio_ws_probe(ws, data) : NGX_ERROR;
    }

    if (!text) {
        return ngx_sio_dispatch_binary(&ws->peer, data);
    }

    if (sio_eio_parse(data, &packet) != SIO_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sio_ws_packet(ws, &packet);
}


static ngx_int_t
ngx_http_sio_ws_packet(ngx_http_sio_ws_t *ws, const sio_eio_packet_t *packet)
{
    switch (packet->type) {

    case SIO_EIO_MESSAGE:
        return ngx_sio_dispatch_text(&ws->peer, packet->data);

    case SIO_EIO_BINARY:
        return ngx_sio_dispatch_base64(&ws->peer, packet->data);

    case SIO_EIO_PONG:
        ngx_http_sio_ws_heartbeat(ws, ws->peer.endpoint->ping_interval);
        return NGX_OK;

    case SIO_EIO_CLOSE:
        ngx_sio_peer_close(&ws->peer, NGX_SIO_END_CLOSE);
        return NGX_OK;

    case SIO_EIO_PING:
        /* the server's to send in this version of the protocol */
        return NGX_ERROR;

    default:
        return NGX_OK;
    }
}


/* Anything else than a probe or an upgrade leaves the session on polling. */

static ngx_int_t
ngx_http_sio_ws_probe(ngx_http_sio_ws_t *ws, sio_span_t data)
{
    if (sio_span_eq(data, sio_span("2probe")) && !ws->probed) {
        ws->probed = 1;

        ngx_http_sio_ws_send(ws, SIO_WS_TEXT, (u_char *) "3probe", 6);

        if (ngx_sio_probe_done(ws->peer.reader->zone, ws->peer.session)
            != NGX_OK)
        {
            ngx_sio_peer_close(&ws->peer, NGX_SIO_END_GONE);
        }

        return NGX_OK;
    }

    if (data.n && data.p[0] == SIO_EIO_UPGRADE) {
        return ngx_http_sio_ws_upgrade(ws);
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_sio_ws_upgrade(ngx_http_sio_ws_t *ws)
{
    ngx_sio_peer_t     *peer;
    ngx_sio_zone_t     *zone;
    ngx_sio_replay_t    replay;
    ngx_sio_upgrade_t   upgrade;

    peer = &ws->peer;
    zone = peer->reader->zone;

    /* what is queued already would lose its turn with the probe */

    ngx_http_sio_ws_flush(peer);

    if (peer->closing) {
        return NGX_OK;
    }

    if (ngx_sio_probe_upgrade(zone, peer->session, &upgrade, &replay)
        != NGX_OK)
    {
        ngx_sio_peer_close(peer, NGX_SIO_END_GONE);
        return NGX_OK;
    }

    ngx_sio_peer_leave(peer);
    peer->cursor = replay.to;

    /* from here the session is this peer's, and ends with it */

    if (ngx_sio_peer_init(peer, NGX_SIO_PEER_WEBSOCKET) != NGX_OK) {
        peer->kind = NGX_SIO_PEER_WEBSOCKET;
        peer->fault = NGX_SIO_FAULT_MEMORY;
        ngx_sio_peer_doom(peer, ngx_sio_peer_fault(peer, ws->connection->log,
                                                   "packet"));
        return NGX_OK;
    }

    if (ngx_sio_dispatch_load(peer) != NGX_OK
        || ngx_http_sio_ws_listen(ws, &replay) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* what polling has not got yet */

    ngx_sio_lag_begin(peer);

    ngx_http_sio_ws_resume(ws, &upgrade);

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_ws_listen(ngx_http_sio_ws_t *ws, const ngx_sio_replay_t *replay)
{
    ngx_uint_t           i;
    ngx_queue_t         *q;
    ngx_sio_presence_t  *presence;
    ngx_sio_interest_t  *interest;

    for (q = ngx_queue_head(&ws->peer.presences);
         q != ngx_queue_sentinel(&ws->peer.presences);
         q = ngx_queue_next(q))
    {
        presence = ngx_queue_data(q, ngx_sio_presence_t, queue);

        for (i = 0; i < replay->n; i++) {
            interest = &replay->interests[i];

            if (interest->socket == presence->socket.cell
                && interest->until == NGX_SIO_FOREVER
                && ngx_sio_presence_listen(presence, interest->kind,
                                           interest->id, interest->from,
                                           interest->until)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* The heartbeat goes on where it was on polling. */

static void
ngx_http_sio_ws_resume(ngx_http_sio_ws_t *ws, const ngx_sio_upgrade_t *upgrade)
{
    uint64_t  at, now;

    if (ws->peer.closing) {
        /* a deadline would outlive it */
        return;
    }

    now = ngx_current_msec;

    at = upgrade->ping_sent ? upgrade->deadline : upgrade->ping_due;
    at = at > now ? at - now : 1;
    at = ngx_align(at, NGX_HTTP_SIO_WS_ROUND);

    if (!upgrade->ping_sent) {
        ngx_http_sio_ws_heartbeat(ws, at);

    } else if (ngx_sio_deadline_set(&ws->peer.deadline, at,
                                    ngx_http_sio_ws_pong_missing)
               != NGX_OK)
    {
        ngx_sio_peer_close(&ws->peer, NGX_SIO_END_SLOW);
    }

    ws->peer.connected = upgrade->connected;

    if (!upgrade->connected) {
        ngx_http_sio_ws_limit(ws, ws->peer.endpoint->connect_timeout);

    } else {
        ngx_sio_deadline_clear(&ws->limit);
    }
}


void
ngx_http_sio_ws_heartbeat(ngx_http_sio_ws_t *ws, ngx_msec_t wait)
{
    if (ws->peer.closing) {
        return;
    }

    if (ngx_sio_deadline_set(&ws->peer.deadline, wait, ngx_http_sio_ws_ping)
        != NGX_OK)
    {
        ngx_sio_peer_close(&ws->peer, NGX_SIO_END_SLOW);
    }
}


static void
ngx_http_sio_ws_ping(ngx_sio_deadline_t *deadline)
{
    ngx_http_sio_ws_t  *ws;

    static u_char  ping = SIO_EIO_PING;

    ws = ngx_http_sio_ws_of(deadline, peer.deadline);

    ngx_http_sio_ws_send(ws, SIO_WS_TEXT, &ping, 1);

    if (!ws->peer.closing
        && ngx_sio_deadline_set(deadline, ws->peer.endpoint->ping_timeout,
                                ngx_http_sio_ws_pong_missing)
           != NGX_OK)
    {
        ngx_sio_peer_close(&ws->peer, NGX_SIO_END_SLOW);
    }
}


static void
ngx_http_sio_ws_pong_missing(ngx_sio_deadline_t *deadline)
{
    ngx_http_sio_ws_t  *ws;

    ws = ngx_http_sio_ws_of(deadline, peer.deadline);

    ngx_sio_stat(ws->peer.reader->zone, pings_timed_out, 1);
    ngx_sio_peer_close(&ws->peer, NGX_SIO_END_TIMEOUT);
}


void
ngx_http_sio_ws_limit(ngx_http_sio_ws_t *ws, ngx_msec_t wait)
{
    if (ngx_sio_deadline_set(&ws->limit, wait, ngx_http_sio_ws_limited)
        != NGX_OK)
    {
        ngx_sio_peer_close(&ws->peer, NGX_SIO_END_SLOW);
    }
}


static void
ngx_http_sio_ws_limited(ngx_sio_deadline_t *deadline)
{
    ngx_http_sio_ws_t  *ws;

    ws = ngx_http_sio_ws_of(deadline, limit);

    if (!ws->peer.connected) {
        ngx_sio_peer_close(&ws->peer, NGX_SIO_END_CLOSE);
    }
}
