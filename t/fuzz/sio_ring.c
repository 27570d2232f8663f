
/*
 * The ring log against a list of all records ever appended.  Input: two bytes
 * for the size of the memory, then operations: append, reserve and die, let a
 * reader take some steps, look at any position.  The reader is lapped as often
 * as the input wants and must never see a foreign byte.
 */

#include "sio_ring.h"

#include <stdlib.h>


#define HEAD     sizeof(sio_ring_record_t)
#define RECORDS  4096


typedef struct {
    sio_ring_t  *ring;
    uint64_t     positions[RECORDS];
    uint32_t     sizes[RECORDS];
    unsigned     n;
    uint64_t     reader;
    unsigned     next;          /* index of the record the reader waits for */
} model_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int good)
{
    if (!good) {
        abort();
    }
}


static uint8_t
pattern(uint64_t position, size_t i)
{
    return (uint8_t) ((position >> 3) * 31 + (position >> 11) + i * 7) | 1;
}


static void
append(model_t *m, size_t size, int commit)
{
    size_t              i, max;
    uint64_t            head;
    sio_ring_record_t  *record;

    max = sio_ring_record_max(m->ring);
    head = sio_ring_head(m->ring);
    record = sio_ring_reserve(m->ring, size);
    check((record == NULL) == (size > max));
    check(sio_ring_head(m->ring) == head);

    if (record == NULL) {
        return;
    }

    check(record->position >= head && record->position < head + max);
    check(record->size >= size && record->size < size + HEAD + SIO_RING_ALIGN);

    for (i = HEAD; i < record->size; i++) {
        ((uint8_t *) record)[i] = pattern(record->position, i);
    }

    if (!commit || m->n == RECORDS) {
        return;
    }

    m->positions[m->n] = record->position;
    m->sizes[m->n++] = record->size;

    sio_ring_commit(m->ring, record);
    check(sio_ring_head(m->ring) > record->position);
}


/* Whether record i is whole, and there as long as it was promised to be. */

static void
check_record(const model_t *m, unsigned i)
{
    size_t                    j, kept;
    const sio_ring_record_t  *r;

    kept = m->ring->size - 2 * sio_ring_record_max(m->ring) - HEAD;
    r = sio_ring_at(m->ring, m->positions[i]);

    check((r != NULL) == (m->positions[i] >= sio_ring_tail(m->ring)));
    check((r != NULL) == sio_ring_valid(m->ring, m->positions[i]));

    if (r == NULL) {
        check(sio_ring_head(m->ring) - m->positions[i] > kept);
        return;
    }

    check(r->position == m->positions[i] && r->size == m->sizes[i]);

    for (j = HEAD; j < r->size; j++) {
        check(((const uint8_t *) r)[j] == pattern(r->position, j));
    }
}


static void
step(model_t *m)
{
    sio_ring_record_t         copy;
    const sio_ring_record_t  *r;

    if (m->reader >= sio_ring_head(m->ring)) {
        check(m->reader == sio_ring_head(m->ring) && m->next == m->n);
        return;
    }

    r = sio_ring_at(m->ring, m->reader);

    if (r == NULL) {
        check(m->reader < sio_ring_tail(m->ring));
        m->reader = sio_ring_tail(m->ring);

        while (m->next < m->n && m->positions[m->next] < m->reader) {
            m->next++;
        }

        return;
    }

    memcpy(&copy, r, sizeof(copy));
    check(m->next < m->n && copy.position == m->positions[m->next]);
    check_record(m, m->next++);
    m->reader = sio_ring_next(m->ring, &copy);
}


/* A position that nobody has given out is found only if it is a record's. */

static void
probe(const model_t *m, uint64_t position)
{
    unsigned                  i;
    const sio_ring_record_t  *r;

    r = sio_ring_at(m->ring, position);

    if (r == NULL) {
        return;
    }

    for (i = 0; i < m->n && m->positions[i] != r->position; i++) {
        check(m->positions[i] < r->position);
    }

    check(i < m->n && r->position >= position);
}


static void
operate(model_t *m, const uint8_t *data, size_t size)
{
    size_t    i, amount;
    unsigned  j;

    for (i = 0; i + 1 < size; i += 2) {
        amount = data[i + 1];

        switch (data[i] % 5) {

        case 0:
            append(m, amount, 1);
            break;

        case 1:
            append(m, sio_ring_record_max(m->ring) * amount / 250, 1);
            break;

        case 2:
            append(m, amount, 0);
            break;

        case 3:
            for (j = 0; j < amount % 16; j++) {
                step(m);
            }

            break;

        default:
            probe(m, sio_ring_head(m->ring) - amount * (1 + data[i] / 5));
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t          bytes;
    unsigned        i;
    static model_t  m;

    if (size < 2) {
        return 0;
    }

    bytes = sizeof(sio_ring_t) + 1024 + data[0] + data[1] % 4 * 256;

    m.ring = malloc(bytes);
    check(m.ring != NULL);
    memset(m.ring, data[1], bytes);
    sio_ring_init(m.ring, bytes);
    m.n = 0;
    m.next = 0;
    m.reader = SIO_RING_BEGIN;

    operate(&m, data + 2, size - 2);

    for (i = 0; i < m.n; i++) {
        check_record(&m, i);
    }

    for (i = 0; i <= m.n; i++) {
        step(&m);
    }

    free(m.ring);

    return 0;
}
