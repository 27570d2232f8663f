
/*
 * Cells of a zone: taking and giving back, strings of blocks.
 *
 * Everything here wants the zone's lock held.
 */

#ifndef _NGX_SIO_CELLS_H_INCLUDED_
#define _NGX_SIO_CELLS_H_INCLUDED_


#include "ngx_sio_zone.h"


/* Cells of a pool by the word that names it: session, room, block. */
#define ngx_sio_take(sh, kind, type)                                          \
    ngx_sio_pool_take(&(sh)->kind##_pool, (u_char *) (sh)->kind##s,           \
                      sizeof(type), offsetof(type, next))

#define ngx_sio_give(sh, kind, type, cell)                                    \
    ngx_sio_pool_give(&(sh)->kind##_pool, (u_char *) (sh)->kind##s,           \
                      sizeof(type), offsetof(type, next), cell)


/*
 * Takes a cell of size bytes out of a pool, all zero; next is the offset of its
 * link in the free list.  Returns 0 if none is left.
 */
uint32_t ngx_sio_pool_take(ngx_sio_pool_t *pool, u_char *cells, size_t size,
    size_t next);

/* Gives it back. */
void ngx_sio_pool_give(ngx_sio_pool_t *pool, u_char *cells, size_t size,
    size_t next, uint32_t cell);

/*
 * Each of these takes a cell out of its pool, 0 if none is left.  Its fields
 * are zero but for a new serial where it has one, and its state is FREE: the
 * caller fills it and writes the state last.
 */
uint32_t ngx_sio_session_cell(ngx_sio_shared_t *sh);
uint32_t ngx_sio_socket_cell(ngx_sio_shared_t *sh);
uint32_t ngx_sio_membership_cell(ngx_sio_shared_t *sh);
uint32_t ngx_sio_tally_cell(ngx_sio_shared_t *sh);
uint32_t ngx_sio_revocation_cell(ngx_sio_shared_t *sh);
uint32_t ngx_sio_pending_cell(ngx_sio_shared_t *sh);

/* Each of these gives a cell back; strings and links are the caller's. */
void ngx_sio_session_cell_free(ngx_sio_shared_t *sh, uint32_t cell);
void ngx_sio_socket_cell_free(ngx_sio_shared_t *sh, uint32_t cell);
void ngx_sio_membership_cell_free(ngx_sio_shared_t *sh, uint32_t cell);
void ngx_sio_tally_cell_free(ngx_sio_shared_t *sh, uint32_t cell);
void ngx_sio_revocation_cell_free(ngx_sio_shared_t *sh, uint32_t cell);
void ngx_sio_pending_cell_free(ngx_sio_shared_t *sh, uint32_t cell);

/*
 * Stores a string.  Returns NGX_OK and sets *block (0 for an empty one), or
 * NGX_DECLINED when there are not enough blocks.
 */
ngx_int_t ngx_sio_string_store(ngx_sio_shared_t *sh, sio_span_t text,
    uint32_t *block);

/* Gives a string's blocks back. */
void ngx_sio_string_free(ngx_sio_shared_t *sh, uint32_t block);

/*
 * The same for one of any length: what is more than one hold of the lock should
 * give back is left for ngx_sio_scraps_free().
 */
void ngx_sio_string_scrap(ngx_sio_shared_t *sh, uint32_t block);

/* Gives back some of what is left; returns whether there is more. */
ngx_uint_t ngx_sio_scraps_free(ngx_sio_shared_t *sh);

/* Bytes of a string. */
size_t ngx_sio_string_size(ngx_sio_shared_t *sh, uint32_t block);

/* Copies a string of at most size bytes; returns the bytes copied. */
size_t ngx_sio_string_copy(ngx_sio_shared_t *sh, uint32_t block, u_char *dst,
    size_t size);

/* Whether a string is that text. */
ngx_uint_t ngx_sio_string_is(ngx_sio_shared_t *sh, uint32_t block,
    sio_span_t text);


#endif /* _NGX_SIO_CELLS_H_INCLUDED_ */
