
/*
 * Requests of other nodes: what concerns sockets becomes a job, which does a
 * slice of them at a time (ngx_sio_cluster_work.c) and is finished although the
 * leadership may end before; the others are answered here.
 */

#include "ngx_sio_cluster_job.h"
#include "ngx_sio_cluster_names.h"


#define NGX_SIO_CLUSTER_NAME     1024       /* bytes of a room's name */
#define NGX_SIO_CLUSTER_REQUEST  4194304    /* bytes: all the names in it */


static void ngx_sio_cluster_own(ngx_sio_cluster_t *cl, sio_span_t namespace,
    const sio_adapter_request_t *request);
static void ngx_sio_cluster_broadcast_ack(ngx_sio_cluster_t *cl,
    sio_span_t namespace, const sio_adapter_request_t *request);
static ngx_sio_cluster_job_t *ngx_sio_cluster_job(ngx_sio_cluster_t *cl,
    sio_span_t namespace, const sio_adapter_request_t *request);
static ngx_int_t ngx_sio_cluster_job_kind(ngx_sio_cluster_job_t *job,
    const sio_adapter_request_t *request);
static ngx_int_t ngx_sio_cluster_names_valid(const sio_adapter_names_t *names);
static sio_span_t ngx_sio_cluster_copy(ngx_pool_t *pool, sio_span_t text);
static const sio_span_t *ngx_sio_cluster_copies(ngx_pool_t *pool,
    const sio_adapter_names_t *names);


void
ngx_sio_cluster_request(ngx_sio_cluster_t *cl, sio_span_t namespace,
    sio_span_t payload)
{
    sio_span_t              own;
    ngx_sio_cluster_job_t  *job;
    sio_adapter_request_t   request;

    if (sio_adapter_request_read(cl->in, payload, &request) != SIO_OK) {
        ngx_sio_cluster_refuse(cl, sio_adapter_why(cl->in));
        return;
    }

    own.p = cl->uid;
    own.n = NGX_SIO_UID_LEN;

    if (sio_span_eq(request.uid, own)) {
        ngx_sio_cluster_own(cl, namespace, &request);
        return;
    }

    switch (request.type) {

    case SIO_ADAPTER_BROADCAST:
        ngx_sio_cluster_broadcast_ack(cl, namespace, &request);
        return;

    case SIO_ADAPTER_SERVER_SIDE_EMIT:

        /* nothing here listens, but who has asked counts the answers */

        if (request.id.n && ngx_sio_cluster_counted(cl, namespace)) {
            ngx_sio_cluster_answer_text(cl, namespace, request.id,
                                        "\"type\":6,\"data\":null");
        }

        return;
    }

    if (payload.n > NGX_SIO_CLUSTER_REQUEST) {
        ngx_sio_cluster_refuse(cl, "a request of more than 4 MB");
        return;
    }

    job = ngx_sio_cluster_job(cl, namespace, &request);

    if (job) {
        ngx_sio_stat(cl->zone, cluster_received, 1);
        job->bytes = payload.n;
        ngx_sio_cluster_work(job);
    }
}


void
ngx_sio_cluster_request_none(ngx_sio_cluster_t *cl, sio_span_t namespace,
    sio_span_t payload)
{
    const char             *text;
    sio_adapter_request_t   request;

    if (sio_adapter_request_read(cl->in, payload, &request) != SIO_OK
        || request.id.n == 0)
    {
        return;
    }

    switch (request.type) {

    case SIO_ADAPTER_SOCKETS:
    case SIO_ADAPTER_FETCH:
        text = "\"sockets\":[]";
        break;

    case SIO_ADAPTER_ROOMS:
        text = "\"rooms\":[]";
        break;

    case SIO_ADAPTER_SERVER_SIDE_EMIT:
        text = "\"type\":6,\"data\":null";
        break;

    case SIO_ADAPTER_BROADCAST:
        text = "\"type\":8,\"clientCount\":0";
        break;

    default:
        return;
    }

    ngx_sio_cluster_answer_text(cl, namespace, request.id, text);
}


/* A worker asks, and Redis counts this nginx too: it has nothing to add. */

static void
ngx_sio_cluster_own(ngx_sio_cluster_t *cl, sio_span_t namespace,
    const sio_adapter_request_t *request)
{
    if (request->id.n && ngx_sio_cluster_counted(cl, namespace)) {
        ngx_sio_cluster_answer_text(cl, namespace, request->id,
                                    request->type == SIO_ADAPTER_BROADCAST
                                    ? "\"type\":8,\"clientCount\":0" : "");
    }
}


/* Who could not be asked gets the event all the same, as by a broadcast. */

static void
ngx_sio_cluster_broadcast_ack(ngx_sio_cluster_t *cl, sio_span_t namespace,
    const sio_adapter_request_t *request)
{
    u_char      text[64];
    ngx_int_t   rc;
    ngx_uint_t  n;

    n = 0;
    rc = NGX_DECLINED;

    if (ngx_sio_cluster_counted(cl, namespace)) {
        rc = ngx_sio_cluster_ask(cl, namespace, request, &n);

        *ngx_sprintf(text, "\"type\":8,\"clientCount\":%ui", n) = '\0';
        ngx_sio_cluster_answer_text(cl, namespace, request->id,
                                    (char *) text);
    }

    if (rc != NGX_OK) {
        ngx_sio_cluster_deliver(cl, namespace, &request->broadcast);
        return;
    }

    ngx_sio_stat(cl->zone, cluster_received, 1);
}


void
ngx_sio_cluster_answer_text(ngx_sio_cluster_t *cl, sio_span_t namespace,
    sio_span_t id, const char *text)
{
    u_char      *p, answer[1024];
    sio_span_t   none, message;

    if (id.n > 128) {
        return;
    }

    ngx_memzero(&none, sizeof(sio_span_t));

    p = ngx_sprintf(answer, "{\"requestId\":\"");
    p += sio_json_escape(p, id);
    p = ngx_sprintf(p, "\"%s%s}", *text ? "," : "", text);

    message.p = answer;
    message.n = p - answer;

    (void) ngx_sio_cluster_send(cl, "-response", namespace, none, message);
}


/* What a job needs of a request outlives the codec's next call. */

static ngx_sio_cluster_job_t *
ngx_sio_cluster_job(ngx_sio_cluster_t *cl, sio_span_t namespace,
    const sio_adapter_request_t *request)
{
    ngx_pool_t             *pool;
    sio_adapter_names_t     one;
    ngx_sio_cluster_job_t  *job;

    job = ngx_sio_cluster_job_create(cl, request->type);
    if (job == NULL) {
        return NULL;
    }

    pool = job->pool;
    job->move.close = request->close;
    job->namespace = ngx_sio_cluster_copy(pool, namespace);
    job->id = ngx_sio_cluster_copy(pool, request->id);

    one.name = &request->sid;
    one.n = 1;
    job->one = !request->opts && request->type >= SIO_ADAPTER_JOIN
               && request->type <= SIO_ADAPTER_DISCONNECT;

    if (job->one) {
        job->select.rooms = ngx_sio_cluster_copies(pool, &one);
        job->select.nrooms = 1;

    } else {
        job->select.rooms = ngx_sio_cluster_copies(pool, &request->rooms);
        job->select.nrooms = request->rooms.n;
        job->select.except = ngx_sio_cluster_copies(pool, &request->except);
        job->select.nexcept = request->except.n;
    }

    job->select.zone = cl->zone;
    job->select.pool = pool;
    job->select.namespace = job->namespace;
    job->select.data = job;

    if (job->namespace.p == NULL || job->id.p == NULL
        || job->select.rooms == NULL
        || (!job->one && job->select.except == NULL)
        || ngx_sio_cluster_job_kind(job, request) != NGX_OK)
    {
        goto failed;
    }

    return job;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


static ngx_int_t
ngx_sio_cluster_job_kind(ngx_sio_cluster_job_t *job,
    const sio_adapter_request_t *request)
{
    const sio_span_t  *rooms;

    switch (job->type) {

    case SIO_ADAPTER_DISCONNECT:
        job->select.data = &job->move;
        job->select.handler = ngx_sio_move_disconnect;
        return NGX_OK;

    case SIO_ADAPTER_JOIN:
    case SIO_ADAPTER_LEAVE:
        break;

    default:

        /* who is not counted is not waited for, and would be one too many */

        return job->id.n && ngx_sio_cluster_counted(job->cl, job->namespace)
               ? ngx_sio_cluster_list_begin(job) : NGX_DECLINED;
    }

    if (ngx_sio_cluster_names_valid(&request->names) != NGX_OK) {
        ngx_sio_cluster_refuse(job->cl, "a room's name is empty, too long, or "
                               "has control characters");
        return NGX_DECLINED;
    }

    job->select.handler = job->type == SIO_ADAPTER_JOIN
                          ? ngx_sio_move_join : ngx_sio_move_leave;

    rooms = ngx_sio_cluster_copies(job->pool, &request->names);

    return rooms ? ngx_sio_move_rooms(&job->select, &job->move, rooms,
                                      request->names.n)
                 : NGX_ERROR;
}


static ngx_int_t
ngx_sio_cluster_names_valid(const sio_adapter_names_t *names)
{
    size_t             i;
    ngx_uint_t         n;
    const sio_span_t  *name;

    for (n = 0; n < names->n; n++) {
        name = &names->name[n];

        if (name->n == 0 || name->n > NGX_SIO_CLUSTER_NAME) {
            return NGX_DECLINED;
        }

        for (i = 0; i < name->n; i++) {
            if (name->p[i] < 0x20 || name->p[i] == 0x7f) {
                return NGX_DECLINED;
            }
        }
    }

    return NGX_OK;
}


static sio_span_t
ngx_sio_cluster_copy(ngx_pool_t *pool, sio_span_t text)
{
    u_char      *p;
    sio_span_t   copy;

    p = ngx_pnalloc(pool, text.n + 1);

    if (p && text.n) {
        ngx_memcpy(p, text.p, text.n);
    }

    copy.p = p;
    copy.n = text.n;

    return copy;
}


/* NULL without memory. */

static const sio_span_t *
ngx_sio_cluster_copies(ngx_pool_t *pool, const sio_adapter_names_t *names)
{
    ngx_uint_t   i;
    sio_span_t  *copy;

    copy = ngx_palloc(pool, (names->n + 1) * sizeof(sio_span_t));

    for (i = 0; copy && i < names->n; i++) {
        copy[i] = ngx_sio_cluster_copy(pool, names->name[i]);

        if (copy[i].p == NULL) {
            return NULL;
        }
    }

    return copy;
}
