
/* The arithmetic of rates; what it is applied to is the caller's. */

#include "sio_bucket.h"


static uint32_t sio_bucket_level(const sio_bucket_t *bucket,
    const sio_rate_t *rate, uint64_t *now);


int
sio_bucket_take(sio_bucket_t *bucket, const sio_rate_t *rate, uint64_t now)
{
    uint32_t  level;

    if (rate->rate == 0) {
        return 1;
    }

    level = sio_bucket_level(bucket, rate, &now);

    if (level > rate->burst * 1000) {
        return 0;
    }

    bucket->level = level + 1000;
    bucket->time = (uint32_t) now;

    return 1;
}


/* Sets the time to the bucket's where that is later. */

static uint32_t
sio_bucket_level(const sio_bucket_t *bucket, const sio_rate_t *rate,
    uint64_t *now)
{
    uint32_t  passed;
    uint64_t  drained;

    /* the difference is right even where the clock's low bits wrap */

    passed = (uint32_t) *now - bucket->time;

    if (bucket->level != 0 && passed > (uint32_t) -SIO_BUCKET_BACK) {
        passed = 0;
        *now = bucket->time;
    }

    drained = (uint64_t) passed * rate->rate / 1000;

    return drained < bucket->level ? bucket->level - (uint32_t) drained : 0;
}


uint64_t
sio_bucket_left(const sio_bucket_t *bucket, const sio_rate_t *rate,
    uint64_t now)
{
    return (uint64_t) sio_bucket_level(bucket, rate, &now) * 1000
           / rate->rate;
}


int
sio_bucket_fill(sio_bucket_t *bucket, const sio_rate_t *rate, uint64_t now,
    uint64_t left)
{
    uint64_t  most;

    most = (uint64_t) (rate->burst + 1) * 1000;

    bucket->level = left > most * 1000 / rate->rate
                    ? (uint32_t) most
                    : (uint32_t) (left * rate->rate / 1000);
    bucket->time = (uint32_t) now;

    return bucket->level <= rate->burst * 1000;
}
