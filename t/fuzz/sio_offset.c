
/*
 * Offsets: what is read is written the same again, and nothing else is read.
 * The first eight bytes are the epoch.
 */

#include "../lib/guard.h"
#include "sio_offset.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int good)
{
    if (!good) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int         rc;
    uint8_t     again[SIO_OFFSET_MAX];
    uint64_t    epoch, position, same;
    sio_span_t  text, written;

    if (size < sizeof(uint64_t)) {
        return 0;
    }

    memcpy(&epoch, data, sizeof(uint64_t));
    text.n = size - sizeof(uint64_t);
    text.p = guard_copy(data + sizeof(uint64_t), text.n);

    rc = sio_offset_read(text, epoch, &position);

    if (rc == SIO_OK) {
        written.p = again;
        written.n = sio_offset_write(again, epoch, position);
        check(sio_span_eq(text, written));
    }

    if (rc == SIO_AGAIN) {
        written.p = again;
        written.n = sio_offset_write(again, epoch, position);
        check(written.n == text.n);
        check(memcmp(again, text.p, SIO_OFFSET_EPOCH) != 0);
        check(memcmp(again + SIO_OFFSET_EPOCH, text.p + SIO_OFFSET_EPOCH,
                     text.n - SIO_OFFSET_EPOCH) == 0);
    }

    /* any position there and back */

    if (text.n >= sizeof(uint64_t)) {
        memcpy(&position, text.p, sizeof(uint64_t));
        written.p = again;
        written.n = sio_offset_write(again, epoch, position);
        check(sio_offset_read(written, epoch, &same) == SIO_OK);
        check(same == position);
    }

    guard_free((uint8_t *) text.p, text.n);

    return 0;
}
