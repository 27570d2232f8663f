
/*
 * Repairs a registry whose lock's holder has died in the middle of a change:
 * complete cells survive, incomplete ones are freed, everything that is derived
 * is computed again.  The whole zone is walked under the lock, which is why
 * nothing else in this module may do that.
 */

#include "ngx_sio_announce.h"
#include "ngx_sio_keys.h"
#include "ngx_sio_notices.h"
#include "ngx_sio_revoke.h"
#include "ngx_sio_tickets.h"


#define NGX_SIO_BLOCK_REACHED  0x80000000


static void ngx_sio_rebuild_unmark(ngx_sio_shared_t *sh);
static void ngx_sio_rebuild_sessions(ngx_sio_shared_t *sh);
static void ngx_sio_rebuild_rooms(ngx_sio_shared_t *sh, ngx_sio_room_t *rooms,
    ngx_sio_pool_t *pool, ngx_uint_t namespaces);
static void ngx_sio_rebuild_sockets(ngx_sio_shared_t *sh);
static void ngx_sio_rebuild_owned(ngx_sio_shared_t *sh);
static void ngx_sio_rebuild_memberships(ngx_sio_shared_t *sh);
static void ngx_sio_rebuild_membership(ngx_sio_shared_t *sh, uint32_t cell);
static void ngx_sio_rebuild_revocations(ngx_sio_shared_t *sh);
static void ngx_sio_rebuild_wakes(ngx_sio_zone_t *zone);
static void ngx_sio_rebuild_tallies(ngx_sio_shared_t *sh);
static void ngx_sio_rebuild_empty(ngx_sio_shared_t *sh);
static void ngx_sio_rebuild_chains(ngx_sio_zone_t *zone);
static void ngx_sio_rebuild_leaves(ngx_sio_zone_t *zone);
static void ngx_sio_rebuild_pool(ngx_sio_pool_t *pool, u_char *cells,
    size_t size, size_t next);
static void ngx_sio_rebuild_blocks(ngx_sio_shared_t *sh);
static ngx_uint_t ngx_sio_rebuild_string(ngx_sio_shared_t *sh,
    uint32_t block);


#define ngx_sio_cell_used(pool, cell)                                         \
    ((cell) > 0 && (cell) < (pool).fresh)


void
ngx_sio_rebuild(ngx_sio_zone_t *zone)
{
    ngx_sio_shared_t  *sh;

    sh = zone->shared;

    ngx_memzero(sh->session_hash, ((size_t) sh->mask + 1) * 4);
    ngx_memzero(sh->socket_hash, ((size_t) sh->mask + 1) * 4);
    ngx_memzero(sh->room_hash, ((size_t) sh->mask + 1) * 4);
    ngx_memzero(sh->namespace_hash, NGX_SIO_NAMESPACES * 4);
    ngx_memzero(sh->revocation_hash, ((size_t) sh->revocation_mask + 1) * 4);

    ngx_sio_rebuild_unmark(sh);
    ngx_sio_rebuild_sessions(sh);
    ngx_sio_rebuild_rooms(sh, sh->namespaces, &sh->namespace_pool, 1);
    ngx_sio_rebuild_rooms(sh, sh->rooms, &sh->room_pool, 0);
    ngx_sio_rebuild_sockets(sh);
    ngx_sio_rebuild_memberships(sh);
    ngx_sio_rebuild_revocations(sh);
    ngx_sio_rebuild_owned(sh);
    ngx_sio_rebuild_wakes(zone);
    ngx_sio_rebuild_tallies(sh);
    ngx_sio_tickets_rebuild(sh);
    ngx_sio_notices_rebuild(sh);

    /* strings are reached from their owners, so owners come first */

    sh->scraps = 0;
    ngx_sio_rebuild_blocks(sh);

    ngx_sio_rebuild_pool(&sh->session_pool, (u_char *) sh->sessions,
                         sizeof(ngx_sio_session_t),
                         offsetof(ngx_sio_session_t, next));
    ngx_sio_rebuild_pool(&sh->socket_pool, (u_char *) sh->sockets,
                         sizeof(ngx_sio_socket_t),
                         offsetof(ngx_sio_socket_t, next));
    ngx_sio_rebuild_pool(&sh->membership_pool, (u_char *) sh->memberships,
                         sizeof(ngx_sio_membership_t),
                         offsetof(ngx_sio_membership_t, next));
    ngx_sio_rebuild_pool(&sh->ticket_pool, (u_char *) sh->tickets,
                         sizeof(ngx_sio_ticket_t),
                         offsetof(ngx_sio_ticket_t, next));
    ngx_sio_rebuild_pool(&sh->room_pool, (u_char *) sh->rooms,
                         sizeof(ngx_sio_room_t),
                         offsetof(ngx_sio_room_t, next));
    ngx_sio_rebuild_pool(&sh->namespace_pool, (u_char *) sh->namespaces,
                         sizeof(ngx_sio_room_t),
                         offsetof(ngx_sio_room_t, next));

    ngx_sio_rebuild_pool(&sh->revocation_pool, (u_char *) sh->revocations,
                         sizeof(ngx_sio_revocation_t),
                         offsetof(ngx_sio_revocation_t, next));

    ngx_sio_rebuild_pool(&sh->pending_pool, (u_char *) sh->pendings,
                         sizeof(ngx_sio_pending_t),
                         offsetof(ngx_sio_pending_t, next));

    ngx_sio_rebuild_empty(sh);
    sh->rebuilt = sio_ring_tail(sh->log);
    ngx_sio_rebuild_chains(zone);
    ngx_sio_rebuild_leaves(zone);
    ngx_sio_keys_rebuild(sh);

    ngx_sio_stat(zone, rebuilds, 1);
}


/* What another rebuild has marked, whose worker died of it, counts anew. */

static void
ngx_sio_rebuild_unmark(ngx_sio_shared_t *sh)
{
    uint32_t  cell;

    for (cell = 1; cell < sh->block_pool.fresh; cell++) {
        sh->blocks[cell].n &= ~NGX_SIO_BLOCK_REACHED;
    }
}


static void
ngx_sio_rebuild_sessions(ngx_sio_shared_t *sh)
{
    uint32_t            cell;
    ngx_sio_session_t  *s;

    for (cell = 1; cell < sh->session_pool.fresh; cell++) {
        s = &sh->sessions[cell];

        if (s->state == NGX_SIO_FREE) {
            continue;
        }

        s->sockets = 0;
        s->memberships = 0;
        s->refreshed = 0;

        if (s->state != NGX_SIO_GONE) {
            ngx_sio_session_link(sh, cell);
        }
    }
}


static void
ngx_sio_rebuild_rooms(ngx_sio_shared_t *sh, ngx_sio_room_t *rooms,
    ngx_sio_pool_t *pool, ngx_uint_t namespaces)
{
    uint32_t         cell;
    ngx_sio_room_t  *room;

    for (cell = 1; cell < pool->fresh; cell++) {
        room = &rooms[cell];

        if (room->state == NGX_SIO_FREE) {
            continue;
        }

        if (!ngx_sio_rebuild_string(sh, room->name)
            || (!namespaces
                && (!ngx_sio_cell_used(sh->namespace_pool, room->namespace)
                    || sh->namespaces[room->namespace].state
                       == NGX_SIO_FREE)))
        {
            room->state = NGX_SIO_FREE;
            continue;
        }

        room->members = 0;
        room->count = 0;
        room->refs = 0;
        room->waiting = 0;
        room->excepted = 0;
        room->polled = 0;
        ngx_memzero(&room->workers, sizeof(ngx_sio_mask_t));

        if (namespaces) {
            ngx_sio_namespace_link(sh, cell);

        } else {
            ngx_sio_room_link(sh, cell);
        }
    }
}


static void
ngx_sio_rebuild_sockets(ngx_sio_shared_t *sh)
{
    uint32_t            cell;
    ngx_sio_room_t     *nsp;
    ngx_sio_socket_t   *so;
    ngx_sio_session_t  *s;

    for (cell = 1; cell < sh->socket_pool.fresh; cell++) {
        so = &sh->sockets[cell];

        if (so->state == NGX_SIO_FREE) {
            /* the free cells' first word is zero */
            so->revision = 0;
            continue;
        }

        if (!ngx_sio_cell_used(sh->session_pool, so->session)
            || sh->sessions[so->session].state == NGX_SIO_FREE
            || !ngx_sio_cell_used(sh->namespace_pool, so->namespace)
            || sh->namespaces[so->namespace].state == NGX_SIO_FREE
            || (sh->sessions[so->session].state == NGX_SIO_GONE
                && so->notice.state == NGX_SIO_NOTICE_NONE
                && so->state != NGX_SIO_WAITING))
        {
            so->state = NGX_SIO_FREE;
            so->revision = 0;
            continue;
        }

        s = &sh->sessions[so->session];
        nsp = &sh->namespaces[so->namespace];

        if (s->state == NGX_SIO_GONE && so->state == NGX_SIO_LIVE) {
            so->state = NGX_SIO_CLOSED;
        }

        if (so->state == NGX_SIO_CLOSED && so->until == NGX_SIO_FOREVER) {
            so->until = sio_ring_head(sh->log);
        }

        if (!ngx_sio_rebuild_string(sh, so->data)) {
            so->data = 0;
        }

        if (!ngx_sio_rebuild_string(sh, so->claims)) {
            so->claims = 0;
        }

        if (!ngx_sio_rebuild_string(sh, so->rates)) {
            so->rates = 0;
        }

        so->memberships = 0;
        so->tickets = 0;
        so->rooms = 0;
        so->sibling = s->sockets;
        s->sockets = cell;

        nsp->refs++;

        if (so->state == NGX_SIO_LIVE) {
            nsp->count++;
        }

        if (s->transport == NGX_SIO_POLLING) {
            nsp->polled = 1;
        }

        ngx_sio_socket_link(sh, cell);
    }
}


/*
 * A session that is gone stays for its sockets only, so what it owns is known
 * when they are.
 */

static void
ngx_sio_rebuild_owned(ngx_sio_shared_t *sh)
{
    uint32_t            cell;
    ngx_sio_session_t  *s;

    for (cell = 1; cell < sh->session_pool.fresh; cell++) {
        s = &sh->sessions[cell];

        if (s->state == NGX_SIO_GONE && s->sockets == 0) {
            s->state = NGX_SIO_FREE;
        }

        if (s->state == NGX_SIO_FREE) {
            continue;
        }

        if (!ngx_sio_rebuild_string(sh, s->handshake)) {
            s->handshake = 0;
        }

        if (!ngx_sio_rebuild_string(sh, s->token)) {
            s->token = 0;
        }

        if (!ngx_sio_rebuild_string(sh, s->kept)) {
            s->kept = 0;
        }
    }
}


static void
ngx_sio_rebuild_memberships(ngx_sio_shared_t *sh)
{
    uint32_t               cell;
    ngx_sio_membership_t  *m;

    for (cell = 1; cell < sh->membership_pool.fresh; cell++) {
        m = &sh->memberships[cell];

        if (m->state == NGX_SIO_FREE) {
            m->ruled = 0;
            m->last = 0;
            continue;
        }

        if (!ngx_sio_cell_used(sh->socket_pool, m->socket)
            || sh->sockets[m->socket].state == NGX_SIO_FREE
            || !ngx_sio_cell_used(sh->room_pool, m->room)
            || sh->rooms[m->room].state == NGX_SIO_FREE
            || sh->rooms[m->room].namespace
               != sh->sockets[m->socket].namespace)
        {
            m->state = NGX_SIO_FREE;
            m->ruled = 0;
            m->last = 0;
            continue;
        }

        ngx_sio_rebuild_membership(sh, cell);
    }
}


static void
ngx_sio_rebuild_membership(ngx_sio_shared_t *sh, uint32_t cell)
{
    ngx_sio_room_t        *room;
    ngx_sio_socket_t      *so;
    ngx_sio_session_t     *s;
    ngx_sio_membership_t  *m;

    m = &sh->memberships[cell];
    so = &sh->sockets[m->socket];
    s = &sh->sessions[so->session];
    room = &sh->rooms[m->room];

    if (so->state == NGX_SIO_CLOSED && m->until > so->until) {
        m->last = 1;
        m->until = so->until;
    }

    /* one that has ended but is not marked so is announced in the end */

    if (m->until == NGX_SIO_FOREVER) {
        m->state = NGX_SIO_LIVE;
    }

    m->next = so->memberships;
    so->memberships = cell;
    s->memberships++;

    m->prev_member = 0;
    m->next_member = room->members;

    if (m->next_member) {
        sh->memberships[m->next_member].prev_member = cell;
    }

    room->members = cell;
    room->refs++;

    if (m->until == NGX_SIO_FOREVER) {
        room->count += so->state != NGX_SIO_WAITING;
        room->waiting += so->state == NGX_SIO_WAITING;
        so->rooms++;
    }

    if (s->transport == NGX_SIO_POLLING) {
        room->polled = 1;
    }
}


static void
ngx_sio_rebuild_revocations(ngx_sio_shared_t *sh)
{
    uint32_t  cell;

    for (cell = 1; cell < sh->revocation_pool.fresh; cell++) {
        if (sh->revocations[cell].state != NGX_SIO_FREE) {
            ngx_sio_revocation_link(sh, cell);
        }
    }
}


static void
ngx_sio_rebuild_wakes(ngx_sio_zone_t *zone)
{
    uint32_t            cell;
    ngx_sio_session_t  *s;

    for (cell = 1; cell < zone->shared->session_pool.fresh; cell++) {
        s = &zone->shared->sessions[cell];

        if (s->state != NGX_SIO_FREE && s->owner) {
            ngx_sio_session_wakes_locked(zone, cell,
                                         ngx_sio_worker_slot(s->owner));
        }
    }
}


/* There are no more keys than before, so that each finds a cell. */

static void
ngx_sio_rebuild_tallies(ngx_sio_shared_t *sh)
{
    uint32_t            cell;
    ngx_sio_socket_t   *so;
    ngx_sio_session_t  *s;

    ngx_sio_tally_reset(sh);

    for (cell = 1; cell < sh->session_pool.fresh; cell++) {
        s = &sh->sessions[cell];

        if (s->state == NGX_SIO_LIVE) {
            (void) ngx_sio_tally_add(sh,
                                     ngx_sio_tally_endpoint(sh, s->endpoint),
                                     0);
            (void) ngx_sio_tally_add(sh, s->address, 0);
        }
    }

    for (cell = 1; cell < sh->socket_pool.fresh; cell++) {
        so = &sh->sockets[cell];

        if (so->state == NGX_SIO_LIVE) {
            (void) ngx_sio_tally_add(sh, so->user, 0);
        }
    }
}


/* Rooms and namespaces live as long as somebody refers to them. */

static void
ngx_sio_rebuild_empty(ngx_sio_shared_t *sh)
{
    uint32_t  cell;

    for (cell = 1; cell < sh->room_pool.fresh; cell++) {
        if (sh->rooms[cell].state != NGX_SIO_FREE
            && sh->rooms[cell].refs == 0)
        {
            ngx_sio_room_release(sh, cell);
        }
    }

    for (cell = 1; cell < sh->namespace_pool.fresh; cell++) {
        if (sh->namespaces[cell].state != NGX_SIO_FREE
            && sh->namespaces[cell].refs == 0)
        {
            ngx_sio_namespace_release(sh, cell);
        }
    }
}


/*
 * A record that was written but never linked is found again here.  What is not
 * in the log any more stays noted, so that who is that late is told so.
 */

static void
ngx_sio_rebuild_chains(ngx_sio_zone_t *zone)
{
    uint64_t                position;
    ngx_sio_record_view_t   view;

    position = sio_ring_tail(zone->shared->log);

    while (ngx_sio_log_read(zone, position, &view) == NGX_OK) {
        ngx_sio_log_note_locked(zone->shared, &view.head, view.targets);
        position = sio_ring_next(zone->shared->log, &view.head.ring);
    }
}


/*
 * Leaves that were begun are completed.  Nobody is woken here: all workers are,
 * when the lock is free.
 */

static void
ngx_sio_rebuild_leaves(ngx_sio_zone_t *zone)
{
    uint32_t           cell;
    ngx_sio_mask_t     wake;
    ngx_sio_socket_t  *so;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    for (cell = 1; cell < zone->shared->socket_pool.fresh; cell++) {
        so = &zone->shared->sockets[cell];

        if (so->state != NGX_SIO_FREE) {
            ngx_sio_announce_leaves_locked(zone, cell, &wake);
        }
    }
}


static void
ngx_sio_rebuild_pool(ngx_sio_pool_t *pool, u_char *cells, size_t size,
    size_t next)
{
    uint32_t  cell, state;

    pool->free = 0;
    pool->used = 0;

    for (cell = pool->fresh - 1; cell > 0; cell--) {
        ngx_memcpy(&state, cells + cell * size, sizeof(uint32_t));

        if (state != NGX_SIO_FREE) {
            pool->used++;
            continue;
        }

        ngx_memcpy(cells + cell * size + next, &pool->free, sizeof(uint32_t));
        pool->free = cell;
    }
}


static void
ngx_sio_rebuild_blocks(ngx_sio_shared_t *sh)
{
    uint32_t          cell;
    ngx_sio_block_t  *b;

    sh->block_pool.free = 0;
    sh->block_pool.used = 0;

    for (cell = sh->block_pool.fresh - 1; cell > 0; cell--) {
        b = &sh->blocks[cell];

        if (b->n & NGX_SIO_BLOCK_REACHED) {
            b->n &= ~NGX_SIO_BLOCK_REACHED;
            sh->block_pool.used++;
            continue;
        }

        b->n = 0;
        b->next = sh->block_pool.free;
        sh->block_pool.free = cell;
    }
}


/* A broken string is not marked, so that its blocks become free. */

static ngx_uint_t
ngx_sio_rebuild_string(ngx_sio_shared_t *sh, uint32_t block)
{
    uint32_t          cell;
    ngx_sio_block_t  *b;

    for (cell = block; cell; cell = b->next) {

        if (!ngx_sio_cell_used(sh->block_pool, cell)) {
            return 0;
        }

        b = &sh->blocks[cell];

        if (b->n == 0 || b->n > NGX_SIO_BLOCK_DATA) {
            return 0;
        }
    }

    for (cell = block; cell; cell = b->next) {
        b = &sh->blocks[cell];
        b->n |= NGX_SIO_BLOCK_REACHED;
    }

    return 1;
}
