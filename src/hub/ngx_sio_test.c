
/*
 * Hooks of test builds; without NGX_SIO_TEST this file is empty.
 */

#include "ngx_sio_test.h"


#if (NGX_SIO_TEST)

ngx_uint_t             ngx_sio_test_echo = 1;

static ngx_atomic_t   *ngx_sio_test_countdown;


void
ngx_sio_test_init(ngx_atomic_t *countdown)
{
    char  *value;

    value = getenv("SIO_TEST_DIE");

    if (value) {
        ngx_sio_test_echo = 0;
        ngx_sio_test_countdown = countdown;
        *countdown = ngx_atoi((u_char *) value, ngx_strlen(value));
    }
}


void
ngx_sio_test_point(void)
{
    if (ngx_sio_test_countdown
        && *ngx_sio_test_countdown
        && --*ngx_sio_test_countdown == 0)
    {
        (void) kill(ngx_pid, SIGKILL);
    }
}

#endif
