
/* Client events that mean joining and leaving rooms. */

#ifndef _NGX_SIO_MEMBERSHIP_H_INCLUDED_
#define _NGX_SIO_MEMBERSHIP_H_INCLUDED_


#include "ngx_sio_claims.h"
#include "ngx_sio_presence.h"
#include "sio_packet.h"


/*
 * Carries a join or leave out and answers it.  event is the decoded name.
 * Returns NGX_DECLINED when the event means neither, else NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_sio_membership_event(ngx_sio_presence_t *presence,
    sio_span_t event, const sio_packet_t *packet);

/*
 * Names the rooms that "auto" rules give to a socket which is about to connect;
 * its id and claims are set.  They last until the next call.
 */
void ngx_sio_membership_connect(const ngx_sio_namespace_conf_t *conf,
    ngx_sio_connect_t *connect);

/* Whether a rule lets a socket with these values into a room. */
ngx_uint_t ngx_sio_membership_ruled(const ngx_sio_namespace_conf_t *conf,
    const ngx_sio_values_t *values, sio_span_t room);


/*
 * What templates are filled with for a socket, but for an event's payload; the
 * first without claims, which of the second one last until the next call.
 */
void ngx_sio_membership_names(ngx_sio_presence_t *presence,
    ngx_sio_values_t *values);
void ngx_sio_membership_values(ngx_sio_presence_t *presence,
    ngx_sio_values_t *values);


#endif /* _NGX_SIO_MEMBERSHIP_H_INCLUDED_ */
