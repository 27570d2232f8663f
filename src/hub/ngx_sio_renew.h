
/*
 * Giving a connected socket another token: its claims are replaced, and the
 * rooms that rules gave follow, in one step of the order.
 */

#ifndef _NGX_SIO_RENEW_H_INCLUDED_
#define _NGX_SIO_RENEW_H_INCLUDED_


#include "ngx_sio_rooms.h"


/* A socket as it is to be judged; memory is a pool's. */
typedef struct {
    u_char             id[NGX_SIO_ID_LEN];
    uint16_t           revision;
    sio_span_t         claims;          /* JSON, empty without a token */
    sio_span_t         data;            /* JSON, or empty */
    sio_span_t        *rooms;           /* that rules gave it */
    ngx_uint_t         nrooms;
} ngx_sio_ruled_t;


typedef struct {
    ngx_sio_ref_t      socket;
    uint16_t           revision;        /* at which it was judged */
    sio_span_t         claims;
    sio_span_t         data;
    uint64_t           expires;         /* s since 1970, 0: never */
    const ngx_sio_marks_t  *marks;
    const sio_span_t  *leave;           /* of these those that rules gave */
    ngx_uint_t         nleave;
    const sio_span_t  *join;
    ngx_uint_t         njoin;
    uint32_t          *cells;           /* scratch, as many as either of them */

    /* results */
    ngx_uint_t         revoked;         /* declined, because the token is */
} ngx_sio_renew_t;


/* A socket that is named by its id. */
typedef struct {
    ngx_sio_ref_t      socket;
    uint32_t           endpoint;        /* of its session */
    uint64_t           expires;         /* s since 1970, 0: never */
} ngx_sio_found_t;


/*
 * The connected socket with an id in a namespace, in any if that is empty.
 * Returns NGX_OK or NGX_DECLINED.
 */
ngx_int_t ngx_sio_socket_named(ngx_sio_zone_t *zone, sio_span_t namespace,
    sio_span_t id, ngx_sio_found_t *found);

/*
 * Copies what of a connected socket is judged again.  Returns NGX_OK, NGX_ABORT
 * when it is gone, NGX_ERROR without memory.
 */
ngx_int_t ngx_sio_socket_ruled(ngx_sio_zone_t *zone, ngx_pool_t *pool,
    ngx_sio_ref_t socket, ngx_sio_ruled_t *ruled);

/*
 * Replaces a socket's claims and data, and joins and leaves rooms by rules.
 * Returns NGX_OK; NGX_AGAIN when the socket has changed since it was judged;
 * and with nothing changed NGX_DECLINED when the token is revoked or the zone
 * full, NGX_ABORT when the socket is gone.
 */
ngx_int_t ngx_sio_socket_renew(ngx_sio_zone_t *zone, ngx_sio_renew_t *renew);

/*
 * Replaces a connected socket's data by other JSON.  Returns NGX_OK,
 * NGX_DECLINED when the zone is full, NGX_ABORT when the socket is gone.
 */
ngx_int_t ngx_sio_socket_data(ngx_sio_zone_t *zone, ngx_sio_ref_t socket,
    sio_span_t data);


#endif /* _NGX_SIO_RENEW_H_INCLUDED_ */
