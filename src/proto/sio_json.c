
/*
 * The JSON scanner: one pass over a text, with the open containers as bits so
 * that no input can exhaust the stack.  Used for Socket.IO payloads, the API
 * and upstream answers.  Never copies, never decodes; sio_json_value.c reads
 * what was found valid here.
 */

#include "sio_json.h"
#include "sio_utf8.h"


#define SIO_JSON_BLANK  1
#define SIO_JSON_DIGIT  2
#define SIO_JSON_STOP   4       /* not itself in a string, or not ASCII */
#define SIO_JSON_HEX    8

#define sio_json_class(c, mask)  (sio_json_classes[c] & (mask))

/* Eight bytes at a time: c in all of them. */
#define sio_json_bytes(c)  (0x0101010101010101u * (uint64_t) (c))


typedef struct {
    const uint8_t      *p;
    const uint8_t      *end;
    unsigned            depth;
    unsigned            limit;
    uint64_t            objects[SIO_JSON_DEPTH / 64];

    const uint8_t      *root;       /* where the value of depth 0 starts */
    sio_json_member_t   member;     /* of depth 1, under way */
    sio_json_member_t  *members;
    unsigned            max;
    unsigned            n;
} sio_json_scan_t;


static int sio_json_read(sio_span_t text, unsigned depth, sio_json_t *v,
    sio_json_list_t *list, size_t *at);
static int sio_json_scan(sio_json_scan_t *s, sio_span_t text);
static int sio_json_begin(sio_json_scan_t *s);
static int sio_json_scalar(sio_json_scan_t *s);
static int sio_json_open(sio_json_scan_t *s);
static int sio_json_close(sio_json_scan_t *s);
static int sio_json_comma(sio_json_scan_t *s);
static int sio_json_key(sio_json_scan_t *s);
static void sio_json_collect(sio_json_scan_t *s);
static int sio_json_in_object(const sio_json_scan_t *s);
static void sio_json_blanks(sio_json_scan_t *s);

static int sio_json_literal(sio_json_scan_t *s, const char *text);
static int sio_json_number(sio_json_scan_t *s);
static int sio_json_digits(sio_json_scan_t *s);
static int sio_json_quoted(sio_json_scan_t *s);
static void sio_json_plain(sio_json_scan_t *s);
static int sio_json_wide(sio_json_scan_t *s);
static int sio_json_backslash(sio_json_scan_t *s);

static sio_json_kind_t sio_json_kind(uint8_t c);


static const uint8_t  sio_json_classes[256] = {
     4,  4,  4,  4,  4,  4,  4,  4,  4,  5,  5,  4,  4,  5,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     1,  0,  4,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    10, 10, 10, 10, 10, 10, 10, 10, 10, 10,  0,  0,  0,  0,  0,  0,
     0,  8,  8,  8,  8,  8,  8,  0,  0,  0,  0,  0,  0,  0,  0,  0,
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  4,  0,  0,  0,
     0,  8,  8,  8,  8,  8,  8,  0,  0,  0,  0,  0,  0,  0,  0,  0,
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4};


int
sio_json_parse(sio_span_t text, unsigned depth, sio_json_t *v, size_t *at)
{
    sio_json_list_t  list;

    memset(&list, 0, sizeof(sio_json_list_t));

    return sio_json_read(text, depth, v, &list, at);
}


int
sio_json_parse_members(sio_span_t text, sio_json_t *v, sio_json_list_t *list,
    size_t *at)
{
    return sio_json_read(text, SIO_JSON_DEPTH, v, list, at);
}


static int
sio_json_read(sio_span_t text, unsigned depth, sio_json_t *v,
    sio_json_list_t *list, size_t *at)
{
    sio_json_scan_t  s;

    memset(v, 0, sizeof(sio_json_t));
    memset(&s, 0, sizeof(s));
    list->n = 0;

    s.limit = depth < SIO_JSON_DEPTH ? depth : SIO_JSON_DEPTH;
    s.members = list->members;
    s.max = list->max;

    if (sio_json_scan(&s, text) != SIO_OK) {

        if (at != NULL) {
            *at = text.n == 0 ? 0 : (size_t) (s.p - text.p);
        }

        return SIO_ERROR;
    }

    v->kind = sio_json_kind(*s.root);
    v->raw.p = s.root;
    v->raw.n = (size_t) (s.end - s.root);
    list->n = s.n;

    return SIO_OK;
}


/* On success s->root and s->end are the value's bounds. */

static int
sio_json_scan(sio_json_scan_t *s, sio_span_t text)
{
    int             rc;
    const uint8_t  *end;

    if (text.n == 0) {
        return SIO_ERROR;
    }

    s->p = text.p;
    s->end = text.p + text.n;

    do {
        rc = sio_json_begin(s);

        if (rc == SIO_OK) {
            rc = sio_json_close(s);
        }

    } while (rc == SIO_AGAIN);

    if (rc != SIO_OK) {
        return SIO_ERROR;
    }

    end = s->p;
    sio_json_blanks(s);

    if (s->p != s->end) {
        return SIO_ERROR;
    }

    s->end = end;

    return SIO_OK;
}


/*
 * At a value: SIO_OK at its end, SIO_AGAIN at the first value of a container.
 */

static int
sio_json_begin(sio_json_scan_t *s)
{
    sio_json_blanks(s);

    if (s->p == s->end) {
        return SIO_ERROR;
    }

    if (s->depth == 0) {
        s->root = s->p;

    } else if (s->depth == 1) {
        s->member.value.raw.p = s->p;
    }

    if (*s->p == '{' || *s->p == '[') {
        return sio_json_open(s);
    }

    return sio_json_scalar(s);
}


static int
sio_json_scalar(sio_json_scan_t *s)
{
    switch (*s->p) {

    case '"':
        return sio_json_quoted(s);

    case 't':
        return sio_json_literal(s, "true");

    case 'f':
        return sio_json_literal(s, "false");

    case 'n':
        return sio_json_literal(s, "null");

    default:
        return sio_json_number(s);
    }
}


static int
sio_json_open(sio_json_scan_t *s)
{
    int        object;
    uint64_t  *word, bit;

    if (s->depth == s->limit) {
        return SIO_ERROR;
    }

    object = *s->p == '{';
    word = &s->objects[s->depth / 64];
    bit = (uint64_t) 1 << s->depth % 64;

    *word = object ? *word | bit : *word & ~bit;

    s->depth++;
    s->p++;

    sio_json_blanks(s);

    if (s->p != s->end && *s->p == (object ? '}' : ']')) {
        s->p++;
        s->depth--;
        return SIO_OK;
    }

    return object ? sio_json_key(s) : SIO_AGAIN;
}


/*
 * After a value: SIO_OK at the end of the outermost one, SIO_AGAIN at the next
 * value.
 */

static int
sio_json_close(sio_json_scan_t *s)
{
    while (s->depth != 0) {

        if (s->depth == 1) {
            sio_json_collect(s);
        }

        sio_json_blanks(s);

        if (s->p == s->end) {
            return SIO_ERROR;
        }

        if (*s->p == ',') {
            return sio_json_comma(s);
        }

        if (*s->p != (sio_json_in_object(s) ? '}' : ']')) {
            return SIO_ERROR;
        }

        s->p++;
        s->depth--;
    }

    return SIO_OK;
}


static int
sio_json_comma(sio_json_scan_t *s)
{
    s->p++;

    return sio_json_in_object(s) ? sio_json_key(s) : SIO_AGAIN;
}


static int
sio_json_key(sio_json_scan_t *s)
{
    const uint8_t  *start;

    sio_json_blanks(s);

    start = s->p;

    if (s->p == s->end || *s->p != '"' || sio_json_quoted(s) != SIO_OK) {
        return SIO_ERROR;
    }

    if (s->depth == 1) {
        s->member.key.kind = SIO_JSON_STRING;
        s->member.key.raw.p = start;
        s->member.key.raw.n = (size_t) (s->p - start);
    }

    sio_json_blanks(s);

    if (s->p == s->end || *s->p != ':') {
        return SIO_ERROR;
    }

    s->p++;

    return SIO_AGAIN;
}


static void
sio_json_collect(sio_json_scan_t *s)
{
    sio_json_t  *v;

    if (s->n < s->max) {
        v = &s->member.value;
        v->kind = sio_json_kind(*v->raw.p);
        v->raw.n = (size_t) (s->p - v->raw.p);
        s->members[s->n] = s->member;
    }

    s->n++;
}


static int
sio_json_in_object(const sio_json_scan_t *s)
{
    unsigned  level;

    level = s->depth - 1;

    return (s->objects[level / 64] >> level % 64) & 1;
}


static void
sio_json_blanks(sio_json_scan_t *s)
{
    while (s->p < s->end && sio_json_class(*s->p, SIO_JSON_BLANK)) {
        s->p++;
    }
}


static int
sio_json_literal(sio_json_scan_t *s, const char *text)
{
    for ( /* void */ ; *text != '\0'; text++) {

        if (s->p == s->end || *s->p != (uint8_t) *text) {
            return SIO_ERROR;
        }

        s->p++;
    }

    return SIO_OK;
}


static int
sio_json_number(sio_json_scan_t *s)
{
    if (*s->p == '-') {
        s->p++;
    }

    if (s->p < s->end && *s->p == '0') {
        s->p++;

    } else if (sio_json_digits(s) != SIO_OK) {
        return SIO_ERROR;
    }

    if (s->p < s->end && *s->p == '.') {
        s->p++;

        if (sio_json_digits(s) != SIO_OK) {
            return SIO_ERROR;
        }
    }

    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;

        if (s->p < s->end && (*s->p == '+' || *s->p == '-')) {
            s->p++;
        }

        return sio_json_digits(s);
    }

    return SIO_OK;
}


/* One or more. */

static int
sio_json_digits(sio_json_scan_t *s)
{
    const uint8_t  *start;

    start = s->p;

    while (s->p < s->end && sio_json_class(*s->p, SIO_JSON_DIGIT)) {
        s->p++;
    }

    return s->p != start ? SIO_OK : SIO_ERROR;
}


static int
sio_json_quoted(sio_json_scan_t *s)
{
    int  rc;

    s->p++;

    do {
        sio_json_plain(s);

        if (s->p == s->end) {
            return SIO_ERROR;
        }

        if (*s->p == '"') {
            s->p++;
            return SIO_OK;
        }

        rc = *s->p == '\\' ? sio_json_backslash(s) : sio_json_wide(s);

    } while (rc == SIO_OK);

    return SIO_ERROR;
}


/* Skips what stands for itself in a string and is ASCII. */

static void
sio_json_plain(sio_json_scan_t *s)
{
    uint64_t        w, stop;
    const uint8_t  *p;

    p = s->p;

    while (s->end - p >= (ptrdiff_t) sizeof(w)) {
        memcpy(&w, p, sizeof(w));

        stop = w | (w - sio_json_bytes(0x20))
               | ((w ^ sio_json_bytes('"')) - sio_json_bytes(1))
               | ((w ^ sio_json_bytes('\\')) - sio_json_bytes(1));

        if (stop & sio_json_bytes(0x80)) {
            break;
        }

        p += sizeof(w);
    }

    while (p < s->end && !sio_json_class(*p, SIO_JSON_STOP)) {
        p++;
    }

    s->p = p;
}


/* Characters beyond ASCII; a control character is none. */

static int
sio_json_wide(sio_json_scan_t *s)
{
    size_t  n;

    if (*s->p < 0x80) {
        return SIO_ERROR;
    }

    do {
        n = sio_utf8_char(s->p, s->end);

        if (n == 0) {
            return SIO_ERROR;
        }

        s->p += n;

    } while (s->p < s->end && *s->p >= 0x80);

    return SIO_OK;
}


static int
sio_json_backslash(sio_json_scan_t *s)
{
    unsigned  i;

    s->p++;

    if (s->p == s->end) {
        return SIO_ERROR;
    }

    switch (*s->p) {

    case '"': case '\\': case '/':
    case 'b': case 'f': case 'n': case 'r': case 't':
        s->p++;
        return SIO_OK;

    case 'u':
        s->p++;
        break;

    default:
        return SIO_ERROR;
    }

    for (i = 0; i < 4; i++) {

        if (s->p == s->end || !sio_json_class(*s->p, SIO_JSON_HEX)) {
            return SIO_ERROR;
        }

        s->p++;
    }

    return SIO_OK;
}


static sio_json_kind_t
sio_json_kind(uint8_t c)
{
    switch (c) {

    case '{':
        return SIO_JSON_OBJECT;

    case '[':
        return SIO_JSON_ARRAY;

    case '"':
        return SIO_JSON_STRING;

    case 't':
        return SIO_JSON_TRUE;

    case 'f':
        return SIO_JSON_FALSE;

    case 'n':
        return SIO_JSON_NULL;

    default:
        return SIO_JSON_NUMBER;
    }
}
