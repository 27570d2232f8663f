
/*
 * The ring log's bytes: one writer at a time appends records, any number of
 * readers follow without a lock and can tell when they were lapped.
 *
 * A position is the number of bytes ever appended before it: it only grows, and
 * names a record for ever.  The memory may be shared by processes; a writer
 * that dies in the middle leaves nothing visible.
 *
 * Why two words: before it overwrites old records the writer moves `tail` past
 * them, and after it has written it moves `head`.  A reader that has copied
 * bytes of a record and then still finds it at or behind `tail` has copied good
 * ones.
 */

#ifndef _SIO_RING_H_INCLUDED_
#define _SIO_RING_H_INCLUDED_


#include "sio_span.h"


#define SIO_RING_ALIGN   8      /* of records and their sizes, in bytes */
#define SIO_RING_BEGIN   4096   /* the first position: 0 means "none" */


/* A record's first bytes; the caller's own header begins with it. */
typedef struct {
    uint32_t  size;             /* bytes with this header, aligned */
    uint32_t  pad;              /* 1: filler up to the end of the memory */
    uint64_t  position;         /* its own: guards against stale references */
} sio_ring_record_t;


typedef struct {
    uint64_t  size;             /* bytes of memory that follow, aligned */
    uint64_t  tail;             /* position of the oldest record */
    uint64_t  head;             /* position of the next record */
    uint8_t   unused[40];       /* the data starts on a cache line */
} sio_ring_t;


/*
 * Makes an empty ring in memory of bytes, which must be aligned to 8 and hold
 * at least the struct and 1024 bytes.
 */
void sio_ring_init(sio_ring_t *ring, size_t bytes);

/* The largest record, with its header, that may be appended: size / 8. */
size_t sio_ring_record_max(const sio_ring_t *ring);

/*
 * Reserves room for a record of size bytes (header included, any number up to
 * sio_ring_record_max()) at the head, adds filler where it would wrap, and
 * fills in the header but for what the caller adds.  Returns the record, whose
 * position is record->position, or NULL if size is too large.  Nothing is
 * visible until sio_ring_commit(); a second sio_ring_reserve() drops the first.
 * The caller holds the writers' lock.
 */
sio_ring_record_t *sio_ring_reserve(sio_ring_t *ring, size_t size);

/* Makes the record visible.  The caller still holds the writers' lock. */
void sio_ring_commit(sio_ring_t *ring, const sio_ring_record_t *record);

/* The position of the next record, with acquire ordering. */
uint64_t sio_ring_head(const sio_ring_t *ring);

/*
 * The record at a position below the head (filler is skipped: the record's own
 * position may be higher), or NULL when it is no longer in the ring.  Its bytes
 * may change under the reader: what is copied of them counts only when
 * sio_ring_valid() says so afterwards, and a length among them is trusted by
 * nobody before.
 */
const sio_ring_record_t *sio_ring_at(const sio_ring_t *ring, uint64_t position);

/*
 * The position that follows a record: call it on a copy of the header that
 * sio_ring_valid() has vouched for, since a record may be overwritten at any
 * time.
 */
uint64_t sio_ring_next(const sio_ring_t *ring, const sio_ring_record_t *record);

/* The position of the oldest record (the head's if there is none). */
uint64_t sio_ring_tail(const sio_ring_t *ring);

/*
 * Whether all bytes read at a position before this call were those of its
 * record: call it after copying them.
 */
int sio_ring_valid(const sio_ring_t *ring, uint64_t position);


#endif /* _SIO_RING_H_INCLUDED_ */
