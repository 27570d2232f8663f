
/*
 * Presences: sockets of this worker's peers, and the audiences that they are
 * in, which are those who get a target's records.
 */

#ifndef _NGX_SIO_PRESENCE_H_INCLUDED_
#define _NGX_SIO_PRESENCE_H_INCLUDED_


#include "ngx_sio_reader.h"
#include "ngx_sio_replay.h"


/* A place of a presence in a list of those who get a target's records. */
typedef struct {
    uint32_t                     kind;      /* NGX_SIO_TO_... */
    uint32_t                     id;
    uint32_t                     place;     /* in the audience */
} ngx_sio_seat_t;


/* A socket of a peer; a parked GET has one for all of its session's. */
struct ngx_sio_presence_s {
    ngx_queue_t                  queue;     /* of the peer */
    ngx_sio_peer_t              *peer;
    uint64_t                     seen;      /* the last record looked at */
    ngx_sio_ref_t                socket;
    ngx_sio_namespace_conf_t    *conf;
    ngx_sio_seat_t              *seats;
    uint32_t                     nseats;
    uint32_t                     size;
    ngx_uint_t                   stamped;   /* its events carry offsets */
    ngx_sio_meter_t              meter;
    sio_bucket_t                *buckets;   /* WebSocket: by rule of conf */
    u_char                       id[NGX_SIO_ID_LEN];
    uint32_t                     name_len;
    u_char                       name[];    /* of the namespace */
};


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


#endif /* _NGX_SIO_PRESENCE_H_INCLUDED_ */
