
/*
 * refresh and revoke of one socket of this node.  Which rooms a token gives is
 * the engine's affair, the table of what is revoked the hub's; who asks, and
 * whom else to tell, is decided by the callers.
 */

#include "ngx_http_sio_conf.h"
#include "ngx_http_sio_errand.h"
#include "ngx_sio_auth.h"
#include "ngx_sio_kick.h"
#include "ngx_sio_refresh.h"
#include "ngx_sio_renew.h"


static ngx_sio_errand_result_t ngx_http_sio_errand_refresh(
    ngx_sio_errand_t *errand);
static ngx_sio_errand_result_t ngx_http_sio_errand_revoke(
    ngx_sio_errand_t *errand);
static time_t ngx_http_sio_errand_leeway(void);
static ngx_uint_t ngx_http_sio_errand_disconnect(ngx_sio_zone_t *zone,
    ngx_sio_ref_t socket);


void
ngx_http_sio_errand(ngx_sio_errand_t *errand)
{
    errand->result = errand->kind == NGX_SIO_ERRAND_REFRESH
                     ? ngx_http_sio_errand_refresh(errand)
                     : ngx_http_sio_errand_revoke(errand);
}


/* By the rules of the namespace at the endpoint where the session began. */

static ngx_sio_errand_result_t
ngx_http_sio_errand_refresh(ngx_sio_errand_t *errand)
{
    ngx_sio_found_t             found;
    ngx_sio_refresh_t           refresh;
    const ngx_sio_endpoint_t   *endpoint;

    if (ngx_sio_socket_named(errand->zone, errand->namespace, errand->socket,
                             &found) != NGX_OK)
    {
        return NGX_SIO_ERRAND_NONE;
    }

    ngx_memzero(&refresh, sizeof(ngx_sio_refresh_t));

    refresh.zone = errand->zone;
    refresh.socket = found.socket;
    refresh.namespace = errand->namespace;
    refresh.token = errand->token;

    endpoint = ngx_sio_endpoint_find(errand->zone, found.endpoint);

    if (endpoint) {
        refresh.conf = ngx_sio_namespace_lookup(endpoint, errand->namespace);
    }

    if (refresh.conf == NULL) {
        return NGX_SIO_ERRAND_NONE;
    }

    switch (ngx_sio_refresh(&refresh)) {

    case NGX_OK:
        return NGX_SIO_ERRAND_DONE;

    case NGX_DECLINED:
        errand->message.p = refresh.refusal->data;
        errand->message.n = refresh.refusal->len;
        return NGX_SIO_ERRAND_REFUSED;

    case NGX_BUSY:
        return NGX_SIO_ERRAND_FULL;

    case NGX_ABORT:
        return NGX_SIO_ERRAND_NONE;

    default:
        return NGX_SIO_ERRAND_FAILED;
    }
}


/*
 * Its token is refused until that runs out anyway.  The socket itself goes even
 * if it gets another token right now.
 */

static ngx_sio_errand_result_t
ngx_http_sio_errand_revoke(ngx_sio_errand_t *errand)
{
    uint64_t           exp;
    sio_span_t         claims;
    ngx_sio_found_t    found;
    ngx_sio_revoke_t  *revoke;

    static u_char      buffer[NGX_SIO_CLAIMS_MAX];

    revoke = &errand->revoke;
    ngx_memzero(&claims, sizeof(sio_span_t));

    if (ngx_sio_socket_named(errand->zone, claims, errand->socket, &found)
        != NGX_OK)
    {
        return NGX_SIO_ERRAND_NONE;
    }

    claims.p = buffer;
    claims.n = ngx_sio_socket_claims(errand->zone, found.socket, buffer,
                                     sizeof(buffer));
    errand->bare = claims.n == 0;

    revoke->zone = errand->zone;
    revoke->kind = NGX_SIO_REVOKE_TOKEN;
    revoke->issued = ngx_time();
    revoke->until = ngx_time() + errand->hold;

    if (!errand->bare) {
        exp = ngx_sio_claims_time(claims, "exp");

        if (exp) {
            revoke->until = exp + 1 + ngx_http_sio_errand_leeway();
        }

        ngx_sio_revoke_key(NGX_SIO_REVOKE_TOKEN, claims, revoke->key);

        if (ngx_sio_revoke(revoke) != NGX_OK) {
            return NGX_SIO_ERRAND_FULL;
        }
    }

    revoke->matched = ngx_http_sio_errand_disconnect(errand->zone,
                                                     found.socket);

    return NGX_SIO_ERRAND_DONE;
}


/* The most that any namespace grants. */

static time_t
ngx_http_sio_errand_leeway(void)
{
    time_t                      leeway;
    ngx_uint_t                  i, n;
    ngx_sio_endpoint_t        **endpoint;
    ngx_http_sio_main_conf_t   *smcf;
    ngx_sio_namespace_conf_t  **nc;

    smcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_socketio_module);
    endpoint = smcf->endpoints.elts;
    leeway = 0;

    for (i = 0; i < smcf->endpoints.nelts; i++) {
        nc = endpoint[i]->namespaces->elts;

        for (n = 0; n < endpoint[i]->namespaces->nelts; n++) {
            leeway = ngx_max(leeway, nc[n]->auth.leeway);
        }
    }

    return leeway;
}


static ngx_uint_t
ngx_http_sio_errand_disconnect(ngx_sio_zone_t *zone, ngx_sio_ref_t socket)
{
    ngx_uint_t      matched;
    ngx_sio_mask_t  wake;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(zone);

    matched = ngx_sio_socket_locked(zone, socket) != NULL;

    if (matched) {
        ngx_sio_socket_disconnect_locked(zone, socket.cell, &wake);
    }

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);

    return matched;
}
