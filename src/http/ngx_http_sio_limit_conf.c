
/*
 * Parsers of the directives that bound what clients may do, and of rates
 * wherever they stand.
 */

#include "ngx_http_sio_setters.h"


#define NGX_HTTP_SIO_RATE_MAX   1000000         /* units per second */
#define NGX_HTTP_SIO_BURST_MAX  1000000


char *
ngx_http_sio_parse_rate(ngx_str_t *text, sio_rate_t *rate)
{
    size_t     n;
    ngx_int_t  units, scale;

    n = text->len;

    if (n > 3 && ngx_strncmp(text->data + n - 3, "r/s", 3) == 0) {
        scale = 1;

    } else if (n > 3 && ngx_strncmp(text->data + n - 3, "r/m", 3) == 0) {
        scale = 60;

    } else {
        return "needs a unit: 10r/s, or 10r/m";
    }

    units = ngx_atoi(text->data, n - 3);

    if (units <= 0 || units > NGX_HTTP_SIO_RATE_MAX) {
        return "must be from 1 to 1000000 per second or minute";
    }

    rate->rate = (uint32_t) (units * 1000 / scale);

    return NULL;
}


char *
ngx_http_sio_parse_burst(ngx_str_t *text, sio_rate_t *rate)
{
    ngx_int_t  n;

    n = ngx_atoi(text->data, text->len);

    if (n < 0 || n > NGX_HTTP_SIO_BURST_MAX) {
        return "must be from 0 to 1000000";
    }

    rate->burst = (uint32_t) n;

    return NULL;
}
