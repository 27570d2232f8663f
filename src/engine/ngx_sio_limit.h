
/*
 * How much clients may send, and how often a user may be there.
 */

#ifndef _NGX_SIO_LIMIT_H_INCLUDED_
#define _NGX_SIO_LIMIT_H_INCLUDED_


#include "ngx_sio_presence.h"
#include "sio_packet.h"


/*
 * Judges an event or ack by the rate of its socket.  Returns NGX_OK, or
 * NGX_DECLINED when it must go no further: the client has been told, and the
 * presence may be gone.
 */
ngx_int_t ngx_sio_limit_event(ngx_sio_presence_t *presence,
    const sio_packet_t *packet);

/*
 * Notes what a socket that leaves its session has used up, so that the next one
 * does not begin anew.  Takes the lock.
 */
void ngx_sio_limit_left(const ngx_sio_presence_t *presence);

/* Whether a CONNECT may be looked at: NGX_OK, or NGX_BUSY.  Takes the lock. */
ngx_int_t ngx_sio_limit_connect(const ngx_sio_peer_t *peer,
    const ngx_sio_namespace_conf_t *conf);

/* A CONNECT that is refused counts as an event.  Takes the lock. */
void ngx_sio_limit_refused(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    const ngx_sio_namespace_conf_t *conf);

/*
 * Whether a client may be told of a refusal.  A WebSocket's always is; those of
 * sessions that poll, or are behind, are records of the log, so that each has
 * 1,000 a second of each worker, and 5,000 at once.
 */
ngx_uint_t ngx_sio_limit_tells(const ngx_sio_peer_t *peer);

/* Gives what a POST has used up back to its sockets.  Wants the lock. */
void ngx_sio_limit_save_locked(ngx_sio_peer_t *peer);

/*
 * The `sub` of a token's claims, a string decoded or a number as it is written;
 * empty if there is none.  Valid until the next call.
 */
sio_span_t ngx_sio_limit_user(sio_span_t claims);

#endif /* _NGX_SIO_LIMIT_H_INCLUDED_ */
