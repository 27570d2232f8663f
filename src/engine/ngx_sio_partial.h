
/*
 * A binary packet of a client whose attachments are still to come.
 *
 * A peer holds it until it is complete.  Between two POSTs of a polling session
 * it lies in shared memory, since the next one may come to another worker.
 */

#ifndef _NGX_SIO_PARTIAL_H_INCLUDED_
#define _NGX_SIO_PARTIAL_H_INCLUDED_


#include "ngx_sio_reader.h"
#include "sio_packet.h"


typedef struct ngx_sio_partial_s {
    sio_packet_t       packet;          /* its spans are in memory of its own */
    sio_span_t         attachments[SIO_ATTACHMENTS_MAX];
    ngx_uint_t         n;               /* attachments that are there */
    ngx_uint_t         saved;           /* parts in shared memory, with text */
    uint32_t           tail;            /* where they end */
    size_t             size;            /* bytes of all */
    sio_span_t         text;
    ngx_uint_t         nowned;
    u_char            *owned[SIO_ATTACHMENTS_MAX + 1];
} ngx_sio_partial_t;


/*
 * Has a peer hold a packet that was parsed from text, of which it takes a copy.
 * NGX_ERROR without memory.
 */
ngx_int_t ngx_sio_partial_begin(ngx_sio_peer_t *peer, sio_span_t text,
    const sio_packet_t *packet);

/*
 * Adds a copy of an attachment to the packet that the peer holds.  NGX_ERROR
 * when it is more than socketio_max_payload in all, or without memory: `fault`
 * tells.
 */
ngx_int_t ngx_sio_partial_add(ngx_sio_peer_t *peer, sio_span_t data);

/*
 * Takes the packet from the peer, which may end while it is handled; NULL if it
 * holds none.  The caller frees it.
 */
ngx_sio_partial_t *ngx_sio_partial_take(ngx_sio_peer_t *peer);

/* Frees a packet; harmless with NULL. */
void ngx_sio_partial_free(ngx_sio_partial_t *partial);

/*
 * Has a peer hold what its session has kept; a WebSocket, whose session is its
 * own, gives the shared memory back.  NGX_ERROR without memory, or when the
 * session is gone.
 */
ngx_int_t ngx_sio_partial_load(ngx_sio_peer_t *peer);

/*
 * Has the session of a POST keep what its peer holds now.  NGX_ERROR when there
 * is no memory for it: the session has to be closed.
 */
ngx_int_t ngx_sio_partial_save(ngx_sio_peer_t *peer);


#endif /* _NGX_SIO_PARTIAL_H_INCLUDED_ */
