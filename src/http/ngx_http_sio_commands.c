
/*
 * The directives of ngx_socketio_module: where each may stand, who parses it,
 * which field it sets, and the bounds of numbers.  Read by nginx, and by
 * ngx_http_sio_namespace.c for the lines of a block; nothing is parsed here.
 */

#include "ngx_http_sio_setters.h"


#define NGX_HTTP_SIO_ANY                                                      \
    NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF

#define ngx_http_sio_endpoint_field(name)                                     \
    offsetof(ngx_http_sio_loc_conf_t, endpoint.name)

/* also a directive of socketio_namespace blocks */
#define ngx_http_sio_namespace_field(name)                                    \
    offsetof(ngx_http_sio_loc_conf_t, endpoint.defaults.name)


/* ms; browsers cannot time 2^31 ms, which is what two of 12 days come near */
static ngx_http_sio_range_t  ngx_http_sio_times = {
    ngx_http_sio_check_range, 1, 10 * 24 * 3600 * 1000,
    "must be more than 0 and at most 10d"
};


static ngx_http_sio_range_t  ngx_http_sio_payloads = {
    ngx_http_sio_check_range, 1, 1024 * 1024 * 1024,
    "must be more than 0 and at most 1024m"
};


static ngx_http_sio_range_t  ngx_http_sio_buffers = {
    ngx_http_sio_check_range, 4096, 1024 * 1024 * 1024, "must be 4k to 1024m"
};


/* the registry holds NGX_SIO_NAMESPACES, with those of literal names */
static ngx_http_sio_range_t  ngx_http_sio_namespace_limits = {
    ngx_http_sio_check_range, 1, 1000, "must be 1 to 1000"
};


static ngx_http_sio_range_t  ngx_http_sio_queues = {
    ngx_http_sio_check_range, 1, 1000000, "must be 1 to 1000000"
};


static ngx_http_sio_range_t  ngx_http_sio_data_limits = {
    ngx_http_sio_check_range, 256, 65536, "must be 256 to 64k"
};


static ngx_http_sio_range_t  ngx_http_sio_room_limits = {
    ngx_http_sio_check_range, 1, 65535, "must be 1 to 65535"
};


static ngx_http_sio_range_t  ngx_http_sio_room_lengths = {
    ngx_http_sio_check_range, 1, 4096, "must be 1 to 4096"
};


ngx_command_t  ngx_http_sio_commands[] = {

    { ngx_string("socketio_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_sio_set_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("socketio_drain"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_sio_main_conf_t, drain),
      NULL },

    { ngx_string("socketio"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_sio_set_endpoint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("socketio_namespace"),
      NGX_HTTP_LOC_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_sio_namespace_block,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("socketio_limit_namespaces"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_endpoint_field(limit_namespaces),
      &ngx_http_sio_namespace_limits },

    { ngx_string("socketio_forward_queue"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_endpoint_field(forward_queue),
      &ngx_http_sio_queues },

    { ngx_string("socketio_forward_retry"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_endpoint_field(forward_retry),
      NULL },

    { ngx_string("socketio_ping_interval"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_endpoint_field(ping_interval),
      &ngx_http_sio_times },

    { ngx_string("socketio_ping_timeout"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_endpoint_field(ping_timeout),
      &ngx_http_sio_times },

    { ngx_string("socketio_connect_timeout"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_endpoint_field(connect_timeout),
      &ngx_http_sio_times },

    { ngx_string("socketio_upgrade_timeout"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_endpoint_field(upgrade_timeout),
      &ngx_http_sio_times },

    { ngx_string("socketio_max_payload"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_endpoint_field(max_payload),
      &ngx_http_sio_payloads },

    { ngx_string("socketio_transports"),
      NGX_HTTP_SIO_ANY|NGX_CONF_1MORE,
      ngx_http_sio_set_transports,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, transports),
      NULL },

    { ngx_string("socketio_cookie"),
      NGX_HTTP_SIO_ANY|NGX_CONF_1MORE,
      ngx_http_sio_set_cookie,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, cookie),
      NULL },

    { ngx_string("socketio_origin"),
      NGX_HTTP_SIO_ANY|NGX_CONF_1MORE,
      ngx_http_sio_set_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, origin),
      NULL },

    { ngx_string("socketio_send_buffer"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(send_buffer),
      &ngx_http_sio_buffers },

    { ngx_string("socketio_compression"),
      NGX_HTTP_SIO_ANY|NGX_CONF_1MORE,
      ngx_http_sio_set_compression,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(compression),
      NULL },

    { ngx_string("socketio_room"),
      NGX_HTTP_SIO_ANY|NGX_CONF_1MORE,
      ngx_http_sio_set_room,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(rooms),
      NULL },

    { ngx_string("socketio_jwt_key"),
      NGX_HTTP_SIO_ANY|NGX_CONF_1MORE,
      ngx_http_sio_set_jwt_key,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(auth.keys),
      NULL },

    { ngx_string("socketio_jwt_jwks"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE1,
      ngx_http_sio_set_jwt_jwks,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(auth.keys),
      NULL },

    { ngx_string("socketio_jwt_token"),
      NGX_HTTP_SIO_ANY|NGX_CONF_1MORE,
      ngx_http_sio_set_jwt_token,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, token_sources),
      NULL },

    { ngx_string("socketio_jwt_require"),
      NGX_HTTP_SIO_ANY|NGX_CONF_1MORE,
      ngx_http_sio_set_jwt_require,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(auth.require),
      NULL },

    { ngx_string("socketio_jwt_leeway"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(auth.leeway),
      NULL },

    { ngx_string("socketio_auth"),
      NGX_HTTP_SIO_ANY|NGX_CONF_1MORE,
      ngx_http_sio_set_auth,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(auth.mode),
      NULL },

    { ngx_string("socketio_auth_message"),
      NGX_HTTP_SIO_ANY|NGX_CONF_1MORE,
      ngx_http_sio_set_auth_message,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(auth.message),
      NULL },

    { ngx_string("socketio_auth_expiry"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE1,
      ngx_http_sio_set_auth_expiry,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(auth.expiry),
      NULL },

    { ngx_string("socketio_data"),
      NGX_HTTP_SIO_ANY|NGX_CONF_1MORE,
      ngx_http_sio_set_data,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(data),
      NULL },

    { ngx_string("socketio_limit_data"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(auth.limit),
      &ngx_http_sio_data_limits },

    { ngx_string("socketio_announce"),
      NGX_HTTP_SIO_ANY|NGX_CONF_1MORE,
      ngx_http_sio_set_announce,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(announce),
      NULL },

    { ngx_string("socketio_recovery"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE12,
      ngx_http_sio_set_recovery,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(recovery),
      NULL },

    { ngx_string("socketio_join_event"),
      NGX_HTTP_SIO_ANY|NGX_CONF_1MORE,
      ngx_http_sio_set_events,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(join_events),
      NULL },

    { ngx_string("socketio_leave_event"),
      NGX_HTTP_SIO_ANY|NGX_CONF_1MORE,
      ngx_http_sio_set_events,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(leave_events),
      NULL },

    { ngx_string("socketio_on"),
      NGX_HTTP_SIO_ANY|NGX_CONF_1MORE,
      ngx_http_sio_set_on,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(events),
      NULL },

    { ngx_string("socketio_refresh_event"),
      NGX_HTTP_SIO_ANY|NGX_CONF_1MORE,
      ngx_http_sio_set_events,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(refresh_events),
      NULL },

    { ngx_string("socketio_limit_rooms"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(limit_rooms),
      &ngx_http_sio_room_limits },

    { ngx_string("socketio_limit_events"),
      NGX_HTTP_SIO_ANY|NGX_CONF_1MORE,
      ngx_http_sio_set_limit_events,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(limit_events),
      NULL },

    { ngx_string("socketio_limit_sockets"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE1,
      ngx_http_sio_set_limit_sockets,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(limit_sockets),
      NULL },

    { ngx_string("socketio_limit_connections"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE12,
      ngx_http_sio_set_limit_connections,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_endpoint_field(limit_connections),
      NULL },

    { ngx_string("socketio_limit_connects"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE12,
      ngx_http_sio_set_limit_connects,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_endpoint_field(limit_connects),
      NULL },

    { ngx_string("socketio_room_max_length"),
      NGX_HTTP_SIO_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_sio_namespace_field(room_max_length),
      &ngx_http_sio_room_lengths },

      ngx_null_command
};
