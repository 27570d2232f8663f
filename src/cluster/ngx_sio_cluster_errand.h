
/*
 * Errands: what the server API does with one socket, which may be of another
 * nginx.  What is to be done there is known by src/http, which gives a function
 * for it to ngx_sio_cluster_init().
 */

#ifndef _NGX_SIO_CLUSTER_ERRAND_H_INCLUDED_
#define _NGX_SIO_CLUSTER_ERRAND_H_INCLUDED_


#include "ngx_sio_revoke.h"


#define NGX_SIO_ERRAND_TOKEN    8448    /* bytes; a longer one is none */
#define NGX_SIO_ERRAND_MESSAGE  1024    /* bytes of JSON, likewise */


typedef enum {
    NGX_SIO_ERRAND_REFRESH = 0,
    NGX_SIO_ERRAND_REVOKE
} ngx_sio_errand_kind_t;

typedef enum {
    NGX_SIO_ERRAND_NONE = 0,            /* there is no such socket */
    NGX_SIO_ERRAND_DONE,
    NGX_SIO_ERRAND_REFUSED,             /* the token is no good */
    NGX_SIO_ERRAND_FULL,                /* shared memory is */
    NGX_SIO_ERRAND_FAILED               /* no memory */
} ngx_sio_errand_result_t;


typedef struct {
    ngx_sio_zone_t           *zone;
    ngx_sio_errand_kind_t     kind;
    sio_span_t                namespace;    /* REFRESH */
    sio_span_t                socket;       /* its id */
    sio_span_t                token;        /* REFRESH */
    ngx_uint_t                hold;         /* REVOKE: seconds, without exp */

    /* results */
    ngx_sio_errand_result_t   result;
    sio_span_t                message;      /* REFUSED: JSON, no quotes */
    ngx_uint_t                bare;         /* REVOKE: it had no token */
    ngx_sio_revoke_t          revoke;       /* else this is to be told, and
                                               its walk to follow */
} ngx_sio_errand_t;


/* Does an errand with a socket of this node; never waits. */
typedef void (*ngx_sio_errand_pt)(ngx_sio_errand_t *errand);


#endif /* _NGX_SIO_CLUSTER_ERRAND_H_INCLUDED_ */
