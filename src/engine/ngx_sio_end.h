
/*
 * Why peers end: as their clients are told, as services are told, and, where
 * something that a client has sent is not handled, whose fault that was.
 */

#ifndef _NGX_SIO_END_H_INCLUDED_
#define _NGX_SIO_END_H_INCLUDED_


#include "ngx_sio_conf.h"


typedef struct ngx_sio_peer_s  ngx_sio_peer_t;


/* Why a peer ends, and what a poll is answered with. */
typedef enum {
    NGX_SIO_END_TRANSPORT = 0,          /* the client is gone */
    NGX_SIO_END_CLOSE,                  /* by the server: say goodbye */
    NGX_SIO_END_PROTOCOL,               /* malformed input, or too large */
    NGX_SIO_END_TIMEOUT,                /* no pong */
    NGX_SIO_END_SLOW,                   /* over socketio_send_buffer, or we
                                           have no memory for it */
    NGX_SIO_END_LAPPED,                 /* the log has lapped this worker */
    NGX_SIO_END_RESTART,                /* the worker leaves */
    NGX_SIO_END_GONE                    /* the session was taken away */
} ngx_sio_end_t;


/* What an NGX_ERROR of what a client has sent means. */
typedef enum {
    NGX_SIO_FAULT_PACKET = 0,           /* it is malformed */
    NGX_SIO_FAULT_SIZE,                 /* it is over socketio_max_payload */
    NGX_SIO_FAULT_MEMORY                /* there was no memory for it */
} ngx_sio_fault_t;


/* Why a peer that was closed has ended, as services are told. */
ngx_sio_reason_t ngx_sio_peer_reason(const ngx_sio_peer_t *peer);

/* Notes that a peer's packet finds no memory; returns NGX_ERROR. */
ngx_int_t ngx_sio_peer_starved(ngx_sio_peer_t *peer);

/*
 * Logs and counts why what a peer has sent is not handled, by its `fault`; what
 * is text, of what is malformed then.  Returns why to close it.
 */
ngx_sio_end_t ngx_sio_peer_fault(const ngx_sio_peer_t *peer, ngx_log_t *log,
    const char *what);

/* Logs that a client's message is too large, in a line that comes seldom. */
void ngx_sio_log_too_large(ngx_log_t *log);


#endif /* _NGX_SIO_END_H_INCLUDED_ */
