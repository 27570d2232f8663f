
/*
 * Notices: that a socket has disconnected reaches its service at least once,
 * whatever dies meanwhile.
 *
 * The closed socket's own cell is the notice, so that nothing has to be found
 * at the time of an accident: it keeps its claims, its data, its id and the
 * memberships that it had to the end, and its session keeps the handshake.
 * Notices that are due are a list, the outbox, of which workers take one at a
 * time; those of a worker that dies are due again.
 */

#ifndef _NGX_SIO_NOTICES_H_INCLUDED_
#define _NGX_SIO_NOTICES_H_INCLUDED_


#include "ngx_sio_registry.h"


/* Values of a socket's notice. */
#define NGX_SIO_NOTICE_NONE    0
#define NGX_SIO_NOTICE_WANTED  1        /* when it closes */
#define NGX_SIO_NOTICE_DUE     2        /* it has closed */

#define NGX_SIO_OUTBOX_LOOK    64       /* notices that one take looks at */


/*
 * A socket that wants a notice has closed: it is due from now on, or given up
 * when a quarter of all sockets' cells hold notices already.  Wants the lock.
 */
void ngx_sio_notice_due_locked(ngx_sio_zone_t *zone, uint32_t socket);

/*
 * Takes a notice whose time has come and whose socket's calls are done; it is
 * this worker's until it is told or put off.  Returns NGX_OK, or NGX_DECLINED
 * when there is none.
 */
ngx_int_t ngx_sio_notice_take(ngx_sio_zone_t *zone, ngx_sio_ref_t *socket);

/* The service knows, or has to do without: the cell is freed. */
void ngx_sio_notice_done(ngx_sio_zone_t *zone, ngx_sio_ref_t socket);

/*
 * It has to be tried again, after the n-th failure with a growing delay.
 * Returns NGX_OK, or NGX_DECLINED when `retry` ms have passed since the socket
 * closed: the notice is given up.
 */
ngx_int_t ngx_sio_notice_retry(ngx_sio_zone_t *zone, ngx_sio_ref_t socket,
    ngx_msec_t retry);

/* Notices that a worker which is gone had taken are due again. */
void ngx_sio_notices_orphaned(ngx_sio_zone_t *zone, ngx_sio_worker_t dead);

/* Has this worker look into the outbox soon, if the socket is in it. */
void ngx_sio_notice_post(ngx_sio_zone_t *zone, uint32_t socket);

/*
 * Whether a closed socket's cell has to stay: for its notice, or for calls of
 * which it is all that is known.  Wants the lock.
 */
ngx_uint_t ngx_sio_socket_held(ngx_sio_shared_t *sh, uint32_t socket);

/* Frees what is left of a closed socket that was held.  Wants the lock. */
void ngx_sio_socket_release_locked(ngx_sio_zone_t *zone, uint32_t socket);

/* Computes the outbox again.  Wants the lock. */
void ngx_sio_notices_rebuild(ngx_sio_shared_t *sh);


#endif /* _NGX_SIO_NOTICES_H_INCLUDED_ */
