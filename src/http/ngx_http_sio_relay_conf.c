
/*
 * The rooms and the merged members of socketio_on's relays: templates which the
 * event, the socket and its claims fill in.  Called by ngx_http_sio_on_conf.c;
 * never looks at values.
 */

#include "ngx_http_sio_setters.h"
#include "sio_json.h"


static char *ngx_http_sio_relay_room(ngx_conf_t *cf,
    ngx_sio_event_rule_t *rule, ngx_str_t *text);
static char *ngx_http_sio_relay_merge(ngx_conf_t *cf,
    ngx_sio_event_rule_t *rule, ngx_str_t *text);
static char *ngx_http_sio_relay_merge_name(ngx_conf_t *cf,
    ngx_sio_event_rule_t *rule, ngx_sio_merge_t *merge);
static char *ngx_http_sio_relay_template(ngx_conf_t *cf,
    ngx_sio_event_rule_t *rule, ngx_sio_pattern_t *pattern, ngx_str_t *text,
    const char *what);
static ngx_uint_t ngx_http_sio_relay_known(sio_span_t name);
static ngx_uint_t ngx_http_sio_relay_argument(sio_span_t name);
static ngx_str_t ngx_http_sio_relay_word(ngx_str_t *text);


char *
ngx_http_sio_relay_rooms(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_str_t *text)
{
    char       *rv;
    ngx_str_t   rest, room;

    if (rule->rooms || rule->everybody) {
        return "is duplicate: write the rooms of one rule as room=A,B";
    }

    if (text->len == 1 && text->data[0] == '*') {
        rule->everybody = 1;
        return NGX_CONF_OK;
    }

    rule->rooms = ngx_array_create(cf->pool, 2, sizeof(ngx_sio_pattern_t));
    if (rule->rooms == NULL) {
        return NGX_CONF_ERROR;
    }

    rest = *text;

    do {
        room = ngx_http_sio_relay_word(&rest);
        rv = ngx_http_sio_relay_room(cf, rule, &room);
    } while (rv == NGX_CONF_OK && rest.data);

    return rv;
}


static char *
ngx_http_sio_relay_room(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_str_t *text)
{
    ngx_sio_pattern_t  *room;

    if (rule->rooms->nelts == NGX_SIO_ON_ROOMS) {
        return "has too many rooms";
    }

    room = ngx_array_push(rule->rooms);
    if (room == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_sio_relay_template(cf, rule, room, text, "room")
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (room->template.stars) {
        return "has a \"*\" in a room: write room=* alone for the namespace, "
               "or ${arg.0} where the client says which room";
    }

    return NGX_CONF_OK;
}


char *
ngx_http_sio_relay_merges(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_str_t *text)
{
    char       *rv;
    ngx_str_t   rest, merge;

    if (rule->merge) {
        return "is duplicate: write merge=NAME:TEMPLATE,NAME:TEMPLATE";
    }

    rule->merge = ngx_array_create(cf->pool, 2, sizeof(ngx_sio_merge_t));
    if (rule->merge == NULL) {
        return NGX_CONF_ERROR;
    }

    rest = *text;

    do {
        merge = ngx_http_sio_relay_word(&rest);
        rv = ngx_http_sio_relay_merge(cf, rule, &merge);
    } while (rv == NGX_CONF_OK && rest.data);

    return rv;
}


static char *
ngx_http_sio_relay_merge(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_str_t *text)
{
    char             *rv;
    u_char           *colon;
    ngx_str_t         value;
    ngx_sio_merge_t  *merge;

    colon = ngx_strlchr(text->data, text->data + text->len, ':');

    if (colon == NULL || colon == text->data) {
        return "needs a name before each value: write merge=NAME:TEMPLATE, "
               "such as merge=user:${jwt.sub}";
    }

    if (rule->merge->nelts == NGX_SIO_ON_MERGES) {
        return "has too many names";
    }

    merge = ngx_array_push(rule->merge);
    if (merge == NULL) {
        return NGX_CONF_ERROR;
    }

    merge->name.data = text->data;
    merge->name.len = colon - text->data;

    rv = ngx_http_sio_relay_merge_name(cf, rule, merge);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value.data = colon + 1;
    value.len = text->data + text->len - value.data;

    if (ngx_http_sio_relay_template(cf, rule, &merge->value, &value, "value")
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return merge->value.template.stars
           ? "has a \"*\" in a value, where it stands for nothing"
           : NGX_CONF_OK;
}


/* Keeps the name as the JSON string that it becomes. */

static char *
ngx_http_sio_relay_merge_name(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_sio_merge_t *merge)
{
    u_char           *p;
    sio_span_t        name;
    ngx_uint_t        i;
    ngx_sio_merge_t  *other;

    name.p = merge->name.data;
    name.n = merge->name.len;

    if (ngx_http_sio_bad_name(&merge->name) != NULL
        || sio_span_eq(name, sio_span("_placeholder"))
        || name.n > NGX_SIO_ON_NAME)
    {
        return "has a name that cannot be merged: \"_placeholder\" is "
               "Socket.IO's own, others have at most 128 printable bytes";
    }

    other = rule->merge->elts;

    for (i = 0; i + 1 < rule->merge->nelts; i++) {
        if (other[i].name.len == merge->name.len
            && ngx_memcmp(other[i].name.data, name.p, name.n) == 0)
        {
            return "has a name twice";
        }
    }

    p = ngx_pnalloc(cf->pool, 6 * name.n + 3);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    merge->key.data = p;
    *p++ = '"';
    p += sio_json_escape(p, name);
    *p++ = '"';
    *p++ = ':';
    merge->key.len = p - merge->key.data;

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_relay_template(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_sio_pattern_t *pattern, ngx_str_t *text, const char *what)
{
    unsigned              i;
    ngx_str_t             name;
    const char           *why;
    sio_template_part_t  *part;

    if (ngx_http_sio_read_pattern(cf, pattern, text, what) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < pattern->template.n; i++) {
        part = &pattern->template.parts[i];

        if (part->kind != SIO_TEMPLATE_NAME) {
            continue;
        }

        if (part->text.n > 4 && ngx_strncmp(part->text.p, "jwt.", 4) == 0) {
            rule->claims = 1;
        }

        why = NULL;

        if (!ngx_http_sio_relay_known(part->text)) {
            why = "is not known, write ${jwt.CLAIM}, ${arg.0}, "
                  "${arg.0.NAME}, ${socket.id}, ${namespace} or ${now}";

        } else if (i > 0 && part[-1].kind == SIO_TEMPLATE_NAME) {
            why = "follows another placeholder: write text between them, such "
                  "as \":\", or nobody knows where the one value ends";
        }

        if (why != NULL) {
            name.data = (u_char *) part->text.p;
            name.len = part->text.n;

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"${%V}\" of %s \"%V\" of socketio_on %s",
                               &name, what, text, why);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_sio_relay_known(sio_span_t name)
{
    return sio_span_eq(name, sio_span("socket.id"))
           || sio_span_eq(name, sio_span("namespace"))
           || sio_span_eq(name, sio_span("now"))
           || (name.n > 4 && ngx_strncmp(name.p, "jwt.", 4) == 0)
           || ngx_http_sio_relay_argument(name);
}


/* arg.N, arg.N.NAME, arg.N.NAME.NAME; N has one or two digits. */

static ngx_uint_t
ngx_http_sio_relay_argument(sio_span_t name)
{
    size_t  i;

    if (name.n < 5 || ngx_strncmp(name.p, "arg.", 4) != 0) {
        return 0;
    }

    for (i = 4; i < name.n && name.p[i] >= '0' && name.p[i] <= '9'; i++) {
        /* void */
    }

    if (i == 4 || i > 6 || (i < name.n && name.p[i] != '.')) {
        return 0;
    }

    for ( /* void */ ; i < name.n; i++) {
        if (name.p[i] == '.' && (i + 1 == name.n || name.p[i + 1] == '.')) {
            return 0;
        }
    }

    return 1;
}


/* Takes what stands before the next comma; without one, text.data is NULL. */

static ngx_str_t
ngx_http_sio_relay_word(ngx_str_t *text)
{
    size_t      i;
    ngx_str_t   word;
    ngx_uint_t  inside;

    inside = 0;

    for (i = 0; i < text->len; i++) {

        if (text->data[i] == '{') {
            inside = 1;

        } else if (text->data[i] == '}') {
            inside = 0;

        } else if (text->data[i] == ',' && !inside) {
            break;
        }
    }

    word.data = text->data;
    word.len = i;

    if (i == text->len) {
        ngx_str_null(text);

    } else {
        text->data += i + 1;
        text->len -= i + 1;
    }

    return word;
}
