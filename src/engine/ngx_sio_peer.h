
/*
 * A peer is this worker's end of a session: a WebSocket, a parked GET, or a
 * POST that is being handled.  The session itself lies in shared memory.
 *
 * Peers are closed in two steps, so that nobody holds a freed one: whoever
 * decides calls ngx_sio_peer_close(), and from an event of its own the
 * transport is told to go away.
 */

#ifndef _NGX_SIO_PEER_H_INCLUDED_
#define _NGX_SIO_PEER_H_INCLUDED_


#include "ngx_sio_conf.h"
#include "ngx_sio_deadline.h"
#include "ngx_sio_end.h"
#include "ngx_sio_frame.h"
#include "ngx_sio_index.h"


typedef struct ngx_sio_presence_s  ngx_sio_presence_t;
typedef struct ngx_sio_reader_s    ngx_sio_reader_t;
typedef struct ngx_sio_lag_s       ngx_sio_lag_t;


/* What a peer is. */
#define NGX_SIO_PEER_WEBSOCKET  0       /* the session's transport */
#define NGX_SIO_PEER_PROBE      1       /* a WebSocket that asks for it */
#define NGX_SIO_PEER_POLL       2       /* a parked GET */
#define NGX_SIO_PEER_POST       3       /* a POST that is being handled */


/* What the engine asks of a transport. */
typedef struct {
    /* send what is queued; may close the peer, must not queue or join */
    void  (*flush)(ngx_sio_peer_t *peer);

    /* end and free the peer, which nothing refers to any more */
    void  (*end)(ngx_sio_peer_t *peer, ngx_sio_end_t why);

    /*
     * A parked GET: there may be something to answer with; noop: answer.  Who
     * is answered has left, and may be freed.
     */
    void  (*ready)(ngx_sio_peer_t *peer, ngx_uint_t noop);
} ngx_sio_transport_t;


struct ngx_sio_peer_s {
    ngx_sio_reader_t            *reader;
    const ngx_sio_endpoint_t    *endpoint;
    const ngx_sio_transport_t   *transport;
    ngx_queue_t                  queue;     /* of the reader, by kind */
    ngx_queue_t                  turn;      /* to be flushed, or ready */
    ngx_queue_t                  presences;
    ngx_sio_ref_t                session;
    uint64_t                     cursor;    /* earlier records are done with */
    ngx_sio_lag_t               *lag;       /* NULL: it is not behind */
    uint32_t                     audited;   /* the reader's `rebuilds` then */

    unsigned                     kind:2;
    unsigned                     in_turn:1; /* `turn` is queued */
    unsigned                     noop:1;    /* a POLL: answer in any case */
    unsigned                     closing:1; /* has left */
    unsigned                     ending:1;  /* `turn` is in `closing` */
    unsigned                     blocked:1; /* the kernel takes no more */
    unsigned                     base64:1;  /* takes no binary frames */
    unsigned                     left:1;    /* has left a namespace before */
    unsigned                     connected:1;   /* has been in one */
    unsigned                     kept:1;    /* a POST: the session keeps
                                               `partial`, or one before it */
    unsigned                     why:4;     /* ngx_sio_end_t */
    unsigned                     fault:2;   /* ngx_sio_fault_t */
    unsigned                     window:4;  /* log2, of deflate; 0: none */

    uint8_t                      attachments;   /* of a packet, to come */
    struct ngx_sio_partial_s    *partial;   /* that packet, or NULL: ignored */
    ngx_sio_deadline_t           deadline;

    /* output of a WebSocket: a ring of frames */
    ngx_sio_frame_t            **frames;
    uint32_t                     first;
    uint32_t                     nframes;
    uint32_t                     size;
    uint32_t                     sent;      /* bytes of the first frame */
    uint32_t                     offered;   /* frames that TLS wants again */
    size_t                       pending;   /* bytes */
};


/* The frame that is i-th to be sent; i < nframes. */
#define ngx_sio_peer_frame(peer, i)                                           \
    (peer)->frames[((peer)->first + (i)) & ((peer)->size - 1)]


/*
 * Sets a peer up and makes it known to its zone's reader; presences may follow.
 * NGX_ERROR without memory: the peer is then as one that has left.
 */
ngx_int_t ngx_sio_peer_init(ngx_sio_peer_t *peer, ngx_uint_t kind);

/* Takes a peer out of all but shared memory; harmless when done before. */
void ngx_sio_peer_leave(ngx_sio_peer_t *peer);

/* The same for a peer whose memory others than its end() are about to free. */
void ngx_sio_peer_forget(ngx_sio_peer_t *peer);

/* Ends a peer: it leaves at once, its transport ends in an event of its own. */
void ngx_sio_peer_close(ngx_sio_peer_t *peer, ngx_sio_end_t why);

/* The second half of that: for a peer that has left already. */
void ngx_sio_peer_doom(ngx_sio_peer_t *peer, ngx_sio_end_t why);

/* Sends a frame.  Who has too much waiting loses droppable ones, then ends. */
void ngx_sio_peer_queue(ngx_sio_peer_t *peer, ngx_sio_frame_t *frame);

/* The same for the last frame of one that has left; NGX_ERROR: no memory. */
ngx_int_t ngx_sio_peer_queue_last(ngx_sio_peer_t *peer,
    ngx_sio_frame_t *frame);

/* Queues a packet, before what one that is behind gets; may be NGX_ERROR. */
ngx_int_t ngx_sio_peer_packet(ngx_sio_peer_t *peer,
    const ngx_sio_payload_t *payload);

/* Bytes that may be queued for it. */
size_t ngx_sio_peer_limit(ngx_sio_peer_t *peer);

/*
 * Sends its session a packet behind all that is in the log by now.  To one that
 * polls, or that is behind, it is a record.
 */
void ngx_sio_peer_send(ngx_sio_peer_t *peer, const ngx_sio_payload_t *payload);

/* Frames left to send go away with this. */
void ngx_sio_peer_drop_frames(ngx_sio_peer_t *peer);

/* Frees the first frame, which has been sent. */
void ngx_sio_peer_sent_frame(ngx_sio_peer_t *peer);


#endif /* _NGX_SIO_PEER_H_INCLUDED_ */
