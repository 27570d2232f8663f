
/*
 * Takes notices out of the outbox and makes calls of them, a few at a time: a
 * crowd that leaves at once must not keep a service from answering others.
 */

#include "ngx_sio_claims.h"
#include "ngx_sio_forward.h"
#include "ngx_sio_notices.h"
#include "ngx_sio_outbox.h"


#define NGX_SIO_OUTBOX_CALLS  32        /* of this worker, at the same time */
#define NGX_SIO_OUTBOX_TAKEN  32        /* of one turn of the event loop */


static void ngx_sio_outbox_handler(ngx_event_t *ev);
static ngx_sio_call_t *ngx_sio_outbox_call(ngx_sio_zone_t *zone,
    ngx_sio_ref_t socket);
static const ngx_sio_endpoint_t *ngx_sio_outbox_endpoint(ngx_sio_zone_t *zone,
    ngx_sio_ref_t socket, ngx_sio_reason_t *reason);
static void ngx_sio_outbox_start(ngx_sio_call_t *call);


static ngx_uint_t  ngx_sio_outbox_n;    /* in flight */


static sio_span_t  ngx_sio_outbox_reasons[] = {
    sio_span("transport close"),
    sio_span("transport error"),
    sio_span("ping timeout"),
    sio_span("client namespace disconnect"),
    sio_span("server namespace disconnect"),
    sio_span("server shutting down"),
    sio_span("transport close")
};


ngx_int_t
ngx_sio_outbox_init(ngx_sio_zone_t *zone)
{
    zone->outbox = ngx_pcalloc(ngx_cycle->pool, sizeof(ngx_event_t));
    if (zone->outbox == NULL) {
        return NGX_ERROR;
    }

    zone->outbox->handler = ngx_sio_outbox_handler;
    zone->outbox->data = zone;
    zone->outbox->log = ngx_cycle->log;

    return NGX_OK;
}


static void
ngx_sio_outbox_handler(ngx_event_t *ev)
{
    ngx_sio_outbox_look(ev->data);
}


/*
 * A worker that leaves has others do it, and is gone the sooner.  Notices that
 * no call is made of may be as many as there are sockets, after a reload.
 */

void
ngx_sio_outbox_look(ngx_sio_zone_t *zone)
{
    ngx_uint_t       n;
    ngx_sio_ref_t    socket;
    ngx_sio_call_t  *call;

    for (n = 0; ngx_sio_outbox_n < NGX_SIO_OUTBOX_CALLS && !ngx_exiting; n++) {

        if (n == NGX_SIO_OUTBOX_TAKEN) {
            ngx_post_event(zone->outbox, &ngx_posted_next_events);
            return;
        }

        if (ngx_sio_notice_take(zone, &socket) != NGX_OK) {
            return;
        }

        call = ngx_sio_outbox_call(zone, socket);

        if (call == NULL) {
            continue;
        }

        ngx_sio_outbox_n++;
        ngx_sio_outbox_start(call);
    }
}


/* NULL if nobody wants to know any more, or it is tried again. */

static ngx_sio_call_t *
ngx_sio_outbox_call(ngx_sio_zone_t *zone, ngx_sio_ref_t socket)
{
    ngx_sio_call_t            *call;
    ngx_sio_reason_t           reason;
    const ngx_sio_endpoint_t  *endpoint;

    endpoint = ngx_sio_outbox_endpoint(zone, socket, &reason);

    if (endpoint == NULL) {
        ngx_sio_notice_done(zone, socket);
        return NULL;
    }

    call = ngx_sio_call_disconnect(zone, endpoint, socket,
                                   ngx_sio_outbox_reasons[reason],
                                   reason == NGX_SIO_REASON_LOST);
    if (call == NULL) {
        (void) ngx_sio_notice_retry(zone, socket, endpoint->forward_retry);
        return NULL;
    }

    if (call->conf) {
        call->rule = ngx_sio_forward_rule(call->conf, NGX_SIO_ON_DISCONNECT,
                                          call->snapshot.claims);
    }

    if (call->rule == NULL) {

        /* the configuration has changed, or the rule is for others */

        ngx_sio_notice_done(zone, socket);
        ngx_sio_call_free(call);
        return NULL;
    }

    return call;
}


static const ngx_sio_endpoint_t *
ngx_sio_outbox_endpoint(ngx_sio_zone_t *zone, ngx_sio_ref_t socket,
    ngx_sio_reason_t *reason)
{
    uint32_t           id;
    ngx_sio_socket_t  *so;

    ngx_sio_lock(zone);

    so = &zone->shared->sockets[socket.cell];
    id = zone->shared->sessions[so->session].endpoint;
    *reason = so->reason;

    ngx_sio_unlock(zone);

    return ngx_sio_endpoint_find(zone, id);
}


void
ngx_sio_outbox_unopened(const ngx_sio_call_t *connect)
{
    ngx_sio_call_t              *call;
    const ngx_sio_event_rule_t  *rule;

    rule = ngx_sio_forward_rule(connect->conf, NGX_SIO_ON_DISCONNECT,
                                connect->snapshot.claims);
    if (rule == NULL) {
        return;
    }

    call = ngx_sio_call_unopened(connect,
                                 ngx_sio_outbox_reasons[NGX_SIO_REASON_CLOSE]);
    if (call == NULL) {
        return;
    }

    call->rule = rule;

    ngx_sio_outbox_n++;
    ngx_sio_outbox_start(call);
}


static void
ngx_sio_outbox_start(ngx_sio_call_t *call)
{
    if (ngx_sio_call_body(call) != NGX_OK
        || ngx_sio_call_backend->start(call) != NGX_OK)
    {
        ngx_sio_outbox_answered(call);
        return;
    }

    ngx_sio_stat(call->zone, calls, 1);
}


/* What a service refuses is not asked again: it would refuse it again. */

void
ngx_sio_outbox_answered(ngx_sio_call_t *call)
{
    ngx_uint_t  status, more;

    status = call->status;

    if (call->socket.cell == 0) {
        ngx_sio_stat(call->zone, notices, 1);

    } else if (status >= 200 && status < 500 && status / 100 != 3) {
        ngx_sio_notice_done(call->zone, call->socket);
        ngx_sio_stat(call->zone, notices, 1);

    } else if (ngx_sio_notice_retry(call->zone, call->socket,
                                    call->endpoint->forward_retry)
               != NGX_OK
               && ngx_sio_forward_may_log(&more))
    {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "socketio disconnect of socket \"%*s\" could not be "
                      "delivered to \"%V\" within socketio_forward_retry and "
                      "is given up (%ui more lines were not logged)",
                      (size_t) NGX_SIO_ID_LEN, call->socket_id,
                      &call->rule->uri, more);
    }

    ngx_sio_outbox_n--;

    if (!ngx_exiting) {
        ngx_post_event(call->zone->outbox, &ngx_posted_events);
    }

    ngx_sio_call_free(call);
}
