
/* The body of a poll's answer: packets of the log, as a polling payload. */

#ifndef _NGX_HTTP_SIO_BODY_H_INCLUDED_
#define _NGX_HTTP_SIO_BODY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_sio_replay.h"


typedef struct {
    u_char             *data;
    size_t              n;
    size_t              size;
    size_t              limit;          /* no further record beyond it */
    ngx_uint_t          packets;
    ngx_sio_zone_t     *zone;
} ngx_http_sio_body_t;


/* The worker's one body, emptied; valid until the next call. */
ngx_http_sio_body_t *ngx_http_sio_body(ngx_sio_zone_t *zone, size_t limit);

/* A ngx_sio_replay_pt; data is the body. */
ngx_int_t ngx_http_sio_body_record(void *data,
    const ngx_sio_record_view_t *view);

/* Adds a packet that is just its type.  NGX_ERROR without memory. */
ngx_int_t ngx_http_sio_body_packet(ngx_http_sio_body_t *body, u_char type);


#endif /* _NGX_HTTP_SIO_BODY_H_INCLUDED_ */
