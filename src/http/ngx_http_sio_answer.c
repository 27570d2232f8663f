
/*
 * Answers of an endpoint: payloads, Engine.IO errors, statuses; and headers,
 * both ways.
 */

#include "ngx_http_sio_answer.h"


static ngx_int_t ngx_http_sio_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body);


static ngx_str_t  ngx_http_sio_errors[] = {
    ngx_string("{\"code\":0,\"message\":\"Transport unknown\"}"),
    ngx_string("{\"code\":1,\"message\":\"Session ID unknown\"}"),
    ngx_string("{\"code\":2,\"message\":\"Bad handshake method\"}"),
    ngx_string("{\"code\":3,\"message\":\"Bad request\"}"),
    ngx_string("{\"code\":4,\"message\":\"Forbidden\"}"),
    ngx_string("{\"code\":5,\"message\":\"Unsupported protocol version\"}"),
    ngx_string("{\"code\":4,\"message\":\"Service unavailable\"}"),
    ngx_string("{\"code\":4,\"message\":\"Too many connections\"}")
};


ngx_int_t
ngx_http_sio_error(ngx_http_request_t *r, ngx_uint_t code)
{
    ngx_str_t   value;
    ngx_uint_t  status;

    status = NGX_HTTP_BAD_REQUEST;

    if (code == NGX_HTTP_SIO_FORBIDDEN) {
        status = NGX_HTTP_FORBIDDEN;

    } else if (code >= NGX_HTTP_SIO_FULL) {
        status = NGX_HTTP_SERVICE_UNAVAILABLE;
        ngx_str_set(&value, "1");

        if (ngx_http_sio_header(r, "Retry-After", &value) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    /* who wanted another protocol on this connection has no use for it */

    if (r->headers_in.upgrade) {
        r->keepalive = 0;
    }

    r->headers_out.content_type_len = sizeof("application/json") - 1;
    ngx_str_set(&r->headers_out.content_type, "application/json");

    return ngx_http_sio_send(r, status, &ngx_http_sio_errors[code]);
}


ngx_int_t
ngx_http_sio_status(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_str_t  value;

    ngx_str_null(&value);

    return ngx_http_sio_send(r, status, &value);
}


ngx_int_t
ngx_http_sio_answer(ngx_http_request_t *r, const char *type, ngx_str_t *body)
{
    ngx_str_t  value;

    ngx_str_set(&value, "no-store");

    if (ngx_http_sio_header(r, "Cache-Control", &value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_strcmp(type, "text/plain") == 0) {
        ngx_str_set(&r->headers_out.content_type, "text/plain; charset=UTF-8");
        r->headers_out.content_type_len = sizeof("text/plain") - 1;

    } else {
        r->headers_out.content_type.data = (u_char *) type;
        r->headers_out.content_type.len = ngx_strlen(type);
        r->headers_out.content_type_len = ngx_strlen(type);
    }

    return ngx_http_sio_send(r, NGX_HTTP_OK, body);
}


static ngx_int_t
ngx_http_sio_send(ngx_http_request_t *r, ngx_uint_t status, ngx_str_t *body)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    r->headers_out.status = status;
    r->headers_out.content_length_n = body->len;

    if (body->len == 0) {
        r->header_only = 1;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        /* the header is out */
        return NGX_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_sio_header(ngx_http_request_t *r, const char *name, ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    /* newer versions of nginx have members that must not be garbage */
    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;

    return NGX_OK;
}


ngx_str_t *
ngx_http_sio_request_header(ngx_http_request_t *r, const char *name)
{
    size_t            n;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    n = ngx_strlen(name);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == n
                && ngx_strncasecmp(h[i].key.data, (u_char *) name, n) == 0)
            {
                return &h[i].value;
            }
        }
    }

    return NULL;
}
