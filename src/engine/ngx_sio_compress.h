
/*
 * What goes compressed to WebSockets that have negotiated permessage-deflate,
 * and what comes so: a frame has one compressed form, made when the first of
 * its receivers wants it, and shared as the frame itself is.
 */

#ifndef _NGX_SIO_COMPRESS_H_INCLUDED_
#define _NGX_SIO_COMPRESS_H_INCLUDED_


#include "ngx_sio_peer.h"


#define NGX_SIO_COMPRESS_OFF  NGX_MAX_SIZE_T_VALUE  /* a threshold */
#define NGX_SIO_COMPRESS_MAX  (1024 * 1024) /* bytes: larger ones take long */


/* What ngx_sio_compress() returns, for who does not call it in vain. */
#define ngx_sio_compressed(peer, frame, threshold)                            \
    ((peer)->window && (frame)->size >= (threshold)                           \
     ? ngx_sio_compress(peer, frame, threshold) : (frame))


/*
 * The form of a frame for a peer that has negotiated compression: its messages
 * from threshold bytes on are compressed, if that makes them smaller and they
 * are not too large.  The other form belongs to the frame: the caller has a
 * reference to the frame only.
 */
ngx_sio_frame_t *ngx_sio_compress(ngx_sio_peer_t *peer,
    ngx_sio_frame_t *frame, size_t threshold);

/* The same for a packet whose namespace, which has the threshold, is in it. */
ngx_sio_frame_t *ngx_sio_compress_packet(ngx_sio_peer_t *peer,
    ngx_sio_frame_t *frame);

/*
 * Inflates a message that a client has sent, to at most max bytes.  Returns 0
 * and *message, which is valid until ngx_sio_decompressed(), or the code to
 * close the connection with.
 */
uint16_t ngx_sio_decompress(ngx_sio_zone_t *zone, sio_span_t src, size_t max,
    sio_span_t *message);

/* The message was handled. */
void ngx_sio_decompressed(void);


#endif /* _NGX_SIO_COMPRESS_H_INCLUDED_ */
