
/*
 * socketio_namespace: reads the blocks of a location, and settles which
 * namespaces an endpoint has.
 *
 * nginx has no context for such a block, so its lines come here by cf->handler.
 * They fill a location's configuration of their own, so that a directive has
 * one parser wherever it stands.
 */

#include "ngx_http_sio_setters.h"
#include "ngx_sio_announce.h"
#include "ngx_sio_compress.h"


static char *ngx_http_sio_namespace_name(ngx_conf_t *cf,
    ngx_sio_namespace_conf_t *nc);
static char *ngx_http_sio_namespace_regex(ngx_conf_t *cf,
    ngx_sio_namespace_conf_t *nc);
static char *ngx_http_sio_namespace_add(ngx_conf_t *cf,
    ngx_http_sio_loc_conf_t *slcf, ngx_sio_namespace_conf_t *nc);
static char *ngx_http_sio_namespace_line(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf);
static ngx_command_t *ngx_http_sio_namespace_command(ngx_str_t *name);
static char *ngx_http_sio_namespaces_copy(ngx_conf_t *cf,
    ngx_http_sio_loc_conf_t *conf, ngx_uint_t patterns);
static char *ngx_http_sio_check_namespace(ngx_conf_t *cf,
    ngx_sio_endpoint_t *endpoint, ngx_sio_namespace_conf_t *nc);
static char *ngx_http_sio_check_rooms(ngx_conf_t *cf,
    ngx_sio_namespace_conf_t *nc);
static ngx_uint_t ngx_http_sio_is_pattern(ngx_sio_namespace_conf_t *nc);
static ngx_array_t *ngx_http_sio_default_events(ngx_conf_t *cf,
    ngx_str_t *name);


static ngx_str_t  ngx_http_sio_join_events[] = {
    ngx_string("join"),
    ngx_string("join:*"),
    ngx_string("rejoin"),
    ngx_null_string
};


static ngx_str_t  ngx_http_sio_leave_events[] = {
    ngx_string("leave"),
    ngx_string("leave:*"),
    ngx_null_string
};


static ngx_str_t  ngx_http_sio_refresh_events[] = {
    ngx_string("auth:refresh"),
    ngx_null_string
};


void
ngx_http_sio_namespace_unset(ngx_sio_namespace_conf_t *nc)
{
    ngx_http_sio_auth_unset(&nc->auth);
    ngx_http_sio_namespace_limits_unset(nc);
    nc->rooms = NGX_CONF_UNSET_PTR;
    nc->data = NGX_CONF_UNSET_PTR;
    nc->join_events = NGX_CONF_UNSET_PTR;
    nc->leave_events = NGX_CONF_UNSET_PTR;
    nc->refresh_events = NGX_CONF_UNSET_PTR;
    nc->events = NGX_CONF_UNSET_PTR;
    nc->limit_rooms = NGX_CONF_UNSET_UINT;
    nc->room_max_length = NGX_CONF_UNSET_UINT;
    nc->send_buffer = NGX_CONF_UNSET_SIZE;
    nc->compression = NGX_CONF_UNSET_SIZE;
}


char *
ngx_http_sio_namespace_merge(ngx_conf_t *cf, ngx_sio_namespace_conf_t *prev,
    ngx_sio_namespace_conf_t *conf)
{
    ngx_conf_merge_ptr_value(conf->rooms, prev->rooms, NULL);
    ngx_conf_merge_ptr_value(conf->data, prev->data, NULL);
    ngx_conf_merge_ptr_value(conf->join_events, prev->join_events, NULL);
    ngx_conf_merge_ptr_value(conf->leave_events, prev->leave_events, NULL);
    ngx_conf_merge_ptr_value(conf->refresh_events, prev->refresh_events, NULL);
    ngx_conf_merge_ptr_value(conf->events, prev->events, NULL);
    ngx_conf_merge_uint_value(conf->limit_rooms, prev->limit_rooms, 64);
    ngx_conf_merge_uint_value(conf->room_max_length, prev->room_max_length,
                              128);
    ngx_conf_merge_size_value(conf->send_buffer, prev->send_buffer,
                              1024 * 1024);
    ngx_conf_merge_size_value(conf->compression, prev->compression,
                              NGX_SIO_COMPRESS_OFF);
    ngx_http_sio_namespace_limits_merge(prev, conf);

    if (!conf->recovery.set) {
        conf->recovery = prev->recovery;
    }

    if (!conf->announce.set) {
        conf->announce = prev->announce;
    }

    if (conf->join_events == NULL) {
        conf->join_events = ngx_http_sio_default_events(cf,
                                                     ngx_http_sio_join_events);
    }

    if (conf->leave_events == NULL) {
        conf->leave_events = ngx_http_sio_default_events(cf,
                                                    ngx_http_sio_leave_events);
    }

    if (conf->refresh_events == NULL) {
        conf->refresh_events = ngx_http_sio_default_events(cf,
                                                  ngx_http_sio_refresh_events);
    }

    if (conf->join_events == NULL || conf->leave_events == NULL
        || conf->refresh_events == NULL)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_sio_auth_merge(cf, &prev->auth, &conf->auth);
}


static ngx_array_t *
ngx_http_sio_default_events(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_array_t  *events;

    events = NGX_CONF_UNSET_PTR;

    for ( /* void */ ; name->len; name++) {
        if (ngx_http_sio_add_pattern(cf, &events, name, "event")
            != NGX_CONF_OK)
        {
            return NULL;
        }
    }

    return events;
}


char *
ngx_http_sio_namespace_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                      *rv;
    ngx_conf_t                 save;
    ngx_http_sio_loc_conf_t   *block;
    ngx_sio_namespace_conf_t  *nc;

    block = ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_loc_conf_t));
    if (block == NULL) {
        return NGX_CONF_ERROR;
    }

    nc = &block->endpoint.defaults;
    ngx_http_sio_namespace_unset(nc);

    rv = ngx_http_sio_namespace_name(cf, nc);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_sio_namespace_add(cf, conf, nc);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    save = *cf;
    cf->handler = ngx_http_sio_namespace_line;
    cf->handler_conf = (void *) block;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    return rv;
}


static char *
ngx_http_sio_namespace_name(ngx_conf_t *cf, ngx_sio_namespace_conf_t *nc)
{
    char       *why;
    ngx_str_t  *value;

    value = cf->args->elts;
    nc->name = value[1];

    if (value[1].data[0] == '~') {
        return ngx_http_sio_namespace_regex(cf, nc);
    }

    why = ngx_http_sio_bad_name(&value[1]);

    if (value[1].data[0] != '/') {
        why = "needs \"/\" in front, or \"~\" if it is a regular expression";

    } else if (value[1].len > NGX_SIO_NAMESPACE_NAME_MAX) {
        why = "is too long: names have at most 128 bytes";

    } else if (ngx_strchr(value[1].data, ',') != NULL) {
        why = "has a comma, which ends a name in the protocol";
    }

    if (why != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "socketio_namespace \"%V\" %s", &value[1], why);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


#if (NGX_PCRE)

static char *
ngx_http_sio_namespace_regex(ngx_conf_t *cf, ngx_sio_namespace_conf_t *nc)
{
    u_char               errstr[NGX_MAX_CONF_ERRSTR];
    ngx_regex_compile_t  rc;

    ngx_memzero(&rc, sizeof(ngx_regex_compile_t));

    rc.pattern = nc->name;
    rc.pattern.data++;
    rc.pattern.len--;
    rc.pool = cf->pool;
    rc.err.data = errstr;
    rc.err.len = NGX_MAX_CONF_ERRSTR;

    if (rc.pattern.data[0] == '*') {
        rc.pattern.data++;
        rc.pattern.len--;
        rc.options = NGX_REGEX_CASELESS;
    }

    if (rc.pattern.len == 0) {
        return "needs a regular expression right after the \"~\"";
    }

    if (ngx_regex_compile(&rc) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "socketio_namespace \"%V\": %V",
                           &nc->name, &rc.err);
        return NGX_CONF_ERROR;
    }

    nc->regex = rc.regex;

    return NGX_CONF_OK;
}

#else

static char *
ngx_http_sio_namespace_regex(ngx_conf_t *cf, ngx_sio_namespace_conf_t *nc)
{
    return "needs an nginx with PCRE for a regular expression";
}

#endif


static char *
ngx_http_sio_namespace_add(ngx_conf_t *cf, ngx_http_sio_loc_conf_t *slcf,
    ngx_sio_namespace_conf_t *nc)
{
    ngx_uint_t                  i;
    ngx_sio_namespace_conf_t  **elts;

    if (slcf->blocks == NULL) {
        slcf->blocks = ngx_array_create(cf->pool, 4, sizeof(nc));
        if (slcf->blocks == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    elts = slcf->blocks->elts;

    for (i = 0; i < slcf->blocks->nelts; i++) {
        if (elts[i]->name.len == nc->name.len
            && ngx_memcmp(elts[i]->name.data, nc->name.data, nc->name.len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate socketio_namespace \"%V\"",
                               &nc->name);
            return NGX_CONF_ERROR;
        }
    }

    elts = ngx_array_push(slcf->blocks);
    if (elts == NULL) {
        return NGX_CONF_ERROR;
    }

    *elts = nc;

    return NGX_CONF_OK;
}


/* One line of a block; counts its arguments as nginx does for others. */

static char *
ngx_http_sio_namespace_line(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    char           *rv;
    ngx_str_t      *value;
    ngx_uint_t      wrong;
    ngx_command_t  *cmd;

    value = cf->args->elts;

    cmd = ngx_http_sio_namespace_command(&value[0]);

    if (cmd == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" directive is not allowed in a "
                           "socketio_namespace block", &value[0]);
        return NGX_CONF_ERROR;
    }

    wrong = (cmd->type & NGX_CONF_1MORE)
            ? cf->args->nelts < 2
            : cf->args->nelts > NGX_CONF_MAX_ARGS
              || !(cmd->type & (NGX_CONF_NOARGS << (cf->args->nelts - 1)));
    rv = wrong ? "has an invalid number of arguments"
               : cmd->set(cf, cmd, conf);

    if (rv == NGX_CONF_OK || rv == NGX_CONF_ERROR) {
        return rv;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" directive %s",
                       &value[0], rv);

    return NGX_CONF_ERROR;
}


/* Directives of a block are those whose field is a namespace's, and include. */

static ngx_command_t *
ngx_http_sio_namespace_command(ngx_str_t *name)
{
    size_t          from, to;
    ngx_command_t  *cmd;

    static ngx_command_t  include = {
        ngx_string("include"),
        NGX_CONF_TAKE1,
        ngx_conf_include,
        0, 0, NULL
    };

    if (ngx_strcmp(name->data, include.name.data) == 0) {
        return &include;
    }

    from = offsetof(ngx_http_sio_loc_conf_t, endpoint.defaults);
    to = from + sizeof(ngx_sio_namespace_conf_t);

    for (cmd = ngx_socketio_module.commands; cmd->name.len; cmd++) {

        if (cmd->conf == NGX_HTTP_LOC_CONF_OFFSET
            && cmd->offset >= from && cmd->offset < to
            && cmd->name.len == name->len
            && ngx_strcmp(cmd->name.data, name->data) == 0)
        {
            return cmd;
        }
    }

    return NULL;
}


char *
ngx_http_sio_namespaces_merge(ngx_conf_t *cf, ngx_http_sio_loc_conf_t *conf)
{
    ngx_uint_t                  n;
    ngx_sio_endpoint_t         *endpoint;
    ngx_sio_namespace_conf_t  **nc;

    endpoint = &conf->endpoint;
    n = conf->blocks ? conf->blocks->nelts : 1;

    endpoint->namespaces = ngx_array_create(cf->pool, n, sizeof(*nc));
    if (endpoint->namespaces == NULL) {
        return NGX_CONF_ERROR;
    }

    if (conf->blocks == NULL) {
        ngx_str_set(&endpoint->defaults.name, "/");

        nc = ngx_array_push(endpoint->namespaces);
        *nc = &endpoint->defaults;

        return ngx_http_sio_check_namespace(cf, endpoint, *nc);
    }

    if (ngx_http_sio_namespaces_copy(cf, conf, 0) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_sio_namespaces_copy(cf, conf, 1);
}


/*
 * Adds merged copies of the blocks with names, or of those with patterns: a
 * nested location may use the same blocks with other defaults.
 */

static char *
ngx_http_sio_namespaces_copy(ngx_conf_t *cf, ngx_http_sio_loc_conf_t *conf,
    ngx_uint_t patterns)
{
    ngx_uint_t                  i;
    ngx_sio_namespace_conf_t   *nc, **block, **slot;

    block = conf->blocks->elts;

    for (i = 0; i < conf->blocks->nelts; i++) {

        if (ngx_http_sio_is_pattern(block[i]) != patterns) {
            continue;
        }

        nc = ngx_palloc(cf->pool, sizeof(ngx_sio_namespace_conf_t));
        slot = ngx_array_push(conf->endpoint.namespaces);

        if (nc == NULL || slot == NULL) {
            return NGX_CONF_ERROR;
        }

        *nc = *block[i];
        *slot = nc;

        if (ngx_http_sio_namespace_merge(cf, &conf->endpoint.defaults, nc)
            != NGX_CONF_OK
            || ngx_http_sio_check_namespace(cf, &conf->endpoint, nc)
               != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_sio_is_pattern(ngx_sio_namespace_conf_t *nc)
{
    return nc->name.data[0] == '~';
}


/* Refuses what cannot work, and tells the zone what is to be announced. */

static char *
ngx_http_sio_check_namespace(ngx_conf_t *cf, ngx_sio_endpoint_t *endpoint,
    ngx_sio_namespace_conf_t *nc)
{
    ngx_uint_t             i;
    ngx_sio_event_rule_t  *rule;

    rule = nc->events ? nc->events->elts : NULL;

    for (nc->notices = 0, i = 0; rule && i < nc->events->nelts; i++) {
        nc->notices |= rule[i].when == NGX_SIO_ON_DISCONNECT;
    }

    if (nc->auth.mode != NGX_SIO_AUTH_OFF) {

        if (nc->auth.keys == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "socketio_auth of namespace \"%V\" has no key: "
                               "add socketio_jwt_key or socketio_jwt_jwks",
                               &nc->name);
            return NGX_CONF_ERROR;
        }

        endpoint->auth = 1;
    }

    if (nc->compression != NGX_SIO_COMPRESS_OFF) {
        endpoint->compression = 1;
    }

    if (nc->announce.join.len || nc->announce.leave.len) {
        nc->announce.id = ngx_sio_announce_add(cf, endpoint->zone,
                                               &nc->announce.join,
                                               &nc->announce.leave);
        if (nc->announce.id == 0) {
            return NGX_CONF_ERROR;
        }
    }

    return ngx_http_sio_check_rooms(cf, nc) == NGX_CONF_OK
           ? ngx_http_sio_check_on(cf, nc) : NGX_CONF_ERROR;
}


static char *
ngx_http_sio_check_rooms(ngx_conf_t *cf, ngx_sio_namespace_conf_t *nc)
{
    ngx_uint_t            i;
    ngx_sio_room_rule_t  *rule;

    if (nc->rooms == NULL) {
        return NGX_CONF_OK;
    }

    rule = nc->rooms->elts;

    for (i = 0; i < nc->rooms->nelts; i++) {

        if (rule[i].pattern.template.names == 0
            && rule[i].pattern.text.len > nc->room_max_length)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "socketio_room \"%V\" of namespace \"%V\" is "
                               "longer than socketio_room_max_length %ui "
                               "allows", &rule[i].pattern.text, &nc->name,
                               nc->room_max_length);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}
