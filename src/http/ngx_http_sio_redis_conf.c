
/*
 * The nginx module ngx_socketio_redis_module: its directive, and the life of
 * clusters in a worker.
 */

#include "ngx_http_sio_errand.h"
#include "ngx_http_sio_setters.h"
#include "ngx_sio_cluster.h"


typedef struct {
    ngx_array_t    clusters;            /* of ngx_sio_redis_conf_t */
} ngx_http_sio_redis_main_conf_t;


static void *ngx_http_sio_redis_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_sio_redis_init_main_conf(ngx_conf_t *cf, void *conf);
static char *ngx_http_sio_redis_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_sio_redis_parameter(ngx_conf_t *cf,
    ngx_sio_redis_conf_t *rc, ngx_str_t *value);
static ngx_uint_t ngx_http_sio_redis_twice(const ngx_str_t *value,
    ngx_uint_t n);
static char *ngx_http_sio_redis_env(ngx_conf_t *cf, ngx_sio_redis_conf_t *rc,
    ngx_str_t *name);
static char *ngx_http_sio_redis_tls(ngx_conf_t *cf, ngx_sio_redis_conf_t *rc,
    ngx_str_t *url);
static ngx_uint_t ngx_http_sio_redis_is_tls(const ngx_str_t *url);
static char *ngx_http_sio_redis_url(ngx_conf_t *cf, ngx_sio_redis_conf_t *rc,
    ngx_str_t *value);
static char *ngx_http_sio_redis_user(ngx_conf_t *cf, ngx_sio_redis_conf_t *rc,
    ngx_str_t *rest);
static char *ngx_http_sio_redis_db(ngx_sio_redis_conf_t *rc, ngx_str_t *rest);
static char *ngx_http_sio_redis_address(ngx_conf_t *cf,
    ngx_sio_redis_conf_t *rc, ngx_str_t *host);
static char *ngx_http_sio_redis_resolve(ngx_conf_t *cf,
    ngx_sio_redis_conf_t *rc);
static void ngx_http_sio_redis_decode(ngx_str_t *text);
static ngx_int_t ngx_http_sio_redis_init_process(ngx_cycle_t *cycle);
static void ngx_http_sio_redis_exit_process(ngx_cycle_t *cycle);


extern ngx_module_t  ngx_socketio_redis_module;


static ngx_command_t  ngx_http_sio_redis_commands[] = {

    { ngx_string("socketio_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_sio_redis_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_sio_redis_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_http_sio_redis_create_main_conf,   /* create main configuration */
    ngx_http_sio_redis_init_main_conf,     /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_socketio_redis_module = {
    NGX_MODULE_V1,
    &ngx_http_sio_redis_module_ctx,        /* module context */
    ngx_http_sio_redis_commands,           /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_sio_redis_init_process,       /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_sio_redis_exit_process,       /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_http_sio_redis_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_sio_redis_main_conf_t  *rmcf;

    rmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_redis_main_conf_t));
    if (rmcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&rmcf->clusters, cf->pool, 1,
                       sizeof(ngx_sio_redis_conf_t))
        != NGX_OK)
    {
        return NULL;
    }

    return rmcf;
}


/* Zones count wherever they stand, so they are looked up at the end. */

static char *
ngx_http_sio_redis_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_sio_redis_main_conf_t *rmcf = conf;

    ngx_str_t             *name;
    ngx_uint_t             i;
    ngx_sio_zone_t        *zone;
    ngx_sio_redis_conf_t  *rc;

    rc = rmcf->clusters.elts;

    for (i = 0; i < rmcf->clusters.nelts; i++) {
        name = &rc[i].zone_name;
        zone = ngx_http_sio_zone(cf, name);

        if (zone == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown zone \"%V\" in \"socketio_redis\": "
                               "declare it with \"socketio_zone zone=%V:64m\"",
                               name, name);
            return NGX_CONF_ERROR;
        }

        if (zone->bus != NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate \"socketio_redis\" for zone \"%V\"",
                               name);
            return NGX_CONF_ERROR;
        }

        if (ngx_http_sio_redis_resolve(cf, &rc[i]) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }

        zone->bus = &ngx_sio_cluster_bus;
        zone->node = rc[i].node;
        rc[i].zone = zone;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_redis_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_redis_main_conf_t *rmcf = conf;

    char                  *rv;
    ngx_str_t             *value;
    ngx_uint_t             i;
    ngx_sio_redis_conf_t  *rc;

    value = cf->args->elts;

    rc = ngx_array_push(&rmcf->clusters);
    if (rc == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(rc, sizeof(ngx_sio_redis_conf_t));
    rc->zone_name = value[1];
    ngx_str_set(&rc->prefix, "socket.io");

    rv = ngx_http_sio_redis_url(cf, rc, &value[2]);

    for (i = 3; rv == NGX_CONF_OK && i < cf->args->nelts; i++) {

        if (ngx_http_sio_redis_twice(value, i)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter \"%V\" of socketio_redis",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        rv = ngx_http_sio_redis_parameter(cf, rc, &value[i]);
    }

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (rc->user.len && rc->password.len == 0) {
        return "has a user without a password";
    }

    return ngx_http_sio_redis_tls(cf, rc, &value[2]);
}


static char *
ngx_http_sio_redis_parameter(ngx_conf_t *cf, ngx_sio_redis_conf_t *rc,
    ngx_str_t *value)
{
    ngx_str_t   text;
    ngx_uint_t  i;

    if (ngx_strcmp(value->data, "adapter=pubsub") == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_http_sio_value(value, "env=", &text)) {
        return ngx_http_sio_redis_env(cf, rc, &text);
    }

    if (ngx_http_sio_value(value, "prefix=", &rc->prefix)) {

        for (i = 0; i < rc->prefix.len; i++) {
            if (rc->prefix.data[i] <= ' ' || rc->prefix.data[i] == '#') {
                break;
            }
        }

        if (rc->prefix.len && rc->prefix.len <= 128 && i == rc->prefix.len) {
            return NGX_CONF_OK;
        }

        return "needs a prefix of 1 to 128 characters without # and blanks";
    }

    if (ngx_strncmp(value->data, "node=", 5) == 0) {
        rc->node.data = value->data + 5;
        rc->node.len = value->len - 5;

        return ngx_http_sio_node_name(&rc->node)
               ? NGX_CONF_OK
               : "needs a node of 1 to 16 characters of [A-Za-z0-9_-]";
    }

    if (ngx_http_sio_value(value, "ca=", &rc->ca)) {
        return rc->ca.len ? NGX_CONF_OK : "needs a file as ca=";
    }

    if (ngx_strncmp(value->data, "verify=", 7) == 0) {
        rc->insecure = ngx_strcmp(value->data + 7, "off") == 0;

        return rc->insecure || ngx_strcmp(value->data + 7, "on") == 0
               ? NGX_CONF_OK : "needs verify=on or verify=off";
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of socketio_redis, write "
                       "ZONE redis[s]://HOST[:PORT][/DB] [adapter=pubsub] "
                       "[prefix=NAME] [node=NAME] [env=NAME] [ca=FILE] "
                       "[verify=off]", value);
    return NGX_CONF_ERROR;
}


/* Whether a parameter in front of value[n] has the same name. */

static ngx_uint_t
ngx_http_sio_redis_twice(const ngx_str_t *value, ngx_uint_t n)
{
    u_char      *p;
    ngx_uint_t   i;

    p = (u_char *) ngx_strchr(value[n].data, '=');

    for (i = 3; p && i < n; i++) {
        if (ngx_strncmp(value[i].data, value[n].data, p + 1 - value[n].data)
            == 0)
        {
            return 1;
        }
    }

    return 0;
}


static char *
ngx_http_sio_redis_env(ngx_conf_t *cf, ngx_sio_redis_conf_t *rc,
    ngx_str_t *name)
{
    char  *text;

    text = getenv((char *) name->data);

    if (text == NULL || *text == '\0') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "environment variable \"%V\" of socketio_redis is "
                           "not set", name);
        return NGX_CONF_ERROR;
    }

    if (rc->password.len) {
        return "has two passwords, in the URL and by env=";
    }

    rc->password.len = ngx_strlen(text);
    rc->password.data = ngx_pnalloc(cf->pool, rc->password.len);

    if (rc->password.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(rc->password.data, text, rc->password.len);

    return NGX_CONF_OK;
}


/* TLS is made at the end, when all that concerns it is known. */

static char *
ngx_http_sio_redis_tls(ngx_conf_t *cf, ngx_sio_redis_conf_t *rc,
    ngx_str_t *url)
{
    if (!ngx_http_sio_redis_is_tls(url)) {
        return rc->ca.len || rc->insecure
               ? "has ca= or verify=off without TLS: write rediss://"
               : NGX_CONF_OK;
    }

    if (rc->ca.len && rc->insecure) {
        return "has both ca= and verify=off";
    }

    return ngx_sio_redis_tls_init(cf, rc) == NGX_OK ? NGX_CONF_OK
                                                    : NGX_CONF_ERROR;
}


static ngx_uint_t
ngx_http_sio_redis_is_tls(const ngx_str_t *url)
{
    return ngx_strncmp(url->data, "rediss://", 9) == 0;
}


/* redis[s]://[[user]:password@]host[:port][/db], or unix:path. */

static char *
ngx_http_sio_redis_url(ngx_conf_t *cf, ngx_sio_redis_conf_t *rc,
    ngx_str_t *value)
{
    char       *rv;
    size_t      n;
    ngx_str_t   rest;

    if (ngx_strncmp(value->data, "unix:", 5) == 0) {
        return ngx_http_sio_redis_address(cf, rc, value);
    }

    n = ngx_http_sio_redis_is_tls(value) ? 9 : 8;

    if (n == 8 && ngx_strncmp(value->data, "redis://", 8) != 0) {
        return "needs a URL such as redis://127.0.0.1:6379, rediss://host or "
               "unix:/run/redis/redis-server.sock";
    }

    rest.data = value->data + n;
    rest.len = value->len - n;

    rv = ngx_http_sio_redis_user(cf, rc, &rest);

    if (rv == NGX_CONF_OK) {
        rv = ngx_http_sio_redis_db(rc, &rest);
    }

    return rv == NGX_CONF_OK ? ngx_http_sio_redis_address(cf, rc, &rest) : rv;
}


/* A password may have any character, an @ too: the last one counts. */

static char *
ngx_http_sio_redis_user(ngx_conf_t *cf, ngx_sio_redis_conf_t *rc,
    ngx_str_t *rest)
{
    size_t   i;
    u_char  *p;

    for (i = rest->len; i > 0 && rest->data[i - 1] != '@'; i--) {
        /* void */
    }

    if (i == 0) {
        return NGX_CONF_OK;
    }

    p = ngx_strlchr(rest->data, rest->data + i - 1, ':');

    rc->user.data = rest->data;
    rc->user.len = (p ? p : rest->data + i - 1) - rest->data;

    if (p) {
        rc->password.data = p + 1;
        rc->password.len = rest->data + i - 1 - (p + 1);
    }

    rest->data += i;
    rest->len -= i;

    ngx_http_sio_redis_decode(&rc->user);
    ngx_http_sio_redis_decode(&rc->password);

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_redis_db(ngx_sio_redis_conf_t *rc, ngx_str_t *rest)
{
    u_char     *p;
    ngx_int_t   n;

    p = ngx_strlchr(rest->data, rest->data + rest->len, '/');

    if (p == NULL) {
        return NGX_CONF_OK;
    }

    if (p + 1 < rest->data + rest->len) {
        n = ngx_atoi(p + 1, rest->data + rest->len - (p + 1));

        if (n == NGX_ERROR) {
            return "needs the number of a database after the host";
        }

        rc->db = n;
    }

    rest->len = p - rest->data;

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_redis_address(ngx_conf_t *cf, ngx_sio_redis_conf_t *rc,
    ngx_str_t *host)
{
    ngx_url_t  u;

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url = *host;
    u.default_port = 6379;
    u.no_resolve = 1;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s in \"%V\" of socketio_redis",
                           u.err ? u.err : "error", host);
        return NGX_CONF_ERROR;
    }

    rc->name = *host;
    rc->addrs = u.addrs;
    rc->naddrs = u.naddrs;
    rc->host = u.host;
    rc->port = u.port;

    return NGX_CONF_OK;
}


/* A resolver may stand behind socketio_redis, so names come last. */

static char *
ngx_http_sio_redis_resolve(ngx_conf_t *cf, ngx_sio_redis_conf_t *rc)
{
    ngx_url_t                  u;
    ngx_http_core_loc_conf_t  *clcf;

    if (rc->naddrs) {
        return NGX_CONF_OK;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* nginx has put one without servers where none is configured */

    if (clcf->resolver && clcf->resolver->connections.nelts) {
        rc->resolver = clcf->resolver;
        rc->resolver_timeout = clcf->resolver_timeout;
        return NGX_CONF_OK;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url = rc->name;
    u.default_port = 6379;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s in \"%V\" of socketio_redis",
                           u.err ? u.err : "error", &rc->name);
        return NGX_CONF_ERROR;
    }

    rc->addrs = u.addrs;
    rc->naddrs = u.naddrs;

    return NGX_CONF_OK;
}


static void
ngx_http_sio_redis_decode(ngx_str_t *text)
{
    u_char  *dst, *src;

    dst = text->data;
    src = text->data;

    ngx_unescape_uri(&dst, &src, text->len, 0);
    text->len = dst - text->data;
}


static ngx_int_t
ngx_http_sio_redis_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                       i;
    ngx_sio_redis_conf_t            *rc;
    ngx_http_sio_redis_main_conf_t  *rmcf;

    rmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_socketio_redis_module);

    if (rmcf == NULL || (ngx_process != NGX_PROCESS_WORKER
                         && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    rc = rmcf->clusters.elts;

    for (i = 0; i < rmcf->clusters.nelts; i++) {
        if (ngx_sio_cluster_init(&rc[i], cycle, ngx_http_sio_errand)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_sio_redis_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                       i;
    ngx_sio_redis_conf_t            *rc;
    ngx_http_sio_redis_main_conf_t  *rmcf;

    rmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_socketio_redis_module);

    if (rmcf == NULL) {
        return;
    }

    rc = rmcf->clusters.elts;

    for (i = 0; i < rmcf->clusters.nelts; i++) {
        ngx_sio_cluster_exit(rc[i].zone);
    }
}
