
/*
 * Reading what the JSON scanner has found valid: walks over members, lookups,
 * decoded strings, integers; and the escaping of strings for the way back.
 * Never validates again, so it must see nothing that did not come out of
 * sio_json_parse(); never turns a number into floating point.
 */

#include "sio_json.h"


#define SIO_JSON_REPLACEMENT  0xfffd

/* Eight bytes at a time: c in all of them; nonzero if one of them is zero. */
#define sio_json_bytes(c)      (0x0101010101010101u * (uint64_t) (c))
#define sio_json_has_zero(w)   (((w) - sio_json_bytes(1)) & ~(w)               \
                                & sio_json_bytes(0x80))


static void sio_json_skip_between(sio_json_iter_t *it);
static void sio_json_skip_value(sio_json_iter_t *it, sio_json_t *v);
static const uint8_t *sio_json_skip_string(const uint8_t *p,
    const uint8_t *end);
static const uint8_t *sio_json_skip_container(const uint8_t *p,
    const uint8_t *end);
static const uint8_t *sio_json_skip_word(const uint8_t *p,
    const uint8_t *end);
static sio_span_t sio_json_decode(sio_span_t *inside, uint8_t *bytes);
static uint32_t sio_json_code_point(sio_span_t *inside);
static int sio_json_unit(sio_span_t inside, uint32_t *unit);
static size_t sio_json_utf8(uint8_t *dst, uint32_t c);


static const char  sio_json_digits[] = "0123456789abcdef";

/* The letters of short escapes, by control character. */
static const char  sio_json_letters[] = "........btn.fr..................";


void
sio_json_iter(sio_json_iter_t *it, const sio_json_t *v)
{
    memset(it, 0, sizeof(sio_json_iter_t));

    if (v->kind == SIO_JSON_ARRAY || v->kind == SIO_JSON_OBJECT) {
        it->p = v->raw.p + 1;
        it->end = v->raw.p + v->raw.n - 1;
        it->object = v->kind == SIO_JSON_OBJECT;
    }
}


int
sio_json_next(sio_json_iter_t *it, sio_json_member_t *m)
{
    sio_json_skip_between(it);

    if (it->p == it->end) {
        return 0;
    }

    memset(&m->key, 0, sizeof(sio_json_t));

    if (it->object) {
        sio_json_skip_value(it, &m->key);
        sio_json_skip_between(it);
    }

    sio_json_skip_value(it, &m->value);

    return 1;
}


sio_json_t
sio_json_get(const sio_json_t *v, const char *name)
{
    sio_json_t         found;
    sio_span_t         text;
    sio_json_iter_t    it;
    sio_json_member_t  m;

    memset(&found, 0, sizeof(found));

    if (v->kind != SIO_JSON_OBJECT) {
        return found;
    }

    text.p = (const uint8_t *) name;
    text.n = strlen(name);

    sio_json_iter(&it, v);

    while (sio_json_next(&it, &m)) {

        if (sio_json_is(&m.key, text)) {
            found = m.value;
        }
    }

    return found;
}


int
sio_json_string(const sio_json_t *v, uint8_t *dst, size_t size, size_t *n)
{
    size_t      used;
    uint8_t     bytes[4];
    sio_span_t  inside, run;

    if (v->kind != SIO_JSON_STRING) {
        return SIO_ERROR;
    }

    used = 0;
    inside.p = v->raw.p + 1;
    inside.n = v->raw.n - 2;

    while (inside.n != 0) {
        run = sio_json_decode(&inside, bytes);

        if (run.n > size - used) {
            return SIO_ERROR;
        }

        memcpy(dst + used, run.p, run.n);
        used += run.n;
    }

    *n = used;

    return SIO_OK;
}


int
sio_json_is(const sio_json_t *v, sio_span_t text)
{
    uint8_t     bytes[4];
    sio_span_t  inside, run;

    if (v->kind != SIO_JSON_STRING) {
        return 0;
    }

    inside.p = v->raw.p + 1;
    inside.n = v->raw.n - 2;

    while (inside.n != 0) {
        run = sio_json_decode(&inside, bytes);

        if (run.n > text.n || memcmp(run.p, text.p, run.n) != 0) {
            return 0;
        }

        text.p += run.n;
        text.n -= run.n;
    }

    return text.n == 0;
}


int
sio_json_uint(const sio_json_t *v, uint64_t max, uint64_t *n)
{
    size_t    i;
    uint64_t  value, digit;

    if (v->kind != SIO_JSON_NUMBER) {
        return SIO_ERROR;
    }

    value = 0;

    for (i = v->raw.p[0] == '-'; i < v->raw.n; i++) {

        if (v->raw.p[i] < '0' || v->raw.p[i] > '9') {
            return SIO_ERROR;
        }

        digit = (uint64_t) (v->raw.p[i] - '0');

        if (digit > max || value > (max - digit) / 10) {
            return SIO_ERROR;
        }

        value = value * 10 + digit;
    }

    if (v->raw.p[0] == '-' && value != 0) {
        return SIO_ERROR;
    }

    *n = value;

    return SIO_OK;
}


size_t
sio_json_escape(uint8_t *dst, sio_span_t text)
{
    size_t   i;
    uint8_t  c, *p;

    p = dst;

    for (i = 0; i < text.n; i++) {
        c = text.p[i];

        if (c >= 0x20 && c != '"' && c != '\\') {
            *p++ = c;
            continue;
        }

        *p++ = '\\';

        if (c >= 0x20) {
            *p++ = c;

        } else if (sio_json_letters[c] != '.') {
            *p++ = (uint8_t) sio_json_letters[c];

        } else {
            *p++ = 'u';
            *p++ = '0';
            *p++ = '0';
            *p++ = (uint8_t) (c < 0x10 ? '0' : '1');
            *p++ = (uint8_t) sio_json_digits[c & 0x0f];
        }
    }

    return (size_t) (p - dst);
}


/* Blanks and what stands between members, of which a valid text has enough. */

static void
sio_json_skip_between(sio_json_iter_t *it)
{
    while (it->p < it->end
           && (*it->p <= ' ' || *it->p == ',' || *it->p == ':'))
    {
        it->p++;
    }
}


static void
sio_json_skip_value(sio_json_iter_t *it, sio_json_t *v)
{
    const uint8_t  *p;

    p = it->p;

    switch (*p) {

    case '"':
        v->kind = SIO_JSON_STRING;
        it->p = sio_json_skip_string(p, it->end);
        break;

    case '{':
    case '[':
        v->kind = *p == '{' ? SIO_JSON_OBJECT : SIO_JSON_ARRAY;
        it->p = sio_json_skip_container(p, it->end);
        break;

    default:
        v->kind = *p == 't' ? SIO_JSON_TRUE
                  : *p == 'f' ? SIO_JSON_FALSE
                  : *p == 'n' ? SIO_JSON_NULL : SIO_JSON_NUMBER;
        it->p = sio_json_skip_word(p, it->end);
    }

    v->raw.p = p;
    v->raw.n = (size_t) (it->p - p);
}


static const uint8_t *
sio_json_skip_string(const uint8_t *p, const uint8_t *end)
{
    uint64_t  w;

    p++;

    for ( ;; ) {

        while (end - p >= (ptrdiff_t) sizeof(w)) {
            memcpy(&w, p, sizeof(w));

            if (sio_json_has_zero(w ^ sio_json_bytes('"'))
                || sio_json_has_zero(w ^ sio_json_bytes('\\')))
            {
                break;
            }

            p += sizeof(w);
        }

        while (*p != '"' && *p != '\\') {
            p++;
        }

        if (*p == '"') {
            return p + 1;
        }

        p += 2;
    }
}


static const uint8_t *
sio_json_skip_container(const uint8_t *p, const uint8_t *end)
{
    unsigned  depth;

    depth = 0;

    do {
        switch (*p) {

        case '"':
            p = sio_json_skip_string(p, end);
            continue;

        case '{':
        case '[':
            depth++;
            break;

        case '}':
        case ']':
            depth--;
            break;

        default:
            break;
        }

        p++;

    } while (depth != 0);

    return p;
}


/* A number, true, false or null. */

static const uint8_t *
sio_json_skip_word(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p > ' ' && *p != ',') {
        p++;
    }

    return p;
}


/*
 * Takes the next run of plain bytes or one escape off the front; bytes, which
 * is room for one character, holds what an escape stands for.
 */

static sio_span_t
sio_json_decode(sio_span_t *inside, uint8_t *bytes)
{
    sio_span_t      run;
    const uint8_t  *escape;

    escape = memchr(inside->p, '\\', inside->n);

    if (escape == inside->p) {
        run.p = bytes;
        run.n = sio_json_utf8(bytes, sio_json_code_point(inside));
        return run;
    }

    run.p = inside->p;
    run.n = escape == NULL ? inside->n : (size_t) (escape - inside->p);

    inside->p += run.n;
    inside->n -= run.n;

    return run;
}


/* RFC 8259, section 7: characters beyond U+FFFF are two escapes. */

static uint32_t
sio_json_code_point(sio_span_t *inside)
{
    size_t       used;
    uint32_t     c, low;
    const char  *letter;

    used = 2;
    c = inside->p[1];

    if (sio_json_unit(*inside, &c)) {
        used = 6;

    } else if (c != '"' && c != '\\' && c != '/') {
        letter = strchr(sio_json_letters, (int) c);
        c = (uint32_t) (letter - sio_json_letters);
    }

    inside->p += used;
    inside->n -= used;

    if (used == 2 || c < 0xd800 || c > 0xdfff) {
        return c;
    }

    if (c > 0xdbff || !sio_json_unit(*inside, &low)
        || low < 0xdc00 || low > 0xdfff)
    {
        return SIO_JSON_REPLACEMENT;
    }

    inside->p += 6;
    inside->n -= 6;

    return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}


/* Whether a \u escape comes next, and its UTF-16 unit. */

static int
sio_json_unit(sio_span_t inside, uint32_t *unit)
{
    uint8_t   c;
    uint32_t  value;
    unsigned  i;

    if (inside.n < 6 || inside.p[0] != '\\' || inside.p[1] != 'u') {
        return 0;
    }

    value = 0;

    for (i = 2; i < 6; i++) {
        c = inside.p[i];
        c = (uint8_t) (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        value = value << 4 | c;
    }

    *unit = value;

    return 1;
}


static size_t
sio_json_utf8(uint8_t *dst, uint32_t c)
{
    if (c < 0x80) {
        dst[0] = (uint8_t) c;
        return 1;
    }

    if (c < 0x800) {
        dst[0] = (uint8_t) (0xc0 | c >> 6);
        dst[1] = (uint8_t) (0x80 | (c & 0x3f));
        return 2;
    }

    if (c < 0x10000) {
        dst[0] = (uint8_t) (0xe0 | c >> 12);
        dst[1] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
        dst[2] = (uint8_t) (0x80 | (c & 0x3f));
        return 3;
    }

    dst[0] = (uint8_t) (0xf0 | c >> 18);
    dst[1] = (uint8_t) (0x80 | (c >> 12 & 0x3f));
    dst[2] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
    dst[3] = (uint8_t) (0x80 | (c & 0x3f));

    return 4;
}
