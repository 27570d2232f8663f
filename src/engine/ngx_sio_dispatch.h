
/*
 * Dispatch: what a client's Socket.IO packets do.
 */

#ifndef _NGX_SIO_DISPATCH_H_INCLUDED_
#define _NGX_SIO_DISPATCH_H_INCLUDED_


#include "ngx_sio_presence.h"
#include "sio_packet.h"


/*
 * Handles an Engine.IO message of a peer, strictly in order.  Returns NGX_OK,
 * or NGX_ERROR when its session has to end: `fault`, which the caller sets to 0
 * before, says why.
 */
ngx_int_t ngx_sio_dispatch_text(ngx_sio_peer_t *peer, sio_span_t text);
ngx_int_t ngx_sio_dispatch_binary(ngx_sio_peer_t *peer, sio_span_t data);

/* The same for binary data in base64, as polling sends it. */
ngx_int_t ngx_sio_dispatch_base64(ngx_sio_peer_t *peer, sio_span_t data);

/*
 * Takes a peer's sockets over from shared memory: for a POST, or an upgraded
 * session.  Sockets of namespaces that the endpoint does not declare any more
 * are left out.  NGX_ERROR without memory, or when the session is gone.
 */
ngx_int_t ngx_sio_dispatch_load(ngx_sio_peer_t *peer);

/*
 * Gives back what a POST may have changed of its session.  NGX_ERROR when there
 * is no memory for it: the session has to be closed.
 */
ngx_int_t ngx_sio_dispatch_save(ngx_sio_peer_t *peer);

/* Queues the packet that ends a socket (DISCONNECT). */
void ngx_sio_dispatch_farewell(ngx_sio_presence_t *presence);

/* The peer's socket in a namespace, NULL if it is in none. */
ngx_sio_presence_t *ngx_sio_dispatch_presence(ngx_sio_peer_t *peer,
    sio_span_t namespace);


#endif /* _NGX_SIO_DISPATCH_H_INCLUDED_ */
