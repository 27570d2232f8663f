
/*
 * Rules of a namespace, as the configuration gives them: rooms that clients may
 * join, and what becomes of their events.
 */

#ifndef _NGX_SIO_RULES_H_INCLUDED_
#define _NGX_SIO_RULES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "sio_bucket.h"
#include "sio_template.h"


/* A pattern of names: the text for messages, and its parts. */
typedef struct {
    ngx_str_t              text;
    sio_template_t         template;
} ngx_sio_pattern_t;


/* A room that clients may join: a template, and who it is for. */
typedef struct {
    ngx_sio_pattern_t      pattern;
    ngx_uint_t             automatic;       /* joined at every CONNECT */
    ngx_str_t              claim;           /* of if=, empty if none */
    ngx_str_t              value;
} ngx_sio_room_rule_t;


/* socketio_data: a member of a socket's data. */
typedef struct {
    sio_span_t             name;
    ngx_sio_pattern_t      value;
} ngx_sio_data_rule_t;


/* socketio_announce: the events, of which one may be empty. */
typedef struct {
    ngx_uint_t             set;
    uint32_t               id;              /* of the zone's; 0: off */
    ngx_str_t              join;
    ngx_str_t              leave;
} ngx_sio_announce_rule_t;


/* socketio_recovery. */
typedef struct {
    ngx_uint_t             set;
    ngx_msec_t             time;            /* 0: off */
    ngx_uint_t             skip_auth;
} ngx_sio_recovery_rule_t;


/* What socketio_on does with an event. */
#define NGX_SIO_ON_RELAY    0               /* to rooms, without the sender */
#define NGX_SIO_ON_FORWARD  1               /* to a service */
#define NGX_SIO_ON_DROP     2

/* What it is done with. */
#define NGX_SIO_ON_EVENT       0            /* events whose name matches */
#define NGX_SIO_ON_CONNECT     1            /* the socket's beginning */
#define NGX_SIO_ON_DISCONNECT  2            /* its end */


#define NGX_SIO_ON_ROOMS    16              /* templates of one rule */
#define NGX_SIO_ON_MERGES   16
#define NGX_SIO_ON_NAME     128             /* bytes of a merged name */


/* A member that a relay sets in every object argument. */
typedef struct {
    ngx_str_t              name;
    ngx_str_t              key;             /* the same as JSON, and a colon */
    ngx_sio_pattern_t      value;
} ngx_sio_merge_t;


/* socketio_on: which events of clients it means, and what becomes of them. */
typedef struct {
    ngx_sio_pattern_t      pattern;         /* of the event's name */
    ngx_uint_t             action;          /* NGX_SIO_ON_RELAY ... */
    ngx_uint_t             when;            /* NGX_SIO_ON_EVENT ... */
    ngx_str_t              claim;           /* of if=, empty if none */
    ngx_str_t              value;
    sio_rate_t             limit;           /* of one socket */

    ngx_array_t           *rooms;           /* RELAY: of ngx_sio_pattern_t,
                                               NULL: everybody */
    ngx_array_t           *merge;           /* of ngx_sio_merge_t, or NULL */
    ngx_str_t              uri;             /* FORWARD */
    ngx_msec_t             timeout;         /* FORWARD, 0: the location's */

    unsigned               claims:1;        /* if= or a template wants them */
    unsigned               everybody:1;     /* RELAY: to the namespace */
    unsigned               self:1;          /* RELAY: to the sender, too */
    unsigned               any:1;           /* RELAY: he need be no member */
    unsigned               is_volatile:1;   /* RELAY */
    unsigned               async:1;         /* FORWARD: the next event does
                                               not wait for the answer */
} ngx_sio_event_rule_t;


#endif /* _NGX_SIO_RULES_H_INCLUDED_ */
