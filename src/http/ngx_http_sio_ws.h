
/*
 * A WebSocket after its handshake.
 *
 * The connection is detached from its HTTP request, as a keep-alive one is,
 * since the request, its pool and its buffers are most of the memory of an idle
 * connection.
 */

#ifndef _NGX_HTTP_SIO_WS_H_INCLUDED_
#define _NGX_HTTP_SIO_WS_H_INCLUDED_


#include "ngx_http_sio_endpoint.h"
#include "ngx_sio_reader.h"
#include "sio_ws.h"


typedef struct {
    ngx_sio_peer_t         peer;
    ngx_connection_t      *connection;
    ngx_http_request_t    *request;     /* until it is detached */
    ngx_event_t            detach;
    ngx_sio_deadline_t     limit;       /* of connect, or of an upgrade */
    sio_ws_reader_t        reader;
    u_char                *message; /* what has come of one in pieces */
    size_t                 n;
    size_t                 size;
    u_char                 control[SIO_WS_CONTROL_MAX];
    u_char                 ncontrol;
    unsigned               refused:1;   /* the session is somebody else's */
    unsigned               probed:1;
    unsigned               saying_bye:1;    /* a close frame is the last */
    unsigned               bye_heard:1;     /* the client's close frame */
    uint16_t               code;        /* of the close frame to send */
    uint32_t               inflated;    /* bytes, of one turn */
} ngx_http_sio_ws_t;


/* Both sides have said goodbye, and ours is with the kernel. */
#define ngx_http_sio_ws_done(ws)                                              \
    ((ws)->saying_bye && (ws)->bye_heard && (ws)->peer.nframes == 0)


/* The engine's view of WebSockets. */
extern const ngx_sio_transport_t  ngx_http_sio_ws_transport;


/* Event handlers of a detached connection. */
void ngx_http_sio_ws_read(ngx_event_t *rev);
void ngx_http_sio_ws_write(ngx_event_t *wev);

/* Takes bytes that have come, which it may change; may close the peer. */
void ngx_http_sio_ws_input(ngx_http_sio_ws_t *ws, u_char *p, size_t n);

/* Sends what is queued, until the kernel takes no more; may close the peer. */
void ngx_http_sio_ws_flush(ngx_sio_peer_t *peer);

/*
 * Shuts the sending side down after the close frame, for a client that sent
 * garbage.
 */
void ngx_http_sio_ws_shutdown(ngx_http_sio_ws_t *ws);

/* Starts the heartbeat of a session: the next ping after that time. */
void ngx_http_sio_ws_heartbeat(ngx_http_sio_ws_t *ws, ngx_msec_t wait);

/* Ends a session that has no socket, or a probe that is no upgrade, by then. */
void ngx_http_sio_ws_limit(ngx_http_sio_ws_t *ws, ngx_msec_t wait);

/*
 * Takes a chunk of a message, which is handled when it is whole; NGX_ERROR: the
 * peer's `fault` says why the client has to be closed.
 */
ngx_int_t ngx_http_sio_ws_collect(ngx_http_sio_ws_t *ws,
    const sio_ws_chunk_t *chunk);

/* Handles a whole message; NGX_ERROR as above. */
ngx_int_t ngx_http_sio_ws_message(ngx_http_sio_ws_t *ws, ngx_uint_t text,
    sio_span_t data);

/* Queues a packet or a control frame. */
void ngx_http_sio_ws_send(ngx_http_sio_ws_t *ws, u_char opcode,
    const u_char *p, size_t n);

/* Frees all but the connection. */
void ngx_http_sio_ws_free(ngx_http_sio_ws_t *ws);

/* Closes the connection and frees everything. */
void ngx_http_sio_ws_close(ngx_http_sio_ws_t *ws);


#endif /* _NGX_HTTP_SIO_WS_H_INCLUDED_ */
