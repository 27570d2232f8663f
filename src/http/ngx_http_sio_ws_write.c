
/*
 * Writing of a detached WebSocket: what a drain of the log has queued goes out
 * in one system call.
 *
 * Bytes go straight to the connection, past nginx's filters: those copy into
 * buffers of a pool that would grow for as long as the WebSocket lives.
 */

#include "ngx_http_sio_ws.h"
#include "ngx_sio_lag.h"


#define NGX_HTTP_SIO_WS_JOINED  32768   /* bytes of several frames */


static ngx_uint_t ngx_http_sio_ws_join(ngx_sio_peer_t *peer,
    sio_span_t *bytes);
static void ngx_http_sio_ws_sent(ngx_sio_peer_t *peer, size_t n);


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


void
ngx_http_sio_ws_flush(ngx_sio_peer_t *peer)
{
    ssize_t            n;
    sio_span_t         bytes;
    ngx_uint_t         frames;
    ngx_connection_t  *c;

    c = ((ngx_http_sio_ws_t *) peer)->connection;

    while (peer->nframes && !peer->blocked) {

        frames = ngx_http_sio_ws_join(peer, &bytes);
        n = c->send(c, (u_char *) bytes.p, bytes.n);

        if (n == NGX_AGAIN) {
            peer->offered = c->ssl ? frames : 0;
            peer->blocked = 1;

        } else if (n > 0) {
            ngx_http_sio_ws_sent(peer, n);
            peer->blocked = peer->nframes && !c->write->ready;

        } else {
            c->error = 1;
            ngx_sio_peer_drop_frames(peer);
            ngx_sio_peer_close(peer, NGX_SIO_END_TRANSPORT);
            return;
        }

        if (peer->blocked && ngx_handle_write_event(c->write, 0) != NGX_OK) {
            ngx_sio_peer_close(peer, NGX_SIO_END_TRANSPORT);
        }
    }

    if (!peer->blocked) {
        ngx_sio_lag_drained(peer);
    }
}


/*
 * The next bytes to send: one frame where it lies, or a copy of as many as fit;
 * returns how many.  Copying some hundred bytes that are in the cache anyway
 * costs less than a vector costs the kernel, and TLS makes one record of them.
 * What TLS was offered in vain it has to be offered again, unchanged.
 */

static ngx_uint_t
ngx_http_sio_ws_join(ngx_sio_peer_t *peer, sio_span_t *bytes)
{
    size_t            n;
    ngx_uint_t        i, max;
    ngx_sio_frame_t  *frame;

    static u_char  joined[NGX_HTTP_SIO_WS_JOINED];

    max = peer->offered ? peer->offered : peer->nframes;

    frame = ngx_sio_peer_frame(peer, 0);

    bytes->p = frame->data + peer->sent;
    bytes->n = frame->size - peer->sent;

    for (i = 1; i < max; i++) {
        frame = ngx_sio_peer_frame(peer, i);
        n = bytes->n;

        if (n + frame->size > NGX_HTTP_SIO_WS_JOINED) {
            break;
        }

        if (i == 1) {
            ngx_memcpy(joined, bytes->p, n);
            bytes->p = joined;
        }

        ngx_memcpy(joined + n, frame->data, frame->size);
        bytes->n = n + frame->size;
    }

    return i;
}


static void
ngx_http_sio_ws_sent(ngx_sio_peer_t *peer, size_t n)
{
    size_t            left;
    ngx_uint_t        packets;
    ngx_sio_frame_t  *frame;

    peer->offered = 0;
    packets = 0;

    ngx_sio_stat(peer->reader->zone, bytes_out, n);

    while (n) {
        frame = ngx_sio_peer_frame(peer, 0);
        left = frame->size - peer->sent;

        if (n < left) {
            peer->sent += n;
            break;
        }

        n -= left;
        packets += frame->packets;
        ngx_sio_peer_sent_frame(peer);
    }

    ngx_sio_stat(peer->reader->zone, packets_out, packets);
}
