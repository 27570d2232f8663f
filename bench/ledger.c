/*
 * What was published, and who has got it: see ledger.h.
 *
 * Rooms.  With --apart N only room 0, N, 2N ... have members; below, a home is
 * one of these, counted from 0.
 *
 * Order.  When a message is sent, all below some number are answered: its
 * floor.  Who gets a message and later one from below its floor has got them
 * out of order.  Messages that were under way at the same time have no order.
 */

#include "ledger.h"
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define LEDGER_SLOTS  16384
#define LEDGER_FILL   26
#define LEDGER_PROSE  (256 * 1024)      /* more than zlib remembers */


typedef struct {
    uint64_t  due;
    uint64_t  floor;
    uint32_t  left;             /* deliveries that are missing */
    uint8_t   answered;
    uint8_t   given_up;
} message_t;


static message_t   ledger_messages[LEDGER_SLOTS];
static uint64_t    ledger_next;         /* number of the next message */
static uint64_t    ledger_first;        /* all below are complete */
static uint64_t    ledger_floor;        /* all below are answered */
static unsigned    ledger_open;         /* not done, as --loop has it */
static uint64_t    ledger_left;
static uint32_t    ledger_run;
static uint8_t    *ledger_fill;
static size_t      ledger_period;       /* of the fill */


#define ledger_message(seq)  (&ledger_messages[(seq) % LEDGER_SLOTS])
#define ledger_complete(m)   ((m)->answered && (m)->left == 0)


/* Text as services send it: names that repeat, numbers that do not. */

static void
ledger_prose(uint8_t *p, size_t n)
{
    int       len;
    char      text[32];
    size_t    i;
    uint32_t  random;

    static const char *const  names[] = {
        "id", "user", "room", "price", "amount", "volume", "latitude",
        "longitude", "updated", "created", "status", "count", "balance",
        "version", "position", "temperature"
    };

    random = 1;

    for (i = 0; i < n; i += (size_t) len) {
        random = random * 1664525 + 1013904223;
        len = snprintf(text, sizeof(text), "%s: %u, ", names[random >> 28],
                       (random >> 8) % 100000);

        if ((size_t) len > n - i) {
            len = (int) (n - i);
        }

        memcpy(p + i, text, (size_t) len);
    }
}


void
ledger_init(void)
{
    size_t  i, size;

    ledger_run = (uint32_t) (load_now() / 1000) ^ (uint32_t) getpid();
    ledger_period = load_opt.deflate ? LEDGER_PROSE : LEDGER_FILL;
    size = (size_t) load_opt.payload + ledger_period;
    ledger_fill = malloc(size);

    if (ledger_fill == NULL) {
        load_die("no memory");
    }

    if (load_opt.deflate) {
        ledger_prose(ledger_fill, size);
        return;
    }

    for (i = 0; i < size; i++) {
        ledger_fill[i] = (uint8_t) ('a' + i % LEDGER_FILL);
    }
}


/*
 * What follows a marker's head.  Where messages are compressed, two that follow
 * each other have no text in common.
 */

static const uint8_t *
ledger_text(uint64_t seq)
{
    uint64_t  step;

    step = load_opt.deflate ? (uint64_t) load_opt.payload : 1;

    return ledger_fill + seq * step % ledger_period;
}


uint32_t
ledger_room(uint64_t seq)
{
    return (uint32_t) (seq % (uint64_t) load_opt.rooms);
}


uint32_t
ledger_homes(void)
{
    return (uint32_t) (load_opt.rooms / load_opt.apart);
}


int
ledger_member(uint32_t client, uint32_t room)
{
    uint32_t  home;

    if (room % (uint32_t) load_opt.apart) {
        return 0;
    }

    home = room / (uint32_t) load_opt.apart;

    if (load_opt.each) {
        return home / (uint32_t) load_opt.each == client;
    }

    return client % ledger_homes() == home;
}


static uint32_t
ledger_members(uint32_t room)
{
    uint32_t  clients, home;

    if (room % (uint32_t) load_opt.apart) {
        return 0;
    }

    clients = (uint32_t) load_opt.clients;
    home = room / (uint32_t) load_opt.apart;

    if (load_opt.each) {
        return home / (uint32_t) load_opt.each < clients;
    }

    return clients / ledger_homes() + (home < clients % ledger_homes());
}


/* Which of a client's own messages this is, counted from 0. */

static uint64_t
ledger_own(uint64_t seq)
{
    uint64_t  each, rooms;

    each = load_opt.each ? (uint64_t) load_opt.each : 1;
    rooms = (uint64_t) load_opt.rooms;

    return seq / rooms * each
           + seq % rooms / (uint64_t) load_opt.apart % each;
}


static uint32_t
ledger_check(uint64_t seq)
{
    return (uint32_t) (((seq + 1) * 0x9e3779b97f4a7c15 ^ ledger_run) >> 24);
}


static void
ledger_hex(uint8_t *p, uint64_t value, int digits)
{
    while (digits--) {
        p[digits] = (uint8_t) "0123456789abcdef"[value % 16];
        value /= 16;
    }
}


/* Whatever is no digit counts as one; the check finds it. */

static uint64_t
ledger_unhex(const uint8_t *p, int digits)
{
    uint64_t  value;

    for (value = 0; digits--; p++) {
        value = value * 16 + (*p & 15) + (*p >= 'a') * 9;
    }

    return value;
}


void
ledger_marker(uint64_t seq, uint8_t *p)
{
    ledger_hex(p, ledger_run, 8);
    ledger_hex(p + 8, seq, 12);
    ledger_hex(p + 20, ledger_check(seq), 8);
    memcpy(p + LEDGER_HEAD, ledger_text(seq),
           (size_t) load_opt.payload - LEDGER_HEAD);
}


int64_t
ledger_publish(uint64_t due)
{
    uint64_t    seq;
    message_t  *m;

    /* inboxes remember no more, and a server may be slow to accept */
    if (ledger_next - ledger_first == LEDGER_SLOTS
        || ledger_next - ledger_floor == LEDGER_WINDOW)
    {
        return -1;
    }

    seq = ledger_next++;
    m = ledger_message(seq);

    m->due = due;
    m->floor = ledger_floor;
    m->left = ledger_members(ledger_room(seq));
    m->answered = 0;
    m->given_up = 0;

    ledger_open++;
    ledger_left += m->left;
    load_count.published++;
    load_count.expected += m->left;

    return (int64_t) seq;
}


static void
ledger_advance(void)
{
    message_t  *m;

    while (ledger_first < ledger_next) {
        m = ledger_message(ledger_first);

        if (!ledger_complete(m) && !m->given_up) {
            break;
        }

        ledger_first++;
    }

    while (ledger_floor < ledger_next
           && ledger_message(ledger_floor)->answered)
    {
        ledger_floor++;
    }
}


void
ledger_answered(uint64_t seq, int good)
{
    message_t  *m;

    if (seq < ledger_first) {
        /* given up */
        return;
    }

    m = ledger_message(seq);
    m->answered = 1;

    if (good) {
        load_count.answered++;
        hist_add(&load_response, load_received - m->due);

    } else {
        load_count.refused++;
        load_count.expected -= m->left;
        ledger_left -= m->left;
        m->left = 0;
    }

    if (!m->given_up && (load_opt.response || m->left == 0)) {
        ledger_open--;
    }

    ledger_advance();
}


/* Whether it is the first time; notes it. */

static int
ledger_first_time(inbox_t *inbox, uint64_t own)
{
    uint64_t  bit;

    if (own >= inbox->top + LEDGER_WINDOW) {
        memset(inbox->seen, 0, sizeof(inbox->seen));
        inbox->top = own + 1;

    } else {

        for ( /* void */ ; inbox->top <= own; inbox->top++) {
            bit = inbox->top % LEDGER_WINDOW;
            inbox->seen[bit / 64] &= ~(1ull << bit % 64);
        }
    }

    if (own + LEDGER_WINDOW < inbox->top) {
        return 0;
    }

    bit = own % LEDGER_WINDOW;

    if (inbox->seen[bit / 64] >> bit % 64 & 1) {
        return 0;
    }

    inbox->seen[bit / 64] |= 1ull << bit % 64;

    return 1;
}


static void
ledger_accept(inbox_t *inbox, uint64_t seq)
{
    message_t  *m;

    load_count.delivered++;

    if (seq < ledger_first) {
        /* complete by count, or given up: its slot may be another's */
        return;
    }

    m = ledger_message(seq);
    hist_add(&load_latency, load_received - m->due);

    if (seq < inbox->floor) {
        load_count.reordered++;
    }

    if (m->floor > inbox->floor) {
        inbox->floor = m->floor;
    }

    if (m->left == 0) {
        return;
    }

    ledger_left--;

    if (--m->left == 0 && m->answered) {
        if (!m->given_up && !load_opt.response) {
            ledger_open--;
        }

        ledger_advance();
    }
}


void
ledger_delivery(inbox_t *inbox, uint32_t client, const uint8_t *p, size_t n)
{
    uint64_t  seq;

    if (n != (size_t) load_opt.payload) {
        load_count.corrupt++;
        return;
    }

    if (ledger_unhex(p, 8) != ledger_run) {
        load_count.foreign++;
        return;
    }

    seq = ledger_unhex(p + 8, 12);

    if (seq >= ledger_next || ledger_unhex(p + 20, 8) != ledger_check(seq)
        || memcmp(p + LEDGER_HEAD, ledger_text(seq),
                  n - LEDGER_HEAD) != 0)
    {
        load_count.corrupt++;
        return;
    }

    if (!ledger_member(client, ledger_room(seq))) {
        load_count.misrouted++;
        return;
    }

    if (!ledger_first_time(inbox, ledger_own(seq))) {
        load_count.duplicates++;
        return;
    }

    ledger_accept(inbox, seq);
}


unsigned
ledger_under_way(void)
{
    return ledger_open;
}


uint64_t
ledger_missing(void)
{
    return ledger_left;
}


void
ledger_give_up(void)
{
    uint64_t    now;
    message_t  *m;

    now = load_now();

    while (ledger_first < ledger_next) {
        m = ledger_message(ledger_first);

        if (m->due + (uint64_t) (load_opt.patience * 1e9) > now) {
            return;
        }

        if (!m->given_up && !(load_opt.response && m->answered)) {
            ledger_open--;
        }

        m->given_up = 1;
        m->answered = 1;
        ledger_advance();
    }
}
