
/*
 * The cells of a zone's shared memory that the server API's calls leave: keys
 * by which a repeated emit is known, and questions that wait for acks.  What
 * ngx_sio_types.h says of cells holds for these.
 */

#ifndef _NGX_SIO_TYPES_API_H_INCLUDED_
#define _NGX_SIO_TYPES_API_H_INCLUDED_


#include "ngx_sio_types.h"


#define NGX_SIO_KEY_LEN  16


/* An emit's key and what was answered; cells are taken in a circle. */
typedef struct {
    uint32_t           state;
    uint32_t           next;            /* (derived) hash chain */
    u_char             hash[NGX_SIO_KEY_LEN];
    uint32_t           matched;
    uint32_t           recorded;        /* there was somebody to write for */
    uint64_t           position;        /* of the record, or the head then */
    uint64_t           expires;         /* ngx_current_msec */
} ngx_sio_key_t;


/* An event that waits for acks; its cell and serial are their id. */
typedef struct {
    uint32_t           state;
    uint32_t           next;            /* (derived) free list */
    uint32_t           serial;
    uint32_t           unused;
    ngx_sio_worker_t   worker;          /* that has asked */
    uint64_t           expires;         /* ngx_current_msec */
} ngx_sio_pending_t;


#endif /* _NGX_SIO_TYPES_API_H_INCLUDED_ */
