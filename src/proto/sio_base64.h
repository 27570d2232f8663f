
/* Base64 of RFC 4648: section 4 (padded) for the wire, section 5 for ids. */

#ifndef _SIO_BASE64_H_INCLUDED_
#define _SIO_BASE64_H_INCLUDED_


#include "sio_span.h"


#define sio_base64_encoded_size(n)  (((n) + 2) / 3 * 4)
#define sio_base64_decoded_size(n)  (((n) + 3) / 4 * 3)


/*
 * Writes the padded encoding of src; dst has sio_base64_encoded_size(src.n)
 * bytes.  Returns the number of bytes written.
 */
size_t sio_base64_encode(uint8_t *dst, sio_span_t src);

/* The same with the URL alphabet and without padding. */
size_t sio_base64url_encode(uint8_t *dst, sio_span_t src);

/*
 * Decodes the standard alphabet, padded or not, strictly: no white space, no
 * bytes after the padding, unused bits zero.  dst has
 * sio_base64_decoded_size(src.n) bytes and may be src itself.  Returns SIO_OK
 * and sets *n, or SIO_ERROR.
 */
int sio_base64_decode(uint8_t *dst, sio_span_t src, size_t *n);


#endif /* _SIO_BASE64_H_INCLUDED_ */
