
/*
 * Encodes WebSocket frames.  References are counted within one worker.
 */

#include "ngx_sio_frame.h"
#include "ngx_sio_recovery.h"
#include "sio_base64.h"
#include "sio_eio.h"
#include "sio_ws.h"


static ngx_sio_frame_t *ngx_sio_frame_alloc(size_t size, ngx_uint_t packets);
static u_char *ngx_sio_frame_part(u_char *p, ngx_uint_t part,
    ngx_uint_t encoding, sio_span_t data);


/* The packet is copied behind what its frames may need, then moved up. */

ngx_sio_frame_t *
ngx_sio_frame_record(ngx_sio_zone_t *zone, const ngx_sio_record_view_t *view,
    ngx_uint_t encoding, ngx_uint_t *lapped)
{
    u_char           *p, *src, *end, stamp[NGX_SIO_STAMP_MAX];
    size_t            need, stamped;
    sio_span_t        part;
    uint32_t          n;
    ngx_uint_t        i;
    ngx_sio_frame_t  *frame;

    *lapped = 0;

    need = view->head.parts * SIO_WS_HEAD_MAX;

    if (encoding & NGX_SIO_STAMPED) {
        need += NGX_SIO_STAMP_MAX;
    }

    if (encoding & NGX_SIO_BASE64) {
        need += sio_base64_encoded_size(view->head.length)
                + view->head.parts * 5;
    }

    frame = ngx_sio_frame_alloc(need + view->head.length, view->head.parts);
    if (frame == NULL) {
        return NULL;
    }

    src = frame->data + need;
    end = src + view->head.length;

    if (ngx_sio_log_copy(zone, view, src) != NGX_OK) {
        *lapped = 1;
        ngx_sio_frame_release(frame);
        return NULL;
    }

    p = frame->data;

    for (i = 0; i < view->head.parts && end - src >= 4; i++) {
        ngx_memcpy(&n, src, sizeof(uint32_t));
        src += sizeof(uint32_t);

        part.p = src;
        part.n = n;
        src += n;

        stamped = i == 0 && (encoding & NGX_SIO_STAMPED)
                  ? ngx_sio_recovery_stamp(zone, view, &part, stamp) : 0;

        if (stamped) {
            p += sio_ws_write_head(p, SIO_WS_TEXT, part.n + stamped);
            p = ngx_movemem(p, part.p, part.n);
            p = ngx_cpymem(p, stamp, stamped);
            continue;
        }

        p = ngx_sio_frame_part(p, i, encoding, part);
    }

    frame->size = p - frame->data;
    frame->droppable = view->head.flags & NGX_SIO_VOLATILE;

    if (view->head.flags & NGX_SIO_PLAIN) {
        frame->deflated = frame;
    }

    return frame;
}


ngx_sio_frame_t *
ngx_sio_frame_payload(const ngx_sio_payload_t *payload, ngx_uint_t encoding)
{
    u_char           *p;
    size_t            n, need;
    ngx_uint_t        i;
    ngx_sio_frame_t  *frame;

    n = ngx_sio_payload_size(payload);
    need = n + (1 + payload->nattachments) * SIO_WS_HEAD_MAX;

    if (encoding == NGX_SIO_BASE64) {
        need += sio_base64_encoded_size(n) + payload->nattachments * 5;
    }

    frame = ngx_sio_frame_alloc(need, 1 + payload->nattachments);
    if (frame == NULL) {
        return NULL;
    }

    for (n = 0, i = 0; i < 4; i++) {
        n += payload->text[i].n;
    }

    p = frame->data;

    if (n) {
        p += sio_ws_write_head(p, SIO_WS_TEXT, n);
    }

    for (i = 0; i < 4; i++) {
        if (payload->text[i].n) {
            p = ngx_cpymem(p, payload->text[i].p, payload->text[i].n);
        }
    }

    for (i = 0; i < payload->nattachments; i++) {
        p = ngx_sio_frame_part(p, i + 1, encoding, payload->attachments[i]);
    }

    frame->size = p - frame->data;

    return frame;
}


/* Part 0 is the text packet; an empty one is left out. */

static u_char *
ngx_sio_frame_part(u_char *p, ngx_uint_t part, ngx_uint_t encoding,
    sio_span_t data)
{
    if (part == 0 && data.n == 0) {
        return p;
    }

    if (part > 0 && (encoding & NGX_SIO_BASE64)) {
        p += sio_ws_write_head(p, SIO_WS_TEXT,
                               1 + sio_base64_encoded_size(data.n));
        *p++ = SIO_EIO_BINARY;

        return p + sio_base64_encode(p, data);
    }

    p += sio_ws_write_head(p, part == 0 ? SIO_WS_TEXT : SIO_WS_BINARY,
                           data.n);

    return data.n ? ngx_movemem(p, data.p, data.n) : p;
}


ngx_sio_frame_t *
ngx_sio_frame_bytes(u_char opcode, const u_char *src, size_t n)
{
    u_char           *p;
    ngx_sio_frame_t  *frame;

    frame = ngx_sio_frame_alloc(n + SIO_WS_HEAD_MAX, 1);
    if (frame == NULL) {
        return NULL;
    }

    p = frame->data + sio_ws_write_head(frame->data, opcode, n);

    if (n) {
        p = ngx_cpymem(p, src, n);
    }

    frame->size = p - frame->data;

    return frame;
}


static ngx_sio_frame_t *
ngx_sio_frame_alloc(size_t size, ngx_uint_t packets)
{
    ngx_sio_frame_t  *frame;

    frame = ngx_alloc(sizeof(ngx_sio_frame_t) + size, ngx_cycle->log);
    if (frame == NULL) {
        return NULL;
    }

    frame->refs = 1;
    frame->packets = packets;
    frame->droppable = 0;
    frame->deflated = NULL;

    return frame;
}


ngx_sio_frame_t *
ngx_sio_frame_like(const ngx_sio_frame_t *frame)
{
    ngx_sio_frame_t  *copy;

    copy = ngx_sio_frame_alloc(frame->size, frame->packets);

    if (copy) {
        copy->droppable = frame->droppable;
        copy->deflated = copy;
    }

    return copy;
}


ngx_sio_frame_t *
ngx_sio_frame_fit(ngx_sio_frame_t *frame, size_t size)
{
    ngx_sio_frame_t  *smaller;

    smaller = realloc(frame, sizeof(ngx_sio_frame_t) + size);

    if (smaller) {
        frame = smaller;
    }

    frame->size = size;
    frame->deflated = frame;

    return frame;
}


void
ngx_sio_frame_release(ngx_sio_frame_t *frame)
{
    if (--frame->refs == 0) {

        if (frame->deflated && frame->deflated != frame) {
            ngx_sio_frame_release(frame->deflated);
        }

        ngx_free(frame);
    }
}
