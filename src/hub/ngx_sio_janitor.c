
/*
 * A round looks for dead workers in all slots and for dead sessions in a slice
 * of each zone.  Cells are looked at without the lock first; what seems dead is
 * judged again under it, one session at a time.
 */

#include "ngx_sio_acks.h"
#include "ngx_sio_janitor.h"
#include "ngx_sio_kick.h"
#include "ngx_sio_notices.h"
#include "ngx_sio_recovery.h"
#include "ngx_sio_revoke.h"
#include "ngx_sio_tickets.h"


#define NGX_SIO_JANITOR_ROUND  250      /* ms */
#define NGX_SIO_JANITOR_SLICE  8192     /* cells, or an eighth of the zone */
#define NGX_SIO_JANITOR_SCRAPS 128      /* holds of the lock in a round */


static void ngx_sio_janitor_reap(const ngx_array_t *zones,
    ngx_sio_worker_t dead);
static void ngx_sio_janitor_orphans(ngx_sio_zone_t *zone,
    ngx_sio_worker_t dead);
static void ngx_sio_janitor_orphan(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_worker_t dead);
static void ngx_sio_janitor_expire(ngx_sio_zone_t *zone);
static ngx_uint_t ngx_sio_janitor_expired(ngx_sio_session_t *s);
static void ngx_sio_janitor_tokens(ngx_sio_zone_t *zone);
static ngx_uint_t ngx_sio_janitor_token_out(ngx_sio_socket_t *so);
static void ngx_sio_janitor_scraps(ngx_sio_zone_t *zone);


void
ngx_sio_janitor(const ngx_array_t *zones)
{
    ngx_uint_t          i;
    ngx_sio_zone_t    **zone;
    ngx_sio_worker_t    worker;
    ngx_atomic_uint_t   due;

    due = ngx_sio_slots->janitor;

    if ((ngx_msec_int_t) (ngx_current_msec - due) < 0
        || !ngx_atomic_cmp_set(&ngx_sio_slots->janitor, due,
                               ngx_current_msec + NGX_SIO_JANITOR_ROUND))
    {
        return;
    }

    for (i = 0; i < NGX_SIO_SLOTS; i++) {
        if (ngx_sio_slots->slot[i].pid == 0) {
            continue;
        }

        /* noted first: by the end the slot may be somebody else's */

        worker = ((uint64_t) ngx_sio_slots->slot[i].epoch << 8) | (i + 1);

        if (!ngx_sio_slot_alive(i) && ngx_sio_worker_current(worker)) {
            ngx_sio_janitor_reap(zones, worker);
        }
    }

    zone = zones->elts;

    for (i = 0; i < zones->nelts; i++) {
        ngx_sio_janitor_expire(zone[i]);
        ngx_sio_janitor_tokens(zone[i]);
        (void) ngx_sio_revoke_expire(zone[i]);
        ngx_sio_janitor_scraps(zone[i]);
    }
}


static void
ngx_sio_janitor_reap(const ngx_array_t *zones, ngx_sio_worker_t dead)
{
    ngx_uint_t          i, n, slot;
    ngx_sio_zone_t    **zone;
    ngx_sio_stats_t    *stats;
    ngx_atomic_t       *from, *to;
    ngx_atomic_uint_t   pid, value;

    slot = ngx_sio_worker_slot(dead);
    pid = ngx_sio_slots->slot[slot].pid;
    zone = zones->elts;

    for (i = 0; i < zones->nelts; i++) {
        ngx_sio_janitor_orphans(zone[i], dead);
        ngx_sio_asks_orphans(zone[i], dead);
    }

    /* with many sessions this takes so long that another worker helps */

    if (!ngx_sio_worker_current(dead)) {
        return;
    }

    for (i = 0; i < zones->nelts; i++) {
        ngx_sio_mask_clear(&zone[i]->shared->parked, slot);

        zone[i]->shared->read[slot] = 0;

        stats = zone[i]->shared->stats;
        from = (ngx_atomic_t *) &stats[slot];
        to = (ngx_atomic_t *) &stats[NGX_SIO_SLOTS];

        for (n = 0; n < sizeof(ngx_sio_stats_t) / sizeof(ngx_atomic_t); n++) {

            do {
                value = from[n];
            } while (!ngx_atomic_cmp_set(&from[n], value, 0));

            (void) ngx_atomic_fetch_add(&to[n], value);
        }
    }

    if (ngx_sio_slot_release(dead) != NGX_OK) {
        return;
    }

    for (i = 0; i < zones->nelts; i++) {
        ngx_sio_stat(zone[i], workers_reaped, 1);
    }

    (void) ngx_atomic_fetch_add(&ngx_sio_slots->reaped, 1);

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "socketio worker %uA of slot %ui is dead, its sessions have "
                  "been closed", pid, slot);
}


void
ngx_sio_janitor_leave(const ngx_array_t *zones)
{
    ngx_uint_t         i;
    ngx_sio_zone_t   **zone;

    zone = zones->elts;

    for (i = 0; i < zones->nelts; i++) {
        ngx_sio_janitor_orphans(zone[i], ngx_sio_self_worker);
        ngx_sio_asks_orphans(zone[i], ngx_sio_self_worker);
        ngx_sio_mask_clear(&zone[i]->shared->parked, ngx_sio_self);
        zone[i]->shared->read[ngx_sio_self] = 0;
    }
}


static void
ngx_sio_janitor_orphans(ngx_sio_zone_t *zone, ngx_sio_worker_t dead)
{
    uint32_t            cell;
    ngx_sio_session_t  *s;

    for (cell = 1; cell < zone->shared->session_pool.fresh; cell++) {
        s = &zone->shared->sessions[cell];

        if (s->owner == dead || s->poll == dead || s->post == dead) {
            ngx_sio_janitor_orphan(zone, cell, dead);
        }
    }

    ngx_sio_tickets_orphaned(zone, dead);
    ngx_sio_notices_orphaned(zone, dead);
}


/*
 * A WebSocket died with its worker, and so did a poll or POST in flight, as if
 * the client had broken it off; an upgrade that was not finished is called off.
 */

static void
ngx_sio_janitor_orphan(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_worker_t dead)
{
    ngx_sio_mask_t      wake;
    ngx_sio_session_t  *s;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(zone);

    s = &zone->shared->sessions[cell];

    if (s->state == NGX_SIO_FREE || s->state == NGX_SIO_GONE) {
        goto done;
    }

    if (s->poll == dead
        || s->post == dead
        || (s->owner == dead && s->transport == NGX_SIO_WEBSOCKET))
    {
        if (s->state == NGX_SIO_LIVE) {
            s->reason = dead == ngx_sio_self_worker
                        ? NGX_SIO_REASON_RESTART : NGX_SIO_REASON_LOST;
            ngx_sio_session_close_locked(zone, cell, 0, 0, &wake);

        } else {
            ngx_sio_session_free_locked(zone, cell);
        }

        goto done;
    }

    if (s->owner == dead) {
        s->owner = 0;
        s->probe = NGX_SIO_PROBE_NONE;
    }

done:

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);
}


static void
ngx_sio_janitor_expire(ngx_sio_zone_t *zone)
{
    uint32_t            n, cell;
    ngx_sio_mask_t      wake;
    ngx_sio_shared_t   *sh;
    ngx_sio_session_t  *s;

    sh = zone->shared;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    n = ngx_max(NGX_SIO_JANITOR_SLICE, sh->session_pool.size / 8);

    for (n = ngx_min(n, sh->session_pool.fresh); n > 0; n--) {

        cell = (uint32_t) ++sh->janitor;

        if (cell >= sh->session_pool.fresh) {
            sh->janitor = 0;
            continue;
        }

        s = &sh->sessions[cell];

        if (!ngx_sio_janitor_expired(s)) {
            continue;
        }

        ngx_sio_lock(zone);

        if (ngx_sio_janitor_expired(s)) {

            if (s->state == NGX_SIO_CLOSED) {
                ngx_sio_session_free_locked(zone, cell);

            } else {
                ngx_sio_stat(zone, pings_timed_out, s->connect_due == 0);
                s->reason = NGX_SIO_REASON_TIMEOUT;
                ngx_sio_session_close_locked(zone, cell, 0, 0, &wake);
            }
        }

        ngx_sio_unlock(zone);
    }

    ngx_sio_wake(&wake);
}


/* A WebSocket's deadlines are its worker's. */

static ngx_uint_t
ngx_sio_janitor_expired(ngx_sio_session_t *s)
{
    uint64_t  now;

    if (s->state == NGX_SIO_FREE
        || s->state == NGX_SIO_GONE
        || s->transport == NGX_SIO_WEBSOCKET)
    {
        return 0;
    }

    now = ngx_current_msec;

    return now >= s->deadline
           || (s->state == NGX_SIO_LIVE
               && s->connect_due && now >= s->connect_due);
}


/* A socket whose token has run out is disconnected, its session goes on. */

static void
ngx_sio_janitor_tokens(ngx_sio_zone_t *zone)
{
    uint32_t            n, cell;
    ngx_sio_mask_t      wake;
    ngx_sio_shared_t   *sh;

    sh = zone->shared;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    n = ngx_max(NGX_SIO_JANITOR_SLICE, sh->socket_pool.size / 8);

    for (n = ngx_min(n, sh->socket_pool.fresh); n > 0; n--) {

        cell = (uint32_t) ++sh->janitor_socket;

        if (cell >= sh->socket_pool.fresh) {
            sh->janitor_socket = 0;
            continue;
        }

        ngx_sio_recovery_expire(zone, cell, &wake);

        if (!ngx_sio_janitor_token_out(&sh->sockets[cell])) {
            continue;
        }

        ngx_sio_lock(zone);

        if (ngx_sio_janitor_token_out(&sh->sockets[cell])) {
            ngx_sio_stat(zone, tokens_expired, 1);
            ngx_sio_socket_disconnect_locked(zone, cell, &wake);
        }

        ngx_sio_unlock(zone);
    }

    ngx_sio_wake(&wake);
}


static ngx_uint_t
ngx_sio_janitor_token_out(ngx_sio_socket_t *so)
{
    return so->state == NGX_SIO_LIVE
           && so->expires && so->expires <= (uint64_t) ngx_time();
}


/* What sessions with large packets have left behind. */

static void
ngx_sio_janitor_scraps(ngx_sio_zone_t *zone)
{
    ngx_uint_t  n;

    for (n = 0; n < NGX_SIO_JANITOR_SCRAPS && zone->shared->scraps; n++) {
        ngx_sio_lock(zone);
        (void) ngx_sio_scraps_free(zone->shared);
        ngx_sio_unlock(zone);
    }
}
