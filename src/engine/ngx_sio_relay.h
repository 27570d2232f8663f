
/*
 * Relays: events of clients that go on to the members of rooms.
 */

#ifndef _NGX_SIO_RELAY_H_INCLUDED_
#define _NGX_SIO_RELAY_H_INCLUDED_


#include "ngx_sio_event.h"
#include "ngx_sio_fill.h"


/*
 * Carries out the relay that is the event's rule, and answers it; values have
 * the claims, if the rule wants them.  The presence may be gone afterwards.
 * Returns NGX_OK, or NGX_ERROR without memory.
 */
ngx_int_t ngx_sio_relay(ngx_sio_event_t *event,
    const ngx_sio_values_t *values);


#endif /* _NGX_SIO_RELAY_H_INCLUDED_ */
