
/* How a polling session becomes a WebSocket, on whichever worker that is. */

#ifndef _NGX_SIO_UPGRADE_H_INCLUDED_
#define _NGX_SIO_UPGRADE_H_INCLUDED_


#include "ngx_sio_polls.h"


/* What an upgraded session goes on with. */
typedef struct {
    uint64_t           ping_due;
    uint64_t           deadline;
    unsigned           ping_sent:1;
    unsigned           connected:1;     /* has been in a namespace */
} ngx_sio_upgrade_t;


/*
 * A WebSocket asks for a polling session.  Returns NGX_OK, NGX_DECLINED for an
 * unknown sid, NGX_BUSY when it has one already or another is asking.
 */
ngx_int_t ngx_sio_probe_begin(ngx_sio_zone_t *zone, const u_char *sid,
    uint32_t endpoint, ngx_sio_ref_t *session);

/* The probe was answered: polls are to return.  NGX_ABORT: session gone. */
ngx_int_t ngx_sio_probe_done(ngx_sio_zone_t *zone, ngx_sio_ref_t session);

/* The WebSocket gave up; the session stays on polling. */
void ngx_sio_probe_abort(ngx_sio_zone_t *zone, ngx_sio_ref_t session);

/*
 * Makes the session this worker's WebSocket; notes in replay what polling had
 * not delivered.  A GET still in flight has lost it.  NGX_ABORT: the session is
 * gone, or has a POST in hand and stays on polling.
 */
ngx_int_t ngx_sio_probe_upgrade(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    ngx_sio_upgrade_t *upgrade, ngx_sio_replay_t *replay);


#endif /* _NGX_SIO_UPGRADE_H_INCLUDED_ */
