
/*
 * Disconnecting clients on the server's behalf, whoever serves them: the
 * client is told in its place of the order.
 */

#ifndef _NGX_SIO_KICK_H_INCLUDED_
#define _NGX_SIO_KICK_H_INCLUDED_


#include "ngx_sio_registry.h"


/* How long a polling session that was kicked waits for its last poll, ms. */
#define NGX_SIO_KICK_LINGER  30000


/*
 * Disconnects a socket from its namespace; its session and the session's other
 * sockets stay.  cell is a live socket's.  Wants the lock; who is to be woken
 * is added to wake.
 */
void ngx_sio_socket_disconnect_locked(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake);

/*
 * Disconnects all sockets of a session and then ends it.  cell is a live
 * session's.  Wants the lock; who is to be woken is added to wake.
 */
void ngx_sio_session_disconnect_locked(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake);


#endif /* _NGX_SIO_KICK_H_INCLUDED_ */
