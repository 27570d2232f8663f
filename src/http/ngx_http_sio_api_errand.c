
/*
 * What is done with one socket, wherever it is.  Other nodes are asked when it
 * is not here, for a bounded time, and the first that has it ends the wait.  A
 * batch asks nobody, since it does not wait.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_http_sio_api_errand.h"
#include "ngx_http_sio_api_operations.h"
#include "ngx_http_sio_errand.h"


#define NGX_HTTP_SIO_API_ERRAND_TIME  3000      /* ms */


static ngx_int_t ngx_http_sio_api_errand_ask(ngx_http_sio_api_errand_t *e);
static void ngx_http_sio_api_errand_cleanup(void *data);
static void ngx_http_sio_api_errand_heard(ngx_sio_cluster_question_t *q,
    const sio_adapter_response_t *response);
static void ngx_http_sio_api_errand_take(ngx_http_sio_api_errand_t *e,
    const sio_adapter_response_t *response);
static ngx_int_t ngx_http_sio_api_errand_wait(ngx_http_sio_api_errand_t *e);
static ngx_int_t ngx_http_sio_api_errand_answer(ngx_http_sio_api_errand_t *e);
static ngx_int_t ngx_http_sio_api_errand_done(ngx_http_sio_api_errand_t *e);
static ngx_int_t ngx_http_sio_api_errand_refused(
    ngx_http_sio_api_errand_t *e);
static ngx_int_t ngx_http_sio_api_errand_none(ngx_http_sio_api_errand_t *e);


ngx_http_sio_api_errand_t *
ngx_http_sio_api_errand_create(ngx_http_sio_api_op_t *op,
    ngx_sio_errand_kind_t kind)
{
    ngx_http_sio_api_errand_t  *e;

    e = ngx_pcalloc(op->pool, sizeof(ngx_http_sio_api_errand_t));

    if (e) {
        e->op = op;
        e->errand.zone = op->zone;
        e->errand.kind = kind;
        op->state = e;
    }

    return e;
}


/* An id that is no nginx's is not asked for. */

ngx_int_t
ngx_http_sio_api_errand(ngx_http_sio_api_errand_t *e)
{
    ngx_sio_errand_t  *errand;

    errand = &e->errand;

    ngx_http_sio_errand(errand);

    if (errand->result == NGX_SIO_ERRAND_NONE && !e->op->inner
        && errand->zone->bus && errand->socket.n == NGX_SIO_ID_LEN
        && ngx_http_sio_api_errand_ask(e) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (errand->result == NGX_SIO_ERRAND_DONE
        && errand->kind == NGX_SIO_ERRAND_REVOKE && !errand->bare)
    {
        e->cluster = ngx_sio_cluster_revoke(&errand->revoke);
    }

    return ngx_http_sio_api_errand_step(e->op);
}


static ngx_int_t
ngx_http_sio_api_errand_ask(ngx_http_sio_api_errand_t *e)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(e->op->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_sio_api_errand_cleanup;
    cln->data = e;

    e->asked = 1;
    e->end = ngx_current_msec + NGX_HTTP_SIO_API_ERRAND_TIME;
    e->question.pool = e->op->pool;
    e->question.handler = ngx_http_sio_api_errand_heard;
    e->question.data = e;

    e->cluster = ngx_sio_cluster_errand_ask(&e->question, &e->errand);

    return NGX_OK;
}


static void
ngx_http_sio_api_errand_cleanup(void *data)
{
    ngx_http_sio_api_errand_t *e = data;

    ngx_sio_cluster_question_close(&e->question);
}


static void
ngx_http_sio_api_errand_heard(ngx_sio_cluster_question_t *q,
    const sio_adapter_response_t *response)
{
    ngx_http_sio_api_errand_t  *e;

    e = q->data;

    if (response && e->errand.result == NGX_SIO_ERRAND_NONE) {
        ngx_http_sio_api_errand_take(e, response);
    }

    if (e->waiting && (e->errand.result != NGX_SIO_ERRAND_NONE
                       || ngx_sio_cluster_question_over(q)))
    {
        e->waiting = 0;
        ngx_http_sio_api_wake(e->op);
    }
}


/* What an answer says is on loan. */

static void
ngx_http_sio_api_errand_take(ngx_http_sio_api_errand_t *e,
    const sio_adapter_response_t *response)
{
    u_char            *p;
    sio_span_t         node;
    ngx_sio_errand_t   errand;

    errand = e->errand;

    if (ngx_sio_cluster_errand_answered(&errand, response, &node) != NGX_OK) {
        return;
    }

    p = ngx_pnalloc(e->op->pool, node.n + errand.message.n + 1);

    if (p == NULL) {
        e->errand.result = NGX_SIO_ERRAND_FAILED;
        return;
    }

    e->node.p = p;
    e->node.n = node.n;
    p = ngx_cpymem(p, node.p, node.n);

    ngx_memcpy(p, errand.message.p, errand.message.n);
    errand.message.p = p;

    e->errand = errand;
}


static ngx_int_t
ngx_http_sio_api_errand_wait(ngx_http_sio_api_errand_t *e)
{
    ngx_msec_int_t  left;

    e->waiting = 0;
    e->op->wait = 0;

    if (e->cluster != NGX_SIO_CLUSTER_SENT
        || e->errand.result != NGX_SIO_ERRAND_NONE
        || ngx_sio_cluster_question_over(&e->question))
    {
        return NGX_OK;
    }

    left = (ngx_msec_int_t) (e->end - ngx_current_msec);

    if (left <= 0) {
        return NGX_OK;
    }

    e->waiting = 1;
    e->op->wait = left;

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_sio_api_errand_step(ngx_http_sio_api_op_t *op)
{
    ngx_sio_errand_t           *errand;
    ngx_http_sio_api_errand_t  *e;

    e = op->state;
    errand = &e->errand;

    if (e->asked) {

        if (ngx_http_sio_api_errand_wait(e) == NGX_AGAIN) {
            return NGX_AGAIN;
        }

    } else if (errand->kind == NGX_SIO_ERRAND_REVOKE
               && errand->result == NGX_SIO_ERRAND_DONE && !errand->bare
               && ngx_sio_revoke_step(&errand->revoke) == NGX_AGAIN)
    {
        return NGX_AGAIN;
    }

    return ngx_http_sio_api_errand_answer(e);
}


static ngx_int_t
ngx_http_sio_api_errand_answer(ngx_http_sio_api_errand_t *e)
{
    switch (e->errand.result) {

    case NGX_SIO_ERRAND_DONE:
        return ngx_http_sio_api_errand_done(e);

    case NGX_SIO_ERRAND_REFUSED:
        return ngx_http_sio_api_errand_refused(e);

    case NGX_SIO_ERRAND_FULL:
        return ngx_http_sio_api_fail(e->op, NGX_HTTP_SIO_API_FULL,
                                     e->errand.kind == NGX_SIO_ERRAND_REFRESH
                                     ? "shared memory is full: the socket has "
                                       "kept its token"
                                     : "the table of revoked tokens is full: "
                                       "nothing has been revoked", "");

    case NGX_SIO_ERRAND_NONE:
        return ngx_http_sio_api_errand_none(e);

    default:
        return NGX_ERROR;
    }
}


static ngx_int_t
ngx_http_sio_api_errand_done(ngx_http_sio_api_errand_t *e)
{
    u_char  *p;

    p = ngx_http_sio_api_reserve(e->op->out, 128 + e->node.n);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(p, "{\"ok\":true");

    if (e->errand.kind == NGX_SIO_ERRAND_REVOKE) {
        p = ngx_sprintf(p, ",\"matched\":%ui", e->errand.revoke.matched);
    }

    if (e->node.n) {
        p = ngx_sprintf(p, ",\"node\":%*s", e->node.n, e->node.p);
    }

    p = ngx_sprintf(p, "%s}", ngx_http_sio_api_cluster(e->cluster));
    ngx_http_sio_api_commit(e->op->out, p);

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_api_errand_refused(ngx_http_sio_api_errand_t *e)
{
    u_char  *message;

    message = ngx_pnalloc(e->op->pool, e->errand.message.n + 1);
    if (message == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(message, "%*s%Z", e->errand.message.n,
                       e->errand.message.p);

    return ngx_http_sio_api_fail(e->op, NGX_HTTP_SIO_API_INVALID_TOKEN,
                                 (char *) message, "token");
}


/* That there is no such socket is said only when all have said so. */

static ngx_int_t
ngx_http_sio_api_errand_none(ngx_http_sio_api_errand_t *e)
{
    ngx_http_sio_api_error_t  *error;

    error = &e->op->error;

    if (e->asked) {
        error->missing = ngx_sio_cluster_question_missing(&e->question);
        error->cluster = e->cluster;

        if (e->question.failed
            || (e->cluster == NGX_SIO_CLUSTER_SENT && !e->question.counted))
        {
            error->cluster = NGX_SIO_CLUSTER_DOWN;
        }

        if (error->missing || error->cluster != NGX_SIO_CLUSTER_SENT) {
            return ngx_http_sio_api_fail(e->op, NGX_HTTP_SIO_API_NO_ANSWER,
                                         "no such socket here, and not all "
                                         "other nodes have answered",
                                         "socket");
        }
    }

    return ngx_http_sio_api_fail(e->op, NGX_HTTP_SIO_API_UNKNOWN_SOCKET,
                                 "unknown socket", "socket");
}
