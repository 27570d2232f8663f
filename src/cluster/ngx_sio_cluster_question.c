
/*
 * Asks the other nodes.  A question waits until its answers can be heard; then
 * Redis is asked how many nodes there are, and told the question, by one
 * connection and so in this order.  The leader of this nginx is among those
 * that Redis counts, and answers with nothing.
 */

#include "ngx_sio_cluster_note.h"
#include "ngx_sio_cluster_question.h"


#define NGX_SIO_QUESTIONS        1000   /* of a worker at a time */
#define NGX_SIO_QUESTION_HEAR    1000   /* ms, for answers to be heard */
#define NGX_SIO_QUESTION_QUIET   1000   /* ms without a word, to ask for one */
#define NGX_SIO_QUESTION_DEAF    2500   /* ms without anything at all */
#define NGX_SIO_QUESTION_IDLE    30000  /* ms without a question */


static void ngx_sio_cluster_question_request(ngx_sio_cluster_question_t *q,
    ngx_sio_cluster_t *cl, sio_adapter_request_t *request);
static void ngx_sio_cluster_question_send(ngx_sio_cluster_question_t *q);
static ngx_int_t ngx_sio_cluster_question_publish(
    ngx_sio_cluster_question_t *q);
static void ngx_sio_cluster_question_count(ngx_sio_redis_t *redis,
    redisReply *reply, void *data);
static void ngx_sio_cluster_question_fail(ngx_sio_cluster_question_t *q);
static void ngx_sio_cluster_question_probe(ngx_sio_cluster_question_t *q);
static void ngx_sio_cluster_asker_changed(ngx_sio_redis_t *redis);
static void ngx_sio_cluster_asker_heard(ngx_sio_redis_t *redis,
    redisReply *reply, void *data);
static void ngx_sio_cluster_asker_ready(ngx_sio_cluster_t *cl,
    sio_span_t name);
static void ngx_sio_cluster_asker_answer(ngx_sio_cluster_t *cl,
    sio_span_t payload);


void
ngx_sio_cluster_questions_init(ngx_sio_cluster_t *cl)
{
    ngx_queue_init(&cl->questions);
    ngx_queue_init(&cl->channels);

    cl->asker.conf = cl->conf;
    cl->asker.role = "asker";
    cl->asker.changed = ngx_sio_cluster_asker_changed;
    cl->asker.message = ngx_sio_cluster_asker_heard;
    cl->asker.data = cl;
    ngx_sio_redis_init(&cl->asker);
}


ngx_uint_t
ngx_sio_cluster_question(ngx_sio_cluster_question_t *q, ngx_sio_zone_t *zone,
    sio_span_t namespace, sio_adapter_request_t *request)
{
    sio_span_t          message;
    ngx_sio_cluster_t  *cl;

    if (zone->bus == NULL) {
        return NGX_SIO_CLUSTER_NONE;
    }

    cl = zone->cluster;

    if (cl == NULL) {
        return NGX_SIO_CLUSTER_DOWN;
    }

    ngx_sio_cluster_question_request(q, cl, request);

    if (sio_adapter_request_write(cl->out, request, &message) != SIO_OK) {
        return NGX_SIO_CLUSTER_REFUSED;
    }

    return ngx_sio_cluster_question_open(q, cl, namespace, message);
}


ngx_uint_t
ngx_sio_cluster_question_emit(ngx_sio_cluster_question_t *q,
    ngx_sio_emit_t *emit, ngx_msec_t time)
{
    sio_span_t              message;
    ngx_sio_cluster_t      *cl;
    sio_adapter_request_t   request;

    if (emit->zone->bus == NULL) {
        return NGX_SIO_CLUSTER_NONE;
    }

    cl = emit->zone->cluster;

    if (cl == NULL) {
        return NGX_SIO_CLUSTER_DOWN;
    }

    ngx_sio_cluster_notes(cl);

    ngx_memzero(&request, sizeof(sio_adapter_request_t));
    ngx_sio_cluster_question_request(q, cl, &request);

    if (ngx_sio_cluster_event(cl, emit, &request.broadcast) != NGX_OK) {
        return NGX_SIO_CLUSTER_REFUSED;
    }

    request.broadcast.timeout = time;

    if (sio_adapter_ask_write(cl->out, &request, &message) != SIO_OK) {
        return NGX_SIO_CLUSTER_REFUSED;
    }

    q->event = 1;

    return ngx_sio_cluster_question_open(q, cl, emit->namespace, message);
}


static void
ngx_sio_cluster_question_request(ngx_sio_cluster_question_t *q,
    ngx_sio_cluster_t *cl, sio_adapter_request_t *request)
{
    q->kind = "-request";
    ngx_sio_cluster_question_id(q, cl);

    request->uid.p = cl->uid;
    request->uid.n = NGX_SIO_UID_LEN;
    request->id.p = q->id;
    request->id.n = q->id_len;
}


/* Ids are no other worker's, also of a generation that is about to leave. */

void
ngx_sio_cluster_question_id(ngx_sio_cluster_question_t *q,
    ngx_sio_cluster_t *cl)
{
    u_char  *p;

    q->serial = ++cl->serial;

    p = ngx_sprintf(q->id, "%*s-%xL-%xL", (size_t) NGX_SIO_UID_LEN, cl->uid,
                    (int64_t) cl->self, (int64_t) q->serial);
    q->id_len = p - q->id;
}


ngx_uint_t
ngx_sio_cluster_question_open(ngx_sio_cluster_question_t *q,
    ngx_sio_cluster_t *cl, sio_span_t namespace, sio_span_t message)
{
    u_char  *p;

    ngx_sio_redis_open(&cl->publisher);
    ngx_sio_redis_open(&cl->asker);

    if (!ngx_sio_redis_usable(&cl->publisher)
        || !ngx_sio_redis_usable(&cl->asker)
        || cl->nquestions == NGX_SIO_QUESTIONS
        || cl->conf->prefix.len + namespace.n + 64 > NGX_SIO_CHANNEL_MAX)
    {
        return NGX_SIO_CLUSTER_DOWN;
    }

    p = ngx_pnalloc(q->pool, message.n);
    if (p == NULL) {
        return NGX_SIO_CLUSTER_DOWN;
    }

    ngx_memcpy(p, message.p, message.n);
    q->message.p = p;
    q->message.n = message.n;

    q->channel = ngx_sio_cluster_channel(cl, namespace);
    if (q->channel == NULL) {
        return NGX_SIO_CLUSTER_DOWN;
    }

    q->cl = cl;
    q->channel->questions++;
    q->since = ngx_current_msec;
    cl->asked = ngx_current_msec;
    cl->nquestions++;
    ngx_queue_insert_tail(&cl->questions, &q->queue);

    if (q->channel->ready) {
        ngx_sio_cluster_question_send(q);
    }

    return NGX_SIO_CLUSTER_SENT;
}


static void
ngx_sio_cluster_question_send(ngx_sio_cluster_question_t *q)
{
    u_char                name[NGX_SIO_CHANNEL_MAX];
    ngx_int_t             rc;
    sio_span_t            argv[3];
    ngx_sio_cluster_t    *cl;
    ngx_sio_redis_wait_t  wait;

    cl = q->cl;

    argv[0] = sio_span("PUBSUB");
    argv[1] = sio_span("NUMSUB");
    argv[2].p = name;
    argv[2].n = ngx_sio_cluster_channel_name(cl, q->channel, q->kind, name);

    wait.handler = ngx_sio_cluster_question_count;
    wait.data = (void *) (uintptr_t) q->serial;

    rc = ngx_sio_redis_command(&cl->publisher, 3, argv, &wait);

    if (ngx_sio_cluster_question_publish(q) != NGX_OK || rc != NGX_OK) {
        ngx_sio_cluster_question_fail(q);
    }
}


static ngx_int_t
ngx_sio_cluster_question_publish(ngx_sio_cluster_question_t *q)
{
    sio_span_t  none, namespace;

    q->sent = 1;

    ngx_memzero(&none, sizeof(sio_span_t));

    namespace.p = q->channel->namespace;
    namespace.n = q->channel->len;

    return ngx_sio_cluster_send(q->cl, q->kind, namespace, none, q->message);
}


/* The question may be over, so it is looked for. */

static void
ngx_sio_cluster_question_count(ngx_sio_redis_t *redis, redisReply *reply,
    void *data)
{
    ngx_queue_t                 *e;
    ngx_sio_cluster_t           *cl;
    ngx_sio_cluster_question_t  *q;

    cl = redis->data;

    for (e = ngx_queue_head(&cl->questions);
         e != ngx_queue_sentinel(&cl->questions);
         e = ngx_queue_next(e))
    {
        q = ngx_queue_data(e, ngx_sio_cluster_question_t, queue);

        if ((uintptr_t) q->serial == (uintptr_t) data) {
            break;
        }
    }

    if (e == ngx_queue_sentinel(&cl->questions)) {
        return;
    }

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements != 2
        || reply->element[1]->type != REDIS_REPLY_INTEGER
        || reply->element[1]->integer < 0)
    {
        ngx_sio_cluster_question_fail(q);
        return;
    }

    q->counted = 1;
    q->nodes = reply->element[1]->integer;

    q->handler(q, NULL);
}


static void
ngx_sio_cluster_question_fail(ngx_sio_cluster_question_t *q)
{
    q->failed = 1;
    q->handler(q, NULL);
}


ngx_uint_t
ngx_sio_cluster_question_over(const ngx_sio_cluster_question_t *q)
{
    return q->failed || (q->counted && q->answered >= q->nodes);
}


ngx_uint_t
ngx_sio_cluster_question_missing(const ngx_sio_cluster_question_t *q)
{
    return q->nodes > q->answered ? q->nodes - q->answered : 0;
}


void
ngx_sio_cluster_question_close(ngx_sio_cluster_question_t *q)
{
    ngx_sio_cluster_t          *cl;
    ngx_sio_cluster_channel_t  *channel;

    cl = q->cl;
    channel = q->channel;

    if (cl == NULL) {
        return;
    }

    /* nobody waits for answers any more, but clients are to get the event */

    if (q->event && !q->sent) {
        (void) ngx_sio_cluster_question_publish(q);
    }

    q->cl = NULL;
    cl->nquestions--;
    cl->asked = ngx_current_msec;
    ngx_queue_remove(&q->queue);

    /* one that Redis is yet to confirm goes when it has */

    if (--channel->questions == 0
        && (channel->ready || cl->asker.state != NGX_SIO_REDIS_READY))
    {
        ngx_sio_cluster_channel_command(cl, channel, "UNSUBSCRIBE");
        ngx_sio_cluster_channel_free(channel);
    }
}


void
ngx_sio_cluster_questions_tick(ngx_sio_cluster_t *cl)
{
    ngx_uint_t                   deaf;
    ngx_queue_t                 *e;
    ngx_sio_cluster_question_t  *q;

    /* whatever becomes of questions, Redis confirms what it is told */

    deaf = cl->owed
           && ngx_current_msec - cl->answered > NGX_SIO_QUESTION_DEAF;

    for (e = ngx_queue_head(&cl->questions);
         e != ngx_queue_sentinel(&cl->questions);
         e = ngx_queue_next(e))
    {
        q = ngx_queue_data(e, ngx_sio_cluster_question_t, queue);

        if (!q->sent && ngx_current_msec - q->since > NGX_SIO_QUESTION_HEAR) {
            ngx_sio_cluster_question_send(q);
            ngx_sio_cluster_question_fail(q);
        }

        ngx_sio_cluster_question_probe(q);
    }

    if (deaf && cl->asker.state == NGX_SIO_REDIS_READY) {
        ngx_sio_redis_fail(&cl->asker, "nothing is heard from it");
        return;
    }

    if (cl->asker.state != NGX_SIO_REDIS_IDLE && cl->nquestions == 0
        && ngx_current_msec - cl->asked > NGX_SIO_QUESTION_IDLE)
    {
        ngx_sio_cluster_questions_exit(cl);
    }
}


/*
 * Nodes that say nothing, or an asker that hears nothing: the latter is deaf
 * to Redis as well, which confirms a subscription although there is one.
 */

static void
ngx_sio_cluster_question_probe(ngx_sio_cluster_question_t *q)
{
    ngx_msec_t          quiet;
    ngx_sio_cluster_t  *cl;

    cl = q->cl;
    quiet = ngx_min(ngx_current_msec - q->since,
                    ngx_current_msec - cl->answered);

    if (q->nodes == 0 || q->answered || cl->owed || !q->channel->ready
        || quiet <= NGX_SIO_QUESTION_QUIET)
    {
        return;
    }

    ngx_sio_cluster_channel_command(cl, q->channel, "SUBSCRIBE");

    if (cl->owed) {
        q->channel->ready = 0;
        cl->answered = ngx_current_msec - quiet;
    }
}


void
ngx_sio_cluster_questions_exit(ngx_sio_cluster_t *cl)
{
    ngx_sio_redis_close(&cl->asker);
    ngx_sio_cluster_asker_changed(&cl->asker);
}


/* What was subscribed to is gone with the connection. */

static void
ngx_sio_cluster_asker_changed(ngx_sio_redis_t *redis)
{
    ngx_queue_t                *e, *next;
    ngx_sio_cluster_t          *cl;
    ngx_sio_cluster_channel_t  *channel;

    cl = redis->data;
    cl->answered = ngx_current_msec;
    cl->owed = 0;

    for (e = ngx_queue_head(&cl->channels);
         e != ngx_queue_sentinel(&cl->channels);
         e = next)
    {
        next = ngx_queue_next(e);
        channel = ngx_queue_data(e, ngx_sio_cluster_channel_t, queue);
        channel->ready = 0;

        if (channel->questions == 0) {
            ngx_sio_cluster_channel_free(channel);

        } else if (redis->state == NGX_SIO_REDIS_READY) {
            ngx_sio_cluster_channel_command(cl, channel, "SUBSCRIBE");
        }
    }
}


static void
ngx_sio_cluster_asker_heard(ngx_sio_redis_t *redis, redisReply *reply,
    void *data)
{
    u_char              why[512];
    sio_span_t          text;
    redisReply        **part;
    ngx_sio_cluster_t  *cl;

    cl = data;
    cl->answered = ngx_current_msec;
    part = reply->element;

    if (reply->type == REDIS_REPLY_ERROR) {
        *ngx_snprintf(why, sizeof(why) - 1, "it does not let this user "
                      "subscribe to %V-response#..., %s", &cl->conf->prefix,
                      reply->str) = '\0';
        ngx_sio_redis_fail(redis, (char *) why);
        return;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3
        || part[0]->type != REDIS_REPLY_STRING
        || part[1]->type != REDIS_REPLY_STRING)
    {
        ngx_sio_redis_fail(redis, "it says what it was not asked");
        return;
    }

    cl->owed -= cl->owed && ngx_strstr(part[0]->str, "subscribe") != NULL;

    if (ngx_strcmp(part[0]->str, "subscribe") == 0) {
        ngx_sio_redis_back(redis);
        text.p = (u_char *) part[1]->str;
        text.n = part[1]->len;
        ngx_sio_cluster_asker_ready(cl, text);

    } else if (ngx_strcmp(part[0]->str, "message") == 0
               && part[2]->type == REDIS_REPLY_STRING)
    {
        text.p = (u_char *) part[2]->str;
        text.n = part[2]->len;
        ngx_sio_cluster_asker_answer(cl, text);
    }
}


static void
ngx_sio_cluster_asker_ready(ngx_sio_cluster_t *cl, sio_span_t name)
{
    size_t                       n;
    u_char                       own[NGX_SIO_CHANNEL_MAX];
    ngx_queue_t                 *e;
    ngx_sio_cluster_channel_t   *channel;
    ngx_sio_cluster_question_t  *q;

    for (e = ngx_queue_head(&cl->channels);
         e != ngx_queue_sentinel(&cl->channels);
         e = ngx_queue_next(e))
    {
        channel = ngx_queue_data(e, ngx_sio_cluster_channel_t, queue);
        n = ngx_sio_cluster_channel_name(cl, channel, "-response", own);

        if (n == name.n && ngx_memcmp(own, name.p, n) == 0) {
            break;
        }
    }

    if (e == ngx_queue_sentinel(&cl->channels)) {
        return;
    }

    channel->ready = 1;

    if (channel->questions == 0) {
        ngx_sio_cluster_channel_command(cl, channel, "UNSUBSCRIBE");
        ngx_sio_cluster_channel_free(channel);
        return;
    }

    for (e = ngx_queue_head(&cl->questions);
         e != ngx_queue_sentinel(&cl->questions);
         e = ngx_queue_next(e))
    {
        q = ngx_queue_data(e, ngx_sio_cluster_question_t, queue);

        if (q->channel == channel && !q->sent) {
            ngx_sio_cluster_question_send(q);
        }
    }
}


static void
ngx_sio_cluster_asker_answer(ngx_sio_cluster_t *cl, sio_span_t payload)
{
    sio_span_t                   id;
    ngx_queue_t                 *e;
    sio_adapter_response_t       response;
    ngx_sio_cluster_question_t  *q;

    /* answers to others are told without being read */

    if (memmem(payload.p, payload.n, cl->uid, NGX_SIO_UID_LEN) == NULL) {
        return;
    }

    if (sio_adapter_response_read(cl->in, payload, &response) != SIO_OK) {
        ngx_sio_cluster_refuse(cl, sio_adapter_why(cl->in));
        return;
    }

    for (e = ngx_queue_head(&cl->questions);
         e != ngx_queue_sentinel(&cl->questions);
         e = ngx_queue_next(e))
    {
        q = ngx_queue_data(e, ngx_sio_cluster_question_t, queue);
        id.p = q->id;
        id.n = q->id_len;

        if (sio_span_eq(response.id, id)) {
            q->answered += response.type != SIO_ADAPTER_ACK;
            q->handler(q, &response);
            return;
        }
    }
}
