
/*
 * Who may connect to a namespace: a token is judged by the keys of the
 * namespace that is entered, never by another's.
 */

#ifndef _NGX_SIO_AUTH_H_INCLUDED_
#define _NGX_SIO_AUTH_H_INCLUDED_


#include "ngx_sio_peer.h"
#include "ngx_sio_revoke.h"
#include "sio_packet.h"


#define NGX_SIO_TOKEN_MAX   8192        /* bytes */
#define NGX_SIO_CLAIMS_MAX  65536       /* bytes; socketio_limit_data is less */


typedef struct {
    sio_span_t         claims;          /* JSON, empty without a token */
    uint64_t           expires;         /* seconds since 1970, 0: never */
    const ngx_sio_marks_t  *marks;      /* NULL without a token */
    const ngx_str_t   *refusal;         /* JSON-escaped, if refused */
} ngx_sio_auth_t;


/*
 * Judges a CONNECT packet: its own token, else that of the handshake.  Returns
 * NGX_OK, or NGX_DECLINED with auth->refusal set.  The claims and marks are
 * valid until the next call.  Whether the token is revoked is judged by who has
 * the lock.
 */
ngx_int_t ngx_sio_auth_connect(ngx_sio_peer_t *peer,
    const ngx_sio_auth_conf_t *conf, const sio_packet_t *packet,
    ngx_sio_auth_t *auth);

/* A text of connect_error, JSON-escaped: NGX_SIO_AUTH_MISSING and so on. */
sio_span_t ngx_sio_auth_message(const ngx_sio_auth_conf_t *conf,
    ngx_uint_t message);

/*
 * Judges a token, with or without "Bearer " in front, as above; one that is
 * empty is judged as absent.
 */
ngx_int_t ngx_sio_auth_token(const ngx_sio_auth_conf_t *conf,
    sio_span_t token, ngx_sio_auth_t *auth);


#endif /* _NGX_SIO_AUTH_H_INCLUDED_ */
