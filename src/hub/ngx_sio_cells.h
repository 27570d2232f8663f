
/*
 * Cells of a zone: taking and giving back, strings of blocks, hashes.
 *
 * Everything here wants the zone's lock held.
 */

#ifndef _NGX_SIO_CELLS_H_INCLUDED_
#define _NGX_SIO_CELLS_H_INCLUDED_


#include "ngx_sio_zone.h"


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

/* Bytes of a string. */
size_t ngx_sio_string_size(ngx_sio_shared_t *sh, uint32_t block);

/* Copies a string of at most size bytes; returns the bytes copied. */
size_t ngx_sio_string_copy(ngx_sio_shared_t *sh, uint32_t block, u_char *dst,
    size_t size);

/* Whether a string is that text. */
ngx_uint_t ngx_sio_string_is(ngx_sio_shared_t *sh, uint32_t block,
    sio_span_t text);

/* The hash of a name within a namespace's cell (0: of a namespace, an id). */
uint32_t ngx_sio_hash(ngx_sio_shared_t *sh, uint32_t namespace,
    sio_span_t name);

/* Puts a complete cell into its hash; takes it out. */
void ngx_sio_session_link(ngx_sio_shared_t *sh, uint32_t cell);
void ngx_sio_session_unlink(ngx_sio_shared_t *sh, uint32_t cell);
void ngx_sio_socket_link(ngx_sio_shared_t *sh, uint32_t cell);
void ngx_sio_socket_unlink(ngx_sio_shared_t *sh, uint32_t cell);
void ngx_sio_room_link(ngx_sio_shared_t *sh, uint32_t cell);
void ngx_sio_namespace_link(ngx_sio_shared_t *sh, uint32_t cell);

/* The live or closed session with a sid, 0 if there is none. */
uint32_t ngx_sio_session_find(ngx_sio_shared_t *sh, const u_char *sid);

/*
 * The connected socket with an id in a namespace (0: in any), 0 if there is
 * none.
 */
uint32_t ngx_sio_socket_find(ngx_sio_shared_t *sh, uint32_t namespace,
    sio_span_t id);

/* The cell of a room or namespace with that name, 0 if there is none. */
uint32_t ngx_sio_room_find(ngx_sio_shared_t *sh, uint32_t namespace,
    sio_span_t name);
uint32_t ngx_sio_namespace_find(ngx_sio_shared_t *sh, sio_span_t name);

/* The same, made if need be; 0 when the memory is full. */
uint32_t ngx_sio_room_obtain(ngx_sio_shared_t *sh, uint32_t namespace,
    sio_span_t name);
uint32_t ngx_sio_namespace_obtain(ngx_sio_shared_t *sh, sio_span_t name);

/* Frees a room or namespace that nobody refers to any more. */
void ngx_sio_room_release(ngx_sio_shared_t *sh, uint32_t cell);
void ngx_sio_namespace_release(ngx_sio_shared_t *sh, uint32_t cell);


#endif /* _NGX_SIO_CELLS_H_INCLUDED_ */
