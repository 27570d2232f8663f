
/* Base64: the vectors of RFC 4648 section 10, and what must be refused. */

#include "../lib/tap.h"
#include "../lib/guard.h"
#include "sio_base64.h"


typedef struct {
    const char  *plain;
    const char  *text;
} pair_t;


static const pair_t  vectors[] = {
    { "", "" },
    { "f", "Zg==" },
    { "fo", "Zm8=" },
    { "foo", "Zm9v" },
    { "foob", "Zm9vYg==" },
    { "fooba", "Zm9vYmE=" },
    { "foobar", "Zm9vYmFy" },
    { "\xfb\xff\xbf", "+/+/" },
    { "\xff", "/w==" }
};


static const char  *const refused[] = {
    "A", "AAAAA", "=", "==", "====", "A===", "AA=", "AAA==", "AAAA=",
    "AAAA==", "AAAA====", "AA=A", "=AAA", "A=AA", "AA==AAAA", "AA==\n",
    "AAAA\n", " AAAA", "AA AA", "AAA\n", "AB==", "AB", "AAB=", "AAB",
    "AC==", "AE==", "AI==", "AI", "AAC=", "AAC",
    "AA-_", "AAA-", "AAA.", "AAA\x80", "AAA\xff", "\xc1QQQ", "Zg==Zg=="
};


static void
test_vectors(void)
{
    size_t         n, size;
    uint8_t       *src, *dst;
    unsigned       i;
    sio_span_t     text;
    const pair_t  *v;

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        v = &vectors[i];

        text.n = strlen(v->plain);
        text.p = src = guard_copy(v->plain, text.n);
        size = sio_base64_encoded_size(text.n);
        dst = guard_alloc(size);

        n = sio_base64_encode(dst, text);
        is_bytes(dst, n, v->text, strlen(v->text), "encode \"%s\"", v->text);
        is_uint(n, size, "the size of \"%s\"", v->text);

        guard_free(src, text.n);
        guard_free(dst, size);
    }
}


static void
decodes_to(const char *encoded, size_t n, const char *plain)
{
    int         rc;
    size_t      got, size;
    uint8_t    *src, *dst;
    sio_span_t  text;

    text.n = n;
    text.p = src = guard_copy(encoded, n);
    size = sio_base64_decoded_size(n);
    dst = guard_alloc(size);

    rc = sio_base64_decode(dst, text, &got);
    ok(rc == SIO_OK, "decode %zu bytes of \"%s\"", n, encoded);
    is_bytes(dst, got, plain, strlen(plain), "its bytes");
    guard_free(dst, size);

    rc = sio_base64_decode(src, text, &got);
    ok(rc == SIO_OK, "decode them in place");
    is_bytes(src, got, plain, strlen(plain), "its bytes");
    guard_free(src, n);
}


static void
test_decode(void)
{
    unsigned       i;
    const pair_t  *v;

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        v = &vectors[i];
        decodes_to(v->text, strlen(v->text), v->plain);
        decodes_to(v->text, strcspn(v->text, "="), v->plain);
    }
}


static void
test_refused(void)
{
    size_t      n, got;
    uint8_t    *src, dst[16];
    unsigned    i;
    sio_span_t  text;

    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        n = strlen(refused[i]);
        text.p = src = guard_copy(refused[i], n);
        text.n = n;

        ok(sio_base64_decode(dst, text, &got) == SIO_ERROR,
           "refuse vector %u of %zu bytes", i, n);

        guard_free(src, n);
    }

    ok(sio_base64_decode(dst, sio_span("AA\0A"), &got) == SIO_ERROR,
       "refuse NUL");
}


static void
test_url(void)
{
    size_t      n;
    uint8_t    *dst;
    sio_span_t  text;

    text = sio_span("\xfb\xff\xbf\xff");
    dst = guard_alloc(6);
    n = sio_base64url_encode(dst, text);
    is_bytes(dst, n, "-_-__w", 6, "the URL alphabet, one byte left");
    guard_free(dst, 6);

    text.n = 3;
    dst = guard_alloc(4);
    n = sio_base64url_encode(dst, text);
    is_bytes(dst, n, "-_-_", 4, "the URL alphabet, nothing left");
    guard_free(dst, 4);

    text.n = 2;
    dst = guard_alloc(3);
    n = sio_base64url_encode(dst, text);
    is_bytes(dst, n, "-_8", 3, "the URL alphabet, two bytes left");
    guard_free(dst, 3);

    text.p = NULL;
    text.n = 0;
    is_uint(sio_base64url_encode(NULL, text), 0, "nothing to encode");
    ok(sio_base64_decode(NULL, text, &n) == SIO_OK && n == 0,
       "nothing to decode");
}


/* Every byte of the alphabet at every place of a group, and no other. */

static void
test_alphabet(void)
{
    size_t      n;
    uint8_t     group[4], out[3];
    unsigned    c, place, good;
    sio_span_t  text;

    text.p = group;
    text.n = 4;

    for (place = 0; place < 4; place++) {
        good = 0;

        for (c = 0; c < 256; c++) {
            memset(group, 'A', 4);
            group[place] = (uint8_t) c;
            good += sio_base64_decode(out, text, &n) == SIO_OK && n == 3;
        }

        is_uint(good, 64, "digits at place %u", place);
    }
}


static void
test_round_trip(void)
{
    size_t      n, i, got, wrong;
    uint8_t     plain[256], text[344], back[258];
    sio_span_t  span;

    wrong = 0;

    for (i = 0; i < sizeof(plain); i++) {
        plain[i] = (uint8_t) (i * 167 + 13);
    }

    for (n = 0; n <= sizeof(plain); n++) {
        span.p = plain;
        span.n = n;
        span.n = sio_base64_encode(text, span);
        span.p = text;

        wrong += sio_base64_decode(back, span, &got) != SIO_OK
                 || got != n || memcmp(back, plain, n) != 0;
    }

    is_uint(wrong, 0, "0 to 256 bytes there and back");
}


int
main(void)
{
    test_vectors();
    test_decode();
    test_refused();
    test_url();
    test_alphabet();
    test_round_trip();

    return done_testing();
}
