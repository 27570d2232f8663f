
/*
 * The namespaces whose requests the leader answers.
 */

#ifndef _NGX_SIO_CLUSTER_NAMES_H_INCLUDED_
#define _NGX_SIO_CLUSTER_NAMES_H_INCLUDED_


#include "ngx_sio_cluster.h"


/* Whether requests of a namespace are answered: Redis counts this node. */
ngx_uint_t ngx_sio_cluster_counted(const ngx_sio_cluster_t *cl,
    sio_span_t namespace);

/* Makes all namespaces that live counted; forgets which are. */
void ngx_sio_cluster_names(ngx_sio_cluster_t *cl);
void ngx_sio_cluster_names_forget(ngx_sio_cluster_t *cl);


#endif /* _NGX_SIO_CLUSTER_NAMES_H_INCLUDED_ */
