
/*
 * refresh and revoke: tokens of connected sockets, and tokens that are not to
 * be good any more.  Which rooms a token gives is the engine's affair, the
 * table of what is revoked the hub's.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_http_sio_api_operations.h"
#include "ngx_sio_auth.h"
#include "ngx_sio_cluster_private.h"
#include "ngx_sio_kick.h"
#include "ngx_sio_refresh.h"
#include "ngx_sio_renew.h"


#define NGX_HTTP_SIO_API_HOLD      86400        /* seconds, unless given */
#define NGX_HTTP_SIO_API_HOLD_MAX  315360000    /* ten years */


typedef struct {
    ngx_sio_revoke_t    tokens;
    ngx_sio_ref_t       socket;         /* that was named, else zero */
    ngx_uint_t          bare;           /* it has no token */
    ngx_uint_t          cluster;        /* NGX_SIO_CLUSTER_... */
} ngx_http_sio_api_revoke_t;


static ngx_int_t ngx_http_sio_api_text(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_member_t member, const char *path, sio_span_t *text);
static ngx_int_t ngx_http_sio_api_socket(ngx_http_sio_api_op_t *op,
    sio_span_t namespace, ngx_sio_found_t *found);
static const ngx_sio_namespace_conf_t *ngx_http_sio_api_rules(
    ngx_http_sio_api_op_t *op, uint32_t endpoint);
static ngx_int_t ngx_http_sio_api_refreshed(ngx_http_sio_api_op_t *op,
    ngx_int_t rc, const ngx_str_t *refusal);
static ngx_int_t ngx_http_sio_api_revoke_time(ngx_http_sio_api_op_t *op,
    ngx_sio_revoke_t *revoke);
static ngx_int_t ngx_http_sio_api_revoke_what(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_revoke_t *r);
static ngx_int_t ngx_http_sio_api_revoke_value(ngx_http_sio_api_op_t *op,
    ngx_sio_revoke_t *revoke, ngx_http_sio_api_member_t member);
static ngx_int_t ngx_http_sio_api_revoke_socket(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_revoke_t *r);
static time_t ngx_http_sio_api_leeway(ngx_http_sio_api_op_t *op);
static void ngx_http_sio_api_revoke_now(ngx_http_sio_api_revoke_t *r);


ngx_int_t
ngx_http_sio_api_refresh(ngx_http_sio_api_op_t *op)
{
    u_char             *p;
    ngx_int_t           rc;
    ngx_sio_found_t     found;
    ngx_sio_refresh_t   refresh;

    rc = ngx_http_sio_api_read(op);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&refresh, sizeof(ngx_sio_refresh_t));

    rc = ngx_http_sio_api_text(op, NGX_HTTP_SIO_API_TOKEN, "token",
                               &refresh.token);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_sio_api_socket(op, op->namespace, &found);
    if (rc != NGX_OK) {
        return rc;
    }

    refresh.zone = op->zone;
    refresh.socket = found.socket;
    refresh.conf = ngx_http_sio_api_rules(op, found.endpoint);
    refresh.namespace = op->namespace;

    rc = refresh.conf ? ngx_sio_refresh(&refresh) : NGX_ABORT;

    if (rc != NGX_OK) {
        return ngx_http_sio_api_refreshed(op, rc, refresh.refusal);
    }

    p = ngx_http_sio_api_reserve(op->out, 64);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_sio_api_commit(op->out, ngx_cpymem(p, "{\"ok\":true}",
                                            sizeof("{\"ok\":true}") - 1));

    return NGX_OK;
}


/* The string of a member that is required. */

static ngx_int_t
ngx_http_sio_api_text(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_member_t member, const char *path, sio_span_t *text)
{
    sio_json_t  *v;

    v = &op->value[member];

    if (v->kind != SIO_JSON_STRING) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     v->kind == SIO_JSON_NONE
                                     ? "is required" : "must be a string",
                                     path);
    }

    return ngx_http_sio_api_string(op, v, text);
}


static ngx_int_t
ngx_http_sio_api_socket(ngx_http_sio_api_op_t *op, sio_span_t namespace,
    ngx_sio_found_t *found)
{
    ngx_int_t   rc;
    sio_span_t  id;

    rc = ngx_http_sio_api_text(op, NGX_HTTP_SIO_API_SOCKET, "socket", &id);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_sio_socket_named(op->zone, namespace, id, found) != NGX_OK) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_UNKNOWN_SOCKET,
                                     "unknown socket", "socket");
    }

    return NGX_OK;
}


/* The rules of the namespace at the endpoint where the session began. */

static const ngx_sio_namespace_conf_t *
ngx_http_sio_api_rules(ngx_http_sio_api_op_t *op, uint32_t id)
{
    const ngx_sio_endpoint_t  *endpoint;

    endpoint = ngx_sio_endpoint_find(op->zone, id);

    return endpoint ? ngx_sio_namespace_lookup(endpoint, op->namespace) : NULL;
}


static ngx_int_t
ngx_http_sio_api_refreshed(ngx_http_sio_api_op_t *op, ngx_int_t rc,
    const ngx_str_t *refusal)
{
    u_char  *message;

    switch (rc) {

    case NGX_DECLINED:
        message = ngx_pnalloc(op->pool, refusal->len + 1);
        if (message == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_sprintf(message, "%V%Z", refusal);

        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_INVALID_TOKEN,
                                     (char *) message, "token");

    case NGX_BUSY:
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_FULL,
                                     "shared memory is full: the socket has "
                                     "kept its token", "");

    case NGX_ABORT:
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_UNKNOWN_SOCKET,
                                     "unknown socket", "socket");

    default:
        return NGX_ERROR;
    }
}


ngx_int_t
ngx_http_sio_api_revoke(ngx_http_sio_api_op_t *op)
{
    ngx_int_t                   rc;
    ngx_http_sio_api_revoke_t  *r;

    rc = ngx_http_sio_api_body(op);
    if (rc != NGX_OK) {
        return rc;
    }

    r = ngx_pcalloc(op->pool, sizeof(ngx_http_sio_api_revoke_t));
    if (r == NULL) {
        return NGX_ERROR;
    }

    op->state = r;
    r->tokens.zone = op->zone;

    rc = ngx_http_sio_api_revoke_time(op, &r->tokens);

    if (rc == NGX_OK) {
        rc = ngx_http_sio_api_revoke_what(op, r);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (!r->bare && ngx_sio_revoke(&r->tokens) != NGX_OK) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_FULL,
                                     "the table of revoked tokens is full: "
                                     "nothing has been revoked", "");
    }

    if (!r->bare) {
        r->cluster = ngx_sio_cluster_revoke(&r->tokens);
    }

    ngx_http_sio_api_revoke_now(r);

    return ngx_http_sio_api_revoke_step(op);
}


static ngx_int_t
ngx_http_sio_api_revoke_time(ngx_http_sio_api_op_t *op,
    ngx_sio_revoke_t *revoke)
{
    ngx_int_t    rc;
    ngx_uint_t   n;
    sio_json_t  *v;

    n = NGX_HTTP_SIO_API_HOLD;
    v = &op->value[NGX_HTTP_SIO_API_FOR];

    if (v->kind != SIO_JSON_NONE) {
        rc = ngx_http_sio_api_number(op, v->raw, NGX_HTTP_SIO_API_HOLD_MAX,
                                     "for", &n);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    revoke->issued = ngx_time();
    revoke->until = ngx_time() + n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_api_revoke_what(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_revoke_t *r)
{
    ngx_uint_t  user, jti, socket;

    user = op->value[NGX_HTTP_SIO_API_USER].kind != SIO_JSON_NONE;
    jti = op->value[NGX_HTTP_SIO_API_JTI].kind != SIO_JSON_NONE;
    socket = op->value[NGX_HTTP_SIO_API_SOCKET].kind != SIO_JSON_NONE;

    if (user + jti + socket != 1) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "needs one of user, jti and socket", "");
    }

    if (socket) {
        return ngx_http_sio_api_revoke_socket(op, r);
    }

    r->tokens.kind = user ? NGX_SIO_REVOKE_USER : NGX_SIO_REVOKE_ID;

    return ngx_http_sio_api_revoke_value(op, &r->tokens,
                                         user ? NGX_HTTP_SIO_API_USER
                                              : NGX_HTTP_SIO_API_JTI);
}


static ngx_int_t
ngx_http_sio_api_revoke_value(ngx_http_sio_api_op_t *op,
    ngx_sio_revoke_t *revoke, ngx_http_sio_api_member_t member)
{
    sio_json_t  *v;
    sio_span_t   text;

    v = &op->value[member];
    text = v->raw;

    if (v->kind == SIO_JSON_STRING
        && ngx_http_sio_api_string(op, v, &text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if ((v->kind != SIO_JSON_STRING && v->kind != SIO_JSON_NUMBER)
        || text.n == 0)
    {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must be a string or a number, not empty",
                                     member == NGX_HTTP_SIO_API_USER
                                     ? "user" : "jti");
    }

    ngx_sio_revoke_key(revoke->kind, text, revoke->key);

    return NGX_OK;
}


/* Its token is refused until that runs out anyway. */

static ngx_int_t
ngx_http_sio_api_revoke_socket(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_revoke_t *r)
{
    uint64_t          exp;
    ngx_int_t         rc;
    sio_span_t        claims;
    ngx_sio_found_t   found;

    static u_char     buffer[NGX_SIO_CLAIMS_MAX];

    ngx_memzero(&claims, sizeof(sio_span_t));

    rc = ngx_http_sio_api_socket(op, claims, &found);
    if (rc != NGX_OK) {
        return rc;
    }

    r->socket = found.socket;

    claims.p = buffer;
    claims.n = ngx_sio_socket_claims(op->zone, found.socket, buffer,
                                     sizeof(buffer));
    r->bare = claims.n == 0;

    exp = ngx_sio_claims_time(claims, "exp");

    if (exp) {
        r->tokens.until = exp + 1 + ngx_http_sio_api_leeway(op);
    }

    r->tokens.kind = NGX_SIO_REVOKE_TOKEN;
    ngx_sio_revoke_key(NGX_SIO_REVOKE_TOKEN, claims, r->tokens.key);

    return NGX_OK;
}


/* The most that any namespace of the zone grants. */

static time_t
ngx_http_sio_api_leeway(ngx_http_sio_api_op_t *op)
{
    time_t                      leeway;
    ngx_uint_t                  i, n;
    ngx_sio_endpoint_t        **endpoint;
    ngx_http_sio_main_conf_t   *smcf;
    ngx_sio_namespace_conf_t  **nc;

    smcf = ngx_http_get_module_main_conf(op->request, ngx_socketio_module);
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


/* A socket that is named goes, even if it gets another token right now. */

static void
ngx_http_sio_api_revoke_now(ngx_http_sio_api_revoke_t *r)
{
    ngx_sio_mask_t   wake;
    ngx_sio_zone_t  *zone;

    if (r->socket.cell == 0) {
        return;
    }

    zone = r->tokens.zone;
    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(zone);

    if (ngx_sio_socket_locked(zone, r->socket)) {
        ngx_sio_socket_disconnect_locked(zone, r->socket.cell, &wake);
        r->tokens.matched++;
    }

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);
}


ngx_int_t
ngx_http_sio_api_revoke_step(ngx_http_sio_api_op_t *op)
{
    u_char                     *p;
    ngx_http_sio_api_revoke_t  *r;

    r = op->state;

    if (!r->bare && ngx_sio_revoke_step(&r->tokens) == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    p = ngx_http_sio_api_reserve(op->out, 96);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(p, "{\"ok\":true,\"matched\":%ui%s}", r->tokens.matched,
                    ngx_http_sio_api_cluster(r->cluster));
    ngx_http_sio_api_commit(op->out, p);

    return NGX_OK;
}
