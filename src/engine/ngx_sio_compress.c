
/*
 * Makes the compressed form of frames, and chooses who gets it.  Owns the
 * worker's states of zlib, which no connection has any part in: an idle one
 * costs nothing more for having negotiated compression.
 */

#include "ngx_sio_compress.h"
#include "ngx_sio_presence.h"
#include "sio_eio.h"
#include "sio_ws.h"
#include "sio_zlib.h"


static ngx_sio_frame_t *ngx_sio_compress_frame(ngx_sio_zone_t *zone,
    ngx_sio_frame_t *frame, size_t threshold);
static size_t ngx_sio_compress_message(ngx_sio_zone_t *zone, u_char *dst,
    const u_char *src, size_t n);
static sio_span_t ngx_sio_compress_namespace(const ngx_sio_frame_t *frame);


static sio_zlib_t  ngx_sio_zlib;


/*
 * A client that has asked for a smaller window gets what lies within it as a
 * whole: nothing can then refer back further.
 */

ngx_sio_frame_t *
ngx_sio_compress(ngx_sio_peer_t *peer, ngx_sio_frame_t *frame,
    size_t threshold)
{
    ngx_sio_zone_t  *zone;

    if (peer->window < 15 && frame->size > (size_t) 1 << peer->window) {
        return frame;
    }

    zone = peer->reader->zone;

    if (frame->deflated == NULL) {
        frame->deflated = ngx_sio_compress_frame(zone, frame, threshold);
    }

    if (frame->deflated != frame) {
        ngx_sio_stat(zone, compressed_deliveries, 1);
    }

    return frame->deflated;
}


ngx_sio_frame_t *
ngx_sio_compress_packet(ngx_sio_peer_t *peer, ngx_sio_frame_t *frame)
{
    sio_span_t           name;
    ngx_queue_t         *q;
    ngx_sio_presence_t  *presence;

    if (peer->window == 0) {
        return frame;
    }

    name = ngx_sio_compress_namespace(frame);

    for (q = ngx_queue_head(&peer->presences);
         q != ngx_queue_sentinel(&peer->presences);
         q = ngx_queue_next(q))
    {
        presence = ngx_queue_data(q, ngx_sio_presence_t, queue);

        if (presence->name_len == name.n
            && ngx_memcmp(presence->name, name.p, name.n) == 0)
        {
            return ngx_sio_compressed(peer, frame,
                                      presence->conf->compression);
        }
    }

    return frame;
}


/* Returns the frame itself where nothing of it has become smaller. */

static ngx_sio_frame_t *
ngx_sio_compress_frame(ngx_sio_zone_t *zone, ngx_sio_frame_t *frame,
    size_t threshold)
{
    u_char           *p, *src, *end, first;
    size_t            head, n;
    uint64_t          length;
    ngx_uint_t        worth;
    ngx_sio_frame_t  *deflated;

    deflated = ngx_sio_frame_like(frame);
    if (deflated == NULL) {
        return frame;
    }

    p = deflated->data;
    end = frame->data + frame->size;
    worth = 0;

    for (src = frame->data; src < end; src += head + length) {
        head = sio_ws_read_head(src, &first, &length);
        n = 0;

        if (length >= threshold && length <= NGX_SIO_COMPRESS_MAX) {
            n = ngx_sio_compress_message(zone, p, src, head + length);
        }

        if (n) {
            worth = 1;
            p += n;

        } else {
            p = ngx_cpymem(p, src, head + length);
        }
    }

    if (!worth) {
        ngx_sio_frame_release(deflated);
        return frame;
    }

    return ngx_sio_frame_fit(deflated, p - deflated->data);
}


/* Writes one frame of the protocol, or nothing: it has then grown. */

static size_t
ngx_sio_compress_message(ngx_sio_zone_t *zone, u_char *dst, const u_char *src,
    size_t n)
{
    size_t       head, room, moved;
    uint8_t      first;
    uint64_t     length;
    sio_span_t   text;

    head = sio_ws_read_head(src, &first, &length);
    text.p = src + head;
    text.n = length;
    room = length;

    if (sio_zlib_deflate(&ngx_sio_zlib, text, dst + head, &room) != SIO_OK) {
        return 0;
    }

    moved = sio_ws_write_head(dst, first & 0x0f, room);
    dst[0] |= SIO_WS_DEFLATED;

    if (moved != head) {
        ngx_memmove(dst + moved, dst + head, room);
    }

    ngx_sio_stat(zone, compressions, 1);
    ngx_sio_stat(zone, compressed_from, n);
    ngx_sio_stat(zone, compressed_to, moved + room);

    return moved + room;
}


/* "/" but where the packet's text has another one behind its type. */

static sio_span_t
ngx_sio_compress_namespace(const ngx_sio_frame_t *frame)
{
    uint8_t        first;
    uint64_t       length;
    sio_span_t     name;
    const u_char  *p, *end;

    p = frame->data + sio_ws_read_head(frame->data, &first, &length);
    end = p + length;
    name = sio_span("/");

    if (p == end || *p++ != SIO_EIO_MESSAGE) {
        return name;
    }

    while (p < end && ((*p >= '0' && *p <= '9') || *p == '-')) {
        p++;
    }

    if (p == end || *p != '/') {
        return name;
    }

    name.p = p;

    while (p < end && *p != ',') {
        p++;
    }

    name.n = p - name.p;

    return name;
}


uint16_t
ngx_sio_decompress(ngx_sio_zone_t *zone, sio_span_t src, size_t max,
    sio_span_t *message)
{
    ngx_sio_stat(zone, decompressions, 1);

    return sio_zlib_inflate(&ngx_sio_zlib, src, max, message);
}


void
ngx_sio_decompressed(void)
{
    sio_zlib_trim(&ngx_sio_zlib);
}
