
/*
 * CORS for polling, and the Origin check of WebSockets, which CORS does not
 * guard.
 */

#include "ngx_http_sio_answer.h"
#include "ngx_http_sio_endpoint.h"


static ngx_uint_t ngx_http_sio_origin_listed(ngx_http_sio_loc_conf_t *slcf,
    ngx_str_t *origin);
static ngx_uint_t ngx_http_sio_origin_same(ngx_http_request_t *r,
    ngx_str_t *origin);


ngx_int_t
ngx_http_sio_cors(ngx_http_request_t *r)
{
    ngx_str_t                *origin, value;
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);

    if (slcf->origin == NGX_HTTP_SIO_ORIGIN_SAME) {
        return NGX_OK;
    }

    if (slcf->origin == NGX_HTTP_SIO_ORIGIN_ANY) {
        ngx_str_set(&value, "*");
        return ngx_http_sio_header(r, "Access-Control-Allow-Origin", &value);
    }

    ngx_str_set(&value, "Origin");

    if (ngx_http_sio_header(r, "Vary", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    origin = ngx_http_sio_request_header(r, "origin");

    if (origin == NULL || !ngx_http_sio_origin_listed(slcf, origin)) {
        return NGX_OK;
    }

    if (slcf->credentials) {
        ngx_str_set(&value, "true");

        if (ngx_http_sio_header(r, "Access-Control-Allow-Credentials", &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_sio_header(r, "Access-Control-Allow-Origin", origin);
}


ngx_int_t
ngx_http_sio_preflight(ngx_http_request_t *r)
{
    ngx_str_t  *headers, value;

    ngx_str_set(&value, "GET,POST,OPTIONS");

    if (ngx_http_sio_header(r, "Access-Control-Allow-Methods", &value)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&value, "Access-Control-Request-Headers");

    if (ngx_http_sio_header(r, "Vary", &value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    headers = ngx_http_sio_request_header(r, "access-control-request-headers");

    if (headers
        && ngx_http_sio_header(r, "Access-Control-Allow-Headers", headers)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sio_status(r, NGX_HTTP_NO_CONTENT);
}


ngx_uint_t
ngx_http_sio_origin_allowed(ngx_http_request_t *r)
{
    ngx_str_t                *origin;
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);

    origin = ngx_http_sio_request_header(r, "origin");

    /* not a browser: those always send one */

    if (origin == NULL || slcf->origin == NGX_HTTP_SIO_ORIGIN_ANY) {
        return 1;
    }

    if (slcf->origin == NGX_HTTP_SIO_ORIGIN_LIST) {
        return ngx_http_sio_origin_listed(slcf, origin);
    }

    return ngx_http_sio_origin_same(r, origin);
}


static ngx_uint_t
ngx_http_sio_origin_listed(ngx_http_sio_loc_conf_t *slcf, ngx_str_t *origin)
{
    ngx_str_t   *listed;
    ngx_uint_t   i;

    listed = slcf->origins->elts;

    for (i = 0; i < slcf->origins->nelts; i++) {
        if (listed[i].len == origin->len
            && ngx_strncmp(listed[i].data, origin->data, origin->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* The scheme is not compared, because TLS may end in front of this nginx. */

static ngx_uint_t
ngx_http_sio_origin_same(ngx_http_request_t *r, ngx_str_t *origin)
{
    u_char     *p;
    size_t      n;
    ngx_str_t  *host;

    host = ngx_http_sio_request_header(r, "host");
    p = ngx_strlcasestrn(origin->data, origin->data + origin->len,
                         (u_char *) "://", 3 - 1);

    if (host == NULL || p == NULL) {
        return 0;
    }

    p += 3;
    n = origin->data + origin->len - p;

    return n == host->len && ngx_strncasecmp(p, host->data, n) == 0;
}
