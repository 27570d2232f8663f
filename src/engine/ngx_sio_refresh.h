
/*
 * A connected socket gets a new token of the same user, by its client or by
 * the server.
 */

#ifndef _NGX_SIO_REFRESH_H_INCLUDED_
#define _NGX_SIO_REFRESH_H_INCLUDED_


#include "ngx_sio_auth.h"
#include "ngx_sio_presence.h"
#include "sio_packet.h"


typedef struct {
    ngx_sio_zone_t                  *zone;
    ngx_sio_ref_t                    socket;
    const ngx_sio_namespace_conf_t  *conf;
    sio_span_t                       namespace;
    sio_span_t                       token;
    ngx_uint_t                       recovered; /* it is the same user's */

    /* result */
    const ngx_str_t                 *refusal;   /* JSON-escaped, if declined */
} ngx_sio_refresh_t;


/*
 * Judges the token and gives it to the socket; the rooms that rules gave are
 * judged again.  Returns NGX_OK, NGX_DECLINED with the refusal set, NGX_ABORT
 * when the socket is gone, NGX_BUSY when the zone is full, NGX_ERROR without
 * memory.
 */
ngx_int_t ngx_sio_refresh(ngx_sio_refresh_t *refresh);

/* The same with a token that was judged already. */
ngx_int_t ngx_sio_refresh_judged(ngx_sio_refresh_t *refresh,
    const ngx_sio_auth_t *auth);

/*
 * Carries out a client's event that brings a token, and answers it.  Returns
 * NGX_DECLINED when the event means something else, else NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_sio_refresh_event(ngx_sio_presence_t *presence,
    sio_span_t event, const sio_packet_t *packet);


#endif /* _NGX_SIO_REFRESH_H_INCLUDED_ */
