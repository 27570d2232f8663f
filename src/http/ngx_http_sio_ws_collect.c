
/*
 * Puts the messages of a WebSocket together from their chunks, and inflates
 * those that come compressed.  Called for each chunk that was read; what it
 * holds is bounded by socketio_max_payload, compressed or not.
 */

#include "ngx_http_sio_ws.h"
#include "ngx_sio_compress.h"


static ngx_int_t ngx_http_sio_ws_append(ngx_http_sio_ws_t *ws,
    sio_span_t data);
static ngx_int_t ngx_http_sio_ws_inflate(ngx_http_sio_ws_t *ws,
    ngx_uint_t text, sio_span_t data);
static ngx_int_t ngx_http_sio_ws_not_inflated(ngx_http_sio_ws_t *ws,
    uint16_t code);


/* A message in a single piece is not copied. */

ngx_int_t
ngx_http_sio_ws_collect(ngx_http_sio_ws_t *ws, const sio_ws_chunk_t *chunk)
{
    ngx_int_t   rc;
    ngx_uint_t  text;
    sio_span_t  message;

    message = chunk->data;

    if (!chunk->first || !chunk->last) {

        if (ngx_http_sio_ws_append(ws, chunk->data) != NGX_OK) {
            return NGX_ERROR;
        }

        if (!chunk->last) {
            return NGX_OK;
        }

        message.p = ws->message;
        message.n = ws->n;
    }

    text = chunk->opcode == SIO_WS_TEXT;

    rc = chunk->deflated ? ngx_http_sio_ws_inflate(ws, text, message)
                         : ngx_http_sio_ws_message(ws, text, message);

    if (ws->message) {
        ngx_free(ws->message);
        ws->message = NULL;
        ws->size = 0;
        ws->n = 0;
    }

    return rc;
}


static ngx_int_t
ngx_http_sio_ws_append(ngx_http_sio_ws_t *ws, sio_span_t data)
{
    size_t   size;
    u_char  *p;

    if (ws->n + data.n > ws->size) {
        size = ngx_max(ws->size * 2, ws->n + data.n + 256);

        p = realloc(ws->message, size);
        if (p == NULL) {
            return ngx_sio_peer_starved(&ws->peer);
        }

        ws->message = p;
        ws->size = size;
    }

    if (data.n) {
        ngx_memcpy(ws->message + ws->n, data.p, data.n);
        ws->n += data.n;
    }

    return NGX_OK;
}


/* The reader has checked neither the size of the message nor its UTF-8. */

static ngx_int_t
ngx_http_sio_ws_inflate(ngx_http_sio_ws_t *ws, ngx_uint_t text,
    sio_span_t data)
{
    ngx_int_t   rc;
    uint16_t    code;
    sio_span_t  message;

    code = ngx_sio_decompress(ws->peer.reader->zone, data, ws->reader.max,
                              &message);

    if (code == 0 && text && !sio_utf8_valid(message)) {
        code = SIO_WS_BAD_DATA;
    }

    if (code == 0) {
        ws->inflated += message.n;
        rc = ngx_http_sio_ws_message(ws, text, message);

    } else {
        rc = ngx_http_sio_ws_not_inflated(ws, code);
    }

    ngx_sio_decompressed();

    return rc;
}


static ngx_int_t
ngx_http_sio_ws_not_inflated(ngx_http_sio_ws_t *ws, uint16_t code)
{
    ws->reader.error = code;

    switch (code) {

    case SIO_WS_TRY_LATER:
        ws->peer.fault = NGX_SIO_FAULT_MEMORY;
        break;

    case SIO_WS_TOO_BIG:
        ws->peer.fault = NGX_SIO_FAULT_SIZE;
        break;

    default:
        ws->peer.fault = NGX_SIO_FAULT_PACKET;
        break;
    }

    return NGX_ERROR;
}
