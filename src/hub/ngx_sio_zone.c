
/*
 * Makes a zone's shared memory, once, and keeps its lock safe against workers
 * that die with it.  A reload finds the memory as it is and changes nothing.
 */

#include "ngx_sio_log.h"
#include "ngx_sio_seldom.h"
#include "ngx_sio_test.h"
#include "sio_base64.h"

#include <sys/random.h>


/*
 * How the registry is shared out: cells of each kind per session that fits.
 * A membership costs 40 bytes and a block 64; names, data and claims are in
 * blocks.  docs/operations.md tells users the sum.
 */
#define NGX_SIO_SOCKETS_PER_4      6
#define NGX_SIO_MEMBERSHIPS_PER_4  16
#define NGX_SIO_ROOMS_PER_4        8
#define NGX_SIO_BLOCKS_PER_4       56
#define NGX_SIO_TALLIES_PER_4      10   /* of all addresses and all users */
#define NGX_SIO_TALLIES_MORE       64   /* of endpoints */
#define NGX_SIO_TICKETS_PER_4      2

/* Shares of the API's tables, taken off first. */
#define NGX_SIO_KEYS_SHARE         32           /* a 32nd of the zone */
#define NGX_SIO_PENDINGS_SHARE     128
#define NGX_SIO_PENDINGS_MAX       (1 << 20)    /* ids are below 2^53 */

/* Revoked tokens come on top, a cell for each so many bytes of the zone. */
#define NGX_SIO_REVOCATION_SHARE   4096
#define NGX_SIO_REVOCATIONS_MIN    64
#define NGX_SIO_REVOCATIONS_MAX    65536

#define NGX_SIO_LOCK_SPIN     64        /* tries between looks at the holder */
#define NGX_SIO_LOCK_PATIENCE 5         /* ms, then: is the holder alive? */


static ngx_int_t ngx_sio_zone_init(ngx_shm_zone_t *shm_zone, void *data);
static ngx_int_t ngx_sio_zone_carve(ngx_sio_zone_t *zone);
static uint32_t ngx_sio_zone_revocations(ngx_sio_zone_t *zone);
static void ngx_sio_zone_carve_api(ngx_sio_zone_t *zone, u_char **p);
static void ngx_sio_zone_pool(ngx_sio_pool_t *pool, uint32_t size);
static void *ngx_sio_zone_take(u_char **p, size_t n);
static void ngx_sio_lock_wait(ngx_sio_zone_t *zone);
static void ngx_sio_zone_repair(ngx_sio_zone_t *zone);
static void ngx_sio_zone_wake(ngx_sio_zone_t *zone, ngx_uint_t all);


static u_char      ngx_sio_entropy[1024];
static size_t      ngx_sio_entropy_left;
static ngx_pid_t   ngx_sio_entropy_pid;


ngx_sio_zone_t *
ngx_sio_zone_add(ngx_conf_t *cf, ngx_sio_zone_t *zone, void *tag)
{
    size_t  size, fixed;

    fixed = sizeof(ngx_sio_shared_t) + ngx_pagesize * 4
            + (NGX_SIO_SLOTS + 1) * sizeof(ngx_sio_stats_t)
            + NGX_SIO_NAMESPACES * (sizeof(ngx_sio_room_t) + 4)
            + ngx_sio_zone_revocations(zone)
              * (sizeof(ngx_sio_revocation_t) + 4);

    /* the slab's own page table takes 32 bytes of each page */
    size = zone->size + zone->log_size + fixed;
    size += size / (ngx_pagesize / 32) + ngx_pagesize * 4;

    zone->shm_zone = ngx_shared_memory_add(cf, &zone->name,
                                           ngx_align(size, ngx_pagesize), tag);
    if (zone->shm_zone == NULL) {
        return NULL;
    }

    if (zone->shm_zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate socketio_zone \"%V\"", &zone->name);
        return NULL;
    }

    zone->shm_zone->init = ngx_sio_zone_init;
    zone->shm_zone->data = zone;
    zone->log = &cf->cycle->new_log;

    ngx_rbtree_init(&zone->asks, &zone->no_ask, ngx_rbtree_insert_value);

    return zone;
}


static ngx_int_t
ngx_sio_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_sio_zone_t *old = data;

    ngx_sio_zone_t  *zone;

    zone = shm_zone->data;
    zone->slab = (ngx_slab_pool_t *) shm_zone->shm.addr;
    zone->slab->log_nomem = 0;

    if (old == NULL && !shm_zone->shm.exists) {
        return ngx_sio_zone_carve(zone);
    }

    zone->shared = zone->slab->data;

    if (zone->shared->magic != NGX_SIO_MAGIC
        || (old && old->log_size != zone->log_size))
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "socketio zone \"%V\" has another layout: restart nginx "
                      "to change the log's share of a zone",
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }

    zone->stats = zone->shared->stats + NGX_SIO_SLOTS;

    return NGX_OK;
}


/* Fresh shared memory is zero, so only what is not zero is written. */

static ngx_int_t
ngx_sio_zone_carve(ngx_sio_zone_t *zone)
{
    u_char            *p, *end;
    size_t             left, quad;
    uint32_t           n, buckets;
    ngx_sio_shared_t  *sh;

    left = zone->slab->pfree * ngx_pagesize;
    p = ngx_slab_alloc(zone->slab, left);
    if (p == NULL) {
        return NGX_ERROR;
    }

    end = p + left;

    sh = ngx_sio_zone_take(&p, sizeof(ngx_sio_shared_t));
    zone->shared = sh;
    sh->size = left;
    sh->stats = ngx_sio_zone_take(&p, (NGX_SIO_SLOTS + 1)
                                      * sizeof(ngx_sio_stats_t));
    sh->log = ngx_sio_zone_take(&p, zone->log_size);
    sio_ring_init(sh->log, zone->log_size);

    sh->namespaces = ngx_sio_zone_take(&p, NGX_SIO_NAMESPACES
                                           * sizeof(ngx_sio_room_t));
    sh->namespace_hash = ngx_sio_zone_take(&p, NGX_SIO_NAMESPACES * 4);

    n = ngx_sio_zone_revocations(zone);

    for (buckets = 64; buckets * 2 <= n; buckets *= 2) { /* void */ }

    ngx_sio_zone_pool(&sh->revocation_pool, n);
    sh->revocation_mask = buckets - 1;
    sh->revocations = ngx_sio_zone_take(&p, n * sizeof(ngx_sio_revocation_t));
    sh->revocation_hash = ngx_sio_zone_take(&p, buckets * 4);

    ngx_sio_zone_carve_api(zone, &p);

    /* four hashes of at most one bucket for each two cells */
    quad = 4 * sizeof(ngx_sio_session_t)
           + NGX_SIO_SOCKETS_PER_4 * sizeof(ngx_sio_socket_t)
           + NGX_SIO_MEMBERSHIPS_PER_4 * sizeof(ngx_sio_membership_t)
           + NGX_SIO_ROOMS_PER_4 * sizeof(ngx_sio_room_t)
           + NGX_SIO_BLOCKS_PER_4 * sizeof(ngx_sio_block_t)
           + NGX_SIO_TALLIES_PER_4 * sizeof(ngx_sio_tally_t)
           + NGX_SIO_TICKETS_PER_4 * sizeof(ngx_sio_ticket_t)
           + 4 * NGX_SIO_ROOMS_PER_4 * sizeof(uint32_t);

    left = (size_t) (end - p) - 16 * 64
           - NGX_SIO_TALLIES_MORE * sizeof(ngx_sio_tally_t);
    n = (uint32_t) (left / quad);

    for (buckets = 64; buckets * 2 <= n * NGX_SIO_ROOMS_PER_4; buckets *= 2) {
        /* void */
    }

    sh->mask = buckets - 1;
    sh->session_hash = ngx_sio_zone_take(&p, buckets * 4);
    sh->socket_hash = ngx_sio_zone_take(&p, buckets * 4);
    sh->room_hash = ngx_sio_zone_take(&p, buckets * 4);
    sh->tally_hash = ngx_sio_zone_take(&p, buckets * 4);

    ngx_sio_zone_pool(&sh->namespace_pool, NGX_SIO_NAMESPACES);
    ngx_sio_zone_pool(&sh->session_pool, n * 4);
    ngx_sio_zone_pool(&sh->socket_pool, n * NGX_SIO_SOCKETS_PER_4);
    ngx_sio_zone_pool(&sh->membership_pool, n * NGX_SIO_MEMBERSHIPS_PER_4);
    ngx_sio_zone_pool(&sh->room_pool, n * NGX_SIO_ROOMS_PER_4);
    ngx_sio_zone_pool(&sh->block_pool, n * NGX_SIO_BLOCKS_PER_4);
    ngx_sio_zone_pool(&sh->tally_pool, n * NGX_SIO_TALLIES_PER_4
                                       + NGX_SIO_TALLIES_MORE);
    ngx_sio_zone_pool(&sh->ticket_pool, n * NGX_SIO_TICKETS_PER_4);

    sh->sessions = ngx_sio_zone_take(&p, sh->session_pool.size
                                         * sizeof(ngx_sio_session_t));
    sh->sockets = ngx_sio_zone_take(&p, sh->socket_pool.size
                                        * sizeof(ngx_sio_socket_t));
    sh->memberships = ngx_sio_zone_take(&p, sh->membership_pool.size
                                            * sizeof(ngx_sio_membership_t));
    sh->rooms = ngx_sio_zone_take(&p, sh->room_pool.size
                                      * sizeof(ngx_sio_room_t));
    sh->blocks = ngx_sio_zone_take(&p, sh->block_pool.size
                                       * sizeof(ngx_sio_block_t));
    sh->tallies = ngx_sio_zone_take(&p, sh->tally_pool.size
                                        * sizeof(ngx_sio_tally_t));
    sh->tickets = ngx_sio_zone_take(&p, sh->ticket_pool.size
                                        * sizeof(ngx_sio_ticket_t));

    if (p > end
        || ngx_sio_random(&sh->epoch, sizeof(sh->epoch)) != NGX_OK
        || ngx_sio_random(&sh->seed, sizeof(sh->seed)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* offsets show the epoch as six characters of base 36 */
    sh->epoch %= 2176782336u;
    sh->magic = NGX_SIO_MAGIC;

#if (NGX_SIO_TEST)
    ngx_sio_test_init(&sh->unused);
#endif

    zone->slab->data = sh;
    zone->stats = sh->stats + NGX_SIO_SLOTS;

    return NGX_OK;
}


static uint32_t
ngx_sio_zone_revocations(ngx_sio_zone_t *zone)
{
    size_t  n;

    n = zone->size / NGX_SIO_REVOCATION_SHARE;
    n = ngx_max(n, NGX_SIO_REVOCATIONS_MIN);

    /* cell 0 is never used */

    return ngx_min(n, NGX_SIO_REVOCATIONS_MAX) + 1;
}


static void
ngx_sio_zone_carve_api(ngx_sio_zone_t *zone, u_char **p)
{
    size_t             n;
    uint32_t           buckets;
    ngx_sio_shared_t  *sh;

    sh = zone->shared;

    n = zone->size / NGX_SIO_KEYS_SHARE;
    sh->key_size = n / (sizeof(ngx_sio_key_t) + sizeof(uint32_t));

    for (buckets = 1; buckets * 2 <= sh->key_size; buckets *= 2) {
        /* void */
    }

    sh->key_mask = buckets - 1;
    sh->key_hash = ngx_sio_zone_take(p, buckets * sizeof(uint32_t));
    sh->keys = ngx_sio_zone_take(p, sh->key_size * sizeof(ngx_sio_key_t));

    n = zone->size / NGX_SIO_PENDINGS_SHARE / sizeof(ngx_sio_pending_t);

    ngx_sio_zone_pool(&sh->pending_pool, ngx_min(n, NGX_SIO_PENDINGS_MAX));

    sh->pendings = ngx_sio_zone_take(p, sh->pending_pool.size
                                        * sizeof(ngx_sio_pending_t));
}


static void
ngx_sio_zone_pool(ngx_sio_pool_t *pool, uint32_t size)
{
    pool->size = size;
    pool->fresh = 1;
}


static void *
ngx_sio_zone_take(u_char **p, size_t n)
{
    u_char  *start;

    start = *p;
    *p += ngx_align(n, 64);

    return start;
}


void
ngx_sio_lock(ngx_sio_zone_t *zone)
{
    if (!ngx_shmtx_trylock(&zone->slab->mutex)) {
        ngx_sio_lock_wait(zone);
    }

    if (zone->shared->dirty) {
        ngx_sio_zone_repair(zone);
    }

    zone->shared->dirty = ngx_pid;
    ngx_memory_barrier();
}


/*
 * Whoever has died may have changed what other workers have a copy of, and not
 * told them: they look at it when they read this record.
 */

static void
ngx_sio_zone_repair(ngx_sio_zone_t *zone)
{
    ngx_sio_target_t   nobody;
    ngx_sio_record_t   record;
    ngx_sio_payload_t  nothing;

    ngx_sio_rebuild(zone);

    ngx_memzero(&record, sizeof(ngx_sio_record_t));
    ngx_memzero(&nobody, sizeof(ngx_sio_target_t));
    ngx_memzero(&nothing, sizeof(ngx_sio_payload_t));

    record.type = NGX_SIO_RECORD_REBUILT;

    (void) ngx_sio_log_append_locked(zone, &record, &nobody, &nothing);

    zone->rebuilt = 1;
}


/*
 * The master force-unlocks a dead worker's mutex too, but only when it gets
 * around to it: it may be parsing a configuration.
 */

static void
ngx_sio_lock_wait(ngx_sio_zone_t *zone)
{
    ngx_uint_t          i, waited;
    ngx_atomic_uint_t   holder;
    struct timespec     ts;

    for (waited = 0; /* void */ ; waited++) {

        for (i = 0; i < NGX_SIO_LOCK_SPIN; i++) {
            if (ngx_shmtx_trylock(&zone->slab->mutex)) {
                return;
            }

            ngx_cpu_pause();
        }

        if (waited < 16) {
            ngx_sched_yield();
            continue;
        }

        ts.tv_sec = 0;
        ts.tv_nsec = 100000;
        (void) nanosleep(&ts, NULL);

        if ((waited % (NGX_SIO_LOCK_PATIENCE * 10)) == 0) {
            holder = *zone->slab->mutex.lock;

            if (holder && !ngx_sio_pid_alive((ngx_pid_t) holder)) {
                (void) ngx_shmtx_force_unlock(&zone->slab->mutex,
                                              (ngx_pid_t) holder);
            }
        }
    }
}


void
ngx_sio_unlock(ngx_sio_zone_t *zone)
{
    ngx_uint_t             crossed, rebuilt;
    const ngx_sio_pool_t  *lacking;

    ngx_sio_test_point();

    lacking = ngx_sio_lacked();
    crossed = zone->crossed;
    rebuilt = zone->rebuilt;
    zone->crossed = 0;
    zone->rebuilt = 0;

    ngx_memory_barrier();
    zone->shared->dirty = 0;
    ngx_shmtx_unlock(&zone->slab->mutex);

    if (lacking) {
        ngx_sio_lack_log(zone, lacking);
    }

    if (crossed || rebuilt) {
        ngx_sio_zone_wake(zone, rebuilt);
    }
}


/* Workers that records are not for would be lapped before their next tick. */

static void
ngx_sio_zone_wake(ngx_sio_zone_t *zone, ngx_uint_t all)
{
    uint64_t         head, read;
    ngx_uint_t       i;
    ngx_sio_mask_t   wake;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));
    head = sio_ring_head(zone->shared->log);

    for (i = 0; i < NGX_SIO_SLOTS; i++) {
        read = zone->shared->read[i];

        if (read && (all || head > read + zone->shared->log->size / 8)) {
            ngx_sio_mask_set(&wake, i);
        }
    }

    ngx_sio_wake(&wake);
}


ngx_int_t
ngx_sio_random(void *dst, size_t n)
{
    u_char   *p;
    ssize_t   got;

    p = dst;

    while (n > 0) {
        got = getrandom(p, n, 0);

        if (got == -1) {
            if (ngx_errno == NGX_EINTR) {
                continue;
            }

            return NGX_ERROR;
        }

        p += got;
        n -= got;
    }

    return NGX_OK;
}


/* Bytes are fetched in bulk; a fork must not hand them out twice. */

ngx_int_t
ngx_sio_random_id(u_char *dst)
{
    sio_span_t  src;

    if (ngx_sio_entropy_left < 15 || ngx_sio_entropy_pid != ngx_pid) {

        if (ngx_sio_random(ngx_sio_entropy, sizeof(ngx_sio_entropy))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_sio_entropy_left = sizeof(ngx_sio_entropy);
        ngx_sio_entropy_pid = ngx_pid;
    }

    ngx_sio_entropy_left -= 15;
    src.p = ngx_sio_entropy + ngx_sio_entropy_left;
    src.n = 15;

    (void) sio_base64url_encode(dst, src);

    ngx_memzero(ngx_sio_entropy + ngx_sio_entropy_left, 15);

    return NGX_OK;
}
