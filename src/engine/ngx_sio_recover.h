
/*
 * Clients that come back for a socket of theirs: their CONNECT brings its pid
 * and the offset of the last event that they got.
 */

#ifndef _NGX_SIO_RECOVER_H_INCLUDED_
#define _NGX_SIO_RECOVER_H_INCLUDED_


#include "ngx_sio_auth.h"
#include "ngx_sio_reader.h"
#include "ngx_sio_recovery.h"


/*
 * Whether a CONNECT asks for a socket that is there already: recovery is then
 * filled in but for the token.  Its texts are valid until the next call.
 */
ngx_uint_t ngx_sio_recover_wanted(const ngx_sio_peer_t *peer,
    const ngx_sio_namespace_conf_t *conf, const sio_packet_t *packet,
    ngx_sio_recovery_t *recovery);

/*
 * Gives the peer the socket, all that it has missed, and the answer.  auth is
 * NULL where the token is not looked at again.  Returns NGX_OK; NGX_DECLINED
 * when the client gets a new socket instead; NGX_ERROR.
 */
ngx_int_t ngx_sio_recover(ngx_sio_peer_t *peer,
    ngx_sio_namespace_conf_t *conf, ngx_sio_recovery_t *recovery,
    const ngx_sio_auth_t *auth);


#endif /* _NGX_SIO_RECOVER_H_INCLUDED_ */
