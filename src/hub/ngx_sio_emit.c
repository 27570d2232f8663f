
/*
 * Resolves rooms, appends the record, wakes the workers concerned.  All of it
 * happens under one hold of the lock, which makes joins and records one order.
 */

#include "ngx_sio_hashes.h"
#include "ngx_sio_emit.h"
#include "ngx_sio_keys.h"
#include "ngx_sio_registry.h"
#include "ngx_sio_rooms.h"


/* Set together so that a room named twice is one target. */
typedef struct {
    ngx_sio_target_t   *targets;
    ngx_uint_t          n;
    ngx_sio_mask_t      wake;
    ngx_uint_t          polled;
} ngx_sio_audience_t;


static ngx_int_t ngx_sio_emit_locked(ngx_sio_emit_t *emit,
    ngx_sio_audience_t *audience);
static ngx_uint_t ngx_sio_emit_forbidden(ngx_sio_emit_t *emit,
    uint32_t namespace);
static ngx_uint_t ngx_sio_emit_member(ngx_sio_emit_t *emit, uint32_t namespace,
    sio_span_t room);
static void ngx_sio_emit_resolve(ngx_sio_emit_t *emit, uint32_t namespace,
    ngx_sio_audience_t *audience);
static void ngx_sio_emit_except(ngx_sio_emit_t *emit, uint32_t namespace,
    ngx_sio_audience_t *audience);
static void ngx_sio_emit_namespace(ngx_sio_emit_t *emit, uint32_t namespace,
    ngx_sio_audience_t *audience);
static void ngx_sio_emit_room(ngx_sio_emit_t *emit, uint32_t namespace,
    sio_span_t name, ngx_sio_audience_t *audience);
static ngx_sio_target_t *ngx_sio_emit_add(ngx_sio_audience_t *audience,
    uint32_t kind, uint32_t id);
static ngx_int_t ngx_sio_emit_record(ngx_sio_emit_t *emit,
    ngx_sio_audience_t *audience, ngx_uint_t targets);
static ngx_int_t ngx_sio_emit_append(ngx_sio_emit_t *emit,
    ngx_sio_audience_t *audience, ngx_uint_t targets);
static ngx_uint_t ngx_sio_emit_asks(sio_span_t head);


ngx_int_t
ngx_sio_emit(ngx_sio_emit_t *emit)
{
    ngx_int_t            rc;
    ngx_sio_zone_t      *zone;
    ngx_sio_audience_t   audience;

    static ngx_sio_target_t  scratch[2 * NGX_SIO_TARGETS_MAX];

    zone = emit->zone;

    ngx_memzero(&audience, sizeof(ngx_sio_audience_t));
    audience.targets = scratch;
    emit->matched = 0;
    emit->duplicate = 0;

    ngx_sio_lock(zone);
    rc = ngx_sio_emit_locked(emit, &audience);
    ngx_sio_unlock(zone);

    if (rc != NGX_OK) {
        return rc;
    }

    if (emit->duplicate) {
        ngx_sio_stat(zone, duplicates, 1);
        return NGX_OK;
    }

    ngx_sio_stat(zone, publishes, 1);
    ngx_sio_wake(&audience.wake);

    return NGX_OK;
}


static ngx_int_t
ngx_sio_emit_locked(ngx_sio_emit_t *emit, ngx_sio_audience_t *audience)
{
    uint32_t           namespace;
    ngx_uint_t         targets;
    ngx_sio_key_t     *key;
    ngx_sio_shared_t  *sh;

    sh = emit->zone->shared;

    key = emit->key ? ngx_sio_key_find_locked(sh, emit->key) : NULL;

    if (key) {
        emit->position = key->position;
        emit->matched = key->matched;
        emit->duplicate = 1;
        return NGX_OK;
    }

    emit->position = sio_ring_head(sh->log);

    namespace = ngx_sio_namespace_find(sh, emit->namespace);

    if (emit->sender.cell && ngx_sio_emit_forbidden(emit, namespace)) {
        return NGX_ABORT;
    }

    if (namespace) {
        ngx_sio_emit_resolve(emit, namespace, audience);
    }

    if (emit->most && emit->matched > emit->most) {
        return NGX_BUSY;
    }

    targets = audience->n;

    if (targets) {
        ngx_sio_emit_except(emit, namespace, audience);
        return ngx_sio_emit_record(emit, audience, targets);
    }

    if (emit->key) {
        (void) ngx_sio_key_note_locked(emit->zone, emit->key, 0, 0);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_sio_emit_forbidden(ngx_sio_emit_t *emit, uint32_t namespace)
{
    ngx_uint_t  i;

    if (ngx_sio_socket_locked(emit->zone, emit->sender) == NULL) {
        return 1;
    }

    for (i = 0; emit->member && i < emit->nrooms; i++) {
        if (!ngx_sio_emit_member(emit, namespace, emit->rooms[i])) {
            return 1;
        }
    }

    return 0;
}


/* Whether the sender is in what ngx_sio_emit_room() would take. */

static ngx_uint_t
ngx_sio_emit_member(ngx_sio_emit_t *emit, uint32_t namespace, sio_span_t room)
{
    uint32_t           cell;
    ngx_sio_shared_t  *sh;

    sh = emit->zone->shared;

    cell = ngx_sio_socket_find(sh, namespace, room);

    if (cell) {
        return cell == emit->sender.cell;
    }

    cell = ngx_sio_room_find(sh, namespace, room);

    return cell != 0
           && ngx_sio_membership_find(sh, emit->sender.cell, cell) != 0;
}


static void
ngx_sio_emit_resolve(ngx_sio_emit_t *emit, uint32_t namespace,
    ngx_sio_audience_t *audience)
{
    ngx_uint_t  i;

    if (emit->nrooms == 0) {
        ngx_sio_emit_namespace(emit, namespace, audience);
        return;
    }

    for (i = 0; i < emit->nrooms; i++) {
        ngx_sio_emit_room(emit, namespace, emit->rooms[i], audience);
    }
}


static void
ngx_sio_emit_namespace(ngx_sio_emit_t *emit, uint32_t namespace,
    ngx_sio_audience_t *audience)
{
    ngx_sio_room_t  *nsp;

    nsp = &emit->zone->shared->namespaces[namespace];

    (void) ngx_sio_emit_add(audience, NGX_SIO_TO_NAMESPACE, namespace);

    ngx_sio_mask_or(&audience->wake, &nsp->workers);
    audience->polled = nsp->polled;
    emit->matched = nsp->count;
}


/* Ids are looked up among sockets before rooms: a socket's id is its room. */

static void
ngx_sio_emit_room(ngx_sio_emit_t *emit, uint32_t namespace, sio_span_t name,
    ngx_sio_audience_t *audience)
{
    uint32_t           cell;
    ngx_sio_room_t    *room;
    ngx_sio_shared_t  *sh;

    sh = emit->zone->shared;

    cell = ngx_sio_socket_waiting(sh, namespace, name);

    if (cell) {
        (void) ngx_sio_emit_add(audience, NGX_SIO_TO_SOCKET, cell);
        return;
    }

    cell = ngx_sio_socket_find(sh, namespace, name);

    if (cell) {
        if (ngx_sio_emit_add(audience, NGX_SIO_TO_SOCKET, cell)) {
            ngx_sio_session_mask_locked(emit->zone, sh->sockets[cell].session,
                                        &audience->wake);
            emit->matched++;
        }

        return;
    }

    cell = ngx_sio_room_find(sh, namespace, name);

    /* a room with closed memberships only has nobody who is to get this */

    if (cell == 0 || sh->rooms[cell].count + sh->rooms[cell].waiting == 0) {
        return;
    }

    if (ngx_sio_emit_add(audience, NGX_SIO_TO_ROOM, cell)) {
        room = &sh->rooms[cell];
        ngx_sio_mask_or(&audience->wake, &room->workers);
        audience->polled |= room->polled;
        emit->matched += room->count;
    }
}


static void
ngx_sio_emit_except(ngx_sio_emit_t *emit, uint32_t namespace,
    ngx_sio_audience_t *audience)
{
    uint32_t            cell;
    ngx_uint_t          i;
    ngx_sio_target_t   *t;
    ngx_sio_shared_t   *sh;

    sh = emit->zone->shared;

    if (emit->sender.cell && emit->others) {
        t = &audience->targets[audience->n++];
        t->kind = NGX_SIO_TO_SOCKET;
        t->id = emit->sender.cell;
        t->prev = 0;
    }

    for (i = 0; i < emit->nexcept; i++) {

        t = &audience->targets[audience->n];
        t->prev = 0;

        cell = ngx_sio_socket_find(sh, namespace, emit->except[i]);

        if (cell == 0) {
            cell = ngx_sio_socket_waiting(sh, namespace, emit->except[i]);
        }

        if (cell) {
            t->kind = NGX_SIO_TO_SOCKET;
            t->id = cell;
            audience->n++;
            continue;
        }

        cell = ngx_sio_room_find(sh, namespace, emit->except[i]);

        if (cell) {
            t->kind = NGX_SIO_TO_ROOM;
            t->id = cell;
            audience->n++;
        }
    }
}


static ngx_sio_target_t *
ngx_sio_emit_add(ngx_sio_audience_t *audience, uint32_t kind, uint32_t id)
{
    ngx_uint_t         i;
    ngx_sio_target_t  *t;

    for (i = 0; i < audience->n; i++) {
        t = &audience->targets[i];

        if (t->id == id && t->kind == kind) {
            return NULL;
        }
    }

    t = &audience->targets[audience->n++];
    t->kind = kind;
    t->id = id;

    return t;
}


static ngx_int_t
ngx_sio_emit_record(ngx_sio_emit_t *emit, ngx_sio_audience_t *audience,
    ngx_uint_t targets)
{
    ngx_int_t       rc;
    ngx_sio_key_t  *key;

    if (emit->key == NULL) {
        return ngx_sio_emit_append(emit, audience, targets);
    }

    key = ngx_sio_key_note_locked(emit->zone, emit->key, emit->matched, 1);

    rc = ngx_sio_emit_append(emit, audience, targets);

    if (rc == NGX_OK) {
        key->position = emit->position;

    } else {
        ngx_sio_key_forget_locked(emit->zone->shared, key);
    }

    return rc;
}


static ngx_int_t
ngx_sio_emit_append(ngx_sio_emit_t *emit, ngx_sio_audience_t *audience,
    ngx_uint_t targets)
{
    uint64_t           position;
    ngx_sio_record_t   record;

    ngx_memzero(&record, sizeof(ngx_sio_record_t));

    record.type = NGX_SIO_RECORD_EVENT;
    record.flags = emit->flags;

    if (ngx_sio_emit_asks(emit->payload.text[0])) {
        record.flags |= NGX_SIO_ASKS;
    }

    record.targets = targets;
    record.excepts = audience->n - targets;

    position = ngx_sio_log_append_locked(emit->zone, &record,
                                         audience->targets, &emit->payload);
    if (position == 0) {
        return NGX_DECLINED;
    }

    emit->position = position;

    if (emit->appended) {
        emit->appended(emit);
    }

    if (audience->polled) {
        ngx_sio_mask_or(&audience->wake, &emit->zone->shared->parked);
    }

    return NGX_OK;
}


/* Whether an event's head, as in 42/chat,17[, has the id of an ack. */

static ngx_uint_t
ngx_sio_emit_asks(sio_span_t head)
{
    size_t  i;

    i = 2;

    if (head.n > 2 && head.p[1] == '5') {
        while (i < head.n && head.p[i] != '-') {
            i++;
        }

        i++;
    }

    if (i < head.n && head.p[i] == '/') {
        while (i < head.n && head.p[i] != ',') {
            i++;
        }

        i++;
    }

    return i < head.n && head.p[i] >= '0' && head.p[i] <= '9';
}


u_char *
ngx_sio_offset_write(ngx_sio_zone_t *zone, uint64_t position, u_char *dst)
{
    return dst + sio_offset_write(dst, zone->shared->epoch, position);
}
