
/*
 * A socketio_zone as a worker sees it, and its lock.
 *
 * One shared zone holds the registry and the log; its slab mutex is the only
 * lock, since nginx releases no other when a worker dies.  It is held for
 * microseconds, never while logging, sending or walking everything.
 */

#ifndef _NGX_SIO_ZONE_H_INCLUDED_
#define _NGX_SIO_ZONE_H_INCLUDED_


#include "ngx_sio_shared.h"


#define NGX_SIO_ZONE_MIN  (512 * 1024)
#define NGX_SIO_LOG_MIN   (256 * 1024)
#define NGX_SIO_LOG_SIZE  (32 * 1024 * 1024)


/* Names one use of a session's or socket's cell. */
typedef struct {
    uint32_t           cell;
    uint32_t           serial;
} ngx_sio_ref_t;


typedef struct {
    ngx_str_t          name;
    size_t             size;            /* of the registry, bytes */
    size_t             log_size;
    ngx_str_t          node;            /* ends ids of sessions, or empty */
    ngx_shm_zone_t    *shm_zone;
    ngx_slab_pool_t   *slab;            /* its mutex is the lock */
    ngx_sio_shared_t  *shared;
    ngx_sio_stats_t   *stats;           /* this worker's block */
    ngx_array_t       *announces;       /* of ngx_sio_announce_t, or NULL */
    ngx_log_t         *log;
    void              *reader;          /* the engine's, in a worker */
    const struct ngx_sio_bus_s  *bus;   /* to other nodes, or NULL */
    void              *cluster;         /* what serves it, in a worker */
    ngx_rbtree_t       asks;            /* of ngx_sio_ask_t, in a worker */
    ngx_rbtree_node_t  no_ask;          /* its sentinel */
    ngx_event_t       *outbox;          /* the engine's: a notice is due */
    ngx_uint_t         crossed;         /* a quarter of the log, in this hold */
    ngx_uint_t         rebuilt;         /* the registry, in this hold */
} ngx_sio_zone_t;


#define ngx_sio_stat(zone, name, n)                                           \
    (void) ngx_atomic_fetch_add(&(zone)->stats->name, n)


/*
 * Declares a zone; called while the configuration is read.  Returns NULL when
 * the name is taken (an error has been logged).
 */
ngx_sio_zone_t *ngx_sio_zone_add(ngx_conf_t *cf, ngx_sio_zone_t *zone,
    void *tag);

/* Takes the mutex; whoever held it when he died is found, and cleaned up. */
void ngx_sio_lock(ngx_sio_zone_t *zone);

/* Gives it back; the registry must be consistent. */
void ngx_sio_unlock(ngx_sio_zone_t *zone);

/*
 * Computes all derived fields again from complete cells and the log.  The
 * caller holds the lock; called by ngx_sio_lock() when it has to.
 */
void ngx_sio_rebuild(ngx_sio_zone_t *zone);

/* Writes n random bytes of the system's generator. */
ngx_int_t ngx_sio_random(void *dst, size_t n);

/* Writes a new id of NGX_SIO_ID_LEN characters, 120 random bits. */
ngx_int_t ngx_sio_random_id(u_char *dst);


#endif /* _NGX_SIO_ZONE_H_INCLUDED_ */
