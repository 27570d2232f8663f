
/*
 * Cells and strings of a zone.  The registry builds sessions, sockets and
 * memberships of them; nothing here knows what they mean.
 */

#include "ngx_sio_cells.h"
#include "ngx_sio_seldom.h"
#include "ngx_sio_test.h"


/* with the lock held; test builds want to see slices of small strings */
#if (NGX_SIO_TEST)
#define NGX_SIO_SCRAP_BLOCKS  4
#else
#define NGX_SIO_SCRAP_BLOCKS  256
#endif


static uint32_t ngx_sio_string_slice(ngx_sio_shared_t *sh, uint32_t block);


/* Cells that were never used are not on the free list: they cost no page. */

uint32_t
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


void
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

    if (sh->block_pool.free == 0
        && sh->block_pool.fresh == sh->block_pool.size)
    {
        (void) ngx_sio_scraps_free(sh);
    }

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


/* The last block of a string's first slice. */

static uint32_t
ngx_sio_string_slice(ngx_sio_shared_t *sh, uint32_t block)
{
    ngx_uint_t  i;

    for (i = 1; i < NGX_SIO_SCRAP_BLOCKS && sh->blocks[block].next; i++) {
        block = sh->blocks[block].next;
    }

    return block;
}


/* Scraps are strings whose first blocks have the next one as their data. */

void
ngx_sio_string_scrap(ngx_sio_shared_t *sh, uint32_t block)
{
    if (block == 0 || sh->blocks[ngx_sio_string_slice(sh, block)].next == 0) {
        ngx_sio_string_free(sh, block);
        return;
    }

    ngx_memcpy(sh->blocks[block].data, &sh->scraps, sizeof(uint32_t));
    ngx_sio_test_point();
    sh->scraps = block;
}


ngx_uint_t
ngx_sio_scraps_free(ngx_sio_shared_t *sh)
{
    uint32_t  block, last, rest;

    block = sh->scraps;

    if (block == 0) {
        return 0;
    }

    last = ngx_sio_string_slice(sh, block);
    rest = sh->blocks[last].next;

    if (rest) {
        ngx_memcpy(sh->blocks[rest].data, sh->blocks[block].data,
                   sizeof(uint32_t));
        sh->scraps = rest;

    } else {
        ngx_memcpy(&sh->scraps, sh->blocks[block].data, sizeof(uint32_t));
    }

    ngx_sio_test_point();

    sh->blocks[last].next = 0;
    ngx_sio_string_free(sh, block);

    return sh->scraps != 0;
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
