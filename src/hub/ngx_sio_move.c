
/*
 * Moves selected sockets in and out of rooms, and out of their namespace.
 * Called by the server API and for other nodes; what the rules for clients say
 * does not count here, and clients are not told.
 */

#include "ngx_sio_kick.h"
#include "ngx_sio_move.h"


#define NGX_SIO_MOVE_ROOMS  1024        /* for one hold of the lock */


static ngx_sio_change_t *ngx_sio_move_change(ngx_sio_select_t *select,
    uint32_t socket);


ngx_int_t
ngx_sio_move_rooms(ngx_sio_select_t *select, ngx_sio_move_t *move,
    const sio_span_t *rooms, ngx_uint_t n)
{
    ngx_sio_change_t  *change;

    change = &move->change;

    change->zone = select->zone;
    change->rooms = rooms;
    change->n = n;
    change->tell = 1;
    change->cells = ngx_pcalloc(select->pool, (n + 1) * sizeof(uint32_t));

    if (change->cells == NULL) {
        return NGX_ERROR;
    }

    select->data = move;
    select->slice = ngx_min(NGX_SIO_MOVE_ROOMS / (n + 1) + 1,
                            NGX_SIO_SELECT_SLICE);

    return NGX_OK;
}


ngx_int_t
ngx_sio_move_join(ngx_sio_select_t *select, uint32_t socket)
{
    ngx_int_t        rc;
    ngx_sio_move_t  *move;

    move = select->data;

    rc = ngx_sio_rooms_join_locked(ngx_sio_move_change(select, socket),
                                   &select->wake);

    move->matched += rc == NGX_OK;

    return rc;
}


ngx_int_t
ngx_sio_move_leave(ngx_sio_select_t *select, uint32_t socket)
{
    ngx_sio_move_t  *move;

    move = select->data;

    (void) ngx_sio_rooms_leave_locked(ngx_sio_move_change(select, socket),
                                      &select->wake);

    move->matched++;

    return NGX_OK;
}


static ngx_sio_change_t *
ngx_sio_move_change(ngx_sio_select_t *select, uint32_t socket)
{
    ngx_sio_move_t  *move;

    move = select->data;

    move->change.socket.cell = socket;
    move->change.socket.serial = select->zone->shared->sockets[socket].serial;

    return &move->change;
}


ngx_int_t
ngx_sio_move_disconnect(ngx_sio_select_t *select, uint32_t socket)
{
    uint32_t         session;
    ngx_sio_move_t  *move;

    move = select->data;

    if (move->close) {
        session = select->zone->shared->sockets[socket].session;

        ngx_sio_session_disconnect_locked(select->zone, session,
                                          &select->wake);

    } else {
        ngx_sio_socket_disconnect_locked(select->zone, socket, &select->wake);
    }

    move->matched++;

    return NGX_OK;
}
