
/*
 * The namespaces whose requests the leader answers.  Redis tells others how
 * many nodes are subscribed to a namespace's requests, and they wait for that
 * many answers: who is subscribed answers, also when nobody here is in it.
 */

#include "ngx_sio_hashes.h"
#include "ngx_sio_cluster_names.h"


#define NGX_SIO_CLUSTER_NSP  512        /* bytes of a namespace's name */


static ngx_int_t ngx_sio_cluster_name_add(ngx_sio_cluster_t *cl,
    uint32_t cell);
static void ngx_sio_cluster_names_purge(ngx_sio_cluster_t *cl);
static void ngx_sio_cluster_name_command(ngx_sio_cluster_t *cl,
    sio_span_t command, sio_span_t name);


/* Subscribes to the requests of namespaces that have come to life. */

void
ngx_sio_cluster_names(ngx_sio_cluster_t *cl)
{
    uint32_t           cell, end, hash;
    ngx_sio_shared_t  *sh;

    sh = cl->zone->shared;
    end = ngx_min(sh->namespace_pool.fresh, NGX_SIO_NAMESPACES);

    for (cell = 1; cell < end; cell++) {
        hash = sh->namespaces[cell].hash | 1;

        if (sh->namespaces[cell].state == NGX_SIO_LIVE
            && hash != cl->seen[cell]
            && ngx_sio_cluster_name_add(cl, cell) == NGX_OK)
        {
            cl->seen[cell] = hash;
        }
    }
}


void
ngx_sio_cluster_names_forget(ngx_sio_cluster_t *cl)
{
    while (cl->nnames) {
        ngx_free((void *) cl->names[--cl->nnames].p);
    }

    ngx_memzero(cl->seen, sizeof(cl->seen));
}


static ngx_int_t
ngx_sio_cluster_name_add(ngx_sio_cluster_t *cl, uint32_t cell)
{
    u_char            *p, text[NGX_SIO_CLUSTER_NSP];
    sio_span_t         name;
    ngx_sio_shared_t  *sh;

    sh = cl->zone->shared;
    name.p = text;
    name.n = 0;

    ngx_sio_lock(cl->zone);

    if (sh->namespaces[cell].state == NGX_SIO_LIVE) {
        name.n = ngx_sio_string_copy(sh, sh->namespaces[cell].name, text,
                                     sizeof(text));
    }

    ngx_sio_unlock(cl->zone);

    if (name.n == 0) {
        return NGX_DECLINED;
    }

    if (ngx_sio_cluster_counted(cl, name)) {
        return NGX_OK;
    }

    if (cl->nnames == NGX_SIO_NAMESPACES) {
        ngx_sio_cluster_names_purge(cl);
    }

    if (cl->nnames == NGX_SIO_NAMESPACES) {
        return NGX_DECLINED;
    }

    p = ngx_alloc(name.n, ngx_cycle->log);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    ngx_memcpy(p, text, name.n);

    cl->names[cl->nnames].p = p;
    cl->names[cl->nnames++].n = name.n;

    ngx_sio_cluster_name_command(cl, sio_span("SUBSCRIBE"), name);

    return NGX_OK;
}


/* Those of namespaces that are gone make room. */

static void
ngx_sio_cluster_names_purge(ngx_sio_cluster_t *cl)
{
    uint32_t    cell;
    ngx_uint_t  i, kept;

    for (i = 0, kept = 0; i < cl->nnames; i++) {

        ngx_sio_lock(cl->zone);
        cell = ngx_sio_namespace_find(cl->zone->shared, cl->names[i]);
        ngx_sio_unlock(cl->zone);

        if (cell) {
            cl->names[kept++] = cl->names[i];
            continue;
        }

        ngx_sio_cluster_name_command(cl, sio_span("UNSUBSCRIBE"),
                                     cl->names[i]);
        ngx_free((void *) cl->names[i].p);
    }

    cl->nnames = kept;
    ngx_memzero(cl->seen, sizeof(cl->seen));
}


static void
ngx_sio_cluster_name_command(ngx_sio_cluster_t *cl, sio_span_t command,
    sio_span_t name)
{
    u_char      *p, channel[NGX_SIO_CHANNEL_MAX];
    sio_span_t   argv[2];

    p = ngx_cpymem(channel, cl->conf->prefix.data, cl->conf->prefix.len);
    p = ngx_cpymem(p, "-request#", 9);
    p = ngx_cpymem(p, name.p, name.n);
    *p++ = '#';

    argv[0] = command;
    argv[1].p = channel;
    argv[1].n = p - channel;

    (void) ngx_sio_redis_command(&cl->listener, 2, argv, NULL);
}


ngx_uint_t
ngx_sio_cluster_counted(const ngx_sio_cluster_t *cl, sio_span_t namespace)
{
    ngx_uint_t  i;

    for (i = 0; i < cl->nnames; i++) {
        if (sio_span_eq(cl->names[i], namespace)) {
            return 1;
        }
    }

    return 0;
}
