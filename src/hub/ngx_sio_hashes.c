
/*
 * Hash chains of sessions, sockets, rooms and namespaces, by which they are
 * found.  Nothing here knows what they mean.
 */

#include "ngx_sio_hashes.h"
#include "ngx_sio_test.h"


static uint32_t *ngx_sio_id_bucket(ngx_sio_shared_t *sh, uint32_t *hash,
    const u_char *id);
static uint32_t ngx_sio_socket_state(ngx_sio_shared_t *sh, uint32_t namespace,
    sio_span_t id, ngx_uint_t state);


/* Names come from clients: the seed keeps them from choosing collisions. */

uint32_t
ngx_sio_hash(ngx_sio_shared_t *sh, uint32_t namespace, sio_span_t name)
{
    size_t    i;
    uint64_t  h;

    h = sh->seed ^ (uint64_t) namespace << 32;

    for (i = 0; i < name.n; i++) {
        h = (h ^ name.p[i]) * 0x9e3779b97f4a7c15;
        h ^= h >> 29;
    }

    return (uint32_t) (h ^ h >> 32);
}


static uint32_t *
ngx_sio_id_bucket(ngx_sio_shared_t *sh, uint32_t *hash, const u_char *id)
{
    sio_span_t  name;

    name.p = id;
    name.n = NGX_SIO_ID_LEN;

    return &hash[ngx_sio_hash(sh, 0, name) & sh->mask];
}


void
ngx_sio_session_link(ngx_sio_shared_t *sh, uint32_t cell)
{
    uint32_t  *bucket;

    bucket = ngx_sio_id_bucket(sh, sh->session_hash, sh->sessions[cell].sid);
    sh->sessions[cell].next = *bucket;
    ngx_sio_test_point();
    *bucket = cell;
}


void
ngx_sio_session_unlink(ngx_sio_shared_t *sh, uint32_t cell)
{
    uint32_t  *link;

    link = ngx_sio_id_bucket(sh, sh->session_hash, sh->sessions[cell].sid);

    while (*link != cell) {
        link = &sh->sessions[*link].next;
    }

    *link = sh->sessions[cell].next;
}


void
ngx_sio_socket_link(ngx_sio_shared_t *sh, uint32_t cell)
{
    uint32_t  *bucket;

    bucket = ngx_sio_id_bucket(sh, sh->socket_hash, sh->sockets[cell].id);
    sh->sockets[cell].next = *bucket;
    ngx_sio_test_point();
    *bucket = cell;
}


void
ngx_sio_socket_unlink(ngx_sio_shared_t *sh, uint32_t cell)
{
    uint32_t  *link;

    link = ngx_sio_id_bucket(sh, sh->socket_hash, sh->sockets[cell].id);

    while (*link != cell) {
        link = &sh->sockets[*link].next;
    }

    *link = sh->sockets[cell].next;
}


void
ngx_sio_room_link(ngx_sio_shared_t *sh, uint32_t cell)
{
    uint32_t  *bucket;

    bucket = &sh->room_hash[sh->rooms[cell].hash & sh->mask];
    sh->rooms[cell].next = *bucket;
    ngx_sio_test_point();
    *bucket = cell;
}


void
ngx_sio_namespace_link(ngx_sio_shared_t *sh, uint32_t cell)
{
    uint32_t  *bucket;

    bucket = &sh->namespace_hash[sh->namespaces[cell].hash
                                 % NGX_SIO_NAMESPACES];
    sh->namespaces[cell].next = *bucket;
    *bucket = cell;
}


/* A sid is a secret: equal bytes must not show in the time this takes. */

uint32_t
ngx_sio_session_find(ngx_sio_shared_t *sh, const u_char *sid)
{
    uint32_t    cell;
    ngx_uint_t  i, diff;

    cell = *ngx_sio_id_bucket(sh, sh->session_hash, sid);

    for ( /* void */ ; cell; cell = sh->sessions[cell].next) {

        for (diff = 0, i = 0; i < NGX_SIO_ID_LEN; i++) {
            diff |= sh->sessions[cell].sid[i] ^ sid[i];
        }

        if (diff == 0) {
            return cell;
        }
    }

    return 0;
}


uint32_t
ngx_sio_socket_find(ngx_sio_shared_t *sh, uint32_t namespace, sio_span_t id)
{
    return ngx_sio_socket_state(sh, namespace, id, NGX_SIO_LIVE);
}


uint32_t
ngx_sio_socket_waiting(ngx_sio_shared_t *sh, uint32_t namespace,
    sio_span_t id)
{
    return ngx_sio_socket_state(sh, namespace, id, NGX_SIO_WAITING);
}


static uint32_t
ngx_sio_socket_state(ngx_sio_shared_t *sh, uint32_t namespace, sio_span_t id,
    ngx_uint_t state)
{
    uint32_t           cell;
    ngx_sio_socket_t  *s;

    if (id.n != NGX_SIO_ID_LEN) {
        return 0;
    }

    cell = *ngx_sio_id_bucket(sh, sh->socket_hash, id.p);

    for ( /* void */ ; cell; cell = s->next) {
        s = &sh->sockets[cell];

        if (s->state == state
            && (namespace == 0 || s->namespace == namespace)
            && ngx_memcmp(s->id, id.p, NGX_SIO_ID_LEN) == 0)
        {
            return cell;
        }
    }

    return 0;
}


uint32_t
ngx_sio_room_find(ngx_sio_shared_t *sh, uint32_t namespace, sio_span_t name)
{
    uint32_t         cell, hash;
    ngx_sio_room_t  *room;

    hash = ngx_sio_hash(sh, namespace, name);

    for (cell = sh->room_hash[hash & sh->mask]; cell; cell = room->next) {
        room = &sh->rooms[cell];

        if (room->hash == hash
            && room->namespace == namespace
            && ngx_sio_string_is(sh, room->name, name))
        {
            return cell;
        }
    }

    return 0;
}


uint32_t
ngx_sio_namespace_find(ngx_sio_shared_t *sh, sio_span_t name)
{
    uint32_t         cell, hash;
    ngx_sio_room_t  *nsp;

    hash = ngx_sio_hash(sh, 0, name);
    cell = sh->namespace_hash[hash % NGX_SIO_NAMESPACES];

    for ( /* void */ ; cell; cell = nsp->next) {
        nsp = &sh->namespaces[cell];

        if (nsp->hash == hash && ngx_sio_string_is(sh, nsp->name, name)) {
            return cell;
        }
    }

    return 0;
}


uint32_t
ngx_sio_room_obtain(ngx_sio_shared_t *sh, uint32_t namespace, sio_span_t name)
{
    uint32_t         cell;
    ngx_sio_room_t  *room;

    cell = ngx_sio_room_find(sh, namespace, name);
    if (cell) {
        return cell;
    }

    cell = ngx_sio_take(sh, room, ngx_sio_room_t);
    if (cell == 0) {
        return 0;
    }

    room = &sh->rooms[cell];

    if (ngx_sio_string_store(sh, name, &room->name) != NGX_OK) {
        ngx_sio_give(sh, room, ngx_sio_room_t, cell);
        return 0;
    }

    room->namespace = namespace;
    room->hash = ngx_sio_hash(sh, namespace, name);
    ngx_sio_room_link(sh, cell);
    room->state = NGX_SIO_LIVE;

    return cell;
}


uint32_t
ngx_sio_namespace_obtain(ngx_sio_shared_t *sh, sio_span_t name)
{
    uint32_t         cell;
    ngx_sio_room_t  *nsp;

    cell = ngx_sio_namespace_find(sh, name);
    if (cell) {
        return cell;
    }

    cell = ngx_sio_take(sh, namespace, ngx_sio_room_t);
    if (cell == 0) {
        return 0;
    }

    nsp = &sh->namespaces[cell];

    if (ngx_sio_string_store(sh, name, &nsp->name) != NGX_OK) {
        ngx_sio_give(sh, namespace, ngx_sio_room_t, cell);
        return 0;
    }

    nsp->hash = ngx_sio_hash(sh, 0, name);
    ngx_sio_namespace_link(sh, cell);
    nsp->state = NGX_SIO_LIVE;

    return cell;
}


void
ngx_sio_room_release(ngx_sio_shared_t *sh, uint32_t cell)
{
    uint32_t  *link;

    link = &sh->room_hash[sh->rooms[cell].hash & sh->mask];

    while (*link != cell) {
        link = &sh->rooms[*link].next;
    }

    *link = sh->rooms[cell].next;

    sh->rooms[cell].state = NGX_SIO_FREE;
    ngx_sio_string_free(sh, sh->rooms[cell].name);
    ngx_sio_give(sh, room, ngx_sio_room_t, cell);
}


void
ngx_sio_namespace_release(ngx_sio_shared_t *sh, uint32_t cell)
{
    uint32_t  *link;

    link = &sh->namespace_hash[sh->namespaces[cell].hash
                               % NGX_SIO_NAMESPACES];

    while (*link != cell) {
        link = &sh->namespaces[*link].next;
    }

    *link = sh->namespaces[cell].next;

    sh->namespaces[cell].state = NGX_SIO_FREE;
    ngx_sio_string_free(sh, sh->namespaces[cell].name);
    ngx_sio_give(sh, namespace, ngx_sio_room_t, cell);
}
