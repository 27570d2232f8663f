
/*
 * Deadlines of many sessions: one queue and one timer for each distinct
 * duration, since sessions of an endpoint share theirs.
 */

#ifndef _NGX_SIO_DEADLINE_H_INCLUDED_
#define _NGX_SIO_DEADLINE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


typedef struct ngx_sio_deadline_s  ngx_sio_deadline_t;

/* Called when it is due; the deadline is not set any more. */
typedef void (*ngx_sio_deadline_pt)(ngx_sio_deadline_t *deadline);

struct ngx_sio_deadline_s {
    ngx_queue_t            queue;
    ngx_msec_t             at;
    ngx_sio_deadline_pt    handler;
    ngx_uint_t             set;
};


/* (Re)arms a deadline; NGX_ERROR without memory for a new duration. */
ngx_int_t ngx_sio_deadline_set(ngx_sio_deadline_t *deadline,
    ngx_msec_t duration, ngx_sio_deadline_pt handler);

/* Disarms it; harmless when it is not set. */
void ngx_sio_deadline_clear(ngx_sio_deadline_t *deadline);


#endif /* _NGX_SIO_DEADLINE_H_INCLUDED_ */
