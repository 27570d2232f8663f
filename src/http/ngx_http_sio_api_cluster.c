
/*
 * The server API where there are other nodes: what they are told, how far that
 * has come, and serverSideEmit, which is for them alone.
 */

#include "ngx_http_sio_api_args.h"
#include "ngx_http_sio_api_operations.h"
#include "ngx_sio_cluster.h"


static ngx_int_t ngx_http_sio_api_server_data(ngx_http_sio_api_op_t *op,
    sio_span_t *data);


ngx_uint_t
ngx_http_sio_api_tell(ngx_http_sio_api_op_t *op, ngx_uint_t type,
    const ngx_array_t *names, ngx_uint_t close)
{
    sio_adapter_request_t  request;

    ngx_memzero(&request, sizeof(sio_adapter_request_t));

    request.type = type;
    request.opts = 1;
    request.close = close;
    request.rooms.name = op->rooms.elts;
    request.rooms.n = op->rooms.nelts;
    request.except.name = op->except.elts;
    request.except.n = op->except.nelts;
    request.names.name = names->elts;
    request.names.n = names->nelts;

    return ngx_sio_cluster_tell(op->zone, op->namespace, &request);
}


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


ngx_int_t
ngx_http_sio_api_server_side(ngx_http_sio_api_op_t *op)
{
    u_char                 *p;
    ngx_int_t               rc;
    ngx_uint_t              cluster;
    sio_adapter_request_t   request;

    rc = ngx_http_sio_api_read(op);
    if (rc != NGX_OK) {
        return rc;
    }

    if (op->zone->bus == NULL) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_NOT_IMPLEMENTED,
                                     "there are no other nodes: the zone has "
                                     "no socketio_redis", "");
    }

    ngx_memzero(&request, sizeof(sio_adapter_request_t));
    request.type = SIO_ADAPTER_SERVER_SIDE_EMIT;

    rc = ngx_http_sio_api_server_data(op, &request.data);
    if (rc != NGX_OK) {
        return rc;
    }

    cluster = ngx_sio_cluster_tell(op->zone, op->namespace, &request);

    p = ngx_http_sio_api_reserve(op->out, 64);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(p, "{\"ok\":true%s}", ngx_http_sio_api_cluster(cluster));
    ngx_http_sio_api_commit(op->out, p);

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_api_server_data(ngx_http_sio_api_op_t *op, sio_span_t *data)
{
    u_char             *p;
    sio_json_t         *event, *args;
    sio_json_iter_t     it;
    sio_json_member_t   m;

    event = &op->value[NGX_HTTP_SIO_API_EVENT];
    args = &op->value[NGX_HTTP_SIO_API_ARGS];

    if (event->kind != SIO_JSON_STRING) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must be a string", "event");
    }

    if (args->kind != SIO_JSON_NONE && args->kind != SIO_JSON_ARRAY) {
        return ngx_http_sio_api_fail(op, NGX_HTTP_SIO_API_MALFORMED,
                                     "must be an array", "args");
    }

    p = ngx_pnalloc(op->pool, event->raw.n + args->raw.n + 3);
    if (p == NULL) {
        return NGX_ERROR;
    }

    data->p = p;
    *p++ = '[';
    p = ngx_cpymem(p, event->raw.p, event->raw.n);

    sio_json_iter(&it, args);

    if (sio_json_next(&it, &m)) {
        *p++ = ',';
        p = ngx_cpymem(p, args->raw.p + 1, args->raw.n - 2);
    }

    *p++ = ']';
    data->n = p - data->p;

    return NGX_OK;
}
