
/*
 * What a service is told of a socket: who it is, where it is, and how its
 * session began, all of one moment.
 */

#ifndef _NGX_SIO_SNAPSHOT_H_INCLUDED_
#define _NGX_SIO_SNAPSHOT_H_INCLUDED_


#include "ngx_sio_registry.h"
#include "sio_json.h"


/* Rooms beyond these are left out; claims and data are less by far. */
#define NGX_SIO_SNAPSHOT_ROOMS  1024
#define NGX_SIO_SNAPSHOT_NAMES  65536       /* bytes */


typedef struct {
    sio_span_t         claims;          /* JSON, or empty */
    sio_span_t         data;            /* JSON, or empty */
    sio_span_t         rooms;           /* JSON: strings with commas */
    sio_span_t         handshake;       /* JSON of the session, or empty */
} ngx_sio_snapshot_t;


/*
 * Takes the snapshot of a socket into a pool.  Returns NGX_OK, NGX_ABORT when
 * the socket is gone, in which case nothing has changed, NGX_ERROR without
 * memory.  A closed one counts as there if closed is set: its rooms are those
 * that it was in to the end.
 */
ngx_int_t ngx_sio_snapshot_socket(ngx_sio_zone_t *zone, ngx_sio_ref_t socket,
    ngx_uint_t closed, ngx_pool_t *pool, ngx_sio_snapshot_t *snapshot);

/* The same of a session alone: no more than its handshake is set. */
ngx_int_t ngx_sio_snapshot_session(ngx_sio_zone_t *zone,
    ngx_sio_ref_t session, ngx_pool_t *pool, ngx_sio_snapshot_t *snapshot);


#endif /* _NGX_SIO_SNAPSHOT_H_INCLUDED_ */
