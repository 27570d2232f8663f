
/*
 * What test builds can do and no other: send Engine.IO messages back, and die
 * in the middle of a change of shared memory.
 */

#ifndef _NGX_SIO_TEST_H_INCLUDED_
#define _NGX_SIO_TEST_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#if (NGX_SIO_TEST)

/* Whether messages go back to their sender, instead of to Socket.IO. */
extern ngx_uint_t  ngx_sio_test_echo;

/*
 * Reads SIO_TEST_DIE; with it there is no echo.  It says at how many points
 * from now a worker is to die, and then the word lies in shared memory.  Or it
 * is a directory, from which each worker takes a file with that number, for its
 * own points, if there is one whose name is its pid.
 */
void ngx_sio_test_init(ngx_atomic_t *countdown);

/* One of these points: somewhere within the lock. */
void ngx_sio_test_point(void);

#else

#define ngx_sio_test_point()

#endif


#endif /* _NGX_SIO_TEST_H_INCLUDED_ */
