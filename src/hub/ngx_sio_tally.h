
/*
 * Tallies: how many live sessions and sockets have something in common, their
 * endpoint, their address or their user, so that it can be limited.  They are
 * always kept, because a reload may bring a limit.
 *
 * Everything here wants the zone's lock held.
 */

#ifndef _NGX_SIO_TALLY_H_INCLUDED_
#define _NGX_SIO_TALLY_H_INCLUDED_


#include "ngx_sio_hashes.h"


/*
 * Keys of what is counted: sessions of an endpoint, of an address there,
 * sockets of a user in a namespace; 0 where address or user is empty.  They are
 * hashes with the zone's seed, so that nobody can choose another's.
 */
uint64_t ngx_sio_tally_endpoint(ngx_sio_shared_t *sh, uint32_t endpoint);
uint64_t ngx_sio_tally_address(ngx_sio_shared_t *sh, uint32_t endpoint,
    sio_span_t address);
uint64_t ngx_sio_tally_user(ngx_sio_shared_t *sh, sio_span_t namespace,
    sio_span_t user);

/*
 * Counts one more of a key; nothing is counted of key 0.  Returns NGX_OK,
 * NGX_BUSY when there are as many as limit already (0: there is no limit),
 * NGX_DECLINED when there is no cell.
 */
ngx_int_t ngx_sio_tally_add(ngx_sio_shared_t *sh, uint64_t key,
    ngx_uint_t limit);

/* Counts one less of a key that was added. */
void ngx_sio_tally_drop(ngx_sio_shared_t *sh, uint64_t key);

/* Forgets all tallies; a rebuild then adds what is live. */
void ngx_sio_tally_reset(ngx_sio_shared_t *sh);


#endif /* _NGX_SIO_TALLY_H_INCLUDED_ */
