
/*
 * A leaky bucket: how much of a rate somebody has used up.  Eight bytes, so
 * that it may lie in a cell of shared memory.
 */

#ifndef _SIO_BUCKET_H_INCLUDED_
#define _SIO_BUCKET_H_INCLUDED_


#include <stdint.h>


typedef struct {
    uint32_t  rate;             /* a thousandth of a unit per second, 0: none */
    uint32_t  burst;            /* units on top of one, below 4,000,000 */
} sio_rate_t;


typedef struct {
    uint32_t  level;            /* thousandths of a unit */
    uint32_t  time;             /* ms, the low bits of a clock */
} sio_bucket_t;


/* Clocks of those who share a bucket may differ by less than that, ms. */
#define SIO_BUCKET_BACK  60000


/*
 * Takes one unit at the time now, in ms of a clock that does not go back but
 * for SIO_BUCKET_BACK; a bucket of zeros is an empty one.  Returns 1, or 0 when
 * the rate is exceeded: then nothing is taken.  A rate of 0 lets everything
 * through.
 */
int sio_bucket_take(sio_bucket_t *bucket, const sio_rate_t *rate,
    uint64_t now);

/* How many ms from now on a bucket will not be empty; the rate is not 0. */
uint64_t sio_bucket_left(const sio_bucket_t *bucket, const sio_rate_t *rate,
    uint64_t now);

/*
 * Makes a bucket that will not be empty for so many ms, or is as full as one of
 * this rate can be; the rate is not 0.  Returns whether a unit could be taken.
 */
int sio_bucket_fill(sio_bucket_t *bucket, const sio_rate_t *rate,
    uint64_t now, uint64_t left);


#endif /* _SIO_BUCKET_H_INCLUDED_ */
