
/*
 * Parsers of directives: what the configuration's author wrote becomes the
 * structs of ngx_http_sio_conf.h, and what cannot work is refused here with a
 * sentence that says what to write.  Called while the configuration is read;
 * never merges, never looks at other locations.
 */

#include "ngx_http_sio_setters.h"


#define NGX_HTTP_SIO_ZONE_MAX  ((int64_t) 64 << 30)
#define NGX_HTTP_SIO_LOG_MAX   ((int64_t) 4 << 30)


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


ngx_uint_t
ngx_http_sio_value(const ngx_str_t *parameter, const char *name,
    ngx_str_t *value)
{
    size_t  n;

    n = ngx_strlen(name);

    if (parameter->len < n || ngx_strncmp(parameter->data, name, n) != 0) {
        return 0;
    }

    value->data = parameter->data + n;
    value->len = parameter->len - n;

    return 1;
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

        if (zone->name.len == 0
            && ngx_strncmp(value[i].data, "zone=", 5) == 0)
        {
            rv = ngx_http_sio_zone_name(cf, zone, &value[i]);

            if (rv != NGX_CONF_OK) {
                return rv;
            }

            continue;
        }

        if (ngx_http_sio_value(&value[i], "log=", &size)) {
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
    slcf->ctx = cf->ctx;

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
