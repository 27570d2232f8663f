
/*
 * Notices another nginx with the same node=.  Each node that has a name says
 * with its heartbeat who it is, on the channel of that name, and nobody else
 * listens there.  The leader hears it; what it finds out is in shared memory.
 */

#include "ngx_sio_cluster_private.h"


#define NGX_SIO_TWIN_SURE   1500    /* ms: one that leaves is heard but once */
#define NGX_SIO_TWIN_GONE   (3 * NGX_SIO_CLUSTER_BEAT)
#define NGX_SIO_TWIN_QUIET  60      /* s between two lines of the log */
#define NGX_SIO_TWIN_HOST   64      /* bytes of a host's name */


static ngx_uint_t ngx_sio_cluster_twin_is_plain(sio_span_t text);
static void ngx_sio_cluster_twin_warn(ngx_sio_cluster_t *cl,
    sio_span_t payload);


/* The uid and the name of the host, which helps to find it. */

void
ngx_sio_cluster_twin_tell(ngx_sio_cluster_t *cl)
{
    u_char      *p, text[NGX_SIO_UID_LEN + 1 + NGX_SIO_TWIN_HOST];
    sio_span_t   name, none, message;

    if (cl->conf->node.len == 0) {
        return;
    }

    ngx_memzero(&none, sizeof(sio_span_t));
    name.p = cl->conf->node.data;
    name.n = cl->conf->node.len;

    p = ngx_snprintf(text, sizeof(text), "%*s %V", (size_t) NGX_SIO_UID_LEN,
                     cl->uid, &ngx_cycle->hostname);
    message.p = text;
    message.n = p - text;

    (void) ngx_sio_cluster_send(cl, "-node", name, none, message);
}


/*
 * One who hears the last word of a node before it, such as nginx with a new
 * zone after a reload, has no twin: that goes on.
 */

void
ngx_sio_cluster_twin_heard(ngx_sio_cluster_t *cl, sio_span_t payload)
{
    if (payload.n > NGX_SIO_UID_LEN
        && ngx_memcmp(payload.p, cl->uid, NGX_SIO_UID_LEN) == 0)
    {
        return;
    }

    if (!ngx_sio_cluster_twin_is_plain(payload)) {
        ngx_sio_cluster_refuse(cl, "no node says this of its name");
        return;
    }

    if (ngx_current_msec - cl->twin > NGX_SIO_TWIN_GONE) {
        cl->twin_since = ngx_current_msec;
    }

    cl->twin = ngx_current_msec;

    if (ngx_current_msec - cl->twin_since >= NGX_SIO_TWIN_SURE) {
        cl->zone->shared->twin = ngx_time();
        ngx_sio_cluster_twin_warn(cl, payload);
    }
}


static ngx_uint_t
ngx_sio_cluster_twin_is_plain(sio_span_t text)
{
    size_t  i;
    u_char  c;

    for (i = 0; i < text.n; i++) {
        c = text.p[i];

        if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
              || c == '-' || c == '.' || c == '_'
              || (c == ' ' && i == NGX_SIO_UID_LEN)))
        {
            return 0;
        }
    }

    return text.n > NGX_SIO_UID_LEN
           && text.n <= NGX_SIO_UID_LEN + 1 + NGX_SIO_TWIN_HOST
           && text.p[NGX_SIO_UID_LEN] == ' ';
}


static void
ngx_sio_cluster_twin_warn(ngx_sio_cluster_t *cl, sio_span_t payload)
{
    size_t             host;
    ngx_sio_shared_t  *sh;

    sh = cl->zone->shared;

    if (sh->twin_warned && ngx_time() - (time_t) sh->twin_warned
                           < NGX_SIO_TWIN_QUIET)
    {
        return;
    }

    sh->twin_warned = ngx_time();
    host = NGX_SIO_UID_LEN + 1;

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "socketio: two nginx have node=%V, this one (%*s) and %*s "
                  "on host \"%*s\": requests of clients that poll come to the "
                  "wrong one, give each a node= of its own",
                  &cl->conf->node, (size_t) NGX_SIO_UID_LEN, cl->uid,
                  (size_t) NGX_SIO_UID_LEN, payload.p, payload.n - host,
                  payload.p + host);
}


u_char *
ngx_sio_cluster_twin_status(ngx_sio_cluster_t *cl, u_char *p)
{
    ngx_uint_t         taken;
    ngx_sio_shared_t  *sh;

    if (cl->conf->node.len == 0) {
        return p;
    }

    sh = cl->zone->shared;
    taken = sh->twin
            && ngx_time() - (time_t) sh->twin < NGX_SIO_TWIN_GONE / 1000;

    return ngx_sprintf(p, ",\"name\":\"%V\",\"nameTaken\":%s",
                       &cl->conf->node, taken ? "true" : "false");
}
