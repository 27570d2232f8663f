
/*
 * Writes records into the zone's ring and reads them.  Knows nothing of who
 * they are for: emit addresses them, the engine and replays deliver them.
 */

#include "ngx_sio_log.h"
#include "ngx_sio_test.h"


static u_char *ngx_sio_payload_write(u_char *p,
    const ngx_sio_payload_t *payload);
static u_char *ngx_sio_part_length(u_char *p, uint32_t n);


size_t
ngx_sio_payload_size(const ngx_sio_payload_t *payload)
{
    size_t      n;
    ngx_uint_t  i;

    n = 4 + payload->text[0].n + payload->text[1].n + payload->text[2].n
        + payload->text[3].n;

    for (i = 0; i < payload->nattachments; i++) {
        n += 4 + payload->attachments[i].n;
    }

    return n;
}


ngx_uint_t
ngx_sio_log_fits(ngx_sio_zone_t *zone, size_t length)
{
    return length <= sio_ring_record_max(zone->shared->log)
                     - sizeof(ngx_sio_record_t) - 16;
}


uint64_t
ngx_sio_log_append_locked(ngx_sio_zone_t *zone, const ngx_sio_record_t *record,
    ngx_sio_target_t *targets, const ngx_sio_payload_t *payload)
{
    u_char            *p;
    size_t             length, n;
    uint64_t          *last, quarter;
    ngx_uint_t         i;
    ngx_time_t        *tp;
    ngx_sio_record_t  *r;

    n = (record->targets + record->excepts) * sizeof(ngx_sio_target_t);
    length = ngx_sio_payload_size(payload);

    r = (ngx_sio_record_t *) sio_ring_reserve(zone->shared->log,
                                         sizeof(ngx_sio_record_t) + n + length);
    if (r == NULL) {
        return 0;
    }

    for (i = 0; i < record->targets; i++) {
        last = ngx_sio_target_last(zone->shared, targets[i].kind,
                                   targets[i].id);
        targets[i].prev = last ? *last : 0;
    }

    tp = ngx_timeofday();

    r->time = (uint64_t) tp->sec * 1000 + tp->msec;
    r->type = record->type;
    r->flags = record->flags;
    r->targets = record->targets;
    r->excepts = record->excepts;
    r->parts = 1 + payload->nattachments;
    r->length = length;

    ngx_sio_test_point();
    p = ngx_cpymem(r + 1, targets, n);
    (void) ngx_sio_payload_write(p, payload);

    /* a chain may only lead to what is in the log: a rebuild sees to it */

    ngx_sio_test_point();
    sio_ring_commit(zone->shared->log, &r->ring);
    ngx_sio_test_point();

    quarter = zone->shared->log->size / 4;

    if (sio_ring_head(zone->shared->log) / quarter
        != r->ring.position / quarter)
    {
        zone->crossed = 1;
    }

    ngx_sio_log_note_locked(zone->shared, r, targets);

    ngx_sio_stat(zone, records, 1);

    return r->ring.position;
}


void
ngx_sio_log_note_locked(ngx_sio_shared_t *sh, const ngx_sio_record_t *record,
    const ngx_sio_target_t *targets)
{
    uint64_t    *last;
    ngx_uint_t   i;

    for (i = 0; i < record->targets; i++) {
        last = ngx_sio_target_last(sh, targets[i].kind, targets[i].id);

        if (last) {
            *last = record->ring.position;
        }
    }

    for (targets += i, i = 0; i < record->excepts; i++) {
        if (targets[i].kind == NGX_SIO_TO_ROOM) {
            sh->rooms[targets[i].id].excepted = record->ring.position;
        }
    }
}


static u_char *
ngx_sio_payload_write(u_char *p, const ngx_sio_payload_t *payload)
{
    ngx_uint_t  i;

    p = ngx_sio_part_length(p, payload->text[0].n + payload->text[1].n
                               + payload->text[2].n + payload->text[3].n);

    for (i = 0; i < 4; i++) {
        if (payload->text[i].n) {
            p = ngx_cpymem(p, payload->text[i].p, payload->text[i].n);
        }
    }

    for (i = 0; i < payload->nattachments; i++) {
        p = ngx_sio_part_length(p, payload->attachments[i].n);

        if (payload->attachments[i].n) {
            p = ngx_cpymem(p, payload->attachments[i].p,
                           payload->attachments[i].n);
        }
    }

    return p;
}


static u_char *
ngx_sio_part_length(u_char *p, uint32_t n)
{
    return ngx_cpymem(p, &n, sizeof(uint32_t));
}


void
ngx_sio_control_locked(ngx_sio_zone_t *zone, ngx_sio_worker_t worker,
    const ngx_sio_control_t *control, ngx_sio_mask_t *wake)
{
    ngx_sio_payload_t  nothing;

    ngx_memzero(&nothing, sizeof(ngx_sio_payload_t));

    (void) ngx_sio_control_more_locked(zone, worker, control, &nothing, wake);
}


ngx_int_t
ngx_sio_control_more_locked(ngx_sio_zone_t *zone, ngx_sio_worker_t worker,
    const ngx_sio_control_t *control, ngx_sio_payload_t *more,
    ngx_sio_mask_t *wake)
{
    ngx_sio_target_t  target;
    ngx_sio_record_t  record;

    if (!ngx_sio_worker_current(worker)) {
        return NGX_DECLINED;
    }

    ngx_memzero(&record, sizeof(ngx_sio_record_t));

    record.type = NGX_SIO_RECORD_CONTROL;
    record.targets = 1;

    target.kind = NGX_SIO_TO_WORKER;
    target.id = ngx_sio_worker_slot(worker);

    more->text[0].p = (const uint8_t *) control;
    more->text[0].n = sizeof(ngx_sio_control_t);

    if (ngx_sio_log_append_locked(zone, &record, &target, more) == 0) {
        return NGX_DECLINED;
    }

    ngx_sio_mask_set(wake, target.id);

    return NGX_OK;
}


ngx_int_t
ngx_sio_log_read(ngx_sio_zone_t *zone, uint64_t position,
    ngx_sio_record_view_t *view)
{
    size_t                    n;
    sio_ring_t               *log;
    const sio_ring_record_t  *r;

    static ngx_sio_target_t   targets[2 * NGX_SIO_TARGETS_MAX];

    log = zone->shared->log;

    if (position >= sio_ring_head(log)) {
        return NGX_DONE;
    }

    r = sio_ring_at(log, position);
    if (r == NULL) {
        return NGX_DECLINED;
    }

    ngx_memcpy(&view->head, r, sizeof(ngx_sio_record_t));

    if (!sio_ring_valid(log, position)) {
        return NGX_DECLINED;
    }

    n = (size_t) view->head.targets + view->head.excepts;

    /* a position that came from outside may be none of ours */

    if (n > 2 * NGX_SIO_TARGETS_MAX
        || sizeof(ngx_sio_record_t) + n * sizeof(ngx_sio_target_t)
           + view->head.length > view->head.ring.size)
    {
        return NGX_DECLINED;
    }

    ngx_memcpy(targets, (ngx_sio_record_t *) r + 1,
               n * sizeof(ngx_sio_target_t));

    if (!sio_ring_valid(log, position)) {
        return NGX_DECLINED;
    }

    view->stamped = 0;
    view->targets = targets;
    view->excepts = targets + view->head.targets;
    view->packet = (const u_char *) ((ngx_sio_record_t *) r + 1)
                   + n * sizeof(ngx_sio_target_t);

    return NGX_OK;
}


ngx_int_t
ngx_sio_log_copy(ngx_sio_zone_t *zone, const ngx_sio_record_view_t *view,
    void *dst)
{
    ngx_memcpy(dst, view->packet, view->head.length);

    return sio_ring_valid(zone->shared->log, view->head.ring.position)
           ? NGX_OK : NGX_DECLINED;
}


uint64_t *
ngx_sio_target_last(ngx_sio_shared_t *sh, uint32_t kind, uint32_t id)
{
    switch (kind) {

    case NGX_SIO_TO_NAMESPACE:
        return &sh->namespaces[id].last;

    case NGX_SIO_TO_ROOM:
        return &sh->rooms[id].last;

    case NGX_SIO_TO_SOCKET:
        return &sh->sockets[id].last;

    case NGX_SIO_TO_SESSION:
        return &sh->sessions[id].last;

    default:
        return NULL;
    }
}
