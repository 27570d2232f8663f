
/*
 * What a session's sockets have in shared memory becomes the presences of a
 * peer that handles its packets, a POST or a WebSocket after an upgrade, and
 * what a POST has changed goes back.
 */

#include "ngx_sio_dispatch.h"
#include "ngx_sio_limit.h"
#include "ngx_sio_partial.h"
#include "ngx_sio_registry.h"


typedef struct {
    ngx_sio_ref_t    socket;
    ngx_sio_meter_t  meter;
    ngx_uint_t       stamped;
    u_char           id[NGX_SIO_ID_LEN];
    uint32_t         name_len;
    u_char           name[NGX_SIO_NAMESPACE_NAME_MAX];
} ngx_sio_loaded_t;


static ngx_uint_t ngx_sio_dispatch_collect(ngx_sio_peer_t *peer,
    ngx_sio_loaded_t *loaded, ngx_uint_t max);
static ngx_int_t ngx_sio_dispatch_restore(ngx_sio_peer_t *peer,
    const ngx_sio_loaded_t *loaded);


ngx_int_t
ngx_sio_dispatch_load(ngx_sio_peer_t *peer)
{
    ngx_uint_t  i, n;

    static ngx_sio_loaded_t  loaded[NGX_SIO_SESSION_SOCKETS];

    n = ngx_sio_dispatch_collect(peer, loaded, NGX_SIO_SESSION_SOCKETS);

    for (i = 0; i < n; i++) {
        if (ngx_sio_dispatch_restore(peer, &loaded[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return peer->kept ? ngx_sio_partial_load(peer) : NGX_OK;
}


static ngx_uint_t
ngx_sio_dispatch_collect(ngx_sio_peer_t *peer, ngx_sio_loaded_t *loaded,
    ngx_uint_t max)
{
    uint32_t            cell;
    ngx_uint_t          n;
    ngx_sio_zone_t     *zone;
    ngx_sio_shared_t   *sh;
    ngx_sio_socket_t   *so;
    ngx_sio_session_t  *s;

    zone = peer->reader->zone;
    sh = zone->shared;
    n = 0;

    ngx_sio_lock(zone);

    s = ngx_sio_session_locked(zone, peer->session);

    if (s) {
        peer->attachments = s->attachments;
        peer->left = s->left;
        peer->kept = s->kept != 0;

        for (cell = s->sockets; cell && n < max; cell = so->sibling) {
            so = &sh->sockets[cell];

            /*
             * A socket that was closed since an upgrade took its session over
             * still has its DISCONNECT coming, and has to be there for it.
             */

            if (so->state != NGX_SIO_LIVE
                && (peer->kind != NGX_SIO_PEER_WEBSOCKET
                    || so->until < peer->cursor))
            {
                continue;
            }

            loaded[n].socket.cell = cell;
            loaded[n].socket.serial = so->serial;
            loaded[n].meter = so->meter;
            loaded[n].stamped = so->recovery != 0;
            ngx_memcpy(loaded[n].id, so->id, NGX_SIO_ID_LEN);
            loaded[n].name_len = ngx_sio_string_copy(sh,
                                         sh->namespaces[so->namespace].name,
                                         loaded[n].name,
                                         NGX_SIO_NAMESPACE_NAME_MAX);
            n++;
        }
    }

    ngx_sio_unlock(zone);

    return n;
}


static ngx_int_t
ngx_sio_dispatch_restore(ngx_sio_peer_t *peer, const ngx_sio_loaded_t *loaded)
{
    sio_span_t                 name;
    ngx_sio_presence_t        *presence;
    ngx_sio_namespace_conf_t  *nc;

    name.p = loaded->name;
    name.n = loaded->name_len;

    nc = ngx_sio_namespace_lookup(peer->endpoint, name);
    if (nc == NULL) {
        return NGX_OK;
    }

    presence = ngx_sio_presence_add(peer, nc, name, loaded->socket);
    if (presence == NULL) {
        return NGX_ERROR;
    }

    presence->meter = loaded->meter;
    presence->stamped = loaded->stamped;
    ngx_memcpy(presence->id, loaded->id, NGX_SIO_ID_LEN);

    return NGX_OK;
}


ngx_int_t
ngx_sio_dispatch_save(ngx_sio_peer_t *peer)
{
    ngx_sio_session_t  *s;

    ngx_sio_lock(peer->reader->zone);

    s = ngx_sio_session_locked(peer->reader->zone, peer->session);

    if (s) {
        s->attachments = peer->attachments;
        ngx_sio_limit_save_locked(peer);
    }

    ngx_sio_unlock(peer->reader->zone);

    return peer->kept || peer->partial ? ngx_sio_partial_save(peer) : NGX_OK;
}
