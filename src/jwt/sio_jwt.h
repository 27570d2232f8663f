
/*
 * JSON Web Tokens (RFC 7519), signed ones (RFC 7515) in the compact form: a
 * token is judged by keys that know their algorithm, never by what the token
 * says of itself alone.  Plain C over libjwt (signatures), jansson and, for
 * keys, OpenSSL; http and engine call it.  Never logs, reads no clock and no
 * file, and leaves nothing in OpenSSL's error queue.
 */

#ifndef _SIO_JWT_H_INCLUDED_
#define _SIO_JWT_H_INCLUDED_


#include "sio_span.h"


#define SIO_JWT_TOKEN_MAX   8192    /* bytes of a token */
#define SIO_JWT_SECRET_MIN  16      /* bytes of a secret */
#define SIO_JWT_RSA_MIN     2048    /* bits of an RSA key */
#define SIO_JWT_TRIES       16      /* keys that one token is tried with */

/* Times are cut off here, so that they may be counted in milliseconds. */
#define SIO_JWT_TIME_MAX    ((int64_t) 1 << 53)


typedef enum {
    SIO_JWT_HS256 = 1,
    SIO_JWT_HS384,
    SIO_JWT_HS512,
    SIO_JWT_RS256,
    SIO_JWT_RS384,
    SIO_JWT_RS512,
    SIO_JWT_ES256,
    SIO_JWT_ES384,
    SIO_JWT_ES512,
    SIO_JWT_PS256,
    SIO_JWT_PS384,
    SIO_JWT_PS512,
    SIO_JWT_EDDSA
} sio_jwt_alg_t;


typedef struct {
    sio_jwt_alg_t             alg;
    sio_span_t                kid;      /* empty: any */
    sio_span_t                key;      /* PEM (public key, certificate), or
                                           the bytes of the secret */
} sio_jwt_key_t;


typedef struct {
    sio_span_t                claim;    /* where no claim has this name, dots
                                           lead into objects */
    sio_span_t                value;
} sio_jwt_require_t;


typedef struct {
    const sio_jwt_key_t      *keys;     /* each passed sio_jwt_key_check() */
    unsigned                  nkeys;
    const sio_jwt_require_t  *require;
    unsigned                  nrequire;
    int64_t                   leeway;   /* seconds */
} sio_jwt_policy_t;


typedef struct {
    char                     *json;     /* the payload without white space,
                                           a zero byte after it */
    size_t                    n;
    int64_t                   exp;      /* seconds, 0: none */
    int64_t                   iat;
} sio_jwt_claims_t;


typedef enum {
    SIO_JWT_OK = 0,
    SIO_JWT_INVALID,
    SIO_JWT_EXPIRED,
    SIO_JWT_FORBIDDEN                   /* a required claim does not match */
} sio_jwt_verdict_t;


/*
 * The algorithm of a name as RFC 7518 writes it.  Returns SIO_OK and sets *alg,
 * or SIO_ERROR and sets *why to the end of a sentence that the name begins:
 * there is no such algorithm, or the installed libjwt does not have it.
 */
int sio_jwt_alg(sio_span_t name, sio_jwt_alg_t *alg, const char **why);

/*
 * Whether the key fits its algorithm and is strong enough: a PEM key is no
 * secret, and a secret has SIO_JWT_SECRET_MIN bytes; RSA has SIO_JWT_RSA_MIN
 * bits; a curve is the algorithm's.  Returns SIO_OK, or SIO_ERROR and sets *why
 * to the end of a sentence that the key's file begins.
 */
int sio_jwt_key_check(const sio_jwt_key_t *key, const char **why);

/*
 * Reads a key set (RFC 7517): RSA, EC, OKP (Ed25519), oct.  Keys that are not
 * for signatures are passed over; one that sio_jwt_key_check() would refuse, or
 * that has no "alg", spoils the set, and so does having none.  Returns SIO_OK
 * and sets *keys, *n, which the caller frees, or SIO_ERROR and sets *why.
 */
int sio_jwt_jwks(sio_span_t text, sio_jwt_key_t **keys, unsigned *n,
    const char **why);

/* Frees what sio_jwt_jwks() made; secrets are overwritten. */
void sio_jwt_keys_free(sio_jwt_key_t *keys, unsigned n);

/*
 * Judges a token at the time now, in seconds: the signature, then exp and nbf,
 * then what is required (a string equals, an array contains, an integer or a
 * boolean is compared as it is written).  iat may lie ahead.  On SIO_JWT_OK the
 * caller owns *claims; otherwise it is zero-filled.
 *
 * libjwt before 1.12 wants "typ" to be "JWT" where a token has one.
 */
sio_jwt_verdict_t sio_jwt_verify(const sio_jwt_policy_t *policy,
    sio_span_t token, int64_t now, sio_jwt_claims_t *claims);

/* Frees what sio_jwt_verify() made, if anything. */
void sio_jwt_claims_free(sio_jwt_claims_t *claims);


#endif /* _SIO_JWT_H_INCLUDED_ */
