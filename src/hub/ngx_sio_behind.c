
/*
 * The cursor of WebSockets that are behind.  Called by their worker only; what
 * is queued, and when, is the engine's.
 */

#include "ngx_sio_behind.h"
#include "ngx_sio_recovery.h"
#include "ngx_sio_test.h"


static uint32_t ngx_sio_find_behind(ngx_sio_zone_t *zone, void *data);


ngx_int_t
ngx_sio_behind_note(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    ngx_sio_replay_t *replay)
{
    uint32_t  cell;

    cell = ngx_sio_replay_lock(zone, ngx_sio_find_behind, &session);

    if (cell) {
        ngx_sio_replay_note_locked(zone, cell,
                                   zone->shared->sessions[cell].cursor,
                                   replay);
        replay->writable = replay->to;
    }

    ngx_sio_unlock(zone);

    return cell ? NGX_OK : NGX_ABORT;
}


static uint32_t
ngx_sio_find_behind(ngx_sio_zone_t *zone, void *data)
{
    ngx_sio_ref_t *session = data;

    ngx_sio_session_t  *s;

    s = ngx_sio_session_locked(zone, *session);

    return s && s->lagging ? session->cell : 0;
}


void
ngx_sio_behind_done(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    const ngx_sio_replay_t *replay, uint64_t next, ngx_uint_t events)
{
    ngx_sio_session_t  *s;

    ngx_sio_lock(zone);

    s = ngx_sio_session_locked(zone, session);

    if (s) {
        if (events) {
            ngx_sio_recovery_tried_locked(zone->shared, session.cell,
                                          replay->from);
        }

        s->cursor = next;
        ngx_sio_test_point();

        if (next == replay->to) {
            s->lagging = 0;
        }

        ngx_sio_session_sweep_locked(zone, session.cell);
    }

    ngx_sio_unlock(zone);
}
