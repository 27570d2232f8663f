
/*
 * How much of the limits of its namespace's rules a polling socket has used up:
 * its requests may come to any worker.  WebSockets have this in their worker.
 */

#ifndef _NGX_SIO_RATES_H_INCLUDED_
#define _NGX_SIO_RATES_H_INCLUDED_


#include "ngx_sio_registry.h"
#include "sio_bucket.h"


/*
 * Takes one unit of a rule, which is known by its number, at the time now (ms).
 * Returns NGX_OK, or NGX_BUSY when its rate is exceeded, or cannot be kept for
 * want of memory, or the socket is gone.
 */
ngx_int_t ngx_sio_rates_take(ngx_sio_zone_t *zone, ngx_sio_ref_t socket,
    ngx_uint_t rule, const sio_rate_t *rate, uint64_t now);


#endif /* _NGX_SIO_RATES_H_INCLUDED_ */
