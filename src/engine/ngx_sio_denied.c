
/*
 * Logs what clients were denied, so that it can be audited: namespaces, rooms,
 * relays, new tokens.  Each client has some lines of its own, so that nobody
 * fills the disk or keeps others out of the log.  Never logs a token, nor what
 * an event carries; what clients choose is escaped.
 */

#include "ngx_sio_denied.h"
#include "ngx_sio_auth.h"
#include "ngx_sio_limit.h"
#include "ngx_sio_registry.h"


#define NGX_SIO_DENIED_CLIENTS  64      /* buckets; a power of two */
#define NGX_SIO_DENIED_NAME     128     /* bytes of a name, then it is cut */
#define NGX_SIO_DENIED_NAMES    512     /* bytes, and no more names begin */
#define NGX_SIO_DENIED_LINE     8192


static u_char *ngx_sio_denied_client(u_char *p, ngx_sio_zone_t *zone,
    ngx_sio_ref_t session);
static u_char *ngx_sio_denied_socket(u_char *p,
    const ngx_sio_presence_t *presence);
static u_char *ngx_sio_denied_name(u_char *p, const char *before,
    sio_span_t name);


void
ngx_sio_denied(ngx_sio_zone_t *zone, ngx_sio_ref_t session,
    const ngx_sio_presence_t *presence, const ngx_sio_denial_t *denial)
{
    u_char                    line[NGX_SIO_DENIED_LINE], *p, *names;
    ngx_uint_t                i;

    static ngx_uint_t         missed;
    static sio_bucket_t       buckets[NGX_SIO_DENIED_CLIENTS];
    static const sio_rate_t   rate = { 1000, 19 };

    i = session.cell & (NGX_SIO_DENIED_CLIENTS - 1);

    if (!sio_bucket_take(&buckets[i], &rate, ngx_current_msec)) {
        missed++;
        return;
    }

    if (ngx_cycle->log->log_level < NGX_LOG_INFO) {
        return;
    }

    p = ngx_sio_denied_client(line, zone, session);

    if (presence) {
        p = ngx_sio_denied_socket(p, presence);
    }

    names = p;

    for (i = 0; i < denial->n && p - names < NGX_SIO_DENIED_NAMES; i++) {
        p = ngx_sio_denied_name(p, i ? ", " : ", for ", denial->names[i]);
    }

    if (i < denial->n) {
        p = ngx_sprintf(p, " and %ui more", denial->n - i);
    }

    if (missed) {
        p = ngx_sprintf(p, "; %ui denials before were not logged", missed);
        missed = 0;
    }

    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                  "socketio %s denied, \"%*s\"%*s", denial->what,
                  ngx_min(denial->why.n, NGX_SIO_DENIED_NAME), denial->why.p,
                  (size_t) (p - line), line);
}


/* The address is what fetchSockets tells of the handshake. */

static u_char *
ngx_sio_denied_client(u_char *p, ngx_sio_zone_t *zone,
    ngx_sio_ref_t session)
{
    sio_json_t       handshake, address;
    sio_span_t       text;

    static u_char    buffer[NGX_SIO_CLAIMS_MAX];

    text.p = buffer;
    text.n = ngx_sio_session_handshake(zone, session, buffer,
                                       sizeof(buffer));

    if (text.n == 0
        || sio_json_parse(text, SIO_JSON_DEPTH, &handshake, NULL) != SIO_OK)
    {
        return p;
    }

    address = sio_json_get(&handshake, "address");

    return address.kind == SIO_JSON_STRING
           && address.raw.n <= NGX_SIO_DENIED_NAME
           ? ngx_sprintf(p, ", client %*s", address.raw.n - 2,
                         address.raw.p + 1)
           : p;
}


static u_char *
ngx_sio_denied_socket(u_char *p, const ngx_sio_presence_t *presence)
{
    sio_span_t       text;

    static u_char    claims[NGX_SIO_CLAIMS_MAX];

    p = ngx_sprintf(p, ", socket %*s", (size_t) NGX_SIO_ID_LEN, presence->id);

    text.p = claims;
    text.n = ngx_sio_socket_claims(presence->peer->reader->zone,
                                   presence->socket, claims, sizeof(claims));
    text = ngx_sio_limit_user(text);

    if (text.n) {
        p = ngx_sio_denied_name(p, ", user ", text);
    }

    text.p = presence->name;
    text.n = presence->name_len;

    return ngx_sio_denied_name(p, ", namespace ", text);
}


/* What is cut within a character is no harm to a log. */

static u_char *
ngx_sio_denied_name(u_char *p, const char *before, sio_span_t name)
{
    ngx_uint_t  cut;

    cut = name.n > NGX_SIO_DENIED_NAME;

    if (cut) {
        name.n = NGX_SIO_DENIED_NAME;
    }

    p = ngx_sprintf(p, "%s\"", before);
    p += sio_json_escape(p, name);

    return ngx_sprintf(p, cut ? "...\"" : "\"");
}
