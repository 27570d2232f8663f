
/*
 * Sessions of a zone: how they begin and end.
 *
 * Whatever is told to clients or workers on the way is a record of the log,
 * appended under the same lock; the functions collect in `wake` who has to
 * read it, and wake them when the lock is free again.
 */

#ifndef _NGX_SIO_REGISTRY_H_INCLUDED_
#define _NGX_SIO_REGISTRY_H_INCLUDED_


#include "ngx_sio_hashes.h"
#include "ngx_sio_log.h"
#include "ngx_sio_sockets.h"
#include "ngx_sio_tally.h"


/* Sockets of one session, and of these closed ones that wait for a poll. */
#define NGX_SIO_SESSION_SOCKETS  256
#define NGX_SIO_SESSION_CLOSED   32


typedef struct {
    uint32_t           endpoint;
    uint8_t            transport;       /* NGX_SIO_POLLING or _WEBSOCKET */
    uint32_t           interval;        /* ms */
    uint32_t           timeout;         /* ms */
    ngx_msec_t         connect_timeout;
    sio_span_t         handshake;       /* JSON for fetchSockets */
    sio_span_t         token;           /* that came with it, or empty */
    sio_span_t         address;         /* of the client, or empty */
    ngx_uint_t         limit;           /* of the endpoint's sessions, 0: no */
    ngx_uint_t         limit_address;   /* of those of its address, likewise */
    sio_rate_t         rate;            /* of the zone's handshakes */
} ngx_sio_session_params_t;


/*
 * Makes a session; a WebSocket's belongs to this worker.  Writes its sid.
 * Returns NGX_OK, NGX_DECLINED when the zone is full, NGX_BUSY over a limit,
 * NGX_ERROR.
 */
ngx_int_t ngx_sio_session_open(ngx_sio_zone_t *zone,
    const ngx_sio_session_params_t *params, ngx_sio_ref_t *session,
    u_char *sid);

/*
 * Ends a session with all its sockets; for who serves it, which for a WebSocket
 * is its worker.  With a farewell (an Engine.IO packet
 * type) a polling session is kept until its next poll, at most for linger ms,
 * which then gets what was published before and that packet; without one it is
 * gone.  A poll or POST in flight elsewhere is told.  Harmless when it is gone
 * already.
 */
void ngx_sio_session_close(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    ngx_sio_reason_t reason, u_char farewell, ngx_msec_t linger);

/*
 * The same under the caller's lock; cell is a live session's, and its reason is
 * set before where it is not NGX_SIO_REASON_CLOSE.
 */
void ngx_sio_session_close_locked(ngx_sio_zone_t *zone, uint32_t cell,
    u_char farewell, ngx_msec_t linger, ngx_sio_mask_t *wake);

/*
 * Ends a session whose client has come back on another; its sockets wait, if
 * they may.  Wants the lock; cell is a live session's.
 */
void ngx_sio_session_replace_locked(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake);

/*
 * Ends a session from outside, whoever serves it: a polling session as above
 * with a close packet, a WebSocket when its worker has come to this place of
 * the log.  Wants the lock; cell is a live session's.
 */
void ngx_sio_session_kick_locked(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_msec_t linger, ngx_sio_mask_t *wake);

/*
 * Copies the token of a session's handshake, at most size bytes.  Returns its
 * length, 0 if there is none.
 */
size_t ngx_sio_session_token(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    u_char *dst, size_t size);

/* The same of what describes its first request, JSON. */
size_t ngx_sio_session_handshake(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    u_char *dst, size_t size);

/*
 * Frees a session's cell and all that hangs on it, but for what services have
 * to be told of: that stays until they were.  Wants the lock.
 */
void ngx_sio_session_free_locked(ngx_sio_zone_t *zone, uint32_t cell);

/* The live session of a reference, NULL if it is gone.  Wants the lock. */
ngx_sio_session_t *ngx_sio_session_locked(ngx_sio_zone_t *zone,
    ngx_sio_ref_t session);

/*
 * Frees closed sockets and memberships of a session that ended at or before
 * its cursor; for who serves it.  Wants the lock.
 */
void ngx_sio_session_sweep_locked(ngx_sio_zone_t *zone, uint32_t cell);

/* Takes a closed membership apart.  Wants the lock. */
void ngx_sio_membership_free_locked(ngx_sio_zone_t *zone, uint32_t cell);

/*
 * Notes that a session's records now concern a worker: its rooms wake it.
 * Wants the lock.
 */
void ngx_sio_session_wakes_locked(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_uint_t slot);

/* Who is woken for a record that is addressed to a session.  Wants the lock. */
void ngx_sio_session_mask_locked(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake);


#endif /* _NGX_SIO_REGISTRY_H_INCLUDED_ */
