
/* Appends packets to the log that are for one session or one socket. */

#include "ngx_sio_send.h"


static ngx_int_t ngx_sio_send_locked(ngx_sio_zone_t *zone, ngx_uint_t type,
    ngx_sio_target_t *target, const ngx_sio_payload_t *payload);


ngx_int_t
ngx_sio_session_send(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    const ngx_sio_payload_t *payload)
{
    ngx_int_t       rc;
    ngx_sio_mask_t  wake;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(zone);

    rc = NGX_ABORT;

    if (ngx_sio_session_locked(zone, session) != NULL) {
        rc = ngx_sio_session_send_locked(zone, session.cell, payload, &wake);
    }

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);

    return rc;
}


ngx_int_t
ngx_sio_session_send_locked(ngx_sio_zone_t *zone, uint32_t cell,
    const ngx_sio_payload_t *payload, ngx_sio_mask_t *wake)
{
    ngx_int_t         rc;
    ngx_sio_target_t  target;

    target.kind = NGX_SIO_TO_SESSION;
    target.id = cell;

    rc = ngx_sio_send_locked(zone, NGX_SIO_RECORD_DIRECT, &target, payload);

    if (rc == NGX_OK) {
        ngx_sio_session_mask_locked(zone, cell, wake);
    }

    return rc;
}


ngx_int_t
ngx_sio_socket_send(ngx_sio_zone_t *zone, ngx_sio_ref_t socket,
    const ngx_sio_payload_t *payload)
{
    ngx_int_t       rc;
    ngx_sio_mask_t  wake;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(zone);

    rc = NGX_ABORT;

    if (ngx_sio_socket_locked(zone, socket) != NULL) {
        rc = ngx_sio_socket_send_locked(zone, socket.cell, payload, &wake);
    }

    ngx_sio_unlock(zone);

    ngx_sio_wake(&wake);

    return rc;
}


ngx_int_t
ngx_sio_socket_send_locked(ngx_sio_zone_t *zone, uint32_t cell,
    const ngx_sio_payload_t *payload, ngx_sio_mask_t *wake)
{
    ngx_int_t         rc;
    ngx_sio_target_t  target;

    target.kind = NGX_SIO_TO_SOCKET;
    target.id = cell;

    rc = ngx_sio_send_locked(zone, NGX_SIO_RECORD_EVENT, &target, payload);

    if (rc == NGX_OK) {
        ngx_sio_session_mask_locked(zone, zone->shared->sockets[cell].session,
                                    wake);
    }

    return rc;
}


static ngx_int_t
ngx_sio_send_locked(ngx_sio_zone_t *zone, ngx_uint_t type,
    ngx_sio_target_t *target, const ngx_sio_payload_t *payload)
{
    ngx_sio_record_t  record;

    ngx_memzero(&record, sizeof(ngx_sio_record_t));

    record.type = type;
    record.targets = 1;

    return ngx_sio_log_append_locked(zone, &record, target, payload)
           ? NGX_OK : NGX_DECLINED;
}
