
/*
 * Does what other nodes ask for, in order and a bounded part in each turn of
 * the event loop.  While there is too much of it nothing new is read from
 * Redis, so that others wait and the memory of this worker does not grow.
 */

#include "ngx_sio_cluster_hand.h"
#include "ngx_sio_cluster_job.h"
#include "ngx_sio_seldom.h"


#define NGX_SIO_WORK_SLICES  64         /* in one turn of the event loop */
#define NGX_SIO_WORK_SHARE   48         /* of them, for what was begun */
#define NGX_SIO_WORK_JOBS    64         /* at a time */
#define NGX_SIO_WORK_BYTES   16777216   /* of their requests */
#define NGX_SIO_WORK_KEEP    5000       /* ms between two turns, at most */
#define NGX_SIO_WORK_FULL    10         /* ms, while Redis takes no answers */


static void ngx_sio_cluster_work_run(ngx_event_t *ev);
static ngx_int_t ngx_sio_cluster_work_on(ngx_sio_cluster_job_t *job,
    ngx_uint_t most);
static ngx_int_t ngx_sio_cluster_job_step(ngx_sio_cluster_job_t *job);
static void ngx_sio_cluster_job_end(ngx_sio_cluster_job_t *job);
static void ngx_sio_cluster_job_free(ngx_sio_cluster_job_t *job);
static ngx_uint_t ngx_sio_cluster_work_full(const ngx_sio_cluster_t *cl);


void
ngx_sio_cluster_work_init(ngx_sio_cluster_t *cl)
{
    ngx_queue_init(&cl->jobs);

    cl->work.handler = ngx_sio_cluster_work_run;
    cl->work.data = cl;
    cl->work.log = ngx_cycle->log;
}


void
ngx_sio_cluster_work_exit(ngx_sio_cluster_t *cl)
{
    while (!ngx_queue_empty(&cl->jobs)) {
        ngx_sio_cluster_job_free(ngx_queue_data(ngx_queue_head(&cl->jobs),
                                                ngx_sio_cluster_job_t, queue));
    }

    if (cl->work.posted) {
        ngx_delete_posted_event(&cl->work);
    }

    if (cl->work.timer_set) {
        ngx_del_timer(&cl->work);
    }
}


ngx_sio_cluster_job_t *
ngx_sio_cluster_job_create(ngx_sio_cluster_t *cl, unsigned type)
{
    ngx_pool_t             *pool;
    ngx_sio_cluster_job_t  *job;

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    job = ngx_pcalloc(pool, sizeof(ngx_sio_cluster_job_t));

    if (job == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    job->cl = cl;
    job->pool = pool;
    job->type = type;

    return job;
}


/*
 * What lists has memory for its answer, so that one of them is done at a time.
 * The others begin at once: what follows on the bus finds small ones done.
 */

void
ngx_sio_cluster_work(ngx_sio_cluster_job_t *job)
{
    ngx_uint_t          first;
    ngx_sio_cluster_t  *cl;

    cl = job->cl;
    first = ngx_queue_empty(&cl->jobs);

    ngx_queue_insert_tail(&cl->jobs, &job->queue);
    cl->njobs++;
    cl->job_bytes += job->bytes;

    if (first || !ngx_sio_cluster_job_lists(job)) {
        (void) ngx_sio_cluster_work_on(job, NGX_SIO_WORK_SLICES);
    }

    ngx_sio_cluster_worked(cl, 0);
}


void
ngx_sio_cluster_worked(ngx_sio_cluster_t *cl, ngx_uint_t slices)
{
    cl->slices += slices;

    if (cl->slices >= NGX_SIO_WORK_SLICES || ngx_sio_cluster_work_full(cl)) {
        ngx_sio_redis_pause(&cl->listener);
    }

    if (cl->slices == 0 && cl->njobs == 0) {
        return;
    }

    if (!cl->work.posted) {
        ngx_post_event(&cl->work, &ngx_posted_next_events);
    }

    /* a worker that is told to quit stays for it */

    if (!cl->work.timer_set) {
        ngx_add_timer(&cl->work, NGX_SIO_WORK_KEEP);
    }
}


static void
ngx_sio_cluster_work_run(ngx_event_t *ev)
{
    ngx_int_t               rc;
    ngx_sio_cluster_t      *cl;
    ngx_sio_cluster_job_t  *job;

    cl = ev->data;
    cl->slices = 0;

    if (ev->posted) {
        ngx_delete_posted_event(ev);
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    rc = NGX_OK;

    while (rc == NGX_OK && cl->njobs) {
        job = ngx_queue_data(ngx_queue_head(&cl->jobs), ngx_sio_cluster_job_t,
                             queue);
        rc = ngx_sio_cluster_work_on(job, NGX_SIO_WORK_SHARE);
    }

    if (!ngx_sio_cluster_work_full(cl) && cl->hand != NGX_SIO_HAND_WAITS) {
        ngx_sio_redis_resume(&cl->listener);
    }

    if (rc == NGX_BUSY) {
        ngx_add_timer(ev, NGX_SIO_WORK_FULL);
        return;
    }

    ngx_sio_cluster_worked(cl, 0);
}


/*
 * NGX_OK and the job is over, NGX_AGAIN when the turn is, NGX_BUSY when there
 * are too many answers already that Redis has not taken.
 */

static ngx_int_t
ngx_sio_cluster_work_on(ngx_sio_cluster_job_t *job, ngx_uint_t most)
{
    ngx_int_t           rc;
    ngx_sio_cluster_t  *cl;

    cl = job->cl;

    if (ngx_sio_cluster_job_lists(job)
        && cl->publisher.out.n > NGX_SIO_REDIS_OUT / 4)
    {
        return NGX_BUSY;
    }

    while (cl->slices < most) {
        cl->slices++;
        rc = ngx_sio_cluster_job_step(job);

        if (rc == NGX_OK) {
            ngx_sio_cluster_job_end(job);
            return NGX_OK;
        }

        if (rc != NGX_AGAIN) {
            ngx_sio_log_seldom(NGX_LOG_WARN, ngx_cycle->log,
                               "socketio could not do all of what another "
                               "node has asked for: memory is full, or the "
                               "answer too large");
            ngx_sio_cluster_job_free(job);
            return NGX_OK;
        }
    }

    return NGX_AGAIN;
}


ngx_uint_t
ngx_sio_cluster_job_lists(const ngx_sio_cluster_job_t *job)
{
    return job->type < SIO_ADAPTER_JOIN || job->type == SIO_ADAPTER_FETCH;
}


static ngx_int_t
ngx_sio_cluster_job_step(ngx_sio_cluster_job_t *job)
{
    if (job->type == NGX_SIO_CLUSTER_REVOKE) {
        return ngx_sio_revoke_step(&job->revoke);
    }

    return ngx_sio_cluster_job_lists(job) ? ngx_sio_cluster_list_step(job)
                                          : ngx_sio_select(&job->select);
}


static void
ngx_sio_cluster_job_end(ngx_sio_cluster_job_t *job)
{
    sio_span_t          none, message;
    ngx_sio_cluster_t  *cl;

    cl = job->cl;

    if (job->type == NGX_SIO_CLUSTER_REVOKE) {
        ngx_sio_cluster_revoke_done(job);

    } else if (job->answer.n) {
        ngx_memzero(&none, sizeof(sio_span_t));
        message.p = job->answer.p;
        message.n = job->answer.n;

        (void) ngx_sio_cluster_send(cl, "-response", job->namespace, none,
                                    message);

    } else if (job->one && job->move.matched && job->id.n) {
        ngx_sio_cluster_answer_text(cl, job->namespace, job->id, "");
    }

    ngx_sio_cluster_job_free(job);
}


static void
ngx_sio_cluster_job_free(ngx_sio_cluster_job_t *job)
{
    ngx_queue_remove(&job->queue);
    job->cl->njobs--;
    job->cl->job_bytes -= job->bytes;

    ngx_sio_redis_buf_free(&job->answer);
    ngx_destroy_pool(job->pool);
}


static ngx_uint_t
ngx_sio_cluster_work_full(const ngx_sio_cluster_t *cl)
{
    return cl->njobs >= NGX_SIO_WORK_JOBS
           || cl->job_bytes >= NGX_SIO_WORK_BYTES;
}
