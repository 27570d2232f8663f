
/*
 * TLS of connections to Redis, by nginx's own OpenSSL: what rediss:// says is
 * made into a context when the configuration is read; a connection is greeted
 * when its handshake is over and the certificate is the right one.  Called by
 * ngx_sio_redis.c and the parser of socketio_redis; never blocks.
 */

#include "ngx_sio_redis_internal.h"


#if (NGX_SSL)

#define NGX_SIO_REDIS_DEPTH  10         /* certificates of a chain */
#define NGX_SIO_REDIS_POOL   256        /* bytes, of a connection */


static ngx_int_t ngx_sio_redis_tls_trust(ngx_conf_t *cf,
    ngx_sio_redis_conf_t *conf);
static ngx_int_t ngx_sio_redis_tls_name(ngx_conf_t *cf,
    ngx_sio_redis_conf_t *conf);
static void ngx_sio_redis_tls_done(ngx_connection_t *c);
static const char *ngx_sio_redis_tls_wrong(ngx_connection_t *c);


ngx_int_t
ngx_sio_redis_tls_init(ngx_conf_t *cf, ngx_sio_redis_conf_t *conf)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_ssl_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    conf->ssl = cln->data;
    ngx_memzero(conf->ssl, sizeof(ngx_ssl_t));
    conf->ssl->log = cf->log;

    if (ngx_ssl_create(conf->ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;

    /* what is written again has grown at its end, and may have moved */

    SSL_CTX_set_mode(conf->ssl->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE
                                     |SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

    if (ngx_sio_redis_tls_name(cf, conf) != NGX_OK) {
        return NGX_ERROR;
    }

    return conf->insecure ? NGX_OK : ngx_sio_redis_tls_trust(cf, conf);
}


static ngx_int_t
ngx_sio_redis_tls_trust(ngx_conf_t *cf, ngx_sio_redis_conf_t *conf)
{
    SSL_CTX            *ctx;
    X509_VERIFY_PARAM  *param;

    ctx = conf->ssl->ctx;
    param = SSL_CTX_get0_param(ctx);

    X509_VERIFY_PARAM_set_hostflags(param,
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);

    if (!X509_VERIFY_PARAM_set1_ip_asc(param, conf->peer)
        && !X509_VERIFY_PARAM_set1_host(param, conf->peer, 0))
    {
        return NGX_ERROR;
    }

    ERR_clear_error();

    if (conf->ca.len == 0 && SSL_CTX_set_default_verify_paths(ctx) != 1) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "SSL_CTX_set_default_verify_paths() failed");
        return NGX_ERROR;
    }

    if (ngx_ssl_trusted_certificate(cf, conf->ssl, &conf->ca,
                                    NGX_SIO_REDIS_DEPTH)
        != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "cannot use \"ca=%V\" of socketio_redis",
                           &conf->ca);
        return NGX_ERROR;
    }

    /*
     * nginx's callback goes on after an error, and the last one would be told
     * instead of the first.  A handshake that fails by a certificate is
     * critical to nginx's log, so we look ourselves when it is over.
     */

    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);

    return NGX_OK;
}


/* OpenSSL wants a string, of an IPv6 address without brackets. */

static ngx_int_t
ngx_sio_redis_tls_name(ngx_conf_t *cf, ngx_sio_redis_conf_t *conf)
{
    u_char     *p;
    ngx_str_t   host;

    host = conf->host;

    if (host.len > 2 && host.data[0] == '[') {
        host.data++;
        host.len -= 2;
    }

    p = ngx_pnalloc(cf->pool, host.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_cpystrn(p, host.data, host.len + 1);
    conf->peer = (char *) p;

    /* RFC 6066, section 3: names only, no addresses */

    conf->sni = ngx_inet_addr(host.data, host.len) == INADDR_NONE
                && ngx_strlchr(host.data, host.data + host.len, ':') == NULL;

    return NGX_OK;
}


void
ngx_sio_redis_tls_begin(ngx_sio_redis_t *redis)
{
    ngx_connection_t            *c;
    const ngx_sio_redis_conf_t  *conf;

    c = redis->c;
    conf = redis->conf;

    c->pool = ngx_create_pool(NGX_SIO_REDIS_POOL, ngx_cycle->log);

    if (c->pool == NULL
        || ngx_ssl_create_connection(conf->ssl, c, NGX_SSL_CLIENT) != NGX_OK
        || (conf->sni && SSL_set_tlsext_host_name(c->ssl->connection,
                                                  conf->peer) == 0))
    {
        ngx_sio_redis_fail(redis, "no memory for TLS");
        return;
    }

    c->ssl->handler = ngx_sio_redis_tls_done;

    if (ngx_ssl_handshake(c) != NGX_AGAIN) {
        ngx_sio_redis_tls_done(c);
    }
}


static void
ngx_sio_redis_tls_done(ngx_connection_t *c)
{
    u_char            text[256];
    const char       *why;
    ngx_sio_redis_t  *redis;

    redis = c->data;

    if (!c->ssl->handshaked) {
        ngx_sio_redis_fail(redis, "cannot connect with TLS, what happened is "
                                  "logged at level info");
        return;
    }

    why = redis->conf->insecure ? NULL : ngx_sio_redis_tls_wrong(c);

    if (why != NULL) {
        *ngx_snprintf(text, sizeof(text) - 1, "its certificate is refused, %s",
                      why) = '\0';
        ngx_sio_redis_fail(redis, (char *) text);
        return;
    }

    ngx_sio_redis_connected(redis);
}


/* What is wrong with the server's certificate, NULL if nothing is. */

static const char *
ngx_sio_redis_tls_wrong(ngx_connection_t *c)
{
    long   rc;
    X509  *cert;

    cert = SSL_get_peer_certificate(c->ssl->connection);
    if (cert == NULL) {
        return "there is none";
    }

    X509_free(cert);

    rc = SSL_get_verify_result(c->ssl->connection);

    return rc == X509_V_OK ? NULL : X509_verify_cert_error_string(rc);
}


/* Whether the server hears that this is the end does not matter. */

void
ngx_sio_redis_tls_end(ngx_connection_t *c)
{
    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;

        if (ngx_ssl_shutdown(c) == NGX_AGAIN) {
            c->ssl->no_send_shutdown = 1;
            (void) ngx_ssl_shutdown(c);
        }
    }

    if (c->pool) {
        ngx_destroy_pool(c->pool);
        c->pool = NULL;
    }
}


#else


ngx_int_t
ngx_sio_redis_tls_init(ngx_conf_t *cf, ngx_sio_redis_conf_t *conf)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "cannot use rediss:// in socketio_redis: this nginx is "
                       "built without TLS, that is --with-http_ssl_module");
    return NGX_ERROR;
}


void
ngx_sio_redis_tls_begin(ngx_sio_redis_t *redis)
{
    ngx_sio_redis_fail(redis, "no TLS");
}


void
ngx_sio_redis_tls_end(ngx_connection_t *c)
{
    /* void */
}


#endif
