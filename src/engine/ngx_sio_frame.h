
/*
 * Frames: bytes for WebSockets, encoded once and shared by all connections that
 * they go to.  A frame is a unit: a packet's text and its attachments are never
 * parted by another's.
 */

#ifndef _NGX_SIO_FRAME_H_INCLUDED_
#define _NGX_SIO_FRAME_H_INCLUDED_


#include "ngx_sio_log.h"


typedef struct ngx_sio_frame_s  ngx_sio_frame_t;

struct ngx_sio_frame_s {
    uint32_t           refs;            /* queues that hold it, and makers */
    uint16_t           packets;         /* Engine.IO packets */
    uint16_t           droppable;       /* volatile */
    size_t             size;
    ngx_sio_frame_t   *deflated;        /* NULL: not tried; itself: none */
    u_char             data[];
};


/* How attachments are encoded: binary frames, or text ones in base64. */
#define NGX_SIO_BINARY    0
#define NGX_SIO_BASE64    1
#define NGX_SIO_STAMPED   2             /* flag: events carry offsets */
#define NGX_SIO_ENCODINGS 4


/*
 * Encodes a record's packet.  Returns NULL without memory, or when the log
 * lapped the record (*lapped says which).  The caller holds one reference.
 */
ngx_sio_frame_t *ngx_sio_frame_record(ngx_sio_zone_t *zone,
    const ngx_sio_record_view_t *view, ngx_uint_t encoding,
    ngx_uint_t *lapped);

/* Encodes one packet from its pieces; as above. */
ngx_sio_frame_t *ngx_sio_frame_payload(const ngx_sio_payload_t *payload,
    ngx_uint_t encoding);

/* A control frame, or a text one, from bytes; as above. */
ngx_sio_frame_t *ngx_sio_frame_bytes(u_char opcode, const u_char *p, size_t n);

/* A frame for as many bytes, none of them written, to be sent as it is. */
ngx_sio_frame_t *ngx_sio_frame_like(const ngx_sio_frame_t *frame);

/* Gives back what it does not need, all before it is shared. */
ngx_sio_frame_t *ngx_sio_frame_fit(ngx_sio_frame_t *frame, size_t size);

/* Gives a reference up. */
void ngx_sio_frame_release(ngx_sio_frame_t *frame);


#endif /* _NGX_SIO_FRAME_H_INCLUDED_ */
