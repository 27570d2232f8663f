
/*
 * GET status: what operators ask of a zone.  Sessions and sockets are counted
 * in walks without the lock, some in each turn of the event loop.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_sio_cluster.h"
#include "ngx_http_sio_api_operations.h"


#define NGX_HTTP_SIO_API_CELLS  65536       /* in one turn */


typedef struct {
    uint32_t           session;             /* the next to be looked at */
    uint32_t           socket;
    ngx_uint_t         polling;
    ngx_uint_t         websocket;
    ngx_uint_t         connected;
    ngx_uint_t         waiting;
} ngx_http_sio_api_status_t;


static ngx_uint_t ngx_http_sio_api_status_sessions(ngx_sio_shared_t *sh,
    ngx_http_sio_api_status_t *st);
static ngx_uint_t ngx_http_sio_api_status_sockets(ngx_sio_shared_t *sh,
    ngx_http_sio_api_status_t *st);
static ngx_int_t ngx_http_sio_api_status_answer(ngx_http_sio_api_op_t *op);
static u_char *ngx_http_sio_api_status_pools(ngx_sio_shared_t *sh, u_char *p);
static u_char *ngx_http_sio_api_status_log(ngx_sio_zone_t *zone, u_char *p);
static u_char *ngx_http_sio_api_status_workers(ngx_sio_shared_t *sh,
    u_char *p);
static u_char *ngx_http_sio_api_status_counters(ngx_sio_shared_t *sh,
    u_char *p);


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
    ngx_sio_shared_t           *sh;
    ngx_http_sio_api_status_t  *st;

    st = op->state;
    sh = op->zone->shared;

    if (ngx_http_sio_api_status_sessions(sh, st)
        || ngx_http_sio_api_status_sockets(sh, st))
    {
        return NGX_AGAIN;
    }

    return ngx_http_sio_api_status_answer(op);
}


/* Returns whether there are more; cell 0 is never used. */

static ngx_uint_t
ngx_http_sio_api_status_sessions(ngx_sio_shared_t *sh,
    ngx_http_sio_api_status_t *st)
{
    uint32_t            last;
    ngx_sio_session_t  *session;

    last = sh->session_pool.fresh;
    last = ngx_min(last, st->session + NGX_HTTP_SIO_API_CELLS);

    for ( /* void */ ; st->session < last; st->session++) {
        session = &sh->sessions[st->session];

        if (st->session == 0 || session->state != NGX_SIO_LIVE) {
            continue;
        }

        if (session->transport == NGX_SIO_WEBSOCKET) {
            st->websocket++;

        } else {
            st->polling++;
        }
    }

    return last < sh->session_pool.fresh;
}


static ngx_uint_t
ngx_http_sio_api_status_sockets(ngx_sio_shared_t *sh,
    ngx_http_sio_api_status_t *st)
{
    uint32_t  last, state;

    last = sh->socket_pool.fresh;
    last = ngx_min(last, st->socket + NGX_HTTP_SIO_API_CELLS);

    for ( /* void */ ; st->socket < last; st->socket++) {
        state = st->socket ? sh->sockets[st->socket].state : NGX_SIO_FREE;

        st->connected += state == NGX_SIO_LIVE;
        st->waiting += state == NGX_SIO_WAITING;
    }

    return last < sh->socket_pool.fresh;
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

    p = ngx_sprintf(p, "\"sockets\":{\"connected\":%ui,\"waiting\":%ui},",
                    st->connected, st->waiting);

    p = ngx_http_sio_api_status_pools(zone->shared, p);
    p = ngx_http_sio_api_status_log(zone, p);
    p = ngx_sio_cluster_status(zone, p);
    p = ngx_http_sio_api_status_workers(zone->shared, p);
    p = ngx_http_sio_api_status_counters(zone->shared, p);

    *p++ = '}';
    ngx_http_sio_api_commit(op->out, p);

    return NGX_OK;
}


static u_char *
ngx_http_sio_api_status_pools(ngx_sio_shared_t *sh, u_char *p)
{
    const ngx_sio_stat_t  *name;
    const ngx_sio_pool_t  *pool;

    p = ngx_sprintf(p, "\"memory\":{");

    for (name = ngx_sio_pool_names; name->name.len; name++) {
        pool = (ngx_sio_pool_t *) ((u_char *) sh + name->offset);

        p = ngx_sprintf(p, "%s\"%V\":{\"used\":%uD,\"size\":%uD}",
                        name == ngx_sio_pool_names ? "" : ",", &name->name,
                        pool->used, pool->size - 1);
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
ngx_http_sio_api_status_workers(ngx_sio_shared_t *sh, u_char *p)
{
    uint64_t         read, head;
    ngx_uint_t       i, n;
    ngx_sio_slot_t  *slot;

    p = ngx_sprintf(p, "\"workers\":[");

    for (i = 0, n = 0; i < NGX_SIO_SLOTS; i++) {
        slot = &ngx_sio_slots->slot[i];

        if (slot->pid == 0) {
            continue;
        }

        p = ngx_sprintf(p, "%s{\"slot\":%ui,\"pid\":%uA,\"draining\":%s,"
                        "\"started\":%uA", n++ ? "," : "", i, slot->pid,
                        slot->draining ? "true" : "false", slot->started);

        /* the head is read last, as it moves on */

        read = sh->read[i];
        head = sio_ring_head(sh->log) + 1;

        if (read) {
            p = ngx_sprintf(p, ",\"lag\":%uL", head > read ? head - read : 0);
        }

        *p++ = '}';
    }

    return ngx_sprintf(p, "],\"slots\":{\"used\":%ui,\"size\":%ui},", n,
                       (ngx_uint_t) NGX_SIO_SLOTS);
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
