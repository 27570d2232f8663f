
/*
 * The messages of @socket.io/redis-adapter and @socket.io/redis-emitter, both
 * ways: MessagePack (by msgpack-c) and JSON on one side, Socket.IO packets as
 * clients get them on the other.
 *
 * Plain C, without nginx and I/O.  A codec owns the memory of what its last
 * call returned; spans may also point into the bytes that the call was given.
 */

#ifndef _SIO_ADAPTER_H_INCLUDED_
#define _SIO_ADAPTER_H_INCLUDED_


#include "sio_json.h"
#include "sio_packet.h"


#define SIO_ADAPTER_DEPTH  32       /* levels of a message */
#define SIO_ADAPTER_NAMES  1024     /* rooms, and as many exceptions */

/* Types of requests, and of the answers that have one. */
#define SIO_ADAPTER_SOCKETS           0
#define SIO_ADAPTER_ROOMS             1
#define SIO_ADAPTER_JOIN              2
#define SIO_ADAPTER_LEAVE             3
#define SIO_ADAPTER_DISCONNECT        4
#define SIO_ADAPTER_FETCH             5
#define SIO_ADAPTER_SERVER_SIDE_EMIT  6
#define SIO_ADAPTER_BROADCAST         7
#define SIO_ADAPTER_CLIENT_COUNT      8
#define SIO_ADAPTER_ACK               9
#define SIO_ADAPTER_NONE              255


typedef struct sio_adapter_s  sio_adapter_t;

typedef struct {
    const sio_span_t   *name;
    unsigned            n;
} sio_adapter_names_t;

typedef struct {
    sio_span_t           uid;           /* of the node that has sent it */
    sio_span_t           nsp;
    sio_adapter_names_t  rooms;
    sio_adapter_names_t  except;
    int                  is_volatile;
    int                  plain;         /* not to be compressed */
    uint64_t             timeout;       /* ms, for acks; 0 without */
    sio_span_t           text;          /* Engine.IO packet: 42["event",1] */
    sio_span_t           attachments[SIO_ATTACHMENTS_MAX];
    unsigned             nattachments;
} sio_adapter_broadcast_t;

typedef struct {
    unsigned             type;
    sio_span_t           uid;
    sio_span_t           id;            /* none if empty: wants no answer */
    int                  opts;          /* a selection, not one socket */
    sio_adapter_names_t  rooms;         /* of the selection */
    sio_adapter_names_t  except;
    sio_adapter_names_t  names;         /* to join or leave */
    sio_span_t           sid;           /* old form: one socket ... */
    int                  close;
    sio_span_t           data;          /* SERVER_SIDE_EMIT: a JSON array */

    sio_adapter_broadcast_t  broadcast; /* BROADCAST */
} sio_adapter_request_t;

typedef struct {
    unsigned             type;          /* SIO_ADAPTER_NONE without */
    sio_span_t           id;
    sio_json_t           sockets;       /* kind NONE where there is none */
    sio_json_t           rooms;
    sio_json_t           data;
    sio_json_t           packet;        /* ACK: one client's value */
    uint64_t             count;         /* CLIENT_COUNT */
    sio_span_t          *attachments;   /* of packet */
    unsigned             nattachments;
} sio_adapter_response_t;


/* A codec, NULL without memory; the caller owns it. */
sio_adapter_t *sio_adapter_create(void);

/* Frees a codec with all that it has returned. */
void sio_adapter_free(sio_adapter_t *a);

/* Why the last call has failed, for logs. */
const char *sio_adapter_why(const sio_adapter_t *a);

/*
 * Reads a broadcast; what it yields is fit for clients: the packet is a valid
 * one, dates are strings, binary is attachments.  SIO_OK or SIO_ERROR.
 */
int sio_adapter_decode(sio_adapter_t *a, sio_span_t message,
    sio_adapter_broadcast_t *b);

/*
 * Writes a broadcast; its text must be an event's packet, nsp is not used.
 * SIO_OK and *message, or SIO_ERROR when it is no such packet or too deep.
 */
int sio_adapter_encode(sio_adapter_t *a, const sio_adapter_broadcast_t *b,
    sio_span_t *message);

/* Reads a request, JSON or MessagePack.  SIO_OK or SIO_ERROR. */
int sio_adapter_request_read(sio_adapter_t *a, sio_span_t message,
    sio_adapter_request_t *request);

/*
 * Writes a request of any type but BROADCAST as JSON; names must be UTF-8.
 * SIO_OK and *message, or SIO_ERROR without memory.
 */
int sio_adapter_request_write(sio_adapter_t *a,
    const sio_adapter_request_t *request, sio_span_t *message);

/*
 * Writes a request of type BROADCAST as MessagePack; its text is as above, an
 * ack id in it is not used.  SIO_OK and *message, or SIO_ERROR as there.
 */
int sio_adapter_ask_write(sio_adapter_t *a,
    const sio_adapter_request_t *request, sio_span_t *message);

/*
 * Writes a response of type ACK as MessagePack; packet is valid JSON.  SIO_OK
 * and *message, or SIO_ERROR when it is too deep.
 */
int sio_adapter_ack_write(sio_adapter_t *a,
    const sio_adapter_response_t *response, sio_span_t *message);

/* Reads a response, JSON or MessagePack.  SIO_OK or SIO_ERROR. */
int sio_adapter_response_read(sio_adapter_t *a, sio_span_t message,
    sio_adapter_response_t *response);


#endif /* _SIO_ADAPTER_H_INCLUDED_ */
