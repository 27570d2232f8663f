/*
 * What the parts of the load generator share: options, counts, and one
 * epoll loop in one thread.  The order of the parts, from below: hist, proc,
 * stream, http, deflate, ledger, client, redis, publish, report, load.
 */

#ifndef _LOAD_H_INCLUDED_
#define _LOAD_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>


#define LOAD_PIDS    16
#define LOAD_SECOND  1000000000ull


typedef struct {
    int           port;
    int           clients;
    int           conc;             /* connecting at a time */
    int           rooms;
    int           each;             /* rooms of each client; 0: i % rooms */
    int           apart;            /* of so many rooms one has members */
    int           polling;
    int           raw;              /* WebSocket and HTTP without Socket.IO */
    int           tls;
    int           deflate;          /* ask for compression; send prose */
    int           payload;
    int           outstanding;      /* publishes */
    int           response;         /* a publish ends with its response */
    int           messages;         /* so many instead of a duration */
    int           depth;            /* events with ack of each client */
    int           singly;           /* and a write for each of them */
    int           recovery;         /* cut all, and have them come back */
    int           source;           /* addresses: 127.0.0.1 + this */
    int           offsets;          /* events carry one */
    int           redis;            /* port: publish there, as a node */
    double        rate;             /* publishes a second; 0: closed loop */
    double        warmup;           /* seconds, as all that follow */
    double        duration;
    double        settle;
    double        idle;
    double        patience;         /* for a connection, for a delivery */
    const char   *label;
    const char   *prefix;           /* of rooms' names */
    pid_t         pids[LOAD_PIDS];
    int           npids;
    pid_t         aside[LOAD_PIDS]; /* who works, but is not measured */
    int           naside;
} load_options_t;


/* What has happened since the start; a window is the difference of two. */
typedef struct {
    uint64_t      published;
    uint64_t      answered;
    uint64_t      expected;         /* deliveries */
    uint64_t      delivered;
    uint64_t      acked;
    uint64_t      emitted;
    uint64_t      duplicates;
    uint64_t      reordered;
    uint64_t      corrupt;
    uint64_t      foreign;          /* of another run */
    uint64_t      misrouted;        /* of another room */
    uint64_t      refused;          /* publishes */
    uint64_t      failed;           /* clients that could not connect */
    uint64_t      closed;           /* clients that did not stay */
    uint64_t      polls;
    uint64_t      bytes;            /* that have come, TLS not counted */
} load_counts_t;


typedef struct {
    uint64_t      wall;             /* nanoseconds */
    uint64_t      user;             /* of the server, microseconds */
    uint64_t      system;
    uint64_t      own;              /* of this process */
    uint64_t      aside;
    uint64_t      busy;             /* of the machine */
    uint64_t      steal;
    load_counts_t counts;
} load_sample_t;


#define HIST_SUB   64
#define HIST_SIZE  (HIST_SUB * 40)

typedef struct {
    uint64_t      n;
    uint64_t      max;
    uint64_t      slots[HIST_SIZE];
} hist_t;


extern load_options_t  load_opt;
extern load_counts_t   load_count;
extern hist_t          load_latency;    /* publish to delivery, emit to ack */
extern hist_t          load_response;   /* publish to its response */
extern hist_t          load_connect;    /* a client's way to being ready */

extern uint64_t        load_received;   /* load_now() of the last bytes read */


/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t load_now(void);

/* Prints a message as printf() does, and exits with 2. */
void load_die(const char *fmt, ...) __attribute__((noreturn,
    format(printf, 1, 2)));

/* Serves until done() or for so many seconds. */
void load_run(double seconds, int (*done)(void));

/* Whether all that was sent has come. */
int load_drained(void);

/* Adds a value, in any unit; the precision is 1.6 %. */
void hist_add(hist_t *h, uint64_t value);

/* The value below which `share` (0..1) of all are; 0 if there is none. */
uint64_t hist_at(const hist_t *h, double share);

/* Fills in everything.  Of processes that are gone nothing is counted. */
void proc_sample(load_sample_t *s);

/* Bytes that the server's processes use of memory, shared pages in parts. */
uint64_t proc_pss(void);


#endif /* _LOAD_H_INCLUDED_ */
