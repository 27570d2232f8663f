
/*
 * Takes the first argument of a client's ack, which is what a server's callback
 * gets of each client, and hands it to the hub.  Called by dispatch.
 */

#include "ngx_sio_acks.h"
#include "ngx_sio_answer.h"


ngx_int_t
ngx_sio_answer(ngx_sio_presence_t *presence, const sio_packet_t *packet,
    sio_span_t *attachments)
{
    ngx_sio_ack_t       ack;
    sio_json_iter_t     it;
    sio_json_member_t   m;

    ngx_memzero(&ack, sizeof(ngx_sio_ack_t));

    ack.socket = presence->socket;
    ack.value = sio_span("null");
    ack.attachments = attachments;
    ack.nattachments = packet->attachments;

    sio_json_iter(&it, &packet->payload);

    if (sio_json_next(&it, &m)) {
        ack.value = m.value.raw;
    }

    ngx_sio_ack(presence->peer->reader->zone, packet->id, &ack);

    return NGX_OK;
}
