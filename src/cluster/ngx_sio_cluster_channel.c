
/*
 * The channels on which answers come: those of a namespace are subscribed to
 * while there is a question about it.  Called by what asks questions.
 */

#include "ngx_sio_cluster_question.h"


ngx_sio_cluster_channel_t *
ngx_sio_cluster_channel(ngx_sio_cluster_t *cl, sio_span_t namespace)
{
    ngx_queue_t                *e;
    ngx_sio_cluster_channel_t  *channel;

    for (e = ngx_queue_head(&cl->channels);
         e != ngx_queue_sentinel(&cl->channels);
         e = ngx_queue_next(e))
    {
        channel = ngx_queue_data(e, ngx_sio_cluster_channel_t, queue);

        if (channel->len == namespace.n
            && ngx_memcmp(channel->namespace, namespace.p, namespace.n) == 0)
        {
            return channel;
        }
    }

    channel = ngx_alloc(sizeof(ngx_sio_cluster_channel_t) + namespace.n,
                        ngx_cycle->log);
    if (channel == NULL) {
        return NULL;
    }

    channel->questions = 0;
    channel->ready = 0;
    channel->len = namespace.n;
    ngx_memcpy(channel->namespace, namespace.p, namespace.n);
    ngx_queue_insert_tail(&cl->channels, &channel->queue);

    if (cl->asker.state == NGX_SIO_REDIS_READY) {
        ngx_sio_cluster_channel_command(cl, channel, "SUBSCRIBE");
    }

    return channel;
}


/* Some nodes answer on a channel of those who ask, which is said last. */

void
ngx_sio_cluster_channel_command(ngx_sio_cluster_t *cl,
    ngx_sio_cluster_channel_t *channel, const char *command)
{
    u_char      *p, own[NGX_SIO_CHANNEL_MAX], all[NGX_SIO_CHANNEL_MAX];
    sio_span_t   argv[3];

    argv[0].p = (const u_char *) command;
    argv[0].n = ngx_strlen(command);
    argv[1].p = own;
    argv[1].n = ngx_sio_cluster_channel_name(cl, channel, "-response", own);
    argv[2].p = all;
    argv[2].n = argv[1].n;

    ngx_memcpy(all, own, argv[1].n);
    p = ngx_sprintf(own + argv[1].n, "%*s#", (size_t) NGX_SIO_UID_LEN,
                    cl->uid);
    argv[1].n = p - own;

    /* of both channels */

    if (ngx_sio_redis_command(&cl->asker, 3, argv, NULL) == NGX_OK) {

        if (cl->owed == 0) {
            cl->answered = ngx_current_msec;
        }

        cl->owed += 2;
    }
}


size_t
ngx_sio_cluster_channel_name(ngx_sio_cluster_t *cl,
    ngx_sio_cluster_channel_t *channel, const char *kind, u_char *p)
{
    u_char  *start;

    start = p;

    p = ngx_sprintf(p, "%V%s#", &cl->conf->prefix, kind);
    p = ngx_cpymem(p, channel->namespace, channel->len);
    *p++ = '#';

    return p - start;
}


void
ngx_sio_cluster_channel_free(ngx_sio_cluster_channel_t *channel)
{
    ngx_queue_remove(&channel->queue);
    ngx_free(channel);
}
