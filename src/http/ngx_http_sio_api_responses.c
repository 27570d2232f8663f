
/*
 * Writes what clients have acked into the answer of an emit.  Knows nothing of
 * who was asked.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_http_sio_api_responses.h"
#include "sio_base64.h"


#define NGX_HTTP_SIO_API_RESPONSES_MAX  8388608     /* bytes */


static size_t ngx_http_sio_api_response_size(const ngx_sio_ack_t *ack);
static ngx_int_t ngx_http_sio_api_response_binaries(
    ngx_http_sio_api_out_t *out, const ngx_sio_ack_t *ack);


void
ngx_http_sio_api_responses_init(ngx_http_sio_api_responses_t *responses,
    ngx_http_sio_api_out_t *out)
{
    responses->out = out;
    responses->n = 0;
    responses->bytes = 0;

    ngx_queue_init(&responses->binary);
}


ngx_int_t
ngx_http_sio_api_response_add(ngx_http_sio_api_responses_t *responses,
    const ngx_sio_ack_t *ack)
{
    u_char                   *p;
    ngx_http_sio_api_held_t  *held;

    if (ack->lost
        || responses->bytes + ack->value.n > NGX_HTTP_SIO_API_RESPONSES_MAX)
    {
        return NGX_DECLINED;
    }

    p = ngx_http_sio_api_reserve(responses->out, ack->value.n + 1);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    if (ack->nattachments) {
        held = ngx_http_sio_api_response_hold(responses, ack);
        if (held == NULL) {
            return NGX_DECLINED;
        }

        held->place = responses->n;
        ngx_queue_insert_tail(&responses->binary, &held->queue);
    }

    if (responses->n++) {
        *p++ = ',';
    }

    p = ngx_cpymem(p, ack->value.p, ack->value.n);
    ngx_http_sio_api_commit(responses->out, p);

    responses->bytes += ack->value.n;

    return NGX_OK;
}


ngx_http_sio_api_held_t *
ngx_http_sio_api_response_hold(ngx_http_sio_api_responses_t *responses,
    const ngx_sio_ack_t *ack)
{
    u_char                   *p;
    size_t                    n;
    ngx_uint_t                i;
    ngx_pool_t               *pool;
    sio_span_t               *spans;
    ngx_http_sio_api_held_t  *held;

    n = ngx_http_sio_api_response_size(ack);

    if (ack->lost || responses->bytes + n > NGX_HTTP_SIO_API_RESPONSES_MAX) {
        return NULL;
    }

    pool = responses->out->pool;

    held = ngx_palloc(pool, sizeof(ngx_http_sio_api_held_t));
    spans = ngx_palloc(pool, (ack->nattachments + 1) * sizeof(sio_span_t));
    p = ngx_pnalloc(pool, n + 1);

    if (held == NULL || spans == NULL || p == NULL) {
        return NULL;
    }

    responses->bytes += n;

    held->ack = *ack;
    held->ack.attachments = spans;

    held->ack.value.p = p;
    p = ngx_cpymem(p, ack->value.p, ack->value.n);

    for (i = 0; i < ack->nattachments; i++) {
        spans[i].p = p;
        spans[i].n = ack->attachments[i].n;
        p = ngx_cpymem(p, ack->attachments[i].p, ack->attachments[i].n);
    }

    return held;
}


static size_t
ngx_http_sio_api_response_size(const ngx_sio_ack_t *ack)
{
    size_t      n;
    ngx_uint_t  i;

    n = ack->value.n;

    for (i = 0; i < ack->nattachments; i++) {
        n += ack->attachments[i].n;
    }

    return n;
}


/* An array for each response, that of one without binaries is empty. */

ngx_int_t
ngx_http_sio_api_response_attachments(ngx_http_sio_api_responses_t *responses)
{
    ngx_uint_t                i;
    ngx_queue_t              *q;
    ngx_sio_ack_t             none, *ack;
    ngx_http_sio_api_out_t   *out;
    ngx_http_sio_api_held_t  *held;

    if (ngx_queue_empty(&responses->binary)) {
        return NGX_OK;
    }

    ngx_memzero(&none, sizeof(ngx_sio_ack_t));

    out = responses->out;
    q = ngx_queue_head(&responses->binary);

    for (i = 0; i < responses->n; i++) {
        ack = &none;

        if (q != ngx_queue_sentinel(&responses->binary)) {
            held = ngx_queue_data(q, ngx_http_sio_api_held_t, queue);

            if (held->place == i) {
                ack = &held->ack;
                q = ngx_queue_next(q);
            }
        }

        if (ngx_http_sio_api_write(out, i ? "," : ",\"attachments\":[")
            != NGX_OK
            || ngx_http_sio_api_response_binaries(out, ack) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_sio_api_write(out, "]");
}


static ngx_int_t
ngx_http_sio_api_response_binaries(ngx_http_sio_api_out_t *out,
    const ngx_sio_ack_t *ack)
{
    u_char      *p;
    size_t       n;
    ngx_uint_t   i;

    n = 2;

    for (i = 0; i < ack->nattachments; i++) {
        n += sio_base64_encoded_size(ack->attachments[i].n) + 3;
    }

    p = ngx_http_sio_api_reserve(out, n);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p++ = '[';

    for (i = 0; i < ack->nattachments; i++) {

        if (i) {
            *p++ = ',';
        }

        *p++ = '"';
        p += sio_base64_encode(p, ack->attachments[i]);
        *p++ = '"';
    }

    *p++ = ']';
    ngx_http_sio_api_commit(out, p);

    return NGX_OK;
}
