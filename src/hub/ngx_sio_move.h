
/*
 * What the server API and other nodes do with each socket of a selection: join
 * rooms, leave them, be disconnected.
 */

#ifndef _NGX_SIO_MOVE_H_INCLUDED_
#define _NGX_SIO_MOVE_H_INCLUDED_


#include "ngx_sio_rooms.h"
#include "ngx_sio_select.h"


typedef struct {
    ngx_uint_t          matched;        /* sockets that were reached */
    ngx_sio_change_t    change;         /* join, leave */
    ngx_uint_t          close;          /* disconnect: the session too */
} ngx_sio_move_t;


/*
 * Prepares a selection for joins to or leaves from rooms, whose names live
 * until its end: `data` becomes the move, the slice is bounded by the number of
 * rooms.  Zone and pool are set already.  NGX_OK, or NGX_ERROR without memory.
 */
ngx_int_t ngx_sio_move_rooms(ngx_sio_select_t *select, ngx_sio_move_t *move,
    const sio_span_t *rooms, ngx_uint_t n);

/*
 * Handlers of a selection whose `data` is a ngx_sio_move_t.  They return
 * NGX_OK; a join that finds the zone full ends it with NGX_DECLINED.
 */
ngx_int_t ngx_sio_move_join(ngx_sio_select_t *select, uint32_t socket);
ngx_int_t ngx_sio_move_leave(ngx_sio_select_t *select, uint32_t socket);
ngx_int_t ngx_sio_move_disconnect(ngx_sio_select_t *select, uint32_t socket);


#endif /* _NGX_SIO_MOVE_H_INCLUDED_ */
