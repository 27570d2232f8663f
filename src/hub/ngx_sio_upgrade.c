
/*
 * Upgrades of polling sessions: a WebSocket on any worker asks, is tried, and
 * takes the session over with its cursor.
 */

#include "ngx_sio_upgrade.h"


static uint32_t ngx_sio_find_upgrade(ngx_sio_zone_t *zone, void *data);


ngx_int_t
ngx_sio_probe_begin(ngx_sio_zone_t *zone, const u_char *sid, uint32_t endpoint,
    ngx_sio_ref_t *session)
{
    uint32_t            cell;
    ngx_int_t           rc;
    ngx_sio_find_t      find;
    ngx_sio_session_t  *s;

    find.sid = sid;
    find.endpoint = endpoint;

    ngx_sio_lock(zone);

    cell = ngx_sio_find_sid(zone, &find);
    s = &zone->shared->sessions[cell];

    if (cell == 0 || s->state != NGX_SIO_LIVE) {
        rc = NGX_DECLINED;

    } else if (s->transport == NGX_SIO_WEBSOCKET
               || ngx_sio_worker_current(s->owner))
    {
        rc = NGX_BUSY;

    } else {
        rc = NGX_OK;

        s->owner = ngx_sio_self_worker;
        s->probe = NGX_SIO_PROBE_OPEN;

        session->cell = cell;
        session->serial = s->serial;
    }

    ngx_sio_unlock(zone);

    return rc;
}


ngx_int_t
ngx_sio_probe_done(ngx_sio_zone_t *zone, ngx_sio_ref_t session)
{
    ngx_sio_mask_t      wake;
    ngx_sio_control_t   control;
    ngx_sio_session_t  *s;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));
    ngx_memzero(&control, sizeof(ngx_sio_control_t));

    control.op = NGX_SIO_CTL_POLL;
    control.session = session;

    ngx_sio_lock(zone);

    s = ngx_sio_session_locked(zone, session);

    if (s) {
        s->probe = NGX_SIO_PROBE_DONE;

        if (s->poll) {
            ngx_sio_control_locked(zone, s->poll, &control, &wake);
        }
    }

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);

    return s ? NGX_OK : NGX_ABORT;
}


void
ngx_sio_probe_abort(ngx_sio_zone_t *zone, ngx_sio_ref_t session)
{
    ngx_sio_session_t  *s;

    ngx_sio_lock(zone);

    s = ngx_sio_session_locked(zone, session);

    if (s
        && s->transport == NGX_SIO_POLLING
        && s->owner == ngx_sio_self_worker)
    {
        s->owner = 0;
        s->probe = NGX_SIO_PROBE_NONE;
    }

    ngx_sio_unlock(zone);
}


/*
 * What a POST does to rooms and sockets its worker tells nobody, as nobody
 * listens for a session that polls: so who has one in hand is not upgraded.
 * Clients wait for its answer before they send "5".
 */

static uint32_t
ngx_sio_find_upgrade(ngx_sio_zone_t *zone, void *data)
{
    ngx_sio_ref_t *session = data;

    ngx_sio_session_t  *s;

    s = ngx_sio_session_locked(zone, *session);

    return s && s->post == 0 ? session->cell : 0;
}


ngx_int_t
ngx_sio_probe_upgrade(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    ngx_sio_upgrade_t *upgrade, ngx_sio_replay_t *replay)
{
    uint32_t            cell;
    ngx_sio_mask_t      wake;
    ngx_sio_control_t   control;
    ngx_sio_session_t  *s;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));
    ngx_memzero(&control, sizeof(ngx_sio_control_t));

    control.op = NGX_SIO_CTL_POLL_GONE;
    control.session = session;

    cell = ngx_sio_replay_lock(zone, ngx_sio_find_upgrade, &session);

    if (cell) {
        s = &zone->shared->sessions[cell];

        if (s->answering) {
            s->cursor = s->answering;

        } else if (s->poll) {
            ngx_sio_control_locked(zone, s->poll, &control, &wake);
        }

        s->poll = 0;
        s->answering = 0;
        s->transport = NGX_SIO_WEBSOCKET;
        s->lagging = 1;
        s->probe = NGX_SIO_PROBE_NONE;
        ngx_sio_session_wakes_locked(zone, cell, ngx_sio_self);

        upgrade->ping_due = s->ping_due;
        upgrade->deadline = s->deadline;
        upgrade->ping_sent = s->ping_sent;
        upgrade->connected = s->connect_due == 0;

        ngx_sio_replay_note_locked(zone, cell, s->cursor, replay);
    }

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);

    ngx_sio_stat(zone, upgrades, cell ? 1 : 0);

    return cell ? NGX_OK : NGX_ABORT;
}
