
/*
 * A request of another node under way, and what requests that list something
 * answer.
 */

#ifndef _NGX_SIO_CLUSTER_JOB_H_INCLUDED_
#define _NGX_SIO_CLUSTER_JOB_H_INCLUDED_


#include "ngx_sio_cluster.h"
#include "ngx_sio_move.h"


typedef struct {
    ngx_connection_t      dummy;        /* first: for debug logs */
    ngx_sio_cluster_t    *cl;
    ngx_pool_t           *pool;
    ngx_event_t           event;
    unsigned              type;         /* SIO_ADAPTER_... */
    sio_span_t            namespace;
    sio_span_t            id;           /* of the request */
    ngx_uint_t            one;          /* one socket, in the old form */
    ngx_sio_select_t      select;
    ngx_sio_move_t        move;         /* of what does not list */

    ngx_sio_redis_buf_t   answer;       /* of what lists */
    size_t                need;         /* bytes for the next slice */
    ngx_uint_t            entries;
    uint32_t              room;         /* ROOMS: the next cell */
} ngx_sio_cluster_job_t;


/* Begins an answer that lists sockets or rooms.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_sio_cluster_list_begin(ngx_sio_cluster_job_t *job);

/* Lists some; NGX_AGAIN when there are more, NGX_OK, or NGX_ERROR. */
ngx_int_t ngx_sio_cluster_list_step(ngx_sio_cluster_job_t *job);

/* Frees the answer. */
void ngx_sio_cluster_list_free(ngx_sio_cluster_job_t *job);


#endif /* _NGX_SIO_CLUSTER_JOB_H_INCLUDED_ */
