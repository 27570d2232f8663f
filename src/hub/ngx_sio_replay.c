
/*
 * Collects the positions of a session's records along the chains of its
 * targets, newest first, and hands the records over, oldest first.
 */

#include "ngx_sio_replay.h"


typedef struct {
    uint64_t               *elts;       /* shifted; bit 0: stamped */
    ngx_uint_t              n;
    ngx_uint_t              size;
} ngx_sio_positions_t;


static void ngx_sio_replay_begin(ngx_sio_zone_t *zone, uint64_t cursor,
    ngx_sio_replay_t *replay);
static void ngx_sio_replay_add_socket(ngx_sio_replay_t *replay,
    uint32_t socket);
static void ngx_sio_replay_add(ngx_sio_replay_t *replay, uint32_t kind,
    uint32_t id, uint32_t socket);
static ngx_int_t ngx_sio_replay_find(const ngx_sio_replay_t *replay,
    ngx_sio_positions_t *found);
static void ngx_sio_replay_keep(const ngx_sio_replay_t *replay,
    const ngx_sio_positions_t *found, ngx_uint_t done);
static ngx_int_t ngx_sio_replay_collect(const ngx_sio_replay_t *replay,
    ngx_sio_interest_t *interest, ngx_sio_positions_t *positions);
static uint64_t ngx_sio_replay_start(const ngx_sio_replay_t *replay,
    const ngx_sio_interest_t *interest);
static ngx_int_t ngx_sio_positions_push(ngx_sio_positions_t *positions,
    uint64_t position);
static int ngx_libc_cdecl ngx_sio_positions_compare(const void *one,
    const void *two);
static ngx_uint_t ngx_sio_replay_wanted(const ngx_sio_replay_t *replay,
    const ngx_sio_record_view_t *view);


/* Both grow to the largest session that this worker has seen. */
static ngx_sio_interest_t   *ngx_sio_interests;
static ngx_uint_t            ngx_sio_interests_size;
static ngx_sio_positions_t   ngx_sio_positions;


uint32_t
ngx_sio_replay_lock(ngx_sio_zone_t *zone,
    uint32_t (*find)(ngx_sio_zone_t *zone, void *data), void *data)
{
    uint32_t             cell, socket;
    ngx_uint_t           need;
    ngx_sio_interest_t  *interests;

    for ( ;; ) {
        ngx_sio_lock(zone);

        cell = find(zone, data);
        if (cell == 0) {
            return 0;
        }

        need = 1 + zone->shared->sessions[cell].memberships;

        for (socket = zone->shared->sessions[cell].sockets;
             socket;
             socket = zone->shared->sockets[socket].sibling)
        {
            need += 2;
        }

        if (need <= ngx_sio_interests_size) {
            return cell;
        }

        ngx_sio_unlock(zone);

        need += 64;
        interests = ngx_alloc(need * sizeof(ngx_sio_interest_t), zone->log);

        if (interests == NULL) {
            ngx_sio_lock(zone);
            return 0;
        }

        ngx_free(ngx_sio_interests);
        ngx_sio_interests = interests;
        ngx_sio_interests_size = need;
    }
}


void
ngx_sio_replay_note_locked(ngx_sio_zone_t *zone, uint32_t cell,
    uint64_t cursor, ngx_sio_replay_t *replay)
{
    uint32_t           socket;
    ngx_sio_shared_t  *sh;

    sh = zone->shared;

    ngx_sio_replay_begin(zone, cursor, replay);

    ngx_sio_replay_add(replay, NGX_SIO_TO_SESSION, cell, 0);

    for (socket = sh->sessions[cell].sockets;
         socket;
         socket = sh->sockets[socket].sibling)
    {
        if (sh->sockets[socket].state != NGX_SIO_WAITING) {
            ngx_sio_replay_add_socket(replay, socket);
        }
    }
}


void
ngx_sio_replay_socket_locked(ngx_sio_zone_t *zone, uint32_t socket,
    uint64_t cursor, ngx_sio_replay_t *replay)
{
    ngx_sio_replay_begin(zone, cursor, replay);
    ngx_sio_replay_add_socket(replay, socket);

    replay->writable = replay->to;
}


static void
ngx_sio_replay_begin(ngx_sio_zone_t *zone, uint64_t cursor,
    ngx_sio_replay_t *replay)
{
    replay->zone = zone;
    replay->from = cursor;
    replay->to = sio_ring_head(zone->shared->log);
    replay->ahead = NULL;
    replay->interests = ngx_sio_interests;
    replay->n = 0;
}


static void
ngx_sio_replay_add_socket(ngx_sio_replay_t *replay, uint32_t socket)
{
    uint32_t               m;
    ngx_sio_shared_t      *sh;
    ngx_sio_socket_t      *so;
    ngx_sio_interest_t    *interest;
    ngx_sio_membership_t  *membership;

    sh = replay->zone->shared;
    so = &sh->sockets[socket];

    ngx_sio_replay_add(replay, NGX_SIO_TO_NAMESPACE, so->namespace, socket);
    ngx_sio_replay_add(replay, NGX_SIO_TO_SOCKET, socket, socket);

    for (m = so->memberships; m; m = membership->next) {
        membership = &sh->memberships[m];

        interest = &replay->interests[replay->n++];
        interest->kind = NGX_SIO_TO_ROOM;
        interest->id = membership->room;
        interest->socket = socket;
        interest->last = sh->rooms[membership->room].last;
        interest->from = ngx_max(membership->from, so->start);
        interest->until = membership->until;
        interest->resumed = so->resumed;
        interest->stamped = so->recovery != 0;
    }
}


static void
ngx_sio_replay_add(ngx_sio_replay_t *replay, uint32_t kind, uint32_t id,
    uint32_t socket)
{
    ngx_sio_socket_t    *so;
    ngx_sio_interest_t  *interest;

    so = &replay->zone->shared->sockets[socket];
    interest = &replay->interests[replay->n++];

    interest->kind = kind;
    interest->id = id;
    interest->socket = socket;
    interest->last = *ngx_sio_target_last(replay->zone->shared, kind, id);
    interest->from = socket ? ngx_max(so->from, so->start)
                            : replay->zone->shared->sessions[id].start;
    interest->until = socket ? so->until : NGX_SIO_FOREVER;
    interest->resumed = socket ? so->resumed : 0;
    interest->stamped = socket ? so->recovery != 0 : 0;
}


ngx_int_t
ngx_sio_replay_run(const ngx_sio_replay_t *replay, ngx_sio_replay_pt handler,
    void *data, uint64_t *next)
{
    uint64_t                position, done;
    ngx_int_t               rc;
    ngx_uint_t              i;
    ngx_sio_positions_t     found;
    ngx_sio_record_view_t   view;

    if (replay->ahead && replay->ahead->n) {
        found.elts = replay->ahead->elts + replay->ahead->first;
        found.n = replay->ahead->n;
        *next = replay->ahead->to;

    } else {
        rc = ngx_sio_replay_find(replay, &found);
        if (rc != NGX_OK) {
            return rc;
        }

        *next = replay->to;
    }

    for (done = 0, i = 0; i < found.n; i++, done = position) {
        position = found.elts[i] >> 1;

        if (position == done) {
            continue;
        }

        if (ngx_sio_log_read(replay->zone, position, &view) != NGX_OK) {
            return NGX_DECLINED;
        }

        view.stamped = found.elts[i] & 1;

        if (!ngx_sio_replay_wanted(replay, &view)) {
            continue;
        }

        rc = handler(data, &view);

        if (rc == NGX_DONE) {
            *next = position;
            ngx_sio_replay_keep(replay, &found, i);
            return NGX_OK;
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (replay->ahead) {
        replay->ahead->n = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_sio_replay_find(const ngx_sio_replay_t *replay, ngx_sio_positions_t *found)
{
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_sio_positions_t  *positions;

    positions = &ngx_sio_positions;
    positions->n = 0;

    for (i = 0; i < replay->n; i++) {
        rc = ngx_sio_replay_collect(replay, &replay->interests[i], positions);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (positions->n > 1) {
        ngx_qsort(positions->elts, positions->n, sizeof(uint64_t),
                  ngx_sio_positions_compare);
    }

    *found = *positions;

    return NGX_OK;
}


/* Without memory for them the next run finds them again. */

static void
ngx_sio_replay_keep(const ngx_sio_replay_t *replay,
    const ngx_sio_positions_t *found, ngx_uint_t done)
{
    ngx_uint_t        n;
    ngx_sio_ahead_t  *ahead;

    ahead = replay->ahead;

    if (ahead == NULL) {
        return;
    }

    if (ahead->n) {
        ahead->first += done;
        ahead->n -= done;
        return;
    }

    n = ngx_min(found->n - done, NGX_SIO_AHEAD_MAX);

    /* a record that was found twice is not parted: it would come twice */

    while (n > 1 && n < found->n - done
           && found->elts[done + n] >> 1 == found->elts[done + n - 1] >> 1)
    {
        n--;
    }

    if (ahead->elts == NULL) {
        ahead->elts = ngx_alloc(NGX_SIO_AHEAD_MAX * sizeof(uint64_t),
                                replay->zone->log);
        if (ahead->elts == NULL) {
            return;
        }
    }

    ngx_memcpy(ahead->elts, found->elts + done, n * sizeof(uint64_t));
    ahead->first = 0;
    ahead->n = n;
    ahead->to = n < found->n - done ? found->elts[done + n] >> 1
                                    : replay->to;
}


static ngx_int_t
ngx_sio_replay_collect(const ngx_sio_replay_t *replay,
    ngx_sio_interest_t *interest, ngx_sio_positions_t *positions)
{
    uint64_t                position, from;
    ngx_uint_t              i;
    ngx_sio_record_view_t   view;

    from = ngx_max(replay->from, interest->from);

    if (interest->until <= from && interest->until <= replay->from) {
        /* kept for a recovery only: it has been delivered */
        return NGX_OK;
    }

    position = ngx_sio_replay_start(replay, interest);

    while (position && position >= from) {

        if (ngx_sio_log_read(replay->zone, position, &view) != NGX_OK) {
            return NGX_DECLINED;
        }

        if (position < interest->until
            && !(position < interest->resumed
                 && (view.head.flags & NGX_SIO_PASSING))
            && ngx_sio_positions_push(positions,
                                      position << 1 | interest->stamped)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        position = 0;

        for (i = 0; i < view.head.targets; i++) {
            if (view.targets[i].id == interest->id
                && view.targets[i].kind == interest->kind)
            {
                position = view.targets[i].prev;
                break;
            }
        }
    }

    interest->last = position;

    return NGX_OK;
}


/*
 * A client that joins and leaves a busy room again and again has many closed
 * intervals there, the newest first: the walk for one goes on where that for
 * the one before has come to, so that all of them cost one walk.
 */

static uint64_t
ngx_sio_replay_start(const ngx_sio_replay_t *replay,
    const ngx_sio_interest_t *interest)
{
    ngx_uint_t           n;
    ngx_sio_interest_t  *newer;

    if (interest->until == NGX_SIO_FOREVER) {
        return interest->last;
    }

    n = interest - replay->interests;

    while (n-- > 0) {
        newer = &replay->interests[n];

        if (newer->id == interest->id
            && newer->kind == interest->kind
            && newer->from >= interest->until)
        {
            return newer->last;
        }
    }

    return interest->last;
}


static ngx_int_t
ngx_sio_positions_push(ngx_sio_positions_t *positions, uint64_t position)
{
    uint64_t    *elts;
    ngx_uint_t   size;

    if (positions->n == positions->size) {
        size = positions->size ? positions->size * 2 : 256;

        elts = ngx_alloc(size * sizeof(uint64_t), ngx_cycle->log);
        if (elts == NULL) {
            return NGX_ERROR;
        }

        if (positions->n) {
            ngx_memcpy(elts, positions->elts,
                       positions->n * sizeof(uint64_t));
            ngx_free(positions->elts);
        }

        positions->elts = elts;
        positions->size = size;
    }

    positions->elts[positions->n++] = position;

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_sio_positions_compare(const void *one, const void *two)
{
    uint64_t  a, b;

    a = *(const uint64_t *) one;
    b = *(const uint64_t *) two;

    return a < b ? -1 : a > b;
}


/* `except` is judged by the same intervals as membership. */

static ngx_uint_t
ngx_sio_replay_wanted(const ngx_sio_replay_t *replay,
    const ngx_sio_record_view_t *view)
{
    uint64_t             position;
    ngx_uint_t           i, k;
    ngx_sio_interest_t  *interest;

    if (view->head.type == NGX_SIO_RECORD_DIRECT) {
        return 1;
    }

    if (view->head.type != NGX_SIO_RECORD_EVENT) {
        return 0;
    }

    position = view->head.ring.position;

    if ((view->head.flags & NGX_SIO_VOLATILE) && position < replay->writable) {
        return 0;
    }

    for (i = 0; i < view->head.excepts; i++) {

        for (k = 0; k < replay->n; k++) {
            interest = &replay->interests[k];

            if (interest->id == view->excepts[i].id
                && interest->kind == view->excepts[i].kind
                && interest->from <= position
                && position < interest->until)
            {
                return 0;
            }
        }
    }

    return 1;
}
