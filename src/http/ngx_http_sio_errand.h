
/*
 * What the server API does with one socket: for requests of this node, and for
 * errands of other ones.
 */

#ifndef _NGX_HTTP_SIO_ERRAND_H_INCLUDED_
#define _NGX_HTTP_SIO_ERRAND_H_INCLUDED_


#include "ngx_sio_cluster_errand.h"


/* Does an errand with a socket of this node; ngx_sio_errand_pt. */
void ngx_http_sio_errand(ngx_sio_errand_t *errand);


#endif /* _NGX_HTTP_SIO_ERRAND_H_INCLUDED_ */
