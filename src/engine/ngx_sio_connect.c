
/*
 * What a socket begins with, and sockets that were opened by somebody else than
 * their client's worker: their presence is made from the cell.  Rooms that were
 * joined since then have records of their own, which come later.
 */

#include "ngx_sio_connect.h"
#include "ngx_sio_dispatch.h"
#include "ngx_sio_limit.h"
#include "ngx_sio_membership.h"
#include "ngx_sio_recovery.h"


/* Rooms that a socket begins with: of rules, and of a service's answer. */
#define NGX_SIO_OPENED_ROOMS  2048


typedef struct {
    ngx_uint_t     found;
    ngx_uint_t     answered;            /* by a record of the log */
    uint32_t       namespace;
    uint64_t       from;
    u_char         id[NGX_SIO_ID_LEN];
    uint32_t       recovery;
    u_char         pid[NGX_SIO_PID_LEN];
    ngx_sio_meter_t  meter;
    size_t         name_len;
    u_char         name[NGX_SIO_NAMESPACE_NAME_MAX];
    ngx_uint_t     n;
    uint32_t       rooms[NGX_SIO_OPENED_ROOMS];
} ngx_sio_opened_t;


static void ngx_sio_connect_load(ngx_sio_zone_t *zone,
    ngx_sio_ref_t socket, ngx_sio_opened_t *c);
static ngx_sio_presence_t *ngx_sio_connect_presence(ngx_sio_peer_t *peer,
    ngx_sio_ref_t socket, const ngx_sio_opened_t *c);
static ngx_int_t ngx_sio_connect_welcome(ngx_sio_peer_t *peer,
    ngx_sio_presence_t *presence, const ngx_sio_opened_t *c);
static ngx_int_t ngx_sio_connect_say(ngx_sio_peer_t *peer,
    const ngx_sio_opened_t *c);
static ngx_int_t ngx_sio_connect_listen(ngx_sio_presence_t *presence,
    const ngx_sio_opened_t *c);


void
ngx_sio_connect_prepare(const ngx_sio_endpoint_t *endpoint,
    const ngx_sio_namespace_conf_t *conf, ngx_sio_connect_t *connect)
{
    connect->announce = conf->announce.id;
    connect->user = ngx_sio_limit_user(connect->claims);
    connect->limit_user = conf->limit_sockets;
    connect->events = conf->limit_events;
    connect->notice = conf->notices;

    /* without random bytes it is a socket that cannot be recovered */

    if (conf->recovery.time && ngx_sio_random_id(connect->pid) == NGX_OK) {
        connect->recovery = conf->recovery.time;
    }

    ngx_sio_membership_connect(conf, connect);

#if (NGX_PCRE)
    connect->limit = conf->regex ? endpoint->limit_namespaces : 0;
#endif
}


void
ngx_sio_connect_answer(ngx_sio_connect_t *connect, u_char *head)
{
    u_char      *p;
    sio_span_t   none;

    ngx_memzero(&none, sizeof(sio_span_t));

    connect->answer.text[0].p = head;
    connect->answer.text[0].n = sio_packet_write_head(head, SIO_CONNECT, 0,
                                                      connect->namespace,
                                                      none);
    if (connect->recovery) {
        p = head + connect->answer.text[0].n;
        p = ngx_cpymem(p, "{\"sid\":\"", sizeof("{\"sid\":\"") - 1);
        p = ngx_cpymem(p, connect->id, NGX_SIO_ID_LEN);
        p = ngx_cpymem(p, "\",\"pid\":\"", sizeof("\",\"pid\":\"") - 1);

        /* the pid is completed when the socket has its cell */

        connect->answer.text[0].n = p - head;
        connect->answer.text[1].p = connect->pid;
        connect->answer.text[1].n = NGX_SIO_PID_LEN;
        connect->answer.text[2] = sio_span("\"}");
        return;
    }

    connect->answer.text[1] = sio_span("{\"sid\":\"");
    connect->answer.text[2].p = connect->id;
    connect->answer.text[2].n = NGX_SIO_ID_LEN;
    connect->answer.text[3] = sio_span("\"}");
}


void
ngx_sio_connect_opened(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control)
{
    ngx_sio_peer_t              *peer;
    ngx_sio_presence_t          *presence;

    static ngx_sio_opened_t   c;

    peer = ngx_sio_reader_peer(reader, NGX_SIO_PEER_WEBSOCKET,
                               control->session);
    if (peer == NULL) {
        return;
    }

    ngx_sio_connect_load(reader->zone, control->socket, &c);

    if (!c.found) {
        return;
    }

    c.answered = control->room != 0;

    presence = ngx_sio_connect_presence(peer, control->socket, &c);

    if (presence == NULL
        || ngx_sio_connect_welcome(peer, presence, &c) != NGX_OK)
    {
        ngx_sio_peer_close(peer, NGX_SIO_END_SLOW);
    }
}


/* One that has been closed meanwhile is told that, too: a record follows. */

static void
ngx_sio_connect_load(ngx_sio_zone_t *zone, ngx_sio_ref_t socket,
    ngx_sio_opened_t *c)
{
    uint32_t               m;
    ngx_sio_shared_t      *sh;
    ngx_sio_socket_t      *so;
    ngx_sio_membership_t  *membership;

    sh = zone->shared;
    c->n = 0;

    ngx_sio_lock(zone);

    so = &sh->sockets[socket.cell];
    c->found = so->serial == socket.serial && so->state != NGX_SIO_FREE;

    if (c->found) {
        c->namespace = so->namespace;
        c->from = so->from;
        c->meter = so->meter;
        c->recovery = so->recovery;
        ngx_memcpy(c->id, so->id, NGX_SIO_ID_LEN);
        ngx_memcpy(c->pid, so->pid, NGX_SIO_ID_LEN);
        ngx_sio_pid_write(socket.cell, c->pid);
        c->name_len = ngx_sio_string_copy(sh,
                                          sh->namespaces[so->namespace].name,
                                          c->name, sizeof(c->name));

        for (m = so->memberships;
             m && c->n < NGX_SIO_OPENED_ROOMS;
             m = membership->next)
        {
            membership = &sh->memberships[m];

            /* an answer that is a record stands between them */

            if (membership->from <= so->from) {
                c->rooms[c->n++] = membership->room;
            }
        }
    }

    ngx_sio_unlock(zone);
}


/* An upgrade may have taken it over already, but not listened for it. */

static ngx_sio_presence_t *
ngx_sio_connect_presence(ngx_sio_peer_t *peer, ngx_sio_ref_t socket,
    const ngx_sio_opened_t *c)
{
    sio_span_t                 name;
    ngx_sio_presence_t        *presence;
    ngx_sio_namespace_conf_t  *conf;

    name.p = c->name;
    name.n = c->name_len;

    presence = ngx_sio_dispatch_presence(peer, name);

    if (presence && presence->socket.serial == socket.serial) {
        return presence;
    }

    conf = ngx_sio_namespace_lookup(peer->endpoint, name);
    if (conf == NULL) {
        return NULL;
    }

    presence = ngx_sio_presence_add(peer, conf, name, socket);

    if (presence) {
        presence->meter = c->meter;
        presence->stamped = c->recovery != 0;
        ngx_memcpy(presence->id, c->id, NGX_SIO_ID_LEN);
    }

    return presence;
}


static ngx_int_t
ngx_sio_connect_welcome(ngx_sio_peer_t *peer, ngx_sio_presence_t *presence,
    const ngx_sio_opened_t *c)
{
    peer->connected = 1;

    if (!c->answered && ngx_sio_connect_say(peer, c) != NGX_OK) {
        return NGX_ERROR;
    }

    return peer->closing ? NGX_OK : ngx_sio_connect_listen(presence, c);
}


static ngx_int_t
ngx_sio_connect_say(ngx_sio_peer_t *peer, const ngx_sio_opened_t *c)
{
    u_char              head[NGX_SIO_CONNECT_HEAD];
    ngx_sio_connect_t   connect;

    ngx_memzero(&connect, sizeof(ngx_sio_connect_t));

    connect.namespace.p = c->name;
    connect.namespace.n = c->name_len;
    connect.recovery = c->recovery;
    ngx_memcpy(connect.id, c->id, NGX_SIO_ID_LEN);
    ngx_memcpy(connect.pid, c->pid, NGX_SIO_PID_LEN);

    ngx_sio_connect_answer(&connect, head);

    return ngx_sio_peer_packet(peer, &connect.answer);
}


static ngx_int_t
ngx_sio_connect_listen(ngx_sio_presence_t *presence,
    const ngx_sio_opened_t *c)
{
    ngx_uint_t  i;

    if (ngx_sio_presence_listen(presence, NGX_SIO_TO_NAMESPACE, c->namespace,
                                c->from, NGX_SIO_FOREVER)
        != NGX_OK
        || ngx_sio_presence_listen(presence, NGX_SIO_TO_SOCKET,
                                   presence->socket.cell, c->from,
                                   NGX_SIO_FOREVER)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < c->n; i++) {
        if (ngx_sio_presence_listen(presence, NGX_SIO_TO_ROOM, c->rooms[i],
                                    c->from, NGX_SIO_FOREVER)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
