
/*
 * Why peers end.  Says it to services, to the error log and to the counters;
 * ending them is the business of ngx_sio_peer.c.  Called by transports that
 * have read what they cannot go on with.
 */

#include "ngx_sio_peer.h"
#include "ngx_sio_reader.h"
#include "ngx_sio_seldom.h"


ngx_sio_reason_t
ngx_sio_peer_reason(const ngx_sio_peer_t *peer)
{
    switch (peer->why) {

    case NGX_SIO_END_PROTOCOL:
    case NGX_SIO_END_SLOW:
    case NGX_SIO_END_LAPPED:
        return NGX_SIO_REASON_ERROR;

    case NGX_SIO_END_TIMEOUT:
        return NGX_SIO_REASON_TIMEOUT;

    case NGX_SIO_END_RESTART:
        return NGX_SIO_REASON_RESTART;

    default:
        return NGX_SIO_REASON_CLOSE;
    }
}


ngx_int_t
ngx_sio_peer_starved(ngx_sio_peer_t *peer)
{
    peer->fault = NGX_SIO_FAULT_MEMORY;

    return NGX_ERROR;
}


ngx_sio_end_t
ngx_sio_peer_fault(const ngx_sio_peer_t *peer, ngx_log_t *log,
    const char *what)
{
    switch (peer->fault) {

    case NGX_SIO_FAULT_MEMORY:
        ngx_sio_stat(peer->reader->zone, memory_failed, 1);
        ngx_sio_log_seldom(NGX_LOG_ERR, log,
                           "this worker had no memory for what a socketio "
                           "client has sent, which is closed: the machine, or "
                           "what limits nginx, has too little");
        return NGX_SIO_END_SLOW;

    case NGX_SIO_FAULT_SIZE:
        ngx_sio_log_too_large(log);
        return NGX_SIO_END_PROTOCOL;

    default:
        ngx_sio_stat(peer->reader->zone, protocol_errors, 1);
        ngx_sio_log_seldom(NGX_LOG_INFO, log,
                           "socketio client sent a malformed %s: closed", what);
        return NGX_SIO_END_PROTOCOL;
    }
}


void
ngx_sio_log_too_large(ngx_log_t *log)
{
    ngx_sio_log_seldom(NGX_LOG_INFO, log,
                       "socketio client sent more than socketio_max_payload "
                       "in one message");
}
