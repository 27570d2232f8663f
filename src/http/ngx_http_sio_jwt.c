
/*
 * Tokens of handshake requests: found and hidden before the access phase,
 * judged in it, so that satisfy, allow and other access modules combine with
 * them.
 */

#include "ngx_http_sio_answer.h"
#include "ngx_http_sio_endpoint.h"
#include "ngx_sio_auth.h"
#include "ngx_sio_seldom.h"


typedef struct {
    ngx_str_t    token;                 /* empty if there is none */
    ngx_str_t    claims;                /* JSON, once it has been judged */
} ngx_http_sio_jwt_ctx_t;


static ngx_int_t ngx_http_sio_jwt_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_sio_jwt_find(ngx_http_request_t *r);
static ngx_uint_t ngx_http_sio_jwt_handshake(ngx_http_request_t *r);
static ngx_int_t ngx_http_sio_jwt_source(ngx_http_request_t *r,
    ngx_http_sio_token_source_t *source, ngx_str_t *token);
static void ngx_http_sio_jwt_cookie(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *token);
static ngx_int_t ngx_http_sio_jwt_query(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *token);
static void ngx_http_sio_jwt_hide(ngx_str_t *text, ngx_str_t *name);
static ngx_int_t ngx_http_sio_jwt_access(ngx_http_request_t *r);
static ngx_int_t ngx_http_sio_jwt_judge(ngx_http_request_t *r,
    ngx_http_sio_jwt_ctx_t *ctx, const ngx_sio_auth_conf_t *auth);
static ngx_int_t ngx_http_sio_jwt_refuse(ngx_http_request_t *r);


extern ngx_module_t  ngx_socketio_jwt_module;


static ngx_http_module_t  ngx_http_sio_jwt_module_ctx = {
    ngx_http_sio_variables,                /* preconfiguration */
    ngx_http_sio_jwt_init,                 /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_socketio_jwt_module = {
    NGX_MODULE_V1,
    &ngx_http_sio_jwt_module_ctx,          /* module context */
    NULL,                                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_sio_jwt_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_sio_jwt_find;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_sio_jwt_access;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_jwt_find(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_uint_t                    i, n;
    ngx_http_sio_jwt_ctx_t       *ctx;
    ngx_http_sio_loc_conf_t      *slcf;
    ngx_http_sio_token_source_t  *source;

    static ngx_http_sio_token_source_t  header = {
        NGX_HTTP_SIO_TOKEN_HEADER, ngx_string("authorization")
    };

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);

    if (r != r->main || slcf->endpoint.zone == NULL || !slcf->endpoint.auth
        || ngx_http_get_module_ctx(r, ngx_socketio_jwt_module))
    {
        return NGX_DECLINED;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_sio_jwt_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_http_set_ctx(r, ctx, ngx_socketio_jwt_module);

    source = slcf->token_sources ? slcf->token_sources->elts : &header;
    n = slcf->token_sources ? slcf->token_sources->nelts : 1;

    /* all are looked at, because a token in the query must be hidden */

    for (i = 0; i < n; i++) {
        rc = ngx_http_sio_jwt_source(r, &source[i], &ctx->token);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_DECLINED;
}


ngx_str_t *
ngx_http_sio_jwt_token(ngx_http_request_t *r)
{
    ngx_http_sio_jwt_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_socketio_jwt_module);

    return ctx && ctx->token.len && ctx->token.len <= NGX_SIO_TOKEN_MAX + 7
           ? &ctx->token : NULL;
}


ngx_str_t *
ngx_http_sio_jwt_claims(ngx_http_request_t *r)
{
    ngx_http_sio_jwt_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_socketio_jwt_module);

    return ctx && ctx->claims.len ? &ctx->claims : NULL;
}


/* The first source that has a token gives it. */

static ngx_int_t
ngx_http_sio_jwt_source(ngx_http_request_t *r,
    ngx_http_sio_token_source_t *source, ngx_str_t *token)
{
    ngx_int_t   rc;
    ngx_str_t  *value, found;

    ngx_str_null(&found);

    switch (source->kind) {

    case NGX_HTTP_SIO_TOKEN_HEADER:
        value = ngx_http_sio_request_header(r, (char *) source->name.data);

        /* "Basic ..." is none of ours, a token has no blanks */

        if (value
            && (ngx_strncasecmp(value->data, (u_char *) "Bearer ", 7) == 0
                || ngx_strlchr(value->data, value->data + value->len, ' ')
                   == NULL))
        {
            found = *value;
        }

        break;

    case NGX_HTTP_SIO_TOKEN_COOKIE:
        ngx_http_sio_jwt_cookie(r, &source->name, &found);
        break;

    default:
        rc = ngx_http_sio_jwt_query(r, &source->name, &found);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (token->len == 0) {
        *token = found;
    }

    return NGX_OK;
}


static void
ngx_http_sio_jwt_cookie(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *token)
{
    u_char     *p, *last, *end;
    ngx_str_t  *cookie;

    cookie = ngx_http_sio_request_header(r, "cookie");
    if (cookie == NULL) {
        return;
    }

    last = cookie->data + cookie->len;

    for (p = cookie->data; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, ';');
        if (end == NULL) {
            end = last;
        }

        while (p < end && *p == ' ') {
            p++;
        }

        if ((size_t) (end - p) > name->len
            && ngx_strncmp(p, name->data, name->len) == 0
            && p[name->len] == '=')
        {
            token->data = p + name->len + 1;
            token->len = end - token->data;
            return;
        }
    }
}


/* The token is copied, then its places in what logs show are overwritten. */

static ngx_int_t
ngx_http_sio_jwt_query(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *token)
{
    u_char     *dst, *src;
    ngx_str_t   value;

    if (ngx_http_arg(r, name->data, name->len, &value) != NGX_OK) {
        return NGX_OK;
    }

    dst = ngx_pnalloc(r->pool, value.len + 1);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    token->data = dst;
    src = value.data;
    ngx_unescape_uri(&dst, &src, value.len, 0);
    token->len = dst - token->data;

    ngx_http_sio_jwt_hide(&r->args, name);
    ngx_http_sio_jwt_hide(&r->unparsed_uri, name);
    ngx_http_sio_jwt_hide(&r->request_line, name);

    return NGX_OK;
}


static void
ngx_http_sio_jwt_hide(ngx_str_t *text, ngx_str_t *name)
{
    u_char  *p, *last;

    last = text->data + text->len;

    for (p = text->data; p + name->len < last; p++) {

        if (p[name->len] != '='
            || ngx_strncasecmp(p, name->data, name->len) != 0
            || (p > text->data && p[-1] != '&' && p[-1] != '?'))
        {
            continue;
        }

        for (p += name->len + 1;
             p < last && *p != '&' && *p != ' ' && *p != '#';
             p++)
        {
            *p = '*';
        }
    }
}


/* A GET without sid as the endpoint reads it, or one for a WebSocket. */

static ngx_uint_t
ngx_http_sio_jwt_handshake(ngx_http_request_t *r)
{
    ngx_http_sio_args_t  args;

    ngx_http_sio_parse_args(r, &args);

    return r->method == NGX_HTTP_GET
           && (r->headers_in.upgrade || args.sid.len == 0);
}


static ngx_int_t
ngx_http_sio_jwt_access(ngx_http_request_t *r)
{
    ngx_str_t                 *token;
    ngx_sio_auth_conf_t       *auth;
    ngx_http_sio_jwt_ctx_t    *ctx;
    ngx_http_sio_loc_conf_t   *slcf;
    ngx_http_core_loc_conf_t  *clcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);
    ctx = ngx_http_get_module_ctx(r, ngx_socketio_jwt_module);
    auth = &slcf->endpoint.defaults.auth;

    if (ctx == NULL
        || r != r->main
        || auth->mode == NGX_SIO_AUTH_OFF
        || auth->keys == NULL)
    {
        return NGX_DECLINED;
    }

    if (!ngx_http_sio_jwt_handshake(r)) {

        /* its session was let in, maybe by a token that polls do not bear */

        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

        return clcf->satisfy == NGX_HTTP_SATISFY_ANY ? NGX_OK : NGX_DECLINED;
    }

    token = ngx_http_sio_jwt_token(r);

    if (token == NULL && ctx->token.len == 0) {
        return auth->handshake ? ngx_http_sio_jwt_refuse(r) : NGX_DECLINED;
    }

    return ngx_http_sio_jwt_judge(r, ctx, auth);
}


static ngx_int_t
ngx_http_sio_jwt_judge(ngx_http_request_t *r, ngx_http_sio_jwt_ctx_t *ctx,
    const ngx_sio_auth_conf_t *auth)
{
    sio_span_t                token;
    ngx_sio_auth_t            judged;
    ngx_sio_zone_t           *zone;
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);
    zone = slcf->endpoint.zone;

    token.p = ctx->token.data;
    token.n = ctx->token.len;

    ngx_memzero(&judged, sizeof(ngx_sio_auth_t));

    if (ngx_sio_auth_token(auth, token, &judged) == NGX_OK
        && judged.marks && ngx_sio_revoked(zone, judged.marks))
    {
        judged.refusal = &auth->message[NGX_SIO_AUTH_INVALID];
    }

    if (judged.refusal) {
        ngx_sio_stat(zone, tokens_refused, 1);
        ngx_sio_log_seldom(NGX_LOG_INFO, r->connection->log,
                           "socketio handshake refused: %V", judged.refusal);

        return ngx_http_sio_jwt_refuse(r);
    }

    ctx->claims.data = ngx_pnalloc(r->pool, judged.claims.n + 1);
    if (ctx->claims.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(ctx->claims.data, judged.claims.p, judged.claims.n);
    ctx->claims.len = judged.claims.n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_jwt_refuse(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    ngx_str_set(&h->key, "WWW-Authenticate");
    ngx_str_set(&h->value, "Bearer realm=\"socketio\"");
    r->headers_out.www_authenticate = h;

    return NGX_HTTP_UNAUTHORIZED;
}
