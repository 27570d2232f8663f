
/*
 * Rooms: who is in which, and from where to where in the log.
 *
 * A membership is an interval of the log, so joins, leaves and records are in
 * one order: nobody gets what was published before he joined, nobody misses
 * what was published before he left.
 */

#ifndef _NGX_SIO_ROOMS_H_INCLUDED_
#define _NGX_SIO_ROOMS_H_INCLUDED_


#include "ngx_sio_registry.h"


/* Closed memberships that a polling session may hold until its next poll. */
#define NGX_SIO_MEMBERSHIPS_CLOSED  256


typedef struct {
    ngx_sio_zone_t    *zone;
    ngx_sio_ref_t      socket;
    const sio_span_t  *rooms;
    ngx_uint_t         n;
    ngx_uint_t         limit;           /* open memberships; 0: any number */
    ngx_uint_t         tell;            /* the worker that serves it, too */
    ngx_uint_t         ruled;           /* by a rule; leave: only such */
    uint16_t           revision;        /* join by a rule: the socket's, when
                                           it was judged */

    /* results: for each room its cell, and where in the log it happened */
    uint32_t          *cells;           /* n of them; 0: nothing changed */
    uint64_t           position;
} ngx_sio_change_t;


/*
 * Joins a socket to rooms, all or none.  Returns NGX_OK, NGX_BUSY over the
 * limit, NGX_DECLINED when the zone is full, NGX_ABORT when the socket is gone,
 * NGX_AGAIN when its claims may be others than those that were judged.
 */
ngx_int_t ngx_sio_rooms_join(ngx_sio_change_t *change);

/*
 * Takes a socket out of rooms; those that it is not in are skipped.  Returns
 * NGX_OK, or NGX_ABORT when the socket is gone.
 */
ngx_int_t ngx_sio_rooms_leave(ngx_sio_change_t *change);

/* The same under the caller's lock; who is to be woken is added to wake. */
ngx_int_t ngx_sio_rooms_join_locked(ngx_sio_change_t *change,
    ngx_sio_mask_t *wake);
ngx_int_t ngx_sio_rooms_leave_locked(ngx_sio_change_t *change,
    ngx_sio_mask_t *wake);

/* The open membership of a socket in a room, 0 if none.  Wants the lock. */
uint32_t ngx_sio_membership_find(ngx_sio_shared_t *sh, uint32_t socket,
    uint32_t room);


#endif /* _NGX_SIO_ROOMS_H_INCLUDED_ */
