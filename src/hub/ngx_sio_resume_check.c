
/*
 * Who may have a socket back: whether it is there, the offset is one of this
 * log, the token is the same user's, and the log still has what was missed.
 * Called by ngx_sio_resume.c, under the lock; never changes anything.
 */

#include "ngx_sio_emit.h"
#include "ngx_sio_recovery.h"
#include "ngx_sio_registry.h"
#include "ngx_sio_resume.h"


#define NGX_SIO_RECOVERY_CLAIMS  65536  /* bytes: more than there ever are */


static ngx_uint_t ngx_sio_recovery_chain(ngx_sio_zone_t *zone, uint32_t kind,
    uint32_t id, uint64_t from, ngx_uint_t *left);


/* A pid is a secret: equal bytes must not show in the time this takes. */

uint32_t
ngx_sio_recovery_find(ngx_sio_zone_t *zone, const ngx_sio_recovery_t *r,
    const ngx_sio_session_t *s)
{
    uint32_t           cell;
    u_char             pid[NGX_SIO_PID_LEN];
    ngx_int_t          digit;
    ngx_uint_t         i, diff;
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;

    sh = zone->shared;

    if (r->pid.n != NGX_SIO_PID_LEN) {
        return 0;
    }

    for (cell = 0, i = NGX_SIO_ID_LEN; i < NGX_SIO_PID_LEN; i++) {
        digit = r->pid.p[i];
        digit = digit >= 'a' ? digit - 'a' + 10 : digit - '0';
        cell = cell * 36 + (uint32_t) digit;
    }

    if (cell == 0 || cell >= sh->socket_pool.fresh) {
        return 0;
    }

    so = &sh->sockets[cell];

    if ((so->state != NGX_SIO_LIVE && so->state != NGX_SIO_WAITING)
        || so->recovery == 0
        || (so->state == NGX_SIO_WAITING
            && so->wait <= (uint64_t) ngx_current_msec)
        || sh->sessions[so->session].endpoint != s->endpoint
        || &sh->sessions[so->session] == s
        || !ngx_sio_string_is(sh, sh->namespaces[so->namespace].name,
                              r->namespace))
    {
        return 0;
    }

    ngx_memcpy(pid, so->pid, NGX_SIO_ID_LEN);
    ngx_sio_pid_write(cell, pid);

    for (diff = 0, i = 0; i < NGX_SIO_PID_LEN; i++) {
        diff |= pid[i] ^ r->pid.p[i];
    }

    return diff ? 0 : cell;
}


/* Sets from to the position behind the offset, 0 without one. */

ngx_int_t
ngx_sio_recovery_offset(ngx_sio_zone_t *zone, ngx_sio_recovery_t *r)
{
    int        rc;
    uint64_t   position;

    r->from = 0;

    if (r->offset.n == 0) {
        return NGX_OK;
    }

    rc = sio_offset_read(r->offset, zone->shared->epoch, &position);

    if (rc == SIO_AGAIN) {
        ngx_sio_stat(zone, recoveries_epoch, 1);
        return NGX_DECLINED;
    }

    if (rc != SIO_OK || position >= sio_ring_head(zone->shared->log)) {
        ngx_sio_stat(zone, recoveries_offset, 1);
        return NGX_DECLINED;
    }

    r->from = position + 1;

    return NGX_OK;
}


/* It is the same user's, whose token is not revoked. */

ngx_uint_t
ngx_sio_recovery_trusted(ngx_sio_zone_t *zone, const ngx_sio_recovery_t *r,
    const ngx_sio_socket_t *so)
{
    sio_span_t         text;
    ngx_sio_marks_t    marks;
    ngx_sio_shared_t  *sh;

    static u_char      claims[NGX_SIO_RECOVERY_CLAIMS];

    sh = zone->shared;

    if (r->kept) {
        text.p = claims;
        text.n = ngx_sio_string_copy(sh, so->claims, claims, sizeof(claims));
        ngx_sio_marks(text, &marks);

        return (so->expires == 0 || so->expires > (uint64_t) ngx_time())
               && !ngx_sio_revoked_locked(sh, &marks);
    }

    return (so->claims != 0) == (r->claims != 0)
           && so->user == ngx_sio_tally_user(sh, r->namespace, r->user)
           && !(r->marks && ngx_sio_revoked_locked(sh, r->marks));
}


/* Whether the log has all that was addressed to a socket from there on. */

ngx_uint_t
ngx_sio_recovery_held(ngx_sio_zone_t *zone, uint32_t cell, uint64_t from)
{
    uint32_t           m;
    ngx_uint_t         left;
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;

    sh = zone->shared;
    so = &sh->sockets[cell];
    left = NGX_SIO_RECOVERY_WALK;

    if (from < so->kept || from < sh->rebuilt) {
        return 0;
    }

    if (from >= sio_ring_tail(sh->log)) {
        return 1;
    }

    if (!ngx_sio_recovery_chain(zone, NGX_SIO_TO_NAMESPACE, so->namespace,
                                from, &left)
        || !ngx_sio_recovery_chain(zone, NGX_SIO_TO_SOCKET, cell, from, &left))
    {
        return 0;
    }

    for (m = so->memberships; m; m = sh->memberships[m].next) {

        if (sh->memberships[m].until > from
            && !ngx_sio_recovery_chain(zone, NGX_SIO_TO_ROOM,
                                  sh->memberships[m].room,
                                  ngx_max(from, sh->memberships[m].from),
                                  &left))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_sio_recovery_chain(ngx_sio_zone_t *zone, uint32_t kind, uint32_t id,
    uint64_t from, ngx_uint_t *left)
{
    uint64_t                position;
    ngx_uint_t              i;
    ngx_sio_record_view_t   view;

    position = *ngx_sio_target_last(zone->shared, kind, id);

    while (position && position >= from) {

        if ((*left)-- == 0) {
            *left = 0;
            return 0;
        }

        if (ngx_sio_log_read(zone, position, &view) != NGX_OK) {
            return 0;
        }

        position = 0;

        for (i = 0; i < view.head.targets; i++) {
            if (view.targets[i].id == id && view.targets[i].kind == kind) {
                position = view.targets[i].prev;
                break;
            }
        }
    }

    return 1;
}
