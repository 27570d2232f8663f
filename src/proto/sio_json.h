
/*
 * A JSON scanner (RFC 8259) that validates a text and finds spans in it, so
 * that a payload travels byte for byte: numbers, escapes and key order are the
 * sender's.  Strings must be valid UTF-8.
 *
 * A sio_json_t comes only out of the functions below, so its bytes are known
 * to be valid; the iterator and the getters rely on that and do not validate
 * again.
 */

#ifndef _SIO_JSON_H_INCLUDED_
#define _SIO_JSON_H_INCLUDED_


#include "sio_span.h"


#define SIO_JSON_DEPTH  128     /* deeper nesting is malformed */


typedef enum {
    SIO_JSON_NONE = 0,          /* no value */
    SIO_JSON_NULL,
    SIO_JSON_FALSE,
    SIO_JSON_TRUE,
    SIO_JSON_NUMBER,
    SIO_JSON_STRING,
    SIO_JSON_ARRAY,
    SIO_JSON_OBJECT
} sio_json_kind_t;


typedef struct {
    sio_span_t       raw;       /* with quotes or brackets, without blanks */
    sio_json_kind_t  kind;
} sio_json_t;


typedef struct {
    sio_json_t       key;       /* a string; NONE for an array's element */
    sio_json_t       value;
} sio_json_member_t;


/* Where members are stored; the first two are the caller's. */
typedef struct {
    sio_json_member_t  *members;
    unsigned            max;
    unsigned            n;
} sio_json_list_t;


typedef struct {
    const uint8_t   *p;
    const uint8_t   *end;
    int              object;
} sio_json_iter_t;


/*
 * Validates a text that is exactly one value with optional white space around
 * it, nested at most depth (never more than SIO_JSON_DEPTH) levels: 0 allows
 * no array or object.  Returns SIO_OK and sets *v, or SIO_ERROR and sets *v to
 * kind NONE and *at (may be NULL) to the offset of the first bad byte: the
 * first one of a malformed character, text.n where the text ends too early.
 */
int sio_json_parse(sio_span_t text, unsigned depth, sio_json_t *v, size_t *at);

/*
 * Validates a text that is one array or object, as deep as is allowed at all,
 * and stores its members in the same pass: at most list->max of them, but
 * list->n is their number also beyond that.  Returns as sio_json_parse(); a
 * value of another kind is no error: list->n is 0.
 */
int sio_json_parse_members(sio_span_t text, sio_json_t *v,
    sio_json_list_t *list, size_t *at);

/* Starts a walk over the members of an array or object; others have none. */
void sio_json_iter(sio_json_iter_t *it, const sio_json_t *v);

/* Returns 1 and the next member, or 0 at the end. */
int sio_json_next(sio_json_iter_t *it, sio_json_member_t *m);

/*
 * The member of an object with that name, compared after decoding escapes; the
 * last one where a name is repeated, as in JavaScript.  Returns a value of kind
 * NONE if there is none or v is no object.
 */
sio_json_t sio_json_get(const sio_json_t *v, const char *name);

/*
 * Writes a string with its escapes decoded as UTF-8 (a lone surrogate becomes
 * U+FFFD).  Never writes more than v->raw.n - 2 bytes.  Returns SIO_OK and sets
 * *n, or SIO_ERROR when v is no string or longer than size.
 */
int sio_json_string(const sio_json_t *v, uint8_t *dst, size_t size, size_t *n);

/* Whether v is a string that decodes to these bytes. */
int sio_json_is(const sio_json_t *v, sio_span_t text);

/*
 * The value of a number that is written as an integer and lies within
 * [0, max]; that of -0 is 0.  Returns SIO_OK and sets *n, or SIO_ERROR.
 */
int sio_json_uint(const sio_json_t *v, uint64_t max, uint64_t *n);

/*
 * Writes text, which must be valid UTF-8, as the inside of a JSON string
 * (without the quotes): ", \ and control characters are escaped.  dst has room
 * for 6 * text.n bytes.  Returns the number of bytes written.
 */
size_t sio_json_escape(uint8_t *dst, sio_span_t text);


#endif /* _SIO_JSON_H_INCLUDED_ */
