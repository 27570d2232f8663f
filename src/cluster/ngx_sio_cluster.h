
/*
 * A zone's membership in a cluster of Socket.IO nodes: this nginx is one more
 * node of @socket.io/redis-adapter.
 *
 * One worker, the leader, listens for all and appends to the log; each worker
 * that publishes has a connection of its own.
 */

#ifndef _NGX_SIO_CLUSTER_H_INCLUDED_
#define _NGX_SIO_CLUSTER_H_INCLUDED_


#include "ngx_sio_bus.h"
#include "ngx_sio_cluster_errand.h"
#include "ngx_sio_redis.h"
#include "sio_adapter.h"


#define NGX_SIO_UID_LEN      6
#define NGX_SIO_CHANNEL_MAX  2048       /* bytes; a longer one is refused */
#define NGX_SIO_CLUSTER_BEAT 2000       /* ms between heartbeats */


typedef struct ngx_sio_cluster_notes_s  ngx_sio_cluster_notes_t;

typedef struct {
    ngx_connection_t             dummy;     /* first: for debug logs */
    const ngx_sio_redis_conf_t  *conf;
    ngx_sio_zone_t              *zone;
    ngx_sio_errand_pt            errand;
    ngx_sio_worker_t             self;      /* outlives the slot at exit */
    u_char                       uid[NGX_SIO_UID_LEN];

    ngx_sio_redis_t              listener;  /* the leader's */
    ngx_sio_redis_t              publisher;
    ngx_event_t                  tick;
    sio_adapter_t               *in;
    sio_adapter_t               *out;

    /* of the leader */
    ngx_msec_t                   heard;     /* anything at all */
    ngx_msec_t                   beat;      /* when the next one is due */
    ngx_uint_t                   confirmed; /* subscriptions, in their order */
    ngx_uint_t                   hand;      /* NGX_SIO_HAND_... */
    uint64_t                     nonce;     /* of our marker, 0: none */
    ngx_msec_t                   marked;    /* when it was published */
    ngx_msec_t                   leaving;   /* when told to quit, 0: not yet */
    ngx_msec_t                   twin;      /* when one was heard last, and */
    ngx_msec_t                   twin_since;    /* for the first time */
    ngx_uint_t                   nnames;    /* subscribed to, also those that
                                               nobody is in any more */
    sio_span_t                   names[NGX_SIO_NAMESPACES];
    uint32_t                     seen[NGX_SIO_NAMESPACES];
                                            /* by cell: the name's hash, if it
                                               is among them */

    ngx_event_t                  work;      /* requests of other nodes */
    ngx_queue_t                  jobs;
    ngx_uint_t                   njobs;
    size_t                       job_bytes; /* of their requests */
    ngx_uint_t                   slices;    /* done in this turn */

    /* questions to other nodes */
    ngx_sio_redis_t              asker;     /* hears the answers */
    ngx_queue_t                  questions;
    ngx_queue_t                  channels;
    ngx_uint_t                   nquestions;
    uint64_t                     serial;
    ngx_msec_t                   asked;     /* when there was one */
    ngx_msec_t                   answered;  /* when something was heard */
    ngx_uint_t                   owed;      /* confirmations of Redis */

    ngx_sio_cluster_notes_t     *notes;     /* events to publish soon */
    sio_span_t                   sender;    /* of what is published */
    ngx_sio_redis_buf_t          text;      /* a packet to publish */
} ngx_sio_cluster_t;


/*
 * Starts what serves a zone in this worker; it lives as long as the worker.
 * What other nodes ask to be done with a socket is done by errand.
 * Returns NGX_OK, also without a slot, or NGX_ERROR without memory.
 */
ngx_int_t ngx_sio_cluster_init(const ngx_sio_redis_conf_t *conf,
    ngx_cycle_t *cycle, ngx_sio_errand_pt errand);

/* Resigns and closes all connections; for the end of the worker. */
void ngx_sio_cluster_exit(ngx_sio_zone_t *zone);

/*
 * Writes the state as members of a JSON object, at most 512 bytes; nothing for
 * a zone that is in no cluster.
 */
u_char *ngx_sio_cluster_status(ngx_sio_zone_t *zone, u_char *p);

/* The table of zones that are in a cluster. */
extern const struct ngx_sio_bus_s  ngx_sio_cluster_bus;


/* Takes a message; requests are heard twice, by a pattern and their channel. */
void ngx_sio_cluster_message(ngx_sio_cluster_t *cl, ngx_uint_t pattern,
    sio_span_t channel, sio_span_t payload);

/* Takes a request; namespace is that of its channel. */
void ngx_sio_cluster_request(ngx_sio_cluster_t *cl, sio_span_t namespace,
    sio_span_t payload);

/* Answers one that another worker of this node takes, with nothing. */
void ngx_sio_cluster_request_none(ngx_sio_cluster_t *cl, sio_span_t namespace,
    sio_span_t payload);

/*
 * Publishes to the channel <prefix><kind>#<namespace>#, and <name># behind it
 * where there is a name.  NGX_OK or NGX_DECLINED.
 */
ngx_int_t ngx_sio_cluster_send(ngx_sio_cluster_t *cl, const char *kind,
    sio_span_t namespace, sio_span_t name, sio_span_t message);

/*
 * Sets *b to say an event; it points into emit and cl.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_sio_cluster_event(ngx_sio_cluster_t *cl,
    const ngx_sio_emit_t *emit, sio_adapter_broadcast_t *b);

/*
 * Tells the other nodes of a request that needs no answer; uid is filled in.
 * Returns NGX_SIO_CLUSTER_...
 */
ngx_uint_t ngx_sio_cluster_tell(ngx_sio_zone_t *zone, sio_span_t namespace,
    sio_adapter_request_t *request);

/*
 * Delivers a broadcast that wants acks, and passes these on; sets *n to how
 * many there are to come.  NGX_DECLINED: it was not delivered.
 */
ngx_int_t ngx_sio_cluster_ask(ngx_sio_cluster_t *cl, sio_span_t namespace,
    const sio_adapter_request_t *request, ngx_uint_t *n);

/* Hands what another node has broadcast to the sockets of this one. */
void ngx_sio_cluster_deliver(ngx_sio_cluster_t *cl, sio_span_t namespace,
    const sio_adapter_broadcast_t *b);

/* Counts and logs a message that is not taken. */
void ngx_sio_cluster_refuse(ngx_sio_cluster_t *cl, const char *why);


#endif /* _NGX_SIO_CLUSTER_H_INCLUDED_ */
