
/*
 * Offsets to text and back.  Called for each event that carries one, and for
 * what clients bring.
 */

#include "sio_offset.h"


#define SIO_OFFSET_EPOCHS  2176782336u      /* 36 to the sixth */


static int sio_offset_digit(uint8_t c);


size_t
sio_offset_write(uint8_t *dst, uint64_t epoch, uint64_t position)
{
    size_t    i;
    uint8_t  *p, text[SIO_OFFSET_MAX];

    static const uint8_t  digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

    p = text + SIO_OFFSET_MAX;

    do {
        *--p = digits[position % 36];
        position /= 36;
    } while (position);

    for (i = 0; i < SIO_OFFSET_EPOCH; i++) {
        *--p = digits[epoch % 36];
        epoch /= 36;
    }

    i = text + SIO_OFFSET_MAX - p;
    memcpy(dst, p, i);

    return i;
}


int
sio_offset_read(sio_span_t text, uint64_t epoch, uint64_t *position)
{
    int       digit;
    size_t    i;
    uint64_t  n, head;

    if (text.n <= SIO_OFFSET_EPOCH || text.n > SIO_OFFSET_MAX) {
        return SIO_ERROR;
    }

    n = 0;
    head = 0;

    for (i = 0; i < text.n; i++) {
        digit = sio_offset_digit(text.p[i]);

        if (digit < 0) {
            return SIO_ERROR;
        }

        if (i < SIO_OFFSET_EPOCH) {
            head = head * 36 + (uint64_t) digit;
            continue;
        }

        if (n > (UINT64_MAX - (uint64_t) digit) / 36) {
            return SIO_ERROR;
        }

        n = n * 36 + (uint64_t) digit;
    }

    if (text.p[SIO_OFFSET_EPOCH] == '0' && text.n > SIO_OFFSET_EPOCH + 1) {
        return SIO_ERROR;
    }

    *position = n;

    return head == epoch % SIO_OFFSET_EPOCHS ? SIO_OK : SIO_AGAIN;
}


static int
sio_offset_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : -1;
}
