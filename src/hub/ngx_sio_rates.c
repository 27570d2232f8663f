
/*
 * Buckets of rules in a string of the socket's, made when a rule is first used.
 * They are few, so they are found by looking at all of them.
 */

#include "ngx_sio_rates.h"
#include "ngx_sio_test.h"


/* What the blocks hold, as many as fit each. */
typedef struct {
    uint32_t        rule;
    sio_bucket_t    bucket;
} ngx_sio_rates_entry_t;


static u_char *ngx_sio_rates_find_locked(ngx_sio_shared_t *sh,
    ngx_sio_socket_t *so, uint32_t rule);
static u_char *ngx_sio_rates_add_locked(ngx_sio_shared_t *sh,
    ngx_sio_socket_t *so, uint32_t rule);


ngx_int_t
ngx_sio_rates_take(ngx_sio_zone_t *zone, ngx_sio_ref_t socket,
    ngx_uint_t rule, const sio_rate_t *rate, uint64_t now)
{
    u_char                 *p;
    ngx_int_t               rc;
    ngx_sio_socket_t       *so;
    ngx_sio_rates_entry_t   entry;

    rc = NGX_BUSY;

    ngx_sio_lock(zone);

    so = ngx_sio_socket_locked(zone, socket);
    p = so ? ngx_sio_rates_find_locked(zone->shared, so, rule) : NULL;

    if (so && p == NULL) {
        p = ngx_sio_rates_add_locked(zone->shared, so, rule);
    }

    if (p) {
        ngx_memcpy(&entry, p, sizeof(ngx_sio_rates_entry_t));

        if (sio_bucket_take(&entry.bucket, rate, now)) {
            ngx_memcpy(p, &entry, sizeof(ngx_sio_rates_entry_t));
            rc = NGX_OK;
        }
    }

    ngx_sio_unlock(zone);

    return rc;
}


static u_char *
ngx_sio_rates_find_locked(ngx_sio_shared_t *sh, ngx_sio_socket_t *so,
    uint32_t rule)
{
    uint32_t                cell, i;
    ngx_sio_block_t        *b;
    ngx_sio_rates_entry_t   entry;

    for (cell = so->rates; cell; cell = b->next) {
        b = &sh->blocks[cell];

        for (i = 0; i + sizeof(entry) <= b->n; i += sizeof(entry)) {
            ngx_memcpy(&entry, b->data + i, sizeof(entry));

            if (entry.rule == rule) {
                return b->data + i;
            }
        }
    }

    return NULL;
}


/* The first block takes entries until it is full, then one comes before it. */

static u_char *
ngx_sio_rates_add_locked(ngx_sio_shared_t *sh, ngx_sio_socket_t *so,
    uint32_t rule)
{
    u_char                 *p;
    uint32_t                cell;
    sio_span_t              text;
    ngx_sio_block_t        *b;
    ngx_sio_rates_entry_t   entry;

    ngx_memzero(&entry, sizeof(ngx_sio_rates_entry_t));
    entry.rule = rule;

    b = &sh->blocks[so->rates];

    if (so->rates && b->n + sizeof(entry) <= NGX_SIO_BLOCK_DATA) {
        p = b->data + b->n;
        ngx_memcpy(p, &entry, sizeof(entry));
        ngx_sio_test_point();
        b->n += sizeof(entry);

        return p;
    }

    text.p = (uint8_t *) &entry;
    text.n = sizeof(entry);

    if (ngx_sio_string_store(sh, text, &cell) != NGX_OK) {
        return NULL;
    }

    sh->blocks[cell].next = so->rates;
    ngx_sio_test_point();
    so->rates = cell;

    return sh->blocks[cell].data;
}
