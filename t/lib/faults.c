
/*
 * A library to preload into nginx, which makes system calls and allocations
 * fail as they may: FAULTS_PLAN says which and how often, FAULTS_SEED repeats
 * the choice, FAULTS_STATE names a file that counts what was done and can stop
 * it.  Each process has its own sequence, by the order in which it was forked.
 *
 * Only sockets that are in an epoll with EPOLLET are touched.  nginx waits for
 * an edge after EAGAIN and after short calls, which the kernel has no reason
 * to give: each fault is followed by EPOLL_CTL_MOD with what is registered
 * already, and that makes an edge if the socket is ready.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>


#define FAULTS_FDS   65536
#define FAULTS_IOVS  1024

#define faults_next(name)  faults_find_##name()

/* Declares the function that is hidden by ours. */
#define faults_real(type, name, args)                                         \
    typedef type (*faults_##name##_t) args;                                   \
                                                                              \
    static faults_##name##_t                                                  \
    faults_find_##name(void)                                                  \
    {                                                                         \
        static faults_##name##_t  found;                                      \
                                                                              \
        if (found == NULL) {                                                  \
            found = (faults_##name##_t) (uintptr_t) dlsym(RTLD_NEXT, #name);  \
        }                                                                     \
                                                                              \
        return found;                                                         \
    }


typedef enum {
    FAULTS_SHORT = 0,       /* writes take a part only */
    FAULTS_BYTE,            /* reads give one byte */
    FAULTS_AGAIN,           /* reads and writes say EAGAIN */
    FAULTS_ALLOC,           /* no memory */
    FAULTS_KINDS
} faults_kind_t;


typedef struct {
    uint64_t             stop;
    uint64_t             done[FAULTS_KINDS];
} faults_state_t;


typedef struct {
    int                  epoll;     /* and 1: 0 is none */
    struct epoll_event   event;
} faults_fd_t;


faults_real(ssize_t, read, (int, void *, size_t))
faults_real(ssize_t, recv, (int, void *, size_t, int))
faults_real(ssize_t, readv, (int, const struct iovec *, int))
faults_real(ssize_t, write, (int, const void *, size_t))
faults_real(ssize_t, send, (int, const void *, size_t, int))
faults_real(ssize_t, writev, (int, const struct iovec *, int))
faults_real(ssize_t, sendfile, (int, int, off_t *, size_t))
faults_real(int, close, (int))
faults_real(pid_t, fork, (void))
faults_real(int, epoll_ctl, (int, int, int, struct epoll_event *))
faults_real(int, epoll_wait, (int, struct epoll_event *, int, int))
faults_real(void *, malloc, (size_t))
faults_real(void *, calloc, (size_t, size_t))
faults_real(void *, realloc, (void *, size_t))
faults_real(int, posix_memalign, (void **, size_t, size_t))


static uint32_t         faults_share[FAULTS_KINDS];     /* per thousand */
static size_t           faults_bound;           /* smaller ones succeed */
static uint64_t         faults_seed = 1;
static uint64_t         faults_random;
static uint64_t         faults_forks;
static int              faults_serving;         /* the start-up is over */
static faults_fd_t      faults_fds[FAULTS_FDS];
static faults_state_t   faults_own;
static faults_state_t  *faults_state = &faults_own;


/* "short=300,byte=500,again=200,alloc=20,bound=64", per thousand calls. */

static void
faults_plan(const char *plan)
{
    size_t              i, n;
    const char         *p;
    unsigned long       value;

    static const char  *const names[] = { "short", "byte", "again", "alloc" };

    for (p = plan; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        n = strcspn(p, "=");
        value = p[n] ? strtoul(p + n + 1, NULL, 10) : 0;

        if (n == 5 && strncmp(p, "bound", 5) == 0) {
            faults_bound = value;
            continue;
        }

        for (i = 0; i < FAULTS_KINDS; i++) {
            if (n == strlen(names[i]) && strncmp(p, names[i], n) == 0) {
                faults_share[i] = value;
            }
        }
    }
}


__attribute__((constructor))
static void
faults_init(void)
{
    int          fd;
    void        *p;
    const char  *value;

    faults_plan(getenv("FAULTS_PLAN"));

    value = getenv("FAULTS_SEED");

    if (value) {
        faults_seed = strtoul(value, NULL, 10) + 1;
    }

    value = getenv("FAULTS_STATE");
    fd = value ? open(value, O_RDWR | O_CLOEXEC) : -1;

    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(faults_state_t), PROT_READ | PROT_WRITE,
             MAP_SHARED, fd, 0);

    if (p != MAP_FAILED) {
        faults_state = p;
    }

    (void) close(fd);
}


/* xorshift64* */

static uint32_t
faults_below(uint32_t n)
{
    if (faults_random == 0) {
        faults_random = (faults_seed * 0x9e3779b97f4a7c15u)
                        ^ (faults_forks + 1) * 0xd1342543de82ef95u;
    }

    faults_random ^= faults_random >> 12;
    faults_random ^= faults_random << 25;
    faults_random ^= faults_random >> 27;

    return ((faults_random * 0x2545f4914f6cdd1du) >> 32) % n;
}


static int
faults_strike(faults_kind_t kind)
{
    if (faults_share[kind] == 0
        || !faults_serving
        || __atomic_load_n(&faults_state->stop, __ATOMIC_RELAXED)
        || faults_below(1000) >= faults_share[kind])
    {
        return 0;
    }

    (void) __atomic_add_fetch(&faults_state->done[kind], 1, __ATOMIC_RELAXED);

    return 1;
}


static int
faults_known(int fd)
{
    return fd >= 0 && fd < FAULTS_FDS && faults_fds[fd].epoll;
}


/* Another edge, if the socket is ready. */

static void
faults_edge(int fd)
{
    int  error;

    error = errno;
    (void) faults_next(epoll_ctl)(faults_fds[fd].epoll - 1, EPOLL_CTL_MOD, fd,
                                  &faults_fds[fd].event);
    errno = error;
}


static int
faults_again(int fd)
{
    if (!faults_known(fd) || !faults_strike(FAULTS_AGAIN)) {
        return 0;
    }

    faults_edge(fd);
    errno = EAGAIN;

    return 1;
}


/* How much of n bytes a write may take; a part wants an edge afterwards. */

static size_t
faults_part(int fd, size_t n)
{
    if (n < 2 || !faults_known(fd) || !faults_strike(FAULTS_SHORT)) {
        return n;
    }

    return 1 + faults_below(faults_below(2) ? n - 1 : n < 16 ? n - 1 : 15);
}


pid_t
fork(void)
{
    faults_forks++;
    faults_random = 0;

    return faults_next(fork)();
}


int
epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    int        rc, type;
    socklen_t  len;

    rc = faults_next(epoll_ctl)(epoll, op, fd, event);

    if (rc == -1 || fd < 0 || fd >= FAULTS_FDS) {
        return rc;
    }

    len = sizeof(int);

    if (op == EPOLL_CTL_DEL
        || (event->events & EPOLLET) == 0
        || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1
        || type != SOCK_STREAM)
    {
        faults_fds[fd].epoll = 0;
        return rc;
    }

    faults_fds[fd].epoll = epoll + 1;
    faults_fds[fd].event = *event;

    return rc;
}


int
epoll_wait(int epoll, struct epoll_event *events, int n, int timeout)
{
    /* nginx tries out what epoll can do before, with room for one event */

    faults_serving |= n > 1;

    return faults_next(epoll_wait)(epoll, events, n, timeout);
}


int
close(int fd)
{
    if (faults_known(fd)) {
        faults_fds[fd].epoll = 0;
    }

    return faults_next(close)(fd);
}


ssize_t
recv(int fd, void *buf, size_t n, int flags)
{
    ssize_t  got;

    if (faults_again(fd)) {
        return -1;
    }

    if (n > 1 && faults_known(fd) && faults_strike(FAULTS_BYTE)) {
        got = faults_next(recv)(fd, buf, 1, flags);
        faults_edge(fd);
        return got;
    }

    return faults_next(recv)(fd, buf, n, flags);
}


ssize_t
read(int fd, void *buf, size_t n)
{
    ssize_t  got;

    if (faults_again(fd)) {
        return -1;
    }

    if (n > 1 && faults_known(fd) && faults_strike(FAULTS_BYTE)) {
        got = faults_next(read)(fd, buf, 1);
        faults_edge(fd);
        return got;
    }

    return faults_next(read)(fd, buf, n);
}


ssize_t
readv(int fd, const struct iovec *iov, int n)
{
    ssize_t  got;

    if (faults_again(fd)) {
        return -1;
    }

    if (n > 0 && iov[0].iov_len > 0 && faults_known(fd)
        && faults_strike(FAULTS_BYTE))
    {
        got = faults_next(read)(fd, iov[0].iov_base, 1);
        faults_edge(fd);
        return got;
    }

    return faults_next(readv)(fd, iov, n);
}


ssize_t
send(int fd, const void *buf, size_t n, int flags)
{
    size_t   part;
    ssize_t  sent;

    if (faults_again(fd)) {
        return -1;
    }

    part = faults_part(fd, n);
    sent = faults_next(send)(fd, buf, part, flags);

    if (part < n) {
        faults_edge(fd);
    }

    return sent;
}


ssize_t
write(int fd, const void *buf, size_t n)
{
    size_t   part;
    ssize_t  sent;

    if (faults_again(fd)) {
        return -1;
    }

    part = faults_part(fd, n);
    sent = faults_next(write)(fd, buf, part);

    if (part < n) {
        faults_edge(fd);
    }

    return sent;
}


ssize_t
writev(int fd, const struct iovec *iov, int n)
{
    int           i;
    size_t        all, part;
    ssize_t       sent;
    struct iovec  some[FAULTS_IOVS];

    if (faults_again(fd)) {
        return -1;
    }

    for (all = 0, i = 0; i < n; i++) {
        all += iov[i].iov_len;
    }

    part = n <= FAULTS_IOVS ? faults_part(fd, all) : all;

    if (part == all) {
        return faults_next(writev)(fd, iov, n);
    }

    for (all = 0, i = 0; all < part; i++) {
        some[i] = iov[i];

        if (some[i].iov_len > part - all) {
            some[i].iov_len = part - all;
        }

        all += some[i].iov_len;
    }

    sent = faults_next(writev)(fd, some, i);
    faults_edge(fd);

    return sent;
}


ssize_t
sendfile(int fd, int file, off_t *offset, size_t n)
{
    size_t   part;
    ssize_t  sent;

    if (faults_again(fd)) {
        return -1;
    }

    part = faults_part(fd, n);
    sent = faults_next(sendfile)(fd, file, offset, part);

    if (part < n) {
        faults_edge(fd);
    }

    return sent;
}


static int
faults_no_memory(size_t n)
{
    return n >= faults_bound && faults_strike(FAULTS_ALLOC);
}


void *
malloc(size_t n)
{
    if (faults_no_memory(n)) {
        errno = ENOMEM;
        return NULL;
    }

    return faults_next(malloc)(n);
}


void *
calloc(size_t n, size_t size)
{
    if (faults_no_memory(n * size)) {
        errno = ENOMEM;
        return NULL;
    }

    return faults_next(calloc)(n, size);
}


void *
realloc(void *p, size_t n)
{
    if (faults_no_memory(n)) {
        errno = ENOMEM;
        return NULL;
    }

    return faults_next(realloc)(p, n);
}


int
posix_memalign(void **p, size_t alignment, size_t n)
{
    if (faults_no_memory(n)) {
        return ENOMEM;
    }

    return faults_next(posix_memalign)(p, alignment, n);
}
