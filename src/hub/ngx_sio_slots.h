
/*
 * Worker slots: who is alive, and how to wake him.
 *
 * Each worker of this nginx, of whatever configuration generation, has a dense
 * id, its slot, in a small shared zone of its own.  The eventfds are made once
 * in the first init_module and inherited by every later generation, so workers
 * of an old configuration that still drain and workers of the new one wake each
 * other.
 */

#ifndef _NGX_SIO_SLOTS_H_INCLUDED_
#define _NGX_SIO_SLOTS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


#define NGX_SIO_SLOTS    128
#define NGX_SIO_NO_SLOT  ((ngx_uint_t) -1)


/*
 * One slot's life: (epoch << 8) | (slot + 1), 0 for nobody.  A reference to a
 * worker that is gone is dead by itself, because the epoch has moved on.
 */
typedef uint64_t  ngx_sio_worker_t;

#define ngx_sio_worker_slot(worker)  ((ngx_uint_t) ((worker) & 0xff) - 1)


/* A set of slots. */
typedef struct {
    uint64_t           word[NGX_SIO_SLOTS / 64];
} ngx_sio_mask_t;


typedef struct {
    ngx_atomic_t       pid;             /* 0: free */
    ngx_atomic_t       notified;        /* a wake-up is under way */
    ngx_atomic_t       epoch;           /* of the present or next owner */
    ngx_atomic_t       started;         /* seconds since 1970 */
    ngx_atomic_t       draining;        /* the worker is leaving */
    ngx_atomic_t       unused[3];       /* a cache line each */
} ngx_sio_slot_t;


typedef struct {
    ngx_atomic_t       reaped;          /* workers found dead so far */
    ngx_atomic_t       janitor;         /* when its next round is due, msec */
    ngx_atomic_t       unused[6];
    ngx_sio_slot_t     slot[NGX_SIO_SLOTS];
} ngx_sio_slots_t;


/* Called in the worker when it was woken, and at least every 200 ms. */
typedef void (*ngx_sio_wake_pt)(void);

/* Called in the worker when it is told to quit; it has to arrange its leave. */
typedef void (*ngx_sio_quit_pt)(void);


/* This worker's slot, NGX_SIO_NO_SLOT outside workers or if none was free. */
extern ngx_uint_t        ngx_sio_self;

/* This worker's reference, 0 without a slot. */
extern ngx_sio_worker_t  ngx_sio_self_worker;

/* The shared table; NULL in a process without socketio zones. */
extern ngx_sio_slots_t  *ngx_sio_slots;


/* Adds the slots' shared zone to a configuration; tag is the module's. */
ngx_int_t ngx_sio_slots_add_zone(ngx_conf_t *cf, void *tag);

/* Makes eventfds and the lock file, once in the master's life. */
ngx_int_t ngx_sio_slots_init_module(ngx_cycle_t *cycle);

/*
 * Claims a slot for this worker and registers its wake-up.  Returns NGX_OK, or
 * NGX_DECLINED if there is no free slot (the worker then serves no sessions).
 */
ngx_int_t ngx_sio_slots_init_process(ngx_cycle_t *cycle, ngx_sio_wake_pt wake,
    ngx_sio_quit_pt quit);

/* Gives the slot back; its sessions must be gone. */
void ngx_sio_slots_exit_process(ngx_cycle_t *cycle);

/* Whether a reference names a worker whose slot has not been reaped. */
ngx_uint_t ngx_sio_worker_current(ngx_sio_worker_t worker);

/* Whether it also is alive, reaped or not; one system call more. */
ngx_uint_t ngx_sio_worker_alive(ngx_sio_worker_t worker);

/*
 * Whether the process in a slot is alive, by the record lock that the kernel
 * drops with it (fcntl(2)); a free slot is not.  One system call.
 */
ngx_uint_t ngx_sio_slot_alive(ngx_uint_t slot);

/* The same for a pid, that may also be of a process without a slot. */
ngx_uint_t ngx_sio_pid_alive(ngx_pid_t pid);

/*
 * Makes a dead worker's slot free and its references void.  The caller has
 * cleaned up after it in every zone.  NGX_DECLINED: somebody else has done it.
 */
ngx_int_t ngx_sio_slot_release(ngx_sio_worker_t worker);

/* Wakes the workers of a mask; this one through a posted event. */
void ngx_sio_wake(const ngx_sio_mask_t *mask);

/* Adds a slot to a mask (no-op for NGX_SIO_NO_SLOT). */
void ngx_sio_mask_set(ngx_sio_mask_t *mask, ngx_uint_t slot);

/* Removes a slot from a mask that other processes may change too. */
void ngx_sio_mask_clear(ngx_sio_mask_t *mask, ngx_uint_t slot);

/* Adds all slots of one mask to another. */
void ngx_sio_mask_or(ngx_sio_mask_t *mask, const ngx_sio_mask_t *more);


#endif /* _NGX_SIO_SLOTS_H_INCLUDED_ */
