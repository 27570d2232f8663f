
/*
 * Sessions and sockets of a zone.  Who may connect is decided above; where
 * their events come from is emit's and rooms' business.
 */

#include "ngx_sio_registry.h"
#include "sio_eio.h"


static ngx_int_t ngx_sio_session_fill(ngx_sio_shared_t *sh,
    ngx_sio_session_t *s, const ngx_sio_session_params_t *params);
static ngx_int_t ngx_sio_socket_fill(ngx_sio_shared_t *sh,
    ngx_sio_socket_t *socket, sio_span_t namespace, ngx_uint_t limit);
static uint32_t ngx_sio_namespace_limited(ngx_sio_shared_t *sh,
    sio_span_t name, ngx_uint_t limit);
static void ngx_sio_socket_free(ngx_sio_zone_t *zone, uint32_t cell);
static void ngx_sio_namespace_left(ngx_sio_shared_t *sh, uint32_t cell);


ngx_int_t
ngx_sio_session_open(ngx_sio_zone_t *zone,
    const ngx_sio_session_params_t *params, ngx_sio_ref_t *session,
    u_char *sid)
{
    ngx_int_t           rc;
    uint32_t            cell;
    ngx_sio_shared_t   *sh;
    ngx_sio_session_t  *s;

    if (ngx_sio_random_id(sid) != NGX_OK) {
        return NGX_ERROR;
    }

    sh = zone->shared;
    rc = NGX_DECLINED;

    ngx_sio_lock(zone);

    cell = ngx_sio_session_cell(sh);

    if (cell) {
        s = &sh->sessions[cell];
        ngx_memcpy(s->sid, sid, NGX_SIO_ID_LEN);

        rc = ngx_sio_session_fill(sh, s, params);

        if (rc == NGX_OK) {
            ngx_sio_session_link(sh, cell);
            s->state = NGX_SIO_LIVE;

            session->cell = cell;
            session->serial = s->serial;

        } else {
            ngx_sio_session_cell_free(sh, cell);
        }
    }

    ngx_sio_unlock(zone);

    if (rc == NGX_OK) {
        ngx_sio_stat(zone, sessions_opened, 1);

    } else {
        ngx_sio_stat(zone, sessions_refused, 1);
    }

    return rc;
}


static ngx_int_t
ngx_sio_session_fill(ngx_sio_shared_t *sh, ngx_sio_session_t *s,
    const ngx_sio_session_params_t *params)
{
    ngx_time_t  *tp;

    if (ngx_sio_string_store(sh, params->handshake, &s->handshake) != NGX_OK) {
        return NGX_DECLINED;
    }

    tp = ngx_timeofday();

    s->endpoint = params->endpoint;
    s->transport = params->transport;
    s->interval = params->interval;
    s->timeout = params->timeout;
    s->created = (uint64_t) tp->sec * 1000 + tp->msec;
    s->ping_due = ngx_current_msec + params->interval;
    s->deadline = s->ping_due + params->timeout;
    s->connect_due = ngx_current_msec + params->connect_timeout;
    s->cursor = sio_ring_head(sh->log);

    if (params->transport == NGX_SIO_WEBSOCKET) {
        s->owner = ngx_sio_self_worker;
    }

    return NGX_OK;
}


void
ngx_sio_session_close(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    u_char farewell, ngx_msec_t linger)
{
    ngx_sio_mask_t      wake;
    ngx_sio_session_t  *s;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(zone);

    s = &zone->shared->sessions[session.cell];

    if (s->serial == session.serial) {

        if (s->state == NGX_SIO_LIVE) {
            ngx_sio_session_close_locked(zone, session.cell, farewell, linger,
                                         &wake);

        } else if (s->state == NGX_SIO_CLOSED && farewell == 0) {
            ngx_sio_session_free_locked(zone, session.cell);
        }
    }

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);
}


void
ngx_sio_session_close_locked(ngx_sio_zone_t *zone, uint32_t cell,
    u_char farewell, ngx_msec_t linger, ngx_sio_mask_t *wake)
{
    uint32_t            socket;
    ngx_sio_control_t   control;
    ngx_sio_session_t  *s;
    ngx_sio_socket_t   *sockets;

    s = &zone->shared->sessions[cell];
    sockets = zone->shared->sockets;

    for (socket = s->sockets; socket; socket = sockets[socket].sibling) {
        if (sockets[socket].state == NGX_SIO_LIVE) {
            ngx_sio_socket_close_locked(zone, socket);
        }
    }

    ngx_sio_stat(zone, sessions_closed, 1);

    ngx_memzero(&control, sizeof(ngx_sio_control_t));
    control.session.cell = cell;
    control.session.serial = s->serial;

    if (s->post && s->post != ngx_sio_self_worker) {
        control.op = NGX_SIO_CTL_POST_GONE;
        ngx_sio_control_locked(zone, s->post, &control, wake);
    }

    if (s->owner && s->transport == NGX_SIO_POLLING) {
        control.op = NGX_SIO_CTL_CLOSE;
        ngx_sio_control_locked(zone, s->owner, &control, wake);
    }

    if (farewell && s->transport == NGX_SIO_POLLING) {
        s->farewell = farewell;
        s->deadline = ngx_current_msec + linger;
        s->state = NGX_SIO_CLOSED;

        if (s->poll) {
            control.op = NGX_SIO_CTL_POLL;
            ngx_sio_control_locked(zone, s->poll, &control, wake);
        }

        return;
    }

    if (s->poll) {
        control.op = NGX_SIO_CTL_POLL_CLOSED;
        ngx_sio_control_locked(zone, s->poll, &control, wake);
    }

    ngx_sio_session_free_locked(zone, cell);
}


void
ngx_sio_session_kick_locked(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_msec_t linger, ngx_sio_mask_t *wake)
{
    uint32_t            socket;
    ngx_sio_control_t   control;
    ngx_sio_session_t  *s;
    ngx_sio_socket_t   *sockets;

    s = &zone->shared->sessions[cell];

    if (s->transport == NGX_SIO_POLLING) {
        ngx_sio_session_close_locked(zone, cell, SIO_EIO_CLOSE, linger, wake);
        return;
    }

    sockets = zone->shared->sockets;

    for (socket = s->sockets; socket; socket = sockets[socket].sibling) {
        if (sockets[socket].state == NGX_SIO_LIVE) {
            ngx_sio_socket_close_locked(zone, socket);
        }
    }

    s->state = NGX_SIO_CLOSED;

    ngx_sio_stat(zone, sessions_closed, 1);

    ngx_memzero(&control, sizeof(ngx_sio_control_t));
    control.op = NGX_SIO_CTL_CLOSE;
    control.session.cell = cell;
    control.session.serial = s->serial;

    ngx_sio_control_locked(zone, s->owner, &control, wake);
}


void
ngx_sio_session_free_locked(ngx_sio_zone_t *zone, uint32_t cell)
{
    uint32_t            socket, next;
    ngx_sio_shared_t   *sh;
    ngx_sio_session_t  *s;

    sh = zone->shared;
    s = &sh->sessions[cell];
    s->state = NGX_SIO_FREE;

    for (socket = s->sockets; socket; socket = next) {
        next = sh->sockets[socket].sibling;

        if (sh->sockets[socket].state == NGX_SIO_LIVE) {
            ngx_sio_socket_close_locked(zone, socket);
        }

        ngx_sio_socket_free(zone, socket);
    }

    ngx_sio_session_unlink(sh, cell);
    ngx_sio_string_free(sh, s->handshake);
    ngx_sio_session_cell_free(sh, cell);
}


ngx_sio_session_t *
ngx_sio_session_locked(ngx_sio_zone_t *zone, ngx_sio_ref_t session)
{
    ngx_sio_session_t  *s;

    s = &zone->shared->sessions[session.cell];

    if (s->state != NGX_SIO_LIVE || s->serial != session.serial) {
        return NULL;
    }

    return s;
}


ngx_sio_socket_t *
ngx_sio_socket_locked(ngx_sio_zone_t *zone, ngx_sio_ref_t socket)
{
    ngx_sio_socket_t  *s;

    s = &zone->shared->sockets[socket.cell];

    if (s->state != NGX_SIO_LIVE || s->serial != socket.serial) {
        return NULL;
    }

    return s;
}


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

    rc = NGX_DECLINED;
    cell = ngx_sio_socket_cell(sh);
    if (cell == 0) {
        goto done;
    }

    so = &sh->sockets[cell];
    so->session = connect->session.cell;
    ngx_memcpy(so->id, connect->id, NGX_SIO_ID_LEN);

    rc = ngx_sio_socket_fill(sh, so, connect->namespace, connect->limit);
    if (rc != NGX_OK) {
        ngx_sio_socket_cell_free(sh, cell);
        goto done;
    }

    if (s->transport == NGX_SIO_POLLING) {
        sh->namespaces[so->namespace].polled = 1;
        (void) ngx_sio_session_send_locked(zone, so->session,
                                           &connect->answer, &wake);
    }

    if (s->owner) {
        ngx_sio_mask_set(&sh->namespaces[so->namespace].workers,
                         ngx_sio_worker_slot(s->owner));
    }

    so->from = sio_ring_head(sh->log);
    so->sibling = s->sockets;
    s->sockets = cell;
    s->connect_due = 0;
    ngx_sio_socket_link(sh, cell);
    so->state = NGX_SIO_LIVE;

    connect->socket.cell = cell;
    connect->socket.serial = so->serial;
    connect->cell = so->namespace;
    connect->from = so->from;

done:

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);

    if (rc == NGX_OK) {
        ngx_sio_stat(zone, sockets_opened, 1);
    }

    return rc;
}


static ngx_int_t
ngx_sio_socket_fill(ngx_sio_shared_t *sh, ngx_sio_socket_t *so,
    sio_span_t namespace, ngx_uint_t limit)
{
    uint32_t  nsp;

    nsp = ngx_sio_namespace_limited(sh, namespace, limit);
    if (nsp == 0) {
        return NGX_DECLINED;
    }

    sh->namespaces[nsp].count++;
    sh->namespaces[nsp].refs++;

    so->namespace = nsp;
    so->until = NGX_SIO_FOREVER;

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
ngx_sio_socket_close(ngx_sio_zone_t *zone, ngx_sio_ref_t socket)
{
    ngx_sio_lock(zone);

    if (ngx_sio_socket_locked(zone, socket) != NULL) {
        ngx_sio_socket_close_locked(zone, socket.cell);
        ngx_sio_session_sweep_locked(zone,
                                  zone->shared->sockets[socket.cell].session);
    }

    ngx_sio_unlock(zone);
}


void
ngx_sio_socket_close_locked(ngx_sio_zone_t *zone, uint32_t cell)
{
    uint32_t               m;
    uint64_t               head;
    ngx_sio_shared_t      *sh;
    ngx_sio_socket_t      *so;
    ngx_sio_membership_t  *memberships;

    sh = zone->shared;
    so = &sh->sockets[cell];
    head = sio_ring_head(sh->log);
    memberships = sh->memberships;

    so->state = NGX_SIO_CLOSED;
    so->until = head;

    for (m = so->memberships; m; m = memberships[m].next) {
        if (memberships[m].until == NGX_SIO_FOREVER) {
            memberships[m].until = head;
            memberships[m].state = NGX_SIO_CLOSED;
            sh->rooms[memberships[m].room].count--;
        }
    }

    so->rooms = 0;
    sh->namespaces[so->namespace].count--;
    sh->sessions[so->session].left = 1;

    ngx_sio_stat(zone, sockets_closed, 1);
}


static void
ngx_sio_socket_free(ngx_sio_zone_t *zone, uint32_t cell)
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
    ngx_sio_socket_unlink(sh, cell);
    ngx_sio_string_free(sh, so->data);
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
 * so only a polling session's closed cells are waited for.
 */

void
ngx_sio_session_sweep_locked(ngx_sio_zone_t *zone, uint32_t cell)
{
    uint32_t               m, *link, *slink, socket;
    uint64_t               cursor;
    ngx_sio_shared_t      *sh;
    ngx_sio_session_t     *s;
    ngx_sio_membership_t  *membership;

    sh = zone->shared;
    s = &sh->sessions[cell];
    cursor = s->transport == NGX_SIO_WEBSOCKET ? NGX_SIO_FOREVER - 1
                                               : s->cursor;
    slink = &s->sockets;

    while ((socket = *slink) != 0) {

        if (sh->sockets[socket].until <= cursor) {
            *slink = sh->sockets[socket].sibling;
            ngx_sio_socket_free(zone, socket);
            continue;
        }

        link = &sh->sockets[socket].memberships;

        while ((m = *link) != 0) {
            membership = &sh->memberships[m];

            if (membership->until <= cursor) {
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


void
ngx_sio_session_wakes_locked(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_uint_t slot)
{
    uint32_t           m, socket;
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;

    sh = zone->shared;

    for (socket = sh->sessions[cell].sockets; socket; socket = so->sibling) {
        so = &sh->sockets[socket];

        ngx_sio_mask_set(&sh->namespaces[so->namespace].workers, slot);

        for (m = so->memberships; m; m = sh->memberships[m].next) {
            ngx_sio_mask_set(&sh->rooms[sh->memberships[m].room].workers,
                             slot);
        }
    }
}


void
ngx_sio_session_mask_locked(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake)
{
    ngx_sio_session_t  *s;

    s = &zone->shared->sessions[cell];

    if (s->owner) {
        ngx_sio_mask_set(wake, ngx_sio_worker_slot(s->owner));
    }

    if (s->poll) {
        ngx_sio_mask_set(wake, ngx_sio_worker_slot(s->poll));
    }
}


ngx_int_t
ngx_sio_session_send(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    const ngx_sio_payload_t *payload)
{
    ngx_int_t       rc;
    ngx_sio_mask_t  wake;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(zone);

    rc = NGX_ABORT;

    if (ngx_sio_session_locked(zone, session) != NULL) {
        rc = ngx_sio_session_send_locked(zone, session.cell, payload, &wake);
    }

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);

    return rc;
}


ngx_int_t
ngx_sio_session_send_locked(ngx_sio_zone_t *zone, uint32_t cell,
    const ngx_sio_payload_t *payload, ngx_sio_mask_t *wake)
{
    ngx_sio_record_t  record;
    ngx_sio_target_t  target;

    ngx_memzero(&record, sizeof(ngx_sio_record_t));

    record.type = NGX_SIO_RECORD_DIRECT;
    record.targets = 1;

    target.kind = NGX_SIO_TO_SESSION;
    target.id = cell;

    if (ngx_sio_log_append_locked(zone, &record, &target, payload) == 0) {
        return NGX_DECLINED;
    }

    ngx_sio_session_mask_locked(zone, cell, wake);

    return NGX_OK;
}
