/*
 * Responses of HTTP/1.1: see http.h.
 */

#define _GNU_SOURCE

#include "http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>


/* The value of a header, or NULL. */

static const char *
http_header(const uint8_t *p, const uint8_t *end, const char *name)
{
    size_t  n;

    n = strlen(name);

    for ( ;; ) {
        p = memchr(p, '\n', (size_t) (end - p));

        if (p == NULL || (size_t) (end - ++p) <= n) {
            return NULL;
        }

        if (strncasecmp((const char *) p, name, n) == 0 && p[n] == ':') {
            p += n + 1;

            while (*p == ' ') {
                p++;
            }

            return (const char *) p;
        }
    }
}


/*
 * Walks over the chunks from p on; with `to` they are joined there.  1 if all
 * are there, with r->n and r->total from p.
 */

static int
http_chunks(http_response_t *r, uint8_t *p, size_t n, uint8_t *to)
{
    char           *after;
    size_t          at, size;
    const uint8_t  *line;

    r->n = 0;

    for (at = 0; at < n; at += size + 2) {
        line = memchr(p + at, '\n', n - at);

        if (line == NULL) {
            return 0;
        }

        size = strtoul((char *) p + at, &after, 16);

        if (after == (char *) p + at) {
            return -1;
        }

        at = (size_t) (line - p) + 1;

        if (at + size + 2 > n) {
            return 0;
        }

        if (size == 0) {
            r->total = at + 2;
            return 1;
        }

        if (to) {
            memmove(to + r->n, p + at, size);
        }

        r->n += size;
    }

    return 0;
}


int
http_response(http_response_t *r, uint8_t *p, size_t n)
{
    int          rc;
    size_t       head;
    uint8_t     *end;
    const char  *value;

    if (n < 12) {
        return 0;
    }

    if (memcmp(p, "HTTP/1.1 ", 9) != 0) {
        return -1;
    }

    end = memmem(p, n, "\r\n\r\n", 4);
    if (end == NULL) {
        return 0;
    }

    head = (size_t) (end - p) + 4;
    r->status = atoi((char *) p + 9);
    r->body = p + head;
    r->n = 0;
    r->total = head;

    value = http_header(p, end, "content-length");

    if (value) {
        r->n = strtoul(value, NULL, 10);
        r->total = head + r->n;

        return r->total <= n;
    }

    value = http_header(p, end, "transfer-encoding");

    if (value && strncasecmp(value, "chunked", 7) == 0) {
        rc = http_chunks(r, r->body, n - head, NULL);

        if (rc == 1) {
            http_chunks(r, r->body, n - head, r->body);
            r->total += head;
        }

        return rc;
    }

    return 1;
}
