
/*
 * POST emit with `ack`.  Whoever gets the event here is noted, in 8 bytes; an
 * ack strikes him out, and so does his socket's end, which is looked for now
 * and then without the lock.  Other nodes say how many clients they have asked.
 */

#include "ngx_http_sio_api_ack.h"
#include "ngx_http_sio_api_args.h"
#include "ngx_http_sio_api_guard.h"
#include "ngx_http_sio_api_operations.h"
#include "ngx_http_sio_api_responses.h"
#include "ngx_sio_cluster_question.h"
#include "ngx_sio_reader.h"
#include "ngx_sio_select.h"


#define NGX_HTTP_SIO_API_ACK_LOOK  100      /* ms, for sockets that end */


typedef struct {
    ngx_sio_ask_t        ask;
    ngx_sio_select_t     select;
    ngx_msec_t           time;
    ngx_msec_t           end;           /* ngx_current_msec */

    ngx_sio_ref_t       *asked;         /* in order of cells; serial 0: done */
    ngx_uint_t           nasked;
    ngx_uint_t           size;
    ngx_uint_t           reserved;      /* of the worker's bound */
    ngx_uint_t           left;          /* neither answered nor gone */

    ngx_sio_cluster_question_t  question;   /* to other nodes */
    ngx_uint_t           far;           /* their clients */
    ngx_uint_t           nfar;          /* of them, who have answered */
    ngx_uint_t           awake;         /* it need not be told */

    ngx_http_sio_api_responses_t  responses;
    ngx_queue_t          early;         /* ngx_http_sio_api_held_t */
    ngx_uint_t           nearly;
    ngx_int_t            selected;      /* as of ngx_sio_select() */
    unsigned             selecting:1;
} ngx_http_sio_api_ask_t;


static ngx_http_sio_api_ask_t *ngx_http_sio_api_ask_create(
    ngx_http_sio_api_op_t *op);
static void ngx_http_sio_api_ask_cleanup(void *data);
static void ngx_http_sio_api_ask_appended(ngx_sio_emit_t *emit);
static ngx_int_t ngx_http_sio_api_asked(ngx_sio_select_t *select,
    uint32_t socket);
static ngx_int_t ngx_http_sio_api_ask_select(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_ask_t *a);
static void ngx_http_sio_api_ask_early(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_ask_t *a);
static void ngx_http_sio_api_ask_look(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_ask_t *a);
static void ngx_http_sio_api_acked(ngx_sio_ask_t *ask,
    const ngx_sio_ack_t *ack);
static void ngx_http_sio_api_ask_far(ngx_sio_cluster_question_t *q,
    const sio_adapter_response_t *response);
static ngx_uint_t ngx_http_sio_api_ask_far_over(
    const ngx_http_sio_api_ask_t *a);
static ngx_int_t ngx_http_sio_api_ask_answer(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_ask_t *a);


/* Acks that this worker may still get, by what they were announced to be. */
static ngx_uint_t  ngx_http_sio_api_awaited;


ngx_int_t
ngx_http_sio_api_ask(ngx_http_sio_api_op_t *op, ngx_msec_t time,
    ngx_sio_emit_t *emit, sio_span_t *id)
{
    u_char                       *p;
    ngx_pool_cleanup_t           *cln;
    ngx_http_sio_api_ask_t       *a;
    ngx_http_sio_api_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(op->request, ngx_socketio_api_module);

    /* who leaves must not be kept by clients, without a slot nobody answers */

    if (ngx_exiting || op->zone->reader == NULL) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_DRAINING,
                                     "this worker is leaving", "ack");
    }

    if (ngx_http_sio_api_awaited >= (ngx_uint_t) alcf->pending_acks) {
        return ngx_http_sio_api_ask_refuse(op);
    }

    a = ngx_http_sio_api_ask_create(op);
    p = ngx_pnalloc(op->pool, NGX_SIO_ASK_ID_LEN);
    cln = ngx_pool_cleanup_add(op->pool, 0);

    if (a == NULL || p == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    a->time = time;

    if (ngx_sio_ask_open(&a->ask, time) != NGX_OK) {
        return ngx_http_sio_api_ask_refuse(op);
    }

    op->state = a;
    cln->handler = ngx_http_sio_api_ask_cleanup;
    cln->data = a;

    id->p = p;
    id->n = ngx_sio_ask_id(&a->ask, p) - p;

    emit->most = alcf->pending_acks - ngx_http_sio_api_awaited;
    emit->appended = ngx_http_sio_api_ask_appended;
    emit->data = a;

    return NGX_OK;
}


static ngx_http_sio_api_ask_t *
ngx_http_sio_api_ask_create(ngx_http_sio_api_op_t *op)
{
    ngx_http_sio_api_ask_t  *a;

    a = ngx_pcalloc(op->pool, sizeof(ngx_http_sio_api_ask_t));
    if (a == NULL) {
        return NULL;
    }

    a->size = NGX_SIO_SELECT_SLICE;
    a->asked = ngx_palloc(op->pool, a->size * sizeof(ngx_sio_ref_t));
    if (a->asked == NULL) {
        return NULL;
    }

    a->ask.zone = op->zone;
    a->ask.handler = ngx_http_sio_api_acked;
    a->ask.data = op;

    ngx_http_sio_api_selection(op, &a->select, ngx_http_sio_api_asked);
    a->select.data = a;

    ngx_queue_init(&a->early);
    ngx_http_sio_api_responses_init(&a->responses, op->out);

    return a;
}


ngx_int_t
ngx_http_sio_api_ask_refuse(ngx_http_sio_api_op_t *op)
{
    return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_TOO_MANY_ACKS,
                                 "more acks than may be awaited", "ack");
}


void
ngx_http_sio_api_ask_end(ngx_http_sio_api_op_t *op)
{
    ngx_http_sio_api_ask_cleanup(op->state);
}


static void
ngx_http_sio_api_ask_cleanup(void *data)
{
    ngx_http_sio_api_ask_t *a = data;

    ngx_sio_ask_close(&a->ask);
    ngx_sio_cluster_question_close(&a->question);

    ngx_http_sio_api_awaited -= a->reserved;
    a->reserved = 0;
}


ngx_int_t
ngx_http_sio_api_ask_wait(ngx_http_sio_api_op_t *op,
    const ngx_sio_emit_t *emit)
{
    ngx_sio_ref_t           *asked;
    ngx_http_sio_api_ask_t  *a;

    a = op->state;

    if (emit->matched > a->size) {
        asked = ngx_palloc(op->pool, emit->matched * sizeof(ngx_sio_ref_t));
        if (asked == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(asked, a->asked, a->nasked * sizeof(ngx_sio_ref_t));

        a->asked = asked;
        a->size = emit->matched;
    }

    if (a->selected == NGX_ERROR
        || ngx_http_sio_api_write(op->out, ",\"responses\":[") != NGX_OK)
    {
        return NGX_ERROR;
    }

    a->reserved = emit->matched;
    ngx_http_sio_api_awaited += a->reserved;

    a->end = ngx_current_msec + a->time;
    a->selecting = 1;

    return ngx_http_sio_api_ask_step(op);
}


/* Who leaves right after it has been asked all the same. */

static void
ngx_http_sio_api_ask_appended(ngx_sio_emit_t *emit)
{
    ngx_http_sio_api_ask_t  *a;

    a = emit->data;
    a->select.at = emit->position;
    a->selected = ngx_sio_select_locked(&a->select);
}


static ngx_int_t
ngx_http_sio_api_asked(ngx_sio_select_t *select, uint32_t socket)
{
    ngx_sio_ref_t           *ref;
    ngx_http_sio_api_ask_t  *a;

    a = select->data;

    if (a->nasked < a->size) {
        ref = &a->asked[a->nasked++];
        ref->cell = socket;
        ref->serial = select->zone->shared->sockets[socket].serial;
        a->left++;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_api_ask_step(ngx_http_sio_api_op_t *op)
{
    ngx_int_t                rc;
    ngx_msec_int_t           time;
    ngx_http_sio_api_ask_t  *a;

    a = op->state;

    if (a->selecting) {
        rc = ngx_http_sio_api_ask_select(op, a);

        if (rc != NGX_OK) {
            op->wait = 0;
            return rc;
        }
    }

    if (a->left) {
        ngx_http_sio_api_ask_look(op, a);
    }

    time = (ngx_msec_int_t) (a->end - ngx_current_msec);

    a->awake = (a->left == 0 && ngx_http_sio_api_ask_far_over(a)) || time <= 0;

    if (a->awake) {
        return ngx_http_sio_api_ask_answer(op, a);
    }

    op->wait = a->left ? ngx_min(time, NGX_HTTP_SIO_API_ACK_LOOK) : time;

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_sio_api_ask_select(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_ask_t *a)
{
    if (a->selected == NGX_AGAIN) {
        a->selected = ngx_sio_select(&a->select);
    }

    if (a->selected != NGX_OK) {
        return a->selected;
    }

    a->selecting = 0;

    ngx_http_sio_api_awaited -= a->reserved - a->nasked;
    a->reserved = a->nasked;

    ngx_http_sio_api_ask_early(op, a);

    return NGX_OK;
}


static void
ngx_http_sio_api_ask_early(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_ask_t *a)
{
    ngx_queue_t              *q;
    ngx_http_sio_api_held_t  *held;

    while (!ngx_queue_empty(&a->early)) {
        q = ngx_queue_head(&a->early);
        ngx_queue_remove(q);

        held = ngx_queue_data(q, ngx_http_sio_api_held_t, queue);
        ngx_http_sio_api_acked(&a->ask, &held->ack);
    }
}


/* An ack that is in the log counts, whatever has become of its socket since. */

static void
ngx_http_sio_api_ask_look(ngx_http_sio_api_op_t *op, ngx_http_sio_api_ask_t *a)
{
    ngx_uint_t               i, caught_up;
    ngx_sio_ref_t           *ref;
    const ngx_sio_socket_t  *so;

    caught_up = 0;

    for (i = 0; i < a->nasked && a->left; i++) {
        ref = &a->asked[i];
        so = &op->zone->shared->sockets[ref->cell];

        if (ref->serial == 0
            || (so->serial == ref->serial && so->state == NGX_SIO_LIVE))
        {
            continue;
        }

        if (!caught_up) {
            caught_up = 1;
            ngx_sio_reader_catch_up(ngx_sio_reader(op->zone),
                                    sio_ring_head(op->zone->shared->log));
        }

        if (ref->serial) {
            ref->serial = 0;
            a->left--;
        }
    }
}


static void
ngx_http_sio_api_acked(ngx_sio_ask_t *ask, const ngx_sio_ack_t *ack)
{
    ngx_sio_ref_t            *ref;
    ngx_http_sio_api_op_t    *op;
    ngx_http_sio_api_ask_t   *a;
    ngx_http_sio_api_held_t  *held;

    op = ask->data;
    a = op->state;

    ref = ngx_sio_asked_find(a->asked, a->nasked, ack->socket.cell);

    if (ref == NULL && a->selecting && a->nearly < a->reserved) {
        held = ngx_http_sio_api_response_hold(&a->responses, ack);

        if (held) {
            a->nearly++;
            ngx_queue_insert_tail(&a->early, &held->queue);
            return;
        }
    }

    if (ref == NULL || ref->serial != ack->socket.serial) {
        ngx_sio_stat(op->zone, acks_dropped, 1);
        return;
    }

    ref->serial = 0;
    a->left--;

    if (ngx_http_sio_api_response_add(&a->responses, ack) != NGX_OK) {
        ngx_sio_stat(op->zone, acks_dropped, 1);
    }

    if (a->left == 0 && !a->selecting && ngx_http_sio_api_ask_far_over(a)) {
        ngx_http_sio_api_wake(op);
    }
}


void
ngx_http_sio_api_ask_nodes(ngx_http_sio_api_op_t *op, ngx_sio_emit_t *emit)
{
    ngx_http_sio_api_ask_t  *a;

    a = op->state;

    a->awake = 1;
    a->question.pool = op->pool;
    a->question.handler = ngx_http_sio_api_ask_far;
    a->question.data = op;

    emit->cluster = ngx_sio_cluster_question_emit(&a->question, emit, a->time);

    /* clients get the event at least, if answers cannot be heard */

    if (emit->cluster == NGX_SIO_CLUSTER_DOWN) {
        (void) op->zone->bus->publish(emit);
    }
}


static void
ngx_http_sio_api_ask_far(ngx_sio_cluster_question_t *q,
    const sio_adapter_response_t *response)
{
    ngx_sio_ack_t            ack;
    ngx_http_sio_api_op_t   *op;
    ngx_http_sio_api_ask_t  *a;

    op = q->data;
    a = op->state;

    if (response && response->type == SIO_ADAPTER_CLIENT_COUNT) {
        a->far += response->count;

    } else if (response && response->type == SIO_ADAPTER_ACK
               && response->packet.kind != SIO_JSON_NONE)
    {
        ngx_memzero(&ack, sizeof(ngx_sio_ack_t));

        ack.value = response->packet.raw;
        ack.attachments = response->attachments;
        ack.nattachments = response->nattachments;
        a->nfar++;

        if (ngx_http_sio_api_response_add(&a->responses, &ack) != NGX_OK) {
            ngx_sio_stat(op->zone, acks_dropped, 1);
        }
    }

    if (!a->awake && a->left == 0 && ngx_http_sio_api_ask_far_over(a)) {
        a->awake = 1;
        ngx_http_sio_api_wake(op);
    }
}


static ngx_uint_t
ngx_http_sio_api_ask_far_over(const ngx_http_sio_api_ask_t *a)
{
    return a->question.cl == NULL
           || (ngx_sio_cluster_question_over(&a->question)
               && a->nfar >= a->far);
}


static ngx_int_t
ngx_http_sio_api_ask_answer(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_ask_t *a)
{
    u_char      *p;
    ngx_uint_t   expected, nodes, timed_out;

    timed_out = a->left || !ngx_http_sio_api_ask_far_over(a);
    nodes = ngx_sio_cluster_question_missing(&a->question);
    expected = a->nasked + ngx_max(a->far, a->nfar);

    ngx_http_sio_api_ask_cleanup(a);

    p = ngx_http_sio_api_reserve(op->out, 128 + 3 * NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(p, "],\"expected\":%ui,\"missing\":%ui,\"timedOut\":%s",
                    expected, expected - a->responses.n,
                    timed_out ? "true" : "false");

    if (nodes) {
        p = ngx_sprintf(p, ",\"missingNodes\":%ui", nodes);
    }

    if (a->question.failed) {
        p = ngx_sprintf(p, "%s",
                        ngx_http_sio_api_cluster(NGX_SIO_CLUSTER_DOWN));
    }

    ngx_http_sio_api_commit(op->out, p);

    if (ngx_http_sio_api_response_attachments(&a->responses) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sio_api_write(op->out, "}");
}
