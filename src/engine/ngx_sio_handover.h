
/*
 * Calls that another worker makes: of a client's event that came here while the
 * socket's lane is held there.
 */

#ifndef _NGX_SIO_HANDOVER_H_INCLUDED_
#define _NGX_SIO_HANDOVER_H_INCLUDED_


#include "ngx_sio_call.h"
#include "ngx_sio_reader.h"


#define NGX_SIO_HANDOVER_PARTS  6


/* What travels with a call, in front of its texts. */
typedef struct {
    uint32_t       endpoint;
    ngx_sio_ref_t  session;
    ngx_msec_t     timeout;             /* of the rule */
    u_char         id[NGX_SIO_ID_LEN];
    u_char         socket_id[NGX_SIO_ID_LEN];
} ngx_sio_handover_t;

typedef struct {
    ngx_sio_payload_t   payload;
    ngx_sio_handover_t  fixed;
    sio_span_t          parts[NGX_SIO_HANDOVER_PARTS];
} ngx_sio_handover_payload_t;


/* Sets the payload that the call is made of elsewhere; it points into it. */
void ngx_sio_handover_write(const ngx_sio_call_t *call,
    ngx_sio_handover_payload_t *handover);

/*
 * Makes the call of a record of this worker's log.  NULL without memory, or
 * when the log has lapped it, or the endpoint is not in this configuration.
 */
ngx_sio_call_t *ngx_sio_handover_read(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control, const ngx_sio_record_view_t *view);


#endif /* _NGX_SIO_HANDOVER_H_INCLUDED_ */
