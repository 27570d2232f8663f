
/*
 * Socket.IO packets of clients: CONNECT, DISCONNECT, events and acks.  Events
 * that mean join and leave go on to ngx_sio_membership.c, others to the rules
 * of ngx_sio_on.c.
 */

#include "ngx_sio_answer.h"
#include "ngx_sio_auth.h"
#include "ngx_sio_connect.h"
#include "ngx_sio_data.h"
#include "ngx_sio_denied.h"
#include "ngx_sio_dispatch.h"
#include "ngx_sio_forward.h"
#include "ngx_sio_limit.h"
#include "ngx_sio_membership.h"
#include "ngx_sio_on.h"
#include "ngx_sio_partial.h"
#include "ngx_sio_recover.h"
#include "ngx_sio_refresh.h"
#include "ngx_sio_send.h"
#include "ngx_sio_test.h"
#include "sio_base64.h"


#if (NGX_SIO_TEST)
static ngx_int_t ngx_sio_dispatch_echo(ngx_sio_peer_t *peer, sio_span_t *text,
    sio_span_t *binary);
#endif
static ngx_int_t ngx_sio_dispatch_connect(ngx_sio_peer_t *peer,
    const sio_packet_t *packet);
static ngx_int_t ngx_sio_dispatch_connected(ngx_sio_peer_t *peer,
    ngx_sio_namespace_conf_t *nc, ngx_sio_connect_t *connect);
static void ngx_sio_dispatch_refuse(ngx_sio_peer_t *peer,
    const ngx_sio_namespace_conf_t *conf, sio_span_t namespace,
    sio_span_t message);
static ngx_int_t ngx_sio_dispatch_judge(ngx_sio_peer_t *peer,
    const ngx_sio_namespace_conf_t *nc, const sio_packet_t *packet,
    ngx_sio_auth_t *auth);
static ngx_int_t ngx_sio_dispatch_recover(ngx_sio_peer_t *peer,
    ngx_sio_namespace_conf_t *nc, const sio_packet_t *packet,
    const ngx_sio_auth_t *auth);
static ngx_int_t ngx_sio_dispatch_disconnect(ngx_sio_presence_t *presence);
static ngx_int_t ngx_sio_dispatch_complete(ngx_sio_peer_t *peer);
static ngx_int_t ngx_sio_dispatch_event(ngx_sio_presence_t *presence,
    const sio_packet_t *packet, const sio_span_t *attachments);


/* A name that is refused is sent back: it must not fill the log. */
#define NGX_SIO_ECHO_MAX  1024          /* bytes */


ngx_int_t
ngx_sio_dispatch_text(ngx_sio_peer_t *peer, sio_span_t text)
{
    sio_packet_t         packet;
    ngx_sio_presence_t  *presence;

#if (NGX_SIO_TEST)
    if (ngx_sio_test_echo) {
        return ngx_sio_dispatch_echo(peer, &text, NULL);
    }
#endif

    if (peer->attachments || sio_packet_parse(text, &packet) != SIO_OK) {
        return NGX_ERROR;
    }

    if (packet.type == SIO_CONNECT) {
        return ngx_sio_dispatch_connect(peer, &packet);
    }

    if (packet.type == SIO_CONNECT_ERROR) {
        return NGX_ERROR;
    }

    peer->attachments = packet.attachments;

    presence = ngx_sio_dispatch_presence(peer, packet.nsp);

    if (presence == NULL) {
        /* may have crossed the server's own DISCONNECT on its way */
        return peer->left ? NGX_OK : NGX_ERROR;
    }

    if (packet.type == SIO_DISCONNECT) {
        return ngx_sio_dispatch_disconnect(presence);
    }

    if (ngx_sio_limit_event(presence, &packet) != NGX_OK) {
        return NGX_OK;
    }

    switch (packet.type) {

    case SIO_EVENT:
        return ngx_sio_dispatch_event(presence, &packet, NULL);

    case SIO_ACK:
        return ngx_sio_answer(presence, &packet, NULL);

    default:
        return ngx_sio_partial_begin(peer, text, &packet);
    }
}


#if (NGX_SIO_TEST)

/* For the Engine.IO test suites, which want their messages back. */

static ngx_int_t
ngx_sio_dispatch_echo(ngx_sio_peer_t *peer, sio_span_t *text,
    sio_span_t *binary)
{
    ngx_sio_payload_t  payload;

    ngx_memzero(&payload, sizeof(ngx_sio_payload_t));

    if (text) {
        payload.text[0] = sio_span("4");
        payload.text[1] = *text;

    } else {
        payload.attachments = binary;
        payload.nattachments = 1;
    }

    ngx_sio_peer_send(peer, &payload);

    return NGX_OK;
}

#endif


ngx_int_t
ngx_sio_dispatch_binary(ngx_sio_peer_t *peer, sio_span_t data)
{
#if (NGX_SIO_TEST)
    if (ngx_sio_test_echo) {
        return ngx_sio_dispatch_echo(peer, NULL, &data);
    }
#endif

    if (peer->attachments == 0) {
        return NGX_ERROR;
    }

    peer->attachments--;

    if (peer->partial == NULL) {
        return NGX_OK;
    }

    if (ngx_sio_partial_add(peer, data) != NGX_OK) {
        return NGX_ERROR;
    }

    return peer->attachments ? NGX_OK : ngx_sio_dispatch_complete(peer);
}


/* Its socket may have ended since the packet began. */

static ngx_int_t
ngx_sio_dispatch_complete(ngx_sio_peer_t *peer)
{
    ngx_int_t            rc;
    ngx_sio_partial_t   *partial;
    ngx_sio_presence_t  *presence;

    rc = NGX_OK;

    partial = ngx_sio_partial_take(peer);
    presence = ngx_sio_dispatch_presence(peer, partial->packet.nsp);

    if (presence && partial->packet.type == SIO_BINARY_ACK) {
        rc = ngx_sio_answer(presence, &partial->packet, partial->attachments);

    } else if (presence) {
        rc = ngx_sio_dispatch_event(presence, &partial->packet,
                                    partial->attachments);
    }

    ngx_sio_partial_free(partial);

    return rc;
}


ngx_int_t
ngx_sio_dispatch_base64(ngx_sio_peer_t *peer, sio_span_t data)
{
    u_char      *dst;
    ngx_int_t    rc;
    sio_span_t   binary;

    dst = ngx_alloc(sio_base64_decoded_size(data.n) + 1, ngx_cycle->log);
    if (dst == NULL) {
        return ngx_sio_peer_starved(peer);
    }

    binary.p = dst;

    rc = sio_base64_decode(dst, data, &binary.n) == SIO_OK
         ? ngx_sio_dispatch_binary(peer, binary) : NGX_ERROR;

    ngx_free(dst);

    return rc;
}


static ngx_int_t
ngx_sio_dispatch_connect(ngx_sio_peer_t *peer, const sio_packet_t *packet)
{
    u_char                     head[NGX_SIO_CONNECT_HEAD];
    ngx_int_t                  rc;
    sio_span_t                 message;
    ngx_sio_auth_t             auth;
    ngx_sio_zone_t            *zone;
    ngx_sio_connect_t          connect;
    ngx_sio_namespace_conf_t  *nc;

    zone = peer->reader->zone;

    if (ngx_sio_dispatch_presence(peer, packet->nsp) != NULL) {
        return NGX_ERROR;
    }

    if (packet->nsp.n > NGX_SIO_ECHO_MAX) {
        return NGX_ERROR;
    }

    nc = ngx_sio_namespace_lookup(peer->endpoint, packet->nsp);

    if (ngx_sio_limit_connect(peer, nc ? nc : &peer->endpoint->defaults)
        != NGX_OK)
    {
        ngx_sio_dispatch_refuse(peer, NULL, packet->nsp,
                                sio_span("Rate limit exceeded"));
        return NGX_OK;
    }

    if (nc == NULL) {
        ngx_sio_dispatch_refuse(peer, &peer->endpoint->defaults, packet->nsp,
                                sio_span("Invalid namespace"));
        return NGX_OK;
    }

    ngx_memzero(&connect, sizeof(ngx_sio_connect_t));

    if (ngx_sio_random_id(connect.id) != NGX_OK) {
        return NGX_ERROR;
    }

    connect.session = peer->session;
    connect.namespace = packet->nsp;

    rc = ngx_sio_dispatch_recover(peer, nc, packet, NULL);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_sio_dispatch_judge(peer, nc, packet, &auth) != NGX_OK) {
        return NGX_OK;
    }

    rc = ngx_sio_dispatch_recover(peer, nc, packet, &auth);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    connect.claims = auth.claims;
    connect.expires = auth.expires;
    connect.marks = auth.marks;

    if (ngx_sio_data_connect(nc, &connect) != NGX_OK) {
        ngx_sio_dispatch_refuse(peer, nc, packet->nsp,
                                ngx_sio_auth_message(&nc->auth,
                                                     NGX_SIO_AUTH_INVALID));
        return NGX_OK;
    }

    rc = ngx_sio_forward_connect(peer, nc, packet, &connect);

    if (rc == NGX_BUSY) {
        ngx_sio_dispatch_refuse(peer, nc, packet->nsp,
                                sio_span("Service unavailable"));
        return NGX_OK;
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    ngx_sio_connect_prepare(peer->endpoint, nc, &connect);
    ngx_sio_connect_answer(&connect, head);

    /* the answer goes out before anything that the socket is to get */

    ngx_sio_reader_catch_up(peer->reader, sio_ring_head(zone->shared->log));

    if (peer->closing) {
        return NGX_OK;
    }

    rc = ngx_sio_socket_open(zone, &connect);

    if (rc == NGX_OK) {
        return ngx_sio_dispatch_connected(peer, nc, &connect);
    }

    if (rc == NGX_ABORT) {
        /* it was closed meanwhile, and its end is in the log */
        return NGX_OK;
    }

    message = sio_span("Service unavailable");

    if (rc == NGX_BUSY) {
        message = sio_span("Too many connections");

    } else if (connect.revoked) {
        message = ngx_sio_auth_message(&nc->auth, NGX_SIO_AUTH_INVALID);
        ngx_sio_stat(zone, tokens_refused, 1);
    }

    ngx_sio_dispatch_refuse(peer, nc, packet->nsp, message);

    return NGX_OK;
}


/* NGX_DECLINED: refused, and told so. */

static ngx_int_t
ngx_sio_dispatch_judge(ngx_sio_peer_t *peer,
    const ngx_sio_namespace_conf_t *nc, const sio_packet_t *packet,
    ngx_sio_auth_t *auth)
{
    sio_span_t  message;

    if (ngx_sio_auth_connect(peer, &nc->auth, packet, auth) != NGX_OK) {
        message.p = auth->refusal->data;
        message.n = auth->refusal->len;
        ngx_sio_dispatch_refuse(peer, nc, packet->nsp, message);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* NGX_DECLINED: the client gets a new socket. */

static ngx_int_t
ngx_sio_dispatch_recover(ngx_sio_peer_t *peer, ngx_sio_namespace_conf_t *nc,
    const sio_packet_t *packet, const ngx_sio_auth_t *auth)
{
    ngx_sio_recovery_t  recovery;

    if (nc->recovery.skip_auth != (auth == NULL)
        || !ngx_sio_recover_wanted(peer, nc, packet, &recovery))
    {
        return NGX_DECLINED;
    }

    return ngx_sio_recover(peer, nc, &recovery, auth);
}


static ngx_int_t
ngx_sio_dispatch_connected(ngx_sio_peer_t *peer, ngx_sio_namespace_conf_t *nc,
    ngx_sio_connect_t *connect)
{
    ngx_uint_t           i;
    ngx_sio_presence_t  *presence;

    peer->connected = 1;

    presence = ngx_sio_presence_add(peer, nc, connect->namespace,
                                    connect->socket);
    if (presence == NULL) {
        return NGX_ERROR;
    }

    presence->meter = connect->meter;
    presence->stamped = connect->recovery != 0;
    ngx_memcpy(presence->id, connect->id, NGX_SIO_ID_LEN);

    if (peer->kind != NGX_SIO_PEER_WEBSOCKET) {
        return NGX_OK;
    }

    if (!connect->answered
        && ngx_sio_peer_packet(peer, &connect->answer) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (peer->closing) {
        return NGX_OK;
    }

    if (ngx_sio_presence_listen(presence, NGX_SIO_TO_NAMESPACE, connect->cell,
                                connect->from, NGX_SIO_FOREVER)
        != NGX_OK
        || ngx_sio_presence_listen(presence, NGX_SIO_TO_SOCKET,
                                   connect->socket.cell, connect->from,
                                   NGX_SIO_FOREVER)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < connect->nrooms; i++) {
        if (connect->cells[i]
            && ngx_sio_presence_listen(presence, NGX_SIO_TO_ROOM,
                                       connect->cells[i], connect->from,
                                       NGX_SIO_FOREVER)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* With conf it counts for the limit of what the session may send. */

static void
ngx_sio_dispatch_refuse(ngx_sio_peer_t *peer,
    const ngx_sio_namespace_conf_t *conf, sio_span_t namespace,
    sio_span_t message)
{
    u_char             *head;
    sio_span_t          none;
    ngx_sio_denial_t    denial;
    ngx_sio_payload_t   payload;

    denial.what = "CONNECT";
    denial.why = message;
    denial.names = &namespace;
    denial.n = 1;

    ngx_sio_denied(peer->reader->zone, peer->session, NULL, &denial);

    if (conf) {
        ngx_sio_limit_refused(peer->reader->zone, peer->session, conf);
    }

    ngx_sio_stat(peer->reader->zone, connects_refused, 1);

    if (!ngx_sio_limit_tells(peer)) {
        return;
    }

    ngx_memzero(&none, sizeof(sio_span_t));
    ngx_memzero(&payload, sizeof(ngx_sio_payload_t));

    /* a name that is refused may be as long as a message */

    head = ngx_alloc(sio_packet_head_max(namespace, none), ngx_cycle->log);
    if (head == NULL) {
        return;
    }

    payload.text[0].p = head;
    payload.text[0].n = sio_packet_write_head(head, SIO_CONNECT_ERROR, 0,
                                              namespace, none);
    payload.text[1] = sio_span("{\"message\":\"");
    payload.text[2] = message;
    payload.text[3] = sio_span("\"}");

    ngx_sio_peer_send(peer, &payload);

    ngx_free(head);
}


static ngx_int_t
ngx_sio_dispatch_disconnect(ngx_sio_presence_t *presence)
{
    ngx_sio_socket_close(presence->peer->reader->zone, presence->socket,
                         NGX_SIO_REASON_CLIENT);
    ngx_sio_limit_left(presence);
    ngx_sio_presence_remove(presence);

    return NGX_OK;
}


static ngx_int_t
ngx_sio_dispatch_event(ngx_sio_presence_t *presence,
    const sio_packet_t *packet, const sio_span_t *attachments)
{
    size_t           n;
    u_char          *name;
    ngx_int_t        rc;
    ngx_sio_event_t  event;

    if (packet->event.kind != SIO_JSON_STRING) {
        ngx_sio_stat(presence->peer->reader->zone, events_unmatched, 1);
        return NGX_OK;
    }

    name = ngx_alloc(packet->event.raw.n, ngx_cycle->log);
    if (name == NULL) {
        return ngx_sio_peer_starved(presence->peer);
    }

    (void) sio_json_string(&packet->event, name, packet->event.raw.n, &n);

    event.presence = presence;
    event.name.p = name;
    event.name.n = n;
    event.packet = packet;
    event.attachments = attachments;
    event.rule = NULL;

    rc = ngx_sio_refresh_event(presence, event.name, packet);

    if (rc == NGX_DECLINED) {
        rc = ngx_sio_membership_event(presence, event.name, packet);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_sio_on_event(&event);
    }

    if (rc == NGX_DECLINED) {
        ngx_sio_stat(presence->peer->reader->zone, events_unmatched, 1);
        rc = NGX_OK;
    }

    ngx_free(name);

    return rc;
}


void
ngx_sio_dispatch_farewell(ngx_sio_presence_t *presence)
{
    u_char              head[NGX_SIO_NAMESPACE_NAME_MAX + 32];
    sio_span_t          none, name;
    ngx_sio_payload_t   payload;

    ngx_memzero(&none, sizeof(sio_span_t));
    ngx_memzero(&payload, sizeof(ngx_sio_payload_t));

    name.p = presence->name;
    name.n = presence->name_len;

    payload.text[0].p = head;
    payload.text[0].n = sio_packet_write_head(head, SIO_DISCONNECT, 0, name,
                                              none);

    /* of a session that is closed already nothing can be a record */

    if (presence->peer->lag
        && ngx_sio_session_send(presence->peer->reader->zone,
                                presence->peer->session, &payload)
           == NGX_OK)
    {
        return;
    }

    (void) ngx_sio_peer_packet(presence->peer, &payload);
}


ngx_sio_presence_t *
ngx_sio_dispatch_presence(ngx_sio_peer_t *peer, sio_span_t namespace)
{
    ngx_queue_t         *q;
    ngx_sio_presence_t  *presence;

    for (q = ngx_queue_head(&peer->presences);
         q != ngx_queue_sentinel(&peer->presences);
         q = ngx_queue_next(q))
    {
        presence = ngx_queue_data(q, ngx_sio_presence_t, queue);

        if (presence->name_len == namespace.n
            && ngx_memcmp(presence->name, namespace.p, namespace.n) == 0)
        {
            return presence;
        }
    }

    return NULL;
}
