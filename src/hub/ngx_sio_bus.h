
/*
 * The way to other nodes, as those who publish see it: a table that src/cluster
 * fills in for the zones that are part of a cluster.
 */

#ifndef _NGX_SIO_BUS_H_INCLUDED_
#define _NGX_SIO_BUS_H_INCLUDED_


#include "ngx_sio_emit.h"


/* How far an event has come beyond this nginx: ngx_sio_emit_t.cluster. */
#define NGX_SIO_CLUSTER_NONE     0      /* there is no cluster, or local */
#define NGX_SIO_CLUSTER_SENT     1      /* on its way to the bus */
#define NGX_SIO_CLUSTER_DOWN     2      /* the bus is away */
#define NGX_SIO_CLUSTER_REFUSED  3      /* no message can say it */


/* Publishes what ngx_sio_emit() has taken; returns one of the above. */
typedef ngx_uint_t (*ngx_sio_publish_pt)(ngx_sio_emit_t *emit);

/*
 * Notes an event for a room on other nodes, to be published when the lock,
 * which the caller has, is free again.  All that it is given is copied.
 */
typedef void (*ngx_sio_note_pt)(ngx_sio_zone_t *zone, sio_span_t namespace,
    sio_span_t room, const ngx_sio_payload_t *payload);

struct ngx_sio_bus_s {
    ngx_sio_publish_pt    publish;
    ngx_sio_note_pt       note;
};


/*
 * ngx_sio_emit(), and then the same for the other nodes, unless the event is
 * local or a duplicate.  Returns what ngx_sio_emit() does, sets emit->cluster.
 */
ngx_int_t ngx_sio_publish(ngx_sio_emit_t *emit);


#endif /* _NGX_SIO_BUS_H_INCLUDED_ */
