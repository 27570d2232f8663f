
/*
 * What is negotiated in a WebSocket's handshake: compression, of which it reads
 * the directive as well, and a subprotocol.  What an offer means is in
 * proto/sio_extension.c, what is compressed in engine/ngx_sio_compress.c.
 */

#include "ngx_http_sio_answer.h"
#include "ngx_http_sio_negotiate.h"
#include "ngx_http_sio_setters.h"
#include "ngx_sio_compress.h"


#define NGX_HTTP_SIO_THRESHOLD  1024    /* bytes, as in the server for Node */


static ngx_int_t ngx_http_sio_negotiated_protocol(ngx_http_request_t *r);


/* Several headers are one list, in which the first good offer counts. */

ngx_int_t
ngx_http_sio_negotiate(ngx_http_request_t *r, sio_extension_t *extension)
{
    sio_span_t                value;
    ngx_uint_t                i;
    ngx_list_part_t          *part;
    ngx_table_elt_t          *header;
    sio_extension_t           found;
    ngx_http_sio_loc_conf_t  *slcf;

    static const char  name[] = "sec-websocket-extensions";

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);
    extension->window = 0;

    if (!slcf->endpoint.compression) {
        return NGX_OK;
    }

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (header[i].key.len != sizeof(name) - 1
                || ngx_strncmp(header[i].lowcase_key, name, sizeof(name) - 1)
                   != 0)
            {
                continue;
            }

            value.p = header[i].value.data;
            value.n = header[i].value.len;

            if (sio_extension_offer(value, &found) != SIO_OK) {
                return NGX_ERROR;
            }

            if (extension->window == 0) {
                *extension = found;
            }
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_negotiated(ngx_http_request_t *r,
    const sio_extension_t *extension)
{
    ngx_str_t  value;

    if (ngx_http_sio_negotiated_protocol(r) != NGX_OK) {
        return NGX_ERROR;
    }

    if (extension->window == 0) {
        return NGX_OK;
    }

    value.data = ngx_pnalloc(r->pool, SIO_EXTENSION_MAX);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = sio_extension_answer(value.data, extension);

    return ngx_http_sio_header(r, "Sec-WebSocket-Extensions", &value);
}


/* Browsers fail a connection that does not take one of those they offer. */

static ngx_int_t
ngx_http_sio_negotiated_protocol(ngx_http_request_t *r)
{
    u_char     *end;
    ngx_str_t  *offered, value;

    offered = ngx_http_sio_request_header(r, "sec-websocket-protocol");

    if (offered == NULL || offered->len == 0) {
        return NGX_OK;
    }

    value = *offered;
    end = ngx_strlchr(value.data, value.data + value.len, ',');

    if (end) {
        value.len = end - value.data;
    }

    while (value.len && value.data[value.len - 1] == ' ') {
        value.len--;
    }

    return ngx_http_sio_header(r, "Sec-WebSocket-Protocol", &value);
}


/* socketio_compression off | on [threshold=SIZE] */

char *
ngx_http_sio_set_compression(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    size_t     *threshold;
    ssize_t     size;
    ngx_str_t  *value, text;

    threshold = (size_t *) (p + cmd->offset);

    if (*threshold != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        *threshold = NGX_SIO_COMPRESS_OFF;

        return cf->args->nelts == 2 ? NGX_CONF_OK
                                    : "has a parameter after \"off\"";
    }

    if (ngx_strcmp(value[1].data, "on") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "value \"%V\" of socketio_compression is not known, "
                           "write \"on\" or \"off\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    *threshold = NGX_HTTP_SIO_THRESHOLD;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (cf->args->nelts > 3
        || !ngx_http_sio_value(&value[2], "threshold=", &text))
    {
        return "takes threshold=SIZE after \"on\", and nothing else";
    }

    size = ngx_parse_size(&text);

    if (size == NGX_ERROR || size > NGX_SIO_COMPRESS_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "threshold \"%V\" of socketio_compression must be "
                           "a size from 0 to 1m", &text);
        return NGX_CONF_ERROR;
    }

    *threshold = size;

    return NGX_CONF_OK;
}
