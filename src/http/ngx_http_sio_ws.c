
/*
 * Reading of a detached WebSocket, and its end.  What messages mean is in
 * ngx_http_sio_ws_message.c, writing in ngx_http_sio_ws_write.c.
 */

#include "ngx_http_sio_ws.h"
#include "ngx_sio_upgrade.h"


#define NGX_HTTP_SIO_WS_READS   16      /* of one turn of the event loop */
#define NGX_HTTP_SIO_WS_BUFFER  65536
#define NGX_HTTP_SIO_WS_PART    2048    /* of it, where a byte may be 1000 */
#define NGX_HTTP_SIO_WS_INFLATED  65536 /* bytes: others have their turn */
#define NGX_HTTP_SIO_WS_LINGER  2000    /* ms, for the client's close frame */


static void ngx_http_sio_ws_fault(ngx_http_sio_ws_t *ws, int rc);
static ngx_int_t ngx_http_sio_ws_chunk(ngx_http_sio_ws_t *ws,
    const sio_ws_chunk_t *chunk);
static ngx_int_t ngx_http_sio_ws_control(ngx_http_sio_ws_t *ws,
    const sio_ws_chunk_t *chunk);
static void ngx_http_sio_ws_end(ngx_sio_peer_t *peer, ngx_sio_end_t why);
static ngx_uint_t ngx_http_sio_ws_code(ngx_http_sio_ws_t *ws,
    ngx_sio_end_t why);
static void ngx_http_sio_ws_leave_session(ngx_http_sio_ws_t *ws);
static void ngx_http_sio_ws_bye(ngx_http_sio_ws_t *ws);


const ngx_sio_transport_t  ngx_http_sio_ws_transport = {
    ngx_http_sio_ws_flush,
    ngx_http_sio_ws_end,
    NULL
};


void
ngx_http_sio_ws_read(ngx_event_t *rev)
{
    size_t              size;
    ssize_t             n;
    ngx_uint_t          i;
    ngx_connection_t   *c;
    ngx_http_sio_ws_t  *ws;

    static u_char  buffer[NGX_HTTP_SIO_WS_BUFFER];

    c = rev->data;
    ws = c->data;

    if (rev->timedout) {
        ngx_http_sio_ws_close(ws);
        return;
    }

    if (c->close) {
        /* nginx wants the connection gone, see worker_shutdown_timeout */
        ngx_http_sio_ws_leave_session(ws);
        ngx_http_sio_ws_close(ws);
        return;
    }

    size = ws->peer.window ? NGX_HTTP_SIO_WS_PART : sizeof(buffer);
    ws->inflated = 0;

    for (i = 0; i < NGX_HTTP_SIO_WS_READS; i++) {

        n = c->recv(c, buffer, size);

        if (n == NGX_AGAIN) {
            if (ngx_handle_read_event(rev, 0) == NGX_OK) {
                return;
            }

            n = NGX_ERROR;
        }

        if (n == NGX_ERROR || n == 0) {

            if (ws->saying_bye) {
                ngx_http_sio_ws_close(ws);
                return;
            }

            ngx_sio_peer_close(&ws->peer, NGX_SIO_END_TRANSPORT);
            return;
        }

        ngx_http_sio_ws_input(ws, buffer, n);

        if (ws->peer.closing && !ws->saying_bye) {
            return;
        }

        if (ngx_http_sio_ws_done(ws)) {
            ngx_http_sio_ws_close(ws);
            return;
        }

        if (ws->inflated > NGX_HTTP_SIO_WS_INFLATED) {
            break;
        }
    }

    ngx_post_event(rev, &ngx_posted_next_events);
}


void
ngx_http_sio_ws_input(ngx_http_sio_ws_t *ws, u_char *p, size_t n)
{
    int              rc;
    size_t           used;
    sio_ws_chunk_t   chunk;

    ngx_sio_stat(ws->peer.reader->zone, bytes_in, n);

    while (n) {
        rc = sio_ws_read(&ws->reader, p, n, &used, &chunk);

        p += used;
        n -= used;

        if (rc == SIO_AGAIN) {
            return;
        }

        if (rc == SIO_OK && ngx_http_sio_ws_chunk(ws, &chunk) == NGX_OK) {
            continue;
        }

        if (!ws->peer.closing) {
            ngx_http_sio_ws_fault(ws, rc);
        }

        return;
    }
}


/* What was read cannot be handled: the frame if rc says so, else its packet. */

static void
ngx_http_sio_ws_fault(ngx_http_sio_ws_t *ws, int rc)
{
    ngx_sio_end_t    why;
    ngx_sio_peer_t  *peer;

    peer = &ws->peer;

    if (rc != SIO_OK) {
        peer->fault = ws->reader.error == SIO_WS_TOO_BIG
                      ? NGX_SIO_FAULT_SIZE : NGX_SIO_FAULT_PACKET;
    }

    why = ngx_sio_peer_fault(peer, ws->connection->log,
                             rc == SIO_OK ? "packet" : "WebSocket frame");

    if (peer->fault == NGX_SIO_FAULT_SIZE) {
        ws->reader.error = SIO_WS_TOO_BIG;
    }

    ngx_sio_peer_close(peer, why);
}


static ngx_int_t
ngx_http_sio_ws_chunk(ngx_http_sio_ws_t *ws, const sio_ws_chunk_t *chunk)
{
    if (chunk->opcode & 0x8) {
        return ngx_http_sio_ws_control(ws, chunk);
    }

    return ws->peer.closing ? NGX_OK : ngx_http_sio_ws_collect(ws, chunk);
}


static ngx_int_t
ngx_http_sio_ws_control(ngx_http_sio_ws_t *ws, const sio_ws_chunk_t *chunk)
{
    sio_span_t  payload;

    if (chunk->first) {
        ws->ncontrol = 0;
    }

    if (chunk->data.n) {
        ngx_memcpy(ws->control + ws->ncontrol, chunk->data.p, chunk->data.n);
        ws->ncontrol += chunk->data.n;
    }

    if (!chunk->last) {
        return NGX_OK;
    }

    if (chunk->opcode == SIO_WS_PING && !ws->peer.closing) {
        ngx_http_sio_ws_send(ws, SIO_WS_PONG, ws->control, ws->ncontrol);
    }

    if (chunk->opcode == SIO_WS_CLOSE) {
        payload.p = ws->control;
        payload.n = ws->ncontrol;

        ws->bye_heard = 1;
        ws->code = payload.n ? sio_ws_close_code(payload) : 0;

        ngx_sio_peer_close(&ws->peer, NGX_SIO_END_TRANSPORT);
    }

    return NGX_OK;
}


void
ngx_http_sio_ws_send(ngx_http_sio_ws_t *ws, u_char opcode, const u_char *p,
    size_t n)
{
    ngx_sio_frame_t  *frame;

    frame = ngx_sio_frame_bytes(opcode, p, n);

    if (frame == NULL) {
        ngx_sio_peer_close(&ws->peer, NGX_SIO_END_SLOW);
        return;
    }

    ngx_sio_peer_queue(&ws->peer, frame);
    ngx_sio_frame_release(frame);
}


/*
 * Says goodbye after what is still queued, if the client may listen at all, and
 * waits for its own close frame, because unread input would reset the
 * connection and take ours with it.
 */

static void
ngx_http_sio_ws_end(ngx_sio_peer_t *peer, ngx_sio_end_t why)
{
    ngx_connection_t    *c;
    ngx_http_sio_ws_t   *ws;
    ngx_http_request_t  *r;

    ws = (ngx_http_sio_ws_t *) peer;
    c = ws->connection;
    r = ws->request;

    if (r) {
        ngx_http_finalize_request(r, NGX_HTTP_CLOSE);
        ngx_http_run_posted_requests(c);
        return;
    }

    ngx_http_sio_ws_leave_session(ws);

    if (c->error
        || c->close
        || (why == NGX_SIO_END_TRANSPORT && !ws->bye_heard)
        || ((why == NGX_SIO_END_TIMEOUT || why == NGX_SIO_END_SLOW)
            && peer->blocked))
    {
        ngx_http_sio_ws_close(ws);
        return;
    }

    ws->code = ngx_http_sio_ws_code(ws, why);
    ngx_http_sio_ws_bye(ws);
}


static ngx_uint_t
ngx_http_sio_ws_code(ngx_http_sio_ws_t *ws, ngx_sio_end_t why)
{
    switch (why) {

    case NGX_SIO_END_TRANSPORT:
        return ws->code;

    case NGX_SIO_END_PROTOCOL:
        return ws->reader.error;

    case NGX_SIO_END_SLOW:
        return SIO_WS_TRY_LATER;

    case NGX_SIO_END_LAPPED:
    case NGX_SIO_END_RESTART:
        return SIO_WS_RESTART;

    default:
        return 0;
    }
}


static void
ngx_http_sio_ws_bye(ngx_http_sio_ws_t *ws)
{
    u_char             close[2];
    ngx_sio_peer_t    *peer;
    ngx_sio_frame_t   *frame;
    ngx_connection_t  *c;

    c = ws->connection;
    peer = &ws->peer;
    ws->saying_bye = 1;

    close[0] = ws->code >> 8;
    close[1] = ws->code & 0xff;

    frame = ngx_sio_frame_bytes(SIO_WS_CLOSE, close, ws->code ? 2 : 0);

    if (frame == NULL) {
        ngx_http_sio_ws_close(ws);
        return;
    }

    if (ngx_sio_peer_queue_last(peer, frame) != NGX_OK) {
        ngx_sio_frame_release(frame);
        ngx_http_sio_ws_close(ws);
        return;
    }

    ngx_sio_frame_release(frame);

    ngx_http_sio_ws_flush(peer);

    if (c->error || ngx_http_sio_ws_done(ws)) {
        ngx_http_sio_ws_close(ws);
        return;
    }

    ngx_http_sio_ws_shutdown(ws);

    /* unlike the other deadlines this one keeps a leaving worker alive */

    ngx_add_timer(c->read, NGX_HTTP_SIO_WS_LINGER);

    /* the client's answer may be here already */

    if (!c->read->posted) {
        ngx_post_event(c->read, &ngx_posted_events);
    }
}


static void
ngx_http_sio_ws_leave_session(ngx_http_sio_ws_t *ws)
{
    ngx_sio_zone_t  *zone;

    zone = ws->peer.reader->zone;

    if (ws->refused || ws->saying_bye) {
        return;
    }

    if (ws->peer.kind == NGX_SIO_PEER_PROBE) {
        ngx_sio_probe_abort(zone, ws->peer.session);
        return;
    }

    ngx_sio_session_close(zone, ws->peer.session,
                          ngx_sio_peer_reason(&ws->peer), 0, 0);
}


/*
 * The close frame of a client that has sent garbage could not be told from it:
 * it closes when it sees that nothing more comes.
 */

void
ngx_http_sio_ws_shutdown(ngx_http_sio_ws_t *ws)
{
    ngx_connection_t  *c;

    c = ws->connection;

    if (ws->reader.error && ws->peer.nframes == 0 && c->ssl == NULL) {
        (void) ngx_shutdown_socket(c->fd, NGX_WRITE_SHUTDOWN);
    }
}


void
ngx_http_sio_ws_free(ngx_http_sio_ws_t *ws)
{
    ngx_sio_peer_forget(&ws->peer);
    ngx_sio_deadline_clear(&ws->limit);
    ngx_sio_peer_drop_frames(&ws->peer);

    if (ws->detach.posted) {
        ngx_delete_posted_event(&ws->detach);
    }

    if (ws->message) {
        ngx_free(ws->message);
    }

    ngx_free(ws);
}


void
ngx_http_sio_ws_close(ngx_http_sio_ws_t *ws)
{
    ngx_connection_t  *c;

    c = ws->connection;

    if (ws->peer.blocked) {
        /* TLS cannot say goodbye in the middle of a record */
        c->error = 1;
    }

    ngx_http_sio_ws_free(ws);
    ngx_http_close_connection(c);
}
