
/*
 * Merging: whatever packet a client sends, the result is JSON, each object
 * among its arguments has each name exactly once and with the server's value,
 * other arguments are untouched, and placeholders stay placeholders.
 */

#include "../lib/guard.h"
#include "sio_merge.h"
#include "sio_packet.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


#define span(text)  { (const uint8_t *) (text), sizeof(text) - 1 }


static sio_merge_member_t  members[] = {
    { span("user"), span("\"user\":"), span("\"550\"") },
    { span("num"), span("\"num\":"), span("-1") },
    { span("\xc3\xa9\""), span("\"\xc3\xa9\\\"\":"), span("{}") }
};


static void
check(int good)
{
    if (!good) {
        abort();
    }
}


static void
check_member(const sio_json_t *object, const sio_merge_member_t *member)
{
    unsigned           n;
    sio_json_iter_t    it;
    sio_json_member_t  m;

    n = 0;
    sio_json_iter(&it, object);

    while (sio_json_next(&it, &m)) {
        if (sio_json_is(&m.key, member->name)) {
            check(sio_span_eq(m.value.raw, member->value));
            n++;
        }
    }

    check(n == 1);
}


/* Returns whether the argument is an object that was merged into. */

static int
check_argument(const sio_merge_t *merge, const sio_json_t *v)
{
    unsigned  i;

    if (v->kind != SIO_JSON_OBJECT
        || (merge->binary
            && sio_json_get(v, "_placeholder").kind == SIO_JSON_TRUE))
    {
        return 0;
    }

    for (i = 0; i < merge->n; i++) {
        check_member(v, &merge->members[i]);
    }

    return 1;
}


static void
check_merged(const sio_merge_t *merge, const sio_json_t *before,
    const sio_json_t *after)
{
    unsigned           n, objects;
    sio_json_iter_t    it, old;
    sio_json_member_t  m, o;

    objects = 0;
    sio_json_iter(&old, before);
    sio_json_iter(&it, after);

    for (n = 0; sio_json_next(&it, &m); n++) {

        if (!sio_json_next(&old, &o)) {
            check(objects == 0);
            check(check_argument(merge, &m.value));
            check(!sio_json_next(&it, &m));
            return;
        }

        check(m.value.kind == o.value.kind);

        if (m.value.kind != SIO_JSON_OBJECT) {
            check(sio_span_eq(m.value.raw, o.value.raw));
        }

        objects += n != 0 && check_argument(merge, &m.value);
    }

    check(objects != 0 && !sio_json_next(&old, &o));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t         room, n;
    uint8_t       *copy, *dst;
    sio_span_t     text;
    sio_json_t     merged;
    sio_merge_t    merge;
    sio_packet_t   packet;

    if (size == 0) {
        return 0;
    }

    merge.members = members;
    merge.n = 1 + data[0] % 3;

    copy = guard_copy(data + 1, size - 1);
    text.p = copy;
    text.n = size - 1;

    if (sio_packet_parse(text, &packet) == SIO_OK
        && (packet.type == SIO_EVENT || packet.type == SIO_BINARY_EVENT))
    {
        merge.binary = packet.attachments != 0;

        room = sio_merge_size(&merge, &packet.payload);
        dst = guard_alloc(room);
        n = sio_merge_write(&merge, &packet.payload, dst);
        check(n <= room);

        text.p = dst;
        text.n = n;
        check(sio_json_parse(text, SIO_JSON_DEPTH, &merged, NULL) == SIO_OK);
        check_merged(&merge, &packet.payload, &merged);
        check(packet.attachments == 0
              || sio_packet_placeholders(&merged, packet.attachments));

        guard_free(dst, room);
    }

    guard_free(copy, size - 1);

    return 0;
}
