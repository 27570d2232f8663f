
/*
 * socketsJoin, socketsLeave, disconnectSockets and fetchSockets: something is
 * done with each socket of a selection, a slice in each turn of the event loop.
 * What the API says is not checked against the rules for clients.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_http_sio_api_operations.h"
#include "ngx_sio_auth.h"
#include "ngx_sio_cluster.h"
#include "ngx_sio_move.h"
#include "ngx_sio_show.h"


#define NGX_HTTP_SIO_API_FETCH      100     /* sockets, without a limit */
#define NGX_HTTP_SIO_API_FETCH_MAX  1000
#define NGX_HTTP_SIO_API_SPACE      32768   /* to fetch into, for a slice */


typedef struct {
    ngx_sio_select_t    select;
    ngx_uint_t          type;           /* of the request to other nodes */

    ngx_sio_move_t      move;           /* all but fetch */
    ngx_array_t         names;          /* join, leave: of sio_span_t */

    ngx_uint_t          matched;        /* fetch */
    ngx_uint_t          limit;
    sio_span_t          namespace;      /* JSON, without the quotes */
    size_t              need;           /* bytes for the next slice */
    u_char             *p;
    u_char             *end;
} ngx_http_sio_api_sockets_t;


static ngx_int_t ngx_http_sio_api_change(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_member_t member, ngx_sio_select_pt handler);
static ngx_http_sio_api_sockets_t *ngx_http_sio_api_sockets(
    ngx_http_sio_api_op_t *op, ngx_sio_select_pt handler);
static ngx_int_t ngx_http_sio_api_sockets_answer(ngx_http_sio_api_op_t *op);

static ngx_int_t ngx_http_sio_api_fetch_page(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_sockets_t *s);
static ngx_int_t ngx_http_sio_api_fetch_step(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_sockets_t *s);
static ngx_int_t ngx_http_sio_api_fetched(ngx_sio_select_t *select,
    uint32_t socket);
static u_char *ngx_http_sio_api_fetch_write(ngx_http_sio_api_sockets_t *s,
    ngx_sio_shared_t *sh, ngx_sio_socket_t *so);
static u_char *ngx_http_sio_api_fetch_user(ngx_sio_shared_t *sh,
    uint32_t block, u_char *p);


ngx_int_t
ngx_http_sio_api_join(ngx_http_sio_api_op_t *op)
{
    return ngx_http_sio_api_change(op, NGX_HTTP_SIO_API_JOIN,
                                   ngx_sio_move_join);
}


ngx_int_t
ngx_http_sio_api_leave(ngx_http_sio_api_op_t *op)
{
    return ngx_http_sio_api_change(op, NGX_HTTP_SIO_API_LEAVE,
                                   ngx_sio_move_leave);
}


static ngx_int_t
ngx_http_sio_api_change(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_member_t member, ngx_sio_select_pt handler)
{
    ngx_int_t                    rc;
    ngx_http_sio_api_sockets_t  *s;

    rc = ngx_http_sio_api_read(op);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_http_sio_api_sockets(op, handler);
    if (s == NULL) {
        return NGX_ERROR;
    }

    if (op->value[member].kind == SIO_JSON_NONE) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "rooms are required",
                                     member == NGX_HTTP_SIO_API_JOIN
                                     ? "join" : "leave");
    }

    rc = ngx_http_sio_api_names(op, member, &s->names);
    if (rc != NGX_OK) {
        return rc;
    }

    s->type = member == NGX_HTTP_SIO_API_JOIN ? SIO_ADAPTER_JOIN
                                              : SIO_ADAPTER_LEAVE;

    if (ngx_sio_move_rooms(&s->select, &s->move, s->names.elts,
                           s->names.nelts)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_sio_api_sockets_step(op);
}


ngx_int_t
ngx_http_sio_api_disconnect(ngx_http_sio_api_op_t *op)
{
    ngx_int_t                    rc;
    sio_json_kind_t              kind;
    ngx_http_sio_api_sockets_t  *s;

    rc = ngx_http_sio_api_read(op);
    if (rc != NGX_OK) {
        return rc;
    }

    kind = op->value[NGX_HTTP_SIO_API_CLOSE].kind;

    if (kind != SIO_JSON_NONE && kind != SIO_JSON_TRUE
        && kind != SIO_JSON_FALSE)
    {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must be true or false", "close");
    }

    s = ngx_http_sio_api_sockets(op, ngx_sio_move_disconnect);
    if (s == NULL) {
        return NGX_ERROR;
    }

    s->type = SIO_ADAPTER_DISCONNECT;
    s->move.close = kind == SIO_JSON_TRUE;
    s->select.data = &s->move;

    return ngx_http_sio_api_sockets_step(op);
}


static ngx_http_sio_api_sockets_t *
ngx_http_sio_api_sockets(ngx_http_sio_api_op_t *op, ngx_sio_select_pt handler)
{
    ngx_http_sio_api_sockets_t  *s;

    s = ngx_pcalloc(op->pool, sizeof(ngx_http_sio_api_sockets_t));
    if (s == NULL) {
        return NULL;
    }

    s->select.zone = op->zone;
    s->select.pool = op->pool;
    s->select.namespace = op->namespace;
    s->select.rooms = op->rooms.elts;
    s->select.nrooms = op->rooms.nelts;
    s->select.except = op->except.elts;
    s->select.nexcept = op->except.nelts;
    s->select.handler = handler;
    s->select.data = s;

    op->state = s;

    return s;
}


ngx_int_t
ngx_http_sio_api_sockets_step(ngx_http_sio_api_op_t *op)
{
    ngx_int_t                    rc;
    ngx_http_sio_api_sockets_t  *s;

    s = op->state;

    if (s->limit) {
        return ngx_http_sio_api_fetch_step(op, s);
    }

    rc = ngx_sio_select(&s->select);

    if (rc == NGX_OK) {
        return ngx_http_sio_api_sockets_answer(op);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_FULL,
                                     "shared memory is full: the sockets that "
                                     "were reached have joined", "");
    }

    return rc;
}


static ngx_int_t
ngx_http_sio_api_sockets_answer(ngx_http_sio_api_op_t *op)
{
    u_char                      *p;
    ngx_uint_t                   cluster;
    ngx_http_sio_api_sockets_t  *s;

    s = op->state;

    cluster = ngx_http_sio_api_tell(op, s->type, &s->names, s->move.close);

    p = ngx_http_sio_api_reserve(op->out, 96);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(p, "{\"ok\":true,\"matched\":%ui%s}",
                    s->move.matched, ngx_http_sio_api_cluster(cluster));
    ngx_http_sio_api_commit(op->out, p);

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_api_fetch(ngx_http_sio_api_op_t *op)
{
    u_char                      *p;
    ngx_int_t                    rc;
    ngx_http_sio_api_sockets_t  *s;

    rc = ngx_http_sio_api_read(op);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_http_sio_api_sockets(op, ngx_http_sio_api_fetched);
    if (s == NULL) {
        return NGX_ERROR;
    }

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

    p = ngx_http_sio_api_reserve(op->out, 32);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(p, "{\"ok\":true,\"sockets\":[");
    ngx_http_sio_api_commit(op->out, p);

    return ngx_http_sio_api_fetch_step(op, s);
}


static ngx_int_t
ngx_http_sio_api_fetch_page(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_sockets_t *s)
{
    ngx_int_t    rc;
    ngx_uint_t   n;
    sio_json_t  *v;
    sio_span_t   text;

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

    rc = ngx_http_sio_api_number(op, text, NGX_MAX_UINT32_VALUE - 1, "cursor",
                                 &n);
    s->select.next = n;

    return rc;
}


static ngx_int_t
ngx_http_sio_api_fetch_step(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_sockets_t *s)
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

    if (rc != NGX_OK && rc != NGX_DONE) {
        return rc;
    }

    p = ngx_http_sio_api_reserve(op->out, 64);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p++ = ']';

    if (rc == NGX_DONE) {
        p = ngx_sprintf(p, ",\"cursor\":\"%uD\"", s->select.next);
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
    ngx_http_sio_api_sockets_t  *s;

    s = select->data;

    if (s->matched == s->limit) {
        return NGX_DONE;
    }

    sh = select->zone->shared;
    so = &sh->sockets[socket];

    size = 256 + s->namespace.n + ngx_sio_show_size(sh, so)
           + ngx_sio_string_size(sh, so->claims);

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
ngx_http_sio_api_fetch_write(ngx_http_sio_api_sockets_t *s,
    ngx_sio_shared_t *sh, ngx_sio_socket_t *so)
{
    u_char  *p;

    p = ngx_sprintf(s->p, "{\"id\":\"%*s\",\"namespace\":\"%*s\",\"rooms\":",
                    (size_t) NGX_SIO_ID_LEN, so->id, s->namespace.n,
                    s->namespace.p);
    p = ngx_sio_show_rooms(sh, so, p);
    p = ngx_sprintf(p, ",\"user\":");
    p = ngx_http_sio_api_fetch_user(sh, so->claims, p);
    p = ngx_sprintf(p, ",\"data\":");
    p = ngx_sio_show_json(sh, so->data, p);
    p = ngx_sprintf(p, ",\"handshake\":");
    p = ngx_sio_show_json(sh, sh->sessions[so->session].handshake, p);
    *p++ = '}';

    return p;
}


/* The `sub` of the socket's token, as it is written there. */

static u_char *
ngx_http_sio_api_fetch_user(ngx_sio_shared_t *sh, uint32_t block, u_char *p)
{
    sio_json_t      claims, sub;
    sio_span_t      text;

    static u_char   buffer[NGX_SIO_CLAIMS_MAX];

    text.p = buffer;
    text.n = ngx_sio_string_copy(sh, block, buffer, sizeof(buffer));

    if (text.n == 0
        || sio_json_parse(text, SIO_JSON_DEPTH, &claims, NULL) != SIO_OK)
    {
        return ngx_cpymem(p, "null", 4);
    }

    sub = sio_json_get(&claims, "sub");

    return sub.kind == SIO_JSON_NONE
           ? ngx_cpymem(p, "null", 4) : ngx_cpymem(p, sub.raw.p, sub.raw.n);
}
