
/*
 * A worker's own table from a zone's cell to what it keeps for it: two levels,
 * so that it takes memory only for cells near those in use.
 */

#ifndef _NGX_SIO_INDEX_H_INCLUDED_
#define _NGX_SIO_INDEX_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    void        ***pages;
    ngx_uint_t     size;                /* of pages */
} ngx_sio_index_t;


/* What is kept for a cell, NULL if nothing. */
void *ngx_sio_index_get(const ngx_sio_index_t *index, uint32_t cell);

/* Keeps something (or NULL) for a cell; NGX_ERROR without memory. */
ngx_int_t ngx_sio_index_set(ngx_sio_index_t *index, uint32_t cell,
    void *value);


#endif /* _NGX_SIO_INDEX_H_INCLUDED_ */
