
/*
 * Small rooms are gathered at once, so that a call for one user does not walk
 * everybody; anything larger is a scan of the socket cells, which looks without
 * the lock and decides with it.  Called by the server API.
 */

#include "ngx_sio_select.h"


#define NGX_SIO_SELECT_SMALL  4096      /* memberships that are gathered */
#define NGX_SIO_SELECT_LOOK   16384     /* cells looked at without the lock */
#define NGX_SIO_SELECT_WORK   8192      /* memberships for one hold */


/* The cells that names stand for, in order. */
typedef struct {
    ngx_uint_t     nsockets;
    ngx_uint_t     nrooms;
    uint32_t       sockets[NGX_SIO_TARGETS_MAX];
    uint32_t       rooms[NGX_SIO_TARGETS_MAX];
} ngx_sio_select_set_t;


static ngx_int_t ngx_sio_select_begin(ngx_sio_select_t *select);
static ngx_int_t ngx_sio_select_gather(ngx_sio_select_t *select,
    ngx_sio_ref_t *refs, ngx_uint_t *n);
static ngx_uint_t ngx_sio_select_members(ngx_sio_shared_t *sh, uint32_t room,
    ngx_sio_ref_t *refs);
static ngx_uint_t ngx_sio_select_unique(ngx_sio_ref_t *refs, ngx_uint_t n);
static ngx_uint_t ngx_sio_select_candidates(ngx_sio_select_t *select,
    ngx_sio_ref_t *refs, uint32_t *end);
static ngx_uint_t ngx_sio_select_look(ngx_sio_select_t *select,
    ngx_sio_ref_t *refs, uint32_t *end);
static ngx_int_t ngx_sio_select_judge(ngx_sio_select_t *select,
    const ngx_sio_ref_t *refs, ngx_uint_t n, uint32_t end);
static void ngx_sio_select_resolve(ngx_sio_select_set_t *set,
    ngx_sio_shared_t *sh, uint32_t namespace, const sio_span_t *names,
    ngx_uint_t n);
static ngx_uint_t ngx_sio_select_in(ngx_sio_shared_t *sh, uint32_t socket,
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


ngx_int_t
ngx_sio_select(ngx_sio_select_t *select)
{
    uint32_t        end;
    ngx_int_t       rc;
    ngx_uint_t      n;
    ngx_sio_ref_t   refs[NGX_SIO_SELECT_SLICE];

    if (!select->begun) {
        select->begun = 1;

        if (ngx_sio_select_begin(select) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    n = ngx_sio_select_candidates(select, refs, &end);

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


static ngx_int_t
ngx_sio_select_begin(ngx_sio_select_t *select)
{
    ngx_int_t   rc;
    ngx_uint_t  n;

    static ngx_sio_ref_t  scratch[NGX_SIO_SELECT_SMALL];

    if (select->slice == 0 || select->slice > NGX_SIO_SELECT_SLICE) {
        select->slice = NGX_SIO_SELECT_SLICE;
    }

    if (select->nrooms == 0) {
        return NGX_OK;
    }

    ngx_sio_lock(select->zone);
    rc = ngx_sio_select_gather(select, scratch, &n);
    ngx_sio_unlock(select->zone);

    if (rc != NGX_OK) {
        return NGX_OK;
    }

    n = ngx_sio_select_unique(scratch, n);

    select->refs = ngx_palloc(select->pool,
                              ngx_max(n, 1) * sizeof(ngx_sio_ref_t));
    if (select->refs == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(select->refs, scratch, n * sizeof(ngx_sio_ref_t));
    select->nrefs = n;

    return NGX_OK;
}


/* Returns NGX_DECLINED when the rooms are too large for that. */

static ngx_int_t
ngx_sio_select_gather(ngx_sio_select_t *select, ngx_sio_ref_t *refs,
    ngx_uint_t *n)
{
    uint32_t               namespace;
    ngx_uint_t             i, sum;
    ngx_sio_shared_t      *sh;
    ngx_sio_select_set_t  *set;

    sh = select->zone->shared;
    set = &ngx_sio_select_rooms;
    *n = 0;

    namespace = ngx_sio_namespace_find(sh, select->namespace);
    if (namespace == 0) {
        return NGX_OK;
    }

    ngx_sio_select_resolve(set, sh, namespace, select->rooms, select->nrooms);

    sum = set->nsockets;

    for (i = 0; i < set->nrooms; i++) {
        sum += sh->rooms[set->rooms[i]].refs;
    }

    if (sum > NGX_SIO_SELECT_SMALL) {
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
            *n += ngx_sio_select_members(sh, set->rooms[i], &refs[*n]);
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_sio_select_members(ngx_sio_shared_t *sh, uint32_t room,
    ngx_sio_ref_t *refs)
{
    uint32_t               m;
    ngx_uint_t             n;
    ngx_sio_membership_t  *membership;

    n = 0;

    for (m = sh->rooms[room].members; m; m = membership->next_member) {
        membership = &sh->memberships[m];

        if (membership->until == NGX_SIO_FOREVER) {
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
ngx_sio_select_candidates(ngx_sio_select_t *select, ngx_sio_ref_t *refs,
    uint32_t *end)
{
    ngx_uint_t  n;

    if (select->refs == NULL) {
        return ngx_sio_select_look(select, refs, end);
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
ngx_sio_select_look(ngx_sio_select_t *select, ngx_sio_ref_t *refs,
    uint32_t *end)
{
    uint32_t           cell, last, fresh;
    ngx_uint_t         n;
    ngx_sio_shared_t  *sh;

    sh = select->zone->shared;
    fresh = *(volatile uint32_t *) &sh->socket_pool.fresh;
    cell = ngx_max(select->next, 1);
    last = cell < fresh ? cell + ngx_min(fresh - cell, NGX_SIO_SELECT_LOOK)
                        : cell;

    for (n = 0; cell < last && n < select->slice; cell++) {

        if (sh->sockets[cell].state == NGX_SIO_LIVE) {
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

        if (so->state != NGX_SIO_LIVE
            || so->namespace != namespace
            || (refs[i].serial && refs[i].serial != so->serial)
            || (select->nrooms
                && !ngx_sio_select_in(sh, cell, &ngx_sio_select_rooms, &work))
            || (select->nexcept
                && ngx_sio_select_in(sh, cell, &ngx_sio_select_except,
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
ngx_sio_select_in(ngx_sio_shared_t *sh, uint32_t socket,
    const ngx_sio_select_set_t *set, ngx_uint_t *work)
{
    uint32_t               m;
    ngx_sio_membership_t  *membership;

    if (ngx_sio_select_has(set->sockets, set->nsockets, socket)) {
        return 1;
    }

    if (set->nrooms == 0) {
        return 0;
    }

    for (m = sh->sockets[socket].memberships; m; m = membership->next) {
        membership = &sh->memberships[m];
        (*work)++;

        if (membership->until == NGX_SIO_FOREVER
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
