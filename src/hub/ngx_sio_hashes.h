
/*
 * How sessions, sockets, rooms and namespaces are found.
 *
 * Everything here wants the zone's lock held.
 */

#ifndef _NGX_SIO_HASHES_H_INCLUDED_
#define _NGX_SIO_HASHES_H_INCLUDED_


#include "ngx_sio_cells.h"


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

/* The same of one whose client may come back. */
uint32_t ngx_sio_socket_waiting(ngx_sio_shared_t *sh, uint32_t namespace,
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


#endif /* _NGX_SIO_HASHES_H_INCLUDED_ */
