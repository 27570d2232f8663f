
/*
 * Bytes that a session keeps between two POSTs, as one string of blocks.  The
 * session refers to whole blocks only, so whoever dies in between leaves a
 * string that is complete.
 */

#include "ngx_sio_kept.h"
#include "ngx_sio_test.h"


#define NGX_SIO_KEPT_BLOCKS  256        /* with the lock held */


static ngx_int_t ngx_sio_kept_append_locked(ngx_sio_kept_t *kept,
    sio_span_t text);
static ngx_uint_t ngx_sio_kept_free_locked(ngx_sio_kept_t *kept);


size_t
ngx_sio_kept_size(const ngx_sio_kept_t *kept)
{
    size_t              n;
    ngx_sio_session_t  *s;

    ngx_sio_lock(kept->zone);

    s = ngx_sio_session_locked(kept->zone, kept->session);
    n = s && s->kept ? s->kept_size : 0;

    ngx_sio_unlock(kept->zone);

    return n;
}


size_t
ngx_sio_kept_read(ngx_sio_kept_t *kept, u_char *dst, size_t size)
{
    size_t              n, left;
    uint32_t            cell;
    ngx_uint_t          i;
    ngx_sio_block_t    *b;
    ngx_sio_session_t  *s;

    left = size;
    kept->tail = 0;

    do {
        ngx_sio_lock(kept->zone);

        s = ngx_sio_session_locked(kept->zone, kept->session);
        cell = 0;

        if (s) {
            cell = kept->tail ? kept->zone->shared->blocks[kept->tail].next
                              : s->kept;
        }

        for (i = 0; cell && i < NGX_SIO_KEPT_BLOCKS; i++) {
            b = &kept->zone->shared->blocks[cell];
            n = ngx_min(b->n, left);
            dst = ngx_cpymem(dst, b->data, n);
            left -= n;
            kept->tail = cell;
            cell = b->next;
        }

        ngx_sio_unlock(kept->zone);

    } while (cell);

    return size - left;
}


ngx_int_t
ngx_sio_kept_append(ngx_sio_kept_t *kept, sio_span_t text)
{
    ngx_int_t   rc;
    sio_span_t  piece;

    rc = NGX_OK;

    while (text.n && rc == NGX_OK) {
        piece.p = text.p;
        piece.n = ngx_min(text.n, NGX_SIO_KEPT_BLOCKS * NGX_SIO_BLOCK_DATA);

        ngx_sio_lock(kept->zone);
        rc = ngx_sio_kept_append_locked(kept, piece);
        ngx_sio_unlock(kept->zone);

        text.p += piece.n;
        text.n -= piece.n;
    }

    return rc;
}


/* A quarter of the blocks is for names, claims and tokens alone. */

static ngx_int_t
ngx_sio_kept_append_locked(ngx_sio_kept_t *kept, sio_span_t text)
{
    uint32_t            cell, last;
    ngx_sio_shared_t   *sh;
    ngx_sio_session_t  *s;

    sh = kept->zone->shared;
    s = ngx_sio_session_locked(kept->zone, kept->session);

    (void) ngx_sio_scraps_free(sh);

    if (s == NULL || (kept->tail != 0) != (s->kept != 0)) {
        return NGX_ABORT;
    }

    if (sh->block_pool.used + text.n / NGX_SIO_BLOCK_DATA
        > sh->block_pool.size / 4 * 3
        || ngx_sio_string_store(sh, text, &cell) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    for (last = cell; sh->blocks[last].next; last = sh->blocks[last].next) {
        /* void */
    }

    ngx_sio_test_point();

    if (kept->tail) {
        sh->blocks[kept->tail].next = cell;

    } else {
        s->kept = cell;
        s->kept_size = 0;
    }

    ngx_sio_test_point();

    kept->tail = last;
    s->kept_size += text.n;

    return NGX_OK;
}


void
ngx_sio_kept_free(ngx_sio_kept_t *kept)
{
    ngx_uint_t  more;

    do {
        ngx_sio_lock(kept->zone);
        more = ngx_sio_kept_free_locked(kept);
        ngx_sio_unlock(kept->zone);
    } while (more);

    kept->tail = 0;
}


/* Cuts off what it frees first; returns whether something is left. */

static ngx_uint_t
ngx_sio_kept_free_locked(ngx_sio_kept_t *kept)
{
    uint32_t            cell, last;
    ngx_uint_t          i;
    ngx_sio_shared_t   *sh;
    ngx_sio_session_t  *s;

    sh = kept->zone->shared;
    s = ngx_sio_session_locked(kept->zone, kept->session);

    if (s == NULL || s->kept == 0) {
        return 0;
    }

    cell = s->kept;
    last = cell;

    for (i = 1; i < NGX_SIO_KEPT_BLOCKS && sh->blocks[last].next; i++) {
        last = sh->blocks[last].next;
    }

    s->kept = sh->blocks[last].next;
    ngx_sio_test_point();

    sh->blocks[last].next = 0;
    ngx_sio_string_free(sh, cell);

    return s->kept != 0;
}
