
/*
 * Messages of the Redis adapter: whatever comes is refused or read; what is
 * read as a broadcast is written again as one that reads the same, and is no
 * event that clients end their connection for.  Requests that are read are
 * written as JSON that reads as the same request; of responses, what clients
 * have acked is written as a response that says the same.
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


/* What the stock client wants of an event, looked at in another way. */

static void
check_event(const sio_packet_t *packet)
{
    size_t             n;
    uint8_t           *name;
    sio_span_t         text;
    sio_json_iter_t    it;
    sio_json_member_t  m;

    check(packet->payload.kind == SIO_JSON_ARRAY);
    sio_json_iter(&it, &packet->payload);
    check(sio_json_next(&it, &m));

    if (m.value.kind == SIO_JSON_NUMBER) {
        return;
    }

    n = 0;
    name = malloc(m.value.raw.n);
    check(name != NULL
          && sio_json_string(&m.value, name, m.value.raw.n, &n) == SIO_OK);
    text.p = name;
    text.n = n;
    check(!sio_packet_reserved(text));
    free(name);
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
    check(packet.id.n == 0 && sio_utf8_valid(b->text));
    check_event(&packet);
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
        check(sio_adapter_ask_write(two, &r, &message) == SIO_OK);
        check(sio_adapter_request_read(one, message, &s) == SIO_OK);
        check(s.type == SIO_ADAPTER_BROADCAST);
        check_packet(&s.broadcast);
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


/* A JSON value that an answer of the API gets as it is. */

static void
check_value(const sio_json_t *v)
{
    sio_json_t  again;

    if (v->kind != SIO_JSON_NONE) {
        check(sio_utf8_valid(v->raw));
        check(sio_json_parse(v->raw, SIO_ADAPTER_DEPTH, &again, NULL)
              == SIO_OK);
        check(again.kind == v->kind);
    }
}


static void
response(sio_adapter_t *one, sio_adapter_t *two, sio_span_t text)
{
    unsigned                 i;
    sio_span_t               message;
    sio_adapter_response_t   r, s;

    if (sio_adapter_response_read(one, text, &r) != SIO_OK) {
        check(sio_adapter_why(one)[0] != '\0');
        return;
    }

    check(r.type <= SIO_ADAPTER_ACK || r.type == SIO_ADAPTER_NONE);
    check(r.nattachments <= SIO_ATTACHMENTS_MAX && r.count <= UINT32_MAX);
    check(sio_utf8_valid(r.id));
    check_value(&r.sockets);
    check_value(&r.rooms);
    check_value(&r.data);
    check_value(&r.packet);

    if (r.packet.kind == SIO_JSON_NONE) {
        return;
    }

    check(sio_adapter_ack_write(two, &r, &message) == SIO_OK);
    check(sio_adapter_response_read(one, message, &s) == SIO_OK);
    check(s.type == SIO_ADAPTER_ACK);
    check(s.nattachments <= SIO_ATTACHMENTS_MAX);
    check_value(&s.packet);

    for (i = 0; i < s.nattachments; i++) {
        check(s.attachments[i].n <= message.n);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sio_span_t      text;
    sio_adapter_t  *one, *two;

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
        response(one, two, text);
    }

    guard_free((uint8_t *) text.p, text.n);
    sio_adapter_free(one);
    sio_adapter_free(two);

    return 0;
}
