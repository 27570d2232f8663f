
/*
 * Base64: any bytes survive encoding and decoding, in place too; and a text
 * that decodes is the only spelling of its bytes, but for the padding.
 */

#include "../lib/guard.h"
#include "sio_base64.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int good)
{
    if (!good) {
        abort();
    }
}


static void
encode_decode(sio_span_t plain)
{
    size_t      n, size;
    uint8_t    *text;
    sio_span_t  span;

    size = sio_base64_encoded_size(plain.n);
    text = guard_alloc(size);

    span.p = text;
    span.n = sio_base64_encode(text, plain);
    check(span.n == size);

    check(sio_base64_decode(text, span, &n) == SIO_OK);
    span.n = n;
    check(sio_span_eq(span, plain));

    n = sio_base64url_encode(text, plain);
    check(n == size - (3 - plain.n % 3) % 3);
    check(memchr(text, '=', n) == NULL && memchr(text, '+', n) == NULL);

    guard_free(text, size);
}


static void
decode_encode(sio_span_t text)
{
    size_t      n, size;
    uint8_t    *plain, *again;
    sio_span_t  span;

    size = sio_base64_decoded_size(text.n);
    plain = guard_alloc(size);

    if (sio_base64_decode(plain, text, &n) == SIO_OK) {
        check(n <= size);

        span.p = plain;
        span.n = n;
        again = guard_alloc(sio_base64_encoded_size(n));
        n = sio_base64_encode(again, span);

        check(n >= text.n && n - text.n <= 2);
        check(text.n == 0 || memcmp(again, text.p, text.n) == 0);
        check(n == text.n || again[text.n] == '=');

        guard_free(again, n);
    }

    guard_free(plain, size);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sio_span_t  text;

    text.n = size;
    text.p = guard_copy(data, size);

    encode_decode(text);
    decode_encode(text);

    guard_free((uint8_t *) text.p, size);

    return 0;
}
