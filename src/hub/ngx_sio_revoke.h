
/*
 * Tokens that are refused although their signature is good: those of a user,
 * one with an id, one that a socket has brought.  They are in shared memory, so
 * they outlive workers and reloads, but not a restart.
 */

#ifndef _NGX_SIO_REVOKE_H_INCLUDED_
#define _NGX_SIO_REVOKE_H_INCLUDED_


#include "ngx_sio_hashes.h"


/* What of tokens can be revoked. */
#define NGX_SIO_REVOKE_USER   0         /* by sub, up to a time of iat */
#define NGX_SIO_REVOKE_ID     1         /* by jti */
#define NGX_SIO_REVOKE_TOKEN  2         /* by all its claims */
#define NGX_SIO_REVOKE_KINDS  3


/* By what a token can be found in the table. */
typedef struct {
    ngx_uint_t         kinds;           /* bits: which keys it has */
    u_char             keys[NGX_SIO_REVOKE_KINDS][NGX_SIO_REVOKE_KEY];
    uint64_t           issued;          /* iat, s since 1970; 0 without one */
} ngx_sio_marks_t;


/* Tokens that are to be refused, and the walk over sockets that have one. */
typedef struct {
    ngx_sio_zone_t    *zone;
    ngx_uint_t         kind;            /* NGX_SIO_REVOKE_... */
    u_char             key[NGX_SIO_REVOKE_KEY];
    uint64_t           issued;          /* USER: not those of later */
    uint64_t           until;           /* s since 1970 */

    /* results */
    ngx_uint_t         matched;         /* sockets disconnected */
    uint32_t           next;            /* where the walk goes on */
} ngx_sio_revoke_t;


/* Computes the marks of a token from its claims, the JSON of an object. */
void ngx_sio_marks(sio_span_t claims, ngx_sio_marks_t *marks);

/* The key of a value of a kind: a sub, a jti, or claims. */
void ngx_sio_revoke_key(ngx_uint_t kind, sio_span_t value, u_char *key);

/*
 * A time among claims, seconds since 1970, fractions cut off; 0 if there is
 * none.
 */
uint64_t ngx_sio_claims_time(sio_span_t claims, const char *name);

/* Whether a token is revoked.  Takes the lock where anything is at all. */
ngx_uint_t ngx_sio_revoked(ngx_sio_zone_t *zone, const ngx_sio_marks_t *marks);

/* The same under the caller's lock. */
ngx_uint_t ngx_sio_revoked_locked(ngx_sio_shared_t *sh,
    const ngx_sio_marks_t *marks);

/*
 * Has tokens refused from now on; what was revoked before stays so for as long
 * as it was to.  Returns NGX_OK, or NGX_DECLINED when the table is full.
 */
ngx_int_t ngx_sio_revoke(const ngx_sio_revoke_t *revoke);

/*
 * Disconnects a slice of the sockets whose token is meant; called after
 * ngx_sio_revoke() until it returns NGX_OK.  NGX_AGAIN: there may be more.
 */
ngx_int_t ngx_sio_revoke_step(ngx_sio_revoke_t *revoke);

/* Frees entries whose time is over and returns their number; for anybody. */
ngx_uint_t ngx_sio_revoke_expire(ngx_sio_zone_t *zone);

/* Puts a complete cell into its hash.  Wants the lock. */
void ngx_sio_revocation_link(ngx_sio_shared_t *sh, uint32_t cell);


#endif /* _NGX_SIO_REVOKE_H_INCLUDED_ */
