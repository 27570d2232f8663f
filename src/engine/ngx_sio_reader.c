
/*
 * Reads the log and gives each record to this worker's peers: encoded once,
 * queued for everybody, sent once per drain.
 */

#include "ngx_sio_audit.h"
#include "ngx_sio_presence.h"
#include "ngx_sio_compress.h"
#include "ngx_sio_control.h"
#include "ngx_sio_lag.h"
#include "ngx_sio_seldom.h"


#define NGX_SIO_DRAIN_RECORDS  256      /* of one turn of the event loop */
#define NGX_SIO_FLUSH_PEERS    1024     /* likewise */
#define NGX_SIO_ANSWER_POLLS   256      /* likewise; each is a whole request */


static void ngx_sio_reader_tell(ngx_sio_reader_t *reader);
static ngx_int_t ngx_sio_reader_step(ngx_sio_reader_t *reader);
static void ngx_sio_reader_event(ngx_sio_reader_t *reader,
    const ngx_sio_record_view_t *view);
static void ngx_sio_reader_except(ngx_sio_reader_t *reader,
    const ngx_sio_record_view_t *view);
static void ngx_sio_reader_deliver(ngx_sio_reader_t *reader,
    const ngx_sio_record_view_t *view, ngx_sio_audience_t *audience,
    ngx_sio_frame_t **frames);
static void ngx_sio_reader_direct(ngx_sio_reader_t *reader,
    const ngx_sio_record_view_t *view);
static ngx_sio_frame_t *ngx_sio_reader_frame(ngx_sio_reader_t *reader,
    const ngx_sio_record_view_t *view, ngx_uint_t encoding);
static void ngx_sio_reader_lapped(ngx_sio_reader_t *reader);
static void ngx_sio_reader_starved(ngx_sio_reader_t *reader);
static void ngx_sio_reader_overrun(ngx_sio_reader_t *reader);
static void ngx_sio_reader_turn(ngx_event_t *ev);
static ngx_uint_t ngx_sio_reader_flush(ngx_sio_reader_t *reader);
static ngx_uint_t ngx_sio_reader_answer(ngx_sio_reader_t *reader);
static void ngx_sio_reader_bury(ngx_sio_reader_t *reader);


ngx_sio_reader_t  *ngx_sio_readers;


ngx_int_t
ngx_sio_reader_init(ngx_sio_zone_t *zone)
{
    ngx_uint_t         i;
    ngx_sio_reader_t  *reader;

    reader = ngx_calloc(sizeof(ngx_sio_reader_t), ngx_cycle->log);
    if (reader == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < 4; i++) {
        ngx_queue_init(&reader->all[i]);
    }

    ngx_queue_init(&reader->flush);
    ngx_queue_init(&reader->ready);
    ngx_queue_init(&reader->lagging);
    ngx_queue_init(&reader->closing);

    reader->turn.handler = ngx_sio_reader_turn;
    reader->turn.data = reader;
    reader->turn.log = ngx_cycle->log;

    reader->zone = zone;
    reader->cursor = sio_ring_head(zone->shared->log);
    zone->reader = reader;
    ngx_sio_reader_tell(reader);

    reader->next = ngx_sio_readers;
    ngx_sio_readers = reader;

    return NGX_OK;
}


void
ngx_sio_reader_drain(ngx_sio_reader_t *reader)
{
    ngx_uint_t  n;

    for (n = 0; n < NGX_SIO_DRAIN_RECORDS; n++) {
        if (ngx_sio_reader_step(reader) != NGX_OK) {
            ngx_sio_reader_tell(reader);
            return;
        }
    }

    ngx_sio_reader_tell(reader);

    /* more to read, but others have to have their turn */
    ngx_sio_reader_post(reader);
}


/* For status, which shows who lags behind. */

static void
ngx_sio_reader_tell(ngx_sio_reader_t *reader)
{
    reader->zone->shared->read[ngx_sio_self] = reader->cursor + 1;
}


void
ngx_sio_reader_catch_up(ngx_sio_reader_t *reader, uint64_t position)
{
    while (reader->cursor < position) {
        if (ngx_sio_reader_step(reader) != NGX_OK) {
            return;
        }
    }
}


static ngx_int_t
ngx_sio_reader_step(ngx_sio_reader_t *reader)
{
    ngx_int_t              rc;
    ngx_sio_record_view_t  view;

    rc = ngx_sio_log_read(reader->zone, reader->cursor, &view);

    if (rc == NGX_DONE) {
        return NGX_DONE;
    }

    if (rc == NGX_DECLINED) {
        ngx_sio_reader_lapped(reader);
        return NGX_DONE;
    }

    /* before anything that may want to catch up itself */
    reader->cursor = sio_ring_next(reader->zone->shared->log, &view.head.ring);

    switch (view.head.type) {

    case NGX_SIO_RECORD_EVENT:
        ngx_sio_reader_event(reader, &view);
        break;

    case NGX_SIO_RECORD_DIRECT:
        ngx_sio_reader_direct(reader, &view);
        break;

    case NGX_SIO_RECORD_REBUILT:
        ngx_sio_audit_begin(reader);
        break;

    default:
        reader->controls++;
        ngx_sio_control(reader, &view);
        reader->controls--;
        break;
    }

    return NGX_OK;
}


static void
ngx_sio_reader_event(ngx_sio_reader_t *reader,
    const ngx_sio_record_view_t *view)
{
    ngx_uint_t           i, excepted;
    ngx_sio_frame_t     *frames[NGX_SIO_ENCODINGS];
    ngx_sio_audience_t  *audience;

    ngx_memzero(frames, sizeof(frames));
    excepted = view->head.excepts == 0;

    for (i = 0; i < view->head.targets; i++) {
        audience = ngx_sio_reader_audience(reader, view->targets[i].kind,
                                           view->targets[i].id);
        if (audience == NULL) {
            continue;
        }

        if (!excepted) {
            ngx_sio_reader_except(reader, view);
            excepted = 1;
        }

        ngx_sio_reader_deliver(reader, view, audience, frames);
    }

    for (i = 0; i < NGX_SIO_ENCODINGS; i++) {
        if (frames[i]) {
            ngx_sio_frame_release(frames[i]);
        }
    }
}


/* Who is excepted counts as having seen the record. */

static void
ngx_sio_reader_except(ngx_sio_reader_t *reader,
    const ngx_sio_record_view_t *view)
{
    uint64_t             position;
    ngx_uint_t           i, n;
    ngx_sio_listener_t  *listener;
    ngx_sio_audience_t  *audience;

    position = view->head.ring.position;

    for (i = 0; i < view->head.excepts; i++) {
        audience = ngx_sio_reader_audience(reader, view->excepts[i].kind,
                                           view->excepts[i].id);
        if (audience == NULL) {
            continue;
        }

        for (n = 0; n < audience->n; n++) {
            listener = &audience->elts[n];

            if (listener->from <= position && position < listener->until) {
                listener->presence->seen = position;
            }
        }
    }
}


/*
 * Queueing may close a peer, which takes listeners off this very audience, by
 * putting the last in their place: that is why the walk goes backwards.
 */

static void
ngx_sio_reader_deliver(ngx_sio_reader_t *reader,
    const ngx_sio_record_view_t *view, ngx_sio_audience_t *audience,
    ngx_sio_frame_t **frames)
{
    uint64_t             position;
    uint32_t             kind, id;
    ngx_uint_t           n, i, encoding;
    ngx_sio_peer_t      *peer;
    ngx_sio_frame_t    **frame;
    ngx_sio_presence_t  *presence;
    ngx_sio_listener_t  *listener;

    position = view->head.ring.position;
    kind = 0;
    id = 0;
    n = 0;

    for (i = audience->n; i > 0; i--) {

        if (i > audience->n) {
            continue;
        }

        listener = &audience->elts[i - 1];
        presence = listener->presence;
        peer = presence->peer;

        if (presence->seen == position
            || position < listener->from
            || position >= listener->until
            || position < peer->cursor)
        {
            continue;
        }

        presence->seen = position;

        if (peer->kind == NGX_SIO_PEER_POLL) {
            ngx_sio_reader_ready(peer);
            continue;
        }

        encoding = peer->base64 | (presence->stamped ? NGX_SIO_STAMPED : 0);
        frame = &frames[encoding];

        if (*frame == NULL) {
            *frame = ngx_sio_reader_frame(reader, view, encoding);

            if (*frame == NULL) {
                return;
            }
        }

        kind = presence->seats[listener->seat].kind;
        id = presence->seats[listener->seat].id;
        n++;

        ngx_sio_peer_queue(peer,
                           ngx_sio_compressed(peer, *frame,
                                              presence->conf->compression));

        if (peer->closing
            && ngx_sio_reader_audience(reader, kind, id) != audience)
        {
            break;
        }
    }

    if (n) {
        ngx_sio_stat(reader->zone, deliveries, n);
    }
}


static void
ngx_sio_reader_direct(ngx_sio_reader_t *reader,
    const ngx_sio_record_view_t *view)
{
    uint32_t          cell;
    ngx_sio_peer_t   *peer;
    ngx_sio_frame_t  *frame;

    cell = view->targets[0].id;

    peer = ngx_sio_index_get(&reader->peers[NGX_SIO_PEER_WEBSOCKET], cell);

    if (peer && view->head.ring.position >= peer->cursor) {
        frame = ngx_sio_reader_frame(reader, view, peer->base64);

        if (frame) {
            ngx_sio_peer_queue(peer, ngx_sio_compress_packet(peer, frame));
            ngx_sio_frame_release(frame);
        }

        return;
    }

    peer = ngx_sio_index_get(&reader->peers[NGX_SIO_PEER_POLL], cell);

    if (peer && view->head.ring.position >= peer->cursor) {
        ngx_sio_reader_ready(peer);
    }
}


void
ngx_sio_reader_ready(ngx_sio_peer_t *peer)
{
    if (!peer->in_turn) {
        peer->in_turn = 1;
        ngx_queue_insert_tail(&peer->reader->ready, &peer->turn);
        ngx_sio_reader_post(peer->reader);
    }
}


static ngx_sio_frame_t *
ngx_sio_reader_frame(ngx_sio_reader_t *reader,
    const ngx_sio_record_view_t *view, ngx_uint_t encoding)
{
    ngx_uint_t        lapped;
    ngx_sio_frame_t  *frame;

    frame = ngx_sio_frame_record(reader->zone, view, encoding, &lapped);

    if (frame == NULL && lapped) {
        ngx_sio_reader_lapped(reader);

    } else if (frame == NULL) {
        ngx_sio_reader_starved(reader);
    }

    return frame;
}


static void
ngx_sio_reader_lapped(ngx_sio_reader_t *reader)
{
    ngx_sio_stat(reader->zone, overruns, 1);

    ngx_sio_log_seldom(NGX_LOG_ERR, ngx_cycle->log,
                       "this worker was lapped by the log of socketio_zone "
                       "\"%V\", its %ui WebSockets are closed: a larger "
                       "log= would help",
                       &reader->zone->name, reader->n[NGX_SIO_PEER_WEBSOCKET]);

    ngx_sio_reader_overrun(reader);
}


static void
ngx_sio_reader_starved(ngx_sio_reader_t *reader)
{
    ngx_sio_stat(reader->zone, memory_failed, 1);

    ngx_sio_log_seldom(NGX_LOG_ERR, ngx_cycle->log,
                       "this worker had no memory for an event of "
                       "socketio_zone \"%V\", its %ui WebSockets are closed: "
                       "the machine, or what limits nginx, has too little",
                       &reader->zone->name, reader->n[NGX_SIO_PEER_WEBSOCKET]);

    ngx_sio_reader_overrun(reader);
}


/*
 * What was lost concerns an unknown part of this worker's peers, so all of them
 * have to come back.
 */

static void
ngx_sio_reader_overrun(ngx_sio_reader_t *reader)
{
    ngx_uint_t    kind;
    ngx_queue_t  *q, *next;

    reader->cursor = sio_ring_head(reader->zone->shared->log);

    for (kind = NGX_SIO_PEER_WEBSOCKET; kind <= NGX_SIO_PEER_PROBE; kind++) {

        for (q = ngx_queue_head(&reader->all[kind]);
             q != ngx_queue_sentinel(&reader->all[kind]);
             q = next)
        {
            next = ngx_queue_next(q);
            ngx_sio_peer_close(ngx_queue_data(q, ngx_sio_peer_t, queue),
                               NGX_SIO_END_LAPPED);
        }
    }

    /* parked GETs look into shared memory for what they have missed */

    for (q = ngx_queue_head(&reader->all[NGX_SIO_PEER_POLL]);
         q != ngx_queue_sentinel(&reader->all[NGX_SIO_PEER_POLL]);
         q = ngx_queue_next(q))
    {
        ngx_sio_reader_ready(ngx_queue_data(q, ngx_sio_peer_t, queue));
    }
}


void
ngx_sio_reader_post(ngx_sio_reader_t *reader)
{
    if (!reader->turn.posted) {
        ngx_post_event(&reader->turn, &ngx_posted_events);
    }
}


static void
ngx_sio_reader_turn(ngx_event_t *ev)
{
    ngx_uint_t         more;
    ngx_sio_reader_t  *reader;

    reader = ev->data;

    ngx_sio_reader_drain(reader);
    ngx_sio_lag_turn(reader);
    ngx_sio_audit_turn(reader);

    more = ngx_sio_reader_flush(reader);
    more |= ngx_sio_reader_answer(reader);

    if (more || reader->turn.posted || !ngx_queue_empty(&reader->lagging)) {

        /* the rest after other events have had their turn */

        if (reader->turn.posted) {
            ngx_delete_posted_event(&reader->turn);
        }

        ngx_post_event(&reader->turn, &ngx_posted_next_events);
    }

    ngx_sio_reader_bury(reader);
}


/* Returns 1 if there are more than one turn's. */

static ngx_uint_t
ngx_sio_reader_flush(ngx_sio_reader_t *reader)
{
    ngx_uint_t       n;
    ngx_queue_t     *q;
    ngx_sio_peer_t  *peer;

    for (n = 0; !ngx_queue_empty(&reader->flush); n++) {

        if (n == NGX_SIO_FLUSH_PEERS) {
            return 1;
        }

        q = ngx_queue_head(&reader->flush);
        peer = ngx_queue_data(q, ngx_sio_peer_t, turn);

        ngx_queue_remove(q);
        peer->in_turn = 0;

        peer->transport->flush(peer);
    }

    return 0;
}


/* The same for parked GETs; the rest stays in front. */

static ngx_uint_t
ngx_sio_reader_answer(ngx_sio_reader_t *reader)
{
    ngx_uint_t       n, noop;
    ngx_queue_t     *q, last;
    ngx_sio_peer_t  *peer;

    /* a poll that stays parked may become ready again: in the next turn */

    ngx_queue_insert_tail(&reader->ready, &last);

    for (n = 0; n < NGX_SIO_ANSWER_POLLS; n++) {
        q = ngx_queue_head(&reader->ready);

        if (q == &last) {
            break;
        }

        peer = ngx_queue_data(q, ngx_sio_peer_t, turn);

        ngx_queue_remove(q);
        peer->in_turn = 0;

        noop = peer->noop;
        peer->noop = 0;

        peer->transport->ready(peer, noop);
    }

    ngx_queue_remove(&last);

    return !ngx_queue_empty(&reader->ready);
}


static void
ngx_sio_reader_bury(ngx_sio_reader_t *reader)
{
    ngx_queue_t     *q;
    ngx_sio_peer_t  *peer;

    while (!ngx_queue_empty(&reader->closing)) {
        q = ngx_queue_head(&reader->closing);
        peer = ngx_queue_data(q, ngx_sio_peer_t, turn);

        ngx_queue_remove(q);
        peer->ending = 0;

        peer->transport->end(peer, peer->why);
    }
}


ngx_sio_peer_t *
ngx_sio_reader_peer(ngx_sio_reader_t *reader, ngx_uint_t kind,
    ngx_sio_ref_t session)
{
    ngx_sio_peer_t  *peer;

    peer = ngx_sio_index_get(&reader->peers[kind], session.cell);

    if (peer == NULL || peer->session.serial != session.serial) {
        return NULL;
    }

    return peer;
}
