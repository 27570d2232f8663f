/*
 * TCP connections of the load generator: see stream.h.
 */

#define _GNU_SOURCE

#include "load.h"
#include "stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>


#define STREAM_EVENTS   512
#define STREAM_READ     (128 * 1024)
#define STREAM_KEPT     (8 * 1024 * 1024)   /* of a stream, untaken */
#define STREAM_HELD     (64 * 1024)
#define STREAM_PER_ADDR 5000                /* connections of an address */


static int       stream_epoll;
static int       stream_timer;
static void    (*stream_fire)(void);
static SSL_CTX  *stream_ctx;
static uint8_t  *stream_buf;

static stream_t *stream_held;
static size_t    stream_held_n;
static uint8_t   stream_held_buf[STREAM_HELD];


void
stream_init(int tls)
{
    struct epoll_event  ev;

    stream_epoll = epoll_create1(EPOLL_CLOEXEC);
    stream_timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    stream_buf = malloc(STREAM_KEPT + STREAM_READ);

    ev.events = EPOLLIN;
    ev.data.ptr = NULL;

    if (stream_epoll == -1 || stream_timer == -1 || stream_buf == NULL
        || epoll_ctl(stream_epoll, EPOLL_CTL_ADD, stream_timer, &ev) == -1)
    {
        load_die("no event loop: %s", strerror(errno));
    }

    if (tls) {
        stream_ctx = SSL_CTX_new(TLS_client_method());
        if (stream_ctx == NULL) {
            load_die("no TLS");
        }

        SSL_CTX_set_verify(stream_ctx, SSL_VERIFY_NONE, NULL);
        SSL_CTX_set_mode(stream_ctx, SSL_MODE_RELEASE_BUFFERS
                                     | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                                     | SSL_MODE_ENABLE_PARTIAL_WRITE);
    }
}


static void
stream_poll(stream_t *s, int op, int writing)
{
    struct epoll_event  ev;

    ev.events = EPOLLIN | (writing ? EPOLLOUT : 0);
    ev.data.ptr = s;
    s->polled = writing;

    if (epoll_ctl(stream_epoll, op, s->fd, &ev) == -1) {
        load_die("epoll_ctl: %s", strerror(errno));
    }
}


int
stream_open(stream_t *s, const stream_handler_t *handler, int port,
    unsigned number)
{
    int                 one;
    struct sockaddr_in  sa;

    memset(s, 0, sizeof(*s));
    s->handler = handler;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (s->fd == -1) {
        return -1;
    }

    one = 1;
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));

    memset(&sa, 0, sizeof(sa));
    sa.sin_family = AF_INET;
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (unsigned) load_opt.source
                               + number / STREAM_PER_ADDR);

    if (bind(s->fd, (struct sockaddr *) &sa, sizeof(sa)) == -1) {
        goto failed;
    }

    sa.sin_port = htons((uint16_t) port);
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    if (connect(s->fd, (struct sockaddr *) &sa, sizeof(sa)) == -1
        && errno != EINPROGRESS)
    {
        goto failed;
    }

    if (stream_ctx) {
        s->ssl = SSL_new(stream_ctx);

        if (s->ssl == NULL || SSL_set_fd(s->ssl, s->fd) != 1) {
            goto failed;
        }

        SSL_set_connect_state(s->ssl);
    }

    stream_poll(s, EPOLL_CTL_ADD, 1);

    return 0;

failed:

    stream_close(s);

    return -1;
}


void
stream_close(stream_t *s)
{
    if (s->fd == -1) {
        return;
    }

    SSL_free(s->ssl);
    close(s->fd);
    free(s->in);
    free(s->out);

    s->ssl = NULL;
    s->in = NULL;
    s->out = NULL;
    s->in_n = 0;
    s->out_n = 0;
    s->open = 0;
    s->fd = -1;
}


static void
stream_gone(stream_t *s)
{
    stream_close(s);
    s->handler->gone(s);
}


/* Bytes that were sent, 0 if none can be at present, -1 at an error. */

static ssize_t
stream_write(stream_t *s, const void *p, size_t n)
{
    int      e;
    ssize_t  sent;

    if (s->ssl == NULL) {
        sent = send(s->fd, p, n, MSG_NOSIGNAL);

        return sent == -1 && errno == EAGAIN ? 0 : sent;
    }

    ERR_clear_error();
    sent = SSL_write(s->ssl, p, (int) n);

    if (sent > 0) {
        return sent;
    }

    e = SSL_get_error(s->ssl, (int) sent);

    return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? 0 : -1;
}


/* Bytes that have come, 0 if none have, -1 at the end or an error. */

static ssize_t
stream_read(stream_t *s, void *p, size_t n)
{
    int      e;
    ssize_t  got;

    if (s->ssl == NULL) {
        got = recv(s->fd, p, n, 0);

        return got == -1 && errno == EAGAIN ? 0 : got > 0 ? got : -1;
    }

    ERR_clear_error();
    got = SSL_read(s->ssl, p, (int) n);

    if (got > 0) {
        return got;
    }

    e = SSL_get_error(s->ssl, (int) got);
    s->wants = e == SSL_ERROR_WANT_WRITE;

    return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? 0 : -1;
}


void
stream_send(stream_t *s, const void *p, size_t n)
{
    ssize_t  sent;

    if (s->fd == -1) {
        return;
    }

    if (s == stream_held) {
        if (n <= STREAM_HELD - stream_held_n) {
            memcpy(stream_held_buf + stream_held_n, p, n);
            stream_held_n += n;
            return;
        }

        stream_release();
    }

    sent = 0;

    if (s->out_n == 0) {
        sent = stream_write(s, p, n);

        if (sent == -1) {
            /* the loop sees the error when it reads */
            shutdown(s->fd, SHUT_RDWR);
            return;
        }
    }

    if ((size_t) sent == n) {
        return;
    }

    n -= (size_t) sent;
    s->out = realloc(s->out, s->out_n + n);

    if (s->out == NULL) {
        load_die("no memory");
    }

    memcpy(s->out + s->out_n, (const uint8_t *) p + sent, n);
    s->out_n += (uint32_t) n;

    if (!s->polled) {
        stream_poll(s, EPOLL_CTL_MOD, 1);
    }
}


void
stream_hold(stream_t *s)
{
    stream_held = load_opt.singly ? NULL : s;
    stream_held_n = 0;
}


void
stream_release(void)
{
    stream_t  *s;

    s = stream_held;
    stream_held = NULL;

    if (s && stream_held_n) {
        stream_send(s, stream_held_buf, stream_held_n);
    }
}


static int
stream_flush(stream_t *s)
{
    ssize_t  sent;

    if (s->out_n) {
        sent = stream_write(s, s->out, s->out_n);

        if (sent == -1) {
            return -1;
        }

        s->out_n -= (uint32_t) sent;
        memmove(s->out, s->out + sent, s->out_n);
    }

    if (s->out_n == 0) {
        free(s->out);
        s->out = NULL;
    }

    if (s->polled != (s->out_n || s->wants)) {
        stream_poll(s, EPOLL_CTL_MOD, !s->polled);
    }

    return 0;
}


static void
stream_keep(stream_t *s, const uint8_t *p, size_t n)
{
    if (n == 0) {
        free(s->in);
        s->in = NULL;
        s->in_n = 0;
        return;
    }

    s->in = realloc(s->in, n);

    if (s->in == NULL || n > STREAM_KEPT) {
        load_die("a server's message is too large");
    }

    memcpy(s->in, p, n);
    s->in_n = (uint32_t) n;
}


static void
stream_receive(stream_t *s)
{
    size_t   n, taken;
    ssize_t  got;

    do {
        n = s->in_n;

        if (n) {
            memcpy(stream_buf, s->in, n);
        }

        got = stream_read(s, stream_buf + n, STREAM_READ);

        if (got == -1) {
            stream_gone(s);
            return;
        }

        if (got == 0) {
            break;
        }

        load_received = load_now();
        load_count.bytes += (uint64_t) got;
        n += (size_t) got;
        taken = s->handler->data(s, stream_buf, n);

        if (s->fd == -1) {
            return;
        }

        if (n != taken || s->in_n) {
            stream_keep(s, stream_buf + taken, n - taken);
        }

    } while (s->ssl && SSL_pending(s->ssl));

    if (s->wants && !s->polled) {
        stream_poll(s, EPOLL_CTL_MOD, 1);
    }
}


/* Whether it is open now. */

static int
stream_begin(stream_t *s)
{
    int        e, rc;
    socklen_t  n;

    e = 0;
    n = sizeof(e);
    getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &e, &n);

    if (e) {
        stream_gone(s);
        return 0;
    }

    if (s->ssl) {
        ERR_clear_error();
        rc = SSL_do_handshake(s->ssl);

        if (rc != 1) {
            e = SSL_get_error(s->ssl, rc);

            if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE) {
                stream_gone(s);

            } else if (s->polled != (e == SSL_ERROR_WANT_WRITE)) {
                stream_poll(s, EPOLL_CTL_MOD, !s->polled);
            }

            return 0;
        }
    }

    s->open = 1;
    s->handler->ready(s);

    return s->fd != -1;
}


static void
stream_event(stream_t *s, uint32_t events)
{
    if (s->fd == -1) {
        return;
    }

    if (!s->open && !stream_begin(s)) {
        return;
    }

    if (s->polled && stream_flush(s) == -1) {
        stream_gone(s);
        return;
    }

    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        stream_receive(s);
    }
}


void
stream_alarm(uint64_t ns, void (*fire)(void))
{
    struct itimerspec  when;

    memset(&when, 0, sizeof(when));
    when.it_value.tv_sec = (time_t) (ns / LOAD_SECOND);
    when.it_value.tv_nsec = (long) (ns % LOAD_SECOND);

    stream_fire = fire;
    timerfd_settime(stream_timer, TFD_TIMER_ABSTIME, &when, NULL);
}


void
stream_turn(int ms)
{
    int       i, n;
    uint64_t  ticks;

    static struct epoll_event  events[STREAM_EVENTS];

    n = epoll_wait(stream_epoll, events, STREAM_EVENTS, ms);

    for (i = 0; i < n; i++) {
        if (events[i].data.ptr) {
            stream_event(events[i].data.ptr, events[i].events);

        } else if (read(stream_timer, &ticks, sizeof(ticks)) > 0) {
            stream_fire();
        }
    }
}
