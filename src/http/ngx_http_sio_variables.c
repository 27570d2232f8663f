
/*
 * Variables for the access log: claims of the handshake's token, and the
 * socket that a request belongs to.  There is none for the sid, which is a key.
 */

#include "ngx_http_sio_endpoint.h"
#include "ngx_sio_claims.h"
#include "ngx_sio_polls.h"


static ngx_int_t ngx_http_sio_claim_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sio_socket_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


static ngx_str_t  ngx_http_sio_claim_prefix =
    ngx_string("socketio_jwt_claim_");

static ngx_str_t  ngx_http_sio_socket_name = ngx_string("socketio_socket");


ngx_int_t
ngx_http_sio_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var;

    var = ngx_http_add_variable(cf, &ngx_http_sio_claim_prefix,
                                NGX_HTTP_VAR_PREFIX);
    if (var == NULL) {
        return NGX_ERROR;
    }

    var->get_handler = ngx_http_sio_claim_variable;

    /* what it is may change while the request lives */

    var = ngx_http_add_variable(cf, &ngx_http_sio_socket_name,
                                NGX_HTTP_VAR_NOCACHEABLE);
    if (var == NULL) {
        return NGX_ERROR;
    }

    var->get_handler = ngx_http_sio_socket_variable;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_claim_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t *name = (ngx_str_t *) data;

    size_t       n;
    ngx_str_t    key, *json;
    sio_json_t   claims, claim;
    sio_span_t   text;

    v->not_found = 1;

    json = ngx_http_sio_jwt_claims(r);
    if (json == NULL) {
        return NGX_OK;
    }

    text.p = json->data;
    text.n = json->len;

    if (sio_json_parse(text, SIO_JSON_DEPTH, &claims, NULL) != SIO_OK) {
        return NGX_OK;
    }

    key.data = name->data + ngx_http_sio_claim_prefix.len;
    key.len = name->len - ngx_http_sio_claim_prefix.len;

    claim = ngx_sio_claim(&claims, &key);

    if (claim.kind == SIO_JSON_NONE) {
        return NGX_OK;
    }

    v->data = (u_char *) claim.raw.p;
    v->len = claim.raw.n;

    if (claim.kind == SIO_JSON_STRING) {
        v->data = ngx_pnalloc(r->pool, claim.raw.n);

        if (v->data == NULL
            || sio_json_string(&claim, v->data, claim.raw.n, &n) != SIO_OK)
        {
            return NGX_ERROR;
        }

        v->len = n;
    }

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_socket_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                    id[NGX_SIO_ID_LEN];
    ngx_sio_find_t            find;
    ngx_http_sio_args_t       args;
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);

    if (slcf->endpoint.zone == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    /* empty, not "-", while there is none: nginx logs it as it is */

    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;
    v->len = 0;
    v->data = (u_char *) "";

    ngx_http_sio_parse_args(r, &args);

    if (args.sid.len != NGX_SIO_ID_LEN) {
        return NGX_OK;
    }

    find.sid = args.sid.data;
    find.endpoint = slcf->endpoint.id;

    if (ngx_sio_session_oldest(slcf->endpoint.zone, &find, id) != NGX_OK) {
        return NGX_OK;
    }

    v->data = ngx_pnalloc(r->pool, NGX_SIO_ID_LEN);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(v->data, id, NGX_SIO_ID_LEN);
    v->len = NGX_SIO_ID_LEN;

    return NGX_OK;
}
