
/*
 * GETs and POSTs of polling sessions: who holds which session, and up to where
 * it has been given its records.
 */

#include "ngx_sio_polls.h"
#include "ngx_sio_recovery.h"
#include "sio_eio.h"


static ngx_int_t ngx_sio_poll_admit(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake);
static void ngx_sio_poll_note(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_poll_t *poll, ngx_sio_replay_t *replay);
static uint32_t ngx_sio_find_poll(ngx_sio_zone_t *zone, void *data);
static ngx_sio_session_t *ngx_sio_poll_held(ngx_sio_zone_t *zone,
    ngx_sio_poll_t *poll);
static void ngx_sio_poll_commit(ngx_sio_zone_t *zone, uint32_t cell);
static ngx_sio_session_t *ngx_sio_post_held(ngx_sio_zone_t *zone,
    ngx_sio_post_t *post);


/* A session that has timed out is dead even if nobody has buried it yet. */

uint32_t
ngx_sio_find_sid(ngx_sio_zone_t *zone, void *data)
{
    ngx_sio_find_t *find = data;

    uint32_t            cell;
    ngx_sio_session_t  *s;

    cell = ngx_sio_session_find(zone->shared, find->sid);
    if (cell == 0) {
        return 0;
    }

    s = &zone->shared->sessions[cell];

    if (s->endpoint != find->endpoint) {
        return 0;
    }

    if (s->transport == NGX_SIO_POLLING
        && (uint64_t) ngx_current_msec >= s->deadline)
    {
        return 0;
    }

    return cell;
}


ngx_uint_t
ngx_sio_session_known(ngx_sio_zone_t *zone, const u_char *sid,
    uint32_t endpoint)
{
    uint32_t        cell;
    ngx_sio_find_t  find;

    find.sid = sid;
    find.endpoint = endpoint;

    ngx_sio_lock(zone);
    cell = ngx_sio_find_sid(zone, &find);
    ngx_sio_unlock(zone);

    return cell != 0;
}


/* The first one that was made, wherever a rebuild has put it. */

ngx_int_t
ngx_sio_session_oldest(ngx_sio_zone_t *zone, ngx_sio_find_t *find, u_char *id)
{
    uint32_t           cell, serial;
    ngx_int_t          rc;
    ngx_sio_socket_t  *so;

    rc = NGX_DECLINED;
    serial = 0;

    ngx_sio_lock(zone);

    cell = ngx_sio_find_sid(zone, find);
    cell = cell ? zone->shared->sessions[cell].sockets : 0;

    for ( /* void */ ; cell; cell = so->sibling) {
        so = &zone->shared->sockets[cell];

        if (so->state == NGX_SIO_LIVE
            && (rc == NGX_DECLINED || (int32_t) (so->serial - serial) < 0))
        {
            rc = NGX_OK;
            serial = so->serial;
            ngx_memcpy(id, so->id, NGX_SIO_ID_LEN);
        }
    }

    ngx_sio_unlock(zone);

    return rc;
}


ngx_int_t
ngx_sio_poll_begin(ngx_sio_zone_t *zone, const u_char *sid, uint32_t endpoint,
    ngx_sio_poll_t *poll, ngx_sio_replay_t *replay)
{
    uint32_t            cell;
    ngx_int_t           rc;
    ngx_sio_find_t      find;
    ngx_sio_mask_t      wake;
    ngx_sio_session_t  *s;

    find.sid = sid;
    find.endpoint = endpoint;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    cell = ngx_sio_replay_lock(zone, ngx_sio_find_sid, &find);

    rc = NGX_DECLINED;

    if (cell) {
        rc = ngx_sio_poll_admit(zone, cell, &wake);
    }

    if (rc == NGX_OK) {
        s = &zone->shared->sessions[cell];

        s->poll = ngx_sio_self_worker;
        s->poll_token++;

        poll->session.cell = cell;
        poll->session.serial = s->serial;
        poll->token = s->poll_token;
        poll->parked_from = sio_ring_head(zone->shared->log);

        ngx_sio_mask_set(&zone->shared->parked, ngx_sio_self);

        ngx_sio_poll_note(zone, cell, poll, replay);
    }

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);

    return rc;
}


/*
 * A GET that comes while the last one's answer is on its way shows that the
 * client has that answer: the step that is still missing is made here.
 */

static ngx_int_t
ngx_sio_poll_admit(ngx_sio_zone_t *zone, uint32_t cell, ngx_sio_mask_t *wake)
{
    ngx_sio_session_t  *s;

    s = &zone->shared->sessions[cell];

    if (s->transport == NGX_SIO_WEBSOCKET) {
        return NGX_BUSY;
    }

    if (s->poll && !ngx_sio_worker_alive(s->poll)) {
        s->reason = NGX_SIO_REASON_LOST;
        ngx_sio_session_close_locked(zone, cell, 0, 0, wake);
        return NGX_DECLINED;
    }

    if (s->poll && s->answering) {
        ngx_sio_poll_commit(zone, cell);

        if (s->state == NGX_SIO_CLOSED && s->farewell == 0) {
            ngx_sio_session_free_locked(zone, cell);
            return NGX_DECLINED;
        }

        return NGX_OK;
    }

    if (s->poll) {
        ngx_sio_stat(zone, protocol_errors, 1);
        s->reason = NGX_SIO_REASON_ERROR;
        ngx_sio_session_close_locked(zone, cell, 0, 0, wake);
        return NGX_ABORT;
    }

    return NGX_OK;
}


static void
ngx_sio_poll_note(ngx_sio_zone_t *zone, uint32_t cell, ngx_sio_poll_t *poll,
    ngx_sio_replay_t *replay)
{
    ngx_sio_session_t  *s;

    s = &zone->shared->sessions[cell];

    poll->farewell = s->state == NGX_SIO_CLOSED ? s->farewell : 0;
    poll->ping_due = s->ping_sent ? NGX_SIO_FOREVER : s->ping_due;
    poll->ping = poll->ping_due <= (uint64_t) ngx_current_msec;
    poll->probed = s->probe == NGX_SIO_PROBE_DONE;
    poll->deadline = s->deadline;

    ngx_sio_replay_note_locked(zone, cell, s->cursor, replay);

    replay->writable = poll->parked_from;
    poll->noted = replay->to;
    s->refreshed = 0;
    s->rewind = 0;
}


static ngx_sio_session_t *
ngx_sio_poll_held(ngx_sio_zone_t *zone, ngx_sio_poll_t *poll)
{
    ngx_sio_session_t  *s;

    s = &zone->shared->sessions[poll->session.cell];

    if (s->state == NGX_SIO_FREE
        || s->serial != poll->session.serial
        || s->poll != ngx_sio_self_worker
        || s->poll_token != poll->token)
    {
        return NULL;
    }

    return s;
}


static uint32_t
ngx_sio_find_poll(ngx_sio_zone_t *zone, void *data)
{
    ngx_sio_poll_t *poll = data;

    return ngx_sio_poll_held(zone, poll) ? poll->session.cell : 0;
}


ngx_int_t
ngx_sio_poll_look(ngx_sio_zone_t *zone, ngx_sio_poll_t *poll,
    ngx_sio_replay_t *replay)
{
    uint32_t            cell;
    ngx_int_t           rc;
    ngx_sio_mask_t      wake;
    ngx_sio_session_t  *s;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    cell = ngx_sio_replay_lock(zone, ngx_sio_find_poll, poll);
    s = &zone->shared->sessions[cell];

    if (cell == 0) {
        rc = NGX_ABORT;

    } else if ((uint64_t) ngx_current_msec >= s->deadline) {
        rc = NGX_DECLINED;
        s->poll = 0;
        s->reason = NGX_SIO_REASON_TIMEOUT;
        ngx_sio_stat(zone, pings_timed_out, 1);
        ngx_sio_session_close_locked(zone, cell, 0, 0, &wake);

    } else {
        rc = NGX_OK;
        ngx_sio_poll_note(zone, cell, poll, replay);
    }

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);

    return rc;
}


ngx_int_t
ngx_sio_poll_answer(ngx_sio_zone_t *zone, ngx_sio_poll_t *poll, uint64_t next)
{
    ngx_sio_session_t  *s;

    ngx_sio_lock(zone);

    s = ngx_sio_poll_held(zone, poll);

    if (s) {
        s->answering = ngx_sio_recovery_rewound_locked(zone,
                                                       poll->session.cell,
                                                       poll->noted, next);
        s->rewind = 0;

        /* what comes in one answer is shown, or not, as a whole */

        ngx_sio_recovery_tried_locked(zone->shared, poll->session.cell, next);

        if (poll->ping) {
            s->ping_sent = 1;
        }

        /* it is said once */

        if (poll->farewell) {
            s->farewell = 0;
        }
    }

    ngx_sio_unlock(zone);

    return s ? NGX_OK : NGX_ABORT;
}


void
ngx_sio_poll_end(ngx_sio_zone_t *zone, ngx_sio_poll_t *poll)
{
    ngx_sio_session_t  *s;

    ngx_sio_lock(zone);

    s = ngx_sio_poll_held(zone, poll);

    if (s) {
        if (s->answering) {
            ngx_sio_poll_commit(zone, poll->session.cell);

        } else {
            s->poll = 0;
        }

        if (poll->farewell) {
            ngx_sio_session_free_locked(zone, poll->session.cell);
        }
    }

    ngx_sio_unlock(zone);
}


void
ngx_sio_poll_fail(ngx_sio_zone_t *zone, ngx_sio_poll_t *poll,
    ngx_sio_reason_t reason)
{
    ngx_sio_mask_t      wake;
    ngx_sio_session_t  *s;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(zone);

    s = ngx_sio_poll_held(zone, poll);

    if (s) {
        s->poll = 0;

        if (poll->farewell) {
            ngx_sio_session_free_locked(zone, poll->session.cell);

        } else {
            s->reason = reason;
            ngx_sio_session_close_locked(zone, poll->session.cell, 0, 0,
                                         &wake);
        }
    }

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);
}


static void
ngx_sio_poll_commit(ngx_sio_zone_t *zone, uint32_t cell)
{
    ngx_sio_session_t  *s;

    s = &zone->shared->sessions[cell];

    s->cursor = s->answering;
    s->answering = 0;
    s->poll = 0;

    ngx_sio_session_sweep_locked(zone, cell);
}


ngx_int_t
ngx_sio_post_begin(ngx_sio_zone_t *zone, const u_char *sid, uint32_t endpoint,
    ngx_sio_post_t *post)
{
    uint32_t            cell;
    ngx_int_t           rc;
    ngx_sio_find_t      find;
    ngx_sio_mask_t      wake;
    ngx_sio_session_t  *s;

    find.sid = sid;
    find.endpoint = endpoint;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(zone);

    rc = NGX_DECLINED;
    cell = ngx_sio_find_sid(zone, &find);
    s = &zone->shared->sessions[cell];

    if (cell == 0 || s->state != NGX_SIO_LIVE) {
        goto done;
    }

    rc = NGX_BUSY;

    if (s->transport == NGX_SIO_WEBSOCKET) {
        goto done;
    }

    if (s->post) {
        if (ngx_sio_worker_alive(s->post)) {
            rc = NGX_ABORT;
            s->reason = NGX_SIO_REASON_ERROR;
            ngx_sio_stat(zone, protocol_errors, 1);

        } else {
            rc = NGX_DECLINED;
            s->reason = NGX_SIO_REASON_LOST;
        }

        ngx_sio_session_close_locked(zone, cell, 0, 0, &wake);
        goto done;
    }

    s->post = ngx_sio_self_worker;
    s->post_token++;

    post->session.cell = cell;
    post->session.serial = s->serial;
    post->token = s->post_token;

    rc = NGX_OK;

done:

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);

    return rc;
}


static ngx_sio_session_t *
ngx_sio_post_held(ngx_sio_zone_t *zone, ngx_sio_post_t *post)
{
    ngx_sio_session_t  *s;

    s = ngx_sio_session_locked(zone, post->session);

    if (s == NULL
        || s->post != ngx_sio_self_worker
        || s->post_token != post->token)
    {
        return NULL;
    }

    return s;
}


ngx_uint_t
ngx_sio_post_lost(ngx_sio_zone_t *zone, ngx_sio_post_t *post)
{
    ngx_sio_session_t  *s;

    ngx_sio_lock(zone);
    s = ngx_sio_post_held(zone, post);
    ngx_sio_unlock(zone);

    return s == NULL;
}


void
ngx_sio_post_end(ngx_sio_zone_t *zone, ngx_sio_post_t *post)
{
    ngx_sio_session_t  *s;

    ngx_sio_lock(zone);

    s = ngx_sio_post_held(zone, post);

    if (s) {
        s->post = 0;
    }

    ngx_sio_unlock(zone);
}


void
ngx_sio_post_fail(ngx_sio_zone_t *zone, ngx_sio_post_t *post,
    ngx_sio_reason_t reason)
{
    ngx_sio_mask_t      wake;
    ngx_sio_session_t  *s;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(zone);

    s = ngx_sio_post_held(zone, post);

    if (s) {
        s->post = 0;
        s->reason = reason;
        ngx_sio_session_close_locked(zone, post->session.cell, 0, 0, &wake);
    }

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);
}


void
ngx_sio_session_pong(ngx_sio_zone_t *zone, ngx_sio_ref_t session)
{
    ngx_sio_mask_t      wake;
    ngx_sio_session_t  *s;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(zone);

    s = ngx_sio_session_locked(zone, session);

    if (s) {
        s->ping_sent = 0;
        s->ping_due = ngx_current_msec + s->interval;
        s->deadline = s->ping_due + s->timeout;

        /* a GET that came before the pong waits for no ping yet */

        ngx_sio_poll_refresh_locked(zone, session.cell, &wake);
    }

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);
}


/* One record is enough until the GET has looked, whatever a client sends. */

void
ngx_sio_poll_refresh_locked(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake)
{
    ngx_sio_control_t   control;
    ngx_sio_session_t  *s;

    s = &zone->shared->sessions[cell];

    if (s->poll == 0 || s->refreshed) {
        return;
    }

    ngx_memzero(&control, sizeof(ngx_sio_control_t));

    control.op = NGX_SIO_CTL_REFRESH;
    control.session.cell = cell;
    control.session.serial = s->serial;

    ngx_sio_control_locked(zone, s->poll, &control, wake);
    s->refreshed = 1;
}
