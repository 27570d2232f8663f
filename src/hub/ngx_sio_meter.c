
/*
 * Limits differ by namespace, so a session remembers the time at which nothing
 * of what was used up counts any more, and each limit makes its own of that.
 * Called by the engine and where sockets begin; knows no configuration.
 */

#include "ngx_sio_meter.h"


static uint64_t ngx_sio_meter_one(const sio_rate_t *limit);


ngx_uint_t
ngx_sio_meter_begin(const ngx_sio_session_t *s, const sio_rate_t *limit,
    ngx_sio_meter_t *meter)
{
    ngx_memzero(meter, sizeof(ngx_sio_meter_t));

    if (limit->rate == 0 || s->spent <= ngx_current_msec) {
        return 1;
    }

    return sio_bucket_fill(&meter->events, limit, ngx_current_msec,
                           s->spent - ngx_current_msec);
}


void
ngx_sio_meter_left(ngx_sio_session_t *s, const sio_rate_t *limit,
    const ngx_sio_meter_t *meter)
{
    uint64_t  until;

    if (limit->rate) {
        until = ngx_current_msec + ngx_sio_meter_one(limit)
                + sio_bucket_left(&meter->events, limit, ngx_current_msec);

        s->spent = ngx_max(s->spent, until);
    }
}


void
ngx_sio_meter_refused(ngx_sio_session_t *s, const sio_rate_t *limit)
{
    if (limit->rate) {
        s->spent = ngx_max(s->spent, ngx_current_msec)
                   + ngx_sio_meter_one(limit);
    }
}


/* How many ms an event counts. */

static uint64_t
ngx_sio_meter_one(const sio_rate_t *limit)
{
    return 1000000 / limit->rate + 1;
}
