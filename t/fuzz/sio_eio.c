
/*
 * Engine.IO payloads: the parts, joined again, are the payload; only what
 * is no packet is refused.
 */

#include "sio_eio.h"

#include <stdlib.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int good)
{
    if (!good) {
        abort();
    }
}


/* One part, which starts at data[at]; returns where the next one starts. */

static size_t
check_part(const uint8_t *data, size_t at, const sio_eio_packet_t *packet)
{
    sio_span_t        text;
    sio_eio_packet_t  alone;

    text.p = data + at;
    text.n = 1 + packet->data.n;

    check(strchr("0123456b", packet->type) != NULL);
    check(memchr(text.p, SIO_EIO_SEPARATOR, text.n) == NULL);
    check(packet->type == text.p[0] && packet->data.p == text.p + 1);

    check(sio_eio_parse(text, &alone) == SIO_OK);
    check(alone.type == packet->type);
    check(sio_span_eq(alone.data, packet->data));

    return at + text.n + 1;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int               done;
    size_t            at;
    sio_span_t        rest;
    sio_eio_packet_t  packet;

    rest.p = data;
    rest.n = size;
    done = 0;
    at = 0;

    while (!done) {

        if (sio_eio_next(&rest, &done, &packet) != SIO_OK) {
            check(at == size || data[at] == SIO_EIO_SEPARATOR
                  || strchr("0123456b", data[at]) == NULL || data[at] == 0);
            return 0;
        }

        at = check_part(data, at, &packet);

        if (!done) {
            check(data[at - 1] == SIO_EIO_SEPARATOR);
            check(rest.p == data + at && rest.n == size - at);
        }
    }

    check(at == size + 1 && rest.n == 0);

    return 0;
}
