
/*
 * Reads the extensions that a WebSocket's client offers (RFC 6455, section 9.1)
 * and judges permessage-deflate among them (RFC 7692, section 7.1).  Called for
 * each handshake with such a header; it compresses nothing.
 */

#include "sio_extension.h"


#define SIO_EXTENSION_ANSWER                                                  \
    "permessage-deflate; server_no_context_takeover; "                        \
    "client_no_context_takeover"


/* Parameters of permessage-deflate, as bits of those that were there. */
#define SIO_PARAM_SERVER_ALONE   0x01
#define SIO_PARAM_CLIENT_ALONE   0x02
#define SIO_PARAM_SERVER_WINDOW  0x04
#define SIO_PARAM_CLIENT_WINDOW  0x08


typedef struct {
    const uint8_t  *p;
    const uint8_t  *end;
} sio_cursor_t;


/* A value of at most two characters is kept, which are all that may count. */
typedef struct {
    sio_span_t      name;
    uint8_t         text[2];
    size_t          n;          /* bytes of the value */
    uint8_t         valued;
} sio_param_t;


static int sio_extension_params(sio_cursor_t *c, sio_extension_t *e);
static int sio_extension_param(sio_cursor_t *c, sio_param_t *param);
static int sio_extension_quoted(sio_cursor_t *c, sio_param_t *param);
static int sio_extension_judge(const sio_param_t *param, unsigned *seen,
    sio_extension_t *e);
static unsigned sio_extension_bits(const sio_param_t *param);
static sio_span_t sio_extension_token(sio_cursor_t *c);
static int sio_extension_token_char(uint8_t ch);
static int sio_extension_take(sio_cursor_t *c, uint8_t ch);
static void sio_extension_blanks(sio_cursor_t *c);


int
sio_extension_offer(sio_span_t value, sio_extension_t *e)
{
    sio_span_t       name;
    sio_cursor_t     c;
    sio_extension_t  offer;

    e->window = 0;
    e->asked = 0;

    c.p = value.p;
    c.end = value.p + value.n;

    for ( ;; ) {

        /* a list may have empty elements */

        do {
            sio_extension_blanks(&c);
        } while (sio_extension_take(&c, ','));

        if (c.p == c.end) {
            return SIO_OK;
        }

        name = sio_extension_token(&c);

        if (name.n == 0 || sio_extension_params(&c, &offer) != SIO_OK) {
            e->window = 0;
            return SIO_ERROR;
        }

        if (e->window == 0
            && sio_span_eq(name, sio_span("permessage-deflate")))
        {
            *e = offer;
        }

        if (c.p != c.end && !sio_extension_take(&c, ',')) {
            e->window = 0;
            return SIO_ERROR;
        }
    }
}


size_t
sio_extension_answer(uint8_t *dst, const sio_extension_t *e)
{
    size_t  n;

    static const char  window[] = "; server_max_window_bits=";

    n = sizeof(SIO_EXTENSION_ANSWER) - 1;
    memcpy(dst, SIO_EXTENSION_ANSWER, n);

    if (!e->asked) {
        return n;
    }

    memcpy(dst + n, window, sizeof(window) - 1);
    n += sizeof(window) - 1;

    if (e->window >= 10) {
        dst[n++] = '1';
    }

    dst[n++] = '0' + e->window % 10;

    return n;
}


/* A window of 0 says that the offer, whose form is good, is to be declined. */

static int
sio_extension_params(sio_cursor_t *c, sio_extension_t *e)
{
    int          good;
    unsigned     seen;
    sio_param_t  param;

    e->window = SIO_EXTENSION_WINDOW;
    e->asked = 0;
    seen = 0;
    good = 1;

    for ( ;; ) {
        sio_extension_blanks(c);

        if (!sio_extension_take(c, ';')) {
            break;
        }

        if (sio_extension_param(c, &param) != SIO_OK) {
            return SIO_ERROR;
        }

        good = sio_extension_judge(&param, &seen, e) && good;
    }

    if (!good) {
        e->window = 0;
    }

    return SIO_OK;
}


static int
sio_extension_param(sio_cursor_t *c, sio_param_t *param)
{
    sio_span_t  value;

    memset(param, 0, sizeof(sio_param_t));

    sio_extension_blanks(c);
    param->name = sio_extension_token(c);

    if (param->name.n == 0) {
        return SIO_ERROR;
    }

    sio_extension_blanks(c);

    if (!sio_extension_take(c, '=')) {
        return SIO_OK;
    }

    sio_extension_blanks(c);
    param->valued = 1;

    if (sio_extension_take(c, '"')) {
        return sio_extension_quoted(c, param);
    }

    value = sio_extension_token(c);
    param->n = value.n;

    if (value.n == 1 || value.n == 2) {
        memcpy(param->text, value.p, value.n);
    }

    return value.n ? SIO_OK : SIO_ERROR;
}


/* What is quoted must be a token as well. */

static int
sio_extension_quoted(sio_cursor_t *c, sio_param_t *param)
{
    while (c->p != c->end) {

        if (sio_extension_take(c, '"')) {
            return param->n ? SIO_OK : SIO_ERROR;
        }

        (void) sio_extension_take(c, '\\');

        if (c->p == c->end || !sio_extension_token_char(*c->p)) {
            return SIO_ERROR;
        }

        if (param->n < sizeof(param->text)) {
            param->text[param->n] = *c->p;
        }

        param->n++;
        c->p++;
    }

    return SIO_ERROR;
}


/* Whether a parameter is one that can be accepted, for the first time. */

static int
sio_extension_judge(const sio_param_t *param, unsigned *seen,
    sio_extension_t *e)
{
    int       good;
    unsigned  bit;

    if (sio_span_eq(param->name, sio_span("server_no_context_takeover"))) {
        bit = SIO_PARAM_SERVER_ALONE;
        good = !param->valued;

    } else if (sio_span_eq(param->name,
                           sio_span("client_no_context_takeover")))
    {
        bit = SIO_PARAM_CLIENT_ALONE;
        good = !param->valued;

    } else if (sio_span_eq(param->name, sio_span("server_max_window_bits"))) {
        bit = SIO_PARAM_SERVER_WINDOW;
        good = sio_extension_bits(param) != 0;
        e->window = sio_extension_bits(param);
        e->asked = 1;

    } else if (sio_span_eq(param->name, sio_span("client_max_window_bits"))) {
        bit = SIO_PARAM_CLIENT_WINDOW;
        good = !param->valued || sio_extension_bits(param) != 0;

    } else {
        return 0;
    }

    good = good && !(*seen & bit);
    *seen |= bit;

    return good;
}


/* 8 to 15 without a zero in front, else 0. */

static unsigned
sio_extension_bits(const sio_param_t *param)
{
    if (param->n == 1 && (param->text[0] == '8' || param->text[0] == '9')) {
        return param->text[0] - '0';
    }

    if (param->n == 2 && param->text[0] == '1'
        && param->text[1] >= '0' && param->text[1] <= '5')
    {
        return 10 + param->text[1] - '0';
    }

    return 0;
}


static sio_span_t
sio_extension_token(sio_cursor_t *c)
{
    sio_span_t  token;

    token.p = c->p;

    while (c->p != c->end && sio_extension_token_char(*c->p)) {
        c->p++;
    }

    token.n = c->p - token.p;

    return token;
}


/* RFC 9110, section 5.6.2. */

static int
sio_extension_token_char(uint8_t ch)
{
    if ((ch >= '0' && ch <= '9') || ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z'))
    {
        return 1;
    }

    return ch != 0 && ch < 0x80 && strchr("!#$%&'*+-.^_`|~", ch) != NULL;
}


static int
sio_extension_take(sio_cursor_t *c, uint8_t ch)
{
    if (c->p == c->end || *c->p != ch) {
        return 0;
    }

    c->p++;

    return 1;
}


static void
sio_extension_blanks(sio_cursor_t *c)
{
    while (c->p != c->end && (*c->p == ' ' || *c->p == '\t')) {
        c->p++;
    }
}
