
/*
 * UTF-8 validation of RFC 3629, whole or in pieces.  Used for WebSocket text
 * messages, close reasons and by the JSON scanner.  Never decodes and never
 * repairs.
 */

#include "sio_utf8.h"


#define SIO_UTF8_HIGH_BITS  0x8080808080808080u


static const uint8_t *sio_utf8_skip_ascii(const uint8_t *p,
    const uint8_t *end);
static int sio_utf8_lead(sio_utf8_t *u, uint8_t c);
static int sio_utf8_continue(sio_utf8_t *u, uint8_t c);


int
sio_utf8_feed(sio_utf8_t *u, sio_span_t piece)
{
    int             good;
    const uint8_t  *p, *end;

    if (piece.n == 0) {
        return u->need == 0 ? SIO_OK : SIO_AGAIN;
    }

    p = piece.p;
    end = p + piece.n;

    while (p < end) {

        if (u->need == 0 && *p < 0x80) {
            p = sio_utf8_skip_ascii(p, end);
            continue;
        }

        good = u->need == 0 ? sio_utf8_lead(u, *p) : sio_utf8_continue(u, *p);

        if (!good) {
            return SIO_ERROR;
        }

        p++;
    }

    return u->need == 0 ? SIO_OK : SIO_AGAIN;
}


int
sio_utf8_valid(sio_span_t text)
{
    sio_utf8_t  u;

    memset(&u, 0, sizeof(u));

    return sio_utf8_feed(&u, text) == SIO_OK;
}


size_t
sio_utf8_char(const uint8_t *p, const uint8_t *end)
{
    sio_utf8_t      u;
    const uint8_t  *start;

    start = p;

    if (p == end) {
        return 0;
    }

    if (*p < 0x80) {
        return 1;
    }

    if (!sio_utf8_lead(&u, *p)) {
        return 0;
    }

    do {
        p++;

        if (p == end || !sio_utf8_continue(&u, *p)) {
            return 0;
        }

    } while (u.need != 0);

    return (size_t) (p + 1 - start);
}


static const uint8_t *
sio_utf8_skip_ascii(const uint8_t *p, const uint8_t *end)
{
    uint64_t  word;

    while (end - p >= (ptrdiff_t) sizeof(word)) {
        memcpy(&word, p, sizeof(word));

        if (word & SIO_UTF8_HIGH_BITS) {
            break;
        }

        p += sizeof(word);
    }

    while (p < end && *p < 0x80) {
        p++;
    }

    return p;
}


/* RFC 3629, section 4: the first byte decides the bounds of the second. */

static int
sio_utf8_lead(sio_utf8_t *u, uint8_t c)
{
    if (c < 0xc2 || c > 0xf4) {
        return 0;
    }

    u->need = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    u->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    u->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;

    return 1;
}


static int
sio_utf8_continue(sio_utf8_t *u, uint8_t c)
{
    if (c < u->low || c > u->high) {
        return 0;
    }

    u->need--;
    u->low = 0x80;
    u->high = 0xbf;

    return 1;
}
