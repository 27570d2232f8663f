
/*
 * Merges members into the arguments of an event.  What is compared is what
 * JavaScript would read, since that is where a forged member would count.
 */

#include "sio_merge.h"


static uint8_t *sio_merge_object(const sio_merge_t *merge,
    const sio_json_t *object, uint8_t *dst);
static uint8_t *sio_merge_members(const sio_merge_t *merge, uint8_t *dst);
static int sio_merge_named(const sio_merge_t *merge, const sio_json_t *key);
static int sio_merge_placeholder(const sio_merge_t *merge,
    const sio_json_t *v);
static uint8_t *sio_merge_num(const sio_json_t *placeholder, uint8_t *dst);
static uint8_t *sio_merge_copy(uint8_t *dst, sio_span_t text);


size_t
sio_merge_size(const sio_merge_t *merge, const sio_json_t *payload)
{
    size_t             n, added;
    unsigned           i;
    sio_json_iter_t    it;
    sio_json_member_t  argument;

    added = 0;

    for (i = 0; i < merge->n; i++) {
        added += merge->members[i].key.n + merge->members[i].value.n + 1;
    }

    /* an object that is appended: a comma and its braces */

    n = payload->raw.n + added + 3;

    sio_json_iter(&it, payload);

    while (sio_json_next(&it, &argument)) {
        if (argument.value.kind == SIO_JSON_OBJECT) {
            n += added;
        }
    }

    return n;
}


size_t
sio_merge_write(const sio_merge_t *merge, const sio_json_t *payload,
    uint8_t *dst)
{
    uint8_t            *p;
    unsigned            n, objects;
    sio_json_iter_t     it;
    sio_json_member_t   argument;

    objects = 0;
    p = dst;
    *p++ = '[';

    sio_json_iter(&it, payload);

    for (n = 0; sio_json_next(&it, &argument); n++) {

        if (n != 0) {
            *p++ = ',';
        }

        if (n == 0 || argument.value.kind != SIO_JSON_OBJECT) {
            p = sio_merge_copy(p, argument.value.raw);

        } else if (sio_merge_placeholder(merge, &argument.value)) {
            p = sio_merge_num(&argument.value, p);

        } else {
            p = sio_merge_object(merge, &argument.value, p);
            objects++;
        }
    }

    if (objects == 0) {
        *p++ = ',';
        *p++ = '{';
        p = sio_merge_members(merge, p);
        *p++ = '}';
    }

    *p++ = ']';

    return (size_t) (p - dst);
}


static uint8_t *
sio_merge_object(const sio_merge_t *merge, const sio_json_t *object,
    uint8_t *dst)
{
    sio_json_iter_t    it;
    sio_json_member_t  m;

    *dst++ = '{';

    sio_json_iter(&it, object);

    while (sio_json_next(&it, &m)) {

        if (sio_merge_named(merge, &m.key)) {
            continue;
        }

        dst = sio_merge_copy(dst, m.key.raw);
        *dst++ = ':';
        dst = sio_merge_copy(dst, m.value.raw);
        *dst++ = ',';
    }

    dst = sio_merge_members(merge, dst);
    *dst++ = '}';

    return dst;
}


static uint8_t *
sio_merge_members(const sio_merge_t *merge, uint8_t *dst)
{
    unsigned  i;

    for (i = 0; i < merge->n; i++) {

        if (i != 0) {
            *dst++ = ',';
        }

        dst = sio_merge_copy(dst, merge->members[i].key);
        dst = sio_merge_copy(dst, merge->members[i].value);
    }

    return dst;
}


static int
sio_merge_named(const sio_merge_t *merge, const sio_json_t *key)
{
    unsigned  i;

    for (i = 0; i < merge->n; i++) {
        if (sio_json_is(key, merge->members[i].name)) {
            return 1;
        }
    }

    return 0;
}


static int
sio_merge_placeholder(const sio_merge_t *merge, const sio_json_t *v)
{
    return merge->binary
           && sio_json_get(v, "_placeholder").kind == SIO_JSON_TRUE;
}


/* A number of it is there: sio_packet_parse() has seen to that. */

static uint8_t *
sio_merge_num(const sio_json_t *placeholder, uint8_t *dst)
{
    dst = sio_merge_copy(dst, sio_span("{\"_placeholder\":true,\"num\":"));
    dst = sio_merge_copy(dst, sio_json_get(placeholder, "num").raw);
    *dst++ = '}';

    return dst;
}


static uint8_t *
sio_merge_copy(uint8_t *dst, sio_span_t text)
{
    memcpy(dst, text.p, text.n);

    return dst + text.n;
}
