
/*
 * Guards of the server API.  The API has no credentials of its own: nginx's
 * access modules decide who may call it, in the phase before the handler.
 */

#include "ngx_http_sio_api_guard.h"
#include "ngx_http_sio_api.h"


/* A socketio_api directive. */
typedef struct {
    void        **loc_conf;
    u_char       *file;
    ngx_uint_t    line;
} ngx_http_sio_api_place_t;


static ngx_uint_t ngx_http_sio_api_guard_is(ngx_http_request_t *r,
    const char *type, size_t len);
static ngx_uint_t ngx_http_sio_api_guarded(ngx_conf_t *cf, void **loc_conf);


ngx_uint_t
ngx_http_sio_api_guard_origin(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == sizeof("origin") - 1
                && ngx_strncmp(h[i].lowcase_key, "origin", 6) == 0)
            {
                return 0;
            }

            if (h[i].key.len == sizeof("sec-fetch-site") - 1
                && ngx_strncmp(h[i].lowcase_key, "sec-fetch-site", 14) == 0
                && ngx_strcmp(h[i].value.data, "none") != 0
                && ngx_strcmp(h[i].value.data, "same-origin") != 0)
            {
                return 0;
            }
        }
    }

    return 1;
}


ngx_uint_t
ngx_http_sio_api_guard_type(ngx_http_request_t *r)
{
    return ngx_http_sio_api_guard_is(r, "application/json",
                                     sizeof("application/json") - 1)
           || ngx_http_sio_api_guard_ndjson(r);
}


ngx_uint_t
ngx_http_sio_api_guard_ndjson(ngx_http_request_t *r)
{
    return ngx_http_sio_api_guard_is(r, "application/x-ndjson",
                                     sizeof("application/x-ndjson") - 1);
}


static ngx_uint_t
ngx_http_sio_api_guard_is(ngx_http_request_t *r, const char *type, size_t len)
{
    u_char      c;
    ngx_str_t  *value;

    if (r->headers_in.content_type == NULL) {
        return 0;
    }

    value = &r->headers_in.content_type->value;

    if (value->len < len
        || ngx_strncasecmp(value->data, (u_char *) type, len) != 0)
    {
        return 0;
    }

    c = value->len == len ? ';' : value->data[len];

    return c == ';' || c == ' ' || c == '\t';
}


char *
ngx_http_sio_api_guard_add(ngx_conf_t *cf)
{
    ngx_http_sio_api_place_t      *place;
    ngx_http_sio_api_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_socketio_api_module);

    if (amcf->locations == NULL) {
        amcf->locations = ngx_array_create(cf->pool, 2,
                                           sizeof(ngx_http_sio_api_place_t));
        if (amcf->locations == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    place = ngx_array_push(amcf->locations);
    if (place == NULL) {
        return NGX_CONF_ERROR;
    }

    place->loc_conf = ((ngx_http_conf_ctx_t *) cf->ctx)->loc_conf;
    place->file = cf->conf_file->file.name.data;
    place->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_sio_api_guard_check(ngx_conf_t *cf)
{
    ngx_uint_t                     i;
    ngx_http_sio_api_place_t      *place;
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_sio_api_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_socketio_api_module);

    if (amcf->locations == NULL) {
        return NGX_OK;
    }

    place = amcf->locations->elts;

    for (i = 0; i < amcf->locations->nelts; i++) {
        clcf = place[i].loc_conf[ngx_http_core_module.ctx_index];

        if (clcf->internal
            || ngx_http_sio_api_guarded(cf, place[i].loc_conf))
        {
            continue;
        }

        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"socketio_api\" in location \"%V\" has no access "
                      "rules: whoever reaches it may send to and disconnect "
                      "every client, add \"allow\" and \"deny\", "
                      "\"auth_basic\" or \"auth_request\" in %s:%ui",
                      &clcf->name, place[i].file, place[i].line);
    }

    return NGX_OK;
}


/*
 * The configurations of these modules are private to them, but each begins
 * with a word that is set where its directive is in force.
 */

static ngx_uint_t
ngx_http_sio_api_guarded(ngx_conf_t *cf, void **loc_conf)
{
    void           *conf;
    ngx_uint_t      i, n;
    ngx_module_t  **modules;

    static const char  *const names[] = {
        "ngx_http_access_module",           /* IPv4 rules, also of "all" */
        "ngx_http_auth_basic_module",       /* the realm */
        "ngx_http_auth_request_module"      /* the URI's length */
    };

    modules = cf->cycle->modules;

    for (i = 0; modules[i]; i++) {

        for (n = 0; n < sizeof(names) / sizeof(names[0]); n++) {

            if (modules[i]->type != NGX_HTTP_MODULE
                || ngx_strcmp(modules[i]->name, names[n]) != 0)
            {
                continue;
            }

            conf = loc_conf[modules[i]->ctx_index];

            if (conf && *(uintptr_t *) conf != 0) {
                return 1;
            }
        }
    }

    return 0;
}
