
/*
 * Errands as messages.  All nginx nodes hear what is asked for; who has the
 * socket does it and says so, the others say that they have not got it.
 */

#include "ngx_sio_cluster_job.h"
#include "ngx_sio_cluster_private.h"


#define NGX_SIO_ERRAND_ID    128        /* bytes of a question's id */
#define NGX_SIO_ERRAND_NODE  64         /* bytes of JSON */


static const char  *const  ngx_sio_errand_kinds[] = { "refresh", "revoke" };


static u_char *ngx_sio_cluster_errand_member(u_char *p, const char *name,
    sio_span_t text);
static ngx_int_t ngx_sio_cluster_errand_read(const sio_json_t *v,
    ngx_sio_errand_t *errand);
static ngx_int_t ngx_sio_cluster_errand_text(const sio_json_t *v,
    const char *name, u_char *buffer, size_t size, sio_span_t *text);


ngx_uint_t
ngx_sio_cluster_errand_ask(ngx_sio_cluster_question_t *q,
    const ngx_sio_errand_t *errand)
{
    u_char             *p, *start;
    sio_span_t          token, none, message;
    ngx_sio_cluster_t  *cl;

    if (errand->zone->bus == NULL) {
        return NGX_SIO_CLUSTER_NONE;
    }

    cl = errand->zone->cluster;

    if (cl == NULL) {
        return NGX_SIO_CLUSTER_DOWN;
    }

    token = errand->token.n <= NGX_SIO_ERRAND_TOKEN ? errand->token
                                                    : sio_span(".");

    start = ngx_pnalloc(q->pool, 512 + 6 * (errand->namespace.n
                                            + errand->socket.n + token.n));
    if (start == NULL) {
        return NGX_SIO_CLUSTER_DOWN;
    }

    q->kind = "-nginx";
    ngx_sio_cluster_question_id(q, cl);

    p = ngx_sprintf(start, "{\"uid\":\"%*s\",\"id\":\"%*s\","
                    "\"ask\":\"%s\",\"for\":%ui",
                    (size_t) NGX_SIO_UID_LEN, cl->uid, q->id_len, q->id,
                    ngx_sio_errand_kinds[errand->kind], errand->hold);
    p = ngx_sio_cluster_errand_member(p, "nsp", errand->namespace);
    p = ngx_sio_cluster_errand_member(p, "socket", errand->socket);
    p = ngx_sio_cluster_errand_member(p, "token", token);
    *p++ = '}';

    message.p = start;
    message.n = p - start;
    none = sio_span("");

    return ngx_sio_cluster_question_open(q, cl, none, message);
}


static u_char *
ngx_sio_cluster_errand_member(u_char *p, const char *name, sio_span_t text)
{
    p = ngx_sprintf(p, ",\"%s\":\"", name);

    if (text.n) {
        p += sio_json_escape(p, text);
    }

    *p++ = '"';

    return p;
}


void
ngx_sio_cluster_errand_asked(ngx_sio_cluster_t *cl, const sio_json_t *v,
    ngx_uint_t own)
{
    u_char            buffer[NGX_SIO_ERRAND_ID];
    sio_span_t        id;
    ngx_sio_errand_t  errand;

    ngx_memzero(&errand, sizeof(ngx_sio_errand_t));
    errand.zone = cl->zone;

    if (ngx_sio_cluster_errand_text(v, "id", buffer, sizeof(buffer), &id)
        != NGX_OK
        || ngx_sio_cluster_errand_read(v, &errand) != NGX_OK)
    {
        ngx_sio_cluster_refuse(cl, "no errand");
        return;
    }

    /* a socket of this node would have been found by who asks */

    if (!own) {
        cl->errand(&errand);
        ngx_sio_cluster_worked(cl, 1);
        ngx_sio_stat(cl->zone, cluster_received, 1);
    }

    if (errand.kind == NGX_SIO_ERRAND_REVOKE
        && errand.result == NGX_SIO_ERRAND_DONE && !errand.bare)
    {
        (void) ngx_sio_cluster_revoke(&errand.revoke);
        ngx_sio_cluster_revoke_walk(&errand.revoke, id);
        return;
    }

    ngx_sio_cluster_errand_answer(cl, id, &errand);
}


static ngx_int_t
ngx_sio_cluster_errand_read(const sio_json_t *v, ngx_sio_errand_t *errand)
{
    uint64_t         hold;
    sio_json_t       m;

    static u_char    namespace[NGX_SIO_CHANNEL_MAX];
    static u_char    socket[NGX_SIO_ID_LEN];
    static u_char    token[NGX_SIO_ERRAND_TOKEN];

    m = sio_json_get(v, "ask");

    if (sio_json_is(&m, sio_span("revoke"))) {
        errand->kind = NGX_SIO_ERRAND_REVOKE;

    } else if (!sio_json_is(&m, sio_span("refresh"))) {
        return NGX_ERROR;
    }

    m = sio_json_get(v, "for");

    if (sio_json_uint(&m, NGX_MAX_INT32_VALUE, &hold) != SIO_OK) {
        return NGX_ERROR;
    }

    errand->hold = hold;

    if (ngx_sio_cluster_errand_text(v, "nsp", namespace, sizeof(namespace),
                                    &errand->namespace) != NGX_OK
        || ngx_sio_cluster_errand_text(v, "socket", socket, sizeof(socket),
                                       &errand->socket) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_sio_cluster_errand_text(v, "token", token, sizeof(token),
                                       &errand->token);
}


static ngx_int_t
ngx_sio_cluster_errand_text(const sio_json_t *v, const char *name,
    u_char *buffer, size_t size, sio_span_t *text)
{
    sio_json_t  m;

    m = sio_json_get(v, name);
    text->p = buffer;

    return m.kind == SIO_JSON_STRING
           && sio_json_string(&m, buffer, size, &text->n) == SIO_OK
           ? NGX_OK : NGX_ERROR;
}


/* Who cannot say what has become of it says nothing. */

void
ngx_sio_cluster_errand_answer(ngx_sio_cluster_t *cl, sio_span_t id,
    const ngx_sio_errand_t *errand)
{
    u_char      *p, answer[512 + 6 * NGX_SIO_ERRAND_ID
                           + NGX_SIO_ERRAND_MESSAGE];
    sio_span_t   none, message;

    if (errand->result == NGX_SIO_ERRAND_FAILED) {
        return;
    }

    p = ngx_sprintf(answer, "{\"requestId\":\"");
    p += sio_json_escape(p, id);
    *p++ = '"';

    if (errand->result != NGX_SIO_ERRAND_NONE) {
        message = errand->message;

        if (message.n > NGX_SIO_ERRAND_MESSAGE) {
            message = sio_span("Forbidden");
        }

        p = ngx_sprintf(p, ",\"data\":{\"node\":\"%*s\",\"result\":%ui,"
                        "\"matched\":%ui,\"message\":\"",
                        (size_t) NGX_SIO_UID_LEN, cl->uid,
                        (ngx_uint_t) errand->result, errand->revoke.matched);
        p = ngx_cpymem(p, message.p, message.n);
        p = ngx_cpymem(p, "\"}", 2);
    }

    *p++ = '}';

    message.p = answer;
    message.n = p - answer;
    ngx_memzero(&none, sizeof(sio_span_t));

    (void) ngx_sio_cluster_send(cl, "-response", none, none, message);
}


ngx_int_t
ngx_sio_cluster_errand_answered(ngx_sio_errand_t *errand,
    const sio_adapter_response_t *response, sio_span_t *node)
{
    uint64_t    result, matched;
    sio_json_t  m, text;

    m = sio_json_get(&response->data, "result");

    if (response->type != SIO_ADAPTER_NONE
        || sio_json_uint(&m, NGX_SIO_ERRAND_FULL, &result) != SIO_OK
        || result == NGX_SIO_ERRAND_NONE)
    {
        return NGX_DECLINED;
    }

    m = sio_json_get(&response->data, "matched");

    if (sio_json_uint(&m, NGX_MAX_UINT32_VALUE, &matched) != SIO_OK) {
        matched = 0;
    }

    m = sio_json_get(&response->data, "node");
    text = sio_json_get(&response->data, "message");

    if (m.kind != SIO_JSON_STRING || m.raw.n > NGX_SIO_ERRAND_NODE
        || text.kind != SIO_JSON_STRING
        || text.raw.n > NGX_SIO_ERRAND_MESSAGE + 2)
    {
        return NGX_DECLINED;
    }

    errand->result = result;
    errand->revoke.matched = matched;
    errand->message.p = text.raw.p + 1;
    errand->message.n = text.raw.n - 2;
    *node = m.raw;

    return NGX_OK;
}
