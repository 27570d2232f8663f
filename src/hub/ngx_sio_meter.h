
/*
 * What sockets of a session have used up of socketio_limit_events, when they
 * leave and others of it begin.  All of it wants the zone's lock.
 */

#ifndef _NGX_SIO_METER_H_INCLUDED_
#define _NGX_SIO_METER_H_INCLUDED_


#include "ngx_sio_types_socket.h"


/*
 * The meter of a socket that begins now, of a limit: it has used up what the
 * session's sockets that left would not have yet.  Returns whether it could
 * send an event.
 */
ngx_uint_t ngx_sio_meter_begin(const ngx_sio_session_t *s,
    const sio_rate_t *limit, ngx_sio_meter_t *meter);

/*
 * A socket leaves, which costs an event: else coming and going would be free,
 * and each socket would begin with a burst.
 */
void ngx_sio_meter_left(ngx_sio_session_t *s, const sio_rate_t *limit,
    const ngx_sio_meter_t *meter);

/* A socket was refused, which costs an event as well. */
void ngx_sio_meter_refused(ngx_sio_session_t *s, const sio_rate_t *limit);


#endif /* _NGX_SIO_METER_H_INCLUDED_ */
