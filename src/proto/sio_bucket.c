
/* The arithmetic of rates; what it is applied to is the caller's. */

#include "sio_bucket.h"


int
sio_bucket_take(sio_bucket_t *bucket, const sio_rate_t *rate, uint64_t now)
{
    uint32_t  level, passed;
    uint64_t  drained;

    if (rate->rate == 0) {
        return 1;
    }

    /* the difference is right even where the clock's low bits wrap */

    passed = (uint32_t) now - bucket->time;

    if (bucket->level != 0 && passed > (uint32_t) -SIO_BUCKET_BACK) {
        passed = 0;
        now = bucket->time;
    }

    drained = (uint64_t) passed * rate->rate / 1000;
    level = drained < bucket->level ? bucket->level - (uint32_t) drained : 0;

    if (level > rate->burst * 1000) {
        return 0;
    }

    bucket->level = level + 1000;
    bucket->time = (uint32_t) now;

    return 1;
}
