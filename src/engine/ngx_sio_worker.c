
/*
 * Starts the readers of a worker, wakes them, and moves the clients on when the
 * worker leaves: polls are answered at once, WebSockets are closed at a pace
 * that spreads their return over the drain time.
 */

#include "ngx_sio_janitor.h"
#include "ngx_sio_outbox.h"
#include "ngx_sio_reader.h"
#include "ngx_sio_worker.h"


#define NGX_SIO_DRAIN_STEP  50          /* ms */


static void ngx_sio_worker_wake(void);
static void ngx_sio_worker_quit(void);
static void ngx_sio_worker_drain(ngx_event_t *ev);
static ngx_uint_t ngx_sio_worker_left(void);
static void ngx_sio_worker_move(ngx_uint_t n);
static void ngx_sio_worker_move_polls(ngx_sio_reader_t *reader);
static ngx_uint_t ngx_sio_worker_move_peers(ngx_sio_reader_t *reader,
    ngx_uint_t kind, ngx_uint_t n, ngx_uint_t last);


static const ngx_array_t  *ngx_sio_zones;       /* ngx_sio_zone_t * */

/* of the drain */
static ngx_event_t         ngx_sio_drain_event;
static ngx_connection_t    ngx_sio_drain_dummy = { .fd = -1 };
static ngx_msec_t          ngx_sio_drain_time;
static ngx_msec_t          ngx_sio_drain_end;


ngx_int_t
ngx_sio_worker_init(ngx_cycle_t *cycle, const ngx_array_t *zones,
    ngx_msec_t drain)
{
    ngx_uint_t        i;
    ngx_sio_zone_t  **zone;

    ngx_sio_zones = zones;
    ngx_sio_drain_time = drain;

    if (ngx_sio_slots_init_process(cycle, ngx_sio_worker_wake,
                                   ngx_sio_worker_quit)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    zone = zones->elts;

    for (i = 0; i < zones->nelts; i++) {
        zone[i]->log = cycle->log;
        zone[i]->stats = zone[i]->shared->stats + ngx_sio_self;

        if (ngx_sio_reader_init(zone[i]) != NGX_OK
            || ngx_sio_outbox_init(zone[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ngx_sio_worker_exit(ngx_cycle_t *cycle)
{
    if (ngx_sio_self != NGX_SIO_NO_SLOT) {
        ngx_sio_janitor_leave(ngx_sio_zones);
        ngx_sio_slots_exit_process(cycle);
    }
}


static void
ngx_sio_worker_wake(void)
{
    ngx_sio_reader_t  *reader;

    for (reader = ngx_sio_readers; reader; reader = reader->next) {
        if (reader->cursor != sio_ring_head(reader->zone->shared->log)) {
            ngx_sio_reader_post(reader);
        }
    }

    ngx_sio_janitor(ngx_sio_zones);

    for (reader = ngx_sio_readers; reader; reader = reader->next) {
        ngx_sio_outbox_look(reader->zone);
    }
}


/* The timer is not cancelable: it keeps the worker alive while it drains. */

static void
ngx_sio_worker_quit(void)
{
    ngx_sio_drain_end = ngx_current_msec + ngx_sio_drain_time;

    ngx_sio_drain_event.handler = ngx_sio_worker_drain;
    ngx_sio_drain_event.data = &ngx_sio_drain_dummy;
    ngx_sio_drain_event.log = ngx_cycle->log;

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "socketio worker of slot %ui leaves, %ui clients to move "
                  "within %Mms", ngx_sio_self, ngx_sio_worker_left(),
                  ngx_sio_drain_time);

    ngx_sio_worker_drain(&ngx_sio_drain_event);
}


static void
ngx_sio_worker_drain(ngx_event_t *ev)
{
    ngx_uint_t       n, steps;
    ngx_msec_int_t   time;

    time = (ngx_msec_int_t) (ngx_sio_drain_end - ngx_current_msec);
    steps = time > NGX_SIO_DRAIN_STEP ? time / NGX_SIO_DRAIN_STEP : 1;

    n = ngx_sio_worker_left();
    n = (n + steps - 1) / steps;

    ngx_sio_worker_move(n);

    if (ngx_sio_worker_left()) {
        ngx_add_timer(ev, NGX_SIO_DRAIN_STEP);
    }
}


static ngx_uint_t
ngx_sio_worker_left(void)
{
    ngx_uint_t         n;
    ngx_sio_reader_t  *reader;

    n = 0;

    for (reader = ngx_sio_readers; reader; reader = reader->next) {
        n += reader->n[NGX_SIO_PEER_WEBSOCKET]
             + reader->n[NGX_SIO_PEER_PROBE]
             + reader->n[NGX_SIO_PEER_POLL]
             + !ngx_queue_empty(&reader->closing);
    }

    return n;
}


/*
 * An upgrade is allowed to be finished: the stock client is deaf until it times
 * out when its probe fails after it has paused polling.
 */

static void
ngx_sio_worker_move(ngx_uint_t n)
{
    ngx_uint_t         last;
    ngx_sio_reader_t  *reader;

    last = (ngx_msec_int_t) (ngx_sio_drain_end - ngx_current_msec) <= 0;

    for (reader = ngx_sio_readers; reader; reader = reader->next) {
        ngx_sio_worker_move_polls(reader);
        n = ngx_sio_worker_move_peers(reader, NGX_SIO_PEER_WEBSOCKET, n, last);

        if (last) {
            n = ngx_sio_worker_move_peers(reader, NGX_SIO_PEER_PROBE, n, last);
        }
    }
}


/* A poll that is answered comes back at once, to a worker that stays. */

static void
ngx_sio_worker_move_polls(ngx_sio_reader_t *reader)
{
    ngx_queue_t     *q;
    ngx_sio_peer_t  *peer;

    for (q = ngx_queue_head(&reader->all[NGX_SIO_PEER_POLL]);
         q != ngx_queue_sentinel(&reader->all[NGX_SIO_PEER_POLL]);
         q = ngx_queue_next(q))
    {
        peer = ngx_queue_data(q, ngx_sio_peer_t, queue);
        peer->noop = 1;
        ngx_sio_reader_ready(peer);
    }
}


/* Who is behind, as after an upgrade, is first given what is there for it. */

static ngx_uint_t
ngx_sio_worker_move_peers(ngx_sio_reader_t *reader, ngx_uint_t kind,
    ngx_uint_t n, ngx_uint_t last)
{
    ngx_queue_t     *q, *next;
    ngx_sio_peer_t  *peer;

    for (q = ngx_queue_head(&reader->all[kind]);
         n && q != ngx_queue_sentinel(&reader->all[kind]);
         q = next)
    {
        next = ngx_queue_next(q);
        peer = ngx_queue_data(q, ngx_sio_peer_t, queue);

        if (peer->lag && !last) {
            continue;
        }

        ngx_sio_stat(reader->zone, moved, 1);
        ngx_sio_peer_close(peer, NGX_SIO_END_RESTART);
        n--;
    }

    return n;
}
