
/*
 * Parser of socketio_origin.  Origins are compared with what a browser sends
 * byte for byte (RFC 6454, section 6.2), so whatever no browser can send is
 * refused here, with what to write instead.
 */

#include "ngx_http_sio_setters.h"


static char *ngx_http_sio_origin_list(ngx_conf_t *cf,
    ngx_http_sio_loc_conf_t *slcf, ngx_uint_t n);
static char *ngx_http_sio_bad_origin(ngx_str_t *origin);
static char *ngx_http_sio_bad_port(ngx_str_t *scheme, u_char *p, u_char *last);
static u_char *ngx_http_sio_host_end(u_char *p, u_char *last);


char *
ngx_http_sio_set_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_loc_conf_t *slcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   n;

    if (slcf->origin != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    n = cf->args->nelts - 1;

    slcf->origins = NULL;
    slcf->credentials = ngx_strcmp(value[n].data, "credentials") == 0;
    n -= slcf->credentials;

    if (n == 0) {
        return "needs an origin before \"credentials\"";
    }

    if (ngx_strcmp(value[1].data, "off") != 0
        && ngx_strcmp(value[1].data, "*") != 0)
    {
        return ngx_http_sio_origin_list(cf, slcf, n);
    }

    if (n != 1) {
        return "has parameters after \"off\" or \"*\", which stand alone";
    }

    if (slcf->credentials && value[1].data[0] == '*') {
        return "cannot let any site use the visitor's credentials: write the "
               "origins instead of \"*\"";
    }

    if (slcf->credentials) {
        return "cannot allow credentials with \"off\", write the origins";
    }

    slcf->origin = value[1].data[0] == '*' ? NGX_HTTP_SIO_ORIGIN_ANY
                                           : NGX_HTTP_SIO_ORIGIN_SAME;

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_origin_list(ngx_conf_t *cf, ngx_http_sio_loc_conf_t *slcf,
    ngx_uint_t n)
{
    char        *why;
    ngx_str_t   *value, *origin;
    ngx_uint_t   i;

    slcf->origin = NGX_HTTP_SIO_ORIGIN_LIST;
    slcf->origins = ngx_array_create(cf->pool, n, sizeof(ngx_str_t));
    if (slcf->origins == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i <= n; i++) {

        /* any page can put itself into a frame whose origin is null */

        if (slcf->credentials && ngx_strcmp(value[i].data, "null") == 0) {
            return "cannot allow credentials to \"null\", which any site can "
                   "be: remove one of them";
        }

        why = ngx_http_sio_bad_origin(&value[i]);

        if (why != NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "socketio_origin \"%V\" %s", &value[i], why);
            return NGX_CONF_ERROR;
        }

        origin = ngx_array_push(slcf->origins);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        *origin = value[i];
    }

    return NGX_CONF_OK;
}


/* Why no browser sends it, as the end of a sentence; NULL if it may. */

static char *
ngx_http_sio_bad_origin(ngx_str_t *origin)
{
    u_char     *p, *last;
    ngx_str_t   scheme;

    /* a page that was opened from a file is one or the other */

    if (ngx_strcmp(origin->data, "null") == 0
        || ngx_strcmp(origin->data, "file://") == 0)
    {
        return NULL;
    }

    last = origin->data + origin->len;

    for (p = origin->data; p < last; p++) {

        if (*p == '*') {
            return "is a pattern: write each origin in full";
        }

        if (*p >= 'A' && *p <= 'Z') {
            return "has capitals: write it in lower case, as browsers do";
        }
    }

    p = ngx_strnstr(origin->data, "://", origin->len);

    if (p == NULL || p == origin->data) {
        return "is no origin: write SCHEME://HOST[:PORT]";
    }

    scheme.data = origin->data;
    scheme.len = p - origin->data;

    if (ngx_strncmp(scheme.data, "ws:", 3) == 0
        || ngx_strncmp(scheme.data, "wss:", 4) == 0)
    {
        return "is no page's origin: write https://HOST[:PORT] or "
               "http://HOST[:PORT]";
    }

    p += 3;

    if (p == last || *p == ':' || *p == '/') {
        return "has no host: write SCHEME://HOST[:PORT]";
    }

    p = ngx_http_sio_host_end(p, last);

    if (p == last) {
        return NULL;
    }

    if (*p == '/') {
        return "has a path: write SCHEME://HOST[:PORT] without even a slash";
    }

    if (*p != ':') {
        return "has a character that no host has: write SCHEME://HOST[:PORT], "
               "and a name that is not ASCII as browsers do (\"xn--...\")";
    }

    return ngx_http_sio_bad_port(&scheme, p + 1, last);
}


static char *
ngx_http_sio_bad_port(ngx_str_t *scheme, u_char *p, u_char *last)
{
    ngx_int_t   port;
    ngx_uint_t  usual;

    port = ngx_atoi(p, last - p);

    if (port < 1 || port > 65535 || *p == '0') {
        return ngx_strlchr(p, last, '/')
               ? "has a path: write SCHEME://HOST[:PORT] without even a slash"
               : "has a bad port: write SCHEME://HOST[:PORT]";
    }

    usual = (port == 80 && scheme->len == 4
             && ngx_strncmp(scheme->data, "http", 4) == 0)
            || (port == 443 && scheme->len == 5
                && ngx_strncmp(scheme->data, "https", 5) == 0);

    return usual ? "has its scheme's own port, which browsers leave out: "
                   "remove it"
                 : NULL;
}


/* The end of what can be a host's name or its [address]. */

static u_char *
ngx_http_sio_host_end(u_char *p, u_char *last)
{
    u_char  *start;

    if (*p != '[') {
        while (p < last && ((*p >= 'a' && *p <= 'z') || *p == '-' || *p == '_'
                            || *p == '.' || (*p >= '0' && *p <= '9')))
        {
            p++;
        }

        return p;
    }

    start = p++;

    while (p < last && ngx_strchr("0123456789abcdef:.", *p)) {
        p++;
    }

    return p < last && *p == ']' ? p + 1 : start;
}
