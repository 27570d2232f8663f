
/*
 * Look-ups in the configuration of an endpoint.
 */

#include "ngx_sio_conf.h"


const ngx_array_t  *ngx_sio_endpoints;


ngx_sio_namespace_conf_t *
ngx_sio_namespace_lookup(const ngx_sio_endpoint_t *endpoint, sio_span_t name)
{
    size_t                      i;
    ngx_uint_t                  n;
    ngx_sio_namespace_conf_t   *nc, **elts;
#if (NGX_PCRE)
    ngx_str_t                   subject;
#endif

    if (name.n == 0 || name.n > NGX_SIO_NAMESPACE_NAME_MAX) {
        return NULL;
    }

    for (i = 0; i < name.n; i++) {
        if (name.p[i] < 0x20 || name.p[i] == 0x7f) {
            return NULL;
        }
    }

    elts = endpoint->namespaces->elts;

    for (n = 0; n < endpoint->namespaces->nelts; n++) {
        nc = elts[n];

#if (NGX_PCRE)
        if (nc->regex) {
            subject.data = (u_char *) name.p;
            subject.len = name.n;

            if (ngx_regex_exec(nc->regex, &subject, NULL, 0) >= 0) {
                return nc;
            }

            continue;
        }
#endif

        if (nc->name.len == name.n
            && ngx_memcmp(nc->name.data, name.p, name.n) == 0)
        {
            return nc;
        }
    }

    return NULL;
}


const ngx_sio_endpoint_t *
ngx_sio_endpoint_find(const ngx_sio_zone_t *zone, uint32_t id)
{
    ngx_uint_t                  i;
    const ngx_sio_endpoint_t  **elts;

    elts = ngx_sio_endpoints->elts;

    for (i = 0; i < ngx_sio_endpoints->nelts; i++) {
        if (elts[i]->zone == zone && elts[i]->id == id) {
            return elts[i];
        }
    }

    return NULL;
}


const ngx_sio_pattern_t *
ngx_sio_pattern_match(const ngx_array_t *patterns, sio_span_t name)
{
    ngx_uint_t                i;
    const ngx_sio_pattern_t  *pattern;

    pattern = patterns->elts;

    for (i = 0; i < patterns->nelts; i++) {
        if (sio_template_match(&pattern[i].template, name)) {
            return &pattern[i];
        }
    }

    return NULL;
}
