
/* Offsets: there and back, and what is none. */

#include "../lib/tap.h"
#include "sio_offset.h"


static int
reads(const char *text, uint64_t epoch, uint64_t *position)
{
    sio_span_t  span;

    span.p = (const uint8_t *) text;
    span.n = strlen(text);

    return sio_offset_read(span, epoch, position);
}


int
main(void)
{
    size_t      i, n;
    uint8_t     text[SIO_OFFSET_MAX];
    uint64_t    position;
    sio_span_t  span;

    static const uint64_t  positions[] = {
        0, 1, 35, 36, 4096, 1295, 1296, UINT32_MAX, UINT64_MAX / 36,
        UINT64_MAX - 1, UINT64_MAX
    };

    for (i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
        n = sio_offset_write(text, UINT64_MAX - 5, positions[i]);
        span.p = text;
        span.n = n;
        position = 7;

        ok(n <= SIO_OFFSET_MAX
           && sio_offset_read(span, UINT64_MAX - 5, &position) == SIO_OK
           && position == positions[i],
           "there and back: %zu", i);
        ok(sio_offset_read(span, 5, &position) == SIO_AGAIN,
           "of another log: %zu", i);
    }

    ok(reads("0000001", 0, &position) == SIO_OK && position == 1, "the least");
    ok(reads("0000010", 1, &position) == SIO_OK && position == 0, "epochs");
    ok(reads("", 0, &position) == SIO_ERROR, "nothing");
    ok(reads("000000", 0, &position) == SIO_ERROR, "an epoch alone");
    ok(reads("00000001", 0, &position) == SIO_ERROR, "a zero in front");
    ok(reads("000000A", 0, &position) == SIO_ERROR, "a capital");
    ok(reads("-000001", 0, &position) == SIO_ERROR, "a sign");
    ok(reads("00000 1", 0, &position) == SIO_ERROR, "a space");
    ok(reads("00000013w5e11264sgsf", 0, &position) == SIO_ERROR, "too long");
    ok(reads("0000003w5e11264sgsf", 0, &position) == SIO_OK
       && position == UINT64_MAX, "the most");
    ok(reads("0000003w5e11264sgsg", 0, &position) == SIO_ERROR, "one more");
    ok(reads("000000zzzzzzzzzzzzz", 0, &position) == SIO_ERROR, "far more");

    return done_testing();
}
