
/*
 * Counts by key, in cells that are found by a hash.  All of it is derived from
 * live sessions and sockets: a rebuild begins with no cell at all.
 */

#include "ngx_sio_tally.h"
#include "ngx_sio_test.h"


static uint64_t ngx_sio_tally_key(ngx_sio_shared_t *sh, u_char kind,
    sio_span_t scope, sio_span_t name);
static uint64_t ngx_sio_tally_mix(uint64_t h, sio_span_t text);
static uint32_t *ngx_sio_tally_link(ngx_sio_shared_t *sh, uint64_t key);


uint64_t
ngx_sio_tally_endpoint(ngx_sio_shared_t *sh, uint32_t endpoint)
{
    sio_span_t  scope, none;

    scope.p = (u_char *) &endpoint;
    scope.n = sizeof(uint32_t);
    ngx_memzero(&none, sizeof(sio_span_t));

    return ngx_sio_tally_key(sh, 'e', scope, none);
}


uint64_t
ngx_sio_tally_address(ngx_sio_shared_t *sh, uint32_t endpoint,
    sio_span_t address)
{
    sio_span_t  scope;

    scope.p = (u_char *) &endpoint;
    scope.n = sizeof(uint32_t);

    return address.n ? ngx_sio_tally_key(sh, 'a', scope, address) : 0;
}


uint64_t
ngx_sio_tally_user(ngx_sio_shared_t *sh, sio_span_t namespace,
    sio_span_t user)
{
    return user.n ? ngx_sio_tally_key(sh, 'u', namespace, user) : 0;
}


static uint64_t
ngx_sio_tally_key(ngx_sio_shared_t *sh, u_char kind, sio_span_t scope,
    sio_span_t name)
{
    uint64_t  h;

    h = ((uint64_t) sh->seed << 32 | sh->seed) ^ kind;

    /* the length parts the two texts */

    h = ngx_sio_tally_mix(h ^ (uint64_t) scope.n << 8, scope);
    h = ngx_sio_tally_mix(h, name);

    h = (h ^ h >> 33) * 0xff51afd7ed558ccd;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53;
    h ^= h >> 33;

    return h ? h : 1;
}


static uint64_t
ngx_sio_tally_mix(uint64_t h, sio_span_t text)
{
    size_t  i;

    for (i = 0; i < text.n; i++) {
        h = (h ^ text.p[i]) * 0x9e3779b97f4a7c15;
        h ^= h >> 29;
    }

    return h;
}


/* Where the cell of a key hangs, or would. */

static uint32_t *
ngx_sio_tally_link(ngx_sio_shared_t *sh, uint64_t key)
{
    uint32_t  *link;

    link = &sh->tally_hash[key & sh->mask];

    while (*link && sh->tallies[*link].key != key) {
        link = &sh->tallies[*link].next;
    }

    return link;
}


ngx_int_t
ngx_sio_tally_add(ngx_sio_shared_t *sh, uint64_t key, ngx_uint_t limit)
{
    uint32_t          cell, *link;
    ngx_sio_tally_t  *tally;

    if (key == 0) {
        return NGX_OK;
    }

    link = ngx_sio_tally_link(sh, key);

    if (*link) {
        tally = &sh->tallies[*link];

        if (limit && tally->count >= limit) {
            return NGX_BUSY;
        }

        tally->count++;
        ngx_sio_test_point();

        return NGX_OK;
    }

    cell = ngx_sio_tally_cell(sh);
    if (cell == 0) {
        return NGX_DECLINED;
    }

    tally = &sh->tallies[cell];
    tally->key = key;
    tally->count = 1;
    tally->state = NGX_SIO_LIVE;
    ngx_sio_test_point();
    *link = cell;

    return NGX_OK;
}


void
ngx_sio_tally_drop(ngx_sio_shared_t *sh, uint64_t key)
{
    uint32_t   cell, *link;

    if (key == 0) {
        return;
    }

    link = ngx_sio_tally_link(sh, key);
    cell = *link;

    /* a rebuild that found no cell for it has not counted it */

    if (cell == 0 || --sh->tallies[cell].count) {
        return;
    }

    ngx_sio_test_point();
    *link = sh->tallies[cell].next;
    ngx_sio_tally_cell_free(sh, cell);
}


void
ngx_sio_tally_reset(ngx_sio_shared_t *sh)
{
    ngx_memzero(sh->tally_hash, ((size_t) sh->mask + 1) * 4);

    sh->tally_pool.free = 0;
    sh->tally_pool.used = 0;
    sh->tally_pool.fresh = 1;
}
