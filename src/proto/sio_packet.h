
/*
 * Socket.IO v5 packets: what stands in an Engine.IO message.
 *
 *     <type>[<attachments>-][<namespace>,][<ack id>][<json>]
 */

#ifndef _SIO_PACKET_H_INCLUDED_
#define _SIO_PACKET_H_INCLUDED_


#include "sio_json.h"


#define SIO_CONNECT        0
#define SIO_DISCONNECT     1
#define SIO_EVENT          2
#define SIO_ACK            3
#define SIO_CONNECT_ERROR  4
#define SIO_BINARY_EVENT   5
#define SIO_BINARY_ACK     6

#define SIO_ATTACHMENTS_MAX  10     /* the stock parser's bound */
#define SIO_ACK_ID_MAX       20     /* digits */


typedef struct {
    uint8_t     type;           /* SIO_CONNECT ... */
    uint8_t     attachments;    /* 1..10 for the binary types, else 0 */
    sio_span_t  nsp;            /* "/" where the packet has none */
    sio_span_t  id;             /* digits of the ack id, empty if none */
    sio_json_t  payload;        /* kind NONE if absent */
    sio_json_t  event;          /* EVENT, BINARY_EVENT: the first element */
} sio_packet_t;


/*
 * Reads a packet that fills the whole text (without the Engine.IO type) and
 * checks all that can be checked without its attachments: the grammar, the
 * JSON, that the payload is of the kind its type wants (0: object or nothing,
 * 1: nothing, 2 and 5: non-empty array that starts with a number or a string
 * that is not reserved, 3 and 6: array, 4: string or object), that placeholders
 * of the binary types are within range.  A namespace needs no comma at the end
 * of the text.  Returns SIO_OK or SIO_ERROR.
 */
int sio_packet_parse(sio_span_t text, sio_packet_t *packet);

/* Whether an event's name is one that neither side may send. */
int sio_packet_reserved(sio_span_t name);

/*
 * Whether every {"_placeholder":true,"num":N} in v, at any depth, has
 * 0 <= N < attachments.
 */
int sio_packet_placeholders(const sio_json_t *v, unsigned attachments);

/* Bytes that sio_packet_write_head() needs at most. */
#define sio_packet_head_max(nsp, id)  ((nsp).n + (id).n + 8)

/*
 * Writes what stands before the payload of an Engine.IO text message: '4', the
 * type, the number of attachments for the binary types, the namespace unless it
 * is "/", the ack id.  Returns the number of bytes written.
 */
size_t sio_packet_write_head(uint8_t *dst, unsigned type, unsigned attachments,
    sio_span_t nsp, sio_span_t id);


#endif /* _SIO_PACKET_H_INCLUDED_ */
