
/*
 * Compression of messages: what comes back from zlib, from the examples of
 * RFC 7692 and from what others may write; bounds; what is cut or damaged.
 */

#include "../lib/guard.h"
#include "../lib/tap.h"
#include "sio_ws.h"
#include "sio_zlib.h"

#include <stdlib.h>


#define MAX  300000         /* bytes of a message in these tests */


/* A message, and what it is inflated to; want NULL: the close code. */
typedef struct {
    const char  *name;
    const char  *bytes;
    size_t       n;
    const char  *want;
    unsigned     code;
} case_t;


#define GOOD(name, bytes, want)  { name, bytes, sizeof(bytes) - 1, want, 0 }
#define BAD(name, bytes)         { name, bytes, sizeof(bytes) - 1, NULL,      \
                                   SIO_WS_BAD_DATA }

static const case_t  cases[] = {
    GOOD("one block, 7.2.3.1", "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello"),
    GOOD("no compression, 7.2.3.3",
         "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello"),
    GOOD("a last block, 7.2.3.4", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
         "Hello"),
    GOOD("a last block, nothing behind it", "\xf3\x48\xcd\xc9\xc9\x07\x00",
         "Hello"),
    GOOD("two last blocks",
         "\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
         "HelloHello"),
    GOOD("two blocks, 7.2.3.5",
         "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello"),
    GOOD("an empty one, 7.2.3.6", "\x00", ""),
    GOOD("a last empty block", "\x01", ""),
    GOOD("empty blocks", "\x00\x00\x00\xff\xff\x00\x00\x00\xff\xff\x00", ""),

    BAD("no byte", ""),
    BAD("needs the message before, 7.2.3.2", "\xf2\x00\x11\x00\x00"),
    BAD("cut", "\xf2\x48\xcd\xc9"),
    BAD("cut by one", "\xf2\x48\xcd\xc9\xc9\x07"),
    BAD("cut in a stored block", "\x00\x05\x00\xfa\xff\x48\x65"),
    BAD("a stored block's length", "\x00\x05\x00\xfb\xff\x48\x65"),
    BAD("a block of no kind", "\x06\x00"),
    BAD("a bad table", "\x04\xff\xff\xff\xff\xff"),
    BAD("text", "42[\"hello\"]"),
    BAD("a header of zlib", "\x78\x9c\xf2\x48\xcd\xc9\xc9\x07\x00"),
    BAD("too far back", "\x4a\x04\x22\x00")
};


static sio_zlib_t  z;


static void
test_case(const case_t *c)
{
    uint8_t     *copy;
    uint16_t     code;
    sio_span_t   src, out;

    copy = guard_copy(c->bytes, c->n);
    src.p = copy;
    src.n = c->n;

    code = sio_zlib_inflate(&z, src, MAX, &out);

    if (c->want == NULL) {
        is_uint(code, c->code, "%s", c->name);

    } else if (is_uint(code, 0, "%s", c->name)) {
        is_bytes(out.p, out.n, c->want, strlen(c->want), "%s: text", c->name);
    }

    guard_free(copy, c->n);
}


/* Fills a message: 0: zeros, 1: like JSON, 2: noise. */

static void
fill(uint8_t *p, size_t n, int kind)
{
    size_t    i;
    uint32_t  seed;

    static const char  words[] = "{\"user\":\"ada\",\"text\":\"hello\",\"n\":";

    seed = 1 + n;

    for (i = 0; i < n; i++) {
        seed = seed * 1103515245 + 12345;
        p[i] = (kind == 0) ? 0
               : (kind == 2 || i % 50 >= sizeof(words) - 1) ? seed >> 16
               : (uint32_t) words[i % 50];
    }
}


/* There and back; what does not shrink says so, and writes no byte too far. */

static void
test_both(size_t n, int kind)
{
    int          rc;
    size_t       room, small;
    uint8_t     *src, *dst, *copy;
    sio_span_t   in, out;

    src = guard_alloc(n);
    fill(src, n, kind);
    in.p = src;
    in.n = n;

    dst = guard_alloc(n);
    small = n;
    rc = sio_zlib_deflate(&z, in, dst, &small);

    if (kind == 2 || n < 20) {
        is_uint(rc, SIO_AGAIN, "%zu bytes of kind %d do not shrink", n, kind);
        goto done;
    }

    if (!ok(rc == SIO_OK && small < n - 4, "%zu bytes of kind %d", n, kind)) {
        goto done;
    }

    copy = guard_copy(dst, small);
    in.p = copy;
    in.n = small;
    sio_zlib_trim(&z);

    ok(sio_zlib_inflate(&z, in, n, &out) == 0
       && out.n == n && memcmp(out.p, src, n) == 0, "and back");
    is_uint(sio_zlib_inflate(&z, in, n - 1, &out), SIO_WS_TOO_BIG,
            "one byte too many");
    ok(z.size <= 2 * n || z.size <= 65536, "within its bound");

    guard_free(copy, small);

    in.p = src;
    in.n = n;

    for (room = 0; room < small + 5; room += 1 + small / 50) {
        copy = guard_alloc(room);
        n = room;
        rc = sio_zlib_deflate(&z, in, copy, &n);
        n = in.n;

        if (rc != SIO_AGAIN) {
            ok(0, "%zu bytes should not do", room);
        }

        guard_free(copy, room);
    }

done:

    guard_free(dst, n);
    guard_free(src, n);
}


static void
test_bomb(void)
{
    size_t       i, n;
    uint8_t     *wire;
    z_stream     s;
    sio_span_t   in, out;

    static uint8_t  zeros[1 << 20];

    /* 64 MB in 64 kB */

    wire = malloc(1 << 17);
    memset(&s, 0, sizeof(s));
    (void) deflateInit2(&s, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY);
    s.next_out = wire;
    s.avail_out = 1 << 17;

    for (i = 0; i < 64; i++) {
        s.next_in = zeros;
        s.avail_in = sizeof(zeros);
        (void) deflate(&s, i == 63 ? Z_SYNC_FLUSH : Z_NO_FLUSH);
    }

    n = s.total_out - 4;
    (void) deflateEnd(&s);

    in.p = wire;
    in.n = n;
    sio_zlib_free(&z);

    is_uint(sio_zlib_inflate(&z, in, 1000000, &out), SIO_WS_TOO_BIG,
            "64 MB in %zu bytes", n);
    ok(z.size <= 2000000, "stops at the bound: %zu", z.size);

    sio_zlib_trim(&z);
    is_uint(z.size, 0, "gives the memory back");

    is_uint(sio_zlib_inflate(&z, in, 10, &out), SIO_WS_TOO_BIG, "at most 10");
    is_uint(sio_zlib_inflate(&z, in, 0, &out), SIO_WS_TOO_BIG, "at most 0");
    is_uint(sio_zlib_inflate(&z, sio_span("\x00"), 0, &out), 0,
            "nothing in a bound of 0");

    sio_zlib_trim(&z);
    ok(z.size != 0, "keeps a small buffer");
    is_uint(sio_zlib_inflate(&z, in, 64 << 20, &out), 0, "a large bound");
    is_uint(out.n, 64 << 20, "all of it");

    free(wire);
}


/* Writes the lowest bits of a number. */

static void
put(uint8_t *p, size_t *at, unsigned value, unsigned bits)
{
    while (bits--) {
        p[*at >> 3] |= (value & 1) << (*at & 7);
        value >>= 1;
        (*at)++;
    }
}


/* A block with tables (RFC 1951, section 3.2.7) whose only code is its end. */

static void
put_tables(uint8_t *p, size_t *at)
{
    unsigned  i;

    put(p, at, 2 << 1, 3);
    put(p, at, 14 << 10, 14);

    /* lengths of lengths: a bit each for 18, "as many zeros", and for 1 */

    for (i = 0; i < 18; i++) {
        put(p, at, i == 2 || i == 17, 3);
    }

    put(p, at, 1 | (138 - 11) << 1, 8);
    put(p, at, 1 | (256 - 138 - 11) << 1, 8);
    put(p, at, 0, 2);
    put(p, at, 0, 1);
}


/* A stored block, from the next byte on. */

static void
put_stored(uint8_t *p, size_t *at, size_t n)
{
    put(p, at, 0, 3);
    *at = (*at + 7) & ~(size_t) 7;
    put(p, at, n, 16);
    put(p, at, ~n, 16);
    *at += n * 8;
}


/* Time is bounded as memory is: blocks must not be many for what they hold. */

static void
test_blocks(void)
{
    size_t       i, at;
    uint8_t     *wire;
    sio_span_t   in, out;

    wire = calloc(1, MAX);

    for (at = 0, i = 0; i < 1000; i++) {
        put_tables(wire, &at);
    }

    put(wire, &at, 0, 3);
    in.p = wire;
    in.n = (at + 7) / 8;

    is_uint(sio_zlib_inflate(&z, in, MAX, &out), 0, "1000 empty blocks");
    is_uint(out.n, 0, "hold nothing");

    memset(wire, 0, MAX);

    for (at = 0; at < (MAX - 100) * 8; /* void */ ) {
        put_tables(wire, &at);
    }

    in.n = at / 8;
    is_uint(sio_zlib_inflate(&z, in, MAX, &out), SIO_WS_TOO_BIG,
            "%zu bytes of empty blocks", in.n);

    memset(wire, 0, MAX);

    for (i = 0; i < MAX / 2; i++) {
        wire[2 * i] = 3;
    }

    in.n = MAX;
    is_uint(sio_zlib_inflate(&z, in, MAX, &out), SIO_WS_TOO_BIG,
            "last ones, each");

    memset(wire, 0, MAX);

    for (at = 0, i = 0; i < 2000; i++) {
        put_stored(wire, &at, 128);
        put_stored(wire, &at, 0);
    }

    put(wire, &at, 0, 3);
    in.n = (at + 7) / 8;

    is_uint(sio_zlib_inflate(&z, in, MAX, &out), 0,
            "who flushes after each 128 bytes");
    is_uint(out.n, 2000 * 128, "is understood");

    free(wire);
}


int
main(void)
{
    size_t  i, k;

    static const size_t  sizes[] = { 0, 1, 4, 5, 100, 1024, 16383, 16384,
                                     16385, 65536, 100000, MAX };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_case(&cases[i]);
    }

    for (k = 0; k < 3; k++) {
        for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            test_both(sizes[i], k);
        }
    }

    test_bomb();
    test_blocks();

    sio_zlib_free(&z);
    sio_zlib_free(&z);
    ok(!z.inflates && !z.deflates, "freed");

    return done_testing();
}
