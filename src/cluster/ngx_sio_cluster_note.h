
/*
 * Events that come to be under the lock, where nothing is sent: announcements
 * of joins and leaves, for other nodes.
 */

#ifndef _NGX_SIO_CLUSTER_NOTE_H_INCLUDED_
#define _NGX_SIO_CLUSTER_NOTE_H_INCLUDED_


#include "ngx_sio_cluster.h"


/*
 * Of the bus: copies an event for a room, to be published soon.  Wants the
 * lock; what does not fit is counted as lost.
 */
void ngx_sio_cluster_note(ngx_sio_zone_t *zone, sio_span_t namespace,
    sio_span_t room, const ngx_sio_payload_t *payload);

/* Publishes what was noted; without the lock, before anything later. */
void ngx_sio_cluster_notes(ngx_sio_cluster_t *cl);

/* Prepares a worker for notes: NGX_OK, or NGX_ERROR without memory. */
ngx_int_t ngx_sio_cluster_notes_init(ngx_sio_cluster_t *cl, ngx_pool_t *pool);

/* Frees what it has of them; they have been published. */
void ngx_sio_cluster_notes_free(ngx_sio_cluster_t *cl);


#endif /* _NGX_SIO_CLUSTER_NOTE_H_INCLUDED_ */
