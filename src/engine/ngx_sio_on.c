
/*
 * Finds the rule of an event and sees that its limit is kept.  Rules themselves
 * are carried out elsewhere, relays in ngx_sio_relay.c, forwards
 * in ngx_sio_forward.c.
 */

#include "ngx_sio_forward.h"
#include "ngx_sio_limit.h"
#include "ngx_sio_membership.h"
#include "ngx_sio_on.h"
#include "ngx_sio_rates.h"
#include "ngx_sio_relay.h"
#include "ngx_sio_seldom.h"


static const ngx_sio_event_rule_t *ngx_sio_on_find(ngx_sio_event_t *event,
    ngx_sio_values_t *values);
static ngx_uint_t ngx_sio_on_means(const ngx_sio_event_rule_t *rule,
    sio_span_t name);
static ngx_int_t ngx_sio_on_limit(ngx_sio_event_t *event);
static ngx_int_t ngx_sio_on_take(ngx_sio_presence_t *presence,
    const ngx_sio_event_rule_t *rule);
static void ngx_sio_on_log(const ngx_sio_event_rule_t *rule);


ngx_int_t
ngx_sio_on_event(ngx_sio_event_t *event)
{
    ngx_sio_values_t  values;

    if (event->presence->conf->events == NULL) {
        return NGX_DECLINED;
    }

    event->rule = ngx_sio_on_find(event, &values);

    if (event->rule == NULL) {
        return NGX_DECLINED;
    }

    if (event->rule->limit.rate && ngx_sio_on_limit(event) != NGX_OK) {
        return NGX_OK;
    }

    if (event->rule->action == NGX_SIO_ON_FORWARD) {
        ngx_sio_forward_event(event);
        return NGX_OK;
    }

    return event->rule->action == NGX_SIO_ON_RELAY
           ? ngx_sio_relay(event, &values) : NGX_OK;
}


/* Claims cost a lock and are read again, so only who needs them gets them. */

static const ngx_sio_event_rule_t *
ngx_sio_on_find(ngx_sio_event_t *event, ngx_sio_values_t *values)
{
    ngx_uint_t             i, claims;
    ngx_array_t           *events;
    ngx_sio_event_rule_t  *rule;

    claims = 0;
    events = event->presence->conf->events;
    ngx_sio_membership_names(event->presence, values);

    for (i = 0; i < events->nelts; i++) {
        rule = (ngx_sio_event_rule_t *) events->elts + i;

        if (!ngx_sio_on_means(rule, event->name)) {
            continue;
        }

        if (rule->claims && !claims) {
            claims = 1;
            ngx_sio_membership_values(event->presence, values);
        }

        if (rule->claim.len == 0
            || ngx_sio_claim_is(&values->claims, &rule->claim, &rule->value))
        {
            values->payload = event->packet->payload;
            return rule;
        }
    }

    return NULL;
}


/* A star alone is any event, even one whose name is empty. */

static ngx_uint_t
ngx_sio_on_means(const ngx_sio_event_rule_t *rule, sio_span_t name)
{
    const sio_template_t  *t;

    t = &rule->pattern.template;

    return rule->when == NGX_SIO_ON_EVENT
           && ((t->n == 1 && t->stars) || sio_template_match(t, name));
}


static ngx_int_t
ngx_sio_on_limit(ngx_sio_event_t *event)
{
    if (ngx_sio_on_take(event->presence, event->rule) == NGX_OK) {
        return NGX_OK;
    }

    ngx_sio_stat(event->presence->peer->reader->zone, rules_limited, 1);
    ngx_sio_on_log(event->rule);

    ngx_sio_on_refuse(event, sio_span("[{\"ok\":false,"
                                      "\"error\":\"Rate limit exceeded\"}]"));
    return NGX_BUSY;
}


static ngx_int_t
ngx_sio_on_take(ngx_sio_presence_t *presence, const ngx_sio_event_rule_t *rule)
{
    ngx_uint_t       i;
    ngx_array_t     *events;
    ngx_sio_peer_t  *peer;

    peer = presence->peer;
    events = presence->conf->events;
    i = rule - (ngx_sio_event_rule_t *) events->elts;

    if (peer->kind != NGX_SIO_PEER_WEBSOCKET) {
        return ngx_sio_rates_take(peer->reader->zone, presence->socket, i,
                                  &rule->limit, ngx_current_msec);
    }

    if (presence->buckets == NULL) {
        presence->buckets = ngx_calloc(events->nelts * sizeof(sio_bucket_t),
                                       ngx_cycle->log);
        if (presence->buckets == NULL) {
            return NGX_BUSY;
        }
    }

    return sio_bucket_take(&presence->buckets[i], &rule->limit,
                           ngx_current_msec)
           ? NGX_OK : NGX_BUSY;
}


static void
ngx_sio_on_log(const ngx_sio_event_rule_t *rule)
{
    ngx_uint_t               n;

    static ngx_sio_seldom_t  seldom;

    if (ngx_sio_log_counted(&seldom, &n)) {
        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                      "socketio client is over \"limit=\" of socketio_on "
                      "\"%V\": %ui events were refused by such limits since "
                      "the last message of this kind", &rule->pattern.text, n);
    }
}


void
ngx_sio_on_refuse(ngx_sio_event_t *event, sio_span_t json)
{
    if (event->packet->id.n && ngx_sio_limit_tells(event->presence->peer)) {
        ngx_sio_on_answer(event, json);
    }
}


void
ngx_sio_on_answer(ngx_sio_event_t *event, sio_span_t json)
{
    u_char              head[NGX_SIO_NAMESPACE_NAME_MAX + SIO_ACK_ID_MAX + 8];
    sio_span_t          name;
    ngx_sio_payload_t   payload;

    if (event->packet->id.n == 0) {
        return;
    }

    ngx_memzero(&payload, sizeof(ngx_sio_payload_t));

    name.p = event->presence->name;
    name.n = event->presence->name_len;

    payload.text[0].p = head;
    payload.text[0].n = sio_packet_write_head(head, SIO_ACK, 0, name,
                                              event->packet->id);
    payload.text[1] = json;

    ngx_sio_peer_send(event->presence->peer, &payload);
}
