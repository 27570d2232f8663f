
/*
 * WebSocket framing of RFC 6455, the server's side.  Of extensions it knows the
 * bit by which permessage-deflate (RFC 7692) marks messages, and no more.
 *
 * The reader is fed bytes as they arrive, unmasks them in place and returns
 * chunks; it keeps no payload, so that an idle connection holds no buffer.
 */

#ifndef _SIO_WS_H_INCLUDED_
#define _SIO_WS_H_INCLUDED_


#include "sio_utf8.h"


#define SIO_WS_CONT    0x0
#define SIO_WS_TEXT    0x1
#define SIO_WS_BINARY  0x2
#define SIO_WS_CLOSE   0x8
#define SIO_WS_PING    0x9
#define SIO_WS_PONG    0xa

#define SIO_WS_DEFLATED     0x40    /* RSV1 in a frame's first byte */

#define SIO_WS_HEAD_MAX     10  /* bytes of an unmasked frame's head */
#define SIO_WS_CONTROL_MAX  125 /* bytes of a control frame's payload */

/* Close codes, RFC 6455 section 7.4.1. */
#define SIO_WS_PROTOCOL     1002
#define SIO_WS_BAD_DATA     1007
#define SIO_WS_TOO_BIG      1009
#define SIO_WS_RESTART      1012
#define SIO_WS_TRY_LATER    1013


/* Zero-filled, but for max and extension, before the first byte. */
typedef struct {
    uint64_t    max;            /* bytes of one message, all its frames */
    uint64_t    left;           /* payload bytes of the current frame to come */
    uint64_t    total;          /* bytes of the current message so far */
    uint8_t     head[14];       /* a frame's head that is not complete yet */
    uint8_t     have;           /* bytes in head */
    uint8_t     mask[4];
    uint8_t     phase;          /* of the mask */
    uint8_t     opcode;         /* of the current frame */
    uint8_t     message;        /* opcode of the message under way, or 0 */
    uint8_t     in_payload; /* 0: in a head, else private */
    uint8_t     fin;
    uint8_t     extension;      /* SIO_WS_DEFLATED where it was negotiated */
    uint8_t     deflated;       /* the message under way is */
    sio_utf8_t  utf8;           /* of the text message under way */
    uint16_t    error;          /* close code after SIO_ERROR */
} sio_ws_reader_t;


typedef struct {
    uint8_t     opcode;         /* TEXT or BINARY (never CONT), or a control */
    uint8_t     first;          /* starts a message or a control frame */
    uint8_t     last;           /* ends it */
    uint8_t     deflated;       /* a message's: its data is compressed */
    sio_span_t  data;           /* unmasked, inside the caller's buffer */
} sio_ws_chunk_t;


/*
 * Takes bytes from [p, p + n), which it may overwrite with unmasked ones.
 * Returns SIO_OK with one chunk, SIO_AGAIN when all bytes are taken and no
 * chunk came of them, or SIO_ERROR with w->error set to the close code.  Sets
 * *used to the bytes taken in every case; call again with the rest.
 *
 * Checked: masks, reserved bits and opcodes, shortest length form (section
 * 5.2), control frames (5.5), order of fragments, message size (before any
 * payload is taken, 1009), UTF-8 of text messages (1007; a bad byte is found in
 * the chunk it is in), close codes (7.4, 1002) and reasons (1007).  Of a
 * message that is compressed neither the UTF-8 nor the size that it is inflated
 * to is checked; it may exceed max by what compression adds to random bytes.
 * The chunk of a control frame may come in pieces too: first and last tell.
 * Errors stay; whatever follows a close frame is taken and dropped.
 */
int sio_ws_read(sio_ws_reader_t *w, uint8_t *p, size_t n, size_t *used,
    sio_ws_chunk_t *chunk);

/*
 * Writes the head of an unfragmented, unmasked frame; dst has SIO_WS_HEAD_MAX
 * bytes.  Returns the number of bytes written.
 */
size_t sio_ws_write_head(uint8_t *dst, uint8_t opcode, uint64_t length);

/*
 * Reads such a head, which is whole: its first byte and the length.  Returns
 * the number of its bytes.
 */
size_t sio_ws_read_head(const uint8_t *p, uint8_t *first, uint64_t *length);

/* The number of bytes that sio_ws_write_head() will write. */
size_t sio_ws_head_size(uint64_t length);

/*
 * The code of a close frame's payload, 1005 when it is empty; 0 when the
 * payload is not valid (one byte, a code that may not be sent, a reason that is
 * not UTF-8).
 */
uint16_t sio_ws_close_code(sio_span_t payload);


#endif /* _SIO_WS_H_INCLUDED_ */
