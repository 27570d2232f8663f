
/*
 * The nginx module ngx_socketio_api_module: its directive, and the table of the
 * server API's operations.
 */

#include "ngx_http_sio_api.h"
#include "ngx_http_sio_api_guard.h"
#include "ngx_http_sio_api_operations.h"


#define NGX_HTTP_SIO_API_BIT(name)                                            \
    ((ngx_uint_t) 1 << NGX_HTTP_SIO_API_##name)

#define NGX_HTTP_SIO_API_SELECTOR                                             \
    (NGX_HTTP_SIO_API_BIT(OP) | NGX_HTTP_SIO_API_BIT(NAMESPACE)               \
     | NGX_HTTP_SIO_API_BIT(ROOMS) | NGX_HTTP_SIO_API_BIT(TO)                 \
     | NGX_HTTP_SIO_API_BIT(ROOM) | NGX_HTTP_SIO_API_BIT(EXCEPT))


static void *ngx_http_sio_api_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_sio_api_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_sio_api_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_sio_api_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static const ngx_http_sio_api_operation_t  ngx_http_sio_api_operations[] = {

    { ngx_string("emit"), NGX_HTTP_POST, ngx_http_sio_api_emit,
      ngx_http_sio_api_ask_step,
      NGX_HTTP_SIO_API_SELECTOR | NGX_HTTP_SIO_API_BIT(EVENT)
      | NGX_HTTP_SIO_API_BIT(ARGS) | NGX_HTTP_SIO_API_BIT(DATA)
      | NGX_HTTP_SIO_API_BIT(FLAGS) | NGX_HTTP_SIO_API_BIT(ATTACHMENTS)
      | NGX_HTTP_SIO_API_BIT(ACK) | NGX_HTTP_SIO_API_BIT(ID) },

    { ngx_string("batch"), NGX_HTTP_POST, ngx_http_sio_api_batch,
      ngx_http_sio_api_batch_step, 0 },

    { ngx_string("socketsJoin"), NGX_HTTP_POST, ngx_http_sio_api_join,
      ngx_http_sio_api_sockets_step,
      NGX_HTTP_SIO_API_SELECTOR | NGX_HTTP_SIO_API_BIT(JOIN) },

    { ngx_string("socketsLeave"), NGX_HTTP_POST, ngx_http_sio_api_leave,
      ngx_http_sio_api_sockets_step,
      NGX_HTTP_SIO_API_SELECTOR | NGX_HTTP_SIO_API_BIT(LEAVE) },

    { ngx_string("disconnectSockets"), NGX_HTTP_POST,
      ngx_http_sio_api_disconnect, ngx_http_sio_api_sockets_step,
      NGX_HTTP_SIO_API_SELECTOR | NGX_HTTP_SIO_API_BIT(CLOSE) },

    { ngx_string("fetchSockets"), NGX_HTTP_POST, ngx_http_sio_api_fetch,
      ngx_http_sio_api_fetch_step,
      NGX_HTTP_SIO_API_SELECTOR | NGX_HTTP_SIO_API_BIT(FLAGS)
      | NGX_HTTP_SIO_API_BIT(LIMIT) | NGX_HTTP_SIO_API_BIT(CURSOR) },

    { ngx_string("rooms"), NGX_HTTP_GET, ngx_http_sio_api_rooms,
      ngx_http_sio_api_list_step, 0 },

    { ngx_string("namespaces"), NGX_HTTP_GET, ngx_http_sio_api_namespaces,
      ngx_http_sio_api_list_step, 0 },

    { ngx_string("status"), NGX_HTTP_GET, ngx_http_sio_api_status,
      ngx_http_sio_api_status_step, 0 },

    { ngx_string("refresh"), NGX_HTTP_POST, ngx_http_sio_api_refresh,
      ngx_http_sio_api_errand_step,
      NGX_HTTP_SIO_API_BIT(OP) | NGX_HTTP_SIO_API_BIT(NAMESPACE)
      | NGX_HTTP_SIO_API_BIT(SOCKET) | NGX_HTTP_SIO_API_BIT(TOKEN) },

    { ngx_string("revoke"), NGX_HTTP_POST, ngx_http_sio_api_revoke,
      ngx_http_sio_api_errand_step,
      NGX_HTTP_SIO_API_BIT(OP) | NGX_HTTP_SIO_API_BIT(USER)
      | NGX_HTTP_SIO_API_BIT(JTI) | NGX_HTTP_SIO_API_BIT(SOCKET)
      | NGX_HTTP_SIO_API_BIT(FOR) },

    { ngx_string("serverSideEmit"), NGX_HTTP_POST,
      ngx_http_sio_api_server_side, NULL,
      NGX_HTTP_SIO_API_BIT(OP) | NGX_HTTP_SIO_API_BIT(NAMESPACE)
      | NGX_HTTP_SIO_API_BIT(EVENT) | NGX_HTTP_SIO_API_BIT(ARGS) },

    { ngx_string("metrics"), NGX_HTTP_GET, NULL, NULL, 0 },

    { ngx_null_string, 0, NULL, NULL, 0 }
};


static ngx_conf_num_bounds_t  ngx_http_sio_api_pending_acks = {
    ngx_conf_check_num_bounds, 1, 1000000
};


static ngx_command_t  ngx_http_sio_api_commands[] = {

    { ngx_string("socketio_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_sio_api_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("socketio_pending_acks"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_api_loc_conf_t, pending_acks),
      &ngx_http_sio_api_pending_acks },

      ngx_null_command
};


static ngx_http_module_t  ngx_socketio_api_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_sio_api_guard_check,          /* postconfiguration */

    ngx_http_sio_api_create_main_conf,     /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_sio_api_create_loc_conf,      /* create location configuration */
    ngx_http_sio_api_merge_loc_conf        /* merge location configuration */
};


ngx_module_t  ngx_socketio_api_module = {
    NGX_MODULE_V1,
    &ngx_socketio_api_module_ctx,          /* module context */
    ngx_http_sio_api_commands,             /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


const ngx_http_sio_api_operation_t *
ngx_http_sio_api_operation(ngx_str_t *name)
{
    const ngx_http_sio_api_operation_t  *o;

    for (o = ngx_http_sio_api_operations; o->name.len; o++) {
        if (o->name.len == name->len
            && ngx_memcmp(o->name.data, name->data, name->len) == 0)
        {
            return o;
        }
    }

    return NULL;
}


static void *
ngx_http_sio_api_create_main_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_api_main_conf_t));
}


static void *
ngx_http_sio_api_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_sio_api_loc_conf_t  *alcf;

    alcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_api_loc_conf_t));

    if (alcf) {
        alcf->pending_acks = NGX_CONF_UNSET;
    }

    return alcf;
}


static char *
ngx_http_sio_api_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_sio_api_loc_conf_t *prev = parent;
    ngx_http_sio_api_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    ngx_conf_merge_value(conf->pending_acks, prev->pending_acks, 10000);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* the blocks of "if" and "limit_except" are locations of their own */

    if (clcf->noname && conf->zone_name.len == 0) {
        conf->zone_name = prev->zone_name;
    }

    if (conf->zone_name.len == 0) {
        return NGX_CONF_OK;
    }

    if (clcf->lmt_excpt && clcf->handler == NULL) {
        clcf->handler = ngx_http_sio_api_handler;
    }

    conf->zone = ngx_http_sio_zone(cf, &conf->zone_name);

    if (conf->zone == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown zone \"%V\" in \"socketio_api\": declare "
                           "it with \"socketio_zone zone=%V:64m\"",
                           &conf->zone_name, &conf->zone_name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_api_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_api_loc_conf_t *alcf = conf;

    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    if (alcf->zone_name.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "needs the name of a zone";
    }

    alcf->zone_name = value[1];

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_sio_api_handler;

    return ngx_http_sio_api_guard_add(cf);
}
