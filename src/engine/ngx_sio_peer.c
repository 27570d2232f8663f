
/*
 * Peers: their queue of frames, and their end.
 */

#include "ngx_sio_compress.h"
#include "ngx_sio_lag.h"
#include "ngx_sio_partial.h"
#include "ngx_sio_presence.h"
#include "ngx_sio_registry.h"
#include "ngx_sio_seldom.h"
#include "ngx_sio_send.h"


#define NGX_SIO_FRAMES_KEPT  32         /* of an empty queue */


static ngx_int_t ngx_sio_peer_room(ngx_sio_peer_t *peer,
    ngx_sio_frame_t *frame);
static void ngx_sio_peer_drop_volatile(ngx_sio_peer_t *peer);
static ngx_int_t ngx_sio_peer_grow(ngx_sio_peer_t *peer);


ngx_int_t
ngx_sio_peer_init(ngx_sio_peer_t *peer, ngx_uint_t kind)
{
    ngx_sio_peer_t    *old;
    ngx_sio_reader_t  *reader;

    reader = peer->reader;
    peer->closing = 1;

    /* a cell is used again before its last peer heard of its end */

    old = ngx_sio_index_get(&reader->peers[kind], peer->session.cell);

    if (old) {
        ngx_sio_peer_close(old, NGX_SIO_END_GONE);
    }

    if (ngx_sio_index_set(&reader->peers[kind], peer->session.cell, peer)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    peer->closing = 0;
    peer->kind = kind;
    peer->audited = reader->rebuilds;
    ngx_queue_init(&peer->presences);
    ngx_queue_insert_tail(&reader->all[kind], &peer->queue);
    reader->n[kind]++;

    if (kind == NGX_SIO_PEER_POLL) {
        /* closing the old one may have taken this back */
        ngx_sio_mask_set(&reader->zone->shared->parked, ngx_sio_self);
    }

    return NGX_OK;
}


void
ngx_sio_peer_leave(ngx_sio_peer_t *peer)
{
    ngx_sio_reader_t  *reader;

    if (peer->closing) {
        return;
    }

    peer->closing = 1;
    reader = peer->reader;

    ngx_sio_lag_end(peer);
    ngx_sio_deadline_clear(&peer->deadline);
    ngx_sio_partial_free(ngx_sio_partial_take(peer));

    while (!ngx_queue_empty(&peer->presences)) {
        ngx_sio_presence_remove(ngx_queue_data(ngx_queue_head(&peer->presences),
                                               ngx_sio_presence_t, queue));
    }

    if (peer->in_turn) {
        ngx_queue_remove(&peer->turn);
        peer->in_turn = 0;
    }

    if (ngx_sio_index_get(&reader->peers[peer->kind], peer->session.cell)
        == peer)
    {
        (void) ngx_sio_index_set(&reader->peers[peer->kind],
                                 peer->session.cell, NULL);
    }

    ngx_queue_remove(&peer->queue);
    reader->n[peer->kind]--;

    if (peer->kind == NGX_SIO_PEER_POLL && reader->n[NGX_SIO_PEER_POLL] == 0) {
        ngx_sio_mask_clear(&reader->zone->shared->parked, ngx_sio_self);
    }
}


void
ngx_sio_peer_close(ngx_sio_peer_t *peer, ngx_sio_end_t why)
{
    if (peer->closing) {
        return;
    }

    ngx_sio_peer_leave(peer);
    ngx_sio_peer_doom(peer, why);
}


void
ngx_sio_peer_doom(ngx_sio_peer_t *peer, ngx_sio_end_t why)
{
    peer->why = why;
    peer->ending = 1;
    ngx_queue_insert_tail(&peer->reader->closing, &peer->turn);

    ngx_sio_reader_post(peer->reader);
}


void
ngx_sio_peer_forget(ngx_sio_peer_t *peer)
{
    ngx_sio_peer_leave(peer);

    if (peer->ending) {
        peer->ending = 0;
        ngx_queue_remove(&peer->turn);
    }
}


void
ngx_sio_peer_queue(ngx_sio_peer_t *peer, ngx_sio_frame_t *frame)
{
    if (peer->closing) {
        return;
    }

    if (ngx_sio_peer_room(peer, frame) != NGX_OK) {
        return;
    }

    if (ngx_sio_peer_queue_last(peer, frame) != NGX_OK) {
        ngx_sio_peer_close(peer, NGX_SIO_END_SLOW);
        return;
    }

    if (!peer->in_turn && !peer->blocked) {
        peer->in_turn = 1;
        ngx_queue_insert_tail(&peer->reader->flush, &peer->turn);
        ngx_sio_reader_post(peer->reader);
    }
}


ngx_int_t
ngx_sio_peer_queue_last(ngx_sio_peer_t *peer, ngx_sio_frame_t *frame)
{
    if (peer->nframes == peer->size && ngx_sio_peer_grow(peer) != NGX_OK) {
        return NGX_ERROR;
    }

    frame->refs++;
    peer->pending += frame->size;
    ngx_sio_peer_frame(peer, peer->nframes) = frame;
    peer->nframes++;

    return NGX_OK;
}


/* NGX_DECLINED: the frame was dropped, or the peer closed. */

static ngx_int_t
ngx_sio_peer_room(ngx_sio_peer_t *peer, ngx_sio_frame_t *frame)
{
    size_t  limit;

    if (frame->droppable && peer->blocked) {
        ngx_sio_stat(peer->reader->zone, volatile_dropped, 1);
        return NGX_DECLINED;
    }

    /* one frame always fits: it may be larger than the limit by itself */

    if (peer->nframes == 0) {
        return NGX_OK;
    }

    limit = ngx_sio_peer_limit(peer);

    if (peer->pending + frame->size <= limit) {
        return NGX_OK;
    }

    ngx_sio_peer_drop_volatile(peer);

    if (peer->nframes == 0 || peer->pending + frame->size <= limit) {
        return NGX_OK;
    }

    if (!peer->blocked) {
        /* it did not have its turn yet: many messages in one drain */
        peer->transport->flush(peer);

        if (peer->closing) {
            /* the client is gone, and `turn` is in the list of those to end */
            return NGX_DECLINED;
        }

        if (!peer->blocked || peer->pending + frame->size <= limit) {
            return NGX_OK;
        }
    }

    ngx_sio_log_seldom(NGX_LOG_INFO, ngx_cycle->log,
                       "socketio client is too slow, over socketio_send_buffer "
                       "with %uz bytes waiting: closed", peer->pending);

    ngx_sio_stat(peer->reader->zone, slow_closed, 1);
    ngx_sio_peer_close(peer, NGX_SIO_END_SLOW);

    return NGX_DECLINED;
}


/* A connection serves all its namespaces: the most generous one counts. */

size_t
ngx_sio_peer_limit(ngx_sio_peer_t *peer)
{
    size_t               limit;
    ngx_queue_t         *q;
    ngx_sio_presence_t  *presence;

    limit = 0;

    for (q = ngx_queue_head(&peer->presences);
         q != ngx_queue_sentinel(&peer->presences);
         q = ngx_queue_next(q))
    {
        presence = ngx_queue_data(q, ngx_sio_presence_t, queue);
        limit = ngx_max(limit, presence->conf->send_buffer);
    }

    return limit ? limit : peer->endpoint->defaults.send_buffer;
}


/* The first frame may have been sent in part, more if TLS holds them. */

static void
ngx_sio_peer_drop_volatile(ngx_sio_peer_t *peer)
{
    uint32_t          i, n;
    ngx_sio_frame_t  *frame;

    n = ngx_max(1, peer->offered);

    for (i = n; i < peer->nframes; i++) {
        frame = ngx_sio_peer_frame(peer, i);

        if (frame->droppable) {
            peer->pending -= frame->size;
            ngx_sio_frame_release(frame);
            ngx_sio_stat(peer->reader->zone, volatile_dropped, 1);
            continue;
        }

        ngx_sio_peer_frame(peer, n) = frame;
        n++;
    }

    peer->nframes = ngx_min(n, peer->nframes);
}


static ngx_int_t
ngx_sio_peer_grow(ngx_sio_peer_t *peer)
{
    uint32_t           i, size;
    ngx_sio_frame_t  **frames;

    size = peer->size ? peer->size * 2 : 4;

    frames = ngx_alloc(size * sizeof(ngx_sio_frame_t *), ngx_cycle->log);
    if (frames == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < peer->nframes; i++) {
        frames[i] = ngx_sio_peer_frame(peer, i);
    }

    ngx_free(peer->frames);

    peer->frames = frames;
    peer->first = 0;
    peer->size = size;

    return NGX_OK;
}


void
ngx_sio_peer_sent_frame(ngx_sio_peer_t *peer)
{
    ngx_sio_frame_t  *frame;

    frame = peer->frames[peer->first];

    peer->first = (peer->first + 1) & (peer->size - 1);
    peer->nframes--;
    peer->sent = 0;
    peer->pending -= frame->size;

    ngx_sio_frame_release(frame);

    if (peer->nframes == 0 && peer->size > NGX_SIO_FRAMES_KEPT) {
        ngx_free(peer->frames);
        peer->frames = NULL;
        peer->size = 0;
        peer->first = 0;
    }
}


void
ngx_sio_peer_drop_frames(ngx_sio_peer_t *peer)
{
    while (peer->nframes) {
        ngx_sio_peer_sent_frame(peer);
    }

    ngx_free(peer->frames);
    peer->frames = NULL;
    peer->size = 0;
    peer->offered = 0;
}


ngx_int_t
ngx_sio_peer_packet(ngx_sio_peer_t *peer, const ngx_sio_payload_t *payload)
{
    ngx_sio_frame_t  *frame;

    frame = ngx_sio_frame_payload(payload, peer->base64);
    if (frame == NULL) {
        return ngx_sio_peer_starved(peer);
    }

    ngx_sio_peer_queue(peer, ngx_sio_compress_packet(peer, frame));
    ngx_sio_frame_release(frame);

    return NGX_OK;
}


void
ngx_sio_peer_send(ngx_sio_peer_t *peer, const ngx_sio_payload_t *payload)
{
    ngx_int_t         rc;
    ngx_sio_zone_t   *zone;

    if (peer->closing) {
        return;
    }

    zone = peer->reader->zone;

    if (peer->kind != NGX_SIO_PEER_WEBSOCKET || peer->lag) {
        rc = ngx_sio_session_send(zone, peer->session, payload);

        if (rc == NGX_DECLINED && peer->lag) {
            ngx_sio_peer_close(peer, NGX_SIO_END_SLOW);

        } else if (rc == NGX_DECLINED) {
            ngx_sio_session_close(zone, peer->session,
                                  NGX_SIO_REASON_ERROR, 0, 0);
        }

        return;
    }

    ngx_sio_reader_catch_up(peer->reader, sio_ring_head(zone->shared->log));

    if (ngx_sio_peer_packet(peer, payload) != NGX_OK) {
        ngx_sio_peer_close(peer, NGX_SIO_END_SLOW);
    }
}
