/*
 * Recovery: all clients lose their connections, and come back at once.
 */

#ifndef _STAMPEDE_H_INCLUDED_
#define _STAMPEDE_H_INCLUDED_


#include "report.h"


/*
 * To be called with clients and publishers connected.  The window of the
 * report, and its connecting, are the time from when the first client comes
 * back until all have recovered and have got all that they had missed.
 */
void stampede(report_t *r);


#endif /* _STAMPEDE_H_INCLUDED_ */
