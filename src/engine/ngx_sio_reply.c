
/*
 * A WebSocket of this worker gets a packet at once, when it has got all that is
 * in the log before it; for any other client the packet is a record.
 */

#include "ngx_sio_auth.h"
#include "ngx_sio_connect.h"
#include "ngx_sio_denied.h"
#include "ngx_sio_dispatch.h"
#include "ngx_sio_kick.h"
#include "ngx_sio_limit.h"
#include "ngx_sio_reply.h"
#include "ngx_sio_send.h"


static ngx_int_t ngx_sio_reply_packet(ngx_sio_call_t *call,
    const ngx_sio_payload_t *payload);
static ngx_int_t ngx_sio_reply_unopened(ngx_sio_call_t *call,
    const ngx_sio_connect_t *connect, ngx_int_t rc);
static void ngx_sio_reply_abort(ngx_sio_call_t *call);
static ngx_int_t ngx_sio_reply_rooms(ngx_sio_call_t *call,
    ngx_sio_connect_t *connect, const ngx_array_t *rooms,
    const ngx_array_t *without);
static ngx_uint_t ngx_sio_reply_named(const sio_span_t *rooms, ngx_uint_t n,
    sio_span_t room);


ngx_int_t
ngx_sio_reply_ack(ngx_sio_call_t *call, sio_span_t args,
    sio_span_t *attachments, ngx_uint_t n)
{
    u_char             head[NGX_SIO_NAMESPACE_NAME_MAX + SIO_ACK_ID_MAX + 16];
    ngx_sio_payload_t  payload;

    ngx_memzero(&payload, sizeof(ngx_sio_payload_t));

    payload.text[0].p = head;
    payload.text[0].n = sio_packet_write_head(head, n ? SIO_BINARY_ACK
                                                      : SIO_ACK, n,
                                              call->namespace, call->ack);
    payload.text[1] = args;
    payload.attachments = attachments;
    payload.nattachments = n;

    return ngx_sio_reply_packet(call, &payload);
}


static ngx_int_t
ngx_sio_reply_packet(ngx_sio_call_t *call, const ngx_sio_payload_t *payload)
{
    ngx_sio_peer_t      *peer;
    ngx_sio_reader_t    *reader;
    ngx_sio_presence_t  *presence;

    reader = ngx_sio_reader(call->zone);

    if (!ngx_sio_log_fits(call->zone, ngx_sio_payload_size(payload))) {
        return NGX_DECLINED;
    }

    /*
     * Out of the log come calls that are refused at once, any number of them:
     * reading on for each answer would be a recursion.
     */

    if (reader->controls) {
        return ngx_sio_socket_send(call->zone, call->socket, payload);
    }

    /* what is in the log may well be the end of this socket */

    ngx_sio_reader_catch_up(reader, sio_ring_head(call->zone->shared->log));

    peer = ngx_sio_reader_peer(reader, NGX_SIO_PEER_WEBSOCKET, call->session);

    if (peer == NULL || peer->closing) {
        return ngx_sio_socket_send(call->zone, call->socket, payload);
    }

    presence = ngx_sio_dispatch_presence(peer, call->namespace);

    if (presence == NULL || presence->socket.serial != call->socket.serial) {
        return NGX_ABORT;
    }

    ngx_sio_peer_send(peer, payload);

    return NGX_OK;
}


void
ngx_sio_reply_error(ngx_sio_call_t *call, sio_span_t message)
{
    u_char      *p;
    ngx_int_t    rc;
    sio_span_t   args, none;

    ngx_memzero(&none, sizeof(sio_span_t));

    if (call->type == NGX_SIO_CALL_CONNECT) {
        ngx_sio_reply_refuse(call, message, none);
        return;
    }

    if (call->ack.n == 0) {
        return;
    }

    p = ngx_pnalloc(call->pool, message.n + 32);
    if (p == NULL) {
        return;
    }

    args.p = p;
    p = ngx_cpymem(p, "[{\"ok\":false,\"error\":\"", 22);
    p = ngx_cpymem(p, message.p, message.n);
    p = ngx_cpymem(p, "\"}]", 3);
    args.n = p - args.p;

    rc = ngx_sio_reply_ack(call, args, NULL, 0);

    if (rc == NGX_DECLINED) {
        /* a text of a service's that is larger than the log takes */
        ngx_sio_reply_error(call, sio_span("Service unavailable"));
        return;
    }

    if (rc == NGX_ABORT) {
        ngx_sio_stat(call->zone, calls_gone, 1);
    }
}


void
ngx_sio_reply_refuse(ngx_sio_call_t *call, sio_span_t message,
    sio_span_t data)
{
    u_char             *p, *head;
    sio_span_t          none;
    ngx_sio_denial_t    denial;
    ngx_sio_payload_t   payload;

    /* a service's, and larger than the log takes */

    if (!ngx_sio_log_fits(call->zone, message.n + data.n
                                      + NGX_SIO_NAMESPACE_NAME_MAX + 64))
    {
        message = sio_span("Service unavailable");
        data.n = 0;
    }

    denial.what = "CONNECT";
    denial.why = message;
    denial.names = &call->namespace;
    denial.n = 1;

    ngx_sio_denied(call->zone, call->session, NULL, &denial);
    ngx_sio_limit_refused(call->zone, call->session, call->conf);

    ngx_memzero(&none, sizeof(sio_span_t));
    ngx_memzero(&payload, sizeof(ngx_sio_payload_t));

    head = ngx_pnalloc(call->pool, sio_packet_head_max(call->namespace, none)
                                   + message.n + 32);
    if (head == NULL) {
        return;
    }

    p = head + sio_packet_write_head(head, SIO_CONNECT_ERROR, 0,
                                     call->namespace, none);
    p = ngx_cpymem(p, "{\"message\":\"", 12);
    p = ngx_cpymem(p, message.p, message.n);
    *p++ = '"';

    payload.text[0].p = head;
    payload.text[0].n = p - head;

    if (data.n) {
        payload.text[1] = sio_span(",\"data\":");
        payload.text[2] = data;
    }

    payload.text[3] = sio_span("}");

    ngx_sio_stat(call->zone, connects_refused, 1);

    if (ngx_sio_session_send(call->zone, call->session, &payload)
        == NGX_ABORT)
    {
        ngx_sio_stat(call->zone, calls_gone, 1);
    }
}


ngx_int_t
ngx_sio_reply_connect(ngx_sio_call_t *call, sio_span_t data,
    const ngx_array_t *rooms, const ngx_array_t *without)
{
    u_char             head[NGX_SIO_CONNECT_HEAD];
    ngx_int_t          rc;
    sio_span_t         none;
    ngx_sio_connect_t  connect;

    ngx_memzero(&none, sizeof(sio_span_t));
    ngx_memzero(&connect, sizeof(ngx_sio_connect_t));

    connect.session = call->session;
    connect.namespace = call->namespace;
    connect.claims = call->snapshot.claims;
    connect.expires = call->expires;
    connect.marks = call->marks;
    connect.tell = 1;
    ngx_memcpy(connect.id, call->socket_id, NGX_SIO_ID_LEN);

    ngx_sio_connect_prepare(call->endpoint, call->conf, &connect);

    connect.data = data.n ? data : call->snapshot.data;

    ngx_sio_connect_answer(&connect, head);

    rc = ngx_sio_reply_rooms(call, &connect, rooms, without);

    if (rc == NGX_OK) {
        rc = ngx_sio_socket_open(call->zone, &connect);
    }

    if (rc == NGX_OK) {
        call->socket = connect.socket;
        return NGX_OK;
    }

    return rc == NGX_ABORT ? NGX_ABORT
                           : ngx_sio_reply_unopened(call, &connect, rc);
}


static ngx_int_t
ngx_sio_reply_unopened(ngx_sio_call_t *call, const ngx_sio_connect_t *connect,
    ngx_int_t rc)
{
    sio_span_t  message, none;

    ngx_memzero(&none, sizeof(sio_span_t));

    if (rc == NGX_DONE) {
        ngx_sio_reply_abort(call);
        return NGX_DECLINED;
    }

    message = sio_span("Service unavailable");

    if (rc == NGX_BUSY) {
        message = sio_span("Too many connections");

    } else if (connect->revoked) {
        message = ngx_sio_auth_message(&call->conf->auth,
                                       NGX_SIO_AUTH_INVALID);
        ngx_sio_stat(call->zone, tokens_refused, 1);
    }

    ngx_sio_reply_refuse(call, message, none);

    return NGX_DECLINED;
}


/* A second CONNECT while the first one waited, on another worker. */

static void
ngx_sio_reply_abort(ngx_sio_call_t *call)
{
    ngx_sio_mask_t  wake;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_stat(call->zone, protocol_errors, 1);

    ngx_sio_lock(call->zone);

    if (ngx_sio_session_locked(call->zone, call->session)) {
        ngx_sio_session_kick_locked(call->zone, call->session.cell,
                                    NGX_SIO_KICK_LINGER, &wake);
    }

    ngx_sio_unlock(call->zone);

    ngx_sio_wake(&wake);
}


static ngx_int_t
ngx_sio_reply_rooms(ngx_sio_call_t *call, ngx_sio_connect_t *connect,
    const ngx_array_t *rooms, const ngx_array_t *without)
{
    ngx_uint_t   i, n;
    sio_span_t  *all, *room;

    n = connect->nrooms + rooms->nelts;

    all = ngx_palloc(call->pool, (n + 1) * sizeof(sio_span_t));
    connect->cells = ngx_pcalloc(call->pool, (n + 1) * sizeof(uint32_t));

    if (all == NULL || connect->cells == NULL) {
        return NGX_ERROR;
    }

    for (n = 0, i = 0; i < connect->nrooms; i++) {
        if (!ngx_sio_reply_named(without->elts, without->nelts,
                                 connect->rooms[i]))
        {
            all[n++] = connect->rooms[i];
        }
    }

    room = rooms->elts;

    for (i = 0; i < rooms->nelts; i++) {
        if (!ngx_sio_reply_named(all, n, room[i])) {
            all[n++] = room[i];
        }
    }

    connect->rooms = all;
    connect->nrooms = n;

    return NGX_OK;
}


static ngx_uint_t
ngx_sio_reply_named(const sio_span_t *rooms, ngx_uint_t n, sio_span_t room)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (sio_span_eq(rooms[i], room)) {
            return 1;
        }
    }

    return 0;
}
