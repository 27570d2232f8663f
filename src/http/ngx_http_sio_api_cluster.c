
/*
 * The server API's operations where there are other nodes: what is told them,
 * and how far that has come.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_sio_bus.h"


const char *
ngx_http_sio_api_cluster(ngx_uint_t cluster)
{
    switch (cluster) {

    case NGX_SIO_CLUSTER_DOWN:
        return ",\"cluster\":\"down\"";

    case NGX_SIO_CLUSTER_REFUSED:
        return ",\"cluster\":\"refused\"";

    default:
        return "";
    }
}
