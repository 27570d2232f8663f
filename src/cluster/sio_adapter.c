
/*
 * Broadcasts: [uid, packet, opts].  Members of maps are found by their names,
 * since emitters and adapters order them differently.
 */

#include "sio_adapter_internal.h"


static int sio_adapter_event(sio_adapter_t *a, const msgpack_object *data,
    sio_adapter_broadcast_t *b);
static int sio_adapter_options(sio_adapter_t *a, const msgpack_object *opts,
    sio_adapter_broadcast_t *b);
static uint64_t sio_adapter_timeout(const msgpack_object *value);
static int sio_adapter_names(sio_adapter_t *a, const msgpack_object *list,
    unsigned which, sio_adapter_names_t *names);
static int sio_adapter_flag(const msgpack_object *map, const char *name,
    int value);
static int sio_adapter_encode_event(sio_adapter_t *a, msgpack_packer *pk,
    const sio_adapter_broadcast_t *b, sio_span_t *message);
static void sio_adapter_encode_opts(msgpack_packer *pk,
    const sio_adapter_broadcast_t *b);
static void sio_adapter_encode_names(msgpack_packer *pk, const char *key,
    const sio_adapter_names_t *names);


int
sio_adapter_decode(sio_adapter_t *a, sio_span_t message,
    sio_adapter_broadcast_t *b)
{
    msgpack_object         value;
    const msgpack_object  *part;

    memset(b, 0, sizeof(sio_adapter_broadcast_t));

    if (sio_adapter_unpack(a, message, &value) != SIO_OK) {
        return SIO_ERROR;
    }

    if (value.type != MSGPACK_OBJECT_ARRAY || value.via.array.size < 3) {
        return sio_adapter_fail(a, "no broadcast");
    }

    part = value.via.array.ptr;

    if (sio_adapter_text(&part[0], &b->uid) != SIO_OK) {
        return sio_adapter_fail(a, "no uid");
    }

    return sio_adapter_packet(a, &part[1], &part[2], b);
}


int
sio_adapter_packet(sio_adapter_t *a, const msgpack_object *packet,
    const msgpack_object *opts, sio_adapter_broadcast_t *b)
{
    const msgpack_object  *o;

    if (packet == NULL || packet->type != MSGPACK_OBJECT_MAP || opts == NULL
        || opts->type != MSGPACK_OBJECT_MAP)
    {
        return sio_adapter_fail(a, "no packet or no options");
    }

    o = sio_adapter_member(packet, "type");

    if (o == NULL || o->type != MSGPACK_OBJECT_POSITIVE_INTEGER
        || (o->via.u64 != SIO_EVENT && o->via.u64 != SIO_BINARY_EVENT))
    {
        return sio_adapter_fail(a, "the packet is no event");
    }

    o = sio_adapter_member(packet, "nsp");
    b->nsp = sio_span("/");

    if (o != NULL && o->type != MSGPACK_OBJECT_NIL
        && sio_adapter_text(o, &b->nsp) != SIO_OK)
    {
        return sio_adapter_fail(a, "the namespace is no string");
    }

    if (sio_adapter_options(a, opts, b) != SIO_OK) {
        return SIO_ERROR;
    }

    return sio_adapter_event(a, sio_adapter_member(packet, "data"), b);
}


/* The head is written when the number of attachments is known, before it. */

static int
sio_adapter_event(sio_adapter_t *a, const msgpack_object *data,
    sio_adapter_broadcast_t *b)
{
    size_t        most, n;
    uint8_t      *p;
    unsigned      type;
    sio_span_t    none, text;
    sio_packet_t  packet;

    if (data == NULL || data->type != MSGPACK_OBJECT_ARRAY) {
        return sio_adapter_fail(a, "the event's data is no array");
    }

    memset(&none, 0, sizeof(none));
    most = sio_packet_head_max(b->nsp, none);

    if (sio_adapter_reserve(&a->text, most) == NULL) {
        return sio_adapter_fail(a, "no memory");
    }

    a->text.n = most;
    a->attachments = b->attachments;

    if (sio_adapter_to_json(a, data) != SIO_OK) {
        return SIO_ERROR;
    }

    if (a->text.failed) {
        return sio_adapter_fail(a, "no memory");
    }

    b->nattachments = a->nattachments;

    if (a->literal && b->nattachments) {
        return sio_adapter_fail(a, "binary, and what looks like its "
                                "placeholder");
    }

    type = b->nattachments ? SIO_BINARY_EVENT : SIO_EVENT;
    p = a->text.p;
    n = sio_packet_write_head(p, type, b->nattachments, b->nsp, none);
    memmove(p + most - n, p, n);

    b->text.p = p + most - n;
    b->text.n = a->text.n - (most - n);

    text.p = b->text.p + 1;
    text.n = b->text.n - 1;

    if (sio_packet_parse(text, &packet) != SIO_OK
        || !sio_span_eq(packet.nsp, b->nsp) || packet.id.n)
    {
        return sio_adapter_fail(a, "no event that clients would take");
    }

    return SIO_OK;
}


static int
sio_adapter_options(sio_adapter_t *a, const msgpack_object *opts,
    sio_adapter_broadcast_t *b)
{
    const msgpack_object  *flags;

    if (sio_adapter_names(a, sio_adapter_member(opts, "rooms"), 0, &b->rooms)
        != SIO_OK
        || sio_adapter_names(a, sio_adapter_member(opts, "except"), 1,
                             &b->except)
           != SIO_OK)
    {
        return SIO_ERROR;
    }

    flags = sio_adapter_member(opts, "flags");

    if (flags == NULL || flags->type != MSGPACK_OBJECT_MAP) {
        return SIO_OK;
    }

    b->is_volatile = sio_adapter_flag(flags, "volatile", 1);
    b->plain = sio_adapter_flag(flags, "compress", 0);

    b->timeout = sio_adapter_timeout(sio_adapter_member(flags, "timeout"));

    return SIO_OK;
}


/* Servers for Node.js take any number, and write 1000 / 3 as a float. */

static uint64_t
sio_adapter_timeout(const msgpack_object *value)
{
    if (value == NULL) {
        return 0;
    }

    switch (value->type) {

    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return value->via.u64;

    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:

        if (value->via.f64 > 0 && value->via.f64 < UINT32_MAX) {
            return (uint64_t) value->via.f64 + 1;
        }

        return 0;

    default:
        return 0;
    }
}


/* Rooms that were joined as numbers in JavaScript are numbers here. */

static int
sio_adapter_names(sio_adapter_t *a, const msgpack_object *list,
    unsigned which, sio_adapter_names_t *names)
{
    int                    n;
    char                  *number;
    uint32_t               i;
    sio_span_t            *name;
    const msgpack_object  *o;

    names->name = a->name[which];
    names->n = 0;

    if (list == NULL || list->type == MSGPACK_OBJECT_NIL) {
        return SIO_OK;
    }

    if (list->type != MSGPACK_OBJECT_ARRAY
        || list->via.array.size > SIO_ADAPTER_NAMES)
    {
        return sio_adapter_fail(a, "no list of rooms, or more than 1024");
    }

    for (i = 0; i < list->via.array.size; i++) {
        o = &list->via.array.ptr[i];
        name = &a->name[which][i];
        number = (char *) a->number[which][i];

        if (sio_adapter_text(o, name) == SIO_OK) {
            continue;
        }

        if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
            n = snprintf(number, SIO_ADAPTER_NUMBER, "%llu",
                         (unsigned long long) o->via.u64);

        } else if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
            n = snprintf(number, SIO_ADAPTER_NUMBER, "%lld",
                         (long long) o->via.i64);

        } else {
            return sio_adapter_fail(a, "a room is no string");
        }

        name->p = (uint8_t *) number;
        name->n = (size_t) n;
    }

    names->n = i;

    return SIO_OK;
}


/* Whether a flag is there and has that value. */

static int
sio_adapter_flag(const msgpack_object *map, const char *name, int value)
{
    const msgpack_object  *o;

    o = sio_adapter_member(map, name);

    if (o == NULL) {
        return 0;
    }

    if (o->type == MSGPACK_OBJECT_BOOLEAN) {
        return o->via.boolean == value;
    }

    return value && o->type == MSGPACK_OBJECT_POSITIVE_INTEGER
           && o->via.u64 != 0;
}


int
sio_adapter_encode(sio_adapter_t *a, const sio_adapter_broadcast_t *b,
    sio_span_t *message)
{
    msgpack_packer  pk;

    sio_adapter_begin(a);
    sio_adapter_empty(&a->out);
    sio_adapter_packer(a, &pk);

    msgpack_pack_array(&pk, 3);
    sio_adapter_pack_str(&pk, b->uid);

    return sio_adapter_encode_event(a, &pk, b, message);
}


int
sio_adapter_ask_write(sio_adapter_t *a, const sio_adapter_request_t *request,
    sio_span_t *message)
{
    msgpack_packer  pk;

    sio_adapter_begin(a);
    sio_adapter_empty(&a->out);
    sio_adapter_packer(a, &pk);

    msgpack_pack_map(&pk, 5);
    sio_adapter_pack_str(&pk, sio_span("uid"));
    sio_adapter_pack_str(&pk, request->uid);
    sio_adapter_pack_str(&pk, sio_span("requestId"));
    sio_adapter_pack_str(&pk, request->id);
    sio_adapter_pack_str(&pk, sio_span("type"));
    msgpack_pack_uint8(&pk, SIO_ADAPTER_BROADCAST);
    sio_adapter_pack_str(&pk, sio_span("packet"));
    a->named = 1;

    return sio_adapter_encode_event(a, &pk, &request->broadcast, message);
}


/* The rest of a message: packet and options, which have names in a map. */

static int
sio_adapter_encode_event(sio_adapter_t *a, msgpack_packer *pk,
    const sio_adapter_broadcast_t *b, sio_span_t *message)
{
    sio_span_t    text;
    sio_packet_t  packet;

    text.p = b->text.p + 1;
    text.n = b->text.n - 1;

    if (b->text.n == 0 || b->text.p[0] != '4'
        || sio_packet_parse(text, &packet) != SIO_OK
        || (packet.type != SIO_EVENT && packet.type != SIO_BINARY_EVENT)
        || packet.attachments != b->nattachments)
    {
        return sio_adapter_fail(a, "no event");
    }

    a->attachments = (sio_span_t *) b->attachments;
    a->nattachments = b->nattachments;

    msgpack_pack_map(pk, 3);
    sio_adapter_pack_str(pk, sio_span("type"));
    msgpack_pack_uint8(pk, SIO_EVENT);
    sio_adapter_pack_str(pk, sio_span("data"));

    if (sio_adapter_from_json(a, &packet.payload, SIO_ADAPTER_DEPTH - 2)
        != SIO_OK)
    {
        return SIO_ERROR;
    }

    sio_adapter_pack_str(pk, sio_span("nsp"));
    sio_adapter_pack_str(pk, packet.nsp);

    if (a->named) {
        sio_adapter_pack_str(pk, sio_span("opts"));
    }

    sio_adapter_encode_opts(pk, b);

    if (a->out.failed) {
        return sio_adapter_fail(a, "no memory");
    }

    message->p = a->out.p;
    message->n = a->out.n;

    return SIO_OK;
}


static void
sio_adapter_encode_opts(msgpack_packer *pk, const sio_adapter_broadcast_t *b)
{
    msgpack_pack_map(pk, 3);
    sio_adapter_encode_names(pk, "rooms", &b->rooms);
    sio_adapter_encode_names(pk, "except", &b->except);
    sio_adapter_pack_str(pk, sio_span("flags"));
    msgpack_pack_map(pk, (b->is_volatile != 0) + (b->plain != 0)
                         + (b->timeout != 0));

    if (b->is_volatile) {
        sio_adapter_pack_str(pk, sio_span("volatile"));
        msgpack_pack_true(pk);
    }

    if (b->plain) {
        sio_adapter_pack_str(pk, sio_span("compress"));
        msgpack_pack_false(pk);
    }

    if (b->timeout) {
        sio_adapter_pack_str(pk, sio_span("timeout"));
        msgpack_pack_uint64(pk, b->timeout);
    }
}


static void
sio_adapter_encode_names(msgpack_packer *pk, const char *key,
    const sio_adapter_names_t *names)
{
    unsigned    i;
    sio_span_t  text;

    text.p = (const uint8_t *) key;
    text.n = strlen(key);
    sio_adapter_pack_str(pk, text);
    msgpack_pack_array(pk, names->n);

    for (i = 0; i < names->n; i++) {
        sio_adapter_pack_str(pk, names->name[i]);
    }
}
