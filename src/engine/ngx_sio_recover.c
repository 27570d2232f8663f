
/*
 * Recovery as the engine sees it: what a CONNECT says, the rooms by the claims
 * of today, and the presence.  What was missed is in shared memory, for polling
 * sessions and for WebSockets that are behind.
 */

#include "ngx_sio_connect.h"
#include "ngx_sio_lag.h"
#include "ngx_sio_limit.h"
#include "ngx_sio_presence.h"
#include "ngx_sio_recover.h"
#include "ngx_sio_refresh.h"
#include "sio_eio.h"


#define NGX_SIO_RECOVER_TEXT    64      /* bytes: longer ones are not ours */
#define NGX_SIO_RECOVER_LINGER  30000   /* ms, for the client's last polls */


static sio_span_t ngx_sio_recover_text(const sio_packet_t *packet,
    const char *name, u_char *buffer);
static ngx_int_t ngx_sio_recover_judge(ngx_sio_peer_t *peer,
    const ngx_sio_namespace_conf_t *conf, const ngx_sio_recovery_t *recovery,
    const ngx_sio_auth_t *auth);
static ngx_int_t ngx_sio_recover_taken(ngx_sio_peer_t *peer,
    ngx_sio_namespace_conf_t *conf, ngx_sio_recovery_t *recovery);
static void ngx_sio_recover_answer(const ngx_sio_recovery_t *recovery,
    ngx_sio_connect_t *connect, u_char *head);
static ngx_int_t ngx_sio_recover_again(ngx_sio_peer_t *peer,
    const ngx_sio_recovery_t *recovery);
static ngx_int_t ngx_sio_recover_listen(ngx_sio_presence_t *presence,
    const ngx_sio_replay_t *replay);


ngx_uint_t
ngx_sio_recover_wanted(const ngx_sio_peer_t *peer,
    const ngx_sio_namespace_conf_t *conf, const sio_packet_t *packet,
    ngx_sio_recovery_t *recovery)
{
    static u_char  pid[NGX_SIO_RECOVER_TEXT], offset[NGX_SIO_RECOVER_TEXT];

    if (conf->recovery.time == 0) {
        return 0;
    }

    ngx_memzero(recovery, sizeof(ngx_sio_recovery_t));

    recovery->pid = ngx_sio_recover_text(packet, "pid", pid);
    recovery->offset = ngx_sio_recover_text(packet, "offset", offset);
    recovery->session = peer->session;
    recovery->namespace = packet->nsp;
    recovery->recovery = conf->recovery.time;
    recovery->limit_user = conf->limit_sockets;

    return recovery->pid.n != 0;
}


/* What is no text that could be ours becomes one that is not. */

static sio_span_t
ngx_sio_recover_text(const sio_packet_t *packet, const char *name,
    u_char *buffer)
{
    sio_json_t  value;
    sio_span_t  text;

    text.p = buffer;
    text.n = 0;

    value = sio_json_get(&packet->payload, name);

    if (value.kind == SIO_JSON_NONE || value.kind == SIO_JSON_NULL) {
        return text;
    }

    if (value.kind != SIO_JSON_STRING
        || sio_json_string(&value, buffer, NGX_SIO_RECOVER_TEXT, &text.n)
           != SIO_OK
        || text.n == 0)
    {
        buffer[0] = '.';
        text.n = 1;
    }

    return text;
}


ngx_int_t
ngx_sio_recover(ngx_sio_peer_t *peer, ngx_sio_namespace_conf_t *conf,
    ngx_sio_recovery_t *recovery, const ngx_sio_auth_t *auth)
{
    ngx_int_t        rc;
    ngx_sio_zone_t  *zone;

    zone = peer->reader->zone;

    recovery->kept = auth == NULL;

    if (auth) {
        recovery->claims = auth->claims.n != 0;
        recovery->expires = auth->expires;
        recovery->marks = auth->marks;
        recovery->user = ngx_sio_limit_user(auth->claims);
    }

    rc = ngx_sio_recovery_take(zone, recovery);

    if (rc == NGX_DONE) {
        return ngx_sio_recover_again(peer, recovery);
    }

    if (rc != NGX_OK) {
        /* closed meanwhile: its end is in the log */
        return rc == NGX_ABORT ? NGX_OK : NGX_DECLINED;
    }

    if (auth && auth->marks) {
        rc = ngx_sio_recover_judge(peer, conf, recovery, auth);

        if (rc != NGX_OK) {
            ngx_sio_stat(zone, recoveries_token, rc == NGX_DECLINED);
            ngx_sio_stat(zone, recoveries_full, rc != NGX_DECLINED);
            ngx_sio_socket_close(zone, recovery->socket,
                                 NGX_SIO_REASON_ERROR);
            return NGX_DECLINED;
        }
    }

    return ngx_sio_recover_taken(peer, conf, recovery);
}


static ngx_int_t
ngx_sio_recover_taken(ngx_sio_peer_t *peer, ngx_sio_namespace_conf_t *conf,
    ngx_sio_recovery_t *recovery)
{
    u_char               head[NGX_SIO_CONNECT_HEAD];
    ngx_sio_replay_t     replay;
    ngx_sio_connect_t    connect;
    ngx_sio_presence_t  *presence;

    ngx_sio_recover_answer(recovery, &connect, head);

    /* one that was behind has been given what the reader has still to read */

    recovery->live = ngx_max(peer->reader->cursor, peer->cursor);

    if (ngx_sio_recovery_finish(peer->reader->zone, recovery, &connect.answer,
                                &replay)
        != NGX_OK)
    {
        /* without memory it would stay, beside a new one, and get nothing */

        ngx_sio_socket_close(peer->reader->zone, recovery->socket,
                             NGX_SIO_REASON_ERROR);
        return NGX_DECLINED;
    }

    if (peer->kind == NGX_SIO_PEER_WEBSOCKET) {

        /*
         * What comes before the answer, stock clients only keep, and do not
         * note its offset: cut off in between they would get it again.
         */

        if (ngx_sio_peer_packet(peer, &connect.answer) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_sio_lag_begin(peer);

        /* rooms that it left or joined since have been noted, too */

        ngx_sio_reader_catch_up(peer->reader, replay.to);
    }

    if (peer->closing) {
        return NGX_OK;
    }

    peer->connected = 1;

    presence = ngx_sio_presence_add(peer, conf, recovery->namespace,
                                    recovery->socket);
    if (presence == NULL) {
        return NGX_ERROR;
    }

    presence->stamped = 1;
    presence->meter = recovery->meter;
    ngx_memcpy(presence->id, recovery->id, NGX_SIO_ID_LEN);

    return peer->kind == NGX_SIO_PEER_WEBSOCKET
           ? ngx_sio_recover_listen(presence, &replay) : NGX_OK;
}


static void
ngx_sio_recover_answer(const ngx_sio_recovery_t *recovery,
    ngx_sio_connect_t *connect, u_char *head)
{
    ngx_memzero(connect, sizeof(ngx_sio_connect_t));

    connect->namespace = recovery->namespace;
    connect->recovery = recovery->recovery;
    ngx_memcpy(connect->id, recovery->id, NGX_SIO_ID_LEN);
    ngx_memcpy(connect->pid, recovery->pid.p, NGX_SIO_PID_LEN);

    ngx_sio_connect_answer(connect, head);
}


/* Its client shows what it holds at the answer, and comes back. */

static ngx_int_t
ngx_sio_recover_again(ngx_sio_peer_t *peer, const ngx_sio_recovery_t *recovery)
{
    u_char             head[NGX_SIO_CONNECT_HEAD];
    ngx_int_t          rc;
    ngx_sio_connect_t  connect;

    ngx_sio_recover_answer(recovery, &connect, head);

    if (peer->kind == NGX_SIO_PEER_WEBSOCKET) {

        /* a record would come too late, if it is behind */

        rc = ngx_sio_peer_packet(peer, &connect.answer);
        ngx_sio_peer_close(peer, NGX_SIO_END_LAPPED);

        return rc;
    }

    ngx_sio_peer_send(peer, &connect.answer);

    /* what else the POST has is for a session that ends */

    ngx_sio_session_close(peer->reader->zone, peer->session,
                          NGX_SIO_REASON_RESTART, SIO_EIO_CLOSE,
                          NGX_SIO_RECOVER_LINGER);
    ngx_sio_peer_leave(peer);

    return NGX_OK;
}


static ngx_int_t
ngx_sio_recover_judge(ngx_sio_peer_t *peer,
    const ngx_sio_namespace_conf_t *conf, const ngx_sio_recovery_t *recovery,
    const ngx_sio_auth_t *auth)
{
    ngx_sio_refresh_t  refresh;

    ngx_memzero(&refresh, sizeof(ngx_sio_refresh_t));

    refresh.zone = peer->reader->zone;
    refresh.socket = recovery->socket;
    refresh.conf = conf;
    refresh.namespace = recovery->namespace;
    refresh.recovered = 1;

    return ngx_sio_refresh_judged(&refresh, auth);
}


static ngx_int_t
ngx_sio_recover_listen(ngx_sio_presence_t *presence,
    const ngx_sio_replay_t *replay)
{
    ngx_uint_t           i;
    ngx_sio_interest_t  *interest;

    for (i = 0; i < replay->n; i++) {
        interest = &replay->interests[i];

        if (interest->until == NGX_SIO_FOREVER
            && ngx_sio_presence_listen(presence, interest->kind, interest->id,
                                       replay->to, NGX_SIO_FOREVER)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
