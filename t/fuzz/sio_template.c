
/*
 * Templates: the parts of a template put together again are the template, and
 * a match agrees with one that tries everything.  The first byte is the length
 * of the name; the template comes after it.
 */

#include "../lib/guard.h"
#include "sio_template.h"


#define NAME_MAX_BYTES  24


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int good)
{
    if (!good) {
        abort();
    }
}


static size_t
append(uint8_t *dst, size_t n, sio_span_t text)
{
    if (text.n != 0) {
        memcpy(dst + n, text.p, text.n);
    }

    return n + text.n;
}


static void
check_parts(const sio_template_t *t, sio_span_t text)
{
    size_t                      n;
    uint8_t                    *again;
    unsigned                    i, stars, names;
    const sio_template_part_t  *part;

    n = 0;
    stars = 0;
    names = 0;
    again = guard_alloc(text.n);

    for (i = 0; i < t->n; i++) {
        part = &t->parts[i];

        switch (part->kind) {

        case SIO_TEMPLATE_TEXT:
            check(part->text.n != 0);
            check(i == 0 || part[-1].kind != SIO_TEMPLATE_TEXT);
            n = append(again, n, part->text);
            break;

        case SIO_TEMPLATE_STAR:
            stars++;
            n = append(again, n, sio_span("*"));
            break;

        case SIO_TEMPLATE_NAME:
            names++;
            check(part->text.n != 0);
            n = append(again, n, sio_span("${"));
            n = append(again, n, part->text);
            n = append(again, n, sio_span("}"));
            break;
        }
    }

    check(n == text.n && memcmp(again, text.p, n) == 0);
    check(t->stars == stars && t->names == names);

    guard_free(again, text.n);
}


/*
 * What can be reached in the name, as bits, after each byte of the template:
 * slow, plain, and another way than the matcher's.
 */

static int
reaches_end(sio_span_t text, sio_span_t name)
{
    size_t    i, j;
    uint32_t  from, to;

    from = 1;

    for (i = 0; i < text.n; i++) {
        to = 0;

        for (j = 0; j < name.n; j++) {

            if (text.p[i] == '*') {
                to |= ((from | to) >> j & 1) << (j + 1);

            } else if (text.p[i] == name.p[j]) {
                to |= (from >> j & 1) << (j + 1);
            }
        }

        from = to;
    }

    return from >> name.n & 1;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int              fits;
    sio_span_t       name, text;
    const char      *why;
    sio_template_t   t;

    if (size == 0) {
        return 0;
    }

    size--;
    name.n = data[0] % (NAME_MAX_BYTES + 1);
    name.n = name.n < size ? name.n : size;
    name.p = guard_copy(data + 1, name.n);
    text.n = size - name.n;
    text.p = guard_copy(data + 1 + name.n, text.n);

    why = NULL;

    if (sio_template_parse(text, &t, &why) == SIO_OK) {
        check_parts(&t, text);

        fits = sio_template_match(&t, name);
        check(fits == (t.names == 0 && reaches_end(text, name)));

    } else {
        check(why != NULL && why[0] != '\0');
    }

    guard_free((uint8_t *) name.p, name.n);
    guard_free((uint8_t *) text.p, text.n);

    return 0;
}
