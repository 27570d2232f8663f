
/*
 * What nginx nodes tell each other: what is revoked, as digests and times; and
 * errands, which are done elsewhere.
 */

#include "ngx_sio_cluster_job.h"
#include "ngx_sio_cluster_private.h"
#include "ngx_sio_seldom.h"


static ngx_int_t ngx_sio_cluster_revoke_read(ngx_sio_cluster_t *cl,
    const sio_json_t *v, ngx_sio_revoke_t *revoke);
static ngx_int_t ngx_sio_cluster_revoke_digest(const sio_json_t *v,
    u_char *key);


ngx_uint_t
ngx_sio_cluster_revoke(const ngx_sio_revoke_t *revoke)
{
    u_char              *p, text[256];
    sio_span_t           none, message;
    ngx_sio_cluster_t   *cl;

    if (revoke->zone->bus == NULL) {
        return NGX_SIO_CLUSTER_NONE;
    }

    cl = revoke->zone->cluster;

    if (cl == NULL) {
        return NGX_SIO_CLUSTER_DOWN;
    }

    ngx_memzero(&none, sizeof(sio_span_t));

    p = ngx_sprintf(text, "{\"uid\":\"%*s\",\"revoke\":%ui,\"key\":\"",
                    (size_t) NGX_SIO_UID_LEN, cl->uid, revoke->kind);
    p = ngx_hex_dump(p, (u_char *) revoke->key, NGX_SIO_REVOKE_KEY);
    p = ngx_sprintf(p, "\",\"issued\":%uL,\"until\":%uL}", revoke->issued,
                    revoke->until);

    message.p = text;
    message.n = p - text;

    return ngx_sio_cluster_send(cl, "-nginx", none, none, message) == NGX_OK
           ? NGX_SIO_CLUSTER_SENT : NGX_SIO_CLUSTER_DOWN;
}


void
ngx_sio_cluster_private(ngx_sio_cluster_t *cl, sio_span_t payload)
{
    ngx_uint_t        ours;
    sio_json_t        v, m;
    sio_span_t        own, none;
    ngx_sio_revoke_t  revoke;

    if (sio_json_parse(payload, 1, &v, NULL) != SIO_OK) {
        ngx_sio_cluster_refuse(cl, "no JSON");
        return;
    }

    own.p = cl->uid;
    own.n = NGX_SIO_UID_LEN;
    m = sio_json_get(&v, "uid");

    /* one of two that hear is to do it, and the other is counted as well */

    ours = sio_json_is(&m, own) || cl->hand;
    m = sio_json_get(&v, "ask");

    if (m.kind != SIO_JSON_NONE) {
        ngx_sio_cluster_errand_asked(cl, &v, ours);
        return;
    }

    if (ours) {
        return;
    }

    if (ngx_sio_cluster_revoke_read(cl, &v, &revoke) != NGX_OK) {
        ngx_sio_cluster_refuse(cl, "nothing that can be revoked");
        return;
    }

    if (ngx_sio_revoke(&revoke) != NGX_OK) {
        ngx_sio_log_seldom(NGX_LOG_ERR, ngx_cycle->log,
                           "socketio cannot revoke what another node has "
                           "revoked: the table is full, enlarge the zone");
        return;
    }

    ngx_sio_stat(cl->zone, cluster_received, 1);

    ngx_memzero(&none, sizeof(sio_span_t));
    ngx_sio_cluster_revoke_walk(&revoke, none);
}


/* Without memory nobody is disconnected, but the tokens are refused. */

void
ngx_sio_cluster_revoke_walk(const ngx_sio_revoke_t *revoke, sio_span_t id)
{
    u_char                 *p;
    ngx_sio_cluster_job_t  *job;

    job = ngx_sio_cluster_job_create(revoke->zone->cluster,
                                     NGX_SIO_CLUSTER_REVOKE);
    if (job == NULL) {
        return;
    }

    job->revoke = *revoke;

    if (id.n) {
        p = ngx_pnalloc(job->pool, id.n);

        if (p) {
            ngx_memcpy(p, id.p, id.n);
            job->id.p = p;
            job->id.n = id.n;
        }
    }

    ngx_sio_cluster_work(job);
}


void
ngx_sio_cluster_revoke_done(ngx_sio_cluster_job_t *job)
{
    ngx_sio_errand_t  errand;

    if (job->id.n) {
        ngx_memzero(&errand, sizeof(ngx_sio_errand_t));
        errand.result = NGX_SIO_ERRAND_DONE;
        errand.revoke = job->revoke;

        ngx_sio_cluster_errand_answer(job->cl, job->id, &errand);
    }
}


static ngx_int_t
ngx_sio_cluster_revoke_read(ngx_sio_cluster_t *cl, const sio_json_t *v,
    ngx_sio_revoke_t *revoke)
{
    uint64_t    kind;
    sio_json_t  what, key, issued, until;

    ngx_memzero(revoke, sizeof(ngx_sio_revoke_t));

    what = sio_json_get(v, "revoke");
    key = sio_json_get(v, "key");
    issued = sio_json_get(v, "issued");
    until = sio_json_get(v, "until");

    if (sio_json_uint(&what, NGX_SIO_REVOKE_KINDS - 1, &kind) != SIO_OK
        || sio_json_uint(&issued, NGX_MAX_UINT32_VALUE, &revoke->issued)
           != SIO_OK
        || sio_json_uint(&until, INT64_MAX, &revoke->until) != SIO_OK)
    {
        return NGX_ERROR;
    }

    revoke->zone = cl->zone;
    revoke->kind = kind;

    return ngx_sio_cluster_revoke_digest(&key, revoke->key);
}


static ngx_int_t
ngx_sio_cluster_revoke_digest(const sio_json_t *v, u_char *key)
{
    size_t      n;
    u_char      text[2 * NGX_SIO_REVOKE_KEY];
    ngx_int_t   byte;
    ngx_uint_t  i;

    if (sio_json_string(v, text, sizeof(text), &n) != SIO_OK
        || n != sizeof(text))
    {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_SIO_REVOKE_KEY; i++) {
        byte = ngx_hextoi(text + 2 * i, 2);

        if (byte == NGX_ERROR) {
            return NGX_ERROR;
        }

        key[i] = byte;
    }

    return NGX_OK;
}
