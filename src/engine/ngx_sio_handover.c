
/*
 * Writes calls into the log and reads them there.  Both ends are workers of one
 * nginx, maybe of two configurations: a rule travels as what it says.
 */

#include "ngx_sio_handover.h"


static ngx_sio_call_t *ngx_sio_handover_parse(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control, sio_span_t packet);
static ngx_int_t ngx_sio_handover_part(sio_span_t *packet, sio_span_t *part);
static ngx_int_t ngx_sio_handover_rule(ngx_sio_call_t *call, sio_span_t uri,
    ngx_msec_t timeout);


void
ngx_sio_handover_write(const ngx_sio_call_t *call,
    ngx_sio_handover_payload_t *handover)
{
    ngx_memzero(handover, sizeof(ngx_sio_handover_payload_t));

    handover->fixed.endpoint = call->endpoint->id;
    handover->fixed.session = call->session;
    handover->fixed.timeout = call->rule->timeout;
    ngx_memcpy(handover->fixed.id, call->id, NGX_SIO_ID_LEN);
    ngx_memcpy(handover->fixed.socket_id, call->socket_id, NGX_SIO_ID_LEN);

    handover->parts[0] = call->namespace;
    handover->parts[1] = call->event;
    handover->parts[2] = call->ack;
    handover->parts[3].p = call->rule->uri.data;
    handover->parts[3].n = call->rule->uri.len;
    handover->parts[4] = call->head;
    handover->parts[5] = call->tail;

    handover->payload.text[1].p = (const uint8_t *) &handover->fixed;
    handover->payload.text[1].n = sizeof(ngx_sio_handover_t);
    handover->payload.attachments = handover->parts;
    handover->payload.nattachments = NGX_SIO_HANDOVER_PARTS;
}


ngx_sio_call_t *
ngx_sio_handover_read(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control, const ngx_sio_record_view_t *view)
{
    u_char          *p;
    sio_span_t       packet;
    ngx_sio_call_t  *call;

    p = ngx_alloc(view->head.length, ngx_cycle->log);
    if (p == NULL) {
        return NULL;
    }

    call = NULL;

    if (ngx_sio_log_copy(reader->zone, view, p) == NGX_OK) {
        packet.p = p;
        packet.n = view->head.length;
        call = ngx_sio_handover_parse(reader, control, packet);
    }

    ngx_free(p);

    return call;
}


static ngx_sio_call_t *
ngx_sio_handover_parse(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control, sio_span_t packet)
{
    ngx_uint_t                 i;
    sio_span_t                 part[NGX_SIO_HANDOVER_PARTS], text;
    ngx_sio_call_t            *call;
    ngx_sio_handover_t         fixed;
    const ngx_sio_endpoint_t  *endpoint;

    if (ngx_sio_handover_part(&packet, &text) != NGX_OK
        || text.n != sizeof(ngx_sio_control_t) + sizeof(ngx_sio_handover_t))
    {
        return NULL;
    }

    ngx_memcpy(&fixed, text.p + sizeof(ngx_sio_control_t),
               sizeof(ngx_sio_handover_t));

    endpoint = ngx_sio_endpoint_find(reader->zone, fixed.endpoint);
    if (endpoint == NULL) {
        return NULL;
    }

    call = ngx_sio_call_create(reader->zone, endpoint, NGX_SIO_CALL_EVENT);
    if (call == NULL) {
        return NULL;
    }

    for (i = 0; i < NGX_SIO_HANDOVER_PARTS; i++) {
        if (ngx_sio_handover_part(&packet, &text) != NGX_OK
            || ngx_sio_call_copy(call, text, &part[i]) != NGX_OK)
        {
            ngx_sio_call_free(call);
            return NULL;
        }
    }

    ngx_memcpy(call->id, fixed.id, NGX_SIO_ID_LEN);
    ngx_memcpy(call->socket_id, fixed.socket_id, NGX_SIO_ID_LEN);

    call->session = fixed.session;
    call->socket = control->socket;
    call->ticket = control->session;
    call->namespace = part[0];
    call->event = part[1];
    call->ack = part[2];
    call->head = part[4];
    call->tail = part[5];
    call->size = call->head.n + call->tail.n;
    call->conf = ngx_sio_namespace_lookup(endpoint, call->namespace);

    if (call->conf == NULL
        || ngx_sio_handover_rule(call, part[3], fixed.timeout) != NGX_OK)
    {
        ngx_sio_call_free(call);
        return NULL;
    }

    return call;
}


static ngx_int_t
ngx_sio_handover_part(sio_span_t *packet, sio_span_t *part)
{
    uint32_t  n;

    if (packet->n < sizeof(uint32_t)) {
        return NGX_DECLINED;
    }

    ngx_memcpy(&n, packet->p, sizeof(uint32_t));
    packet->p += sizeof(uint32_t);
    packet->n -= sizeof(uint32_t);

    if (n > packet->n) {
        return NGX_DECLINED;
    }

    part->p = packet->p;
    part->n = n;
    packet->p += n;
    packet->n -= n;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_handover_rule(ngx_sio_call_t *call, sio_span_t uri, ngx_msec_t timeout)
{
    ngx_sio_event_rule_t  *rule;

    rule = ngx_pcalloc(call->pool, sizeof(ngx_sio_event_rule_t));
    if (rule == NULL) {
        return NGX_ERROR;
    }

    rule->action = NGX_SIO_ON_FORWARD;
    rule->uri.data = (u_char *) uri.p;
    rule->uri.len = uri.n;
    rule->timeout = timeout;

    call->rule = rule;

    return NGX_OK;
}
