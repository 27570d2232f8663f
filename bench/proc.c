/*
 * What the kernel says of processes and of the machine: CPU and memory, from
 * /proc.  Reads only, and only when a sample is asked for.
 */

#define _GNU_SOURCE

#include "load.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>


#define PROC_TICK  (1000000 / (uint64_t) sysconf(_SC_CLK_TCK))


static size_t
proc_read(const char *path, char *text, size_t size)
{
    FILE    *f;
    size_t   n;

    f = fopen(path, "r");
    if (f == NULL) {
        text[0] = '\0';
        return 0;
    }

    n = fread(text, 1, size - 1, f);
    text[n] = '\0';
    fclose(f);

    return n;
}


/* A name in brackets, which may hold anything, stands before the fields. */

static void
proc_cpu(pid_t pid, uint64_t *in_user, uint64_t *in_system)
{
    char            path[64], text[1024], *p;
    unsigned long   user, system;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
    proc_read(path, text, sizeof(text));
    p = strrchr(text, ')');

    if (p && sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u"
                    " %lu %lu", &user, &system) == 2)
    {
        *in_user += user * PROC_TICK;
        *in_system += system * PROC_TICK;
    }
}


static void
proc_machine(load_sample_t *s)
{
    char                text[1024];
    unsigned long long  v[8];

    proc_read("/proc/stat", text, sizeof(text));

    if (sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0],
               &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]) == 8)
    {
        s->busy = (v[0] + v[1] + v[2] + v[5] + v[6]) * PROC_TICK;
        s->steal = v[7] * PROC_TICK;
    }
}


uint64_t
load_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * LOAD_SECOND + (uint64_t) ts.tv_nsec;
}


void
proc_sample(load_sample_t *s)
{
    int            i;
    struct rusage  own;

    memset(s, 0, sizeof(*s));

    for (i = 0; i < load_opt.npids; i++) {
        proc_cpu(load_opt.pids[i], &s->user, &s->system);
    }

    for (i = 0; i < load_opt.naside; i++) {
        proc_cpu(load_opt.aside[i], &s->aside, &s->aside);
    }

    getrusage(RUSAGE_SELF, &own);
    s->own = (uint64_t) (own.ru_utime.tv_sec + own.ru_stime.tv_sec) * 1000000
             + (uint64_t) (own.ru_utime.tv_usec + own.ru_stime.tv_usec);

    proc_machine(s);
    s->counts = load_count;
    s->wall = load_now();
}


uint64_t
proc_pss(void)
{
    int             i;
    char            path[64], text[4096], *p;
    uint64_t        sum;
    unsigned long   kb;

    sum = 0;

    for (i = 0; i < load_opt.npids; i++) {
        snprintf(path, sizeof(path), "/proc/%d/smaps_rollup",
                 (int) load_opt.pids[i]);
        proc_read(path, text, sizeof(text));
        p = strstr(text, "\nPss:");

        if (p && sscanf(p, "\nPss: %lu", &kb) == 1) {
            sum += (uint64_t) kb * 1024;
        }
    }

    return sum;
}
