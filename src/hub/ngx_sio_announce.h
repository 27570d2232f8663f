
/*
 * Announcements: the other members of a room are told when a socket joins or
 * leaves it, whatever the way.
 *
 * A socket's cell has the number of its namespace's pair of events, 0 for none;
 * a zone of a process knows the pairs of its own configuration.  A number that
 * it does not know is an older configuration's: nothing is announced.
 */

#ifndef _NGX_SIO_ANNOUNCE_H_INCLUDED_
#define _NGX_SIO_ANNOUNCE_H_INCLUDED_


#include "ngx_sio_zone.h"


/* A pair of events, each as the beginning of a packet's JSON. */
typedef struct {
    uint32_t           id;              /* the same over reloads, not 0 */
    ngx_str_t          join;            /* empty: is not told */
    ngx_str_t          leave;           /* likewise */
} ngx_sio_announce_t;


/*
 * Makes a pair of events, of which one may be empty, known to a zone; called
 * while the configuration is read, whose pool gets a copy.  Returns its number,
 * 0 when memory is short.
 */
uint32_t ngx_sio_announce_add(ngx_conf_t *cf, ngx_sio_zone_t *zone,
    const ngx_str_t *join, const ngx_str_t *leave);

/*
 * Announces that a socket has joined rooms: n cells, of which those that are 0
 * are skipped.  Wants the lock; who is to be woken is added to wake.
 */
void ngx_sio_announce_joins_locked(ngx_sio_zone_t *zone, uint32_t socket,
    const uint32_t *rooms, ngx_uint_t n, ngx_sio_mask_t *wake);

/*
 * Completes the leaves of a socket: those of its memberships that have an end
 * but are not marked as closed yet are announced and marked.  Wants the lock;
 * who is to be woken is added to wake.
 */
void ngx_sio_announce_leaves_locked(ngx_sio_zone_t *zone, uint32_t socket,
    ngx_sio_mask_t *wake);


#endif /* _NGX_SIO_ANNOUNCE_H_INCLUDED_ */
