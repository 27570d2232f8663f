
/*
 * WebSocket framing: conversations fed whole and in pieces of every size, each
 * piece against the unmapped page, and the frames that are written.
 */

#include "../lib/guard.h"
#include "../lib/tap.h"
#include "sio_ws.h"


#define MAX   200000        /* bytes of a message in these tests */
#define ROOM  (3 * MAX)


/* A frame: its first byte and payload; n is taken from text where it is 0. */
typedef struct {
    uint8_t      b0;
    const char  *text;
    size_t       n;
} frame_t;


/*
 * A conversation and what comes of it: "T<text>", "B<data>", "C<payload>",
 * "P<ping>", "O<pong>", "!<code>" for an error; "~" where a message has begun;
 * "t" and "b" for what is compressed.
 */
typedef struct {
    const char  *name;
    frame_t      frames[6];
    const char  *want;
} case_t;


static const case_t  cases[] = {
    { "text", { { 0x81, "hello", 0 } }, "T<hello>" },
    { "empty text", { { 0x81, "", 0 } }, "T<>" },
    { "binary", { { 0x82, "\xff\xfe", 0 } }, "B<\xff\xfe>" },
    { "two", { { 0x81, "a", 0 }, { 0x81, "b", 0 } }, "T<a>T<b>" },
    { "ping, pong", { { 0x89, "x", 0 }, { 0x8a, "", 0 } }, "P<x>O<>" },
    { "fragments",
      { { 0x01, "ab", 0 }, { 0x00, "cd", 0 }, { 0x80, "ef", 0 } },
      "T<abcdef>" },
    { "empty fragments",
      { { 0x01, "", 0 }, { 0x00, "", 0 }, { 0x00, "x", 0 }, { 0x80, "", 0 } },
      "T<x>" },
    { "ping within",
      { { 0x02, "a", 0 }, { 0x89, "\xff", 0 }, { 0x80, "b", 0 } },
      "P<\xff>B<ab>" },
    { "character over fragments",
      { { 0x01, "\xe2", 0 }, { 0x89, "p", 0 }, { 0x00, "\x82", 0 },
        { 0x80, "\xac", 0 } },
      "P<p>T<\xe2\x82\xac>" },
    { "half a message", { { 0x01, "abc", 0 } }, "~" },
    { "close", { { 0x88, "", 0 } }, "C<>" },
    { "close 1000", { { 0x88, "\x03\xe8", 0 } }, "C<\x03\xe8>" },
    { "close 4999", { { 0x88, "\x13\x87why", 0 } }, "C<\x13\x87why>" },
    { "nothing after close", { { 0x88, "\x03\xe8", 0 }, { 0xff, "x", 0 } },
      "C<\x03\xe8>" },
    { "close within", { { 0x01, "\xe2", 0 }, { 0x88, "\x03\xe8ok", 0 } },
      "C<\x03\xe8ok>~" },

    { "reserved bit 1", { { 0xc1, "a", 0 } }, "!1002" },
    { "reserved bit 3", { { 0x91, "a", 0 } }, "!1002" },
    { "opcode 3", { { 0x83, "a", 0 } }, "!1002" },
    { "opcode 7", { { 0x87, "", 0 } }, "!1002" },
    { "opcode 11", { { 0x8b, "a", 0 } }, "!1002" },
    { "opcode 15", { { 0x8f, "", 0 } }, "!1002" },
    { "continuation of nothing", { { 0x80, "a", 0 } }, "!1002" },
    { "continuation after the end", { { 0x81, "a", 0 }, { 0x00, "b", 0 } },
      "T<a>!1002" },
    { "message within a message", { { 0x01, "a", 0 }, { 0x81, "b", 0 } },
      "!1002~" },
    { "fragmented ping", { { 0x09, "a", 0 } }, "!1002" },
    { "fragmented close", { { 0x08, "", 0 } }, "!1002" },
    { "close of one byte", { { 0x88, "\x03", 0 } }, "!1002" },
    { "close 999", { { 0x88, "\x03\xe7", 0 } }, "!1002" },
    { "close 1004", { { 0x88, "\x03\xec", 0 } }, "!1002" },
    { "close 1005", { { 0x88, "\x03\xed", 0 } }, "!1002" },
    { "close 1006", { { 0x88, "\x03\xee", 0 } }, "!1002" },
    { "close 1015", { { 0x88, "\x03\xf7", 0 } }, "!1002" },
    { "close 2999", { { 0x88, "\x0b\xb7", 0 } }, "!1002" },
    { "close 5000", { { 0x88, "\x13\x88", 0 } }, "!1002" },
    { "close, bad reason", { { 0x88, "\x03\xe8\xff", 0 } }, "!1007" },
    { "close, cut reason", { { 0x88, "\x03\xe8\xe2\x82", 0 } }, "!1007" },
    { "bad UTF-8", { { 0x81, "a\xff", 0 } }, "!1007" },
    { "surrogate", { { 0x81, "\xed\xa0\x80", 0 } }, "!1007" },
    { "cut character", { { 0x81, "\xe2\x82", 0 } }, "!1007" },
    { "cut over fragments", { { 0x01, "\xe2", 0 }, { 0x80, "", 0 } },
      "!1007" },
    { "good, then bad", { { 0x81, "ok", 0 }, { 0x81, "\xc0\x80", 0 } },
      "T<ok>!1007" }
};


/* The same where permessage-deflate was negotiated. */

static const case_t  extended[] = {
    { "compressed text", { { 0xc1, "\xff", 0 } }, "t<\xff>" },
    { "compressed binary", { { 0xc2, "\x01", 0 } }, "b<\x01>" },
    { "uncompressed text", { { 0x81, "a", 0 } }, "T<a>" },
    { "one after the other",
      { { 0xc1, "\xff", 0 }, { 0x81, "b", 0 }, { 0xc1, "c", 0 } },
      "t<\xff>T<b>t<c>" },
    { "compressed fragments",
      { { 0x41, "\xe2", 0 }, { 0x89, "p", 0 }, { 0x80, "", 0 } },
      "P<p>t<\xe2>" },
    { "then checked again", { { 0xc1, "\xff", 0 }, { 0x81, "\xff", 0 } },
      "t<\xff>!1007" },
    { "compressed continuation", { { 0x41, "a", 0 }, { 0xc0, "b", 0 } },
      "!1002~" },
    { "continuation of nothing, compressed", { { 0xc0, "a", 0 } }, "!1002" },
    { "compressed ping", { { 0xc9, "a", 0 } }, "!1002" },
    { "compressed pong", { { 0xca, "", 0 } }, "!1002" },
    { "compressed close", { { 0xc8, "", 0 } }, "!1002" },
    { "reserved bit 2", { { 0xa1, "a", 0 } }, "!1002" },
    { "bits 1 and 2", { { 0xe1, "a", 0 } }, "!1002" },
    { "bits 1 and 3", { { 0xd1, "a", 0 } }, "!1002" },
    { "bad UTF-8", { { 0x81, "\xff", 0 } }, "!1007" }
};


static uint8_t  extension;
static uint8_t  wire[ROOM];
static size_t   wire_n;
static uint8_t  got[ROOM];
static size_t   got_n;
static uint8_t  body[ROOM];     /* of the message under way */
static size_t   body_n;


static void
add_frame(uint8_t b0, const void *text, size_t n)
{
    size_t   i, head;
    uint8_t  mask[4] = { 0x37, 0xfa, 0x21, 0x3d };

    mask[0] += n;
    head = sio_ws_write_head(wire + wire_n, b0 & 0x0f, n);
    wire[wire_n] = b0;
    wire[wire_n + 1] |= 0x80;
    wire_n += head;

    memcpy(wire + wire_n, mask, 4);
    wire_n += 4;

    for (i = 0; i < n; i++) {
        wire[wire_n++] = ((const uint8_t *) text)[i] ^ mask[i & 3];
    }
}


static void
put(char letter, const uint8_t *p, size_t n)
{
    got[got_n++] = letter;
    got[got_n++] = '<';
    memcpy(got + got_n, p, n);
    got_n += n;
    got[got_n++] = '>';
}


/* Adds a chunk to what was read; returns whether first and last are right. */

static int
take(const sio_ws_chunk_t *chunk, uint8_t *control, size_t *control_n,
    int *open)
{
    static const char  letters[] = " TB     CPO";
    static const char  deflated[] = " tb";

    if (chunk->opcode >= SIO_WS_CLOSE) {

        if (chunk->first) {
            *control_n = 0;
        }

        memcpy(control + *control_n, chunk->data.p, chunk->data.n);
        *control_n += chunk->data.n;

        if (chunk->last) {
            put(letters[chunk->opcode], control, *control_n);
        }

        return 1;
    }

    if (*open == chunk->first) {
        return 0;
    }

    if (chunk->first) {
        body_n = 0;
    }

    memcpy(body + body_n, chunk->data.p, chunk->data.n);
    body_n += chunk->data.n;
    *open = !chunk->last;

    if (chunk->last) {
        put((chunk->deflated ? deflated : letters)[chunk->opcode], body,
            body_n);
    }

    return 1;
}


/* Reads the wire in pieces of step bytes; returns the close code or 0. */

static uint16_t
feed(size_t step, uint64_t max)
{
    int              rc, open, good;
    size_t           i, n, at, used, control_n;
    uint8_t         *piece, control[SIO_WS_CONTROL_MAX];
    sio_ws_chunk_t   chunk;
    sio_ws_reader_t  w;

    memset(&w, 0, sizeof(w));
    w.max = max;
    w.extension = extension;
    got_n = 0;
    control_n = 0;
    open = 0;
    good = 1;
    rc = SIO_AGAIN;

    for (i = 0; i < wire_n && rc != SIO_ERROR; i += n) {
        n = (wire_n - i < step) ? wire_n - i : step;
        piece = guard_copy(wire + i, n);
        at = 0;

        do {
            rc = sio_ws_read(&w, piece + at, n - at, &used, &chunk);
            at += used;
            good = good && at <= n && (rc != SIO_AGAIN || at == n);

            if (rc == SIO_OK) {
                good = good && take(&chunk, control, &control_n, &open);
            }

        } while (rc == SIO_OK);

        guard_free(piece, n);
    }

    if (rc == SIO_ERROR) {
        got_n += sprintf((char *) got + got_n, "!%u", w.error);
        good = good && sio_ws_read(&w, wire, 1, &used, &chunk) == SIO_ERROR;
    }

    if (open) {
        got[got_n++] = '~';
    }

    return good ? w.error : UINT16_MAX;
}


/* A text's chunk that is bad is never seen, so "~" tells nothing then. */

static int
same(const char *want)
{
    size_t  n;

    n = strlen(want);

    if (memchr(want, '!', n) != NULL) {
        n -= (want[n - 1] == '~');
        got_n -= (got[got_n - 1] == '~');
    }

    return got_n == n && memcmp(got, want, n) == 0;
}


static void
test_cases(const case_t *c, size_t n)
{
    int             good;
    size_t          i, j, step;
    const frame_t  *f;

    for (i = 0; i < n; i++) {
        wire_n = 0;

        for (j = 0; j < 6 && c[i].frames[j].text != NULL; j++) {
            f = &c[i].frames[j];
            add_frame(f->b0, f->text, f->n ? f->n : strlen(f->text));
        }

        good = 1;

        for (step = 1; step <= wire_n; step++) {
            good = good && feed(step, MAX) != UINT16_MAX
                   && same(c[i].want);
        }

        if (!ok(good, "%s", c[i].name)) {
            tap_dump("got ", got, got_n);
        }
    }
}


/* Heads that add_frame() does not write. */

static void
test_heads(void)
{
    size_t  i, step;
    int     good;

    static const struct {
        const char  *name;
        const char  *bytes;
        size_t       n;
        const char  *want;
    } heads[] = {
        { "RFC 6455, 5.7",
          "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11, "T<Hello>" },
        { "no mask", "\x81\x05Hello", 7, "!1002" },
        { "no mask, no payload", "\x81\x00", 2, "!1002" },
        { "told by two bytes", "\x83\xff", 2, "!1002" },
        { "ping of 126", "\x89\xfe\x00\x7e" "abcd", 8, "!1002" },
        { "ping of 126, two bytes", "\x89\xfe", 2, "!1002" },
        { "125 in two bytes", "\x82\xfe\x00\x7d" "abcd", 8, "!1002" },
        { "0 in two bytes", "\x82\xfe\x00\x00" "abcd", 8, "!1002" },
        { "65535 in eight bytes",
          "\x82\xff\0\0\0\0\0\0\xff\xff" "abcd", 14, "!1002" },
        { "the highest bit",
          "\x82\xff\x80\0\0\0\0\0\0\0" "abcd", 14, "!1002" },
        { "too big", "\x82\xff\0\0\0\0\0\x10\0\0" "abcd", 14, "!1009" },
        { "far too big",
          "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" "abcd", 14, "!1009" },
        { "a head that is not complete",
          "\x82\xff\0\0\0\0\0\x10\0\0" "abc", 13, "" }
    };

    for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        memcpy(wire, heads[i].bytes, heads[i].n);
        wire_n = heads[i].n;
        good = 1;

        for (step = 1; step <= wire_n; step++) {
            good = good && feed(step, MAX) != UINT16_MAX && same(heads[i].want);
        }

        ok(good, "head: %s", heads[i].name);
    }
}


static void
test_max(void)
{
    static const uint8_t  data[81];

    wire_n = 0;
    add_frame(0x81, "abcd", 4);
    is_uint(feed(1, 4), 0, "a message of max bytes");
    is_uint(feed(100, 3), SIO_WS_TOO_BIG, "one of more");
    is_uint(feed(6, 3), SIO_WS_TOO_BIG, "before its payload");

    wire_n = 0;
    add_frame(0x01, "ab", 2);
    add_frame(0x89, "long ping", 9);
    add_frame(0x00, "cd", 2);
    add_frame(0x80, "", 0);
    add_frame(0x82, "1234", 4);
    is_uint(feed(100, 4), 0, "fragments of max bytes, then another message");
    is_uint(feed(100, 3), SIO_WS_TOO_BIG, "fragments of more");
    ok(same("P<long ping>!1009"), "control frames do not count");

    wire_n = 0;
    add_frame(0x82, "", 0);
    is_uint(feed(100, 0), 0, "nothing is never too big");

    extension = SIO_WS_DEFLATED;
    wire_n = 0;
    add_frame(0x42, "123456789", 9);
    add_frame(0x80, data, 81);
    is_uint(feed(100, 24), 0, "compressed, a little more than max");
    is_uint(feed(100, 23), SIO_WS_TOO_BIG, "compressed, more than that");
    extension = 0;
}


/* Sizes at the borders of length forms, and of the mask's eight bytes. */

static void
test_sizes(void)
{
    int             good;
    size_t          i, n, s, step;
    static uint8_t  data[70000];

    static const size_t  sizes[] = { 124, 125, 126, 127, 128, 65534, 65535,
                                     65536, 65537, 70000 };
    static const size_t  steps[] = { 7, 1000, 4096, ROOM };

    for (i = 0; i < sizeof(data); i++) {
        data[i] = i * 7 + (i >> 8);
    }

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        wire_n = 0;
        add_frame(0x82, data, sizes[i]);

        for (s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
            good = feed(steps[s], MAX) == 0 && got_n == sizes[i] + 3
                   && memcmp(got + 2, data, sizes[i]) == 0;
            ok(good, "%zu bytes in steps of %zu", sizes[i], steps[s]);
        }
    }

    good = 1;

    for (n = 0; n < 40; n++) {
        wire_n = 0;
        add_frame(0x82, data, n);

        for (step = 1; step <= wire_n; step++) {
            good = good && feed(step, MAX) == 0 && got_n == n + 3
                   && memcmp(got + 2, data, n) == 0;
        }
    }

    ok(good, "every phase of the mask");
}


static void
test_write_head(uint64_t length, const char *want, size_t n)
{
    uint8_t   *dst, first;
    uint64_t   again;

    dst = guard_alloc(n);
    is_uint(sio_ws_head_size(length), n, "size of a head");
    is_bytes(dst, sio_ws_write_head(dst, SIO_WS_TEXT, length), want, n,
             "head for %" PRIu64, length);
    dst[0] |= SIO_WS_DEFLATED;
    ok(sio_ws_read_head(dst, &first, &again) == n && again == length
       && first == (0x81 | SIO_WS_DEFLATED), "and it is read");
    guard_free(dst, n);
}


static void
test_write(void)
{
    test_write_head(0, "\x81\x00", 2);
    test_write_head(125, "\x81\x7d", 2);
    test_write_head(126, "\x81\x7e\x00\x7e", 4);
    test_write_head(65535, "\x81\x7e\xff\xff", 4);
    test_write_head(65536, "\x81\x7f\0\0\0\0\0\x01\0\0", 10);
    test_write_head(0x0102030405060708, "\x81\x7f\1\2\3\4\5\6\7\x08", 10);
}


static void
test_close_code(void)
{
    uint8_t     *copy;
    unsigned     code, valid;
    sio_span_t   payload;

    copy = guard_alloc(2);
    payload.p = copy;
    payload.n = 2;
    valid = 0;

    for (code = 0; code <= UINT16_MAX; code++) {
        copy[0] = code >> 8;
        copy[1] = code & 0xff;
        valid += (sio_ws_close_code(payload) == code && code != 0);
    }

    is_uint(valid, 4 + 8 + 2000, "number of codes that may be sent");
    guard_free(copy, 2);

    is_uint(sio_ws_close_code(sio_span("")), 1005, "no code");
    is_uint(sio_ws_close_code(sio_span("\x03")), 0, "half a code");
    is_uint(sio_ws_close_code(sio_span("\x03\xe8" "bye")), 1000, "a reason");
    is_uint(sio_ws_close_code(sio_span("\x03\xe8\xff")), 0, "a bad reason");
    is_uint(sio_ws_close_code(sio_span("\x03\xec")), 0, "1004");
}


int
main(void)
{
    test_cases(cases, sizeof(cases) / sizeof(cases[0]));
    extension = SIO_WS_DEFLATED;
    test_cases(extended, sizeof(extended) / sizeof(extended[0]));
    extension = 0;
    test_heads();
    test_max();
    test_sizes();
    test_write();
    test_close_code();

    return done_testing();
}
