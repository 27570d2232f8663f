
/*
 * Connection state recovery: a socket whose connection is lost waits for its
 * client, which comes back on another session with the socket's pid and the
 * offset of the last event it got.
 *
 * A socket that waits keeps its memberships open, so that what it misses can be
 * replayed, but is in no count, no limit, and not announced as gone.
 */

#ifndef _NGX_SIO_RECOVERY_H_INCLUDED_
#define _NGX_SIO_RECOVERY_H_INCLUDED_


#include "ngx_sio_replay.h"
#include "ngx_sio_revoke.h"


#define NGX_SIO_RECOVERY_KEPT   16      /* closed memberships of a socket */
#define NGX_SIO_RECOVERY_WALK   256     /* records of one look into chains */
#define NGX_SIO_STAMP_MAX       24      /* ,"offset"] */


typedef struct {
    ngx_sio_ref_t      session;         /* of the client that comes back */
    sio_span_t         namespace;
    sio_span_t         pid;
    sio_span_t         offset;          /* empty: it has got no event */
    ngx_uint_t         kept;            /* its token stays unseen */
    uint32_t           recovery;        /* ms that it may wait from now on */
    sio_span_t         user;            /* else of the new token, or empty */
    ngx_uint_t         claims;          /* it has one */
    uint64_t           expires;         /* of it */
    const ngx_sio_marks_t  *marks;      /* likewise, or NULL */
    ngx_uint_t         limit_user;      /* sockets of one user, 0: any */
    uint64_t           live;            /* WebSocket: its worker has read the
                                           log up to there */

    /* results */
    ngx_sio_ref_t      socket;
    u_char             id[NGX_SIO_ID_LEN];
    ngx_sio_meter_t    meter;
    uint64_t           from;            /* what it has missed begins here */
    uint64_t           taken;           /* the head then */
} ngx_sio_recovery_t;


/* Completes a pid by the cell of its socket. */
void ngx_sio_pid_write(uint32_t cell, u_char *pid);

/*
 * Has a connected socket whose session ends wait.  NGX_DECLINED, and it is to
 * be closed, if it may not or there is no room for it.  Wants the lock.
 */
ngx_int_t ngx_sio_recovery_wait_locked(ngx_sio_zone_t *zone, uint32_t cell);

/* Its rooms count it as connected, or as one that waits.  Wants the lock. */
void ngx_sio_recovery_count_locked(ngx_sio_shared_t *sh, uint32_t cell,
    ngx_uint_t live);

/* Ends a wait that is over, or for want of cells; the janitor calls it. */
void ngx_sio_recovery_expire(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake);

/*
 * Whether a closed membership that its session has done with is kept, because
 * its client may not have got all of it; n counts those of the socket.  Wants
 * the lock.
 */
ngx_uint_t ngx_sio_recovery_keeps(ngx_sio_shared_t *sh, uint32_t membership,
    ngx_uint_t *n);

/*
 * Moves a socket that waits, or whose old connection seems alive, to a session,
 * which is given nothing of it yet.  Returns NGX_OK, NGX_DECLINED if it cannot
 * be recovered, which is counted by its reason, NGX_ABORT when the session is
 * gone.  NGX_DONE: the last replay broke off, so that its client holds events
 * which it has not shown.  It does that at the answer, and is then to come
 * again with the offset it has come to; the socket waits.
 */
ngx_int_t ngx_sio_recovery_take(ngx_sio_zone_t *zone,
    ngx_sio_recovery_t *recovery);

/*
 * The session goes back to what the socket has missed.  One that polls gets the
 * answer behind that; a WebSocket is then behind, see ngx_sio_behind.h, and the
 * answer is its worker's.  Notes what the socket listens to.  Returns NGX_OK or
 * NGX_ABORT.
 */
ngx_int_t ngx_sio_recovery_finish(ngx_sio_zone_t *zone,
    ngx_sio_recovery_t *recovery, const ngx_sio_payload_t *answer,
    ngx_sio_replay_t *replay);

/*
 * An answer to a poll was put together up to next before sockets were
 * recovered: returns where the next one has to begin.  Wants the lock.
 */
uint64_t ngx_sio_recovery_rewound_locked(ngx_sio_zone_t *zone, uint32_t cell,
    uint64_t noted, uint64_t next);

/*
 * Events are sent to a session that its clients may hold back, because the
 * answers to their CONNECT are at that position or behind: what a break would
 * mean is noted for these sockets.  Wants the lock.
 */
void ngx_sio_recovery_tried_locked(ngx_sio_shared_t *sh, uint32_t session,
    uint64_t position);

/*
 * The end of an event's text with its offset, NGX_SIO_STAMP_MAX bytes at most,
 * of which it takes the last bracket off.  Returns the length, 0 for records
 * that have none.
 */
size_t ngx_sio_recovery_stamp(ngx_sio_zone_t *zone,
    const ngx_sio_record_view_t *view, sio_span_t *text, u_char *dst);


#endif /* _NGX_SIO_RECOVERY_H_INCLUDED_ */
