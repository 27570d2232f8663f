
/*
 * Cells of sockets, and of what services are asked and told of them.  The words
 * are those of ngx_sio_types.h.
 */

#ifndef _NGX_SIO_TYPES_SOCKET_H_INCLUDED_
#define _NGX_SIO_TYPES_SOCKET_H_INCLUDED_


#include "ngx_sio_types.h"


#define NGX_SIO_ACK_MAX  20             /* digits of an ack's id */
#define NGX_SIO_PID_LEN  26             /* random ones, six of the cell */


/* Why a socket has ended, or the session with all of them. */
typedef enum {
    NGX_SIO_REASON_CLOSE = 0,           /* the client's connection is gone */
    NGX_SIO_REASON_ERROR,               /* it has broken the protocol */
    NGX_SIO_REASON_TIMEOUT,             /* no pong */
    NGX_SIO_REASON_CLIENT,              /* it has left the namespace */
    NGX_SIO_REASON_SERVER,              /* it was disconnected */
    NGX_SIO_REASON_RESTART,             /* the worker leaves */
    NGX_SIO_REASON_LOST                 /* its worker has died */
} ngx_sio_reason_t;


/* The notice of a socket's end for a service. */
typedef struct {
    uint8_t            state;           /* NGX_SIO_NOTICE_... */
    uint8_t            attempts;
    uint16_t           unused;
    uint32_t           next;            /* (derived) in the outbox */
    ngx_sio_worker_t   teller;          /* who tells the service now, or 0 */
    uint64_t           due;             /* ngx_current_msec, next attempt */
    uint64_t           ended;           /* ms since 1970 */
} ngx_sio_notice_t;


/* How much of socketio_limit_events a socket has used up. */
typedef struct {
    sio_bucket_t       events;
    sio_bucket_t       refusals;        /* of a polling session, told so */
} ngx_sio_meter_t;


/* A socket: a session's presence in one namespace. */
typedef struct {
    uint16_t           state;
    uint16_t           revision;        /* of claims, data, ruled rooms */
    uint32_t           next;            /* (derived) hash chain or free list */
    uint32_t           serial;
    uint32_t           session;
    uint32_t           namespace;
    u_char             id[NGX_SIO_ID_LEN];
    uint32_t           sibling;         /* (derived) of the same session */
    uint32_t           memberships;     /* (derived) first one */
    uint32_t           rooms;           /* (derived) open memberships */
    uint32_t           data;            /* block: JSON, or 0 */
    uint32_t           claims;          /* block: JSON, or 0 */
    uint32_t           announce;        /* a ngx_sio_announce_t; 0: none */
    uint32_t           rates;           /* block: of rules, or 0 */
    uint32_t           answered;        /* serial of a ngx_sio_pending_t */
    uint32_t           tickets;         /* (derived) first of its lane */
    uint64_t           expires;         /* s since 1970, 0: never */
    uint64_t           from;            /* gets records from here */
    uint64_t           until;           /* to here; FOREVER while connected */
    uint64_t           last;            /* newest record addressed to it */
    uint64_t           user;            /* key of its tally, or 0 */
    ngx_sio_meter_t    meter;           /* while its session polls */
    ngx_sio_notice_t   notice;
    uint32_t           reason;          /* ngx_sio_reason_t, why it ends */
    uint32_t           recovery;        /* ms that it may wait, 0: never */
    u_char             pid[NGX_SIO_ID_LEN];     /* of NGX_SIO_PID_LEN */
    uint64_t           wait;            /* ngx_current_msec, until then */
    uint64_t           lost;            /* where its connection was lost */
    uint64_t           start;           /* its session gets it from here */
    uint64_t           resumed;         /* where its client was told so */
    uint64_t           kept;            /* from here all of it is known */
    uint64_t           tried;           /* shifted: from where it was recovered
                                           last; bit 0: events went out that
                                           its client may have not shown */
} ngx_sio_socket_t;


/* A ticket: a call to a service, from its event to its answer. */
typedef struct {
    uint32_t           state;
    uint32_t           next;            /* (derived) of its lane; free list */
    uint32_t           serial;          /* rises: the order of a lane */
    uint32_t           socket;          /* 0: it is gone */
    uint32_t           socket_serial;
    uint16_t           async;           /* not in the lane */
    uint16_t           ack_len;
    u_char             ack[NGX_SIO_ACK_MAX];    /* id of the ack it owes */
    uint32_t           unused;
    ngx_sio_worker_t   worker;          /* who makes the call */
} ngx_sio_ticket_t;


#endif /* _NGX_SIO_TYPES_SOCKET_H_INCLUDED_ */
