
/*
 * The cells of a zone's shared memory.
 *
 * A cell is complete when its state says so, which is written last; fields
 * marked (derived) are computed again from the complete cells by
 * ngx_sio_rebuild().  Cells refer to each other by index, 0 is nobody.  No
 * pointer into a process, or to a configuration, ever stands here.
 */

#ifndef _NGX_SIO_TYPES_H_INCLUDED_
#define _NGX_SIO_TYPES_H_INCLUDED_


#include "ngx_sio_slots.h"
#include "sio_bucket.h"


#define NGX_SIO_ID_LEN      20          /* of a sid and of a socket's id */
#define NGX_SIO_FOREVER     ((uint64_t) -1)
#define NGX_SIO_NAMESPACES  1024
#define NGX_SIO_BLOCK_DATA  56
#define NGX_SIO_NAME_MAX    128         /* bytes of a namespace's name */


/* Values of every cell's state. */
#define NGX_SIO_FREE        0
#define NGX_SIO_LIVE        1
#define NGX_SIO_CLOSED      2           /* kept until its client was told */
#define NGX_SIO_GONE        3           /* session: kept until services were */
#define NGX_SIO_WAITING     4           /* socket: its client may come back */

/* A session's transport. */
#define NGX_SIO_POLLING     0
#define NGX_SIO_WEBSOCKET   1

/* How far a session's upgrade is. */
#define NGX_SIO_PROBE_NONE  0
#define NGX_SIO_PROBE_OPEN  1           /* the WebSocket is there */
#define NGX_SIO_PROBE_DONE  2           /* 2probe was answered */


/* A session: an Engine.IO connection, 200 bytes. */
typedef struct {
    uint32_t           state;
    uint32_t           next;            /* (derived) hash chain or free list */
    uint32_t           serial;          /* of this use of the cell */
    uint32_t           endpoint;        /* where it is known */
    u_char             sid[NGX_SIO_ID_LEN];
    uint8_t            transport;
    uint8_t            probe;
    uint8_t            ping_sent;       /* since the last pong */
    uint8_t            farewell;        /* CLOSED: packet of the next poll */
    uint32_t           sockets;         /* (derived) first one */
    uint32_t           memberships;     /* (derived) of all its sockets */
    uint32_t           token;           /* block: of the handshake, or 0 */
    uint32_t           handshake;       /* block: JSON, the first request */
    uint32_t           interval;        /* pingInterval, ms */
    uint32_t           timeout;         /* pingTimeout, ms */
    uint32_t           poll_token;
    uint32_t           post_token;
    uint8_t            attachments;     /* of a client's packet, to come */
    uint8_t            lagging;         /* a WebSocket that reads from cursor */
    uint8_t            left:1;          /* has left a namespace before */
    uint8_t            refreshed:1;     /* its GET is told to look again */
    uint8_t            reason;          /* ngx_sio_reason_t, why it ends */
    uint32_t           kept;            /* block: of that packet, or 0 */
    uint32_t           kept_size;       /* bytes */
    ngx_sio_worker_t   owner;           /* of the WebSocket, also a probing */
    ngx_sio_worker_t   poll;            /* where a GET is in flight, or 0 */
    ngx_sio_worker_t   post;            /* where a POST is in flight, or 0 */
    uint64_t           cursor;          /* records before it are done with */
    uint64_t           answering;       /* cursor after the answer in flight */
    uint64_t           last;            /* newest record addressed to it */
    uint64_t           ping_due;        /* ngx_current_msec */
    uint64_t           deadline;        /* without a pong by then: dead */
    uint64_t           connect_due;     /* without a socket by then: closed */
    uint64_t           created;         /* ms since 1970 */
    uint64_t           address;         /* key of its tally, or 0 */
    uint64_t           spent;           /* ms: see ngx_sio_meter.h */
    uint64_t           start;           /* its own records from here */
    uint64_t           rewind;          /* since the poll in hand, or 0 */
} ngx_sio_session_t;


/* A membership: a socket gets a room's records s with from <= s < until. */
typedef struct {
    uint16_t           state;
    uint8_t            ruled;           /* a rule gave it, not the server */
    uint8_t            last;            /* it ended because its socket did */
    uint32_t           next;            /* (derived) of the socket; free list */
    uint32_t           room;
    uint32_t           socket;
    uint64_t           from;
    uint64_t           until;
    uint32_t           next_member;     /* (derived) of the room */
    uint32_t           prev_member;     /* (derived) */
} ngx_sio_membership_t;


/* A room, and with namespace 0 a namespace: what records are addressed to. */
typedef struct {
    uint32_t           state;
    uint32_t           next;            /* (derived) hash chain or free list */
    uint32_t           hash;
    uint32_t           namespace;
    uint32_t           name;            /* block */
    uint32_t           members;         /* (derived) first membership */
    uint32_t           count;           /* (derived) open memberships */
    uint32_t           refs;            /* (derived) with closed ones */
    uint64_t           last;            /* newest record addressed to it */
    uint64_t           excepted;        /* (derived) newest that excepts it */
    ngx_sio_mask_t     workers;         /* (derived) may be too many */
    uint32_t           waiting;         /* (derived) of sockets that wait */
    uint32_t           polled;          /* (derived) wake parked polls too */
    uint32_t           pattern;         /* namespace: counts for the limit */
} ngx_sio_room_t;


/* A piece of a string of any length. */
typedef struct {
    uint32_t           next;            /* of the string; free list */
    uint32_t           n;               /* bytes used; 0 in a free one */
    u_char             data[NGX_SIO_BLOCK_DATA];
} ngx_sio_block_t;


#endif /* _NGX_SIO_TYPES_H_INCLUDED_ */
