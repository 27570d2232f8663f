#include "ngx_sio_cluster.h"
void
ngx_sio_cluster_request(ngx_sio_cluster_t *cl, sio_span_t namespace,
    sio_span_t payload)
{
}
