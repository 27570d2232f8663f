
/*
 * What nginx nodes tell each other by a channel of their own, to which servers
 * for Node.js do not listen.
 */

#ifndef _NGX_SIO_CLUSTER_PRIVATE_H_INCLUDED_
#define _NGX_SIO_CLUSTER_PRIVATE_H_INCLUDED_


#include "ngx_sio_cluster.h"
#include "ngx_sio_revoke.h"


/* Has other nginx nodes revoke the same; returns NGX_SIO_CLUSTER_... */
ngx_uint_t ngx_sio_cluster_revoke(const ngx_sio_revoke_t *revoke);

/* Takes what another nginx has said; for the leader. */
void ngx_sio_cluster_private(ngx_sio_cluster_t *cl, sio_span_t payload);


#endif /* _NGX_SIO_CLUSTER_PRIVATE_H_INCLUDED_ */
