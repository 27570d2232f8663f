/*
 * Publishers: connections that POST one event at a time to rooms in turn, or
 * with --redis one that publishes there.
 */

#ifndef _PUBLISH_H_INCLUDED_
#define _PUBLISH_H_INCLUDED_


#include <stdint.h>


/* Connects them; publish_connected() tells when they are there. */
void publish_init(void);
int publish_connected(void);

/*
 * Publishes from now on, as --rate or --outstanding say, `count` times or
 * until publish_stop().
 */
void publish_start(uint64_t count);
void publish_stop(void);

/* Keeps --outstanding under way; to be called after each turn of the loop. */
void publish_more(void);

/* Publishes that are due or whose response has not come. */
uint64_t publish_waiting(void);


#endif /* _PUBLISH_H_INCLUDED_ */
