
/*
 * What the engine needs of the configuration.  The structs belong to the
 * configuration's pool, so they live as long as the worker's cycle; nothing of
 * them goes into shared memory.
 */

#ifndef _NGX_SIO_CONF_H_INCLUDED_
#define _NGX_SIO_CONF_H_INCLUDED_


#include "ngx_sio_zone.h"
#include "sio_template.h"


#define NGX_SIO_NAMESPACE_NAME_MAX  128     /* bytes, as clients may send */


/* A pattern of names: the text for messages, and its parts. */
typedef struct {
    ngx_str_t              text;
    sio_template_t         template;
} ngx_sio_pattern_t;


/* A namespace's rules; the location's own are the defaults of its blocks. */
typedef struct {
    ngx_str_t              name;            /* "/chat", or a regex's source */
#if (NGX_PCRE)
    ngx_regex_t           *regex;           /* NULL: the name is literal */
#endif
    ngx_array_t           *rooms;           /* of ngx_sio_pattern_t */
    ngx_array_t           *join_events;     /* of ngx_sio_pattern_t */
    ngx_array_t           *leave_events;    /* of ngx_sio_pattern_t */
    ngx_uint_t             limit_rooms;
    ngx_uint_t             room_max_length; /* bytes */
    size_t                 send_buffer;     /* bytes */
} ngx_sio_namespace_conf_t;


/* A location with `socketio`. */
typedef struct {
    ngx_sio_zone_t        *zone;            /* NULL: not an endpoint */
    uint32_t               id;              /* the same over reloads */
    ngx_msec_t             ping_interval;
    ngx_msec_t             ping_timeout;
    ngx_msec_t             connect_timeout;
    ngx_msec_t             upgrade_timeout;
    size_t                 max_payload;     /* bytes */
    ngx_uint_t             limit_namespaces;
    ngx_sio_namespace_conf_t  defaults;     /* the location's own rules */
    ngx_array_t           *namespaces;      /* of ngx_sio_namespace_conf_t *,
                                               literal ones first; never empty:
                                               "/" without any block */
} ngx_sio_endpoint_t;


/*
 * The rules of the namespace with that name: a literal one, else the first
 * pattern that matches.  NULL if it is not declared, is longer than
 * NGX_SIO_NAMESPACE_NAME_MAX, or has control characters.
 */
ngx_sio_namespace_conf_t *ngx_sio_namespace_lookup(
    const ngx_sio_endpoint_t *endpoint, sio_span_t name);

/* Whether any of an array of patterns matches. */
ngx_uint_t ngx_sio_pattern_any(const ngx_array_t *patterns, sio_span_t name);


#endif /* _NGX_SIO_CONF_H_INCLUDED_ */
