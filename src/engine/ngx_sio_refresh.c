
/*
 * New tokens of connected sockets.  The token is judged as at CONNECT, and must
 * be of the same user; which rooms its claims allow is judged without the lock,
 * and judged again if the socket has changed meanwhile.
 */

#include "ngx_sio_auth.h"
#include "ngx_sio_data.h"
#include "ngx_sio_denied.h"
#include "ngx_sio_limit.h"
#include "ngx_sio_membership.h"
#include "ngx_sio_refresh.h"
#include "ngx_sio_renew.h"


static ngx_int_t ngx_sio_refresh_judge(ngx_sio_refresh_t *refresh,
    ngx_sio_auth_t *auth);
static ngx_int_t ngx_sio_refresh_refuse(ngx_sio_refresh_t *refresh,
    ngx_uint_t message);
static ngx_int_t ngx_sio_refresh_socket(ngx_sio_refresh_t *refresh,
    const ngx_sio_auth_t *auth, ngx_pool_t *pool);
static ngx_int_t ngx_sio_refresh_renew(ngx_sio_refresh_t *refresh,
    const ngx_sio_auth_t *auth, ngx_pool_t *pool, ngx_sio_ruled_t *ruled);
static ngx_uint_t ngx_sio_refresh_same(const ngx_sio_marks_t *marks,
    sio_span_t claims);
static ngx_int_t ngx_sio_refresh_follow(const ngx_sio_refresh_t *refresh,
    sio_span_t claims, ngx_sio_ruled_t *ruled);
static sio_span_t ngx_sio_refresh_token(const sio_packet_t *packet);
static void ngx_sio_refresh_denied(const ngx_sio_presence_t *presence,
    const ngx_str_t *refusal);
static void ngx_sio_refresh_answer(ngx_sio_presence_t *presence,
    sio_span_t id, const ngx_str_t *error);


ngx_int_t
ngx_sio_refresh(ngx_sio_refresh_t *refresh)
{
    ngx_int_t        rc;
    ngx_sio_auth_t   auth;

    refresh->recovered = 0;

    rc = ngx_sio_refresh_judge(refresh, &auth);

    if (rc == NGX_OK) {
        rc = ngx_sio_refresh_judged(refresh, &auth);
    }

    if (rc == NGX_DECLINED) {
        ngx_sio_stat(refresh->zone, tokens_refused, 1);
    }

    return rc;
}


ngx_int_t
ngx_sio_refresh_judged(ngx_sio_refresh_t *refresh, const ngx_sio_auth_t *auth)
{
    ngx_int_t    rc;
    ngx_pool_t  *pool;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    do {
        rc = ngx_sio_refresh_socket(refresh, auth, pool);
    } while (rc == NGX_AGAIN);

    ngx_destroy_pool(pool);

    return rc;
}


/* There is nothing that a socket could be given without a token. */

static ngx_int_t
ngx_sio_refresh_judge(ngx_sio_refresh_t *refresh, ngx_sio_auth_t *auth)
{
    const ngx_sio_auth_conf_t  *conf;

    conf = &refresh->conf->auth;
    ngx_memzero(auth, sizeof(ngx_sio_auth_t));

    if (conf->mode == NGX_SIO_AUTH_OFF) {
        return ngx_sio_refresh_refuse(refresh, NGX_SIO_AUTH_FORBIDDEN);
    }

    (void) ngx_sio_auth_token(conf, refresh->token, auth);

    if (auth->marks) {
        return NGX_OK;
    }

    if (auth->refusal == NULL
        || auth->refusal == &conf->message[NGX_SIO_AUTH_MISSING])
    {
        return ngx_sio_refresh_refuse(refresh, NGX_SIO_AUTH_INVALID);
    }

    refresh->refusal = auth->refusal;

    return NGX_DECLINED;
}


static ngx_int_t
ngx_sio_refresh_refuse(ngx_sio_refresh_t *refresh, ngx_uint_t message)
{
    refresh->refusal = &refresh->conf->auth.message[message];

    return NGX_DECLINED;
}


static ngx_int_t
ngx_sio_refresh_socket(ngx_sio_refresh_t *refresh, const ngx_sio_auth_t *auth,
    ngx_pool_t *pool)
{
    ngx_int_t        rc;
    ngx_sio_ruled_t  ruled;

    rc = ngx_sio_socket_ruled(refresh->zone, pool, refresh->socket, &ruled);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!refresh->recovered
        && !ngx_sio_refresh_same(auth->marks, ruled.claims))
    {
        return ngx_sio_refresh_refuse(refresh, NGX_SIO_AUTH_FORBIDDEN);
    }

    if (ngx_sio_refresh_follow(refresh, auth->claims, &ruled) != NGX_OK) {
        return ngx_sio_refresh_refuse(refresh, NGX_SIO_AUTH_INVALID);
    }

    return ngx_sio_refresh_renew(refresh, auth, pool, &ruled);
}


/* A socket without a token, or whose token names nobody, gets no other. */

static ngx_uint_t
ngx_sio_refresh_same(const ngx_sio_marks_t *marks, sio_span_t claims)
{
    ngx_uint_t       user;
    ngx_sio_marks_t  old;

    user = (ngx_uint_t) 1 << NGX_SIO_REVOKE_USER;
    ngx_sio_marks(claims, &old);

    return (marks->kinds & old.kinds & user)
           && ngx_memcmp(marks->keys[NGX_SIO_REVOKE_USER],
                         old.keys[NGX_SIO_REVOKE_USER], NGX_SIO_REVOKE_KEY)
              == 0;
}


/* Keeps the rooms that the new claims do not allow, and makes the new data. */

static ngx_int_t
ngx_sio_refresh_follow(const ngx_sio_refresh_t *refresh, sio_span_t claims,
    ngx_sio_ruled_t *ruled)
{
    ngx_int_t         rc;
    ngx_uint_t        i, n;
    sio_span_t        data;
    ngx_sio_values_t  values;

    ngx_sio_values_set(&values, claims, ruled->id, refresh->namespace);

    for (n = 0, i = 0; i < ruled->nrooms; i++) {
        if (!ngx_sio_membership_ruled(refresh->conf, &values,
                                      ruled->rooms[i]))
        {
            ruled->rooms[n++] = ruled->rooms[i];
        }
    }

    ruled->nrooms = n;

    rc = ngx_sio_data_make(refresh->conf->data, &values, ruled->data, &data);

    if (rc != NGX_OK || claims.n + data.n > refresh->conf->auth.limit) {
        ngx_sio_log_seldom(NGX_LOG_WARN, ngx_cycle->log,
                           "socketio refresh in namespace \"%*s\" refused, its "
                           "%uz bytes of claims and the socket's data are "
                           "more than socketio_limit_data",
                           refresh->namespace.n, refresh->namespace.p,
                           claims.n);

        return NGX_DECLINED;
    }

    ruled->data = data;

    return NGX_OK;
}


/* Rooms of "auto" are those of a socket that would connect now. */

static ngx_int_t
ngx_sio_refresh_renew(ngx_sio_refresh_t *refresh, const ngx_sio_auth_t *auth,
    ngx_pool_t *pool, ngx_sio_ruled_t *ruled)
{
    ngx_int_t          rc;
    ngx_sio_renew_t    renew;
    ngx_sio_connect_t  connect;

    ngx_memzero(&connect, sizeof(ngx_sio_connect_t));
    ngx_memzero(&renew, sizeof(ngx_sio_renew_t));

    ngx_memcpy(connect.id, ruled->id, NGX_SIO_ID_LEN);
    connect.namespace = refresh->namespace;
    connect.claims = auth->claims;

    ngx_sio_membership_connect(refresh->conf, &connect);

    renew.socket = refresh->socket;
    renew.revision = ruled->revision;
    renew.claims = auth->claims;
    renew.data = ruled->data;
    renew.expires = auth->expires;
    renew.marks = auth->marks;
    renew.leave = ruled->rooms;
    renew.nleave = ruled->nrooms;
    renew.join = connect.rooms;
    renew.njoin = connect.nrooms;

    renew.cells = ngx_palloc(pool, (renew.nleave + renew.njoin + 1)
                                   * sizeof(uint32_t));
    if (renew.cells == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_sio_socket_renew(refresh->zone, &renew);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return renew.revoked
           ? ngx_sio_refresh_refuse(refresh, NGX_SIO_AUTH_INVALID) : NGX_BUSY;
}


ngx_int_t
ngx_sio_refresh_event(ngx_sio_presence_t *presence, sio_span_t event,
    const sio_packet_t *packet)
{
    ngx_int_t          rc;
    ngx_sio_refresh_t  refresh;

    static ngx_str_t   full = ngx_string("Service unavailable");

    if (presence->conf->auth.mode == NGX_SIO_AUTH_OFF
        || ngx_sio_pattern_match(presence->conf->refresh_events, event)
           == NULL)
    {
        return NGX_DECLINED;
    }

    refresh.zone = presence->peer->reader->zone;
    refresh.socket = presence->socket;
    refresh.conf = presence->conf;
    refresh.namespace.p = presence->name;
    refresh.namespace.n = presence->name_len;
    refresh.token = ngx_sio_refresh_token(packet);
    refresh.refusal = NULL;

    rc = ngx_sio_refresh(&refresh);

    if (rc == NGX_ERROR) {
        return ngx_sio_peer_starved(presence->peer);
    }

    if (rc == NGX_ABORT) {
        return NGX_OK;
    }

    if (rc == NGX_BUSY) {
        refresh.refusal = &full;
    }

    if (refresh.refusal) {
        ngx_sio_refresh_denied(presence, refresh.refusal);
    }

    ngx_sio_refresh_answer(presence, packet->id, refresh.refusal);

    return NGX_OK;
}


static void
ngx_sio_refresh_denied(const ngx_sio_presence_t *presence,
    const ngx_str_t *refusal)
{
    ngx_sio_denial_t  denial;

    ngx_memzero(&denial, sizeof(ngx_sio_denial_t));

    denial.what = "refresh";
    denial.why.p = refusal->data;
    denial.why.n = refusal->len;

    ngx_sio_denied(presence->peer->reader->zone, presence->peer->session,
                   presence, &denial);
}


/* What is no token is a bad one: a dot. */

static sio_span_t
ngx_sio_refresh_token(const sio_packet_t *packet)
{
    sio_json_t          value;
    sio_span_t          token;
    sio_json_iter_t     it;
    sio_json_member_t   argument;

    static u_char       buffer[NGX_SIO_TOKEN_MAX + sizeof("Bearer ")];

    sio_json_iter(&it, &packet->payload);
    (void) sio_json_next(&it, &argument);

    if (sio_json_next(&it, &argument)) {
        value = sio_json_get(&argument.value, "token");

        if (value.kind == SIO_JSON_STRING
            && sio_json_string(&value, buffer, sizeof(buffer), &token.n)
               == SIO_OK)
        {
            token.p = buffer;
            return token;
        }
    }

    return sio_span(".");
}


/* Without an ack only a refusal is told, as an event. */

static void
ngx_sio_refresh_answer(ngx_sio_presence_t *presence, sio_span_t id,
    const ngx_str_t *error)
{
    u_char              head[NGX_SIO_NAMESPACE_NAME_MAX + SIO_ACK_ID_MAX + 8];
    sio_span_t          name;
    ngx_sio_payload_t   payload;

    if (error == NULL ? id.n == 0 : !ngx_sio_limit_tells(presence->peer)) {
        return;
    }

    ngx_memzero(&payload, sizeof(ngx_sio_payload_t));

    name.p = presence->name;
    name.n = presence->name_len;

    payload.text[0].p = head;
    payload.text[0].n = sio_packet_write_head(head,
                                              id.n ? SIO_ACK : SIO_EVENT, 0,
                                              name, id);

    if (error) {
        payload.text[1] = id.n ? sio_span("[{\"ok\":false,\"error\":\"")
                               : sio_span("[\"error\",{\"ok\":false,"
                                          "\"error\":\"");
        payload.text[2].p = error->data;
        payload.text[2].n = error->len;
        payload.text[3] = sio_span("\"}]");

    } else {
        payload.text[1] = sio_span("[{\"ok\":true}]");
    }

    ngx_sio_peer_send(presence->peer, &payload);
}
