
/*
 * Holds binary packets until they are complete, in the worker's memory or, for
 * polling sessions between two POSTs, in shared memory: the text and each
 * attachment as a 32-bit length and the bytes.  What a packet does is not known
 * here.
 */

#include "ngx_sio_denied.h"
#include "ngx_sio_kept.h"
#include "ngx_sio_partial.h"


static ngx_int_t ngx_sio_partial_own(ngx_sio_partial_t *partial,
    sio_span_t *data);
static void ngx_sio_partial_rebase(sio_span_t *span, sio_span_t from,
    sio_span_t to);
static void ngx_sio_partial_kept(const ngx_sio_peer_t *peer,
    ngx_sio_kept_t *kept);
static ngx_int_t ngx_sio_partial_restore(ngx_sio_peer_t *peer,
    ngx_sio_kept_t *kept, u_char *bytes, size_t n);
static ngx_int_t ngx_sio_partial_part(sio_span_t *rest, sio_span_t *part);
static ngx_int_t ngx_sio_partial_append(ngx_sio_kept_t *kept,
    sio_span_t part);


ngx_int_t
ngx_sio_partial_begin(ngx_sio_peer_t *peer, sio_span_t text,
    const sio_packet_t *packet)
{
    ngx_sio_partial_t  *partial;

    partial = ngx_calloc(sizeof(ngx_sio_partial_t), ngx_cycle->log);
    if (partial == NULL) {
        return ngx_sio_peer_starved(peer);
    }

    partial->packet = *packet;
    partial->text = text;
    partial->size = text.n;

    if (ngx_sio_partial_own(partial, &partial->text) != NGX_OK) {
        ngx_sio_partial_free(partial);
        return ngx_sio_peer_starved(peer);
    }

    ngx_sio_partial_rebase(&partial->packet.nsp, text, partial->text);
    ngx_sio_partial_rebase(&partial->packet.id, text, partial->text);
    ngx_sio_partial_rebase(&partial->packet.payload.raw, text, partial->text);
    ngx_sio_partial_rebase(&partial->packet.event.raw, text, partial->text);

    peer->partial = partial;

    return NGX_OK;
}


/* Replaces bytes by a copy of them. */

static ngx_int_t
ngx_sio_partial_own(ngx_sio_partial_t *partial, sio_span_t *data)
{
    u_char  *copy;

    copy = ngx_alloc(data->n + 1, ngx_cycle->log);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    if (data->n) {
        ngx_memcpy(copy, data->p, data->n);
    }

    data->p = copy;
    partial->owned[partial->nowned++] = copy;

    return NGX_OK;
}


/* Parsing the copy would be the second time; "/" may be none of its bytes. */

static void
ngx_sio_partial_rebase(sio_span_t *span, sio_span_t from, sio_span_t to)
{
    if (span->n && span->p >= from.p && span->p < from.p + from.n) {
        span->p = to.p + (span->p - from.p);
    }
}


ngx_int_t
ngx_sio_partial_add(ngx_sio_peer_t *peer, sio_span_t data)
{
    ngx_sio_partial_t  *partial;

    partial = peer->partial;
    partial->size += data.n;

    if (partial->size > peer->endpoint->max_payload) {
        peer->fault = NGX_SIO_FAULT_SIZE;
        return NGX_ERROR;
    }

    if (ngx_sio_partial_own(partial, &data) != NGX_OK) {
        return ngx_sio_peer_starved(peer);
    }

    partial->attachments[partial->n++] = data;

    return NGX_OK;
}


ngx_sio_partial_t *
ngx_sio_partial_take(ngx_sio_peer_t *peer)
{
    ngx_sio_partial_t  *partial;

    partial = peer->partial;
    peer->partial = NULL;

    return partial;
}


void
ngx_sio_partial_free(ngx_sio_partial_t *partial)
{
    ngx_uint_t  i;

    if (partial == NULL) {
        return;
    }

    for (i = 0; i < partial->nowned; i++) {
        ngx_free(partial->owned[i]);
    }

    ngx_free(partial);
}


static void
ngx_sio_partial_kept(const ngx_sio_peer_t *peer, ngx_sio_kept_t *kept)
{
    kept->zone = peer->reader->zone;
    kept->session = peer->session;
    kept->tail = 0;
}


ngx_int_t
ngx_sio_partial_load(ngx_sio_peer_t *peer)
{
    size_t           n;
    u_char          *bytes;
    ngx_int_t        rc;
    ngx_sio_kept_t   kept;

    ngx_sio_partial_kept(peer, &kept);

    n = ngx_sio_kept_size(&kept);
    if (n == 0) {
        return NGX_ERROR;
    }

    bytes = ngx_alloc(n, ngx_cycle->log);
    if (bytes == NULL) {
        return ngx_sio_peer_starved(peer);
    }

    n = ngx_sio_kept_read(&kept, bytes, n);

    rc = ngx_sio_partial_restore(peer, &kept, bytes, n);

    if (rc == NGX_OK && peer->kind == NGX_SIO_PEER_WEBSOCKET) {
        ngx_sio_kept_free(&kept);
        peer->kept = 0;
        peer->partial->saved = 0;
    }

    return rc;
}


/* The bytes become the packet's, or are freed. */

static ngx_int_t
ngx_sio_partial_restore(ngx_sio_peer_t *peer, ngx_sio_kept_t *kept,
    u_char *bytes, size_t n)
{
    sio_span_t          rest;
    ngx_sio_partial_t  *partial;

    partial = ngx_calloc(sizeof(ngx_sio_partial_t), ngx_cycle->log);
    if (partial == NULL) {
        ngx_free(bytes);
        return ngx_sio_peer_starved(peer);
    }

    partial->owned[partial->nowned++] = bytes;
    partial->tail = kept->tail;

    rest.p = bytes;
    rest.n = n;

    if (ngx_sio_partial_part(&rest, &partial->text) != NGX_OK
        || sio_packet_parse(partial->text, &partial->packet) != SIO_OK)
    {
        ngx_sio_partial_free(partial);
        return NGX_ERROR;
    }

    partial->size = partial->text.n;

    while (rest.n) {
        if (partial->n == partial->packet.attachments
            || ngx_sio_partial_part(&rest, &partial->attachments[partial->n])
               != NGX_OK)
        {
            ngx_sio_partial_free(partial);
            return NGX_ERROR;
        }

        partial->size += partial->attachments[partial->n++].n;
    }

    partial->saved = 1 + partial->n;
    peer->partial = partial;
    peer->attachments = partial->packet.attachments - partial->n;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_partial_part(sio_span_t *rest, sio_span_t *part)
{
    uint32_t  n;

    if (rest->n < sizeof(uint32_t)) {
        return NGX_ERROR;
    }

    ngx_memcpy(&n, rest->p, sizeof(uint32_t));

    if (n > rest->n - sizeof(uint32_t)) {
        return NGX_ERROR;
    }

    part->p = rest->p + sizeof(uint32_t);
    part->n = n;

    rest->p += sizeof(uint32_t) + n;
    rest->n -= sizeof(uint32_t) + n;

    return NGX_OK;
}


ngx_int_t
ngx_sio_partial_save(ngx_sio_peer_t *peer)
{
    ngx_int_t           rc;
    ngx_sio_kept_t      kept;
    ngx_sio_partial_t  *partial;

    partial = peer->partial;
    ngx_sio_partial_kept(peer, &kept);

    if (peer->kept && (partial == NULL || partial->saved == 0)) {
        ngx_sio_kept_free(&kept);
    }

    if (partial == NULL) {
        return NGX_OK;
    }

    kept.tail = partial->tail;
    rc = NGX_OK;

    while (partial->saved < 1 + partial->n && rc == NGX_OK) {
        rc = ngx_sio_partial_append(&kept, partial->saved
                                    ? partial->attachments[partial->saved - 1]
                                    : partial->text);
        partial->saved++;
    }

    if (rc != NGX_DECLINED) {
        return NGX_OK;
    }

    ngx_sio_log_seldom(NGX_LOG_ERR, ngx_cycle->log,
                       "socketio zone \"%V\" has no memory to keep %uz bytes "
                       "of a binary event whose attachments come in several "
                       "POSTs: its session is closed; make zone=%V larger",
                       &kept.zone->name, partial->size, &kept.zone->name);

    return NGX_ERROR;
}


static ngx_int_t
ngx_sio_partial_append(ngx_sio_kept_t *kept, sio_span_t part)
{
    uint32_t    n;
    ngx_int_t   rc;
    sio_span_t  head;

    n = part.n;
    head.p = (uint8_t *) &n;
    head.n = sizeof(uint32_t);

    rc = ngx_sio_kept_append(kept, head);

    return rc == NGX_OK ? ngx_sio_kept_append(kept, part) : rc;
}
