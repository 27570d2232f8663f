
/*
 * Joins and leaves.  Whether somebody may is decided above.
 */

#include "ngx_sio_announce.h"
#include "ngx_sio_polls.h"
#include "ngx_sio_rooms.h"


static ngx_int_t ngx_sio_room_join(ngx_sio_shared_t *sh, uint32_t socket,
    sio_span_t name, ngx_uint_t ruled, uint32_t *cell);
static void ngx_sio_room_undo(ngx_sio_change_t *change, ngx_uint_t n);
static void ngx_sio_membership_link(ngx_sio_shared_t *sh, uint32_t cell,
    uint32_t socket, uint32_t room);
static uint32_t ngx_sio_membership_closed(ngx_sio_shared_t *sh,
    uint32_t socket, uint32_t room);
static ngx_uint_t ngx_sio_session_closed(ngx_sio_shared_t *sh,
    ngx_sio_session_t *s);
static void ngx_sio_rooms_tell(ngx_sio_change_t *change, ngx_uint_t op,
    ngx_sio_mask_t *wake);


ngx_int_t
ngx_sio_rooms_join(ngx_sio_change_t *change)
{
    ngx_int_t       rc;
    ngx_sio_mask_t  wake;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(change->zone);
    rc = ngx_sio_rooms_join_locked(change, &wake);
    ngx_sio_unlock(change->zone);

    ngx_sio_wake(&wake);

    return rc;
}


ngx_int_t
ngx_sio_rooms_leave(ngx_sio_change_t *change)
{
    ngx_int_t       rc;
    ngx_sio_mask_t  wake;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(change->zone);
    rc = ngx_sio_rooms_leave_locked(change, &wake);
    ngx_sio_unlock(change->zone);

    ngx_sio_wake(&wake);

    return rc;
}


ngx_int_t
ngx_sio_rooms_join_locked(ngx_sio_change_t *change, ngx_sio_mask_t *wake)
{
    uint32_t            socket;
    ngx_int_t           rc;
    ngx_uint_t          i;
    ngx_sio_shared_t   *sh;
    ngx_sio_socket_t   *so;

    sh = change->zone->shared;
    socket = change->socket.cell;

    so = ngx_sio_socket_locked(change->zone, change->socket);
    if (so == NULL) {
        return NGX_ABORT;
    }

    if (change->ruled && change->revision != so->revision) {
        return NGX_AGAIN;
    }

    for (i = 0; i < change->n; i++) {
        rc = ngx_sio_room_join(sh, socket, change->rooms[i], change->ruled,
                               &change->cells[i]);

        if (rc == NGX_OK && change->limit && so->rooms > change->limit) {
            rc = NGX_BUSY;
            i++;
        }

        if (rc != NGX_OK) {
            ngx_sio_room_undo(change, i);
            return rc;
        }
    }

    change->position = sio_ring_head(sh->log);

    if (change->ruled) {
        so->revision++;
    }

    ngx_sio_rooms_tell(change, NGX_SIO_CTL_JOIN, wake);

    ngx_sio_announce_joins_locked(change->zone, socket, change->cells,
                                  change->n, wake);

    return NGX_OK;
}


/* Sets *cell to 0 when the socket was in the room already. */

static ngx_int_t
ngx_sio_room_join(ngx_sio_shared_t *sh, uint32_t socket, sio_span_t name,
    ngx_uint_t ruled, uint32_t *cell)
{
    uint32_t               room, m;
    ngx_sio_room_t        *r;
    ngx_sio_socket_t      *so;
    ngx_sio_session_t     *s;
    ngx_sio_membership_t  *membership;

    *cell = 0;
    so = &sh->sockets[socket];
    s = &sh->sessions[so->session];

    room = ngx_sio_room_obtain(sh, so->namespace, name);
    if (room == 0) {
        return NGX_DECLINED;
    }

    m = ngx_sio_membership_find(sh, socket, room);

    if (m) {
        /* what the server has given a rule cannot take */
        sh->memberships[m].ruled &= ruled;
        return NGX_OK;
    }

    r = &sh->rooms[room];

    m = ngx_sio_membership_closed(sh, socket, room);

    if (m == 0) {
        m = ngx_sio_membership_cell(sh);

        if (m == 0) {
            if (r->refs == 0) {
                ngx_sio_room_release(sh, room);
            }

            return NGX_DECLINED;
        }

        membership = &sh->memberships[m];
        membership->room = room;
        membership->socket = socket;
        membership->from = sio_ring_head(sh->log);
        ngx_sio_membership_link(sh, m, socket, room);
        s->memberships++;
        r->refs++;
    }

    sh->memberships[m].ruled = ruled;
    sh->memberships[m].until = NGX_SIO_FOREVER;
    sh->memberships[m].state = NGX_SIO_LIVE;

    r->count++;
    so->rooms++;

    if (s->transport == NGX_SIO_POLLING) {
        r->polled = 1;
    }

    if (s->owner) {
        ngx_sio_mask_set(&r->workers, ngx_sio_worker_slot(s->owner));
    }

    *cell = room;

    return NGX_OK;
}


/*
 * Whoever leaves and comes back while nothing was published in the room, nor to
 * all but the room, was never away: his old interval goes on, and changes of
 * mind cost no cells.
 */

static uint32_t
ngx_sio_membership_closed(ngx_sio_shared_t *sh, uint32_t socket,
    uint32_t room)
{
    uint32_t               m;
    ngx_sio_membership_t  *membership;

    for (m = sh->sockets[socket].memberships; m; m = membership->next) {
        membership = &sh->memberships[m];

        if (membership->room == room
            && membership->until != NGX_SIO_FOREVER
            && ngx_max(sh->rooms[room].last, sh->rooms[room].excepted)
               < membership->until)
        {
            return m;
        }
    }

    return 0;
}


static void
ngx_sio_membership_link(ngx_sio_shared_t *sh, uint32_t cell, uint32_t socket,
    uint32_t room)
{
    ngx_sio_membership_t  *m;

    m = &sh->memberships[cell];

    m->next = sh->sockets[socket].memberships;
    sh->sockets[socket].memberships = cell;

    m->prev_member = 0;
    m->next_member = sh->rooms[room].members;

    if (m->next_member) {
        sh->memberships[m->next_member].prev_member = cell;
    }

    sh->rooms[room].members = cell;
}


/* Nothing was appended since, so a joined room is simply left again. */

static void
ngx_sio_room_undo(ngx_sio_change_t *change, ngx_uint_t n)
{
    uint32_t               m;
    uint64_t               head;
    ngx_uint_t             i;
    ngx_sio_shared_t      *sh;
    ngx_sio_membership_t  *membership;

    sh = change->zone->shared;
    head = sio_ring_head(sh->log);

    for (i = 0; i < n; i++) {
        if (change->cells[i] == 0) {
            continue;
        }

        m = ngx_sio_membership_find(sh, change->socket.cell,
                                    change->cells[i]);
        membership = &sh->memberships[m];

        /* an empty interval goes at once, whatever has been polled */

        membership->until = membership->from == head ? 0 : head;
        membership->state = NGX_SIO_CLOSED;
        sh->rooms[membership->room].count--;
        sh->sockets[change->socket.cell].rooms--;
        change->cells[i] = 0;
    }

    ngx_sio_session_sweep_locked(change->zone,
                                sh->sockets[change->socket.cell].session);
}


ngx_int_t
ngx_sio_rooms_leave_locked(ngx_sio_change_t *change, ngx_sio_mask_t *wake)
{
    uint32_t               m, room;
    ngx_uint_t             i;
    ngx_sio_shared_t      *sh;
    ngx_sio_socket_t      *so;
    ngx_sio_session_t     *s;
    ngx_sio_membership_t  *membership;

    sh = change->zone->shared;

    so = ngx_sio_socket_locked(change->zone, change->socket);
    if (so == NULL) {
        return NGX_ABORT;
    }

    change->position = sio_ring_head(sh->log);

    for (i = 0; i < change->n; i++) {
        change->cells[i] = 0;

        room = ngx_sio_room_find(sh, so->namespace, change->rooms[i]);
        m = room ? ngx_sio_membership_find(sh, change->socket.cell, room) : 0;

        if (m == 0 || (change->ruled && !sh->memberships[m].ruled)) {
            continue;
        }

        membership = &sh->memberships[m];
        membership->until = change->position;
        sh->rooms[room].count--;
        so->rooms--;
        change->cells[i] = room;
    }

    s = &sh->sessions[so->session];

    ngx_sio_rooms_tell(change, NGX_SIO_CTL_LEAVE, wake);

    ngx_sio_announce_leaves_locked(change->zone, change->socket.cell, wake);

    ngx_sio_session_sweep_locked(change->zone, so->session);

    if ((s->transport == NGX_SIO_POLLING || s->lagging)
        && ngx_sio_session_closed(sh, s) > NGX_SIO_MEMBERSHIPS_CLOSED)
    {
        /* a client that changes rooms and does not read: it is too slow */
        ngx_sio_stat(change->zone, slow_closed, 1);
        s->reason = NGX_SIO_REASON_ERROR;
        ngx_sio_session_kick_locked(change->zone, so->session, 30000, wake);
    }

    return NGX_OK;
}


/* The closed memberships of all its sockets. */

static ngx_uint_t
ngx_sio_session_closed(ngx_sio_shared_t *sh, ngx_sio_session_t *s)
{
    uint32_t    m, socket;
    ngx_uint_t  n;

    n = s->memberships;

    for (socket = s->sockets; socket; socket = sh->sockets[socket].sibling) {
        n -= sh->sockets[socket].rooms;
    }

    if (n <= NGX_SIO_MEMBERSHIPS_CLOSED) {
        return n;
    }

    /* some may be kept for a recovery only */

    n = 0;

    for (socket = s->sockets; socket; socket = sh->sockets[socket].sibling) {
        m = sh->sockets[socket].memberships;

        for ( /* void */ ; m; m = sh->memberships[m].next) {
            n += sh->memberships[m].until != NGX_SIO_FOREVER
                 && sh->memberships[m].until > s->cursor;
        }
    }

    return n;
}


/* A worker's own index of a socket's rooms follows in the log's order. */

static void
ngx_sio_rooms_tell(ngx_sio_change_t *change, ngx_uint_t op,
    ngx_sio_mask_t *wake)
{
    ngx_uint_t          i;
    ngx_sio_zone_t     *zone;
    ngx_sio_socket_t   *so;
    ngx_sio_control_t   control;
    ngx_sio_session_t  *s;

    zone = change->zone;
    so = &zone->shared->sockets[change->socket.cell];
    s = &zone->shared->sessions[so->session];

    if (s->transport == NGX_SIO_POLLING) {
        ngx_sio_poll_refresh_locked(zone, so->session, wake);
        return;
    }

    if (!change->tell) {
        return;
    }

    ngx_memzero(&control, sizeof(ngx_sio_control_t));

    control.op = op;
    control.socket = change->socket;
    control.session.cell = so->session;
    control.session.serial = s->serial;

    for (i = 0; i < change->n; i++) {
        if (change->cells[i]) {
            control.room = change->cells[i];
            ngx_sio_control_locked(zone, s->owner, &control, wake);
        }
    }
}


uint32_t
ngx_sio_membership_find(ngx_sio_shared_t *sh, uint32_t socket, uint32_t room)
{
    uint32_t  m;

    for (m = sh->sockets[socket].memberships; m; m = sh->memberships[m].next) {

        if (sh->memberships[m].room == room
            && sh->memberships[m].until == NGX_SIO_FOREVER)
        {
            return m;
        }
    }

    return 0;
}
