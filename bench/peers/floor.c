/*
 * The least a server can do: handshakes, rooms, POSTs, and one send() for each
 * delivery.  It understands only what the load generator sends, checks nothing,
 * pings nobody and keeps no state but who is in which room, so no server can be
 * much faster.  With --batch what one turn of the loop brings to a client is
 * sent at once.  With --fault it loses, repeats, swaps or damages every Nth
 * delivery, to show that the generator sees it.
 *
 *     floor PORT [--batch] [--fault lose|twice|swap|damage N]
 */

#define _GNU_SOURCE

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>


#define FLOOR_FDS     65536
#define FLOOR_ROOMS   262144
#define FLOOR_EVENTS  512
#define FLOOR_READ    65536
#define FLOOR_ACCEPT  "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="    /* RFC 6455, 1.3 */


typedef struct {
    uint8_t     *in;            /* a request that is not complete */
    uint8_t     *out;           /* what is to be sent */
    uint8_t     *held;          /* a frame that is swapped with the next */
    uint32_t     in_n;
    uint32_t     out_n;
    uint32_t     out_size;
    uint32_t     held_n;
    uint32_t     life;          /* odd while the descriptor is open */
    uint8_t      websocket;
    uint8_t      blocked;       /* waits until it can write */
    uint8_t      dirty;         /* in the list of those to flush */
} conn_t;

typedef struct {
    uint32_t     fd;
    uint32_t     life;
} member_t;

typedef struct {
    member_t    *members;
    uint32_t     n;
    uint32_t     size;
} room_t;


static conn_t       floor_conns[FLOOR_FDS];
static room_t       floor_rooms[FLOOR_ROOMS];
static int          floor_dirty[FLOOR_FDS];
static int          floor_dirty_n;
static int          floor_epoll;
static int          floor_batch;
static char         floor_fault;
static unsigned     floor_every;
static unsigned     floor_count;


static void
floor_die(const char *what)
{
    perror(what);
    exit(2);
}


static void *
floor_realloc(void *p, size_t n)
{
    p = realloc(p, n);
    if (p == NULL) {
        floor_die("realloc");
    }

    return p;
}


static void
floor_close(int fd)
{
    conn_t  *c;

    c = &floor_conns[fd];

    free(c->in);
    free(c->out);
    free(c->held);
    close(fd);

    *c = (conn_t) { .life = c->life + 1 };
}


static void
floor_watch(int fd, int writing)
{
    struct epoll_event  ev;

    floor_conns[fd].blocked = (uint8_t) writing;
    ev.events = EPOLLIN | (writing ? EPOLLOUT : 0);
    ev.data.fd = fd;
    epoll_ctl(floor_epoll, EPOLL_CTL_MOD, fd, &ev);
}


static void
floor_keep(conn_t *c, const void *p, size_t n)
{
    if (c->out_n + n > c->out_size) {
        c->out_size = (uint32_t) (c->out_n + n) * 2;
        c->out = floor_realloc(c->out, c->out_size);
    }

    memcpy(c->out + c->out_n, p, n);
    c->out_n += (uint32_t) n;
}


static void
floor_flush(int fd)
{
    conn_t   *c;
    ssize_t   n;

    c = &floor_conns[fd];
    n = send(fd, c->out, c->out_n, MSG_NOSIGNAL);

    if (n > 0) {
        c->out_n -= (uint32_t) n;
        memmove(c->out, c->out + n, c->out_n);
    }

    if (c->blocked != (c->out_n != 0)) {
        floor_watch(fd, c->out_n != 0);
    }
}


static void
floor_send(int fd, const void *p, size_t n)
{
    conn_t   *c;
    ssize_t   sent;

    c = &floor_conns[fd];

    if (floor_batch) {
        floor_keep(c, p, n);

        if (!c->dirty && !c->blocked) {
            c->dirty = 1;
            floor_dirty[floor_dirty_n++] = fd;
        }

        return;
    }

    sent = 0;

    if (!c->blocked) {
        sent = send(fd, p, n, MSG_NOSIGNAL);
        sent = sent == -1 ? 0 : sent;
    }

    if ((size_t) sent < n) {
        floor_keep(c, (const uint8_t *) p + sent, n - (size_t) sent);

        if (!c->blocked) {
            floor_watch(fd, 1);
        }
    }
}


/* The head of a frame of text; returns its length. */

static size_t
floor_head(uint8_t *p, size_t n)
{
    p[0] = 0x81;

    if (n < 126) {
        p[1] = (uint8_t) n;
        return 2;
    }

    p[1] = 126;
    p[2] = (uint8_t) (n >> 8);
    p[3] = (uint8_t) n;

    return 4;
}


static void
floor_text(int fd, const char *text, size_t n)
{
    size_t   head;
    uint8_t  frame[512];

    head = floor_head(frame, n);
    memcpy(frame + head, text, n);
    floor_send(fd, frame, head + n);
}


/* Does every Nth delivery as --fault says; returns whether it was done. */

static int
floor_wrong(int fd, uint8_t *frame, size_t n)
{
    conn_t  *c;

    c = &floor_conns[fd];

    if (c->held) {
        floor_send(fd, frame, n);
        floor_send(fd, c->held, c->held_n);
        free(c->held);
        c->held = NULL;
        return 1;
    }

    if (++floor_count % floor_every) {
        return 0;
    }

    switch (floor_fault) {

    case 'l':
        return 1;

    case 't':
        floor_send(fd, frame, n);
        return 0;

    case 's':
        c->held = floor_realloc(NULL, n);
        c->held_n = (uint32_t) n;
        memcpy(c->held, frame, n);
        return 1;

    default:
        frame[n - 8] ^= 1;
        floor_send(fd, frame, n);
        frame[n - 8] ^= 1;
        return 1;
    }
}


static void
floor_publish(unsigned room, const char *data, size_t n)
{
    size_t     head;
    room_t    *r;
    uint32_t   i;
    member_t  *m;

    static uint8_t  frame[FLOOR_READ];

    r = &floor_rooms[room % FLOOR_ROOMS];
    head = floor_head(frame, n + 12);
    memcpy(frame + head, "42[\"msg\",\"", 10);
    memcpy(frame + head + 10, data, n);
    memcpy(frame + head + 10 + n, "\"]", 2);
    n += head + 12;

    for (i = 0; i < r->n; /* void */) {
        m = &r->members[i];

        if (floor_conns[m->fd].life != m->life) {
            *m = r->members[--r->n];
            continue;
        }

        if (!floor_fault || !floor_wrong((int) m->fd, frame, n)) {
            floor_send((int) m->fd, frame, n);
        }

        i++;
    }
}


static void
floor_join(int fd, unsigned room)
{
    room_t  *r;

    r = &floor_rooms[room % FLOOR_ROOMS];

    if (r->n == r->size) {
        r->size = r->size ? r->size * 2 : 1;
        r->members = floor_realloc(r->members, r->size * sizeof(member_t));
    }

    r->members[r->n].fd = (uint32_t) fd;
    r->members[r->n++].life = floor_conns[fd].life;
}


/* A packet of a client, which ends in '\0'. */

static void
floor_packet(int fd, char *p)
{
    int    n;
    char   text[64], *q;
    unsigned long  id;

    if (strncmp(p, "40", 2) == 0) {
        n = snprintf(text, sizeof(text), "40{\"sid\":\"s%d\"}", fd);
        floor_text(fd, text, (size_t) n);
        return;
    }

    if (strncmp(p, "42", 2) != 0) {
        return;
    }

    id = strtoul(p + 2, &q, 10);

    if (strncmp(q, "[\"join\",", 8) == 0) {
        for (q += 8; (q = strstr(q, "\"r")) != NULL; q++) {
            floor_join(fd, (unsigned) strtoul(q + 2, NULL, 10));
        }
    }

    n = snprintf(text, sizeof(text), "43%lu[{\"ok\":true}]", id);
    floor_text(fd, text, (size_t) n);
}


/* Handles a masked frame; returns its length, 0 if it is not complete. */

static size_t
floor_frame(int fd, uint8_t *p, size_t n)
{
    char     kept, *text;
    size_t   head, size, i;
    uint8_t *mask;

    if (n < 6) {
        return 0;
    }

    size = p[1] & 127;
    head = 6;

    if (size == 126) {
        size = (size_t) p[2] << 8 | p[3];
        head = 8;
    }

    if (n < head + size) {
        return 0;
    }

    mask = p + head - 4;

    for (i = 0; i < size; i++) {
        p[head + i] ^= mask[i % 4];
    }

    if ((p[0] & 15) == 1) {
        text = (char *) p + head;
        kept = text[size];
        text[size] = '\0';
        floor_packet(fd, text);
        text[size] = kept;
    }

    return head + size;
}


/* Handles a request; returns its length, 0 if it is not complete. */

static size_t
floor_request(int fd, uint8_t *p, size_t n)
{
    char    *body, *at, *data, *end;
    size_t   size, head;

    static const char  ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"
                              "{\"ok\":true}";
    static const char  upgraded[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                    "Upgrade: websocket\r\n"
                                    "Connection: Upgrade\r\n"
                                    "Sec-WebSocket-Accept: " FLOOR_ACCEPT
                                    "\r\n\r\n";
    static const char  open[] = "0{\"sid\":\"x\",\"upgrades\":[],"
                                "\"pingInterval\":25000,"
                                "\"pingTimeout\":20000,\"maxPayload\":1000000}";

    body = memmem(p, n, "\r\n\r\n", 4);

    if (body == NULL) {
        return 0;
    }

    body += 4;
    head = (size_t) (body - (char *) p);

    if (p[0] == 'G') {
        floor_conns[fd].websocket = 1;
        floor_send(fd, upgraded, sizeof(upgraded) - 1);
        floor_text(fd, open, sizeof(open) - 1);
        return head;
    }

    at = memmem(p, head, "Content-Length: ", 16);
    size = at ? strtoul(at + 16, NULL, 10) : 0;

    if (n < head + size) {
        return 0;
    }

    at = memmem(body, size, "\"rooms\":\"r", 10);
    data = memmem(body, size, "\"data\":\"", 8);

    if (at && data) {
        data += 8;
        end = memchr(data, '"', size - (size_t) (data - body));

        if (end) {
            floor_publish((unsigned) strtoul(at + 10, NULL, 10), data,
                          (size_t) (end - data));
        }
    }

    floor_send(fd, ok, sizeof(ok) - 1);

    return head + size;
}


static void
floor_read(int fd)
{
    size_t    n, at, taken;
    conn_t   *c;
    ssize_t   got;

    static uint8_t  buf[FLOOR_READ * 2 + 1];

    c = &floor_conns[fd];
    n = c->in_n;

    if (n) {
        memcpy(buf, c->in, n);
    }

    got = recv(fd, buf + n, FLOOR_READ, 0);

    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) {
            floor_close(fd);
        }

        return;
    }

    n += (size_t) got;

    for (at = 0; at < n; at += taken) {
        taken = c->websocket ? floor_frame(fd, buf + at, n - at)
                             : floor_request(fd, buf + at, n - at);
        if (taken == 0) {
            break;
        }
    }

    c->in_n = (uint32_t) (n - at);

    if (c->in_n > FLOOR_READ) {
        floor_close(fd);

    } else if (c->in_n) {
        c->in = floor_realloc(c->in, c->in_n);
        memcpy(c->in, buf + at, c->in_n);
    }
}


static void
floor_accept(int listener)
{
    int                 fd, one;
    struct epoll_event  ev;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) != -1) {
        if (fd >= FLOOR_FDS) {
            close(fd);
            continue;
        }

        one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        floor_conns[fd].life++;

        ev.events = EPOLLIN;
        ev.data.fd = fd;
        epoll_ctl(floor_epoll, EPOLL_CTL_ADD, fd, &ev);
    }
}


static int
floor_listen(int port)
{
    int                 fd, one;
    struct epoll_event  ev;
    struct sockaddr_in  sa;

    memset(&sa, 0, sizeof(sa));
    sa.sin_family = AF_INET;
    sa.sin_port = htons((uint16_t) port);
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    one = 1;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));

    if (bind(fd, (struct sockaddr *) &sa, sizeof(sa)) == -1
        || listen(fd, 4096) == -1)
    {
        floor_die("listen");
    }

    floor_epoll = epoll_create1(0);
    ev.events = EPOLLIN;
    ev.data.fd = fd;
    epoll_ctl(floor_epoll, EPOLL_CTL_ADD, fd, &ev);

    return fd;
}


static void
floor_turn(int listener)
{
    int  i, n, fd;

    static struct epoll_event  events[FLOOR_EVENTS];

    n = epoll_wait(floor_epoll, events, FLOOR_EVENTS, -1);

    for (i = 0; i < n; i++) {
        fd = events[i].data.fd;

        if (fd == listener) {
            floor_accept(fd);
            continue;
        }

        if (events[i].events & EPOLLOUT && floor_conns[fd].life & 1) {
            floor_flush(fd);
        }

        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
            floor_read(fd);
        }
    }

    for (i = 0; i < floor_dirty_n; i++) {
        fd = floor_dirty[i];

        if (floor_conns[fd].dirty) {
            floor_conns[fd].dirty = 0;
            floor_flush(fd);
        }
    }

    floor_dirty_n = 0;
}


int
main(int argc, char **argv)
{
    int            i, listener;
    struct rlimit  limit;

    if (argc < 2) {
        fprintf(stderr, "usage: floor PORT [--batch] "
                "[--fault lose|twice|swap|damage N]\n");
        return 2;
    }

    for (i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--batch") == 0) {
            floor_batch = 1;

        } else if (strcmp(argv[i], "--fault") == 0 && i + 2 < argc) {
            floor_fault = argv[i + 1][0];
            floor_every = (unsigned) atoi(argv[i + 2]);
            i += 2;
        }
    }

    if (floor_fault && floor_every == 0) {
        floor_fault = 0;
    }

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);

    listener = floor_listen(atoi(argv[1]));

    for ( ;; ) {
        floor_turn(listener);
    }
}
