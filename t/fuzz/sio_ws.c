
/*
 * WebSocket reader: the same bytes, fed whole and in pieces, give the same
 * messages and the same error.  Input: a byte for the largest message, a byte
 * for the number of piece sizes, with its highest bit for permessage-deflate,
 * these sizes, the bytes of the connection.
 */

#include "sio_ws.h"

#include <stdlib.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* Whole messages and control frames in order, as opcode, size and bytes. */
typedef struct {
    uint8_t   *done;
    size_t     done_n;
    uint8_t   *body;
    size_t     body_n;
    uint8_t    control[SIO_WS_CONTROL_MAX];
    size_t     control_n;
    uint8_t    open;            /* opcode of the message under way */
    uint8_t    in_control;
    uint16_t   error;
} story_t;


static void
check(int good)
{
    if (!good) {
        abort();
    }
}


static void
tell(story_t *s, uint8_t opcode, const uint8_t *p, size_t n)
{
    s->done[s->done_n++] = opcode;
    memcpy(s->done + s->done_n, &n, sizeof(n));
    s->done_n += sizeof(n);

    if (n != 0) {
        memcpy(s->done + s->done_n, p, n);
        s->done_n += n;
    }
}


static void
take_control(story_t *s, const sio_ws_chunk_t *chunk)
{
    sio_span_t  payload;

    check(chunk->first == !s->in_control);

    if (chunk->first) {
        s->control_n = 0;
    }

    check(s->control_n + chunk->data.n <= sizeof(s->control));
    memcpy(s->control + s->control_n, chunk->data.p, chunk->data.n);
    s->control_n += chunk->data.n;
    s->in_control = !chunk->last;

    if (!chunk->last) {
        return;
    }

    if (chunk->opcode == SIO_WS_CLOSE) {
        payload.p = s->control;
        payload.n = s->control_n;
        check(sio_ws_close_code(payload) != 0);
    }

    tell(s, chunk->opcode, s->control, s->control_n);
}


static void
take_data(story_t *s, const sio_ws_chunk_t *chunk, uint64_t max)
{
    sio_span_t  message;

    check(!s->in_control);
    check(chunk->opcode == SIO_WS_TEXT || chunk->opcode == SIO_WS_BINARY);
    check(chunk->first ? s->open == 0 : s->open == chunk->opcode);

    if (chunk->first) {
        s->body_n = 0;
    }

    memcpy(s->body + s->body_n, chunk->data.p, chunk->data.n);
    s->body_n += chunk->data.n;
    s->open = chunk->last ? 0 : chunk->opcode;
    check(s->body_n <= (chunk->deflated ? max + max / 8 + 64 : max));

    if (!chunk->last) {
        return;
    }

    message.p = s->body;
    message.n = s->body_n;
    check(chunk->opcode == SIO_WS_BINARY || chunk->deflated
          || sio_utf8_valid(message));
    tell(s, chunk->opcode | (chunk->deflated ? SIO_WS_DEFLATED : 0), s->body,
         s->body_n);
}


/* Feeds one piece, in memory of just its size; returns the last code. */

static int
feed(sio_ws_reader_t *w, story_t *s, const uint8_t *p, size_t n)
{
    int              rc;
    size_t           at, used;
    uint8_t         *piece;
    sio_ws_chunk_t   chunk;

    piece = malloc(n + !n);
    check(piece != NULL);
    memcpy(piece, p, n);
    at = 0;

    do {
        rc = sio_ws_read(w, piece + at, n - at, &used, &chunk);
        check(used <= n - at);
        at += used;

        if (rc == SIO_OK) {
            check(chunk.data.p >= piece
                  && chunk.data.p + chunk.data.n == piece + at);

            if (chunk.opcode >= SIO_WS_CLOSE) {
                take_control(s, &chunk);

            } else {
                take_data(s, &chunk, w->max);
            }
        }

    } while (rc == SIO_OK);

    check(rc == SIO_ERROR || at == n);
    check((rc == SIO_ERROR) == (w->error != 0));

    free(piece);

    return rc;
}


static void
read_all(story_t *s, const sio_ws_reader_t *fresh, sio_span_t wire,
    sio_span_t sizes)
{
    int              rc;
    size_t           at, n, i;
    sio_ws_reader_t  w;

    memset(s, 0, sizeof(*s));
    w = *fresh;

    /* A frame takes 6 bytes at least and adds 1 + sizeof(size_t) here. */

    s->done = malloc(3 * wire.n + 16);
    s->body = malloc(wire.n + 1);
    check(s->done != NULL && s->body != NULL);

    rc = SIO_AGAIN;
    i = 0;

    for (at = 0; at < wire.n && rc != SIO_ERROR; at += n) {
        n = wire.n - at;

        if (sizes.n != 0 && sizes.p[i % sizes.n] < n) {
            n = sizes.p[i % sizes.n];
            n += (n == 0);
            i++;
        }

        rc = feed(&w, s, wire.p + at, n);
    }

    s->error = w.error;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    story_t          whole, pieces;
    sio_span_t       wire, sizes;
    sio_ws_reader_t  fresh;

    if (size < 2) {
        return 0;
    }

    memset(&fresh, 0, sizeof(fresh));
    fresh.max = (data[0] < 128) ? data[0] : (uint64_t) 1 << (data[0] % 64);
    fresh.extension = (data[1] & 0x80) ? SIO_WS_DEFLATED : 0;

    sizes.p = data + 2;
    sizes.n = data[1] % 8;

    if (sizes.n > size - 2) {
        sizes.n = size - 2;
    }

    wire.p = sizes.p + sizes.n;
    wire.n = size - 2 - sizes.n;

    read_all(&whole, &fresh, wire, (sio_span_t) { NULL, 0 });
    read_all(&pieces, &fresh, wire, sizes);

    check(whole.error == pieces.error);
    check(whole.done_n == pieces.done_n);
    check(memcmp(whole.done, pieces.done, whole.done_n) == 0);
    check(whole.error != 0 || whole.open == pieces.open);

    free(whole.done);
    free(whole.body);
    free(pieces.done);
    free(pieces.body);

    return 0;
}
