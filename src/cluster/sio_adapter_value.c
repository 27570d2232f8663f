
/*
 * MessagePack values as JSON.  What JSON has not becomes what JSON.stringify()
 * makes of it in the server for Node.js: dates are strings, undefined is left
 * out of objects, infinity is null.
 */

#include "sio_adapter_internal.h"
#include "sio_utf8.h"

#include <math.h>
#include <stdlib.h>


#define SIO_ADAPTER_EXACT     9007199254740992.0    /* 2^53 */
#define SIO_ADAPTER_DATE_MAX  8640000000000000      /* ms, of JavaScript */


static int sio_adapter_array(sio_adapter_t *a, const msgpack_object *o);
static int sio_adapter_map(sio_adapter_t *a, const msgpack_object *o);
static int sio_adapter_key(sio_adapter_t *a, const msgpack_object *o);
static void sio_adapter_string(sio_adapter_t *a, sio_span_t text);
static void sio_adapter_printed(sio_adapter_t *a, const char *text);
static int sio_adapter_binary(sio_adapter_t *a, sio_span_t bytes);
static int sio_adapter_extension(sio_adapter_t *a, const msgpack_object *o);
static int sio_adapter_undefined(const msgpack_object *o);
static int64_t sio_adapter_number(const uint8_t *p, unsigned n);
static int sio_adapter_timestamp(sio_adapter_t *a, const uint8_t *p,
    uint32_t n);
static void sio_adapter_date(sio_adapter_t *a, int64_t ms);


int
sio_adapter_to_json(sio_adapter_t *a, const msgpack_object *o)
{
    char        text[32];
    sio_span_t  bytes;

    switch (o->type) {

    case MSGPACK_OBJECT_NIL:
        sio_adapter_printed(a, "null");
        return SIO_OK;

    case MSGPACK_OBJECT_BOOLEAN:
        sio_adapter_printed(a, o->via.boolean ? "true" : "false");
        return SIO_OK;

    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        (void) snprintf(text, sizeof(text), "%llu",
                        (unsigned long long) o->via.u64);
        sio_adapter_printed(a, text);
        return SIO_OK;

    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        (void) snprintf(text, sizeof(text), "%lld", (long long) o->via.i64);
        sio_adapter_printed(a, text);
        return SIO_OK;

    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        sio_adapter_double(a, o->via.f64);
        return SIO_OK;

    case MSGPACK_OBJECT_STR:
        (void) sio_adapter_text(o, &bytes);
        sio_adapter_string(a, bytes);
        return SIO_OK;

    case MSGPACK_OBJECT_BIN:
        (void) sio_adapter_text(o, &bytes);
        return sio_adapter_binary(a, bytes);

    case MSGPACK_OBJECT_ARRAY:
        return sio_adapter_array(a, o);

    case MSGPACK_OBJECT_MAP:
        return sio_adapter_map(a, o);

    default:
        return sio_adapter_extension(a, o);
    }
}


static int
sio_adapter_array(sio_adapter_t *a, const msgpack_object *o)
{
    uint32_t               i;
    const msgpack_object  *v;

    sio_adapter_printed(a, "[");

    for (i = 0; i < o->via.array.size; i++) {
        v = &o->via.array.ptr[i];

        if (i > 0) {
            sio_adapter_printed(a, ",");
        }

        if (sio_adapter_undefined(v)) {
            sio_adapter_printed(a, "null");
            continue;
        }

        if (sio_adapter_to_json(a, v) != SIO_OK) {
            return SIO_ERROR;
        }
    }

    sio_adapter_printed(a, "]");

    return SIO_OK;
}


static int
sio_adapter_map(sio_adapter_t *a, const msgpack_object *o)
{
    uint32_t                  i;
    const char               *before;
    const msgpack_object_kv  *m;

    sio_adapter_printed(a, "{");
    before = "";

    for (i = 0; i < o->via.map.size; i++) {
        m = &o->via.map.ptr[i];

        if (sio_adapter_undefined(&m->val)) {
            continue;
        }

        sio_adapter_printed(a, before);
        before = ",";

        if (sio_adapter_key(a, &m->key) != SIO_OK) {
            return SIO_ERROR;
        }

        sio_adapter_printed(a, ":");

        if (sio_adapter_to_json(a, &m->val) != SIO_OK) {
            return SIO_ERROR;
        }
    }

    sio_adapter_printed(a, "}");

    return SIO_OK;
}


static int
sio_adapter_key(sio_adapter_t *a, const msgpack_object *o)
{
    sio_span_t  text;

    if (sio_adapter_text(o, &text) == SIO_OK) {
        a->literal |= sio_span_eq(text, sio_span("_placeholder"));
        sio_adapter_string(a, text);
        return SIO_OK;
    }

    switch (o->type) {

    case MSGPACK_OBJECT_NIL:
    case MSGPACK_OBJECT_BOOLEAN:
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        sio_adapter_printed(a, "\"");
        (void) sio_adapter_to_json(a, o);
        sio_adapter_printed(a, "\"");
        return SIO_OK;

    default:
        return sio_adapter_fail(a, "a member's name is no string");
    }
}


/* What is no UTF-8 becomes U+FFFD, as in every decoder of JavaScript. */

static void
sio_adapter_string(sio_adapter_t *a, sio_span_t text)
{
    size_t          n;
    uint8_t        *dst;
    sio_span_t      part;
    const uint8_t  *p, *end;

    sio_adapter_printed(a, "\"");

    p = text.p;
    end = text.p + text.n;

    while (p < end) {
        part.p = p;

        while (p < end && (n = sio_utf8_char(p, end)) != 0) {
            p += n;
        }

        part.n = (size_t) (p - part.p);
        dst = sio_adapter_reserve(&a->text, part.n * 6);

        if (dst == NULL) {
            return;
        }

        a->text.n += sio_json_escape(dst, part);

        if (p < end) {
            sio_adapter_printed(a, "\xef\xbf\xbd");
            p++;
        }
    }

    sio_adapter_printed(a, "\"");
}


static void
sio_adapter_printed(sio_adapter_t *a, const char *text)
{
    sio_span_t  bytes;

    bytes.p = (const uint8_t *) text;
    bytes.n = strlen(text);

    sio_adapter_add(&a->text, bytes);
}


/* The shortest text that reads as the same number. */

void
sio_adapter_double(sio_adapter_t *a, double d)
{
    int   digits;
    char  text[40];

    if (!isfinite(d)) {
        sio_adapter_printed(a, "null");
        return;
    }

    if (fabs(d) < SIO_ADAPTER_EXACT && d == (double) (long long) d) {
        (void) snprintf(text, sizeof(text), "%lld", (long long) d);
        sio_adapter_printed(a, text);
        return;
    }

    for (digits = 15; digits <= 17; digits++) {
        (void) snprintf(text, sizeof(text), "%.*g", digits, d);

        if (strtod(text, NULL) == d) {
            break;
        }
    }

    sio_adapter_printed(a, text);
}


static int
sio_adapter_binary(sio_adapter_t *a, sio_span_t bytes)
{
    char  text[48];

    if (a->attachments == NULL || a->nattachments == SIO_ATTACHMENTS_MAX) {
        return sio_adapter_fail(a, "more than 10 attachments");
    }

    (void) snprintf(text, sizeof(text), "{\"_placeholder\":true,\"num\":%u}",
                    a->nattachments);
    sio_adapter_printed(a, text);

    a->attachments[a->nattachments++] = bytes;

    return SIO_OK;
}


/*
 * Type -1 is a date.  Type 0 is notepack's: undefined (fixext 1), a date of
 * old versions (fixext 8), bytes of an ArrayBuffer (ext 8, 16, 32); which one
 * is told by the byte before the type only.
 */

static int
sio_adapter_extension(sio_adapter_t *a, const msgpack_object *o)
{
    uint32_t        n;
    sio_span_t      bytes;
    const uint8_t  *p;

    if (o->type != MSGPACK_OBJECT_EXT) {
        return sio_adapter_fail(a, "an unknown value");
    }

    p = (const uint8_t *) o->via.ext.ptr;
    n = o->via.ext.size;

    if (o->via.ext.type == -1) {
        return sio_adapter_timestamp(a, p, n);
    }

    if (o->via.ext.type != 0) {
        return sio_adapter_fail(a, "an unknown extension");
    }

    if (sio_adapter_undefined(o)) {
        sio_adapter_printed(a, "null");
        return SIO_OK;
    }

    if (n == 8 && p[-2] == 0xd7) {
        sio_adapter_date(a, sio_adapter_number(p, 8));
        return SIO_OK;
    }

    if ((n == 2 && p[-2] == 0xd5) || (n == 4 && p[-2] == 0xd6)
        || (n == 16 && p[-2] == 0xd8))
    {
        return sio_adapter_fail(a, "an unknown extension");
    }

    bytes.p = p;
    bytes.n = n;

    return sio_adapter_binary(a, bytes);
}


static int
sio_adapter_undefined(const msgpack_object *o)
{
    return o->type == MSGPACK_OBJECT_EXT && o->via.ext.type == 0
           && o->via.ext.size == 1
           && ((const uint8_t *) o->via.ext.ptr)[-2] == 0xd4;
}


static int64_t
sio_adapter_number(const uint8_t *p, unsigned n)
{
    uint64_t  u;
    unsigned  i;

    u = 0;

    for (i = 0; i < n; i++) {
        u = u << 8 | p[i];
    }

    return (int64_t) u;
}


static int
sio_adapter_timestamp(sio_adapter_t *a, const uint8_t *p, uint32_t n)
{
    int64_t  s, ns, ms;

    ns = 0;

    switch (n) {

    case 4:
        s = sio_adapter_number(p, 4);
        break;

    case 8:
        s = sio_adapter_number(p, 8) & 0x3ffffffff;
        ns = sio_adapter_number(p, 4) >> 2;
        break;

    case 12:
        ns = sio_adapter_number(p, 4);
        s = sio_adapter_number(p + 4, 8);
        break;

    default:
        return sio_adapter_fail(a, "a date of unknown size");
    }

    if (s > SIO_ADAPTER_DATE_MAX / 1000 || s < -SIO_ADAPTER_DATE_MAX / 1000) {
        sio_adapter_printed(a, "null");
        return SIO_OK;
    }

    ms = s * 1000 + ns / 1000000;

    if (ms < 0 && ns % 1000000) {
        ms++;
    }

    sio_adapter_date(a, ms);

    return SIO_OK;
}


/* Date.prototype.toISOString(); days to the civil date by eras of 400 years. */

static void
sio_adapter_date(sio_adapter_t *a, int64_t ms)
{
    int      day, month;
    char     text[48];
    int64_t  days, rest, era, doe, yoe, doy, mp, year;

    if (ms > SIO_ADAPTER_DATE_MAX || ms < -SIO_ADAPTER_DATE_MAX) {
        sio_adapter_printed(a, "null");
        return;
    }

    days = ms / 86400000;
    rest = ms % 86400000;

    if (rest < 0) {
        rest += 86400000;
        days--;
    }

    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    doe = days - era * 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    day = (int) (doy - (153 * mp + 2) / 5 + 1);
    month = (int) (mp < 10 ? mp + 3 : mp - 9);
    year = yoe + era * 400 + (month <= 2);

    if (year >= 0 && year <= 9999) {
        (void) snprintf(text, sizeof(text), "\"%04d", (int) year);

    } else {
        (void) snprintf(text, sizeof(text), "\"%c%06d", year < 0 ? '-' : '+',
                        abs((int) year));
    }

    sio_adapter_printed(a, text);

    (void) snprintf(text, sizeof(text), "-%02d-%02dT%02d:%02d:%02d.%03dZ\"",
                    month, day, (int) (rest / 3600000),
                    (int) (rest / 60000 % 60), (int) (rest / 1000 % 60),
                    (int) (rest % 1000));
    sio_adapter_printed(a, text);
}
