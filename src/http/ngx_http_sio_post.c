
/*
 * POSTs of polling sessions: the packets that a client sends, handled in order
 * before the answer.
 */

#include "ngx_http_sio_answer.h"
#include "ngx_http_sio_endpoint.h"
#include "ngx_sio_dispatch.h"
#include "ngx_sio_polls.h"
#include "sio_eio.h"
#include "sio_utf8.h"


#define NGX_HTTP_SIO_TOMBSTONE  100     /* ms: a poll may cross the close */


typedef struct {
    ngx_sio_peer_t        peer;
    ngx_sio_post_t        post;
    ngx_http_request_t   *request;
    unsigned              ended:1;      /* the session was given back */
} ngx_http_sio_post_t;


static ngx_int_t ngx_http_sio_post_create(ngx_http_request_t *r,
    ngx_sio_post_t *post);
static ngx_int_t ngx_http_sio_post_begin(ngx_http_request_t *r,
    const ngx_http_sio_args_t *args, ngx_sio_post_t *post);
static ngx_int_t ngx_http_sio_post_refused(ngx_http_request_t *r,
    ngx_uint_t *ok);
static void ngx_http_sio_post_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_sio_post_handle(ngx_http_sio_post_t *p);
static ngx_int_t ngx_http_sio_post_read(ngx_http_sio_post_t *p,
    sio_span_t *payload);
static ngx_int_t ngx_http_sio_post_copy(ngx_http_request_t *r, u_char *dst);
static ngx_int_t ngx_http_sio_post_packets(ngx_http_sio_post_t *p,
    sio_span_t payload);
static ngx_int_t ngx_http_sio_post_packet(ngx_http_sio_post_t *p,
    const sio_eio_packet_t *packet);
static void ngx_http_sio_post_end(ngx_sio_peer_t *peer, ngx_sio_end_t why);
static void ngx_http_sio_post_cleanup(void *data);


static const ngx_sio_transport_t  ngx_http_sio_post_transport = {
    NULL,
    ngx_http_sio_post_end,
    NULL
};


ngx_int_t
ngx_http_sio_post(ngx_http_request_t *r, const ngx_http_sio_args_t *args)
{
    ngx_int_t                 rc;
    ngx_uint_t                ok;
    ngx_sio_post_t            post;
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);

    rc = ngx_http_sio_post_begin(r, args, &post);

    if (rc == NGX_OK) {
        rc = ngx_http_sio_post_refused(r, &ok);

        if (rc != NGX_OK && ok) {
            ngx_sio_post_end(slcf->endpoint.zone, &post);

        } else if (rc != NGX_OK) {
            ngx_sio_post_fail(slcf->endpoint.zone, &post,
                              NGX_SIO_REASON_ERROR);
        }
    }

    if (rc != NGX_OK) {
        (void) ngx_http_discard_request_body(r);

        return rc == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE
               ? ngx_http_sio_status(r, rc)
               : ngx_http_sio_error(r, rc == NGX_DECLINED
                                       ? NGX_HTTP_SIO_BAD_SID
                                       : NGX_HTTP_SIO_BAD_REQUEST);
    }

    if (ngx_http_sio_post_create(r, &post) != NGX_OK) {
        ngx_sio_post_fail(slcf->endpoint.zone, &post, NGX_SIO_REASON_CLOSE);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_sio_post_body);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


static ngx_int_t
ngx_http_sio_post_begin(ngx_http_request_t *r, const ngx_http_sio_args_t *args,
    ngx_sio_post_t *post)
{
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);

    return ngx_sio_post_begin(slcf->endpoint.zone, args->sid.data,
                              slcf->endpoint.id, post);
}


/* What is wrong with a body before it is read; ok: the session may go on. */

static ngx_int_t
ngx_http_sio_post_refused(ngx_http_request_t *r, ngx_uint_t *ok)
{
    ngx_str_t                *type;
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);

    if (r->headers_in.content_length_n > (off_t) slcf->endpoint.max_payload) {
        ngx_sio_log_too_large(r->connection->log);
        *ok = 1;
        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    type = ngx_http_sio_request_header(r, "content-type");

    if (type
        && type->len == sizeof("application/octet-stream") - 1
        && ngx_strncasecmp(type->data, (u_char *) "application/octet-stream",
                           type->len)
           == 0)
    {
        *ok = 0;
        return NGX_HTTP_BAD_REQUEST;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_post_create(ngx_http_request_t *r, ngx_sio_post_t *post)
{
    ngx_http_cleanup_t       *cln;
    ngx_http_sio_post_t      *p;
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_socketio_module);

    p = ngx_pcalloc(r->pool, sizeof(ngx_http_sio_post_t));
    if (p == NULL) {
        return NGX_ERROR;
    }

    p->request = r;
    p->post = *post;
    p->peer.endpoint = &slcf->endpoint;
    p->peer.reader = ngx_sio_reader(slcf->endpoint.zone);
    p->peer.transport = &ngx_http_sio_post_transport;
    p->peer.session = post->session;

    cln = ngx_http_cleanup_add(r, 0);

    if (cln == NULL
        || ngx_sio_peer_init(&p->peer, NGX_SIO_PEER_POST) != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_sio_post_cleanup;
    cln->data = p;

    ngx_http_set_ctx(r, p, ngx_socketio_module);

    return NGX_OK;
}


static void
ngx_http_sio_post_body(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_str_t             ok;
    ngx_http_sio_post_t  *p;

    p = ngx_http_get_module_ctx(r, ngx_socketio_module);

    rc = p->peer.closing ? NGX_ERROR : ngx_http_sio_post_handle(p);

    ngx_sio_peer_leave(&p->peer);

    if (!p->ended) {
        p->ended = 1;

        if (rc == NGX_OK || rc == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
            ngx_sio_post_end(p->peer.reader->zone, &p->post);

        } else {
            ngx_sio_post_fail(p->peer.reader->zone, &p->post,
                              NGX_SIO_REASON_ERROR);
        }
    }

    if (rc == NGX_OK) {
        ngx_str_set(&ok, "ok");
        rc = ngx_http_sio_answer(r, "text/html", &ok);

    } else if (rc == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
        rc = ngx_http_sio_status(r, rc);

    } else {
        rc = ngx_http_sio_error(r, NGX_HTTP_SIO_BAD_REQUEST);
    }

    ngx_http_finalize_request(r, rc);
}


static ngx_int_t
ngx_http_sio_post_handle(ngx_http_sio_post_t *p)
{
    ngx_int_t        rc;
    ngx_log_t       *log;
    sio_span_t       payload;
    ngx_sio_zone_t  *zone;

    zone = p->peer.reader->zone;
    log = p->request->connection->log;

    rc = ngx_http_sio_post_read(p, &payload);

    if (rc == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
        ngx_sio_log_too_large(log);
        return rc;
    }

    if (rc == NGX_OK) {
        ngx_sio_stat(zone, bytes_in, payload.n);
    }

    if (rc != NGX_OK
        || ngx_sio_post_lost(zone, &p->post)
        || ngx_sio_dispatch_load(&p->peer) != NGX_OK)
    {
        if (p->peer.fault) {
            (void) ngx_sio_peer_fault(&p->peer, log, "packet");
        }

        return NGX_ERROR;
    }

    rc = ngx_http_sio_post_packets(p, payload);

    if (rc != NGX_OK) {
        (void) ngx_sio_peer_fault(&p->peer, log, "packet");
    }

    if (ngx_sio_dispatch_save(&p->peer) != NGX_OK) {
        rc = NGX_ERROR;
    }

    return rc;
}


/* NGX_ERROR without memory, or when the file that has the body is not read. */

static ngx_int_t
ngx_http_sio_post_read(ngx_http_sio_post_t *p, sio_span_t *payload)
{
    off_t                n;
    size_t               max;
    u_char              *bytes;
    ngx_buf_t           *b;
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    r = p->request;
    max = p->peer.endpoint->max_payload;
    ngx_memzero(payload, sizeof(sio_span_t));

    cl = r->request_body ? r->request_body->bufs : NULL;
    if (cl == NULL) {
        return NGX_OK;
    }

    b = cl->buf;

    if (cl->next == NULL && ngx_buf_in_memory(b)) {
        payload->p = b->pos;
        payload->n = b->last - b->pos;

        return payload->n > max ? NGX_HTTP_REQUEST_ENTITY_TOO_LARGE : NGX_OK;
    }

    for (n = 0; cl; cl = cl->next) {
        n += ngx_buf_size(cl->buf);
    }

    if (n > (off_t) max) {
        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    bytes = ngx_palloc(r->pool, n + 1);
    if (bytes == NULL) {
        return ngx_sio_peer_starved(&p->peer);
    }

    if (ngx_http_sio_post_copy(r, bytes) != NGX_OK) {
        return NGX_ERROR;
    }

    payload->p = bytes;
    payload->n = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_post_copy(ngx_http_request_t *r, u_char *dst)
{
    size_t        n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;
        n = ngx_buf_size(b);

        if (n == 0) {
            continue;                   /* the mark of the end of a body */
        }

        if (ngx_buf_in_memory(b)) {
            ngx_memcpy(dst, b->pos, n);

        } else if (ngx_read_file(b->file, dst, n, b->file_pos)
                   != (ssize_t) n)
        {
            return NGX_ERROR;
        }

        dst += n;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_post_packets(ngx_http_sio_post_t *p, sio_span_t payload)
{
    int               done;
    ngx_int_t         rc;
    sio_span_t        rest;
    sio_eio_packet_t  packet;

    if (!sio_utf8_valid(payload)) {
        return NGX_ERROR;
    }

    rest = payload;

    for (done = 0; !done; /* void */) {

        if (sio_eio_next(&rest, &done, &packet) != SIO_OK) {
            return NGX_ERROR;
        }

        ngx_sio_stat(p->peer.reader->zone, packets_in, 1);
        p->peer.fault = NGX_SIO_FAULT_PACKET;

        rc = ngx_http_sio_post_packet(p, &packet);

        if (rc != NGX_OK || p->peer.closing) {
            return rc == NGX_DONE ? NGX_OK : rc;
        }
    }

    return NGX_OK;
}


/* NGX_DONE: the client has closed the session, the rest does not count. */

static ngx_int_t
ngx_http_sio_post_packet(ngx_http_sio_post_t *p,
    const sio_eio_packet_t *packet)
{
    ngx_sio_zone_t  *zone;

    zone = p->peer.reader->zone;

    switch (packet->type) {

    case SIO_EIO_MESSAGE:
        return ngx_sio_dispatch_text(&p->peer, packet->data);

    case SIO_EIO_BINARY:
        return ngx_sio_dispatch_base64(&p->peer, packet->data);

    case SIO_EIO_PONG:
        ngx_sio_session_pong(zone, p->peer.session);
        return NGX_OK;

    case SIO_EIO_CLOSE:
        ngx_sio_session_close(zone, p->peer.session, NGX_SIO_REASON_CLOSE,
                              SIO_EIO_NOOP, NGX_HTTP_SIO_TOMBSTONE);
        return NGX_DONE;

    case SIO_EIO_PING:
        return NGX_ERROR;

    default:
        return NGX_OK;
    }
}


/* The session was closed elsewhere while the body was still coming. */

static void
ngx_http_sio_post_end(ngx_sio_peer_t *peer, ngx_sio_end_t why)
{
    ngx_http_sio_post_t *p = (ngx_http_sio_post_t *) peer;

    ngx_connection_t  *c;

    c = p->request->connection;
    p->ended = 1;

    ngx_http_finalize_request(p->request, NGX_HTTP_CLOSE);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_sio_post_cleanup(void *data)
{
    ngx_http_sio_post_t *p = data;

    ngx_sio_peer_forget(&p->peer);

    if (!p->ended) {
        p->ended = 1;
        ngx_sio_post_fail(p->peer.reader->zone, &p->post,
                          NGX_SIO_REASON_CLOSE);
    }
}
