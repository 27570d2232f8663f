
/*
 * ngx_socketio_module: the defaults of its directives, and its life in a
 * process.  The directives are in ngx_http_sio_commands.c, what an endpoint
 * does with a request in ngx_http_sio_endpoint.c, what sessions do in the
 * engine.
 */

#include "ngx_http_sio_call.h"
#include "ngx_http_sio_setters.h"
#include "ngx_sio_worker.h"


static void *ngx_http_sio_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_sio_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_sio_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_sio_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static void ngx_http_sio_merge_endpoint(ngx_sio_endpoint_t *prev,
    ngx_sio_endpoint_t *conf);
static char *ngx_http_sio_add_endpoint(ngx_conf_t *cf,
    ngx_http_sio_loc_conf_t *conf);
static uint32_t ngx_http_sio_endpoint_id(ngx_conf_t *cf,
    ngx_http_sio_loc_conf_t *conf);
static ngx_http_sio_main_conf_t *ngx_http_sio_running(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_sio_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_sio_init_process(ngx_cycle_t *cycle);
static void ngx_http_sio_exit_process(ngx_cycle_t *cycle);


static ngx_http_module_t  ngx_http_sio_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_http_sio_create_main_conf,         /* create main configuration */
    ngx_http_sio_init_main_conf,           /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_sio_create_loc_conf,          /* create location configuration */
    ngx_http_sio_merge_loc_conf            /* merge location configuration */
};


ngx_module_t  ngx_socketio_module = {
    NGX_MODULE_V1,
    &ngx_http_sio_module_ctx,              /* module context */
    ngx_http_sio_commands,                 /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_sio_init_module,              /* init module */
    ngx_http_sio_init_process,             /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_sio_exit_process,             /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_http_sio_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_sio_main_conf_t  *smcf;

    smcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_main_conf_t));
    if (smcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&smcf->zones, cf->pool, 2, sizeof(ngx_sio_zone_t *))
        != NGX_OK
        || ngx_array_init(&smcf->endpoints, cf->pool, 4,
                          sizeof(ngx_sio_endpoint_t *))
           != NGX_OK)
    {
        return NULL;
    }

    smcf->drain = NGX_CONF_UNSET_MSEC;

    return smcf;
}


static char *
ngx_http_sio_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_sio_main_conf_t *smcf = conf;

    ngx_conf_init_msec_value(smcf->drain, 10000);

    return NGX_CONF_OK;
}


static void *
ngx_http_sio_create_loc_conf(ngx_conf_t *cf)
{
    ngx_sio_endpoint_t       *endpoint;
    ngx_http_sio_loc_conf_t  *conf;

    /* transports, both parts of the cookie, blocks and the zone begin as 0 */

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->origin = NGX_CONF_UNSET_UINT;

    endpoint = &conf->endpoint;
    endpoint->ping_interval = NGX_CONF_UNSET_MSEC;
    endpoint->ping_timeout = NGX_CONF_UNSET_MSEC;
    endpoint->connect_timeout = NGX_CONF_UNSET_MSEC;
    endpoint->upgrade_timeout = NGX_CONF_UNSET_MSEC;
    endpoint->max_payload = NGX_CONF_UNSET_SIZE;
    endpoint->limit_namespaces = NGX_CONF_UNSET_UINT;
    ngx_http_sio_limits_unset(endpoint);
    endpoint->forward_queue = NGX_CONF_UNSET_UINT;
    endpoint->forward_retry = NGX_CONF_UNSET_MSEC;
    ngx_http_sio_namespace_unset(&endpoint->defaults);

    return conf;
}


/*
 * Runs when all of http{} has been read, so that zones and defaults count
 * wherever they stand.
 */

static char *
ngx_http_sio_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_sio_loc_conf_t *prev = parent;
    ngx_http_sio_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    ngx_conf_merge_bitmask_value(conf->transports, prev->transports,
                                 (NGX_CONF_BITMASK_SET | NGX_HTTP_SIO_POLLING
                                  | NGX_HTTP_SIO_WEBSOCKET));
    ngx_conf_merge_str_value(conf->cookie, prev->cookie, "");
    ngx_conf_merge_str_value(conf->cookie_attributes, prev->cookie_attributes,
                             "");

    if (conf->origin == NGX_CONF_UNSET_UINT) {
        conf->origin = prev->origin;
        conf->origins = prev->origins;
        conf->credentials = prev->credentials;
    }

    ngx_conf_init_uint_value(conf->origin, NGX_HTTP_SIO_ORIGIN_SAME);

    if (conf->blocks == NULL) {
        conf->blocks = prev->blocks;
    }

    if (conf->token_sources == NULL) {
        conf->token_sources = prev->token_sources;
    }

    ngx_http_sio_merge_endpoint(&prev->endpoint, &conf->endpoint);

    if (ngx_http_sio_namespace_merge(cf, &prev->endpoint.defaults,
                                     &conf->endpoint.defaults)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname) {

        /* if{} and limit_except{} are the location that they stand in */

        conf->endpoint = prev->endpoint;
        conf->ctx = prev->ctx;

        if (clcf->lmt_excpt && clcf->handler == NULL
            && conf->endpoint.zone != NULL)
        {
            clcf->handler = ngx_http_sio_handler;
        }

        return NGX_CONF_OK;
    }

    return conf->zone_name.len ? ngx_http_sio_add_endpoint(cf, conf)
                               : NGX_CONF_OK;
}


static void
ngx_http_sio_merge_endpoint(ngx_sio_endpoint_t *prev, ngx_sio_endpoint_t *conf)
{
    ngx_conf_merge_msec_value(conf->ping_interval, prev->ping_interval, 25000);
    ngx_conf_merge_msec_value(conf->ping_timeout, prev->ping_timeout, 20000);
    ngx_conf_merge_msec_value(conf->connect_timeout, prev->connect_timeout,
                              45000);
    ngx_conf_merge_msec_value(conf->upgrade_timeout, prev->upgrade_timeout,
                              10000);
    ngx_conf_merge_size_value(conf->max_payload, prev->max_payload, 1000000);
    ngx_conf_merge_uint_value(conf->limit_namespaces, prev->limit_namespaces,
                              1000);
    ngx_http_sio_limits_merge(prev, conf);
    ngx_conf_merge_uint_value(conf->forward_queue, prev->forward_queue, 1000);
    ngx_conf_merge_msec_value(conf->forward_retry, prev->forward_retry,
                              600000);
}


static char *
ngx_http_sio_add_endpoint(ngx_conf_t *cf, ngx_http_sio_loc_conf_t *conf)
{
    ngx_sio_endpoint_t        **endpoint;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_sio_main_conf_t   *smcf;

    conf->endpoint.zone = ngx_http_sio_zone(cf, &conf->zone_name);

    if (conf->endpoint.zone == NULL) {
        clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown socketio_zone \"%V\" in location \"%V\", "
                           "write \"socketio_zone zone=%V:64m;\" in http",
                           &conf->zone_name, &clcf->name, &conf->zone_name);
        return NGX_CONF_ERROR;
    }

    conf->endpoint.id = ngx_http_sio_endpoint_id(cf, conf);

    if (ngx_http_sio_namespaces_merge(cf, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_socketio_module);

    endpoint = ngx_array_push(&smcf->endpoints);
    if (endpoint == NULL) {
        return NGX_CONF_ERROR;
    }

    *endpoint = &conf->endpoint;

    return NGX_CONF_OK;
}


/*
 * Sessions outlive reloads and know their endpoint by this number alone, so it
 * comes from what the author calls it.  Endpoints of the same name, such as
 * those of two servers without server_name, are told apart by their order.
 */

static uint32_t
ngx_http_sio_endpoint_id(ngx_conf_t *cf, ngx_http_sio_loc_conf_t *conf)
{
    uint32_t                    id;
    ngx_uint_t                  i;
    ngx_sio_endpoint_t        **elts;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_core_srv_conf_t   *cscf;
    ngx_http_sio_main_conf_t   *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_socketio_module);
    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ngx_crc32_init(id);
    ngx_crc32_update(&id, cscf->server_name.data, cscf->server_name.len);
    ngx_crc32_update(&id, (u_char *) (clcf->exact_match ? "=" : " "), 1);
    ngx_crc32_update(&id, clcf->name.data, clcf->name.len);
    ngx_crc32_update(&id, (u_char *) " ", 1);
    ngx_crc32_update(&id, conf->zone_name.data, conf->zone_name.len);
    ngx_crc32_final(id);

    elts = smcf->endpoints.elts;
    i = 0;

    while (i < smcf->endpoints.nelts) {

        if (elts[i]->id != id) {
            i++;
            continue;
        }

        id++;
        i = 0;
    }

    return id;
}


/* The configuration of a cycle with zones, otherwise NULL. */

static ngx_http_sio_main_conf_t *
ngx_http_sio_running(ngx_cycle_t *cycle)
{
    ngx_http_sio_main_conf_t  *smcf;

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_socketio_module);

    return smcf != NULL && smcf->zones.nelts != 0 ? smcf : NULL;
}


static ngx_int_t
ngx_http_sio_init_module(ngx_cycle_t *cycle)
{
    if (ngx_http_sio_running(cycle) == NULL) {

        /* the master had a table in the cycle before */

        ngx_sio_slots = NULL;

        return NGX_OK;
    }

    return ngx_test_config ? NGX_OK : ngx_sio_slots_init_module(cycle);
}


static ngx_int_t
ngx_http_sio_init_process(ngx_cycle_t *cycle)
{
    ngx_http_sio_main_conf_t  *smcf;

    smcf = ngx_http_sio_running(cycle);

    if (smcf == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    ngx_http_sio_call_register();
    ngx_sio_endpoints = &smcf->endpoints;

    return ngx_sio_worker_init(cycle, &smcf->zones, smcf->drain);
}


static void
ngx_http_sio_exit_process(ngx_cycle_t *cycle)
{
    if (ngx_http_sio_running(cycle) != NULL
        && (ngx_process == NGX_PROCESS_WORKER
            || ngx_process == NGX_PROCESS_SINGLE))
    {
        ngx_sio_worker_exit(cycle);
    }
}
