
/*
 * Finds the token of a CONNECT and has it verified.  A token is in no message
 * that is logged or sent.
 */

#include "ngx_sio_auth.h"
#include "ngx_sio_denied.h"
#include "ngx_sio_reader.h"
#include "ngx_sio_registry.h"


static sio_span_t ngx_sio_auth_find(ngx_sio_peer_t *peer,
    const sio_packet_t *packet);
static ngx_int_t ngx_sio_auth_refuse(const ngx_sio_auth_conf_t *conf,
    ngx_uint_t message, ngx_sio_auth_t *auth);


ngx_int_t
ngx_sio_auth_connect(ngx_sio_peer_t *peer, const ngx_sio_auth_conf_t *conf,
    const sio_packet_t *packet, ngx_sio_auth_t *auth)
{
    ngx_int_t  rc;

    ngx_memzero(auth, sizeof(ngx_sio_auth_t));

    if (conf->mode == NGX_SIO_AUTH_OFF) {
        return NGX_OK;
    }

    rc = ngx_sio_auth_token(conf, ngx_sio_auth_find(peer, packet), auth);

    if (rc != NGX_OK) {
        ngx_sio_stat(peer->reader->zone, tokens_refused, 1);
    }

    return rc;
}


/* What is too long for a token, or no string, is refused as a bad one. */

static sio_span_t
ngx_sio_auth_find(ngx_sio_peer_t *peer, const sio_packet_t *packet)
{
    sio_json_t      value;
    sio_span_t      token;

    static u_char   buffer[NGX_SIO_TOKEN_MAX + sizeof("Bearer ")];

    token.p = buffer;
    value = sio_json_get(&packet->payload, "token");

    if (value.kind == SIO_JSON_STRING) {

        if (sio_json_string(&value, buffer, sizeof(buffer), &token.n)
            != SIO_OK)
        {
            buffer[0] = '.';
            token.n = 1;
        }

        return token;
    }

    if (value.kind != SIO_JSON_NONE && value.kind != SIO_JSON_NULL) {
        buffer[0] = '.';
        token.n = 1;
        return token;
    }

    token.n = ngx_sio_session_token(peer->reader->zone, peer->session, buffer,
                                    sizeof(buffer));
    return token;
}


ngx_int_t
ngx_sio_auth_token(const ngx_sio_auth_conf_t *conf, sio_span_t token,
    ngx_sio_auth_t *auth)
{
    sio_jwt_claims_t   claims;
    sio_jwt_policy_t   policy;
    sio_jwt_verdict_t  verdict;

    static u_char           json[NGX_SIO_CLAIMS_MAX];
    static ngx_sio_marks_t  marks;

    if (token.n > 7
        && ngx_strncasecmp((u_char *) token.p, (u_char *) "Bearer ", 7) == 0)
    {
        token.p += 7;
        token.n -= 7;
    }

    if (token.n == 0) {
        return conf->mode == NGX_SIO_AUTH_REQUIRED
               ? ngx_sio_auth_refuse(conf, NGX_SIO_AUTH_MISSING, auth)
               : NGX_OK;
    }

    policy.keys = conf->keys->elts;
    policy.nkeys = conf->keys->nelts;
    policy.require = conf->require ? conf->require->elts : NULL;
    policy.nrequire = conf->require ? conf->require->nelts : 0;
    policy.leeway = conf->leeway;

    verdict = sio_jwt_verify(&policy, token, ngx_time(), &claims);

    switch (verdict) {

    case SIO_JWT_OK:
        break;

    case SIO_JWT_EXPIRED:
        return ngx_sio_auth_refuse(conf, NGX_SIO_AUTH_EXPIRED, auth);

    case SIO_JWT_FORBIDDEN:
        return ngx_sio_auth_refuse(conf, NGX_SIO_AUTH_FORBIDDEN, auth);

    default:
        return ngx_sio_auth_refuse(conf, NGX_SIO_AUTH_INVALID, auth);
    }

    if (claims.n > conf->limit) {
        ngx_sio_log_seldom(NGX_LOG_WARN, ngx_cycle->log,
                           "socketio token refused, its %uz bytes of claims "
                           "are more than socketio_limit_data", claims.n);

        sio_jwt_claims_free(&claims);
        return ngx_sio_auth_refuse(conf, NGX_SIO_AUTH_INVALID, auth);
    }

    ngx_memcpy(json, claims.json, claims.n);

    auth->claims.p = json;
    auth->claims.n = claims.n;
    auth->expires = conf->expiry && claims.exp
                    ? (uint64_t) (claims.exp + conf->leeway) : 0;

    ngx_sio_marks(auth->claims, &marks);
    auth->marks = &marks;

    sio_jwt_claims_free(&claims);

    return NGX_OK;
}


static ngx_int_t
ngx_sio_auth_refuse(const ngx_sio_auth_conf_t *conf, ngx_uint_t message,
    ngx_sio_auth_t *auth)
{
    auth->refusal = &conf->message[message];

    return NGX_DECLINED;
}


sio_span_t
ngx_sio_auth_message(const ngx_sio_auth_conf_t *conf, ngx_uint_t message)
{
    sio_span_t  text;

    text.p = conf->message[message].data;
    text.n = conf->message[message].len;

    return text;
}
