/*
 * Long polling of clients: one connection for each, on which a GET waits
 * unless there is something to POST first.
 */

#include "client.h"
#include "http.h"
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define POLL_SEPARATOR  0x1e


static void
client_poll_request(client_t *c)
{
    int    n, body;
    char  *text;

    body = c->queue ? (int) strlen(c->queue) : 0;
    text = malloc((size_t) body + 512);

    if (text == NULL) {
        load_die("no memory");
    }

    n = sprintf(text, "%s /socket.io/?EIO=4&transport=polling%s%s HTTP/1.1\r\n"
                "Host: 127.0.0.1:%d\r\n", body ? "POST" : "GET",
                c->sid ? "&sid=" : "", c->sid ? c->sid : "", load_opt.port);

    if (body) {
        n += sprintf(text + n, "Content-Type: text/plain;charset=UTF-8\r\n"
                     "Content-Length: %d\r\n\r\n%s", body, c->queue);

    } else {
        n += sprintf(text + n, "\r\n");
        load_count.polls++;
    }

    c->posting = body != 0;
    free(c->queue);
    c->queue = NULL;

    stream_send(&c->stream, text, (size_t) n);
    free(text);
}


static void
client_poll_ready(stream_t *s)
{
    client_poll_request((client_t *) s);
}


void
client_poll_send(client_t *c, const void *p, size_t n)
{
    size_t  had;

    had = c->queue ? strlen(c->queue) + 1 : 0;
    c->queue = realloc(c->queue, had + n + 1);

    if (c->queue == NULL) {
        load_die("no memory");
    }

    if (had) {
        c->queue[had - 1] = POLL_SEPARATOR;
    }

    memcpy(c->queue + had, p, n);
    c->queue[had + n] = '\0';
}


static void
client_poll_packets(client_t *c, const uint8_t *p, size_t n)
{
    const uint8_t  *end, *stop;

    for (stop = p + n; p < stop && c->stream.fd != -1; p = end + 1) {
        end = memchr(p, POLL_SEPARATOR, (size_t) (stop - p));

        if (end == NULL) {
            end = stop;
        }

        client_packet(c, p, (size_t) (end - p));
    }
}


static size_t
client_poll_data(stream_t *s, uint8_t *p, size_t n)
{
    int              rc;
    client_t        *c;
    http_response_t  r;

    c = (client_t *) s;
    rc = http_response(&r, p, n);

    if (rc == 0) {
        return 0;
    }

    if (rc == -1 || r.status != 200) {
        client_gone(c);
        return 0;
    }

    if (!c->posting) {
        client_poll_packets(c, r.body, r.n);
    }

    if (s->fd != -1) {
        client_poll_request(c);
    }

    return r.total;
}


static void
client_poll_gone(stream_t *s)
{
    client_gone((client_t *) s);
}


const stream_handler_t  client_poll_handler = {
    client_poll_ready,
    client_poll_data,
    client_poll_gone
};
