
/*
 * Fills templates with claims, with arguments of an event, and with what a
 * socket is.  Knows nothing of rules, and never looks into shared memory.
 */

#include "ngx_sio_fill.h"


static ngx_int_t ngx_sio_fill_text(const sio_template_t *t,
    const ngx_sio_values_t *values, u_char *dst, size_t size,
    sio_span_t *json);
static ngx_int_t ngx_sio_fill_sources(const sio_template_t *t,
    const ngx_sio_values_t *values, ngx_uint_t element,
    ngx_sio_filled_t *filled);
static ngx_int_t ngx_sio_fill_part(ngx_sio_filled_t *filled,
    sio_template_part_t *part, const ngx_sio_values_t *values,
    const ngx_sio_source_t *source);
static ngx_int_t ngx_sio_fill_time(ngx_sio_filled_t *filled,
    sio_template_part_t *part);
static sio_json_t ngx_sio_value(const ngx_sio_values_t *values,
    sio_span_t name);
static sio_json_t ngx_sio_argument(const sio_json_t *payload,
    sio_span_t name);
static ngx_uint_t ngx_sio_is_claim(sio_span_t name);
static ngx_uint_t ngx_sio_fill_separated(const sio_template_t *t,
    const sio_template_t *filled);


ngx_int_t
ngx_sio_template_rooms(const sio_template_t *t, const ngx_sio_values_t *values,
    size_t max, ngx_sio_room_pt handler, void *data)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    sio_span_t               room;

    static ngx_sio_filled_t  filled;

    for (i = 0; /* void */ ; i++) {
        rc = ngx_sio_fill(t, values, i, &filled);

        if (rc == NGX_DONE && i > 0) {
            return NGX_OK;
        }

        if (rc != NGX_OK) {
            return NGX_DECLINED;
        }

        room = ngx_sio_fill_join(&filled);

        if (room.n == 0 || room.n > max) {
            return NGX_DECLINED;
        }

        rc = handler(data, room);

        if (rc != NGX_OK) {
            return rc;
        }
    }
}


ngx_int_t
ngx_sio_template_json(const sio_template_t *t, const ngx_sio_values_t *values,
    u_char *dst, size_t size, sio_span_t *json)
{
    sio_json_t  v, again;

    if (t->n > 1
        || t->parts[0].kind != SIO_TEMPLATE_NAME
        || sio_span_eq(t->parts[0].text, sio_span("socket.id"))
        || sio_span_eq(t->parts[0].text, sio_span("namespace"))
        || sio_span_eq(t->parts[0].text, sio_span("now")))
    {
        return ngx_sio_fill_text(t, values, dst, size, json);
    }

    v = ngx_sio_value(values, t->parts[0].text);

    /* it will stand in an object in an array, which is as deep as all others */

    if (v.kind == SIO_JSON_NONE
        || ((v.kind == SIO_JSON_ARRAY || v.kind == SIO_JSON_OBJECT)
            && sio_json_parse(v.raw, SIO_JSON_DEPTH - 2, &again, NULL)
               != SIO_OK))
    {
        return NGX_DECLINED;
    }

    *json = v.raw;

    return NGX_OK;
}


/* A text is one value, so an array cannot be filled into it. */

static ngx_int_t
ngx_sio_fill_text(const sio_template_t *t, const ngx_sio_values_t *values,
    u_char *dst, size_t size, sio_span_t *json)
{
    u_char                  *p;
    ngx_uint_t               i;
    sio_span_t               text;

    static ngx_sio_filled_t  filled;

    for (i = 0; i < t->n; i++) {
        if (t->parts[i].kind == SIO_TEMPLATE_NAME
            && ngx_sio_value(values, t->parts[i].text).kind == SIO_JSON_ARRAY)
        {
            return NGX_DECLINED;
        }
    }

    if (ngx_sio_fill(t, values, 0, &filled) != NGX_OK) {
        return NGX_DECLINED;
    }

    text = ngx_sio_fill_join(&filled);

    if (text.n == 0 || 6 * text.n + 2 > size) {
        return NGX_DECLINED;
    }

    p = dst;

    if (t->n == 1 && sio_span_eq(t->parts[0].text, sio_span("now"))) {
        p = ngx_cpymem(p, text.p, text.n);

    } else {
        *p++ = '"';
        p += sio_json_escape(p, text);
        *p++ = '"';
    }

    json->p = dst;
    json->n = p - dst;

    return NGX_OK;
}


ngx_int_t
ngx_sio_fill(const sio_template_t *t, const ngx_sio_values_t *values,
    ngx_uint_t element, ngx_sio_filled_t *filled)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    rc = ngx_sio_fill_sources(t, values, element, filled);
    if (rc != NGX_OK) {
        return rc;
    }

    filled->template = *t;
    filled->template.names = 0;
    filled->used = 0;

    for (i = 0; i < t->n; i++) {

        if (t->parts[i].kind != SIO_TEMPLATE_NAME) {
            continue;
        }

        rc = ngx_sio_fill_part(filled, &filled->template.parts[i], values,
                               &filled->sources[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_sio_fill_separated(t, &filled->template) ? NGX_OK
                                                        : NGX_DECLINED;
}


/* All arrays go on together, whatever their elements are good for. */

static ngx_int_t
ngx_sio_fill_sources(const sio_template_t *t, const ngx_sio_values_t *values,
    ngx_uint_t element, ngx_sio_filled_t *filled)
{
    ngx_uint_t          i, arrays;
    sio_json_member_t   m;
    ngx_sio_source_t   *source;

    arrays = 0;

    for (i = 0; i < t->n; i++) {

        if (t->parts[i].kind != SIO_TEMPLATE_NAME) {
            continue;
        }

        source = &filled->sources[i];

        if (element == 0) {
            source->value = ngx_sio_value(values, t->parts[i].text);
            source->array = source->value.kind == SIO_JSON_ARRAY
                            && ngx_sio_is_claim(t->parts[i].text);
            sio_json_iter(&source->rest, &source->value);
        }

        if (source->array) {
            arrays++;

            if (!sio_json_next(&source->rest, &m)) {
                return NGX_DONE;
            }

            source->value = m.value;
        }
    }

    return arrays || element == 0 ? NGX_OK : NGX_DONE;
}


static ngx_int_t
ngx_sio_fill_part(ngx_sio_filled_t *filled, sio_template_part_t *part,
    const ngx_sio_values_t *values, const ngx_sio_source_t *source)
{
    size_t  n;

    part->kind = SIO_TEMPLATE_TEXT;

    if (sio_span_eq(part->text, sio_span("socket.id"))) {
        part->text = values->socket;
        return NGX_OK;
    }

    if (sio_span_eq(part->text, sio_span("namespace"))) {
        part->text = values->namespace;
        return NGX_OK;
    }

    if (sio_span_eq(part->text, sio_span("now"))) {
        return ngx_sio_fill_time(filled, part);
    }

    part->text.p = filled->bytes + filled->used;

    if (ngx_sio_value_text(&source->value, filled->bytes + filled->used,
                           NGX_SIO_VALUES_BYTES - filled->used, &n)
        != NGX_OK)
    {
        /* an inert element; of an array the others count */
        return source->array ? NGX_DECLINED : NGX_DONE;
    }

    part->text.n = n;
    filled->used += n;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_fill_time(ngx_sio_filled_t *filled, sio_template_part_t *part)
{
    u_char      *p;
    ngx_time_t  *tp;

    if (NGX_SIO_VALUES_BYTES - filled->used < NGX_INT64_LEN) {
        return NGX_DECLINED;
    }

    tp = ngx_timeofday();
    p = filled->bytes + filled->used;

    part->text.p = p;
    part->text.n = ngx_sprintf(p, "%uL", (uint64_t) tp->sec * 1000 + tp->msec)
                   - p;
    filled->used += part->text.n;

    return NGX_OK;
}


/* jwt.NAME, arg.N or arg.N.NAME; of kind NONE if there is none. */

static sio_json_t
ngx_sio_value(const ngx_sio_values_t *values, sio_span_t name)
{
    ngx_str_t  claim;

    if (!ngx_sio_is_claim(name)) {
        return ngx_sio_argument(&values->payload, name);
    }

    claim.data = (u_char *) name.p + 4;
    claim.len = name.n - 4;

    return ngx_sio_claim(&values->claims, &claim);
}


static ngx_uint_t
ngx_sio_is_claim(sio_span_t name)
{
    return name.n > 4 && ngx_memcmp(name.p, "jwt.", 4) == 0;
}


/* The first element of a payload is the event's name. */

static sio_json_t
ngx_sio_argument(const sio_json_t *payload, sio_span_t name)
{
    size_t             i;
    ngx_str_t          member;
    ngx_uint_t         n;
    sio_json_t         none;
    sio_json_iter_t    it;
    sio_json_member_t  m;

    ngx_memzero(&none, sizeof(sio_json_t));

    if (name.n < 5 || ngx_memcmp(name.p, "arg.", 4) != 0) {
        return none;
    }

    for (n = 0, i = 4; i < name.n && name.p[i] != '.'; i++) {
        n = n * 10 + (name.p[i] - '0');
    }

    sio_json_iter(&it, payload);

    for (n += 2; n; n--) {
        if (!sio_json_next(&it, &m)) {
            return none;
        }
    }

    if (i == name.n) {
        return m.value;
    }

    member.data = (u_char *) name.p + i + 1;
    member.len = name.n - i - 1;

    return ngx_sio_claim(&m.value, &member);
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


ngx_int_t
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


sio_span_t
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
