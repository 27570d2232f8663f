
/*
 * WebSockets that are behind: after a recovery or an upgrade their client is
 * given the log from the session's cursor on, like one that polls, until it is
 * at the head.
 *
 * Where the session's cursor is, its closed cells are kept as for polling.
 */

#ifndef _NGX_SIO_BEHIND_H_INCLUDED_
#define _NGX_SIO_BEHIND_H_INCLUDED_


#include "ngx_sio_replay.h"


/*
 * Notes what a session is to get from its cursor to the head, but no volatile
 * events.  NGX_ABORT: it is gone, or not behind any more.
 */
ngx_int_t ngx_sio_behind_note(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    ngx_sio_replay_t *replay);

/*
 * All before next has been queued for its client, which were that many events.
 * When that is all that was noted, it is not behind any more.
 */
void ngx_sio_behind_done(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    const ngx_sio_replay_t *replay, uint64_t next, ngx_uint_t events);


#endif /* _NGX_SIO_BEHIND_H_INCLUDED_ */
