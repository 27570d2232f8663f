
/*
 * Who leads, and what the leader subscribes to.  A leader is named by slot and
 * epoch, so that it is void by itself when it is gone; each worker looks ten
 * times a second whether there is one.
 */

#include "ngx_sio_cluster_hand.h"
#include "ngx_sio_cluster_job.h"
#include "ngx_sio_cluster_note.h"
#include "ngx_sio_cluster_names.h"
#include "ngx_sio_cluster_private.h"
#include "ngx_sio_cluster_question.h"


#define NGX_SIO_CLUSTER_TICK    100     /* ms */


static void ngx_sio_cluster_tick(ngx_event_t *ev);
static void ngx_sio_cluster_elect(ngx_sio_cluster_t *cl);
static void ngx_sio_cluster_lead(ngx_sio_cluster_t *cl);
static void ngx_sio_cluster_beat(ngx_sio_cluster_t *cl);
static void ngx_sio_cluster_listen(ngx_sio_redis_t *redis);
static void ngx_sio_cluster_hear_all(ngx_sio_cluster_t *cl, const char *kind);
static void ngx_sio_cluster_hear(ngx_sio_cluster_t *cl, const char *kind,
    const u_char *name, size_t len);
static void ngx_sio_cluster_denied(ngx_sio_cluster_t *cl, redisReply *reply);
static void ngx_sio_cluster_confirmed(ngx_sio_cluster_t *cl);
static ngx_uint_t ngx_sio_cluster_wanted(const ngx_sio_cluster_t *cl);
static void ngx_sio_cluster_heard(ngx_sio_redis_t *redis, redisReply *reply,
    void *data);


ngx_int_t
ngx_sio_cluster_init(const ngx_sio_redis_conf_t *conf, ngx_cycle_t *cycle,
    ngx_sio_errand_pt errand)
{
    uint64_t            epoch;
    ngx_uint_t          i;
    ngx_sio_cluster_t  *cl;

    if (ngx_sio_self_worker == 0) {
        return NGX_OK;
    }

    cl = ngx_pcalloc(cycle->pool, sizeof(ngx_sio_cluster_t));
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->in = sio_adapter_create();
    cl->out = sio_adapter_create();

    if (cl->in == NULL || cl->out == NULL
        || ngx_sio_cluster_notes_init(cl, cycle->pool) != NGX_OK)
    {
        return NGX_ERROR;
    }

    cl->dummy.fd = (ngx_socket_t) -1;
    cl->conf = conf;
    cl->zone = conf->zone;
    cl->errand = errand;
    cl->self = ngx_sio_self_worker;

    /* all workers, also those of the next configuration, are one node */

    for (epoch = cl->zone->shared->epoch, i = 0; i < NGX_SIO_UID_LEN; i++) {
        cl->uid[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[epoch % 36];
        epoch /= 36;
    }

    cl->listener.conf = conf;
    cl->listener.role = "listener";
    cl->listener.changed = ngx_sio_cluster_listen;
    cl->listener.message = ngx_sio_cluster_heard;
    cl->listener.data = cl;
    ngx_sio_redis_init(&cl->listener);

    cl->publisher.conf = conf;
    cl->publisher.role = "publisher";
    cl->publisher.data = cl;
    ngx_sio_redis_init(&cl->publisher);

    ngx_sio_cluster_questions_init(cl);
    ngx_sio_cluster_work_init(cl);

    cl->tick.handler = ngx_sio_cluster_tick;
    cl->tick.data = cl;
    cl->tick.log = cycle->log;
    cl->tick.cancelable = 1;
    ngx_add_timer(&cl->tick, 1);

    cl->zone->cluster = cl;

    return NGX_OK;
}


void
ngx_sio_cluster_exit(ngx_sio_zone_t *zone)
{
    ngx_sio_cluster_t  *cl;

    cl = zone->cluster;

    if (cl == NULL) {
        return;
    }

    ngx_sio_cluster_notes(cl);

    zone->cluster = NULL;

    ngx_sio_cluster_notes_free(cl);
    ngx_sio_cluster_resign(cl);
    ngx_sio_cluster_work_exit(cl);
    ngx_sio_redis_close(&cl->publisher);
    ngx_sio_cluster_questions_exit(cl);

    sio_adapter_free(cl->in);
    sio_adapter_free(cl->out);

    ngx_sio_redis_buf_free(&cl->text);
}


static void
ngx_sio_cluster_tick(ngx_event_t *ev)
{
    ngx_sio_cluster_t  *cl;

    cl = ev->data;

    ngx_sio_cluster_questions_tick(cl);

    if (!ngx_exiting) {
        ngx_sio_redis_open(&cl->publisher);
        ngx_sio_cluster_elect(cl);

    } else if (cl->leaving == 0) {
        cl->leaving = ngx_max(ngx_current_msec, 1);
    }

    if (cl->hand) {
        ngx_sio_cluster_hand_tick(cl);

    } else if (cl->zone->shared->leader == cl->self) {
        ngx_sio_cluster_lead(cl);

    } else {
        ngx_sio_cluster_deaf(cl);
    }

    /* a leader that is told to quit stays until an heir hears */

    ev->cancelable = !ngx_sio_cluster_hand_busy(cl);
    ngx_add_timer(ev, cl->hand == NGX_SIO_HAND_WAITS ? NGX_SIO_HAND_WAIT
                      : cl->hand || (cl->leaving && !ev->cancelable)
                      ? NGX_SIO_HAND_TICK : NGX_SIO_CLUSTER_TICK);
}


/* Who is heir comes first. */

static void
ngx_sio_cluster_elect(ngx_sio_cluster_t *cl)
{
    ngx_sio_shared_t  *sh;
    ngx_sio_worker_t   heir, leader;

    sh = cl->zone->shared;
    leader = sh->leader;

    if (leader == cl->self) {
        return;
    }

    if (ngx_sio_worker_alive(leader)) {
        ngx_sio_cluster_hand_claim(cl, leader);
        return;
    }

    heir = sh->heir;

    if ((heir == cl->self || !ngx_sio_worker_alive(heir))
        && ngx_atomic_cmp_set(&sh->leader, leader, cl->self))
    {
        ngx_sio_cluster_state(cl, NGX_SIO_BUS_DOWN);

        if (cl->hand == NGX_SIO_HAND_NONE) {
            ngx_sio_cluster_hand_key(cl);
        }
    }
}


static void
ngx_sio_cluster_lead(ngx_sio_cluster_t *cl)
{
    if (ngx_exiting) {
        ngx_sio_cluster_hand_leave(cl);

        if (cl->zone->shared->leader != cl->self) {
            return;
        }
    }

    ngx_sio_redis_open(&cl->listener);

    if (cl->listener.state == NGX_SIO_REDIS_READY) {
        ngx_sio_cluster_names(cl);
        ngx_sio_cluster_beat(cl);
    }
}


void
ngx_sio_cluster_resign(ngx_sio_cluster_t *cl)
{
    ngx_sio_shared_t  *sh;
    ngx_sio_worker_t   heir;

    sh = cl->zone->shared;

    ngx_sio_cluster_hand_stop(cl);
    ngx_sio_cluster_deaf(cl);

    if (sh->leader != cl->self) {
        return;
    }

    /* an heir says when it hears */

    ngx_sio_cluster_state(cl, NGX_SIO_BUS_DOWN);

    heir = sh->heir;

    (void) ngx_atomic_cmp_set(&sh->leader, cl->self,
                              ngx_sio_worker_alive(heir) ? heir : 0);
}


/* Two that append would do so with everything twice. */

void
ngx_sio_cluster_deaf(ngx_sio_cluster_t *cl)
{
    if (cl->listener.state == NGX_SIO_REDIS_IDLE) {
        return;
    }

    ngx_sio_redis_close(&cl->listener);
    ngx_sio_cluster_names_forget(cl);
}


void
ngx_sio_cluster_state(ngx_sio_cluster_t *cl, ngx_uint_t state)
{
    ngx_sio_shared_t  *sh;

    sh = cl->zone->shared;

    if (sh->bus != state || sh->bus_since == 0) {
        sh->bus = state;
        sh->bus_since = ngx_time();
    }
}


/* A connection that is open but deaf is noticed by what does not come back. */

static void
ngx_sio_cluster_beat(ngx_sio_cluster_t *cl)
{
    sio_span_t  none, uid;

    /* who does not listen hears nothing */

    if (cl->listener.paused) {
        cl->heard = ngx_current_msec;
    }

    if (ngx_current_msec - cl->heard > NGX_SIO_CLUSTER_DEAF) {
        ngx_sio_redis_fail(&cl->listener, "nothing is heard from it");
        return;
    }

    if ((ngx_msec_int_t) (ngx_current_msec - cl->beat) < 0) {
        return;
    }

    cl->beat = ngx_current_msec + NGX_SIO_CLUSTER_BEAT;

    ngx_memzero(&none, sizeof(sio_span_t));
    uid.p = cl->uid;
    uid.n = NGX_SIO_UID_LEN;

    (void) ngx_sio_cluster_send(cl, "-beat", uid, none, none);

    /* who leaves would be taken for a twin of a new zone */

    if (!ngx_exiting) {
        ngx_sio_cluster_twin_tell(cl);
    }
}


/*
 * Broadcasts and requests are heard by patterns, so that a namespace that comes
 * to life misses nothing; the requests' own channels are subscribed to as well,
 * only because nodes count each other by them.  What nginx nodes tell only each
 * other is heard by its own channel, by which they count each other.
 */

static void
ngx_sio_cluster_listen(ngx_sio_redis_t *redis)
{
    ngx_sio_cluster_t  *cl;

    cl = redis->data;

    ngx_sio_cluster_names_forget(cl);
    cl->confirmed = 0;
    cl->heard = ngx_current_msec;
    cl->beat = ngx_current_msec;

    if (redis->state != NGX_SIO_REDIS_READY) {

        if (cl->hand) {
            ngx_sio_cluster_hand_lost(cl);

        } else if (cl->zone->shared->leader == cl->self) {
            ngx_sio_cluster_state(cl, NGX_SIO_BUS_DOWN);
        }

        return;
    }

    if (cl->hand) {
        ngx_sio_cluster_hand_ready(cl);
    }

    /* in the order of ngx_sio_cluster_denied() */

    ngx_sio_cluster_hear_all(cl, "-request");
    ngx_sio_cluster_hear(cl, "-nginx", (u_char *) "", 0);
    ngx_sio_cluster_hear(cl, "-beat", cl->uid, NGX_SIO_UID_LEN);

    if (cl->conf->node.len) {
        ngx_sio_cluster_hear(cl, "-node", cl->conf->node.data,
                             cl->conf->node.len);
    }

    ngx_sio_cluster_hear_all(cl, "");
    ngx_sio_cluster_names(cl);
}


static void
ngx_sio_cluster_hear_all(ngx_sio_cluster_t *cl, const char *kind)
{
    u_char      *p, pattern[NGX_SIO_CHANNEL_MAX];
    ngx_uint_t   i;
    ngx_str_t   *prefix;
    sio_span_t   argv[2];

    prefix = (ngx_str_t *) &cl->conf->prefix;
    p = pattern;

    for (i = 0; i < prefix->len; i++) {

        /* what is special in a pattern is not in the prefix of a channel */

        if (ngx_strchr("*?[]\\", prefix->data[i])) {
            *p++ = '\\';
        }

        *p++ = prefix->data[i];
    }

    p = ngx_sprintf(p, "%s#*", kind);

    argv[0] = sio_span("PSUBSCRIBE");
    argv[1].p = pattern;
    argv[1].n = p - pattern;

    (void) ngx_sio_redis_command(&cl->listener, 2, argv, NULL);
}


static void
ngx_sio_cluster_hear(ngx_sio_cluster_t *cl, const char *kind,
    const u_char *name, size_t len)
{
    u_char      *p, channel[NGX_SIO_CHANNEL_MAX];
    sio_span_t   argv[2];

    p = ngx_sprintf(channel, "%V%s#%*s#", &cl->conf->prefix, kind, len, name);

    argv[0] = sio_span("SUBSCRIBE");
    argv[1].p = channel;
    argv[1].n = p - channel;

    (void) ngx_sio_redis_command(&cl->listener, 2, argv, NULL);
}


/*
 * What Redis says to who subscribes: the kind, for patterns the pattern, the
 * channel, and the message or how many channels there are now.
 */

static void
ngx_sio_cluster_heard(ngx_sio_redis_t *redis, redisReply *reply, void *data)
{
    ngx_uint_t          pattern;
    sio_span_t          channel, payload;
    redisReply        **part;
    ngx_sio_cluster_t  *cl;

    cl = data;
    cl->heard = ngx_current_msec;
    part = reply->element;

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_sio_cluster_denied(cl, reply);
        return;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3
        || part[0]->type != REDIS_REPLY_STRING
        || part[1]->type != REDIS_REPLY_STRING)
    {
        ngx_sio_redis_fail(redis, "it says what it was not asked");
        return;
    }

    if (reply->elements == 3 && part[2]->type == REDIS_REPLY_INTEGER) {

        if (cl->hand == NGX_SIO_HAND_GONE) {
            ngx_sio_cluster_hand_gone(cl, part[2]->integer);

        } else {
            ngx_sio_cluster_confirmed(cl);
        }

        return;
    }

    pattern = reply->elements == 4
              && ngx_strcmp(part[0]->str, "pmessage") == 0;

    if ((cl->zone->shared->leader != cl->self && cl->hand == NGX_SIO_HAND_NONE)
        || (!pattern && ngx_strcmp(part[0]->str, "message") != 0))
    {
        return;
    }

    /* the pattern stands in front of the channel */

    part += pattern;

    if (part[1]->type != REDIS_REPLY_STRING
        || part[2]->type != REDIS_REPLY_STRING)
    {
        return;
    }

    channel.p = (u_char *) part[1]->str;
    channel.n = part[1]->len;
    payload.p = (u_char *) part[2]->str;
    payload.n = part[2]->len;

    ngx_sio_cluster_message(cl, pattern, channel, payload);
}


/* An error does not say of what it is, but errors come in order as well. */

static void
ngx_sio_cluster_denied(ngx_sio_cluster_t *cl, redisReply *reply)
{
    u_char      *p, why[512];
    ngx_uint_t   n;

    static const char  *const  asked[] = {
        "-request#*", "-nginx##", "-beat#...", "-node#...", "#*",
        "-request#..."
    };

    n = cl->confirmed + (cl->confirmed >= 3 && cl->conf->node.len == 0);
    n = ngx_min(n, 5);

    p = ngx_snprintf(why, sizeof(why) - 1,
                     "it does not let this user subscribe to %V%s, %s",
                     &cl->conf->prefix, asked[n], reply->str);
    *p = '\0';

    ngx_sio_redis_fail(&cl->listener, (char *) why);
}


/* The pattern that was asked for last is there: so are the others. */

static void
ngx_sio_cluster_confirmed(ngx_sio_cluster_t *cl)
{
    if (++cl->confirmed != ngx_sio_cluster_wanted(cl)) {
        return;
    }

    ngx_sio_redis_back(&cl->listener);

    if (cl->hand) {
        ngx_sio_cluster_hand_confirmed(cl);

    } else if (cl->zone->shared->leader == cl->self) {
        ngx_sio_cluster_state(cl, NGX_SIO_BUS_UP);
    }
}


/* How many confirmations come before those of namespaces. */

static ngx_uint_t
ngx_sio_cluster_wanted(const ngx_sio_cluster_t *cl)
{
    return 4 + (cl->conf->node.len != 0);
}


ngx_uint_t
ngx_sio_cluster_hears(const ngx_sio_cluster_t *cl)
{
    return cl->listener.state == NGX_SIO_REDIS_READY
           && cl->confirmed >= ngx_sio_cluster_wanted(cl);
}


u_char *
ngx_sio_cluster_status(ngx_sio_zone_t *zone, u_char *p)
{
    ngx_sio_shared_t   *sh;
    ngx_sio_cluster_t  *cl;

    static const char  *const  states[] = {
        "idle", "connecting", "up", "down"
    };

    cl = zone->cluster;
    sh = zone->shared;

    if (cl == NULL) {
        return p;
    }

    p = ngx_sprintf(p, "\"cluster\":{\"state\":\"%s\",\"since\":%uA,"
                    "\"node\":\"%*s\",\"leader\":%i,\"publisher\":\"%s\"",
                    sh->bus == NGX_SIO_BUS_UP ? "up" : "down",
                    sh->bus_since, (size_t) NGX_SIO_UID_LEN, cl->uid,
                    sh->leader ? (ngx_int_t) ngx_sio_worker_slot(sh->leader)
                               : -1,
                    states[cl->publisher.state]);

    p = ngx_sio_cluster_twin_status(cl, p);

    return ngx_sprintf(p, "},");
}
