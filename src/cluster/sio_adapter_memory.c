
/*
 * The codec's memory, and MessagePack as msgpack-c reads it.  The message is
 * scanned before that, since msgpack-c allocates what a header promises,
 * whether or not it is there.
 */

#include "sio_adapter_internal.h"

#include <stdlib.h>


#define SIO_ADAPTER_KEEP  65536     /* bytes that a buffer keeps for later */


static int sio_adapter_scan(sio_span_t message);
static int sio_adapter_scan_head(const uint8_t *p, size_t left, size_t *head,
    size_t *values);
static size_t sio_adapter_scan_number(const uint8_t *p, unsigned width);


sio_adapter_t *
sio_adapter_create(void)
{
    sio_adapter_t  *a;

    a = calloc(1, sizeof(sio_adapter_t));

    if (a != NULL && !msgpack_zone_init(&a->zone, 8192)) {
        free(a);
        return NULL;
    }

    return a;
}


void
sio_adapter_free(sio_adapter_t *a)
{
    if (a == NULL) {
        return;
    }

    msgpack_zone_destroy(&a->zone);
    free(a->out.p);
    free(a->text.p);
    free(a->strings.p);
    free(a);
}


const char *
sio_adapter_why(const sio_adapter_t *a)
{
    return a->why;
}


int
sio_adapter_fail(sio_adapter_t *a, const char *why)
{
    a->why = why;

    return SIO_ERROR;
}


void
sio_adapter_begin(sio_adapter_t *a)
{
    msgpack_zone_clear(&a->zone);
    sio_adapter_empty(&a->text);
    sio_adapter_empty(&a->strings);

    a->why = "";
    a->attachments = NULL;
    a->nattachments = 0;
    a->literal = 0;
    a->named = 0;
}


/* One large message does not make the codec large for good. */

void
sio_adapter_empty(sio_adapter_buf_t *buf)
{
    buf->n = 0;
    buf->failed = 0;

    if (buf->size > SIO_ADAPTER_KEEP) {
        free(buf->p);
        buf->p = NULL;
        buf->size = 0;
    }
}


uint8_t *
sio_adapter_reserve(sio_adapter_buf_t *buf, size_t n)
{
    size_t    size;
    uint8_t  *p;

    if (buf->failed) {
        return NULL;
    }

    if (buf->p != NULL && buf->size - buf->n >= n) {
        return buf->p + buf->n;
    }

    size = buf->size + buf->size / 2 + n + 256;
    p = realloc(buf->p, size);

    if (p == NULL) {
        buf->failed = 1;
        return NULL;
    }

    buf->p = p;
    buf->size = size;

    return p + buf->n;
}


void
sio_adapter_add(sio_adapter_buf_t *buf, sio_span_t bytes)
{
    uint8_t  *p;

    p = sio_adapter_reserve(buf, bytes.n);

    if (p != NULL && bytes.n != 0) {
        memcpy(p, bytes.p, bytes.n);
        buf->n += bytes.n;
    }
}


int
sio_adapter_unpack(sio_adapter_t *a, sio_span_t message,
    msgpack_object *value)
{
    size_t  at;

    sio_adapter_begin(a);

    if (sio_adapter_scan(message) != SIO_OK) {
        return sio_adapter_fail(a, "no MessagePack, or too deep");
    }

    at = 0;

    if (msgpack_unpack((const char *) message.p, message.n, &at, &a->zone,
                       value)
        != MSGPACK_UNPACK_SUCCESS)
    {
        return sio_adapter_fail(a, "no MessagePack");
    }

    return SIO_OK;
}


static int
sio_adapter_scan(sio_span_t message)
{
    size_t    at, head, values, nodes, left[SIO_ADAPTER_DEPTH + 1];
    unsigned  depth;

    at = 0;
    nodes = 0;
    depth = 0;
    left[0] = 1;

    for ( ;; ) {

        while (left[depth] == 0) {
            if (depth-- == 0) {
                return at == message.n ? SIO_OK : SIO_ERROR;
            }
        }

        left[depth]--;

        if (at == message.n || ++nodes > SIO_ADAPTER_NODES
            || sio_adapter_scan_head(message.p + at, message.n - at, &head,
                                     &values)
               != SIO_OK)
        {
            return SIO_ERROR;
        }

        at += head;

        if (values == SIZE_MAX) {
            continue;
        }

        /* each value has a byte at least */

        if (values > message.n - at || depth == SIO_ADAPTER_DEPTH) {
            return SIO_ERROR;
        }

        left[++depth] = values;
    }
}


/* Sets how long a value is, and how many follow it; SIZE_MAX: no container. */

static int
sio_adapter_scan_head(const uint8_t *p, size_t left, size_t *head,
    size_t *values)
{
    uint8_t  c;
    size_t   n, more;

    /* of c0 to df: bytes of the length, bytes besides it; 255: not used */

    static const uint8_t  width[32] = { 0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 0, 0, 0,
                                        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
                                        2, 4, 2, 4, 2, 4 };
    static const uint8_t  fixed[32] = { 0, 255, 0, 0, 0, 0, 0, 1, 1, 1, 4, 8,
                                        1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9,
                                        17, 0, 0, 0, 0, 0, 0, 0 };

    c = p[0];
    *head = 1;
    *values = SIZE_MAX;

    if (c < 0x80 || c >= 0xe0) {
        return SIO_OK;
    }

    if (c < 0xa0) {
        *values = c < 0x90 ? (size_t) (c & 15) * 2 : (size_t) (c & 15);
        return SIO_OK;
    }

    if (c < 0xc0) {
        *head += c & 31;
        return *head <= left ? SIO_OK : SIO_ERROR;
    }

    c -= 0xc0;
    *head += width[c];

    if (fixed[c] == 255 || *head > left) {
        return SIO_ERROR;
    }

    n = sio_adapter_scan_number(p + 1, width[c]);

    if (c >= 0x1c) {
        *values = c >= 0x1e ? n * 2 : n;
        return SIO_OK;
    }

    more = n + fixed[c];

    if (more > left - *head) {
        return SIO_ERROR;
    }

    *head += more;

    return SIO_OK;
}


static size_t
sio_adapter_scan_number(const uint8_t *p, unsigned width)
{
    size_t    n;
    unsigned  i;

    n = 0;

    for (i = 0; i < width; i++) {
        n = n << 8 | p[i];
    }

    return n;
}


/* msgpack-c has no address for what is empty. */

int
sio_adapter_text(const msgpack_object *o, sio_span_t *text)
{
    if (o != NULL && o->type == MSGPACK_OBJECT_STR) {
        text->p = (const uint8_t *) o->via.str.ptr;
        text->n = o->via.str.size;

    } else if (o != NULL && o->type == MSGPACK_OBJECT_BIN) {
        text->p = (const uint8_t *) o->via.bin.ptr;
        text->n = o->via.bin.size;

    } else {
        return SIO_ERROR;
    }

    if (text->n == 0) {
        text->p = (const uint8_t *) "";
    }

    return SIO_OK;
}


/* The last one of a name counts, as in JavaScript. */

const msgpack_object *
sio_adapter_member(const msgpack_object *map, const char *name)
{
    uint32_t    i;
    sio_span_t  key, want;

    want.p = (const uint8_t *) name;
    want.n = strlen(name);

    for (i = map->via.map.size; i > 0; i--) {
        if (sio_adapter_text(&map->via.map.ptr[i - 1].key, &key) == SIO_OK
            && sio_span_eq(key, want))
        {
            return &map->via.map.ptr[i - 1].val;
        }
    }

    return NULL;
}
