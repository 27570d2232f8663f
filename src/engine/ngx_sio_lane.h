
/*
 * Lanes: the calls of one socket one after another, in the order of its events.
 * A lane is this worker's own; other sockets' lanes never wait for it.
 */

#ifndef _NGX_SIO_LANE_H_INCLUDED_
#define _NGX_SIO_LANE_H_INCLUDED_


#include "ngx_sio_call.h"


/*
 * Puts a call at the end of its socket's lane.  Returns NGX_OK when it may
 * start at once, NGX_AGAIN when it has to wait until it is returned by
 * ngx_sio_lane_leave(), NGX_ERROR without memory.
 */
ngx_int_t ngx_sio_lane_enter(ngx_sio_call_t *call);

/*
 * Takes a call that is over out of its lane; harmless when it is in none.
 * Returns the call that may start now, NULL if none waits.
 */
ngx_sio_call_t *ngx_sio_lane_leave(ngx_sio_call_t *call);


#endif /* _NGX_SIO_LANE_H_INCLUDED_ */
