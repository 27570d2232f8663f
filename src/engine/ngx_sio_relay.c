
/*
 * Passes a client's event on to rooms, with its arguments as they came or with
 * members that the rule merges into them.  Whether the sender may do so is
 * judged by the hub, under the lock under which the event gets its place.
 */

#include "ngx_sio_bus.h"
#include "ngx_sio_denied.h"
#include "ngx_sio_on.h"
#include "ngx_sio_relay.h"
#include "sio_merge.h"


#define NGX_SIO_RELAY_ROOMS   256       /* of one event */
#define NGX_SIO_RELAY_NAMES   32768     /* bytes of theirs */
#define NGX_SIO_RELAY_VALUES  65536     /* bytes of merged texts */


typedef struct {
    ngx_uint_t           n;
    size_t               used;
    sio_span_t           rooms[NGX_SIO_RELAY_ROOMS];
    u_char               names[NGX_SIO_RELAY_NAMES];
} ngx_sio_relay_rooms_t;


typedef struct {
    sio_merge_t          merge;
    sio_merge_member_t   members[NGX_SIO_ON_MERGES];
    size_t               used;
    u_char               values[NGX_SIO_RELAY_VALUES];
} ngx_sio_relay_merge_t;


static ngx_int_t ngx_sio_relay_rooms(ngx_sio_event_t *event,
    const ngx_sio_values_t *values, ngx_sio_emit_t *emit);
static ngx_int_t ngx_sio_relay_room(void *data, sio_span_t room);
static ngx_int_t ngx_sio_relay_arguments(ngx_sio_event_t *event,
    const ngx_sio_values_t *values, ngx_sio_emit_t *emit, u_char **merged);
static ngx_int_t ngx_sio_relay_members(ngx_sio_event_t *event,
    const ngx_sio_values_t *values, ngx_sio_relay_merge_t *m);
static void ngx_sio_relay_emit(ngx_sio_event_t *event, ngx_sio_emit_t *emit);
static void ngx_sio_relay_refuse(ngx_sio_event_t *event, ngx_int_t why);


ngx_int_t
ngx_sio_relay(ngx_sio_event_t *event, const ngx_sio_values_t *values)
{
    u_char              *merged;
    ngx_int_t            rc;
    ngx_sio_emit_t       emit;
    ngx_sio_presence_t  *presence;

    presence = event->presence;
    merged = NULL;

    ngx_memzero(&emit, sizeof(ngx_sio_emit_t));

    emit.zone = presence->peer->reader->zone;
    emit.namespace = values->namespace;
    emit.sender = presence->socket;
    emit.member = !event->rule->any;
    emit.others = !event->rule->self;
    emit.flags = event->rule->is_volatile ? NGX_SIO_VOLATILE : 0;

    rc = ngx_sio_relay_rooms(event, values, &emit);

    if (rc == NGX_OK) {
        rc = ngx_sio_relay_arguments(event, values, &emit, &merged);
    }

    if (rc == NGX_OK) {
        ngx_sio_relay_emit(event, &emit);

    } else if (rc != NGX_ERROR) {
        ngx_sio_relay_refuse(event, rc);
    }

    ngx_free(merged);

    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


/* NGX_ABORT: a value is missing, or cannot be in a name. */

static ngx_int_t
ngx_sio_relay_rooms(ngx_sio_event_t *event, const ngx_sio_values_t *values,
    ngx_sio_emit_t *emit)
{
    ngx_uint_t                    i;
    ngx_sio_pattern_t            *pattern;

    static ngx_sio_relay_rooms_t  rooms;

    rooms.n = 0;
    rooms.used = 0;

    if (event->rule->rooms == NULL) {
        return NGX_OK;
    }

    pattern = event->rule->rooms->elts;

    for (i = 0; i < event->rule->rooms->nelts; i++) {
        if (ngx_sio_template_rooms(&pattern[i].template, values,
                                   event->presence->conf->room_max_length,
                                   ngx_sio_relay_room, &rooms)
            != NGX_OK)
        {
            return NGX_ABORT;
        }
    }

    emit->rooms = rooms.rooms;
    emit->nrooms = rooms.n;

    /* none would mean the whole namespace */

    return rooms.n ? NGX_OK : NGX_ABORT;
}


static ngx_int_t
ngx_sio_relay_room(void *data, sio_span_t room)
{
    ngx_sio_relay_rooms_t *rooms = data;

    u_char  *p;

    if (rooms->n == NGX_SIO_RELAY_ROOMS
        || room.n > NGX_SIO_RELAY_NAMES - rooms->used)
    {
        return NGX_DECLINED;
    }

    p = rooms->names + rooms->used;
    ngx_memcpy(p, room.p, room.n);
    rooms->used += room.n;

    rooms->rooms[rooms->n].p = p;
    rooms->rooms[rooms->n].n = room.n;
    rooms->n++;

    return NGX_OK;
}


/* NGX_DECLINED: more than the log takes, NGX_ABORT: a value is missing. */

static ngx_int_t
ngx_sio_relay_arguments(ngx_sio_event_t *event, const ngx_sio_values_t *values,
    ngx_sio_emit_t *emit, u_char **merged)
{
    size_t                        size;
    const sio_json_t             *payload;

    static ngx_sio_relay_merge_t  m;

    payload = &event->packet->payload;

    emit->payload.attachments = (sio_span_t *) event->attachments;
    emit->payload.nattachments = event->packet->attachments;
    emit->payload.text[1] = payload->raw;

    if (event->rule->merge == NULL) {
        return NGX_OK;
    }

    if (ngx_sio_relay_members(event, values, &m) != NGX_OK) {
        return NGX_ABORT;
    }

    /* at most the whole payload is removed, so more than this is left */

    size = sio_merge_size(&m.merge, payload);

    if (!ngx_sio_log_fits(emit->zone, size - payload->raw.n)) {
        return NGX_DECLINED;
    }

    *merged = ngx_alloc(size, ngx_cycle->log);
    if (*merged == NULL) {
        return ngx_sio_peer_starved(event->presence->peer);
    }

    emit->payload.text[1].p = *merged;
    emit->payload.text[1].n = sio_merge_write(&m.merge, payload, *merged);

    return NGX_OK;
}


static ngx_int_t
ngx_sio_relay_members(ngx_sio_event_t *event, const ngx_sio_values_t *values,
    ngx_sio_relay_merge_t *m)
{
    ngx_uint_t           i;
    ngx_sio_merge_t     *merge;
    sio_merge_member_t  *member;

    m->used = 0;
    m->merge.members = m->members;
    m->merge.n = event->rule->merge->nelts;
    m->merge.binary = event->packet->attachments != 0;

    merge = event->rule->merge->elts;

    for (i = 0; i < m->merge.n; i++) {
        member = &m->members[i];

        member->name.p = merge[i].name.data;
        member->name.n = merge[i].name.len;
        member->key.p = merge[i].key.data;
        member->key.n = merge[i].key.len;

        if (ngx_sio_template_json(&merge[i].value.template, values,
                                  m->values + m->used,
                                  NGX_SIO_RELAY_VALUES - m->used,
                                  &member->value)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }

        if (member->value.p == m->values + m->used) {
            m->used += member->value.n;
        }
    }

    return NGX_OK;
}


/* His own copy, if he gets one, comes before the answer. */

static void
ngx_sio_relay_emit(ngx_sio_event_t *event, ngx_sio_emit_t *emit)
{
    u_char      head[NGX_SIO_NAMESPACE_NAME_MAX + SIO_ACK_ID_MAX + 8];
    ngx_int_t   rc;
    sio_span_t  none;

    ngx_memzero(&none, sizeof(sio_span_t));

    emit->payload.text[0].p = head;
    emit->payload.text[0].n = sio_packet_write_head(head, event->packet->type,
                                                    event->packet->attachments,
                                                    emit->namespace, none);
    rc = ngx_sio_publish(emit);

    if (rc != NGX_OK) {
        ngx_sio_relay_refuse(event, rc);
        return;
    }

    ngx_sio_stat(emit->zone, relays, 1);
    ngx_sio_on_answer(event, sio_span("[{\"ok\":true}]"));
}


static void
ngx_sio_relay_refuse(ngx_sio_event_t *event, ngx_int_t why)
{
    ngx_uint_t        large;
    ngx_sio_peer_t   *peer;
    ngx_sio_denial_t  denial;

    large = why == NGX_DECLINED;
    peer = event->presence->peer;

    ngx_sio_stat(peer->reader->zone, relays_refused, 1);

    denial.what = "relay";
    denial.why = large ? sio_span("Payload too large") : sio_span("Forbidden");
    denial.names = &event->name;
    denial.n = 1;

    ngx_sio_denied(peer->reader->zone, peer->session, event->presence,
                   &denial);

    ngx_sio_on_refuse(event, large
                      ? sio_span("[{\"ok\":false,"
                                 "\"error\":\"Payload too large\"}]")
                      : sio_span("[{\"ok\":false,\"error\":\"Forbidden\"}]"));
}
