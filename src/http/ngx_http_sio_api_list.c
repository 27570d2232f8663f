
/*
 * GET rooms and GET namespaces, by pages.  Cells are passed over without the
 * lock and listed with it, some for one hold.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_http_sio_api_operations.h"
#include "ngx_http_sio_api_remote_rooms.h"
#include "ngx_sio_hashes.h"


#define NGX_HTTP_SIO_API_LIST      100      /* entries, without a limit */
#define NGX_HTTP_SIO_API_LIST_MAX  1000
#define NGX_HTTP_SIO_API_LOOK      16384    /* cells in one turn */
#define NGX_HTTP_SIO_API_HOLD      256      /* entries in one hold */
#define NGX_HTTP_SIO_API_SPACE     32768


/* A page of rooms, or of namespaces, which are cells of the same kind. */
typedef struct {
    ngx_sio_room_t    *cells;
    ngx_sio_pool_t    *pool;
    const char        *label;
    ngx_uint_t         namespaced;
    ngx_uint_t         limit;
    ngx_uint_t         cursor;
    ngx_uint_t         listed;
    ngx_uint_t         local;           /* this node's only */
    ngx_int_t          done;            /* with this node's */
    ngx_http_sio_api_remote_rooms_t  *remote;
    size_t             need;
    u_char            *p;
    u_char            *end;
} ngx_http_sio_api_list_t;


static ngx_int_t ngx_http_sio_api_list(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_list_t *list);
static ngx_int_t ngx_http_sio_api_list_pair(ngx_http_sio_api_op_t *op,
    sio_span_t name, sio_span_t value);
static ngx_int_t ngx_http_sio_api_list_own(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_list_t *list);
static ngx_int_t ngx_http_sio_api_list_slice(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_list_t *list);
static ngx_int_t ngx_http_sio_api_list_declared(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_list_t *list);
static ngx_int_t ngx_http_sio_api_list_empty(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_list_t *list, ngx_sio_namespace_conf_t *nc);
static ngx_uint_t ngx_http_sio_api_list_listed(ngx_http_sio_api_op_t *op,
    ngx_sio_namespace_conf_t *nc);
static ngx_int_t ngx_http_sio_api_list_write(ngx_http_sio_api_list_t *list,
    ngx_sio_shared_t *sh, ngx_sio_room_t *cell);
static u_char *ngx_http_sio_api_list_open(ngx_http_sio_api_list_t *list,
    size_t size);


ngx_int_t
ngx_http_sio_api_rooms(ngx_http_sio_api_op_t *op)
{
    ngx_int_t                 rc;
    ngx_http_sio_api_list_t  *list;

    list = ngx_pcalloc(op->pool, sizeof(ngx_http_sio_api_list_t));
    if (list == NULL) {
        return NGX_ERROR;
    }

    list->cells = op->zone->shared->rooms;
    list->pool = &op->zone->shared->room_pool;
    list->label = "room";
    list->namespaced = 1;

    rc = ngx_http_sio_api_list(op, list);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_sio_api_known(op);
    if (rc != NGX_OK) {
        return rc;
    }

    if (op->zone->bus && !list->local) {
        list->remote = ngx_http_sio_api_remote_rooms_ask(op);
        if (list->remote == NULL) {
            return NGX_ERROR;
        }
    }

    return ngx_http_sio_api_list_step(op);
}


ngx_int_t
ngx_http_sio_api_namespaces(ngx_http_sio_api_op_t *op)
{
    ngx_int_t                 rc;
    ngx_http_sio_api_list_t  *list;

    list = ngx_pcalloc(op->pool, sizeof(ngx_http_sio_api_list_t));
    if (list == NULL) {
        return NGX_ERROR;
    }

    list->cells = op->zone->shared->namespaces;
    list->pool = &op->zone->shared->namespace_pool;
    list->label = "namespace";

    rc = ngx_http_sio_api_list(op, list);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_sio_api_list_step(op);
}


static ngx_int_t
ngx_http_sio_api_list(ngx_http_sio_api_op_t *op, ngx_http_sio_api_list_t *list)
{
    u_char     *p;
    ngx_int_t   rc;

    list->limit = NGX_HTTP_SIO_API_LIST;
    list->cursor = 1;
    list->done = NGX_AGAIN;
    list->need = NGX_HTTP_SIO_API_SPACE;
    op->state = list;

    rc = ngx_http_sio_api_query(op, ngx_http_sio_api_list_pair);
    if (rc != NGX_OK) {
        return rc;
    }

    p = ngx_http_sio_api_reserve(op->out, 64);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(p, "{\"ok\":true,\"%ss\":[", list->label);
    ngx_http_sio_api_commit(op->out, p);

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_api_list_pair(ngx_http_sio_api_op_t *op, sio_span_t name,
    sio_span_t value)
{
    ngx_http_sio_api_list_t  *list;

    list = op->state;

    if (sio_span_eq(name, sio_span("limit"))) {
        return ngx_http_sio_api_number(op, value, NGX_HTTP_SIO_API_LIST_MAX,
                                       "limit", &list->limit);
    }

    if (sio_span_eq(name, sio_span("cursor"))) {
        list->local = 1;
        return ngx_http_sio_api_number(op, value, NGX_MAX_UINT32_VALUE - 1,
                                       "cursor", &list->cursor);
    }

    if (list->namespaced && sio_span_eq(name, sio_span("namespace"))) {
        op->namespace = value;
        return NGX_OK;
    }

    if (list->namespaced && sio_span_eq(name, sio_span("local"))
        && (sio_span_eq(value, sio_span("1"))
            || sio_span_eq(value, sio_span("0"))))
    {
        list->local |= value.p[0] == '1';
        return NGX_OK;
    }

    return ngx_http_sio_api_pair_unknown(op, name);
}


ngx_int_t
ngx_http_sio_api_list_step(ngx_http_sio_api_op_t *op)
{
    u_char                   *p;
    ngx_int_t                 rc;
    ngx_http_sio_api_list_t  *list;

    list = op->state;

    if (list->done == NGX_AGAIN) {
        list->done = ngx_http_sio_api_list_own(op, list);

        if (list->done != NGX_OK && list->done != NGX_DONE) {
            return list->done;
        }
    }

    if (list->remote) {
        rc = ngx_http_sio_api_remote_rooms(list->remote, &list->listed);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    p = ngx_http_sio_api_reserve(op->out, 192);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p++ = ']';

    if (list->done == NGX_DONE) {
        p = ngx_sprintf(p, ",\"cursor\":\"%ui\"", list->cursor);
    }

    if (list->remote) {
        p = ngx_http_sio_api_remote_rooms_write(list->remote, p);
    }

    *p++ = '}';
    ngx_http_sio_api_commit(op->out, p);

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_api_list_own(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_list_t *list)
{
    u_char     *p;
    ngx_int_t   rc;

    p = ngx_http_sio_api_reserve(op->out, list->need);
    if (p == NULL) {
        return NGX_ERROR;
    }

    list->p = p;
    list->end = p + list->need;
    list->need = NGX_HTTP_SIO_API_SPACE;

    rc = NGX_OK;

    if (list->cursor < list->pool->size) {
        rc = ngx_http_sio_api_list_slice(op, list);
    }

    if (rc == NGX_OK && !list->namespaced) {
        rc = ngx_http_sio_api_list_declared(op, list);
    }

    ngx_http_sio_api_commit(op->out, list->p);

    return rc;
}


/*
 * Returns NGX_OK at the end, NGX_DONE when there is another page, NGX_AGAIN.
 */

static ngx_int_t
ngx_http_sio_api_list_slice(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_list_t *list)
{
    uint32_t           namespace;
    ngx_int_t          rc;
    ngx_uint_t         cell, last, held;
    ngx_sio_room_t    *room;
    ngx_sio_shared_t  *sh;

    sh = op->zone->shared;
    cell = list->cursor;
    last = ngx_min(cell + NGX_HTTP_SIO_API_LOOK, list->pool->fresh);

    while (cell < last && list->cells[cell].count == 0) {
        cell++;
    }

    rc = NGX_OK;
    held = 0;

    ngx_sio_lock(op->zone);

    namespace = list->namespaced ? ngx_sio_namespace_find(sh, op->namespace)
                                 : 0;

    for ( /* void */ ; cell < last && held < NGX_HTTP_SIO_API_HOLD; cell++) {
        room = &list->cells[cell];
        held++;

        if (room->state != NGX_SIO_LIVE
            || room->count == 0
            || room->namespace != namespace)
        {
            continue;
        }

        rc = ngx_http_sio_api_list_write(list, sh, room);

        if (rc != NGX_OK) {
            break;
        }
    }

    ngx_sio_unlock(op->zone);

    list->cursor = cell;

    if (rc != NGX_OK) {
        return rc;
    }

    return cell < list->pool->fresh ? NGX_AGAIN : NGX_OK;
}


/*
 * Namespaces that are declared by their names exist without a socket.  Cursors
 * behind the last cell count them.
 */

static ngx_int_t
ngx_http_sio_api_list_declared(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_list_t *list)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i, k, at;
    ngx_sio_endpoint_t         **endpoint;
    ngx_http_sio_main_conf_t    *smcf;
    ngx_sio_namespace_conf_t   **nc;

    smcf = ngx_http_get_module_main_conf(op->request, ngx_socketio_module);
    endpoint = smcf->endpoints.elts;
    at = list->pool->size;

    for (i = 0; i < smcf->endpoints.nelts; i++) {
        nc = endpoint[i]->namespaces->elts;

        for (k = 0; k < endpoint[i]->namespaces->nelts; k++, at++) {

            if (at < list->cursor || endpoint[i]->zone != op->zone) {
                continue;
            }

            rc = ngx_http_sio_api_list_empty(op, list, nc[k]);

            if (rc != NGX_OK) {
                list->cursor = at;
                return rc;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_api_list_empty(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_list_t *list, ngx_sio_namespace_conf_t *nc)
{
    u_char      *p;
    sio_span_t   name;

#if (NGX_PCRE)
    if (nc->regex) {
        return NGX_OK;
    }
#endif

    if (ngx_http_sio_api_list_listed(op, nc)) {
        return NGX_OK;
    }

    if (list->listed == list->limit) {
        return NGX_DONE;
    }

    name.p = nc->name.data;
    name.n = nc->name.len;

    p = ngx_http_sio_api_list_open(list, name.n);
    if (p == NULL) {
        return NGX_AGAIN;
    }

    p += sio_json_escape(p, name);
    list->p = ngx_sprintf(p, "\",\"sockets\":0}");

    return NGX_OK;
}


/* Whether it has sockets, or an endpoint before this one declares it too. */

static ngx_uint_t
ngx_http_sio_api_list_listed(ngx_http_sio_api_op_t *op,
    ngx_sio_namespace_conf_t *nc)
{
    uint32_t                    cell;
    ngx_uint_t                  i, connected;
    sio_span_t                  name;
    ngx_sio_shared_t           *sh;
    ngx_sio_endpoint_t        **endpoint;
    ngx_http_sio_main_conf_t   *smcf;
    ngx_sio_namespace_conf_t   *first;

    sh = op->zone->shared;
    name.p = nc->name.data;
    name.n = nc->name.len;

    ngx_sio_lock(op->zone);
    cell = ngx_sio_namespace_find(sh, name);
    connected = cell && sh->namespaces[cell].count;
    ngx_sio_unlock(op->zone);

    if (connected) {
        return 1;
    }

    smcf = ngx_http_get_module_main_conf(op->request, ngx_socketio_module);
    endpoint = smcf->endpoints.elts;

    for (i = 0; i < smcf->endpoints.nelts; i++) {

        if (endpoint[i]->zone != op->zone) {
            continue;
        }

        first = ngx_sio_namespace_lookup(endpoint[i], name);

        if (first == nc) {
            return 0;
        }

        if (first
            && first->name.len == name.n
            && ngx_memcmp(first->name.data, name.p, name.n) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* Returns NGX_DONE over the limit, NGX_AGAIN without space, else NGX_OK. */

static ngx_int_t
ngx_http_sio_api_list_write(ngx_http_sio_api_list_t *list,
    ngx_sio_shared_t *sh, ngx_sio_room_t *cell)
{
    u_char      *p;
    sio_span_t   name;

    if (list->listed == list->limit) {
        return NGX_DONE;
    }

    name.n = ngx_sio_string_size(sh, cell->name);

    p = ngx_http_sio_api_list_open(list, name.n);
    if (p == NULL) {
        return NGX_AGAIN;
    }

    /* six bytes at most come of one, so the copy is read in time */

    name.p = p + 5 * name.n;
    (void) ngx_sio_string_copy(sh, cell->name, (u_char *) name.p, name.n);

    p += sio_json_escape(p, name);
    list->p = ngx_sprintf(p, "\",\"sockets\":%uD}", cell->count);

    return NGX_OK;
}


/* Begins an entry with a name of that size, NULL without the space. */

static u_char *
ngx_http_sio_api_list_open(ngx_http_sio_api_list_t *list, size_t size)
{
    u_char  *p;

    size = 64 + 6 * size;

    if ((size_t) (list->end - list->p) < size) {
        list->need = ngx_max(size, NGX_HTTP_SIO_API_SPACE);
        return NULL;
    }

    p = list->p;

    if (list->listed++) {
        *p++ = ',';
    }

    return ngx_sprintf(p, "{\"%s\":\"", list->label);
}
