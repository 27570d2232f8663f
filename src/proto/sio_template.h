
/*
 * Templates of room names, such as  room:*  or  user:${jwt.sub}.
 *
 * `*` is special only where it stands in the configuration and matches one or
 * more bytes; `${name}` is filled in by the caller; a lone `$` is an error.
 */

#ifndef _SIO_TEMPLATE_H_INCLUDED_
#define _SIO_TEMPLATE_H_INCLUDED_


#include "sio_span.h"


#define SIO_TEMPLATE_PARTS  16


typedef enum {
    SIO_TEMPLATE_TEXT = 0,      /* itself */
    SIO_TEMPLATE_STAR,          /* one or more bytes */
    SIO_TEMPLATE_NAME           /* what stands between ${ and } */
} sio_template_kind_t;


typedef struct {
    sio_template_kind_t  kind;
    sio_span_t           text;  /* empty for a star */
} sio_template_part_t;


typedef struct {
    sio_template_part_t  parts[SIO_TEMPLATE_PARTS];
    unsigned             n;
    unsigned             stars;
    unsigned             names;
} sio_template_t;


/*
 * Splits a template, which is not empty, into parts that point into text.
 * Returns SIO_OK, or SIO_ERROR and sets *why to a constant text for the
 * configuration's author, to be read after the template: "has too many parts".
 */
int sio_template_parse(sio_span_t text, sio_template_t *t, const char **why);

/*
 * Whether a name fits a template without names; none fits one with them.  Time
 * is bounded by the bytes of the name times those of the template: nothing is
 * tried again.
 */
int sio_template_match(const sio_template_t *t, sio_span_t name);


#endif /* _SIO_TEMPLATE_H_INCLUDED_ */
