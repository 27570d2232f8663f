
/*
 * fetchSockets: the sockets of a selection, a slice in each turn of the event
 * loop, and then those of other nodes.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_http_sio_api_operations.h"
#include "ngx_http_sio_api_remote.h"
#include "ngx_sio_auth.h"
#include "ngx_sio_select.h"
#include "ngx_sio_show.h"


#define NGX_HTTP_SIO_API_FETCH      100     /* sockets, without a limit */
#define NGX_HTTP_SIO_API_FETCH_MAX  1000
#define NGX_HTTP_SIO_API_SPACE      32768   /* to fetch into, for a slice */


typedef struct {
    ngx_sio_select_t    select;
    ngx_uint_t          matched;
    ngx_uint_t          limit;
    ngx_uint_t          local;          /* this node's only */
    ngx_int_t           listed;         /* as of ngx_sio_select() */
    sio_span_t          namespace;      /* JSON, without the quotes */
    size_t              need;           /* bytes for the next slice */
    u_char             *p;
    u_char             *end;
    ngx_http_sio_api_remote_t  *remote;
} ngx_http_sio_api_fetch_t;


static ngx_int_t ngx_http_sio_api_fetch_page(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_fetch_t *s);
static ngx_int_t ngx_http_sio_api_fetch_local(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_fetch_t *s);
static ngx_int_t ngx_http_sio_api_fetch_slice(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_fetch_t *s);
static ngx_int_t ngx_http_sio_api_fetch_end(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_fetch_t *s);
static ngx_int_t ngx_http_sio_api_fetched(ngx_sio_select_t *select,
    uint32_t socket);
static u_char *ngx_http_sio_api_fetch_write(ngx_http_sio_api_fetch_t *s,
    ngx_sio_shared_t *sh, ngx_sio_socket_t *so);


ngx_int_t
ngx_http_sio_api_fetch(ngx_http_sio_api_op_t *op)
{
    u_char                      *p;
    ngx_int_t                    rc;
    ngx_http_sio_api_fetch_t  *s;

    rc = ngx_http_sio_api_read(op);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_pcalloc(op->pool, sizeof(ngx_http_sio_api_fetch_t));
    if (s == NULL) {
        return NGX_ERROR;
    }

    ngx_http_sio_api_selection(op, &s->select, ngx_http_sio_api_fetched);
    s->select.data = s;

    op->state = s;

    rc = ngx_http_sio_api_fetch_page(op, s);
    if (rc != NGX_OK) {
        return rc;
    }

    p = ngx_pnalloc(op->pool, op->namespace.n * 6);
    if (p == NULL) {
        return NGX_ERROR;
    }

    s->namespace.p = p;
    s->namespace.n = sio_json_escape(p, op->namespace);
    s->need = NGX_HTTP_SIO_API_SPACE;
    s->listed = NGX_AGAIN;

    if (op->zone->bus && !s->local) {
        s->remote = ngx_http_sio_api_remote_ask(op, SIO_ADAPTER_FETCH);
        if (s->remote == NULL) {
            return NGX_ERROR;
        }
    }

    p = ngx_http_sio_api_reserve(op->out, 32);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(p, "{\"ok\":true,\"sockets\":[");
    ngx_http_sio_api_commit(op->out, p);

    return ngx_http_sio_api_fetch_step(op);
}


static ngx_int_t
ngx_http_sio_api_fetch_page(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_fetch_t *s)
{
    ngx_int_t    rc;
    ngx_uint_t   n;
    sio_json_t  *v;
    sio_span_t   text;

    rc = ngx_http_sio_api_fetch_local(op, s);
    if (rc != NGX_OK) {
        return rc;
    }

    s->limit = NGX_HTTP_SIO_API_FETCH;

    v = &op->value[NGX_HTTP_SIO_API_LIMIT];

    if (v->kind != SIO_JSON_NONE) {
        rc = ngx_http_sio_api_number(op, v->raw, NGX_HTTP_SIO_API_FETCH_MAX,
                                     "limit", &s->limit);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    v = &op->value[NGX_HTTP_SIO_API_CURSOR];

    if (v->kind == SIO_JSON_NONE) {
        return NGX_OK;
    }

    if (v->kind != SIO_JSON_STRING) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must be a string", "cursor");
    }

    if (ngx_http_sio_api_string(op, v, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    s->local = 1;

    rc = ngx_http_sio_api_number(op, text, NGX_MAX_UINT32_VALUE - 1, "cursor",
                                 &n);
    s->select.next = n;

    return rc;
}


/* Other nodes come with the first page; a batch waits for nobody. */

static ngx_int_t
ngx_http_sio_api_fetch_local(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_fetch_t *s)
{
    sio_json_t         *v;
    sio_json_iter_t     it;
    sio_json_member_t   m;

    v = &op->value[NGX_HTTP_SIO_API_FLAGS];
    s->local = op->inner;

    if (v->kind != SIO_JSON_NONE && v->kind != SIO_JSON_OBJECT) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must be an object", "flags");
    }

    sio_json_iter(&it, v);

    while (sio_json_next(&it, &m)) {

        if (!sio_json_is(&m.key, sio_span("local"))) {
            return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                         "unknown flag", "flags.%*s",
                                         m.key.raw.n - 2, m.key.raw.p + 1);
        }

        if (m.value.kind != SIO_JSON_TRUE && m.value.kind != SIO_JSON_FALSE) {
            return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                         "must be true or false",
                                         "flags.local");
        }

        s->local |= m.value.kind == SIO_JSON_TRUE;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_api_fetch_step(ngx_http_sio_api_op_t *op)
{
    ngx_int_t                  rc;
    ngx_http_sio_api_fetch_t  *s;

    s = op->state;

    if (s->listed == NGX_AGAIN) {
        s->listed = ngx_http_sio_api_fetch_slice(op, s);

        if (s->listed != NGX_OK && s->listed != NGX_DONE) {
            return s->listed;
        }
    }

    if (s->remote) {
        rc = ngx_http_sio_api_remote_wait(s->remote);

        if (rc == NGX_OK) {
            rc = ngx_http_sio_api_remote_sockets(s->remote, s->namespace,
                                                 &s->matched);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_sio_api_fetch_end(op, s);
}


static ngx_int_t
ngx_http_sio_api_fetch_slice(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_fetch_t *s)
{
    u_char     *p;
    ngx_int_t   rc;

    p = ngx_http_sio_api_reserve(op->out, s->need);
    if (p == NULL) {
        return NGX_ERROR;
    }

    s->p = p;
    s->end = p + s->need;
    s->need = NGX_HTTP_SIO_API_SPACE;

    rc = ngx_sio_select(&s->select);

    ngx_http_sio_api_commit(op->out, s->p);

    return rc;
}


static ngx_int_t
ngx_http_sio_api_fetch_end(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_fetch_t *s)
{
    u_char  *p;

    p = ngx_http_sio_api_reserve(op->out, 192);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p++ = ']';

    if (s->listed == NGX_DONE) {
        p = ngx_sprintf(p, ",\"cursor\":\"%uD\"", s->select.next);
    }

    if (s->remote) {
        p = ngx_http_sio_api_remote_write(s->remote, p);
    }

    *p++ = '}';
    ngx_http_sio_api_commit(op->out, p);

    return NGX_OK;
}


/* One socket more than the limit says that there is another page. */

static ngx_int_t
ngx_http_sio_api_fetched(ngx_sio_select_t *select, uint32_t socket)
{
    size_t                       size;
    ngx_sio_shared_t            *sh;
    ngx_sio_socket_t            *so;
    ngx_http_sio_api_fetch_t  *s;

    s = select->data;

    if (s->matched == s->limit) {
        return NGX_DONE;
    }

    sh = select->zone->shared;
    so = &sh->sockets[socket];

    size = 256 + s->namespace.n + ngx_sio_show_size(sh, so);

    if ((size_t) (s->end - s->p) < size) {
        s->need = ngx_max(size, NGX_HTTP_SIO_API_SPACE);
        return NGX_AGAIN;
    }

    if (s->matched++) {
        *s->p++ = ',';
    }

    s->p = ngx_http_sio_api_fetch_write(s, sh, so);

    return NGX_OK;
}


static u_char *
ngx_http_sio_api_fetch_write(ngx_http_sio_api_fetch_t *s,
    ngx_sio_shared_t *sh, ngx_sio_socket_t *so)
{
    u_char  *p;

    p = ngx_sprintf(s->p, "{\"id\":\"%*s\",\"namespace\":\"%*s\",",
                    (size_t) NGX_SIO_ID_LEN, so->id, s->namespace.n,
                    s->namespace.p);
    p = ngx_sio_show_socket(sh, so, p);
    *p++ = '}';

    return p;
}
