
/*
 * The names of the counters and of the pools of cells, as status and the error
 * log show them.
 */

#include "ngx_sio_shared.h"


#define NGX_SIO_STAT(name)                                                    \
    { ngx_string(#name), offsetof(ngx_sio_stats_t, name) }

#define NGX_SIO_POOL(name, field)                                             \
    { ngx_string(name), offsetof(ngx_sio_shared_t, field) }


const ngx_sio_stat_t  ngx_sio_stat_names[] = {
    NGX_SIO_STAT(sessions_opened),
    NGX_SIO_STAT(sessions_closed),
    NGX_SIO_STAT(upgrades),
    NGX_SIO_STAT(sockets_opened),
    NGX_SIO_STAT(sockets_closed),
    NGX_SIO_STAT(connects_refused),
    NGX_SIO_STAT(joins),
    NGX_SIO_STAT(joins_refused),
    NGX_SIO_STAT(leaves),
    NGX_SIO_STAT(announcements),
    NGX_SIO_STAT(packets_in),
    NGX_SIO_STAT(bytes_in),
    NGX_SIO_STAT(packets_out),
    NGX_SIO_STAT(bytes_out),
    NGX_SIO_STAT(compressions),
    NGX_SIO_STAT(compressed_from),
    NGX_SIO_STAT(compressed_to),
    NGX_SIO_STAT(compressed_deliveries),
    NGX_SIO_STAT(decompressions),
    NGX_SIO_STAT(events_unmatched),
    NGX_SIO_STAT(events_limited),
    NGX_SIO_STAT(relays),
    NGX_SIO_STAT(relays_refused),
    NGX_SIO_STAT(rules_limited),
    NGX_SIO_STAT(refusals_untold),
    NGX_SIO_STAT(publishes),
    NGX_SIO_STAT(records),
    NGX_SIO_STAT(deliveries),
    NGX_SIO_STAT(volatile_dropped),
    NGX_SIO_STAT(duplicates),
    NGX_SIO_STAT(keys_evicted),
    NGX_SIO_STAT(acks),
    NGX_SIO_STAT(acks_dropped),
    NGX_SIO_STAT(slow_closed),
    NGX_SIO_STAT(overruns),
    NGX_SIO_STAT(memory_failed),
    NGX_SIO_STAT(pings_timed_out),
    NGX_SIO_STAT(protocol_errors),
    NGX_SIO_STAT(sessions_refused),
    NGX_SIO_STAT(sessions_limited),
    NGX_SIO_STAT(sockets_limited),
    NGX_SIO_STAT(tokens_refused),
    NGX_SIO_STAT(tokens_expired),
    NGX_SIO_STAT(tokens_refreshed),
    NGX_SIO_STAT(tokens_revoked),
    NGX_SIO_STAT(calls),
    NGX_SIO_STAT(calls_failed),
    NGX_SIO_STAT(calls_refused),
    NGX_SIO_STAT(calls_gone),
    NGX_SIO_STAT(cluster_sent),
    NGX_SIO_STAT(cluster_lost),
    NGX_SIO_STAT(cluster_received),
    NGX_SIO_STAT(cluster_skipped),
    NGX_SIO_STAT(cluster_refused),
    NGX_SIO_STAT(cluster_unasked),
    NGX_SIO_STAT(cluster_failures),
    NGX_SIO_STAT(cluster_handovers),
    NGX_SIO_STAT(cluster_handovers_cut),
    NGX_SIO_STAT(calls_lost),
    NGX_SIO_STAT(notices),
    NGX_SIO_STAT(notices_given_up),
    NGX_SIO_STAT(recoveries),
    NGX_SIO_STAT(recoveries_unknown),
    NGX_SIO_STAT(recoveries_offset),
    NGX_SIO_STAT(recoveries_epoch),
    NGX_SIO_STAT(recoveries_lapped),
    NGX_SIO_STAT(recoveries_token),
    NGX_SIO_STAT(recoveries_full),
    NGX_SIO_STAT(recoveries_broken),
    NGX_SIO_STAT(waits_over),
    NGX_SIO_STAT(waits_given_up),
    NGX_SIO_STAT(moved),
    NGX_SIO_STAT(rebuilds),
    NGX_SIO_STAT(rebuilds_closed),
    NGX_SIO_STAT(workers_reaped),
    { ngx_null_string, 0 }
};


const ngx_sio_stat_t  ngx_sio_pool_names[] = {
    NGX_SIO_POOL("sessions", session_pool),
    NGX_SIO_POOL("sockets", socket_pool),
    NGX_SIO_POOL("memberships", membership_pool),
    NGX_SIO_POOL("rooms", room_pool),
    NGX_SIO_POOL("namespaces", namespace_pool),
    NGX_SIO_POOL("blocks", block_pool),
    NGX_SIO_POOL("tallies", tally_pool),
    NGX_SIO_POOL("revocations", revocation_pool),
    NGX_SIO_POOL("acks", pending_pool),
    NGX_SIO_POOL("calls", ticket_pool),
    { ngx_null_string, 0 }
};
