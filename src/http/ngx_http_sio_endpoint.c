
/*
 * The content handler of `socketio`: tells handshakes, polls, posts and
 * WebSockets apart, in the order of checks of the reference server.
 */

#include "ngx_http_sio_answer.h"
#include "ngx_http_sio_endpoint.h"
#include "ngx_sio_seldom.h"


static ngx_int_t ngx_http_sio_dispatch(ngx_http_request_t *r,
    const ngx_http_sio_args_t *args);
static ngx_int_t ngx_http_sio_open(ngx_http_request_t *r,
    const ngx_http_sio_args_t *args);
static void ngx_http_sio_parse_arg(ngx_http_sio_args_t *args, u_char *p,
    u_char *last);
static void ngx_http_sio_parse_sid(ngx_http_sio_args_t *args);
static ngx_uint_t ngx_http_sio_elsewhere(ngx_http_request_t *r,
    const ngx_http_sio_args_t *args);
static sio_span_t ngx_http_sio_address(ngx_http_request_t *r);
static ngx_int_t ngx_http_sio_cookie(ngx_http_request_t *r, u_char *sid);


ngx_int_t
ngx_http_sio_handler(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_sio_args_t       args;
    ngx_http_sio_loc_conf_t  *slcf;

    if (r != r->main) {
        return NGX_HTTP_NOT_FOUND;
    }

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);

    if (ngx_http_sio_cors(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->method == NGX_HTTP_OPTIONS
        && slcf->origin != NGX_HTTP_SIO_ORIGIN_SAME)
    {
        return ngx_http_sio_preflight(r);
    }

    if (slcf->endpoint.zone->reader == NULL) {
        return ngx_http_sio_error(r, NGX_HTTP_SIO_FULL);
    }

    ngx_http_sio_parse_args(r, &args);

    rc = ngx_http_sio_dispatch(r, &args);

    /* a body that nobody has read must not become the next request */

    if (rc != NGX_DONE && r->request_body == NULL) {
        (void) ngx_http_discard_request_body(r);
    }

    return rc;
}


static ngx_int_t
ngx_http_sio_dispatch(ngx_http_request_t *r, const ngx_http_sio_args_t *args)
{
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);

    if (ngx_strcmp(args->transport.data, "websocket") == 0
        && (slcf->transports & NGX_HTTP_SIO_WEBSOCKET))
    {
        if (r->method != NGX_HTTP_GET && args->sid.len == 0) {
            return ngx_http_sio_error(r, NGX_HTTP_SIO_BAD_METHOD);
        }

        if (ngx_http_sio_elsewhere(r, args)) {
            return ngx_http_sio_error(r, NGX_HTTP_SIO_BAD_SID);
        }

        return ngx_http_sio_websocket(r, args);
    }

    if (ngx_strcmp(args->transport.data, "polling") != 0
        || !(slcf->transports & NGX_HTTP_SIO_POLLING))
    {
        return ngx_http_sio_error(r, NGX_HTTP_SIO_BAD_TRANSPORT);
    }

    if (args->sid.len == 0) {
        return ngx_http_sio_open(r, args);
    }

    if (args->sid.len != NGX_SIO_ID_LEN || ngx_http_sio_elsewhere(r, args)) {
        return ngx_http_sio_error(r, NGX_HTTP_SIO_BAD_SID);
    }

    switch (r->method) {

    case NGX_HTTP_GET:
        return ngx_http_sio_poll(r, args);

    case NGX_HTTP_POST:
        return ngx_http_sio_post(r, args);

    default:
        return ngx_http_sio_error(r, NGX_HTTP_SIO_BAD_METHOD);
    }
}


static ngx_int_t
ngx_http_sio_open(ngx_http_request_t *r, const ngx_http_sio_args_t *args)
{
    u_char         sid[NGX_SIO_ID_LEN];
    ngx_int_t      rc;
    ngx_str_t      packet;
    ngx_sio_ref_t  session;

    if (r->method != NGX_HTTP_GET) {
        return ngx_http_sio_error(r, NGX_HTTP_SIO_BAD_METHOD);
    }

    if (args->eio.len != 1 || args->eio.data[0] != '4') {
        return ngx_http_sio_error(r, NGX_HTTP_SIO_BAD_VERSION);
    }

    rc = ngx_http_sio_handshake(r, NGX_SIO_POLLING, &session, sid, &packet);

    if (rc == NGX_DECLINED || rc == NGX_BUSY) {
        return ngx_http_sio_error(r, rc == NGX_BUSY ? NGX_HTTP_SIO_LIMITED
                                                    : NGX_HTTP_SIO_FULL);
    }

    if (rc != NGX_OK || ngx_http_sio_cookie(r, sid) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sio_answer(r, "text/plain", &packet);
}


ngx_int_t
ngx_http_sio_handshake(ngx_http_request_t *r, ngx_uint_t transport,
    ngx_sio_ref_t *session, u_char *sid, ngx_str_t *packet)
{
    u_char                    *p;
    ngx_int_t                  rc;
    ngx_str_t                  json, *token, *node;
    const char                *upgrades;
    ngx_sio_endpoint_t        *endpoint;
    ngx_http_sio_loc_conf_t   *slcf;
    ngx_sio_session_params_t   params;

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);
    endpoint = &slcf->endpoint;

    if (ngx_http_sio_describe(r, transport, &json) != NGX_OK) {
        return NGX_ERROR;
    }

    params.endpoint = endpoint->id;
    params.transport = transport;
    params.interval = endpoint->ping_interval;
    params.timeout = endpoint->ping_timeout;
    params.connect_timeout = endpoint->connect_timeout;
    token = ngx_http_sio_jwt_token(r);

    params.token.p = token ? token->data : NULL;
    params.token.n = token ? token->len : 0;
    params.handshake.p = json.data;
    params.handshake.n = json.len;
    params.address = ngx_http_sio_address(r);
    params.limit = endpoint->limit_connections;
    params.limit_address = endpoint->limit_address;
    params.rate = endpoint->limit_connects;

    rc = ngx_sio_session_open(endpoint->zone, &params, session, sid);

    if (rc == NGX_BUSY) {
        ngx_sio_log_seldom(NGX_LOG_INFO, r->connection->log,
                           "socketio handshake refused, over "
                           "socketio_limit_connections or "
                           "socketio_limit_connects");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    upgrades = transport == NGX_SIO_POLLING
               && (slcf->transports & NGX_HTTP_SIO_WEBSOCKET)
               ? "\"websocket\"" : "";

    p = ngx_pnalloc(r->pool, 256);
    if (p == NULL) {
        ngx_sio_session_close(endpoint->zone, *session,
                              NGX_SIO_REASON_CLOSE, 0, 0);
        return NGX_ERROR;
    }

    node = &endpoint->zone->node;

    packet->data = p;
    packet->len = ngx_snprintf(p, 256,
                               "0{\"sid\":\"%*s%s%V\",\"upgrades\":[%s],"
                               "\"pingInterval\":%M,\"pingTimeout\":%M,"
                               "\"maxPayload\":%uz}",
                               (size_t) NGX_SIO_ID_LEN, sid,
                               node->len ? "." : "", node, upgrades,
                               endpoint->ping_interval,
                               endpoint->ping_timeout, endpoint->max_payload)
                  - p;

    return NGX_OK;
}


/* Of IPv6 the network: whoever has one address there has 2^64. */

static sio_span_t
ngx_http_sio_address(ngx_http_request_t *r)
{
    sio_span_t            address;
    struct sockaddr      *sa;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    ngx_memzero(&address, sizeof(sio_span_t));
    sa = r->connection->sockaddr;

    switch (sa->sa_family) {

    case AF_INET:
        address.p = (u_char *) &((struct sockaddr_in *) sa)->sin_addr;
        address.n = 4;
        break;

#if (NGX_HAVE_INET6)

    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        address.p = sin6->sin6_addr.s6_addr;
        address.n = 8;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            address.p += 12;
            address.n = 4;
        }

        break;

#endif

    default:
        break;
    }

    return address;
}


static ngx_int_t
ngx_http_sio_cookie(ngx_http_request_t *r, u_char *sid)
{
    u_char                   *p;
    ngx_str_t                 value, *node;
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);

    if (slcf->cookie.len == 0) {
        return NGX_OK;
    }

    node = &slcf->endpoint.zone->node;

    value.len = slcf->cookie.len + 1 + NGX_SIO_ID_LEN
                + (node->len ? 1 + node->len : 0)
                + slcf->cookie_attributes.len;

    p = ngx_pnalloc(r->pool, value.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;

    p = ngx_cpymem(p, slcf->cookie.data, slcf->cookie.len);
    *p++ = '=';
    p = ngx_cpymem(p, sid, NGX_SIO_ID_LEN);

    if (node->len) {
        *p++ = '.';
        p = ngx_cpymem(p, node->data, node->len);
    }

    ngx_memcpy(p, slcf->cookie_attributes.data, slcf->cookie_attributes.len);

    return ngx_http_sio_header(r, "Set-Cookie", &value);
}


/* Of a repeated parameter the last one counts, as in the reference server. */

void
ngx_http_sio_parse_args(ngx_http_request_t *r, ngx_http_sio_args_t *args)
{
    u_char  *p, *last, *end;

    ngx_str_set(&args->transport, "");
    ngx_str_null(&args->eio);
    ngx_str_null(&args->sid);
    ngx_str_null(&args->node);
    args->base64 = 0;

    last = r->args.data + r->args.len;

    for (p = r->args.data; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '&');
        if (end == NULL) {
            end = last;
        }

        ngx_http_sio_parse_arg(args, p, end);
    }
}


static void
ngx_http_sio_parse_arg(ngx_http_sio_args_t *args, u_char *p, u_char *last)
{
    size_t   n;
    u_char  *value;

    value = ngx_strlchr(p, last, '=');
    if (value == NULL) {
        return;
    }

    n = value++ - p;

    if (n == 3 && ngx_strncmp(p, "EIO", 3) == 0) {
        args->eio.data = value;
        args->eio.len = last - value;

    } else if (n == 3 && ngx_strncmp(p, "sid", 3) == 0) {
        args->sid.data = value;
        args->sid.len = last - value;
        ngx_http_sio_parse_sid(args);

    } else if (n == 3 && ngx_strncmp(p, "b64", 3) == 0) {
        args->base64 = last > value;

    } else if (n == 9 && ngx_strncmp(p, "transport", 9) == 0) {

        ngx_str_set(&args->transport, "");

        if (last - value == 7 && ngx_strncmp(value, "polling", 7) == 0) {
            ngx_str_set(&args->transport, "polling");
        }

        if (last - value == 9 && ngx_strncmp(value, "websocket", 9) == 0) {
            ngx_str_set(&args->transport, "websocket");
        }
    }
}


/* What cannot be a name stays a part of the sid, which then is unknown. */

static void
ngx_http_sio_parse_sid(ngx_http_sio_args_t *args)
{
    ngx_str_t  node;

    ngx_str_null(&args->node);

    if (args->sid.len <= NGX_SIO_ID_LEN
        || args->sid.data[NGX_SIO_ID_LEN] != '.')
    {
        return;
    }

    node.data = args->sid.data + NGX_SIO_ID_LEN + 1;
    node.len = args->sid.len - NGX_SIO_ID_LEN - 1;

    if (ngx_http_sio_node_name(&node)) {
        args->node = node;
        args->sid.len = NGX_SIO_ID_LEN;
    }
}


/* A session of another node would be unknown here; the log tells why. */

static ngx_uint_t
ngx_http_sio_elsewhere(ngx_http_request_t *r, const ngx_http_sio_args_t *args)
{
    ngx_str_t                *node;
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);
    node = &slcf->endpoint.zone->node;

    if (args->node.len == 0
        || (args->node.len == node->len
            && ngx_strncmp(args->node.data, node->data, node->len) == 0))
    {
        return 0;
    }

    ngx_sio_log_seldom(NGX_LOG_INFO, r->connection->log,
                       "socketio session is of node \"%V\", this is \"%V\": "
                       "route requests by the end of their sid", &args->node,
                       node);

    return 1;
}


ngx_uint_t
ngx_http_sio_node_name(const ngx_str_t *name)
{
    u_char      c;
    ngx_uint_t  i;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
              || c == '_' || c == '-'))
        {
            return 0;
        }
    }

    return name->len && name->len <= NGX_HTTP_SIO_NODE_MAX;
}
