
/*
 * A lane is there as long as there are calls in it.  It is found by its
 * socket's cell; the calls of one that is gone may still go on when the cell
 * serves the next socket, so a cell may have several.
 */

#include "ngx_sio_lane.h"
#include "ngx_sio_reader.h"


typedef struct ngx_sio_lane_s  ngx_sio_lane_t;

struct ngx_sio_lane_s {
    ngx_sio_lane_t    *next;            /* of an earlier use of the cell */
    ngx_sio_ref_t      socket;
    ngx_queue_t        calls;           /* the first one is in flight */
};


static ngx_sio_lane_t *ngx_sio_lane_obtain(ngx_sio_index_t *lanes,
    ngx_sio_ref_t socket);
static void ngx_sio_lane_free(ngx_sio_index_t *lanes, ngx_sio_lane_t *lane);


ngx_int_t
ngx_sio_lane_enter(ngx_sio_call_t *call)
{
    ngx_int_t        rc;
    ngx_sio_lane_t  *lane;

    lane = ngx_sio_lane_obtain(&ngx_sio_reader(call->zone)->lanes,
                               call->socket);
    if (lane == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_queue_empty(&lane->calls) ? NGX_OK : NGX_AGAIN;

    call->lane = lane;
    ngx_queue_insert_tail(&lane->calls, &call->queue);

    return rc;
}


ngx_sio_call_t *
ngx_sio_lane_leave(ngx_sio_call_t *call)
{
    ngx_sio_lane_t  *lane;

    lane = call->lane;

    if (lane == NULL) {
        return NULL;
    }

    call->lane = NULL;
    ngx_queue_remove(&call->queue);

    if (ngx_queue_empty(&lane->calls)) {
        ngx_sio_lane_free(&ngx_sio_reader(call->zone)->lanes, lane);
        return NULL;
    }

    return ngx_queue_data(ngx_queue_head(&lane->calls), ngx_sio_call_t,
                          queue);
}


static ngx_sio_lane_t *
ngx_sio_lane_obtain(ngx_sio_index_t *lanes, ngx_sio_ref_t socket)
{
    ngx_sio_lane_t  *lane, *first;

    first = ngx_sio_index_get(lanes, socket.cell);

    for (lane = first; lane; lane = lane->next) {
        if (lane->socket.serial == socket.serial) {
            return lane;
        }
    }

    lane = ngx_alloc(sizeof(ngx_sio_lane_t), ngx_cycle->log);
    if (lane == NULL) {
        return NULL;
    }

    lane->next = first;
    lane->socket = socket;
    ngx_queue_init(&lane->calls);

    if (ngx_sio_index_set(lanes, socket.cell, lane) != NGX_OK) {
        ngx_free(lane);
        return NULL;
    }

    return lane;
}


static void
ngx_sio_lane_free(ngx_sio_index_t *lanes, ngx_sio_lane_t *lane)
{
    ngx_sio_lane_t  *first, *l;

    first = ngx_sio_index_get(lanes, lane->socket.cell);

    if (first == lane) {
        /* the index has this cell's page: it cannot fail */
        (void) ngx_sio_index_set(lanes, lane->socket.cell, lane->next);

    } else {
        for (l = first; l->next != lane; l = l->next) { /* void */ }
        l->next = lane->next;
    }

    ngx_free(lane);
}
