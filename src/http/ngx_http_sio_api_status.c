
/*
 * What operators ask: rooms and namespaces by pages, and the state of the zone.
 * Walks are made without the lock, or with it for some cells at a time; what
 * they sum up is never older than the request.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_sio_cells.h"


#define NGX_HTTP_SIO_API_LIST      100      /* entries, without a limit */
#define NGX_HTTP_SIO_API_LIST_MAX  1000
#define NGX_HTTP_SIO_API_LOOK      16384    /* cells in one turn */
#define NGX_HTTP_SIO_API_HOLD      256      /* entries in one hold */
#define NGX_HTTP_SIO_API_SPACE     32768
#define NGX_HTTP_SIO_API_SESSIONS  65536    /* sessions in one turn */


/* A page of rooms, or of namespaces, which are cells of the same kind. */
typedef struct {
    ngx_sio_room_t    *cells;
    ngx_sio_pool_t    *pool;
    const char        *label;
    ngx_uint_t         namespaced;
    ngx_uint_t         limit;
    ngx_uint_t         cursor;
    ngx_uint_t         listed;
    size_t             need;
    u_char            *p;
    u_char            *end;
} ngx_http_sio_api_list_t;


typedef struct {
    uint32_t           next;
    ngx_uint_t         polling;
    ngx_uint_t         websocket;
} ngx_http_sio_api_status_t;


static ngx_int_t ngx_http_sio_api_list(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_list_t *list);
static ngx_int_t ngx_http_sio_api_list_pair(ngx_http_sio_api_op_t *op,
    sio_span_t name, sio_span_t value);
static ngx_int_t ngx_http_sio_api_list_slice(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_list_t *list);
static ngx_int_t ngx_http_sio_api_list_write(ngx_sio_shared_t *sh,
    ngx_http_sio_api_list_t *list, ngx_sio_room_t *cell);

static ngx_int_t ngx_http_sio_api_status_answer(ngx_http_sio_api_op_t *op);
static u_char *ngx_http_sio_api_status_pools(ngx_sio_shared_t *sh, u_char *p);
static u_char *ngx_http_sio_api_status_log(ngx_sio_zone_t *zone, u_char *p);
static u_char *ngx_http_sio_api_status_workers(u_char *p);
static u_char *ngx_http_sio_api_status_counters(ngx_sio_shared_t *sh,
    u_char *p);


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
        return ngx_http_sio_api_number(op, value, NGX_MAX_UINT32_VALUE - 1,
                                       "cursor", &list->cursor);
    }

    if (list->namespaced && sio_span_eq(name, sio_span("namespace"))) {
        op->namespace = value;
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

    p = ngx_http_sio_api_reserve(op->out, list->need);
    if (p == NULL) {
        return NGX_ERROR;
    }

    list->p = p;
    list->end = p + list->need;
    list->need = NGX_HTTP_SIO_API_SPACE;

    rc = ngx_http_sio_api_list_slice(op, list);

    ngx_http_sio_api_commit(op->out, list->p);

    if (rc == NGX_AGAIN) {
        return rc;
    }

    p = ngx_http_sio_api_reserve(op->out, 64);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p++ = ']';

    if (rc == NGX_DONE) {
        p = ngx_sprintf(p, ",\"cursor\":\"%ui\"", list->cursor);
    }

    *p++ = '}';
    ngx_http_sio_api_commit(op->out, p);

    return NGX_OK;
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

        rc = ngx_http_sio_api_list_write(sh, list, room);

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


/* Returns NGX_DONE over the limit, NGX_AGAIN without space, else NGX_OK. */

static ngx_int_t
ngx_http_sio_api_list_write(ngx_sio_shared_t *sh,
    ngx_http_sio_api_list_t *list, ngx_sio_room_t *cell)
{
    u_char      *p;
    size_t       size;
    sio_span_t   name;

    if (list->listed == list->limit) {
        return NGX_DONE;
    }

    name.n = ngx_sio_string_size(sh, cell->name);
    size = 64 + 6 * name.n;

    if ((size_t) (list->end - list->p) < size) {
        list->need = ngx_max(size, NGX_HTTP_SIO_API_SPACE);
        return NGX_AGAIN;
    }

    p = list->p;

    if (list->listed++) {
        *p++ = ',';
    }

    p = ngx_sprintf(p, "{\"%s\":\"", list->label);

    /* six bytes at most come of one, so the copy is read in time */

    name.p = p + 5 * name.n;
    (void) ngx_sio_string_copy(sh, cell->name, (u_char *) name.p, name.n);

    p += sio_json_escape(p, name);
    list->p = ngx_sprintf(p, "\",\"sockets\":%uD}", cell->count);

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_api_status(ngx_http_sio_api_op_t *op)
{
    op->state = ngx_pcalloc(op->pool, sizeof(ngx_http_sio_api_status_t));
    if (op->state == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_sio_api_status_step(op);
}


ngx_int_t
ngx_http_sio_api_status_step(ngx_http_sio_api_op_t *op)
{
    uint32_t                    last;
    ngx_sio_shared_t           *sh;
    ngx_sio_session_t          *session;
    ngx_http_sio_api_status_t  *st;

    st = op->state;
    sh = op->zone->shared;

    last = sh->session_pool.fresh;
    last = ngx_min(last, st->next + NGX_HTTP_SIO_API_SESSIONS);

    for ( /* void */ ; st->next < last; st->next++) {
        session = &sh->sessions[st->next];

        if (st->next == 0 || session->state != NGX_SIO_LIVE) {
            continue;
        }

        if (session->transport == NGX_SIO_WEBSOCKET) {
            st->websocket++;

        } else {
            st->polling++;
        }
    }

    if (last < sh->session_pool.fresh) {
        return NGX_AGAIN;
    }

    return ngx_http_sio_api_status_answer(op);
}


static ngx_int_t
ngx_http_sio_api_status_answer(ngx_http_sio_api_op_t *op)
{
    u_char                     *p, *start;
    ngx_sio_zone_t             *zone;
    ngx_http_sio_api_status_t  *st;

    st = op->state;
    zone = op->zone;

    start = ngx_http_sio_api_reserve(op->out, 8192 + NGX_SIO_SLOTS * 128
                                              + zone->name.len);
    if (start == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(start, "{\"ok\":true,\"version\":\"%s\",\"nginx\":\"%s\","
                    "\"pid\":%P,\"worker\":%i,", NGX_HTTP_SIO_VERSION,
                    NGINX_VERSION, ngx_pid, (ngx_int_t) ngx_sio_self);

    p = ngx_sprintf(p, "\"zone\":{\"name\":\"%V\",\"size\":%uz,\"log\":%uz},",
                    &zone->name, zone->size, zone->log_size);

    p = ngx_sprintf(p, "\"sessions\":{\"polling\":%ui,\"websocket\":%ui},",
                    st->polling, st->websocket);

    p = ngx_http_sio_api_status_pools(zone->shared, p);
    p = ngx_http_sio_api_status_log(zone, p);
    p = ngx_http_sio_api_status_workers(p);
    p = ngx_http_sio_api_status_counters(zone->shared, p);

    *p++ = '}';
    ngx_http_sio_api_commit(op->out, p);

    return NGX_OK;
}


static u_char *
ngx_http_sio_api_status_pools(ngx_sio_shared_t *sh, u_char *p)
{
    ngx_uint_t              i;
    const ngx_sio_pool_t   *pools[] = {
        &sh->session_pool, &sh->socket_pool, &sh->membership_pool,
        &sh->room_pool, &sh->namespace_pool, &sh->block_pool
    };

    static const char  *const names[] = {
        "sessions", "sockets", "memberships", "rooms", "namespaces", "blocks"
    };

    p = ngx_sprintf(p, "\"memory\":{");

    /* cell 0 is never used */

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        p = ngx_sprintf(p, "%s\"%s\":{\"used\":%uD,\"size\":%uD}",
                        i ? "," : "", names[i], pools[i]->used,
                        pools[i]->size - 1);
    }

    return ngx_sprintf(p, "},");
}


static u_char *
ngx_http_sio_api_status_log(ngx_sio_zone_t *zone, u_char *p)
{
    uint64_t                head, tail, now, seconds;
    ngx_time_t             *tp;
    ngx_sio_record_view_t   view;

    tail = sio_ring_tail(zone->shared->log);
    head = sio_ring_head(zone->shared->log);
    seconds = 0;

    if (ngx_sio_log_read(zone, tail, &view) == NGX_OK) {
        tp = ngx_timeofday();
        now = (uint64_t) tp->sec * 1000 + tp->msec;
        seconds = now > view.head.time ? (now - view.head.time) / 1000 : 0;
    }

    return ngx_sprintf(p, "\"log\":{\"size\":%uL,\"head\":%uL,\"tail\":%uL,"
                       "\"epoch\":%uL,\"seconds\":%uL},",
                       zone->shared->log->size, head, tail,
                       zone->shared->epoch, seconds);
}


static u_char *
ngx_http_sio_api_status_workers(u_char *p)
{
    ngx_uint_t       i, n;
    ngx_sio_slot_t  *slot;

    p = ngx_sprintf(p, "\"workers\":[");

    for (i = 0, n = 0; i < NGX_SIO_SLOTS; i++) {
        slot = &ngx_sio_slots->slot[i];

        if (slot->pid == 0) {
            continue;
        }

        p = ngx_sprintf(p, "%s{\"slot\":%ui,\"pid\":%uA,\"draining\":%s,"
                        "\"started\":%uA}", n++ ? "," : "", i, slot->pid,
                        slot->draining ? "true" : "false", slot->started);
    }

    return ngx_sprintf(p, "],");
}


static u_char *
ngx_http_sio_api_status_counters(ngx_sio_shared_t *sh, u_char *p)
{
    u_char                *block;
    uint64_t               sum;
    ngx_uint_t             i;
    const ngx_sio_stat_t  *stat;

    p = ngx_sprintf(p, "\"counters\":{");

    for (stat = ngx_sio_stat_names; stat->name.len; stat++) {

        /* the last block has what workers that are gone have counted */

        for (sum = 0, i = 0; i <= NGX_SIO_SLOTS; i++) {
            block = (u_char *) &sh->stats[i];
            sum += *(ngx_atomic_t *) (block + stat->offset);
        }

        p = ngx_sprintf(p, "%s\"%V\":%uL",
                        stat == ngx_sio_stat_names ? "" : ",", &stat->name,
                        sum);
    }

    return ngx_sprintf(p, "}");
}
