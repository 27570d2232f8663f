
/*
 * The common part of the API's operations.  Nothing is delivered before all of
 * an operation's body has been found good.
 */

#include "ngx_http_sio_api_args.h"
#include "sio_utf8.h"


#define NGX_HTTP_SIO_API_TAKEN  32      /* members looked at, then it is odd */
#define NGX_HTTP_SIO_API_OUT    256     /* an emit's answer fits */
#define NGX_HTTP_SIO_API_GROW   65536


static ngx_int_t ngx_http_sio_api_unknown(ngx_http_sio_api_op_t *op,
    const sio_json_t *key);
static ngx_uint_t ngx_http_sio_api_member(const sio_json_t *key);
static ngx_int_t ngx_http_sio_api_pair(ngx_http_sio_api_op_t *op,
    u_char *p, u_char *end, ngx_http_sio_api_pair_pt handler);


/* By ngx_http_sio_api_member_t. */
static const ngx_str_t  ngx_http_sio_api_member_names[] = {
    ngx_string("op"),
    ngx_string("namespace"),
    ngx_string("rooms"),
    ngx_string("to"),
    ngx_string("room"),
    ngx_string("except"),
    ngx_string("event"),
    ngx_string("args"),
    ngx_string("data"),
    ngx_string("flags"),
    ngx_string("attachments"),
    ngx_string("ack"),
    ngx_string("id"),
    ngx_string("join"),
    ngx_string("leave"),
    ngx_string("close"),
    ngx_string("limit"),
    ngx_string("cursor"),
    ngx_string("socket"),
    ngx_string("token"),
    ngx_string("user"),
    ngx_string("jti"),
    ngx_string("for")
};


ngx_int_t
ngx_http_sio_api_read(ngx_http_sio_api_op_t *op)
{
    ngx_int_t   rc;
    sio_json_t  *v;

    rc = ngx_http_sio_api_body(op);
    if (rc != NGX_OK) {
        return rc;
    }

    v = &op->value[NGX_HTTP_SIO_API_NAMESPACE];

    if (v->kind == SIO_JSON_STRING) {
        if (ngx_http_sio_api_string(op, v, &op->namespace) != NGX_OK) {
            return NGX_ERROR;
        }

        /* an empty one is not unset */

        if (op->namespace.n == 0) {
            return ngx_http_sio_api_fail(op,
                                         NGX_HTTP_SIO_API_UNKNOWN_NAMESPACE,
                                         "unknown namespace", "namespace");
        }

    } else if (v->kind != SIO_JSON_NONE) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must be a string", "namespace");
    }

    rc = ngx_http_sio_api_names(op, NGX_HTTP_SIO_API_ROOMS, &op->rooms);

    if (rc == NGX_OK) {
        rc = ngx_http_sio_api_names(op, NGX_HTTP_SIO_API_TO, &op->rooms);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sio_api_names(op, NGX_HTTP_SIO_API_ROOM, &op->rooms);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sio_api_names(op, NGX_HTTP_SIO_API_EXCEPT, &op->except);
    }

    return rc == NGX_OK ? ngx_http_sio_api_known(op) : rc;
}


ngx_int_t
ngx_http_sio_api_body(ngx_http_sio_api_op_t *op)
{
    u_char             *message;
    size_t              at;
    unsigned            i;
    ngx_int_t           rc;
    sio_json_t          body;
    sio_json_list_t     list;
    sio_json_member_t   members[NGX_HTTP_SIO_API_TAKEN];

    if (op->inner) {
        return NGX_OK;
    }

    list.members = members;
    list.max = NGX_HTTP_SIO_API_TAKEN;

    if (sio_json_parse_members(op->body, &body, &list, &at) != SIO_OK) {
        message = ngx_pnalloc(op->pool, 64);
        if (message == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_sprintf(message, "malformed JSON at byte %uz%Z", at);

        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     (char *) message, "");
    }

    if (body.kind != SIO_JSON_OBJECT) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must be an object", "");
    }

    if (list.n > NGX_HTTP_SIO_API_TAKEN) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "too many members", "");
    }

    for (i = 0; i < list.n; i++) {
        rc = ngx_http_sio_api_take(op, &members[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_api_take(ngx_http_sio_api_op_t *op, const sio_json_member_t *m)
{
    ngx_uint_t  i;

    i = ngx_http_sio_api_member(&m->key);

    if (i == NGX_HTTP_SIO_API_MEMBERS
        || !(op->operation->members & ((ngx_uint_t) 1 << i))
        || (i == NGX_HTTP_SIO_API_OP && !op->inner))
    {
        return ngx_http_sio_api_unknown(op, &m->key);
    }

    op->value[i] = m->value;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_api_unknown(ngx_http_sio_api_op_t *op, const sio_json_t *key)
{
    return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                 "unknown member", "%*s", key->raw.n - 2,
                                 key->raw.p + 1);
}


static ngx_uint_t
ngx_http_sio_api_member(const sio_json_t *key)
{
    u_char            *text;
    size_t             n;
    ngx_uint_t         i, escaped;
    sio_span_t         name;
    const ngx_str_t   *names;

    names = ngx_http_sio_api_member_names;
    text = (u_char *) key->raw.p + 1;
    n = key->raw.n - 2;
    escaped = memchr(text, '\\', n) != NULL;

    for (i = 0; i < NGX_HTTP_SIO_API_MEMBERS; i++) {

        if (n == names[i].len && ngx_memcmp(text, names[i].data, n) == 0) {
            return i;
        }

        name.p = names[i].data;
        name.n = names[i].len;

        if (escaped && sio_json_is(key, name)) {
            return i;
        }
    }

    return NGX_HTTP_SIO_API_MEMBERS;
}


ngx_int_t
ngx_http_sio_api_known(ngx_http_sio_api_op_t *op)
{
    ngx_uint_t                  i;
    ngx_sio_endpoint_t        **endpoint;
    ngx_http_sio_main_conf_t   *smcf;

    if (op->namespace.p == NULL) {
        op->namespace = sio_span("/");
    }

    smcf = ngx_http_get_module_main_conf(op->request, ngx_socketio_module);
    endpoint = smcf->endpoints.elts;

    for (i = 0; i < smcf->endpoints.nelts; i++) {
        if (endpoint[i]->zone == op->zone
            && ngx_sio_namespace_lookup(endpoint[i], op->namespace) != NULL)
        {
            return NGX_OK;
        }
    }

    return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_UNKNOWN_NAMESPACE,
                                 "unknown namespace", "namespace");
}


ngx_int_t
ngx_http_sio_api_names(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_member_t member, ngx_array_t *names)
{
    u_char              path[32];
    ngx_int_t           rc;
    ngx_uint_t          i;
    sio_json_t         *v;
    sio_span_t          name;
    sio_json_iter_t     it;
    sio_json_member_t   m;

    v = &op->value[member];

    if (v->kind == SIO_JSON_NONE) {
        return NGX_OK;
    }

    (void) ngx_sprintf(path, "%V%Z", &ngx_http_sio_api_member_names[member]);

    if (v->kind == SIO_JSON_STRING) {

        if (ngx_http_sio_api_string(op, v, &name) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_http_sio_api_add(op, names, name, (char *) path);
    }

    if (v->kind != SIO_JSON_ARRAY) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must be a string or an array of strings",
                                     (char *) path);
    }

    sio_json_iter(&it, v);

    for (i = 0; sio_json_next(&it, &m); i++) {
        (void) ngx_sprintf(path, "%V[%ui]%Z",
                           &ngx_http_sio_api_member_names[member], i);

        if (m.value.kind != SIO_JSON_STRING) {
            return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                         "must be a string", (char *) path);
        }

        if (ngx_http_sio_api_string(op, &m.value, &name) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = ngx_http_sio_api_add(op, names, name, (char *) path);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_api_add(ngx_http_sio_api_op_t *op, ngx_array_t *names,
    sio_span_t name, const char *path)
{
    size_t       i;
    sio_span_t  *elt;

    if (name.n == 0 || name.n > NGX_HTTP_SIO_API_NAME_MAX) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must have 1 to 1024 bytes", path);
    }

    for (i = 0; i < name.n; i++) {
        if (name.p[i] < 0x20 || name.p[i] == 0x7f) {
            return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                         "must not have control characters",
                                         path);
        }
    }

    if (names->nelts == NGX_SIO_TARGETS_MAX) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "more than 1024 names", path);
    }

    if (names->elts == NULL
        && ngx_array_init(names, op->pool, 2, sizeof(sio_span_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    elt = ngx_array_push(names);
    if (elt == NULL) {
        return NGX_ERROR;
    }

    *elt = name;

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_api_string(ngx_http_sio_api_op_t *op, const sio_json_t *v,
    sio_span_t *text)
{
    u_char  *p;

    text->p = v->raw.p + 1;
    text->n = v->raw.n - 2;

    if (memchr(text->p, '\\', text->n) == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(op->pool, text->n);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) sio_json_string(v, p, text->n, &text->n);
    text->p = p;

    return NGX_OK;
}


void
ngx_http_sio_api_selection(ngx_http_sio_api_op_t *op,
    ngx_sio_select_t *select, ngx_sio_select_pt handler)
{
    select->zone = op->zone;
    select->pool = op->pool;
    select->namespace = op->namespace;
    select->rooms = op->rooms.elts;
    select->nrooms = op->rooms.nelts;
    select->except = op->except.elts;
    select->nexcept = op->except.nelts;
    select->handler = handler;
}


ngx_int_t
ngx_http_sio_api_number(ngx_http_sio_api_op_t *op, sio_span_t text,
    ngx_uint_t max, const char *path, ngx_uint_t *n)
{
    ngx_int_t  value;

    value = ngx_atoi((u_char *) text.p, text.n);

    if (value < 1 || (ngx_uint_t) value > max) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "out of range", path);
    }

    *n = value;

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_api_query(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_pair_pt handler)
{
    u_char     *p, *end, *next;
    ngx_int_t   rc;

    p = op->request->args.data;
    end = p + op->request->args.len;

    for ( /* void */ ; p < end; p = next + 1) {
        next = ngx_strlchr(p, end, '&');

        if (next == NULL) {
            next = end;
        }

        if (next == p) {
            continue;
        }

        rc = ngx_http_sio_api_pair(op, p, next, handler);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_api_pair(ngx_http_sio_api_op_t *op, u_char *p, u_char *end,
    ngx_http_sio_api_pair_pt handler)
{
    u_char      *equals, *src, *dst;
    sio_span_t   name, value;

    equals = ngx_strlchr(p, end, '=');

    if (equals == NULL) {
        equals = end;
    }

    name.p = p;
    name.n = equals - p;

    src = ngx_min(equals + 1, end);
    dst = ngx_pnalloc(op->pool, end - src + 1);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    value.p = dst;
    ngx_unescape_uri(&dst, &src, end - src, 0);
    value.n = dst - value.p;

    if (!sio_utf8_valid(name) || !sio_utf8_valid(value)) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "query is not UTF-8", "");
    }

    return handler(op, name, value);
}


ngx_int_t
ngx_http_sio_api_pair_unknown(ngx_http_sio_api_op_t *op, sio_span_t name)
{
    u_char  *p;

    p = ngx_pnalloc(op->pool, name.n * 6 + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                 "unknown parameter", "%*s",
                                 sio_json_escape(p, name), p);
}


u_char *
ngx_http_sio_api_reserve(ngx_http_sio_api_out_t *out, size_t n)
{
    size_t        size;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (out->last) {
        b = out->last->buf;

        if ((size_t) (b->end - b->last) >= n) {
            return b->last;
        }

        out->size += b->last - b->pos;
    }

    size = out->last ? ngx_min(out->size * 2, NGX_HTTP_SIO_API_GROW)
                     : NGX_HTTP_SIO_API_OUT;

    b = ngx_create_temp_buf(out->pool, ngx_max(n, size));
    cl = ngx_alloc_chain_link(out->pool);

    if (b == NULL || cl == NULL) {
        return NULL;
    }

    cl->buf = b;
    cl->next = NULL;

    if (out->last) {
        out->last->next = cl;

    } else {
        out->first = cl;
    }

    out->last = cl;

    return b->last;
}


void
ngx_http_sio_api_commit(ngx_http_sio_api_out_t *out, u_char *end)
{
    out->last->buf->last = end;
}


ngx_int_t
ngx_http_sio_api_write(ngx_http_sio_api_out_t *out, const char *text)
{
    u_char  *p;
    size_t   n;

    n = ngx_strlen(text);

    p = ngx_http_sio_api_reserve(out, n);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_sio_api_commit(out, ngx_cpymem(p, text, n));

    return NGX_OK;
}
