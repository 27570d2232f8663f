
/*
 * Rules of clients' events (socketio_on).
 */

#ifndef _NGX_SIO_ON_H_INCLUDED_
#define _NGX_SIO_ON_H_INCLUDED_


#include "ngx_sio_event.h"


/*
 * Carries out the first rule of the namespace that means an event, and sets it
 * in the event.  The presence may be gone afterwards.  Returns NGX_DECLINED
 * when there is no such rule, else NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_sio_on_event(ngx_sio_event_t *event);

/*
 * Answers an event that wants an ack with a JSON array; the presence may be
 * gone afterwards.
 */
void ngx_sio_on_answer(ngx_sio_event_t *event, sio_span_t json);

/* The same for a refusal: without one if the client has had too many. */
void ngx_sio_on_refuse(ngx_sio_event_t *event, sio_span_t json);


#endif /* _NGX_SIO_ON_H_INCLUDED_ */
