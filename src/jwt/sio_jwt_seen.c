
/*
 * Signatures that were found good.  A client's token is looked at in the access
 * phase, at each CONNECT and when it comes back; a public key's arithmetic is
 * done once.  What is kept is a digest of key and token, so there is nothing to
 * be read or forged here, and times and claims are judged every time.
 */

#include <string.h>
#include "sio_jwt_internal.h"


#define SIO_JWT_SEEN  1024      /* a power of two */


static uint8_t  sio_jwt_seen_digests[SIO_JWT_SEEN][SIO_JWT_DIGEST];


static uint8_t *sio_jwt_seen_place(const uint8_t *digest);


int
sio_jwt_digest(const sio_jwt_key_t *key, sio_span_t token, uint8_t *digest)
{
    int          done;
    uint64_t     head[2];
    EVP_MD_CTX  *ctx;

    ctx = EVP_MD_CTX_new();

    if (ctx == NULL) {
        return SIO_ERROR;
    }

    /* lengths first, so that no key and token run into each other */

    head[0] = key->alg;
    head[1] = key->key.n;

    done = EVP_DigestInit_ex(ctx, EVP_sha256(), NULL)
           && EVP_DigestUpdate(ctx, head, sizeof(head))
           && EVP_DigestUpdate(ctx, key->key.p, key->key.n)
           && EVP_DigestUpdate(ctx, token.p, token.n)
           && EVP_DigestFinal_ex(ctx, digest, NULL);

    EVP_MD_CTX_free(ctx);

    return done ? SIO_OK : SIO_ERROR;
}


int
sio_jwt_seen(const uint8_t *digest)
{
    return memcmp(sio_jwt_seen_place(digest), digest, SIO_JWT_DIGEST) == 0;
}


void
sio_jwt_remember(const uint8_t *digest)
{
    memcpy(sio_jwt_seen_place(digest), digest, SIO_JWT_DIGEST);
}


static uint8_t *
sio_jwt_seen_place(const uint8_t *digest)
{
    unsigned  place;

    place = (digest[0] | (unsigned) digest[1] << 8) & (SIO_JWT_SEEN - 1);

    return sio_jwt_seen_digests[place];
}
