/*
 * Publishers: see publish.h.
 *
 * Closed loop: a publish is done when it is answered and delivered to all, or
 * with --response when it is answered, and then the next one is sent, by the
 * connection that has been idle for longest.  Open loop: each is due at a time
 * of its own, and its latency counts from there, however late it is sent.
 */

#include "http.h"
#include "ledger.h"
#include "load.h"
#include "publish.h"
#include "redis.h"
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define PUBLISH_OPEN  64        /* connections of the open loop */
#define PUBLISH_MOST  65536     /* bytes of a request */


typedef struct publisher_s  publisher_t;

struct publisher_s {
    stream_t      stream;       /* first: the publisher of a stream */
    publisher_t  *next;         /* of the idle ones */
    uint64_t      seq;
    int           busy;
};


static publisher_t   *publish_all;
static int            publish_n;
static int            publish_open;
static publisher_t   *publish_idle;
static publisher_t  **publish_last;
static uint64_t       publish_left;     /* publishes that are to come */
static uint64_t       publish_due;      /* open loop: when the next one is */
static uint64_t       publish_step;
static uint64_t       publish_late;     /* due, but no connection was idle */
static uint64_t       publish_busy;


static void
publish_free(publisher_t *p)
{
    p->next = NULL;
    p->busy = 0;
    *publish_last = p;
    publish_last = &p->next;
}


static void
publish_ready(stream_t *s)
{
    publish_open++;
    publish_free((publisher_t *) s);
}


/* Sends one; returns whether it could be. */

static int
publish_one(uint64_t due)
{
    int           n;
    int64_t       seq;
    unsigned      room;
    publisher_t  *p;

    static char  text[PUBLISH_MOST], body[PUBLISH_MOST];

    if (load_opt.redis) {
        return redis_publish(due);
    }

    p = publish_idle;

    if (p == NULL) {
        return 0;
    }

    seq = ledger_publish(due);

    if (seq == -1) {
        return 0;
    }

    publish_idle = p->next;

    if (publish_idle == NULL) {
        publish_last = &publish_idle;
    }

    room = ledger_room((uint64_t) seq);
    n = load_opt.raw ? 0
        : snprintf(body, 256, "{\"rooms\":\"%s%u\",\"event\":\"msg\","
                   "\"data\":\"", load_opt.prefix, room);
    ledger_marker((uint64_t) seq, (uint8_t *) body + n);
    n += load_opt.payload;
    memcpy(body + n, "\"}", 2);
    n += load_opt.raw ? 0 : 2;

    n = load_opt.raw
        ? snprintf(text, sizeof(text), "POST /pub/%s%u HTTP/1.1\r\n"
                   "Host: 127.0.0.1\r\nContent-Type: text/plain\r\n"
                   "Content-Length: %d\r\n\r\n%.*s", load_opt.prefix, room,
                   n, n, body)
        : snprintf(text, sizeof(text), "POST /socketio/emit HTTP/1.1\r\n"
                   "Host: 127.0.0.1\r\nContent-Type: application/json\r\n"
                   "Content-Length: %d\r\n\r\n%.*s", n, n, body);

    p->seq = (uint64_t) seq;
    p->busy = 1;
    publish_busy++;
    stream_send(&p->stream, text, (size_t) n);

    return 1;
}


static size_t
publish_data(stream_t *s, uint8_t *bytes, size_t n)
{
    int              rc, good;
    publisher_t     *p;
    http_response_t  r;

    p = (publisher_t *) s;
    rc = http_response(&r, bytes, n);

    if (rc == 0) {
        return 0;
    }

    if (rc == -1 || !p->busy) {
        load_die("a publisher got no HTTP: %.*s", (int) (n < 200 ? n : 200),
                 bytes);
    }

    good = r.status >= 200 && r.status < 300;

    if (!good && load_count.refused == 0) {
        fprintf(stderr, "load: a publish was answered: %.*s\n",
                (int) (r.total < 400 ? r.total : 400), bytes);
    }

    publish_busy--;
    publish_free(p);
    ledger_answered(p->seq, good);

    return r.total;
}


static void
publish_gone(stream_t *s)
{
    (void) s;
    load_die("the server has closed the connection of a publisher");
}


static const stream_handler_t  publish_handler = {
    publish_ready,
    publish_data,
    publish_gone
};


void
publish_init(void)
{
    int  i;

    if (load_opt.redis) {
        redis_init();
        return;
    }

    publish_n = load_opt.rate > 0 ? PUBLISH_OPEN : load_opt.outstanding;
    publish_all = calloc((size_t) publish_n, sizeof(publisher_t));
    publish_last = &publish_idle;

    for (i = 0; i < publish_n; i++) {
        if (publish_all == NULL
            || stream_open(&publish_all[i].stream, &publish_handler,
                           load_opt.port, 0) == -1)
        {
            load_die("no connection for publishing");
        }
    }
}


int
publish_connected(void)
{
    return load_opt.redis ? redis_connected() : publish_open == publish_n;
}


/* The next one of the open loop is due. */

static void
publish_fire(void)
{
    while (publish_left && publish_due <= load_now()) {
        publish_left--;

        if (publish_late || !publish_one(publish_due)) {
            publish_late++;
        }

        publish_due += publish_step;
    }

    if (publish_left) {
        stream_alarm(publish_due, publish_fire);
    }
}


void
publish_start(uint64_t count)
{
    publish_left = count;

    if (load_opt.rate > 0) {
        publish_step = (uint64_t) (1e9 / load_opt.rate);
        publish_due = load_now() + publish_step;
        stream_alarm(publish_due, publish_fire);
    }

    publish_more();
}


void
publish_stop(void)
{
    publish_left = 0;
}


/* Whether nothing is late any more. */

static int
publish_catch_up(void)
{
    while (publish_late) {
        if (!publish_one(publish_due - publish_late * publish_step)) {
            return 0;
        }

        publish_late--;
    }

    return 1;
}


void
publish_more(void)
{
    if (publish_catch_up() && load_opt.rate == 0) {
        while (publish_left
               && ledger_under_way() < (unsigned) load_opt.outstanding
               && publish_one(load_now()))
        {
            publish_left--;
        }
    }

    redis_flush();
}


uint64_t
publish_waiting(void)
{
    return publish_busy + publish_late + redis_waiting();
}
