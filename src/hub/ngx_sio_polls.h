
/*
 * The requests of a polling session, on whichever workers they land.
 *
 * A session belongs to nobody between two requests.  A GET takes it by writing
 * its worker and a new token, a POST likewise; who does not find its token
 * there any more has lost it.  An answer is given in two steps, so that a
 * worker that dies in between is noticed: mark with the next cursor, send,
 * commit.
 */

#ifndef _NGX_SIO_POLLS_H_INCLUDED_
#define _NGX_SIO_POLLS_H_INCLUDED_


#include "ngx_sio_replay.h"


/* A GET's hold of its session. */
typedef struct {
    ngx_sio_ref_t      session;
    uint32_t           token;
    u_char             farewell;        /* the session ends with this answer */
    unsigned           ping:1;          /* a ping is due with this answer */
    unsigned           probed:1;        /* an upgrade waits for it */
    uint64_t           ping_due;        /* ngx_current_msec */
    uint64_t           deadline;
    uint64_t           parked_from;     /* volatile records count from here */
    uint64_t           noted;           /* the head at the last look */
} ngx_sio_poll_t;


/* A POST's hold of its session. */
typedef struct {
    ngx_sio_ref_t      session;
    uint32_t           token;
} ngx_sio_post_t;


/* A sid, and where it has come from. */
typedef struct {
    const u_char      *sid;
    uint32_t           endpoint;
} ngx_sio_find_t;


/*
 * The cell of the session that a ngx_sio_find_t means, 0 if there is none there
 * or it has timed out.  Wants the lock.
 */
uint32_t ngx_sio_find_sid(ngx_sio_zone_t *zone, void *find);

/* Whether there is a session with that sid at an endpoint. */
ngx_uint_t ngx_sio_session_known(ngx_sio_zone_t *zone, const u_char *sid,
    uint32_t endpoint);

/*
 * Writes the id of the oldest connected socket of the session that is found,
 * NGX_SIO_ID_LEN bytes.  Returns NGX_OK, or NGX_DECLINED if there is none.
 */
ngx_int_t ngx_sio_session_oldest(ngx_sio_zone_t *zone, ngx_sio_find_t *find,
    u_char *id);

/*
 * Takes a session for a GET and notes in replay what it is to get.  Returns
 * NGX_OK, NGX_DECLINED for an unknown sid (or one that has timed out), NGX_BUSY
 * when the session is a WebSocket, NGX_ABORT when a GET is parked already: the
 * session is then closed.
 */
ngx_int_t ngx_sio_poll_begin(ngx_sio_zone_t *zone, const u_char *sid,
    uint32_t endpoint, ngx_sio_poll_t *poll, ngx_sio_replay_t *replay);

/*
 * Looks again what a parked GET is to get.  Returns NGX_OK, NGX_ABORT when it
 * has lost its session, NGX_DECLINED when that has timed out: it is closed.
 */
ngx_int_t ngx_sio_poll_look(ngx_sio_zone_t *zone, ngx_sio_poll_t *poll,
    ngx_sio_replay_t *replay);

/* Step one of an answer.  NGX_ABORT as above. */
ngx_int_t ngx_sio_poll_answer(ngx_sio_zone_t *zone, ngx_sio_poll_t *poll,
    uint64_t next);

/* Step two: the answer has been handed over, or there is none. */
void ngx_sio_poll_end(ngx_sio_zone_t *zone, ngx_sio_poll_t *poll);

/* Instead of step two: nobody knows what the client has got.  Closes. */
void ngx_sio_poll_fail(ngx_sio_zone_t *zone, ngx_sio_poll_t *poll,
    ngx_sio_reason_t reason);

/*
 * Takes a session for a POST.  Returns as ngx_sio_poll_begin(); NGX_ABORT when
 * a POST is under way already.
 */
ngx_int_t ngx_sio_post_begin(ngx_sio_zone_t *zone, const u_char *sid,
    uint32_t endpoint, ngx_sio_post_t *post);

/* Whether a POST has lost its session. */
ngx_uint_t ngx_sio_post_lost(ngx_sio_zone_t *zone, ngx_sio_post_t *post);

/* Gives the session back, or closes it. */
void ngx_sio_post_end(ngx_sio_zone_t *zone, ngx_sio_post_t *post);
void ngx_sio_post_fail(ngx_sio_zone_t *zone, ngx_sio_post_t *post,
    ngx_sio_reason_t reason);

/* Has the GET that is parked for a session, if there is one, look again. */
void ngx_sio_poll_refresh_locked(ngx_sio_zone_t *zone, uint32_t cell,
    ngx_sio_mask_t *wake);

/* Notes a pong of a polling session. */
void ngx_sio_session_pong(ngx_sio_zone_t *zone, ngx_sio_ref_t session);


#endif /* _NGX_SIO_POLLS_H_INCLUDED_ */
