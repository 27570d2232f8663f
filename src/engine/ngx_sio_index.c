
/*
 * The two-level table.  Pages are never given back: their number is bounded by
 * the zone's cells.
 */

#include "ngx_sio_index.h"


#define NGX_SIO_INDEX_PAGE  512


void *
ngx_sio_index_get(const ngx_sio_index_t *index, uint32_t cell)
{
    ngx_uint_t  n;

    n = cell / NGX_SIO_INDEX_PAGE;

    if (n >= index->size || index->pages[n] == NULL) {
        return NULL;
    }

    return index->pages[n][cell % NGX_SIO_INDEX_PAGE];
}


ngx_int_t
ngx_sio_index_set(ngx_sio_index_t *index, uint32_t cell, void *value)
{
    void        ***pages;
    ngx_uint_t     n, size;

    n = cell / NGX_SIO_INDEX_PAGE;

    if (n >= index->size) {

        if (value == NULL) {
            return NGX_OK;
        }

        size = ngx_max(n + 1, index->size * 2);

        pages = ngx_calloc(size * sizeof(void **), ngx_cycle->log);
        if (pages == NULL) {
            return NGX_ERROR;
        }

        if (index->size) {
            ngx_memcpy(pages, index->pages, index->size * sizeof(void **));
            ngx_free(index->pages);
        }

        index->pages = pages;
        index->size = size;
    }

    if (index->pages[n] == NULL) {

        if (value == NULL) {
            return NGX_OK;
        }

        index->pages[n] = ngx_calloc(NGX_SIO_INDEX_PAGE * sizeof(void *),
                                     ngx_cycle->log);
        if (index->pages[n] == NULL) {
            return NGX_ERROR;
        }
    }

    index->pages[n][cell % NGX_SIO_INDEX_PAGE] = value;

    return NGX_OK;
}
