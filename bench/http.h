/*
 * Responses of HTTP/1.1, as far as the benchmark's servers send them.
 */

#ifndef _HTTP_H_INCLUDED_
#define _HTTP_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


typedef struct {
    int       status;
    uint8_t  *body;         /* in the bytes that were read */
    size_t    n;            /* bytes of the body */
    size_t    total;        /* bytes of the response */
} http_response_t;


/*
 * Reads a response from n bytes at p: 1, or 0 if it is not complete, or -1 if
 * it is none.  Chunks are joined in place, once all are there.
 */
int http_response(http_response_t *r, uint8_t *p, size_t n);


#endif /* _HTTP_H_INCLUDED_ */
