
/*
 * Hooks of test builds; without NGX_SIO_TEST this file is empty.
 */

#include "ngx_sio_test.h"


#if (NGX_SIO_TEST)

static void ngx_sio_test_arm(void);


ngx_uint_t             ngx_sio_test_echo = 1;

static ngx_atomic_t   *ngx_sio_test_countdown;
static ngx_atomic_t    ngx_sio_test_own;
static char            ngx_sio_test_files[256];


void
ngx_sio_test_init(ngx_atomic_t *countdown)
{
    char  *value;

    value = getenv("SIO_TEST_DIE");

    if (value == NULL) {
        return;
    }

    ngx_sio_test_echo = 0;

    if (*value == '/') {
        ngx_sio_test_countdown = &ngx_sio_test_own;
        (void) ngx_cpystrn((u_char *) ngx_sio_test_files, (u_char *) value,
                           sizeof(ngx_sio_test_files));
        return;
    }

    ngx_sio_test_countdown = countdown;
    *countdown = ngx_atoi((u_char *) value, ngx_strlen(value));
}


static void
ngx_sio_test_arm(void)
{
    int      fd;
    u_char   text[NGX_INT_T_LEN], name[sizeof(ngx_sio_test_files) + 32];
    ssize_t  n;

    (void) ngx_sprintf(name, "%s/%P%Z", ngx_sio_test_files, ngx_pid);

    fd = open((char *) name, O_RDONLY);
    if (fd == -1) {
        return;
    }

    n = read(fd, text, sizeof(text));
    (void) close(fd);

    if (n > 0 && unlink((char *) name) == 0) {
        *ngx_sio_test_countdown = ngx_atoi(text, n);
    }
}


void
ngx_sio_test_point(void)
{
    if (ngx_sio_test_files[0]) {
        ngx_sio_test_arm();
    }

    if (ngx_sio_test_countdown
        && *ngx_sio_test_countdown
        && --*ngx_sio_test_countdown == 0)
    {
        (void) kill(ngx_pid, SIGKILL);
    }
}

#endif
