
/*
 * Calls to services: what `forward` asks them, and whom the answer is for.
 *
 * A call refers to its session and socket by reference only, since both may go
 * or move to another worker meanwhile.  How a call travels is the business of
 * the backend, which a layer above provides.
 */

#ifndef _NGX_SIO_CALL_H_INCLUDED_
#define _NGX_SIO_CALL_H_INCLUDED_


#include "ngx_sio_conf.h"
#include "ngx_sio_snapshot.h"
#include "sio_packet.h"


#define NGX_SIO_CALL_EVENT       0
#define NGX_SIO_CALL_CONNECT     1
#define NGX_SIO_CALL_DISCONNECT  2


typedef struct {
    ngx_pool_t                  *pool;      /* all memory of the call */
    ngx_sio_zone_t              *zone;
    const ngx_sio_endpoint_t    *endpoint;
    ngx_sio_namespace_conf_t    *conf;
    const ngx_sio_event_rule_t  *rule;

    ngx_uint_t                   type;      /* NGX_SIO_CALL_... */
    u_char                       id[NGX_SIO_ID_LEN];    /* of the call */
    ngx_sio_ref_t                session;
    ngx_sio_ref_t                socket;    /* none for CONNECT */
    ngx_sio_ref_t                ticket;    /* EVENT */
    ngx_uint_t                   status;    /* of the answer, 0: none */
    u_char                       socket_id[NGX_SIO_ID_LEN];
    sio_span_t                   namespace;
    sio_span_t                   event;     /* EVENT: its name, decoded */
    sio_span_t                   ack;       /* digits, empty: none wanted */
    uint64_t                     expires;   /* CONNECT: of its claims */
    ngx_sio_marks_t             *marks;     /* CONNECT: of its token, or NULL */

    ngx_sio_snapshot_t           snapshot;
    sio_span_t                   head;      /* JSON, before the snapshot */
    sio_span_t                   tail;      /* JSON, behind it */
    sio_span_t                   body;      /* all of it, once it starts */
    size_t                       size;      /* bytes that wait with it */

    ngx_queue_t                  queue;     /* of its lane */
    ngx_queue_t                  pending;   /* CONNECT: of this worker's */
    void                        *lane;
    unsigned                     queued:1;  /* it had to wait for its turn */
} ngx_sio_call_t;


/* How a call travels. */
typedef struct {
    /*
     * Sends call->body, or NGX_ERROR without memory; else, some time later and
     * never from within this, ngx_sio_forward_end() is called.
     */
    ngx_int_t  (*start)(ngx_sio_call_t *call);
} ngx_sio_call_backend_t;


/* Set by the layer above before the first worker starts. */
extern const ngx_sio_call_backend_t  *ngx_sio_call_backend;


/*
 * Begins a call of a zone's endpoint; what it is about is the caller's to fill
 * in.  NULL without memory.
 */
ngx_sio_call_t *ngx_sio_call_create(ngx_sio_zone_t *zone,
    const ngx_sio_endpoint_t *endpoint, ngx_uint_t type);

/* Copies a text into the memory of a call.  NGX_ERROR without memory. */
ngx_int_t ngx_sio_call_copy(ngx_sio_call_t *call, sio_span_t text,
    sio_span_t *copy);

/* Frees a call that is over, or that never began. */
void ngx_sio_call_free(ngx_sio_call_t *call);

/*
 * Writes what is known when the event happens; packet and attachments are its,
 * and may go afterwards.  NGX_ERROR without memory.
 */
ngx_int_t ngx_sio_call_write_event(ngx_sio_call_t *call,
    const sio_packet_t *packet, const sio_span_t *attachments);
ngx_int_t ngx_sio_call_write_connect(ngx_sio_call_t *call,
    const sio_packet_t *packet, ngx_uint_t verified);

/*
 * The call that tells a service of a socket's end.  The socket's cell may be
 * closed already, but not freed; reason is text.  NULL without memory, or when
 * the cell is gone.
 */
ngx_sio_call_t *ngx_sio_call_disconnect(ngx_sio_zone_t *zone,
    const ngx_sio_endpoint_t *endpoint, ngx_sio_ref_t socket,
    sio_span_t reason, ngx_uint_t lost);

/*
 * The same for a socket that a service has let in and that could not be opened
 * then, from the call that asked.  NULL without memory.
 */
ngx_sio_call_t *ngx_sio_call_unopened(const ngx_sio_call_t *connect,
    sio_span_t reason);

/* Puts head, snapshot and tail together.  NGX_ERROR without memory. */
ngx_int_t ngx_sio_call_body(ngx_sio_call_t *call);


#endif /* _NGX_SIO_CALL_H_INCLUDED_ */
