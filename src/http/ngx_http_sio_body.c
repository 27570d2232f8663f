
/*
 * Encodes records for polling: packets joined with the separator, attachments
 * in base64.
 */

#include "ngx_http_sio_body.h"
#include "ngx_sio_recovery.h"
#include "sio_base64.h"
#include "sio_eio.h"


#define NGX_HTTP_SIO_BODY_KEPT  (256 * 1024)


static ngx_int_t ngx_http_sio_body_room(ngx_http_sio_body_t *body, size_t n);
static void ngx_http_sio_body_part(ngx_http_sio_body_t *body,
    ngx_uint_t binary, sio_span_t data);


static ngx_http_sio_body_t  ngx_http_sio_the_body;


ngx_http_sio_body_t *
ngx_http_sio_body(ngx_sio_zone_t *zone, size_t limit)
{
    ngx_http_sio_body_t  *body;

    body = &ngx_http_sio_the_body;

    if (body->size > NGX_HTTP_SIO_BODY_KEPT) {
        ngx_free(body->data);
        body->data = NULL;
        body->size = 0;
    }

    body->n = 0;
    body->packets = 0;
    body->limit = limit;
    body->zone = zone;

    return body;
}


/* The packet is copied to the end of what its encoding may need, at most. */

ngx_int_t
ngx_http_sio_body_record(void *data, const ngx_sio_record_view_t *view)
{
    ngx_http_sio_body_t *body = data;

    size_t       need, stamped;
    u_char      *src, *end, stamp[NGX_SIO_STAMP_MAX];
    uint32_t     n;
    ngx_uint_t   i;
    sio_span_t   part;

    if (body->n && body->n + view->head.length > body->limit) {
        return NGX_DONE;
    }

    need = sio_base64_encoded_size(view->head.length) + view->head.parts * 6
           + NGX_SIO_STAMP_MAX;

    if (ngx_http_sio_body_room(body, need + view->head.length) != NGX_OK) {
        return NGX_ERROR;
    }

    src = body->data + body->n + need;
    end = src + view->head.length;

    if (ngx_sio_log_copy(body->zone, view, src) != NGX_OK) {
        return NGX_DECLINED;
    }

    for (i = 0; i < view->head.parts && end - src >= 4; i++) {
        ngx_memcpy(&n, src, sizeof(uint32_t));
        src += sizeof(uint32_t);

        part.p = src;
        part.n = n;
        src += n;

        stamped = i == 0 && view->stamped
                  ? ngx_sio_recovery_stamp(body->zone, view, &part, stamp) : 0;

        if (i > 0 || n > 0) {
            ngx_http_sio_body_part(body, i > 0, part);
        }

        ngx_memcpy(body->data + body->n, stamp, stamped);
        body->n += stamped;
    }

    return NGX_OK;
}


static void
ngx_http_sio_body_part(ngx_http_sio_body_t *body, ngx_uint_t binary,
    sio_span_t data)
{
    u_char  *p;

    p = body->data + body->n;

    if (body->n) {
        *p++ = SIO_EIO_SEPARATOR;
    }

    if (binary) {
        *p++ = SIO_EIO_BINARY;
        p += sio_base64_encode(p, data);

    } else {
        p = ngx_movemem(p, data.p, data.n);
    }

    body->n = p - body->data;
    body->packets++;
}


ngx_int_t
ngx_http_sio_body_packet(ngx_http_sio_body_t *body, u_char type)
{
    sio_span_t  part;

    if (ngx_http_sio_body_room(body, 2) != NGX_OK) {
        return NGX_ERROR;
    }

    part.p = &type;
    part.n = 1;

    ngx_http_sio_body_part(body, 0, part);

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_body_room(ngx_http_sio_body_t *body, size_t n)
{
    u_char  *data;
    size_t   size;

    if (n <= body->size - body->n) {
        return NGX_OK;
    }

    size = ngx_max(body->size * 2, body->n + n + 4096);

    data = realloc(body->data, size);
    if (data == NULL) {
        return NGX_ERROR;
    }

    body->data = data;
    body->size = size;

    return NGX_OK;
}
