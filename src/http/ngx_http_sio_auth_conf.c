
/*
 * Parsers of the directives about tokens: keys are read and checked when the
 * configuration is, so that nginx -t finds what could not work.
 */

#include "ngx_http_sio_setters.h"
#include "sio_json.h"
#include "sio_utf8.h"


#define NGX_HTTP_SIO_KEY_FILE_MAX  (1024 * 1024)    /* bytes */


/* A key set that belongs to a configuration. */
typedef struct {
    sio_jwt_key_t  *keys;
    unsigned        n;
} ngx_http_sio_keys_t;


static char *ngx_http_sio_own_keys(ngx_conf_t *cf, sio_jwt_key_t *set,
    unsigned n);
static void ngx_http_sio_free_keys(void *data);
static char *ngx_http_sio_key_source(ngx_conf_t *cf, ngx_str_t *value,
    sio_span_t *key);
static char *ngx_http_sio_key_file(ngx_conf_t *cf, ngx_str_t *name,
    sio_span_t *text);
static ngx_array_t *ngx_http_sio_keys(ngx_conf_t *cf, ngx_array_t **keys);
static ngx_int_t ngx_http_sio_json_escape(ngx_conf_t *cf, ngx_str_t *text);


static ngx_str_t  ngx_http_sio_message_names[] = {
    ngx_string("missing="),
    ngx_string("invalid="),
    ngx_string("forbidden="),
    ngx_string("expired=")
};


static ngx_str_t  ngx_http_sio_messages[] = {
    ngx_string("Authentication required"),
    ngx_string("Invalid token"),
    ngx_string("Forbidden"),
    ngx_string("Token expired")
};


void
ngx_http_sio_auth_unset(ngx_sio_auth_conf_t *auth)
{
    auth->mode = NGX_CONF_UNSET_UINT;
    auth->expiry = NGX_CONF_UNSET_UINT;
    auth->keys = NGX_CONF_UNSET_PTR;
    auth->require = NGX_CONF_UNSET_PTR;
    auth->leeway = NGX_CONF_UNSET;
    auth->limit = NGX_CONF_UNSET_SIZE;
}


char *
ngx_http_sio_auth_merge(ngx_conf_t *cf, ngx_sio_auth_conf_t *prev,
    ngx_sio_auth_conf_t *conf)
{
    ngx_uint_t  i;

    if (conf->mode == NGX_CONF_UNSET_UINT) {
        conf->handshake = prev->handshake;
    }

    ngx_conf_merge_uint_value(conf->mode, prev->mode, NGX_SIO_AUTH_OFF);
    ngx_conf_merge_uint_value(conf->expiry, prev->expiry, 1);
    ngx_conf_merge_ptr_value(conf->keys, prev->keys, NULL);
    ngx_conf_merge_ptr_value(conf->require, prev->require, NULL);
    ngx_conf_merge_value(conf->leeway, prev->leeway, 0);
    ngx_conf_merge_size_value(conf->limit, prev->limit, 4096);

    for (i = 0; i < NGX_SIO_AUTH_MESSAGES; i++) {

        if (conf->message[i].data == NULL) {
            conf->message[i] = prev->message[i].data
                               ? prev->message[i] : ngx_http_sio_messages[i];
        }
    }

    return NGX_CONF_OK;
}


/* socketio_jwt_key ALG KEY [kid=ID] */

char *
ngx_http_sio_set_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    char           *rv;
    ngx_str_t      *value;
    sio_span_t      name;
    const char     *why;
    ngx_array_t    *keys;
    sio_jwt_key_t  *key;

    value = cf->args->elts;

    if (cf->args->nelts < 3 || cf->args->nelts > 4) {
        return "has an invalid number of arguments";
    }

    keys = ngx_http_sio_keys(cf, (ngx_array_t **) (p + cmd->offset));
    key = keys ? ngx_array_push(keys) : NULL;

    if (key == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(key, sizeof(sio_jwt_key_t));

    name.p = value[1].data;
    name.n = value[1].len;

    if (sio_jwt_alg(name, &key->alg, &why) != SIO_OK) {
        goto failed;
    }

    rv = ngx_http_sio_key_source(cf, &value[2], &key->key);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (cf->args->nelts == 4) {

        if (value[3].len < 5 || ngx_strncmp(value[3].data, "kid=", 4) != 0) {
            return "takes nothing but kid=ID after the key";
        }

        key->kid.p = value[3].data + 4;
        key->kid.n = value[3].len - 4;
    }

    if (sio_jwt_key_check(key, &why) == SIO_OK) {
        return NGX_CONF_OK;
    }

failed:

    /* the key itself is never shown */

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "socketio_jwt_key %V: %s",
                       &value[1], why);

    return NGX_CONF_ERROR;
}


static ngx_array_t *
ngx_http_sio_keys(ngx_conf_t *cf, ngx_array_t **keys)
{
    if (*keys == NGX_CONF_UNSET_PTR) {
        *keys = ngx_array_create(cf->pool, 2, sizeof(sio_jwt_key_t));
    }

    return *keys;
}


static char *
ngx_http_sio_key_source(ngx_conf_t *cf, ngx_str_t *value, sio_span_t *key)
{
    char       *text;
    ngx_str_t   name;

    if (ngx_strncmp(value->data, "secret=", 7) == 0) {
        key->p = value->data + 7;
        key->n = value->len - 7;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "env=", 4) == 0) {
        text = getenv((char *) value->data + 4);

        if (text == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "environment variable \"%s\" of "
                               "socketio_jwt_key is not set",
                               value->data + 4);
            return NGX_CONF_ERROR;
        }

        key->n = ngx_strlen(text);
        key->p = ngx_pnalloc(cf->pool, key->n + 1);

        if (key->p == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memcpy((u_char *) key->p, text, key->n + 1);
        return NGX_CONF_OK;
    }

    if (ngx_http_sio_value(value, "file=", &name)) {
        return ngx_http_sio_key_file(cf, &name, key);
    }

    return "needs file=PATH, env=NAME or secret=TEXT";
}


static char *
ngx_http_sio_key_file(ngx_conf_t *cf, ngx_str_t *name, sio_span_t *text)
{
    off_t            size;
    u_char          *p;
    ssize_t          n;
    ngx_file_t       file;
    ngx_file_info_t  fi;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *name;
    file.log = cf->log;

    if (ngx_conf_full_name(cf->cycle, &file.name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    file.fd = ngx_open_file(file.name.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", &file.name);
        return NGX_CONF_ERROR;
    }

    n = NGX_ERROR;
    p = NULL;
    size = 0;

    if (ngx_fd_info(file.fd, &fi) != NGX_FILE_ERROR) {
        size = ngx_file_size(&fi);

        if (size <= NGX_HTTP_SIO_KEY_FILE_MAX) {
            p = ngx_pnalloc(cf->pool, size + 1);
            n = p ? ngx_read_file(&file, p, size, 0) : NGX_ERROR;
        }
    }

    (void) ngx_close_file(file.fd);

    if (n != size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" cannot be read, or is larger than %d bytes",
                           &file.name, NGX_HTTP_SIO_KEY_FILE_MAX);
        return NGX_CONF_ERROR;
    }

    p[n] = '\0';

    /* editors end a file with a new line, which is no part of a secret */

    while (n > 0 && (p[n - 1] == '\n' || p[n - 1] == '\r')) {
        n--;
    }

    text->p = p;
    text->n = n;

    return NGX_CONF_OK;
}


char *
ngx_http_sio_set_jwt_jwks(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    char           *rv;
    unsigned        n;
    ngx_str_t      *value, name;
    sio_span_t      text;
    const char     *why;
    ngx_array_t    *keys;
    sio_jwt_key_t  *set, *slot;

    value = cf->args->elts;

    if (!ngx_http_sio_value(&value[1], "file=", &name)) {
        return "needs file=PATH";
    }

    rv = ngx_http_sio_key_file(cf, &name, &text);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (sio_jwt_jwks(text, &set, &n, &why) != SIO_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": %s", &name, why);
        return NGX_CONF_ERROR;
    }

    keys = ngx_http_sio_keys(cf, (ngx_array_t **) (p + cmd->offset));
    slot = keys && n ? ngx_array_push_n(keys, n) : NULL;

    if (slot == NULL) {
        return keys ? "has a key set without keys" : NGX_CONF_ERROR;
    }

    /* the set itself lives as long as the configuration: it owns the bytes */

    ngx_memcpy(slot, set, n * sizeof(sio_jwt_key_t));

    return ngx_http_sio_own_keys(cf, set, n);
}


/* Has the keys of a set freed with the configuration. */

static char *
ngx_http_sio_own_keys(ngx_conf_t *cf, sio_jwt_key_t *set, unsigned n)
{
    ngx_pool_cleanup_t   *cln;
    ngx_http_sio_keys_t  *own;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_http_sio_keys_t));
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    own = cln->data;
    own->keys = set;
    own->n = n;
    cln->handler = ngx_http_sio_free_keys;

    return NGX_CONF_OK;
}


static void
ngx_http_sio_free_keys(void *data)
{
    ngx_http_sio_keys_t *own = data;

    sio_jwt_keys_free(own->keys, own->n);
}


char *
ngx_http_sio_set_jwt_token(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    ngx_str_t                    *value;
    ngx_uint_t                    i;
    ngx_array_t                 **sources;
    ngx_http_sio_token_source_t  *source;

    static ngx_str_t  kinds[] = {
        ngx_string("header:"), ngx_string("cookie:"), ngx_string("query:")
    };

    sources = (ngx_array_t **) (p + cmd->offset);

    if (*sources) {
        return "is duplicate";
    }

    *sources = ngx_array_create(cf->pool, 2,
                                sizeof(ngx_http_sio_token_source_t));
    if (*sources == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        source = ngx_array_push(*sources);
        if (source == NULL) {
            return NGX_CONF_ERROR;
        }

        for (source->kind = 0; source->kind < 3; source->kind++) {
            if (ngx_strncmp(value[i].data, kinds[source->kind].data,
                            kinds[source->kind].len)
                == 0)
            {
                break;
            }
        }

        if (source->kind == 3
            || value[i].len == kinds[source->kind].len)
        {
            return "takes header:authorization, cookie:NAME and query:NAME";
        }

        source->name.data = value[i].data + kinds[source->kind].len;
        source->name.len = value[i].len - kinds[source->kind].len;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_sio_set_jwt_require(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    u_char             *eq;
    ngx_str_t          *value;
    ngx_uint_t          i;
    ngx_array_t       **require;
    sio_jwt_require_t  *r;

    require = (ngx_array_t **) (p + cmd->offset);

    if (*require == NGX_CONF_UNSET_PTR) {
        *require = ngx_array_create(cf->pool, 2, sizeof(sio_jwt_require_t));
        if (*require == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        eq = (u_char *) ngx_strchr(value[i].data, '=');
        r = ngx_array_push(*require);

        if (r == NULL) {
            return NGX_CONF_ERROR;
        }

        if (eq == NULL || eq == value[i].data) {
            return "takes CLAIM=VALUE";
        }

        r->claim.p = value[i].data;
        r->claim.n = eq - value[i].data;
        r->value.p = eq + 1;
        r->value.n = value[i].data + value[i].len - eq - 1;
    }

    return NGX_CONF_OK;
}


/* socketio_auth off | optional | required [handshake] */

char *
ngx_http_sio_set_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    ngx_str_t            *value;
    ngx_sio_auth_conf_t  *auth;

    auth = (ngx_sio_auth_conf_t *) (p + cmd->offset
                                    - offsetof(ngx_sio_auth_conf_t, mode));

    if (auth->mode != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        auth->mode = NGX_SIO_AUTH_OFF;

    } else if (ngx_strcmp(value[1].data, "optional") == 0) {
        auth->mode = NGX_SIO_AUTH_OPTIONAL;

    } else if (ngx_strcmp(value[1].data, "required") == 0) {
        auth->mode = NGX_SIO_AUTH_REQUIRED;

    } else {
        return "takes \"off\", \"optional\" or \"required [handshake]\"";
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (cf->args->nelts > 3
        || auth->mode != NGX_SIO_AUTH_REQUIRED
        || ngx_strcmp(value[2].data, "handshake") != 0)
    {
        return "takes nothing more, but \"handshake\" after \"required\"";
    }

    auth->handshake = 1;

    return NGX_CONF_OK;
}


char *
ngx_http_sio_set_auth_message(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    ngx_str_t   *value, *message, *name;
    ngx_uint_t   i, k;

    message = (ngx_str_t *) (p + cmd->offset);
    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        for (k = 0; k < NGX_SIO_AUTH_MESSAGES; k++) {
            name = &ngx_http_sio_message_names[k];

            if (ngx_strncmp(value[i].data, name->data, name->len) != 0) {
                continue;
            }

            if (message[k].data) {
                return "is duplicate";
            }

            message[k].data = value[i].data + name->len;
            message[k].len = value[i].len - name->len;

            if (ngx_http_sio_json_escape(cf, &message[k]) != NGX_OK) {
                return "needs UTF-8";
            }

            break;
        }

        if (k == NGX_SIO_AUTH_MESSAGES) {
            return "takes missing=, invalid=, forbidden= and expired=";
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_sio_json_escape(ngx_conf_t *cf, ngx_str_t *text)
{
    u_char      *p;
    sio_span_t   span;

    span.p = text->data;
    span.n = text->len;

    p = ngx_pnalloc(cf->pool, 6 * text->len + 1);

    if (p == NULL || !sio_utf8_valid(span)) {
        return NGX_ERROR;
    }

    text->len = sio_json_escape(p, span);
    text->data = p;

    return NGX_OK;
}


char *
ngx_http_sio_set_auth_expiry(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    ngx_str_t   *value;
    ngx_uint_t  *expiry;

    expiry = (ngx_uint_t *) (p + cmd->offset);
    value = cf->args->elts;

    if (*expiry != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    if (ngx_strcmp(value[1].data, "disconnect") == 0) {
        *expiry = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "ignore") == 0) {
        *expiry = 0;
        return NGX_CONF_OK;
    }

    return "takes \"disconnect\" or \"ignore\"";
}
