
/*
 * Looks claims up, and judges the rules of rooms by them.
 */

#include "ngx_sio_fill.h"


static ngx_uint_t ngx_sio_claim_equal(const sio_json_t *v,
    const ngx_str_t *value);
static ngx_uint_t ngx_sio_rule_applies(const ngx_sio_room_rule_t *rule,
    const ngx_sio_values_t *values);


void
ngx_sio_values_set(ngx_sio_values_t *values, sio_span_t claims,
    const u_char *id, sio_span_t namespace)
{
    ngx_memzero(values, sizeof(ngx_sio_values_t));

    if (claims.n) {
        (void) sio_json_parse(claims, SIO_JSON_DEPTH, &values->claims, NULL);
    }

    values->socket.p = id;
    values->socket.n = NGX_SIO_ID_LEN;
    values->namespace = namespace;
}


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
    sio_json_t         v;
    sio_json_iter_t    it;
    sio_json_member_t  m;

    v = ngx_sio_claim(claims, name);

    if (v.kind == SIO_JSON_TRUE || v.kind == SIO_JSON_FALSE) {
        return v.raw.n == value->len
               && ngx_memcmp(v.raw.p, value->data, value->len) == 0;
    }

    if (v.kind != SIO_JSON_ARRAY) {
        return ngx_sio_claim_equal(&v, value);
    }

    sio_json_iter(&it, &v);

    while (sio_json_next(&it, &m)) {
        if (ngx_sio_claim_equal(&m.value, value)) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_sio_claim_equal(const sio_json_t *v, const ngx_str_t *value)
{
    size_t  n;
    u_char  text[512];

    return ngx_sio_value_text(v, text, sizeof(text), &n) == NGX_OK
           && n == value->len
           && ngx_memcmp(text, value->data, n) == 0;
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
