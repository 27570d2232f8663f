
/*
 * The handover of listening from a leader that has to leave to its heir.
 */

#ifndef _NGX_SIO_CLUSTER_HAND_H_INCLUDED_
#define _NGX_SIO_CLUSTER_HAND_H_INCLUDED_


#include "ngx_sio_cluster.h"


#define NGX_SIO_CLUSTER_DEAF  8000      /* ms without hearing anything */

#define NGX_SIO_HAND_TICK  10           /* ms, while one is under way */
#define NGX_SIO_HAND_WAIT  1            /* ms, while nothing is read */


/* What a worker is in a handover: ngx_sio_cluster_t.hand. */
#define NGX_SIO_HAND_NONE   0           /* no heir: if it leads, it appends */
#define NGX_SIO_HAND_HEARS  1           /* an heir, before its marker */
#define NGX_SIO_HAND_WAITS  2           /* at it, until the leader is there */
#define NGX_SIO_HAND_GONE   3           /* has led, and is still counted */


/* Makes this worker the heir if the leader is leaving and nobody is it yet. */
void ngx_sio_cluster_hand_claim(ngx_sio_cluster_t *cl,
    ngx_sio_worker_t leader);

/* Looks how far it has come; in each tick, for who is part of one. */
void ngx_sio_cluster_hand_tick(ngx_sio_cluster_t *cl);

/* What becomes of the listener then; all three may end the handover. */
void ngx_sio_cluster_hand_ready(ngx_sio_cluster_t *cl);
void ngx_sio_cluster_hand_confirmed(ngx_sio_cluster_t *cl);
void ngx_sio_cluster_hand_lost(ngx_sio_cluster_t *cl);

/* Takes what comes on the node's own channel: heartbeats, or a marker. */
void ngx_sio_cluster_hand_marker(ngx_sio_cluster_t *cl, sio_span_t payload);

/* For a leader that is told to quit, in each tick: resigns if nobody comes. */
void ngx_sio_cluster_hand_leave(ngx_sio_cluster_t *cl);

/* Whether a worker that is told to quit has to stay for it. */
ngx_uint_t ngx_sio_cluster_hand_busy(ngx_sio_cluster_t *cl);

/* For who has led: what is subscribed to still, after UNSUBSCRIBE. */
void ngx_sio_cluster_hand_gone(ngx_sio_cluster_t *cl, ngx_uint_t left);

/* Calls it off, for an heir; harmless for others. */
void ngx_sio_cluster_hand_stop(ngx_sio_cluster_t *cl);

/* Notes to which bus the leader, this worker, listens. */
void ngx_sio_cluster_hand_key(ngx_sio_cluster_t *cl);


/* These are in ngx_sio_cluster.c. */

/* Whether all is subscribed to that does not depend on namespaces. */
ngx_uint_t ngx_sio_cluster_hears(const ngx_sio_cluster_t *cl);

/* Notes whether other nodes are heard, NGX_SIO_BUS_...; for the leader. */
void ngx_sio_cluster_state(ngx_sio_cluster_t *cl, ngx_uint_t state);

/* Closes the listener. */
void ngx_sio_cluster_deaf(ngx_sio_cluster_t *cl);

/* Closes it and leads no longer: the heir does, if there is one. */
void ngx_sio_cluster_resign(ngx_sio_cluster_t *cl);


#endif /* _NGX_SIO_CLUSTER_HAND_H_INCLUDED_ */
