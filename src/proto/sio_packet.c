
/*
 * Socket.IO v5 packets: reads what clients send, writes what stands before a
 * payload.  Called by the engine for every Engine.IO message and by the hub
 * when it encodes.  Payloads are validated and otherwise passed on byte for
 * byte; attachments themselves are never seen here.
 */

#include "sio_packet.h"
#include "sio_utf8.h"


#define SIO_PACKET_NAME_MAX  16     /* longer than any reserved name */

#define sio_packet_is_binary(type)                                             \
    ((type) == SIO_BINARY_EVENT || (type) == SIO_BINARY_ACK)


typedef enum {
    SIO_PACKET_OTHER = 0,
    SIO_PACKET_PLACEHOLDER,
    SIO_PACKET_NUM
} sio_packet_key_t;


/* One array or object that the walk over placeholders is in. */
typedef struct {
    uint8_t            object;
    uint8_t            in_key;      /* the next string is a key */
    uint8_t            placeholder; /* "_placeholder" is true */
    uint8_t            in_range;    /* "num" is one of an attachment */
    sio_packet_key_t   key;
} sio_packet_level_t;


typedef struct {
    const uint8_t       *p;
    const uint8_t       *end;
    unsigned             attachments;
    unsigned             depth;
    sio_packet_level_t   levels[SIO_JSON_DEPTH + 1];
} sio_packet_walk_t;


static int sio_packet_attachments(sio_span_t *rest, uint8_t *attachments);
static int sio_packet_nsp(sio_span_t *rest, sio_span_t *nsp);
static int sio_packet_id(sio_span_t *rest, sio_span_t *id);
static int sio_packet_payload(sio_span_t text, sio_packet_t *packet);
static int sio_packet_event(const sio_json_t *event);
static int sio_packet_open(sio_packet_walk_t *w);
static int sio_packet_close(sio_packet_walk_t *w);
static sio_json_t sio_packet_scalar(sio_packet_walk_t *w);
static void sio_packet_key(sio_packet_level_t *level, const sio_json_t *key);
static void sio_packet_value(sio_packet_walk_t *w, const sio_json_t *value);
static void sio_packet_skip(sio_span_t *text, size_t n);


int
sio_packet_parse(sio_span_t text, sio_packet_t *packet)
{
    memset(packet, 0, sizeof(sio_packet_t));

    if (text.n == 0 || text.p[0] < '0' || text.p[0] > '0' + SIO_BINARY_ACK) {
        return SIO_ERROR;
    }

    packet->type = text.p[0] - '0';
    sio_packet_skip(&text, 1);

    if (sio_packet_is_binary(packet->type)
        && sio_packet_attachments(&text, &packet->attachments) != SIO_OK)
    {
        return SIO_ERROR;
    }

    if (sio_packet_nsp(&text, &packet->nsp) != SIO_OK
        || sio_packet_id(&text, &packet->id) != SIO_OK)
    {
        return SIO_ERROR;
    }

    return sio_packet_payload(text, packet);
}


int
sio_packet_reserved(sio_span_t name)
{
    size_t                   i;
    static const sio_span_t  reserved[] = {
        { (const uint8_t *) "connect", 7 },
        { (const uint8_t *) "connect_error", 13 },
        { (const uint8_t *) "disconnect", 10 },
        { (const uint8_t *) "disconnecting", 13 },
        { (const uint8_t *) "newListener", 11 },
        { (const uint8_t *) "removeListener", 14 }
    };

    for (i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (sio_span_eq(name, reserved[i])) {
            return 1;
        }
    }

    return 0;
}


/*
 * One pass over bytes that are known to be valid JSON: a walk with iterators
 * would scan what is nested once per level, which a client could exploit.
 */

int
sio_packet_placeholders(const sio_json_t *v, unsigned attachments)
{
    int                rc;
    sio_json_t         token;
    sio_packet_walk_t  w;

    w.p = v->raw.p;
    w.end = v->raw.p + v->raw.n;
    w.attachments = attachments;
    w.depth = 0;
    w.levels[0] = (sio_packet_level_t) { 0 };

    rc = 1;

    while (rc && w.p < w.end) {

        switch (*w.p) {

        case '{':
        case '[':
            rc = sio_packet_open(&w);
            break;

        case '}':
        case ']':
            rc = sio_packet_close(&w);
            break;

        case ',':
            w.levels[w.depth].in_key = w.levels[w.depth].object;
            w.p++;
            break;

        case ':':
        case ' ':
        case '\t':
        case '\n':
        case '\r':
            w.p++;
            break;

        default:
            token = sio_packet_scalar(&w);
            sio_packet_value(&w, &token);
        }
    }

    return rc;
}


size_t
sio_packet_write_head(uint8_t *dst, unsigned type, unsigned attachments,
    sio_span_t nsp, sio_span_t id)
{
    uint8_t  *p;

    p = dst;
    *p++ = '4';
    *p++ = '0' + type;

    if (sio_packet_is_binary(type)) {

        if (attachments >= 10) {
            *p++ = '0' + attachments / 10;
        }

        *p++ = '0' + attachments % 10;
        *p++ = '-';
    }

    if (nsp.n != 0 && !sio_span_eq(nsp, sio_span("/"))) {
        memcpy(p, nsp.p, nsp.n);
        p += nsp.n;
        *p++ = ',';
    }

    if (id.n != 0) {
        memcpy(p, id.p, id.n);
        p += id.n;
    }

    return p - dst;
}


/* The stock parser takes leading zeros as well. */

static int
sio_packet_attachments(sio_span_t *rest, uint8_t *attachments)
{
    size_t    i;
    unsigned  n;

    n = 0;

    for (i = 0; i < rest->n; i++) {

        if (rest->p[i] < '0' || rest->p[i] > '9') {
            break;
        }

        n = n * 10 + (rest->p[i] - '0');

        if (n > SIO_ATTACHMENTS_MAX) {
            return SIO_ERROR;
        }
    }

    if (n == 0 || i == rest->n || rest->p[i] != '-') {
        return SIO_ERROR;
    }

    *attachments = n;
    sio_packet_skip(rest, i + 1);

    return SIO_OK;
}


static int
sio_packet_nsp(sio_span_t *rest, sio_span_t *nsp)
{
    const uint8_t  *comma;

    if (rest->n == 0 || rest->p[0] != '/') {
        *nsp = sio_span("/");
        return SIO_OK;
    }

    *nsp = *rest;
    comma = memchr(rest->p, ',', rest->n);

    if (comma != NULL) {
        nsp->n = comma - rest->p;
        sio_packet_skip(rest, nsp->n + 1);

    } else {
        sio_packet_skip(rest, rest->n);
    }

    return sio_utf8_valid(*nsp) ? SIO_OK : SIO_ERROR;
}


static int
sio_packet_id(sio_span_t *rest, sio_span_t *id)
{
    id->p = rest->p;
    id->n = 0;

    while (id->n < rest->n && id->p[id->n] >= '0' && id->p[id->n] <= '9') {

        if (++id->n > SIO_ACK_ID_MAX) {
            return SIO_ERROR;
        }
    }

    sio_packet_skip(rest, id->n);

    return SIO_OK;
}


static int
sio_packet_payload(sio_span_t text, sio_packet_t *packet)
{
    sio_json_kind_t    kind;
    sio_json_list_t    list;
    sio_json_member_t  first;

    list.members = &first;
    list.max = 1;

    if (text.n == 0) {
        return (packet->type == SIO_CONNECT || packet->type == SIO_DISCONNECT)
               ? SIO_OK : SIO_ERROR;
    }

    if (packet->type == SIO_DISCONNECT
        || sio_json_parse_members(text, &packet->payload, &list, NULL)
           != SIO_OK)
    {
        return SIO_ERROR;
    }

    kind = packet->payload.kind;

    if (packet->type == SIO_CONNECT) {
        return (kind == SIO_JSON_OBJECT) ? SIO_OK : SIO_ERROR;
    }

    if (packet->type == SIO_CONNECT_ERROR) {
        return (kind == SIO_JSON_OBJECT || kind == SIO_JSON_STRING)
               ? SIO_OK : SIO_ERROR;
    }

    if (kind != SIO_JSON_ARRAY) {
        return SIO_ERROR;
    }

    if (packet->type == SIO_EVENT || packet->type == SIO_BINARY_EVENT) {

        if (list.n == 0 || !sio_packet_event(&first.value)) {
            return SIO_ERROR;
        }

        packet->event = first.value;
    }

    if (packet->attachments != 0
        && !sio_packet_placeholders(&packet->payload, packet->attachments))
    {
        return SIO_ERROR;
    }

    return SIO_OK;
}


/* Whether a value may be an event's name. */

static int
sio_packet_event(const sio_json_t *event)
{
    size_t      n;
    uint8_t     buf[SIO_PACKET_NAME_MAX];
    sio_span_t  name;

    if (event->kind != SIO_JSON_STRING) {
        return event->kind == SIO_JSON_NUMBER;
    }

    if (sio_json_string(event, buf, sizeof(buf), &n) != SIO_OK) {
        return 1;
    }

    name.p = buf;
    name.n = n;

    return !sio_packet_reserved(name);
}


static int
sio_packet_open(sio_packet_walk_t *w)
{
    sio_json_t           token;
    sio_packet_level_t  *level;

    if (w->depth == SIO_JSON_DEPTH) {
        return 0;
    }

    token.kind = (*w->p == '{') ? SIO_JSON_OBJECT : SIO_JSON_ARRAY;
    token.raw.p = w->p++;
    token.raw.n = 1;
    sio_packet_value(w, &token);

    level = &w->levels[++w->depth];
    *level = (sio_packet_level_t) { 0 };
    level->object = (token.kind == SIO_JSON_OBJECT);
    level->in_key = level->object;

    return 1;
}


static int
sio_packet_close(sio_packet_walk_t *w)
{
    const sio_packet_level_t  *level;

    level = &w->levels[w->depth--];
    w->p++;

    return !level->placeholder || level->in_range;
}


/* Takes a string, a number or a literal. */

static sio_json_t
sio_packet_scalar(sio_packet_walk_t *w)
{
    sio_json_t  token;

    token.raw.p = w->p;

    switch (*w->p++) {

    case '"':
        token.kind = SIO_JSON_STRING;

        while (*w->p != '"') {
            w->p += (*w->p == '\\') ? 2 : 1;
        }

        w->p++;
        break;

    case 't':
        token.kind = SIO_JSON_TRUE;
        w->p += 3;
        break;

    case 'f':
        token.kind = SIO_JSON_FALSE;
        w->p += 4;
        break;

    case 'n':
        token.kind = SIO_JSON_NULL;
        w->p += 3;
        break;

    default:
        token.kind = SIO_JSON_NUMBER;

        while (w->p < w->end && *w->p > ' ' && *w->p != ',' && *w->p != ']'
               && *w->p != '}')
        {
            w->p++;
        }
    }

    token.raw.n = w->p - token.raw.p;

    return token;
}


static void
sio_packet_key(sio_packet_level_t *level, const sio_json_t *key)
{
    level->in_key = 0;

    if (sio_json_is(key, sio_span("_placeholder"))) {
        level->key = SIO_PACKET_PLACEHOLDER;

    } else if (sio_json_is(key, sio_span("num"))) {
        level->key = SIO_PACKET_NUM;

    } else {
        level->key = SIO_PACKET_OTHER;
    }
}


/* A repeated key counts with its last value, as in JavaScript. */

static void
sio_packet_value(sio_packet_walk_t *w, const sio_json_t *value)
{
    uint64_t             n;
    sio_packet_level_t  *level;

    level = &w->levels[w->depth];

    if (!level->object) {
        return;
    }

    if (level->in_key) {
        sio_packet_key(level, value);
        return;
    }

    if (level->key == SIO_PACKET_PLACEHOLDER) {
        level->placeholder = (value->kind == SIO_JSON_TRUE);
    }

    if (level->key == SIO_PACKET_NUM) {
        level->in_range = (w->attachments != 0
                           && sio_json_uint(value, w->attachments - 1, &n)
                              == SIO_OK);
    }
}


static void
sio_packet_skip(sio_span_t *text, size_t n)
{
    text->p += n;
    text->n -= n;
}
