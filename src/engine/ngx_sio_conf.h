
/*
 * What the engine needs of the configuration.  The structs belong to the
 * configuration's pool, so they live as long as the worker's cycle; nothing of
 * them goes into shared memory.
 */

#ifndef _NGX_SIO_CONF_H_INCLUDED_
#define _NGX_SIO_CONF_H_INCLUDED_


#include "ngx_sio_rules.h"
#include "ngx_sio_zone.h"
#include "sio_jwt.h"


#define NGX_SIO_NAMESPACE_NAME_MAX  128     /* bytes, as clients may send */


#define NGX_SIO_AUTH_OFF       0            /* tokens are not looked at */
#define NGX_SIO_AUTH_OPTIONAL  1
#define NGX_SIO_AUTH_REQUIRED  2

/* Which text refuses a CONNECT. */
#define NGX_SIO_AUTH_MISSING   0
#define NGX_SIO_AUTH_INVALID   1
#define NGX_SIO_AUTH_FORBIDDEN 2
#define NGX_SIO_AUTH_EXPIRED   3
#define NGX_SIO_AUTH_MESSAGES  4


/* Who may connect. */
typedef struct {
    ngx_uint_t             mode;            /* NGX_SIO_AUTH_... */
    ngx_uint_t             handshake;       /* required there already */
    ngx_uint_t             expiry;          /* disconnect when a token ends */
    ngx_array_t           *keys;            /* of sio_jwt_key_t */
    ngx_array_t           *require;         /* of sio_jwt_require_t */
    time_t                 leeway;          /* seconds */
    ngx_str_t              message[NGX_SIO_AUTH_MESSAGES];  /* JSON-escaped */
    size_t                 limit;           /* bytes of claims and data */
} ngx_sio_auth_conf_t;


/* What becomes of a socket over socketio_limit_events: its event is dropped. */
#define NGX_SIO_LIMIT_DROP        0
#define NGX_SIO_LIMIT_DISCONNECT  1         /* and so is the socket */


/* A namespace's rules; the location's own are the defaults of its blocks. */
typedef struct {
    ngx_str_t              name;            /* "/chat", or a regex's source */
#if (NGX_PCRE)
    ngx_regex_t           *regex;           /* NULL: the name is literal */
#endif
    ngx_sio_auth_conf_t    auth;
    ngx_array_t           *rooms;           /* of ngx_sio_room_rule_t */
    ngx_array_t           *join_events;     /* of ngx_sio_pattern_t */
    ngx_array_t           *leave_events;    /* of ngx_sio_pattern_t */
    ngx_array_t           *refresh_events;  /* likewise; empty: off */
    ngx_array_t           *events;          /* of ngx_sio_event_rule_t */
    ngx_uint_t             notices;         /* one is about disconnects */
    ngx_array_t           *data;            /* of ngx_sio_data_rule_t */
    ngx_sio_announce_rule_t  announce;
    ngx_sio_recovery_rule_t  recovery;
    ngx_uint_t             limit_rooms;
    ngx_uint_t             room_max_length; /* bytes */
    size_t                 send_buffer;     /* bytes */
    size_t                 compression;     /* of messages from so many bytes
                                               on; NGX_SIO_COMPRESS_OFF */
    sio_rate_t             limit_events;    /* of one socket; 0: off */
    ngx_uint_t             limit_action;    /* NGX_SIO_LIMIT_... */
    ngx_uint_t             limit_sockets;   /* of one user; 0: off */
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
    ngx_uint_t             limit_connections;   /* sessions; 0: off */
    ngx_uint_t             limit_address;   /* those of one address; 0: off */
    sio_rate_t             limit_connects;  /* handshakes; 0: off */
    ngx_uint_t             forward_queue;   /* calls of a worker at a time */
    ngx_msec_t             forward_retry;   /* of disconnects, at most */
    ngx_uint_t             auth;            /* some namespace wants tokens */
    ngx_uint_t             compression;     /* some namespace compresses */
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

/* The endpoints of this configuration, of ngx_sio_endpoint_t *. */
extern const ngx_array_t  *ngx_sio_endpoints;

/* That of a zone with that id, NULL if the configuration has none. */
const ngx_sio_endpoint_t *ngx_sio_endpoint_find(const ngx_sio_zone_t *zone,
    uint32_t id);

/* The first pattern of an array that a name matches, NULL if none. */
const ngx_sio_pattern_t *ngx_sio_pattern_match(const ngx_array_t *patterns,
    sio_span_t name);


#endif /* _NGX_SIO_CONF_H_INCLUDED_ */
