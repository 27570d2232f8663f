
/*
 * GETs of polling sessions: answered from the log, or parked until this
 * worker's reader finds something for them.
 */

#include "ngx_http_sio_answer.h"
#include "ngx_http_sio_body.h"
#include "ngx_http_sio_endpoint.h"
#include "ngx_sio_polls.h"
#include "ngx_sio_presence.h"
#include "ngx_sio_seldom.h"
#include "sio_eio.h"


#define NGX_HTTP_SIO_PROBE_WAIT  100        /* ms */
#define NGX_HTTP_SIO_BODY_LIMIT  1000000    /* bytes; more with the next poll */


typedef struct {
    ngx_sio_peer_t           peer;
    ngx_sio_poll_t           poll;
    ngx_http_request_t      *request;
    ngx_event_t              timer;
    ngx_connection_t         dummy;         /* for the timer's debug log */
    unsigned                 answered:1;
    unsigned                 ended:1;       /* the session was given back */
} ngx_http_sio_poll_t;


static ngx_http_sio_poll_t *ngx_http_sio_poll_create(ngx_http_request_t *r);
static ngx_int_t ngx_http_sio_poll_try(ngx_http_sio_poll_t *p,
    const ngx_sio_replay_t *replay, ngx_uint_t noop);
static ngx_int_t ngx_http_sio_poll_answer(ngx_http_sio_poll_t *p,
    ngx_http_sio_body_t *body, uint64_t next);
static ngx_int_t ngx_http_sio_poll_park(ngx_http_sio_poll_t *p,
    const ngx_sio_replay_t *replay);
static void ngx_http_sio_poll_timer(ngx_http_sio_poll_t *p);
static void ngx_http_sio_poll_timer_handler(ngx_event_t *ev);
static void ngx_http_sio_poll_ready(ngx_sio_peer_t *peer, ngx_uint_t noop);
static void ngx_http_sio_poll_end(ngx_sio_peer_t *peer, ngx_sio_end_t why);
static ngx_int_t ngx_http_sio_poll_lost(ngx_http_sio_poll_t *p,
    ngx_int_t rc);
static void ngx_http_sio_poll_finalize(ngx_http_sio_poll_t *p, ngx_int_t rc);
static void ngx_http_sio_poll_cleanup(void *data);


static const ngx_sio_transport_t  ngx_http_sio_poll_transport = {
    NULL,
    ngx_http_sio_poll_end,
    ngx_http_sio_poll_ready
};


ngx_int_t
ngx_http_sio_poll(ngx_http_request_t *r, const ngx_http_sio_args_t *args)
{
    ngx_int_t             rc;
    ngx_sio_replay_t      replay;
    ngx_sio_endpoint_t   *endpoint;
    ngx_http_sio_poll_t  *p;

    p = ngx_http_sio_poll_create(r);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    endpoint = (ngx_sio_endpoint_t *) p->peer.endpoint;

    rc = ngx_sio_poll_begin(endpoint->zone, args->sid.data, endpoint->id,
                            &p->poll, &replay);

    if (rc != NGX_OK) {
        p->ended = 1;
        return ngx_http_sio_error(r, rc == NGX_DECLINED
                                     ? NGX_HTTP_SIO_BAD_SID
                                     : NGX_HTTP_SIO_BAD_REQUEST);
    }

    p->peer.session = p->poll.session;

    /* a worker that leaves keeps nobody waiting */

    rc = ngx_http_sio_poll_try(p, &replay, ngx_exiting);

    return rc == NGX_DECLINED ? ngx_http_sio_poll_park(p, &replay) : rc;
}


static ngx_http_sio_poll_t *
ngx_http_sio_poll_create(ngx_http_request_t *r)
{
    ngx_http_cleanup_t       *cln;
    ngx_http_sio_poll_t      *p;
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);

    p = ngx_pcalloc(r->pool, sizeof(ngx_http_sio_poll_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (p == NULL || cln == NULL) {
        return NULL;
    }

    p->request = r;
    p->peer.endpoint = &slcf->endpoint;
    p->peer.reader = ngx_sio_reader(slcf->endpoint.zone);
    p->peer.transport = &ngx_http_sio_poll_transport;
    p->peer.closing = 1;                /* not known to the reader yet */

    cln->handler = ngx_http_sio_poll_cleanup;
    cln->data = p;

    return p;
}


/*
 * NGX_DECLINED: there is nothing to answer with.  Whatever else is for nginx:
 * NGX_AGAIN is an answer of which a part is still to be sent.
 */

static ngx_int_t
ngx_http_sio_poll_try(ngx_http_sio_poll_t *p, const ngx_sio_replay_t *replay,
    ngx_uint_t noop)
{
    uint64_t              next;
    ngx_int_t             rc;
    ngx_http_sio_body_t  *body;

    body = ngx_http_sio_body(replay->zone, NGX_HTTP_SIO_BODY_LIMIT);

    rc = ngx_sio_replay_run(replay, ngx_http_sio_body_record, body, &next);

    if (rc == NGX_DECLINED) {
        ngx_sio_log_seldom(NGX_LOG_INFO, p->request->connection->log,
                           "socketio session has polled too rarely: the log no "
                           "longer holds what it has not got yet");
        ngx_sio_stat(replay->zone, slow_closed, 1);
    }

    if (rc != NGX_OK) {
        return ngx_http_sio_poll_lost(p, rc);
    }

    rc = NGX_OK;

    /* on its own: clients drop what comes in one payload with a close */

    if (p->poll.farewell && body->n == 0) {
        rc = ngx_http_sio_body_packet(body, p->poll.farewell);

    } else {
        p->poll.farewell = 0;
    }

    if (p->poll.ping && !p->poll.farewell) {
        rc |= ngx_http_sio_body_packet(body, SIO_EIO_PING);
    }

    if (body->n == 0 && noop) {
        rc |= ngx_http_sio_body_packet(body, SIO_EIO_NOOP);
    }

    if (rc != NGX_OK) {
        return ngx_http_sio_poll_lost(p, rc);
    }

    return body->n ? ngx_http_sio_poll_answer(p, body, next) : NGX_DECLINED;
}


static ngx_int_t
ngx_http_sio_poll_answer(ngx_http_sio_poll_t *p, ngx_http_sio_body_t *body,
    uint64_t next)
{
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_sio_zone_t      *zone;
    ngx_http_request_t  *r;

    r = p->request;
    zone = p->peer.reader->zone;

    if (ngx_sio_poll_answer(zone, &p->poll, next) != NGX_OK) {
        p->ended = 1;
        ngx_sio_peer_leave(&p->peer);
        return ngx_http_sio_error(r, NGX_HTTP_SIO_BAD_SID);
    }

    ngx_sio_peer_leave(&p->peer);

    text.len = body->n;
    text.data = ngx_pnalloc(r->pool, text.len);
    if (text.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(text.data, body->data, text.len);

    ngx_sio_stat(zone, packets_out, body->packets);
    ngx_sio_stat(zone, bytes_out, text.len);

    rc = ngx_http_sio_answer(r, "text/plain", &text);

    p->answered = rc == NGX_OK || rc == NGX_AGAIN;

    if (rc == NGX_OK && !r->connection->buffered) {
        p->ended = 1;
        ngx_sio_poll_end(zone, &p->poll);
    }

    return rc;
}


/* The session cannot go on: closed, and answered as if it were unknown. */

static ngx_int_t
ngx_http_sio_poll_lost(ngx_http_sio_poll_t *p, ngx_int_t rc)
{
    p->ended = 1;
    ngx_sio_peer_leave(&p->peer);
    ngx_sio_poll_fail(p->peer.reader->zone, &p->poll, NGX_SIO_REASON_ERROR);

    return rc == NGX_DECLINED
           ? ngx_http_sio_error(p->request, NGX_HTTP_SIO_BAD_SID)
           : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_int_t
ngx_http_sio_poll_park(ngx_http_sio_poll_t *p, const ngx_sio_replay_t *replay)
{
    ngx_event_t         *rev;
    ngx_http_request_t  *r;

    r = p->request;

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        return NGX_HTTP_BAD_REQUEST;
    }

    p->peer.cursor = replay->to;

    if (ngx_sio_peer_init(&p->peer, NGX_SIO_PEER_POLL) != NGX_OK
        || ngx_sio_poll_listen(&p->peer, replay) != NGX_OK)
    {
        return ngx_http_sio_poll_lost(p, NGX_ERROR);
    }

    p->dummy.fd = (ngx_socket_t) -1;
    p->timer.handler = ngx_http_sio_poll_timer_handler;
    p->timer.data = &p->dummy;
    p->timer.log = r->connection->log;
    p->timer.cancelable = 1;

    ngx_http_sio_poll_timer(p);

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    /* an end that came along with the request is told by no other event */

    rev = r->connection->read;

    if ((rev->ready || rev->pending_eof) && !rev->posted) {
        ngx_post_event(rev, &ngx_posted_events);
    }

    return NGX_DONE;
}


static void
ngx_http_sio_poll_timer(ngx_http_sio_poll_t *p)
{
    uint64_t  at, now;

    now = ngx_current_msec;
    at = ngx_min(p->poll.ping_due, p->poll.deadline);

    if (p->poll.probed) {
        at = ngx_min(at, now + NGX_HTTP_SIO_PROBE_WAIT);
    }

    ngx_add_timer(&p->timer, at > now ? at - now : 1);
}


static void
ngx_http_sio_poll_timer_handler(ngx_event_t *ev)
{
    ngx_http_sio_poll_t  *p;

    p = (ngx_http_sio_poll_t *) ((u_char *) ev
                                 - offsetof(ngx_http_sio_poll_t, timer));

    if (p->peer.closing) {
        return;
    }

    p->peer.noop |= p->poll.probed;
    ngx_sio_reader_ready(&p->peer);
}


static void
ngx_http_sio_poll_ready(ngx_sio_peer_t *peer, ngx_uint_t noop)
{
    ngx_http_sio_poll_t *p = (ngx_http_sio_poll_t *) peer;

    ngx_int_t         rc;
    ngx_sio_zone_t   *zone;
    ngx_sio_replay_t  replay;

    zone = peer->reader->zone;

    rc = ngx_sio_poll_look(zone, &p->poll, &replay);

    if (rc != NGX_OK) {
        ngx_sio_peer_close(peer, rc == NGX_DECLINED ? NGX_SIO_END_TIMEOUT
                                                    : NGX_SIO_END_GONE);
        return;
    }

    rc = ngx_http_sio_poll_try(p, &replay, noop);

    if (rc != NGX_DECLINED) {
        ngx_http_sio_poll_finalize(p, rc);
        return;
    }

    peer->cursor = replay.to;

    if (ngx_sio_poll_listen(peer, &replay) != NGX_OK) {
        ngx_http_sio_poll_finalize(p, ngx_http_sio_poll_lost(p, NGX_ERROR));
        return;
    }

    ngx_http_sio_poll_timer(p);
}


/* The session has been taken away or closed, not by this request. */

static void
ngx_http_sio_poll_end(ngx_sio_peer_t *peer, ngx_sio_end_t why)
{
    ngx_http_sio_poll_t *p = (ngx_http_sio_poll_t *) peer;

    ngx_int_t  rc;
    ngx_str_t  close;

    p->ended = 1;

    if (why == NGX_SIO_END_GONE) {
        rc = ngx_http_sio_error(p->request, NGX_HTTP_SIO_BAD_REQUEST);

    } else {
        ngx_str_set(&close, "1");
        rc = ngx_http_sio_answer(p->request, "text/plain", &close);
    }

    ngx_http_sio_poll_finalize(p, rc);
}


static void
ngx_http_sio_poll_finalize(ngx_http_sio_poll_t *p, ngx_int_t rc)
{
    ngx_connection_t  *c;

    c = p->request->connection;

    if (p->timer.timer_set) {
        ngx_del_timer(&p->timer);
    }

    ngx_http_finalize_request(p->request, rc);
    ngx_http_run_posted_requests(c);
}


/*
 * The only end that every request comes to.  One that was broken off before its
 * answer, or before all of that was sent, ends its session.
 */

static void
ngx_http_sio_poll_cleanup(void *data)
{
    ngx_http_sio_poll_t *p = data;

    if (p->timer.timer_set) {
        ngx_del_timer(&p->timer);
    }

    ngx_sio_peer_forget(&p->peer);

    if (p->ended) {
        return;
    }

    p->ended = 1;

    if (p->answered
        && !p->request->connection->error
        && !p->request->connection->timedout)
    {
        ngx_sio_poll_end(p->peer.reader->zone, &p->poll);

    } else {
        ngx_sio_poll_fail(p->peer.reader->zone, &p->poll,
                          NGX_SIO_REASON_CLOSE);
    }
}
