
/*
 * Lines of the error log that clients and publishers can cause: at most one a
 * second of each kind and worker.  The counters tell how often.
 */

#ifndef _NGX_SIO_SELDOM_H_INCLUDED_
#define _NGX_SIO_SELDOM_H_INCLUDED_


#include "ngx_sio_zone.h"


/* Of one kind of message, begins as zero. */
typedef struct {
    time_t       last;
    ngx_uint_t   n;                     /* since then */
} ngx_sio_seldom_t;


/* As ngx_log_error() without an errno; each place in the code is a kind. */
#define ngx_sio_log_seldom(level, log, ...)                                   \
    do {                                                                      \
        static time_t  ngx_sio_seldom_last;                                   \
                                                                              \
        if (ngx_sio_log_now(&ngx_sio_seldom_last)) {                          \
            ngx_log_error(level, log, 0, __VA_ARGS__);                        \
        }                                                                     \
    } while (0)


/*
 * Whether a message that clients cause is to be logged now: at most once a
 * second for each `last`, which begins as 0.
 */
ngx_uint_t ngx_sio_log_now(time_t *last);

/*
 * The same for messages that say how many they stand for: counts one, and if it
 * is to be logged now, gives the number since the last that was, this included.
 */
ngx_uint_t ngx_sio_log_counted(ngx_sio_seldom_t *seldom, ngx_uint_t *n);

/*
 * Notes that a pool has no cell any more.  The caller holds the lock; the note
 * is this process's own.
 */
void ngx_sio_lack(const ngx_sio_pool_t *pool);

/*
 * Takes the note, of a pool of this zone, away: returns it, or NULL.  The
 * caller holds the lock.
 */
const ngx_sio_pool_t *ngx_sio_lacked(void);

/* Logs it; the caller does not hold the lock any more. */
void ngx_sio_lack_log(ngx_sio_zone_t *zone, const ngx_sio_pool_t *pool);


#endif /* _NGX_SIO_SELDOM_H_INCLUDED_ */
