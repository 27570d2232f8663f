
/*
 * Attachments of what is published: base64 strings beside the JSON, in which
 * placeholders say where they belong.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_http_sio_api_emit.h"
#include "sio_base64.h"
#include "sio_packet.h"


static ngx_int_t ngx_http_sio_api_attachment(ngx_http_sio_api_op_t *op,
    const sio_json_t *v, sio_span_t *attachment);


ngx_int_t
ngx_http_sio_api_attachments(ngx_http_sio_api_op_t *op,
    const sio_json_t *checked, sio_span_t *attachments, ngx_uint_t *n)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    sio_json_t         *v;
    sio_json_iter_t     it;
    sio_json_member_t   m;

    v = &op->value[NGX_HTTP_SIO_API_ATTACHMENTS];

    if (v->kind == SIO_JSON_NONE) {
        return NGX_OK;
    }

    if (v->kind != SIO_JSON_ARRAY) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must be an array", "attachments");
    }

    sio_json_iter(&it, v);

    for (i = 0; sio_json_next(&it, &m); i++) {

        if (i == SIO_ATTACHMENTS_MAX) {
            return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                         "more than 10 attachments",
                                         "attachments");
        }

        rc = ngx_http_sio_api_attachment(op, &m.value, &attachments[i]);

        if (rc == NGX_DECLINED) {
            return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                         "must be a string of base64",
                                         "attachments[%ui]", i);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (i > 0 && checked->kind != SIO_JSON_NONE
        && !sio_packet_placeholders(checked, i))
    {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "placeholder without its attachment",
                                     "attachments");
    }

    *n = i;

    return NGX_OK;
}


/* Returns NGX_DECLINED for what is no base64. */

static ngx_int_t
ngx_http_sio_api_attachment(ngx_http_sio_api_op_t *op, const sio_json_t *v,
    sio_span_t *attachment)
{
    u_char      *p;
    sio_span_t   text;

    if (v->kind != SIO_JSON_STRING) {
        return NGX_DECLINED;
    }

    /* some encoders write the slashes of base64 as \/ */

    if (ngx_http_sio_api_string(op, v, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    /* a length without its padding looks like an attachment that was cut */

    if (text.n % 4 != 0) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(op->pool, sio_base64_decoded_size(text.n) + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    attachment->p = p;

    return sio_base64_decode(p, text, &attachment->n) == SIO_OK
           ? NGX_OK : NGX_DECLINED;
}
