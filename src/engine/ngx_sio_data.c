
/*
 * Fills claims into templates of JSON values.  Called at CONNECT, and where a
 * socket gets other claims; never touches shared memory.
 */

#include "ngx_sio_data.h"
#include "ngx_sio_denied.h"


#define NGX_SIO_DATA_TEXT  4096         /* bytes of a text to be escaped */


/* Where JSON is written; `full` once something had no room. */
typedef struct {
    u_char       *p;
    u_char       *last;
    ngx_uint_t    full;
} ngx_sio_data_out_t;


static void ngx_sio_data_keep(ngx_sio_data_out_t *out,
    const ngx_array_t *rules, sio_span_t old);
static ngx_uint_t ngx_sio_data_ruled(const ngx_array_t *rules,
    const sio_json_t *key);
static ngx_int_t ngx_sio_data_text(ngx_sio_data_out_t *out,
    const sio_template_part_t *part, const ngx_sio_values_t *values);
static sio_json_t ngx_sio_data_claim(const sio_template_part_t *part,
    const ngx_sio_values_t *values);
static void ngx_sio_data_write(ngx_sio_data_out_t *out, sio_span_t text);
static void ngx_sio_data_escape(ngx_sio_data_out_t *out, sio_span_t text);


ngx_int_t
ngx_sio_data_connect(const ngx_sio_namespace_conf_t *nc,
    ngx_sio_connect_t *connect)
{
    ngx_int_t          rc;
    sio_span_t         none;
    ngx_sio_values_t   values;

    if (nc->data == NULL) {
        return NGX_OK;
    }

    ngx_memzero(&none, sizeof(sio_span_t));
    ngx_sio_values_set(&values, connect->claims, connect->id,
                       connect->namespace);

    rc = ngx_sio_data_make(nc->data, &values, none, &connect->data);

    if (rc != NGX_OK
        || connect->claims.n + connect->data.n > nc->auth.limit)
    {
        ngx_sio_log_seldom(NGX_LOG_WARN, ngx_cycle->log,
                           "socketio CONNECT to namespace \"%*s\" refused, its "
                           "%uz bytes of claims and what socketio_data makes "
                           "of them are more than socketio_limit_data",
                           connect->namespace.n, connect->namespace.p,
                           connect->claims.n);

        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ngx_sio_data_make(const ngx_array_t *rules, const ngx_sio_values_t *values,
    sio_span_t old, sio_span_t *data)
{
    size_t                n;
    u_char               *start;
    ngx_int_t             rc;
    ngx_uint_t            i, nrules;
    ngx_sio_data_out_t    out;
    ngx_sio_data_rule_t  *rule;

    static u_char         json[NGX_SIO_DATA_MAX + 1];

    out.p = json;
    out.last = json + NGX_SIO_DATA_MAX;
    out.full = 0;

    /* each member has a comma behind it, of which the last one goes */

    ngx_sio_data_write(&out, sio_span("{"));
    ngx_sio_data_keep(&out, rules, old);

    nrules = rules ? rules->nelts : 0;

    for (i = 0; i < nrules && !out.full; i++) {
        rule = (ngx_sio_data_rule_t *) rules->elts + i;
        start = out.p;

        ngx_sio_data_write(&out, sio_span("\""));
        ngx_sio_data_escape(&out, rule->name);
        ngx_sio_data_write(&out, sio_span("\":"));

        rc = ngx_sio_data_value(&rule->value.template, values, out.p,
                                out.last - out.p, &n);

        if (rc == NGX_DECLINED) {
            out.p = start;
            continue;
        }

        out.full |= rc != NGX_OK;
        out.p += rc == NGX_OK ? n : 0;

        ngx_sio_data_write(&out, sio_span(","));
    }

    if (out.full) {
        return NGX_DECLINED;
    }

    out.p[-1] = '}';

    data->p = json;
    data->n = out.p - json > 1 ? (size_t) (out.p - json) : 0;

    return NGX_OK;
}


static void
ngx_sio_data_keep(ngx_sio_data_out_t *out, const ngx_array_t *rules,
    sio_span_t old)
{
    sio_json_t         v;
    sio_json_iter_t    it;
    sio_json_member_t  m;

    if (old.n == 0
        || sio_json_parse(old, SIO_JSON_DEPTH, &v, NULL) != SIO_OK
        || v.kind != SIO_JSON_OBJECT)
    {
        return;
    }

    sio_json_iter(&it, &v);

    while (sio_json_next(&it, &m)) {

        if (ngx_sio_data_ruled(rules, &m.key)) {
            continue;
        }

        ngx_sio_data_write(out, m.key.raw);
        ngx_sio_data_write(out, sio_span(":"));
        ngx_sio_data_write(out, m.value.raw);
        ngx_sio_data_write(out, sio_span(","));
    }
}


static ngx_uint_t
ngx_sio_data_ruled(const ngx_array_t *rules, const sio_json_t *key)
{
    ngx_uint_t            i;
    ngx_sio_data_rule_t  *rule;

    for (i = 0; rules && i < rules->nelts; i++) {
        rule = (ngx_sio_data_rule_t *) rules->elts + i;

        if (sio_json_is(key, rule->name)) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_sio_data_value(const sio_template_t *t, const ngx_sio_values_t *values,
    u_char *dst, size_t size, size_t *n)
{
    unsigned             i;
    ngx_int_t            rc;
    sio_json_t           v;
    ngx_sio_data_out_t   out;

    out.p = dst;
    out.last = dst + size;
    out.full = 0;

    v.kind = SIO_JSON_NONE;

    if (t->n == 1 && t->names == 1
        && ngx_strncmp(t->parts[0].text.p, "jwt", 3) == 0)
    {
        v = ngx_sio_data_claim(&t->parts[0], values);

        if (v.kind == SIO_JSON_NONE) {
            return NGX_DECLINED;
        }

        ngx_sio_data_write(&out, v.raw);

    } else {
        ngx_sio_data_write(&out, sio_span("\""));

        for (i = 0; i < t->n; i++) {
            rc = ngx_sio_data_text(&out, &t->parts[i], values);

            if (rc != NGX_OK) {
                return rc;
            }
        }

        ngx_sio_data_write(&out, sio_span("\""));
    }

    *n = out.p - dst;

    return out.full ? NGX_ABORT : NGX_OK;
}


static ngx_int_t
ngx_sio_data_text(ngx_sio_data_out_t *out, const sio_template_part_t *part,
    const ngx_sio_values_t *values)
{
    sio_json_t  v;

    if (part->kind == SIO_TEMPLATE_STAR) {
        ngx_sio_data_write(out, sio_span("*"));
        return NGX_OK;
    }

    if (part->kind == SIO_TEMPLATE_TEXT) {
        ngx_sio_data_escape(out, part->text);
        return NGX_OK;
    }

    if (sio_span_eq(part->text, sio_span("socket.id"))) {
        ngx_sio_data_write(out, values->socket);
        return NGX_OK;
    }

    if (sio_span_eq(part->text, sio_span("namespace"))) {
        ngx_sio_data_escape(out, values->namespace);
        return NGX_OK;
    }

    v = ngx_sio_data_claim(part, values);

    switch (v.kind) {

    case SIO_JSON_STRING:
        v.raw.p++;
        v.raw.n -= 2;
        break;

    case SIO_JSON_NUMBER:
    case SIO_JSON_TRUE:
    case SIO_JSON_FALSE:
        break;

    default:
        return NGX_DECLINED;
    }

    ngx_sio_data_write(out, v.raw);

    return NGX_OK;
}


/* The name is  jwt  for all claims, or  jwt.NAME. */

static sio_json_t
ngx_sio_data_claim(const sio_template_part_t *part,
    const ngx_sio_values_t *values)
{
    ngx_str_t  name;

    if (part->text.n == 3) {
        return values->claims;
    }

    name.data = (u_char *) part->text.p + 4;
    name.len = part->text.n - 4;

    return ngx_sio_claim(&values->claims, &name);
}


static void
ngx_sio_data_write(ngx_sio_data_out_t *out, sio_span_t text)
{
    if (text.n > (size_t) (out->last - out->p)) {
        out->full = 1;

    } else {
        out->p = ngx_cpymem(out->p, text.p, text.n);
    }
}


/* In pieces: UTF-8 needs no escaping, so it does not matter where they end. */

static void
ngx_sio_data_escape(ngx_sio_data_out_t *out, sio_span_t text)
{
    sio_span_t       piece, json;

    static u_char    escaped[6 * NGX_SIO_DATA_TEXT];

    while (text.n) {
        piece.p = text.p;
        piece.n = ngx_min(text.n, NGX_SIO_DATA_TEXT);

        text.p += piece.n;
        text.n -= piece.n;

        json.p = escaped;
        json.n = sio_json_escape(escaped, piece);

        ngx_sio_data_write(out, json);
    }
}
