/*
 * What was measured, as one line of JSON: see report.h.  Times are seconds
 * where the name says _s, else microseconds.
 */

#include "report.h"

#include <stdio.h>


static void
report_real(const char *name, double value)
{
    printf(",\"%s\":%.6g", name, value);
}


static void
report_count(const char *name, uint64_t value)
{
    printf(",\"%s\":%llu", name, (unsigned long long) value);
}


static double
report_per(double value, double n)
{
    return n > 0 ? value / n : 0;
}


static void
report_hist(const char *name, const hist_t *h)
{
    printf(",\"%s\":{\"n\":%llu,\"p50\":%.6g,\"p90\":%.6g,\"p99\":%.6g,"
           "\"p999\":%.6g,\"max\":%.6g}", name, (unsigned long long) h->n,
           (double) hist_at(h, 0.5) / 1e3, (double) hist_at(h, 0.9) / 1e3,
           (double) hist_at(h, 0.99) / 1e3, (double) hist_at(h, 0.999) / 1e3,
           (double) h->max / 1e3);
}


/* CPU of the server, of the generator with what helps it, and of others. */

static double
report_cpu(const load_sample_t *from, const load_sample_t *to)
{
    double  wall, server, own, busy, aside;

    wall = (double) (to->wall - from->wall) / 1e9;
    server = (double) (to->user - from->user + to->system - from->system) / 1e6;
    aside = (double) (to->aside - from->aside) / 1e6;
    own = (double) (to->own - from->own) / 1e6 + aside;
    busy = (double) (to->busy - from->busy) / 1e6;

    report_real("wall_s", wall);
    report_real("server_s", server);
    report_real("server_user_s", (double) (to->user - from->user) / 1e6);
    report_real("own_s", own);
    report_real("aside_s", aside);
    report_real("others_s", busy > server + own ? busy - server - own : 0);
    report_real("steal_s", (double) (to->steal - from->steal) / 1e6);
    report_real("server_busy", report_per(server, wall));
    report_real("own_busy", report_per(own, wall));

    return server * 1e6;
}


static void
report_connecting(const report_t *r)
{
    double  cpu, wall;

    printf(",\"connect\":{\"clients\":%d", load_opt.clients);
    report_count("failed", load_count.failed);
    cpu = report_cpu(&r->before, &r->connected);
    wall = (double) (r->connected.wall - r->before.wall) / 1e9;

    report_real("per_s", report_per((double) load_connect.n, wall));
    report_real("cpu_us", report_per(cpu, (double) load_connect.n));
    report_hist("latency", &load_connect);
    printf("},\"memory\":{\"before\":%llu",
           (unsigned long long) r->pss_before);
    report_count("after", r->pss_after);
    report_real("per_connection",
                report_per((double) r->pss_after - (double) r->pss_before,
                           (double) r->ready));
    printf("}");
}


static void
report_window(const report_t *r)
{
    double                cpu, wall;
    uint64_t              n;
    const load_counts_t  *a, *b;

    a = &r->from.counts;
    b = &r->to.counts;
    wall = (double) (r->to.wall - r->from.wall) / 1e9;

    printf(",\"window\":{\"idle\":%s", load_opt.idle > 0 ? "true" : "false");
    cpu = report_cpu(&r->from, &r->to);

    n = b->answered - a->answered;
    report_count("publishes", n);
    report_real("publishes_per_s", report_per((double) n, wall));
    report_real("cpu_us_per_publish", report_per(cpu, (double) n));

    n = b->delivered - a->delivered;
    report_count("deliveries", n);
    report_real("deliveries_per_s", report_per((double) n, wall));
    report_real("cpu_us_per_delivery", report_per(cpu, (double) n));
    report_real("bytes_per_delivery",
                report_per((double) (b->bytes - a->bytes), (double) n));

    n = b->acked - a->acked;
    report_count("acks", n);
    report_real("acks_per_s", report_per((double) n, wall));
    report_real("cpu_us_per_ack", report_per(cpu, (double) n));

    report_count("polls", b->polls - a->polls);
    report_hist("latency", &r->latency);
    report_hist("response", &r->response);
    printf("}");
}


static uint64_t
report_lost(void)
{
    const load_counts_t  *c;

    c = &load_count;

    return (c->expected > c->delivered ? c->expected - c->delivered : 0)
           + (c->emitted - c->acked);
}


/* Clients of which nothing was heard in time. */

static uint64_t
report_unconnected(const report_t *r)
{
    return (uint64_t) load_opt.clients - r->ready - load_count.failed
           - load_count.closed;
}


static uint64_t
report_unrecovered(const report_t *r)
{
    return load_opt.recovery ? (uint64_t) load_opt.clients - r->recovered : 0;
}


/* All of the run, warm-up and drain included. */

static void
report_faults(const report_t *r)
{
    const load_counts_t  *c;

    c = &load_count;

    printf(",\"faults\":{\"lost\":%llu", (unsigned long long) report_lost());
    report_count("duplicates", c->duplicates);
    report_count("reordered", c->reordered);
    report_count("corrupt", c->corrupt);
    report_count("foreign", c->foreign);
    report_count("misrouted", c->misrouted);
    report_count("refused", c->refused);
    report_count("failed", c->failed);
    report_count("closed", c->closed);
    report_count("unconnected", report_unconnected(r));
    report_count("unrecovered", report_unrecovered(r));
    printf("}");
}


void
report_print(const report_t *r)
{
    printf("{\"label\":\"%s\"", load_opt.label);
    report_count("ready", r->ready);
    report_connecting(r);

    if (r->from.wall) {
        report_window(r);
    }

    report_faults(r);
    printf("}\n");
}


int
report_good(const report_t *r)
{
    const load_counts_t  *c;

    c = &load_count;

    return r->ready == (unsigned) load_opt.clients && report_lost() == 0
           && report_unrecovered(r) == 0
           && c->duplicates + c->reordered + c->corrupt + c->foreign
              + c->misrouted + c->refused + c->failed + c->closed == 0;
}
