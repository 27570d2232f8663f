
/*
 * Answers that list: ids, rooms with the ids among them, or whole sockets in
 * the shape that the server for Node.js has.
 */

#include "ngx_sio_hashes.h"
#include "ngx_sio_cluster_job.h"
#include "ngx_sio_show.h"


#define NGX_SIO_CLUSTER_SPACE   32768               /* bytes for a slice */
#define NGX_SIO_CLUSTER_ANSWER  (8 * 1024 * 1024)   /* bytes of an answer */
#define NGX_SIO_CLUSTER_LOOK    16384               /* cells in a slice */
#define NGX_SIO_CLUSTER_HOLD    256                 /* of them in one hold */


static ngx_int_t ngx_sio_cluster_listed(ngx_sio_select_t *select,
    uint32_t socket);
static ngx_int_t ngx_sio_cluster_list_rooms(ngx_sio_cluster_job_t *job);
static ngx_int_t ngx_sio_cluster_list_some(ngx_sio_cluster_job_t *job,
    uint32_t nsp, uint32_t end);
static u_char *ngx_sio_cluster_socket(ngx_sio_shared_t *sh,
    ngx_sio_socket_t *so, u_char *p);


ngx_int_t
ngx_sio_cluster_list_begin(ngx_sio_cluster_job_t *job)
{
    u_char  *p;

    if (job->id.n > 128) {
        return NGX_ERROR;
    }

    job->select.handler = ngx_sio_cluster_listed;
    job->need = NGX_SIO_CLUSTER_SPACE;
    job->room = 1;

    if (ngx_sio_redis_buf_reserve(&job->answer, job->need,
                                  NGX_SIO_CLUSTER_ANSWER)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_sprintf(job->answer.p, "{\"requestId\":\"");
    p += sio_json_escape(p, job->id);
    p = ngx_sprintf(p, "\",\"%s\":[",
                    job->type == SIO_ADAPTER_ROOMS ? "rooms" : "sockets");
    job->answer.n = p - job->answer.p;

    return NGX_OK;
}


ngx_int_t
ngx_sio_cluster_list_step(ngx_sio_cluster_job_t *job)
{
    ngx_int_t  rc;

    /* memory is not asked for under the lock */

    if (ngx_sio_redis_buf_reserve(&job->answer, job->need,
                                  NGX_SIO_CLUSTER_ANSWER)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    job->need = NGX_SIO_CLUSTER_SPACE;

    if (job->select.next != NGX_MAX_UINT32_VALUE) {
        rc = ngx_sio_select(&job->select);

        if (rc != NGX_OK || job->type == SIO_ADAPTER_ROOMS) {
            return rc == NGX_OK ? NGX_AGAIN : rc;
        }

    } else if (job->type == SIO_ADAPTER_ROOMS) {
        rc = ngx_sio_cluster_list_rooms(job);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* entries leave room for it */

    job->answer.p[job->answer.n++] = ']';
    job->answer.p[job->answer.n++] = '}';

    return NGX_OK;
}


static ngx_int_t
ngx_sio_cluster_listed(ngx_sio_select_t *select, uint32_t socket)
{
    size_t                  size;
    u_char                 *p;
    ngx_sio_shared_t       *sh;
    ngx_sio_socket_t       *so;
    ngx_sio_redis_buf_t    *buf;
    ngx_sio_cluster_job_t  *job;

    job = select->data;
    buf = &job->answer;
    sh = select->zone->shared;
    so = &sh->sockets[socket];

    size = 64;

    if (job->type == SIO_ADAPTER_FETCH) {
        size = 256 + ngx_sio_show_size(sh, so);
    }

    if (buf->size - buf->n < size) {
        job->need = ngx_max(size, NGX_SIO_CLUSTER_SPACE);
        return NGX_AGAIN;
    }

    p = buf->p + buf->n;

    if (job->entries++) {
        *p++ = ',';
    }

    if (job->type == SIO_ADAPTER_FETCH) {
        p = ngx_sio_cluster_socket(sh, so, p);

    } else {
        p = ngx_sprintf(p, "\"%*s\"", (size_t) NGX_SIO_ID_LEN, so->id);
    }

    buf->n = p - buf->p;

    return NGX_OK;
}


/* Cells are looked at without the lock, and listed with it. */

static ngx_int_t
ngx_sio_cluster_list_rooms(ngx_sio_cluster_job_t *job)
{
    uint32_t           nsp, end, last;
    ngx_int_t          rc;
    ngx_sio_zone_t    *zone;
    ngx_sio_shared_t  *sh;

    zone = job->cl->zone;
    sh = zone->shared;

    last = sh->room_pool.fresh;
    last = ngx_min(last, sh->room_pool.size);
    end = ngx_min(last, job->room + NGX_SIO_CLUSTER_LOOK);

    while (job->room < end && sh->rooms[job->room].state != NGX_SIO_LIVE) {
        job->room++;
    }

    ngx_sio_lock(zone);

    nsp = ngx_sio_namespace_find(sh, job->namespace);
    end = ngx_min(end, job->room + NGX_SIO_CLUSTER_HOLD);
    rc = nsp ? ngx_sio_cluster_list_some(job, nsp, end) : NGX_OK;

    ngx_sio_unlock(zone);

    if (nsp == 0) {
        return NGX_OK;
    }

    return rc == NGX_AGAIN || job->room < last ? NGX_AGAIN : NGX_OK;
}


static ngx_int_t
ngx_sio_cluster_list_some(ngx_sio_cluster_job_t *job, uint32_t nsp,
    uint32_t end)
{
    size_t                size;
    u_char               *p;
    ngx_sio_room_t       *room;
    ngx_sio_shared_t     *sh;
    ngx_sio_redis_buf_t  *buf;

    sh = job->cl->zone->shared;
    buf = &job->answer;

    for ( /* void */ ; job->room < end; job->room++) {
        room = &sh->rooms[job->room];

        if (room->state != NGX_SIO_LIVE || room->namespace != nsp
            || room->count == 0)
        {
            continue;
        }

        size = 16 + 6 * ngx_sio_string_size(sh, room->name);

        if (buf->size - buf->n < size) {
            job->need = ngx_max(size, NGX_SIO_CLUSTER_SPACE);
            return NGX_AGAIN;
        }

        p = buf->p + buf->n;

        if (job->entries++) {
            *p++ = ',';
        }

        buf->n = ngx_sio_show_name(sh, room->name, p) - buf->p;
    }

    return NGX_OK;
}


static u_char *
ngx_sio_cluster_socket(ngx_sio_shared_t *sh, ngx_sio_socket_t *so, u_char *p)
{
    p = ngx_sprintf(p, "{\"id\":\"%*s\",", (size_t) NGX_SIO_ID_LEN, so->id);
    p = ngx_sio_show_socket(sh, so, p);
    *p++ = '}';

    return p;
}
