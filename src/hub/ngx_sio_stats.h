
/*
 * Counters, one block for each worker slot, summed when they are read; and the
 * names of all that status shows of a zone.
 */

#ifndef _NGX_SIO_STATS_H_INCLUDED_
#define _NGX_SIO_STATS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_atomic_t   sessions_opened;
    ngx_atomic_t   sessions_closed;
    ngx_atomic_t   upgrades;
    ngx_atomic_t   sockets_opened;
    ngx_atomic_t   sockets_closed;
    ngx_atomic_t   connects_refused;    /* CONNECT_ERROR packets */
    ngx_atomic_t   joins;
    ngx_atomic_t   joins_refused;
    ngx_atomic_t   leaves;
    ngx_atomic_t   announcements;       /* records about joins and leaves */
    ngx_atomic_t   packets_in;          /* Engine.IO packets from clients */
    ngx_atomic_t   bytes_in;
    ngx_atomic_t   packets_out;         /* Engine.IO packets to clients */
    ngx_atomic_t   bytes_out;
    ngx_atomic_t   compressions;        /* messages, once for all receivers */
    ngx_atomic_t   compressed_from;     /* bytes */
    ngx_atomic_t   compressed_to;
    ngx_atomic_t   compressed_deliveries;
    ngx_atomic_t   decompressions;      /* of clients' messages */
    ngx_atomic_t   events_unmatched;    /* client events that nothing takes */
    ngx_atomic_t   events_limited;      /* over socketio_limit_events */
    ngx_atomic_t   relays;              /* client events passed on */
    ngx_atomic_t   relays_refused;
    ngx_atomic_t   rules_limited;       /* events over limit= of their rule */
    ngx_atomic_t   refusals_untold;     /* too many for the log */
    ngx_atomic_t   publishes;           /* emits accepted */
    ngx_atomic_t   records;             /* appended to the log */
    ngx_atomic_t   deliveries;          /* of events, to sockets */
    ngx_atomic_t   volatile_dropped;
    ngx_atomic_t   duplicates;          /* emits known by their key */
    ngx_atomic_t   keys_evicted;        /* before their time */
    ngx_atomic_t   acks;                /* of clients, to events of the API */
    ngx_atomic_t   acks_dropped;        /* that nobody waits for */
    ngx_atomic_t   slow_closed;         /* over socketio_send_buffer */
    ngx_atomic_t   overruns;            /* readers lapped by the log */
    ngx_atomic_t   memory_failed;       /* none for a frame, or for a packet */
    ngx_atomic_t   pings_timed_out;
    ngx_atomic_t   protocol_errors;     /* malformed packets and frames */
    ngx_atomic_t   sessions_refused;    /* handshakes without room for them */
    ngx_atomic_t   sessions_limited;    /* handshakes over their limits */
    ngx_atomic_t   sockets_limited;     /* over socketio_limit_sockets */
    ngx_atomic_t   tokens_refused;      /* at handshake or CONNECT */
    ngx_atomic_t   tokens_expired;      /* of connected sockets */
    ngx_atomic_t   tokens_refreshed;    /* likewise */
    ngx_atomic_t   tokens_revoked;      /* calls of revoke */
    ngx_atomic_t   calls;               /* to services, begun */
    ngx_atomic_t   calls_failed;        /* no answer, or a bad one */
    ngx_atomic_t   calls_refused;       /* over socketio_forward_queue */
    ngx_atomic_t   calls_gone;          /* answers whose socket was gone */
    ngx_atomic_t   cluster_sent;        /* events and requests to the bus */
    ngx_atomic_t   cluster_lost;        /* that could not be sent */
    ngx_atomic_t   cluster_received;    /* messages of other nodes taken */
    ngx_atomic_t   cluster_skipped;     /* for rooms that nobody is in */
    ngx_atomic_t   cluster_refused;     /* malformed or too large */
    ngx_atomic_t   cluster_unasked;     /* of other nodes, without acks */
    ngx_atomic_t   cluster_failures;    /* connections to Redis that failed */
    ngx_atomic_t   cluster_handovers;   /* of listening, nothing lost */
    ngx_atomic_t   cluster_handovers_cut;   /* likewise, with a gap maybe */
    ngx_atomic_t   calls_lost;          /* with a worker that died */
    ngx_atomic_t   notices;             /* of disconnects, delivered */
    ngx_atomic_t   notices_given_up;
    ngx_atomic_t   recoveries;          /* sockets whose clients came back */
    ngx_atomic_t   recoveries_unknown;  /* refused: no such socket */
    ngx_atomic_t   recoveries_offset;   /* no offset of ours */
    ngx_atomic_t   recoveries_epoch;    /* of another zone or start */
    ngx_atomic_t   recoveries_lapped;   /* the log holds no longer */
    ngx_atomic_t   recoveries_token;    /* another user's, revoked */
    ngx_atomic_t   recoveries_full;     /* no room, over limits */
    ngx_atomic_t   recoveries_broken;   /* the last one was: told to retry */
    ngx_atomic_t   waits_over;          /* of clients that did not */
    ngx_atomic_t   waits_given_up;      /* for want of cells */
    ngx_atomic_t   moved;               /* closed as their worker left */
    ngx_atomic_t   rebuilds;            /* of the registry */
    ngx_atomic_t   rebuilds_closed;     /* WebSockets that it had changed */
    ngx_atomic_t   workers_reaped;
} ngx_sio_stats_t;


typedef struct {
    ngx_str_t      name;
    size_t         offset;              /* in its struct */
} ngx_sio_stat_t;


/* The counters by name, in the order of the struct; ends in an empty name. */
extern const ngx_sio_stat_t  ngx_sio_stat_names[];

/* The zone's pools likewise, by their offsets in ngx_sio_shared_t. */
extern const ngx_sio_stat_t  ngx_sio_pool_names[];


#endif /* _NGX_SIO_STATS_H_INCLUDED_ */
