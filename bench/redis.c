/*
 * A publisher that is no server: see redis.h.
 *
 * A message is [uid, packet, options] in MessagePack.  Redis answers each with
 * the number of connections that it has passed it to, in the order in which
 * they were sent; that of a node that listens to nobody is a refusal.
 */

#include "ledger.h"
#include "load.h"
#include "redis.h"
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define REDIS_MOST  (1024 * 1024)   /* bytes that redis_flush() sends */
#define REDIS_ROOM  64
#define REDIS_HEAD  512             /* around a marker and its rooms */


static stream_t   redis_stream;
static int        redis_open;
static uint64_t   redis_sent;       /* publishes */
static uint64_t   redis_answered;
static size_t     redis_n;
static uint8_t    redis_out[REDIS_MOST];


static uint8_t *
redis_copy(uint8_t *p, const void *from, size_t n)
{
    memcpy(p, from, n);

    return p + n;
}


/* Strings, numbers and heads that are the same in all messages. */

#define redis_literal(p, text)  redis_copy(p, text, sizeof(text) - 1)


/* A string of MessagePack, all but its bytes. */

static uint8_t *
redis_string(uint8_t *p, size_t n)
{
    if (n < 32) {
        *p++ = (uint8_t) (0xa0 | n);
        return p;
    }

    *p++ = 0xda;
    *p++ = (uint8_t) (n >> 8);
    *p++ = (uint8_t) n;

    return p;
}


/* Writes the message; returns its end. */

static uint8_t *
redis_message(uint8_t *p, uint64_t seq, const char *room, size_t n)
{
    p = redis_literal(p, "\x93\xa6" "benchl"
                      "\x83\xa4" "type\x02" "\xa4" "data\x92\xa3" "msg");
    p = redis_string(p, (size_t) load_opt.payload);
    ledger_marker(seq, p);
    p += load_opt.payload;

    p = redis_literal(p, "\xa3" "nsp\xa1/" "\x83\xa5" "rooms\x91");
    p = redis_string(p, n);
    p = redis_copy(p, room, n);

    return redis_literal(p, "\xa6" "except\x90\xa5" "flags\x80");
}


int
redis_publish(uint64_t due)
{
    int       len;
    char      room[REDIS_ROOM];
    size_t    n;
    int64_t   seq;
    uint8_t  *p, *end;

    static uint8_t  text[UINT16_MAX + REDIS_HEAD];

    if (redis_n + (size_t) load_opt.payload + 2 * REDIS_HEAD > REDIS_MOST) {
        redis_flush();
    }

    seq = ledger_publish(due);

    if (seq == -1) {
        return 0;
    }

    len = snprintf(room, sizeof(room), "%s%u", load_opt.prefix,
                   ledger_room((uint64_t) seq));

    if (len >= REDIS_ROOM) {
        load_die("the rooms' names are too long");
    }

    n = (size_t) len;
    end = redis_message(text, (uint64_t) seq, room, n);

    p = redis_out + redis_n;
    p += sprintf((char *) p, "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n"
                 "socket.io#/#%s#\r\n$%zu\r\n", n + sizeof("socket.io#/##") - 1,
                 room, (size_t) (end - text));
    p = redis_copy(p, text, (size_t) (end - text));
    p = redis_literal(p, "\r\n");

    redis_n = (size_t) (p - redis_out);
    redis_sent++;

    return 1;
}


void
redis_flush(void)
{
    if (redis_n) {
        stream_send(&redis_stream, redis_out, redis_n);
        redis_n = 0;
    }
}


static void
redis_ready(stream_t *s)
{
    (void) s;
    redis_open = 1;
}


/* An answer is one line: ":1", or "-ERR ...". */

static size_t
redis_data(stream_t *s, uint8_t *bytes, size_t n)
{
    int       good;
    uint8_t  *p, *end, *last;

    (void) s;

    p = bytes;
    last = bytes + n;

    for ( ;; ) {
        end = memchr(p, '\n', (size_t) (last - p));

        if (end == NULL) {
            return (size_t) (p - bytes);
        }

        if (redis_answered == redis_sent || (*p != ':' && *p != '-')) {
            load_die("Redis says: %.*s", (int) (end - p), p);
        }

        good = *p == ':' && p[1] != '0';

        if (!good && load_count.refused == 0) {
            fprintf(stderr, "load: Redis has answered: %.*s\n",
                    (int) (end - p), p);
        }

        ledger_answered(redis_answered++, good);
        p = end + 1;
    }
}


static void
redis_gone(stream_t *s)
{
    (void) s;
    load_die("Redis has closed the connection");
}


static const stream_handler_t  redis_handler = {
    redis_ready,
    redis_data,
    redis_gone
};


void
redis_init(void)
{
    if (stream_open(&redis_stream, &redis_handler, load_opt.redis, 0) == -1) {
        load_die("no connection to Redis");
    }
}


int
redis_connected(void)
{
    return redis_open;
}


uint64_t
redis_waiting(void)
{
    return redis_sent - redis_answered;
}
