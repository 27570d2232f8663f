
/*
 * socketsJoin, socketsLeave and disconnectSockets: something is done with each
 * socket of a selection, a slice in each turn of the event loop.  What the API
 * says is not checked against the rules for clients.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_http_sio_api_operations.h"
#include "ngx_sio_cluster.h"
#include "ngx_sio_move.h"


typedef struct {
    ngx_sio_select_t    select;
    ngx_uint_t          type;           /* of the request to other nodes */

    ngx_sio_move_t      move;
    ngx_array_t         names;          /* join, leave: of sio_span_t */
} ngx_http_sio_api_sockets_t;


static ngx_int_t ngx_http_sio_api_change(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_member_t member, ngx_sio_select_pt handler);
static ngx_http_sio_api_sockets_t *ngx_http_sio_api_sockets(
    ngx_http_sio_api_op_t *op, ngx_sio_select_pt handler);
static ngx_int_t ngx_http_sio_api_sockets_answer(ngx_http_sio_api_op_t *op);


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

    ngx_http_sio_api_selection(op, &s->select, handler);
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
