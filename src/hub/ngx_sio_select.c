
/*
 * Small rooms are gathered at once, so that a call for one user does not walk
 * everybody; anything larger is a scan of the socket cells, which looks without
 * the lock and decides with it.  Called by the server API and for other nodes.
 */

#include "ngx_sio_select.h"


#define NGX_SIO_SELECT_SMALL  4096      /* memberships that are gathered */
#define NGX_SIO_SELECT_TINY   512       /* within somebody's own hold */
#define NGX_SIO_SELECT_LOOK   16384     /* cells looked at without the lock */
#define NGX_SIO_SELECT_GLANCE 2048      /* with it */
#define NGX_SIO_SELECT_WORK   8192      /* memberships for one hold */


/* The cells that names stand for, in order. */
typedef struct {
    ngx_uint_t     nsockets;
    ngx_uint_t     nrooms;
    uint32_t       sockets[NGX_SIO_TARGETS_MAX];
    uint32_t       rooms[NGX_SIO_TARGETS_MAX];
} ngx_sio_select_set_t;


static ngx_int_t ngx_sio_select_begin(ngx_sio_select_t *select, ngx_int_t rc,
    ngx_uint_t n);
static ngx_int_t ngx_sio_select_gather(ngx_sio_select_t *select,
    ngx_uint_t max, ngx_uint_t *n);
static ngx_uint_t ngx_sio_select_members(ngx_sio_select_t *select,
    uint32_t room, ngx_sio_ref_t *refs);
static ngx_uint_t ngx_sio_select_unique(ngx_sio_ref_t *refs, ngx_uint_t n);
static ngx_uint_t ngx_sio_select_candidates(ngx_sio_select_t *select,
    ngx_uint_t cells, ngx_sio_ref_t *refs, uint32_t *end);
static ngx_uint_t ngx_sio_select_look(ngx_sio_select_t *select,
    ngx_uint_t cells, ngx_sio_ref_t *refs, uint32_t *end);
static ngx_int_t ngx_sio_select_judge(ngx_sio_select_t *select,
    const ngx_sio_ref_t *refs, ngx_uint_t n, uint32_t end);
static void ngx_sio_select_resolve(ngx_sio_select_set_t *set,
    ngx_sio_shared_t *sh, uint32_t namespace, const sio_span_t *names,
    ngx_uint_t n);
static ngx_uint_t ngx_sio_select_present(const ngx_sio_select_t *select,
    const ngx_sio_socket_t *so);
static ngx_uint_t ngx_sio_select_open(const ngx_sio_select_t *select,
    const ngx_sio_membership_t *membership);
static ngx_uint_t ngx_sio_select_in(ngx_sio_select_t *select, uint32_t socket,
    const ngx_sio_select_set_t *set, ngx_uint_t *work);
static ngx_uint_t ngx_sio_select_has(const uint32_t *cells, ngx_uint_t n,
    uint32_t cell);
static int ngx_libc_cdecl ngx_sio_select_compare_refs(const void *one,
    const void *two);
static int ngx_libc_cdecl ngx_sio_select_compare_cells(const void *one,
    const void *two);


/* Used by one slice at a time. */
static ngx_sio_select_set_t  ngx_sio_select_rooms;
static ngx_sio_select_set_t  ngx_sio_select_except;
static ngx_sio_ref_t         ngx_sio_select_scratch[NGX_SIO_SELECT_SMALL];


ngx_int_t
ngx_sio_select(ngx_sio_select_t *select)
{
    uint32_t        end;
    ngx_int_t       rc;
    ngx_uint_t      n;
    ngx_sio_ref_t   refs[NGX_SIO_SELECT_SLICE];

    if (!select->begun) {
        ngx_sio_lock(select->zone);
        rc = ngx_sio_select_gather(select, NGX_SIO_SELECT_SMALL, &n);
        ngx_sio_unlock(select->zone);

        if (ngx_sio_select_begin(select, rc, n) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    n = ngx_sio_select_candidates(select, NGX_SIO_SELECT_LOOK, refs, &end);

    if (n == 0) {
        select->next = end;

    } else {
        ngx_memzero(&select->wake, sizeof(ngx_sio_mask_t));

        ngx_sio_lock(select->zone);
        rc = ngx_sio_select_judge(select, refs, n, end);
        ngx_sio_unlock(select->zone);

        ngx_sio_wake(&select->wake);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return select->next == NGX_MAX_UINT32_VALUE ? NGX_OK : NGX_AGAIN;
}


ngx_int_t
ngx_sio_select_locked(ngx_sio_select_t *select)
{
    uint32_t        end;
    ngx_int_t       rc;
    ngx_uint_t      n;
    ngx_sio_ref_t   refs[NGX_SIO_SELECT_SLICE];

    rc = ngx_sio_select_gather(select, NGX_SIO_SELECT_TINY, &n);

    if (rc == NGX_DECLINED && select->nrooms) {
        return NGX_AGAIN;
    }

    if (ngx_sio_select_begin(select, rc, n) != NGX_OK) {
        return NGX_ERROR;
    }

    n = ngx_sio_select_candidates(select, NGX_SIO_SELECT_GLANCE, refs, &end);

    rc = ngx_sio_select_judge(select, refs, n, end);
    if (rc != NGX_OK) {
        return rc;
    }

    return select->next == NGX_MAX_UINT32_VALUE ? NGX_OK : NGX_AGAIN;
}


/* Takes what was gathered over, rc being NGX_OK; else there will be a scan. */

static ngx_int_t
ngx_sio_select_begin(ngx_sio_select_t *select, ngx_int_t rc, ngx_uint_t n)
{
    select->begun = 1;

    if (select->slice == 0 || select->slice > NGX_SIO_SELECT_SLICE) {
        select->slice = NGX_SIO_SELECT_SLICE;
    }

    if (rc != NGX_OK) {
        return NGX_OK;
    }

    n = ngx_sio_select_unique(ngx_sio_select_scratch, n);

    select->refs = ngx_palloc(select->pool,
                              ngx_max(n, 1) * sizeof(ngx_sio_ref_t));
    if (select->refs == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(select->refs, ngx_sio_select_scratch,
               n * sizeof(ngx_sio_ref_t));
    select->nrefs = n;

    return NGX_OK;
}


/* Returns NGX_DECLINED when there are no rooms or they are too large for it. */

static ngx_int_t
ngx_sio_select_gather(ngx_sio_select_t *select, ngx_uint_t max,
    ngx_uint_t *n)
{
    uint32_t               namespace;
    ngx_uint_t             i, sum;
    ngx_sio_ref_t         *refs;
    ngx_sio_shared_t      *sh;
    ngx_sio_select_set_t  *set;

    sh = select->zone->shared;
    set = &ngx_sio_select_rooms;
    refs = ngx_sio_select_scratch;
    *n = 0;

    if (select->nrooms == 0) {
        return NGX_DECLINED;
    }

    namespace = ngx_sio_namespace_find(sh, select->namespace);
    if (namespace == 0) {
        return NGX_OK;
    }

    ngx_sio_select_resolve(set, sh, namespace, select->rooms, select->nrooms);

    sum = set->nsockets;

    for (i = 0; i < set->nrooms; i++) {
        sum += sh->rooms[set->rooms[i]].refs;
    }

    if (sum > max) {
        return NGX_DECLINED;
    }

    for (i = 0; i < set->nsockets; i++) {
        refs[*n].cell = set->sockets[i];
        refs[*n].serial = sh->sockets[set->sockets[i]].serial;
        (*n)++;
    }

    for (i = 0; i < set->nrooms; i++) {

        /* a room named twice is counted twice, but walked once */

        if (i == 0 || set->rooms[i] != set->rooms[i - 1]) {
            *n += ngx_sio_select_members(select, set->rooms[i], &refs[*n]);
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_sio_select_members(ngx_sio_select_t *select, uint32_t room,
    ngx_sio_ref_t *refs)
{
    uint32_t               m;
    ngx_uint_t             n;
    ngx_sio_shared_t      *sh;
    ngx_sio_membership_t  *membership;

    sh = select->zone->shared;
    n = 0;

    for (m = sh->rooms[room].members; m; m = membership->next_member) {
        membership = &sh->memberships[m];

        if (ngx_sio_select_open(select, membership)) {
            refs[n].cell = membership->socket;
            refs[n].serial = sh->sockets[membership->socket].serial;
            n++;
        }
    }

    return n;
}


static ngx_uint_t
ngx_sio_select_unique(ngx_sio_ref_t *refs, ngx_uint_t n)
{
    ngx_uint_t  i, kept;

    ngx_qsort(refs, n, sizeof(ngx_sio_ref_t), ngx_sio_select_compare_refs);

    for (i = 0, kept = 0; i < n; i++) {
        if (kept == 0 || refs[i].cell != refs[kept - 1].cell) {
            refs[kept++] = refs[i];
        }
    }

    return kept;
}


/* Sets *end to where the next slice begins, the largest number at the end. */

static ngx_uint_t
ngx_sio_select_candidates(ngx_sio_select_t *select, ngx_uint_t cells,
    ngx_sio_ref_t *refs, uint32_t *end)
{
    ngx_uint_t  n;

    if (select->refs == NULL) {
        return ngx_sio_select_look(select, cells, refs, end);
    }

    while (select->position < select->nrefs
           && select->refs[select->position].cell < select->next)
    {
        select->position++;
    }

    n = ngx_min(select->nrefs - select->position, select->slice);

    ngx_memcpy(refs, &select->refs[select->position],
               n * sizeof(ngx_sio_ref_t));

    *end = select->position + n < select->nrefs ? refs[n - 1].cell + 1
                                                : NGX_MAX_UINT32_VALUE;

    return n;
}


/* What is seen here may be stale: the serial 0 leaves the proof to judge. */

static ngx_uint_t
ngx_sio_select_look(ngx_sio_select_t *select, ngx_uint_t cells,
    ngx_sio_ref_t *refs, uint32_t *end)
{
    uint32_t           cell, last, fresh;
    ngx_uint_t         n;
    ngx_sio_shared_t  *sh;

    sh = select->zone->shared;
    fresh = *(volatile uint32_t *) &sh->socket_pool.fresh;
    cell = ngx_max(select->next, 1);
    last = cell < fresh ? cell + ngx_min(fresh - cell, cells) : cell;

    for (n = 0; cell < last && n < select->slice; cell++) {

        if (ngx_sio_select_present(select, &sh->sockets[cell])) {
            refs[n].cell = cell;
            refs[n].serial = 0;
            n++;
        }
    }

    *end = cell < fresh ? cell : NGX_MAX_UINT32_VALUE;

    return n;
}


static ngx_int_t
ngx_sio_select_judge(ngx_sio_select_t *select, const ngx_sio_ref_t *refs,
    ngx_uint_t n, uint32_t end)
{
    uint32_t            cell, namespace;
    ngx_int_t           rc;
    ngx_uint_t          i, work;
    ngx_sio_shared_t   *sh;
    ngx_sio_socket_t   *so;

    sh = select->zone->shared;
    select->next = end;

    namespace = ngx_sio_namespace_find(sh, select->namespace);
    if (namespace == 0) {
        return NGX_OK;
    }

    ngx_sio_select_resolve(&ngx_sio_select_rooms, sh, namespace,
                           select->rooms, select->nrooms);
    ngx_sio_select_resolve(&ngx_sio_select_except, sh, namespace,
                           select->except, select->nexcept);

    for (i = 0, work = 0; i < n; i++) {
        cell = refs[i].cell;
        so = &sh->sockets[cell];

        if (work > NGX_SIO_SELECT_WORK) {
            select->next = cell;
            return NGX_AGAIN;
        }

        if (!ngx_sio_select_present(select, so)
            || so->namespace != namespace
            || (refs[i].serial && refs[i].serial != so->serial)
            || (select->nrooms
                && !ngx_sio_select_in(select, cell, &ngx_sio_select_rooms,
                                      &work))
            || (select->nexcept
                && ngx_sio_select_in(select, cell, &ngx_sio_select_except,
                                     &work)))
        {
            continue;
        }

        rc = select->handler(select, cell);

        if (rc != NGX_OK) {
            select->next = cell;
            return rc;
        }
    }

    return NGX_OK;
}


/* Ids are looked up among sockets before rooms: a socket's id is its room. */

static void
ngx_sio_select_resolve(ngx_sio_select_set_t *set, ngx_sio_shared_t *sh,
    uint32_t namespace, const sio_span_t *names, ngx_uint_t n)
{
    uint32_t    cell;
    ngx_uint_t  i;

    set->nsockets = 0;
    set->nrooms = 0;

    for (i = 0; i < n; i++) {
        cell = ngx_sio_socket_find(sh, namespace, names[i]);

        if (cell) {
            set->sockets[set->nsockets++] = cell;
            continue;
        }

        cell = ngx_sio_room_find(sh, namespace, names[i]);

        if (cell) {
            set->rooms[set->nrooms++] = cell;
        }
    }

    ngx_qsort(set->sockets, set->nsockets, sizeof(uint32_t),
              ngx_sio_select_compare_cells);
    ngx_qsort(set->rooms, set->nrooms, sizeof(uint32_t),
              ngx_sio_select_compare_cells);
}


static ngx_uint_t
ngx_sio_select_present(const ngx_sio_select_t *select,
    const ngx_sio_socket_t *so)
{
    if (select->at == 0) {
        return so->state == NGX_SIO_LIVE;
    }

    /* who waited for its client by then was in no list */

    if (so->state == NGX_SIO_WAITING && so->lost <= select->at) {
        return 0;
    }

    return so->state != NGX_SIO_FREE
           && so->from <= select->at && select->at < so->until;
}


static ngx_uint_t
ngx_sio_select_open(const ngx_sio_select_t *select,
    const ngx_sio_membership_t *membership)
{
    if (select->at == 0) {
        return membership->until == NGX_SIO_FOREVER;
    }

    return membership->from <= select->at && select->at < membership->until;
}


static ngx_uint_t
ngx_sio_select_in(ngx_sio_select_t *select, uint32_t socket,
    const ngx_sio_select_set_t *set, ngx_uint_t *work)
{
    uint32_t               m;
    ngx_sio_shared_t      *sh;
    ngx_sio_membership_t  *membership;

    sh = select->zone->shared;

    if (ngx_sio_select_has(set->sockets, set->nsockets, socket)) {
        return 1;
    }

    if (set->nrooms == 0) {
        return 0;
    }

    for (m = sh->sockets[socket].memberships; m; m = membership->next) {
        membership = &sh->memberships[m];
        (*work)++;

        if (ngx_sio_select_open(select, membership)
            && ngx_sio_select_has(set->rooms, set->nrooms, membership->room))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_sio_select_has(const uint32_t *cells, ngx_uint_t n, uint32_t cell)
{
    ngx_uint_t  low, middle;

    low = 0;

    while (low < n) {
        middle = (low + n) / 2;

        if (cells[middle] == cell) {
            return 1;
        }

        if (cells[middle] < cell) {
            low = middle + 1;

        } else {
            n = middle;
        }
    }

    return 0;
}


static int ngx_libc_cdecl
ngx_sio_select_compare_refs(const void *one, const void *two)
{
    const ngx_sio_ref_t  *a = one;
    const ngx_sio_ref_t  *b = two;

    return a->cell < b->cell ? -1 : a->cell > b->cell;
}


static int ngx_libc_cdecl
ngx_sio_select_compare_cells(const void *one, const void *two)
{
    const uint32_t  *a = one;
    const uint32_t  *b = two;

    return *a < *b ? -1 : *a > *b;
}
