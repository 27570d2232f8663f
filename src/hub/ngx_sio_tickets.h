
/*
 * Lanes: a socket's calls to services are made one after the other, in the
 * order of its events, whichever workers these arrive on.
 *
 * A call has a ticket in shared memory from its event to its answer.  The
 * worker of the first ticket holds the lane: calls of other workers' events are
 * handed over to it through the log.  Tickets of a worker that dies are closed,
 * and the acks that they owed are sent as errors.
 */

#ifndef _NGX_SIO_TICKETS_H_INCLUDED_
#define _NGX_SIO_TICKETS_H_INCLUDED_


#include "ngx_sio_registry.h"


#define NGX_SIO_LANE_MAX  128           /* tickets of one socket */


typedef struct {
    ngx_sio_zone_t           *zone;
    ngx_sio_ref_t             socket;
    sio_span_t                ack;      /* id of the ack that is due, or "" */
    ngx_uint_t                async;    /* waits for nobody, nobody for it */
    ngx_sio_payload_t        *call;     /* what another worker makes it of:
                                           text[1] to [3] */

    /* results */
    ngx_sio_ref_t             ticket;
    ngx_uint_t                others;   /* there are tickets before it */
} ngx_sio_ticket_request_t;


/*
 * Gives a call its ticket.  Returns NGX_OK when this worker is to make it,
 * after those of the socket that it has to make already; NGX_DONE when another
 * worker has been handed it (NGX_SIO_CTL_CALL); NGX_DECLINED when the socket
 * has NGX_SIO_LANE_MAX already, shared memory is full, or the call is too large
 * to be handed over; NGX_ABORT when the socket is gone.
 */
ngx_int_t ngx_sio_ticket_open(ngx_sio_ticket_request_t *request);

/* Closes a ticket: the call has its answer.  Harmless when it is gone. */
void ngx_sio_ticket_close(ngx_sio_zone_t *zone, ngx_sio_ref_t ticket);

/* The same for a call that cannot be made: the ack that it owes says so. */
void ngx_sio_ticket_fail(ngx_sio_zone_t *zone, ngx_sio_ref_t ticket);

/* Closes the tickets of a worker that is gone, with errors for their acks. */
void ngx_sio_tickets_orphaned(ngx_sio_zone_t *zone, ngx_sio_worker_t dead);

/* Leaves a socket's calls to themselves: its cell is freed.  Wants the lock. */
void ngx_sio_tickets_abandon_locked(ngx_sio_shared_t *sh, uint32_t socket);

/* Computes lanes again from complete tickets.  Wants the lock. */
void ngx_sio_tickets_rebuild(ngx_sio_shared_t *sh);


#endif /* _NGX_SIO_TICKETS_H_INCLUDED_ */
