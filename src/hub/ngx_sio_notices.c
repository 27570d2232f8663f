
/*
 * The outbox of sockets that have closed.  What is told, and to whom, is
 * decided above.
 */

#include "ngx_sio_notices.h"
#include "ngx_sio_test.h"


#define NGX_SIO_NOTICE_DELAY      500       /* ms after the first failure */
#define NGX_SIO_NOTICE_DELAY_MAX  30000


static void ngx_sio_notice_fill(ngx_sio_socket_t *so);
static void ngx_sio_notice_append(ngx_sio_shared_t *sh, uint32_t socket);
static uint32_t ngx_sio_notice_first(ngx_sio_shared_t *sh);
static ngx_uint_t ngx_sio_notice_held(ngx_sio_shared_t *sh, uint32_t socket);
static void ngx_sio_notice_end(ngx_sio_zone_t *zone, uint32_t socket);
static ngx_sio_socket_t *ngx_sio_notice_taken(ngx_sio_zone_t *zone,
    ngx_sio_ref_t socket);


void
ngx_sio_notice_due_locked(ngx_sio_zone_t *zone, uint32_t socket)
{
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;

    sh = zone->shared;
    so = &sh->sockets[socket];

    if (so->notice.state != NGX_SIO_NOTICE_WANTED) {
        return;
    }

    if (sh->notices >= sh->socket_pool.size / 4) {
        so->notice.state = NGX_SIO_NOTICE_NONE;
        ngx_sio_stat(zone, notices_given_up, 1);
        return;
    }

    ngx_sio_notice_fill(so);

    sh->notices++;
    ngx_sio_notice_append(sh, socket);
    ngx_sio_notice_post(zone, socket);
}


static void
ngx_sio_notice_fill(ngx_sio_socket_t *so)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    so->notice.ended = (uint64_t) tp->sec * 1000 + tp->msec;
    so->notice.due = ngx_current_msec;
    so->notice.teller = 0;
    so->notice.attempts = 0;
    ngx_sio_test_point();
    so->notice.state = NGX_SIO_NOTICE_DUE;
}


static void
ngx_sio_notice_append(ngx_sio_shared_t *sh, uint32_t socket)
{
    sh->sockets[socket].notice.next = 0;

    if (sh->outbox_last) {
        sh->sockets[sh->outbox_last].notice.next = socket;

    } else {
        sh->outbox_first = socket;
    }

    sh->outbox_last = socket;
}


void
ngx_sio_notice_post(ngx_sio_zone_t *zone, uint32_t socket)
{
    if (zone->outbox
        && zone->shared->sockets[socket].notice.state == NGX_SIO_NOTICE_DUE)
    {
        ngx_post_event(zone->outbox, &ngx_posted_events);
    }
}


ngx_int_t
ngx_sio_notice_take(ngx_sio_zone_t *zone, ngx_sio_ref_t *socket)
{
    uint32_t           cell;
    ngx_sio_shared_t  *sh;

    sh = zone->shared;

    /* a look without the lock: most of the time there is nothing */

    if (sh->outbox_first == 0) {
        return NGX_DECLINED;
    }

    ngx_sio_lock(zone);

    cell = ngx_sio_notice_first(sh);

    if (cell) {
        sh->sockets[cell].notice.teller = ngx_sio_self_worker;
        socket->cell = cell;
        socket->serial = sh->sockets[cell].serial;
    }

    ngx_sio_unlock(zone);

    return cell ? NGX_OK : NGX_DECLINED;
}


/* Those that have to wait go to the end: the list stays fair and short. */

static uint32_t
ngx_sio_notice_first(ngx_sio_shared_t *sh)
{
    uint32_t           cell;
    ngx_uint_t         n;
    ngx_sio_socket_t  *so;

    for (n = 0; n < NGX_SIO_OUTBOX_LOOK && sh->outbox_first; n++) {
        cell = sh->outbox_first;
        so = &sh->sockets[cell];

        sh->outbox_first = so->notice.next;

        if (sh->outbox_first == 0) {
            sh->outbox_last = 0;
        }

        if (so->tickets == 0 && so->notice.due <= ngx_current_msec) {
            return cell;
        }

        ngx_sio_notice_append(sh, cell);
    }

    return 0;
}


void
ngx_sio_notice_done(ngx_sio_zone_t *zone, ngx_sio_ref_t socket)
{
    ngx_sio_lock(zone);

    if (ngx_sio_notice_taken(zone, socket)) {
        ngx_sio_notice_end(zone, socket.cell);
    }

    ngx_sio_unlock(zone);
}


ngx_int_t
ngx_sio_notice_retry(ngx_sio_zone_t *zone, ngx_sio_ref_t socket,
    ngx_msec_t retry)
{
    uint64_t           delay, now;
    ngx_int_t          rc;
    ngx_time_t        *tp;
    ngx_sio_socket_t  *so;

    tp = ngx_timeofday();
    now = (uint64_t) tp->sec * 1000 + tp->msec;
    rc = NGX_OK;

    ngx_sio_lock(zone);

    so = ngx_sio_notice_taken(zone, socket);

    if (so == NULL) {
        goto done;
    }

    if (now > so->notice.ended && now - so->notice.ended >= retry) {
        ngx_sio_notice_end(zone, socket.cell);
        ngx_sio_stat(zone, notices_given_up, 1);
        rc = NGX_DECLINED;
        goto done;
    }

    delay = (uint64_t) NGX_SIO_NOTICE_DELAY << ngx_min(so->notice.attempts, 8);
    delay = ngx_min(delay, NGX_SIO_NOTICE_DELAY_MAX);

    if (so->notice.attempts < 255) {
        so->notice.attempts++;
    }

    so->notice.due = ngx_current_msec + delay;
    so->notice.teller = 0;
    ngx_sio_notice_append(zone->shared, socket.cell);

done:

    ngx_sio_unlock(zone);

    return rc;
}


static ngx_sio_socket_t *
ngx_sio_notice_taken(ngx_sio_zone_t *zone, ngx_sio_ref_t socket)
{
    ngx_sio_socket_t  *so;

    so = &zone->shared->sockets[socket.cell];

    return so->state == NGX_SIO_CLOSED && so->serial == socket.serial
           && so->notice.state == NGX_SIO_NOTICE_DUE
           && so->notice.teller == ngx_sio_self_worker
           ? so : NULL;
}


/* What is left goes with the session, or when the session has been told. */

static void
ngx_sio_notice_end(ngx_sio_zone_t *zone, uint32_t socket)
{
    zone->shared->sockets[socket].notice.state = NGX_SIO_NOTICE_NONE;
    zone->shared->notices--;
    ngx_sio_test_point();

    ngx_sio_socket_release_locked(zone, socket);
}


void
ngx_sio_socket_release_locked(ngx_sio_zone_t *zone, uint32_t socket)
{
    uint32_t  session;

    session = zone->shared->sockets[socket].session;

    if (zone->shared->sessions[session].state == NGX_SIO_GONE) {
        ngx_sio_session_free_locked(zone, session);
        return;
    }

    ngx_sio_session_sweep_locked(zone, session);
}


ngx_uint_t
ngx_sio_socket_held(ngx_sio_shared_t *sh, uint32_t socket)
{
    return ngx_sio_notice_held(sh, socket)
           || (sh->sockets[socket].state == NGX_SIO_CLOSED
               && sh->sockets[socket].tickets);
}


static ngx_uint_t
ngx_sio_notice_held(ngx_sio_shared_t *sh, uint32_t socket)
{
    return sh->sockets[socket].state == NGX_SIO_CLOSED
           && sh->sockets[socket].notice.state != NGX_SIO_NOTICE_NONE;
}


void
ngx_sio_notices_orphaned(ngx_sio_zone_t *zone, ngx_sio_worker_t dead)
{
    uint32_t           cell;
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;

    sh = zone->shared;

    for (cell = 1; cell < sh->socket_pool.fresh; cell++) {
        so = &sh->sockets[cell];

        if (so->notice.teller != dead || !ngx_sio_notice_held(sh, cell)) {
            continue;
        }

        ngx_sio_lock(zone);

        if (so->notice.teller == dead && ngx_sio_notice_held(sh, cell)) {
            so->notice.teller = 0;
            so->notice.due = ngx_current_msec;
            ngx_sio_notice_append(sh, cell);
        }

        ngx_sio_unlock(zone);
    }
}


void
ngx_sio_notices_rebuild(ngx_sio_shared_t *sh)
{
    uint32_t           cell;
    ngx_sio_socket_t  *so;

    sh->outbox_first = 0;
    sh->outbox_last = 0;
    sh->notices = 0;

    for (cell = 1; cell < sh->socket_pool.fresh; cell++) {
        so = &sh->sockets[cell];

        if (!ngx_sio_notice_held(sh, cell)) {
            continue;
        }

        if (so->notice.state == NGX_SIO_NOTICE_WANTED) {
            ngx_sio_notice_fill(so);
        }

        sh->notices++;

        if (so->notice.teller == 0) {
            ngx_sio_notice_append(sh, cell);
        }
    }
}
