
/*
 * Emit: the one way by which an event reaches the sockets of rooms, whoever
 * publishes it.
 */

#ifndef _NGX_SIO_EMIT_H_INCLUDED_
#define _NGX_SIO_EMIT_H_INCLUDED_


#include "ngx_sio_log.h"
#include "sio_offset.h"


typedef struct ngx_sio_emit_s  ngx_sio_emit_t;

/* Called under the lock when the record is there. */
typedef void (*ngx_sio_emit_pt)(ngx_sio_emit_t *emit);


struct ngx_sio_emit_s {
    ngx_sio_zone_t     *zone;
    sio_span_t          namespace;
    const sio_span_t   *rooms;          /* room names and socket ids */
    ngx_uint_t          nrooms;         /* 0: the whole namespace */
    const sio_span_t   *except;
    ngx_uint_t          nexcept;        /* both at most NGX_SIO_TARGETS_MAX */
    ngx_uint_t          flags;          /* NGX_SIO_VOLATILE, NGX_SIO_PLAIN */
    ngx_sio_ref_t       sender;         /* socket of a client, cell 0: none;
                                           then there are no exceptions */
    unsigned            member:1;       /* it must be in each of the rooms */
    unsigned            others:1;       /* it does not get the event */
    unsigned            local:1;        /* other nodes do not get the event */
    ngx_sio_payload_t   payload;        /* Engine.IO text packet, binaries */
    const u_char       *key;            /* NGX_SIO_KEY_LEN bytes, or NULL */
    ngx_uint_t          most;           /* sockets; 0: any number */
    ngx_sio_emit_pt     appended;       /* or NULL */
    void               *data;           /* the caller's */

    /* results */
    uint64_t            position;       /* of the record, or the head */
    ngx_uint_t          matched;        /* sockets of this nginx */
    ngx_uint_t          duplicate;      /* results are those of the first */
    ngx_uint_t          cluster;        /* of ngx_sio_publish() */
};


/*
 * Appends a record for the sockets that are in one of the rooms and in none of
 * the exceptions, and wakes who has to deliver it; without such sockets nothing
 * is appended.  Returns NGX_OK, NGX_DECLINED when the record does not fit the
 * log (more than an eighth of it), NGX_BUSY when more sockets match than may,
 * NGX_ABORT when the sender is gone or not in a room where it has to be.
 */
ngx_int_t ngx_sio_emit(ngx_sio_emit_t *emit);

/* Writes a position as an offset, SIO_OFFSET_MAX bytes at most. */
u_char *ngx_sio_offset_write(ngx_sio_zone_t *zone, uint64_t position,
    u_char *dst);


#endif /* _NGX_SIO_EMIT_H_INCLUDED_ */
