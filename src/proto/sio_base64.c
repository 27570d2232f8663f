
/*
 * Base64 of RFC 4648.  Used for binary attachments in polling payloads and in
 * the API, and in the URL alphabet for ids.  Never accepts a second spelling
 * of the same bytes, but for the padding.
 */

#include "sio_base64.h"


#define SIO_BASE64_NONE  64


static size_t sio_base64_write(uint8_t *dst, sio_span_t src,
    const char *alphabet);
static int sio_base64_unpad(sio_span_t *src);
static int sio_base64_tail(uint8_t *dst, sio_span_t src);


static const char  sio_base64_standard[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static const char  sio_base64_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static const uint8_t  sio_base64_value[256] = {
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62, 64, 64, 64, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64,
    64,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 64,
    64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64
};


size_t
sio_base64_encode(uint8_t *dst, sio_span_t src)
{
    size_t  n;

    n = sio_base64_write(dst, src, sio_base64_standard);

    while (n % 4 != 0) {
        dst[n++] = '=';
    }

    return n;
}


size_t
sio_base64url_encode(uint8_t *dst, sio_span_t src)
{
    return sio_base64_write(dst, src, sio_base64_url);
}


int
sio_base64_decode(uint8_t *dst, sio_span_t src, size_t *n)
{
    uint8_t         a, b, c, d, *out;
    const uint8_t  *value;

    if (!sio_base64_unpad(&src)) {
        return SIO_ERROR;
    }

    out = dst;
    value = sio_base64_value;

    while (src.n >= 4) {
        a = value[src.p[0]];
        b = value[src.p[1]];
        c = value[src.p[2]];
        d = value[src.p[3]];

        if ((a | b | c | d) & SIO_BASE64_NONE) {
            return SIO_ERROR;
        }

        *out++ = (uint8_t) (a << 2 | b >> 4);
        *out++ = (uint8_t) (b << 4 | c >> 2);
        *out++ = (uint8_t) (c << 6 | d);

        src.p += 4;
        src.n -= 4;
    }

    if (src.n != 0) {

        if (!sio_base64_tail(out, src)) {
            return SIO_ERROR;
        }

        out += src.n - 1;
    }

    *n = (size_t) (out - dst);

    return SIO_OK;
}


static size_t
sio_base64_write(uint8_t *dst, sio_span_t src, const char *alphabet)
{
    uint8_t   tail[3], *out;
    unsigned  i;

    out = dst;

    for ( /* void */ ; src.n >= 3; src.n -= 3) {
        *out++ = (uint8_t) alphabet[src.p[0] >> 2];
        *out++ = (uint8_t) alphabet[(src.p[0] << 4 | src.p[1] >> 4) & 0x3f];
        *out++ = (uint8_t) alphabet[(src.p[1] << 2 | src.p[2] >> 6) & 0x3f];
        *out++ = (uint8_t) alphabet[src.p[2] & 0x3f];
        src.p += 3;
    }

    if (src.n == 0) {
        return (size_t) (out - dst);
    }

    memset(tail, 0, sizeof(tail));

    for (i = 0; i < src.n; i++) {
        tail[i] = src.p[i];
    }

    *out++ = (uint8_t) alphabet[tail[0] >> 2];
    *out++ = (uint8_t) alphabet[(tail[0] << 4 | tail[1] >> 4) & 0x3f];

    if (src.n == 2) {
        *out++ = (uint8_t) alphabet[(tail[1] << 2) & 0x3f];
    }

    return (size_t) (out - dst);
}


/* Padding, if there is any, must fill the last group of four exactly. */

static int
sio_base64_unpad(sio_span_t *src)
{
    unsigned  pad;

    pad = 0;

    while (pad < 2 && src->n > pad && src->p[src->n - 1 - pad] == '=') {
        pad++;
    }

    if (pad != 0 && src->n % 4 != 0) {
        return 0;
    }

    src->n -= pad;

    return src->n % 4 != 1;
}


/* Two or three digits that stand for one or two bytes. */

static int
sio_base64_tail(uint8_t *dst, sio_span_t src)
{
    uint8_t  a, b, c;

    a = sio_base64_value[src.p[0]];
    b = sio_base64_value[src.p[1]];
    c = src.n == 3 ? sio_base64_value[src.p[2]] : 0;

    if ((a | b | c) & SIO_BASE64_NONE) {
        return 0;
    }

    if (src.n == 2 ? b & 0x0f : c & 0x03) {
        return 0;
    }

    dst[0] = (uint8_t) (a << 2 | b >> 4);

    if (src.n == 3) {
        dst[1] = (uint8_t) (b << 4 | c >> 2);
    }

    return 1;
}
