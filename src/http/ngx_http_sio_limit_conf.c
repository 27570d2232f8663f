
/*
 * Parsers of the directives that bound what clients may do, and of rates
 * wherever they stand.
 */

#include "ngx_http_sio_setters.h"


#define NGX_HTTP_SIO_RATE_MAX   1000000         /* units per second */
#define NGX_HTTP_SIO_BURST_MAX  1000000
#define NGX_HTTP_SIO_LIMIT_MAX  10000000        /* sessions, sockets */

#define NGX_HTTP_SIO_UNSET      ((uint32_t) -1) /* of a rate, or a burst */


static char *ngx_http_sio_read_rate(ngx_conf_t *cf, sio_rate_t *rate,
    ngx_uint_t *action);
static char *ngx_http_sio_rate_parameter(ngx_str_t *value, sio_rate_t *rate,
    ngx_uint_t *action);
static void ngx_http_sio_rate_merge(const sio_rate_t *prev, sio_rate_t *conf);
static ngx_uint_t ngx_http_sio_read_limit(u_char *text, size_t n);


void
ngx_http_sio_limits_unset(ngx_sio_endpoint_t *endpoint)
{
    endpoint->limit_connections = NGX_CONF_UNSET_UINT;
    endpoint->limit_address = NGX_CONF_UNSET_UINT;
    endpoint->limit_connects.rate = NGX_HTTP_SIO_UNSET;
}


/* The two of socketio_limit_connections are inherited together. */

void
ngx_http_sio_limits_merge(ngx_sio_endpoint_t *prev, ngx_sio_endpoint_t *conf)
{
    if (conf->limit_connections == NGX_CONF_UNSET_UINT
        && conf->limit_address == NGX_CONF_UNSET_UINT)
    {
        conf->limit_connections = prev->limit_connections;
        conf->limit_address = prev->limit_address;
    }

    ngx_conf_init_uint_value(conf->limit_connections, 0);
    ngx_conf_init_uint_value(conf->limit_address, 0);

    ngx_http_sio_rate_merge(&prev->limit_connects, &conf->limit_connects);
}


void
ngx_http_sio_namespace_limits_unset(ngx_sio_namespace_conf_t *nc)
{
    nc->limit_events.rate = NGX_HTTP_SIO_UNSET;
    nc->limit_sockets = NGX_CONF_UNSET_UINT;
}


void
ngx_http_sio_namespace_limits_merge(ngx_sio_namespace_conf_t *prev,
    ngx_sio_namespace_conf_t *conf)
{
    if (conf->limit_events.rate == NGX_HTTP_SIO_UNSET) {
        conf->limit_action = prev->limit_action;
    }

    ngx_http_sio_rate_merge(&prev->limit_events, &conf->limit_events);
    ngx_conf_merge_uint_value(conf->limit_sockets, prev->limit_sockets, 0);
}


static void
ngx_http_sio_rate_merge(const sio_rate_t *prev, sio_rate_t *conf)
{
    if (conf->rate == NGX_HTTP_SIO_UNSET) {
        *conf = *prev;
    }

    if (conf->rate == NGX_HTTP_SIO_UNSET) {
        conf->rate = 0;
    }
}


/* socketio_limit_events off | rate=R burst=N [drop|disconnect] */

char *
ngx_http_sio_set_limit_events(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_loc_conf_t *slcf = conf;

    return ngx_http_sio_read_rate(cf, &slcf->endpoint.defaults.limit_events,
                                  &slcf->endpoint.defaults.limit_action);
}


/* socketio_limit_connects off | rate=R burst=N */

char *
ngx_http_sio_set_limit_connects(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_sio_loc_conf_t *slcf = conf;

    return ngx_http_sio_read_rate(cf, &slcf->endpoint.limit_connects, NULL);
}


static char *
ngx_http_sio_read_rate(ngx_conf_t *cf, sio_rate_t *rate, ngx_uint_t *action)
{
    char        *why;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (rate->rate != NGX_HTTP_SIO_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        rate->rate = 0;

        return cf->args->nelts == 2 ? NGX_CONF_OK
                                    : "has parameters after \"off\"";
    }

    rate->burst = NGX_HTTP_SIO_UNSET;

    for (i = 1; i < cf->args->nelts; i++) {
        why = ngx_http_sio_rate_parameter(&value[i], rate, action);

        if (why) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "parameter \"%V\" of %V %s",
                               &value[i], &value[0], why);
            return NGX_CONF_ERROR;
        }
    }

    if (rate->rate == NGX_HTTP_SIO_UNSET
        || rate->burst == NGX_HTTP_SIO_UNSET)
    {
        return "needs a rate and a burst, such as rate=10r/s burst=20";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_rate_parameter(ngx_str_t *value, sio_rate_t *rate,
    ngx_uint_t *action)
{
    ngx_str_t  text;

    if (ngx_http_sio_value(value, "rate=", &text)) {
        return rate->rate == NGX_HTTP_SIO_UNSET
               ? ngx_http_sio_parse_rate(&text, rate) : "is a second rate";
    }

    if (ngx_http_sio_value(value, "burst=", &text)) {
        return rate->burst == NGX_HTTP_SIO_UNSET
               ? ngx_http_sio_parse_burst(&text, rate) : "is a second burst";
    }

    if (action && ngx_strcmp(value->data, "drop") == 0) {
        *action = NGX_SIO_LIMIT_DROP;
        return NULL;
    }

    if (action && ngx_strcmp(value->data, "disconnect") == 0) {
        *action = NGX_SIO_LIMIT_DISCONNECT;
        return NULL;
    }

    return action ? "is not known: it takes rate=10r/s, burst=20, and \"drop\" "
                    "or \"disconnect\"; or \"off\" alone"
                  : "is not known: it takes rate=10r/s and burst=20; or "
                    "\"off\" alone";
}


/* socketio_limit_sockets off | user=N */

char *
ngx_http_sio_set_limit_sockets(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_loc_conf_t *slcf = conf;

    ngx_str_t   *value;
    ngx_uint_t  *limit;

    limit = &slcf->endpoint.defaults.limit_sockets;

    if (*limit != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    *limit = 0;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[1].data, "user=", 5) == 0) {
        *limit = ngx_http_sio_read_limit(value[1].data + 5, value[1].len - 5);
    }

    return *limit ? NGX_CONF_OK
                  : "needs user=N, sockets of one user from 1 to 10000000, or "
                    "\"off\"";
}


/* socketio_limit_connections off | N [per=address] */

char *
ngx_http_sio_set_limit_connections(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_sio_loc_conf_t *slcf = conf;

    ngx_str_t           *value;
    ngx_uint_t          *limit;
    ngx_sio_endpoint_t  *endpoint;

    value = cf->args->elts;
    endpoint = &slcf->endpoint;
    limit = &endpoint->limit_connections;

    if (ngx_strcmp(value[1].data, "off") == 0) {

        if (endpoint->limit_connections != NGX_CONF_UNSET_UINT
            || endpoint->limit_address != NGX_CONF_UNSET_UINT)
        {
            return "is duplicate";
        }

        endpoint->limit_connections = 0;
        endpoint->limit_address = 0;

        return cf->args->nelts == 2 ? NGX_CONF_OK
                                    : "has parameters after \"off\"";
    }

    if (cf->args->nelts == 3) {

        if (ngx_strcmp(value[2].data, "per=address") != 0) {
            return "takes nothing after the number but \"per=address\"";
        }

        limit = &endpoint->limit_address;
    }

    if (*limit != NGX_CONF_UNSET_UINT) {
        return "is duplicate: one is for all sessions, and one with "
               "\"per=address\"";
    }

    *limit = ngx_http_sio_read_limit(value[1].data, value[1].len);

    return *limit ? NGX_CONF_OK
                  : "needs a number of sessions from 1 to 10000000, or \"off\"";
}


/* 0: it is none. */

static ngx_uint_t
ngx_http_sio_read_limit(u_char *text, size_t n)
{
    ngx_int_t  limit;

    limit = ngx_atoi(text, n);

    return limit > 0 && limit <= NGX_HTTP_SIO_LIMIT_MAX ? (ngx_uint_t) limit
                                                        : 0;
}


char *
ngx_http_sio_parse_rate(ngx_str_t *text, sio_rate_t *rate)
{
    size_t     n;
    ngx_int_t  units, scale;

    n = text->len;

    if (n > 3 && ngx_strncmp(text->data + n - 3, "r/s", 3) == 0) {
        scale = 1;

    } else if (n > 3 && ngx_strncmp(text->data + n - 3, "r/m", 3) == 0) {
        scale = 60;

    } else {
        return "needs a unit: 10r/s, or 10r/m";
    }

    units = ngx_atoi(text->data, n - 3);

    if (units <= 0 || units > NGX_HTTP_SIO_RATE_MAX) {
        return "must be from 1 to 1000000 per second or minute";
    }

    rate->rate = (uint32_t) (units * 1000 / scale);

    return NULL;
}


char *
ngx_http_sio_parse_burst(ngx_str_t *text, sio_rate_t *rate)
{
    ngx_int_t  n;

    n = ngx_atoi(text->data, text->len);

    if (n < 0 || n > NGX_HTTP_SIO_BURST_MAX) {
        return "must be from 0 to 1000000";
    }

    rate->burst = (uint32_t) n;

    return NULL;
}
