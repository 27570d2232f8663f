
/*
 * Socket.IO packets: what is read lies within the text and, written again, is
 * read as the same packet; the walk over placeholders agrees with a recursive
 * one that uses the JSON getters.  The first byte is the number of attachments
 * for the latter.
 */

#include "sio_packet.h"

#include <stdlib.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int good)
{
    if (!good) {
        abort();
    }
}


static int
placeholders(const sio_json_t *v, unsigned attachments)
{
    uint64_t           n;
    sio_json_t         flag, num;
    sio_json_iter_t    it;
    sio_json_member_t  m;

    flag = sio_json_get(v, "_placeholder");

    if (flag.kind == SIO_JSON_TRUE) {
        num = sio_json_get(v, "num");

        if (attachments == 0
            || sio_json_uint(&num, attachments - 1, &n) != SIO_OK)
        {
            return 0;
        }
    }

    sio_json_iter(&it, v);

    while (sio_json_next(&it, &m)) {

        if (!placeholders(&m.value, attachments)) {
            return 0;
        }
    }

    return 1;
}


static void
check_within(sio_span_t part, sio_span_t text)
{
    if (part.n != 0) {
        check(part.p >= text.p && part.p + part.n <= text.p + text.n);
    }
}


static void
check_fields(const sio_packet_t *packet, sio_span_t text)
{
    size_t      i;
    sio_json_t  first;

    check(packet->type == text.p[0] - '0' && packet->type <= SIO_BINARY_ACK);
    check((packet->attachments != 0) == (packet->type >= SIO_BINARY_EVENT));
    check(packet->attachments <= SIO_ATTACHMENTS_MAX);
    check(packet->nsp.n != 0 && packet->nsp.p[0] == '/');
    check(memchr(packet->nsp.p, ',', packet->nsp.n) == NULL);
    check(packet->id.n <= SIO_ACK_ID_MAX);

    if (packet->nsp.n > 1) {
        check_within(packet->nsp, text);
    }

    check_within(packet->id, text);
    check_within(packet->payload.raw, text);
    check_within(packet->event.raw, packet->payload.raw);

    for (i = 0; i < packet->id.n; i++) {
        check(packet->id.p[i] >= '0' && packet->id.p[i] <= '9');
    }

    if (packet->payload.kind != SIO_JSON_NONE) {
        check(sio_json_parse(packet->payload.raw, SIO_JSON_DEPTH, &first, NULL)
              == SIO_OK);
        check(first.kind == packet->payload.kind);
    }

    if (packet->attachments != 0) {
        check(placeholders(&packet->payload, packet->attachments));
    }
}


static void
check_again(const sio_packet_t *packet)
{
    size_t        n, max;
    uint8_t      *copy;
    sio_span_t    text;
    sio_packet_t  again;

    max = sio_packet_head_max(packet->nsp, packet->id);
    copy = malloc(max + packet->payload.raw.n);
    check(copy != NULL);

    n = sio_packet_write_head(copy, packet->type, packet->attachments,
                              packet->nsp, packet->id);
    check(n <= max && copy[0] == '4');

    if (packet->payload.raw.n != 0) {
        memcpy(copy + n, packet->payload.raw.p, packet->payload.raw.n);
        n += packet->payload.raw.n;
    }

    text.p = copy + 1;
    text.n = n - 1;

    check(sio_packet_parse(text, &again) == SIO_OK);
    check(again.type == packet->type);
    check(again.attachments == packet->attachments);
    check(sio_span_eq(again.nsp, packet->nsp));
    check(sio_span_eq(again.id, packet->id));
    check(again.payload.kind == packet->payload.kind);
    check(sio_span_eq(again.payload.raw, packet->payload.raw));
    check(again.event.kind == packet->event.kind);
    check(sio_span_eq(again.event.raw, packet->event.raw));

    free(copy);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned      attachments;
    sio_json_t    v;
    sio_span_t    text;
    sio_packet_t  packet;

    if (size == 0) {
        return 0;
    }

    attachments = data[0] % 12;
    text.p = data + 1;
    text.n = size - 1;

    if (sio_packet_parse(text, &packet) == SIO_OK) {
        check_fields(&packet, text);
        check_again(&packet);
    }

    while (text.n != 0 && text.p[0] != '[' && text.p[0] != '{') {
        text.p++;
        text.n--;
    }

    if (sio_json_parse(text, SIO_JSON_DEPTH, &v, NULL) == SIO_OK) {
        check(sio_packet_placeholders(&v, attachments)
              == placeholders(&v, attachments));
    }

    return 0;
}
