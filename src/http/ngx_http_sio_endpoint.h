
/*
 * What the requests of an endpoint have in common: parameters, CORS, the
 * handshake.
 */

#ifndef _NGX_HTTP_SIO_ENDPOINT_H_INCLUDED_
#define _NGX_HTTP_SIO_ENDPOINT_H_INCLUDED_


#include "ngx_http_sio_conf.h"
#include "ngx_sio_registry.h"


typedef struct {
    ngx_str_t   eio;
    ngx_str_t   transport;              /* "" if it is neither */
    ngx_str_t   sid;                    /* without .NODE */
    ngx_str_t   node;                   /* that the sid names, or empty */
    ngx_uint_t  base64;                 /* b64: no binary frames */
} ngx_http_sio_args_t;


/* Reads the parameters of a request; they stay in its memory. */
void ngx_http_sio_parse_args(ngx_http_request_t *r, ngx_http_sio_args_t *args);


/*
 * Makes a session for a handshake request and writes its open packet.  Returns
 * NGX_OK, NGX_DECLINED when the zone is full, NGX_BUSY over a limit, NGX_ERROR.
 */
ngx_int_t ngx_http_sio_handshake(ngx_http_request_t *r, ngx_uint_t transport,
    ngx_sio_ref_t *session, u_char *sid, ngx_str_t *packet);

/* Whether a WebSocket may be opened by the page that asks for it. */
ngx_uint_t ngx_http_sio_origin_allowed(ngx_http_request_t *r);

/* Adds the CORS headers that the configuration wants, to any answer. */
ngx_int_t ngx_http_sio_cors(ngx_http_request_t *r);

/* Answers a CORS preflight. */
ngx_int_t ngx_http_sio_preflight(ngx_http_request_t *r);

/*
 * Describes the first request of a session for fetchSockets, as JSON and
 * without anything that is a secret.  Allocated from the request's pool.
 */
ngx_int_t ngx_http_sio_describe(ngx_http_request_t *r, ngx_uint_t transport,
    ngx_str_t *json);

/* Whether a parameter may be a secret; whether a header is none for sure. */
ngx_uint_t ngx_http_sio_describe_secret(ngx_str_t *name);
ngx_uint_t ngx_http_sio_describe_harmless(ngx_str_t *name);

/* The requests of a polling session. */
ngx_int_t ngx_http_sio_poll(ngx_http_request_t *r,
    const ngx_http_sio_args_t *args);
ngx_int_t ngx_http_sio_post(ngx_http_request_t *r,
    const ngx_http_sio_args_t *args);

/* A request to open a WebSocket, with a sid to upgrade a session. */
ngx_int_t ngx_http_sio_websocket(ngx_http_request_t *r,
    const ngx_http_sio_args_t *args);


#endif /* _NGX_HTTP_SIO_ENDPOINT_H_INCLUDED_ */
