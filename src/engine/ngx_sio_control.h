
/* What other workers tell this one, in the order of the log. */

#ifndef _NGX_SIO_CONTROL_H_INCLUDED_
#define _NGX_SIO_CONTROL_H_INCLUDED_


#include "ngx_sio_reader.h"


/* Carries a control record out, if it is for this worker. */
void ngx_sio_control(ngx_sio_reader_t *reader,
    const ngx_sio_record_view_t *view);

/*
 * Ends the presence of a socket that was disconnected, and tells its client;
 * may close the peer.  Harmless when this has been done.
 */
void ngx_sio_control_disconnect(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control);


#endif /* _NGX_SIO_CONTROL_H_INCLUDED_ */
