
/*
 * Why operations fail: the status and code of each reason, and the answer that
 * tells it.
 */

#include "ngx_http_sio_api_args.h"


typedef struct {
    ngx_uint_t   status;
    const char  *code;
} ngx_http_sio_api_failure_t;


/* By ngx_http_sio_api_reason_t. */
static const ngx_http_sio_api_failure_t  ngx_http_sio_api_failures[] = {
    { NGX_HTTP_BAD_REQUEST, "malformed" },
    { NGX_HTTP_FORBIDDEN, "forbidden" },
    { NGX_HTTP_NOT_FOUND, "unknown_namespace" },
    { NGX_HTTP_NOT_FOUND, "unknown_operation" },
    { NGX_HTTP_NOT_ALLOWED, "method_not_allowed" },
    { NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, "too_large" },
    { NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type" },
    { 422, "reserved_event" },
    { NGX_HTTP_NOT_FOUND, "unknown_socket" },
    { 422, "invalid_token" },
    { NGX_HTTP_NOT_IMPLEMENTED, "not_implemented" },
    { NGX_HTTP_TOO_MANY_REQUESTS, "too_many_acks" },
    { NGX_HTTP_SERVICE_UNAVAILABLE, "draining" },
    { NGX_HTTP_GATEWAY_TIME_OUT, "no_answer" },
    { NGX_HTTP_INSUFFICIENT_STORAGE, "memory_full" }
};


ngx_int_t
ngx_http_sio_api_fail(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_reason_t reason, const char *message, const char *path,
    ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, path);
    p = ngx_vslprintf(op->error.path,
                      op->error.path + sizeof(op->error.path), path, args);
    va_end(args);

    op->error.reason = reason;
    op->error.message = message;
    op->error.path_len = p - op->error.path;

    /* a path that was cut might end in half a character */

    if (op->error.path_len == sizeof(op->error.path)) {
        op->error.path_len = 0;
    }

    return NGX_DECLINED;
}


ngx_uint_t
ngx_http_sio_api_error_status(ngx_http_sio_api_reason_t reason)
{
    return ngx_http_sio_api_failures[reason].status;
}


ngx_int_t
ngx_http_sio_api_error_write(ngx_http_sio_api_op_t *op)
{
    u_char                            *p;
    const ngx_http_sio_api_error_t    *e;
    const ngx_http_sio_api_failure_t  *f;

    e = &op->error;
    f = &ngx_http_sio_api_failures[e->reason];

    p = ngx_http_sio_api_reserve(op->out, 1024 + ngx_strlen(e->message));
    if (p == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(p, "{\"ok\":false,\"error\":{\"code\":\"%s\","
                    "\"message\":\"%s\"", f->code, e->message);

    if (e->path_len) {
        p = ngx_sprintf(p, ",\"path\":\"%*s\"", e->path_len, e->path);
    }

    if (op->inner) {
        p = ngx_sprintf(p, ",\"status\":%ui", f->status);
    }

    *p++ = '}';

    if (e->missing) {
        p = ngx_sprintf(p, ",\"missing\":%ui", e->missing);
    }

    p = ngx_sprintf(p, "%s}", ngx_http_sio_api_cluster(e->cluster));
    ngx_http_sio_api_commit(op->out, p);

    return NGX_OK;
}
