
/*
 * What socketio_redis says of a Redis.
 */

#ifndef _NGX_SIO_REDIS_CONF_H_INCLUDED_
#define _NGX_SIO_REDIS_CONF_H_INCLUDED_


#include "ngx_sio_zone.h"


typedef struct {
    ngx_str_t              zone_name;
    ngx_sio_zone_t        *zone;
    ngx_str_t              name;        /* of the server, for logs */
    ngx_addr_t            *addrs;
    ngx_uint_t             naddrs;
    ngx_resolver_t        *resolver;    /* NULL: addrs are known */
    ngx_msec_t             resolver_timeout;
    ngx_str_t              host;        /* what it resolves */
    in_port_t              port;
    ngx_str_t              node;        /* node=, or empty */
    ngx_str_t              user;
    ngx_str_t              password;
    ngx_uint_t             db;
    ngx_str_t              prefix;      /* of all channels */
    ngx_ssl_t             *ssl;         /* rediss://, or NULL */
    ngx_str_t              ca;          /* a file, or empty: the system's */
    char                  *peer;        /* whom a certificate has to be of */
    ngx_uint_t             sni;         /* it is a name: the server is told */
    ngx_uint_t             insecure;    /* verify=off */
} ngx_sio_redis_conf_t;


/*
 * Makes the TLS context of rediss:// from what else is in conf.  NGX_OK, or
 * NGX_ERROR and why is logged, also where nginx has no TLS.
 */
ngx_int_t ngx_sio_redis_tls_init(ngx_conf_t *cf, ngx_sio_redis_conf_t *conf);


#endif /* _NGX_SIO_REDIS_CONF_H_INCLUDED_ */
