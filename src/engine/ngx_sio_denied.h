
/*
 * What clients were denied, in the error log.
 */

#ifndef _NGX_SIO_DENIED_H_INCLUDED_
#define _NGX_SIO_DENIED_H_INCLUDED_


#include "ngx_sio_presence.h"
#include "ngx_sio_seldom.h"


typedef struct {
    const char         *what;           /* such as "join" */
    sio_span_t          why;            /* the inside of a JSON string */
    const sio_span_t   *names;          /* of it, as the client sent them */
    ngx_uint_t          n;
} ngx_sio_denial_t;


/*
 * Logs what a session was denied, with the client's address and, unless
 * presence is NULL, with its socket, user and namespace; at most some lines a
 * second for each client.
 */
void ngx_sio_denied(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    const ngx_sio_presence_t *presence, const ngx_sio_denial_t *denial);


#endif /* _NGX_SIO_DENIED_H_INCLUDED_ */
