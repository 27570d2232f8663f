
/*
 * Engine.IO v4 packets, split off text frames and polling payloads.  Called by
 * the engine for everything that a client sends.  It never looks at a packet's
 * data: base64 and Socket.IO are other files' business.
 */

#include "sio_eio.h"


int
sio_eio_parse(sio_span_t text, sio_eio_packet_t *packet)
{
    if (text.n == 0) {
        return SIO_ERROR;
    }

    if ((text.p[0] < SIO_EIO_OPEN || text.p[0] > SIO_EIO_NOOP)
        && text.p[0] != SIO_EIO_BINARY)
    {
        return SIO_ERROR;
    }

    packet->type = text.p[0];
    packet->data.p = text.p + 1;
    packet->data.n = text.n - 1;

    return SIO_OK;
}


int
sio_eio_next(sio_span_t *rest, int *done, sio_eio_packet_t *packet)
{
    sio_span_t      part;
    const uint8_t  *end;

    part = *rest;
    end = (part.n == 0) ? NULL : memchr(part.p, SIO_EIO_SEPARATOR, part.n);

    if (end == NULL) {
        *done = 1;
        rest->p = (part.n == 0) ? part.p : part.p + part.n;
        rest->n = 0;

    } else {
        part.n = end - part.p;
        rest->p = end + 1;
        rest->n -= part.n + 1;
    }

    return sio_eio_parse(part, packet);
}
