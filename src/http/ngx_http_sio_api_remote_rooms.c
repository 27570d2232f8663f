
/*
 * Rooms of other nodes.  They list the ids of their sockets among their rooms,
 * so those are asked for as well, and left out like rooms that are listed
 * already.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_http_sio_api_remote_rooms.h"
#include "ngx_sio_hashes.h"


#define NGX_HTTP_SIO_API_REMOTE_SLICE  500      /* names in one turn */


static ngx_int_t ngx_http_sio_api_remote_ids(
    ngx_http_sio_api_remote_rooms_t *remote, ngx_uint_t *budget);
static ngx_int_t ngx_http_sio_api_remote_new(
    ngx_http_sio_api_remote_rooms_t *remote, const sio_json_t *v);
static ngx_uint_t ngx_http_sio_api_remote_here(ngx_http_sio_api_op_t *op,
    const ngx_str_t *name);


ngx_http_sio_api_remote_rooms_t *
ngx_http_sio_api_remote_rooms_ask(ngx_http_sio_api_op_t *op)
{
    ngx_http_sio_api_remote_rooms_t  *remote;

    remote = ngx_pcalloc(op->pool, sizeof(ngx_http_sio_api_remote_rooms_t));
    if (remote == NULL) {
        return NULL;
    }

    remote->op = op;
    remote->rooms = ngx_http_sio_api_remote_ask(op, SIO_ADAPTER_ROOMS);
    remote->ids = ngx_http_sio_api_remote_ask(op, SIO_ADAPTER_SOCKETS);

    ngx_rbtree_init(&remote->tree, &remote->sentinel,
                    ngx_str_rbtree_insert_value);

    return remote->rooms && remote->ids ? remote : NULL;
}


ngx_int_t
ngx_http_sio_api_remote_rooms(ngx_http_sio_api_remote_rooms_t *remote,
    ngx_uint_t *n)
{
    u_char      *p;
    ngx_int_t    rc;
    sio_json_t   v;
    ngx_uint_t   budget;

    if (ngx_http_sio_api_remote_wait(remote->rooms) != NGX_OK
        || ngx_http_sio_api_remote_wait(remote->ids) != NGX_OK)
    {
        return NGX_AGAIN;
    }

    budget = NGX_HTTP_SIO_API_REMOTE_SLICE;

    rc = ngx_http_sio_api_remote_ids(remote, &budget);
    if (rc != NGX_OK) {
        return rc;
    }

    while (budget--) {

        if (!ngx_http_sio_api_remote_next(remote->rooms, &v)) {
            return NGX_OK;
        }

        rc = ngx_http_sio_api_remote_new(remote, &v);

        if (rc == NGX_DECLINED) {
            continue;
        }

        p = ngx_http_sio_api_reserve(remote->op->out, v.raw.n + 64);

        if (rc != NGX_OK || p == NULL) {
            return NGX_ERROR;
        }

        if ((*n)++) {
            *p++ = ',';
        }

        p = ngx_sprintf(p, v.kind == SIO_JSON_STRING
                           ? "{\"room\":%*s,\"sockets\":0}"
                           : "{\"room\":\"%*s\",\"sockets\":0}",
                        v.raw.n, v.raw.p);
        ngx_http_sio_api_commit(remote->op->out, p);
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_sio_api_remote_ids(ngx_http_sio_api_remote_rooms_t *remote,
    ngx_uint_t *budget)
{
    sio_json_t  v;

    for ( /* void */ ; *budget; (*budget)--) {

        if (!ngx_http_sio_api_remote_next(remote->ids, &v)) {
            return NGX_OK;
        }

        if (ngx_http_sio_api_remote_new(remote, &v) == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    return NGX_AGAIN;
}


/* NGX_OK and noted, NGX_DECLINED when it is no name or known, NGX_ERROR. */

static ngx_int_t
ngx_http_sio_api_remote_new(ngx_http_sio_api_remote_rooms_t *remote,
    const sio_json_t *v)
{
    size_t           n;
    u_char           name[NGX_HTTP_SIO_API_NAME_MAX];
    uint32_t         hash;
    ngx_str_t        text;
    ngx_str_node_t  *node;

    if (v->kind == SIO_JSON_NUMBER && v->raw.n <= sizeof(name)) {
        n = v->raw.n;
        ngx_memcpy(name, v->raw.p, n);

    } else if (sio_json_string(v, name, sizeof(name), &n) != SIO_OK) {
        return NGX_DECLINED;
    }

    text.data = name;
    text.len = n;
    hash = ngx_crc32_long(name, n);

    if (ngx_str_rbtree_lookup(&remote->tree, &text, hash)
        || ngx_http_sio_api_remote_here(remote->op, &text))
    {
        return NGX_DECLINED;
    }

    node = ngx_palloc(remote->op->pool, sizeof(ngx_str_node_t));
    if (node == NULL) {
        return NGX_ERROR;
    }

    node->str.len = n;
    node->str.data = ngx_pnalloc(remote->op->pool, n + 1);
    if (node->str.data == NULL) {
        return NGX_ERROR;
    }

    ngx_http_sio_api_remote_hold(remote->rooms, sizeof(ngx_str_node_t) + n);
    ngx_memcpy(node->str.data, name, n);
    node->node.key = hash;
    ngx_rbtree_insert(&remote->tree, &node->node);

    return NGX_OK;
}


static ngx_uint_t
ngx_http_sio_api_remote_here(ngx_http_sio_api_op_t *op, const ngx_str_t *name)
{
    uint32_t           nsp, cell;
    sio_span_t         room;
    ngx_sio_shared_t  *sh;

    sh = op->zone->shared;
    room.p = name->data;
    room.n = name->len;

    ngx_sio_lock(op->zone);

    nsp = ngx_sio_namespace_find(sh, op->namespace);
    cell = nsp ? ngx_sio_room_find(sh, nsp, room) : 0;
    cell = cell && sh->rooms[cell].count;

    ngx_sio_unlock(op->zone);

    return cell;
}


u_char *
ngx_http_sio_api_remote_rooms_write(ngx_http_sio_api_remote_rooms_t *remote,
    u_char *p)
{
    return ngx_http_sio_api_remote_write(
               ngx_http_sio_api_remote_lack(remote->ids)
               > ngx_http_sio_api_remote_lack(remote->rooms)
               ? remote->ids : remote->rooms, p);
}
