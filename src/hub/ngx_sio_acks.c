
/*
 * Questions and acks.  An id is a cell and the serial of its use, so that it is
 * looked up at once and void by itself when the question is closed; the serial
 * takes 32 bits of it and the cell less than 21.  Serials are random: who was
 * not asked does not know them.
 */

#include "ngx_sio_acks.h"
#include "ngx_sio_hashes.h"


static ngx_int_t ngx_sio_ack_id(ngx_sio_shared_t *sh, sio_span_t id,
    ngx_sio_ref_t *pending);
static ngx_int_t ngx_sio_ack_pass_locked(ngx_sio_zone_t *zone,
    ngx_sio_ref_t pending, const ngx_sio_ack_t *ack, ngx_sio_mask_t *wake);
static ngx_uint_t ngx_sio_ack_awaited(const ngx_sio_pending_t *p,
    uint32_t serial);
static ngx_sio_ask_t *ngx_sio_ask_find(ngx_sio_zone_t *zone,
    ngx_sio_ref_t pending);
static ngx_int_t ngx_sio_ack_parse(ngx_sio_ack_t *ack, sio_span_t packet,
    ngx_uint_t parts);
static ngx_int_t ngx_sio_ack_part(sio_span_t *packet, sio_span_t *part);


ngx_int_t
ngx_sio_ask_open(ngx_sio_ask_t *ask, ngx_msec_t time)
{
    uint32_t            cell, serial;
    ngx_sio_zone_t     *zone;
    ngx_sio_pending_t  *p;

    zone = ask->zone;

    if (ngx_sio_random(&serial, sizeof(uint32_t)) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_sio_lock(zone);

    cell = ngx_sio_pending_cell(zone->shared);

    if (cell) {
        p = &zone->shared->pendings[cell];
        p->serial = ngx_max(serial, 1);
        p->worker = ngx_sio_self_worker;
        p->expires = ngx_current_msec + time;

        ngx_memory_barrier();
        p->state = NGX_SIO_LIVE;

        ask->pending.cell = cell;
        ask->pending.serial = p->serial;
    }

    ngx_sio_unlock(zone);

    if (cell == 0) {
        ask->pending.cell = 0;
        return NGX_DECLINED;
    }

    ask->node.key = cell;
    ngx_rbtree_insert(&zone->asks, &ask->node);

    return NGX_OK;
}


void
ngx_sio_ask_close(ngx_sio_ask_t *ask)
{
    ngx_sio_zone_t     *zone;
    ngx_sio_pending_t  *p;

    if (ask->pending.cell == 0) {
        return;
    }

    zone = ask->zone;
    p = &zone->shared->pendings[ask->pending.cell];

    ngx_sio_lock(zone);

    if (p->state == NGX_SIO_LIVE && p->serial == ask->pending.serial) {
        ngx_sio_pending_cell_free(zone->shared, ask->pending.cell);
    }

    ngx_sio_unlock(zone);

    ngx_rbtree_delete(&zone->asks, &ask->node);
    ask->pending.cell = 0;
}


u_char *
ngx_sio_ask_id(const ngx_sio_ask_t *ask, u_char *dst)
{
    return ngx_sprintf(dst, "%uL", (uint64_t) ask->pending.cell << 32
                                   | ask->pending.serial);
}


void
ngx_sio_ack(ngx_sio_zone_t *zone, sio_span_t id, const ngx_sio_ack_t *ack)
{
    ngx_int_t       rc;
    ngx_sio_ref_t   pending;
    ngx_sio_mask_t  wake;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    /* made up ids are not worth the lock */

    rc = ngx_sio_ack_id(zone->shared, id, &pending);

    if (rc == NGX_OK) {
        ngx_sio_lock(zone);
        rc = ngx_sio_ack_pass_locked(zone, pending, ack, &wake);
        ngx_sio_unlock(zone);

        ngx_sio_wake(&wake);
    }

    if (rc == NGX_OK) {
        ngx_sio_stat(zone, acks, 1);

    } else {
        ngx_sio_stat(zone, acks_dropped, 1);
    }
}


static ngx_int_t
ngx_sio_ack_id(ngx_sio_shared_t *sh, sio_span_t id, ngx_sio_ref_t *pending)
{
    size_t    i;
    uint64_t  n;

    if (id.n == 0 || id.n > NGX_SIO_ASK_ID_LEN) {
        return NGX_DECLINED;
    }

    for (n = 0, i = 0; i < id.n; i++) {
        n = n * 10 + (id.p[i] - '0');
    }

    if (n >> 32 == 0 || n >> 32 >= sh->pending_pool.size) {
        return NGX_DECLINED;
    }

    pending->cell = n >> 32;
    pending->serial = (uint32_t) n;

    return ngx_sio_ack_awaited(&sh->pendings[pending->cell], pending->serial)
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_sio_ack_pass_locked(ngx_sio_zone_t *zone, ngx_sio_ref_t pending,
    const ngx_sio_ack_t *ack, ngx_sio_mask_t *wake)
{
    ngx_sio_socket_t   *so;
    ngx_sio_payload_t   more;
    ngx_sio_pending_t  *p;
    ngx_sio_control_t   control;

    p = &zone->shared->pendings[pending.cell];
    so = &zone->shared->sockets[ack->socket.cell];

    /* a client that repeats itself must not fill the log */

    if (!ngx_sio_ack_awaited(p, pending.serial)
        || so->serial != ack->socket.serial
        || so->answered == pending.serial)
    {
        return NGX_DECLINED;
    }

    so->answered = pending.serial;

    ngx_memzero(&more, sizeof(ngx_sio_payload_t));

    more.text[1] = ack->value;
    more.attachments = ack->attachments;
    more.nattachments = ack->nattachments;

    control.op = NGX_SIO_CTL_ACK;
    control.room = 0;
    control.session = pending;
    control.socket = ack->socket;

    if (ngx_sio_control_more_locked(zone, p->worker, &control, &more, wake)
        == NGX_OK)
    {
        return NGX_OK;
    }

    /* without a value: it is lost */

    ngx_sio_control_locked(zone, p->worker, &control, wake);

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_sio_ack_awaited(const ngx_sio_pending_t *p, uint32_t serial)
{
    return p->state == NGX_SIO_LIVE
           && p->serial == serial
           && p->expires > ngx_current_msec;
}


void
ngx_sio_ack_read(ngx_sio_zone_t *zone, const ngx_sio_control_t *control,
    const ngx_sio_record_view_t *view)
{
    u_char         *p;
    sio_span_t      packet, attachments[SIO_ATTACHMENTS_MAX];
    ngx_sio_ack_t   ack;
    ngx_sio_ask_t  *ask;

    ask = ngx_sio_ask_find(zone, control->session);

    if (ask == NULL) {
        ngx_sio_stat(zone, acks_dropped, 1);
        return;
    }

    ngx_memzero(&ack, sizeof(ngx_sio_ack_t));

    ack.socket = control->socket;
    ack.attachments = attachments;
    ack.lost = 1;

    p = ngx_alloc(view->head.length, ngx_cycle->log);

    if (p && ngx_sio_log_copy(zone, view, p) == NGX_OK) {
        packet.p = p;
        packet.n = view->head.length;

        ack.lost = ngx_sio_ack_parse(&ack, packet, view->head.parts)
                   != NGX_OK;
    }

    ask->handler(ask, &ack);

    if (p) {
        ngx_free(p);
    }
}


static ngx_sio_ask_t *
ngx_sio_ask_find(ngx_sio_zone_t *zone, ngx_sio_ref_t pending)
{
    ngx_sio_ask_t      *ask;
    ngx_rbtree_node_t  *node;

    node = zone->asks.root;

    while (node != zone->asks.sentinel) {

        if (pending.cell != node->key) {
            node = pending.cell < node->key ? node->left : node->right;
            continue;
        }

        ask = (ngx_sio_ask_t *) ((u_char *) node
                                 - offsetof(ngx_sio_ask_t, node));

        return ask->pending.serial == pending.serial ? ask : NULL;
    }

    return NULL;
}


ngx_sio_ref_t *
ngx_sio_asked_find(ngx_sio_ref_t *asked, ngx_uint_t n, uint32_t cell)
{
    ngx_uint_t  low, high, middle;

    low = 0;
    high = n;

    while (low < high) {
        middle = (low + high) / 2;

        if (asked[middle].cell < cell) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low < n && asked[low].cell == cell ? &asked[low] : NULL;
}


/* The first part is the control and the value, the others are binaries. */

static ngx_int_t
ngx_sio_ack_parse(ngx_sio_ack_t *ack, sio_span_t packet, ngx_uint_t parts)
{
    ngx_uint_t  i;

    if (parts == 0 || parts > 1 + SIO_ATTACHMENTS_MAX
        || ngx_sio_ack_part(&packet, &ack->value) != NGX_OK
        || ack->value.n <= sizeof(ngx_sio_control_t))
    {
        return NGX_ERROR;
    }

    ack->value.p += sizeof(ngx_sio_control_t);
    ack->value.n -= sizeof(ngx_sio_control_t);

    for (i = 0; i < parts - 1; i++) {
        if (ngx_sio_ack_part(&packet, &ack->attachments[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ack->nattachments = i;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_ack_part(sio_span_t *packet, sio_span_t *part)
{
    uint32_t  n;

    if (packet->n < sizeof(uint32_t)) {
        return NGX_ERROR;
    }

    ngx_memcpy(&n, packet->p, sizeof(uint32_t));

    if (n > packet->n - sizeof(uint32_t)) {
        return NGX_ERROR;
    }

    part->p = packet->p + sizeof(uint32_t);
    part->n = n;

    packet->p += sizeof(uint32_t) + n;
    packet->n -= sizeof(uint32_t) + n;

    return NGX_OK;
}


void
ngx_sio_asks_orphans(ngx_sio_zone_t *zone, ngx_sio_worker_t dead)
{
    uint32_t            cell;
    ngx_sio_pending_t  *p;

    for (cell = 1; cell < zone->shared->pending_pool.fresh; cell++) {
        p = &zone->shared->pendings[cell];

        if (p->state == NGX_SIO_FREE || p->worker != dead) {
            continue;
        }

        ngx_sio_lock(zone);

        if (p->state == NGX_SIO_LIVE && p->worker == dead) {
            ngx_sio_pending_cell_free(zone->shared, cell);
        }

        ngx_sio_unlock(zone);
    }
}
