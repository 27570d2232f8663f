
/*
 * Replay: what a session is to get of the log between two positions.
 *
 * A poll, an upgrade and a recovery are all "read from this cursor".  What the
 * session is interested in is noted under the lock; the log is then read
 * without it, along the chains of these targets only.
 */

#ifndef _NGX_SIO_REPLAY_H_INCLUDED_
#define _NGX_SIO_REPLAY_H_INCLUDED_


#include "ngx_sio_registry.h"


typedef struct {
    uint32_t                kind;       /* NGX_SIO_TO_... */
    uint32_t                id;
    uint32_t                socket;     /* cell, 0 for the session itself */
    uint64_t                last;       /* newest record addressed to it; when
                                           run: where its walk has ended */
    uint64_t                from;       /* the session's part of the log */
    uint64_t                until;
    uint64_t                resumed;    /* what was published before it is
                                           history of a recovered socket */
    ngx_uint_t              stamped;    /* its socket is sent offsets */
} ngx_sio_interest_t;


#define NGX_SIO_AHEAD_MAX   4096        /* positions, 32 KB */


/* Positions that one run has found for the next ones; zeroed, it is empty. */
typedef struct {
    uint64_t               *elts;       /* the caller frees them */
    ngx_uint_t              first;
    ngx_uint_t              n;
    uint64_t                to;         /* there is no other before it */
} ngx_sio_ahead_t;


typedef struct {
    ngx_sio_zone_t         *zone;
    uint64_t                from;       /* records before it are done with */
    uint64_t                to;         /* the head when it was noted */
    uint64_t                writable;   /* volatile records count from here */
    ngx_sio_ahead_t        *ahead;      /* NULL where a note makes it */
    ngx_sio_interest_t     *interests;  /* valid until the next note */
    ngx_uint_t              n;
} ngx_sio_replay_t;


/*
 * Takes one record, in order.  Returns NGX_OK, NGX_DONE to stop before it, or
 * NGX_DECLINED when the log lapped the record while it was copied.
 */
typedef ngx_int_t (*ngx_sio_replay_pt)(void *data,
    const ngx_sio_record_view_t *view);


/*
 * Takes the zone's lock with enough memory for the interests of the session
 * that find() returns (its cell, or 0), which is called under the lock and may
 * be called more than once.  Returns the cell, with the lock held.
 */
uint32_t ngx_sio_replay_lock(ngx_sio_zone_t *zone,
    uint32_t (*find)(ngx_sio_zone_t *zone, void *data), void *data);

/*
 * Notes the interests of a session from a cursor to the head.  Wants the lock,
 * taken by ngx_sio_replay_lock().
 */
void ngx_sio_replay_note_locked(ngx_sio_zone_t *zone, uint32_t cell,
    uint64_t cursor, ngx_sio_replay_t *replay);

/* The same of one of its sockets alone. */
void ngx_sio_replay_socket_locked(ngx_sio_zone_t *zone, uint32_t socket,
    uint64_t cursor, ngx_sio_replay_t *replay);

/*
 * Hands the records to a handler.  Returns NGX_OK, and in *next the position up
 * to which all was handed over; NGX_DECLINED when the log no longer holds
 * something that the session was to get; NGX_ERROR without memory.
 */
ngx_int_t ngx_sio_replay_run(const ngx_sio_replay_t *replay,
    ngx_sio_replay_pt handler, void *data, uint64_t *next);


#endif /* _NGX_SIO_REPLAY_H_INCLUDED_ */
