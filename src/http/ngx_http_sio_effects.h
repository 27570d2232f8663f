
/*
 * What a service's answer does: to the socket, to rooms, to the client.
 */

#ifndef _NGX_HTTP_SIO_EFFECTS_H_INCLUDED_
#define _NGX_HTTP_SIO_EFFECTS_H_INCLUDED_


#include "ngx_http_sio_api.h"
#include "ngx_http_sio_call.h"
#include "sio_packet.h"


#define NGX_HTTP_SIO_EFFECTS_EMITS  1000    /* of one answer */


/* An answer that is good, as it was written; memory is the request's. */
typedef struct {
    ngx_sio_call_t          *call;
    ngx_http_sio_api_op_t    op;            /* for the API's parsers */
    sio_json_t               answer;
    sio_span_t               data;          /* empty: as it was */
    ngx_array_t              leave;         /* of sio_span_t */
    ngx_array_t              join;          /* of sio_span_t */
    ngx_array_t              emits;         /* ngx_http_sio_api_op_t */
    sio_span_t               ack;           /* a JSON array, or empty */
    ngx_uint_t               silent;        /* the event gets no ack */
    sio_span_t               attachments[SIO_ATTACHMENTS_MAX];
    ngx_uint_t               nattachments;
    ngx_uint_t               refused;       /* there is an error */
    sio_span_t               message;       /* of the error: JSON, inside */
    sio_span_t               error_data;    /* of the error: JSON or empty */
    ngx_uint_t               disconnect;
    const char              *why;           /* it is no good */
    u_char                   path[300];     /* and where */
    size_t                   path_len;
} ngx_http_sio_effects_t;


/*
 * Carries out what came of a call: all of its effects, or if something is wrong
 * with it none but that the client is told.
 */
void ngx_http_sio_effects(ngx_sio_call_t *call,
    ngx_http_sio_call_answer_t *answer);

/*
 * Reads an answer's body; an empty one has no effects.  Returns NGX_OK,
 * NGX_DECLINED with e->why set, NGX_ERROR without memory.
 */
ngx_int_t ngx_http_sio_effects_read(ngx_http_sio_effects_t *e,
    sio_span_t body);


#endif /* _NGX_HTTP_SIO_EFFECTS_H_INCLUDED_ */
