
/*
 * Algorithms and keys: which there are, whether a key is fit for its algorithm,
 * and the PEM that libjwt reads, which knows public keys but no certificates.
 * Called when a configuration is read, and by sio_jwt.c.  Never signs.
 */

#include <stdlib.h>
#include <jwt.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include "sio_base64.h"
#include "sio_jwt_internal.h"


#define SIO_JWT_ALGS     (sizeof(sio_jwt_algs) / sizeof(sio_jwt_algs[0]))
#define SIO_JWT_GROUP    64     /* bytes of a curve's name */
#define SIO_JWT_KEY_MAX  65536  /* bytes */


static int sio_jwt_has(const sio_jwt_traits_t *traits);
static int sio_jwt_warm(const char **why);
static int sio_jwt_secret_check(sio_span_t secret, const char **why);
static int sio_jwt_public_check(const sio_jwt_traits_t *traits, sio_span_t pem,
    const char **why);
static int sio_jwt_group_check(EVP_PKEY *pkey, const char *group);
static EVP_PKEY *sio_jwt_key_read(sio_span_t pem);
static int sio_jwt_no_password(char *buf, int size, int rwflag, void *data);
static int sio_jwt_contains(sio_span_t text, sio_span_t part);


/*
 * In the order of sio_jwt_alg_t.  libjwt wants keys for PS* to be marked as
 * such (id-RSASSA-PSS, RFC 4055).
 */

static const sio_jwt_traits_t  sio_jwt_algs[] = {
    { "HS256", NULL, NULL },
    { "HS384", NULL, NULL },
    { "HS512", NULL, NULL },
    { "RS256", "RSA", NULL },
    { "RS384", "RSA", NULL },
    { "RS512", "RSA", NULL },
    { "ES256", "EC", "prime256v1" },
    { "ES384", "EC", "secp384r1" },
    { "ES512", "EC", "secp521r1" },
    { "PS256", "RSA-PSS", NULL },
    { "PS384", "RSA-PSS", NULL },
    { "PS512", "RSA-PSS", NULL },
    { "EdDSA", "ED25519", NULL }
};


const sio_jwt_traits_t *
sio_jwt_traits(sio_jwt_alg_t alg)
{
    if (alg < SIO_JWT_HS256 || alg > SIO_JWT_EDDSA) {
        return NULL;
    }

    return &sio_jwt_algs[alg - 1];
}


sio_jwt_alg_t
sio_jwt_alg_find(sio_span_t name)
{
    unsigned     i;
    const char  *known;

    for (i = 0; i < SIO_JWT_ALGS; i++) {
        known = sio_jwt_algs[i].name;

        if (name.n == strlen(known) && memcmp(name.p, known, name.n) == 0) {
            return (sio_jwt_alg_t) (i + 1);
        }
    }

    return (sio_jwt_alg_t) 0;
}


int
sio_jwt_alg(sio_span_t name, sio_jwt_alg_t *alg, const char **why)
{
    *alg = sio_jwt_alg_find(name);

    if (*alg == 0) {
        *why = "is no algorithm for signed tokens";
        return SIO_ERROR;
    }

    if (!sio_jwt_has(sio_jwt_traits(*alg))) {
        *why = "is an algorithm that the installed libjwt does not have";
        return SIO_ERROR;
    }

    return SIO_OK;
}


int
sio_jwt_key_check(const sio_jwt_key_t *key, const char **why)
{
    int                      rc;
    const sio_jwt_traits_t  *traits;

    traits = sio_jwt_traits(key->alg);

    if (traits == NULL || !sio_jwt_has(traits)) {
        *why = "has a key for an algorithm that the installed libjwt does "
               "not have";
        return SIO_ERROR;
    }

    if (key->key.n == 0) {
        *why = "has no key in it";
        return SIO_ERROR;
    }

    if (key->key.n > SIO_JWT_KEY_MAX) {
        *why = "has more bytes than a key may have";
        return SIO_ERROR;
    }

    if (sio_jwt_warm(why) != SIO_OK) {
        return SIO_ERROR;
    }

    if (traits->type == NULL) {
        return sio_jwt_secret_check(key->key, why);
    }

    ERR_set_mark();
    rc = sio_jwt_public_check(traits, key->key, why);
    ERR_pop_to_mark();

    return rc;
}


/*
 * OpenSSL loads what it needs at the first use, and where memory is short just
 * then, it never tries again: better now, before there are workers.
 */

static int
sio_jwt_warm(const char **why)
{
    unsigned  n;
    uint8_t   code[EVP_MAX_MD_SIZE];

    if (HMAC(EVP_sha256(), "", 0, code, 0, code, &n) == NULL) {
        *why = "cannot be used, OpenSSL has no HMAC with SHA-256";
        return SIO_ERROR;
    }

    return SIO_OK;
}


/*
 * libjwt up to 1.17 knows the names of PS*, but verifies nothing that OpenSSL
 * signed by them.  Those that do so know EdDSA, too, as "EDDSA": by that name
 * no token goes (RFC 8037 section 3.1).
 */

static int
sio_jwt_has(const sio_jwt_traits_t *traits)
{
    if (jwt_str_alg(traits->name) == JWT_ALG_INVAL) {
        return 0;
    }

    return traits->name[0] != 'P' || jwt_str_alg("EDDSA") != JWT_ALG_INVAL;
}


static int
sio_jwt_secret_check(sio_span_t secret, const char **why)
{
    if (sio_jwt_contains(secret, sio_span("-----BEGIN "))) {
        *why = "has a PEM key, but the algorithm wants a secret";
        return SIO_ERROR;
    }

    if (secret.n < SIO_JWT_SECRET_MIN) {
        *why = "has a secret of fewer than 16 bytes";
        return SIO_ERROR;
    }

    return SIO_OK;
}


static int
sio_jwt_public_check(const sio_jwt_traits_t *traits, sio_span_t pem,
    const char **why)
{
    int            rc;
    EVP_PKEY      *pkey;
    EVP_PKEY_CTX  *ctx;

    rc = SIO_ERROR;
    ctx = NULL;
    pkey = NULL;

    if (sio_jwt_contains(pem, sio_span("PRIVATE KEY-----"))) {
        *why = "has a private key, but tokens are verified by the public one";
        goto done;
    }

    pkey = sio_jwt_key_read(pem);

    if (pkey == NULL) {
        *why = "has no public key or certificate in PEM";
        goto done;
    }

    if (!EVP_PKEY_is_a(pkey, traits->type)) {
        *why = "has a key of another kind than the algorithm's";
        goto done;
    }

    if (traits->group != NULL && !sio_jwt_group_check(pkey, traits->group)) {
        *why = "has a key on another curve than the algorithm's";
        goto done;
    }

    if (strncmp(traits->type, "RSA", 3) == 0
        && EVP_PKEY_get_bits(pkey) < SIO_JWT_RSA_MIN)
    {
        *why = "has an RSA key of fewer than 2048 bits";
        goto done;
    }

    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

    if (ctx == NULL || EVP_PKEY_public_check(ctx) != 1) {
        *why = "has a key that is not valid";
        goto done;
    }

    rc = SIO_OK;

done:

    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pkey);

    return rc;
}


static int
sio_jwt_group_check(EVP_PKEY *pkey, const char *group)
{
    char    name[SIO_JWT_GROUP];
    size_t  n;

    return EVP_PKEY_get_group_name(pkey, name, sizeof(name), &n) == 1
           && strcmp(name, group) == 0;
}


int
sio_jwt_is_certificate(sio_span_t pem)
{
    return !sio_jwt_contains(pem, sio_span("-----BEGIN PUBLIC KEY-----"))
           && sio_jwt_contains(pem, sio_span("CERTIFICATE-----"));
}


char *
sio_jwt_certificate_key(sio_span_t pem, size_t *n)
{
    char      *key;
    EVP_PKEY  *pkey;

    pkey = sio_jwt_key_read(pem);

    if (pkey == NULL) {
        return NULL;
    }

    key = sio_jwt_pem(pkey, n);
    EVP_PKEY_free(pkey);

    return key;
}


static EVP_PKEY *
sio_jwt_key_read(sio_span_t pem)
{
    BIO       *bio;
    X509      *x509;
    EVP_PKEY  *pkey;

    bio = BIO_new_mem_buf(pem.p, (int) pem.n);

    if (bio == NULL) {
        return NULL;
    }

    if (sio_jwt_is_certificate(pem)) {
        x509 = PEM_read_bio_X509(bio, NULL, sio_jwt_no_password, NULL);
        pkey = x509 != NULL ? X509_get_pubkey(x509) : NULL;
        X509_free(x509);

    } else {
        pkey = PEM_read_bio_PUBKEY(bio, NULL, sio_jwt_no_password, NULL);
    }

    BIO_free(bio);

    return pkey;
}


/* OpenSSL would ask at the terminal. */

static int
sio_jwt_no_password(char *buf, int size, int rwflag, void *data)
{
    (void) buf;
    (void) size;
    (void) rwflag;
    (void) data;

    return -1;
}


char *
sio_jwt_pem(EVP_PKEY *pkey, size_t *n)
{
    BIO   *bio;
    char  *data, *pem;
    long   size;

    pem = NULL;
    bio = BIO_new(BIO_s_mem());

    if (bio == NULL || PEM_write_bio_PUBKEY(bio, pkey) != 1) {
        goto done;
    }

    size = BIO_get_mem_data(bio, &data);

    if (size <= 0) {
        goto done;
    }

    pem = malloc((size_t) size);

    if (pem != NULL) {
        memcpy(pem, data, (size_t) size);
        *n = (size_t) size;
    }

done:

    BIO_free(bio);

    return pem;
}


/* The alphabets differ in two characters; padding is the standard one's. */

int
sio_jwt_base64url(uint8_t *dst, sio_span_t src, size_t *n)
{
    size_t  i;

    for (i = 0; i < src.n; i++) {

        switch (src.p[i]) {

        case '-':
            dst[i] = '+';
            break;

        case '_':
            dst[i] = '/';
            break;

        case '+':
        case '/':
        case '=':
            return SIO_ERROR;

        default:
            dst[i] = src.p[i];
        }
    }

    return sio_base64_decode(dst, (sio_span_t) { dst, src.n }, n);
}


static int
sio_jwt_contains(sio_span_t text, sio_span_t part)
{
    size_t  i;

    for (i = 0; i + part.n <= text.n; i++) {

        if (memcmp(text.p + i, part.p, part.n) == 0) {
            return 1;
        }
    }

    return 0;
}
