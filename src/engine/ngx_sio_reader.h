
/*
 * A worker's reader of a zone's log: it knows which of this worker's peers a
 * record is for, and gives it to them.
 */

#ifndef _NGX_SIO_READER_H_INCLUDED_
#define _NGX_SIO_READER_H_INCLUDED_


#include "ngx_sio_peer.h"


struct ngx_sio_reader_s {
    ngx_sio_reader_t       *next;           /* of this worker */
    ngx_sio_zone_t         *zone;
    uint64_t                cursor;         /* the next record */

    ngx_sio_index_t         peers[4];       /* by kind and session's cell */
    ngx_sio_index_t         sockets;        /* presences */
    ngx_sio_index_t         rooms;          /* audiences */
    ngx_sio_index_t         namespaces;     /* audiences */
    ngx_sio_index_t         lanes;          /* calls, by socket's cell */

    ngx_queue_t             all[4];         /* peers by kind */
    ngx_uint_t              n[4];
    ngx_queue_t             flush;          /* WebSockets with frames */
    ngx_queue_t             ready;          /* POLLs to look at */
    ngx_queue_t             lagging;        /* WebSockets to be given more */
    ngx_queue_t             closing;        /* peers that have left */

    ngx_event_t             turn;           /* works these queues off */
    ngx_uint_t              controls;       /* a control is being obeyed */
    uint32_t                rebuilds;       /* that it has read of */
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


#endif /* _NGX_SIO_READER_H_INCLUDED_ */
