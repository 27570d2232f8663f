
/*
 * Describes a session's first request as JSON, for fetchSockets.  What is not
 * on the list of harmless headers, or looks like a secret, is left out.
 */

#include "ngx_http_sio_answer.h"
#include "ngx_http_sio_endpoint.h"
#include "sio_json.h"
#include "sio_utf8.h"


#define NGX_HTTP_SIO_DESCRIBE_MAX    1536   /* bytes of JSON */
#define NGX_HTTP_SIO_DESCRIBE_VALUE  256    /* bytes of one value */


typedef struct {
    u_char  *p;
    u_char  *last;
    char     comma;
} ngx_http_sio_writer_t;


static void ngx_http_sio_describe_query(ngx_http_request_t *r,
    ngx_http_sio_writer_t *w);
static void ngx_http_sio_describe_headers(ngx_http_request_t *r,
    ngx_http_sio_writer_t *w);
static void ngx_http_sio_describe_member(ngx_http_request_t *r,
    ngx_http_sio_writer_t *w, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_sio_unescape(ngx_http_request_t *r, u_char *p,
    size_t n, ngx_str_t *dst);


static ngx_str_t  ngx_http_sio_describe_names[] = {
    ngx_string("host"),
    ngx_string("user-agent"),
    ngx_string("origin"),
    ngx_string("accept-language"),
    ngx_string("x-forwarded-for"),
    ngx_string("x-real-ip"),
    ngx_string("x-request-id"),
    ngx_string("traceparent"),
    ngx_null_string
};


static ngx_str_t  ngx_http_sio_describe_secrets[] = {
    ngx_string("token"),
    ngx_string("auth"),
    ngx_string("jwt"),
    ngx_string("key"),
    ngx_string("secret"),
    ngx_string("password"),
    ngx_string("sid"),
    ngx_null_string
};


ngx_int_t
ngx_http_sio_describe(ngx_http_request_t *r, ngx_uint_t transport,
    ngx_str_t *json)
{
    u_char                 *p;
    ngx_tm_t                tm;
    ngx_time_t             *tp;
    ngx_uint_t              secure;
    ngx_http_sio_writer_t   w;

    p = ngx_pnalloc(r->pool, NGX_HTTP_SIO_DESCRIBE_MAX);
    if (p == NULL) {
        return NGX_ERROR;
    }

    secure = 0;

#if (NGX_HTTP_SSL)
    secure = r->connection->ssl != NULL;
#endif

    tp = ngx_timeofday();
    ngx_gmtime(tp->sec, &tm);

    w.last = p + NGX_HTTP_SIO_DESCRIBE_MAX - sizeof("}}");

    w.p = ngx_slprintf(p, w.last,
                       "{\"address\":\"%V\",\"secure\":%s,\"transport\":\"%s\","
                       "\"time\":\"%4d-%02d-%02dT%02d:%02d:%02d.%03MZ\","
                       "\"query\":{",
                       &r->connection->addr_text, secure ? "true" : "false",
                       transport == NGX_SIO_POLLING ? "polling" : "websocket",
                       tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                       tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec,
                       tp->msec);

    w.comma = 0;
    ngx_http_sio_describe_query(r, &w);

    w.p = ngx_slprintf(w.p, w.last, "},\"headers\":{");

    w.comma = 0;
    ngx_http_sio_describe_headers(r, &w);

    w.p = ngx_cpymem(w.p, "}}", 2);

    json->data = p;
    json->len = w.p - p;

    return NGX_OK;
}


static void
ngx_http_sio_describe_query(ngx_http_request_t *r, ngx_http_sio_writer_t *w)
{
    u_char     *p, *last, *end, *eq;
    ngx_str_t   name, value;

    last = r->args.data + r->args.len;

    for (p = r->args.data; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '&');
        if (end == NULL) {
            end = last;
        }

        eq = ngx_strlchr(p, end, '=');
        if (eq == NULL || eq == p) {
            continue;
        }

        if (ngx_http_sio_unescape(r, p, eq - p, &name) != NGX_OK
            || ngx_http_sio_describe_secret(&name)
            || ngx_http_sio_unescape(r, eq + 1, end - eq - 1, &value)
               != NGX_OK)
        {
            continue;
        }

        ngx_http_sio_describe_member(r, w, &name, &value);
    }
}


static void
ngx_http_sio_describe_headers(ngx_http_request_t *r, ngx_http_sio_writer_t *w)
{
    ngx_str_t  *name, *value;

    for (name = ngx_http_sio_describe_names; name->len; name++) {
        value = ngx_http_sio_request_header(r, (char *) name->data);

        if (value) {
            ngx_http_sio_describe_member(r, w, name, value);
        }
    }
}


/* What does not fit is left out as a whole, so that the JSON stays JSON. */

static void
ngx_http_sio_describe_member(ngx_http_request_t *r, ngx_http_sio_writer_t *w,
    ngx_str_t *name, ngx_str_t *value)
{
    u_char      *p;
    sio_span_t   n, v;

    n.p = name->data;
    n.n = name->len;
    v.p = value->data;
    v.n = value->len;

    if (n.n > NGX_HTTP_SIO_DESCRIBE_VALUE
        || v.n > NGX_HTTP_SIO_DESCRIBE_VALUE
        || !sio_utf8_valid(n)
        || !sio_utf8_valid(v))
    {
        return;
    }

    p = ngx_pnalloc(r->pool, 6 * (n.n + v.n) + 16);
    if (p == NULL) {
        return;
    }

    name = &(ngx_str_t) { 0, p };

    if (w->comma) {
        *p++ = ',';
    }

    *p++ = '"';
    p += sio_json_escape(p, n);
    p = ngx_cpymem(p, "\":\"", 3);
    p += sio_json_escape(p, v);
    *p++ = '"';

    name->len = p - name->data;

    if (name->len + sizeof("},\"headers\":{") < (size_t) (w->last - w->p)) {
        w->p = ngx_cpymem(w->p, name->data, name->len);
        w->comma = 1;
    }
}


ngx_uint_t
ngx_http_sio_describe_harmless(ngx_str_t *name)
{
    ngx_str_t  *s;

    for (s = ngx_http_sio_describe_names; s->len; s++) {
        if (s->len == name->len
            && ngx_strncasecmp(s->data, name->data, s->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_sio_describe_secret(ngx_str_t *name)
{
    ngx_str_t  *s;

    for (s = ngx_http_sio_describe_secrets; s->len; s++) {
        if (ngx_strlcasestrn(name->data, name->data + name->len, s->data,
                             s->len - 1))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_sio_unescape(ngx_http_request_t *r, u_char *p, size_t n,
    ngx_str_t *dst)
{
    u_char  *to;

    to = ngx_pnalloc(r->pool, n + 1);
    if (to == NULL) {
        return NGX_ERROR;
    }

    dst->data = to;
    ngx_unescape_uri(&to, &p, n, 0);
    dst->len = to - dst->data;

    return NGX_OK;
}
