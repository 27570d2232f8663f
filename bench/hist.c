/*
 * A histogram of fixed size: 64 slots for each power of two.  Knows no unit.
 */

#include "load.h"


static unsigned
hist_slot(uint64_t value)
{
    unsigned  bits;

    if (value < HIST_SUB) {
        return (unsigned) value;
    }

    bits = 63 - (unsigned) __builtin_clzll(value);
    bits -= 6;

    if (bits >= HIST_SIZE / HIST_SUB - 1) {
        return HIST_SIZE - 1;
    }

    return (bits + 1) * HIST_SUB + (unsigned) ((value >> bits) - HIST_SUB);
}


void
hist_add(hist_t *h, uint64_t value)
{
    h->n++;
    h->slots[hist_slot(value)]++;

    if (value > h->max) {
        h->max = value;
    }
}


uint64_t
hist_at(const hist_t *h, double share)
{
    unsigned  i, bits;
    uint64_t  sum, want;

    want = (uint64_t) ((double) h->n * share);
    sum = 0;

    for (i = 0; i < HIST_SIZE; i++) {
        sum += h->slots[i];

        if (sum > want) {
            break;
        }
    }

    if (i == HIST_SIZE) {
        return h->max;
    }

    if (i < HIST_SUB) {
        return i;
    }

    bits = i / HIST_SUB - 1;

    return (uint64_t) (HIST_SUB + i % HIST_SUB) << bits;
}
