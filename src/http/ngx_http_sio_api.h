
/*
 * The server API's operations and what they share.
 *
 * A request is one operation, a batch makes one of each of its elements.  An
 * operation begins, and is stepped while it returns NGX_AGAIN, so that long
 * work leaves the worker's loop alive.  Its codes: NGX_OK, and its answer is in
 * `out`; NGX_AGAIN; NGX_DECLINED, and `error` says why; NGX_ERROR, which is an
 * error 500.
 */

#ifndef _NGX_HTTP_SIO_API_H_INCLUDED_
#define _NGX_HTTP_SIO_API_H_INCLUDED_


#include "ngx_http_sio_conf.h"
#include "ngx_sio_log.h"
#include "sio_json.h"


#define NGX_HTTP_SIO_VERSION       "0.1.0"
#define NGX_HTTP_SIO_API_NAME_MAX  1024     /* bytes of a room's name */


/* The members that bodies may have. */
typedef enum {
    NGX_HTTP_SIO_API_OP = 0,
    NGX_HTTP_SIO_API_NAMESPACE,
    NGX_HTTP_SIO_API_ROOMS,
    NGX_HTTP_SIO_API_TO,
    NGX_HTTP_SIO_API_ROOM,
    NGX_HTTP_SIO_API_EXCEPT,
    NGX_HTTP_SIO_API_EVENT,
    NGX_HTTP_SIO_API_ARGS,
    NGX_HTTP_SIO_API_DATA,
    NGX_HTTP_SIO_API_FLAGS,
    NGX_HTTP_SIO_API_ATTACHMENTS,
    NGX_HTTP_SIO_API_ACK,
    NGX_HTTP_SIO_API_ID,
    NGX_HTTP_SIO_API_JOIN,
    NGX_HTTP_SIO_API_LEAVE,
    NGX_HTTP_SIO_API_CLOSE,
    NGX_HTTP_SIO_API_LIMIT,
    NGX_HTTP_SIO_API_CURSOR,
    NGX_HTTP_SIO_API_SOCKET,
    NGX_HTTP_SIO_API_TOKEN,
    NGX_HTTP_SIO_API_USER,
    NGX_HTTP_SIO_API_JTI,
    NGX_HTTP_SIO_API_FOR,
    NGX_HTTP_SIO_API_MEMBERS
} ngx_http_sio_api_member_t;


/* Why an operation fails: a status and a code. */
typedef enum {
    NGX_HTTP_SIO_API_MALFORMED = 0,
    NGX_HTTP_SIO_API_FORBIDDEN,
    NGX_HTTP_SIO_API_UNKNOWN_NAMESPACE,
    NGX_HTTP_SIO_API_UNKNOWN_OPERATION,
    NGX_HTTP_SIO_API_METHOD,
    NGX_HTTP_SIO_API_TOO_LARGE,
    NGX_HTTP_SIO_API_MEDIA_TYPE,
    NGX_HTTP_SIO_API_RESERVED,
    NGX_HTTP_SIO_API_UNKNOWN_SOCKET,
    NGX_HTTP_SIO_API_INVALID_TOKEN,
    NGX_HTTP_SIO_API_NOT_IMPLEMENTED,
    NGX_HTTP_SIO_API_TOO_MANY_ACKS,
    NGX_HTTP_SIO_API_DRAINING,
    NGX_HTTP_SIO_API_NO_ANSWER,
    NGX_HTTP_SIO_API_FULL
} ngx_http_sio_api_reason_t;


typedef struct {
    ngx_http_sio_api_reason_t   reason;
    const char                 *message;
    ngx_uint_t                  missing;    /* nodes that have not answered */
    ngx_uint_t                  cluster;    /* NGX_SIO_CLUSTER_... */
    size_t                      path_len;
    u_char                      path[256];  /* JSON, without the quotes */
} ngx_http_sio_api_error_t;


/* An answer under way; memory is the pool's. */
typedef struct {
    ngx_pool_t                 *pool;
    ngx_chain_t                *first;
    ngx_chain_t                *last;
    size_t                      size;       /* bytes, the last buffer aside */
} ngx_http_sio_api_out_t;


typedef struct ngx_http_sio_api_op_s  ngx_http_sio_api_op_t;

typedef ngx_int_t (*ngx_http_sio_api_pt)(ngx_http_sio_api_op_t *op);


typedef struct {
    ngx_str_t                   name;
    ngx_uint_t                  method;     /* NGX_HTTP_GET or _POST */
    ngx_http_sio_api_pt         begin;      /* NULL: not implemented */
    ngx_http_sio_api_pt         step;
    ngx_uint_t                  members;    /* a bit for each it may have */
} ngx_http_sio_api_operation_t;


struct ngx_http_sio_api_op_s {
    ngx_http_request_t                  *request;
    ngx_pool_t                          *pool;
    ngx_sio_zone_t                      *zone;
    const ngx_http_sio_api_operation_t  *operation;
    ngx_http_sio_api_out_t              *out;
    sio_span_t                           body;
    ngx_uint_t                           inner;     /* of a batch */
    sio_json_t                           value[NGX_HTTP_SIO_API_MEMBERS];

    /* the selector */
    sio_span_t                           namespace;
    ngx_array_t                          rooms;     /* of sio_span_t */
    ngx_array_t                          except;    /* of sio_span_t */

    void                                *state;     /* the operation's own */
    ngx_msec_t                           wait;      /* 0: one turn, or ms */
    ngx_http_sio_api_error_t             error;
};


extern ngx_module_t  ngx_socketio_api_module;


/* The content handler of `socketio_api`. */
ngx_int_t ngx_http_sio_api_handler(ngx_http_request_t *r);

/* Has an operation stepped soon, if it waits; else nothing happens. */
void ngx_http_sio_api_wake(ngx_http_sio_api_op_t *op);

/* The operation with that name, NULL if there is none. */
const ngx_http_sio_api_operation_t *ngx_http_sio_api_operation(ngx_str_t *name);


#endif /* _NGX_HTTP_SIO_API_H_INCLUDED_ */
