
/*
 * The table of revoked tokens, and the walk that disconnects who has one.  An
 * entry is there before the walk begins, and every CONNECT and refresh looks it
 * up under the lock under which its socket gets the token: none slips through.
 * Who may revoke is decided above.
 */

#include "ngx_sio_kick.h"
#include "ngx_sio_revoke.h"
#include "ngx_sio_test.h"
#include "sio_json.h"

#include <ngx_sha1.h>


#define NGX_SIO_REVOKE_SLICE   64       /* sockets of one step */
#define NGX_SIO_REVOKE_LOOK    16384    /* cells looked at without the lock */
#define NGX_SIO_REVOKE_CLAIMS  65536    /* bytes; socketio_limit_data is less */
#define NGX_SIO_REVOKE_FREED   1024     /* at once */
#define NGX_SIO_REVOKE_TIME    ((uint64_t) 1 << 53)


/* A socket whose token is looked at. */
typedef struct {
    ngx_sio_ref_t      socket;
    uint16_t           revision;
    uint32_t           length;          /* of its claims */
} ngx_sio_suspect_t;


static void ngx_sio_marks_claim(const sio_json_t *claims, const char *name,
    ngx_uint_t kind, ngx_sio_marks_t *marks);
static uint64_t ngx_sio_marks_time(const sio_json_t *claims,
    const char *name);
static uint32_t *ngx_sio_revocation_bucket(ngx_sio_shared_t *sh,
    const u_char *key);
static uint32_t ngx_sio_revocation_find(ngx_sio_shared_t *sh, ngx_uint_t kind,
    const u_char *key);
static ngx_int_t ngx_sio_revoke_add(const ngx_sio_revoke_t *revoke);
static ngx_uint_t ngx_sio_revocation_out(const ngx_sio_revocation_t *r);
static void ngx_sio_revocation_free(ngx_sio_shared_t *sh, uint32_t cell);
static ngx_uint_t ngx_sio_revoke_look(ngx_sio_revoke_t *revoke,
    ngx_sio_suspect_t *suspects);
static ngx_uint_t ngx_sio_revoke_copy(ngx_sio_revoke_t *revoke,
    ngx_sio_suspect_t *suspects, ngx_uint_t n, u_char *claims);
static ngx_uint_t ngx_sio_revoke_judge(const ngx_sio_revoke_t *revoke,
    ngx_sio_suspect_t *suspects, ngx_uint_t n, const u_char *claims);
static void ngx_sio_revoke_disconnect(ngx_sio_revoke_t *revoke,
    const ngx_sio_suspect_t *suspects, ngx_uint_t n);


void
ngx_sio_marks(sio_span_t claims, ngx_sio_marks_t *marks)
{
    sio_json_t  v;

    ngx_memzero(marks, sizeof(ngx_sio_marks_t));

    if (sio_json_parse(claims, SIO_JSON_DEPTH, &v, NULL) != SIO_OK) {
        return;
    }

    ngx_sio_marks_claim(&v, "sub", NGX_SIO_REVOKE_USER, marks);
    ngx_sio_marks_claim(&v, "jti", NGX_SIO_REVOKE_ID, marks);

    ngx_sio_revoke_key(NGX_SIO_REVOKE_TOKEN, claims,
                       marks->keys[NGX_SIO_REVOKE_TOKEN]);
    marks->kinds |= (ngx_uint_t) 1 << NGX_SIO_REVOKE_TOKEN;

    marks->issued = ngx_sio_marks_time(&v, "iat");
}


/* A number is the same as its text, as it is in the names of rooms. */

static void
ngx_sio_marks_claim(const sio_json_t *claims, const char *name,
    ngx_uint_t kind, ngx_sio_marks_t *marks)
{
    sio_json_t      v;
    sio_span_t      text;

    static u_char   buffer[NGX_SIO_REVOKE_CLAIMS];

    v = sio_json_get(claims, name);
    text = v.raw;

    if (v.kind == SIO_JSON_STRING) {
        text.p = buffer;

        if (sio_json_string(&v, buffer, sizeof(buffer), &text.n) != SIO_OK) {
            return;
        }

    } else if (v.kind != SIO_JSON_NUMBER) {
        return;
    }

    if (text.n) {
        ngx_sio_revoke_key(kind, text, marks->keys[kind]);
        marks->kinds |= (ngx_uint_t) 1 << kind;
    }
}


uint64_t
ngx_sio_claims_time(sio_span_t claims, const char *name)
{
    sio_json_t  v;

    return sio_json_parse(claims, SIO_JSON_DEPTH, &v, NULL) == SIO_OK
           ? ngx_sio_marks_time(&v, name) : 0;
}


static uint64_t
ngx_sio_marks_time(const sio_json_t *claims, const char *name)
{
    char        text[64];
    double      real;
    uint64_t    n;
    sio_json_t  v;

    v = sio_json_get(claims, name);

    if (v.kind != SIO_JSON_NUMBER || v.raw.n >= sizeof(text)) {
        return 0;
    }

    if (sio_json_uint(&v, NGX_SIO_REVOKE_TIME, &n) == SIO_OK) {
        return n;
    }

    ngx_memcpy(text, v.raw.p, v.raw.n);
    text[v.raw.n] = '\0';
    real = strtod(text, NULL);

    if (real <= 0) {
        return 0;
    }

    return real < (double) NGX_SIO_REVOKE_TIME ? (uint64_t) real
                                               : NGX_SIO_REVOKE_TIME;
}


void
ngx_sio_revoke_key(ngx_uint_t kind, sio_span_t value, u_char *key)
{
    u_char      digest[20];
    ngx_sha1_t  sha1;

    digest[0] = (u_char) kind;

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, digest, 1);
    ngx_sha1_update(&sha1, value.p, value.n);
    ngx_sha1_final(digest, &sha1);

    ngx_memcpy(key, digest, NGX_SIO_REVOKE_KEY);
}


ngx_uint_t
ngx_sio_revoked(ngx_sio_zone_t *zone, const ngx_sio_marks_t *marks)
{
    ngx_uint_t  revoked;

    if (zone->shared->revocation_pool.used == 0) {
        return 0;
    }

    ngx_sio_lock(zone);
    revoked = ngx_sio_revoked_locked(zone->shared, marks);
    ngx_sio_unlock(zone);

    return revoked;
}


ngx_uint_t
ngx_sio_revoked_locked(ngx_sio_shared_t *sh, const ngx_sio_marks_t *marks)
{
    uint32_t               cell;
    ngx_uint_t             kind;
    ngx_sio_revocation_t  *r;

    if (sh->revocation_pool.used == 0) {
        return 0;
    }

    for (kind = 0; kind < NGX_SIO_REVOKE_KINDS; kind++) {

        if (!(marks->kinds & ((ngx_uint_t) 1 << kind))) {
            continue;
        }

        cell = ngx_sio_revocation_find(sh, kind, marks->keys[kind]);
        r = &sh->revocations[cell];

        if (cell
            && !ngx_sio_revocation_out(r)
            && (kind != NGX_SIO_REVOKE_USER || marks->issued <= r->issued))
        {
            return 1;
        }
    }

    return 0;
}


/* A digest is as good as random, so a piece of it is the hash. */

static uint32_t *
ngx_sio_revocation_bucket(ngx_sio_shared_t *sh, const u_char *key)
{
    uint32_t  hash;

    ngx_memcpy(&hash, key, sizeof(uint32_t));

    return &sh->revocation_hash[hash & sh->revocation_mask];
}


static uint32_t
ngx_sio_revocation_find(ngx_sio_shared_t *sh, ngx_uint_t kind,
    const u_char *key)
{
    uint32_t               cell;
    ngx_sio_revocation_t  *r;

    for (cell = *ngx_sio_revocation_bucket(sh, key); cell; cell = r->next) {
        r = &sh->revocations[cell];

        if (r->kind == kind
            && ngx_memcmp(r->key, key, NGX_SIO_REVOKE_KEY) == 0)
        {
            return cell;
        }
    }

    return 0;
}


void
ngx_sio_revocation_link(ngx_sio_shared_t *sh, uint32_t cell)
{
    uint32_t  *bucket;

    bucket = ngx_sio_revocation_bucket(sh, sh->revocations[cell].key);
    sh->revocations[cell].next = *bucket;
    ngx_sio_test_point();
    *bucket = cell;
}


ngx_int_t
ngx_sio_revoke(const ngx_sio_revoke_t *revoke)
{
    ngx_int_t  rc;

    rc = ngx_sio_revoke_add(revoke);

    if (rc != NGX_OK && ngx_sio_revoke_expire(revoke->zone) != 0) {
        rc = ngx_sio_revoke_add(revoke);
    }

    if (rc == NGX_OK) {
        ngx_sio_stat(revoke->zone, tokens_revoked, 1);
    }

    return rc;
}


static ngx_int_t
ngx_sio_revoke_add(const ngx_sio_revoke_t *revoke)
{
    uint32_t               cell;
    ngx_sio_shared_t      *sh;
    ngx_sio_revocation_t  *r;

    sh = revoke->zone->shared;

    ngx_sio_lock(revoke->zone);

    cell = ngx_sio_revocation_find(sh, revoke->kind, revoke->key);

    if (cell) {
        r = &sh->revocations[cell];
        r->issued = ngx_max(r->issued, revoke->issued);
        r->until = ngx_max(r->until, revoke->until);
        goto done;
    }

    cell = ngx_sio_revocation_cell(sh);

    if (cell) {
        r = &sh->revocations[cell];
        r->kind = revoke->kind;
        r->issued = revoke->issued;
        r->until = revoke->until;
        ngx_memcpy(r->key, revoke->key, NGX_SIO_REVOKE_KEY);

        ngx_sio_revocation_link(sh, cell);
        ngx_sio_test_point();
        r->state = NGX_SIO_LIVE;
    }

done:

    ngx_sio_unlock(revoke->zone);

    return cell ? NGX_OK : NGX_DECLINED;
}


/* Cells are looked at without the lock first, and judged again under it. */

ngx_uint_t
ngx_sio_revoke_expire(ngx_sio_zone_t *zone)
{
    uint32_t           cell;
    ngx_uint_t         n;
    ngx_sio_shared_t  *sh;

    sh = zone->shared;

    if (sh->revocation_pool.used == 0) {
        return 0;
    }

    for (n = 0, cell = 1;
         cell < sh->revocation_pool.fresh && n < NGX_SIO_REVOKE_FREED;
         cell++)
    {
        if (!ngx_sio_revocation_out(&sh->revocations[cell])) {
            continue;
        }

        ngx_sio_lock(zone);

        if (ngx_sio_revocation_out(&sh->revocations[cell])) {
            ngx_sio_revocation_free(sh, cell);
            n++;
        }

        ngx_sio_unlock(zone);
    }

    return n;
}


static ngx_uint_t
ngx_sio_revocation_out(const ngx_sio_revocation_t *r)
{
    return r->state == NGX_SIO_LIVE && r->until <= (uint64_t) ngx_time();
}


static void
ngx_sio_revocation_free(ngx_sio_shared_t *sh, uint32_t cell)
{
    uint32_t  *link;

    sh->revocations[cell].state = NGX_SIO_FREE;
    ngx_sio_test_point();

    link = ngx_sio_revocation_bucket(sh, sh->revocations[cell].key);

    while (*link != cell) {
        link = &sh->revocations[*link].next;
    }

    *link = sh->revocations[cell].next;

    ngx_sio_revocation_cell_free(sh, cell);
}


/* Claims are copied, so that the lock is not held while they are read. */

ngx_int_t
ngx_sio_revoke_step(ngx_sio_revoke_t *revoke)
{
    ngx_uint_t                n;

    static u_char             claims[NGX_SIO_REVOKE_CLAIMS];
    static ngx_sio_suspect_t  suspects[NGX_SIO_REVOKE_SLICE];

    n = ngx_sio_revoke_look(revoke, suspects);

    if (n) {
        n = ngx_sio_revoke_copy(revoke, suspects, n, claims);
        n = ngx_sio_revoke_judge(revoke, suspects, n, claims);
    }

    if (n) {
        ngx_sio_revoke_disconnect(revoke, suspects, n);
    }

    return revoke->next == NGX_MAX_UINT32_VALUE ? NGX_OK : NGX_AGAIN;
}


static ngx_uint_t
ngx_sio_revoke_look(ngx_sio_revoke_t *revoke, ngx_sio_suspect_t *suspects)
{
    uint32_t           cell, last, fresh;
    ngx_uint_t         n;
    ngx_sio_shared_t  *sh;

    sh = revoke->zone->shared;
    fresh = *(volatile uint32_t *) &sh->socket_pool.fresh;
    cell = ngx_max(revoke->next, 1);
    last = cell < fresh ? cell + ngx_min(fresh - cell, NGX_SIO_REVOKE_LOOK)
                        : cell;

    for (n = 0; cell < last && n < NGX_SIO_REVOKE_SLICE; cell++) {

        if (sh->sockets[cell].state == NGX_SIO_LIVE
            && sh->sockets[cell].claims)
        {
            suspects[n++].socket.cell = cell;
        }
    }

    revoke->next = cell < fresh ? cell : NGX_MAX_UINT32_VALUE;

    return n;
}


/* What has no place any more is left to the next step. */

static ngx_uint_t
ngx_sio_revoke_copy(ngx_sio_revoke_t *revoke, ngx_sio_suspect_t *suspects,
    ngx_uint_t n, u_char *claims)
{
    size_t             used, length;
    uint32_t           cell;
    ngx_uint_t         i, kept;
    ngx_sio_shared_t  *sh;
    ngx_sio_socket_t  *so;

    sh = revoke->zone->shared;
    used = 0;
    kept = 0;

    ngx_sio_lock(revoke->zone);

    for (i = 0; i < n; i++) {
        cell = suspects[i].socket.cell;
        so = &sh->sockets[cell];

        if (so->state != NGX_SIO_LIVE) {
            continue;
        }

        length = ngx_sio_string_size(sh, so->claims);

        if (length > NGX_SIO_REVOKE_CLAIMS - used) {
            revoke->next = cell;
            break;
        }

        (void) ngx_sio_string_copy(sh, so->claims, claims + used, length);
        used += length;

        suspects[kept].socket.cell = cell;
        suspects[kept].socket.serial = so->serial;
        suspects[kept].revision = so->revision;
        suspects[kept].length = length;
        kept++;
    }

    ngx_sio_unlock(revoke->zone);

    return kept;
}


static ngx_uint_t
ngx_sio_revoke_judge(const ngx_sio_revoke_t *revoke,
    ngx_sio_suspect_t *suspects, ngx_uint_t n, const u_char *claims)
{
    ngx_uint_t        i, kept, bit;
    sio_span_t        text;
    ngx_sio_marks_t   marks;

    bit = (ngx_uint_t) 1 << revoke->kind;
    text.p = claims;
    kept = 0;

    for (i = 0; i < n; i++) {
        text.n = suspects[i].length;
        ngx_sio_marks(text, &marks);
        text.p += text.n;

        if ((marks.kinds & bit)
            && ngx_memcmp(marks.keys[revoke->kind], revoke->key,
                          NGX_SIO_REVOKE_KEY)
               == 0
            && (revoke->kind != NGX_SIO_REVOKE_USER
                || marks.issued <= revoke->issued))
        {
            suspects[kept++] = suspects[i];
        }
    }

    return kept;
}


/* Who may have got another token meanwhile is looked at once more. */

static void
ngx_sio_revoke_disconnect(ngx_sio_revoke_t *revoke,
    const ngx_sio_suspect_t *suspects, ngx_uint_t n)
{
    ngx_uint_t         i;
    ngx_sio_mask_t     wake;
    ngx_sio_socket_t  *so;

    ngx_memzero(&wake, sizeof(ngx_sio_mask_t));

    ngx_sio_lock(revoke->zone);

    for (i = 0; i < n; i++) {
        so = ngx_sio_socket_locked(revoke->zone, suspects[i].socket);

        if (so == NULL) {
            continue;
        }

        if (so->revision != suspects[i].revision) {
            revoke->next = suspects[i].socket.cell;
            break;
        }

        ngx_sio_socket_disconnect_locked(revoke->zone,
                                         suspects[i].socket.cell, &wake);
        revoke->matched++;
    }

    ngx_sio_unlock(revoke->zone);

    ngx_sio_wake(&wake);
}
