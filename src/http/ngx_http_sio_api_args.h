
/*
 * Reading what operations are given and writing what they answer: members,
 * the selector, query strings, errors, buffers.
 */

#ifndef _NGX_HTTP_SIO_API_ARGS_H_INCLUDED_
#define _NGX_HTTP_SIO_API_ARGS_H_INCLUDED_


#include "ngx_http_sio_api.h"
#include "ngx_sio_select.h"


/* A pair of a query string, the value decoded; codes as for operations. */
typedef ngx_int_t (*ngx_http_sio_api_pair_pt)(ngx_http_sio_api_op_t *op,
    sio_span_t name, sio_span_t value);


/*
 * Notes an error; path is a format, what it inserts must be JSON text already.
 * Returns NGX_DECLINED.
 */
ngx_int_t ngx_http_sio_api_fail(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_reason_t reason, const char *message, const char *path,
    ...);

/* The HTTP status of an error. */
ngx_uint_t ngx_http_sio_api_error_status(ngx_http_sio_api_reason_t reason);

/*
 * Writes the failed operation's answer, with the status where it is an element
 * of a batch.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_sio_api_error_write(ngx_http_sio_api_op_t *op);

/* Reads the body's members; those of a batch's element are read already. */
ngx_int_t ngx_http_sio_api_body(ngx_http_sio_api_op_t *op);

/* The same, and the selector. */
ngx_int_t ngx_http_sio_api_read(ngx_http_sio_api_op_t *op);

/* Notes one member of a body; a repeated one counts with its last value. */
ngx_int_t ngx_http_sio_api_take(ngx_http_sio_api_op_t *op,
    const sio_json_member_t *m);

/* Calls a function for each pair of the request's query string. */
ngx_int_t ngx_http_sio_api_query(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_pair_pt handler);

/* The error of a pair that the operation does not know. */
ngx_int_t ngx_http_sio_api_pair_unknown(ngx_http_sio_api_op_t *op,
    sio_span_t name);

/* Checks that the selector's namespace is known; an unset one becomes "/". */
ngx_int_t ngx_http_sio_api_known(ngx_http_sio_api_op_t *op);

/*
 * Adds a name of a room to an array of at most NGX_SIO_TARGETS_MAX; the path
 * names where it stands.
 */
ngx_int_t ngx_http_sio_api_add(ngx_http_sio_api_op_t *op, ngx_array_t *names,
    sio_span_t name, const char *path);

/* Adds the names that a member (a string or an array of them) has. */
ngx_int_t ngx_http_sio_api_names(ngx_http_sio_api_op_t *op,
    ngx_http_sio_api_member_t member, ngx_array_t *names);

/* The decoded bytes of a JSON string; NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_sio_api_string(ngx_http_sio_api_op_t *op,
    const sio_json_t *v, sio_span_t *text);

/* Sets a selection that is zero up to be what the request names. */
void ngx_http_sio_api_selection(ngx_http_sio_api_op_t *op,
    ngx_sio_select_t *select, ngx_sio_select_pt handler);

/* The value of digits within [1, max]; codes as for operations. */
ngx_int_t ngx_http_sio_api_number(ngx_http_sio_api_op_t *op, sio_span_t text,
    ngx_uint_t max, const char *path, ngx_uint_t *n);

/*
 * Tells the other nodes to do the same with a selection: SIO_ADAPTER_JOIN,
 * _LEAVE, _DISCONNECT.  Returns NGX_SIO_CLUSTER_...
 */
ngx_uint_t ngx_http_sio_api_tell(ngx_http_sio_api_op_t *op, ngx_uint_t type,
    const ngx_array_t *names, ngx_uint_t close);

/* What an answer says of the other nodes, NGX_SIO_CLUSTER_...; JSON. */
const char *ngx_http_sio_api_cluster(ngx_uint_t cluster);

/* At least n bytes to write the answer on to, NULL without memory. */
u_char *ngx_http_sio_api_reserve(ngx_http_sio_api_out_t *out, size_t n);

/* Says how far the reserved bytes were written. */
void ngx_http_sio_api_commit(ngx_http_sio_api_out_t *out, u_char *end);

/* Writes a text on to the answer; NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_sio_api_write(ngx_http_sio_api_out_t *out,
    const char *text);


#endif /* _NGX_HTTP_SIO_API_ARGS_H_INCLUDED_ */
