
/*
 * Queues of deadlines.  A queue is sorted by itself, because everything in it
 * has the same duration.  Rare durations, such as what is left of a ping after
 * an upgrade, are rounded up so that there are few queues.
 */

#include "ngx_sio_deadline.h"


typedef struct ngx_sio_clock_s  ngx_sio_clock_t;

struct ngx_sio_clock_s {
    ngx_sio_clock_t       *next;
    ngx_msec_t             duration;
    ngx_queue_t            queue;
    ngx_event_t            event;
};


static ngx_sio_clock_t *ngx_sio_clock(ngx_msec_t duration);
static void ngx_sio_clock_arm(ngx_sio_clock_t *clock);
static void ngx_sio_clock_handler(ngx_event_t *ev);


static ngx_sio_clock_t  *ngx_sio_clocks;
static ngx_connection_t  ngx_sio_clock_dummy = { .fd = -1 };


ngx_int_t
ngx_sio_deadline_set(ngx_sio_deadline_t *deadline, ngx_msec_t duration,
    ngx_sio_deadline_pt handler)
{
    ngx_sio_clock_t  *clock;

    ngx_sio_deadline_clear(deadline);

    clock = ngx_sio_clock(duration);
    if (clock == NULL) {
        return NGX_ERROR;
    }

    deadline->at = ngx_current_msec + duration;
    deadline->handler = handler;
    deadline->set = 1;

    ngx_queue_insert_tail(&clock->queue, &deadline->queue);

    if (!clock->event.timer_set) {
        ngx_sio_clock_arm(clock);
    }

    return NGX_OK;
}


void
ngx_sio_deadline_clear(ngx_sio_deadline_t *deadline)
{
    if (deadline->set) {
        ngx_queue_remove(&deadline->queue);
        deadline->set = 0;
    }
}


static ngx_sio_clock_t *
ngx_sio_clock(ngx_msec_t duration)
{
    ngx_sio_clock_t  *clock;

    for (clock = ngx_sio_clocks; clock; clock = clock->next) {
        if (clock->duration == duration) {
            return clock;
        }
    }

    clock = ngx_calloc(sizeof(ngx_sio_clock_t), ngx_cycle->log);
    if (clock == NULL) {
        return NULL;
    }

    clock->duration = duration;
    ngx_queue_init(&clock->queue);

    clock->event.handler = ngx_sio_clock_handler;
    clock->event.data = &ngx_sio_clock_dummy;
    clock->event.log = ngx_cycle->log;
    clock->event.cancelable = 1;

    clock->next = ngx_sio_clocks;
    ngx_sio_clocks = clock;

    return clock;
}


static void
ngx_sio_clock_arm(ngx_sio_clock_t *clock)
{
    ngx_msec_int_t       left;
    ngx_sio_deadline_t  *first;

    first = ngx_queue_data(ngx_queue_head(&clock->queue), ngx_sio_deadline_t,
                           queue);

    left = (ngx_msec_int_t) (first->at - ngx_current_msec);

    ngx_add_timer(&clock->event, ngx_max(left, 1));
}


static void
ngx_sio_clock_handler(ngx_event_t *ev)
{
    ngx_sio_clock_t     *clock;
    ngx_sio_deadline_t  *first;

    clock = (ngx_sio_clock_t *) ((u_char *) ev
                                 - offsetof(ngx_sio_clock_t, event));

    while (!ngx_queue_empty(&clock->queue)) {
        first = ngx_queue_data(ngx_queue_head(&clock->queue),
                               ngx_sio_deadline_t, queue);

        if ((ngx_msec_int_t) (first->at - ngx_current_msec) > 0) {
            ngx_sio_clock_arm(clock);
            return;
        }

        ngx_sio_deadline_clear(first);
        first->handler(first);
    }
}
