
/*
 * A worker's reader of a zone's log: it knows which of this worker's peers a
 * record is for, and gives it to them.
 */

#ifndef _NGX_SIO_READER_H_INCLUDED_
#define _NGX_SIO_READER_H_INCLUDED_


#include "ngx_sio_peer.h"
#include "ngx_sio_replay.h"


/* Who gets a target's records, and which of them. */
typedef struct {
    ngx_sio_presence_t     *presence;
    uint32_t                seat;           /* of the presence */
    uint64_t                from;
    uint64_t                until;
} ngx_sio_listener_t;

typedef struct {
    ngx_uint_t              n;
    ngx_uint_t              size;
    ngx_sio_listener_t     *elts;
} ngx_sio_audience_t;


struct ngx_sio_reader_s {
    ngx_sio_reader_t       *next;           /* of this worker */
    ngx_sio_zone_t         *zone;
    uint64_t                cursor;         /* the next record */

    ngx_sio_index_t         peers[4];       /* by kind and session's cell */
    ngx_sio_index_t         sockets;        /* presences */
    ngx_sio_index_t         rooms;          /* audiences */
    ngx_sio_index_t         namespaces;     /* audiences */

    ngx_queue_t             all[4];         /* peers by kind */
    ngx_uint_t              n[4];
    ngx_queue_t             flush;          /* WebSockets with frames */
    ngx_queue_t             ready;          /* POLLs to look at */
    ngx_queue_t             closing;        /* peers that have left */

    ngx_event_t             turn;           /* works these queues off */
};


/* A zone's reader in this worker; NULL when the worker has no slot. */
#define ngx_sio_reader(zone)  ((ngx_sio_reader_t *) (zone)->reader)


/* The first of this worker's readers, NULL if it has none. */
extern ngx_sio_reader_t  *ngx_sio_readers;


/* Makes the zone's reader, which begins at the head of the log. */
ngx_int_t ngx_sio_reader_init(ngx_sio_zone_t *zone);

/* Reads what is new, in slices, and has it sent. */
void ngx_sio_reader_drain(ngx_sio_reader_t *reader);

/* Reads up to a position at once; what comes of it is sent later. */
void ngx_sio_reader_catch_up(ngx_sio_reader_t *reader, uint64_t position);

/* Sees that the queues are worked off. */
void ngx_sio_reader_post(ngx_sio_reader_t *reader);

/* Has a parked GET looked at, in an event of its own. */
void ngx_sio_reader_ready(ngx_sio_peer_t *peer);

/* The peer of a kind that serves a session, NULL if none. */
ngx_sio_peer_t *ngx_sio_reader_peer(ngx_sio_reader_t *reader, ngx_uint_t kind,
    ngx_sio_ref_t session);

/*
 * Adds a presence to a peer; conf and name may be NULL and empty for a POLL.
 * NULL without memory.
 */
ngx_sio_presence_t *ngx_sio_presence_add(ngx_sio_peer_t *peer,
    ngx_sio_namespace_conf_t *conf, sio_span_t name, ngx_sio_ref_t socket);

/* Takes a presence out of all audiences and frees it. */
void ngx_sio_presence_remove(ngx_sio_presence_t *presence);

/*
 * Has a presence listen to a target from a position to another.  NGX_ERROR
 * without memory.
 */
ngx_int_t ngx_sio_presence_listen(ngx_sio_presence_t *presence, uint32_t kind,
    uint32_t id, uint64_t from, uint64_t until);

/* The reverse; harmless when it does not listen. */
void ngx_sio_presence_ignore(ngx_sio_presence_t *presence, uint32_t kind,
    uint32_t id);

/* Has a parked GET listen to all that its session is interested in. */
ngx_int_t ngx_sio_poll_listen(ngx_sio_peer_t *peer,
    const ngx_sio_replay_t *replay);

/* The audience of a target, NULL if nobody listens. */
ngx_sio_audience_t *ngx_sio_reader_audience(ngx_sio_reader_t *reader,
    uint32_t kind, uint32_t id);


#endif /* _NGX_SIO_READER_H_INCLUDED_ */
