
/*
 * Keys of idempotence: an emit that is repeated with its key is answered as the
 * first one was, and not delivered again.
 *
 * A key is kept for five minutes, the oldest goes first when the table is full.
 * Everything here but the hash wants the zone's lock.
 */

#ifndef _NGX_SIO_KEYS_H_INCLUDED_
#define _NGX_SIO_KEYS_H_INCLUDED_


#include "ngx_sio_zone.h"


/* Writes the NGX_SIO_KEY_LEN bytes of a publisher's id in a namespace. */
void ngx_sio_key_hash(u_char *dst, sio_span_t namespace, sio_span_t id);

/* The key with that hash, NULL if there is none. */
ngx_sio_key_t *ngx_sio_key_find_locked(ngx_sio_shared_t *sh,
    const u_char *hash);

/*
 * Notes a key before its record is appended, with the head as its position, or
 * with recorded 0 where there is nobody to append one for.  The oldest one
 * gives way.
 */
ngx_sio_key_t *ngx_sio_key_note_locked(ngx_sio_zone_t *zone,
    const u_char *hash, ngx_uint_t matched, ngx_uint_t recorded);

/* Takes a key back whose record could not be appended. */
void ngx_sio_key_forget_locked(ngx_sio_shared_t *sh, ngx_sio_key_t *key);

/* Part of ngx_sio_rebuild(): keys without their record are dropped. */
void ngx_sio_keys_rebuild(ngx_sio_shared_t *sh);


#endif /* _NGX_SIO_KEYS_H_INCLUDED_ */
