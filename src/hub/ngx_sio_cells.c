
/*
 * Cells, strings and hashes of a zone.  The registry builds sessions, sockets
 * and memberships of them; nothing here knows what they mean.
 */

#include "ngx_sio_cells.h"
#include "ngx_sio_seldom.h"
#include "ngx_sio_test.h"


static uint32_t ngx_sio_pool_take(ngx_sio_pool_t *pool, u_char *cells,
    size_t size, size_t next);
static void ngx_sio_pool_give(ngx_sio_pool_t *pool, u_char *cells, size_t size,
    size_t next, uint32_t cell);
static uint32_t *ngx_sio_id_bucket(ngx_sio_shared_t *sh, uint32_t *hash,
    const u_char *id);


#define ngx_sio_take(sh, kind, type)                                          \
    ngx_sio_pool_take(&(sh)->kind##_pool, (u_char *) (sh)->kind##s,           \
                      sizeof(type), offsetof(type, next))

#define ngx_sio_give(sh, kind, type, cell)                                    \
    ngx_sio_pool_give(&(sh)->kind##_pool, (u_char *) (sh)->kind##s,           \
                      sizeof(type), offsetof(type, next), cell)


/* Cells that were never used are not on the free list: they cost no page. */

static uint32_t
ngx_sio_pool_take(ngx_sio_pool_t *pool, u_char *cells, size_t size,
    size_t next)
{
    uint32_t  cell;

    cell = pool->free;

    if (cell) {
        ngx_memcpy(&pool->free, cells + cell * size + next, sizeof(uint32_t));

    } else if (pool->fresh < pool->size) {
        cell = pool->fresh++;
        ngx_memory_barrier();           /* a rebuild looks at used cells only */

    } else {
        ngx_sio_lack(pool);
        return 0;
    }

    ngx_sio_test_point();
    ngx_memzero(cells + cell * size, size);
    pool->used++;

    return cell;
}


static void
ngx_sio_pool_give(ngx_sio_pool_t *pool, u_char *cells, size_t size,
    size_t next, uint32_t cell)
{
    /* the state comes first in a cell, and FREE is 0 */
    ngx_memzero(cells + cell * size, sizeof(uint32_t));
    ngx_sio_test_point();

    ngx_memcpy(cells + cell * size + next, &pool->free, sizeof(uint32_t));
    pool->free = cell;
    pool->used--;
}


uint32_t
ngx_sio_session_cell(ngx_sio_shared_t *sh)
{
    uint32_t  cell;

    cell = ngx_sio_take(sh, session, ngx_sio_session_t);

    if (cell) {
        sh->sessions[cell].serial = ++sh->serial;
    }

    return cell;
}


uint32_t
ngx_sio_socket_cell(ngx_sio_shared_t *sh)
{
    uint32_t  cell;

    cell = ngx_sio_take(sh, socket, ngx_sio_socket_t);

    if (cell) {
        sh->sockets[cell].serial = ++sh->serial;
    }

    return cell;
}


uint32_t
ngx_sio_membership_cell(ngx_sio_shared_t *sh)
{
    return ngx_sio_take(sh, membership, ngx_sio_membership_t);
}


uint32_t
ngx_sio_tally_cell(ngx_sio_shared_t *sh)
{
    return ngx_sio_pool_take(&sh->tally_pool, (u_char *) sh->tallies,
                             sizeof(ngx_sio_tally_t),
                             offsetof(ngx_sio_tally_t, next));
}


uint32_t
ngx_sio_revocation_cell(ngx_sio_shared_t *sh)
{
    return ngx_sio_take(sh, revocation, ngx_sio_revocation_t);
}


uint32_t
ngx_sio_pending_cell(ngx_sio_shared_t *sh)
{
    return ngx_sio_take(sh, pending, ngx_sio_pending_t);
}


void
ngx_sio_session_cell_free(ngx_sio_shared_t *sh, uint32_t cell)
{
    ngx_sio_give(sh, session, ngx_sio_session_t, cell);
}


void
ngx_sio_socket_cell_free(ngx_sio_shared_t *sh, uint32_t cell)
{
    ngx_sio_give(sh, socket, ngx_sio_socket_t, cell);
}


void
ngx_sio_membership_cell_free(ngx_sio_shared_t *sh, uint32_t cell)
{
    ngx_sio_give(sh, membership, ngx_sio_membership_t, cell);
}


void
ngx_sio_tally_cell_free(ngx_sio_shared_t *sh, uint32_t cell)
{
    ngx_sio_pool_give(&sh->tally_pool, (u_char *) sh->tallies,
                      sizeof(ngx_sio_tally_t),
                      offsetof(ngx_sio_tally_t, next), cell);
}


void
ngx_sio_revocation_cell_free(ngx_sio_shared_t *sh, uint32_t cell)
{
    ngx_sio_give(sh, revocation, ngx_sio_revocation_t, cell);
}


void
ngx_sio_pending_cell_free(ngx_sio_shared_t *sh, uint32_t cell)
{
    ngx_sio_give(sh, pending, ngx_sio_pending_t, cell);
}


ngx_int_t
ngx_sio_string_store(ngx_sio_shared_t *sh, sio_span_t text, uint32_t *block)
{
    size_t            n;
    uint32_t          cell, *link;
    ngx_sio_block_t  *b;

    *block = 0;
    link = block;

    while (text.n > 0) {
        cell = ngx_sio_take(sh, block, ngx_sio_block_t);

        if (cell == 0) {
            ngx_sio_string_free(sh, *block);
            *block = 0;
            return NGX_DECLINED;
        }

        n = ngx_min(text.n, NGX_SIO_BLOCK_DATA);

        b = &sh->blocks[cell];
        ngx_memcpy(b->data, text.p, n);
        b->n = n;

        ngx_sio_test_point();
        *link = cell;
        link = &b->next;

        text.p += n;
        text.n -= n;
    }

    return NGX_OK;
}


void
ngx_sio_string_free(ngx_sio_shared_t *sh, uint32_t block)
{
    uint32_t  next;

    for ( /* void */ ; block; block = next) {
        next = sh->blocks[block].next;
        sh->blocks[block].n = 0;
        ngx_sio_give(sh, block, ngx_sio_block_t, block);
    }
}


size_t
ngx_sio_string_size(ngx_sio_shared_t *sh, uint32_t block)
{
    size_t  n;

    for (n = 0; block; block = sh->blocks[block].next) {
        n += sh->blocks[block].n;
    }

    return n;
}


size_t
ngx_sio_string_copy(ngx_sio_shared_t *sh, uint32_t block, u_char *dst,
    size_t size)
{
    size_t            left, n;
    ngx_sio_block_t  *b;

    left = size;

    for ( /* void */ ; block && left; block = b->next) {
        b = &sh->blocks[block];
        n = ngx_min(b->n, left);
        dst = ngx_cpymem(dst, b->data, n);
        left -= n;
    }

    return size - left;
}


ngx_uint_t
ngx_sio_string_is(ngx_sio_shared_t *sh, uint32_t block, sio_span_t text)
{
    ngx_sio_block_t  *b;

    for ( /* void */ ; block; block = b->next) {
        b = &sh->blocks[block];

        if (b->n > text.n || ngx_memcmp(b->data, text.p, b->n) != 0) {
            return 0;
        }

        text.p += b->n;
        text.n -= b->n;
    }

    return text.n == 0;
}


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
    uint32_t           cell;
    ngx_sio_socket_t  *s;

    if (id.n != NGX_SIO_ID_LEN) {
        return 0;
    }

    cell = *ngx_sio_id_bucket(sh, sh->socket_hash, id.p);

    for ( /* void */ ; cell; cell = s->next) {
        s = &sh->sockets[cell];

        if (s->state == NGX_SIO_LIVE
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
