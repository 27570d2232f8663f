
/*
 * Parsers of directives: what the configuration's author wrote becomes the
 * structs of ngx_http_sio_conf.h, and what cannot work is refused here with a
 * sentence that says what to write.  Called while the configuration is read;
 * never merges, never looks at other locations.
 */

#include "ngx_http_sio_setters.h"
#include "sio_packet.h"
#include "sio_utf8.h"


#define NGX_HTTP_SIO_ZONE_MAX  ((int64_t) 64 << 30)
#define NGX_HTTP_SIO_LOG_MAX   ((int64_t) 4 << 30)


static char *ngx_http_sio_room_parameter(ngx_conf_t *cf,
    ngx_sio_room_rule_t *rule, ngx_str_t *value);
static char *ngx_http_sio_known_names(ngx_conf_t *cf,
    ngx_sio_pattern_t *pattern);
static char *ngx_http_sio_read_pattern(ngx_conf_t *cf,
    ngx_sio_pattern_t *pattern, ngx_str_t *text, const char *what);
static char *ngx_http_sio_zone_name(ngx_conf_t *cf, ngx_sio_zone_t *zone,
    ngx_str_t *value);
static char *ngx_http_sio_zone_sizes(ngx_conf_t *cf, ngx_sio_zone_t *zone);
static ngx_uint_t ngx_http_sio_token(ngx_str_t *name);


char *
ngx_http_sio_check_range(ngx_conf_t *cf, void *post, void *data)
{
    ngx_http_sio_range_t *range = post;
    ngx_uint_t           *value = data;

    if (*value < range->low || *value > range->high) {
        return range->text;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_sio_set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_main_conf_t *smcf = conf;

    char             *rv;
    ngx_str_t        *value, size;
    ngx_uint_t        i;
    ngx_sio_zone_t   *zone, **slot;

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_sio_zone_t));
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->log_size = NGX_SIO_LOG_SIZE;
    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "zone=", 5) == 0) {
            rv = ngx_http_sio_zone_name(cf, zone, &value[i]);

            if (rv != NGX_CONF_OK) {
                return rv;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "log=", 4) == 0) {
            size.data = value[i].data + 4;
            size.len = value[i].len - 4;
            zone->log_size = (size_t) ngx_parse_size(&size);

            if (zone->log_size != (size_t) NGX_ERROR) {
                continue;
            }
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" of socketio_zone, "
                           "write zone=NAME:SIZE [log=SIZE]", &value[i]);
        return NGX_CONF_ERROR;
    }

    if (zone->name.len == 0) {
        return "needs zone=NAME:SIZE";
    }

    rv = ngx_http_sio_zone_sizes(cf, zone);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (smcf->zones.nelts == 0
        && ngx_sio_slots_add_zone(cf, &ngx_socketio_module) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    slot = ngx_array_push(&smcf->zones);
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = ngx_sio_zone_add(cf, zone, &ngx_socketio_module);

    return *slot == NULL ? NGX_CONF_ERROR : NGX_CONF_OK;
}


/* Reads zone=NAME:SIZE. */

static char *
ngx_http_sio_zone_name(ngx_conf_t *cf, ngx_sio_zone_t *zone, ngx_str_t *value)
{
    u_char     *p;
    ngx_str_t   size;

    zone->name.data = value->data + 5;
    p = (u_char *) ngx_strchr(zone->name.data, ':');

    if (p == NULL || p == zone->name.data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" of socketio_zone, "
                           "write zone=NAME:SIZE, such as zone=app:64m", value);
        return NGX_CONF_ERROR;
    }

    zone->name.len = p - zone->name.data;
    size.data = p + 1;
    size.len = value->data + value->len - size.data;
    zone->size = (size_t) ngx_parse_size(&size);

    if (zone->size == (size_t) NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\" of socketio_zone \"%V\", "
                           "write a number with \"k\" or \"m\"",
                           &size, &zone->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_sio_zone(cf, &zone->name) != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate socketio_zone \"%V\"", &zone->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_zone_sizes(ngx_conf_t *cf, ngx_sio_zone_t *zone)
{
    if (zone->size < NGX_SIO_ZONE_MIN
        || (int64_t) zone->size > NGX_HTTP_SIO_ZONE_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "socketio_zone \"%V\" cannot have that size, "
                           "write 512k to 65536m", &zone->name);
        return NGX_CONF_ERROR;
    }

    if (zone->log_size < NGX_SIO_LOG_MIN
        || (int64_t) zone->log_size > NGX_HTTP_SIO_LOG_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the log of socketio_zone \"%V\" cannot have that "
                           "size, write 256k to 4096m", &zone->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_sio_zone_t *
ngx_http_sio_zone(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_uint_t                  i;
    ngx_sio_zone_t            **zone;
    ngx_http_sio_main_conf_t   *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_socketio_module);
    zone = smcf->zones.elts;

    for (i = 0; i < smcf->zones.nelts; i++) {
        if (zone[i]->name.len == name->len
            && ngx_memcmp(zone[i]->name.data, name->data, name->len) == 0)
        {
            return zone[i];
        }
    }

    return NULL;
}


char *
ngx_http_sio_set_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_loc_conf_t *slcf = conf;

    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    if (slcf->zone_name.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "needs the name of a socketio_zone";
    }

    slcf->zone_name = value[1];

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_sio_handler;

    return NGX_CONF_OK;
}


char *
ngx_http_sio_set_transports(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_loc_conf_t *slcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i, transport;

    if (slcf->transports != 0) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "polling") == 0) {
            transport = NGX_HTTP_SIO_POLLING;

        } else if (ngx_strcmp(value[i].data, "websocket") == 0) {
            transport = NGX_HTTP_SIO_WEBSOCKET;

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "transport \"%V\" of socketio_transports is "
                               "not known, write \"polling\", \"websocket\" "
                               "or both", &value[i]);
            return NGX_CONF_ERROR;
        }

        slcf->transports |= NGX_CONF_BITMASK_SET | transport;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_sio_set_cookie(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_loc_conf_t *slcf = conf;

    u_char      *p;
    size_t       len;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (slcf->cookie.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        ngx_str_set(&slcf->cookie, "");
        ngx_str_set(&slcf->cookie_attributes, "");

        return cf->args->nelts == 2 ? NGX_CONF_OK
                                    : "has parameters after \"off\"";
    }

    if (!ngx_http_sio_token(&value[1])) {
        return "needs a name without blanks and separators, such as \"io\"";
    }

    slcf->cookie = value[1];

    if (cf->args->nelts == 2) {
        ngx_str_set(&slcf->cookie_attributes,
                    "; Path=/; HttpOnly; SameSite=Lax");
        return NGX_CONF_OK;
    }

    len = 0;

    for (i = 2; i < cf->args->nelts; i++) {
        len += 2 + value[i].len;

        if (value[i].len == 0
            || ngx_strlchr(value[i].data, value[i].data + value[i].len, ';')
            || ngx_http_sio_bad_name(&value[i]))
        {
            return "has a bad attribute, write each as a word of its own: "
                   "Path=/ Secure HttpOnly";
        }
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    slcf->cookie_attributes.data = p;
    slcf->cookie_attributes.len = len;

    for (i = 2; i < cf->args->nelts; i++) {
        *p++ = ';';
        *p++ = ' ';
        p = ngx_cpymem(p, value[i].data, value[i].len);
    }

    return NGX_CONF_OK;
}


/* RFC 9110, section 5.6.2. */

static ngx_uint_t
ngx_http_sio_token(ngx_str_t *name)
{
    size_t  i;

    for (i = 0; i < name->len; i++) {
        if (name->data[i] <= ' ' || name->data[i] >= 0x7f
            || ngx_strchr("()<>@,;:\\\"/[]?={}", name->data[i]))
        {
            return 0;
        }
    }

    return name->len != 0;
}


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
        || ngx_http_sio_known_names(cf, &rule->pattern) != NGX_CONF_OK)
    {
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


static char *
ngx_http_sio_room_parameter(ngx_conf_t *cf, ngx_sio_room_rule_t *rule,
    ngx_str_t *value)
{
    u_char  *eq;

    if (ngx_strcmp(value->data, "auto") == 0) {
        rule->automatic = 1;
        return NGX_CONF_OK;
    }

    eq = NULL;

    if (ngx_strncmp(value->data, "if=", 3) == 0) {
        eq = (u_char *) ngx_strchr(value->data + 3, '=');
    }

    if (eq == NULL || eq == value->data + 3 || rule->claim.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "parameter \"%V\" of socketio_room is not known, "
                           "it takes \"auto\" and one if=CLAIM=VALUE; write "
                           "one socketio_room for each room", value);
        return NGX_CONF_ERROR;
    }

    rule->claim.data = value->data + 3;
    rule->claim.len = eq - rule->claim.data;
    rule->value.data = eq + 1;
    rule->value.len = value->data + value->len - rule->value.data;

    return NGX_CONF_OK;
}


/* What rooms may be made of: claims, and what a socket is. */

static char *
ngx_http_sio_known_names(ngx_conf_t *cf, ngx_sio_pattern_t *pattern)
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
                           "\"${%V}\" of socketio_room \"%V\" is not known, "
                           "write ${jwt.CLAIM}, or \"*\" for what may differ",
                           &name, &pattern->text);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_sio_set_events(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    char         *rv;
    ngx_str_t    *value;
    sio_span_t    name;
    ngx_uint_t    i;
    ngx_array_t **events;

    events = (ngx_array_t **) (p + cmd->offset);

    if (*events != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

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


static char *
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
