
/* What other workers tell this one, in the order of the log. */

#ifndef _NGX_SIO_CONTROL_H_INCLUDED_
#define _NGX_SIO_CONTROL_H_INCLUDED_


#include "ngx_sio_reader.h"


/* Carries a control record out, if it is for this worker. */
void ngx_sio_control(ngx_sio_reader_t *reader,
    const ngx_sio_record_view_t *view);


#endif /* _NGX_SIO_CONTROL_H_INCLUDED_ */
