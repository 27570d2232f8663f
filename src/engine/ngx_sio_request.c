
/*
 * Reads the payloads with which clients name rooms:
 *
 *   "room"   ["r1","r2"]   {"room":"r"}   {"roomId":"r"}   {"rooms":[...]}
 *   join:TYPE with an id: 5, or {"id":5}, {"TYPEId":5}, {"TYPE_id":5}, {"x":5}
 *   any other object: a room for each member, {"user":5} is user:5
 */

#include "ngx_sio_request.h"


static ngx_int_t ngx_sio_request_typed(ngx_sio_request_t *request,
    const sio_json_t *v);
static ngx_int_t ngx_sio_request_typed_object(ngx_sio_request_t *request,
    const sio_json_t *v);
static ngx_int_t ngx_sio_request_plain(ngx_sio_request_t *request,
    const sio_json_t *v);
static ngx_int_t ngx_sio_request_object(ngx_sio_request_t *request,
    const sio_json_t *v);
static ngx_int_t ngx_sio_request_list(ngx_sio_request_t *request,
    const sio_json_t *v);
static ngx_int_t ngx_sio_request_member(ngx_sio_request_t *request,
    const sio_json_member_t *member);
static ngx_int_t ngx_sio_request_add(ngx_sio_request_t *request,
    sio_span_t type, const sio_json_t *v);
static sio_span_t ngx_sio_request_star(const ngx_sio_pattern_t *pattern,
    sio_span_t event);
static ngx_uint_t ngx_sio_request_is(const sio_json_t *key, sio_span_t type,
    const char *suffix);


static const sio_span_t  ngx_sio_no_type;


ngx_int_t
ngx_sio_request_read(ngx_sio_request_t *request,
    const ngx_sio_pattern_t *pattern, sio_span_t event,
    const sio_packet_t *packet)
{
    ngx_int_t          rc;
    sio_json_iter_t    it;
    sio_json_member_t  argument;

    request->n = 0;
    request->used = 0;
    request->id = packet->id;
    request->prefix = ngx_sio_request_star(pattern, event);

    sio_json_iter(&it, &packet->payload);
    (void) sio_json_next(&it, &argument);

    if (!sio_json_next(&it, &argument)) {
        return NGX_DECLINED;
    }

    rc = request->prefix.n ? ngx_sio_request_typed(request, &argument.value)
                           : ngx_sio_request_plain(request, &argument.value);

    return rc == NGX_OK && request->n ? NGX_OK : NGX_DECLINED;
}


static sio_span_t
ngx_sio_request_star(const ngx_sio_pattern_t *pattern, sio_span_t event)
{
    size_t                 before, after;
    ngx_uint_t             i;
    const sio_template_t  *t;

    t = &pattern->template;

    if (t->stars != 1) {
        return ngx_sio_no_type;
    }

    before = 0;
    after = 0;

    for (i = 0; t->parts[i].kind != SIO_TEMPLATE_STAR; i++) {
        before += t->parts[i].text.n;
    }

    for (i++; i < t->n; i++) {
        after += t->parts[i].text.n;
    }

    event.p += before;
    event.n -= before + after;

    return event;
}


static ngx_int_t
ngx_sio_request_typed(ngx_sio_request_t *request, const sio_json_t *v)
{
    if (v->kind == SIO_JSON_OBJECT) {
        return ngx_sio_request_typed_object(request, v);
    }

    if (v->kind == SIO_JSON_ARRAY) {
        return NGX_DECLINED;
    }

    return ngx_sio_request_add(request, request->prefix, v);
}


static ngx_int_t
ngx_sio_request_typed_object(ngx_sio_request_t *request, const sio_json_t *v)
{
    ngx_uint_t          n;
    sio_json_iter_t     it;
    sio_json_member_t   m, id;

    n = 0;
    id.value.kind = SIO_JSON_NONE;

    sio_json_iter(&it, v);

    while (sio_json_next(&it, &m)) {
        n++;

        if (sio_json_is(&m.key, sio_span("id"))
            || ngx_sio_request_is(&m.key, request->prefix, "Id")
            || ngx_sio_request_is(&m.key, request->prefix, "_id"))
        {
            id = m;
        }
    }

    if (id.value.kind == SIO_JSON_NONE && n == 1) {
        sio_json_iter(&it, v);
        (void) sio_json_next(&it, &id);
    }

    return ngx_sio_request_add(request, request->prefix, &id.value);
}


static ngx_uint_t
ngx_sio_request_is(const sio_json_t *key, sio_span_t type, const char *suffix)
{
    size_t   n;
    u_char   name[NGX_SIO_NAMESPACE_NAME_MAX + 4];

    if (type.n > NGX_SIO_NAMESPACE_NAME_MAX) {
        return 0;
    }

    n = ngx_cpymem(ngx_cpymem(name, type.p, type.n), suffix,
                   ngx_strlen(suffix))
        - name;

    return sio_json_is(key, (sio_span_t) { name, n });
}


static ngx_int_t
ngx_sio_request_plain(ngx_sio_request_t *request, const sio_json_t *v)
{
    switch (v->kind) {

    case SIO_JSON_ARRAY:
        return ngx_sio_request_list(request, v);

    case SIO_JSON_OBJECT:
        return ngx_sio_request_object(request, v);

    default:
        return ngx_sio_request_add(request, ngx_sio_no_type, v);
    }
}


static ngx_int_t
ngx_sio_request_object(ngx_sio_request_t *request, const sio_json_t *v)
{
    ngx_uint_t          n;
    sio_json_iter_t     it;
    sio_json_member_t   m;

    sio_json_iter(&it, v);

    for (n = 0; sio_json_next(&it, &m); n++) { /* void */ }

    if (n == 1) {

        if (sio_json_is(&m.key, sio_span("room"))
            || sio_json_is(&m.key, sio_span("roomId")))
        {
            return ngx_sio_request_add(request, ngx_sio_no_type, &m.value);
        }

        if (sio_json_is(&m.key, sio_span("rooms"))) {
            return m.value.kind == SIO_JSON_ARRAY
                   ? ngx_sio_request_list(request, &m.value) : NGX_DECLINED;
        }
    }

    sio_json_iter(&it, v);

    while (sio_json_next(&it, &m)) {
        if (ngx_sio_request_member(request, &m) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_sio_request_list(ngx_sio_request_t *request, const sio_json_t *v)
{
    sio_json_iter_t    it;
    sio_json_member_t  m;

    sio_json_iter(&it, v);

    while (sio_json_next(&it, &m)) {
        if (ngx_sio_request_add(request, ngx_sio_no_type, &m.value)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


/* {"departmentId":"A"} is department:A */

static ngx_int_t
ngx_sio_request_member(ngx_sio_request_t *request,
    const sio_json_member_t *member)
{
    size_t      n;
    sio_span_t  type;

    u_char      name[NGX_SIO_NAMESPACE_NAME_MAX];

    if (sio_json_string(&member->key, name, sizeof(name), &n) != SIO_OK) {
        return NGX_DECLINED;
    }

    if (n > 3 && ngx_memcmp(name + n - 3, "_id", 3) == 0) {
        n -= 3;

    } else if (n > 2 && ngx_memcmp(name + n - 2, "Id", 2) == 0) {
        n -= 2;
    }

    type.p = name;
    type.n = n;

    if (n == 0) {
        return NGX_DECLINED;
    }

    return ngx_sio_request_add(request, type, &member->value);
}


/* Names are strings, or integers as they are written. */

static ngx_int_t
ngx_sio_request_add(ngx_sio_request_t *request, sio_span_t type,
    const sio_json_t *v)
{
    u_char      *p;
    size_t       n, left;
    sio_span_t  *room;

    left = NGX_SIO_REQUEST_BYTES - request->used;

    if (request->n == NGX_SIO_REQUEST_ROOMS || type.n + 1 > left) {
        return NGX_DECLINED;
    }

    room = &request->rooms[request->n];
    room->p = request->names + request->used;

    p = request->names + request->used;

    if (type.n) {
        p = ngx_cpymem(p, type.p, type.n);
        *p++ = ':';
        left -= type.n + 1;
    }

    if (v->kind == SIO_JSON_STRING) {
        if (sio_json_string(v, p, left, &n) != SIO_OK || n == 0) {
            return NGX_DECLINED;
        }

    } else if (v->kind == SIO_JSON_NUMBER
               && v->raw.n <= left
               && ngx_strlchr((u_char *) v->raw.p,
                              (u_char *) v->raw.p + v->raw.n, '.') == NULL
               && ngx_strlchr((u_char *) v->raw.p,
                              (u_char *) v->raw.p + v->raw.n, 'e') == NULL
               && ngx_strlchr((u_char *) v->raw.p,
                              (u_char *) v->raw.p + v->raw.n, 'E') == NULL)
    {
        n = v->raw.n;
        ngx_memcpy(p, v->raw.p, n);

    } else {
        return NGX_DECLINED;
    }

    room->n = p + n - room->p;
    request->used += room->n;
    request->n++;

    return NGX_OK;
}


sio_span_t
ngx_sio_request_names(const ngx_sio_request_t *request)
{
    u_char         *p;
    sio_span_t      names;
    ngx_uint_t      i;

    static u_char   text[6 * NGX_SIO_REQUEST_BYTES
                         + 3 * NGX_SIO_REQUEST_ROOMS];

    p = text;

    for (i = 0; i < request->n; i++) {
        if (i) {
            *p++ = ',';
        }

        *p++ = '"';
        p += sio_json_escape(p, request->rooms[i]);
        *p++ = '"';
    }

    names.p = text;
    names.n = p - text;

    return names;
}
