
/*
 * Sockets that wait for their clients, and the offsets that these come back
 * with.  Called by who ends sessions and by the janitor; how a socket goes on
 * is in ngx_sio_resume.c.
 */

#include "ngx_sio_emit.h"
#include "ngx_sio_recovery.h"
#include "ngx_sio_registry.h"
#include "ngx_sio_test.h"


static ngx_uint_t ngx_sio_recovery_short(ngx_sio_shared_t *sh);


void
ngx_sio_pid_write(uint32_t cell, u_char *pid)
{
    ngx_uint_t  i;

    static const u_char  digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

    for (i = NGX_SIO_PID_LEN; i > NGX_SIO_ID_LEN; i--) {
        pid[i - 1] = digits[cell % 36];
        cell /= 36;
    }
}


ngx_int_t
ngx_sio_recovery_wait_locked(ngx_sio_zone_t *zone, uint32_t cell)
{
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;

    sh = zone->shared;
    so = &sh->sockets[cell];

    if (so->recovery == 0
        || (so->expires && so->expires <= (uint64_t) ngx_time()))
    {
        return NGX_DECLINED;
    }

    if (ngx_sio_recovery_short(sh)) {
        ngx_sio_stat(zone, waits_given_up, 1);
        return NGX_DECLINED;
    }

    so->reason = sh->sessions[so->session].reason;
    so->wait = ngx_current_msec + so->recovery;
    so->lost = sio_ring_head(sh->log);
    ngx_sio_test_point();
    so->state = NGX_SIO_WAITING;
    ngx_sio_test_point();

    ngx_sio_recovery_count_locked(sh, cell, 0);
    ngx_sio_tally_drop(sh, so->user);
    sh->namespaces[so->namespace].count--;

    ngx_sio_stat(zone, sockets_closed, 1);

    return NGX_OK;
}


/* New clients need the cells more than those who may never come back. */

static ngx_uint_t
ngx_sio_recovery_short(ngx_sio_shared_t *sh)
{
    ngx_uint_t             i;
    const ngx_sio_pool_t  *pools[5];

    pools[0] = &sh->session_pool;
    pools[1] = &sh->socket_pool;
    pools[2] = &sh->membership_pool;
    pools[3] = &sh->room_pool;
    pools[4] = &sh->block_pool;

    for (i = 0; i < 5; i++) {
        if (pools[i]->used > pools[i]->size - pools[i]->size / 8) {
            return 1;
        }
    }

    return 0;
}


void
ngx_sio_recovery_count_locked(ngx_sio_shared_t *sh, uint32_t cell,
    ngx_uint_t live)
{
    uint32_t         m;
    ngx_sio_room_t  *room;

    for (m = sh->sockets[cell].memberships; m; m = sh->memberships[m].next) {

        if (sh->memberships[m].until != NGX_SIO_FOREVER) {
            continue;
        }

        room = &sh->rooms[sh->memberships[m].room];

        if (live) {
            room->waiting--;
            room->count++;

        } else {
            room->count--;
            room->waiting++;
        }
    }
}


void
ngx_sio_recovery_expire(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake)
{
    uint32_t           session;
    ngx_uint_t         over;
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;

    sh = zone->shared;
    so = &sh->sockets[cell];

    if (so->state != NGX_SIO_WAITING
        || (so->wait > (uint64_t) ngx_current_msec
            && !ngx_sio_recovery_short(sh)))
    {
        return;
    }

    ngx_sio_lock(zone);

    over = so->wait <= (uint64_t) ngx_current_msec;

    if (so->state == NGX_SIO_WAITING
        && (over || ngx_sio_recovery_short(sh)))
    {
        session = so->session;
        ngx_sio_stat(zone, waits_over, over);
        ngx_sio_stat(zone, waits_given_up, !over);
        ngx_sio_socket_close_locked(zone, cell, wake);

        if (sh->sessions[session].state == NGX_SIO_GONE) {
            ngx_sio_session_free_locked(zone, session);

        } else {
            ngx_sio_session_sweep_locked(zone, session);
        }
    }

    ngx_sio_unlock(zone);
}


ngx_uint_t
ngx_sio_recovery_keeps(ngx_sio_shared_t *sh, uint32_t membership,
    ngx_uint_t *n)
{
    uint64_t               last;
    ngx_sio_socket_t      *so;
    ngx_sio_membership_t  *m;

    m = &sh->memberships[membership];
    so = &sh->sockets[m->socket];

    if (so->state != NGX_SIO_LIVE || so->recovery == 0) {
        return 0;
    }

    last = ngx_max(sh->rooms[m->room].last, sh->rooms[m->room].excepted);

    if (last < m->from) {
        /* nothing was published meanwhile */
        return 0;
    }

    if (m->until > sio_ring_tail(sh->log)
        && !ngx_sio_recovery_short(sh)
        && ++*n <= NGX_SIO_RECOVERY_KEPT)
    {
        return 1;
    }

    so->kept = ngx_max(so->kept, ngx_min(m->until, last + 1));

    return 0;
}


size_t
ngx_sio_recovery_stamp(ngx_sio_zone_t *zone, const ngx_sio_record_view_t *view,
    sio_span_t *text, u_char *dst)
{
    size_t   n;
    u_char  *p;

    if (view->head.type != NGX_SIO_RECORD_EVENT
        || (view->head.flags & NGX_SIO_ASKS))
    {
        return 0;
    }

    for (n = text->n; n && ngx_strchr(" \t\r\n", text->p[n - 1]); n--) {
        /* JSON may end in white space */
    }

    /* "42", "45": an ack has the arguments that it was given */

    if (n < 2 || text->p[n - 1] != ']'
        || (text->p[1] != '2' && text->p[1] != '5'))
    {
        return 0;
    }

    text->n = n - 1;

    p = ngx_cpymem(dst, ",\"", 2);
    p = ngx_sio_offset_write(zone, view->head.ring.position, p);
    p = ngx_cpymem(p, "\"]", 2);

    return p - dst;
}
