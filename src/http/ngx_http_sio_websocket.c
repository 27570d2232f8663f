
/*
 * The WebSocket handshake (RFC 6455, section 4.2), and the moment at which the
 * connection leaves its HTTP request.
 */

#include "ngx_http_sio_answer.h"
#include "ngx_http_sio_negotiate.h"
#include "ngx_http_sio_ws.h"
#include "ngx_sio_seldom.h"
#include "ngx_sio_upgrade.h"

#include <ngx_sha1.h>


static ngx_int_t ngx_http_sio_websocket_check(ngx_http_request_t *r);
static ngx_uint_t ngx_http_sio_websocket_token(ngx_str_t *list,
    const char *token);
static ngx_int_t ngx_http_sio_websocket_open(ngx_http_sio_ws_t *ws,
    const ngx_http_sio_args_t *args);
static ngx_int_t ngx_http_sio_websocket_new(ngx_http_sio_ws_t *ws);
static ngx_int_t ngx_http_sio_websocket_probe(ngx_http_sio_ws_t *ws,
    const ngx_http_sio_args_t *args);
static ngx_int_t ngx_http_sio_websocket_accept(ngx_http_request_t *r);
static ngx_int_t ngx_http_sio_websocket_start(ngx_http_sio_ws_t *ws,
    const sio_extension_t *extension);
static void ngx_http_sio_websocket_flush(ngx_http_request_t *r);
static void ngx_http_sio_websocket_detach(ngx_event_t *ev);
static void ngx_http_sio_websocket_release(ngx_connection_t *c,
    ngx_http_connection_t *hc);
static void ngx_http_sio_websocket_cleanup(void *data);


ngx_int_t
ngx_http_sio_websocket(ngx_http_request_t *r, const ngx_http_sio_args_t *args)
{
    ngx_int_t                 rc;
    sio_extension_t           extension;
    ngx_http_sio_ws_t        *ws;
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);

    if (args->sid.len
        && (args->sid.len != NGX_SIO_ID_LEN
            || !ngx_sio_session_known(slcf->endpoint.zone, args->sid.data,
                                      slcf->endpoint.id)))
    {
        return ngx_http_sio_error(r, NGX_HTTP_SIO_BAD_SID);
    }

    rc = ngx_http_sio_websocket_check(r);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_sio_negotiate(r, &extension) != NGX_OK) {
        return ngx_http_sio_error(r, NGX_HTTP_SIO_BAD_REQUEST);
    }

    if (args->sid.len == 0
        && (args->eio.len != 1 || args->eio.data[0] != '4'))
    {
        return ngx_http_sio_error(r, NGX_HTTP_SIO_BAD_VERSION);
    }

    ws = ngx_calloc(sizeof(ngx_http_sio_ws_t), r->connection->log);
    if (ws == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ws->request = r;
    ws->connection = r->connection;
    ws->reader.max = slcf->endpoint.max_payload;
    ws->peer.endpoint = &slcf->endpoint;
    ws->peer.reader = ngx_sio_reader(slcf->endpoint.zone);
    ws->peer.transport = &ngx_http_sio_ws_transport;
    ws->peer.base64 = args->base64;
    ws->peer.window = extension.window;
    ws->reader.extension = extension.window ? SIO_WS_DEFLATED : 0;
    ws->peer.blocked = 1;               /* nothing before the 101 */
    ws->peer.closing = 1;               /* not known to the reader yet */
    ngx_queue_init(&ws->peer.presences);

    rc = ngx_http_sio_websocket_open(ws, args);

    if (rc != NGX_DECLINED) {
        ngx_http_sio_ws_free(ws);
        return rc;
    }

    return ngx_http_sio_websocket_start(ws, &extension);
}


/*
 * NGX_DECLINED: nothing was answered yet.  A WebSocket over HTTP/2 (RFC 8441)
 * does not exist in nginx.
 */

static ngx_int_t
ngx_http_sio_websocket_check(ngx_http_request_t *r)
{
    ngx_str_t  *upgrade, *connection, *version, *key, value;

    upgrade = ngx_http_sio_request_header(r, "upgrade");
    connection = ngx_http_sio_request_header(r, "connection");
    version = ngx_http_sio_request_header(r, "sec-websocket-version");
    key = ngx_http_sio_request_header(r, "sec-websocket-key");

    if (r->method != NGX_HTTP_GET
        || r->http_version != NGX_HTTP_VERSION_11
        || r->headers_in.content_length_n > 0
        || r->headers_in.chunked
        || upgrade == NULL
        || upgrade->len != sizeof("websocket") - 1
        || ngx_strncasecmp(upgrade->data, (u_char *) "websocket",
                           upgrade->len)
           != 0
        || connection == NULL
        || !ngx_http_sio_websocket_token(connection, "upgrade")
        || key == NULL
        || key->len != 24)
    {
        return ngx_http_sio_error(r, NGX_HTTP_SIO_BAD_REQUEST);
    }

    if (version == NULL
        || version->len != 2
        || ngx_strncmp(version->data, "13", 2) != 0)
    {
        ngx_str_set(&value, "13");

        if (ngx_http_sio_header(r, "Sec-WebSocket-Version", &value)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_sio_error(r, NGX_HTTP_SIO_BAD_REQUEST);
    }

    if (!ngx_http_sio_origin_allowed(r)) {
        ngx_sio_log_seldom(NGX_LOG_INFO, r->connection->log,
                           "socketio WebSocket refused, its page's Origin is "
                           "not in socketio_origin");
        return ngx_http_sio_error(r, NGX_HTTP_SIO_FORBIDDEN);
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_sio_websocket_token(ngx_str_t *list, const char *token)
{
    u_char  *p, *last, *end;
    size_t   n;

    last = list->data + list->len;
    n = ngx_strlen(token);

    for (p = list->data; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, ',');
        if (end == NULL) {
            end = last;
        }

        while (p < end && (*p == ' ' || *p == '\t')) {
            p++;
        }

        if ((size_t) (end - p) >= n
            && ngx_strncasecmp(p, (u_char *) token, n) == 0
            && (p + n == end || p[n] == ' ' || p[n] == '\t'))
        {
            return 1;
        }
    }

    return 0;
}


/* NGX_DECLINED: nothing was answered yet, say 101. */

static ngx_int_t
ngx_http_sio_websocket_open(ngx_http_sio_ws_t *ws,
    const ngx_http_sio_args_t *args)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ws->request;

    rc = args->sid.len ? ngx_http_sio_websocket_probe(ws, args)
                       : ngx_http_sio_websocket_new(ws);

    switch (rc) {

    case NGX_OK:
        return NGX_DECLINED;

    case NGX_DECLINED:
        return ngx_http_sio_error(r, args->sid.len ? NGX_HTTP_SIO_BAD_SID
                                                   : NGX_HTTP_SIO_FULL);

    case NGX_BUSY:
        return ngx_http_sio_error(r, NGX_HTTP_SIO_LIMITED);

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


static ngx_int_t
ngx_http_sio_websocket_new(ngx_http_sio_ws_t *ws)
{
    u_char                     sid[NGX_SIO_ID_LEN];
    ngx_int_t                  rc;
    ngx_str_t                  packet;
    const ngx_sio_endpoint_t  *endpoint;

    endpoint = ws->peer.endpoint;

    rc = ngx_http_sio_handshake(ws->request, NGX_SIO_WEBSOCKET,
                                &ws->peer.session, sid, &packet);
    if (rc != NGX_OK) {
        return rc;
    }

    ws->peer.cursor = sio_ring_head(endpoint->zone->shared->log);

    if (ngx_sio_peer_init(&ws->peer, NGX_SIO_PEER_WEBSOCKET) != NGX_OK) {
        ngx_sio_session_close(endpoint->zone, ws->peer.session,
                              NGX_SIO_REASON_CLOSE, 0, 0);
        return NGX_ERROR;
    }

    ngx_http_sio_ws_send(ws, SIO_WS_TEXT, packet.data, packet.len);
    ngx_http_sio_ws_heartbeat(ws, endpoint->ping_interval);
    ngx_http_sio_ws_limit(ws, endpoint->connect_timeout);

    return NGX_OK;
}


/*
 * Who asks for a session that has a WebSocket already is let in and closed, as
 * clients do not expect an HTTP error there.
 */

static ngx_int_t
ngx_http_sio_websocket_probe(ngx_http_sio_ws_t *ws,
    const ngx_http_sio_args_t *args)
{
    ngx_int_t                  rc;
    const ngx_sio_endpoint_t  *endpoint;

    endpoint = ws->peer.endpoint;

    rc = ngx_sio_probe_begin(endpoint->zone, args->sid.data, endpoint->id,
                             &ws->peer.session);

    if (rc == NGX_BUSY) {
        ws->refused = 1;
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_sio_peer_init(&ws->peer, NGX_SIO_PEER_PROBE) != NGX_OK) {
        ngx_sio_probe_abort(endpoint->zone, ws->peer.session);
        return NGX_ERROR;
    }

    ngx_http_sio_ws_limit(ws, endpoint->upgrade_timeout);

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_websocket_start(ngx_http_sio_ws_t *ws,
    const sio_extension_t *extension)
{
    ngx_http_request_t  *r;
    ngx_http_cleanup_t  *cln;

    r = ws->request;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        ngx_http_sio_websocket_cleanup(ws);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_sio_websocket_cleanup;
    cln->data = ws;

    ngx_http_set_ctx(r, ws, ngx_socketio_module);

    ws->detach.handler = ngx_http_sio_websocket_detach;
    ws->detach.data = ws;
    ws->detach.log = r->connection->log;

    if (ngx_http_sio_negotiated(r, extension) != NGX_OK
        || ngx_http_sio_websocket_accept(r) != NGX_OK)
    {
        return r->header_sent ? NGX_ERROR : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->main->count++;
    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_sio_websocket_flush;

    ngx_http_sio_websocket_flush(r);

    return NGX_DONE;
}


static ngx_int_t
ngx_http_sio_websocket_accept(ngx_http_request_t *r)
{
    u_char       digest[20];
    ngx_int_t    rc;
    ngx_str_t   *key, value, src;
    ngx_sha1_t   sha1;

    static const char  guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    key = ngx_http_sio_request_header(r, "sec-websocket-key");

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, key->data, key->len);
    ngx_sha1_update(&sha1, guid, sizeof(guid) - 1);
    ngx_sha1_final(digest, &sha1);

    value.data = ngx_pnalloc(r->pool, ngx_base64_encoded_length(20));
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    src.data = digest;
    src.len = 20;
    ngx_encode_base64(&value, &src);

    if (ngx_http_sio_header(r, "Sec-WebSocket-Accept", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_set(&value, "websocket");

    if (ngx_http_sio_header(r, "Upgrade", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    /* the header filter adds "Connection: upgrade" by itself */

    r->keepalive = 0;
    r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;
    ngx_str_set(&r->headers_out.status_line, "101 Switching Protocols");
    r->headers_out.content_length_n = -1;

    rc = ngx_http_send_header(r);

    /* NGX_AGAIN: the rest goes out later, as the connection takes it */

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_send_special(r, NGX_HTTP_FLUSH) == NGX_ERROR ? NGX_ERROR
                                                                 : NGX_OK;
}


static void
ngx_http_sio_websocket_flush(ngx_http_request_t *r)
{
    ngx_connection_t          *c;
    ngx_http_sio_ws_t         *ws;
    ngx_http_core_loc_conf_t  *clcf;

    c = r->connection;
    ws = ngx_http_get_module_ctx(r, ngx_socketio_module);

    if (c->write->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT, "client timed out");
        c->timedout = 1;
        c->error = 1;

    } else if ((r->out || c->buffered)
               && ngx_http_write_filter(r, NULL) == NGX_ERROR)
    {
        /* the other filters may keep what has no data, as that of SSI does */

        c->error = 1;
    }

    if (c->error || (r->out == NULL && !c->buffered)) {

        /* not inside of the request's own handlers, which still look at it */

        if (!ws->detach.posted) {
            ngx_post_event(&ws->detach, &ngx_posted_events);
        }

        return;
    }

    /* of one that is refused nobody else would see the end */

    if (!c->write->delayed) {
        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
        ngx_add_timer(c->write, clcf->send_timeout);
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        c->error = 1;
        ngx_post_event(&ws->detach, &ngx_posted_events);
    }
}


/* As ngx_http_set_keepalive() does it: the request is logged and freed. */

static void
ngx_http_sio_websocket_detach(ngx_event_t *ev)
{
    u_char                 *rest;
    size_t                  n;
    ngx_buf_t              *b;
    ngx_connection_t       *c;
    ngx_http_request_t     *r;
    ngx_http_sio_ws_t      *ws;
    ngx_http_connection_t  *hc;

    ws = ev->data;
    r = ws->request;
    c = ws->connection;

    /* a client may send its first frames with the handshake */

    b = r->header_in;
    n = b->last - b->pos;
    rest = NULL;

    if (n) {
        rest = ngx_alloc(n, c->log);
        if (rest) {
            ngx_memcpy(rest, b->pos, n);

        } else {
            c->error = 1;
        }
    }

    ws->request = NULL;
    hc = r->http_connection;

    ngx_http_free_request(r, 0);
    ngx_http_sio_websocket_release(c, hc);

    c->data = ws;
    c->destroyed = 0;
    c->log->action = "serving a socketio WebSocket";
    c->read->handler = ngx_http_sio_ws_read;
    c->write->handler = ngx_http_sio_ws_write;

    if (c->tcp_nodelay == NGX_TCP_NODELAY_UNSET) {
        (void) ngx_tcp_nodelay(c);
    }

    ws->peer.blocked = 0;

    if (ws->refused) {
        ngx_free(rest);
        ngx_http_sio_ws_transport.end(&ws->peer, NGX_SIO_END_GONE);
        return;
    }

    if (c->error || c->close) {
        ngx_sio_peer_close(&ws->peer, NGX_SIO_END_TRANSPORT);
    }

    if (!ws->peer.closing) {
        ngx_http_sio_ws_transport.flush(&ws->peer);
    }

    if (ngx_exiting) {
        /* the worker may have moved all its clients: nobody waits for this */
        ngx_sio_peer_close(&ws->peer, NGX_SIO_END_RESTART);
    }

    if (!ws->peer.closing) {
        ngx_http_sio_ws_input(ws, rest, n);
    }

    ngx_free(rest);

    /* edge triggered: what has come meanwhile is announced by nobody */

    if (!c->read->posted) {
        ngx_post_event(c->read, &ngx_posted_events);
    }
}


static void
ngx_http_sio_websocket_release(ngx_connection_t *c, ngx_http_connection_t *hc)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl, *next;

    b = c->buffer;

    if (b && b->start && ngx_pfree(c->pool, b->start) == NGX_OK) {
        b->start = NULL;
        b->pos = NULL;
    }

    for (cl = hc->free; cl; cl = next) {
        next = cl->next;

        if (ngx_pfree(c->pool, cl->buf->start) == NGX_OK) {
            cl->buf->start = NULL;
        }
    }

    for (cl = hc->busy; cl; cl = next) {
        next = cl->next;

        if (ngx_pfree(c->pool, cl->buf->start) == NGX_OK) {
            cl->buf->start = NULL;
        }
    }

    hc->free = NULL;
    hc->busy = NULL;
    hc->nbusy = 0;

#if (NGX_HTTP_SSL)
    if (c->ssl) {
        ngx_ssl_free_buffer(c);
    }
#endif

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    c->write->delayed = 0;
}


/* nginx has ended the request before it was detached. */

static void
ngx_http_sio_websocket_cleanup(void *data)
{
    ngx_http_sio_ws_t *ws = data;

    ngx_sio_zone_t  *zone;

    if (ws->request == NULL) {
        return;
    }

    zone = ws->peer.reader->zone;

    if (!ws->refused) {
        if (ws->peer.kind == NGX_SIO_PEER_PROBE) {
            ngx_sio_probe_abort(zone, ws->peer.session);

        } else {
            ngx_sio_session_close(zone, ws->peer.session,
                                  NGX_SIO_REASON_CLOSE, 0, 0);
        }
    }

    ngx_http_sio_ws_free(ws);
}
