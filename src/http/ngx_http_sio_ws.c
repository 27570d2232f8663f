
/*
 * Reading and writing of a detached WebSocket, and its end.  What messages mean
 * is in ngx_http_sio_ws_message.c.
 */

#include "ngx_http_sio_ws.h"
#include "ngx_sio_seldom.h"
#include "ngx_sio_upgrade.h"


#define NGX_HTTP_SIO_WS_READS   16      /* of one turn of the event loop */
#define NGX_HTTP_SIO_WS_BUFFER  65536
#define NGX_HTTP_SIO_WS_BUFS    64      /* frames in one write */
#define NGX_HTTP_SIO_WS_LINGER  2000    /* ms, for the client's close frame */


/* Both sides have said goodbye, and ours is with the kernel. */
#define ngx_http_sio_ws_done(ws)                                              \
    ((ws)->saying_bye && (ws)->bye_heard                                      \
     && (ws)->peer.nframes == 0 && !(ws)->connection->buffered)


static ngx_int_t ngx_http_sio_ws_chunk(ngx_http_sio_ws_t *ws,
    const sio_ws_chunk_t *chunk);
static ngx_int_t ngx_http_sio_ws_collect(ngx_http_sio_ws_t *ws,
    const sio_ws_chunk_t *chunk, sio_span_t *message);
static ngx_int_t ngx_http_sio_ws_control(ngx_http_sio_ws_t *ws,
    const sio_ws_chunk_t *chunk);
static void ngx_http_sio_ws_flush(ngx_sio_peer_t *peer);
static ngx_chain_t *ngx_http_sio_ws_chain(ngx_sio_peer_t *peer);
static void ngx_http_sio_ws_sent(ngx_sio_peer_t *peer, ngx_chain_t *cl,
    ngx_chain_t *unsent);
static void ngx_http_sio_ws_end(ngx_sio_peer_t *peer, ngx_sio_end_t why);
static ngx_uint_t ngx_http_sio_ws_code(ngx_http_sio_ws_t *ws,
    ngx_sio_end_t why);
static void ngx_http_sio_ws_leave_session(ngx_http_sio_ws_t *ws);
static void ngx_http_sio_ws_bye(ngx_http_sio_ws_t *ws);
static void ngx_http_sio_ws_shutdown(ngx_http_sio_ws_t *ws);


const ngx_sio_transport_t  ngx_http_sio_ws_transport = {
    ngx_http_sio_ws_flush,
    ngx_http_sio_ws_end,
    NULL
};


void
ngx_http_sio_ws_read(ngx_event_t *rev)
{
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

    for (i = 0; i < NGX_HTTP_SIO_WS_READS; i++) {

        n = c->recv(c, buffer, sizeof(buffer));

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
            ngx_sio_stat(ws->peer.reader->zone, protocol_errors, 1);
            ngx_sio_log_seldom(NGX_LOG_INFO, ws->connection->log,
                               "socketio client sent a malformed %s, its "
                               "connection is closed",
                               rc == SIO_OK ? "packet" : "WebSocket frame");
            ngx_sio_peer_close(&ws->peer, NGX_SIO_END_PROTOCOL);
        }

        return;
    }
}


static ngx_int_t
ngx_http_sio_ws_chunk(ngx_http_sio_ws_t *ws, const sio_ws_chunk_t *chunk)
{
    ngx_int_t   rc;
    sio_span_t  message;

    if (chunk->opcode & 0x8) {
        return ngx_http_sio_ws_control(ws, chunk);
    }

    if (ws->peer.closing) {
        return NGX_OK;
    }

    rc = ngx_http_sio_ws_collect(ws, chunk, &message);

    if (rc != NGX_DONE) {
        return rc;
    }

    rc = ngx_http_sio_ws_message(ws, chunk->opcode == SIO_WS_TEXT, message);

    if (ws->message) {
        ngx_free(ws->message);
        ws->message = NULL;
        ws->size = 0;
        ws->n = 0;
    }

    return rc;
}


/* NGX_DONE: the message is whole.  One in a single piece is not copied. */

static ngx_int_t
ngx_http_sio_ws_collect(ngx_http_sio_ws_t *ws, const sio_ws_chunk_t *chunk,
    sio_span_t *message)
{
    size_t   size;
    u_char  *p;

    if (chunk->first && chunk->last) {
        *message = chunk->data;
        return NGX_DONE;
    }

    if (ws->n + chunk->data.n > ws->size) {
        size = ngx_max(ws->size * 2, ws->n + chunk->data.n + 256);

        p = realloc(ws->message, size);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ws->message = p;
        ws->size = size;
    }

    if (chunk->data.n) {
        ngx_memcpy(ws->message + ws->n, chunk->data.p, chunk->data.n);
        ws->n += chunk->data.n;
    }

    message->p = ws->message;
    message->n = ws->n;

    return chunk->last ? NGX_DONE : NGX_OK;
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


void
ngx_http_sio_ws_write(ngx_event_t *wev)
{
    ngx_connection_t   *c;
    ngx_http_sio_ws_t  *ws;

    c = wev->data;
    ws = c->data;

    ws->peer.blocked = 0;
    ngx_http_sio_ws_flush(&ws->peer);

    /* event methods without edges would call again and again */

    if (!ws->peer.blocked && ngx_handle_write_event(wev, 0) != NGX_OK) {
        ngx_sio_peer_close(&ws->peer, NGX_SIO_END_TRANSPORT);
    }

    if (ngx_http_sio_ws_done(ws)) {
        ngx_http_sio_ws_close(ws);

    } else if (ws->saying_bye) {
        ngx_http_sio_ws_shutdown(ws);
    }
}


/*
 * Straight to the connection, past nginx's filters: those copy, and allocate
 * from a pool that would grow for as long as the WebSocket lives.
 */

static void
ngx_http_sio_ws_flush(ngx_sio_peer_t *peer)
{
    ngx_chain_t        *cl, *unsent;
    ngx_connection_t   *c;
    ngx_http_sio_ws_t  *ws;

    ws = (ngx_http_sio_ws_t *) peer;
    c = ws->connection;

    if (peer->blocked) {
        return;
    }

    while (peer->nframes) {
        cl = ngx_http_sio_ws_chain(peer);
        unsent = c->send_chain(c, cl, 0);

        if (unsent == NGX_CHAIN_ERROR) {
            c->error = 1;
            ngx_sio_peer_drop_frames(peer);
            ngx_sio_peer_close(peer, NGX_SIO_END_TRANSPORT);
            return;
        }

        ngx_http_sio_ws_sent(peer, cl, unsent);

        if (unsent) {
            peer->blocked = 1;
            break;
        }
    }

    /* TLS may hold back what it was given */

    if (c->buffered) {
        (void) c->send_chain(c, NULL, 0);
        peer->blocked = c->buffered || peer->nframes;
    }

    if (peer->blocked && ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_sio_peer_close(peer, NGX_SIO_END_TRANSPORT);
    }
}


static ngx_chain_t *
ngx_http_sio_ws_chain(ngx_sio_peer_t *peer)
{
    ngx_buf_t        *b;
    ngx_uint_t        i, n;
    ngx_sio_frame_t  *frame;

    static ngx_buf_t    bufs[NGX_HTTP_SIO_WS_BUFS];
    static ngx_chain_t  chain[NGX_HTTP_SIO_WS_BUFS];

    n = ngx_min(peer->nframes, NGX_HTTP_SIO_WS_BUFS);

    for (i = 0; i < n; i++) {
        frame = peer->frames[(peer->first + i) & (peer->size - 1)];

        b = &bufs[i];
        b->memory = 1;
        b->pos = frame->data + (i == 0 ? peer->sent : 0);
        b->last = frame->data + frame->size;
        b->flush = i == n - 1;

        chain[i].buf = b;
        chain[i].next = i == n - 1 ? NULL : &chain[i + 1];
    }

    return chain;
}


static void
ngx_http_sio_ws_sent(ngx_sio_peer_t *peer, ngx_chain_t *cl,
    ngx_chain_t *unsent)
{
    size_t           n;
    ngx_uint_t       packets;
    ngx_sio_zone_t  *zone;

    zone = peer->reader->zone;
    packets = 0;
    n = 0;

    for ( /* void */ ; cl != unsent; cl = cl->next) {
        packets += peer->frames[peer->first]->packets;
        n += peer->frames[peer->first]->size;
        ngx_sio_peer_sent_frame(peer);
    }

    if (unsent) {
        peer->sent = unsent->buf->pos - peer->frames[peer->first]->data;
    }

    ngx_sio_stat(zone, packets_out, packets);
    ngx_sio_stat(zone, bytes_out, n);
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

static void
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

    ngx_http_sio_ws_free(ws);
    ngx_http_close_connection(c);
}
