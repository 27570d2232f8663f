
/*
 * Packets for one client, as records of the log: they reach it in their place
 * in the order, wherever it is by then.
 */

#ifndef _NGX_SIO_SEND_H_INCLUDED_
#define _NGX_SIO_SEND_H_INCLUDED_


#include "ngx_sio_registry.h"


/*
 * Appends a packet for one session, in its place in the order, and wakes who
 * serves it.  Returns NGX_OK, NGX_ABORT when the session is gone, NGX_DECLINED
 * when the packet does not fit the log.
 */
ngx_int_t ngx_sio_session_send(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    const ngx_sio_payload_t *payload);

/* The same under the caller's lock; cell is a session's. */
ngx_int_t ngx_sio_session_send_locked(ngx_sio_zone_t *zone, uint32_t cell,
    const ngx_sio_payload_t *payload, ngx_sio_mask_t *wake);

/*
 * Appends a packet for one socket, in its place in the order, and wakes who
 * serves it.  Returns NGX_OK, NGX_ABORT when the socket is gone, NGX_DECLINED
 * when the packet does not fit the log.
 */
ngx_int_t ngx_sio_socket_send(ngx_sio_zone_t *zone, ngx_sio_ref_t socket,
    const ngx_sio_payload_t *payload);

/* The same under the caller's lock; cell is a connected socket's. */
ngx_int_t ngx_sio_socket_send_locked(ngx_sio_zone_t *zone, uint32_t cell,
    const ngx_sio_payload_t *payload, ngx_sio_mask_t *wake);


#endif /* _NGX_SIO_SEND_H_INCLUDED_ */
