
/* Rates: bursts, the way back, clocks whose low bits wrap. */

#include "../lib/tap.h"
#include "sio_bucket.h"


static unsigned
take(sio_bucket_t *bucket, const sio_rate_t *rate, uint64_t now, unsigned n)
{
    unsigned  got;

    for (got = 0; n; n--) {
        got += sio_bucket_take(bucket, rate, now);
    }

    return got;
}


int
main(void)
{
    unsigned      got;
    uint64_t      now, wrap;
    sio_bucket_t  bucket;

    static const sio_rate_t  none = { 0, 0 };
    static const sio_rate_t  one = { 1000, 0 };
    static const sio_rate_t  ten = { 10000, 5 };
    static const sio_rate_t  minute = { 1000 / 60, 0 };

    memset(&bucket, 0, sizeof(bucket));
    ok(take(&bucket, &none, 1, 1000) == 1000, "no rate: no limit");

    ok(take(&bucket, &one, 1000000, 10) == 1, "one, without a burst");
    ok(take(&bucket, &one, 1000999, 10) == 0, "none a millisecond too early");
    ok(take(&bucket, &one, 1001000, 10) == 1, "one more after a second");

    memset(&bucket, 0, sizeof(bucket));
    ok(take(&bucket, &ten, 5, 100) == 6, "a burst on top of one");
    ok(take(&bucket, &ten, 105, 100) == 1, "one in a tenth of a second");
    ok(take(&bucket, &ten, 100000, 100) == 6, "the whole burst after a rest");

    memset(&bucket, 0, sizeof(bucket));

    for (got = 0, now = 0; now < 10000; now += 7) {
        got += sio_bucket_take(&bucket, &ten, now);
    }

    ok(got >= 100 && got <= 107, "ten a second for ten seconds: %u", got);

    memset(&bucket, 0, sizeof(bucket));
    (void) take(&bucket, &minute, 0, 1);
    ok(take(&bucket, &minute, 59000, 1) == 0, "one a minute: not after 59 s");
    ok(take(&bucket, &minute, 63000, 1) == 1, "but after the minute");

    wrap = (uint64_t) 1 << 32;
    memset(&bucket, 0, sizeof(bucket));
    (void) take(&bucket, &one, wrap - 500, 1);
    ok(take(&bucket, &one, wrap + 499, 1) == 0, "the clock wraps: too early");
    ok(take(&bucket, &one, wrap + 500, 1) == 1, "the clock wraps: in time");

    memset(&bucket, 0, sizeof(bucket));
    (void) take(&bucket, &one, 100000, 1);
    ok(take(&bucket, &one, 99990, 1) == 0, "a clock that is behind: no gain");
    ok(take(&bucket, &one, 101000, 1) == 1, "and no loss");
    (void) take(&bucket, &ten, 200000, 1);
    ok(take(&bucket, &ten, 199000, 10) == 5, "a burst by a clock behind");
    ok(take(&bucket, &ten, 200100, 10) == 1, "is one for the clock before");

    memset(&bucket, 0, sizeof(bucket));
    (void) take(&bucket, &one, wrap + 5, 1);
    ok(take(&bucket, &one, wrap - 5, 1) == 0, "the same where it wraps");

    memset(&bucket, 0, sizeof(bucket));
    ok(sio_bucket_left(&bucket, &ten, 77) == 0, "nothing is left of nothing");

    (void) take(&bucket, &ten, 1000, 4);
    ok(sio_bucket_left(&bucket, &ten, 1000) == 400, "four of ten a second");
    ok(sio_bucket_left(&bucket, &ten, 1300) == 100, "a while later");
    ok(sio_bucket_left(&bucket, &ten, 5000) == 0, "in the end nothing");

    ok(sio_bucket_fill(&bucket, &ten, 1000, 400), "as full as it was");
    ok(take(&bucket, &ten, 1000, 100) == 2, "two of six are left");

    ok(!sio_bucket_fill(&bucket, &ten, 1000, 501), "no place for one");
    ok(!sio_bucket_fill(&bucket, &ten, 1000, (uint64_t) -1), "never more");
    ok(take(&bucket, &ten, 1099, 9) == 0, "than what is drained");
    ok(take(&bucket, &ten, 1100, 9) == 1, "in the time of one");

    return done_testing();
}
