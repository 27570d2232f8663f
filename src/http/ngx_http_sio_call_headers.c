
/*
 * What routers want to know without reading a body.  Names of events and
 * namespaces come from clients, so whatever could end a header is encoded.
 */

#include "ngx_http_sio_call_headers.h"
#include "sio_json.h"


#define NGX_HTTP_SIO_CALL_VALUE  256    /* bytes of a header's value */


static ngx_int_t ngx_http_sio_call_handshake(ngx_http_request_t *r,
    ngx_sio_call_t *call);
static ngx_int_t ngx_http_sio_call_encoded(ngx_http_request_t *r,
    const char *name, sio_span_t value);
static ngx_table_elt_t *ngx_http_sio_call_header(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);
static ngx_int_t ngx_http_sio_call_text(ngx_pool_t *pool,
    const sio_json_t *value, ngx_str_t *text);


ngx_int_t
ngx_http_sio_call_address(ngx_sio_call_t *call, ngx_connection_t *c)
{
    ngx_addr_t          addr;
    sio_json_t          handshake, address;
    struct sockaddr    *none;

    static struct sockaddr_in  local = { .sin_family = AF_INET };

    /* an address that is none, such as that of a Unix socket */

    none = ngx_pcalloc(call->pool, sizeof(struct sockaddr_in));
    if (none == NULL) {
        return NGX_ERROR;
    }

    none->sa_family = AF_UNIX;
    c->sockaddr = none;
    c->socklen = sizeof(none->sa_family);

    /* for $server_addr, which would ask the kernel */

    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->local_sockaddr = (struct sockaddr *) &local;
    c->local_socklen = sizeof(local);

    if (call->snapshot.handshake.n == 0
        || sio_json_parse(call->snapshot.handshake, SIO_JSON_DEPTH, &handshake,
                          NULL)
           != SIO_OK)
    {
        return NGX_OK;
    }

    address = sio_json_get(&handshake, "address");

    if (ngx_http_sio_call_text(call->pool, &address, &c->addr_text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (c->addr_text.len
        && ngx_parse_addr(call->pool, &addr, c->addr_text.data,
                          c->addr_text.len)
           == NGX_OK)
    {
        c->sockaddr = addr.sockaddr;
        c->socklen = addr.socklen;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_call_headers(ngx_http_request_t *r, ngx_sio_call_t *call)
{
    u_char           *p;
    ngx_str_t         value;
    ngx_table_elt_t  *h;

    static ngx_str_t   json = ngx_string("application/json");
    static sio_span_t  types[] = {
        { (const uint8_t *) "event", 5 },
        { (const uint8_t *) "connect", 7 },
        { (const uint8_t *) "disconnect", 10 }
    };

    if (ngx_list_init(&r->headers_in.headers, r->pool, 12,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(r->pool, NGX_OFF_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = ngx_sprintf(p, "%uz", call->body.n) - p;

    h = ngx_http_sio_call_header(r, "Content-Length", &value);
    r->headers_in.content_length = h;
    r->headers_in.content_length_n = call->body.n;

    r->headers_in.content_type = ngx_http_sio_call_header(r, "Content-Type",
                                                          &json);

    if (h == NULL || r->headers_in.content_type == NULL
        || ngx_http_sio_call_handshake(r, call) != NGX_OK
        || ngx_http_sio_call_encoded(r, "X-Socketio-Type", types[call->type])
           != NGX_OK
        || ngx_http_sio_call_encoded(r, "X-Socketio-Namespace",
                                     call->namespace)
           != NGX_OK
        || ngx_http_sio_call_encoded(r, "X-Socketio-Socket",
                                     (sio_span_t) { call->socket_id,
                                                    NGX_SIO_ID_LEN })
           != NGX_OK
        || ngx_http_sio_call_encoded(r, "X-Socketio-Id",
                                     (sio_span_t) { call->id,
                                                    NGX_SIO_ID_LEN })
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return call->type == NGX_SIO_CALL_EVENT
           ? ngx_http_sio_call_encoded(r, "X-Socketio-Event", call->event)
           : NGX_OK;
}


/* nginx has read these from a client once: they are good as they are. */

static ngx_int_t
ngx_http_sio_call_handshake(ngx_http_request_t *r, ngx_sio_call_t *call)
{
    u_char           *p;
    ngx_str_t         value;
    sio_json_t        handshake, headers, v;
    ngx_table_elt_t  *h;

    if (call->snapshot.handshake.n == 0
        || sio_json_parse(call->snapshot.handshake, SIO_JSON_DEPTH, &handshake,
                          NULL)
           != SIO_OK)
    {
        return NGX_OK;
    }

    headers = sio_json_get(&handshake, "headers");

    v = sio_json_get(&headers, "host");

    if (ngx_http_sio_call_text(r->pool, &v, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len) {
        h = ngx_http_sio_call_header(r, "Host", &value);
        if (h == NULL) {
            return NGX_ERROR;
        }

        r->headers_in.host = h;
        r->headers_in.server = value;

        p = ngx_strlchr(value.data, value.data + value.len,
                        value.data[0] == '[' ? ']' : ':');

        if (p) {
            r->headers_in.server.len = p - value.data + (*p == ']');
        }
    }

    v = sio_json_get(&headers, "traceparent");

    if (ngx_http_sio_call_text(r->pool, &v, &value) != NGX_OK
        || (value.len
            && ngx_http_sio_call_header(r, "traceparent", &value) == NULL))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* What does not fit is cut, but not within an encoded byte. */

static ngx_int_t
ngx_http_sio_call_encoded(ngx_http_request_t *r, const char *name,
    sio_span_t value)
{
    u_char     *p, c;
    size_t      i, n;
    ngx_str_t   text;

    static const u_char  hex[] = "0123456789ABCDEF";

    p = ngx_pnalloc(r->pool, NGX_HTTP_SIO_CALL_VALUE);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text.data = p;

    for (i = 0; i < value.n; i++) {
        c = value.p[i];
        n = c < 0x21 || c > 0x7e ? 3 : 1;

        if (p + n > text.data + NGX_HTTP_SIO_CALL_VALUE) {
            break;
        }

        if (n == 1) {
            *p++ = c;
            continue;
        }

        *p++ = '%';
        *p++ = hex[c >> 4];
        *p++ = hex[c & 0xf];
    }

    text.len = p - text.data;

    return ngx_http_sio_call_header(r, name, &text) ? NGX_OK : NGX_ERROR;
}


static ngx_table_elt_t *
ngx_http_sio_call_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_in.headers);
    if (h == NULL) {
        return NULL;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;

    h->lowcase_key = ngx_pnalloc(r->pool, h->key.len);
    if (h->lowcase_key == NULL) {
        return NULL;
    }

    h->hash = ngx_hash_strlow(h->lowcase_key, h->key.data, h->key.len);

    return h;
}


/* The text of a string, empty if it is none. */

static ngx_int_t
ngx_http_sio_call_text(ngx_pool_t *pool, const sio_json_t *value,
    ngx_str_t *text)
{
    ngx_str_null(text);

    if (value->kind != SIO_JSON_STRING) {
        return NGX_OK;
    }

    text->data = ngx_pnalloc(pool, value->raw.n);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    (void) sio_json_string(value, text->data, value->raw.n, &text->len);

    return NGX_OK;
}
