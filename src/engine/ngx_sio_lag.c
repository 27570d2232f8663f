
/*
 * Slices of the log for WebSockets that are behind.  Called by the reader's
 * turn, and by transports when a client has taken what it was sent; never waits
 * and never queues more than a slice.
 */

#include "ngx_sio_behind.h"
#include "ngx_sio_lag.h"
#include "ngx_sio_seldom.h"


/* A slice has one event at least. */
#define NGX_SIO_LAG_BYTES    65536      /* and a quarter of the send buffer */
#define NGX_SIO_LAG_RECORDS  512
#define NGX_SIO_LAG_PEERS    32         /* of one turn of the event loop */


struct ngx_sio_lag_s {
    ngx_queue_t            queue;       /* of the reader, if queued */
    ngx_sio_peer_t        *peer;
    ngx_sio_ahead_t        ahead;
    ngx_uint_t             queued;
};


typedef struct {
    ngx_sio_peer_t        *peer;
    size_t                 left;        /* bytes */
    ngx_uint_t             records;
    ngx_uint_t             events;
} ngx_sio_slice_t;


static void ngx_sio_lag_step(ngx_sio_lag_t *lag);
static ngx_int_t ngx_sio_lag_record(void *data,
    const ngx_sio_record_view_t *view);


void
ngx_sio_lag_begin(ngx_sio_peer_t *peer)
{
    if (peer->closing) {
        return;
    }

    if (peer->lag == NULL) {
        peer->lag = ngx_calloc(sizeof(ngx_sio_lag_t), ngx_cycle->log);

        if (peer->lag == NULL) {
            ngx_sio_peer_close(peer, NGX_SIO_END_SLOW);
            return;
        }

        peer->lag->peer = peer;
        peer->cursor = NGX_SIO_FOREVER;
    }

    peer->lag->ahead.n = 0;

    if (peer->nframes == 0) {
        ngx_sio_lag_drained(peer);
    }
}


void
ngx_sio_lag_drained(ngx_sio_peer_t *peer)
{
    ngx_sio_lag_t  *lag;

    lag = peer->lag;

    if (lag == NULL || lag->queued) {
        return;
    }

    lag->queued = 1;
    ngx_queue_insert_tail(&peer->reader->lagging, &lag->queue);

    ngx_sio_reader_post(peer->reader);
}


void
ngx_sio_lag_turn(ngx_sio_reader_t *reader)
{
    ngx_uint_t      n;
    ngx_queue_t    *q;
    ngx_sio_lag_t  *lag;

    for (n = 0; n < NGX_SIO_LAG_PEERS; n++) {

        if (ngx_queue_empty(&reader->lagging)) {
            return;
        }

        q = ngx_queue_head(&reader->lagging);
        lag = ngx_queue_data(q, ngx_sio_lag_t, queue);

        ngx_queue_remove(q);
        lag->queued = 0;

        /* something may have been queued since: then that is sent first */

        if (lag->peer->nframes == 0) {
            ngx_sio_lag_step(lag);
        }
    }
}


/*
 * A session that was closed has its end coming; until then it is given nothing.
 */

static void
ngx_sio_lag_step(ngx_sio_lag_t *lag)
{
    uint64_t          next;
    ngx_int_t         rc;
    ngx_sio_peer_t   *peer;
    ngx_sio_zone_t   *zone;
    ngx_sio_slice_t   slice;
    ngx_sio_replay_t  replay;

    peer = lag->peer;
    zone = peer->reader->zone;

    if (ngx_sio_behind_note(zone, peer->session, &replay) != NGX_OK) {
        return;
    }

    ngx_memzero(&slice, sizeof(ngx_sio_slice_t));
    slice.peer = peer;
    slice.left = ngx_min(NGX_SIO_LAG_BYTES, ngx_sio_peer_limit(peer) / 4);
    replay.ahead = &lag->ahead;

    rc = ngx_sio_replay_run(&replay, ngx_sio_lag_record, &slice, &next);

    if (peer->closing) {
        return;
    }

    if (rc == NGX_DECLINED) {
        ngx_sio_log_seldom(NGX_LOG_INFO, ngx_cycle->log,
                           "socketio client is too slow for what it has "
                           "missed: the log no longer holds the rest");
        ngx_sio_stat(zone, slow_closed, 1);
    }

    if (rc != NGX_OK) {
        ngx_sio_peer_close(peer, rc == NGX_DECLINED ? NGX_SIO_END_LAPPED
                                                    : NGX_SIO_END_SLOW);
        return;
    }

    ngx_sio_stat(zone, deliveries, slice.events);
    ngx_sio_behind_done(zone, peer->session, &replay, next, slice.events);

    if (next == replay.to) {
        peer->cursor = next;
        ngx_sio_lag_end(peer);

    } else if (peer->nframes == 0) {
        ngx_sio_lag_drained(peer);
    }
}


static ngx_int_t
ngx_sio_lag_record(void *data, const ngx_sio_record_view_t *view)
{
    ngx_sio_slice_t *slice = data;

    ngx_uint_t        lapped;
    ngx_sio_peer_t   *peer;
    ngx_sio_frame_t  *frame;

    peer = slice->peer;

    if (slice->records == NGX_SIO_LAG_RECORDS
        || (slice->records
            && view->head.length > slice->left))
    {
        return NGX_DONE;
    }

    frame = ngx_sio_frame_record(peer->reader->zone, view,
                                 peer->base64
                                 | (view->stamped ? NGX_SIO_STAMPED : 0),
                                 &lapped);

    if (frame == NULL) {
        return lapped ? NGX_DECLINED : NGX_ERROR;
    }

    slice->records++;
    slice->left -= ngx_min(slice->left, frame->size);
    slice->events += view->head.type == NGX_SIO_RECORD_EVENT;

    ngx_sio_peer_queue(peer, frame);
    ngx_sio_frame_release(frame);

    return peer->closing ? NGX_ERROR : NGX_OK;
}


void
ngx_sio_lag_end(ngx_sio_peer_t *peer)
{
    ngx_sio_lag_t  *lag;

    lag = peer->lag;

    if (lag == NULL) {
        return;
    }

    peer->lag = NULL;

    if (lag->queued) {
        ngx_queue_remove(&lag->queue);
    }

    ngx_free(lag->ahead.elts);
    ngx_free(lag);
}
