
/*
 * Sessions of a zone: how they begin, end, and are written to.  Who may have
 * one is decided above.
 */

#include "ngx_sio_notices.h"
#include "ngx_sio_recovery.h"
#include "ngx_sio_test.h"
#include "sio_eio.h"


static ngx_int_t ngx_sio_session_make(ngx_sio_shared_t *sh,
    const ngx_sio_session_params_t *params, ngx_sio_ref_t *session,
    const u_char *sid);
static ngx_int_t ngx_sio_session_fill(ngx_sio_shared_t *sh,
    ngx_sio_session_t *s, const ngx_sio_session_params_t *params);
static ngx_int_t ngx_sio_session_count(ngx_sio_shared_t *sh, uint64_t address,
    const ngx_sio_session_params_t *params);
static void ngx_sio_session_order(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake);
static void ngx_sio_session_ended(ngx_sio_shared_t *sh,
    ngx_sio_session_t *s);
static ngx_uint_t ngx_sio_session_owes(ngx_sio_shared_t *sh,
    ngx_sio_session_t *s);


ngx_int_t
ngx_sio_session_open(ngx_sio_zone_t *zone,
    const ngx_sio_session_params_t *params, ngx_sio_ref_t *session,
    u_char *sid)
{
    ngx_int_t  rc;

    if (ngx_sio_random_id(sid) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_sio_lock(zone);

    rc = ngx_sio_session_make(zone->shared, params, session, sid);

    ngx_sio_unlock(zone);

    switch (rc) {

    case NGX_OK:
        ngx_sio_stat(zone, sessions_opened, 1);
        break;

    case NGX_BUSY:
        ngx_sio_stat(zone, sessions_limited, 1);
        break;

    default:
        ngx_sio_stat(zone, sessions_refused, 1);
        break;
    }

    return rc;
}


static ngx_int_t
ngx_sio_session_make(ngx_sio_shared_t *sh,
    const ngx_sio_session_params_t *params, ngx_sio_ref_t *session,
    const u_char *sid)
{
    uint32_t            cell;
    uint64_t            address;
    ngx_int_t           rc;
    ngx_sio_session_t  *s;

    address = ngx_sio_tally_address(sh, params->endpoint, params->address);

    rc = ngx_sio_session_count(sh, address, params);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = NGX_DECLINED;
    cell = ngx_sio_session_cell(sh);

    if (cell) {
        s = &sh->sessions[cell];
        ngx_memcpy(s->sid, sid, NGX_SIO_ID_LEN);

        rc = ngx_sio_session_fill(sh, s, params);

        if (rc == NGX_OK) {
            s->address = address;
            ngx_sio_session_link(sh, cell);
            s->state = NGX_SIO_LIVE;

            session->cell = cell;
            session->serial = s->serial;

            return NGX_OK;
        }

        ngx_sio_session_cell_free(sh, cell);
    }

    ngx_sio_tally_drop(sh, ngx_sio_tally_endpoint(sh, params->endpoint));
    ngx_sio_tally_drop(sh, address);

    return rc;
}


/*
 * Who is over the other limits takes nothing of the rate, which is everybody's:
 * one client that tries again and again would keep all others out.
 */

static ngx_int_t
ngx_sio_session_count(ngx_sio_shared_t *sh, uint64_t address,
    const ngx_sio_session_params_t *params)
{
    uint64_t   endpoint;
    ngx_int_t  rc;

    endpoint = ngx_sio_tally_endpoint(sh, params->endpoint);

    rc = ngx_sio_tally_add(sh, endpoint, params->limit);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_sio_tally_add(sh, address, params->limit_address);

    if (rc == NGX_OK
        && !sio_bucket_take(&sh->handshakes, &params->rate, ngx_current_msec))
    {
        ngx_sio_tally_drop(sh, address);
        rc = NGX_BUSY;
    }

    if (rc != NGX_OK) {
        ngx_sio_tally_drop(sh, endpoint);
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

    if (ngx_sio_string_store(sh, params->token, &s->token) != NGX_OK) {
        ngx_sio_string_free(sh, s->handshake);
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
    ngx_sio_reason_t reason, u_char farewell, ngx_msec_t linger)
{
    ngx_sio_mask_t      wake;
    ngx_sio_session_t  *s;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(zone);

    s = &zone->shared->sessions[session.cell];

    if (s->serial == session.serial) {

        if (s->state == NGX_SIO_LIVE) {
            s->reason = reason;
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
        if (sockets[socket].state != NGX_SIO_LIVE) {
            continue;
        }

        if (ngx_sio_recovery_wait_locked(zone, socket) != NGX_OK) {
            ngx_sio_socket_close_locked(zone, socket, wake);
        }
    }

    /* one that waits for its last poll was counted before */

    if (s->state == NGX_SIO_LIVE) {
        ngx_sio_stat(zone, sessions_closed, 1);
    }

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
        s->deadline = ngx_min(s->deadline, ngx_current_msec + linger);
        ngx_sio_session_ended(zone->shared, s);
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
    ngx_sio_session_t  *s;
    ngx_sio_socket_t   *sockets;

    s = &zone->shared->sessions[cell];
    sockets = zone->shared->sockets;

    for (socket = s->sockets; socket; socket = sockets[socket].sibling) {
        if (sockets[socket].state == NGX_SIO_LIVE) {
            ngx_sio_socket_close_locked(zone, socket, wake);
        }
    }

    if (s->transport == NGX_SIO_POLLING) {
        ngx_sio_session_close_locked(zone, cell, SIO_EIO_CLOSE, linger, wake);
        return;
    }

    ngx_sio_session_order(zone, cell, wake);
}


void
ngx_sio_session_replace_locked(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake)
{
    uint32_t            socket;
    ngx_sio_session_t  *s;
    ngx_sio_socket_t   *sockets;

    s = &zone->shared->sessions[cell];

    if (s->transport == NGX_SIO_POLLING) {
        ngx_sio_session_close_locked(zone, cell, 0, 0, wake);
        return;
    }

    sockets = zone->shared->sockets;

    for (socket = s->sockets; socket; socket = sockets[socket].sibling) {
        if (sockets[socket].state == NGX_SIO_LIVE
            && ngx_sio_recovery_wait_locked(zone, socket) != NGX_OK)
        {
            ngx_sio_socket_close_locked(zone, socket, wake);
        }
    }

    ngx_sio_session_order(zone, cell, wake);
}


/* A WebSocket ends when its worker has come to this place of the log. */

static void
ngx_sio_session_order(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake)
{
    ngx_sio_control_t   control;
    ngx_sio_session_t  *s;

    s = &zone->shared->sessions[cell];

    ngx_sio_session_ended(zone->shared, s);
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
    uint32_t            socket, *link;
    ngx_sio_mask_t      wake;
    ngx_sio_shared_t   *sh;
    ngx_sio_session_t  *s;

    sh = zone->shared;
    s = &sh->sessions[cell];

    if (s->state != NGX_SIO_GONE) {
        ngx_sio_session_unlink(sh, cell);
    }

    ngx_sio_session_ended(sh, s);
    s->state = ngx_sio_session_owes(sh, s) ? NGX_SIO_GONE : NGX_SIO_FREE;
    ngx_sio_test_point();

    /* its sockets were closed when it was, so nobody is left to be woken */

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));
    link = &s->sockets;

    while ((socket = *link) != 0) {

        if (sh->sockets[socket].state == NGX_SIO_LIVE) {
            ngx_sio_socket_close_locked(zone, socket, &wake);
        }

        if (ngx_sio_socket_held(sh, socket)
            || sh->sockets[socket].state == NGX_SIO_WAITING)
        {
            link = &sh->sockets[socket].sibling;
            continue;
        }

        *link = sh->sockets[socket].sibling;
        ngx_sio_socket_free_locked(zone, socket);
    }

    if (s->sockets) {
        s->owner = 0;
        s->poll = 0;
        s->post = 0;
        return;
    }

    ngx_sio_string_free(sh, s->handshake);
    ngx_sio_string_free(sh, s->token);
    ngx_sio_string_scrap(sh, s->kept);
    ngx_sio_session_cell_free(sh, cell);
}


/*
 * One that only waits for its client's last poll is counted no longer, and what
 * was kept for its next POST is not needed.
 */

static void
ngx_sio_session_ended(ngx_sio_shared_t *sh, ngx_sio_session_t *s)
{
    uint32_t  kept;

    if (s->state == NGX_SIO_LIVE) {
        kept = s->kept;
        s->kept = 0;
        ngx_sio_string_scrap(sh, kept);

        ngx_sio_tally_drop(sh, ngx_sio_tally_endpoint(sh, s->endpoint));
        ngx_sio_tally_drop(sh, s->address);
    }
}


/* Whether a service has to be told of one of its sockets, or one waits. */

static ngx_uint_t
ngx_sio_session_owes(ngx_sio_shared_t *sh, ngx_sio_session_t *s)
{
    uint32_t  socket;

    for (socket = s->sockets; socket; socket = sh->sockets[socket].sibling) {
        if (sh->sockets[socket].notice.state != NGX_SIO_NOTICE_NONE
            || sh->sockets[socket].tickets
            || sh->sockets[socket].state == NGX_SIO_WAITING)
        {
            return 1;
        }
    }

    return 0;
}


size_t
ngx_sio_session_token(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    u_char *dst, size_t size)
{
    size_t              n;
    ngx_sio_session_t  *s;

    ngx_sio_lock(zone);

    s = ngx_sio_session_locked(zone, session);
    n = s ? ngx_sio_string_copy(zone->shared, s->token, dst, size) : 0;

    ngx_sio_unlock(zone);

    return n;
}


size_t
ngx_sio_session_handshake(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    u_char *dst, size_t size)
{
    size_t              n;
    ngx_sio_session_t  *s;

    ngx_sio_lock(zone);

    s = ngx_sio_session_locked(zone, session);
    n = s ? ngx_sio_string_copy(zone->shared, s->handshake, dst, size) : 0;

    ngx_sio_unlock(zone);

    return n;
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
