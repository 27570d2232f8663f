
/*
 * Acks of clients to events of the server API: what waits for them, and how
 * they come from the worker that has the client to the one that has asked.
 *
 * An event that wants acks has a cell in shared memory, by which any worker
 * knows whether an id is awaited, and by whom.  Whether the socket was meant is
 * for the one to judge who has asked.
 */

#ifndef _NGX_SIO_ACKS_H_INCLUDED_
#define _NGX_SIO_ACKS_H_INCLUDED_


#include "ngx_sio_log.h"
#include "sio_packet.h"


#define NGX_SIO_ASK_ID_LEN  16          /* digits: ids are below 2^53 */


/* What a client has answered. */
typedef struct {
    ngx_sio_ref_t       socket;
    ngx_uint_t          lost;           /* it was too large to be passed on */
    sio_span_t          value;          /* JSON */
    sio_span_t         *attachments;    /* at most SIO_ATTACHMENTS_MAX */
    ngx_uint_t          nattachments;
} ngx_sio_ack_t;


typedef struct ngx_sio_ask_s  ngx_sio_ask_t;

/* Takes an ack, in the worker that has asked; what ack points to is on loan. */
typedef void (*ngx_sio_ask_pt)(ngx_sio_ask_t *ask, const ngx_sio_ack_t *ack);


/* A question, in the worker that asks. */
struct ngx_sio_ask_s {
    ngx_rbtree_node_t   node;           /* of the zone's, by cell */
    ngx_sio_zone_t     *zone;
    ngx_sio_ref_t       pending;        /* cell 0: closed */
    ngx_sio_ask_pt      handler;
    void               *data;
};


/*
 * Opens a question for a time in ms; zone, handler and data are the caller's.
 * The ask must stay where it is until it is closed.  Returns NGX_OK, or
 * NGX_DECLINED when the table is full.
 */
ngx_int_t ngx_sio_ask_open(ngx_sio_ask_t *ask, ngx_msec_t time);

/* Ends it; harmless when it is closed already. */
void ngx_sio_ask_close(ngx_sio_ask_t *ask);

/* Writes the ack id, NGX_SIO_ASK_ID_LEN bytes at most; returns the end. */
u_char *ngx_sio_ask_id(const ngx_sio_ask_t *ask, u_char *dst);

/*
 * Passes a client's ack on to who has asked for that id, through the log.  One
 * that nobody waits for is counted and dropped.
 */
void ngx_sio_ack(ngx_sio_zone_t *zone, sio_span_t id,
    const ngx_sio_ack_t *ack);

/* Gives the ack that a control record has brought to who has asked. */
void ngx_sio_ack_read(ngx_sio_zone_t *zone, const ngx_sio_control_t *control,
    const ngx_sio_record_view_t *view);

/*
 * Finds a socket among n that were asked, in order of cells; NULL: it was not.
 * The serial is for the caller to compare.
 */
ngx_sio_ref_t *ngx_sio_asked_find(ngx_sio_ref_t *asked, ngx_uint_t n,
    uint32_t cell);

/* Frees the questions of a worker that is dead or leaves. */
void ngx_sio_asks_orphans(ngx_sio_zone_t *zone, ngx_sio_worker_t dead);


#endif /* _NGX_SIO_ACKS_H_INCLUDED_ */
