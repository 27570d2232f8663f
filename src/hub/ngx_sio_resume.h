
/*
 * What ngx_sio_resume.c asks ngx_sio_resume_check.c; all of it wants the lock.
 */

#ifndef _NGX_SIO_RESUME_H_INCLUDED_
#define _NGX_SIO_RESUME_H_INCLUDED_


#include "ngx_sio_recovery.h"


/* The cell of the socket with the recovery's pid, 0 if s cannot have it. */
uint32_t ngx_sio_recovery_find(ngx_sio_zone_t *zone,
    const ngx_sio_recovery_t *r, const ngx_sio_session_t *s);

/*
 * Sets from to the position behind the recovery's offset, 0 without one.
 * NGX_DECLINED: it is none of this log, which is counted.
 */
ngx_int_t ngx_sio_recovery_offset(ngx_sio_zone_t *zone,
    ngx_sio_recovery_t *r);

/* Whether the token is the same user's, and none that is revoked. */
ngx_uint_t ngx_sio_recovery_trusted(ngx_sio_zone_t *zone,
    const ngx_sio_recovery_t *r, const ngx_sio_socket_t *so);

/* Whether the log has all that was addressed to a socket from there on. */
ngx_uint_t ngx_sio_recovery_held(ngx_sio_zone_t *zone, uint32_t cell,
    uint64_t from);


#endif /* _NGX_SIO_RESUME_H_INCLUDED_ */
