
/*
 * Messages of the Redis adapter: whatever comes is refused or read; what is
 * read as a broadcast is written again as one that reads the same.  Requests
 * that are read are written as JSON that reads as the same request.
 */

#include "../lib/guard.h"
#include "sio_adapter.h"
#include "sio_utf8.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int good)
{
    if (!good) {
        abort();
    }
}


static void
check_names(const sio_adapter_names_t *a, const sio_adapter_names_t *b)
{
    unsigned  i;

    check(a->n == b->n && a->n <= SIO_ADAPTER_NAMES);

    for (i = 0; i < a->n; i++) {
        check(sio_span_eq(a->name[i], b->name[i]));
    }
}


static void
check_packet(const sio_adapter_broadcast_t *b)
{
    sio_span_t    text;
    sio_packet_t  packet;

    check(b->nattachments <= SIO_ATTACHMENTS_MAX);
    check(b->text.n > 2 && b->text.p[0] == '4');

    text.p = b->text.p + 1;
    text.n = b->text.n - 1;

    check(sio_packet_parse(text, &packet) == SIO_OK);
    check(packet.attachments == b->nattachments);
    check(sio_span_eq(packet.nsp, b->nsp));
}


static void
broadcast(sio_adapter_t *one, sio_adapter_t *two, sio_span_t text)
{
    unsigned                  i;
    sio_span_t                message;
    sio_adapter_broadcast_t   b, c;

    if (sio_adapter_decode(one, text, &b) != SIO_OK) {
        check(sio_adapter_why(one)[0] != '\0');
        return;
    }

    check_packet(&b);

    /* integers that float64 has may become longer, all else has its place */

    check(sio_adapter_encode(two, &b, &message) == SIO_OK);
    check(sio_adapter_decode(two, message, &c) == SIO_OK);

    check(sio_span_eq(b.uid, c.uid) && sio_span_eq(b.nsp, c.nsp));
    check(sio_span_eq(b.text, c.text));
    check(!b.is_volatile == !c.is_volatile);
    check(!b.plain == !c.plain);
    check(b.nattachments == c.nattachments);
    check_names(&b.rooms, &c.rooms);
    check_names(&b.except, &c.except);

    for (i = 0; i < b.nattachments; i++) {
        check(sio_span_eq(b.attachments[i], c.attachments[i]));
    }
}


static int
names_valid(const sio_adapter_names_t *names)
{
    unsigned  i;

    for (i = 0; i < names->n; i++) {
        if (!sio_utf8_valid(names->name[i])) {
            return 0;
        }
    }

    return 1;
}


static void
request(sio_adapter_t *one, sio_adapter_t *two, sio_span_t text)
{
    sio_span_t               message;
    sio_adapter_request_t    r, s;

    if (sio_adapter_request_read(one, text, &r) != SIO_OK) {
        check(sio_adapter_why(one)[0] != '\0');
        return;
    }

    if (r.type == SIO_ADAPTER_BROADCAST) {
        check_packet(&r.broadcast);
        return;
    }

    check(names_valid(&r.rooms) && names_valid(&r.except)
          && names_valid(&r.names));
    check(sio_adapter_request_write(two, &r, &message) == SIO_OK);
    check(sio_adapter_request_read(two, message, &s) == SIO_OK);
    check(r.type == s.type && sio_span_eq(r.uid, s.uid)
          && sio_span_eq(r.id, s.id));

    if (r.opts && r.type > SIO_ADAPTER_ROOMS
        && r.type < SIO_ADAPTER_SERVER_SIDE_EMIT)
    {
        check_names(&r.rooms, &s.rooms);
        check_names(&r.except, &s.except);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sio_span_t               text;
    sio_adapter_t           *one, *two;
    sio_adapter_response_t   response;

    if (size == 0) {
        return 0;
    }

    one = sio_adapter_create();
    two = sio_adapter_create();
    text.n = size - 1;
    text.p = guard_copy(data + 1, size - 1);

    switch (data[0] & 3) {

    case 0:
    case 1:
        broadcast(one, two, text);
        break;

    case 2:
        request(one, two, text);
        break;

    default:
        if (sio_adapter_response_read(one, text, &response) == SIO_OK) {
            check(response.type <= SIO_ADAPTER_ACK
                  || response.type == SIO_ADAPTER_NONE);
        }
    }

    guard_free((uint8_t *) text.p, text.n);
    sio_adapter_free(one);
    sio_adapter_free(two);

    return 0;
}
