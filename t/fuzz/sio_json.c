
/*
 * JSON: what is accepted is accepted again by itself and by its parts, the walk
 * finds what the scanner found, and strings and integers survive being decoded
 * and written again.  The first byte is a depth.
 */

#include "../lib/guard.h"
#include "sio_json.h"
#include "sio_utf8.h"

#include <errno.h>


#define MEMBERS  16


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int good)
{
    if (!good) {
        abort();
    }
}


static void
check_same(const sio_json_t *a, const sio_json_t *b)
{
    check(a->kind == b->kind);
    check(a->raw.p == b->raw.p && a->raw.n == b->raw.n);
}


/* The raw bytes alone are the same value, against the end of memory too. */

static void
check_again(const sio_json_t *v)
{
    sio_json_t  again;
    sio_span_t  copy;

    check(sio_json_parse(v->raw, SIO_JSON_DEPTH, &again, NULL) == SIO_OK);
    check_same(v, &again);

    copy.n = v->raw.n;
    copy.p = guard_copy(v->raw.p, copy.n);
    check(sio_json_parse(copy, SIO_JSON_DEPTH, &again, NULL) == SIO_OK);
    check(again.kind == v->kind && again.raw.p == copy.p);
    guard_free((uint8_t *) copy.p, copy.n);
}


static void
check_string(const sio_json_t *v)
{
    size_t      n, size;
    uint8_t    *dst, *quoted;
    sio_span_t  text, json;
    sio_json_t  again;

    size = v->raw.n - 2;
    dst = guard_alloc(size);
    check(sio_json_string(v, dst, size, &n) == SIO_OK && n <= size);

    text.p = dst;
    text.n = n;
    check(sio_utf8_valid(text));
    check(sio_json_is(v, text));
    check(n == 0 || sio_json_string(v, dst, n - 1, &n) == SIO_ERROR);

    quoted = guard_alloc(6 * text.n + 2);
    n = sio_json_escape(quoted + 1, text);
    check(n <= 6 * text.n);
    quoted[0] = quoted[n + 1] = '"';

    json.p = quoted;
    json.n = n + 2;
    check(sio_json_parse(json, 0, &again, NULL) == SIO_OK);
    check(again.kind == SIO_JSON_STRING && sio_json_is(&again, text));

    guard_free(quoted, 6 * text.n + 2);
    guard_free(dst, size);
}


static void
check_number(const sio_json_t *v)
{
    int       rc, integer;
    char      digits[32];
    size_t    i;
    uint64_t  n, want;

    integer = v->raw.n < sizeof(digits);

    for (i = 0; i < v->raw.n; i++) {
        integer &= v->raw.p[i] >= '0' && v->raw.p[i] <= '9';
    }

    rc = sio_json_uint(v, UINT64_MAX, &n);

    if (!integer) {
        check(rc == SIO_ERROR || (v->raw.n == 2 && n == 0));
        return;
    }

    memcpy(digits, v->raw.p, v->raw.n);
    digits[v->raw.n] = '\0';

    errno = 0;
    want = strtoull(digits, NULL, 10);
    check(rc == (errno == 0 ? SIO_OK : SIO_ERROR));

    if (rc == SIO_OK) {
        check(n == want);
        check(sio_json_uint(v, want, &n) == SIO_OK);
        check(want == 0 || sio_json_uint(v, want - 1, &n) == SIO_ERROR);
    }
}


static void
check_value(const sio_json_t *v)
{
    check_again(v);

    if (v->kind == SIO_JSON_STRING) {
        check_string(v);

    } else if (v->kind == SIO_JSON_NUMBER) {
        check_number(v);
    }
}


static void
check_key(const sio_json_t *object, const sio_json_t *key)
{
    char        name[64];
    size_t      n;
    sio_json_t  found;

    check_value(key);

    if (sio_json_string(key, (uint8_t *) name, sizeof(name) - 1, &n) == SIO_OK
        && memchr(name, '\0', n) == NULL)
    {
        name[n] = '\0';
        found = sio_json_get(object, name);
        check(found.kind != SIO_JSON_NONE && found.raw.p > key->raw.p);
    }
}


/* All values of a text; the scanner has bounded how deep this can go. */

static void
check_members(sio_span_t text)
{
    unsigned           n, i;
    sio_json_t         v;
    sio_json_iter_t    it;
    sio_json_list_t    list;
    sio_json_member_t  m, found[MEMBERS];

    list.members = found;
    list.max = MEMBERS;
    check(sio_json_parse_members(text, &v, &list, NULL) == SIO_OK);
    n = list.n;
    check_value(&v);
    sio_json_iter(&it, &v);

    for (i = 0; sio_json_next(&it, &m); i++) {

        if (i < MEMBERS) {
            check_same(&m.key, &found[i].key);
            check_same(&m.value, &found[i].value);
        }

        check((m.key.kind == SIO_JSON_STRING) == (v.kind == SIO_JSON_OBJECT));

        if (m.key.kind == SIO_JSON_STRING) {
            check_key(&v, &m.key);
        }

        if (i < MEMBERS) {
            check_members(m.value.raw);
        }
    }

    check(i == n);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t      at;
    unsigned    depth;
    sio_json_t  v, shallow;
    sio_span_t  text;

    if (size == 0) {
        return 0;
    }

    depth = data[0];
    text.n = size - 1;
    text.p = guard_copy(data + 1, text.n);

    if (sio_json_parse(text, SIO_JSON_DEPTH, &v, &at) == SIO_OK) {
        check_members(text);

        if (sio_json_parse(text, depth, &shallow, &at) == SIO_OK) {
            check_same(&v, &shallow);

        } else {
            check(text.p[at] == '[' || text.p[at] == '{');
        }

    } else {
        check(at <= text.n && v.kind == SIO_JSON_NONE);
        check(sio_json_parse(text, depth, &v, NULL) == SIO_ERROR);
    }

    guard_free((uint8_t *) text.p, text.n);

    return 0;
}
