/*
 * TCP connections of the load generator, with TLS or without, in one epoll.
 * Bytes are collected until the owner takes them; what the kernel does not
 * take is kept.  Knows nothing of what the bytes mean.
 */

#ifndef _STREAM_H_INCLUDED_
#define _STREAM_H_INCLUDED_


#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>


typedef struct stream_s  stream_t;

typedef struct {
    /* The connection is there, and the TLS handshake done. */
    void    (*ready)(stream_t *s);

    /*
     * Bytes have come.  Returns how many of them were taken; the rest comes
     * again, with more.  May close the stream.
     */
    size_t  (*data)(stream_t *s, uint8_t *p, size_t n);

    /* It has ended, not by stream_close().  The stream is closed already. */
    void    (*gone)(stream_t *s);
} stream_handler_t;

struct stream_s {
    const stream_handler_t  *handler;
    SSL                     *ssl;
    uint8_t                 *in;        /* what was not taken */
    uint8_t                 *out;       /* what could not be sent */
    uint32_t                 in_n;
    uint32_t                 out_n;
    int                      fd;        /* -1: closed */
    uint8_t                  open;
    uint8_t                  polled;    /* for writing as well */
    uint8_t                  wants;     /* TLS has to write before it reads */
};


/* Makes the epoll and, with tls, OpenSSL's context.  Once. */
void stream_init(int tls);

/*
 * Connects to 127.0.0.1:port; `number` chooses the source address, so that
 * there are ports for all.  -1: the system refuses (errno).
 */
int stream_open(stream_t *s, const stream_handler_t *handler, int port,
    unsigned number);

/* Sends bytes, now or later.  An error shows as gone(), from the loop. */
void stream_send(stream_t *s, const void *p, size_t n);

/*
 * What is sent on this stream from now on is kept until stream_release(), and
 * then sent at once; but with --singly.  One stream at a time.
 */
void stream_hold(stream_t *s);
void stream_release(void);

/* Closes, without gone().  Nothing happens to a stream that is closed. */
void stream_close(stream_t *s);

/* Waits for what happens, at most for so many milliseconds, and handles it. */
void stream_turn(int ms);

/* One timer: calls `fire` from stream_turn() at `ns` (load_now()). */
void stream_alarm(uint64_t ns, void (*fire)(void));


#endif /* _STREAM_H_INCLUDED_ */
