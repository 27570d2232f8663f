
/*
 * The ring log's bytes: edges by hand, sizes and records at random against a
 * list of what was appended, and two processes over shared memory.
 */

#include "../lib/guard.h"
#include "../lib/tap.h"
#include "sio_ring.h"

#include <sched.h>
#include <sys/wait.h>


#define HEAD     sizeof(sio_ring_record_t)
#define RECORDS  4096
#define RACES    1500000


/* What a process that writes and one that reads share. */
typedef struct {
    uint32_t    reader_ready;
    uint32_t    writer_done;
    uint64_t    unused[7];
    sio_ring_t  ring;
} shared_t;


typedef struct {
    uint64_t  positions[RECORDS];
    size_t    sizes[RECORDS];
    unsigned  n;
} list_t;


/* What the reading process saw. */
typedef struct {
    uint64_t  good;
    uint64_t  bad;
    uint64_t  lapped;
    uint64_t  last;
} seen_t;


static list_t  list;


static uint32_t
random_next(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;

    return *seed >> 8;
}


static uint8_t
pattern(uint64_t position, size_t i)
{
    return (uint8_t) ((position >> 3) * 31 + (position >> 11) + i * 7);
}


static void
fill(sio_ring_record_t *record, size_t size)
{
    size_t    i;
    uint8_t  *p;

    p = (uint8_t *) record;

    for (i = HEAD; i < size; i++) {
        p[i] = pattern(record->position, i);
    }
}


static int
filled(const void *record, uint64_t position, size_t size)
{
    size_t          i;
    const uint8_t  *p;

    p = record;

    for (i = HEAD; i < size; i++) {

        if (p[i] != pattern(position, i)) {
            return 0;
        }
    }

    return 1;
}


/* Appends a record of a known pattern; returns its position, 0 on failure. */

static uint64_t
append(sio_ring_t *ring, size_t size)
{
    uint64_t            position;
    sio_ring_record_t  *record;

    record = sio_ring_reserve(ring, size);

    if (record == NULL) {
        return 0;
    }

    fill(record, size);
    position = record->position;
    sio_ring_commit(ring, record);

    return position;
}


/* A ring whose last byte lies against the unmapped page, full of rubbish. */

static sio_ring_t *
ring_create(size_t bytes)
{
    sio_ring_t  *ring;

    ring = (sio_ring_t *) guard_alloc((bytes + 7) & ~(size_t) 7);
    memset(ring, 0xa5, bytes);
    sio_ring_init(ring, bytes);

    return ring;
}


static void
ring_destroy(sio_ring_t *ring, size_t bytes)
{
    guard_free((uint8_t *) ring, (bytes + 7) & ~(size_t) 7);
}


static void
test_empty(void)
{
    size_t       bytes;
    sio_ring_t  *ring;

    bytes = sizeof(sio_ring_t) + 1024;
    ring = ring_create(bytes);

    is_uint(sizeof(sio_ring_t), 64, "data starts on a cache line");
    is_uint(ring->size, 1024, "size without the struct");
    is_uint(sio_ring_record_max(ring), 128, "largest record");
    is_uint(sio_ring_head(ring), SIO_RING_BEGIN, "head of an empty ring");
    is_uint(sio_ring_tail(ring), SIO_RING_BEGIN, "tail of an empty ring");
    ok(sio_ring_at(ring, SIO_RING_BEGIN) == NULL, "nothing at the head");
    ok(sio_ring_at(ring, 0) == NULL, "nothing at position 0");
    ok(sio_ring_reserve(ring, 129) == NULL, "too large");
    ok(sio_ring_reserve(ring, SIZE_MAX) == NULL, "far too large");
    is_uint(sio_ring_head(ring), SIO_RING_BEGIN, "refusals leave no trace");

    ring_destroy(ring, bytes);

    ring = ring_create(bytes + 77);
    is_uint(ring->size, 1096, "size is rounded down");
    is_uint(sio_ring_record_max(ring), 136, "so is the largest record");
    ring_destroy(ring, bytes + 77);
}


static void
test_visibility(void)
{
    size_t                    bytes;
    sio_ring_t               *ring;
    sio_ring_record_t        *a, *b;
    const sio_ring_record_t  *r;

    bytes = sizeof(sio_ring_t) + 1024;
    ring = ring_create(bytes);

    a = sio_ring_reserve(ring, 100);
    is_uint(a->size, 104, "sizes are aligned");
    is_uint(a->position, SIO_RING_BEGIN, "position of the first");
    ok(sio_ring_at(ring, SIO_RING_BEGIN) == NULL, "invisible when reserved");

    b = sio_ring_reserve(ring, 1);
    ok(a == b, "a second reservation drops the first");
    is_uint(b->size, HEAD, "a record holds its header at least");
    ok(sio_ring_at(ring, SIO_RING_BEGIN) == NULL, "still invisible");

    sio_ring_commit(ring, b);
    r = sio_ring_at(ring, SIO_RING_BEGIN);
    ok(r == b, "visible when committed");
    is_uint(sio_ring_next(ring, r), SIO_RING_BEGIN + HEAD, "what follows");
    is_uint(sio_ring_head(ring), SIO_RING_BEGIN + HEAD, "is the head");
    ok(sio_ring_valid(ring, SIO_RING_BEGIN), "valid");
    ok(sio_ring_at(ring, SIO_RING_BEGIN + 8) == NULL, "inside a record");
    ok(sio_ring_at(ring, SIO_RING_BEGIN + 1) == NULL, "not aligned");
    ok(sio_ring_at(ring, UINT64_MAX - 7) == NULL, "far beyond the head");

    ring_destroy(ring, bytes);
}


static void
test_wrap(void)
{
    int                       i;
    size_t                    bytes;
    uint64_t                  position, filler;
    sio_ring_t               *ring;
    const sio_ring_record_t  *r;

    bytes = sizeof(sio_ring_t) + 1024;
    ring = ring_create(bytes);

    for (i = 0; i < 9; i++) {
        append(ring, 104);
    }

    filler = sio_ring_head(ring);
    is_uint(filler, SIO_RING_BEGIN + 936, "88 bytes are left");
    position = append(ring, 96);
    is_uint(position, SIO_RING_BEGIN + 1024, "a record does not wrap");
    is_uint(sio_ring_tail(ring), SIO_RING_BEGIN + 104, "one is dropped");
    ok(!sio_ring_valid(ring, SIO_RING_BEGIN), "it is not valid");
    ok(sio_ring_at(ring, SIO_RING_BEGIN) == NULL, "it is not found");

    r = sio_ring_at(ring, filler);
    ok(r == (void *) (ring + 1), "filler is skipped");
    ok(r && r->position == position, "the position is the record's own");

    ring_destroy(ring, bytes);

    ring = ring_create(bytes);

    for (i = 0; i < 8; i++) {
        append(ring, (i == 7) ? 120 : 128);
    }

    is_uint(sio_ring_head(ring), SIO_RING_BEGIN + 1024,
            "the head is never where no header fits");
    is_uint(append(ring, 16), SIO_RING_BEGIN + 1024, "nor is a record");
    is_uint(sio_ring_tail(ring), SIO_RING_BEGIN + 128, "one is dropped");

    ring_destroy(ring, bytes);
}


/* A position that an attacker made up, with a header to match it. */

static void
test_forged(void)
{
    size_t              bytes;
    uint64_t            position;
    sio_ring_t         *ring;
    sio_ring_record_t  *record, forged;

    bytes = sizeof(sio_ring_t) + 1024;
    ring = ring_create(bytes);

    record = sio_ring_reserve(ring, 128);
    position = record->position + 64;

    forged.pad = 0;
    forged.position = position;
    forged.size = 1024;
    memcpy((uint8_t *) record + 64, &forged, sizeof(forged));
    sio_ring_commit(ring, record);
    ok(sio_ring_at(ring, position) == NULL, "a size beyond the memory");

    record = sio_ring_reserve(ring, 128);
    position = record->position + 64;
    forged.position = position;
    forged.size = 8;
    memcpy((uint8_t *) record + 64, &forged, sizeof(forged));
    sio_ring_commit(ring, record);
    ok(sio_ring_at(ring, position) == NULL, "a size below the header's");

    record = sio_ring_reserve(ring, 128);
    position = record->position + 64;
    forged.position = position - 1024;
    forged.size = 64;
    memcpy((uint8_t *) record + 64, &forged, sizeof(forged));
    sio_ring_commit(ring, record);
    ok(sio_ring_at(ring, position) == NULL, "a header of another position");

    record = sio_ring_reserve(ring, 128);
    position = record->position + 64;
    forged.position = position;
    forged.size = 60;
    memcpy((uint8_t *) record + 64, &forged, sizeof(forged));
    sio_ring_commit(ring, record);
    ok(sio_ring_at(ring, position) == NULL, "a size that is not aligned");

    while (sio_ring_head(ring) < SIO_RING_BEGIN + 1024) {
        append(ring, 128);
    }

    ok(sio_ring_at(ring, SIO_RING_BEGIN + 1016) == NULL,
       "a position where no header fits");

    ring_destroy(ring, bytes);
}


/* A writer that dies after it has written, but before it commits. */

static void
test_death(void)
{
    int                       i, good;
    size_t                    bytes;
    uint64_t                  position, head;
    sio_ring_t               *ring;
    sio_ring_record_t        *record;
    const sio_ring_record_t  *r;

    bytes = sizeof(sio_ring_t) + 1032;
    ring = ring_create(bytes);
    good = 1;

    for (i = 0; i < 200; i++) {
        append(ring, 16 + i % 100);
        head = sio_ring_head(ring);

        record = sio_ring_reserve(ring, 128);
        memset((uint8_t *) record + HEAD, 0xff, 128 - HEAD);

        good = good && sio_ring_head(ring) == head;
        position = sio_ring_tail(ring);

        while (good && position < head) {
            r = sio_ring_at(ring, position);
            good = r && filled(r, r->position, 16);
            position = r ? sio_ring_next(ring, r) : head;
        }

        good = good && position == head;
    }

    ok(good, "a dead writer's bytes are never visible");

    ring_destroy(ring, bytes);
}


/* Whether all records of the list that must be in the ring are, and only. */

static int
list_matches(const sio_ring_t *ring)
{
    unsigned                  i;
    uint64_t                  position, kept;
    const sio_ring_record_t  *r;

    kept = ring->size - 2 * sio_ring_record_max(ring) - HEAD;
    position = sio_ring_tail(ring);

    for (i = 0; i < list.n; i++) {
        r = sio_ring_at(ring, list.positions[i]);

        if (list.positions[i] < sio_ring_tail(ring)) {

            if (r != NULL || sio_ring_head(ring) - list.positions[i] <= kept) {
                return 0;
            }

            continue;
        }

        if (r == NULL || r->position != list.positions[i]
            || r->size < list.sizes[i]
            || !filled(r, r->position, list.sizes[i])
            || sio_ring_at(ring, position) != r)
        {
            return 0;
        }

        position = sio_ring_next(ring, r);
    }

    return position == sio_ring_head(ring);
}


static void
test_random(void)
{
    int          good;
    size_t       bytes, size;
    uint32_t     seed;
    uint64_t     position;
    unsigned     i;
    sio_ring_t  *ring;

    seed = 1;

    for (bytes = 1024; bytes < 1400; bytes += 13) {
        ring = ring_create(sizeof(sio_ring_t) + bytes);
        list.n = 0;
        good = 1;

        for (i = 0; good && i < 500; i++) {
            size = 1 + random_next(&seed) % sio_ring_record_max(ring);
            position = append(ring, size);
            good = position != 0;

            list.positions[list.n] = position;
            list.sizes[list.n++] = size;
            good = good && list_matches(ring);
        }

        ok(good, "random records in %zu bytes", bytes);
        ring_destroy(ring, sizeof(sio_ring_t) + bytes);
    }
}


/* The reader that is lapped notices, whatever it had copied by then. */

static void
test_lapped(void)
{
    size_t              bytes;
    uint64_t            position, next;
    sio_ring_t         *ring;
    sio_ring_record_t   copy;

    bytes = sizeof(sio_ring_t) + 1024;
    ring = ring_create(bytes);

    position = append(ring, 64);
    memcpy(&copy, sio_ring_at(ring, position), sizeof(copy));
    ok(sio_ring_valid(ring, position), "valid before");

    while (sio_ring_head(ring) < position + 1024) {
        append(ring, 64);
    }

    ok(sio_ring_valid(ring, position), "valid while the ring is just full");
    next = sio_ring_next(ring, &copy);
    append(ring, 64);
    ok(!sio_ring_valid(ring, position), "not valid when overwritten");
    ok(sio_ring_at(ring, next) != NULL, "the one after it is there");
    append(ring, 64);
    ok(sio_ring_at(ring, next) == NULL, "until it goes as well");
    is_uint(sio_ring_next(ring, &copy), next, "a copy stays good");

    ring_destroy(ring, bytes);
}


static void
race_write(shared_t *shared)
{
    uint32_t  i, seed;

    seed = 7;

    while (!__atomic_load_n(&shared->reader_ready, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }

    for (i = 0; i < RACES; i++) {
        append(&shared->ring,
               HEAD + random_next(&seed) % (sio_ring_record_max(&shared->ring)
                                            - HEAD));

        /* Lets the reader catch up, so that it sees both ways. */

        if (i % 4096 == 0) {
            sched_yield();
        }
    }

    __atomic_store_n(&shared->writer_done, 1, __ATOMIC_RELEASE);
}


/* Reads one record; returns the position to go on at. */

static uint64_t
race_step(const sio_ring_t *ring, uint64_t position, seen_t *seen)
{
    uint8_t                   copy[1024];
    sio_ring_record_t         head;
    const sio_ring_record_t  *r;

    r = sio_ring_at(ring, position);

    if (r == NULL) {
        seen->lapped++;
        return sio_ring_tail(ring);
    }

    memcpy(&head, r, sizeof(head));

    if (head.size <= sizeof(copy) && head.size <= sio_ring_record_max(ring)) {
        memcpy(copy, r, head.size);
    }

    if (!sio_ring_valid(ring, position)) {
        seen->lapped++;
        return sio_ring_tail(ring);
    }

    /* The last bytes may be what aligns the size. */

    if (head.position < position || head.position <= seen->last
        || head.size > sio_ring_record_max(ring) || head.pad
        || !filled(copy, head.position, head.size - 7))
    {
        seen->bad++;
    }

    seen->good++;
    seen->last = head.position;

    return sio_ring_next(ring, &head);
}


static void
race_read(shared_t *shared, seen_t *seen)
{
    int       done;
    uint64_t  position;

    memset(seen, 0, sizeof(*seen));
    position = SIO_RING_BEGIN;
    __atomic_store_n(&shared->reader_ready, 1, __ATOMIC_RELEASE);

    do {
        done = __atomic_load_n(&shared->writer_done, __ATOMIC_ACQUIRE);

        while (position < sio_ring_head(&shared->ring)) {
            position = race_step(&shared->ring, position, seen);
        }

    } while (!done);

    ok(position == sio_ring_head(&shared->ring), "the reader ends at the head");
}


static void
test_race(size_t bytes)
{
    int        status;
    pid_t      pid;
    seen_t     seen;
    shared_t  *shared;

    shared = mmap(NULL, sizeof(shared_t) + bytes, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (!ok(shared != MAP_FAILED, "shared memory of %zu bytes", bytes)) {
        return;
    }

    sio_ring_init(&shared->ring, sizeof(sio_ring_t) + bytes);

    pid = fork();

    if (pid == 0) {
        race_write(shared);
        _exit(0);
    }

    ok(pid > 0, "a writer");
    race_read(shared, &seen);
    waitpid(pid, &status, 0);

    ok(status == 0, "the writer ended well");
    is_uint(seen.bad, 0, "no valid record has foreign bytes");
    ok(seen.good > 0, "some were read");
    note("%" PRIu64 " read, lapped %" PRIu64 " times", seen.good, seen.lapped);

    munmap(shared, sizeof(shared_t) + bytes);
}


int
main(void)
{
    test_empty();
    test_visibility();
    test_wrap();
    test_forged();
    test_death();
    test_random();
    test_lapped();
    test_race(1032);
    test_race(8000);

    return done_testing();
}
