
/*
 * Parsers of socketio_data, socketio_announce and socketio_recovery.  Called
 * while the configuration is read; never merges.
 */

#include "ngx_http_sio_setters.h"
#include "sio_packet.h"


#define NGX_HTTP_SIO_ANNOUNCE_MAX  1024     /* bytes of an event's name */
#define NGX_HTTP_SIO_RECOVERY_MAX  86400000     /* ms: a day */


static char *ngx_http_sio_data_rule(ngx_conf_t *cf, ngx_array_t *rules,
    ngx_str_t *value);
static ngx_uint_t ngx_http_sio_data_claims(const sio_template_t *t);
static char *ngx_http_sio_announce_event(ngx_conf_t *cf, ngx_str_t *value,
    ngx_sio_announce_rule_t *rule);


/* socketio_data NAME=TEMPLATE ... */

char *
ngx_http_sio_set_data(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    ngx_str_t     *value;
    ngx_uint_t     i;
    ngx_array_t  **rules;

    rules = (ngx_array_t **) (p + cmd->offset);

    if (*rules == NGX_CONF_UNSET_PTR) {
        *rules = ngx_array_create(cf->pool, 4, sizeof(ngx_sio_data_rule_t));
        if (*rules == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_sio_data_rule(cf, *rules, &value[i]) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_data_rule(ngx_conf_t *cf, ngx_array_t *rules, ngx_str_t *value)
{
    u_char               *eq;
    ngx_str_t             name, text;
    ngx_uint_t            i;
    ngx_sio_data_rule_t  *rule;

    eq = ngx_strlchr(value->data, value->data + value->len, '=');

    if (eq == NULL || eq == value->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" of socketio_data has no name, write "
                           "NAME=TEMPLATE, such as role=${jwt.role}", value);
        return NGX_CONF_ERROR;
    }

    name.data = value->data;
    name.len = eq - value->data;
    text.data = eq + 1;
    text.len = value->data + value->len - text.data;

    if (ngx_http_sio_bad_name(&name) != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "name \"%V\" of socketio_data %s", &name,
                           ngx_http_sio_bad_name(&name));
        return NGX_CONF_ERROR;
    }

    rule = rules->elts;

    for (i = 0; i < rules->nelts; i++) {
        if (rule[i].name.n == name.len
            && ngx_memcmp(rule[i].name.p, name.data, name.len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate \"%V\" of socketio_data", &name);
            return NGX_CONF_ERROR;
        }
    }

    rule = ngx_array_push(rules);
    if (rule == NULL) {
        return NGX_CONF_ERROR;
    }

    rule->name.p = name.data;
    rule->name.n = name.len;

    if (ngx_http_sio_read_pattern(cf, &rule->value, &text, "socketio_data")
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_sio_data_claims(&rule->value.template)
           ? NGX_CONF_OK
           : ngx_http_sio_known_names(cf, &rule->value, "socketio_data");
}


/* ${jwt} alone: all the claims. */

static ngx_uint_t
ngx_http_sio_data_claims(const sio_template_t *t)
{
    return t->n == 1
           && t->names == 1
           && sio_span_eq(t->parts[0].text, sio_span("jwt"));
}


/* socketio_announce [join=EVENT] [leave=EVENT] | off */

char *
ngx_http_sio_set_announce(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    ngx_str_t                *value;
    ngx_uint_t                i;
    ngx_sio_announce_rule_t  *rule;

    rule = (ngx_sio_announce_rule_t *) (p + cmd->offset);

    if (rule->set) {
        return "is duplicate";
    }

    rule->set = 1;
    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return cf->args->nelts == 2 ? NGX_CONF_OK
                                    : "has parameters after \"off\"";
    }

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_sio_announce_event(cf, &value[i], rule) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_announce_event(ngx_conf_t *cf, ngx_str_t *value,
    ngx_sio_announce_rule_t *rule)
{
    char        *why;
    size_t       skip;
    ngx_str_t   *event;
    sio_span_t   name;

    if (ngx_strncmp(value->data, "join=", 5) == 0) {
        event = &rule->join;
        skip = 5;

    } else if (ngx_strncmp(value->data, "leave=", 6) == 0) {
        event = &rule->leave;
        skip = 6;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "parameter \"%V\" of socketio_announce is not "
                           "known, it takes join=EVENT and leave=EVENT, or "
                           "\"off\"", value);
        return NGX_CONF_ERROR;
    }

    name.p = value->data + skip;
    name.n = value->len - skip;

    why = ngx_http_sio_bad_name(value);

    if (event->len) {
        why = "is duplicate";

    } else if (name.n == 0) {
        why = "needs the name of an event";

    } else if (name.n > NGX_HTTP_SIO_ANNOUNCE_MAX) {
        why = "is too long: names of events have at most 1024 bytes";

    } else if (sio_packet_reserved(name)) {
        why = "is reserved by Socket.IO: clients would take it for their own";
    }

    if (why != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%*s\" of socketio_announce %s",
                           (size_t) ngx_min(value->len, 64), value->data, why);
        return NGX_CONF_ERROR;
    }

    event->data = (u_char *) name.p;
    event->len = name.n;

    return NGX_CONF_OK;
}


/* socketio_recovery off | TIME [skip_auth] */

char *
ngx_http_sio_set_recovery(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    ngx_int_t                 time;
    ngx_str_t                *value;
    ngx_sio_recovery_rule_t  *rule;

    rule = (ngx_sio_recovery_rule_t *) (p + cmd->offset);

    if (rule->set) {
        return "is duplicate";
    }

    rule->set = 1;
    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return cf->args->nelts == 2 ? NGX_CONF_OK
                                    : "has a parameter after \"off\"";
    }

    time = ngx_parse_time(&value[1], 0);

    if (time == NGX_ERROR || time == 0
        || time > NGX_HTTP_SIO_RECOVERY_MAX)
    {
        return "wants \"off\" or a time from 1ms to 1d";
    }

    if (cf->args->nelts == 3) {

        if (ngx_strcmp(value[2].data, "skip_auth") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "parameter \"%V\" of socketio_recovery is not "
                               "\"skip_auth\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        rule->skip_auth = 1;
    }

    rule->time = time;

    return NGX_CONF_OK;
}
