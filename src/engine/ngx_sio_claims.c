
/*
 * Looks claims up and fills them into templates of rooms.
 */

#include "ngx_sio_claims.h"


#define NGX_SIO_VALUES_BYTES  8192      /* of one template's values */


/* A template with its names replaced by text. */
typedef struct {
    sio_template_t     template;
    size_t             used;
    u_char             bytes[NGX_SIO_VALUES_BYTES];
} ngx_sio_filled_t;


static ngx_uint_t ngx_sio_rule_applies(const ngx_sio_room_rule_t *rule,
    const ngx_sio_values_t *values);
static ngx_int_t ngx_sio_fill(const sio_template_t *t,
    const ngx_sio_values_t *values, ngx_uint_t element,
    ngx_sio_filled_t *filled);
static ngx_int_t ngx_sio_fill_part(ngx_sio_filled_t *filled,
    sio_template_part_t *part, const ngx_sio_values_t *values,
    ngx_uint_t element);
static ngx_uint_t ngx_sio_fill_separated(const sio_template_t *t,
    const sio_template_t *filled);
static sio_json_t ngx_sio_element(const sio_json_t *array,
    ngx_uint_t element);
static ngx_int_t ngx_sio_value_text(const sio_json_t *v, u_char *dst,
    size_t size, size_t *n);
static sio_span_t ngx_sio_fill_join(const ngx_sio_filled_t *filled);


sio_json_t
ngx_sio_claim(const sio_json_t *claims, ngx_str_t *name)
{
    u_char       *p, *last, *dot;
    char          part[128];
    sio_json_t    v;

    p = name->data;
    last = p + name->len;

    /* "https://example.com/role" is the name of one claim */

    if (name->len < sizeof(part)) {
        ngx_memcpy(part, p, name->len);
        part[name->len] = '\0';

        v = sio_json_get(claims, part);

        if (v.kind != SIO_JSON_NONE) {
            return v;
        }
    }

    v = *claims;

    for ( ;; ) {
        dot = ngx_strlchr(p, last, '.');

        if (dot == NULL) {
            dot = last;
        }

        if ((size_t) (dot - p) >= sizeof(part)) {
            ngx_memzero(&v, sizeof(sio_json_t));
            return v;
        }

        ngx_memcpy(part, p, dot - p);
        part[dot - p] = '\0';

        v = sio_json_get(&v, part);

        if (dot == last || v.kind == SIO_JSON_NONE) {
            return v;
        }

        p = dot + 1;
    }
}


ngx_uint_t
ngx_sio_claim_is(const sio_json_t *claims, ngx_str_t *name, ngx_str_t *value)
{
    size_t       n;
    u_char       text[512];
    ngx_uint_t   i;
    sio_json_t   v, element;

    v = ngx_sio_claim(claims, name);

    if (v.kind == SIO_JSON_TRUE || v.kind == SIO_JSON_FALSE) {
        return v.raw.n == value->len
               && ngx_memcmp(v.raw.p, value->data, value->len) == 0;
    }

    for (i = 0; /* void */ ; i++) {
        element = ngx_sio_element(&v, i);

        if (element.kind == SIO_JSON_NONE) {
            return 0;
        }

        if (ngx_sio_value_text(&element, text, sizeof(text), &n) == NGX_OK
            && n == value->len
            && ngx_memcmp(text, value->data, n) == 0)
        {
            return 1;
        }

        if (v.kind != SIO_JSON_ARRAY) {
            return 0;
        }
    }
}


ngx_uint_t
ngx_sio_rule_allows(const ngx_sio_room_rule_t *rule,
    const ngx_sio_values_t *values, size_t max, sio_span_t room)
{
    ngx_int_t                rc;
    ngx_uint_t               i;

    static ngx_sio_filled_t  filled;

    if (room.n > max || !ngx_sio_rule_applies(rule, values)) {
        return 0;
    }

    if (rule->pattern.template.names == 0) {
        return sio_template_match(&rule->pattern.template, room);
    }

    for (i = 0; /* void */ ; i++) {
        rc = ngx_sio_fill(&rule->pattern.template, values, i, &filled);

        if (rc == NGX_DONE) {
            return 0;
        }

        if (rc == NGX_OK && sio_template_match(&filled.template, room)) {
            return 1;
        }
    }
}


ngx_int_t
ngx_sio_rule_rooms(const ngx_sio_room_rule_t *rule,
    const ngx_sio_values_t *values, size_t max, ngx_sio_room_pt handler,
    void *data)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    sio_span_t               room;

    static ngx_sio_filled_t  filled;

    if (!ngx_sio_rule_applies(rule, values)) {
        return NGX_OK;
    }

    for (i = 0; /* void */ ; i++) {
        rc = ngx_sio_fill(&rule->pattern.template, values, i, &filled);

        if (rc == NGX_DONE) {
            return NGX_OK;
        }

        if (rc != NGX_OK) {
            continue;
        }

        room = ngx_sio_fill_join(&filled);

        if (room.n == 0 || room.n > max) {
            continue;
        }

        rc = handler(data, room);

        if (rc != NGX_OK) {
            return rc;
        }
    }
}


static ngx_uint_t
ngx_sio_rule_applies(const ngx_sio_room_rule_t *rule,
    const ngx_sio_values_t *values)
{
    return rule->claim.len == 0
           || ngx_sio_claim_is(&values->claims, (ngx_str_t *) &rule->claim,
                               (ngx_str_t *) &rule->value);
}


/*
 * Fills a template with the element-th elements of its arrays; one that is no
 * array is its own only element.  NGX_DONE: there are no more; NGX_DECLINED:
 * a value cannot be in a room's name, so the rule is inert.
 */

static ngx_int_t
ngx_sio_fill(const sio_template_t *t, const ngx_sio_values_t *values,
    ngx_uint_t element, ngx_sio_filled_t *filled)
{
    ngx_int_t   rc;
    ngx_uint_t  i, arrays;

    filled->template = *t;
    filled->template.names = 0;
    filled->used = 0;
    arrays = 0;

    for (i = 0; i < t->n; i++) {

        if (t->parts[i].kind != SIO_TEMPLATE_NAME) {
            continue;
        }

        rc = ngx_sio_fill_part(filled, &filled->template.parts[i], values,
                               element);

        if (rc == NGX_AGAIN) {
            arrays++;
            rc = NGX_OK;
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (arrays == 0 && element > 0) {
        return NGX_DONE;
    }

    return ngx_sio_fill_separated(t, &filled->template) ? NGX_OK
                                                        : NGX_DECLINED;
}


/* NGX_AGAIN: filled with an array's element, there may be more. */

static ngx_int_t
ngx_sio_fill_part(ngx_sio_filled_t *filled, sio_template_part_t *part,
    const ngx_sio_values_t *values, ngx_uint_t element)
{
    size_t      n;
    ngx_str_t   name;
    sio_json_t  v, one;

    static const sio_span_t  jwt = sio_span("jwt.");

    part->kind = SIO_TEMPLATE_TEXT;

    if (sio_span_eq(part->text, sio_span("socket.id"))) {
        part->text = values->socket;
        return NGX_OK;
    }

    if (sio_span_eq(part->text, sio_span("namespace"))) {
        part->text = values->namespace;
        return NGX_OK;
    }

    name.data = (u_char *) part->text.p + jwt.n;
    name.len = part->text.n - jwt.n;

    v = ngx_sio_claim(&values->claims, &name);
    one = ngx_sio_element(&v, v.kind == SIO_JSON_ARRAY ? element : 0);

    if (one.kind == SIO_JSON_NONE) {
        return NGX_DONE;
    }

    part->text.p = filled->bytes + filled->used;

    if (ngx_sio_value_text(&one, filled->bytes + filled->used,
                           NGX_SIO_VALUES_BYTES - filled->used, &n)
        != NGX_OK)
    {
        /* an inert element; of an array the others count */
        return v.kind == SIO_JSON_ARRAY ? NGX_DECLINED : NGX_DONE;
    }

    part->text.n = n;
    filled->used += n;

    return v.kind == SIO_JSON_ARRAY ? NGX_AGAIN : NGX_OK;
}


/*
 * With several placeholders the text that parts a value from the next one must
 * not begin within it: two different sets of values would make the same room.
 */

static ngx_uint_t
ngx_sio_fill_separated(const sio_template_t *t, const sio_template_t *filled)
{
    size_t      n, left;
    ngx_uint_t  i;
    sio_span_t  value, text;

    for (i = 0; i + 2 < t->n; i++) {

        if (t->parts[i].kind != SIO_TEMPLATE_NAME
            || t->parts[i + 1].kind != SIO_TEMPLATE_TEXT
            || t->parts[i + 2].kind == SIO_TEMPLATE_TEXT)
        {
            continue;
        }

        value = filled->parts[i].text;
        text = t->parts[i + 1].text;

        for (n = 0; n < value.n; n++) {
            left = ngx_min(text.n, value.n - n);

            if (ngx_memcmp(value.p + n, text.p, left) == 0
                && ngx_memcmp(text.p, text.p + left, text.n - left) == 0)
            {
                return 0;
            }
        }
    }

    return 1;
}


static sio_json_t
ngx_sio_element(const sio_json_t *v, ngx_uint_t element)
{
    sio_json_t         none;
    sio_json_iter_t    it;
    sio_json_member_t  m;

    if (v->kind != SIO_JSON_ARRAY) {
        return *v;
    }

    ngx_memzero(&none, sizeof(sio_json_t));
    sio_json_iter(&it, v);

    while (sio_json_next(&it, &m)) {
        if (element-- == 0) {
            return m.value;
        }
    }

    return none;
}


/* Strings and integers, not empty and without control characters. */

static ngx_int_t
ngx_sio_value_text(const sio_json_t *v, u_char *dst, size_t size, size_t *n)
{
    size_t  i;

    if (v->kind == SIO_JSON_STRING) {
        if (sio_json_string(v, dst, size, n) != SIO_OK) {
            return NGX_DECLINED;
        }

    } else if (v->kind == SIO_JSON_NUMBER && v->raw.n <= size) {
        *n = v->raw.n;
        ngx_memcpy(dst, v->raw.p, *n);

    } else {
        return NGX_DECLINED;
    }

    for (i = 0; i < *n; i++) {
        if (dst[i] < 0x20
            || dst[i] == 0x7f
            || (v->kind == SIO_JSON_NUMBER
                && (dst[i] == '.' || dst[i] == 'e' || dst[i] == 'E')))
        {
            return NGX_DECLINED;
        }
    }

    return *n ? NGX_OK : NGX_DECLINED;
}


static sio_span_t
ngx_sio_fill_join(const ngx_sio_filled_t *filled)
{
    u_char         *p;
    ngx_uint_t      i;
    sio_span_t      room;

    static u_char   text[2 * NGX_SIO_VALUES_BYTES];

    p = text;

    for (i = 0; i < filled->template.n; i++) {

        room = filled->template.parts[i].text;

        if (room.n > (size_t) (text + sizeof(text) - p)) {
            room.n = 0;
            return room;
        }

        p = ngx_cpymem(p, room.p, room.n);
    }

    room.p = text;
    room.n = p - text;

    return room;
}
