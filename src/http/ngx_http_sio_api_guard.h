
/*
 * What keeps strangers away from the server API: browsers are refused, and
 * locations without access rules are pointed out.
 */

#ifndef _NGX_HTTP_SIO_API_GUARD_H_INCLUDED_
#define _NGX_HTTP_SIO_API_GUARD_H_INCLUDED_


#include "ngx_http_sio_conf.h"


typedef struct {
    ngx_array_t       *locations;       /* NULL: none */
} ngx_http_sio_api_main_conf_t;


typedef struct {
    ngx_str_t          zone_name;       /* of socketio_api */
    ngx_sio_zone_t    *zone;            /* NULL: no API here */
    ngx_int_t          pending_acks;    /* that a worker awaits */
} ngx_http_sio_api_loc_conf_t;


/*
 * Whether a request may be a backend's: a browser that was tricked into it
 * names an origin, or says that it comes from another site.
 */
ngx_uint_t ngx_http_sio_api_guard_origin(ngx_http_request_t *r);

/* Whether a POST has a JSON type, which no HTML form can send. */
ngx_uint_t ngx_http_sio_api_guard_type(ngx_http_request_t *r);

/* Whether that type is application/x-ndjson. */
ngx_uint_t ngx_http_sio_api_guard_ndjson(ngx_http_request_t *r);

/* Notes a location with the API; returns as a directive's handler. */
char *ngx_http_sio_api_guard_add(ngx_conf_t *cf);

/* Postconfiguration: warns about locations without access rules. */
ngx_int_t ngx_http_sio_api_guard_check(ngx_conf_t *cf);


#endif /* _NGX_HTTP_SIO_API_GUARD_H_INCLUDED_ */
