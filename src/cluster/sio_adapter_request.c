
/*
 * Requests and responses between nodes: JSON, or MessagePack where the first
 * byte is no brace; all but broadcasts with acks are then read as JSON too.
 */

#include "sio_adapter_internal.h"


static int sio_adapter_document(sio_adapter_t *a, sio_span_t message,
    sio_json_t *v, msgpack_object *value, sio_span_t *taken);
static int sio_adapter_request_json(sio_adapter_t *a, const sio_json_t *v,
    sio_adapter_request_t *request);
static int sio_adapter_request_ack(sio_adapter_t *a,
    const msgpack_object *map, sio_adapter_request_t *request);
static int sio_adapter_decoded(sio_adapter_t *a, const sio_json_t *v,
    sio_span_t *text);
static int sio_adapter_json_names(sio_adapter_t *a, sio_json_t list,
    unsigned which, sio_adapter_names_t *names);
static void sio_adapter_put(sio_adapter_t *a, const char *text);
static void sio_adapter_put_string(sio_adapter_t *a, sio_span_t text);
static void sio_adapter_put_names(sio_adapter_t *a,
    const sio_adapter_names_t *names);
static void sio_adapter_put_body(sio_adapter_t *a,
    const sio_adapter_request_t *request);


/*
 * Sets *value to a map where it is a broadcast with acks, else *v.  Binary is
 * put into taken, refused where that is NULL.
 */

static int
sio_adapter_document(sio_adapter_t *a, sio_span_t message, sio_json_t *v,
    msgpack_object *value, sio_span_t *taken)
{
    sio_span_t             text;
    const msgpack_object  *type;

    value->type = MSGPACK_OBJECT_NIL;
    text = message;

    if (message.n == 0) {
        return sio_adapter_fail(a, "empty");
    }

    if (message.p[0] != '{') {

        if (sio_adapter_unpack(a, message, value) != SIO_OK) {
            return SIO_ERROR;
        }

        if (value->type != MSGPACK_OBJECT_MAP) {
            return sio_adapter_fail(a, "no map");
        }

        type = sio_adapter_member(value, "type");

        if (type != NULL && type->type == MSGPACK_OBJECT_POSITIVE_INTEGER
            && type->via.u64 == SIO_ADAPTER_BROADCAST)
        {
            return SIO_OK;
        }

        a->attachments = taken;

        if (sio_adapter_to_json(a, value) != SIO_OK) {
            return SIO_ERROR;
        }

        if (a->text.failed) {
            return sio_adapter_fail(a, "no memory");
        }

        if (a->literal && a->nattachments) {
            return sio_adapter_fail(a, "binary, and what looks like its "
                                    "placeholder");
        }

        text.p = a->text.p;
        text.n = a->text.n;
        value->type = MSGPACK_OBJECT_NIL;
    }

    if (sio_json_parse(text, SIO_ADAPTER_DEPTH, v, NULL) != SIO_OK) {
        return sio_adapter_fail(a, "no JSON, or too deep");
    }

    /* escapes only shrink, so that no string moves when the next comes */

    a->strings.failed = 0;
    a->strings.n = 0;

    if (sio_adapter_reserve(&a->strings, text.n) == NULL) {
        return sio_adapter_fail(a, "no memory");
    }

    return SIO_OK;
}


int
sio_adapter_request_read(sio_adapter_t *a, sio_span_t message,
    sio_adapter_request_t *request)
{
    sio_json_t      v;
    msgpack_object  value;

    memset(request, 0, sizeof(sio_adapter_request_t));

    if (sio_adapter_document(a, message, &v, &value, NULL) != SIO_OK) {
        return SIO_ERROR;
    }

    if (value.type == MSGPACK_OBJECT_MAP) {
        return sio_adapter_request_ack(a, &value, request);
    }

    return sio_adapter_request_json(a, &v, request);
}


static int
sio_adapter_request_json(sio_adapter_t *a, const sio_json_t *v,
    sio_adapter_request_t *request)
{
    uint64_t    type;
    sio_json_t  m, opts, rooms;

    m = sio_json_get(v, "type");

    if (sio_json_uint(&m, SIO_ADAPTER_SERVER_SIDE_EMIT, &type) != SIO_OK) {
        return sio_adapter_fail(a, "an unknown type of request");
    }

    request->type = (unsigned) type;

    m = sio_json_get(v, "uid");
    (void) sio_adapter_decoded(a, &m, &request->uid);

    m = sio_json_get(v, "requestId");
    (void) sio_adapter_decoded(a, &m, &request->id);

    m = sio_json_get(v, "sid");
    (void) sio_adapter_decoded(a, &m, &request->sid);

    m = sio_json_get(v, "close");
    request->close = m.kind == SIO_JSON_TRUE;

    m = sio_json_get(v, "data");
    request->data = m.raw;

    if (request->type == SIO_ADAPTER_SERVER_SIDE_EMIT
        && m.kind != SIO_JSON_ARRAY)
    {
        return sio_adapter_fail(a, "the data is no array");
    }

    opts = sio_json_get(v, "opts");
    rooms = sio_json_get(v, "rooms");
    request->opts = opts.kind == SIO_JSON_OBJECT;

    if (request->type == SIO_ADAPTER_SOCKETS) {
        return sio_adapter_json_names(a, rooms, 0, &request->rooms);
    }

    if (sio_adapter_json_names(a, sio_json_get(&opts, "rooms"), 0,
                               &request->rooms)
        != SIO_OK
        || sio_adapter_json_names(a, sio_json_get(&opts, "except"), 1,
                                  &request->except)
           != SIO_OK)
    {
        return SIO_ERROR;
    }

    m = sio_json_get(v, "room");

    return sio_adapter_json_names(a, request->opts ? rooms : m, 2,
                                  &request->names);
}


static int
sio_adapter_request_ack(sio_adapter_t *a, const msgpack_object *map,
    sio_adapter_request_t *request)
{
    request->type = SIO_ADAPTER_BROADCAST;

    if (sio_adapter_text(sio_adapter_member(map, "uid"), &request->uid)
        != SIO_OK
        || sio_adapter_text(sio_adapter_member(map, "requestId"),
                            &request->id)
           != SIO_OK)
    {
        return sio_adapter_fail(a, "no uid or no id");
    }

    request->broadcast.uid = request->uid;

    return sio_adapter_packet(a, sio_adapter_member(map, "packet"),
                              sio_adapter_member(map, "opts"),
                              &request->broadcast);
}


/* Into a->strings, which has room for all strings of the document. */

static int
sio_adapter_decoded(sio_adapter_t *a, const sio_json_t *v, sio_span_t *text)
{
    size_t    n;
    uint8_t  *p;

    p = a->strings.p + a->strings.n;

    if (v->kind != SIO_JSON_STRING
        || sio_json_string(v, p, v->raw.n - 2, &n) != SIO_OK)
    {
        return SIO_ERROR;
    }

    text->p = p;
    text->n = n;
    a->strings.n += n;

    return SIO_OK;
}


/* One name may stand without its array. */

static int
sio_adapter_json_names(sio_adapter_t *a, sio_json_t list, unsigned which,
    sio_adapter_names_t *names)
{
    unsigned           n;
    sio_json_iter_t    it;
    sio_json_member_t  m;

    names->name = a->name[which];
    names->n = 0;

    if (list.kind == SIO_JSON_NONE || list.kind == SIO_JSON_NULL) {
        return SIO_OK;
    }

    if (list.kind == SIO_JSON_STRING) {
        names->n = 1;
        return sio_adapter_decoded(a, &list, &a->name[which][0]);
    }

    if (list.kind != SIO_JSON_ARRAY) {
        return sio_adapter_fail(a, "no list of rooms");
    }

    sio_json_iter(&it, &list);

    for (n = 0; sio_json_next(&it, &m); n++) {

        if (n == SIO_ADAPTER_NAMES) {
            return sio_adapter_fail(a, "more than 1024 rooms");
        }

        if (m.value.kind == SIO_JSON_NUMBER) {
            a->name[which][n] = m.value.raw;

        } else if (sio_adapter_decoded(a, &m.value, &a->name[which][n])
                   != SIO_OK)
        {
            return sio_adapter_fail(a, "a room is no string");
        }
    }

    names->n = n;

    return SIO_OK;
}


int
sio_adapter_request_write(sio_adapter_t *a,
    const sio_adapter_request_t *request, sio_span_t *message)
{
    char  type[] = "\"type\":0";

    a->out.n = 0;
    a->out.failed = 0;
    a->why = "";

    sio_adapter_put(a, "{\"uid\":");
    sio_adapter_put_string(a, request->uid);

    if (request->id.n) {
        sio_adapter_put(a, ",\"requestId\":");
        sio_adapter_put_string(a, request->id);
    }

    type[7] = (char) ('0' + request->type);
    sio_adapter_put(a, ",");
    sio_adapter_put(a, type);
    sio_adapter_put_body(a, request);
    sio_adapter_put(a, "}");

    if (a->out.failed) {
        return sio_adapter_fail(a, "no memory");
    }

    message->p = a->out.p;
    message->n = a->out.n;

    return SIO_OK;
}


static void
sio_adapter_put_body(sio_adapter_t *a, const sio_adapter_request_t *request)
{
    switch (request->type) {

    case SIO_ADAPTER_SOCKETS:
        sio_adapter_put(a, ",\"rooms\":");
        sio_adapter_put_names(a, &request->rooms);
        return;

    case SIO_ADAPTER_ROOMS:
        return;

    case SIO_ADAPTER_SERVER_SIDE_EMIT:
        sio_adapter_put(a, ",\"data\":");
        sio_adapter_add(&a->out, request->data);
        return;
    }

    sio_adapter_put(a, ",\"opts\":{\"rooms\":");
    sio_adapter_put_names(a, &request->rooms);
    sio_adapter_put(a, ",\"except\":");
    sio_adapter_put_names(a, &request->except);
    sio_adapter_put(a, "}");

    if (request->type == SIO_ADAPTER_DISCONNECT) {
        sio_adapter_put(a, request->close ? ",\"close\":true"
                                          : ",\"close\":false");

    } else if (request->type != SIO_ADAPTER_FETCH) {
        sio_adapter_put(a, ",\"rooms\":");
        sio_adapter_put_names(a, &request->names);
    }
}


static void
sio_adapter_put(sio_adapter_t *a, const char *text)
{
    sio_span_t  bytes;

    bytes.p = (const uint8_t *) text;
    bytes.n = strlen(text);

    sio_adapter_add(&a->out, bytes);
}


static void
sio_adapter_put_string(sio_adapter_t *a, sio_span_t text)
{
    uint8_t  *p;

    sio_adapter_put(a, "\"");
    p = sio_adapter_reserve(&a->out, text.n * 6);

    if (p != NULL && text.n != 0) {
        a->out.n += sio_json_escape(p, text);
    }

    sio_adapter_put(a, "\"");
}


static void
sio_adapter_put_names(sio_adapter_t *a, const sio_adapter_names_t *names)
{
    unsigned  i;

    sio_adapter_put(a, "[");

    for (i = 0; i < names->n; i++) {
        sio_adapter_put(a, i ? "," : "");
        sio_adapter_put_string(a, names->name[i]);
    }

    sio_adapter_put(a, "]");
}


int
sio_adapter_ack_write(sio_adapter_t *a,
    const sio_adapter_response_t *response, sio_span_t *message)
{
    msgpack_packer  pk;

    sio_adapter_begin(a);
    sio_adapter_empty(&a->out);
    sio_adapter_packer(a, &pk);

    a->attachments = response->attachments;
    a->nattachments = response->nattachments;

    msgpack_pack_map(&pk, 3);
    sio_adapter_pack_str(&pk, sio_span("type"));
    msgpack_pack_uint8(&pk, SIO_ADAPTER_ACK);
    sio_adapter_pack_str(&pk, sio_span("requestId"));
    sio_adapter_pack_str(&pk, response->id);
    sio_adapter_pack_str(&pk, sio_span("packet"));

    if (sio_adapter_from_json(a, &response->packet, SIO_ADAPTER_DEPTH - 1)
        != SIO_OK)
    {
        return SIO_ERROR;
    }

    if (a->out.failed) {
        return sio_adapter_fail(a, "no memory");
    }

    message->p = a->out.p;
    message->n = a->out.n;

    return SIO_OK;
}


int
sio_adapter_response_read(sio_adapter_t *a, sio_span_t message,
    sio_adapter_response_t *response)
{
    uint64_t        n;
    sio_json_t      v, m;
    msgpack_object  value;

    memset(response, 0, sizeof(sio_adapter_response_t));
    sio_adapter_begin(a);

    if (sio_adapter_document(a, message, &v, &value, a->taken) != SIO_OK) {
        return SIO_ERROR;
    }

    if (value.type == MSGPACK_OBJECT_MAP) {
        return sio_adapter_fail(a, "no response");
    }

    m = sio_json_get(&v, "requestId");

    if (sio_adapter_decoded(a, &m, &response->id) != SIO_OK) {
        return sio_adapter_fail(a, "no id");
    }

    m = sio_json_get(&v, "type");
    response->type = sio_json_uint(&m, SIO_ADAPTER_ACK, &n) == SIO_OK
                     ? (unsigned) n : SIO_ADAPTER_NONE;

    response->sockets = sio_json_get(&v, "sockets");
    response->rooms = sio_json_get(&v, "rooms");
    response->data = sio_json_get(&v, "data");
    response->packet = sio_json_get(&v, "packet");
    response->attachments = a->taken;
    response->nattachments = a->nattachments;

    m = sio_json_get(&v, "clientCount");

    if (sio_json_uint(&m, UINT32_MAX, &n) == SIO_OK) {
        response->count = n;
    }

    return SIO_OK;
}
