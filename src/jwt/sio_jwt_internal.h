
/*
 * What the files of src/jwt share: algorithms, keys as OpenSSL sees them, and
 * base64url.  Never included from outside; sio_jwt.h is the interface.
 */

#ifndef _SIO_JWT_INTERNAL_H_INCLUDED_
#define _SIO_JWT_INTERNAL_H_INCLUDED_


#include <openssl/evp.h>
#include "sio_jwt.h"


#define SIO_JWT_DEPTH   16      /* of JSON in tokens and key sets */
#define SIO_JWT_DIGEST  32      /* bytes, SHA-256 */


typedef struct {
    const char  *name;          /* RFC 7518, RFC 8037 */
    const char  *type;          /* OpenSSL's word for the key; NULL: secret */
    const char  *group;         /* and for the curve; NULL: none */
} sio_jwt_traits_t;


/* NULL where alg is none of the enumeration's. */
const sio_jwt_traits_t *sio_jwt_traits(sio_jwt_alg_t alg);

/* The algorithm of exactly this name, or 0; libjwt is not asked. */
sio_jwt_alg_t sio_jwt_alg_find(sio_span_t name);

/* Whether sio_jwt_certificate_key() is needed: libjwt reads no certificate. */
int sio_jwt_is_certificate(sio_span_t pem);

/* A certificate's key as a PEM public key, which the caller frees, or NULL. */
char *sio_jwt_certificate_key(sio_span_t pem, size_t *n);

/* A public key as PEM, which the caller frees, or NULL without memory. */
char *sio_jwt_pem(EVP_PKEY *pkey, size_t *n);

/*
 * Writes what names a token with a key, SIO_JWT_DIGEST bytes.  SIO_ERROR
 * without memory.
 */
int sio_jwt_digest(const sio_jwt_key_t *key, sio_span_t token,
    uint8_t *digest);

/* Whether that token's signature by that key was found good before. */
int sio_jwt_seen(const uint8_t *digest);

/* Notes that it is good; what was noted longer ago may be forgotten. */
void sio_jwt_remember(const uint8_t *digest);

/*
 * Decodes unpadded base64url strictly.  dst has room for
 * sio_base64_decoded_size(src.n) and for src.n bytes.  Returns SIO_OK and sets
 * *n, or SIO_ERROR.
 */
int sio_jwt_base64url(uint8_t *dst, sio_span_t src, size_t *n);


#endif /* _SIO_JWT_INTERNAL_H_INCLUDED_ */
