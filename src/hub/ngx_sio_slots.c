
/*
 * Slots: eventfds made once by the master, record locks that say who is alive,
 * coalesced wake-ups.  Nothing here knows what a wake-up is about.
 */

#include "ngx_sio_slots.h"

#include <sys/eventfd.h>
#include <sys/mman.h>


#define NGX_SIO_TICK  200       /* ms: a lost wake-up costs no more than this */


static ngx_int_t ngx_sio_slots_init_zone(ngx_shm_zone_t *shm_zone, void *data);
static ngx_int_t ngx_sio_slot_claim(ngx_log_t *log);
static ngx_int_t ngx_sio_slot_lock(ngx_uint_t slot, short type);
static ngx_int_t ngx_sio_slots_listen(ngx_cycle_t *cycle);
static void ngx_sio_wake_handler(ngx_event_t *ev);
static void ngx_sio_post_handler(ngx_event_t *ev);
static void ngx_sio_tick_handler(ngx_event_t *ev);


ngx_uint_t               ngx_sio_self = NGX_SIO_NO_SLOT;
ngx_sio_worker_t         ngx_sio_self_worker;
ngx_sio_slots_t         *ngx_sio_slots;

/* made in the first init_module, inherited by every generation */
static ngx_fd_t          ngx_sio_wake_fd[NGX_SIO_SLOTS];
static ngx_fd_t          ngx_sio_lock_fd = NGX_INVALID_FILE;
static ngx_uint_t        ngx_sio_fds_made;

/* this worker's */
static ngx_connection_t *ngx_sio_wake_connection;
static ngx_event_t       ngx_sio_wake_posted;
static ngx_event_t       ngx_sio_tick;
static ngx_connection_t  ngx_sio_dummy = { .fd = -1 };  /* for debug logs */
static ngx_sio_wake_pt   ngx_sio_on_wake;
static ngx_sio_quit_pt   ngx_sio_on_quit;


ngx_int_t
ngx_sio_slots_add_zone(ngx_conf_t *cf, void *tag)
{
    ngx_shm_zone_t  *shm_zone;

    static ngx_str_t  name = ngx_string("socketio_slots");

    shm_zone = ngx_shared_memory_add(cf, &name, 16 * ngx_pagesize, tag);
    if (shm_zone == NULL) {
        return NGX_ERROR;
    }

    shm_zone->init = ngx_sio_slots_init_zone;

    return NGX_OK;
}


/* Runs in the master, also when the reload then fails: nothing is changed. */

static ngx_int_t
ngx_sio_slots_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_slab_pool_t  *slab;

    slab = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (slab->data == NULL) {
        slab->data = ngx_slab_calloc(slab, sizeof(ngx_sio_slots_t));
        if (slab->data == NULL) {
            return NGX_ERROR;
        }
    }

    shm_zone->data = slab->data;
    ngx_sio_slots = slab->data;

    return NGX_OK;
}


ngx_int_t
ngx_sio_slots_init_module(ngx_cycle_t *cycle)
{
    ngx_uint_t  i;

    if (ngx_test_config || ngx_sio_fds_made) {
        return NGX_OK;
    }

    ngx_sio_lock_fd = memfd_create("socketio", MFD_CLOEXEC);
    if (ngx_sio_lock_fd == -1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "memfd_create() failed");
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_SIO_SLOTS; i++) {
        ngx_sio_wake_fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

        if (ngx_sio_wake_fd[i] == -1) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                          "eventfd() failed, socketio needs %d descriptors",
                          NGX_SIO_SLOTS + 1);
            goto failed;
        }
    }

    ngx_sio_fds_made = 1;

    return NGX_OK;

failed:

    while (i-- > 0) {
        (void) ngx_close_file(ngx_sio_wake_fd[i]);
    }

    (void) ngx_close_file(ngx_sio_lock_fd);

    return NGX_ERROR;
}


ngx_int_t
ngx_sio_slots_init_process(ngx_cycle_t *cycle, ngx_sio_wake_pt wake,
    ngx_sio_quit_pt quit)
{
    ngx_sio_on_wake = wake;
    ngx_sio_on_quit = quit;

    ngx_sio_wake_posted.handler = ngx_sio_post_handler;
    ngx_sio_wake_posted.log = cycle->log;

    ngx_sio_tick.handler = ngx_sio_tick_handler;
    ngx_sio_tick.log = cycle->log;
    ngx_sio_tick.data = &ngx_sio_dummy;
    ngx_sio_tick.cancelable = 1;
    ngx_add_timer(&ngx_sio_tick, NGX_SIO_TICK);

    if (ngx_sio_slot_claim(cycle->log) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (ngx_sio_slots_listen(cycle) != NGX_OK) {
        ngx_sio_slots_exit_process(cycle);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* A dead worker's slot is not free before somebody has cleaned up after it. */

static ngx_int_t
ngx_sio_slot_claim(ngx_log_t *log)
{
    ngx_uint_t       i;
    ngx_sio_slot_t  *slot;

    for (i = 0; i < NGX_SIO_SLOTS; i++) {
        slot = &ngx_sio_slots->slot[i];

        /* the lock comes first: a claimed slot without one looks dead */

        if (slot->pid != 0 || ngx_sio_slot_lock(i, F_WRLCK) != NGX_OK) {
            continue;
        }

        if (!ngx_atomic_cmp_set(&slot->pid, 0, ngx_pid)) {
            (void) ngx_sio_slot_lock(i, F_UNLCK);
            continue;
        }

        slot->notified = 0;
        slot->draining = 0;
        slot->started = ngx_time();

        ngx_sio_self = i;
        ngx_sio_self_worker = ((uint64_t) slot->epoch << 8) | (i + 1);

        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "no free socketio worker slot of %d, this worker refuses "
                  "sessions: set worker_shutdown_timeout, so that leaving "
                  "workers end", NGX_SIO_SLOTS);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_sio_slot_lock(ngx_uint_t slot, short type)
{
    struct flock  fl;

    ngx_memzero(&fl, sizeof(struct flock));

    fl.l_type = type;
    fl.l_whence = SEEK_SET;
    fl.l_start = slot;
    fl.l_len = 1;

    return fcntl(ngx_sio_lock_fd, F_SETLK, &fl) == -1 ? NGX_DECLINED : NGX_OK;
}


/*
 * c->idle makes nginx call the read handler with c->close set when the worker
 * starts to quit; read->channel exempts it from worker_shutdown_timeout.
 */

static ngx_int_t
ngx_sio_slots_listen(ngx_cycle_t *cycle)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(ngx_sio_wake_fd[ngx_sio_self], cycle->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->pool = NULL;
    c->idle = 1;
    c->log = cycle->log;
    c->read->log = cycle->log;
    c->write->log = cycle->log;
    c->read->channel = 1;
    c->read->handler = ngx_sio_wake_handler;

    if (ngx_add_event(c->read, NGX_READ_EVENT, 0) != NGX_OK) {
        ngx_free_connection(c);
        return NGX_ERROR;
    }

    ngx_sio_wake_connection = c;

    return NGX_OK;
}


void
ngx_sio_slots_exit_process(ngx_cycle_t *cycle)
{
    ngx_connection_t  *c;

    c = ngx_sio_wake_connection;

    if (c) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, 0);
        ngx_free_connection(c);
        c->fd = (ngx_socket_t) -1;
        ngx_sio_wake_connection = NULL;
    }

    if (ngx_sio_self != NGX_SIO_NO_SLOT) {
        (void) ngx_sio_slot_release(ngx_sio_self_worker);
        (void) ngx_sio_slot_lock(ngx_sio_self, F_UNLCK);

        ngx_sio_self = NGX_SIO_NO_SLOT;
        ngx_sio_self_worker = 0;
    }
}


ngx_uint_t
ngx_sio_worker_current(ngx_sio_worker_t worker)
{
    ngx_sio_slot_t  *slot;

    if (worker == 0) {
        return 0;
    }

    slot = &ngx_sio_slots->slot[ngx_sio_worker_slot(worker)];

    return slot->pid != 0 && slot->epoch == (worker >> 8);
}


ngx_uint_t
ngx_sio_worker_alive(ngx_sio_worker_t worker)
{
    return ngx_sio_worker_current(worker)
           && ngx_sio_slot_alive(ngx_sio_worker_slot(worker));
}


ngx_uint_t
ngx_sio_slot_alive(ngx_uint_t slot)
{
    struct flock  fl;

    if (ngx_sio_slots->slot[slot].pid == 0) {
        return 0;
    }

    if (slot == ngx_sio_self) {
        return 1;
    }

    ngx_memzero(&fl, sizeof(struct flock));

    fl.l_type = F_WRLCK;
    fl.l_whence = SEEK_SET;
    fl.l_start = slot;
    fl.l_len = 1;

    if (fcntl(ngx_sio_lock_fd, F_GETLK, &fl) == -1) {
        return 1;
    }

    return fl.l_type != F_UNLCK;
}


ngx_uint_t
ngx_sio_pid_alive(ngx_pid_t pid)
{
    ngx_uint_t  i;

    if (pid == ngx_pid) {
        return 1;
    }

    for (i = 0; i < NGX_SIO_SLOTS; i++) {
        if (ngx_sio_slots->slot[i].pid == (ngx_atomic_uint_t) pid) {
            return ngx_sio_slot_alive(i);
        }
    }

    return kill(pid, 0) == 0 || ngx_errno != NGX_ESRCH;
}


/* The epoch decides who of several does it: pid may be the next owner's. */

ngx_int_t
ngx_sio_slot_release(ngx_sio_worker_t worker)
{
    ngx_sio_slot_t  *slot;

    slot = &ngx_sio_slots->slot[ngx_sio_worker_slot(worker)];

    if (!ngx_atomic_cmp_set(&slot->epoch, worker >> 8, (worker >> 8) + 1)) {
        return NGX_DECLINED;
    }

    ngx_memory_barrier();
    slot->pid = 0;

    return NGX_OK;
}


void
ngx_sio_wake(const ngx_sio_mask_t *mask)
{
    uint64_t         bits, one;
    ngx_uint_t       i, n;
    ngx_sio_slot_t  *slot;

    one = 1;

    for (i = 0; i < NGX_SIO_SLOTS / 64; i++) {

        for (bits = mask->word[i]; bits; bits &= bits - 1) {
            n = i * 64 + __builtin_ctzll(bits);

            if (n == ngx_sio_self) {
                ngx_post_event(&ngx_sio_wake_posted, &ngx_posted_events);
                continue;
            }

            slot = &ngx_sio_slots->slot[n];

            if (slot->pid != 0
                && __atomic_exchange_n(&slot->notified, 1, __ATOMIC_SEQ_CST)
                   == 0)
            {
                /* full is as good as written: the reader will wake */
                (void) !write(ngx_sio_wake_fd[n], &one, sizeof(one));
            }
        }
    }
}


/* The flag is cleared before the log is read, so that no wake-up is lost. */

static void
ngx_sio_wake_handler(ngx_event_t *ev)
{
    uint64_t           count;
    ngx_connection_t  *c;

    c = ev->data;

    if (c->close) {
        c->close = 0;
        c->idle = 0;
        ngx_sio_slots->slot[ngx_sio_self].draining = 1;
        ngx_sio_on_quit();
    }

    (void) !read(c->fd, &count, sizeof(count));

    __atomic_store_n(&ngx_sio_slots->slot[ngx_sio_self].notified, 0,
                     __ATOMIC_SEQ_CST);

    ngx_sio_on_wake();
}


static void
ngx_sio_post_handler(ngx_event_t *ev)
{
    ngx_sio_on_wake();
}


/* A writer may have died between setting the flag and writing the eventfd. */

static void
ngx_sio_tick_handler(ngx_event_t *ev)
{
    if (ngx_sio_self != NGX_SIO_NO_SLOT) {
        __atomic_store_n(&ngx_sio_slots->slot[ngx_sio_self].notified, 0,
                         __ATOMIC_SEQ_CST);
    }

    ngx_add_timer(ev, NGX_SIO_TICK);

    ngx_sio_on_wake();
}


void
ngx_sio_mask_set(ngx_sio_mask_t *mask, ngx_uint_t slot)
{
    if (slot < NGX_SIO_SLOTS) {
        (void) __atomic_fetch_or(&mask->word[slot / 64],
                                 (uint64_t) 1 << (slot % 64),
                                 __ATOMIC_SEQ_CST);
    }
}


void
ngx_sio_mask_clear(ngx_sio_mask_t *mask, ngx_uint_t slot)
{
    if (slot < NGX_SIO_SLOTS) {
        (void) __atomic_fetch_and(&mask->word[slot / 64],
                                  ~((uint64_t) 1 << (slot % 64)),
                                  __ATOMIC_SEQ_CST);
    }
}


void
ngx_sio_mask_or(ngx_sio_mask_t *mask, const ngx_sio_mask_t *more)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_SIO_SLOTS / 64; i++) {
        mask->word[i] |= more->word[i];
    }
}
