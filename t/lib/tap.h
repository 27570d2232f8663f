
/*
 * Test Anything Protocol for the C unit tests: one program per file, checks
 * on stdout, the reasons of failures as diagnostics, and the exit status from
 * done_testing().  Names are printf() formats.
 */

#ifndef _TAP_H_INCLUDED_
#define _TAP_H_INCLUDED_


#ifndef _GNU_SOURCE
#define _GNU_SOURCE             /* for guard.h, whichever comes first */
#endif

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>


#define TAP_PRINTF(fmt)  __attribute__((unused, format(printf, fmt, fmt + 1)))


static unsigned  tap_run;
static unsigned  tap_failed;


static void
tap_result(int good, const char *fmt, va_list args)
{
    tap_run++;
    tap_failed += !good;

    printf("%s %u - ", good ? "ok" : "not ok", tap_run);
    vprintf(fmt, args);
    printf("\n");
    fflush(stdout);
}


TAP_PRINTF(1) static void
note(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    printf("# ");
    vprintf(fmt, args);
    printf("\n");
    va_end(args);
}


TAP_PRINTF(2) static int
ok(int good, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    tap_result(good, fmt, args);
    va_end(args);

    return good;
}


TAP_PRINTF(3) static int
is_uint(uint64_t got, uint64_t want, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    tap_result(got == want, fmt, args);
    va_end(args);

    if (got != want) {
        note("got %" PRIu64 ", want %" PRIu64, got, want);
    }

    return got == want;
}


static void
tap_dump(const char *what, const uint8_t *p, size_t n)
{
    size_t  i;

    printf("# %s %zu bytes: ", what, n);

    for (i = 0; i < n && i < 256; i++) {
        printf(p[i] < 0x20 || p[i] > 0x7e ? "\\x%02x" : "%c", p[i]);
    }

    printf("\n");
}


TAP_PRINTF(5) static int
is_bytes(const void *got, size_t got_n, const void *want, size_t want_n,
    const char *fmt, ...)
{
    int      same;
    va_list  args;

    same = got_n == want_n && (got_n == 0 || memcmp(got, want, got_n) == 0);

    va_start(args, fmt);
    tap_result(same, fmt, args);
    va_end(args);

    if (!same) {
        tap_dump("got ", got, got_n);
        tap_dump("want", want, want_n);
    }

    return same;
}


/* Prints the plan; main() returns its value. */
__attribute__((unused)) static int
done_testing(void)
{
    printf("1..%u\n", tap_run);

    if (tap_failed) {
        note("%u of %u failed", tap_failed, tap_run);
    }

    return tap_run == 0 || tap_failed != 0;
}


#endif /* _TAP_H_INCLUDED_ */
