
/*
 * Bytes that a session keeps between two POSTs: a packet whose attachments are
 * still to come.  Only who serves the session calls this.
 *
 * They may be many, so they are taken and given in pieces, each with the lock
 * taken anew; what is in between is complete at every moment.
 */

#ifndef _NGX_SIO_KEPT_H_INCLUDED_
#define _NGX_SIO_KEPT_H_INCLUDED_


#include "ngx_sio_registry.h"


typedef struct {
    ngx_sio_zone_t    *zone;
    ngx_sio_ref_t      session;
    uint32_t           tail;            /* its last block; 0: none is kept */
} ngx_sio_kept_t;


/* Bytes that are kept; 0 also when the session is gone. */
size_t ngx_sio_kept_size(const ngx_sio_kept_t *kept);

/*
 * Copies them, at most size bytes, and finds the tail.  Returns the bytes
 * copied: fewer when the session went meanwhile.
 */
size_t ngx_sio_kept_read(ngx_sio_kept_t *kept, u_char *dst, size_t size);

/*
 * Adds to them.  Returns NGX_OK, NGX_DECLINED when memory is short (others need
 * what is left), NGX_ABORT when the session is gone.
 */
ngx_int_t ngx_sio_kept_append(ngx_sio_kept_t *kept, sio_span_t text);

/* Gives them back. */
void ngx_sio_kept_free(ngx_sio_kept_t *kept);


#endif /* _NGX_SIO_KEPT_H_INCLUDED_ */
