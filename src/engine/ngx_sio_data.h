
/*
 * A socket's `data`: a JSON object that socketio_data makes of the claims of
 * its token, for fetchSockets and for services.
 */

#ifndef _NGX_SIO_DATA_H_INCLUDED_
#define _NGX_SIO_DATA_H_INCLUDED_


#include "ngx_sio_claims.h"
#include "ngx_sio_registry.h"


#define NGX_SIO_DATA_MAX  65536         /* bytes; socketio_limit_data is less */


/*
 * Makes the data of a socket that connects out of connect->claims, and sets
 * connect->data, which is valid until the next call of this or of the next
 * function.  Returns NGX_OK, or NGX_DECLINED when claims and data together are
 * more than socketio_limit_data: a warning has been logged.
 */
ngx_int_t ngx_sio_data_connect(const ngx_sio_namespace_conf_t *nc,
    ngx_sio_connect_t *connect);

/*
 * Makes data again when claims are replaced: the members that rules (of
 * ngx_sio_data_rule_t, or NULL) name are set or left out by the values, the
 * others are kept as they stand in old, a JSON object or empty.  Returns NGX_OK
 * and sets *data, empty if it would have no member; or NGX_DECLINED when it
 * would be longer than NGX_SIO_DATA_MAX.
 */
ngx_int_t ngx_sio_data_make(const ngx_array_t *rules,
    const ngx_sio_values_t *values, sio_span_t old, sio_span_t *data);

/*
 * Writes the JSON value of a template, at most size bytes: that of a claim, as
 * it stands in the token, where the template is one placeholder alone, else a
 * string.  A "*" is a star.  Returns NGX_OK and sets *n; NGX_DECLINED when a
 * claim is missing, or, beside other text, is null, an array or an object;
 * NGX_ABORT when size is too small.
 */
ngx_int_t ngx_sio_data_value(const sio_template_t *t,
    const ngx_sio_values_t *values, u_char *dst, size_t size, size_t *n);


#endif /* _NGX_SIO_DATA_H_INCLUDED_ */
