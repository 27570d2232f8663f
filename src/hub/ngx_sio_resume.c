
/*
 * How a socket that waits goes on: its client has come back with another
 * session.  Called by the engine for a CONNECT; never decides about tokens.
 */

#include "ngx_sio_emit.h"
#include "ngx_sio_recovery.h"
#include "ngx_sio_registry.h"
#include "ngx_sio_send.h"
#include "ngx_sio_test.h"
#include "ngx_sio_tickets.h"


#define NGX_SIO_RECOVERY_CLAIMS  65536  /* bytes: longer ones are refused */


static uint32_t ngx_sio_recovery_find(ngx_sio_zone_t *zone,
    const ngx_sio_recovery_t *r, const ngx_sio_session_t *s);
static ngx_int_t ngx_sio_recovery_offset(ngx_sio_zone_t *zone,
    ngx_sio_recovery_t *r);
static ngx_uint_t ngx_sio_recovery_trusted(ngx_sio_zone_t *zone,
    const ngx_sio_recovery_t *r, const ngx_sio_socket_t *so);
static ngx_uint_t ngx_sio_recovery_held(ngx_sio_zone_t *zone, uint32_t cell,
    uint64_t from);
static ngx_uint_t ngx_sio_recovery_chain(ngx_sio_zone_t *zone, uint32_t kind,
    uint32_t id, uint64_t from, ngx_uint_t *left);
static ngx_int_t ngx_sio_recovery_move(ngx_sio_zone_t *zone,
    ngx_sio_recovery_t *r, uint32_t cell, ngx_sio_mask_t *wake);
static void ngx_sio_recovery_link(ngx_sio_zone_t *zone, uint32_t cell,
    uint32_t session);
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

    if (!ngx_sio_recovery_held(zone, cell, r->from)) {
        ngx_sio_stat(zone, recoveries_lapped, 1);
        goto done;
    }

    rc = ngx_sio_recovery_move(zone, r, cell, &wake);

    ngx_sio_stat(zone, recoveries_full, rc != NGX_OK);

done:

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);

    return rc;
}


/* A pid is a secret: equal bytes must not show in the time this takes. */

static uint32_t
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

static ngx_int_t
ngx_sio_recovery_offset(ngx_sio_zone_t *zone, ngx_sio_recovery_t *r)
{
    size_t     i;
    u_char     c, text[NGX_SIO_OFFSET_LEN + 1];
    uint64_t   position;

    r->from = 0;

    if (r->offset.n == 0) {
        return NGX_OK;
    }

    position = 0;

    for (i = 0; i < r->offset.n; i++) {
        c = r->offset.p[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'))) {
            break;
        }

        if (i >= 6) {
            position = position * 36 + (c >= 'a' ? c - 'a' + 10 : c - '0');
        }
    }

    if (i < r->offset.n || i < 7 || i > NGX_SIO_OFFSET_LEN - 1) {
        ngx_sio_stat(zone, recoveries_offset, 1);
        return NGX_DECLINED;
    }

    (void) ngx_sio_offset_write(zone, position, text);

    if (ngx_memcmp(text, r->offset.p, 6) != 0) {
        ngx_sio_stat(zone, recoveries_epoch, 1);
        return NGX_DECLINED;
    }

    if (position >= sio_ring_head(zone->shared->log)) {
        ngx_sio_stat(zone, recoveries_offset, 1);
        return NGX_DECLINED;
    }

    r->from = position + 1;

    return NGX_OK;
}


/* It is the same user's, whose token is not revoked. */

static ngx_uint_t
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

static ngx_uint_t
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


/* An old connection that seems alive is replaced: its client is here. */

static ngx_int_t
ngx_sio_recovery_move(ngx_sio_zone_t *zone, ngx_sio_recovery_t *r,
    uint32_t cell, ngx_sio_mask_t *wake)
{
    uint32_t           old, id;
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;

    sh = zone->shared;
    so = &sh->sockets[cell];
    old = so->session;
    id = so->serial;

    if (so->state == NGX_SIO_LIVE) {
        ngx_sio_session_replace_locked(zone, old, wake);

        if (so->state != NGX_SIO_WAITING || so->serial != id) {
            return NGX_DECLINED;
        }

        /* what its old worker still does for it is void */

        ngx_sio_tickets_abandon_locked(sh, cell);
        so->serial = ++sh->serial;
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

        if (sh->sessions[cell].transport == NGX_SIO_POLLING) {
            ngx_sio_recovery_rewind(sh, r);
            so->start = r->from;
            (void) ngx_sio_session_send_locked(zone, cell, answer, &wake);

        } else {
            so->start = r->from;
            ngx_sio_replay_socket_locked(zone, r->socket.cell, r->from,
                                         replay);
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
