
/*
 * Presences and audiences: which of this worker's peers listen to which room,
 * namespace or socket.  A copy for speed of what lies in shared memory, changed
 * in the order of the log.
 */

#include "ngx_sio_presence.h"


static ngx_sio_audience_t *ngx_sio_audience_obtain(ngx_sio_reader_t *reader,
    uint32_t kind, uint32_t id);
static ngx_int_t ngx_sio_audience_grow(ngx_sio_audience_t *audience);
static void ngx_sio_seat_remove(ngx_sio_presence_t *presence, uint32_t n);
static ngx_sio_index_t *ngx_sio_audience_index(ngx_sio_reader_t *reader,
    uint32_t kind);


ngx_sio_presence_t *
ngx_sio_presence_add(ngx_sio_peer_t *peer, ngx_sio_namespace_conf_t *conf,
    sio_span_t name, ngx_sio_ref_t socket)
{
    ngx_sio_presence_t  *presence;

    presence = ngx_alloc(sizeof(ngx_sio_presence_t) + name.n,
                         ngx_cycle->log);
    if (presence == NULL) {
        (void) ngx_sio_peer_starved(peer);
        return NULL;
    }

    ngx_memzero(presence, sizeof(ngx_sio_presence_t));

    presence->peer = peer;
    presence->conf = conf;
    presence->socket = socket;
    presence->name_len = name.n;

    if (name.n) {
        ngx_memcpy(presence->name, name.p, name.n);
    }

    ngx_queue_insert_tail(&peer->presences, &presence->queue);

    return presence;
}


void
ngx_sio_presence_remove(ngx_sio_presence_t *presence)
{
    ngx_sio_peer_t  *peer;

    peer = presence->peer;

    while (presence->nseats) {
        ngx_sio_seat_remove(presence, presence->nseats - 1);
    }

    ngx_queue_remove(&presence->queue);

    ngx_free(presence->seats);
    ngx_free(presence->buckets);
    ngx_free(presence);

    peer->left = 1;
}


ngx_int_t
ngx_sio_presence_listen(ngx_sio_presence_t *presence, uint32_t kind,
    uint32_t id, uint64_t from, uint64_t until)
{
    uint32_t             size;
    ngx_sio_seat_t      *seats;
    ngx_sio_listener_t  *listener;
    ngx_sio_audience_t  *audience;

    if (presence->nseats == presence->size) {
        size = presence->size ? presence->size * 2 : 4;

        seats = realloc(presence->seats, size * sizeof(ngx_sio_seat_t));
        if (seats == NULL) {
            return ngx_sio_peer_starved(presence->peer);
        }

        presence->seats = seats;
        presence->size = size;
    }

    audience = ngx_sio_audience_obtain(presence->peer->reader, kind, id);
    if (audience == NULL || ngx_sio_audience_grow(audience) != NGX_OK) {
        return ngx_sio_peer_starved(presence->peer);
    }

    listener = &audience->elts[audience->n];
    listener->presence = presence;
    listener->seat = presence->nseats;
    listener->from = from;
    listener->until = until;

    seats = &presence->seats[presence->nseats++];
    seats->kind = kind;
    seats->id = id;
    seats->place = audience->n++;

    return NGX_OK;
}


void
ngx_sio_presence_ignore(ngx_sio_presence_t *presence, uint32_t kind,
    uint32_t id)
{
    uint32_t  i;

    for (i = 0; i < presence->nseats; i++) {
        if (presence->seats[i].id == id && presence->seats[i].kind == kind) {
            ngx_sio_seat_remove(presence, i);
            return;
        }
    }
}


/* The last of each list takes the place of the one that goes. */

static void
ngx_sio_seat_remove(ngx_sio_presence_t *presence, uint32_t n)
{
    ngx_sio_seat_t      *seat, *last;
    ngx_sio_index_t     *index;
    ngx_sio_reader_t    *reader;
    ngx_sio_audience_t  *audience;
    ngx_sio_listener_t  *listener;

    seat = &presence->seats[n];
    reader = presence->peer->reader;
    audience = ngx_sio_reader_audience(reader, seat->kind, seat->id);

    listener = &audience->elts[seat->place];
    *listener = audience->elts[--audience->n];
    listener->presence->seats[listener->seat].place = seat->place;

    if (audience->n == 0) {
        index = ngx_sio_audience_index(reader, seat->kind);
        (void) ngx_sio_index_set(index, seat->id, NULL);
        ngx_free(audience->elts);
        ngx_free(audience);
    }

    last = &presence->seats[--presence->nseats];

    if (last != seat) {
        *seat = *last;
        audience = ngx_sio_reader_audience(reader, seat->kind, seat->id);
        audience->elts[seat->place].seat = n;
    }
}


static ngx_sio_index_t *
ngx_sio_audience_index(ngx_sio_reader_t *reader, uint32_t kind)
{
    switch (kind) {

    case NGX_SIO_TO_ROOM:
        return &reader->rooms;

    case NGX_SIO_TO_NAMESPACE:
        return &reader->namespaces;

    default:
        return &reader->sockets;
    }
}


ngx_sio_audience_t *
ngx_sio_reader_audience(ngx_sio_reader_t *reader, uint32_t kind, uint32_t id)
{
    return ngx_sio_index_get(ngx_sio_audience_index(reader, kind), id);
}


static ngx_sio_audience_t *
ngx_sio_audience_obtain(ngx_sio_reader_t *reader, uint32_t kind, uint32_t id)
{
    ngx_sio_index_t     *index;
    ngx_sio_audience_t  *audience;

    index = ngx_sio_audience_index(reader, kind);

    audience = ngx_sio_index_get(index, id);

    if (audience) {
        return audience;
    }

    audience = ngx_calloc(sizeof(ngx_sio_audience_t), ngx_cycle->log);
    if (audience == NULL) {
        return NULL;
    }

    if (ngx_sio_audience_grow(audience) != NGX_OK
        || ngx_sio_index_set(index, id, audience) != NGX_OK)
    {
        ngx_free(audience->elts);
        ngx_free(audience);
        return NULL;
    }

    return audience;
}


static ngx_int_t
ngx_sio_audience_grow(ngx_sio_audience_t *audience)
{
    ngx_uint_t           size;
    ngx_sio_listener_t  *elts;

    if (audience->n < audience->size) {
        return NGX_OK;
    }

    size = audience->size ? audience->size * 2 : 1;

    elts = realloc(audience->elts, size * sizeof(ngx_sio_listener_t));
    if (elts == NULL) {
        return NGX_ERROR;
    }

    audience->elts = elts;
    audience->size = size;

    return NGX_OK;
}


/*
 * A parked GET only has to know that there may be something: what it is, the
 * replay finds out in shared memory.
 */

ngx_int_t
ngx_sio_poll_listen(ngx_sio_peer_t *peer, const ngx_sio_replay_t *replay)
{
    ngx_uint_t           i;
    sio_span_t           none;
    ngx_sio_ref_t        nobody;
    ngx_sio_presence_t  *presence;
    ngx_sio_interest_t  *interest;

    while (!ngx_queue_empty(&peer->presences)) {
        ngx_sio_presence_remove(ngx_queue_data(ngx_queue_head(&peer->presences),
                                               ngx_sio_presence_t, queue));
    }

    ngx_memzero(&none, sizeof(sio_span_t));
    ngx_memzero(&nobody, sizeof(ngx_sio_ref_t));

    presence = ngx_sio_presence_add(peer, NULL, none, nobody);
    if (presence == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < replay->n; i++) {
        interest = &replay->interests[i];

        /* its own records find the peer by its session */

        if (interest->kind != NGX_SIO_TO_SESSION
            && interest->until > replay->to
            && ngx_sio_presence_listen(presence, interest->kind, interest->id,
                                       interest->from, interest->until)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
