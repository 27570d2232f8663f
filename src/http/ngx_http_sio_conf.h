
/*
 * Configuration of the module's directives, shared by its HTTP files.
 */

#ifndef _NGX_HTTP_SIO_CONF_H_INCLUDED_
#define _NGX_HTTP_SIO_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_sio_conf.h"


#define NGX_HTTP_SIO_POLLING         0x0002     /* of socketio_transports */
#define NGX_HTTP_SIO_WEBSOCKET       0x0004

#define NGX_HTTP_SIO_ORIGIN_SAME     0          /* off: see the directive */
#define NGX_HTTP_SIO_ORIGIN_ANY      1
#define NGX_HTTP_SIO_ORIGIN_LIST     2

#define NGX_HTTP_SIO_NODE_MAX        16         /* characters of a name */


/* Where a handshake's token is looked for. */
#define NGX_HTTP_SIO_TOKEN_HEADER    0
#define NGX_HTTP_SIO_TOKEN_COOKIE    1
#define NGX_HTTP_SIO_TOKEN_QUERY     2

typedef struct {
    ngx_uint_t             kind;            /* NGX_HTTP_SIO_TOKEN_... */
    ngx_str_t              name;
} ngx_http_sio_token_source_t;


typedef struct {
    ngx_array_t            zones;           /* of ngx_sio_zone_t * */
    ngx_array_t            endpoints;       /* of ngx_sio_endpoint_t * */
    ngx_msec_t             drain;           /* ms */
} ngx_http_sio_main_conf_t;


typedef struct {
    ngx_sio_endpoint_t     endpoint;
    ngx_uint_t             transports;      /* NGX_HTTP_SIO_POLLING | ... */
    ngx_str_t              cookie;          /* name, empty: off */
    ngx_str_t              cookie_attributes;   /* "; Path=/; HttpOnly" ... */
    ngx_uint_t             origin;          /* NGX_HTTP_SIO_ORIGIN_... */
    ngx_array_t           *origins;         /* of ngx_str_t, if LIST */
    ngx_flag_t             credentials;
    ngx_array_t           *blocks;          /* ngx_sio_namespace_conf_t *, of
                                               socketio_namespace, unmerged */
    ngx_str_t              zone_name;       /* of socketio */
    ngx_array_t           *token_sources;   /* ngx_http_sio_token_source_t */
    ngx_http_conf_ctx_t   *ctx;             /* of the location, for calls */
} ngx_http_sio_loc_conf_t;


/* The location of an endpoint, which is a part of its configuration. */
#define ngx_http_sio_endpoint_conf(e)                                         \
    ((ngx_http_sio_loc_conf_t *)                                              \
     ((u_char *) (e) - offsetof(ngx_http_sio_loc_conf_t, endpoint)))


extern ngx_module_t  ngx_socketio_module;

/* Its directives, the last one without a name. */
extern ngx_command_t  ngx_http_sio_commands[];


/* A zone by its name, NULL if no socketio_zone has declared it. */
ngx_sio_zone_t *ngx_http_sio_zone(ngx_conf_t *cf, ngx_str_t *name);

/* Marks a namespace's values as not set. */
void ngx_http_sio_namespace_unset(ngx_sio_namespace_conf_t *nc);

/* Takes what is not set from prev, or the defaults. */
char *ngx_http_sio_namespace_merge(ngx_conf_t *cf,
    ngx_sio_namespace_conf_t *prev, ngx_sio_namespace_conf_t *conf);

/* socketio_namespace: reads a block of the namespace's own directives. */
char *ngx_http_sio_namespace_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* Settles a location's namespaces once its own values are merged. */
char *ngx_http_sio_namespaces_merge(ngx_conf_t *cf,
    ngx_http_sio_loc_conf_t *conf);

/* Sets a namespace's auth values to not set; merges them, and checks them. */
void ngx_http_sio_auth_unset(ngx_sio_auth_conf_t *auth);
char *ngx_http_sio_auth_merge(ngx_conf_t *cf, ngx_sio_auth_conf_t *prev,
    ngx_sio_auth_conf_t *conf);

/* Sets limits to not set; takes those from prev. */
void ngx_http_sio_limits_unset(ngx_sio_endpoint_t *endpoint);
void ngx_http_sio_limits_merge(ngx_sio_endpoint_t *prev,
    ngx_sio_endpoint_t *conf);
void ngx_http_sio_namespace_limits_unset(ngx_sio_namespace_conf_t *nc);
void ngx_http_sio_namespace_limits_merge(ngx_sio_namespace_conf_t *prev,
    ngx_sio_namespace_conf_t *conf);

/*
 * The token that a handshake request brings, NULL if it brings none; found and
 * made unreadable for logs before the access phase.
 */
ngx_str_t *ngx_http_sio_jwt_token(ngx_http_request_t *r);

/*
 * The claims of a handshake's token as JSON, NULL unless the access phase has
 * found it good.
 */
ngx_str_t *ngx_http_sio_jwt_claims(ngx_http_request_t *r);

/* Whether it may be a node's name: 1 to NGX_HTTP_SIO_NODE_MAX of [\w-]. */
ngx_uint_t ngx_http_sio_node_name(const ngx_str_t *name);

/* Adds the variables of the access log. */
ngx_int_t ngx_http_sio_variables(ngx_conf_t *cf);

/* The content handler of `socketio`. */
ngx_int_t ngx_http_sio_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_SIO_CONF_H_INCLUDED_ */
