
/*
 * The log: what happens to clients because of somebody else's act, in one
 * order for all workers.
 *
 * A record is addressed to targets, and those of one target are chained
 * backwards, so that a replay costs what it delivers.  Only appending locks.
 */

#ifndef _NGX_SIO_LOG_H_INCLUDED_
#define _NGX_SIO_LOG_H_INCLUDED_


#include "ngx_sio_zone.h"


/* What a record is. */
#define NGX_SIO_RECORD_EVENT    1      /* a packet for the targets' sockets */
#define NGX_SIO_RECORD_DIRECT   2      /* a packet for one session */
#define NGX_SIO_RECORD_CONTROL  3      /* a ngx_sio_control_t for a worker */
#define NGX_SIO_RECORD_REBUILT  4      /* controls may be missing before it */
#define NGX_SIO_VOLATILE        0x01   /* flag: for who can be written to now */
#define NGX_SIO_ASKS            0x02   /* flag: the client is to answer it */
#define NGX_SIO_ANSWERS         0x04   /* flag: it is an answer to a client */
#define NGX_SIO_PASSING         0x07   /* any of them: no recovery repeats it */
#define NGX_SIO_PLAIN           0x08   /* flag: not to be compressed */

/* What a target is. */
#define NGX_SIO_TO_NAMESPACE     1
#define NGX_SIO_TO_ROOM          2
#define NGX_SIO_TO_SOCKET        3
#define NGX_SIO_TO_SESSION       4
#define NGX_SIO_TO_WORKER        5      /* id is a slot; not chained */
#define NGX_SIO_TARGETS_MAX      1024   /* of emit, and as many exceptions */


typedef struct {
    uint32_t           kind;
    uint32_t           id;              /* a cell */
    uint64_t           prev;            /* the target's record before this */
} ngx_sio_target_t;


/*
 * In the log, followed by the targets, the exceptions (prev is 0), and the
 * packet: for each Engine.IO packet that it makes, the header first and then
 * its attachments, a 32-bit length and the bytes.
 */
typedef struct {
    sio_ring_record_t  ring;
    uint64_t           time;            /* ms since 1970 */
    uint16_t           type;
    uint16_t           flags;
    uint16_t           targets;
    uint16_t           excepts;
    uint32_t           parts;           /* Engine.IO packets */
    uint32_t           length;          /* bytes of the packet */
} ngx_sio_record_t;


/* What is copied into a record: a text packet (none if empty), binaries. */
typedef struct {
    sio_span_t         text[4];         /* pieces of the text packet */
    sio_span_t        *attachments;
    ngx_uint_t         nattachments;
} ngx_sio_payload_t;


/* What a worker is told. */
typedef enum {
    NGX_SIO_CTL_JOIN = 1,               /* socket is in room from here */
    NGX_SIO_CTL_LEAVE,                  /* socket is not in room from here */
    NGX_SIO_CTL_DISCONNECT,             /* the socket ends; flag: say so */
    NGX_SIO_CTL_CLOSE,                  /* the session ends */
    NGX_SIO_CTL_POLL,                   /* answer the parked poll (a noop) */
    NGX_SIO_CTL_POLL_CLOSED,            /* answer it with a close packet */
    NGX_SIO_CTL_POLL_GONE,              /* answer it with 400 */
    NGX_SIO_CTL_POST_GONE,              /* abort the POST in flight */
    NGX_SIO_CTL_REFRESH,                /* look at the parked session again */
    NGX_SIO_CTL_ACK,                    /* session: a ngx_sio_pending_t */
    NGX_SIO_CTL_CONNECTED,              /* it begins here; room 0: say so */
    NGX_SIO_CTL_CALL                    /* session: a ngx_sio_ticket_t */
} ngx_sio_control_op_t;

typedef struct {
    uint32_t           op;              /* ngx_sio_control_op_t */
    uint32_t           room;
    ngx_sio_ref_t      session;
    ngx_sio_ref_t      socket;
} ngx_sio_control_t;


/* What a reader gets of a record; copied, but for the packet. */
typedef struct {
    ngx_sio_record_t   head;
    ngx_sio_target_t  *targets;         /* in scratch memory of the reader */
    ngx_sio_target_t  *excepts;
    const u_char      *packet;          /* in the log: copy, then validate */
    ngx_uint_t         stamped;         /* a replay: with its offset */
} ngx_sio_record_view_t;


/* Bytes of a payload as a record's packet. */
size_t ngx_sio_payload_size(const ngx_sio_payload_t *payload);

/* Whether a packet of that many bytes, sent to everybody, fits a record. */
ngx_uint_t ngx_sio_log_fits(ngx_sio_zone_t *zone, size_t length);

/*
 * Appends a record and chains its targets; record gives type, flags, targets
 * and excepts.  Returns its position, 0 if it does not fit.  Wants the lock.
 */
uint64_t ngx_sio_log_append_locked(ngx_sio_zone_t *zone,
    const ngx_sio_record_t *record, ngx_sio_target_t *targets,
    const ngx_sio_payload_t *payload);

/* Tells a worker, and notes that it is to be woken.  Wants the lock. */
void ngx_sio_control_locked(ngx_sio_zone_t *zone, ngx_sio_worker_t worker,
    const ngx_sio_control_t *control, ngx_sio_mask_t *wake);

/*
 * The same with more behind the control: text[1] to [3] and attachments.
 * Returns NGX_OK, or NGX_DECLINED when the worker is gone or it does not fit.
 */
ngx_int_t ngx_sio_control_more_locked(ngx_sio_zone_t *zone,
    ngx_sio_worker_t worker, const ngx_sio_control_t *control,
    ngx_sio_payload_t *more, ngx_sio_mask_t *wake);

/*
 * Reads the record at or behind a position without a lock, its targets into
 * memory that the next call reuses.  Returns NGX_OK, NGX_DONE at the head,
 * NGX_DECLINED when the log has lapped it.
 */
ngx_int_t ngx_sio_log_read(ngx_sio_zone_t *zone, uint64_t position,
    ngx_sio_record_view_t *view);

/* Copies head.length bytes: NGX_OK, or NGX_DECLINED when they were lapped. */
ngx_int_t ngx_sio_log_copy(ngx_sio_zone_t *zone,
    const ngx_sio_record_view_t *view, void *dst);

/* Notes a record, with its targets and exceptions, in the cells of these. */
void ngx_sio_log_note_locked(ngx_sio_shared_t *sh,
    const ngx_sio_record_t *record, const ngx_sio_target_t *targets);

/* The chain word of a target's cell, NULL for a worker. */
uint64_t *ngx_sio_target_last(ngx_sio_shared_t *sh, uint32_t kind,
    uint32_t id);


#endif /* _NGX_SIO_LOG_H_INCLUDED_ */
