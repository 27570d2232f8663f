
/*
 * A worker's copy of what its clients are in is right as long as each change
 * was told in the log.  One that a worker died of may not have been: after a
 * rebuild each client is compared with shared memory, some in each turn.
 */

#ifndef _NGX_SIO_AUDIT_H_INCLUDED_
#define _NGX_SIO_AUDIT_H_INCLUDED_


#include "ngx_sio_reader.h"


/* A rebuild was read of: all peers that there are have to be looked at. */
void ngx_sio_audit_begin(ngx_sio_reader_t *reader);

/*
 * Looks at some of them, and posts the reader's turn when there are more.  Must
 * not be called within a change of a peer, which is half done then.
 */
void ngx_sio_audit_turn(ngx_sio_reader_t *reader);


#endif /* _NGX_SIO_AUDIT_H_INCLUDED_ */
