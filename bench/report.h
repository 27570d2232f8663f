/*
 * What was measured, as one line of JSON.
 */

#ifndef _REPORT_H_INCLUDED_
#define _REPORT_H_INCLUDED_


#include "load.h"


typedef struct {
    load_sample_t  before;      /* connecting: from here */
    load_sample_t  connected;   /* to here */
    load_sample_t  from;        /* the window; its wall is 0 without one */
    load_sample_t  to;
    hist_t         latency;     /* of the window */
    hist_t         response;
    uint64_t       pss_before;
    uint64_t       pss_after;
    unsigned       ready;
    unsigned       recovered;
} report_t;


/* Prints it to stdout. */
void report_print(const report_t *r);

/* Whether all clients are there and nothing was lost or wrong. */
int report_good(const report_t *r);


#endif /* _REPORT_H_INCLUDED_ */
