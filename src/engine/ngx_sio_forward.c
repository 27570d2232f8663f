
/*
 * The way of a call: made, bounded, put in its lane, started, ended.
 */

#include "ngx_sio_claims.h"
#include "ngx_sio_forward.h"
#include "ngx_sio_handover.h"
#include "ngx_sio_lane.h"
#include "ngx_sio_outbox.h"
#include "ngx_sio_reply.h"
#include "ngx_sio_tickets.h"


static ngx_sio_call_t *ngx_sio_forward_create(const ngx_sio_event_t *event);
static ngx_uint_t ngx_sio_forward_full(ngx_sio_call_t *call);
static ngx_int_t ngx_sio_forward_ticket(ngx_sio_call_t *call);
static void ngx_sio_forward_enter(ngx_sio_call_t *call);
static void ngx_sio_forward_count(ngx_sio_call_t *call);
static void ngx_sio_forward_start(ngx_sio_call_t *call);
static void ngx_sio_forward_refuse(ngx_sio_call_t *call);
static ngx_int_t ngx_sio_forward_pending(ngx_sio_ref_t session,
    sio_span_t namespace);
static ngx_int_t ngx_sio_forward_connect_fill(ngx_sio_call_t *call,
    const sio_packet_t *packet, const ngx_sio_connect_t *connect);


/* Calls of this worker, in flight or in a lane, and what they hold. */
static ngx_uint_t   ngx_sio_forward_n;
static size_t       ngx_sio_forward_bytes;

/* CONNECTs of this worker that wait, of all its zones. */
static ngx_queue_t  ngx_sio_forward_connects;


void
ngx_sio_forward_event(const ngx_sio_event_t *event)
{
    ngx_int_t        rc;
    ngx_sio_call_t  *call;

    call = ngx_sio_forward_create(event);
    if (call == NULL) {
        return;
    }

    if (ngx_sio_forward_full(call)
        || ngx_sio_call_write_event(call, event->packet, event->attachments)
           != NGX_OK)
    {
        ngx_sio_forward_refuse(call);
        return;
    }

    rc = ngx_sio_forward_ticket(call);

    if (rc == NGX_OK) {
        ngx_sio_forward_enter(call);

    } else if (rc == NGX_DECLINED) {
        ngx_sio_stat(call->zone, calls_refused, 1);
        ngx_sio_forward_refuse(call);

    } else {
        ngx_sio_call_free(call);
    }
}


/*
 * NGX_OK: this worker makes the call.  Calls that others have handed over are
 * before it, if there are any: they may still be in the log.
 */

static ngx_int_t
ngx_sio_forward_ticket(ngx_sio_call_t *call)
{
    ngx_int_t                   rc;
    ngx_sio_zone_t             *zone;
    ngx_sio_ticket_request_t    request;
    ngx_sio_handover_payload_t  handover;

    zone = call->zone;
    ngx_sio_handover_write(call, &handover);

    ngx_memzero(&request, sizeof(ngx_sio_ticket_request_t));

    request.zone = zone;
    request.socket = call->socket;
    request.ack = call->ack;
    request.async = call->rule->async;
    request.call = &handover.payload;

    rc = ngx_sio_ticket_open(&request);

    call->ticket = request.ticket;

    if (rc == NGX_OK && request.others) {
        ngx_sio_reader_catch_up(ngx_sio_reader(zone),
                                sio_ring_head(zone->shared->log));
    }

    return rc;
}


void
ngx_sio_forward_handed(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control, const ngx_sio_record_view_t *view)
{
    ngx_sio_call_t  *call;

    call = ngx_sio_handover_read(reader, control, view);

    if (call == NULL) {
        ngx_sio_ticket_fail(reader->zone, control->session);
        return;
    }

    if (ngx_sio_forward_full(call)) {
        ngx_sio_forward_refuse(call);
        return;
    }

    ngx_sio_forward_enter(call);
}


/* Into its lane, and on its way if nobody is before it. */

static void
ngx_sio_forward_enter(ngx_sio_call_t *call)
{
    ngx_int_t  rc;

    rc = call->rule->async ? NGX_OK : ngx_sio_lane_enter(call);

    if (rc == NGX_AGAIN) {

        /* if the socket goes while it waits, this is what is known of it */

        call->queued = 1;
        rc = ngx_sio_snapshot_socket(call->zone, call->socket, 1, call->pool,
                                     &call->snapshot);
        rc = rc == NGX_OK ? NGX_AGAIN : NGX_ERROR;

        call->size += call->snapshot.claims.n + call->snapshot.data.n
                      + call->snapshot.rooms.n + call->snapshot.handshake.n;
    }

    if (rc == NGX_ERROR) {
        (void) ngx_sio_lane_leave(call);
        ngx_sio_forward_refuse(call);
        return;
    }

    ngx_sio_forward_count(call);

    if (rc == NGX_OK) {
        ngx_sio_forward_start(call);
    }
}


/* NULL without memory, as if the event had never come. */

static ngx_sio_call_t *
ngx_sio_forward_create(const ngx_sio_event_t *event)
{
    sio_span_t           namespace;
    ngx_sio_call_t      *call;
    ngx_sio_presence_t  *presence;

    presence = event->presence;

    call = ngx_sio_call_create(presence->peer->reader->zone,
                               presence->peer->endpoint, NGX_SIO_CALL_EVENT);
    if (call == NULL) {
        return NULL;
    }

    namespace.p = presence->name;
    namespace.n = presence->name_len;

    call->conf = presence->conf;
    call->rule = event->rule;
    call->session = presence->peer->session;
    call->socket = presence->socket;
    ngx_memcpy(call->socket_id, presence->id, NGX_SIO_ID_LEN);

    if (ngx_sio_call_copy(call, namespace, &call->namespace) != NGX_OK
        || ngx_sio_call_copy(call, event->name, &call->event) != NGX_OK
        || ngx_sio_call_copy(call, event->packet->id, &call->ack) != NGX_OK)
    {
        ngx_sio_call_free(call);
        return NULL;
    }

    return call;
}


static ngx_uint_t
ngx_sio_forward_full(ngx_sio_call_t *call)
{
    ngx_uint_t  more;

    if (ngx_sio_forward_n < call->endpoint->forward_queue
        && ngx_sio_forward_bytes < NGX_SIO_FORWARD_BYTES)
    {
        return 0;
    }

    if (ngx_sio_forward_may_log(&more)) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "socketio call to \"%V\" refused, %ui calls with %uz "
                      "bytes wait already: the service is too slow, or "
                      "socketio_forward_queue too small (%ui more lines "
                      "were not logged)", &call->rule->uri, ngx_sio_forward_n,
                      ngx_sio_forward_bytes, more);
    }

    ngx_sio_stat(call->zone, calls_refused, 1);

    return 1;
}


ngx_uint_t
ngx_sio_forward_may_log(ngx_uint_t *more)
{
    static time_t      last;
    static ngx_uint_t  skipped;

    if (last == ngx_time()) {
        skipped++;
        return 0;
    }

    last = ngx_time();
    *more = skipped;
    skipped = 0;

    return 1;
}


static void
ngx_sio_forward_count(ngx_sio_call_t *call)
{
    ngx_sio_forward_n++;
    ngx_sio_forward_bytes += call->size;
}


static void
ngx_sio_forward_refuse(ngx_sio_call_t *call)
{
    ngx_sio_reply_error(call, sio_span("Service unavailable"));
    ngx_sio_ticket_close(call->zone, call->ticket);
    ngx_sio_call_free(call);
}


/* What went before in the lane may have changed the socket's data and rooms. */

static void
ngx_sio_forward_start(ngx_sio_call_t *call)
{
    ngx_int_t  rc;

    rc = NGX_OK;

    if (call->type == NGX_SIO_CALL_EVENT) {
        rc = ngx_sio_snapshot_socket(call->zone, call->socket, 1, call->pool,
                                     &call->snapshot);

        if (rc == NGX_ABORT && call->queued) {
            rc = NGX_OK;
        }
    }

    if (rc == NGX_OK) {
        rc = ngx_sio_call_body(call);
    }

    if (rc == NGX_OK) {
        rc = ngx_sio_call_backend->start(call);
    }

    if (rc == NGX_OK) {
        ngx_sio_stat(call->zone, calls, 1);
        return;
    }

    ngx_sio_stat(call->zone, calls_failed, 1);
    ngx_sio_reply_error(call, sio_span("Service unavailable"));
    ngx_sio_forward_end(call);
}


/* Without memory one call after another fails: that must not be a recursion. */

void
ngx_sio_forward_end(ngx_sio_call_t *call)
{
    ngx_sio_call_t          *next;
    ngx_sio_reader_t        *reader;

    static ngx_uint_t        ending;
    static ngx_sio_call_t   *waiting;

    if (call->type == NGX_SIO_CALL_DISCONNECT) {
        ngx_sio_outbox_answered(call);
        return;
    }

    ngx_sio_ticket_close(call->zone, call->ticket);

    /*
     * A worker that leaves may be gone before it looks into the log again, with
     * calls that it was handed as long as it had this one.
     */

    reader = ngx_sio_reader(call->zone);

    if (ngx_exiting && reader->controls == 0) {
        ngx_sio_reader_catch_up(reader,
                                sio_ring_head(call->zone->shared->log));
    }

    next = ngx_sio_lane_leave(call);

    if (call->type == NGX_SIO_CALL_CONNECT) {
        ngx_queue_remove(&call->pending);
    }

    ngx_sio_forward_n--;
    ngx_sio_forward_bytes -= call->size;
    ngx_sio_call_free(call);

    if (ending) {
        waiting = next;
        return;
    }

    ending = 1;

    while (next) {
        waiting = NULL;
        ngx_sio_forward_start(next);
        next = waiting;
    }

    ending = 0;
}


ngx_int_t
ngx_sio_forward_connect(ngx_sio_peer_t *peer, ngx_sio_namespace_conf_t *conf,
    const sio_packet_t *packet, const ngx_sio_connect_t *connect)
{
    ngx_int_t                    rc;
    ngx_sio_call_t              *call;
    const ngx_sio_event_rule_t  *rule;

    rc = ngx_sio_forward_pending(peer->session, packet->nsp);
    if (rc != NGX_OK) {
        return rc;
    }

    rule = ngx_sio_forward_rule(conf, NGX_SIO_ON_CONNECT, connect->claims);
    if (rule == NULL) {
        return NGX_DECLINED;
    }

    call = ngx_sio_call_create(peer->reader->zone, peer->endpoint,
                               NGX_SIO_CALL_CONNECT);
    if (call == NULL) {
        return NGX_BUSY;
    }

    call->conf = conf;
    call->rule = rule;
    call->session = peer->session;

    if (ngx_sio_forward_full(call)
        || ngx_sio_forward_connect_fill(call, packet, connect) != NGX_OK)
    {
        ngx_sio_call_free(call);
        return NGX_BUSY;
    }

    ngx_queue_insert_tail(&ngx_sio_forward_connects, &call->pending);

    ngx_sio_forward_count(call);
    ngx_sio_forward_start(call);

    return NGX_OK;
}


const ngx_sio_event_rule_t *
ngx_sio_forward_rule(const ngx_sio_namespace_conf_t *conf, ngx_uint_t when,
    sio_span_t text)
{
    sio_json_t             claims;
    ngx_uint_t             i;
    ngx_sio_event_rule_t  *rule;

    ngx_memzero(&claims, sizeof(sio_json_t));

    if (conf->events == NULL) {
        return NULL;
    }

    if (text.n) {
        (void) sio_json_parse(text, SIO_JSON_DEPTH, &claims, NULL);
    }

    rule = conf->events->elts;

    for (i = 0; i < conf->events->nelts; i++) {

        if (rule[i].when == when
            && rule[i].action == NGX_SIO_ON_FORWARD
            && (rule[i].claim.len == 0
                || ngx_sio_claim_is(&claims, &rule[i].claim, &rule[i].value)))
        {
            return &rule[i];
        }
    }

    return NULL;
}


/* A session has one CONNECT to a namespace at a time, and not too many. */

static ngx_int_t
ngx_sio_forward_pending(ngx_sio_ref_t session, sio_span_t namespace)
{
    ngx_uint_t       n;
    ngx_queue_t     *q;
    ngx_sio_call_t  *call;

    if (ngx_sio_forward_connects.next == NULL) {
        ngx_queue_init(&ngx_sio_forward_connects);
    }

    n = 0;

    for (q = ngx_queue_head(&ngx_sio_forward_connects);
         q != ngx_queue_sentinel(&ngx_sio_forward_connects);
         q = ngx_queue_next(q))
    {
        call = ngx_queue_data(q, ngx_sio_call_t, pending);

        if (call->session.cell != session.cell
            || call->session.serial != session.serial)
        {
            continue;
        }

        if (sio_span_eq(call->namespace, namespace)) {
            return NGX_ERROR;
        }

        n++;
    }

    return n < NGX_SIO_FORWARD_CONNECTS ? NGX_OK : NGX_BUSY;
}


static ngx_int_t
ngx_sio_forward_connect_fill(ngx_sio_call_t *call, const sio_packet_t *packet,
    const ngx_sio_connect_t *connect)
{
    ngx_memcpy(call->socket_id, connect->id, NGX_SIO_ID_LEN);
    call->expires = connect->expires;

    if (connect->marks) {
        call->marks = ngx_palloc(call->pool, sizeof(ngx_sio_marks_t));
        if (call->marks == NULL) {
            return NGX_ERROR;
        }

        *call->marks = *connect->marks;
    }

    if (ngx_sio_call_copy(call, connect->namespace, &call->namespace)
        != NGX_OK
        || ngx_sio_call_copy(call, connect->claims, &call->snapshot.claims)
           != NGX_OK
        || ngx_sio_call_copy(call, connect->data, &call->snapshot.data)
           != NGX_OK
        || ngx_sio_snapshot_session(call->zone, call->session, call->pool,
                                    &call->snapshot)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_sio_call_write_connect(call, packet,
                                      call->conf->auth.mode
                                      != NGX_SIO_AUTH_OFF);
}
