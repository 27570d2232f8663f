
/*
 * The outbox: services are told that sockets have disconnected, at least once.
 * Which notices are due lies in shared memory (hub/ngx_sio_notices.h), so any
 * worker tells them, one that another worker has left behind as well.
 */

#ifndef _NGX_SIO_OUTBOX_H_INCLUDED_
#define _NGX_SIO_OUTBOX_H_INCLUDED_


#include "ngx_sio_call.h"


/* Has the outbox of a zone looked into whenever a notice becomes due. */
ngx_int_t ngx_sio_outbox_init(ngx_sio_zone_t *zone);

/* Looks into it: for notices that were put off, and those of other workers. */
void ngx_sio_outbox_look(ngx_sio_zone_t *zone);

/*
 * A service has let a socket in that could not be opened then: the client was
 * gone, or memory full.  It is told once, because no cell remembers it.
 */
void ngx_sio_outbox_unopened(const ngx_sio_call_t *connect);

/*
 * A call of the outbox is over, and is freed: by its status the notice is done,
 * or is tried again later.
 */
void ngx_sio_outbox_answered(ngx_sio_call_t *call);


#endif /* _NGX_SIO_OUTBOX_H_INCLUDED_ */
