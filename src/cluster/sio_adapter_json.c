
/*
 * JSON values as MessagePack, in one pass: a container's head is made as small
 * as can be when its members have been written.
 */

#include "sio_adapter_internal.h"

#include <errno.h>
#include <stdlib.h>


#define SIO_ADAPTER_DIGITS  64      /* a longer number is copied to the heap */


static int sio_adapter_write(void *data, const char *p, size_t n);
static int sio_adapter_container(sio_adapter_t *a, const sio_json_t *v,
    unsigned depth);
static int sio_adapter_head(sio_adapter_t *a, size_t at, uint32_t n,
    int object);
static int sio_adapter_json_string(sio_adapter_t *a, const sio_json_t *v);
static int sio_adapter_json_number(sio_adapter_t *a, const sio_json_t *v);
static int sio_adapter_integer(msgpack_packer *pk, const char *text);
static int sio_adapter_placeholder(sio_adapter_t *a, const sio_json_t *v);


void
sio_adapter_packer(sio_adapter_t *a, msgpack_packer *pk)
{
    msgpack_packer_init(pk, a, sio_adapter_write);
}


static int
sio_adapter_write(void *data, const char *p, size_t n)
{
    sio_span_t      bytes;
    sio_adapter_t  *a;

    a = data;
    bytes.p = (const uint8_t *) p;
    bytes.n = n;

    sio_adapter_add(&a->out, bytes);

    return 0;
}


void
sio_adapter_pack_str(msgpack_packer *pk, sio_span_t text)
{
    msgpack_pack_str(pk, text.n);
    msgpack_pack_str_body(pk, text.p, text.n);
}


int
sio_adapter_from_json(sio_adapter_t *a, const sio_json_t *v, unsigned depth)
{
    msgpack_packer  pk;

    sio_adapter_packer(a, &pk);

    switch (v->kind) {

    case SIO_JSON_NULL:
        msgpack_pack_nil(&pk);
        return SIO_OK;

    case SIO_JSON_FALSE:
        msgpack_pack_false(&pk);
        return SIO_OK;

    case SIO_JSON_TRUE:
        msgpack_pack_true(&pk);
        return SIO_OK;

    case SIO_JSON_NUMBER:
        return sio_adapter_json_number(a, v);

    case SIO_JSON_STRING:
        return sio_adapter_json_string(a, v);

    case SIO_JSON_ARRAY:
    case SIO_JSON_OBJECT:

        if (depth == 0) {
            return sio_adapter_fail(a, "too deep");
        }

        if (a->nattachments && v->kind == SIO_JSON_OBJECT
            && sio_adapter_placeholder(a, v))
        {
            return SIO_OK;
        }

        return sio_adapter_container(a, v, depth - 1);

    default:
        return sio_adapter_fail(a, "no value");
    }
}


static int
sio_adapter_container(sio_adapter_t *a, const sio_json_t *v, unsigned depth)
{
    size_t             at;
    uint32_t           n;
    sio_json_iter_t    it;
    sio_json_member_t  m;

    at = a->out.n;
    sio_adapter_add(&a->out, sio_span("?"));
    sio_json_iter(&it, v);

    for (n = 0; sio_json_next(&it, &m); n++) {

        if (m.key.kind != SIO_JSON_NONE
            && sio_adapter_json_string(a, &m.key) != SIO_OK)
        {
            return SIO_ERROR;
        }

        if (sio_adapter_from_json(a, &m.value, depth) != SIO_OK) {
            return SIO_ERROR;
        }
    }

    return sio_adapter_head(a, at, n, v->kind == SIO_JSON_OBJECT);
}


static int
sio_adapter_head(sio_adapter_t *a, size_t at, uint32_t n, int object)
{
    uint8_t  *p;
    size_t    more;

    more = n < 16 ? 0 : n < 65536 ? 2 : 4;

    if (sio_adapter_reserve(&a->out, more) == NULL) {
        return sio_adapter_fail(a, "no memory");
    }

    p = a->out.p + at;
    memmove(p + 1 + more, p + 1, a->out.n - at - 1);
    a->out.n += more;

    switch (more) {

    case 0:
        p[0] = (uint8_t) ((object ? 0x80 : 0x90) | n);
        break;

    case 2:
        p[0] = object ? 0xde : 0xdc;
        p[1] = (uint8_t) (n >> 8);
        p[2] = (uint8_t) n;
        break;

    default:
        p[0] = object ? 0xdf : 0xdd;
        p[1] = (uint8_t) (n >> 24);
        p[2] = (uint8_t) (n >> 16);
        p[3] = (uint8_t) (n >> 8);
        p[4] = (uint8_t) n;
    }

    return SIO_OK;
}


static int
sio_adapter_json_string(sio_adapter_t *a, const sio_json_t *v)
{
    size_t          n;
    uint8_t        *p;
    sio_span_t      text;
    msgpack_packer  pk;

    sio_adapter_packer(a, &pk);

    text.p = v->raw.p + 1;
    text.n = v->raw.n - 2;

    if (text.n != 0 && memchr(text.p, '\\', text.n) != NULL) {
        a->strings.n = 0;
        p = sio_adapter_reserve(&a->strings, text.n);

        if (p == NULL) {
            return sio_adapter_fail(a, "no memory");
        }

        (void) sio_json_string(v, p, text.n, &n);
        text.p = p;
        text.n = n;
    }

    sio_adapter_pack_str(&pk, text);

    return SIO_OK;
}


static int
sio_adapter_json_number(sio_adapter_t *a, const sio_json_t *v)
{
    char           *text, small[SIO_ADAPTER_DIGITS];
    msgpack_packer  pk;

    sio_adapter_packer(a, &pk);

    text = small;

    if (v->raw.n >= sizeof(small)) {
        text = malloc(v->raw.n + 1);

        if (text == NULL) {
            return sio_adapter_fail(a, "no memory");
        }
    }

    memcpy(text, v->raw.p, v->raw.n);
    text[v->raw.n] = '\0';

    if (sio_adapter_integer(&pk, text) != SIO_OK) {
        msgpack_pack_double(&pk, strtod(text, NULL));
    }

    if (text != small) {
        free(text);
    }

    return SIO_OK;
}


/* -0 is no integer: its sign would be lost. */

static int
sio_adapter_integer(msgpack_packer *pk, const char *text)
{
    long long           i;
    unsigned long long  u;

    if (strpbrk(text, ".eE") != NULL || strcmp(text, "-0") == 0) {
        return SIO_ERROR;
    }

    errno = 0;

    if (text[0] == '-') {
        i = strtoll(text, NULL, 10);

        if (errno != 0) {
            return SIO_ERROR;
        }

        msgpack_pack_int64(pk, i);
        return SIO_OK;
    }

    u = strtoull(text, NULL, 10);

    if (errno != 0) {
        return SIO_ERROR;
    }

    msgpack_pack_uint64(pk, u);

    return SIO_OK;
}


static int
sio_adapter_placeholder(sio_adapter_t *a, const sio_json_t *v)
{
    uint64_t        num;
    sio_json_t      flag, n;
    msgpack_packer  pk;

    flag = sio_json_get(v, "_placeholder");

    if (flag.kind != SIO_JSON_TRUE) {
        return 0;
    }

    n = sio_json_get(v, "num");

    if (sio_json_uint(&n, a->nattachments - 1, &num) != SIO_OK) {
        return 0;
    }

    sio_adapter_packer(a, &pk);
    msgpack_pack_bin(&pk, a->attachments[num].n);
    msgpack_pack_bin_body(&pk, a->attachments[num].p, a->attachments[num].n);

    return 1;
}
