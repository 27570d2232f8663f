
/*
 * The rooms that rules give to a socket at its CONNECT, and the joins and
 * leaves that clients ask for: which rooms a payload means, whether the
 * namespace's rules allow them, and the answer.
 */

#include "ngx_sio_auth.h"
#include "ngx_sio_denied.h"
#include "ngx_sio_limit.h"
#include "ngx_sio_membership.h"
#include "ngx_sio_request.h"
#include "ngx_sio_rooms.h"


#define NGX_SIO_AUTO_MAX    128         /* rooms that rules join a socket to */


/* Rooms that a socket joins by itself. */
typedef struct {
    ngx_uint_t      n;
    size_t          used;
    sio_span_t      rooms[NGX_SIO_AUTO_MAX];
    uint32_t        cells[NGX_SIO_AUTO_MAX];
    u_char          names[NGX_SIO_AUTO_MAX * 128];
} ngx_sio_automatic_t;


static void ngx_sio_membership_collect(const ngx_sio_namespace_conf_t *conf,
    const ngx_sio_values_t *values, ngx_sio_automatic_t *automatic);
static ngx_int_t ngx_sio_membership_add(void *data, sio_span_t room);
static ngx_int_t ngx_sio_membership_join(ngx_sio_presence_t *presence,
    ngx_sio_request_t *request);
static ngx_int_t ngx_sio_membership_leave(ngx_sio_presence_t *presence,
    ngx_sio_request_t *request);
static ngx_uint_t ngx_sio_membership_judge(ngx_sio_presence_t *presence,
    ngx_sio_request_t *request);
static ngx_uint_t ngx_sio_membership_allowed(ngx_sio_presence_t *presence,
    const ngx_sio_values_t *values, sio_span_t room);
static ngx_uint_t ngx_sio_membership_automatic(ngx_sio_presence_t *presence);
static ngx_int_t ngx_sio_membership_deny(ngx_sio_presence_t *presence,
    ngx_sio_request_t *request, sio_span_t error);
static ngx_int_t ngx_sio_membership_refuse(ngx_sio_presence_t *presence,
    ngx_sio_request_t *request, sio_span_t error);
static ngx_int_t ngx_sio_membership_answer(ngx_sio_presence_t *presence,
    ngx_sio_request_t *request, sio_span_t head, ngx_uint_t refusal);


void
ngx_sio_membership_connect(const ngx_sio_namespace_conf_t *nc,
    ngx_sio_connect_t *connect)
{
    ngx_sio_values_t            values;

    static ngx_sio_automatic_t  automatic;

    ngx_sio_values_set(&values, connect->claims, connect->id,
                       connect->namespace);

    ngx_sio_membership_collect(nc, &values, &automatic);

    connect->rooms = automatic.rooms;
    connect->cells = automatic.cells;
    connect->nrooms = automatic.n;
}


static void
ngx_sio_membership_collect(const ngx_sio_namespace_conf_t *conf,
    const ngx_sio_values_t *values, ngx_sio_automatic_t *automatic)
{
    ngx_uint_t            i;
    ngx_sio_room_rule_t  *rule;

    automatic->n = 0;
    automatic->used = 0;

    for (i = 0; conf->rooms && i < conf->rooms->nelts; i++) {
        rule = (ngx_sio_room_rule_t *) conf->rooms->elts + i;

        if (rule->automatic) {
            (void) ngx_sio_rule_rooms(rule, values, conf->room_max_length,
                                      ngx_sio_membership_add, automatic);
        }
    }
}


/* Several rules may make the same room. */

static ngx_int_t
ngx_sio_membership_add(void *data, sio_span_t room)
{
    ngx_sio_automatic_t *automatic = data;

    ngx_uint_t  i;

    for (i = 0; i < automatic->n; i++) {
        if (sio_span_eq(automatic->rooms[i], room)) {
            return NGX_OK;
        }
    }

    if (automatic->n == NGX_SIO_AUTO_MAX
        || room.n > sizeof(automatic->names) - automatic->used)
    {
        ngx_sio_log_seldom(NGX_LOG_WARN, ngx_cycle->log,
                           "socketio claims make more than %d rooms of "
                           "\"auto\" rules, the rest is not joined",
                           NGX_SIO_AUTO_MAX);

        return NGX_DONE;
    }

    ngx_memcpy(automatic->names + automatic->used, room.p, room.n);
    room.p = automatic->names + automatic->used;
    automatic->used += room.n;
    automatic->rooms[automatic->n++] = room;

    return NGX_OK;
}


ngx_int_t
ngx_sio_membership_event(ngx_sio_presence_t *presence, sio_span_t event,
    const sio_packet_t *packet)
{
    ngx_uint_t                leave;
    const ngx_sio_pattern_t  *pattern;

    static ngx_sio_request_t  request;

    leave = 0;
    pattern = ngx_sio_pattern_match(presence->conf->join_events, event);

    if (pattern == NULL) {
        leave = 1;
        pattern = ngx_sio_pattern_match(presence->conf->leave_events, event);
    }

    if (pattern == NULL) {
        return NGX_DECLINED;
    }

    if (ngx_sio_request_read(&request, pattern, event, packet) != NGX_OK) {
        return ngx_sio_membership_refuse(presence, &request,
                                         sio_span("Bad request"));
    }

    return leave ? ngx_sio_membership_leave(presence, &request)
                 : ngx_sio_membership_join(presence, &request);
}


static ngx_int_t
ngx_sio_membership_join(ngx_sio_presence_t *presence,
    ngx_sio_request_t *request)
{
    ngx_int_t          rc;
    ngx_uint_t         i;
    ngx_sio_peer_t    *peer;
    ngx_sio_change_t   change;
    ngx_sio_socket_t  *so;
    uint32_t           cells[NGX_SIO_REQUEST_ROOMS];

    peer = presence->peer;
    so = &peer->reader->zone->shared->sockets[presence->socket.cell];

    ngx_memzero(&change, sizeof(ngx_sio_change_t));

    change.zone = peer->reader->zone;
    change.socket = presence->socket;
    change.rooms = request->rooms;
    change.n = request->n;
    change.cells = cells;
    change.ruled = 1;

    /* another token may come meanwhile: then the new claims are asked */

    do {
        change.revision = *(volatile uint16_t *) &so->revision;
        ngx_memory_barrier();

        if (ngx_sio_membership_judge(presence, request)) {
            return ngx_sio_membership_deny(presence, request,
                                           sio_span("Forbidden"));
        }

        change.limit = presence->conf->limit_rooms
                       + ngx_sio_membership_automatic(presence);

        rc = ngx_sio_rooms_join(&change);

    } while (rc == NGX_AGAIN);

    if (rc == NGX_ABORT) {
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return ngx_sio_membership_deny(presence, request,
                                       rc == NGX_BUSY
                                       ? sio_span("Too many rooms")
                                       : sio_span("Service unavailable"));
    }

    ngx_sio_stat(change.zone, joins, request->n);

    if (peer->kind == NGX_SIO_PEER_WEBSOCKET) {

        /* a leave that the server has ordered before must not undo this */

        ngx_sio_reader_catch_up(peer->reader, change.position);

        if (peer->closing) {
            return NGX_OK;
        }
    }

    for (i = 0; i < request->n; i++) {

        if (cells[i]
            && peer->kind == NGX_SIO_PEER_WEBSOCKET
            && ngx_sio_presence_listen(presence, NGX_SIO_TO_ROOM, cells[i],
                                       change.position, NGX_SIO_FOREVER)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_sio_membership_answer(presence, request,
                                     sio_span("[{\"ok\":true,\"rooms\":["), 0);
}


/* What was published before the leave is still due: it is read first. */

static ngx_int_t
ngx_sio_membership_leave(ngx_sio_presence_t *presence,
    ngx_sio_request_t *request)
{
    ngx_uint_t         i;
    ngx_sio_peer_t    *peer;
    ngx_sio_change_t   change;
    uint32_t           cells[NGX_SIO_REQUEST_ROOMS];

    peer = presence->peer;

    ngx_memzero(&change, sizeof(ngx_sio_change_t));

    change.zone = peer->reader->zone;
    change.socket = presence->socket;
    change.rooms = request->rooms;
    change.n = request->n;
    change.cells = cells;

    if (ngx_sio_rooms_leave(&change) != NGX_OK) {
        return NGX_OK;
    }

    ngx_sio_stat(change.zone, leaves, request->n);

    if (peer->kind == NGX_SIO_PEER_WEBSOCKET) {
        ngx_sio_reader_catch_up(peer->reader, change.position);

        if (peer->closing) {
            return NGX_OK;
        }

        for (i = 0; i < request->n; i++) {
            if (cells[i]) {
                ngx_sio_presence_ignore(presence, NGX_SIO_TO_ROOM, cells[i]);
            }
        }
    }

    return ngx_sio_membership_answer(presence, request,
                                     sio_span("[{\"ok\":true,\"rooms\":["), 0);
}


/* Leaves the refused rooms in the request and returns their number. */

static ngx_uint_t
ngx_sio_membership_judge(ngx_sio_presence_t *presence,
    ngx_sio_request_t *request)
{
    ngx_uint_t        i, n;
    ngx_sio_values_t  values;

    ngx_sio_membership_values(presence, &values);

    for (n = 0, i = 0; i < request->n; i++) {
        if (!ngx_sio_membership_allowed(presence, &values,
                                        request->rooms[i]))
        {
            request->rooms[n++] = request->rooms[i];
        }
    }

    if (n) {
        request->n = n;
    }

    return n;
}


/* A room that bears a socket's id is that socket's, whatever the rules. */

static ngx_uint_t
ngx_sio_membership_allowed(ngx_sio_presence_t *presence,
    const ngx_sio_values_t *values, sio_span_t room)
{
    size_t              i;
    uint32_t            socket;
    ngx_sio_zone_t     *zone;
    ngx_sio_shared_t   *sh;

    if (room.n == 0 || room.n > presence->conf->room_max_length) {
        return 0;
    }

    for (i = 0; i < room.n; i++) {
        if (room.p[i] < 0x20 || room.p[i] == 0x7f) {
            return 0;
        }
    }

    if (!ngx_sio_membership_ruled(presence->conf, values, room)) {
        return 0;
    }

    if (room.n != NGX_SIO_ID_LEN) {
        return 1;
    }

    zone = presence->peer->reader->zone;
    sh = zone->shared;

    ngx_sio_lock(zone);

    socket = ngx_sio_socket_find(sh,
                              sh->sockets[presence->socket.cell].namespace,
                              room);

    ngx_sio_unlock(zone);

    return socket == 0;
}


ngx_uint_t
ngx_sio_membership_ruled(const ngx_sio_namespace_conf_t *conf,
    const ngx_sio_values_t *values, sio_span_t room)
{
    ngx_uint_t            i;
    ngx_sio_room_rule_t  *rule;

    for (i = 0; conf->rooms && i < conf->rooms->nelts; i++) {
        rule = (ngx_sio_room_rule_t *) conf->rooms->elts + i;

        if (ngx_sio_rule_allows(rule, values, conf->room_max_length, room)) {
            return 1;
        }
    }

    return 0;
}


void
ngx_sio_membership_names(ngx_sio_presence_t *presence,
    ngx_sio_values_t *values)
{
    ngx_memzero(values, sizeof(ngx_sio_values_t));

    values->socket.p = presence->id;
    values->socket.n = NGX_SIO_ID_LEN;
    values->namespace.p = presence->name;
    values->namespace.n = presence->name_len;
}


void
ngx_sio_membership_values(ngx_sio_presence_t *presence,
    ngx_sio_values_t *values)
{
    sio_span_t      text;

    static u_char   claims[NGX_SIO_CLAIMS_MAX];

    ngx_sio_membership_names(presence, values);

    if (presence->conf->auth.mode == NGX_SIO_AUTH_OFF) {
        return;
    }

    text.p = claims;
    text.n = ngx_sio_socket_claims(presence->peer->reader->zone,
                                   presence->socket, claims, sizeof(claims));

    if (text.n) {
        (void) sio_json_parse(text, SIO_JSON_DEPTH, &values->claims, NULL);
    }
}


/* Rooms that rules give by themselves do not count for the limit. */

static ngx_uint_t
ngx_sio_membership_automatic(ngx_sio_presence_t *presence)
{
    ngx_sio_values_t            values;

    static ngx_sio_automatic_t  automatic;

    ngx_sio_membership_values(presence, &values);
    ngx_sio_membership_collect(presence->conf, &values, &automatic);

    return automatic.n;
}


static ngx_int_t
ngx_sio_membership_deny(ngx_sio_presence_t *presence,
    ngx_sio_request_t *request, sio_span_t error)
{
    ngx_sio_denial_t  denial;

    denial.what = "join";
    denial.why = error;
    denial.names = request->rooms;
    denial.n = request->n;

    ngx_sio_denied(presence->peer->reader->zone, presence->peer->session,
                   presence, &denial);

    return ngx_sio_membership_refuse(presence, request, error);
}


static ngx_int_t
ngx_sio_membership_refuse(ngx_sio_presence_t *presence,
    ngx_sio_request_t *request, sio_span_t error)
{
    u_char      head[128], *p;
    sio_span_t  text;

    ngx_sio_stat(presence->peer->reader->zone, joins_refused, 1);

    p = ngx_cpymem(head, "[", 1);

    if (request->id.n == 0) {
        p = ngx_cpymem(p, "\"error\",", sizeof("\"error\",") - 1);
    }

    p = ngx_cpymem(p, "{\"ok\":false,\"error\":\"",
                   sizeof("{\"ok\":false,\"error\":\"") - 1);
    p = ngx_cpymem(p, error.p, error.n);
    p = ngx_cpymem(p, "\",\"rooms\":[", sizeof("\",\"rooms\":[") - 1);

    text.p = head;
    text.n = p - head;

    return ngx_sio_membership_answer(presence, request, text, 1);
}


/* Without an ack only a refusal is told, as an event. */

static ngx_int_t
ngx_sio_membership_answer(ngx_sio_presence_t *presence,
    ngx_sio_request_t *request, sio_span_t text, ngx_uint_t refusal)
{
    u_char              head[NGX_SIO_NAMESPACE_NAME_MAX + SIO_ACK_ID_MAX + 8];
    ngx_uint_t          type;
    sio_span_t          name;
    ngx_sio_payload_t   payload;

    if (refusal && !ngx_sio_limit_tells(presence->peer)) {
        return NGX_OK;
    }

    if (request->id.n) {
        type = SIO_ACK;

    } else if (refusal) {
        type = SIO_EVENT;

    } else {
        return NGX_OK;
    }

    ngx_memzero(&payload, sizeof(ngx_sio_payload_t));

    name.p = presence->name;
    name.n = presence->name_len;

    payload.text[0].p = head;
    payload.text[0].n = sio_packet_write_head(head, type, 0, name,
                                              request->id);
    payload.text[1] = text;
    payload.text[2] = ngx_sio_request_names(request);
    payload.text[3] = sio_span("]}]");

    ngx_sio_peer_send(presence->peer, &payload);

    return NGX_OK;
}
