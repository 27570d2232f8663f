
/*
 * Compares this worker's peers with shared memory after a rebuild, which has
 * completed the registry but knows nothing of presences.  A client whose copy
 * is not the same is closed, so that it comes back; nothing is mended here.
 * Called by the reader only, from its turn.
 */

#include "ngx_sio_audit.h"
#include "ngx_sio_control.h"
#include "ngx_sio_presence.h"
#include "ngx_sio_registry.h"
#include "ngx_sio_seldom.h"


#define NGX_SIO_AUDIT_PEERS  256        /* of one turn of the event loop */


/* What shared memory says of a WebSocket, at a position of the log. */
typedef struct {
    uint64_t           position;
    uint64_t           seats;           /* a sum over all of them */
    ngx_uint_t         live;
    ngx_sio_control_t  kicked;          /* socket: of a presence, or none */
} ngx_sio_audit_t;


static ngx_sio_peer_t *ngx_sio_audit_next(ngx_sio_reader_t *reader,
    ngx_uint_t kind);
static void ngx_sio_audit_websocket(ngx_sio_peer_t *peer);
static void ngx_sio_audit_close(ngx_sio_peer_t *peer, ngx_sio_end_t why);
static void ngx_sio_audit_note(ngx_sio_peer_t *peer, ngx_sio_audit_t *audit);
static void ngx_sio_audit_kicked(ngx_sio_peer_t *peer,
    ngx_sio_audit_t *audit);
static uint64_t ngx_sio_audit_socket(ngx_sio_shared_t *sh, uint32_t cell);
static uint64_t ngx_sio_audit_presences(ngx_sio_peer_t *peer);
static uint64_t ngx_sio_audit_seat(uint32_t serial, uint32_t kind,
    uint32_t id);


void
ngx_sio_audit_begin(ngx_sio_reader_t *reader)
{
    reader->rebuilds++;
    ngx_sio_reader_post(reader);
}


/*
 * A parked GET only has to look again at what its session is interested in.  A
 * probe and a POST ask shared memory at their next step.
 */

void
ngx_sio_audit_turn(ngx_sio_reader_t *reader)
{
    ngx_uint_t       n;
    ngx_sio_peer_t  *peer;

    for (n = 0; n < NGX_SIO_AUDIT_PEERS; n++) {

        peer = ngx_sio_audit_next(reader, NGX_SIO_PEER_WEBSOCKET);

        if (peer) {
            ngx_sio_audit_websocket(peer);
            continue;
        }

        peer = ngx_sio_audit_next(reader, NGX_SIO_PEER_POLL);

        if (peer == NULL) {
            return;
        }

        ngx_sio_reader_ready(peer);
    }

    ngx_sio_reader_post(reader);
}


/*
 * Who was looked at goes to the end, where new ones come, too: so the first one
 * tells whether there are others, also when another rebuild comes in between.
 */

static ngx_sio_peer_t *
ngx_sio_audit_next(ngx_sio_reader_t *reader, ngx_uint_t kind)
{
    ngx_queue_t     *q;
    ngx_sio_peer_t  *peer;

    if (ngx_queue_empty(&reader->all[kind])) {
        return NULL;
    }

    q = ngx_queue_head(&reader->all[kind]);
    peer = ngx_queue_data(q, ngx_sio_peer_t, queue);

    if (peer->audited == reader->rebuilds) {
        return NULL;
    }

    peer->audited = reader->rebuilds;

    ngx_queue_remove(q);
    ngx_queue_insert_tail(&reader->all[kind], q);

    return peer;
}


/*
 * Both are compared at one place of the log.  Who was disconnected is told so
 * now: a client that is closed without it comes back by itself.
 */

static void
ngx_sio_audit_websocket(ngx_sio_peer_t *peer)
{
    ngx_sio_audit_t    audit;
    ngx_sio_reader_t  *reader;

    reader = peer->reader;

    while (!peer->closing) {

        ngx_sio_audit_note(peer, &audit);
        ngx_sio_reader_catch_up(reader, audit.position);

        if (peer->closing) {
            return;
        }

        if (reader->cursor != audit.position) {
            /* what was read had the reader go on */
            continue;
        }

        if (!audit.live) {
            ngx_sio_audit_close(peer, NGX_SIO_END_CLOSE);
            return;
        }

        if (audit.kicked.socket.cell == 0) {

            if (audit.seats != ngx_sio_audit_presences(peer)) {
                ngx_sio_audit_close(peer, NGX_SIO_END_LAPPED);
            }

            return;
        }

        ngx_sio_control_disconnect(reader, &audit.kicked);
    }
}


static void
ngx_sio_audit_close(ngx_sio_peer_t *peer, ngx_sio_end_t why)
{
    ngx_sio_log_seldom(NGX_LOG_WARN, ngx_cycle->log,
                       "socketio WebSocket is closed: a worker died while it "
                       "changed its rooms or ended it");

    ngx_sio_stat(peer->reader->zone, rebuilds_closed, 1);

    ngx_sio_peer_close(peer, why);
}


static void
ngx_sio_audit_note(ngx_sio_peer_t *peer, ngx_sio_audit_t *audit)
{
    uint32_t            cell;
    ngx_sio_zone_t     *zone;
    ngx_sio_shared_t   *sh;
    ngx_sio_session_t  *s;

    zone = peer->reader->zone;
    sh = zone->shared;

    ngx_memzero(audit, sizeof(ngx_sio_audit_t));

    ngx_sio_lock(zone);

    audit->position = sio_ring_head(sh->log);

    s = ngx_sio_session_locked(zone, peer->session);

    if (s && s->owner == ngx_sio_self_worker) {
        audit->live = 1;

        for (cell = s->sockets; cell; cell = sh->sockets[cell].sibling) {
            audit->seats += ngx_sio_audit_socket(sh, cell);
        }

        ngx_sio_audit_kicked(peer, audit);
    }

    ngx_sio_unlock(zone);
}


static void
ngx_sio_audit_kicked(ngx_sio_peer_t *peer, ngx_sio_audit_t *audit)
{
    ngx_queue_t         *q;
    ngx_sio_socket_t    *so;
    ngx_sio_presence_t  *presence;

    for (q = ngx_queue_head(&peer->presences);
         q != ngx_queue_sentinel(&peer->presences);
         q = ngx_queue_next(q))
    {
        presence = ngx_queue_data(q, ngx_sio_presence_t, queue);
        so = &peer->reader->zone->shared->sockets[presence->socket.cell];

        if (so->serial == presence->socket.serial
            && so->state == NGX_SIO_CLOSED
            && so->reason == NGX_SIO_REASON_SERVER)
        {
            audit->kicked.op = NGX_SIO_CTL_DISCONNECT;
            audit->kicked.session = peer->session;
            audit->kicked.socket = presence->socket;
            return;
        }
    }
}


/* The seats that its presence should have. */

static uint64_t
ngx_sio_audit_socket(ngx_sio_shared_t *sh, uint32_t cell)
{
    uint32_t               m;
    uint64_t               sum;
    ngx_sio_socket_t      *so;
    ngx_sio_membership_t  *membership;

    so = &sh->sockets[cell];

    if (so->state != NGX_SIO_LIVE) {
        return 0;
    }

    sum = ngx_sio_audit_seat(so->serial, NGX_SIO_TO_NAMESPACE, so->namespace)
          + ngx_sio_audit_seat(so->serial, NGX_SIO_TO_SOCKET, cell);

    for (m = so->memberships; m; m = membership->next) {
        membership = &sh->memberships[m];

        if (membership->until == NGX_SIO_FOREVER) {
            sum += ngx_sio_audit_seat(so->serial, NGX_SIO_TO_ROOM,
                                      membership->room);
        }
    }

    return sum;
}


static uint64_t
ngx_sio_audit_presences(ngx_sio_peer_t *peer)
{
    uint32_t             i;
    uint64_t             sum;
    ngx_queue_t         *q;
    ngx_sio_presence_t  *presence;

    sum = 0;

    for (q = ngx_queue_head(&peer->presences);
         q != ngx_queue_sentinel(&peer->presences);
         q = ngx_queue_next(q))
    {
        presence = ngx_queue_data(q, ngx_sio_presence_t, queue);

        for (i = 0; i < presence->nseats; i++) {
            sum += ngx_sio_audit_seat(presence->socket.serial,
                                      presence->seats[i].kind,
                                      presence->seats[i].id);
        }
    }

    return sum;
}


/* Hashes are added, as the order differs; how many there are is above them. */

static uint64_t
ngx_sio_audit_seat(uint32_t serial, uint32_t kind, uint32_t id)
{
    uint32_t  seat[3];

    seat[0] = serial;
    seat[1] = kind;
    seat[2] = id;

    return ((uint64_t) 1 << 48)
           + ngx_murmur_hash2((u_char *) seat, sizeof(seat));
}
