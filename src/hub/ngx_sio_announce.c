
/*
 * Appends announcements to the log, under the lock under which the rooms have
 * changed, so that their order is that of the changes, and notes them for other
 * nodes.  Called by who changes memberships; never changes who is in a room.
 */

#include "ngx_sio_announce.h"
#include "ngx_sio_bus.h"
#include "ngx_sio_hashes.h"
#include "ngx_sio_test.h"
#include "sio_json.h"
#include "sio_packet.h"


#define NGX_SIO_ANNOUNCE_NAMESPACE  128     /* bytes: longer ones are refused */
#define NGX_SIO_ANNOUNCE_ROOM       4096    /* bytes, likewise */
#define NGX_SIO_ANNOUNCE_CLAIMS     65536   /* bytes, likewise */


/* What the announcements of one socket's change have in common. */
typedef struct {
    ngx_sio_zone_t     *zone;
    uint32_t            socket;
    ngx_uint_t          member;         /* it counts as one of the room's */
    const ngx_str_t    *event;          /* NULL: nothing is announced */
    ngx_sio_mask_t     *wake;
    sio_span_t          namespace;      /* empty: is not written yet */
    sio_span_t          head;
    sio_span_t          user;
} ngx_sio_announcing_t;


static ngx_str_t *ngx_sio_announce_text(ngx_conf_t *cf, const ngx_str_t *event,
    ngx_str_t *text);
static void ngx_sio_announce_begin(ngx_sio_announcing_t *a,
    ngx_sio_zone_t *zone, uint32_t socket, ngx_uint_t joined);
static void ngx_sio_announce_room(ngx_sio_announcing_t *a, uint32_t cell);
static void ngx_sio_announce_record(ngx_sio_announcing_t *a, uint32_t cell,
    const ngx_sio_payload_t *payload);
static void ngx_sio_announce_common(ngx_sio_announcing_t *a);
static sio_span_t ngx_sio_announce_user(ngx_sio_shared_t *sh,
    const ngx_sio_socket_t *so);
static sio_span_t ngx_sio_announce_name(ngx_sio_shared_t *sh, uint32_t name);
static sio_span_t ngx_sio_announce_tail(sio_span_t room);


uint32_t
ngx_sio_announce_add(ngx_conf_t *cf, ngx_sio_zone_t *zone,
    const ngx_str_t *join, const ngx_str_t *leave)
{
    uint32_t             id;
    ngx_str_t            texts[2];
    ngx_uint_t           i;
    ngx_sio_announce_t  *a;

    if (ngx_sio_announce_text(cf, join, &texts[0]) == NULL
        || ngx_sio_announce_text(cf, leave, &texts[1]) == NULL)
    {
        return 0;
    }

    if (zone->announces == NULL) {
        zone->announces = ngx_array_create(cf->pool, 2,
                                           sizeof(ngx_sio_announce_t));
        if (zone->announces == NULL) {
            return 0;
        }
    }

    /* a text begins with a bracket, so it is clear where the first one ends */

    ngx_crc32_init(id);
    ngx_crc32_update(&id, texts[0].data, texts[0].len);
    ngx_crc32_update(&id, (u_char *) "\n", 1);
    ngx_crc32_update(&id, texts[1].data, texts[1].len);
    ngx_crc32_final(id);

    a = zone->announces->elts;

    for (i = 0; i < zone->announces->nelts; i++) {

        if (a[i].join.len == texts[0].len
            && a[i].leave.len == texts[1].len
            && ngx_memcmp(a[i].join.data, texts[0].data, texts[0].len) == 0
            && ngx_memcmp(a[i].leave.data, texts[1].data, texts[1].len) == 0)
        {
            return a[i].id;
        }

        if (a[i].id == id) {
            id++;
        }
    }

    a = ngx_array_push(zone->announces);
    if (a == NULL) {
        return 0;
    }

    a->id = id ? id : 1;
    a->join = texts[0];
    a->leave = texts[1];

    return a->id;
}


static ngx_str_t *
ngx_sio_announce_text(ngx_conf_t *cf, const ngx_str_t *event, ngx_str_t *text)
{
    u_char      *p;
    sio_span_t   name;

    text->data = ngx_pnalloc(cf->pool, 6 * event->len + 32);
    if (text->data == NULL) {
        return NULL;
    }

    text->len = 0;

    if (event->len) {
        name.p = event->data;
        name.n = event->len;

        p = ngx_cpymem(text->data, "[\"", 2);
        p += sio_json_escape(p, name);
        p = ngx_cpymem(p, "\",{\"userId\":", sizeof("\",{\"userId\":") - 1);

        text->len = p - text->data;
    }

    return text;
}


void
ngx_sio_announce_joins_locked(ngx_sio_zone_t *zone, uint32_t socket,
    const uint32_t *rooms, ngx_uint_t n, ngx_sio_mask_t *wake)
{
    ngx_uint_t             i;
    ngx_sio_announcing_t   a;

    ngx_sio_announce_begin(&a, zone, socket, 1);
    a.wake = wake;

    for (i = 0; i < n; i++) {
        if (rooms[i]) {
            ngx_sio_announce_room(&a, rooms[i]);
        }
    }
}


/* A worker that dies between the two has the rest done by the rebuild. */

void
ngx_sio_announce_leaves_locked(ngx_sio_zone_t *zone, uint32_t socket,
    ngx_sio_mask_t *wake)
{
    uint32_t               cell;
    ngx_sio_announcing_t   a;
    ngx_sio_membership_t  *m;

    ngx_sio_announce_begin(&a, zone, socket, 0);
    a.wake = wake;

    cell = zone->shared->sockets[socket].memberships;

    for ( /* void */ ; cell; cell = m->next) {
        m = &zone->shared->memberships[cell];

        if (m->state == NGX_SIO_LIVE && m->until != NGX_SIO_FOREVER) {
            ngx_sio_test_point();
            ngx_sio_announce_room(&a, m->room);
            m->state = NGX_SIO_CLOSED;
        }
    }
}


static void
ngx_sio_announce_begin(ngx_sio_announcing_t *a, ngx_sio_zone_t *zone,
    uint32_t socket, ngx_uint_t joined)
{
    uint32_t             id;
    ngx_uint_t           i;
    ngx_sio_announce_t  *known;

    ngx_memzero(a, sizeof(ngx_sio_announcing_t));

    a->zone = zone;
    a->socket = socket;
    a->member = joined;

    id = zone->shared->sockets[socket].announce;

    if (id == 0 || zone->announces == NULL) {
        return;
    }

    known = zone->announces->elts;

    for (i = 0; i < zone->announces->nelts; i++) {
        if (known[i].id == id) {
            a->event = joined ? &known[i].join : &known[i].leave;
        }
    }

    if (a->event && a->event->len == 0) {
        a->event = NULL;
    }
}


/* Who else is in the room on other nodes is not known here. */

static void
ngx_sio_announce_room(ngx_sio_announcing_t *a, uint32_t cell)
{
    ngx_uint_t          others;
    sio_span_t          name;
    ngx_sio_room_t     *room;
    ngx_sio_payload_t   payload;

    room = &a->zone->shared->rooms[cell];
    others = room->count + room->waiting > a->member;

    if (a->event == NULL || (!others && a->zone->bus == NULL)) {
        return;
    }

    if (a->namespace.n == 0) {
        ngx_sio_announce_common(a);
    }

    ngx_memzero(&payload, sizeof(ngx_sio_payload_t));

    name = ngx_sio_announce_name(a->zone->shared, room->name);

    payload.text[0] = a->head;
    payload.text[1].p = a->event->data;
    payload.text[1].n = a->event->len;
    payload.text[2] = a->user;
    payload.text[3] = ngx_sio_announce_tail(name);

    if (others) {
        ngx_sio_announce_record(a, cell, &payload);
    }

    if (a->zone->bus) {
        a->zone->bus->note(a->zone, a->namespace, name, &payload);
    }
}


/* The exception is for a worker that has yet to read that its client left. */

static void
ngx_sio_announce_record(ngx_sio_announcing_t *a, uint32_t cell,
    const ngx_sio_payload_t *payload)
{
    ngx_sio_room_t    *room;
    ngx_sio_shared_t  *sh;
    ngx_sio_target_t   targets[2];
    ngx_sio_record_t   record;

    sh = a->zone->shared;
    room = &sh->rooms[cell];

    ngx_memzero(&record, sizeof(ngx_sio_record_t));
    ngx_memzero(targets, sizeof(targets));

    record.type = NGX_SIO_RECORD_EVENT;
    record.targets = 1;
    record.excepts = 1;

    targets[0].kind = NGX_SIO_TO_ROOM;
    targets[0].id = cell;
    targets[1].kind = NGX_SIO_TO_SOCKET;
    targets[1].id = a->socket;

    if (ngx_sio_log_append_locked(a->zone, &record, targets, payload) == 0) {
        return;
    }

    ngx_sio_stat(a->zone, announcements, 1);

    ngx_sio_mask_or(a->wake, &room->workers);

    if (room->polled) {
        ngx_sio_mask_or(a->wake, &sh->parked);
    }
}


static void
ngx_sio_announce_common(ngx_sio_announcing_t *a)
{
    sio_span_t         none;
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;

    static u_char      name[NGX_SIO_ANNOUNCE_NAMESPACE];
    static u_char      head[NGX_SIO_ANNOUNCE_NAMESPACE + 32];

    sh = a->zone->shared;
    so = &sh->sockets[a->socket];

    a->namespace.p = name;
    a->namespace.n = ngx_sio_string_copy(sh,
                                         sh->namespaces[so->namespace].name,
                                         name, sizeof(name));
    ngx_memzero(&none, sizeof(sio_span_t));

    a->head.p = head;
    a->head.n = sio_packet_write_head(head, SIO_EVENT, 0, a->namespace, none);
    a->user = ngx_sio_announce_user(sh, so);
}


static sio_span_t
ngx_sio_announce_user(ngx_sio_shared_t *sh, const ngx_sio_socket_t *so)
{
    sio_span_t       text;
    sio_json_t       json;

    static u_char    claims[NGX_SIO_ANNOUNCE_CLAIMS];

    text.p = claims;
    text.n = ngx_sio_string_copy(sh, so->claims, claims, sizeof(claims));

    if (text.n && sio_json_parse(text, SIO_JSON_DEPTH, &json, NULL) == SIO_OK)
    {
        json = sio_json_get(&json, "sub");

        if (json.kind != SIO_JSON_NONE) {
            return json.raw;
        }
    }

    return sio_span("null");
}


static sio_span_t
ngx_sio_announce_name(ngx_sio_shared_t *sh, uint32_t name)
{
    sio_span_t      room;

    static u_char   text[NGX_SIO_ANNOUNCE_ROOM];

    room.p = text;
    room.n = ngx_sio_string_copy(sh, name, text, sizeof(text));

    return room;
}


static sio_span_t
ngx_sio_announce_tail(sio_span_t room)
{
    u_char         *p;
    sio_span_t      text;

    static u_char   tail[6 * NGX_SIO_ANNOUNCE_ROOM + 32];

    p = ngx_cpymem(tail, ",\"room\":\"", sizeof(",\"room\":\"") - 1);
    p += sio_json_escape(p, room);
    p = ngx_cpymem(p, "\"}]", sizeof("\"}]") - 1);

    text.p = tail;
    text.n = p - tail;

    return text;
}
