
/*
 * Selecting connected sockets of a namespace by rooms and ids, a slice at a
 * time: what it costs is never paid under one hold of the lock.
 */

#ifndef _NGX_SIO_SELECT_H_INCLUDED_
#define _NGX_SIO_SELECT_H_INCLUDED_


#include "ngx_sio_registry.h"


#define NGX_SIO_SELECT_SLICE  256       /* sockets for one hold of the lock */


typedef struct ngx_sio_select_s  ngx_sio_select_t;

/*
 * Called under the lock with the cell of a connected socket, or, with `at`, of
 * one that was connected at that position of the log.  NGX_OK goes on;
 * NGX_AGAIN ends the slice and gets this socket again with the next one; any
 * other code ends the selection, which returns it with this socket in `next`.
 */
typedef ngx_int_t (*ngx_sio_select_pt)(ngx_sio_select_t *select,
    uint32_t socket);


struct ngx_sio_select_s {
    ngx_sio_zone_t     *zone;
    ngx_pool_t         *pool;
    sio_span_t          namespace;
    const sio_span_t   *rooms;          /* room names and socket ids */
    ngx_uint_t          nrooms;         /* 0: the whole namespace */
    const sio_span_t   *except;
    ngx_uint_t          nexcept;        /* both at most NGX_SIO_TARGETS_MAX */
    ngx_uint_t          slice;          /* up to NGX_SIO_SELECT_SLICE */
    uint64_t            at;             /* if set: who gets that record */
    ngx_sio_select_pt   handler;
    void               *data;

    ngx_sio_mask_t      wake;           /* the handler adds to it */
    uint32_t            next;           /* sockets come in order of cells */

    /* the selection's own */
    ngx_sio_ref_t      *refs;           /* of small rooms; else it scans */
    ngx_uint_t          nrefs;
    ngx_uint_t          position;
    ngx_uint_t          begun;
};


/*
 * Does one slice; the struct is zero but for what is asked for, and its spans
 * live until the end.  A socket is given once; one that joins or leaves
 * meanwhile is judged when its turn comes.  Returns NGX_AGAIN when there may be
 * more, NGX_OK at the end, NGX_ERROR without memory, or the handler's code.
 */
ngx_int_t ngx_sio_select(ngx_sio_select_t *select);

/*
 * Does the first slice under the caller's lock, as part of what he does there.
 * The handler must leave `wake` alone.  Returns as above.
 */
ngx_int_t ngx_sio_select_locked(ngx_sio_select_t *select);


#endif /* _NGX_SIO_SELECT_H_INCLUDED_ */
