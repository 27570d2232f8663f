
/*
 * WebSockets that are behind, see hub/ngx_sio_behind.h: their clients are given
 * a slice of what they have missed whenever they have taken all that was
 * queued.  The reader passes them over meanwhile.
 */

#ifndef _NGX_SIO_LAG_H_INCLUDED_
#define _NGX_SIO_LAG_H_INCLUDED_


#include "ngx_sio_reader.h"


/*
 * A WebSocket whose session was just set behind is so, too; one that was behind
 * already begins from where the session's cursor is now.  Closes the peer
 * without memory; one that was closed is left alone.
 */
void ngx_sio_lag_begin(ngx_sio_peer_t *peer);

/* A WebSocket has nothing queued any more: behind or not. */
void ngx_sio_lag_drained(ngx_sio_peer_t *peer);

/* Gives some of those that wait for it a slice each. */
void ngx_sio_lag_turn(ngx_sio_reader_t *reader);

/* Forgets a peer's state; harmless when it is not behind. */
void ngx_sio_lag_end(ngx_sio_peer_t *peer);


#endif /* _NGX_SIO_LAG_H_INCLUDED_ */
