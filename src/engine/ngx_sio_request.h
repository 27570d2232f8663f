
/*
 * The rooms that the payload of a join or leave event means.
 */

#ifndef _NGX_SIO_REQUEST_H_INCLUDED_
#define _NGX_SIO_REQUEST_H_INCLUDED_


#include "ngx_sio_conf.h"
#include "sio_packet.h"


#define NGX_SIO_REQUEST_ROOMS  256      /* of one event */
#define NGX_SIO_REQUEST_BYTES  32768    /* of their names */


typedef struct {
    sio_span_t     rooms[NGX_SIO_REQUEST_ROOMS];
    ngx_uint_t     n;
    sio_span_t     id;                  /* of the ack that is wanted */
    sio_span_t     prefix;              /* TYPE of an event  join:TYPE */
    size_t         used;
    u_char         names[NGX_SIO_REQUEST_BYTES];
} ngx_sio_request_t;


/*
 * Reads the rooms that an event names; pattern is the one that it matched, and
 * where that has a `*`, what the star stands for is the rooms' TYPE.  Returns
 * NGX_OK with at least one room, or NGX_DECLINED for a payload that names none
 * or too many.  The spans point into the request.
 */
ngx_int_t ngx_sio_request_read(ngx_sio_request_t *request,
    const ngx_sio_pattern_t *pattern, sio_span_t event,
    const sio_packet_t *packet);

/* The rooms as JSON strings with commas; valid until the next call. */
sio_span_t ngx_sio_request_names(const ngx_sio_request_t *request);


#endif /* _NGX_SIO_REQUEST_H_INCLUDED_ */
