
/*
 * The ring log's bytes: see sio_ring.h for the protocol between the one writer
 * and its readers.  Called by the hub, under the writers' lock for reserve and
 * commit and without any for the rest.  It never waits, and never trusts a
 * byte of a record before sio_ring_valid() has vouched for it.
 *
 * Invariants: head - tail <= size; a record never wraps; no position is so
 * close to the end of the memory that a header would not fit there, so filler
 * has a whole one as well.
 */

#include "sio_ring.h"


#define sio_ring_offset(ring, position)                                        \
    ((size_t) (((position) - SIO_RING_BEGIN) % (ring)->size))

#define sio_ring_record(ring, offset)                                          \
    ((sio_ring_record_t *) ((uint8_t *) ((ring) + 1) + (offset)))


static uint64_t sio_ring_after(const sio_ring_t *ring, uint64_t position,
    uint64_t size);
static void sio_ring_free(sio_ring_t *ring, uint64_t end);
static void sio_ring_fill(sio_ring_record_t *record, uint64_t position,
    uint64_t size, uint32_t pad);


void
sio_ring_init(sio_ring_t *ring, size_t bytes)
{
    memset(ring, 0, sizeof(sio_ring_t));

    ring->size = (bytes - sizeof(sio_ring_t)) & ~(size_t) (SIO_RING_ALIGN - 1);
    ring->tail = SIO_RING_BEGIN;

    __atomic_store_n(&ring->head, SIO_RING_BEGIN, __ATOMIC_RELEASE);
}


size_t
sio_ring_record_max(const sio_ring_t *ring)
{
    uint64_t  max;

    max = ring->size / 8;

    if (max > UINT32_MAX) {
        max = UINT32_MAX;
    }

    return max & ~(uint64_t) (SIO_RING_ALIGN - 1);
}


sio_ring_record_t *
sio_ring_reserve(sio_ring_t *ring, size_t size)
{
    size_t              offset;
    uint64_t            head, room, need;
    sio_ring_record_t  *record;

    if (size > sio_ring_record_max(ring)) {
        return NULL;
    }

    if (size < sizeof(sio_ring_record_t)) {
        size = sizeof(sio_ring_record_t);
    }

    need = (size + SIO_RING_ALIGN - 1) & ~(size_t) (SIO_RING_ALIGN - 1);
    head = ring->head;
    offset = sio_ring_offset(ring, head);
    room = ring->size - offset;

    if (room >= need) {
        sio_ring_free(ring, sio_ring_after(ring, head, need));

    } else {
        sio_ring_free(ring, head + room + need);
        sio_ring_fill(sio_ring_record(ring, offset), head, room, 1);
        head += room;
        offset = 0;
    }

    record = sio_ring_record(ring, offset);
    sio_ring_fill(record, head, need, 0);

    return record;
}


void
sio_ring_commit(sio_ring_t *ring, const sio_ring_record_t *record)
{
    __atomic_store_n(&ring->head,
                     sio_ring_after(ring, record->position, record->size),
                     __ATOMIC_RELEASE);
}


uint64_t
sio_ring_head(const sio_ring_t *ring)
{
    return __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
}


uint64_t
sio_ring_tail(const sio_ring_t *ring)
{
    return __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
}


const sio_ring_record_t *
sio_ring_at(const sio_ring_t *ring, uint64_t position)
{
    size_t                    offset;
    sio_ring_record_t         copy;
    const sio_ring_record_t  *record;

    for ( ;; ) {
        if (position % SIO_RING_ALIGN != 0 || position >= sio_ring_head(ring)) {
            return NULL;
        }

        /* Positions may come from outside: the end must not be overrun. */

        offset = sio_ring_offset(ring, position);

        if (ring->size - offset < sizeof(sio_ring_record_t)) {
            return NULL;
        }

        record = sio_ring_record(ring, offset);

        copy.size = __atomic_load_n(&record->size, __ATOMIC_RELAXED);
        copy.pad = __atomic_load_n(&record->pad, __ATOMIC_RELAXED);
        copy.position = __atomic_load_n(&record->position, __ATOMIC_RELAXED);

        if (!sio_ring_valid(ring, position)
            || copy.position != position
            || copy.size < sizeof(sio_ring_record_t)
            || copy.size % SIO_RING_ALIGN != 0
            || copy.size > ring->size - offset)
        {
            return NULL;
        }

        if (copy.pad == 0) {
            return record;
        }

        position += ring->size - offset;
    }
}


uint64_t
sio_ring_next(const sio_ring_t *ring, const sio_ring_record_t *record)
{
    return sio_ring_after(ring, record->position, record->size);
}


int
sio_ring_valid(const sio_ring_t *ring, uint64_t position)
{
    /* Pairs with the fence in sio_ring_free(). */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);

    return position >= __atomic_load_n(&ring->tail, __ATOMIC_RELAXED);
}


/* The position after a record, which is never one without room for a header. */

static uint64_t
sio_ring_after(const sio_ring_t *ring, uint64_t position, uint64_t size)
{
    uint64_t  room;

    position += size;
    room = ring->size - sio_ring_offset(ring, position);

    return (room < sizeof(sio_ring_record_t)) ? position + room : position;
}


/* Moves the tail past all records that one up to end would overwrite. */

static void
sio_ring_free(sio_ring_t *ring, uint64_t end)
{
    uint64_t            tail;
    sio_ring_record_t  *record;

    tail = ring->tail;

    if (end - tail > ring->size) {

        do {
            record = sio_ring_record(ring, sio_ring_offset(ring, tail));
            tail = sio_ring_after(ring, tail, record->size);
        } while (end - tail > ring->size);

        __atomic_store_n(&ring->tail, tail, __ATOMIC_RELAXED);
    }

    /* A reader that sees any byte written from here on sees the tail too. */
    __atomic_thread_fence(__ATOMIC_RELEASE);
}


static void
sio_ring_fill(sio_ring_record_t *record, uint64_t position, uint64_t size,
    uint32_t pad)
{
    __atomic_store_n(&record->size, (uint32_t) size, __ATOMIC_RELAXED);
    __atomic_store_n(&record->pad, pad, __ATOMIC_RELAXED);
    __atomic_store_n(&record->position, position, __ATOMIC_RELAXED);
}
