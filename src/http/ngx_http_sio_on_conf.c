
/*
 * socketio_on: what becomes of clients' events.  Everything that a rule says is
 * checked here, so that the engine, which carries rules out, need not.  Called
 * while the configuration is read; never looks at events.
 */

#include "ngx_http_sio_setters.h"
#include "sio_packet.h"


#define NGX_HTTP_SIO_RELAYS    (1 << NGX_SIO_ON_RELAY)
#define NGX_HTTP_SIO_FORWARDS  (1 << NGX_SIO_ON_FORWARD)
#define NGX_HTTP_SIO_ALL       (NGX_HTTP_SIO_RELAYS|NGX_HTTP_SIO_FORWARDS     \
                                |(1 << NGX_SIO_ON_DROP))


typedef char *(*ngx_http_sio_on_pt)(ngx_conf_t *cf,
    ngx_sio_event_rule_t *rule, ngx_str_t *text);

/* An option; one whose name ends in "=" has a value. */
typedef struct {
    ngx_str_t            name;
    ngx_uint_t           actions;       /* that take it */
    ngx_http_sio_on_pt   set;           /* text is the value, or the option */
} ngx_http_sio_on_option_t;


static char *ngx_http_sio_on_pattern(ngx_conf_t *cf,
    ngx_sio_event_rule_t *rule, ngx_str_t *text);
static char *ngx_http_sio_on_action(ngx_conf_t *cf,
    ngx_sio_event_rule_t *rule, ngx_str_t *text);
static char *ngx_http_sio_on_options(ngx_conf_t *cf,
    ngx_sio_event_rule_t *rule, ngx_uint_t from);
static char *ngx_http_sio_on_option(ngx_conf_t *cf,
    ngx_sio_event_rule_t *rule, ngx_str_t *text);
static char *ngx_http_sio_on_settled(ngx_conf_t *cf,
    ngx_sio_event_rule_t *rule);
static char *ngx_http_sio_on_forward(ngx_conf_t *cf,
    ngx_sio_event_rule_t *rule);
static char *ngx_http_sio_on_flag(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_str_t *text);
static char *ngx_http_sio_on_if(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_str_t *text);
static char *ngx_http_sio_on_limit(ngx_conf_t *cf,
    ngx_sio_event_rule_t *rule, ngx_str_t *text);
static char *ngx_http_sio_on_burst(ngx_conf_t *cf,
    ngx_sio_event_rule_t *rule, ngx_str_t *text);
static char *ngx_http_sio_on_timeout(ngx_conf_t *cf,
    ngx_sio_event_rule_t *rule, ngx_str_t *text);


static ngx_http_sio_on_option_t  ngx_http_sio_on_list[] = {
    { ngx_string("room="), NGX_HTTP_SIO_RELAYS, ngx_http_sio_relay_rooms },
    { ngx_string("self"), NGX_HTTP_SIO_RELAYS, ngx_http_sio_on_flag },
    { ngx_string("any"), NGX_HTTP_SIO_RELAYS, ngx_http_sio_on_flag },
    { ngx_string("volatile"), NGX_HTTP_SIO_RELAYS, ngx_http_sio_on_flag },
    { ngx_string("merge="), NGX_HTTP_SIO_RELAYS, ngx_http_sio_relay_merges },
    { ngx_string("async"), NGX_HTTP_SIO_FORWARDS, ngx_http_sio_on_flag },
    { ngx_string("timeout="), NGX_HTTP_SIO_FORWARDS,
      ngx_http_sio_on_timeout },
    { ngx_string("if="), NGX_HTTP_SIO_ALL, ngx_http_sio_on_if },
    { ngx_string("limit="), NGX_HTTP_SIO_ALL, ngx_http_sio_on_limit },
    { ngx_string("burst="), NGX_HTTP_SIO_ALL, ngx_http_sio_on_burst },
    { ngx_null_string, 0, NULL }
};


/* By action: what it is called, and what it takes. */
static const char  *ngx_http_sio_on_actions[][2] = {
    { "relay", "\"relay\" takes room=, self, any, volatile, merge=, "
               "if=CLAIM=VALUE, and limit=RATE with burst=N" },
    { "forward", "\"forward\" takes a URI, async, timeout=, if=CLAIM=VALUE, "
                 "and limit=RATE with burst=N" },
    { "drop", "\"drop\" takes if=CLAIM=VALUE, and limit=RATE with burst=N" }
};


/* socketio_on PATTERN relay|forward|drop ... */

char *
ngx_http_sio_set_on(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    ngx_str_t              *value;
    ngx_uint_t              from;
    ngx_array_t           **rules;
    ngx_sio_event_rule_t   *rule;

    rules = (ngx_array_t **) (p + cmd->offset);

    if (*rules == NGX_CONF_UNSET_PTR) {
        *rules = ngx_array_create(cf->pool, 4, sizeof(ngx_sio_event_rule_t));
        if (*rules == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    rule = ngx_array_push(*rules);
    if (rule == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(rule, sizeof(ngx_sio_event_rule_t));

    if (cf->args->nelts < 3) {
        return "needs an action after the event: write relay, forward or drop";
    }

    value = cf->args->elts;

    if (ngx_http_sio_on_action(cf, rule, &value[2]) != NGX_CONF_OK
        || ngx_http_sio_on_pattern(cf, rule, &value[1]) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    from = 3;

    if (rule->action == NGX_SIO_ON_FORWARD && cf->args->nelts > 3) {
        rule->uri = value[from++];
    }

    if (ngx_http_sio_on_options(cf, rule, from) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_sio_on_settled(cf, rule);
}


static char *
ngx_http_sio_on_action(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_str_t *text)
{
    ngx_uint_t  i;

    for (i = 0; i <= NGX_SIO_ON_DROP; i++) {
        if (ngx_strcmp(text->data, ngx_http_sio_on_actions[i][0]) == 0) {
            rule->action = i;
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "action \"%V\" of socketio_on is not known, write "
                       "relay, forward or drop", text);

    return NGX_CONF_ERROR;
}


/* No client can send "connect": as a pattern it is the server's own event. */

static char *
ngx_http_sio_on_pattern(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_str_t *text)
{
    sio_span_t    name;
    ngx_array_t   patterns, *p;

    name.p = text->data;
    name.n = text->len;

    if (sio_span_eq(name, sio_span("connect"))) {
        rule->when = NGX_SIO_ON_CONNECT;

    } else if (sio_span_eq(name, sio_span("disconnect"))) {
        rule->when = NGX_SIO_ON_DISCONNECT;

    } else if (sio_packet_reserved(name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "event \"%V\" of socketio_on is reserved by "
                           "Socket.IO: no client can send it", text);
        return NGX_CONF_ERROR;
    }

    if (rule->when != NGX_SIO_ON_EVENT && rule->action != NGX_SIO_ON_FORWARD) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" of socketio_on is no event of a client, it "
                           "can only be forwarded: write \"socketio_on %V "
                           "forward /URI;\"", text, text);
        return NGX_CONF_ERROR;
    }

    if (ngx_array_init(&patterns, cf->temp_pool, 1, sizeof(ngx_sio_pattern_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    p = &patterns;

    if (ngx_http_sio_add_pattern(cf, &p, text, "socketio_on") != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    rule->pattern = *(ngx_sio_pattern_t *) patterns.elts;

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_on_options(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_uint_t from)
{
    char        *rv;
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = from; i < cf->args->nelts; i++) {
        rv = ngx_http_sio_on_option(cf, rule, &value[i]);

        if (rv == NGX_CONF_ERROR) {
            return rv;
        }

        if (rv != NGX_CONF_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" of socketio_on \"%V\" %s", &value[i],
                               &rule->pattern.text, rv);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* Returns what is wrong as the end of a sentence. */

static char *
ngx_http_sio_on_option(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_str_t *text)
{
    ngx_str_t                  value;
    ngx_uint_t                 has;
    ngx_http_sio_on_option_t  *option;

    for (option = ngx_http_sio_on_list; option->name.len; option++) {
        has = option->name.data[option->name.len - 1] == '=';

        if ((option->actions & (1 << rule->action)) == 0
            || text->len < option->name.len
            || (!has && text->len != option->name.len)
            || ngx_strncmp(text->data, option->name.data, option->name.len)
               != 0)
        {
            continue;
        }

        value = *text;

        if (has && option->set != ngx_http_sio_on_if) {
            value.data += option->name.len;
            value.len -= option->name.len;
        }

        return option->set(cf, rule, &value);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "option \"%V\" of socketio_on \"%V\" is not known: %s",
                       text, &rule->pattern.text,
                       ngx_http_sio_on_actions[rule->action][1]);

    return NGX_CONF_ERROR;
}


/* What only the whole rule can tell. */

static char *
ngx_http_sio_on_settled(ngx_conf_t *cf, ngx_sio_event_rule_t *rule)
{
    if (rule->limit.burst && rule->limit.rate == 0) {
        return "has burst= without limit=RATE, such as limit=10r/s";
    }

    if (rule->action == NGX_SIO_ON_FORWARD) {
        return ngx_http_sio_on_forward(cf, rule);
    }

    if (rule->action == NGX_SIO_ON_RELAY
        && rule->rooms == NULL && !rule->everybody)
    {
        return "relays to nobody: write room=TEMPLATE, or room=* for the "
               "namespace";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_on_forward(ngx_conf_t *cf, ngx_sio_event_rule_t *rule)
{
    if (rule->uri.len == 0 || rule->uri.data[0] != '/') {
        return "needs the URI of a location after \"forward\", such as /_chat";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_on_flag(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_str_t *text)
{
    if (ngx_strcmp(text->data, "self") == 0) {
        rule->self = 1;

    } else if (ngx_strcmp(text->data, "any") == 0) {
        rule->any = 1;

    } else if (ngx_strcmp(text->data, "volatile") == 0) {
        rule->is_volatile = 1;

    } else {
        rule->async = 1;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_on_if(ngx_conf_t *cf, ngx_sio_event_rule_t *rule, ngx_str_t *text)
{
    if (ngx_http_sio_parse_if(text, &rule->claim, &rule->value) != NGX_OK) {
        return "is no condition, write one if=CLAIM=VALUE";
    }

    rule->claims = 1;

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_on_limit(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_str_t *text)
{
    if (rule->limit.rate) {
        return "is duplicate";
    }

    return ngx_http_sio_parse_rate(text, &rule->limit);
}


static char *
ngx_http_sio_on_burst(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_str_t *text)
{
    if (rule->limit.burst) {
        return "is duplicate";
    }

    return ngx_http_sio_parse_burst(text, &rule->limit);
}


static char *
ngx_http_sio_on_timeout(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_str_t *text)
{
    ngx_int_t  ms;

    if (rule->timeout) {
        return "is duplicate";
    }

    ms = ngx_parse_time(text, 0);

    if (ms == NGX_ERROR || ms == 0) {
        return "needs a time, such as timeout=5s";
    }

    rule->timeout = ms;

    return NGX_CONF_OK;
}


char *
ngx_http_sio_check_on(ngx_conf_t *cf, ngx_sio_namespace_conf_t *nc)
{
    ngx_uint_t             i, j;
    ngx_sio_pattern_t     *room;
    ngx_sio_event_rule_t  *rule;

    for (i = 0; nc->events && i < nc->events->nelts; i++) {
        rule = (ngx_sio_event_rule_t *) nc->events->elts + i;

        for (j = 0; rule->rooms && j < rule->rooms->nelts; j++) {
            room = (ngx_sio_pattern_t *) rule->rooms->elts + j;

            if (room->template.names || room->text.len <= nc->room_max_length)
            {
                continue;
            }

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "room \"%V\" of socketio_on \"%V\" of namespace "
                               "\"%V\" is longer than "
                               "socketio_room_max_length %ui allows",
                               &room->text, &rule->pattern.text, &nc->name,
                               nc->room_max_length);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}
