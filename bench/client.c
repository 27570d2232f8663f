/*
 * Clients of Socket.IO: see client.h.
 */

#define _GNU_SOURCE

#include "client.h"
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define CLIENT_SHIFT  100000            /* other addresses after a cut */
#define CLIENT_EVENT  "42[\"msg\",\""

#define client_is(p, n, text)                                                 \
    ((n) >= sizeof(text) - 1 && memcmp(p, text, sizeof(text) - 1) == 0)


static client_t  *client_all;
static int        client_begun;         /* those that have begun to connect */
static unsigned   client_connecting;
static unsigned   client_ready_n;
static unsigned   client_back;
static int        client_emitting;
static unsigned   client_shift;         /* of the addresses */


void
client_init(void)
{
    int  i;

    client_all = calloc((size_t) load_opt.clients, sizeof(client_t));

    for (i = 0; i < load_opt.clients; i++) {
        if (client_all == NULL) {
            load_die("no memory");
        }

        client_all[i].number = (uint32_t) i;
        client_all[i].stream.fd = -1;
    }
}


static void
client_send(client_t *c, const void *p, size_t n)
{
    if (load_opt.polling) {
        client_poll_send(c, p, n);

    } else {
        client_ws_send(c, p, n);
    }
}


/* Begins to connect as many as may. */

static void
client_more(void)
{
    client_t  *c;

    static int  within;         /* stream_open() may fail at once */

    if (within++) {
        within--;
        return;
    }

    while (client_begun < load_opt.clients
           && client_connecting < (unsigned) load_opt.conc)
    {
        c = &client_all[client_begun++];
        c->state = CLIENT_OPENING;
        c->since = load_now();
        c->upgraded = 0;
        client_connecting++;

        if (stream_open(&c->stream, load_opt.polling ? &client_poll_handler
                                                     : &client_ws_handler,
                        load_opt.port, c->number + client_shift) == -1)
        {
            client_gone(c);
        }
    }

    within = 0;
}


void
client_start(void)
{
    client_begun = 0;
    client_more();
}


int
client_settled(void)
{
    return client_begun == load_opt.clients && client_connecting == 0;
}


unsigned
client_count(void)
{
    return client_ready_n;
}


void
client_ready(client_t *c)
{
    c->state = CLIENT_READY;
    client_connecting--;
    client_ready_n++;
    hist_add(&load_connect, load_received - c->since);
    client_more();
}


/* What belonged to a connection or a session. */

static void
client_forget(client_t *c)
{
    deflate_close(c->deflate);
    free(c->queue);
    free(c->sid);
    c->deflate = NULL;
    c->queue = NULL;
    c->sid = NULL;
}


void
client_gone(client_t *c)
{
    client_state_t  state;

    state = c->state;
    c->state = CLIENT_GONE;
    stream_close(&c->stream);

    client_forget(c);

    if (state == CLIENT_READY) {
        client_ready_n--;
        load_count.closed++;

    } else if (state != CLIENT_GONE) {
        client_connecting--;
        load_count.failed++;

        client_more();
    }
}


/* Copies a string member of a JSON text; returns whether it is there. */

static int
client_member(const uint8_t *p, size_t n, const char *name, char *to)
{
    char      key[16];
    size_t    len;
    uint8_t  *at, *end;

    len = (size_t) snprintf(key, sizeof(key), "\"%s\":\"", name);
    at = memmem(p, n, key, len);

    if (at == NULL) {
        return 0;
    }

    at += len;
    end = memchr(at, '"', n - (size_t) (at - p));

    if (end == NULL || end - at >= CLIENT_ID) {
        return 0;
    }

    memcpy(to, at, (size_t) (end - at));
    to[end - at] = '\0';

    return 1;
}


static void
client_opened(client_t *c, const uint8_t *p, size_t n)
{
    int   len;
    char  text[4 * CLIENT_ID];

    if (load_opt.polling) {
        if (!client_member(p, n, "sid", text)) {
            client_gone(c);
            return;
        }

        c->sid = strdup(text);
    }

    c->state = CLIENT_CONNECTING;
    len = 2;
    memcpy(text, "40", 3);

    if (c->place) {
        len = snprintf(text, sizeof(text), "40{\"pid\":\"%s\",\"offset\":"
                       "\"%s\"}", c->place->pid, c->place->offset);
    }

    client_send(c, text, (size_t) len);
}


static void
client_join(client_t *c)
{
    int        rooms, first, i, n, homes;

    static char  text[65536];

    homes = (int) ledger_homes();

    if (load_opt.each) {
        first = (int) c->number * load_opt.each;
        rooms = homes - first;

        if (rooms > load_opt.each) {
            rooms = load_opt.each;
        }

    } else {
        first = (int) c->number % homes;
        rooms = 1;
    }

    if (rooms <= 0) {
        client_ready(c);
        return;
    }

    n = snprintf(text, sizeof(text), "420[\"join\",[");

    for (i = 0; i < rooms && n < (int) sizeof(text) - 32; i++) {
        n += snprintf(text + n, sizeof(text) - (size_t) n, "%s\"%s%d\"",
                      i ? "," : "", load_opt.prefix,
                      (first + i) * load_opt.apart);
    }

    n += snprintf(text + n, sizeof(text) - (size_t) n, "]]");

    c->state = CLIENT_JOINING;
    c->next_id = 1;
    client_send(c, text, (size_t) n);
}


static void
client_connected(client_t *c, const uint8_t *p, size_t n)
{
    char  sid[CLIENT_ID];

    if (!load_opt.recovery) {
        client_join(c);
        return;
    }

    if (!client_member(p, n, "sid", sid)) {
        client_gone(c);
        return;
    }

    if (c->place && strcmp(c->place->sid, sid) == 0) {
        client_back++;
        client_ready(c);
        return;
    }

    if (c->place == NULL) {
        c->place = calloc(1, sizeof(client_place_t));
    }

    if (c->place == NULL || !client_member(p, n, "pid", c->place->pid)) {
        client_gone(c);
        return;
    }

    strcpy(c->place->sid, sid);
    client_join(c);
}


static void
client_emit_one(client_t *c)
{
    int  n;

    static char  text[65536];

    if (c->sent == NULL) {
        c->sent = calloc(CLIENT_DEPTH, sizeof(uint64_t));

        if (c->sent == NULL) {
            load_die("no memory");
        }
    }

    n = snprintf(text, 64, "42%u[\"echo\",\"", c->next_id);
    ledger_marker(c->next_id, (uint8_t *) text + n);
    n += load_opt.payload;
    memcpy(text + n, "\"]", 2);

    c->sent[c->next_id % CLIENT_DEPTH] = load_now();
    c->pending |= 1ull << c->next_id % CLIENT_DEPTH;
    c->next_id++;
    load_count.emitted++;

    client_send(c, text, (size_t) n + 2);
}


void
client_emit(int on)
{
    int        i, k;
    client_t  *c;

    client_emitting = on;

    for (i = 0; on && i < load_opt.clients; i++) {
        c = &client_all[i];
        stream_hold(&c->stream);

        for (k = 0; k < load_opt.depth && c->state == CLIENT_READY; k++) {
            client_emit_one(c);
        }

        stream_release();
    }
}


static void
client_ack(client_t *c, const uint8_t *p, size_t n)
{
    size_t    i;
    uint32_t  id, old;

    for (id = 0, i = 0; i < n && p[i] >= '0' && p[i] <= '9'; i++) {
        id = id * 10 + (p[i] - '0');
    }

    if (c->state == CLIENT_JOINING) {
        if (id != 0 || memmem(p, n, "false", 5)) {
            client_gone(c);
            return;
        }

        client_ready(c);
        return;
    }

    if (id >= c->next_id || c->next_id - id > CLIENT_DEPTH
        || !(c->pending >> id % CLIENT_DEPTH & 1))
    {
        load_count.duplicates++;
        return;
    }

    for (old = id - 1; c->next_id - old < CLIENT_DEPTH && old > 0; old--) {
        if (c->pending >> old % CLIENT_DEPTH & 1) {
            load_count.reordered++;
            break;
        }
    }

    if (memmem(p + i, n - i, "\"ok\":true", 9) == NULL) {
        load_count.corrupt++;
    }

    c->pending &= ~(1ull << id % CLIENT_DEPTH);
    load_count.acked++;
    hist_add(&load_latency, load_received - c->sent[id % CLIENT_DEPTH]);

    if (client_emitting) {
        client_emit_one(c);
    }
}


/* ["msg","MARKER"] or, with recovery, ["msg","MARKER","OFFSET"] */

static void
client_event(client_t *c, const uint8_t *p, size_t n)
{
    size_t          size, rest;
    const uint8_t  *tail;

    if (!client_is(p, n, CLIENT_EVENT)) {
        load_count.corrupt++;
        return;
    }

    p += sizeof(CLIENT_EVENT) - 1;
    n -= sizeof(CLIENT_EVENT) - 1;
    size = (size_t) load_opt.payload;

    if (n < size + 2) {
        load_count.corrupt++;
        return;
    }

    tail = p + size;
    rest = n - size;

    if (load_opt.offsets && rest > 5 && rest < CLIENT_ID + 5
        && memcmp(tail, "\",\"", 3) == 0)
    {
        if (c->place) {
            memcpy(c->place->offset, tail + 3, rest - 5);
            c->place->offset[rest - 5] = '\0';
        }

    } else if (rest != 2 || memcmp(tail, "\"]", 2) != 0) {
        load_count.corrupt++;
        return;
    }

    ledger_delivery(&c->inbox, c->number, p, size);
}


void
client_packet(client_t *c, const uint8_t *p, size_t n)
{
    if (client_is(p, n, "42")) {
        client_event(c, p, n);

    } else if (client_is(p, n, "43")) {
        client_ack(c, p + 2, n - 2);

    } else if (client_is(p, n, "2")) {
        client_send(c, "3", 1);

    } else if (client_is(p, n, "0") && c->state == CLIENT_OPENING) {
        client_opened(c, p, n);

    } else if (client_is(p, n, "40") && c->state == CLIENT_CONNECTING) {
        client_connected(c, p, n);

    } else if (!client_is(p, n, "6")) {
        client_gone(c);
    }
}


void
client_cut(void)
{
    int        i;
    client_t  *c;

    /* ports that have just been closed are slow to find again */
    client_shift += CLIENT_SHIFT;
    client_back = 0;
    client_ready_n = 0;
    client_connecting = 0;

    for (i = 0; i < load_opt.clients; i++) {
        c = &client_all[i];
        stream_close(&c->stream);
        client_forget(c);
        c->state = CLIENT_NEW;
    }
}


unsigned
client_recovered(void)
{
    return client_back;
}
