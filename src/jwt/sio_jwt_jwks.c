
/*
 * Key sets (RFC 7517, RFC 7518 section 6, RFC 8037 section 2): public keys
 * become the PEM that libjwt reads, secrets their bytes.  Called when a
 * configuration is read.  Private members of a key are not looked at.
 */

#include <stdlib.h>
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include "sio_json.h"
#include "sio_jwt_internal.h"


#define SIO_JWT_MEMBER_MAX  4096    /* bytes of "n", "x", "k"... as written */
#define SIO_JWT_POINT_MAX   66      /* bytes of a coordinate: P-521 */


typedef struct {
    const char  *crv;
    const char  *group;
    size_t       size;              /* of a coordinate, exactly */
} sio_jwt_curve_t;


static json_t *sio_jwt_jwks_parse(sio_span_t text, const char **why);
static int sio_jwt_jwk_is_for_signatures(const json_t *jwk);
static int sio_jwt_jwk(const json_t *jwk, sio_jwt_key_t *key,
    const char **why);
static int sio_jwt_jwk_key(const json_t *jwk, sio_jwt_key_t *key);
static int sio_jwt_jwk_secret(const json_t *jwk, sio_jwt_key_t *key);
static EVP_PKEY *sio_jwt_jwk_public(const json_t *jwk, const char *kty,
    const sio_jwt_traits_t *traits);
static EVP_PKEY *sio_jwt_jwk_rsa(const json_t *jwk, const char *type);
static EVP_PKEY *sio_jwt_jwk_ec(const json_t *jwk);
static EVP_PKEY *sio_jwt_jwk_okp(const json_t *jwk);
static EVP_PKEY *sio_jwt_fromdata(const char *type, OSSL_PARAM *params);
static int sio_jwt_jwk_bytes(const json_t *jwk, const char *name, uint8_t *dst,
    size_t *n);
static BIGNUM *sio_jwt_jwk_number(const json_t *jwk, const char *name);
static int sio_jwt_jwk_is(const json_t *jwk, const char *name,
    const char *value);


static const sio_jwt_curve_t  sio_jwt_curves[] = {
    { "P-256", "prime256v1", 32 },
    { "P-384", "secp384r1", 48 },
    { "P-521", "secp521r1", 66 }
};


int
sio_jwt_jwks(sio_span_t text, sio_jwt_key_t **keys, unsigned *n,
    const char **why)
{
    int             rc;
    size_t          i;
    json_t         *root, *list, *jwk;
    unsigned        used;
    sio_jwt_key_t  *made;

    *n = 0;
    *keys = NULL;

    root = sio_jwt_jwks_parse(text, why);

    if (root == NULL) {
        return SIO_ERROR;
    }

    rc = SIO_OK;
    used = 0;
    list = json_object_get(root, "keys");
    made = calloc(json_array_size(list) + 1, sizeof(sio_jwt_key_t));

    if (made == NULL) {
        *why = "cannot be read for lack of memory";
        json_decref(root);
        return SIO_ERROR;
    }

    ERR_set_mark();

    json_array_foreach(list, i, jwk) {

        if (sio_jwt_jwk_is_for_signatures(jwk)) {
            rc = sio_jwt_jwk(jwk, &made[used++], why);
        }

        if (rc != SIO_OK) {
            break;
        }
    }

    ERR_pop_to_mark();
    json_decref(root);

    if (rc == SIO_OK && used == 0) {
        *why = "has no key for signatures in it";
        rc = SIO_ERROR;
    }

    if (rc != SIO_OK) {
        sio_jwt_keys_free(made, used);
        return SIO_ERROR;
    }

    *n = used;
    *keys = made;

    return SIO_OK;
}


void
sio_jwt_keys_free(sio_jwt_key_t *keys, unsigned n)
{
    unsigned  i;

    if (keys == NULL) {
        return;
    }

    for (i = 0; i < n; i++) {
        OPENSSL_cleanse((void *) keys[i].key.p, keys[i].key.n);
        free((void *) keys[i].key.p);
        free((void *) keys[i].kid.p);
    }

    free(keys);
}


static json_t *
sio_jwt_jwks_parse(sio_span_t text, const char **why)
{
    json_t      *root;
    sio_json_t   v;

    if (sio_json_parse(text, SIO_JWT_DEPTH, &v, NULL) != SIO_OK
        || v.kind != SIO_JSON_OBJECT)
    {
        *why = "is no JSON object";
        return NULL;
    }

    root = json_loadb((const char *) v.raw.p, v.raw.n, JSON_REJECT_DUPLICATES,
                      NULL);

    if (root == NULL) {
        *why = "has a repeated name, or a value that cannot be kept";
        return NULL;
    }

    if (!json_is_array(json_object_get(root, "keys"))) {
        *why = "has no array \"keys\"";
        json_decref(root);
        return NULL;
    }

    return root;
}


/* RFC 7517 sections 4.2, 4.3; what is no object is judged later. */

static int
sio_jwt_jwk_is_for_signatures(const json_t *jwk)
{
    size_t         i;
    const json_t  *use, *ops, *op;

    use = json_object_get(jwk, "use");
    ops = json_object_get(jwk, "key_ops");

    if (use != NULL && !sio_jwt_jwk_is(jwk, "use", "sig")) {
        return 0;
    }

    if (ops == NULL) {
        return 1;
    }

    json_array_foreach(ops, i, op) {

        if (json_is_string(op) && strcmp(json_string_value(op), "verify") == 0)
        {
            return 1;
        }
    }

    return 0;
}


static int
sio_jwt_jwk(const json_t *jwk, sio_jwt_key_t *key, const char **why)
{
    uint8_t       *p;
    const char    *unused;
    sio_span_t     name;
    const json_t  *alg, *kid;

    alg = json_object_get(jwk, "alg");
    kid = json_object_get(jwk, "kid");

    if (!json_is_string(alg) || (kid != NULL && !json_is_string(kid))) {
        *why = json_is_string(alg) ? "has a key whose \"kid\" is no string"
                                   : "has a key without \"alg\"";
        return SIO_ERROR;
    }

    name.p = (const uint8_t *) json_string_value(alg);
    name.n = json_string_length(alg);

    if (sio_jwt_alg(name, &key->alg, &unused) != SIO_OK) {
        *why = "has a key with an \"alg\" that is unknown, or that the "
               "installed libjwt does not have";
        return SIO_ERROR;
    }

    if (json_string_length(kid) != 0) {
        p = malloc(json_string_length(kid));

        if (p == NULL) {
            *why = "cannot be read for lack of memory";
            return SIO_ERROR;
        }

        memcpy(p, json_string_value(kid), json_string_length(kid));
        key->kid.p = p;
        key->kid.n = json_string_length(kid);
    }

    if (sio_jwt_jwk_key(jwk, key) != SIO_OK) {
        *why = "has a key whose \"kty\" does not fit its \"alg\", or whose "
               "values are not valid";
        return SIO_ERROR;
    }

    return sio_jwt_key_check(key, why);
}


static int
sio_jwt_jwk_key(const json_t *jwk, sio_jwt_key_t *key)
{
    size_t                   n;
    uint8_t                 *pem;
    EVP_PKEY                *pkey;
    const char              *kty;
    const sio_jwt_traits_t  *traits;

    kty = json_string_value(json_object_get(jwk, "kty"));
    traits = sio_jwt_traits(key->alg);

    if (kty == NULL) {
        return SIO_ERROR;
    }

    if (strcmp(kty, "oct") == 0) {
        return traits->type == NULL ? sio_jwt_jwk_secret(jwk, key) : SIO_ERROR;
    }

    pkey = sio_jwt_jwk_public(jwk, kty, traits);

    if (pkey == NULL) {
        return SIO_ERROR;
    }

    n = 0;
    pem = (uint8_t *) sio_jwt_pem(pkey, &n);
    EVP_PKEY_free(pkey);

    key->key.p = pem;
    key->key.n = n;

    return pem != NULL ? SIO_OK : SIO_ERROR;
}


static int
sio_jwt_jwk_secret(const json_t *jwk, sio_jwt_key_t *key)
{
    int       rc;
    size_t    n;
    uint8_t   bytes[SIO_JWT_MEMBER_MAX], *p;

    p = NULL;
    rc = sio_jwt_jwk_bytes(jwk, "k", bytes, &n);

    if (rc == SIO_OK) {
        p = malloc(n);
    }

    if (p != NULL) {
        memcpy(p, bytes, n);
        key->key.p = p;
        key->key.n = n;
    }

    OPENSSL_cleanse(bytes, sizeof(bytes));

    return p != NULL ? SIO_OK : SIO_ERROR;
}


static EVP_PKEY *
sio_jwt_jwk_public(const json_t *jwk, const char *kty,
    const sio_jwt_traits_t *traits)
{
    if (traits->type == NULL) {
        return NULL;
    }

    if (strcmp(kty, "RSA") == 0 && strncmp(traits->type, "RSA", 3) == 0) {
        return sio_jwt_jwk_rsa(jwk, traits->type);
    }

    if (strcmp(kty, "EC") == 0) {
        return sio_jwt_jwk_ec(jwk);
    }

    if (strcmp(kty, "OKP") == 0) {
        return sio_jwt_jwk_okp(jwk);
    }

    return NULL;
}


static EVP_PKEY *
sio_jwt_jwk_rsa(const json_t *jwk, const char *type)
{
    BIGNUM          *n, *e;
    EVP_PKEY        *pkey;
    OSSL_PARAM      *params;
    OSSL_PARAM_BLD  *bld;

    pkey = NULL;
    params = NULL;
    n = sio_jwt_jwk_number(jwk, "n");
    e = sio_jwt_jwk_number(jwk, "e");
    bld = OSSL_PARAM_BLD_new();

    if (n != NULL && e != NULL && bld != NULL
        && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) == 1
        && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) == 1)
    {
        params = OSSL_PARAM_BLD_to_param(bld);
    }

    if (params != NULL) {
        pkey = sio_jwt_fromdata(type, params);
    }

    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    BN_free(n);
    BN_free(e);

    return pkey;
}


/* The point uncompressed (SEC 1 section 2.3.3): 4, x, y. */

static EVP_PKEY *
sio_jwt_jwk_ec(const json_t *jwk)
{
    size_t                  nx, ny;
    uint8_t                 x[SIO_JWT_MEMBER_MAX], y[SIO_JWT_MEMBER_MAX];
    uint8_t                 point[1 + 2 * SIO_JWT_POINT_MAX];
    unsigned                i;
    OSSL_PARAM              params[3];
    const sio_jwt_curve_t  *curve;

    for (i = 0; i < sizeof(sio_jwt_curves) / sizeof(sio_jwt_curves[0]); i++) {

        if (sio_jwt_jwk_is(jwk, "crv", sio_jwt_curves[i].crv)) {
            break;
        }
    }

    if (i == sizeof(sio_jwt_curves) / sizeof(sio_jwt_curves[0])
        || sio_jwt_jwk_bytes(jwk, "x", x, &nx) != SIO_OK
        || sio_jwt_jwk_bytes(jwk, "y", y, &ny) != SIO_OK)
    {
        return NULL;
    }

    curve = &sio_jwt_curves[i];

    if (nx != curve->size || ny != curve->size) {
        return NULL;
    }

    point[0] = 4;
    memcpy(point + 1, x, nx);
    memcpy(point + 1 + nx, y, ny);

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                                 (char *) curve->group, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                                  point, 1 + nx + ny);
    params[2] = OSSL_PARAM_construct_end();

    return sio_jwt_fromdata("EC", params);
}


static EVP_PKEY *
sio_jwt_jwk_okp(const json_t *jwk)
{
    size_t   n;
    uint8_t  x[SIO_JWT_MEMBER_MAX];

    if (!sio_jwt_jwk_is(jwk, "crv", "Ed25519")
        || sio_jwt_jwk_bytes(jwk, "x", x, &n) != SIO_OK)
    {
        return NULL;
    }

    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, n);
}


static EVP_PKEY *
sio_jwt_fromdata(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY      *pkey;
    EVP_PKEY_CTX  *ctx;

    pkey = NULL;
    ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

    if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1) {
        (void) EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
    }

    EVP_PKEY_CTX_free(ctx);

    return pkey;
}


/* dst has SIO_JWT_MEMBER_MAX bytes. */

static int
sio_jwt_jwk_bytes(const json_t *jwk, const char *name, uint8_t *dst,
    size_t *n)
{
    sio_span_t     text;
    const json_t  *value;

    value = json_object_get(jwk, name);
    text.p = (const uint8_t *) json_string_value(value);
    text.n = json_string_length(value);

    if (text.n == 0 || text.n > SIO_JWT_MEMBER_MAX) {
        return SIO_ERROR;
    }

    return sio_jwt_base64url(dst, text, n);
}


static BIGNUM *
sio_jwt_jwk_number(const json_t *jwk, const char *name)
{
    size_t   n;
    uint8_t  bytes[SIO_JWT_MEMBER_MAX];

    if (sio_jwt_jwk_bytes(jwk, name, bytes, &n) != SIO_OK) {
        return NULL;
    }

    return BN_bin2bn(bytes, (int) n, NULL);
}


static int
sio_jwt_jwk_is(const json_t *jwk, const char *name, const char *value)
{
    const char  *text;

    text = json_string_value(json_object_get(jwk, name));

    return text != NULL && strcmp(text, value) == 0;
}
