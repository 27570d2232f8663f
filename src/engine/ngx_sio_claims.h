
/*
 * Claims of a socket's token, and the rooms that rules make of them.
 *
 * Claims are JSON of a verified token, as sio_json reads it.  A value that is
 * filled into a template is never syntax: a `sub` of "*" opens nothing.
 */

#ifndef _NGX_SIO_CLAIMS_H_INCLUDED_
#define _NGX_SIO_CLAIMS_H_INCLUDED_


#include "ngx_sio_conf.h"
#include "sio_json.h"


/* What templates are filled with. */
typedef struct {
    sio_json_t         claims;          /* an object, or of kind NONE */
    sio_span_t         socket;          /* its id */
    sio_span_t         namespace;
    sio_json_t         payload;         /* of an event, or of kind NONE */
} ngx_sio_values_t;


/* Called with each room that a rule makes; not an error is NGX_OK. */
typedef ngx_int_t (*ngx_sio_room_pt)(void *data, sio_span_t room);


/*
 * Sets the values of a socket, without a payload.  The claims are of a verified
 * token, or empty; all of it is to live as long as the values.
 */
void ngx_sio_values_set(ngx_sio_values_t *values, sio_span_t claims,
    const u_char *id, sio_span_t namespace);

/* A claim by its name, dots for nesting; of kind NONE if there is none. */
sio_json_t ngx_sio_claim(const sio_json_t *claims, ngx_str_t *name);

/* Whether a claim is a value, or an array that contains it. */
ngx_uint_t ngx_sio_claim_is(const sio_json_t *claims, ngx_str_t *name,
    ngx_str_t *value);

/* Whether a rule lets a socket with these values into a room. */
ngx_uint_t ngx_sio_rule_allows(const ngx_sio_room_rule_t *rule,
    const ngx_sio_values_t *values, size_t max, sio_span_t room);

/*
 * Calls back with the rooms of a rule without a star: one, or one for each
 * element of an array claim, or none if a claim is missing.  Returns what the
 * callback returned last.
 */
ngx_int_t ngx_sio_rule_rooms(const ngx_sio_room_rule_t *rule,
    const ngx_sio_values_t *values, size_t max, ngx_sio_room_pt handler,
    void *data);


#endif /* _NGX_SIO_CLAIMS_H_INCLUDED_ */
