
/*
 * What lies in a zone's shared memory.
 *
 * The memory is carved once, at creation, into arrays of fixed cells, and
 * nginx's slab is not used afterwards, because a worker may die while it holds
 * the mutex.  All of it is guarded by that mutex but for what is marked
 * (atomic).
 */

#ifndef _NGX_SIO_SHARED_H_INCLUDED_
#define _NGX_SIO_SHARED_H_INCLUDED_


#include "ngx_sio_stats.h"
#include "ngx_sio_types_api.h"
#include "ngx_sio_types_socket.h"
#include "sio_ring.h"


#define NGX_SIO_MAGIC  0x53494f41       /* changes with the layout */
#define NGX_SIO_REVOKE_KEY  16          /* bytes of a digest */


/* Whether other nodes are heard. */
#define NGX_SIO_BUS_DOWN   0
#define NGX_SIO_BUS_UP     1


/* One array of cells; cell 0 is never used. */
typedef struct {
    uint32_t           size;            /* cells */
    uint32_t           used;            /* (derived) */
    uint32_t           free;            /* (derived) first of the free list */
    uint32_t           fresh;           /* (derived) this and later: unused */
} ngx_sio_pool_t;


/* How many live sessions or sockets have one key; all of it is (derived). */
typedef struct {
    uint32_t           state;
    uint32_t           next;            /* hash chain or free list */
    uint32_t           count;
    uint32_t           unused;
    uint64_t           key;             /* never 0 */
} ngx_sio_tally_t;


/* Tokens that are refused although they are good: see ngx_sio_revoke.h. */
typedef struct {
    uint32_t           state;
    uint32_t           next;            /* (derived) hash chain or free list */
    uint32_t           kind;            /* NGX_SIO_REVOKE_... */
    uint32_t           unused;
    u_char             key[NGX_SIO_REVOKE_KEY];
    uint64_t           until;           /* s since 1970 */
    uint64_t           issued;          /* USER: tokens up to here, likewise */
} ngx_sio_revocation_t;


typedef struct {
    uint32_t               magic;
    uint32_t               serial;      /* of the last cell taken */
    uint64_t               size;
    uint64_t               epoch;       /* random: of positions, as offsets */
    uint64_t               rebuilt;     /* chains are whole from here */
    uint32_t               seed;        /* of the hashes */
    uint32_t               mask;        /* buckets - 1, of each hash */
    uint32_t               revocation_mask; /* likewise, of that hash */
    sio_bucket_t           handshakes;  /* of socketio_limit_connects */
    ngx_atomic_t           janitor;     /* (atomic) session it looked at last */
    ngx_atomic_t           janitor_socket;  /* (atomic) likewise */
    uint32_t               outbox_first;    /* (derived) notices that are */
    uint32_t               outbox_last;     /* (derived) due: sockets */
    uint32_t               notices;     /* (derived) with those being told */
    uint32_t               scraps;      /* (derived) blocks to be given back */
    ngx_atomic_t           dirty;       /* pid of who changes it right now */
    ngx_sio_mask_t         parked;      /* (atomic) workers with parked polls */
    ngx_atomic_t           leader;      /* (atomic) who listens to the bus */
    ngx_atomic_t           heir;        /* (atomic) who takes over from it */
    ngx_atomic_t           marker;      /* (atomic) up to where the leader is
                                           to listen, 0: not known, or done */
    ngx_atomic_t           bus_key;     /* (atomic) a hash: which bus it is */
    ngx_atomic_t           bus;         /* (atomic) NGX_SIO_BUS_... */
    ngx_atomic_t           bus_since;   /* (atomic) s since 1970 */
    ngx_atomic_t           twin;        /* (atomic) s since 1970, when another
                                           node with our name was heard, */
    ngx_atomic_t           twin_warned; /* (atomic) and told to the log */
    ngx_atomic_t           unused;      /* (atomic) of test builds */

    ngx_sio_pool_t         session_pool;
    ngx_sio_pool_t         socket_pool;
    ngx_sio_pool_t         membership_pool;
    ngx_sio_pool_t         room_pool;
    ngx_sio_pool_t         namespace_pool;
    ngx_sio_pool_t         block_pool;
    ngx_sio_pool_t         tally_pool;
    ngx_sio_pool_t         revocation_pool;
    ngx_sio_pool_t         pending_pool;
    ngx_sio_pool_t         ticket_pool;

    ngx_sio_session_t     *sessions;
    ngx_sio_socket_t      *sockets;
    ngx_sio_membership_t  *memberships;
    ngx_sio_room_t        *rooms;
    ngx_sio_room_t        *namespaces;
    ngx_sio_block_t       *blocks;
    ngx_sio_tally_t       *tallies;
    ngx_sio_revocation_t  *revocations;
    ngx_sio_pending_t     *pendings;

    ngx_sio_key_t         *keys;
    uint32_t              *key_hash;
    uint32_t               key_size;    /* cells; cell 0 is never used */
    uint32_t               key_mask;    /* buckets - 1 */
    uint32_t               key_last;    /* the newest one */
    ngx_sio_ticket_t      *tickets;

    uint32_t              *session_hash;
    uint32_t              *socket_hash;
    uint32_t              *room_hash;
    uint32_t              *namespace_hash;
    uint32_t              *tally_hash;
    uint32_t              *revocation_hash;

    ngx_sio_stats_t       *stats;       /* (atomic) NGX_SIO_SLOTS + 1 of them */
    ngx_atomic_t           read[NGX_SIO_SLOTS];  /* (atomic) 1 + the position
                                           that a worker has read up to, 0:
                                           none reads this zone */
    sio_ring_t            *log;
} ngx_sio_shared_t;


#endif /* _NGX_SIO_SHARED_H_INCLUDED_ */
