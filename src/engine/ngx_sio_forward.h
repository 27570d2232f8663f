
/*
 * `forward`: events and CONNECTs of clients become calls to a service, and the
 * calls come to an end.  What an answer does is decided above.
 */

#ifndef _NGX_SIO_FORWARD_H_INCLUDED_
#define _NGX_SIO_FORWARD_H_INCLUDED_


#include "ngx_sio_call.h"
#include "ngx_sio_event.h"


/* CONNECTs of one session that wait for a service at the same time. */
#define NGX_SIO_FORWARD_CONNECTS  16

/* What calls that wait may hold in one worker, bytes. */
#define NGX_SIO_FORWARD_BYTES     (64 * 1024 * 1024)


/*
 * Has a service asked about a client's event; its rule is a forward.  The
 * client is told if there are too many calls already.
 */
void ngx_sio_forward_event(const ngx_sio_event_t *event);

/*
 * Has a service asked about a CONNECT that has passed everything else; connect
 * has its namespace, id and claims.  Returns NGX_DECLINED when no rule wants
 * that, NGX_OK when it waits for the answer, NGX_BUSY when the client is to be
 * told that this is not possible, NGX_ERROR when it has broken the protocol.
 */
ngx_int_t ngx_sio_forward_connect(ngx_sio_peer_t *peer,
    ngx_sio_namespace_conf_t *conf, const sio_packet_t *packet,
    const ngx_sio_connect_t *connect);

/* Takes a call over that another worker has handed to this one. */
void ngx_sio_forward_handed(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control, const ngx_sio_record_view_t *view);

/*
 * The forward rule of a namespace for a socket's beginning or end (when is
 * NGX_SIO_ON_CONNECT or _DISCONNECT), by its claims; NULL if there is none.
 */
const ngx_sio_event_rule_t *ngx_sio_forward_rule(
    const ngx_sio_namespace_conf_t *conf, ngx_uint_t when, sio_span_t claims);

/*
 * A call is over, and what its answer does is done.  Frees it and starts the
 * next one of its lane.
 */
void ngx_sio_forward_end(ngx_sio_call_t *call);

/*
 * Whether a line about trouble with services may be logged, one in a second;
 * *more is how many were not since the last one.
 */
ngx_uint_t ngx_sio_forward_may_log(ngx_uint_t *more);


#endif /* _NGX_SIO_FORWARD_H_INCLUDED_ */
