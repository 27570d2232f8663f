
/*
 * What a new token changes of a socket.  Called by the engine, for clients and
 * for the server API; whether the token is good, and which rooms it is good
 * for, is decided there.
 */

#include "ngx_sio_registry.h"
#include "ngx_sio_renew.h"
#include "ngx_sio_test.h"


static size_t ngx_sio_ruled_size(ngx_sio_shared_t *sh, ngx_sio_socket_t *so,
    ngx_sio_ruled_t *ruled);
static void ngx_sio_ruled_copy(ngx_sio_shared_t *sh, ngx_sio_socket_t *so,
    ngx_sio_ruled_t *ruled, u_char *p);
static ngx_int_t ngx_sio_renew_locked(ngx_sio_zone_t *zone,
    ngx_sio_renew_t *renew, ngx_sio_mask_t *wake);
static void ngx_sio_renew_string(ngx_sio_shared_t *sh, uint32_t *block,
    uint32_t text);
static ngx_int_t ngx_sio_renew_rooms(ngx_sio_zone_t *zone,
    ngx_sio_renew_t *renew, ngx_sio_mask_t *wake);


ngx_int_t
ngx_sio_socket_named(ngx_sio_zone_t *zone, sio_span_t namespace,
    sio_span_t id, ngx_sio_found_t *found)
{
    uint32_t           cell, nsp;
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;

    sh = zone->shared;

    ngx_sio_lock(zone);

    nsp = namespace.n ? ngx_sio_namespace_find(sh, namespace) : 0;
    cell = namespace.n == 0 || nsp ? ngx_sio_socket_find(sh, nsp, id) : 0;

    if (cell) {
        so = &sh->sockets[cell];
        found->socket.cell = cell;
        found->socket.serial = so->serial;
        found->endpoint = sh->sessions[so->session].endpoint;
        found->expires = so->expires;
    }

    ngx_sio_unlock(zone);

    return cell ? NGX_OK : NGX_DECLINED;
}


/* Memory is not taken under the lock: it is asked how much, then copied. */

ngx_int_t
ngx_sio_socket_ruled(ngx_sio_zone_t *zone, ngx_pool_t *pool,
    ngx_sio_ref_t socket, ngx_sio_ruled_t *ruled)
{
    size_t             size, need;
    u_char            *p;
    ngx_sio_socket_t  *so;

    p = NULL;
    size = 0;

    for ( ;; ) {
        ngx_sio_lock(zone);

        so = ngx_sio_socket_locked(zone, socket);
        need = so ? ngx_sio_ruled_size(zone->shared, so, ruled) : 0;

        if (need && need <= size) {
            ngx_sio_ruled_copy(zone->shared, so, ruled, p);
        }

        ngx_sio_unlock(zone);

        if (need == 0) {
            return NGX_ABORT;
        }

        if (need <= size) {
            return NGX_OK;
        }

        size = need * 2;

        p = ngx_palloc(pool, size);
        if (p == NULL) {
            return NGX_ERROR;
        }
    }
}


static size_t
ngx_sio_ruled_size(ngx_sio_shared_t *sh, ngx_sio_socket_t *so,
    ngx_sio_ruled_t *ruled)
{
    size_t                 n;
    uint32_t               m;
    ngx_sio_membership_t  *membership;

    ruled->nrooms = 0;
    n = 1 + ngx_sio_string_size(sh, so->claims)
        + ngx_sio_string_size(sh, so->data);

    for (m = so->memberships; m; m = membership->next) {
        membership = &sh->memberships[m];

        if (membership->ruled && membership->until == NGX_SIO_FOREVER) {
            n += sizeof(sio_span_t);
            n += ngx_sio_string_size(sh, sh->rooms[membership->room].name);
            ruled->nrooms++;
        }
    }

    return n;
}


static void
ngx_sio_ruled_copy(ngx_sio_shared_t *sh, ngx_sio_socket_t *so,
    ngx_sio_ruled_t *ruled, u_char *p)
{
    size_t                 n;
    uint32_t               m, name;
    sio_span_t            *room;
    ngx_sio_membership_t  *membership;

    ngx_memcpy(ruled->id, so->id, NGX_SIO_ID_LEN);
    ruled->revision = so->revision;
    ruled->rooms = (sio_span_t *) p;

    room = ruled->rooms;
    p += ruled->nrooms * sizeof(sio_span_t);

    n = ngx_sio_string_size(sh, so->claims);
    ruled->claims.p = p;
    ruled->claims.n = ngx_sio_string_copy(sh, so->claims, p, n);
    p += n;

    n = ngx_sio_string_size(sh, so->data);
    ruled->data.p = p;
    ruled->data.n = ngx_sio_string_copy(sh, so->data, p, n);
    p += n;

    for (m = so->memberships; m; m = membership->next) {
        membership = &sh->memberships[m];

        if (membership->ruled && membership->until == NGX_SIO_FOREVER) {
            name = sh->rooms[membership->room].name;
            n = ngx_sio_string_size(sh, name);
            room->p = p;
            room->n = ngx_sio_string_copy(sh, name, p, n);
            room++;
            p += n;
        }
    }
}


ngx_int_t
ngx_sio_socket_renew(ngx_sio_zone_t *zone, ngx_sio_renew_t *renew)
{
    ngx_int_t       rc;
    ngx_sio_mask_t  wake;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(zone);
    rc = ngx_sio_renew_locked(zone, renew, &wake);
    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);

    return rc;
}


/* The claims come last: with them the rooms are as they allow. */

static ngx_int_t
ngx_sio_renew_locked(ngx_sio_zone_t *zone, ngx_sio_renew_t *renew,
    ngx_sio_mask_t *wake)
{
    uint32_t           claims, data;
    ngx_int_t          rc;
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;

    sh = zone->shared;

    so = ngx_sio_socket_locked(zone, renew->socket);
    if (so == NULL) {
        return NGX_ABORT;
    }

    if (so->revision != renew->revision) {
        return NGX_AGAIN;
    }

    if (ngx_sio_revoked_locked(sh, renew->marks)) {
        renew->revoked = 1;
        return NGX_DECLINED;
    }

    if (ngx_sio_string_store(sh, renew->claims, &claims) != NGX_OK) {
        return NGX_DECLINED;
    }

    rc = ngx_sio_string_store(sh, renew->data, &data);
    ngx_sio_test_point();

    if (rc == NGX_OK) {
        rc = ngx_sio_renew_rooms(zone, renew, wake);
    }

    /* a client that does not poll may have been too slow for that */

    if (rc == NGX_OK && ngx_sio_socket_locked(zone, renew->socket) == NULL) {
        rc = NGX_ABORT;
    }

    if (rc != NGX_OK) {
        ngx_sio_string_free(sh, claims);
        ngx_sio_string_free(sh, data);
        return rc;
    }

    ngx_sio_renew_string(sh, &so->data, data);
    ngx_sio_renew_string(sh, &so->claims, claims);
    so->expires = renew->expires;
    so->revision++;

    ngx_sio_stat(zone, tokens_refreshed, 1);

    return NGX_OK;
}


static void
ngx_sio_renew_string(ngx_sio_shared_t *sh, uint32_t *block, uint32_t text)
{
    uint32_t  old;

    old = *block;
    *block = text;
    ngx_sio_test_point();
    ngx_sio_string_free(sh, old);
}


static ngx_int_t
ngx_sio_renew_rooms(ngx_sio_zone_t *zone, ngx_sio_renew_t *renew,
    ngx_sio_mask_t *wake)
{
    ngx_int_t         rc;
    ngx_sio_change_t  change;

    ngx_memzero(&change, sizeof(ngx_sio_change_t));

    change.zone = zone;
    change.socket = renew->socket;
    change.revision = renew->revision;
    change.cells = renew->cells;
    change.ruled = 1;
    change.tell = 1;

    change.rooms = renew->join;
    change.n = renew->njoin;

    rc = ngx_sio_rooms_join_locked(&change, wake);
    if (rc != NGX_OK) {
        return rc;
    }

    change.rooms = renew->leave;
    change.n = renew->nleave;

    return ngx_sio_rooms_leave_locked(&change, wake);
}


ngx_int_t
ngx_sio_socket_data(ngx_sio_zone_t *zone, ngx_sio_ref_t socket,
    sio_span_t data)
{
    uint32_t           block, old;
    ngx_int_t          rc;
    ngx_sio_socket_t  *so;

    ngx_sio_lock(zone);

    rc = NGX_ABORT;
    so = ngx_sio_socket_locked(zone, socket);

    if (so) {
        rc = ngx_sio_string_store(zone->shared, data, &block);
    }

    if (rc == NGX_OK) {
        old = so->data;
        ngx_sio_test_point();
        so->data = block;
        so->revision++;
        ngx_sio_test_point();
        ngx_sio_string_free(zone->shared, old);
    }

    ngx_sio_unlock(zone);

    return rc;
}
