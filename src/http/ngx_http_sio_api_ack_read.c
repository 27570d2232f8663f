
/*
 * Reads what an emit says of acks and of its id.
 */

#include "ngx_http_sio_api_ack.h"
#include "ngx_http_sio_api_args.h"
#include "ngx_sio_keys.h"


#define NGX_HTTP_SIO_API_ACK_TIME      10000    /* ms, unless it is said */
#define NGX_HTTP_SIO_API_ACK_TIME_MAX  600000
#define NGX_HTTP_SIO_API_KEY_MAX       128      /* bytes of an id */


ngx_int_t
ngx_http_sio_api_ack_time(ngx_http_sio_api_op_t *op, ngx_msec_t *time)
{
    uint64_t            n;
    sio_json_t         *v;
    sio_json_iter_t     it;
    sio_json_member_t   m;

    v = &op->value[NGX_HTTP_SIO_API_ACK];
    *time = 0;

    if (v->kind == SIO_JSON_NONE) {
        return NGX_OK;
    }

    if (v->kind != SIO_JSON_OBJECT) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must be an object", "ack");
    }

    if (op->inner) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "not in a batch", "ack");
    }

    *time = NGX_HTTP_SIO_API_ACK_TIME;
    sio_json_iter(&it, v);

    while (sio_json_next(&it, &m)) {

        if (!sio_json_is(&m.key, sio_span("timeout"))) {
            return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                         "unknown member", "ack.%*s",
                                         m.key.raw.n - 2, m.key.raw.p + 1);
        }

        if (sio_json_uint(&m.value, NGX_HTTP_SIO_API_ACK_TIME_MAX, &n)
            != SIO_OK
            || n == 0)
        {
            return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                         "must be 1 to 600000 milliseconds",
                                         "ack.timeout");
        }

        *time = n;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_api_key(ngx_http_sio_api_op_t *op, const u_char **key)
{
    size_t       i;
    sio_json_t  *v;
    sio_span_t   id;

    v = &op->value[NGX_HTTP_SIO_API_ID];

    switch (v->kind) {

    case SIO_JSON_NONE:
        return NGX_OK;

    case SIO_JSON_STRING:
        if (ngx_http_sio_api_string(op, v, &id) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_http_sio_api_key_text(op, id, key);

    case SIO_JSON_NUMBER:
        for (i = 0; i < v->raw.n; i++) {
            if (v->raw.p[i] != '-'
                && (v->raw.p[i] < '0' || v->raw.p[i] > '9'))
            {
                break;
            }
        }

        if (i == v->raw.n) {
            return ngx_http_sio_api_key_text(op, v->raw, key);
        }

        /* fall through */

    default:
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must be a string or an integer", "id");
    }
}


ngx_int_t
ngx_http_sio_api_key_text(ngx_http_sio_api_op_t *op, sio_span_t id,
    const u_char **key)
{
    u_char  *p;

    if (id.n == 0 || id.n > NGX_HTTP_SIO_API_KEY_MAX) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must have 1 to 128 bytes", "id");
    }

    p = ngx_pnalloc(op->pool, NGX_SIO_KEY_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_sio_key_hash(p, op->namespace, id);
    *key = p;

    return NGX_OK;
}
