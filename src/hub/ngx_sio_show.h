
/* What cells hold, written as JSON: for who lists sockets and rooms. */

#ifndef _NGX_SIO_SHOW_H_INCLUDED_
#define _NGX_SIO_SHOW_H_INCLUDED_


#include "ngx_sio_cells.h"


/*
 * All of these want the lock, and write without a bound: the caller has looked
 * how much there may be.
 */

/* Bytes that the rooms, user, data and handshake of a socket may take. */
size_t ngx_sio_show_size(ngx_sio_shared_t *sh, const ngx_sio_socket_t *so);

/* A name in quotes: 2 bytes, and at most 6 for each of it.  Returns the end. */
u_char *ngx_sio_show_name(ngx_sio_shared_t *sh, uint32_t block, u_char *p);

/* An array of the socket's id and the rooms that it is in. */
u_char *ngx_sio_show_rooms(ngx_sio_shared_t *sh, const ngx_sio_socket_t *so,
    u_char *p);

/*
 * The members "rooms", "user", "data" and "handshake" of a socket, without
 * braces; "user" is the `sub` of its token as that has it, or null.
 */
u_char *ngx_sio_show_socket(ngx_sio_shared_t *sh, const ngx_sio_socket_t *so,
    u_char *p);

/* A string that is JSON itself, {} if there is none. */
u_char *ngx_sio_show_json(ngx_sio_shared_t *sh, uint32_t block, u_char *p);


#endif /* _NGX_SIO_SHOW_H_INCLUDED_ */
