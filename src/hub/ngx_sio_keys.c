
/*
 * The table of keys, a circle of cells with a hash over it.  A key is noted in
 * the critical section of its record and before it: a worker that dies between
 * the two leaves a key whose position is the head, and the rebuild drops it.
 */

#include "ngx_sio_keys.h"
#include "ngx_sio_test.h"

#include <ngx_sha1.h>


#define NGX_SIO_KEY_TIME  (5 * 60 * 1000)       /* ms */


static uint32_t *ngx_sio_key_bucket(ngx_sio_shared_t *sh, const u_char *hash);


/* A namespace's name has no control characters, so that a zero ends it. */

void
ngx_sio_key_hash(u_char *dst, sio_span_t namespace, sio_span_t id)
{
    u_char      digest[20];
    ngx_sha1_t  sha1;

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, namespace.p, namespace.n);
    ngx_sha1_update(&sha1, "", 1);
    ngx_sha1_update(&sha1, id.p, id.n);
    ngx_sha1_final(digest, &sha1);

    ngx_memcpy(dst, digest, NGX_SIO_KEY_LEN);
}


ngx_sio_key_t *
ngx_sio_key_find_locked(ngx_sio_shared_t *sh, const u_char *hash)
{
    uint32_t        cell;
    ngx_sio_key_t  *key;

    for (cell = *ngx_sio_key_bucket(sh, hash); cell; cell = key->next) {
        key = &sh->keys[cell];

        if (ngx_memcmp(key->hash, hash, NGX_SIO_KEY_LEN) == 0
            && key->expires > ngx_current_msec)
        {
            return key;
        }
    }

    return NULL;
}


ngx_sio_key_t *
ngx_sio_key_note_locked(ngx_sio_zone_t *zone, const u_char *hash,
    ngx_uint_t matched, ngx_uint_t recorded)
{
    uint32_t           cell, *bucket;
    ngx_sio_key_t     *key;
    ngx_sio_shared_t  *sh;

    sh = zone->shared;
    cell = sh->key_last + 1 < sh->key_size ? sh->key_last + 1 : 1;
    key = &sh->keys[cell];

    if (key->state == NGX_SIO_LIVE) {

        if (key->expires > ngx_current_msec) {
            ngx_sio_stat(zone, keys_evicted, 1);
        }

        ngx_sio_key_forget_locked(sh, key);
    }

    bucket = ngx_sio_key_bucket(sh, hash);

    ngx_memcpy(key->hash, hash, NGX_SIO_KEY_LEN);
    key->matched = matched;
    key->recorded = recorded;
    key->position = sio_ring_head(sh->log);
    key->expires = ngx_current_msec + NGX_SIO_KEY_TIME;
    key->next = *bucket;

    ngx_sio_test_point();
    *bucket = cell;
    sh->key_last = cell;

    ngx_memory_barrier();
    key->state = NGX_SIO_LIVE;
    ngx_sio_test_point();

    return key;
}


void
ngx_sio_key_forget_locked(ngx_sio_shared_t *sh, ngx_sio_key_t *key)
{
    uint32_t  *link;

    key->state = NGX_SIO_FREE;
    ngx_sio_test_point();

    for (link = ngx_sio_key_bucket(sh, key->hash);
         *link;
         link = &sh->keys[*link].next)
    {
        if (&sh->keys[*link] == key) {
            *link = key->next;
            return;
        }
    }
}


void
ngx_sio_keys_rebuild(ngx_sio_shared_t *sh)
{
    uint32_t                  cell, *bucket;
    ngx_sio_key_t            *key;
    const sio_ring_record_t  *record;

    ngx_memzero(sh->key_hash, ((size_t) sh->key_mask + 1) * sizeof(uint32_t));

    for (cell = 1; cell < sh->key_size; cell++) {
        key = &sh->keys[cell];

        if (key->state == NGX_SIO_FREE) {
            continue;
        }

        if (key->recorded) {

            if (key->position >= sio_ring_head(sh->log)) {
                key->state = NGX_SIO_FREE;
                continue;
            }

            /* the record may have begun behind what was left of a lap */

            record = sio_ring_at(sh->log, key->position);

            if (record) {
                key->position = record->position;
            }
        }

        bucket = ngx_sio_key_bucket(sh, key->hash);
        key->next = *bucket;
        *bucket = cell;
    }
}


static uint32_t *
ngx_sio_key_bucket(ngx_sio_shared_t *sh, const u_char *hash)
{
    uint32_t  n;

    ngx_memcpy(&n, hash, sizeof(uint32_t));

    return &sh->key_hash[n & sh->key_mask];
}
