
/*
 * Tickets of calls, chained to their sockets.  What a call is, and what becomes
 * of its answer, is decided above.
 */

#include "ngx_sio_send.h"
#include "ngx_sio_tickets.h"
#include "ngx_sio_notices.h"
#include "ngx_sio_test.h"
#include "sio_packet.h"


static ngx_int_t ngx_sio_ticket_open_locked(ngx_sio_ticket_request_t *request,
    ngx_sio_mask_t *wake);
static ngx_sio_worker_t ngx_sio_ticket_holder(ngx_sio_shared_t *sh,
    uint32_t socket);
static uint32_t *ngx_sio_ticket_last(ngx_sio_shared_t *sh, uint32_t socket);
static void ngx_sio_ticket_remove(ngx_sio_zone_t *zone, uint32_t ticket);
static void ngx_sio_ticket_apologize(ngx_sio_zone_t *zone, uint32_t ticket,
    ngx_sio_mask_t *wake);


ngx_int_t
ngx_sio_ticket_open(ngx_sio_ticket_request_t *request)
{
    ngx_int_t       rc;
    ngx_sio_mask_t  wake;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(request->zone);
    rc = ngx_sio_ticket_open_locked(request, &wake);
    ngx_sio_unlock(request->zone);

    ngx_sio_wake(&wake);

    return rc;
}


static ngx_int_t
ngx_sio_ticket_open_locked(ngx_sio_ticket_request_t *request,
    ngx_sio_mask_t *wake)
{
    uint32_t            cell, *end;
    ngx_sio_shared_t   *sh;
    ngx_sio_ticket_t   *t;
    ngx_sio_worker_t    holder;
    ngx_sio_control_t   control;

    sh = request->zone->shared;

    if (ngx_sio_socket_locked(request->zone, request->socket) == NULL) {
        return NGX_ABORT;
    }

    end = ngx_sio_ticket_last(sh, request->socket.cell);
    holder = request->async ? 0
                            : ngx_sio_ticket_holder(sh, request->socket.cell);

    cell = end ? ngx_sio_take(sh, ticket, ngx_sio_ticket_t) : 0;
    if (cell == 0) {
        return NGX_DECLINED;
    }

    request->others = end != &sh->sockets[request->socket.cell].tickets;

    t = &sh->tickets[cell];
    t->serial = ++sh->serial;
    t->socket = request->socket.cell;
    t->socket_serial = request->socket.serial;
    t->worker = holder ? holder : ngx_sio_self_worker;
    t->async = request->async;
    t->ack_len = request->ack.n;
    ngx_memcpy(t->ack, request->ack.p, request->ack.n);

    request->ticket.cell = cell;
    request->ticket.serial = t->serial;

    if (t->worker != ngx_sio_self_worker) {
        ngx_memzero(&control, sizeof(ngx_sio_control_t));
        control.op = NGX_SIO_CTL_CALL;
        control.session = request->ticket;
        control.socket = request->socket;

        if (ngx_sio_control_more_locked(request->zone, t->worker, &control,
                                        request->call, wake)
            != NGX_OK)
        {
            ngx_sio_give(sh, ticket, ngx_sio_ticket_t, cell);
            return NGX_DECLINED;
        }
    }

    *end = cell;
    ngx_sio_test_point();
    t->state = NGX_SIO_LIVE;

    return t->worker == ngx_sio_self_worker ? NGX_OK : NGX_DONE;
}


/* A dead worker's tickets are about to be closed: nobody waits for them. */

static ngx_sio_worker_t
ngx_sio_ticket_holder(ngx_sio_shared_t *sh, uint32_t socket)
{
    uint32_t           cell;
    ngx_sio_ticket_t  *t;

    for (cell = sh->sockets[socket].tickets; cell; cell = t->next) {
        t = &sh->tickets[cell];

        if (!t->async && ngx_sio_worker_current(t->worker)) {
            return t->worker;
        }
    }

    return 0;
}


/* Where the next ticket is linked, NULL if the socket has too many. */

static uint32_t *
ngx_sio_ticket_last(ngx_sio_shared_t *sh, uint32_t socket)
{
    uint32_t    *link;
    ngx_uint_t   n;

    link = &sh->sockets[socket].tickets;

    for (n = 0; *link; n++) {
        link = &sh->tickets[*link].next;
    }

    return n < NGX_SIO_LANE_MAX ? link : NULL;
}


void
ngx_sio_ticket_close(ngx_sio_zone_t *zone, ngx_sio_ref_t ticket)
{
    ngx_sio_ticket_t  *t;

    ngx_sio_lock(zone);

    t = &zone->shared->tickets[ticket.cell];

    if (t->state == NGX_SIO_LIVE && t->serial == ticket.serial) {
        ngx_sio_ticket_remove(zone, ticket.cell);
    }

    ngx_sio_unlock(zone);
}


void
ngx_sio_ticket_fail(ngx_sio_zone_t *zone, ngx_sio_ref_t ticket)
{
    ngx_sio_mask_t     wake;
    ngx_sio_ticket_t  *t;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(zone);

    t = &zone->shared->tickets[ticket.cell];

    if (t->state == NGX_SIO_LIVE && t->serial == ticket.serial) {
        ngx_sio_ticket_apologize(zone, ticket.cell, &wake);
        ngx_sio_ticket_remove(zone, ticket.cell);
    }

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);
}


static void
ngx_sio_ticket_remove(ngx_sio_zone_t *zone, uint32_t ticket)
{
    uint32_t           socket, *link;
    ngx_sio_shared_t  *sh;

    sh = zone->shared;
    socket = sh->tickets[ticket].socket;

    sh->tickets[ticket].state = NGX_SIO_FREE;
    ngx_sio_test_point();

    if (socket) {
        link = &sh->sockets[socket].tickets;

        while (*link != ticket) {
            link = &sh->tickets[*link].next;
        }

        *link = sh->tickets[ticket].next;

        if (sh->sockets[socket].tickets == 0) {
            ngx_sio_notice_post(zone, socket);

            if (sh->sockets[socket].state == NGX_SIO_CLOSED
                && !ngx_sio_socket_held(sh, socket))
            {
                ngx_sio_socket_release_locked(zone, socket);
            }
        }
    }

    ngx_sio_give(sh, ticket, ngx_sio_ticket_t, ticket);
}


void
ngx_sio_tickets_abandon_locked(ngx_sio_shared_t *sh, uint32_t socket)
{
    uint32_t  cell, next;

    for (cell = sh->sockets[socket].tickets; cell; cell = next) {
        next = sh->tickets[cell].next;
        sh->tickets[cell].socket = 0;
        sh->tickets[cell].next = 0;
    }

    sh->sockets[socket].tickets = 0;
}


void
ngx_sio_tickets_orphaned(ngx_sio_zone_t *zone, ngx_sio_worker_t dead)
{
    uint32_t           cell;
    ngx_sio_mask_t     wake;
    ngx_sio_ticket_t  *t;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    for (cell = 1; cell < zone->shared->ticket_pool.fresh; cell++) {
        t = &zone->shared->tickets[cell];

        if (t->state == NGX_SIO_FREE || t->worker != dead) {
            continue;
        }

        ngx_sio_lock(zone);

        if (t->state == NGX_SIO_LIVE && t->worker == dead) {
            ngx_sio_ticket_apologize(zone, cell, &wake);
            ngx_sio_ticket_remove(zone, cell);
            ngx_sio_stat(zone, calls_lost, 1);
        }

        ngx_sio_unlock(zone);
    }

    ngx_sio_wake(&wake);
}


static void
ngx_sio_ticket_apologize(ngx_sio_zone_t *zone, uint32_t ticket,
    ngx_sio_mask_t *wake)
{
    u_char             head[NGX_SIO_NAME_MAX + NGX_SIO_ACK_MAX + 8];
    u_char             name[NGX_SIO_NAME_MAX];
    sio_span_t         nsp, id;
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;
    ngx_sio_ticket_t  *t;
    ngx_sio_payload_t  payload;

    sh = zone->shared;
    t = &sh->tickets[ticket];
    so = &sh->sockets[t->socket];

    if (t->ack_len == 0 || t->socket == 0 || so->state != NGX_SIO_LIVE) {
        return;
    }

    nsp.p = name;
    nsp.n = ngx_sio_string_copy(sh, sh->namespaces[so->namespace].name, name,
                                sizeof(name));
    id.p = t->ack;
    id.n = t->ack_len;

    ngx_memzero(&payload, sizeof(ngx_sio_payload_t));

    payload.text[0].p = head;
    payload.text[0].n = sio_packet_write_head(head, SIO_ACK, 0, nsp, id);
    payload.text[1] = sio_span("[{\"ok\":false,\"error\":"
                               "\"Service unavailable\"}]");

    (void) ngx_sio_socket_send_locked(zone, t->socket, &payload, wake);
}


void
ngx_sio_tickets_rebuild(ngx_sio_shared_t *sh)
{
    uint32_t           cell, *link;
    ngx_sio_ticket_t  *t;

    for (cell = 1; cell < sh->ticket_pool.fresh; cell++) {
        t = &sh->tickets[cell];

        if (t->state == NGX_SIO_FREE || t->socket == 0) {
            continue;
        }

        if (t->socket >= sh->socket_pool.fresh
            || sh->sockets[t->socket].state == NGX_SIO_FREE
            || sh->sockets[t->socket].serial != t->socket_serial)
        {
            t->socket = 0;
            continue;
        }

        /* serials rise, but for their wrap */

        link = &sh->sockets[t->socket].tickets;

        while (*link
               && (int32_t) (sh->tickets[*link].serial - t->serial) < 0)
        {
            link = &sh->tickets[*link].next;
        }

        t->next = *link;
        *link = cell;
    }
}
