
/*
 * Publishing: first to the sockets of this nginx, then to the other nodes.
 * Called by whoever speaks for this node; what other nodes have said goes to
 * ngx_sio_emit() only.
 */

#include "ngx_sio_bus.h"


ngx_int_t
ngx_sio_publish(ngx_sio_emit_t *emit)
{
    ngx_int_t  rc;

    rc = ngx_sio_emit(emit);
    emit->cluster = NGX_SIO_CLUSTER_NONE;

    if (rc == NGX_OK && emit->zone->bus != NULL && !emit->local
        && !emit->duplicate)
    {
        emit->cluster = emit->zone->bus->publish(emit);
    }

    return rc;
}
