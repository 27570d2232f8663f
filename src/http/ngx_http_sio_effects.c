
/*
 * Carries out what a service has answered, wherever the socket is by now: it is
 * found by its reference in shared memory, never by what was known of it when
 * the call began.
 */

#include "ngx_http_sio_api_emit.h"
#include "ngx_http_sio_effects.h"
#include "ngx_sio_renew.h"
#include "ngx_sio_auth.h"
#include "ngx_sio_forward.h"
#include "ngx_sio_kick.h"
#include "ngx_sio_outbox.h"
#include "ngx_sio_reply.h"
#include "ngx_sio_rooms.h"


static ngx_int_t ngx_http_sio_effects_event(ngx_http_sio_effects_t *e);
static ngx_int_t ngx_http_sio_effects_change(ngx_http_sio_effects_t *e);
static ngx_int_t ngx_http_sio_effects_move(ngx_http_sio_effects_t *e,
    ngx_array_t *rooms, ngx_int_t (*move)(ngx_sio_change_t *change));
static void ngx_http_sio_effects_publish(ngx_http_sio_effects_t *e);
static ngx_int_t ngx_http_sio_effects_reply(ngx_http_sio_effects_t *e);
static void ngx_http_sio_effects_kick(ngx_http_sio_effects_t *e);
static ngx_int_t ngx_http_sio_effects_connect(ngx_http_sio_effects_t *e);
static void ngx_http_sio_effects_denied(ngx_http_sio_effects_t *e,
    ngx_uint_t status);
static void ngx_http_sio_effects_failed(ngx_http_sio_effects_t *e,
    const ngx_http_sio_call_answer_t *answer);
static void ngx_http_sio_effects_log(ngx_http_sio_effects_t *e,
    const ngx_http_sio_call_answer_t *answer);


void
ngx_http_sio_effects(ngx_sio_call_t *call, ngx_http_sio_call_answer_t *answer)
{
    ngx_int_t                rc;
    ngx_uint_t               good, denied;
    ngx_http_sio_api_out_t   out;

    /* too large for the stack; one answer at a time */
    static ngx_http_sio_effects_t  e;

    ngx_memzero(&e, sizeof(ngx_http_sio_effects_t));
    ngx_memzero(&out, sizeof(ngx_http_sio_api_out_t));

    e.call = call;
    e.op.request = answer->request;
    e.op.pool = call->pool;
    e.op.zone = call->zone;
    e.op.inner = 1;
    e.op.out = &out;
    out.pool = call->pool;

    good = answer->status >= NGX_HTTP_OK
           && answer->status < NGX_HTTP_SPECIAL_RESPONSE;
    denied = call->type == NGX_SIO_CALL_CONNECT
             && (answer->status == NGX_HTTP_UNAUTHORIZED
                 || answer->status == NGX_HTTP_FORBIDDEN);

    if (answer->failure || (!good && !denied)) {
        ngx_http_sio_effects_failed(&e, answer);
        return;
    }

    rc = ngx_http_sio_effects_read(&e, answer->body);

    if (denied) {
        ngx_http_sio_effects_denied(&e, answer->status);
        return;
    }

    if (rc != NGX_OK) {
        ngx_http_sio_effects_failed(&e, answer);
        return;
    }

    switch (call->type) {

    case NGX_SIO_CALL_EVENT:
        rc = ngx_http_sio_effects_event(&e);
        break;

    case NGX_SIO_CALL_CONNECT:
        rc = ngx_http_sio_effects_connect(&e);
        break;

    default:
        /* the socket is gone: the rest may be told */
        ngx_http_sio_effects_publish(&e);
        break;
    }

    if (rc == NGX_ABORT) {
        ngx_sio_stat(call->zone, calls_gone, 1);

    } else if (rc != NGX_OK) {
        ngx_http_sio_effects_failed(&e, answer);
    }
}


static ngx_int_t
ngx_http_sio_effects_event(ngx_http_sio_effects_t *e)
{
    ngx_int_t  rc;

    rc = ngx_http_sio_effects_change(e);

    if (rc != NGX_OK && rc != NGX_ABORT) {
        return rc;
    }

    /* others are told, whether or not the sender is still there */

    ngx_http_sio_effects_publish(e);

    if (rc == NGX_ABORT) {
        return rc;
    }

    rc = ngx_http_sio_effects_reply(e);

    if (e->disconnect) {
        ngx_http_sio_effects_kick(e);
    }

    return rc;
}


/* NGX_ABORT when the socket is gone, NGX_DECLINED when memory is full. */

static ngx_int_t
ngx_http_sio_effects_change(ngx_http_sio_effects_t *e)
{
    ngx_int_t        rc;
    ngx_uint_t       gone;
    ngx_sio_call_t  *call;

    call = e->call;

    if (e->data.n) {
        rc = ngx_sio_socket_data(call->zone, call->socket, e->data);

    } else {
        ngx_sio_lock(call->zone);
        gone = ngx_sio_socket_locked(call->zone, call->socket) == NULL;
        ngx_sio_unlock(call->zone);

        rc = gone ? NGX_ABORT : NGX_OK;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sio_effects_move(e, &e->leave, ngx_sio_rooms_leave);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sio_effects_move(e, &e->join, ngx_sio_rooms_join);
    }

    if (rc == NGX_DECLINED) {
        e->why = "cannot be carried out: the zone's memory is full";
    }

    return rc;
}


static ngx_int_t
ngx_http_sio_effects_move(ngx_http_sio_effects_t *e, ngx_array_t *rooms,
    ngx_int_t (*move)(ngx_sio_change_t *change))
{
    ngx_sio_change_t  change;

    if (rooms->nelts == 0) {
        return NGX_OK;
    }

    ngx_memzero(&change, sizeof(ngx_sio_change_t));

    change.zone = e->call->zone;
    change.socket = e->call->socket;
    change.rooms = rooms->elts;
    change.n = rooms->nelts;
    change.tell = 1;

    change.cells = ngx_pcalloc(e->op.pool, change.n * sizeof(uint32_t));
    if (change.cells == NULL) {
        return NGX_ERROR;
    }

    return move(&change);
}


static void
ngx_http_sio_effects_publish(ngx_http_sio_effects_t *e)
{
    ngx_uint_t              i;
    ngx_http_sio_api_op_t  *op;

    op = e->emits.elts;

    for (i = 0; i < e->emits.nelts; i++) {
        (void) ngx_http_sio_api_emit_publish(&op[i]);
    }
}


static ngx_int_t
ngx_http_sio_effects_reply(ngx_http_sio_effects_t *e)
{
    ngx_int_t   rc;
    sio_span_t  ack;

    if (e->call->ack.n == 0 || e->silent) {
        return NGX_OK;
    }

    if (e->refused) {
        ngx_sio_reply_error(e->call, e->message);
        return NGX_OK;
    }

    ack = e->ack.n ? e->ack : sio_span("[]");

    rc = ngx_sio_reply_ack(e->call, ack, e->attachments, e->nattachments);

    if (rc == NGX_DECLINED) {
        e->why = "has an ack of more than an eighth of the log";
    }

    return rc;
}


static void
ngx_http_sio_effects_kick(ngx_http_sio_effects_t *e)
{
    ngx_sio_mask_t  wake;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(e->call->zone);

    if (ngx_sio_socket_locked(e->call->zone, e->call->socket)) {
        ngx_sio_socket_disconnect_locked(e->call->zone, e->call->socket.cell,
                                         &wake);
    }

    ngx_sio_unlock(e->call->zone);

    ngx_sio_wake(&wake);
}


static ngx_int_t
ngx_http_sio_effects_connect(ngx_http_sio_effects_t *e)
{
    ngx_int_t  rc;

    if (e->refused) {
        ngx_sio_reply_refuse(e->call, e->message, e->error_data);
        return NGX_OK;
    }

    rc = ngx_sio_reply_connect(e->call, e->data, &e->join, &e->leave);

    if (rc != NGX_OK) {
        ngx_sio_outbox_unopened(e->call);
        return rc == NGX_ABORT ? rc : NGX_OK;
    }

    ngx_http_sio_effects_publish(e);

    if (e->disconnect) {
        ngx_http_sio_effects_kick(e);
    }

    return NGX_OK;
}


/* 401 and 403 refuse a CONNECT, whatever else the answer may say. */

static void
ngx_http_sio_effects_denied(ngx_http_sio_effects_t *e, ngx_uint_t status)
{
    sio_span_t  none;

    if (e->refused) {
        ngx_sio_reply_refuse(e->call, e->message, e->error_data);
        return;
    }

    ngx_memzero(&none, sizeof(sio_span_t));

    ngx_sio_reply_refuse(e->call,
                         ngx_sio_auth_message(&e->call->conf->auth,
                                              status == NGX_HTTP_FORBIDDEN
                                              ? NGX_SIO_AUTH_FORBIDDEN
                                              : NGX_SIO_AUTH_MISSING),
                         none);
}


static void
ngx_http_sio_effects_failed(ngx_http_sio_effects_t *e,
    const ngx_http_sio_call_answer_t *answer)
{
    ngx_sio_stat(e->call->zone, calls_failed, 1);

    ngx_http_sio_effects_log(e, answer);

    ngx_sio_reply_error(e->call, answer->timedout
                                 && e->call->type == NGX_SIO_CALL_EVENT
                                 ? sio_span("Timeout")
                                 : sio_span("Service unavailable"));
}


/* Never what the service has said: it may be about somebody. */

static void
ngx_http_sio_effects_log(ngx_http_sio_effects_t *e,
    const ngx_http_sio_call_answer_t *answer)
{
    ngx_uint_t   more;
    const char  *what, *why;

    if (!ngx_sio_forward_may_log(&more)) {
        return;
    }

    what = e->why == NULL ? "" : e->path_len ? "the answer's " : "the answer ";
    why = e->why ? e->why : answer->failure ? answer->failure
                                            : "the status is no 2xx";

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "socketio call to \"%V\" failed with status %ui: %s%*s%s%s "
                  "(%ui more lines were not logged)", &e->call->rule->uri,
                  answer->status, what, e->path_len, e->path,
                  e->path_len ? " " : "", why, more);
}
