
/*
 * A request of another node under way, and what requests that list something
 * answer.
 */

#ifndef _NGX_SIO_CLUSTER_JOB_H_INCLUDED_
#define _NGX_SIO_CLUSTER_JOB_H_INCLUDED_


#include "ngx_sio_cluster.h"
#include "ngx_sio_move.h"
#include "ngx_sio_revoke.h"


#define NGX_SIO_CLUSTER_REVOKE  256     /* a type of jobs, and of no request */


typedef struct {
    ngx_queue_t           queue;        /* of the worker's */
    ngx_sio_cluster_t    *cl;
    ngx_pool_t           *pool;
    size_t                bytes;        /* of the request */
    unsigned              type;         /* SIO_ADAPTER_..., or as above */
    sio_span_t            namespace;
    sio_span_t            id;           /* of the request */
    ngx_uint_t            one;          /* one socket, in the old form */
    ngx_sio_select_t      select;
    ngx_sio_move_t        move;         /* of what does not list */
    ngx_sio_revoke_t      revoke;

    ngx_sio_redis_buf_t   answer;       /* of what lists */
    size_t                need;         /* bytes for the next slice */
    ngx_uint_t            entries;
    uint32_t              room;         /* ROOMS: the next cell */
} ngx_sio_cluster_job_t;


/* Answers a request with members of a JSON object, an empty string for none. */
void ngx_sio_cluster_answer_text(ngx_sio_cluster_t *cl, sio_span_t namespace,
    sio_span_t id, const char *text);

/* Prepares a worker for requests; gives up those that are under way. */
void ngx_sio_cluster_work_init(ngx_sio_cluster_t *cl);
void ngx_sio_cluster_work_exit(ngx_sio_cluster_t *cl);

/*
 * Counts slices of sockets that were done for other nodes in this turn of the
 * event loop; after too many nothing more is heard in it.
 */
void ngx_sio_cluster_worked(ngx_sio_cluster_t *cl, ngx_uint_t slices);

/* A job that is zero but for these, in a pool of its own; NULL: no memory. */
ngx_sio_cluster_job_t *ngx_sio_cluster_job_create(ngx_sio_cluster_t *cl,
    unsigned type);

/* Takes a job over, which is done now or in turns to come. */
void ngx_sio_cluster_work(ngx_sio_cluster_job_t *job);

/* Tells who waits for the end of a walk. */
void ngx_sio_cluster_revoke_done(ngx_sio_cluster_job_t *job);

/* Whether its answer is a list. */
ngx_uint_t ngx_sio_cluster_job_lists(const ngx_sio_cluster_job_t *job);

/* Begins an answer that lists sockets or rooms.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_sio_cluster_list_begin(ngx_sio_cluster_job_t *job);

/* Lists some; NGX_AGAIN when there are more, NGX_OK, or NGX_ERROR. */
ngx_int_t ngx_sio_cluster_list_step(ngx_sio_cluster_job_t *job);


#endif /* _NGX_SIO_CLUSTER_JOB_H_INCLUDED_ */
