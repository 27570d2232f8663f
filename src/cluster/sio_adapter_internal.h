
/*
 * What the files of the codec share: its memory, and the two directions of
 * values.
 */

#ifndef _SIO_ADAPTER_INTERNAL_H_INCLUDED_
#define _SIO_ADAPTER_INTERNAL_H_INCLUDED_


#include "sio_adapter.h"

#include <msgpack.h>


#define SIO_ADAPTER_NODES   1000000     /* values of a message: 24 MB */
#define SIO_ADAPTER_NUMBER  24          /* bytes of an integer as text */


/* Bytes that grow; failed is set when there was no memory for them. */
typedef struct {
    uint8_t        *p;
    size_t          n;
    size_t          size;
    int             failed;
} sio_adapter_buf_t;

struct sio_adapter_s {
    const char         *why;
    msgpack_zone        zone;           /* of the values of a message */
    sio_adapter_buf_t   out;            /* what is written */
    sio_adapter_buf_t   text;           /* JSON, packets */
    sio_adapter_buf_t   strings;        /* with their escapes decoded */

    sio_span_t          name[3][SIO_ADAPTER_NAMES];
    uint8_t             number[3][SIO_ADAPTER_NAMES][SIO_ADAPTER_NUMBER];

    /* of the value under way */
    sio_span_t         *attachments;    /* NULL: binary is refused */
    unsigned            nattachments;
    int                 literal;        /* has what looks like a placeholder */
    int                 named;          /* options have a name */
    sio_span_t          taken[SIO_ATTACHMENTS_MAX];     /* of an answer */
};


/* Notes the reason; returns SIO_ERROR. */
int sio_adapter_fail(sio_adapter_t *a, const char *why);

/* Forgets the last call's message; the second one empties one buffer. */
void sio_adapter_begin(sio_adapter_t *a);
void sio_adapter_empty(sio_adapter_buf_t *buf);

/* Room for n bytes more, which are not counted yet; NULL without memory. */
uint8_t *sio_adapter_reserve(sio_adapter_buf_t *buf, size_t n);

/* Appends bytes; without memory only notes that. */
void sio_adapter_add(sio_adapter_buf_t *buf, sio_span_t bytes);

/*
 * Reads one MessagePack value that fills the message; lives until the next
 * call.  SIO_OK or SIO_ERROR.
 */
int sio_adapter_unpack(sio_adapter_t *a, sio_span_t message,
    msgpack_object *value);

/* The bytes of a string or of binary that stands for one; SIO_OK, _ERROR. */
int sio_adapter_text(const msgpack_object *o, sio_span_t *text);

/* A member of a map by its name, NULL if there is none. */
const msgpack_object *sio_adapter_member(const msgpack_object *map,
    const char *name);

/* Reads a broadcast's packet and options. */
int sio_adapter_packet(sio_adapter_t *a, const msgpack_object *packet,
    const msgpack_object *opts, sio_adapter_broadcast_t *b);

/*
 * Writes a value to a->text as JSON; binary becomes placeholders and
 * a->attachments.  SIO_OK or SIO_ERROR.
 */
int sio_adapter_to_json(sio_adapter_t *a, const msgpack_object *o);

/* Writes a number to a->text as JavaScript would mean it. */
void sio_adapter_double(sio_adapter_t *a, double d);

/*
 * Writes a JSON value to a->out as MessagePack, placeholders as the binary of
 * a->attachments; depth is what is left of SIO_ADAPTER_DEPTH.
 */
int sio_adapter_from_json(sio_adapter_t *a, const sio_json_t *v,
    unsigned depth);

/* Sets a packer up that writes to a->out. */
void sio_adapter_packer(sio_adapter_t *a, msgpack_packer *pk);

/* Writes a string as MessagePack. */
void sio_adapter_pack_str(msgpack_packer *pk, sio_span_t text);


#endif /* _SIO_ADAPTER_INTERNAL_H_INCLUDED_ */
