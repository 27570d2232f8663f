
/*
 * Carries out what other workers have done to this one's sessions: shared
 * memory has changed already, here the worker's own copy follows.
 */

#include "ngx_sio_acks.h"
#include "ngx_sio_connect.h"
#include "ngx_sio_control.h"
#include "ngx_sio_dispatch.h"
#include "ngx_sio_forward.h"
#include "ngx_sio_limit.h"


static void ngx_sio_control_rooms(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control, uint64_t position);
static void ngx_sio_control_close(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control);
static void ngx_sio_control_poll(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control);
static ngx_sio_presence_t *ngx_sio_control_presence(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control);


void
ngx_sio_control(ngx_sio_reader_t *reader, const ngx_sio_record_view_t *view)
{
    u_char             packet[sizeof(uint32_t) + sizeof(ngx_sio_control_t)];
    ngx_sio_peer_t    *peer;
    ngx_sio_control_t  control;

    if (view->targets[0].id != ngx_sio_self
        || view->head.length < sizeof(packet))
    {
        return;
    }

    ngx_memcpy(packet, view->packet, sizeof(packet));

    if (!sio_ring_valid(reader->zone->shared->log, view->head.ring.position)) {
        return;
    }

    ngx_memcpy(&control, packet + sizeof(uint32_t), sizeof(ngx_sio_control_t));

    switch (control.op) {

    case NGX_SIO_CTL_JOIN:
    case NGX_SIO_CTL_LEAVE:
        ngx_sio_control_rooms(reader, &control, view->head.ring.position);
        break;

    case NGX_SIO_CTL_CONNECTED:
        ngx_sio_connect_opened(reader, &control);
        break;

    case NGX_SIO_CTL_DISCONNECT:
        ngx_sio_control_disconnect(reader, &control);
        break;

    case NGX_SIO_CTL_CLOSE:
        ngx_sio_control_close(reader, &control);
        break;

    case NGX_SIO_CTL_POST_GONE:
        peer = ngx_sio_reader_peer(reader, NGX_SIO_PEER_POST, control.session);

        if (peer) {
            ngx_sio_peer_close(peer, NGX_SIO_END_GONE);
        }

        break;

    case NGX_SIO_CTL_ACK:
        ngx_sio_ack_read(reader->zone, &control, view);
        break;

    case NGX_SIO_CTL_CALL:
        ngx_sio_forward_handed(reader, &control, view);
        break;

    default:
        ngx_sio_control_poll(reader, &control);
        break;
    }
}


static void
ngx_sio_control_rooms(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control, uint64_t position)
{
    ngx_sio_presence_t  *presence;

    presence = ngx_sio_control_presence(reader, control);
    if (presence == NULL) {
        return;
    }

    if (control->op == NGX_SIO_CTL_LEAVE) {
        ngx_sio_presence_ignore(presence, NGX_SIO_TO_ROOM, control->room);
        return;
    }

    if (ngx_sio_presence_listen(presence, NGX_SIO_TO_ROOM, control->room,
                                position, NGX_SIO_FOREVER)
        != NGX_OK)
    {
        ngx_sio_peer_close(presence->peer, NGX_SIO_END_SLOW);
    }
}


void
ngx_sio_control_disconnect(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control)
{
    ngx_sio_peer_t      *peer;
    ngx_sio_presence_t  *presence;

    presence = ngx_sio_control_presence(reader, control);
    if (presence == NULL) {
        return;
    }

    peer = presence->peer;

    ngx_sio_dispatch_farewell(presence);

    if (peer->closing) {
        /* it was too slow for that: the presence is gone with the rest */
        return;
    }

    ngx_sio_limit_left(presence);
    ngx_sio_presence_remove(presence);

    ngx_sio_lock(reader->zone);

    if (ngx_sio_session_locked(reader->zone, peer->session)) {
        ngx_sio_session_sweep_locked(reader->zone, peer->session.cell);
    }

    ngx_sio_unlock(reader->zone);
}


static void
ngx_sio_control_close(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control)
{
    ngx_uint_t       kind;
    ngx_sio_peer_t  *peer;

    for (kind = NGX_SIO_PEER_WEBSOCKET; kind <= NGX_SIO_PEER_PROBE; kind++) {
        peer = ngx_sio_reader_peer(reader, kind, control->session);

        if (peer) {
            ngx_sio_peer_close(peer, NGX_SIO_END_CLOSE);
        }
    }
}


static void
ngx_sio_control_poll(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control)
{
    ngx_sio_peer_t  *peer;

    peer = ngx_sio_reader_peer(reader, NGX_SIO_PEER_POLL, control->session);
    if (peer == NULL) {
        return;
    }

    switch (control->op) {

    case NGX_SIO_CTL_POLL_CLOSED:
        ngx_sio_peer_close(peer, NGX_SIO_END_CLOSE);
        break;

    case NGX_SIO_CTL_POLL_GONE:
        ngx_sio_peer_close(peer, NGX_SIO_END_GONE);
        break;

    default:
        peer->noop |= control->op == NGX_SIO_CTL_POLL;
        ngx_sio_reader_ready(peer);
        break;
    }
}


static ngx_sio_presence_t *
ngx_sio_control_presence(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control)
{
    ngx_queue_t         *q;
    ngx_sio_peer_t      *peer;
    ngx_sio_presence_t  *presence;

    peer = ngx_sio_reader_peer(reader, NGX_SIO_PEER_WEBSOCKET,
                               control->session);
    if (peer == NULL) {
        return NULL;
    }

    for (q = ngx_queue_head(&peer->presences);
         q != ngx_queue_sentinel(&peer->presences);
         q = ngx_queue_next(q))
    {
        presence = ngx_queue_data(q, ngx_sio_presence_t, queue);

        if (presence->socket.serial == control->socket.serial) {
            return presence;
        }
    }

    return NULL;
}
