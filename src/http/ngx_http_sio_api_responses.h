
/*
 * The responses of clients in the answer of an emit with `ack`: values are
 * written as they come, binaries are held until the end.
 */

#ifndef _NGX_HTTP_SIO_API_RESPONSES_H_INCLUDED_
#define _NGX_HTTP_SIO_API_RESPONSES_H_INCLUDED_


#include "ngx_http_sio_api.h"
#include "ngx_sio_acks.h"


/* A copy of an ack. */
typedef struct {
    ngx_queue_t                queue;
    ngx_uint_t                 place;       /* among the responses */
    ngx_sio_ack_t              ack;
} ngx_http_sio_api_held_t;


typedef struct {
    ngx_http_sio_api_out_t    *out;
    ngx_uint_t                 n;
    size_t                     bytes;       /* of values and binaries, twice
                                               where they are held as well */
    ngx_queue_t                binary;      /* ngx_http_sio_api_held_t */
} ngx_http_sio_api_responses_t;


/* Begins; memory is that of out. */
void ngx_http_sio_api_responses_init(ngx_http_sio_api_responses_t *responses,
    ngx_http_sio_api_out_t *out);

/*
 * Writes a response.  NGX_OK, or NGX_DECLINED when there is none in the ack, no
 * memory, or there are too many bytes already: then it is missing.
 */
ngx_int_t ngx_http_sio_api_response_add(
    ngx_http_sio_api_responses_t *responses, const ngx_sio_ack_t *ack);

/* Copies an ack that is to be added later; NULL as above. */
ngx_http_sio_api_held_t *ngx_http_sio_api_response_hold(
    ngx_http_sio_api_responses_t *responses, const ngx_sio_ack_t *ack);

/* Writes the member `attachments`, if there are any.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_sio_api_response_attachments(
    ngx_http_sio_api_responses_t *responses);


#endif /* _NGX_HTTP_SIO_API_RESPONSES_H_INCLUDED_ */
