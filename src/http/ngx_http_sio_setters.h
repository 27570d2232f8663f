
/*
 * Parsers of the directives that nginx has no ready-made slot for.
 *
 * They find the field by cmd->offset in an ngx_http_sio_loc_conf_t, whether the
 * directive stands in a location or in a socketio_namespace block.
 */

#ifndef _NGX_HTTP_SIO_SETTERS_H_INCLUDED_
#define _NGX_HTTP_SIO_SETTERS_H_INCLUDED_


#include "ngx_http_sio_conf.h"


/* Bounds of a number, a time or a size, all of which are words. */
typedef struct {
    ngx_conf_post_handler_pt  check;    /* ngx_http_sio_check_range */
    ngx_uint_t                low;
    ngx_uint_t                high;
    char                     *text;     /* what is wrong outside of them */
} ngx_http_sio_range_t;


/* The post handler of directives with an ngx_http_sio_range_t. */
char *ngx_http_sio_check_range(ngx_conf_t *cf, void *post, void *data);

/* Handlers of one directive each, as their names say. */
char *ngx_http_sio_set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_set_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_set_transports(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sio_set_cookie(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_set_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_set_room(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* socketio_compression. */
char *ngx_http_sio_set_compression(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* The same for tokens: keys are read and checked here. */
char *ngx_http_sio_set_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_set_jwt_jwks(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sio_set_jwt_token(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sio_set_jwt_require(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* The same for who is let in. */
char *ngx_http_sio_set_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_set_auth_message(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sio_set_auth_expiry(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* socketio_data and socketio_announce. */
char *ngx_http_sio_set_data(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_set_announce(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* socketio_recovery. */
char *ngx_http_sio_set_recovery(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* socketio_join_event, socketio_leave_event and socketio_refresh_event. */
char *ngx_http_sio_set_events(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* socketio_on: a rule for events of clients. */
char *ngx_http_sio_set_on(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Its room= and merge=; return what is wrong as the end of a sentence. */
char *ngx_http_sio_relay_rooms(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_str_t *text);
char *ngx_http_sio_relay_merges(ngx_conf_t *cf, ngx_sio_event_rule_t *rule,
    ngx_str_t *text);

/* Refuses rules of a merged namespace that its other values make void. */
char *ngx_http_sio_check_on(ngx_conf_t *cf, ngx_sio_namespace_conf_t *nc);

/*
 * Whether a parameter begins with that name, which ends in "="; the value is
 * what stands behind it, as a part of the parameter.
 */
ngx_uint_t ngx_http_sio_value(const ngx_str_t *parameter, const char *name,
    ngx_str_t *value);

/* Parses if=CLAIM=VALUE.  NGX_DECLINED: it is none, or there was one before. */
ngx_int_t ngx_http_sio_parse_if(ngx_str_t *text, ngx_str_t *claim,
    ngx_str_t *value);

/* Bounds of what clients may do. */
char *ngx_http_sio_set_limit_events(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sio_set_limit_sockets(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sio_set_limit_connections(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sio_set_limit_connects(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Parses "10r/s" or "10r/m", and the number of a burst; they set their half of
 * the rate.  Return NULL, or what is wrong as the end of a sentence.
 */
char *ngx_http_sio_parse_rate(ngx_str_t *text, sio_rate_t *rate);
char *ngx_http_sio_parse_burst(ngx_str_t *text, sio_rate_t *rate);

/*
 * Adds a pattern to an array of ngx_sio_pattern_t, which is made if it is not
 * set; `what` precedes the text in messages.
 */
char *ngx_http_sio_add_pattern(ngx_conf_t *cf, ngx_array_t **patterns,
    ngx_str_t *text, const char *what);

/* Splits a pattern or template; `what` precedes its text in messages. */
char *ngx_http_sio_read_pattern(ngx_conf_t *cf, ngx_sio_pattern_t *pattern,
    ngx_str_t *text, const char *what);

/*
 * Refuses ${names} other than claims and what a socket is by itself; `what` as
 * above.
 */
char *ngx_http_sio_known_names(ngx_conf_t *cf, ngx_sio_pattern_t *pattern,
    const char *what);

/*
 * What no client can send in a name, as the end of a sentence, or NULL if the
 * name is good.
 */
char *ngx_http_sio_bad_name(ngx_str_t *name);


#endif /* _NGX_HTTP_SIO_SETTERS_H_INCLUDED_ */
