
/* Appends packets to the log that are for one session or one socket. */

#include "ngx_sio_send.h"


static ngx_int_t ngx_sio_send(ngx_sio_zone_t *zone, ngx_uint_t kind,
    ngx_sio_ref_t to, const ngx_sio_payload_t *payload);
static ngx_int_t ngx_sio_send_locked(ngx_sio_zone_t *zone,
    ngx_sio_target_t *target, const ngx_sio_payload_t *payload,
    ngx_sio_mask_t *wake);


ngx_int_t
ngx_sio_session_send(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    const ngx_sio_payload_t *payload)
{
    return ngx_sio_send(zone, NGX_SIO_TO_SESSION, session, payload);
}


ngx_int_t
ngx_sio_session_send_locked(ngx_sio_zone_t *zone, uint32_t cell,
    const ngx_sio_payload_t *payload, ngx_sio_mask_t *wake)
{
    ngx_sio_target_t  target;

    target.kind = NGX_SIO_TO_SESSION;
    target.id = cell;

    return ngx_sio_send_locked(zone, &target, payload, wake);
}


ngx_int_t
ngx_sio_socket_send(ngx_sio_zone_t *zone, ngx_sio_ref_t socket,
    const ngx_sio_payload_t *payload)
{
    return ngx_sio_send(zone, NGX_SIO_TO_SOCKET, socket, payload);
}


ngx_int_t
ngx_sio_socket_send_locked(ngx_sio_zone_t *zone, uint32_t cell,
    const ngx_sio_payload_t *payload, ngx_sio_mask_t *wake)
{
    ngx_sio_target_t  target;

    target.kind = NGX_SIO_TO_SOCKET;
    target.id = cell;

    return ngx_sio_send_locked(zone, &target, payload, wake);
}


static ngx_int_t
ngx_sio_send(ngx_sio_zone_t *zone, ngx_uint_t kind, ngx_sio_ref_t to,
    const ngx_sio_payload_t *payload)
{
    ngx_int_t         rc;
    ngx_uint_t        there;
    ngx_sio_mask_t    wake;
    ngx_sio_target_t  target;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    target.kind = kind;
    target.id = to.cell;

    ngx_sio_lock(zone);

    there = kind == NGX_SIO_TO_SESSION
            ? ngx_sio_session_locked(zone, to) != NULL
            : ngx_sio_socket_locked(zone, to) != NULL;

    rc = there ? ngx_sio_send_locked(zone, &target, payload, &wake)
               : NGX_ABORT;

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);

    return rc;
}


static ngx_int_t
ngx_sio_send_locked(ngx_sio_zone_t *zone, ngx_sio_target_t *target,
    const ngx_sio_payload_t *payload, ngx_sio_mask_t *wake)
{
    uint32_t          session;
    ngx_sio_record_t  record;

    ngx_memzero(&record, sizeof(ngx_sio_record_t));

    record.targets = 1;

    if (target->kind == NGX_SIO_TO_SESSION) {
        record.type = NGX_SIO_RECORD_DIRECT;
        session = target->id;

    } else {
        record.type = NGX_SIO_RECORD_EVENT;
        record.flags = NGX_SIO_ANSWERS;
        session = zone->shared->sockets[target->id].session;
    }

    if (ngx_sio_log_append_locked(zone, &record, target, payload) == 0) {
        return NGX_DECLINED;
    }

    ngx_sio_session_mask_locked(zone, session, wake);

    return NGX_OK;
}
