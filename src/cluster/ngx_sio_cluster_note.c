
/*
 * Notes: events that come to be under the lock are copied into this worker's
 * own memory, and published as soon as the lock is free, before anything that
 * the worker publishes later.  Never touches shared memory.
 */

#include "ngx_sio_cluster_note.h"


#define NGX_SIO_CLUSTER_NOTES      32768                /* bytes of a block */
#define NGX_SIO_CLUSTER_NOTES_MAX  (16 * 1024 * 1024)   /* of all of them */


typedef struct ngx_sio_cluster_block_s  ngx_sio_cluster_block_t;

struct ngx_sio_cluster_block_s {
    ngx_sio_cluster_block_t  *next;
    size_t                    size;
    size_t                    n;
    u_char                    data[1];
};


struct ngx_sio_cluster_notes_s {
    ngx_event_t               event;
    ngx_sio_cluster_block_t  *oldest;
    ngx_sio_cluster_block_t  *newest;
    ngx_sio_cluster_block_t  *spare;    /* an empty one, or NULL */
    size_t                    bytes;    /* of those that are not empty */
};


/* Lengths of what follows it in a block. */
typedef struct {
    size_t                    namespace;
    size_t                    room;
    size_t                    text;
} ngx_sio_cluster_note_t;


static ngx_sio_cluster_block_t *ngx_sio_cluster_notes_block(
    ngx_sio_cluster_notes_t *notes, size_t n);
static ngx_sio_cluster_block_t *ngx_sio_cluster_notes_fresh(
    ngx_sio_cluster_notes_t *notes, size_t n);
static void ngx_sio_cluster_notes_handler(ngx_event_t *ev);
static void ngx_sio_cluster_notes_publish(ngx_sio_cluster_t *cl,
    const ngx_sio_cluster_block_t *block);
static void ngx_sio_cluster_notes_done(ngx_sio_cluster_notes_t *notes,
    ngx_sio_cluster_block_t *block);


ngx_int_t
ngx_sio_cluster_notes_init(ngx_sio_cluster_t *cl, ngx_pool_t *pool)
{
    ngx_sio_cluster_notes_t  *notes;

    notes = ngx_pcalloc(pool, sizeof(ngx_sio_cluster_notes_t));
    if (notes == NULL) {
        return NGX_ERROR;
    }

    notes->event.handler = ngx_sio_cluster_notes_handler;
    notes->event.data = cl;
    notes->event.log = ngx_cycle->log;

    cl->notes = notes;

    return NGX_OK;
}


void
ngx_sio_cluster_note(ngx_sio_zone_t *zone, sio_span_t namespace,
    sio_span_t room, const ngx_sio_payload_t *payload)
{
    u_char                   *p;
    ngx_uint_t                i;
    ngx_sio_cluster_t        *cl;
    ngx_sio_cluster_note_t    note;
    ngx_sio_cluster_block_t  *block;

    cl = zone->cluster;

    note.namespace = namespace.n;
    note.room = room.n;

    for (note.text = 0, i = 0; i < 4; i++) {
        note.text += payload->text[i].n;
    }

    block = NULL;

    if (cl) {
        block = ngx_sio_cluster_notes_block(cl->notes,
                                            sizeof(ngx_sio_cluster_note_t)
                                            + namespace.n + room.n
                                            + note.text);
    }

    if (block == NULL) {
        ngx_sio_stat(zone, cluster_lost, 1);
        return;
    }

    p = block->data + block->n;
    p = ngx_cpymem(p, &note, sizeof(ngx_sio_cluster_note_t));
    p = ngx_cpymem(p, namespace.p, namespace.n);
    p = ngx_cpymem(p, room.p, room.n);

    for (i = 0; i < 4; i++) {
        p = ngx_cpymem(p, payload->text[i].p, payload->text[i].n);
    }

    block->n = p - block->data;

    if (!cl->notes->event.posted) {
        ngx_post_event(&cl->notes->event, &ngx_posted_events);
    }
}


static ngx_sio_cluster_block_t *
ngx_sio_cluster_notes_block(ngx_sio_cluster_notes_t *notes, size_t n)
{
    ngx_sio_cluster_block_t  *block;

    block = notes->newest;

    if (block && block->size - block->n >= n) {
        return block;
    }

    block = ngx_sio_cluster_notes_fresh(notes, n);

    if (block == NULL) {
        return NULL;
    }

    block->next = NULL;
    block->n = 0;
    notes->bytes += block->size;

    if (notes->newest) {
        notes->newest->next = block;

    } else {
        notes->oldest = block;
    }

    notes->newest = block;

    return block;
}


/* As a rule there is a spare one, and no memory is asked for under the lock. */

static ngx_sio_cluster_block_t *
ngx_sio_cluster_notes_fresh(ngx_sio_cluster_notes_t *notes, size_t n)
{
    size_t                    size;
    ngx_sio_cluster_block_t  *block;

    block = notes->spare;

    if (block && block->size >= n) {
        notes->spare = NULL;
        return block;
    }

    size = ngx_max(n, NGX_SIO_CLUSTER_NOTES);

    if (notes->bytes + size > NGX_SIO_CLUSTER_NOTES_MAX) {
        return NULL;
    }

    /* ngx_alloc() would log a failure */

    block = malloc(sizeof(ngx_sio_cluster_block_t) + size);

    if (block) {
        block->size = size;
    }

    return block;
}


static void
ngx_sio_cluster_notes_handler(ngx_event_t *ev)
{
    ngx_sio_cluster_notes(ev->data);
}


void
ngx_sio_cluster_notes(ngx_sio_cluster_t *cl)
{
    ngx_sio_cluster_block_t  *block;
    ngx_sio_cluster_notes_t  *notes;

    notes = cl->notes;

    while (notes->oldest) {
        block = notes->oldest;
        notes->oldest = block->next;

        if (notes->oldest == NULL) {
            notes->newest = NULL;
        }

        ngx_sio_cluster_notes_publish(cl, block);
        ngx_sio_cluster_notes_done(notes, block);
    }
}


static void
ngx_sio_cluster_notes_publish(ngx_sio_cluster_t *cl,
    const ngx_sio_cluster_block_t *block)
{
    sio_span_t                namespace, room, message;
    const u_char             *p;
    ngx_sio_cluster_note_t    note;
    sio_adapter_broadcast_t   b;

    for (p = block->data; p < block->data + block->n; p += note.text) {
        ngx_memcpy(&note, p, sizeof(ngx_sio_cluster_note_t));
        p += sizeof(ngx_sio_cluster_note_t);

        namespace.p = p;
        namespace.n = note.namespace;
        p += note.namespace;

        room.p = p;
        room.n = note.room;
        p += note.room;

        ngx_memzero(&b, sizeof(sio_adapter_broadcast_t));

        b.uid.p = cl->uid;
        b.uid.n = NGX_SIO_UID_LEN;
        b.rooms.name = &room;
        b.rooms.n = 1;
        b.text.p = p;
        b.text.n = note.text;

        if (sio_adapter_encode(cl->out, &b, &message) != SIO_OK) {
            ngx_sio_stat(cl->zone, cluster_lost, 1);
            continue;
        }

        (void) ngx_sio_cluster_send(cl, "", namespace, room, message);
    }
}


static void
ngx_sio_cluster_notes_done(ngx_sio_cluster_notes_t *notes,
    ngx_sio_cluster_block_t *block)
{
    notes->bytes -= block->size;

    if (notes->spare == NULL && block->size == NGX_SIO_CLUSTER_NOTES) {
        notes->spare = block;
        return;
    }

    free(block);
}


void
ngx_sio_cluster_notes_free(ngx_sio_cluster_t *cl)
{
    if (cl->notes->event.posted) {
        ngx_delete_posted_event(&cl->notes->event);
    }

    free(cl->notes->spare);
    cl->notes->spare = NULL;
}
