/*
 * A publisher that is no server: broadcasts of another node, as
 * @socket.io/redis-adapter writes them, by PUBLISH on one connection to a
 * Redis.  publish.c asks it instead of its own connections with --redis.
 */

#ifndef _REDIS_H_INCLUDED_
#define _REDIS_H_INCLUDED_


#include <stdint.h>


/* Connects; redis_connected() tells when it is there. */
void redis_init(void);
int redis_connected(void);

/*
 * Notes a publish that was due at `due`, to be sent by redis_flush(); returns
 * whether it could be.
 */
int redis_publish(uint64_t due);

/* Sends at once what redis_publish() has noted. */
void redis_flush(void);

/* Publishes that Redis has not answered. */
uint64_t redis_waiting(void);


#endif /* _REDIS_H_INCLUDED_ */
