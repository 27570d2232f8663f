
/* An event of a client, complete with its attachments. */

#ifndef _NGX_SIO_EVENT_H_INCLUDED_
#define _NGX_SIO_EVENT_H_INCLUDED_


#include "ngx_sio_presence.h"
#include "sio_packet.h"


typedef struct {
    ngx_sio_presence_t          *presence;
    sio_span_t                   name;          /* decoded */
    const sio_packet_t          *packet;        /* validated */
    const sio_span_t            *attachments;   /* packet->attachments */
    const ngx_sio_event_rule_t  *rule;          /* that it matched, or NULL */
} ngx_sio_event_t;


#endif /* _NGX_SIO_EVENT_H_INCLUDED_ */
