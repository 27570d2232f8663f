
/*
 * Offers of extensions: what is accepted has a window in its bounds, and the
 * answer to it is an offer that is accepted the same way; text behind a comma
 * changes nothing of what stood before, unless it is malformed.
 */

#include "sio_extension.h"

#include <stdlib.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int good)
{
    if (!good) {
        abort();
    }
}


static void
check_accepted(const sio_extension_t *e)
{
    uint8_t          answer[SIO_EXTENSION_MAX];
    sio_span_t       text;
    sio_extension_t  again;

    check(e->window >= 8 && e->window <= 15);
    check(e->asked || e->window == SIO_EXTENSION_WINDOW);

    text.p = answer;
    text.n = sio_extension_answer(answer, e);

    check(text.n <= sizeof(answer));
    check(sio_extension_offer(text, &again) == SIO_OK);
    check(again.window == e->window && again.asked == e->asked);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int              rc;
    size_t           i;
    sio_span_t       value;
    sio_extension_t  e, before;

    value.p = data;
    value.n = size;
    rc = sio_extension_offer(value, &e);

    check(rc == SIO_OK || (rc == SIO_ERROR && e.window == 0));

    if (e.window) {
        check_accepted(&e);
    }

    for (i = 0; rc == SIO_OK && i < size; i++) {

        if (data[i] != ',') {
            continue;
        }

        value.n = i;
        check(sio_extension_offer(value, &before) == SIO_OK);
        check(before.window == 0
              || (before.window == e.window && before.asked == e.asked));
    }

    return 0;
}
