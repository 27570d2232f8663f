
/*
 * Members that a server sets in the arguments of a client's event, so that
 * nobody else can have set them.
 */

#ifndef _SIO_MERGE_H_INCLUDED_
#define _SIO_MERGE_H_INCLUDED_


#include "sio_json.h"


typedef struct {
    sio_span_t           name;      /* decoded; differs from the others' */
    sio_span_t           key;       /* the same as JSON, with a colon */
    sio_span_t           value;     /* one JSON value */
} sio_merge_member_t;


typedef struct {
    sio_merge_member_t  *members;
    unsigned             n;         /* at least one */
    unsigned             binary;    /* placeholders of attachments count */
} sio_merge_t;


/*
 * Bytes that sio_merge_write() writes at most for an event's payload, which is
 * an array whose first element is the name.
 */
size_t sio_merge_size(const sio_merge_t *merge, const sio_json_t *payload);

/*
 * Writes the payload with every member of the names removed from the arguments
 * that are objects, however it is escaped or repeated, and the members set in
 * each of them; what is nested in the arguments is not looked at.  If there is
 * no such argument, an object with the members is added.  The rest stays byte
 * for byte but for blanks between members and elements.
 *
 * The placeholder of an attachment is no object, and all that such a one has
 * besides is left out: readers disagree about what that would be.
 *
 * dst has room for sio_merge_size() bytes.  Returns the bytes written.
 */
size_t sio_merge_write(const sio_merge_t *merge, const sio_json_t *payload,
    uint8_t *dst);


#endif /* _SIO_MERGE_H_INCLUDED_ */
