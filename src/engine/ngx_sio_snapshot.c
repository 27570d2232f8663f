
/*
 * Copies a socket's cells out of shared memory under the lock, and makes JSON
 * of them when it is free again.
 */

#include "ngx_sio_snapshot.h"


/* What is copied under the lock, in memory of this worker that is reused. */
typedef struct {
    size_t             claims_len;
    size_t             data_len;
    size_t             handshake_len;
    size_t             used;
    ngx_uint_t         n;
    sio_span_t         rooms[NGX_SIO_SNAPSHOT_ROOMS];
    u_char             names[NGX_SIO_SNAPSHOT_NAMES];
    u_char             claims[65536];
    u_char             data[65536];
    u_char             handshake[4096];
} ngx_sio_snapshot_copy_t;


static void ngx_sio_snapshot_rooms(ngx_sio_shared_t *sh,
    const ngx_sio_socket_t *so);
static ngx_int_t ngx_sio_snapshot_keep(ngx_pool_t *pool, const u_char *p,
    size_t n, sio_span_t *text);
static ngx_int_t ngx_sio_snapshot_names(ngx_pool_t *pool, sio_span_t *text);


static ngx_sio_snapshot_copy_t  ngx_sio_snapshot_copy;


ngx_int_t
ngx_sio_snapshot_socket(ngx_sio_zone_t *zone, ngx_sio_ref_t socket,
    ngx_uint_t closed, ngx_pool_t *pool, ngx_sio_snapshot_t *snapshot)
{
    ngx_uint_t                gone;
    ngx_sio_shared_t         *sh;
    ngx_sio_socket_t         *so;
    ngx_sio_snapshot_copy_t  *copy;

    sh = zone->shared;
    copy = &ngx_sio_snapshot_copy;

    ngx_sio_lock(zone);

    so = &sh->sockets[socket.cell];
    gone = so->serial != socket.serial
           || (so->state != NGX_SIO_LIVE
               && !(closed && so->state == NGX_SIO_CLOSED));

    if (!gone) {
        copy->claims_len = ngx_sio_string_copy(sh, so->claims, copy->claims,
                                               sizeof(copy->claims));
        copy->data_len = ngx_sio_string_copy(sh, so->data, copy->data,
                                             sizeof(copy->data));
        copy->handshake_len = ngx_sio_string_copy(sh,
                                         sh->sessions[so->session].handshake,
                                         copy->handshake,
                                         sizeof(copy->handshake));
        ngx_sio_snapshot_rooms(sh, so);
    }

    ngx_sio_unlock(zone);

    if (gone) {
        return NGX_ABORT;
    }

    if (ngx_sio_snapshot_keep(pool, copy->claims, copy->claims_len,
                              &snapshot->claims)
        != NGX_OK
        || ngx_sio_snapshot_keep(pool, copy->data, copy->data_len,
                                 &snapshot->data)
           != NGX_OK
        || ngx_sio_snapshot_keep(pool, copy->handshake, copy->handshake_len,
                                 &snapshot->handshake)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_sio_snapshot_names(pool, &snapshot->rooms);
}


ngx_int_t
ngx_sio_snapshot_session(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    ngx_pool_t *pool, ngx_sio_snapshot_t *snapshot)
{
    ngx_sio_session_t        *s;
    ngx_sio_snapshot_copy_t  *copy;

    copy = &ngx_sio_snapshot_copy;

    ngx_sio_lock(zone);

    s = ngx_sio_session_locked(zone, session);

    if (s) {
        copy->handshake_len = ngx_sio_string_copy(zone->shared, s->handshake,
                                                  copy->handshake,
                                                  sizeof(copy->handshake));
    }

    ngx_sio_unlock(zone);

    return s ? ngx_sio_snapshot_keep(pool, copy->handshake,
                                     copy->handshake_len,
                                     &snapshot->handshake)
             : NGX_ABORT;
}


/*
 * Those that are open, or ended when the socket did.  The newest comes first in
 * the cell's list.
 */

static void
ngx_sio_snapshot_rooms(ngx_sio_shared_t *sh, const ngx_sio_socket_t *so)
{
    size_t                    n;
    u_char                   *p;
    uint32_t                  m, name;
    ngx_sio_membership_t     *membership;
    ngx_sio_snapshot_copy_t  *copy;

    copy = &ngx_sio_snapshot_copy;
    copy->n = 0;
    copy->used = 0;

    for (m = so->memberships; m; m = membership->next) {
        membership = &sh->memberships[m];

        if (membership->until != NGX_SIO_FOREVER && !membership->last) {
            continue;
        }

        name = sh->rooms[membership->room].name;
        n = ngx_sio_string_size(sh, name);

        if (copy->n == NGX_SIO_SNAPSHOT_ROOMS
            || n > NGX_SIO_SNAPSHOT_NAMES - copy->used)
        {
            return;
        }

        p = copy->names + copy->used;
        copy->rooms[copy->n].p = p;
        copy->rooms[copy->n].n = ngx_sio_string_copy(sh, name, p, n);
        copy->used += n;
        copy->n++;
    }
}


static ngx_int_t
ngx_sio_snapshot_keep(ngx_pool_t *pool, const u_char *p, size_t n,
    sio_span_t *text)
{
    u_char  *copy;

    copy = ngx_pnalloc(pool, n + 1);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy, p, n);

    text->p = copy;
    text->n = n;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_snapshot_names(ngx_pool_t *pool, sio_span_t *text)
{
    u_char                   *p;
    ngx_uint_t                i;
    ngx_sio_snapshot_copy_t  *copy;

    copy = &ngx_sio_snapshot_copy;

    p = ngx_pnalloc(pool, 6 * copy->used + 3 * copy->n + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->p = p;

    for (i = copy->n; i > 0; i--) {
        *p++ = '"';
        p += sio_json_escape(p, copy->rooms[i - 1]);
        *p++ = '"';
        *p++ = ',';
    }

    text->n = p - text->p - (copy->n > 0);

    return NGX_OK;
}
