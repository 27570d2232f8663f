
/*
 * A polling session gets its DISCONNECT packets as records of the log; a
 * WebSocket's worker writes them itself when it reads that the socket has
 * ended, behind everything that was published before.  Who may be kicked is
 * decided above.
 */

#include "ngx_sio_kick.h"
#include "ngx_sio_send.h"
#include "sio_packet.h"


/* Longer names of namespaces are refused at CONNECT. */
#define NGX_SIO_KICK_NAME  128


static void ngx_sio_kick_packet(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake);
static void ngx_sio_kick_control(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake);


void
ngx_sio_socket_disconnect_locked(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake)
{
    ngx_sio_shared_t  *sh;

    sh = zone->shared;
    sh->sockets[cell].reason = NGX_SIO_REASON_SERVER;

    if (sh->sessions[sh->sockets[cell].session].transport
        == NGX_SIO_POLLING)
    {
        ngx_sio_kick_packet(zone, cell, wake);
        ngx_sio_socket_close_locked(zone, cell, wake);
        return;
    }

    ngx_sio_socket_close_locked(zone, cell, wake);
    ngx_sio_kick_control(zone, cell, wake);
}


void
ngx_sio_session_disconnect_locked(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake)
{
    uint32_t           socket;
    ngx_sio_socket_t  *sockets;

    sockets = zone->shared->sockets;
    socket = zone->shared->sessions[cell].sockets;

    for ( /* void */ ; socket; socket = sockets[socket].sibling) {
        if (sockets[socket].state == NGX_SIO_LIVE) {
            ngx_sio_socket_disconnect_locked(zone, socket, wake);
        }
    }

    ngx_sio_session_kick_locked(zone, cell, NGX_SIO_KICK_LINGER, wake);
}


static void
ngx_sio_kick_packet(ngx_sio_zone_t *zone, uint32_t cell, ngx_sio_mask_t *wake)
{
    uint8_t            packet[NGX_SIO_KICK_NAME + 8];
    uint8_t            name[NGX_SIO_KICK_NAME];
    sio_span_t         nsp, none;
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;
    ngx_sio_payload_t  payload;

    sh = zone->shared;
    so = &sh->sockets[cell];

    nsp.p = name;
    nsp.n = ngx_sio_string_copy(sh, sh->namespaces[so->namespace].name, name,
                                sizeof(name));

    ngx_memzero(&none, sizeof(sio_span_t));
    ngx_memzero(&payload, sizeof(ngx_sio_payload_t));

    payload.text[0].p = packet;
    payload.text[0].n = sio_packet_write_head(packet, SIO_DISCONNECT, 0, nsp,
                                              none);

    (void) ngx_sio_session_send_locked(zone, so->session, &payload, wake);
}


static void
ngx_sio_kick_control(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake)
{
    ngx_sio_socket_t   *so;
    ngx_sio_control_t   control;
    ngx_sio_session_t  *s;

    so = &zone->shared->sockets[cell];
    s = &zone->shared->sessions[so->session];

    ngx_memzero(&control, sizeof(ngx_sio_control_t));

    control.op = NGX_SIO_CTL_DISCONNECT;
    control.session.cell = so->session;
    control.session.serial = s->serial;
    control.socket.cell = cell;
    control.socket.serial = so->serial;

    ngx_sio_control_locked(zone, s->owner, &control, wake);
}
