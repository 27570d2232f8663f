
/*
 * Bounds what clients and publishers can write to the error log, and tells
 * there what a zone lacks.  The lock's holder notes it when a pool has no cell
 * left and gives the lock back before it is logged.
 */

#include "ngx_sio_seldom.h"


static const ngx_sio_pool_t  *ngx_sio_lacking;


ngx_uint_t
ngx_sio_log_now(time_t *last)
{
    if (*last == ngx_time()) {
        return 0;
    }

    *last = ngx_time();

    return 1;
}


ngx_uint_t
ngx_sio_log_counted(ngx_sio_seldom_t *seldom, ngx_uint_t *n)
{
    seldom->n++;

    if (!ngx_sio_log_now(&seldom->last)) {
        return 0;
    }

    *n = seldom->n;
    seldom->n = 0;

    return 1;
}


void
ngx_sio_lack(const ngx_sio_pool_t *pool)
{
    ngx_sio_lacking = pool;
}


const ngx_sio_pool_t *
ngx_sio_lacked(void)
{
    const ngx_sio_pool_t  *pool;

    pool = ngx_sio_lacking;
    ngx_sio_lacking = NULL;

    return pool;
}


void
ngx_sio_lack_log(ngx_sio_zone_t *zone, const ngx_sio_pool_t *pool)
{
    size_t                 offset;
    const ngx_sio_stat_t  *name;

    static time_t          last;

    if (!ngx_sio_log_now(&last)) {
        return;
    }

    offset = (u_char *) pool - (u_char *) zone->shared;

    for (name = ngx_sio_pool_names; name->name.len; name++) {
        if (name->offset == offset) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "socketio_zone \"%V\" is full: all its %uD %V are "
                          "in use, what needs more is refused: make it larger",
                          &zone->name, pool->size - 1, &name->name);
        }
    }
}
