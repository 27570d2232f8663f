
/* Answers of an endpoint, and headers. */

#ifndef _NGX_HTTP_SIO_ANSWER_H_INCLUDED_
#define _NGX_HTTP_SIO_ANSWER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* Engine.IO's error codes. */
#define NGX_HTTP_SIO_BAD_TRANSPORT   0
#define NGX_HTTP_SIO_BAD_SID         1
#define NGX_HTTP_SIO_BAD_METHOD      2
#define NGX_HTTP_SIO_BAD_REQUEST     3
#define NGX_HTTP_SIO_FORBIDDEN       4
#define NGX_HTTP_SIO_BAD_VERSION     5

/* Not of the protocol: clients try again. */
#define NGX_HTTP_SIO_FULL            6      /* no memory, no slot */
#define NGX_HTTP_SIO_LIMITED         7


/*
 * Answers with an Engine.IO error, `{"code":1,"message":"..."}`: 400, 403, or
 * 503 with Retry-After.
 */
ngx_int_t ngx_http_sio_error(ngx_http_request_t *r, ngx_uint_t code);

/* Answers a status other than an Engine.IO error's, without a body. */
ngx_int_t ngx_http_sio_status(ngx_http_request_t *r, ngx_uint_t status);

/*
 * Answers 200 with a body, which must live as long as the request, and the
 * content type (with charset UTF-8 if it is text/plain).
 */
ngx_int_t ngx_http_sio_answer(ngx_http_request_t *r, const char *type,
    ngx_str_t *body);

/* Adds a header to the answer; both strings must live as long as it. */
ngx_int_t ngx_http_sio_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);

/* A request header by its lower-case name, NULL if there is none. */
ngx_str_t *ngx_http_sio_request_header(ngx_http_request_t *r,
    const char *name);


#endif /* _NGX_HTTP_SIO_ANSWER_H_INCLUDED_ */
