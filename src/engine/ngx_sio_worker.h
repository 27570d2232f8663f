
/*
 * The engine's life in a worker: one reader for each zone, all driven by the
 * slot's wake-ups.
 */

#ifndef _NGX_SIO_WORKER_H_INCLUDED_
#define _NGX_SIO_WORKER_H_INCLUDED_


#include "ngx_sio_conf.h"


/*
 * Starts the readers of a worker's zones (ngx_sio_zone_t *).  Without a free
 * slot the worker serves no sessions; that is logged and no error.  drain is
 * how long the worker takes to move its clients when it leaves, in ms.
 */
ngx_int_t ngx_sio_worker_init(ngx_cycle_t *cycle, const ngx_array_t *zones,
    ngx_msec_t drain);

/* Ends what is left of sessions and gives the slot back. */
void ngx_sio_worker_exit(ngx_cycle_t *cycle);


#endif /* _NGX_SIO_WORKER_H_INCLUDED_ */
