/*
 * Recovery: see stampede.h.
 *
 * Several generators can do it together, since one has too few descriptors:
 * each says on stdout what it has done, and waits for a line on stdin before
 * it goes on.
 *
 *     connected   all are there, and have got an event with an offset
 *     away        they are cut, and events for them were published
 *     (the report) they are back
 */

#include "client.h"
#include "ledger.h"
#include "load.h"
#include "publish.h"
#include "stampede.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>


#define STAMPEDE_WAIT  300      /* seconds for the others, and for the end */


static uint64_t  stampede_wanted;       /* publishes so far */


/* Whether a line has come on stdin. */

static int
stampede_told(void)
{
    char           c;
    struct pollfd  in;

    in.fd = STDIN_FILENO;
    in.events = POLLIN;

    while (poll(&in, 1, 0) == 1) {
        if (read(STDIN_FILENO, &c, 1) != 1) {
            load_die("nobody says when to go on");
        }

        if (c == '\n') {
            return 1;
        }
    }

    return 0;
}


static void
stampede_say(const char *what)
{
    printf("%s\n", what);
    fflush(stdout);
    load_run(STAMPEDE_WAIT, stampede_told);
}


static int
stampede_answered(void)
{
    return load_count.answered + load_count.refused == stampede_wanted;
}


static int
stampede_over(void)
{
    return client_settled() && load_drained();
}


/* One event for each room. */

static void
stampede_round(int (*done)(void))
{
    stampede_wanted += (uint64_t) load_opt.rooms;
    publish_start((uint64_t) load_opt.rooms);
    load_run(load_opt.patience, done);
}


void
stampede(report_t *r)
{
    int  i;

    stampede_round(load_drained);
    stampede_say("connected");

    client_cut();

    for (i = 0; i < load_opt.messages; i++) {
        stampede_round(stampede_answered);
    }

    stampede_say("away");

    memset(&load_connect, 0, sizeof(hist_t));
    memset(&load_latency, 0, sizeof(hist_t));
    proc_sample(&r->from);
    client_start();
    load_run(STAMPEDE_WAIT, stampede_over);
    proc_sample(&r->to);

    r->before = r->from;
    r->connected = r->to;
    r->recovered = client_recovered();

    /* and they get what comes then */
    stampede_round(load_drained);
}
