
/*
 * Templates filled with claims, with arguments of an event, and with what a
 * socket is.  What is filled in is never syntax.
 */

#ifndef _NGX_SIO_FILL_H_INCLUDED_
#define _NGX_SIO_FILL_H_INCLUDED_


#include "ngx_sio_claims.h"


#define NGX_SIO_VALUES_BYTES  8192      /* of one template's values */


/* The value of a name; of an array what is still to come. */
typedef struct {
    ngx_uint_t         array;
    sio_json_t         value;           /* of an array the element */
    sio_json_iter_t    rest;
} ngx_sio_source_t;


/* A template with its names replaced by text. */
typedef struct {
    sio_template_t     template;
    ngx_sio_source_t   sources[SIO_TEMPLATE_PARTS];
    size_t             used;
    u_char             bytes[NGX_SIO_VALUES_BYTES];
} ngx_sio_filled_t;


/*
 * Calls back with the rooms of a template without a star, as
 * ngx_sio_rule_rooms(), but all or none: NGX_DECLINED when a value is missing,
 * is neither a string nor an integer, or makes no good name.  The elements of
 * an array claim are values, those of an argument are not.
 */
ngx_int_t ngx_sio_template_rooms(const sio_template_t *t,
    const ngx_sio_values_t *values, size_t max, ngx_sio_room_pt handler,
    void *data);

/*
 * What a template means as JSON: one placeholder alone keeps its type, any
 * other is a string, which is written to dst.  NGX_DECLINED as above, or when
 * it has more than size bytes.
 */
ngx_int_t ngx_sio_template_json(const sio_template_t *t,
    const ngx_sio_values_t *values, u_char *dst, size_t size,
    sio_span_t *json);

/*
 * Fills a template with the element-th elements of its array claims; one that
 * is no array is its own only element.  They are asked for from 0 on, with the
 * same `filled`, so that a walk looks at each once: clients cause many of them.
 * NGX_DONE: there are no more; NGX_DECLINED: a value cannot be in a room's
 * name, so the rule is inert.
 */
ngx_int_t ngx_sio_fill(const sio_template_t *t, const ngx_sio_values_t *values,
    ngx_uint_t element, ngx_sio_filled_t *filled);

/* A filled template as text, valid until the next call; empty if too long. */
sio_span_t ngx_sio_fill_join(const ngx_sio_filled_t *filled);

/*
 * Writes a string or an integer as text, not empty and without control
 * characters; others, and what is longer than size, are NGX_DECLINED.
 */
ngx_int_t ngx_sio_value_text(const sio_json_t *v, u_char *dst, size_t size,
    size_t *n);


#endif /* _NGX_SIO_FILL_H_INCLUDED_ */
