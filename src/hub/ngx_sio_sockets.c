
/*
 * Sockets of a zone: sessions in namespaces, and what is left of them until
 * their client has been told.  Who may connect is decided above.
 */

#include "ngx_sio_announce.h"
#include "ngx_sio_meter.h"
#include "ngx_sio_notices.h"
#include "ngx_sio_recovery.h"
#include "ngx_sio_send.h"
#include "ngx_sio_tickets.h"
#include "ngx_sio_rooms.h"
#include "ngx_sio_tally.h"
#include "ngx_sio_test.h"


static ngx_int_t ngx_sio_socket_count(ngx_sio_shared_t *sh,
    ngx_sio_socket_t *so, const ngx_sio_connect_t *connect);
static ngx_int_t ngx_sio_socket_fill(ngx_sio_shared_t *sh,
    ngx_sio_socket_t *so, const ngx_sio_connect_t *connect);
static ngx_int_t ngx_sio_socket_enter(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_connect_t *connect, ngx_sio_mask_t *wake);
static ngx_uint_t ngx_sio_session_in(ngx_sio_shared_t *sh,
    ngx_sio_session_t *s, sio_span_t namespace);
static void ngx_sio_socket_tell(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_uint_t answered, ngx_sio_mask_t *wake);
static uint32_t ngx_sio_namespace_limited(ngx_sio_shared_t *sh,
    sio_span_t name, ngx_uint_t limit);
static void ngx_sio_namespace_left(ngx_sio_shared_t *sh, uint32_t cell);


ngx_int_t
ngx_sio_socket_open(ngx_sio_zone_t *zone, ngx_sio_connect_t *connect)
{
    uint32_t            cell;
    ngx_int_t           rc;
    ngx_sio_mask_t      wake;
    ngx_sio_shared_t   *sh;
    ngx_sio_socket_t   *so;
    ngx_sio_session_t  *s;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    sh = zone->shared;

    ngx_sio_lock(zone);

    rc = NGX_ABORT;
    s = ngx_sio_session_locked(zone, connect->session);
    if (s == NULL) {
        goto done;
    }

    rc = NGX_DONE;
    if (connect->tell && ngx_sio_session_in(sh, s, connect->namespace)) {
        goto done;
    }

    rc = NGX_DECLINED;

    if (connect->marks && ngx_sio_revoked_locked(sh, connect->marks)) {
        connect->revoked = 1;
        goto done;
    }

    cell = ngx_sio_session_crowded(sh, s) ? 0 : ngx_sio_socket_cell(sh);
    if (cell == 0) {
        goto done;
    }

    so = &sh->sockets[cell];
    so->session = connect->session.cell;
    ngx_memcpy(so->id, connect->id, NGX_SIO_ID_LEN);

    rc = ngx_sio_socket_count(sh, so, connect);
    if (rc != NGX_OK) {
        ngx_sio_socket_cell_free(sh, cell);
        goto done;
    }

    if (s->transport == NGX_SIO_POLLING) {
        sh->namespaces[so->namespace].polled = 1;
    }

    if (s->owner) {
        ngx_sio_mask_set(&sh->namespaces[so->namespace].workers,
                         ngx_sio_worker_slot(s->owner));
    }

    so->sibling = s->sockets;
    s->sockets = cell;
    ngx_sio_socket_link(sh, cell);
    so->state = NGX_SIO_LIVE;

    rc = ngx_sio_socket_enter(zone, cell, connect, &wake);

done:

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);

    ngx_sio_stat(zone, sockets_limited, rc == NGX_BUSY);

    return rc;
}


/*
 * Rooms first, then the answer, and what comes after that is the socket's.  Its
 * own joins are announced behind that place, so that it can be excepted there.
 */

static ngx_int_t
ngx_sio_socket_enter(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_connect_t *connect, ngx_sio_mask_t *wake)
{
    ngx_sio_shared_t   *sh;
    ngx_sio_socket_t   *so;
    ngx_sio_change_t    change;
    ngx_sio_session_t  *s;

    sh = zone->shared;
    so = &sh->sockets[cell];

    connect->socket.cell = cell;
    connect->socket.serial = so->serial;
    connect->cell = so->namespace;
    connect->meter = so->meter;

    if (connect->recovery) {
        ngx_sio_pid_write(cell, connect->pid);
    }

    ngx_memzero(&change, sizeof(ngx_sio_change_t));

    change.zone = zone;
    change.socket = connect->socket;
    change.rooms = connect->rooms;
    change.n = connect->nrooms;
    change.cells = connect->cells;
    change.ruled = 1;
    change.revision = so->revision;

    ngx_sio_stat(zone, sockets_opened, 1);

    if (connect->nrooms
        && ngx_sio_rooms_join_locked(&change, wake) != NGX_OK)
    {
        ngx_sio_socket_close_locked(zone, cell, wake);
        ngx_sio_session_sweep_locked(zone, so->session);
        return NGX_DECLINED;
    }

    s = &sh->sessions[so->session];
    connect->answered = s->transport == NGX_SIO_POLLING || s->lagging;

    if (connect->answered) {
        (void) ngx_sio_session_send_locked(zone, so->session,
                                           &connect->answer, wake);
    }

    so->from = sio_ring_head(sh->log);
    connect->from = so->from;
    s->connect_due = 0;

    so->notice.state = connect->notice ? NGX_SIO_NOTICE_WANTED
                                 : NGX_SIO_NOTICE_NONE;

    if (connect->tell) {
        ngx_sio_socket_tell(zone, cell, connect->answered, wake);
    }

    so->announce = connect->announce;
    ngx_sio_announce_joins_locked(zone, cell, connect->cells, connect->nrooms,
                                  wake);

    return NGX_OK;
}


/* A worker that did not open its client's socket itself hears of it. */

static void
ngx_sio_socket_tell(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_uint_t answered, ngx_sio_mask_t *wake)
{
    ngx_sio_socket_t   *so;
    ngx_sio_control_t   control;
    ngx_sio_session_t  *s;

    so = &zone->shared->sockets[cell];
    s = &zone->shared->sessions[so->session];

    if (s->transport == NGX_SIO_POLLING) {
        return;
    }

    ngx_memzero(&control, sizeof(ngx_sio_control_t));

    control.op = NGX_SIO_CTL_CONNECTED;
    control.room = answered;
    control.session.cell = so->session;
    control.session.serial = s->serial;
    control.socket.cell = cell;
    control.socket.serial = so->serial;

    ngx_sio_control_locked(zone, s->owner, &control, wake);
}


static ngx_uint_t
ngx_sio_session_in(ngx_sio_shared_t *sh, ngx_sio_session_t *s,
    sio_span_t namespace)
{
    uint32_t           socket;
    ngx_sio_socket_t  *so;

    for (socket = s->sockets; socket; socket = so->sibling) {
        so = &sh->sockets[socket];

        if (so->state == NGX_SIO_LIVE
            && ngx_sio_string_is(sh, sh->namespaces[so->namespace].name,
                                 namespace))
        {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_sio_session_crowded(ngx_sio_shared_t *sh, ngx_sio_session_t *s)
{
    uint32_t    socket;
    ngx_uint_t  n, closed;

    n = 0;
    closed = 0;

    for (socket = s->sockets; socket; socket = sh->sockets[socket].sibling) {
        n++;
        closed += sh->sockets[socket].state == NGX_SIO_CLOSED;
    }

    return n >= NGX_SIO_SESSION_SOCKETS || closed >= NGX_SIO_SESSION_CLOSED;
}


static ngx_int_t
ngx_sio_socket_count(ngx_sio_shared_t *sh, ngx_sio_socket_t *so,
    const ngx_sio_connect_t *connect)
{
    ngx_int_t  rc;

    so->user = ngx_sio_tally_user(sh, connect->namespace, connect->user);

    rc = ngx_sio_tally_add(sh, so->user, connect->limit_user);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_sio_socket_fill(sh, so, connect);

    if (rc != NGX_OK) {
        ngx_sio_tally_drop(sh, so->user);
    }

    return rc;
}


static ngx_int_t
ngx_sio_socket_fill(ngx_sio_shared_t *sh, ngx_sio_socket_t *so,
    const ngx_sio_connect_t *connect)
{
    uint32_t  nsp;

    nsp = ngx_sio_namespace_limited(sh, connect->namespace, connect->limit);
    if (nsp == 0) {
        return NGX_DECLINED;
    }

    sh->namespaces[nsp].refs++;

    if (ngx_sio_string_store(sh, connect->claims, &so->claims) != NGX_OK) {
        ngx_sio_namespace_left(sh, nsp);
        return NGX_DECLINED;
    }

    if (ngx_sio_string_store(sh, connect->data, &so->data) != NGX_OK) {
        ngx_sio_string_free(sh, so->claims);
        ngx_sio_namespace_left(sh, nsp);
        return NGX_DECLINED;
    }

    /* from here on even if it is closed again, or its worker dies now */
    so->from = sio_ring_head(sh->log);
    so->expires = connect->expires;
    so->namespace = nsp;
    so->until = NGX_SIO_FOREVER;
    so->recovery = connect->recovery;
    ngx_memcpy(so->pid, connect->pid, NGX_SIO_ID_LEN);

    (void) ngx_sio_meter_begin(&sh->sessions[so->session], &connect->events,
                               &so->meter);

    sh->namespaces[nsp].count++;

    return NGX_OK;
}


/* There are at most NGX_SIO_NAMESPACES cells, so this walk is short. */

static uint32_t
ngx_sio_namespace_limited(ngx_sio_shared_t *sh, sio_span_t name,
    ngx_uint_t limit)
{
    uint32_t    cell;
    ngx_uint_t  i, n;

    cell = ngx_sio_namespace_find(sh, name);

    if (cell || limit == 0) {
        return cell ? cell : ngx_sio_namespace_obtain(sh, name);
    }

    for (n = 0, i = 1; i < sh->namespace_pool.fresh; i++) {
        n += sh->namespaces[i].state == NGX_SIO_LIVE
             && sh->namespaces[i].pattern;
    }

    if (n >= limit) {
        return 0;
    }

    cell = ngx_sio_namespace_obtain(sh, name);

    if (cell) {
        sh->namespaces[cell].pattern = 1;
    }

    return cell;
}


void
ngx_sio_socket_close(ngx_sio_zone_t *zone, ngx_sio_ref_t socket,
    ngx_sio_reason_t reason)
{
    ngx_sio_mask_t  wake;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(zone);

    if (ngx_sio_socket_locked(zone, socket) != NULL) {
        zone->shared->sockets[socket.cell].reason = reason;
        ngx_sio_socket_close_locked(zone, socket.cell, &wake);
        ngx_sio_session_sweep_locked(zone,
                                  zone->shared->sockets[socket.cell].session);
    }

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);
}


void
ngx_sio_socket_close_locked(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake)
{
    uint32_t               m;
    uint64_t               head;
    ngx_uint_t             waiting;
    ngx_sio_room_t        *room;
    ngx_sio_shared_t      *sh;
    ngx_sio_socket_t      *so;
    ngx_sio_membership_t  *memberships;

    sh = zone->shared;
    so = &sh->sockets[cell];
    head = sio_ring_head(sh->log);
    memberships = sh->memberships;

    waiting = so->state == NGX_SIO_WAITING;

    if (so->reason == NGX_SIO_REASON_CLOSE) {
        so->reason = sh->sessions[so->session].reason;
    }

    so->state = NGX_SIO_CLOSED;
    ngx_sio_test_point();
    so->until = head;

    for (m = so->memberships; m; m = memberships[m].next) {
        if (memberships[m].until == NGX_SIO_FOREVER) {
            memberships[m].last = 1;
            ngx_sio_test_point();
            memberships[m].until = head;
            room = &sh->rooms[memberships[m].room];
            room->count -= !waiting;
            room->waiting -= waiting;
        }
    }

    so->rooms = 0;

    if (!waiting) {
        ngx_sio_tally_drop(sh, so->user);
        sh->namespaces[so->namespace].count--;
        sh->sessions[so->session].left = 1;

        ngx_sio_stat(zone, sockets_closed, 1);
    }

    ngx_sio_announce_leaves_locked(zone, cell, wake);
    ngx_sio_notice_due_locked(zone, cell);
}


void
ngx_sio_socket_free_locked(ngx_sio_zone_t *zone, uint32_t cell)
{
    uint32_t           m, next;
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;

    sh = zone->shared;
    so = &sh->sockets[cell];

    for (m = so->memberships; m; m = next) {
        next = sh->memberships[m].next;
        ngx_sio_membership_free_locked(zone, m);
        sh->sessions[so->session].memberships--;
    }

    so->state = NGX_SIO_FREE;
    ngx_sio_tickets_abandon_locked(sh, cell);
    ngx_sio_socket_unlink(sh, cell);
    ngx_sio_string_free(sh, so->data);
    ngx_sio_string_free(sh, so->claims);
    ngx_sio_string_free(sh, so->rates);
    ngx_sio_namespace_left(sh, so->namespace);
    ngx_sio_socket_cell_free(sh, cell);
}


static void
ngx_sio_namespace_left(ngx_sio_shared_t *sh, uint32_t cell)
{
    if (--sh->namespaces[cell].refs == 0) {
        ngx_sio_namespace_release(sh, cell);
    }
}


void
ngx_sio_membership_free_locked(ngx_sio_zone_t *zone, uint32_t cell)
{
    ngx_sio_room_t        *room;
    ngx_sio_shared_t      *sh;
    ngx_sio_membership_t  *m;

    sh = zone->shared;
    m = &sh->memberships[cell];
    room = &sh->rooms[m->room];

    m->state = NGX_SIO_FREE;
    ngx_sio_test_point();

    if (m->prev_member) {
        sh->memberships[m->prev_member].next_member = m->next_member;

    } else {
        room->members = m->next_member;
    }

    if (m->next_member) {
        sh->memberships[m->next_member].prev_member = m->prev_member;
    }

    if (--room->refs == 0) {
        ngx_sio_room_release(sh, m->room);
    }

    ngx_sio_membership_cell_free(sh, cell);
}


/*
 * A WebSocket's worker calls this when it has given the client what was due,
 * so only closed cells of a session that reads from a cursor are waited for.
 */

void
ngx_sio_session_sweep_locked(ngx_sio_zone_t *zone, uint32_t cell)
{
    uint32_t               m, *link, *slink, socket;
    uint64_t               cursor;
    ngx_uint_t             n, held;
    ngx_sio_shared_t      *sh;
    ngx_sio_session_t     *s;
    ngx_sio_membership_t  *membership;

    sh = zone->shared;
    s = &sh->sessions[cell];
    cursor = s->transport == NGX_SIO_WEBSOCKET && !s->lagging
             ? NGX_SIO_FOREVER - 1 : s->cursor;
    slink = &s->sockets;

    while ((socket = *slink) != 0) {

        if (sh->sockets[socket].state == NGX_SIO_WAITING) {
            slink = &sh->sockets[socket].sibling;
            continue;
        }

        n = 0;
        held = ngx_sio_socket_held(sh, socket);

        if (sh->sockets[socket].until <= cursor && !held) {
            *slink = sh->sockets[socket].sibling;
            ngx_sio_socket_free_locked(zone, socket);
            continue;
        }

        link = &sh->sockets[socket].memberships;

        while ((m = *link) != 0) {
            membership = &sh->memberships[m];

            if (membership->until <= cursor
                && !(held && membership->last)
                && !ngx_sio_recovery_keeps(sh, m, &n))
            {
                *link = membership->next;
                ngx_sio_membership_free_locked(zone, m);
                s->memberships--;
                continue;
            }

            link = &membership->next;
        }

        slink = &sh->sockets[socket].sibling;
    }
}


size_t
ngx_sio_socket_claims(ngx_sio_zone_t *zone, ngx_sio_ref_t socket, u_char *dst,
    size_t size)
{
    size_t             n;
    ngx_sio_socket_t  *so;

    ngx_sio_lock(zone);

    so = ngx_sio_socket_locked(zone, socket);
    n = so ? ngx_sio_string_copy(zone->shared, so->claims, dst, size) : 0;

    ngx_sio_unlock(zone);

    return n;
}
