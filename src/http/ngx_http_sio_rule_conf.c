
/*
 * Parsers of the directives that name rooms and events: patterns and templates
 * are split here, and what no client could ever send is refused.  Called while
 * the configuration is read; never merges.
 */

#include "ngx_http_sio_setters.h"
#include "sio_packet.h"
#include "sio_utf8.h"


static ngx_uint_t ngx_http_sio_room_adjacent(const sio_template_t *t);
static char *ngx_http_sio_room_parameter(ngx_conf_t *cf,
    ngx_sio_room_rule_t *rule, ngx_str_t *value);
static char *ngx_http_sio_add_events(ngx_conf_t *cf, ngx_array_t **events);


/* socketio_room TEMPLATE [auto] [if=CLAIM=VALUE] */

char *
ngx_http_sio_set_room(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    ngx_str_t             *value;
    ngx_uint_t             i;
    ngx_array_t          **rooms;
    ngx_sio_room_rule_t   *rule;

    rooms = (ngx_array_t **) (p + cmd->offset);

    if (*rooms == NGX_CONF_UNSET_PTR) {
        *rooms = ngx_array_create(cf->pool, 4, sizeof(ngx_sio_room_rule_t));
        if (*rooms == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    rule = ngx_array_push(*rooms);
    if (rule == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(rule, sizeof(ngx_sio_room_rule_t));

    value = cf->args->elts;

    if (ngx_http_sio_read_pattern(cf, &rule->pattern, &value[1],
                                  "socketio_room")
        != NGX_CONF_OK
        || ngx_http_sio_known_names(cf, &rule->pattern, "socketio_room")
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_sio_room_adjacent(&rule->pattern.template)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "socketio_room \"%V\" needs text between "
                           "placeholders, such as \":\", or different values "
                           "make the same room", &value[1]);
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_sio_room_parameter(cf, rule, &value[i]) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (rule->automatic && rule->pattern.template.stars) {
        return "cannot join a room with \"*\" by \"auto\"";
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_sio_room_adjacent(const sio_template_t *t)
{
    unsigned  i;

    for (i = 1; i < t->n; i++) {
        if (t->parts[i - 1].kind == SIO_TEMPLATE_NAME
            && t->parts[i].kind == SIO_TEMPLATE_NAME)
        {
            return 1;
        }
    }

    return 0;
}


static char *
ngx_http_sio_room_parameter(ngx_conf_t *cf, ngx_sio_room_rule_t *rule,
    ngx_str_t *value)
{
    if (ngx_strcmp(value->data, "auto") == 0) {
        rule->automatic = 1;
        return NGX_CONF_OK;
    }

    if (ngx_http_sio_parse_if(value, &rule->claim, &rule->value) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "parameter \"%V\" of socketio_room is not known, "
                           "it takes \"auto\" and one if=CLAIM=VALUE; write "
                           "one socketio_room for each room", value);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_sio_parse_if(ngx_str_t *text, ngx_str_t *claim, ngx_str_t *value)
{
    u_char  *eq;

    if (ngx_strncmp(text->data, "if=", 3) != 0 || claim->len) {
        return NGX_DECLINED;
    }

    eq = (u_char *) ngx_strchr(text->data + 3, '=');

    if (eq == NULL || eq == text->data + 3) {
        return NGX_DECLINED;
    }

    claim->data = text->data + 3;
    claim->len = eq - claim->data;
    value->data = eq + 1;
    value->len = text->data + text->len - value->data;

    return NGX_OK;
}


char *
ngx_http_sio_known_names(ngx_conf_t *cf, ngx_sio_pattern_t *pattern,
    const char *what)
{
    unsigned              i;
    ngx_str_t             name;
    sio_template_part_t  *part;

    for (i = 0; i < pattern->template.n; i++) {
        part = &pattern->template.parts[i];

        if (part->kind != SIO_TEMPLATE_NAME
            || sio_span_eq(part->text, sio_span("socket.id"))
            || sio_span_eq(part->text, sio_span("namespace"))
            || (part->text.n > 4 && ngx_strncmp(part->text.p, "jwt.", 4) == 0))
        {
            continue;
        }

        name.data = (u_char *) part->text.p;
        name.len = part->text.n;

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"${%V}\" of %s \"%V\" is not known, "
                           "write ${jwt.CLAIM}, ${socket.id} or ${namespace}",
                           &name, what, &pattern->text);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* "off" is an array without events: none is set is another thing. */

char *
ngx_http_sio_set_events(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    ngx_str_t     *value;
    ngx_uint_t     i;
    ngx_array_t  **events;

    value = cf->args->elts;
    events = (ngx_array_t **) (p + cmd->offset);

    if (*events != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_strcmp(value[i].data, "off") == 0) {
            break;
        }
    }

    if (i == cf->args->nelts) {
        return ngx_http_sio_add_events(cf, events);
    }

    if (cf->args->nelts != 2) {
        return "takes \"off\" alone, without events";
    }

    *events = ngx_array_create(cf->pool, 1, sizeof(ngx_sio_pattern_t));

    return *events ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_sio_add_events(ngx_conf_t *cf, ngx_array_t **events)
{
    char        *rv;
    ngx_str_t   *value;
    sio_span_t   name;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        name.p = value[i].data;
        name.n = value[i].len;

        if (sio_packet_reserved(name)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "event \"%V\" of %V is reserved by Socket.IO: "
                               "no client can send it", &value[i], &value[0]);
            return NGX_CONF_ERROR;
        }

        rv = ngx_http_sio_add_pattern(cf, events, &value[i],
                                      (char *) value[0].data);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_http_sio_add_pattern(ngx_conf_t *cf, ngx_array_t **patterns,
    ngx_str_t *text, const char *what)
{
    ngx_str_t           name;
    ngx_uint_t          i;
    ngx_sio_pattern_t  *pattern;

    if (*patterns == NGX_CONF_UNSET_PTR) {
        *patterns = ngx_array_create(cf->pool, 4, sizeof(ngx_sio_pattern_t));
        if (*patterns == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    pattern = ngx_array_push(*patterns);

    if (pattern == NULL
        || ngx_http_sio_read_pattern(cf, pattern, text, what) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < pattern->template.n; i++) {

        if (pattern->template.parts[i].kind == SIO_TEMPLATE_NAME) {
            name.data = (u_char *) pattern->template.parts[i].text.p;
            name.len = pattern->template.parts[i].text.n;

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"${%V}\" of %s \"%V\" is not known, "
                               "write \"*\" for what may differ",
                               &name, what, text);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_http_sio_read_pattern(ngx_conf_t *cf, ngx_sio_pattern_t *pattern,
    ngx_str_t *text, const char *what)
{
    sio_span_t   span;
    const char  *why;

    pattern->text = *text;
    span.p = text->data;
    span.n = text->len;
    why = ngx_http_sio_bad_name(text);

    if (why != NULL
        || sio_template_parse(span, &pattern->template, &why) != SIO_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s \"%V\" %s",
                           what, text, why);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_sio_bad_name(ngx_str_t *name)
{
    size_t      i;
    sio_span_t  span;

    for (i = 0; i < name->len; i++) {
        if (name->data[i] < 0x20 || name->data[i] == 0x7f) {
            return "has control characters";
        }
    }

    span.p = name->data;
    span.n = name->len;

    return sio_utf8_valid(span) ? NULL : "is not UTF-8";
}
