/*
 * Load generator for Socket.IO servers that are fed by HTTP: connects clients,
 * publishes or has them emit, judges each delivery, and prints what it has
 * measured as one line of JSON.  One thread, one epoll loop, loopback only.
 * bench/README.md says what the options and the figures mean.
 */

#include "client.h"
#include "load.h"
#include "publish.h"
#include "report.h"
#include "stampede.h"
#include "stream.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>


#define LOAD_CONNECTING  120    /* seconds for all clients */
#define LOAD_PUBLISHERS  20     /* for the publishers */
#define LOAD_BURST       200    /* for --messages */


load_options_t   load_opt;
load_counts_t    load_count;
hist_t           load_latency;
hist_t           load_response;
hist_t           load_connect;
uint64_t         load_received;


typedef struct {
    const char  *name;
    int         *number;        /* one of these */
    double      *real;
    const char **text;
    double       standard;
    const char  *word;
} load_option_t;


static const load_option_t  load_table[] = {
    { "port",        &load_opt.port,        NULL, NULL, 3000, "" },
    { "clients",     &load_opt.clients,     NULL, NULL, 1000, "" },
    { "conc",        &load_opt.conc,        NULL, NULL, 64, "" },
    { "rooms",       &load_opt.rooms,       NULL, NULL, 1, "" },
    { "each",        &load_opt.each,        NULL, NULL, 0, "" },
    { "apart",       &load_opt.apart,       NULL, NULL, 1, "" },
    { "polling",     &load_opt.polling,     NULL, NULL, 0, "" },
    { "raw",         &load_opt.raw,         NULL, NULL, 0, "" },
    { "tls",         &load_opt.tls,         NULL, NULL, 0, "" },
    { "deflate",     &load_opt.deflate,     NULL, NULL, 0, "" },
    { "payload",     &load_opt.payload,     NULL, NULL, 200, "" },
    { "outstanding", &load_opt.outstanding, NULL, NULL, 0, "" },
    { "response",    &load_opt.response,    NULL, NULL, 0, "" },
    { "messages",    &load_opt.messages,    NULL, NULL, 0, "" },
    { "depth",       &load_opt.depth,       NULL, NULL, 0, "" },
    { "singly",      &load_opt.singly,      NULL, NULL, 0, "" },
    { "recovery",    &load_opt.recovery,    NULL, NULL, 0, "" },
    { "source",      &load_opt.source,      NULL, NULL, 0, "" },
    { "offsets",     &load_opt.offsets,     NULL, NULL, 0, "" },
    { "redis",       &load_opt.redis,       NULL, NULL, 0, "" },
    { "rate",        NULL, &load_opt.rate,        NULL, 0, "" },
    { "warmup",      NULL, &load_opt.warmup,      NULL, 1, "" },
    { "duration",    NULL, &load_opt.duration,    NULL, 4, "" },
    { "settle",      NULL, &load_opt.settle,      NULL, 0.5, "" },
    { "idle",        NULL, &load_opt.idle,        NULL, 0, "" },
    { "patience",    NULL, &load_opt.patience,    NULL, 10, "" },
    { "label",       NULL, NULL, &load_opt.label,  0, "" },
    { "prefix",      NULL, NULL, &load_opt.prefix, 0, "r" },
    { NULL,          NULL, NULL, NULL, 0, NULL }
};


void
load_die(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    fprintf(stderr, "load: ");
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);

    exit(2);
}


static void
load_pids(char *text, pid_t *pids, int *n)
{
    char  *p;

    for (p = strtok(text, ","); p; p = strtok(NULL, ",")) {
        if (*n == LOAD_PIDS) {
            load_die("at most %d pids", LOAD_PIDS);
        }

        pids[(*n)++] = atoi(p);
    }
}


static void
load_set(const load_option_t *o, double value, const char *text)
{
    if (o->number) {
        *o->number = (int) value;

    } else if (o->real) {
        *o->real = value;

    } else {
        *o->text = text;
    }
}


/* --name value, for each; pids and aside are lists. */

static void
load_options(int argc, char **argv)
{
    int                   i;
    char                 *end;
    double                value;
    const load_option_t  *o;

    for (o = load_table; o->name; o++) {
        load_set(o, o->standard, o->word);
    }

    for (i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--pids") == 0) {
            load_pids(argv[i + 1], load_opt.pids, &load_opt.npids);
            continue;
        }

        if (strcmp(argv[i], "--aside") == 0) {
            load_pids(argv[i + 1], load_opt.aside, &load_opt.naside);
            continue;
        }

        for (o = load_table; o->name; o++) {
            if (strncmp(argv[i], "--", 2) == 0
                && strcmp(argv[i] + 2, o->name) == 0)
            {
                break;
            }
        }

        if (o->name == NULL) {
            load_die("no option \"%s\": see bench/README.md", argv[i]);
        }

        value = strtod(argv[i + 1], &end);

        if (o->text == NULL && (*end || value < 0 || end == argv[i + 1])) {
            load_die("%s wants a number", argv[i]);
        }

        load_set(o, value, argv[i + 1]);
    }

    if (i != argc) {
        load_die("%s wants a value", argv[i]);
    }

    load_opt.offsets |= load_opt.recovery;

    if (load_opt.rooms < 1 || load_opt.conc < 1 || load_opt.clients < 1
        || load_opt.payload < 64 || load_opt.payload > 60000
        || load_opt.depth >= CLIENT_DEPTH || load_opt.outstanding > 1024
        || load_opt.apart < 1 || load_opt.rooms % load_opt.apart
        || (load_opt.redis && (load_opt.raw || load_opt.tls))
        || load_opt.deflate > 1
        || (load_opt.polling && (load_opt.raw || load_opt.depth
                                 || load_opt.deflate)))
    {
        load_die("options that make no sense: see bench/README.md");
    }
}


static void
load_limits(void)
{
    rlim_t         want;
    struct rlimit  limit;

    want = (rlim_t) load_opt.clients + 200;
    getrlimit(RLIMIT_NOFILE, &limit);

    if (limit.rlim_max < want) {
        limit.rlim_max = want;
    }

    limit.rlim_cur = limit.rlim_max;

    if (setrlimit(RLIMIT_NOFILE, &limit) == -1) {
        load_die("%lu open files are needed: ulimit -n", (unsigned long) want);
    }
}


static int
load_never(void)
{
    return 0;
}


int
load_drained(void)
{
    return publish_waiting() == 0 && ledger_missing() == 0
           && load_count.acked == load_count.emitted;
}


void
load_run(double seconds, int (*done)(void))
{
    uint64_t  now, end, look;

    now = load_now();
    end = now + (uint64_t) (seconds * 1e9);

    for (look = now; now < end && !done(); now = load_now()) {
        stream_turn(end - now > 20000000 ? 20 : (int) ((end - now) / 1000000));

        if (now - look > 100000000) {
            ledger_give_up();
            look = now;
        }

        publish_more();
    }
}


static void
load_connecting(report_t *r)
{
    client_init();

    proc_sample(&r->before);
    client_start();
    load_run(LOAD_CONNECTING, client_settled);
    proc_sample(&r->connected);

    if (!client_settled()) {
        fprintf(stderr, "load: %u of %d clients are connected\n",
                client_count(), load_opt.clients);
    }
}


/* From nothing to the last delivery of so many publishes. */

static void
load_burst(report_t *r)
{
    memset(&load_latency, 0, sizeof(hist_t));
    memset(&load_response, 0, sizeof(hist_t));

    proc_sample(&r->from);
    publish_start((uint64_t) load_opt.messages);
    load_run(LOAD_BURST, load_drained);
    proc_sample(&r->to);
}


static void
load_publishers(void)
{
    publish_init();
    load_run(LOAD_PUBLISHERS, publish_connected);

    if (!publish_connected()) {
        load_die("the publishers cannot connect");
    }
}


static void
load_traffic(report_t *r)
{
    if (load_opt.outstanding || load_opt.rate > 0) {
        load_publishers();
        publish_start(UINT64_MAX);
    }

    if (load_opt.depth) {
        client_emit(1);
    }

    load_run(load_opt.warmup, load_never);

    if (load_opt.messages) {
        publish_stop();
        load_run(load_opt.patience, load_drained);
        load_burst(r);

    } else {
        memset(&load_latency, 0, sizeof(hist_t));
        memset(&load_response, 0, sizeof(hist_t));
        proc_sample(&r->from);
        load_run(load_opt.duration, load_never);
        proc_sample(&r->to);
    }

    r->latency = load_latency;
    r->response = load_response;

    publish_stop();
    client_emit(0);
    load_run(load_opt.patience, load_drained);
}


static void
load_work(report_t *r)
{
    if (load_opt.recovery) {
        load_publishers();
        stampede(r);

    } else if (load_opt.outstanding || load_opt.rate > 0 || load_opt.depth) {
        load_traffic(r);
    }
}


int
main(int argc, char **argv)
{
    static report_t  r;

    load_options(argc, argv);
    load_limits();
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);

    stream_init(load_opt.tls);
    ledger_init();

    r.pss_before = proc_pss();
    load_connecting(&r);
    load_run(load_opt.settle, load_never);
    r.pss_after = proc_pss();

    if (load_opt.idle > 0) {
        proc_sample(&r.from);
        load_run(load_opt.idle, load_never);
        proc_sample(&r.to);

    } else if (load_count.failed == 0 && client_settled()) {
        load_work(&r);
    }

    r.ready = client_count();
    report_print(&r);

    return !report_good(&r);
}
