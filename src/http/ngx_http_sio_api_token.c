
/*
 * refresh and revoke: what they are given.  A socket that is named may be of
 * another node; other tokens are revoked here, and the other nodes are told.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_http_sio_api_errand.h"
#include "ngx_http_sio_api_operations.h"


#define NGX_HTTP_SIO_API_HOLD      86400        /* seconds, unless given */
#define NGX_HTTP_SIO_API_HOLD_MAX  315360000    /* ten years */


static ngx_int_t ngx_http_sio_api_text(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_member_t member, const char *path, sio_span_t *text);
static ngx_int_t ngx_http_sio_api_revoke_what(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_errand_t *e);
static ngx_int_t ngx_http_sio_api_revoke_tokens(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_errand_t *e, ngx_http_sio_api_member_t member);
static ngx_int_t ngx_http_sio_api_revoke_value(ngx_http_sio_api_op_t *op,
    ngx_sio_revoke_t *revoke, ngx_http_sio_api_member_t member);


ngx_int_t
ngx_http_sio_api_refresh(ngx_http_sio_api_op_t *op)
{
    ngx_int_t                   rc;
    ngx_http_sio_api_errand_t  *e;

    rc = ngx_http_sio_api_read(op);
    if (rc != NGX_OK) {
        return rc;
    }

    e = ngx_http_sio_api_errand_create(op, NGX_SIO_ERRAND_REFRESH);
    if (e == NULL) {
        return NGX_ERROR;
    }

    e->errand.namespace = op->namespace;

    rc = ngx_http_sio_api_text(op, NGX_HTTP_SIO_API_TOKEN, "token",
                               &e->errand.token);

    if (rc == NGX_OK) {
        rc = ngx_http_sio_api_text(op, NGX_HTTP_SIO_API_SOCKET, "socket",
                                   &e->errand.socket);
    }

    return rc == NGX_OK ? ngx_http_sio_api_errand(e) : rc;
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


ngx_int_t
ngx_http_sio_api_revoke(ngx_http_sio_api_op_t *op)
{
    ngx_int_t                   rc;
    sio_json_t                 *v;
    ngx_http_sio_api_errand_t  *e;

    rc = ngx_http_sio_api_body(op);
    if (rc != NGX_OK) {
        return rc;
    }

    e = ngx_http_sio_api_errand_create(op, NGX_SIO_ERRAND_REVOKE);
    if (e == NULL) {
        return NGX_ERROR;
    }

    e->errand.hold = NGX_HTTP_SIO_API_HOLD;

    v = &op->value[NGX_HTTP_SIO_API_FOR];

    if (v->kind != SIO_JSON_NONE) {
        rc = ngx_http_sio_api_number(op, v->raw, NGX_HTTP_SIO_API_HOLD_MAX,
                                     "for", &e->errand.hold);
    }

    return rc == NGX_OK ? ngx_http_sio_api_revoke_what(op, e) : rc;
}


static ngx_int_t
ngx_http_sio_api_revoke_what(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_errand_t *e)
{
    ngx_int_t   rc;
    ngx_uint_t  user, jti, socket;

    user = op->value[NGX_HTTP_SIO_API_USER].kind != SIO_JSON_NONE;
    jti = op->value[NGX_HTTP_SIO_API_JTI].kind != SIO_JSON_NONE;
    socket = op->value[NGX_HTTP_SIO_API_SOCKET].kind != SIO_JSON_NONE;

    if (user + jti + socket != 1) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "needs one of user, jti and socket", "");
    }

    if (!socket) {
        return ngx_http_sio_api_revoke_tokens(op, e,
                                              user ? NGX_HTTP_SIO_API_USER
                                                   : NGX_HTTP_SIO_API_JTI);
    }

    rc = ngx_http_sio_api_text(op, NGX_HTTP_SIO_API_SOCKET, "socket",
                               &e->errand.socket);

    return rc == NGX_OK ? ngx_http_sio_api_errand(e) : rc;
}


static ngx_int_t
ngx_http_sio_api_revoke_tokens(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_errand_t *e, ngx_http_sio_api_member_t member)
{
    ngx_int_t          rc;
    ngx_sio_revoke_t  *revoke;

    revoke = &e->errand.revoke;

    revoke->zone = op->zone;
    revoke->issued = ngx_time();
    revoke->until = ngx_time() + e->errand.hold;
    revoke->kind = member == NGX_HTTP_SIO_API_USER ? NGX_SIO_REVOKE_USER
                                                   : NGX_SIO_REVOKE_ID;

    rc = ngx_http_sio_api_revoke_value(op, revoke, member);
    if (rc != NGX_OK) {
        return rc;
    }

    e->errand.result = NGX_SIO_ERRAND_FULL;

    if (ngx_sio_revoke(revoke) == NGX_OK) {
        e->errand.result = NGX_SIO_ERRAND_DONE;
        e->cluster = ngx_sio_cluster_revoke(revoke);
    }

    return ngx_http_sio_api_errand_step(op);
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
