
/*
 * Listening passes on at one place in the order of the bus.  An heir subscribes
 * and publishes a marker, which both hear: the leader appends what comes before
 * it, the heir what comes behind it.  The word "marker" is a token: the leader
 * takes it and then names the heir as leader, or the heir takes it back.  What
 * an heir hears it appends when it leads and its own marker has come.
 */

#include "ngx_sio_cluster_hand.h"
#include "ngx_sio_cluster_names.h"
#include "ngx_sio_test.h"


#define NGX_SIO_HAND_TIME      2000     /* ms, for each side */
#define NGX_SIO_HAND_GRACE     300      /* ms, for new workers to begin */
#define NGX_SIO_HAND_PATTERNS  2        /* that the listener subscribes to */


static void ngx_sio_cluster_hand_force(ngx_sio_cluster_t *cl);
static void ngx_sio_cluster_hand_take(ngx_sio_cluster_t *cl);
static void ngx_sio_cluster_hand_over(ngx_sio_cluster_t *cl, uint64_t nonce);
static ngx_uint_t ngx_sio_cluster_hand_back(ngx_sio_cluster_t *cl);
static uint32_t ngx_sio_cluster_hand_bus(const ngx_sio_cluster_t *cl);
static ngx_uint_t ngx_sio_cluster_hand_stays(const ngx_sio_cluster_t *cl);


void
ngx_sio_cluster_hand_claim(ngx_sio_cluster_t *cl, ngx_sio_worker_t leader)
{
    ngx_sio_shared_t  *sh;
    ngx_sio_worker_t   heir;

    sh = cl->zone->shared;
    heir = sh->heir;

    if (cl->hand
        || !ngx_sio_slots->slot[ngx_sio_worker_slot(leader)].draining
        || ngx_sio_worker_alive(heir)
        || !ngx_atomic_cmp_set(&sh->heir, heir, cl->self))
    {
        return;
    }

    /* that of an heir which has died is nobody's */

    sh->marker = 0;

    cl->nonce = 0;
    cl->hand = NGX_SIO_HAND_HEARS;
    ngx_sio_redis_open(&cl->listener);
}


/*
 * An heir that is told to quit itself leaves it to another one, unless the
 * leader has its word already: then it leads, and is followed itself.
 */

void
ngx_sio_cluster_hand_tick(ngx_sio_cluster_t *cl)
{
    if (cl->hand == NGX_SIO_HAND_GONE) {

        if (ngx_current_msec - cl->marked > NGX_SIO_HAND_TIME / 4) {
            ngx_sio_cluster_hand_gone(cl, 0);
        }

        return;
    }

    if (cl->hand == NGX_SIO_HAND_WAITS
        && cl->zone->shared->leader == cl->self)
    {
        ngx_sio_cluster_hand_take(cl);
        return;
    }

    if (ngx_exiting
        && (ngx_sio_cluster_hand_back(cl) || !ngx_sio_cluster_hears(cl)))
    {
        ngx_sio_cluster_resign(cl);
        return;
    }

    if (cl->nonce && ngx_current_msec - cl->marked > NGX_SIO_HAND_TIME) {
        ngx_sio_cluster_hand_force(cl);
        return;
    }

    /* who has not been heard yet by itself has no heartbeat either */

    if (cl->nonce == 0 && cl->listener.state == NGX_SIO_REDIS_READY
        && ngx_current_msec - cl->heard > NGX_SIO_CLUSTER_DEAF)
    {
        ngx_sio_redis_fail(&cl->listener, "nothing is heard from it");
    }
}


/* Who leads already has heard nothing yet that was appended before. */

void
ngx_sio_cluster_hand_ready(ngx_sio_cluster_t *cl)
{
    if (cl->zone->shared->leader == cl->self) {
        ngx_sio_cluster_hand_take(cl);
    }
}


void
ngx_sio_cluster_hand_confirmed(ngx_sio_cluster_t *cl)
{
    u_char       text[NGX_INT64_LEN];
    uint64_t     nonce;
    sio_span_t   none, uid, message;

    /* two buses have no order, nor has one of them what the other has */

    if (cl->zone->shared->bus_key != ngx_sio_cluster_hand_bus(cl)) {
        ngx_sio_cluster_hand_force(cl);
        return;
    }

    if (ngx_sio_random(&nonce, sizeof(nonce)) != NGX_OK) {
        nonce = ngx_current_msec ^ cl->self;
    }

    cl->nonce = nonce | 1;
    cl->marked = ngx_current_msec;
    cl->zone->shared->marker = cl->nonce;

    ngx_memory_barrier();

    ngx_memzero(&none, sizeof(sio_span_t));
    uid.p = cl->uid;
    uid.n = NGX_SIO_UID_LEN;
    message.p = text;
    message.n = ngx_sprintf(text, "%016xL", cl->nonce) - text;

    (void) ngx_sio_cluster_send(cl, "-beat", uid, none, message);
}


void
ngx_sio_cluster_hand_lost(ngx_sio_cluster_t *cl)
{
    if (cl->hand == NGX_SIO_HAND_GONE) {
        ngx_sio_cluster_hand_gone(cl, 0);
        return;
    }

    (void) ngx_sio_cluster_hand_back(cl);

    cl->nonce = 0;
    cl->hand = NGX_SIO_HAND_HEARS;

    if (cl->zone->shared->leader == cl->self) {
        ngx_sio_cluster_hand_take(cl);
    }
}


void
ngx_sio_cluster_hand_marker(ngx_sio_cluster_t *cl, sio_span_t payload)
{
    size_t    i;
    u_char    c;
    uint64_t  nonce;

    if (payload.n != 16) {
        return;
    }

    for (nonce = 0, i = 0; i < payload.n; i++) {
        c = payload.p[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return;
        }

        nonce = nonce << 4 | (c <= '9' ? c - '0' : c - 'a' + 10);
    }

    if (nonce == 0) {
        return;
    }

    if (cl->hand == NGX_SIO_HAND_NONE) {
        ngx_sio_cluster_hand_over(cl, nonce);

    } else if (cl->hand == NGX_SIO_HAND_HEARS && nonce == cl->nonce) {
        cl->hand = NGX_SIO_HAND_WAITS;
        ngx_sio_redis_pause(&cl->listener);

        if (cl->tick.timer_set) {
            ngx_del_timer(&cl->tick);
        }

        ngx_add_timer(&cl->tick, NGX_SIO_HAND_WAIT);
        ngx_sio_cluster_hand_tick(cl);
    }
}


/*
 * All before the marker is in the log: what comes now is the heir's.  Who has
 * counted both of us gets two answers, so we answer until Redis counts one.
 */

static void
ngx_sio_cluster_hand_over(ngx_sio_cluster_t *cl, uint64_t nonce)
{
    sio_span_t         argv[1];
    ngx_sio_shared_t  *sh;

    sh = cl->zone->shared;

    if (sh->leader != cl->self || !ngx_atomic_cmp_set(&sh->marker, nonce, 0)) {
        return;
    }

    ngx_sio_test_point();

    (void) ngx_atomic_cmp_set(&sh->leader, cl->self, sh->heir);

    ngx_sio_test_point();

    cl->hand = NGX_SIO_HAND_GONE;
    cl->marked = ngx_current_msec;

    argv[0] = sio_span("UNSUBSCRIBE");

    (void) ngx_sio_redis_command(&cl->listener, 1, argv, NULL);
}


void
ngx_sio_cluster_hand_gone(ngx_sio_cluster_t *cl, ngx_uint_t left)
{
    if (left <= NGX_SIO_HAND_PATTERNS) {
        cl->hand = NGX_SIO_HAND_NONE;
        ngx_sio_cluster_deaf(cl);
    }
}


/* Whether the leader has not taken the marker, and now cannot any more. */

static ngx_uint_t
ngx_sio_cluster_hand_back(ngx_sio_cluster_t *cl)
{
    return cl->nonce == 0
           || ngx_atomic_cmp_set(&cl->zone->shared->marker, cl->nonce, 0);
}


/* A leader that does not come to the marker hears nothing of us, or nothing. */

static void
ngx_sio_cluster_hand_force(ngx_sio_cluster_t *cl)
{
    ngx_sio_worker_t   leader;
    ngx_sio_shared_t  *sh;

    sh = cl->zone->shared;
    leader = sh->leader;

    if (leader == cl->self
        || ngx_atomic_cmp_set(&sh->leader, leader, cl->self))
    {
        ngx_sio_cluster_hand_take(cl);
    }
}


static void
ngx_sio_cluster_hand_take(ngx_sio_cluster_t *cl)
{
    ngx_sio_shared_t  *sh;

    sh = cl->zone->shared;

    if (ngx_sio_cluster_hand_back(cl)) {
        ngx_sio_stat(cl->zone, cluster_handovers_cut, 1);
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "socketio worker of slot %ui listens to other nodes "
                      "before the one that leaves has said up to where it "
                      "did: some of their events may be missing",
                      ngx_sio_worker_slot(cl->self));

    } else {
        ngx_sio_stat(cl->zone, cluster_handovers, 1);
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "socketio worker of slot %ui listens to other nodes "
                      "now, in place of one that leaves",
                      ngx_sio_worker_slot(cl->self));
    }

    cl->nonce = 0;
    cl->hand = NGX_SIO_HAND_NONE;
    ngx_sio_cluster_hand_key(cl);

    ngx_sio_test_point();

    (void) ngx_atomic_cmp_set(&sh->heir, cl->self, 0);

    if (ngx_sio_cluster_hears(cl)) {
        ngx_sio_cluster_state(cl, NGX_SIO_BUS_UP);
        ngx_sio_cluster_names(cl);
        ngx_sio_redis_resume(&cl->listener);

    } else {
        ngx_sio_cluster_state(cl, NGX_SIO_BUS_DOWN);
    }
}


void
ngx_sio_cluster_hand_stop(ngx_sio_cluster_t *cl)
{
    if (cl->hand) {
        (void) ngx_sio_cluster_hand_back(cl);
        (void) ngx_atomic_cmp_set(&cl->zone->shared->heir, cl->self, 0);
        cl->nonce = 0;
        cl->hand = NGX_SIO_HAND_NONE;
    }
}


/* Who hears nothing itself has nothing to hand over. */

void
ngx_sio_cluster_hand_leave(ngx_sio_cluster_t *cl)
{
    if (!ngx_sio_cluster_hears(cl)
        || (ngx_current_msec - cl->leaving >= NGX_SIO_HAND_GRACE
            && !ngx_sio_cluster_hand_stays(cl)))
    {
        ngx_sio_cluster_resign(cl);
    }
}


/* Beyond its time a leader still listens, but is not kept alive for that. */

ngx_uint_t
ngx_sio_cluster_hand_busy(ngx_sio_cluster_t *cl)
{
    return (cl->hand || cl->zone->shared->leader == cl->self)
           && (cl->leaving == 0
               || ngx_current_msec - cl->leaving < NGX_SIO_HAND_TIME);
}


void
ngx_sio_cluster_hand_key(ngx_sio_cluster_t *cl)
{
    cl->zone->shared->bus_key = ngx_sio_cluster_hand_bus(cl);
}


static uint32_t
ngx_sio_cluster_hand_bus(const ngx_sio_cluster_t *cl)
{
    uint32_t  hash;

    ngx_crc32_init(hash);
    ngx_crc32_update(&hash, cl->conf->name.data, cl->conf->name.len);
    ngx_crc32_update(&hash, (u_char *) " ", 1);
    ngx_crc32_update(&hash, cl->conf->prefix.data, cl->conf->prefix.len);
    ngx_crc32_final(hash);

    return hash;
}


/* Whether there is a worker of this zone that is not told to quit. */

static ngx_uint_t
ngx_sio_cluster_hand_stays(const ngx_sio_cluster_t *cl)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_SIO_SLOTS; i++) {
        if (ngx_sio_slots->slot[i].pid != 0 && cl->zone->shared->read[i]
            && !ngx_sio_slots->slot[i].draining
            && i != ngx_sio_self && ngx_sio_slot_alive(i))
        {
            return 1;
        }
    }

    return 0;
}
