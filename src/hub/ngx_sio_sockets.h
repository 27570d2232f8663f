
/*
 * Sockets of a zone's sessions: how they begin and end, and whose they are.
 */

#ifndef _NGX_SIO_SOCKETS_H_INCLUDED_
#define _NGX_SIO_SOCKETS_H_INCLUDED_


#include "ngx_sio_revoke.h"


typedef struct {
    ngx_sio_ref_t      session;
    sio_span_t         namespace;
    ngx_uint_t         limit;           /* of namespaces from patterns; 0: it
                                           is declared by its name */
    u_char             id[NGX_SIO_ID_LEN];
    sio_span_t         claims;          /* JSON of a token, or empty */
    sio_span_t         data;            /* JSON made of them, or empty */
    uint32_t           announce;        /* a ngx_sio_announce_t; 0: none */
    uint64_t           expires;         /* seconds since 1970, 0: never */
    const ngx_sio_marks_t  *marks;      /* of the token, NULL without one */
    sio_span_t         user;            /* `sub` of the claims, or empty */
    ngx_uint_t         limit_user;      /* sockets of one user, 0: any */
    sio_rate_t         events;          /* limit of what it may send */
    ngx_uint_t         notice;          /* a service is told when it ends */
    uint32_t           recovery;        /* ms that it may wait, 0: never */
    u_char             pid[NGX_SIO_PID_LEN];    /* the cell is filled in */
    const sio_span_t  *rooms;           /* joined in the same step */
    ngx_uint_t         nrooms;
    ngx_sio_payload_t  answer;          /* for who reads from a cursor */
    ngx_uint_t         tell;            /* a WebSocket's worker, too; and the
                                           namespace is entered once only */

    /* results */
    ngx_sio_ref_t      socket;
    uint32_t           cell;            /* of the namespace */
    uint32_t          *cells;           /* of the rooms, nrooms of them */
    uint64_t           from;            /* where in the log it begins */
    ngx_sio_meter_t    meter;           /* what is used up already */
    ngx_uint_t         revoked;         /* declined, because the token is */
    ngx_uint_t         answered;        /* by a record of the log */
} ngx_sio_connect_t;


/*
 * Connects a session to a namespace and its rooms.  One that reads from a
 * cursor is sent the answer in the same step, so that nothing of the namespace
 * comes before it.  Returns NGX_OK, NGX_DECLINED when there is no room for it
 * or its token is revoked, NGX_BUSY when its user has too many, NGX_ABORT when
 * the session is gone, NGX_DONE when it is in the namespace already, which is
 * looked at only if `tell` is set.
 */
ngx_int_t ngx_sio_socket_open(ngx_sio_zone_t *zone,
    ngx_sio_connect_t *connect);

/*
 * Whether a session may have no more sockets.  Closed ones count: a client that
 * connects, disconnects and does not read keeps its cells.  Wants the lock.
 */
ngx_uint_t ngx_sio_session_crowded(ngx_sio_shared_t *sh,
    ngx_sio_session_t *s);

/* Takes a socket out of its namespace and rooms; harmless when it is gone. */
void ngx_sio_socket_close(ngx_sio_zone_t *zone, ngx_sio_ref_t socket,
    ngx_sio_reason_t reason);

/*
 * The same under the caller's lock.  The cell stays, closed, until the session
 * has been given what the socket was still to get.  Who is to be woken is added
 * to wake.
 */
void ngx_sio_socket_close_locked(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake);

/* Frees a socket's cell and all that hangs on it.  Wants the lock. */
void ngx_sio_socket_free_locked(ngx_sio_zone_t *zone, uint32_t cell);

/* The connected socket of a reference, NULL if it is gone.  Wants the lock. */
ngx_sio_socket_t *ngx_sio_socket_locked(ngx_sio_zone_t *zone,
    ngx_sio_ref_t socket);

/*
 * Copies the claims of a connected socket's token, at most size bytes.  Returns
 * their length, 0 if there are none.
 */
size_t ngx_sio_socket_claims(ngx_sio_zone_t *zone, ngx_sio_ref_t socket,
    u_char *dst, size_t size);


#endif /* _NGX_SIO_SOCKETS_H_INCLUDED_ */
