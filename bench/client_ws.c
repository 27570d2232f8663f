/*
 * WebSockets of clients (RFC 6455).  The key of the handshake is the RFC's
 * example, and so is the answer that is wanted.  Servers have no reason to
 * fragment, nor to compress what they are not asked to, and a frame that is so
 * fails the client.
 */

#define _GNU_SOURCE

#include "client.h"
#include "http.h"
#include "load.h"

#include <stdio.h>
#include <string.h>


#define WS_KEY     "dGhlIHNhbXBsZSBub25jZQ=="
#define WS_ACCEPT  "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define WS_MOST    65536        /* bytes of a message to the server */

#define WS_OFFER   "Sec-WebSocket-Extensions: permessage-deflate\r\n"
#define WS_ALONE   "server_no_context_takeover"


static void
client_ws_ready(stream_t *s)
{
    int        n;
    char       path[64], text[512];
    client_t  *c;

    c = (client_t *) s;

    snprintf(path, sizeof(path), load_opt.raw ? "/sub/%s%u"
             : "/socket.io/?EIO=4&transport=websocket", load_opt.prefix,
             c->number % (unsigned) load_opt.rooms);

    n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n"
                 "Host: 127.0.0.1:%d\r\nConnection: Upgrade\r\n"
                 "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: " WS_KEY "\r\n%s\r\n", path,
                 load_opt.port, load_opt.deflate ? WS_OFFER : "");

    stream_send(s, text, (size_t) n);
}


static void
client_ws_frame(client_t *c, int opcode, const void *p, size_t n)
{
    size_t          i, head;
    const uint8_t  *from;

    static uint8_t        frame[WS_MOST + 8];
    static const uint8_t  mask[4] = { 0x37, 0xfa, 0x21, 0x3d };

    if (n >= WS_MOST) {
        load_die("a message to the server is too large");
    }

    frame[0] = (uint8_t) (0x80 | opcode);
    head = 2;

    if (n < 126) {
        frame[1] = (uint8_t) (0x80 | n);

    } else {
        frame[1] = 0x80 | 126;
        frame[2] = (uint8_t) (n >> 8);
        frame[3] = (uint8_t) n;
        head = 4;
    }

    memcpy(frame + head, mask, 4);
    head += 4;
    from = p;

    for (i = 0; i < n; i++) {
        frame[head + i] = from[i] ^ mask[i % 4];
    }

    stream_send(&c->stream, frame, head + n);
}


void
client_ws_send(client_t *c, const void *p, size_t n)
{
    client_ws_frame(c, 1, p, n);
}


/* Whether a text is in the head of the server's answer. */

#define client_ws_says(p, r, text)                                            \
    (memmem(p, (r)->total, text, sizeof(text) - 1) != NULL)


static size_t
client_ws_upgrade(client_t *c, uint8_t *p, size_t n)
{
    int              rc;
    http_response_t  r;

    rc = http_response(&r, p, n);

    if (rc == 0) {
        return 0;
    }

    if (rc == -1 || r.status != 101
        || !client_ws_says(p, &r, WS_ACCEPT)
        || client_ws_says(p, &r, "permessage-deflate") != load_opt.deflate)
    {
        client_gone(c);
        return 0;
    }

    c->upgraded = 1;

    if (load_opt.deflate) {
        c->deflate = deflate_open(!client_ws_says(p, &r, WS_ALONE));
    }

    if (load_opt.raw) {
        client_ready(c);
    }

    return r.total;
}


/* Bytes of the frame's head and payload; 0: not all are there, -1: bad. */

static ssize_t
client_ws_parse(const uint8_t *p, size_t n, size_t *head)
{
    int     i;
    size_t  size;

    if (n < 2) {
        return 0;
    }

    /* FIN, and RSV1 at most of a text (RFC 7692, section 6) */
    if (((p[0] & 0xf0) != 0x80 && (p[0] != 0xc1 || !load_opt.deflate))
        || p[1] & 0x80)
    {
        return -1;
    }

    size = p[1];
    *head = size == 127 ? 10 : size == 126 ? 4 : 2;

    if (n < *head) {
        return 0;
    }

    if (size > 125) {
        for (size = 0, i = 2; i < (int) *head; i++) {
            size = size << 8 | p[i];
        }
    }

    return n - *head < size ? 0 : (ssize_t) (*head + size);
}


static void
client_ws_message(client_t *c, int head, const uint8_t *p, size_t n)
{
    if (head & 0x40) {
        p = deflate_message(c->deflate, p, n, &n);

        if (p == NULL) {
            client_gone(c);
            return;
        }
    }

    switch (head & 15) {

    case 1:
        if (load_opt.raw) {
            ledger_delivery(&c->inbox, c->number, p, n);

        } else {
            client_packet(c, p, n);
        }

        break;

    case 9:
        client_ws_frame(c, 10, p, n);
        break;

    case 10:
        break;

    default:
        client_gone(c);
    }
}


static size_t
client_ws_data(stream_t *s, uint8_t *p, size_t n)
{
    size_t     at, head;
    ssize_t    size;
    client_t  *c;

    c = (client_t *) s;
    at = 0;

    if (!c->upgraded) {
        at = client_ws_upgrade(c, p, n);

        if (at == 0) {
            return 0;
        }
    }

    /* what it says to this, it says at once */
    stream_hold(s);

    while (s->fd != -1) {
        size = client_ws_parse(p + at, n - at, &head);

        if (size == 0) {
            break;
        }

        if (size == -1) {
            client_gone(c);
            break;
        }

        client_ws_message(c, p[at], p + at + head, (size_t) size - head);
        at += (size_t) size;
    }

    stream_release();

    return at;
}


static void
client_ws_gone(stream_t *s)
{
    client_gone((client_t *) s);
}


const stream_handler_t  client_ws_handler = {
    client_ws_ready,
    client_ws_data,
    client_ws_gone
};
