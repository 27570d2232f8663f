
/*
 * WebSocket framing (RFC 6455), the server's side: takes frames apart as bytes
 * arrive and writes heads of frames.  Called by the engine for each read from
 * a connection.  It owns no payload, answers nothing by itself and does not
 * know what a close or a ping means beyond its form.
 */

#include "sio_ws.h"


#define SIO_WS_FIN      0x80
#define SIO_WS_RSV      0x70
#define SIO_WS_OPCODE   0x0f
#define SIO_WS_CONTROL  0x08
#define SIO_WS_MASK     0x80
#define SIO_WS_LENGTH   0x7f

#define SIO_WS_NO_STATUS  1005

#define sio_ws_is_control(opcode)  ((opcode) & SIO_WS_CONTROL)


/* Values of in_payload. */
#define SIO_WS_HEAD     0
#define SIO_WS_BEGUN    1       /* no chunk of the frame was given yet */
#define SIO_WS_WITHIN   2
#define SIO_WS_CLOSED   3       /* a close frame was read: nothing follows */


static int sio_ws_head(sio_ws_reader_t *w, const uint8_t *p, size_t n,
    size_t *used);
static int sio_ws_check(sio_ws_reader_t *w, const uint8_t *head);
static size_t sio_ws_head_need(const uint8_t *head);
static int sio_ws_begin(sio_ws_reader_t *w, const uint8_t *head);
static int sio_ws_begin_data(sio_ws_reader_t *w, const uint8_t *head);
static int sio_ws_payload(sio_ws_reader_t *w, uint8_t *p, size_t n,
    sio_ws_chunk_t *chunk);
static int sio_ws_text(sio_ws_reader_t *w, const sio_ws_chunk_t *chunk);
static int sio_ws_close(sio_ws_reader_t *w, const sio_ws_chunk_t *chunk);
static void sio_ws_unmask(sio_ws_reader_t *w, uint8_t *p, size_t n);
static uint64_t sio_ws_number(const uint8_t *p, unsigned bytes);
static int sio_ws_code_valid(unsigned code);
static int sio_ws_fail(sio_ws_reader_t *w, uint16_t code);


int
sio_ws_read(sio_ws_reader_t *w, uint8_t *p, size_t n, size_t *used,
    sio_ws_chunk_t *chunk)
{
    int     rc;
    size_t  head;

    *used = 0;

    if (w->error) {
        return SIO_ERROR;
    }

    if (w->in_payload == SIO_WS_CLOSED) {
        *used = n;
        return SIO_AGAIN;
    }

    head = 0;

    if (w->in_payload == SIO_WS_HEAD) {
        rc = sio_ws_head(w, p, n, &head);

        if (rc != SIO_OK) {
            *used = head;
            return rc;
        }
    }

    n -= head;

    if (n > w->left) {
        n = w->left;
    }

    *used = head + n;

    if (n == 0 && w->left != 0) {
        return SIO_AGAIN;
    }

    return sio_ws_payload(w, p + head, n, chunk);
}


size_t
sio_ws_write_head(uint8_t *dst, uint8_t opcode, uint64_t length)
{
    size_t  n, i;

    n = sio_ws_head_size(length);
    dst[0] = SIO_WS_FIN | opcode;

    if (n == 2) {
        dst[1] = length;
        return n;
    }

    dst[1] = (n == 4) ? 126 : 127;

    for (i = n - 1; i >= 2; i--) {
        dst[i] = length & 0xff;
        length >>= 8;
    }

    return n;
}


size_t
sio_ws_read_head(const uint8_t *p, uint8_t *first, uint64_t *length)
{
    *first = p[0];

    if (p[1] < 126) {
        *length = p[1];
        return 2;
    }

    if (p[1] == 126) {
        *length = sio_ws_number(p + 2, 2);
        return 4;
    }

    *length = sio_ws_number(p + 2, 8);

    return SIO_WS_HEAD_MAX;
}


size_t
sio_ws_head_size(uint64_t length)
{
    if (length < 126) {
        return 2;
    }

    return (length < 65536) ? 4 : 10;
}


uint16_t
sio_ws_close_code(sio_span_t payload)
{
    uint16_t    code;
    sio_span_t  reason;

    if (payload.n == 0) {
        return SIO_WS_NO_STATUS;
    }

    if (payload.n == 1 || payload.n > SIO_WS_CONTROL_MAX) {
        return 0;
    }

    code = sio_ws_number(payload.p, 2);
    reason.p = payload.p + 2;
    reason.n = payload.n - 2;

    return (sio_ws_code_valid(code) && sio_utf8_valid(reason)) ? code : 0;
}


static int
sio_ws_head(sio_ws_reader_t *w, const uint8_t *p, size_t n, size_t *used)
{
    size_t  need;

    if (w->have == 0 && n >= 2) {
        need = sio_ws_head_need(p);

        if (n >= need) {
            *used = need;
            return (sio_ws_check(w, p) == SIO_OK) ? sio_ws_begin(w, p)
                                                  : SIO_ERROR;
        }
    }

    /* A bad frame is told from its first two bytes, however they arrive. */

    while (*used < n) {
        w->head[w->have++] = p[(*used)++];

        if (w->have == 2 && sio_ws_check(w, w->head) != SIO_OK) {
            return SIO_ERROR;
        }

        if (w->have >= 2 && w->have == sio_ws_head_need(w->head)) {
            w->have = 0;
            return sio_ws_begin(w, w->head);
        }
    }

    return SIO_AGAIN;
}


/*
 * What the first two bytes tell: RFC 6455, sections 5.1, 5.2, 5.4 and 5.5, and
 * RFC 7692, section 6.1: RSV1 stands in the first frame of a message only.
 */

static int
sio_ws_check(sio_ws_reader_t *w, const uint8_t *head)
{
    unsigned  opcode, length;

    opcode = head[0] & SIO_WS_OPCODE;
    length = head[1] & SIO_WS_LENGTH;

    if ((head[0] & SIO_WS_RSV & ~w->extension) || !(head[1] & SIO_WS_MASK)) {
        return sio_ws_fail(w, SIO_WS_PROTOCOL);
    }

    switch (opcode) {

    case SIO_WS_CONT:
        if (w->message == 0 || (head[0] & SIO_WS_RSV)) {
            return sio_ws_fail(w, SIO_WS_PROTOCOL);
        }

        break;

    case SIO_WS_TEXT:
    case SIO_WS_BINARY:
        if (w->message != 0) {
            return sio_ws_fail(w, SIO_WS_PROTOCOL);
        }

        break;

    case SIO_WS_CLOSE:
    case SIO_WS_PING:
    case SIO_WS_PONG:
        if ((head[0] & (SIO_WS_FIN | SIO_WS_RSV)) != SIO_WS_FIN
            || length > SIO_WS_CONTROL_MAX
            || (opcode == SIO_WS_CLOSE && length == 1))
        {
            return sio_ws_fail(w, SIO_WS_PROTOCOL);
        }

        break;

    default:
        return sio_ws_fail(w, SIO_WS_PROTOCOL);
    }

    return SIO_OK;
}


/* The size of a head, from its first two bytes. */

static size_t
sio_ws_head_need(const uint8_t *head)
{
    size_t  need;

    need = (head[1] & SIO_WS_MASK) ? 6 : 2;

    switch (head[1] & SIO_WS_LENGTH) {

    case 126:
        return need + 2;

    case 127:
        return need + 8;

    default:
        return need;
    }
}


/* Starts a frame whose head is complete and has passed sio_ws_check(). */

static int
sio_ws_begin(sio_ws_reader_t *w, const uint8_t *head)
{
    size_t    need;
    uint64_t  length;

    need = sio_ws_head_need(head);

    if (need == 6) {
        length = head[1] & SIO_WS_LENGTH;

    } else {
        length = sio_ws_number(head + 2, need - 6);

        if (sio_ws_head_size(length) != need - 4 || length > INT64_MAX) {
            return sio_ws_fail(w, SIO_WS_PROTOCOL);
        }
    }

    w->opcode = head[0] & SIO_WS_OPCODE;
    w->fin = head[0] >> 7;
    w->left = length;
    w->phase = 0;
    memcpy(w->mask, head + need - 4, 4);

    if (!sio_ws_is_control(w->opcode)) {

        if (sio_ws_begin_data(w, head) != SIO_OK) {
            return SIO_ERROR;
        }

    } else if (w->opcode == SIO_WS_CLOSE) {

        /* The message under way, if any, will never be completed. */
        memset(&w->utf8, 0, sizeof(sio_utf8_t));
    }

    w->in_payload = SIO_WS_BEGUN;

    return SIO_OK;
}


static int
sio_ws_begin_data(sio_ws_reader_t *w, const uint8_t *head)
{
    uint64_t  max;

    if (w->opcode != SIO_WS_CONT) {
        w->message = w->opcode;
        w->total = 0;
        w->deflated = (head[0] & SIO_WS_DEFLATED) != 0;
        memset(&w->utf8, 0, sizeof(sio_utf8_t));
    }

    /* zlib adds an eighth at most, where it must do without stored blocks */

    max = w->max + (w->deflated ? w->max / 8 + 64 : 0);

    if (w->left > max || w->total > max - w->left) {
        return sio_ws_fail(w, SIO_WS_TOO_BIG);
    }

    w->total += w->left;

    return SIO_OK;
}


static int
sio_ws_payload(sio_ws_reader_t *w, uint8_t *p, size_t n, sio_ws_chunk_t *chunk)
{
    int  rc;

    sio_ws_unmask(w, p, n);
    w->left -= n;

    chunk->data.p = p;
    chunk->data.n = n;
    chunk->opcode = (w->opcode == SIO_WS_CONT) ? w->message : w->opcode;
    chunk->first = (w->in_payload == SIO_WS_BEGUN && w->opcode != SIO_WS_CONT);
    chunk->last = (w->left == 0 && w->fin);
    chunk->deflated = w->deflated;

    rc = SIO_OK;

    if (chunk->opcode == SIO_WS_TEXT && !w->deflated) {
        rc = sio_ws_text(w, chunk);

    } else if (chunk->opcode == SIO_WS_CLOSE) {
        rc = sio_ws_close(w, chunk);
    }

    if (chunk->last && !sio_ws_is_control(w->opcode)) {
        w->message = 0;
    }

    if (w->left != 0) {
        w->in_payload = SIO_WS_WITHIN;

    } else {
        w->in_payload = (w->opcode == SIO_WS_CLOSE) ? SIO_WS_CLOSED
                                                    : SIO_WS_HEAD;
    }

    return rc;
}


static int
sio_ws_text(sio_ws_reader_t *w, const sio_ws_chunk_t *chunk)
{
    int  rc;

    rc = sio_utf8_feed(&w->utf8, chunk->data);

    if (rc == SIO_ERROR || (rc == SIO_AGAIN && chunk->last)) {
        return sio_ws_fail(w, SIO_WS_BAD_DATA);
    }

    return SIO_OK;
}


/* The code is gathered in head[], which no frame will need any more. */

static int
sio_ws_close(sio_ws_reader_t *w, const sio_ws_chunk_t *chunk)
{
    int         rc;
    sio_span_t  rest;

    rest = chunk->data;

    while (rest.n != 0 && w->have < 2) {
        w->head[w->have++] = *rest.p++;
        rest.n--;

        if (w->have == 2 && !sio_ws_code_valid(sio_ws_number(w->head, 2))) {
            return sio_ws_fail(w, SIO_WS_PROTOCOL);
        }
    }

    rc = sio_utf8_feed(&w->utf8, rest);

    if (rc == SIO_ERROR || (rc == SIO_AGAIN && chunk->last)) {
        return sio_ws_fail(w, SIO_WS_BAD_DATA);
    }

    return SIO_OK;
}


static void
sio_ws_unmask(sio_ws_reader_t *w, uint8_t *p, size_t n)
{
    size_t    i;
    uint8_t   mask[8];
    uint64_t  wide, word;

    for (i = 0; i < sizeof(mask); i++) {
        mask[i] = w->mask[(w->phase + i) & 3];
    }

    w->phase = (w->phase + n) & 3;
    memcpy(&wide, mask, sizeof(wide));

    while (n >= sizeof(wide)) {
        memcpy(&word, p, sizeof(word));
        word ^= wide;
        memcpy(p, &word, sizeof(word));

        p += sizeof(word);
        n -= sizeof(word);
    }

    for (i = 0; i < n; i++) {
        p[i] ^= mask[i];
    }
}


/* A number in network byte order. */

static uint64_t
sio_ws_number(const uint8_t *p, unsigned bytes)
{
    unsigned  i;
    uint64_t  n;

    n = 0;

    for (i = 0; i < bytes; i++) {
        n = n << 8 | p[i];
    }

    return n;
}


/*
 * Codes that may stand in a frame: section 7.4 and those that IANA registered
 * later, up to 1014.
 */

static int
sio_ws_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003)
           || (code >= 1007 && code <= 1014)
           || (code >= 3000 && code <= 4999);
}


static int
sio_ws_fail(sio_ws_reader_t *w, uint16_t code)
{
    w->error = code;

    return SIO_ERROR;
}
