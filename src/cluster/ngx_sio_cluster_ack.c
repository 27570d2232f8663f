
/*
 * Broadcasts of other nodes that want acks.  Who gets the event is noted before
 * the event loop goes on, so no ack comes too early; each is passed on as it
 * comes, and the one who has asked does the waiting.
 */

#include "ngx_sio_acks.h"
#include "ngx_sio_cluster_job.h"
#include "ngx_sio_seldom.h"
#include "ngx_sio_select.h"


#define NGX_SIO_CLUSTER_ASKED     10000     /* sockets of one question */
#define NGX_SIO_CLUSTER_ASK       2048      /* bytes of one but for them */
#define NGX_SIO_CLUSTER_ASKS      8388608   /* bytes of all questions */
#define NGX_SIO_CLUSTER_ACK_TIME  60000     /* ms, at most and by default */


typedef struct {
    ngx_connection_t     dummy;         /* first: for debug logs */
    ngx_sio_ask_t        ask;
    ngx_event_t          event;         /* the end of it */
    ngx_pool_t          *pool;
    sio_span_t           namespace;
    sio_span_t           id;            /* of the request */
    ngx_sio_ref_t       *asked;         /* in order of cells; serial 0: done */
    ngx_uint_t           n;
    ngx_uint_t           size;
    ngx_uint_t           left;
    size_t               bytes;         /* of NGX_SIO_CLUSTER_ASKS */
} ngx_sio_cluster_ask_t;


static ngx_int_t ngx_sio_cluster_ask_begin(ngx_sio_cluster_t *cl,
    sio_span_t namespace, const sio_adapter_request_t *request,
    ngx_uint_t *n);
static ngx_sio_cluster_ask_t *ngx_sio_cluster_ask_create(
    ngx_sio_cluster_t *cl, sio_span_t namespace,
    const sio_adapter_request_t *request);
static ngx_int_t ngx_sio_cluster_ask_emit(ngx_sio_cluster_ask_t *a,
    const sio_adapter_broadcast_t *b);
static ngx_int_t ngx_sio_cluster_ask_select(ngx_sio_cluster_ask_t *a,
    const ngx_sio_emit_t *emit);
static ngx_int_t ngx_sio_cluster_asked(ngx_sio_select_t *select,
    uint32_t socket);
static void ngx_sio_cluster_acked(ngx_sio_ask_t *ask,
    const ngx_sio_ack_t *ack);
static void ngx_sio_cluster_ask_end(ngx_event_t *ev);


static size_t  ngx_sio_cluster_asks;       /* bytes */


ngx_int_t
ngx_sio_cluster_ask(ngx_sio_cluster_t *cl, sio_span_t namespace,
    const sio_adapter_request_t *request, ngx_uint_t *n)
{
    *n = 0;

    if (cl->zone->reader == NULL || ngx_exiting
        || !sio_span_eq(request->broadcast.nsp, namespace))
    {
        return NGX_DECLINED;
    }

    if (ngx_sio_cluster_ask_begin(cl, namespace, request, n) == NGX_OK) {
        return NGX_OK;
    }

    ngx_sio_stat(cl->zone, cluster_unasked, 1);

    ngx_sio_log_seldom(NGX_LOG_WARN, ngx_cycle->log,
                       "socketio awaits no acks of an event of another node: "
                       "it is for more than %d clients of this one, or too "
                       "many are awaited already", NGX_SIO_CLUSTER_ASKED);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_sio_cluster_ask_begin(ngx_sio_cluster_t *cl, sio_span_t namespace,
    const sio_adapter_request_t *request, ngx_uint_t *n)
{
    ngx_msec_t              time;
    ngx_sio_cluster_ask_t  *a;

    /* room for some sockets as well */

    if (ngx_sio_cluster_asks > NGX_SIO_CLUSTER_ASKS - 2 * NGX_SIO_CLUSTER_ASK) {
        return NGX_DECLINED;
    }

    a = ngx_sio_cluster_ask_create(cl, namespace, request);
    if (a == NULL) {
        return NGX_DECLINED;
    }

    time = NGX_SIO_CLUSTER_ACK_TIME;

    if (request->broadcast.timeout && request->broadcast.timeout < time) {
        time = request->broadcast.timeout;
    }

    if (ngx_sio_ask_open(&a->ask, time) != NGX_OK) {
        ngx_destroy_pool(a->pool);
        return NGX_DECLINED;
    }

    a->bytes = NGX_SIO_CLUSTER_ASK;
    ngx_sio_cluster_asks += a->bytes;
    ngx_add_timer(&a->event, time);

    if (ngx_sio_cluster_ask_emit(a, &request->broadcast) != NGX_OK) {
        ngx_sio_cluster_ask_end(&a->event);
        return NGX_DECLINED;
    }

    *n = a->n;

    if (a->n == 0) {
        ngx_sio_cluster_ask_end(&a->event);
    }

    return NGX_OK;
}


static ngx_sio_cluster_ask_t *
ngx_sio_cluster_ask_create(ngx_sio_cluster_t *cl, sio_span_t namespace,
    const sio_adapter_request_t *request)
{
    u_char                 *p;
    ngx_pool_t             *pool;
    ngx_sio_cluster_ask_t  *a;

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    a = ngx_pcalloc(pool, sizeof(ngx_sio_cluster_ask_t));
    p = ngx_pnalloc(pool, namespace.n + request->id.n + 1);

    if (a == NULL || p == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    a->dummy.fd = (ngx_socket_t) -1;
    a->pool = pool;
    a->namespace.p = p;
    a->namespace.n = namespace.n;
    p = ngx_cpymem(p, namespace.p, namespace.n);
    a->id.p = p;
    a->id.n = request->id.n;
    ngx_memcpy(p, request->id.p, request->id.n);

    a->ask.zone = cl->zone;
    a->ask.handler = ngx_sio_cluster_acked;
    a->ask.data = a;
    a->event.handler = ngx_sio_cluster_ask_end;
    a->event.data = a;
    a->event.log = ngx_cycle->log;
    a->event.cancelable = 1;

    return a;
}


/* The packet is the same, with an ack id. */

static ngx_int_t
ngx_sio_cluster_ask_emit(ngx_sio_cluster_ask_t *a,
    const sio_adapter_broadcast_t *b)
{
    u_char          *head, id[NGX_SIO_ASK_ID_LEN];
    sio_span_t       text;
    sio_packet_t     packet;
    ngx_sio_emit_t   emit;

    text.p = b->text.p + 1;
    text.n = b->text.n - 1;

    if (sio_packet_parse(text, &packet) != SIO_OK) {
        return NGX_ERROR;
    }

    text.p = id;
    text.n = ngx_sio_ask_id(&a->ask, id) - id;

    head = ngx_pnalloc(a->pool, sio_packet_head_max(b->nsp, text));
    if (head == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&emit, sizeof(ngx_sio_emit_t));

    emit.zone = a->ask.zone;
    emit.namespace = b->nsp;
    emit.rooms = b->rooms.name;
    emit.nrooms = b->rooms.n;
    emit.except = b->except.name;
    emit.nexcept = b->except.n;
    emit.flags = b->plain ? NGX_SIO_PLAIN : 0;
    emit.most = (NGX_SIO_CLUSTER_ASKS - ngx_sio_cluster_asks)
                / sizeof(ngx_sio_ref_t);
    emit.most = ngx_min(emit.most, NGX_SIO_CLUSTER_ASKED);
    emit.payload.text[0].p = head;
    emit.payload.text[0].n = sio_packet_write_head(head, packet.type,
                                                   b->nattachments, b->nsp,
                                                   text);
    emit.payload.text[1] = packet.payload.raw;
    emit.payload.attachments = (sio_span_t *) b->attachments;
    emit.payload.nattachments = b->nattachments;

    if (!ngx_sio_log_fits(emit.zone, ngx_sio_payload_size(&emit.payload))
        || ngx_sio_emit(&emit) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    return emit.matched ? ngx_sio_cluster_ask_select(a, &emit) : NGX_OK;
}


static ngx_int_t
ngx_sio_cluster_ask_select(ngx_sio_cluster_ask_t *a,
    const ngx_sio_emit_t *emit)
{
    size_t            bytes;
    ngx_int_t         rc;
    ngx_sio_select_t  select;

    bytes = emit->matched * sizeof(ngx_sio_ref_t);
    a->asked = ngx_palloc(a->pool, bytes);

    if (a->asked == NULL) {
        return NGX_OK;
    }

    a->size = emit->matched;
    a->bytes += bytes;
    ngx_sio_cluster_asks += bytes;

    ngx_memzero(&select, sizeof(ngx_sio_select_t));

    select.zone = emit->zone;
    select.pool = a->pool;
    select.namespace = emit->namespace;
    select.rooms = emit->rooms;
    select.nrooms = emit->nrooms;
    select.except = emit->except;
    select.nexcept = emit->nexcept;
    select.at = emit->position;
    select.handler = ngx_sio_cluster_asked;
    select.data = a;

    do {
        ngx_sio_cluster_worked(a->ask.zone->cluster, 1);
        rc = ngx_sio_select(&select);
    } while (rc == NGX_AGAIN);

    a->left = a->n;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_cluster_asked(ngx_sio_select_t *select, uint32_t socket)
{
    ngx_sio_cluster_ask_t  *a;

    a = select->data;

    if (a->n == a->size) {
        return NGX_DONE;
    }

    a->asked[a->n].cell = socket;
    a->asked[a->n++].serial = select->zone->shared->sockets[socket].serial;

    return NGX_OK;
}


static void
ngx_sio_cluster_acked(ngx_sio_ask_t *ask, const ngx_sio_ack_t *ack)
{
    sio_json_t              value;
    sio_span_t              none, message;
    ngx_sio_ref_t          *ref;
    ngx_sio_cluster_t      *cl;
    sio_adapter_response_t  response;
    ngx_sio_cluster_ask_t  *a;

    a = ask->data;
    cl = ask->zone->cluster;
    ref = ngx_sio_asked_find(a->asked, a->n, ack->socket.cell);

    if (ref == NULL || ref->serial != ack->socket.serial
        || cl == NULL || ack->lost
        || sio_json_parse(ack->value, SIO_JSON_DEPTH, &value, NULL) != SIO_OK)
    {
        ngx_sio_stat(ask->zone, acks_dropped, 1);
        return;
    }

    ref->serial = 0;

    ngx_memzero(&none, sizeof(sio_span_t));
    ngx_memzero(&response, sizeof(sio_adapter_response_t));

    response.type = SIO_ADAPTER_ACK;
    response.id = a->id;
    response.packet = value;
    response.attachments = ack->attachments;
    response.nattachments = ack->nattachments;

    if (sio_adapter_ack_write(cl->out, &response, &message) == SIO_OK) {
        (void) ngx_sio_cluster_send(cl, "-response", a->namespace, none,
                                    message);
    }

    /* who calls is not done with the question yet */

    if (--a->left == 0) {
        ngx_post_event(&a->event, &ngx_posted_events);
    }
}


static void
ngx_sio_cluster_ask_end(ngx_event_t *ev)
{
    ngx_sio_cluster_ask_t  *a;

    a = ev->data;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    if (ev->posted) {
        ngx_delete_posted_event(ev);
    }

    ngx_sio_ask_close(&a->ask);
    ngx_sio_cluster_asks -= a->bytes;
    ngx_destroy_pool(a->pool);
}
