
/*
 * Buffers whose last byte lies against a page that may not be touched, so that
 * reading or writing one byte too far ends the program.  Include it before any
 * system header.  The start is aligned only as far as the size is.
 */

#ifndef _GUARD_H_INCLUDED_
#define _GUARD_H_INCLUDED_


#ifndef _GNU_SOURCE
#define _GNU_SOURCE             /* MAP_ANONYMOUS under -std=c11 */
#endif

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


/* Bytes of the readable pages that hold n. */
static size_t
guard_pages(size_t n)
{
    size_t  page;

    page = (size_t) sysconf(_SC_PAGESIZE);

    return (n + page - 1) / page * page;
}


/* Never returns NULL; zero-filled.  A buffer of 0 bytes cannot be read. */
__attribute__((unused)) static uint8_t *
guard_alloc(size_t n)
{
    size_t    size, page;
    uint8_t  *base;

    size = guard_pages(n);
    page = guard_pages(1);

    base = mmap(NULL, size + page, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (base == MAP_FAILED || mprotect(base + size, page, PROT_NONE) != 0) {
        perror("guard_alloc");
        abort();
    }

    return base + size - n;
}


__attribute__((unused)) static uint8_t *
guard_copy(const void *p, size_t n)
{
    uint8_t  *copy;

    copy = guard_alloc(n);

    if (n != 0) {
        memcpy(copy, p, n);
    }

    return copy;
}


/* p and n as they were at guard_alloc() or guard_copy(). */
__attribute__((unused)) static void
guard_free(uint8_t *p, size_t n)
{
    size_t  size;

    size = guard_pages(n);

    if (munmap(p + n - size, size + guard_pages(1)) != 0) {
        perror("guard_free");
        abort();
    }
}


#endif /* _GUARD_H_INCLUDED_ */
