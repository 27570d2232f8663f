
/*
 * Tokens made with OpenSSL alone, so that what verifies them is not what made
 * them.  Nothing here is checked but that OpenSSL does what it is told.
 */

#ifndef _JWT_SIGN_H_INCLUDED_
#define _JWT_SIGN_H_INCLUDED_


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include "sio_base64.h"


#define JWT_SIGN_MAX  1024      /* bytes of a signature */


typedef struct {
    const char  *digest;        /* "SHA256"; NULL: Ed25519 */
    EVP_PKEY    *pkey;          /* NULL: the secret */
    sio_span_t   secret;
    size_t       half;          /* bytes of r and of s; 0: no ECDSA */
    int          pss;           /* RSA's newer padding */
} jwt_signer_t;


static void
jwt_must(int good)
{
    if (!good) {
        fprintf(stderr, "jwt_sign.h: OpenSSL refused\n");
        abort();
    }
}


static void
jwt_append(char *dst, size_t *n, sio_span_t bytes)
{
    *n += sio_base64url_encode((uint8_t *) dst + *n, bytes);
}


/* DER to r and s, one after the other (RFC 7518 section 3.4). */
static size_t
jwt_raw_ecdsa(uint8_t *sig, size_t n, size_t half)
{
    ECDSA_SIG      *pair;
    const uint8_t  *p;

    p = sig;
    pair = d2i_ECDSA_SIG(NULL, &p, (long) n);
    jwt_must(pair != NULL);
    jwt_must(BN_bn2binpad(ECDSA_SIG_get0_r(pair), sig, (int) half) > 0);
    jwt_must(BN_bn2binpad(ECDSA_SIG_get0_s(pair), sig + half, (int) half) > 0);
    ECDSA_SIG_free(pair);

    return 2 * half;
}


/* The signature's bytes; their number is returned. */
static size_t
jwt_signature(const jwt_signer_t *by, sio_span_t text, uint8_t *sig)
{
    size_t         n;
    unsigned       short_n;
    EVP_MD_CTX    *ctx;
    const EVP_MD  *md;
    EVP_PKEY_CTX  *pctx;

    if (by->pkey == NULL) {
        md = EVP_get_digestbyname(by->digest);
        jwt_must(HMAC(md, by->secret.p, (int) by->secret.n, text.p, text.n, sig,
                      &short_n) != NULL);
        return short_n;
    }

    n = JWT_SIGN_MAX;
    ctx = EVP_MD_CTX_new();
    jwt_must(EVP_DigestSignInit_ex(ctx, &pctx, by->digest, NULL, NULL, by->pkey,
                                   NULL) == 1);

    if (by->pss) {
        jwt_must(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0);
        jwt_must(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST)
                 > 0);
    }

    jwt_must(EVP_DigestSign(ctx, sig, &n, text.p, text.n) == 1);
    EVP_MD_CTX_free(ctx);

    return by->half != 0 ? jwt_raw_ecdsa(sig, n, by->half) : n;
}


/* A whole token with a zero byte after it; free() it. */
__attribute__((unused)) static char *
jwt_sign(const jwt_signer_t *by, sio_span_t header, sio_span_t payload)
{
    char     *token;
    size_t    n, size;
    uint8_t   sig[JWT_SIGN_MAX];

    size = sio_base64_encoded_size(header.n)
           + sio_base64_encoded_size(payload.n)
           + sio_base64_encoded_size(JWT_SIGN_MAX) + 3;
    token = malloc(size);
    jwt_must(token != NULL);

    n = 0;
    jwt_append(token, &n, header);
    token[n++] = '.';
    jwt_append(token, &n, payload);

    size = jwt_signature(by, (sio_span_t) { (uint8_t *) token, n }, sig);
    token[n++] = '.';
    jwt_append(token, &n, (sio_span_t) { sig, size });
    token[n] = '\0';

    return token;
}


#endif /* _JWT_SIGN_H_INCLUDED_ */
