
/*
 * The janitor: frees what the dead have left and what has timed out.
 *
 * Deadlines are compared wherever a session is looked up, and references to
 * dead workers are void by themselves, so the janitor only frees memory and
 * makes counts true again.
 */

#ifndef _NGX_SIO_JANITOR_H_INCLUDED_
#define _NGX_SIO_JANITOR_H_INCLUDED_


#include "ngx_sio_registry.h"


/*
 * Does a round in these zones (ngx_sio_zone_t *), if one is due and no other
 * worker does it.  Called at every tick of every worker.
 */
void ngx_sio_janitor(const ngx_array_t *zones);

/* Ends whatever of these zones is still held by this worker, which exits. */
void ngx_sio_janitor_leave(const ngx_array_t *zones);


#endif /* _NGX_SIO_JANITOR_H_INCLUDED_ */
