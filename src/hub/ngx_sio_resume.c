
/*
 * How a socket that waits goes on: its client has come back with another
 * session.  Called by the engine for a CONNECT; never decides about tokens.
 */

#include "ngx_sio_emit.h"
#include "ngx_sio_recovery.h"
#include "ngx_sio_registry.h"
#include "ngx_sio_resume.h"
#include "ngx_sio_send.h"
#include "ngx_sio_test.h"
#include "ngx_sio_tickets.h"


static ngx_int_t ngx_sio_recovery_move(ngx_sio_zone_t *zone,
    ngx_sio_recovery_t *r, uint32_t cell, ngx_sio_mask_t *wake);
static void ngx_sio_recovery_link(ngx_sio_zone_t *zone, uint32_t cell,
    uint32_t session);
static ngx_int_t ngx_sio_recovery_settle(ngx_sio_zone_t *zone,
    ngx_sio_recovery_t *r, uint32_t cell, ngx_sio_mask_t *wake);
static ngx_int_t ngx_sio_recovery_detach(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake);
static uint32_t ngx_sio_find_recovered(ngx_sio_zone_t *zone, void *data);
static void ngx_sio_recovery_leave_lost(ngx_sio_shared_t *sh,
    const ngx_sio_recovery_t *r);
static void ngx_sio_recovery_rewind(ngx_sio_shared_t *sh,
    const ngx_sio_recovery_t *r);
static void ngx_sio_recovery_start(ngx_sio_shared_t *sh, uint32_t cell,
    uint64_t noted, uint64_t start);


ngx_int_t
ngx_sio_recovery_take(ngx_sio_zone_t *zone, ngx_sio_recovery_t *r)
{
    uint32_t            cell;
    ngx_int_t           rc;
    ngx_sio_mask_t      wake;
    ngx_sio_session_t  *s;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(zone);

    rc = NGX_ABORT;
    s = ngx_sio_session_locked(zone, r->session);

    if (s == NULL) {
        goto done;
    }

    rc = ngx_sio_recovery_offset(zone, r);

    if (rc != NGX_OK) {
        goto done;
    }

    rc = NGX_DECLINED;
    cell = ngx_sio_recovery_find(zone, r, s);

    if (cell == 0) {
        ngx_sio_stat(zone, recoveries_unknown, 1);
        goto done;
    }

    r->from = ngx_max(r->from, zone->shared->sockets[cell].from);

    if (!ngx_sio_recovery_trusted(zone, r, &zone->shared->sockets[cell])) {
        ngx_sio_stat(zone, recoveries_token, 1);
        goto done;
    }

    if (zone->shared->sockets[cell].tried == (r->from << 1 | 1)) {
        rc = ngx_sio_recovery_settle(zone, r, cell, &wake);
        goto done;
    }

    if (!ngx_sio_recovery_held(zone, cell, r->from)) {
        ngx_sio_stat(zone, recoveries_lapped, 1);
        goto done;
    }

    rc = ngx_sio_session_crowded(zone->shared, s)
         ? NGX_DECLINED : ngx_sio_recovery_move(zone, r, cell, &wake);

    ngx_sio_stat(zone, recoveries_full, rc != NGX_OK);

done:

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);

    return rc;
}


/*
 * Stock clients keep what comes before the answer to their CONNECT, even over a
 * break, and remember the offset of what they have shown: the one that they
 * bring is then older than what they hold, and a replay from it would double
 * that.
 */

static ngx_int_t
ngx_sio_recovery_settle(ngx_sio_zone_t *zone, ngx_sio_recovery_t *r,
    uint32_t cell, ngx_sio_mask_t *wake)
{
    ngx_sio_socket_t  *so;

    so = &zone->shared->sockets[cell];

    if (so->state == NGX_SIO_LIVE
        && ngx_sio_recovery_detach(zone, cell, wake) != NGX_OK)
    {
        ngx_sio_stat(zone, recoveries_full, 1);
        return NGX_DECLINED;
    }

    so->tried = 0;
    so->wait = ngx_current_msec + so->recovery;
    ngx_memcpy(r->id, so->id, NGX_SIO_ID_LEN);

    ngx_sio_stat(zone, recoveries_broken, 1);

    return NGX_DONE;
}


/* An old connection that seems alive is replaced: its client is here. */

static ngx_int_t
ngx_sio_recovery_detach(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake)
{
    uint32_t           serial;
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;

    sh = zone->shared;
    so = &sh->sockets[cell];
    serial = so->serial;

    ngx_sio_session_replace_locked(zone, so->session, wake);

    if (so->state != NGX_SIO_WAITING || so->serial != serial) {
        return NGX_DECLINED;
    }

    /* what its old worker still does for it is void */

    ngx_sio_tickets_abandon_locked(sh, cell);
    so->serial = ++sh->serial;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_recovery_move(ngx_sio_zone_t *zone, ngx_sio_recovery_t *r,
    uint32_t cell, ngx_sio_mask_t *wake)
{
    uint32_t           old;
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;

    sh = zone->shared;
    so = &sh->sockets[cell];
    old = so->session;

    if (so->state == NGX_SIO_LIVE
        && ngx_sio_recovery_detach(zone, cell, wake) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (ngx_sio_tally_add(sh, so->user, r->limit_user) != NGX_OK) {
        return NGX_DECLINED;
    }

    so->start = NGX_SIO_FOREVER;
    so->reason = NGX_SIO_REASON_CLOSE;
    so->recovery = r->recovery;

    if (!r->kept) {
        so->expires = r->expires;
    }

    ngx_sio_recovery_link(zone, cell, r->session.cell);
    ngx_sio_test_point();
    so->state = NGX_SIO_LIVE;
    ngx_sio_test_point();

    ngx_sio_recovery_count_locked(sh, cell, 1);
    sh->namespaces[so->namespace].count++;

    if (sh->sessions[old].state == NGX_SIO_GONE) {
        ngx_sio_session_free_locked(zone, old);
    }

    sh->sessions[r->session.cell].connect_due = 0;

    r->socket.cell = cell;
    r->socket.serial = so->serial;
    r->taken = sio_ring_head(sh->log);
    r->meter = so->meter;
    ngx_memcpy(r->id, so->id, NGX_SIO_ID_LEN);

    ngx_sio_stat(zone, sockets_opened, 1);

    return NGX_OK;
}


static void
ngx_sio_recovery_link(ngx_sio_zone_t *zone, uint32_t cell, uint32_t session)
{
    uint32_t            m, *link;
    ngx_sio_shared_t   *sh;
    ngx_sio_socket_t   *so;
    ngx_sio_session_t  *s, *old;

    sh = zone->shared;
    so = &sh->sockets[cell];
    s = &sh->sessions[session];
    old = &sh->sessions[so->session];

    for (link = &old->sockets; *link != cell; /* void */ ) {
        link = &sh->sockets[*link].sibling;
    }

    *link = so->sibling;
    so->session = session;
    ngx_sio_test_point();
    so->sibling = s->sockets;
    s->sockets = cell;

    for (m = so->memberships; m; m = sh->memberships[m].next) {
        old->memberships--;
        s->memberships++;

        if (s->transport == NGX_SIO_POLLING) {
            sh->rooms[sh->memberships[m].room].polled = 1;
        }
    }

    if (s->transport == NGX_SIO_POLLING) {
        sh->namespaces[so->namespace].polled = 1;
    }

    if (s->owner) {
        ngx_sio_session_wakes_locked(zone, session,
                                     ngx_sio_worker_slot(s->owner));
    }
}


static uint32_t
ngx_sio_find_recovered(ngx_sio_zone_t *zone, void *data)
{
    ngx_sio_recovery_t *r = data;

    return ngx_sio_session_locked(zone, r->session)
           && ngx_sio_socket_locked(zone, r->socket)
           ? r->session.cell : 0;
}


ngx_int_t
ngx_sio_recovery_finish(ngx_sio_zone_t *zone, ngx_sio_recovery_t *r,
    const ngx_sio_payload_t *answer, ngx_sio_replay_t *replay)
{
    uint32_t            cell;
    ngx_sio_mask_t      wake;
    ngx_sio_shared_t   *sh;
    ngx_sio_socket_t   *so;

    sh = zone->shared;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    cell = ngx_sio_replay_lock(zone, ngx_sio_find_recovered, r);

    if (cell) {
        so = &sh->sockets[r->socket.cell];

        ngx_sio_recovery_leave_lost(sh, r);
        so->resumed = sio_ring_head(sh->log);
        so->tried = 0;

        ngx_sio_recovery_rewind(sh, r);
        so->start = r->from;
        ngx_sio_replay_socket_locked(zone, r->socket.cell, r->from, replay);

        if (sh->sessions[cell].transport == NGX_SIO_POLLING
            && ngx_sio_session_send_locked(zone, cell, answer, &wake)
               == NGX_OK)
        {
            so->resumed = sh->sessions[cell].last;
            so->tried = r->from << 1;
        }

        ngx_sio_stat(zone, recoveries, 1);
    }

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);

    return cell ? NGX_OK : NGX_ABORT;
}


/* Rooms that the new claims do not give were lost with the connection. */

static void
ngx_sio_recovery_leave_lost(ngx_sio_shared_t *sh, const ngx_sio_recovery_t *r)
{
    uint32_t               cell;
    uint64_t               lost;
    ngx_sio_membership_t  *m;

    cell = sh->sockets[r->socket.cell].memberships;
    lost = sh->sockets[r->socket.cell].lost;

    for ( /* void */ ; cell; cell = m->next) {
        m = &sh->memberships[cell];

        if (m->until != NGX_SIO_FOREVER && m->until >= r->taken) {
            m->until = ngx_min(m->until, ngx_max(m->from, lost));
        }
    }
}


/*
 * The session goes back to where the socket has missed something; the others
 * are not given again what they have got.
 */

static void
ngx_sio_recovery_rewind(ngx_sio_shared_t *sh, const ngx_sio_recovery_t *r)
{
    uint64_t           *cursor;
    ngx_sio_session_t  *s;

    s = &sh->sessions[r->session.cell];
    cursor = s->answering ? &s->answering : &s->cursor;

    if (s->transport == NGX_SIO_WEBSOCKET && !s->lagging) {
        s->cursor = r->live;
        ngx_sio_test_point();
        s->lagging = 1;
    }

    if (s->poll && s->answering == 0
        && (s->rewind == 0 || r->from < s->rewind))
    {
        s->rewind = r->from;
    }

    if (r->from >= *cursor) {
        return;
    }

    ngx_sio_recovery_start(sh, r->session.cell, NGX_SIO_FOREVER, *cursor);
    ngx_sio_test_point();
    *cursor = r->from;
}


static void
ngx_sio_recovery_start(ngx_sio_shared_t *sh, uint32_t cell, uint64_t noted,
    uint64_t start)
{
    uint32_t            socket;
    ngx_sio_socket_t   *so;
    ngx_sio_session_t  *s;

    s = &sh->sessions[cell];
    s->start = ngx_max(s->start, start);

    for (socket = s->sockets; socket; socket = so->sibling) {
        so = &sh->sockets[socket];

        if (so->resumed < noted) {
            so->start = ngx_max(so->start, start);
        }
    }
}


uint64_t
ngx_sio_recovery_rewound_locked(ngx_sio_zone_t *zone, uint32_t cell,
    uint64_t noted, uint64_t next)
{
    uint64_t            rewind;
    ngx_sio_session_t  *s;

    s = &zone->shared->sessions[cell];
    rewind = s->rewind;

    if (rewind == 0 || rewind >= next) {
        return next;
    }

    ngx_sio_recovery_start(zone->shared, cell, noted, next);

    return rewind;
}


void
ngx_sio_recovery_tried_locked(ngx_sio_shared_t *sh, uint32_t session,
    uint64_t position)
{
    uint32_t           socket;
    ngx_sio_socket_t  *so;

    socket = sh->sessions[session].sockets;

    for ( /* void */ ; socket; socket = so->sibling) {
        so = &sh->sockets[socket];

        if (so->tried && so->resumed >= position) {
            so->tried |= 1;
        }
    }
}
