/*
 * What was published, and who has got it.  Each publish carries a marker, text
 * of --payload bytes that says its number and proves that nothing of it has
 * changed.  A client's inbox knows what has come to it, so that each delivery
 * is judged at once: twice, out of order, another's, damaged.
 */

#ifndef _LEDGER_H_INCLUDED_
#define _LEDGER_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define LEDGER_HEAD    28       /* the least bytes of a marker */
#define LEDGER_WINDOW  512      /* messages that one may come late behind */


typedef struct {
    uint64_t  top;              /* of its own messages, the last seen + 1 */
    uint64_t  floor;            /* what is below this had to come before */
    uint64_t  seen[LEDGER_WINDOW / 64];
} inbox_t;


/* Once, when the options are known. */
void ledger_init(void);

/*
 * Notes a publish that is sent now and was due at `due`, and returns its
 * number; -1: too many are under way.
 */
int64_t ledger_publish(uint64_t due);

/* Room of a message, as the number in its name. */
uint32_t ledger_room(uint64_t seq);

/* Rooms that may have members: all, or every so many with --apart. */
uint32_t ledger_homes(void);

/* Whether a client is in the room. */
int ledger_member(uint32_t client, uint32_t room);

/* Writes the marker, of load_opt.payload bytes. */
void ledger_marker(uint64_t seq, uint8_t *p);

/* The response has come; good: it was a success. */
void ledger_answered(uint64_t seq, int good);

/* n bytes that should be a marker have come to a client. */
void ledger_delivery(inbox_t *inbox, uint32_t client, const uint8_t *p,
    size_t n);

/* Publishes that are not done: see --loop. */
unsigned ledger_under_way(void);

/* Publishes of which deliveries are missing. */
uint64_t ledger_missing(void);

/* Gives up those that wait for longer than --patience. */
void ledger_give_up(void);


#endif /* _LEDGER_H_INCLUDED_ */
