
/*
 * Replies, as hiredis makes them, in one block that each connection uses again
 * for each reply: other nodes' messages come by the hundred thousand, and
 * hiredis itself allocates ten times for each.  What does not fit is allocated.
 */

#include "ngx_sio_redis_internal.h"


#define NGX_SIO_REDIS_ELEMENTS  1024        /* of an array; we ask for few */


struct ngx_sio_redis_large_s {
    ngx_sio_redis_large_t  *next;
    uint64_t                bytes[];
};


static void *ngx_sio_redis_reply_alloc(const redisReadTask *task, size_t n);
static redisReply *ngx_sio_redis_reply_new(const redisReadTask *task);
static void *ngx_sio_redis_reply_string(const redisReadTask *task, char *str,
    size_t len);
static void *ngx_sio_redis_reply_integer(const redisReadTask *task,
    long long value);
static void *ngx_sio_redis_reply_nil(const redisReadTask *task);
static void ngx_sio_redis_reply_forget(void *reply);

#if (HIREDIS_MAJOR >= 1)
static void *ngx_sio_redis_reply_array(const redisReadTask *task, size_t n);
static void *ngx_sio_redis_reply_double(const redisReadTask *task,
    double value, char *str, size_t len);
static void *ngx_sio_redis_reply_bool(const redisReadTask *task, int value);
#else
static void *ngx_sio_redis_reply_array(const redisReadTask *task, int n);
#endif


static redisReplyObjectFunctions  ngx_sio_redis_reply_functions = {
    .createString = ngx_sio_redis_reply_string,
    .createArray = ngx_sio_redis_reply_array,
    .createInteger = ngx_sio_redis_reply_integer,
    .createNil = ngx_sio_redis_reply_nil,
#if (HIREDIS_MAJOR >= 1)
    .createDouble = ngx_sio_redis_reply_double,
    .createBool = ngx_sio_redis_reply_bool,
#endif
    .freeObject = ngx_sio_redis_reply_forget
};


redisReader *
ngx_sio_redis_reply_reader(ngx_sio_redis_replies_t *replies)
{
    redisReader  *reader;

    reader = redisReaderCreateWithFunctions(&ngx_sio_redis_reply_functions);

    if (reader) {
        reader->privdata = replies;
    }

    return reader;
}


void
ngx_sio_redis_reply_reset(ngx_sio_redis_replies_t *replies)
{
    ngx_sio_redis_large_t  *large;

    while (replies->large) {
        large = replies->large;
        replies->large = large->next;
        ngx_free(large);
    }

    replies->used = 0;
}


static void *
ngx_sio_redis_reply_alloc(const redisReadTask *task, size_t n)
{
    void                     *p;
    ngx_sio_redis_large_t    *large;
    ngx_sio_redis_replies_t  *replies;

    replies = task->privdata;
    n = (n + sizeof(uint64_t) - 1) / sizeof(uint64_t);

    if (n <= NGX_SIO_REDIS_BLOCK - replies->used) {
        p = &replies->block[replies->used];
        replies->used += n;

        return p;
    }

    large = ngx_alloc(sizeof(ngx_sio_redis_large_t) + n * sizeof(uint64_t),
                      ngx_cycle->log);
    if (large == NULL) {
        return NULL;
    }

    large->next = replies->large;
    replies->large = large;

    return large->bytes;
}


/* An element takes its place in its array. */

static redisReply *
ngx_sio_redis_reply_new(const redisReadTask *task)
{
    redisReply  *reply, *parent;

    reply = ngx_sio_redis_reply_alloc(task, sizeof(redisReply));
    if (reply == NULL) {
        return NULL;
    }

    ngx_memzero(reply, sizeof(redisReply));
    reply->type = task->type;

    if (task->parent) {
        parent = task->parent->obj;
        parent->element[task->idx] = reply;
    }

    return reply;
}


static void *
ngx_sio_redis_reply_string(const redisReadTask *task, char *str, size_t len)
{
    redisReply  *reply;

    reply = ngx_sio_redis_reply_new(task);
    if (reply == NULL) {
        return NULL;
    }

    reply->str = ngx_sio_redis_reply_alloc(task, len + 1);
    if (reply->str == NULL) {
        return NULL;
    }

    ngx_memcpy(reply->str, str, len);
    reply->str[len] = '\0';
    reply->len = len;

    return reply;
}


static void *
#if (HIREDIS_MAJOR >= 1)
ngx_sio_redis_reply_array(const redisReadTask *task, size_t n)
#else
ngx_sio_redis_reply_array(const redisReadTask *task, int n)
#endif
{
    redisReply  *reply;

    if (n > NGX_SIO_REDIS_ELEMENTS) {
        return NULL;
    }

    reply = ngx_sio_redis_reply_new(task);

    if (reply == NULL || n <= 0) {
        return reply;
    }

    reply->element = ngx_sio_redis_reply_alloc(task, n * sizeof(redisReply *));
    if (reply->element == NULL) {
        return NULL;
    }

    ngx_memzero(reply->element, n * sizeof(redisReply *));
    reply->elements = n;

    return reply;
}


static void *
ngx_sio_redis_reply_integer(const redisReadTask *task, long long value)
{
    redisReply  *reply;

    reply = ngx_sio_redis_reply_new(task);

    if (reply) {
        reply->integer = value;
    }

    return reply;
}


static void *
ngx_sio_redis_reply_nil(const redisReadTask *task)
{
    return ngx_sio_redis_reply_new(task);
}


#if (HIREDIS_MAJOR >= 1)

/* RESP3, which we do not ask for, but a server may send all the same. */

static void *
ngx_sio_redis_reply_double(const redisReadTask *task, double value, char *str,
    size_t len)
{
    return ngx_sio_redis_reply_string(task, str, len);
}


static void *
ngx_sio_redis_reply_bool(const redisReadTask *task, int value)
{
    return ngx_sio_redis_reply_integer(task, value);
}

#endif


/* hiredis gives up a reply; its memory is used again with the next one. */

static void
ngx_sio_redis_reply_forget(void *reply)
{
}
