
/*
 * Tokens and key sets.  The first byte says what follows it: a token as it
 * comes; header, zero byte and payload of one that is signed here, so that the
 * claims are reached; or a key set, whose keys then judge a token.
 */

#include "../lib/guard.h"
#include "../lib/jwt_sign.h"
#include "sio_json.h"
#include "sio_jwt.h"

#include <openssl/err.h>


#define NOW     1700000000
#define SECRET  "0123456789abcdef0123456789abcdef"
#define PEM     "-----BEGIN PUBLIC KEY-----\n"                                 \
                "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gH" \
                "MzV7\n6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohY" \
                "jlrQ==\n-----END PUBLIC KEY-----\n"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check(int good)
{
    if (!good) {
        abort();
    }
}


/* What is kept of a token is one object, as compact as JSON can be. */

static void
check_claims(const sio_jwt_claims_t *claims, sio_span_t token)
{
    size_t      i;
    uint64_t    quotes;
    sio_json_t  v;
    sio_span_t  text;

    text.p = (const uint8_t *) claims->json;
    text.n = claims->n;

    check(text.n < token.n && text.p[text.n] == '\0');
    check(sio_json_parse(text, 16, &v, NULL) == SIO_OK);
    check(v.kind == SIO_JSON_OBJECT && v.raw.n == text.n);
    check(claims->exp == 0 || claims->exp > NOW);
    check(claims->exp <= SIO_JWT_TIME_MAX && claims->iat <= SIO_JWT_TIME_MAX);
    check(claims->iat >= -SIO_JWT_TIME_MAX);

    quotes = 0;

    for (i = 0; i < text.n; i++) {

        if (text.p[i] == '\\') {
            i++;

        } else if (text.p[i] == '"') {
            quotes++;

        } else {
            check(quotes % 2 == 1 || text.p[i] > ' ');
        }
    }
}


static void
judge(const sio_jwt_policy_t *policy, sio_span_t bytes)
{
    sio_span_t         token;
    sio_jwt_claims_t   claims;
    sio_jwt_verdict_t  verdict;

    token.n = bytes.n;
    token.p = guard_copy(bytes.p, bytes.n);
    verdict = sio_jwt_verify(policy, token, NOW, &claims);
    check(ERR_peek_error() == 0);

    if (verdict == SIO_JWT_OK) {
        check(policy->nkeys != 0 && token.n <= SIO_JWT_TOKEN_MAX);
        check_claims(&claims, token);

    } else {
        check(claims.json == NULL && claims.n == 0 && claims.exp == 0);
    }

    sio_jwt_claims_free(&claims);
    guard_free((uint8_t *) token.p, token.n);
}


/* Fails to be OK whatever is changed in what was signed. */

static void
judge_signed(const sio_jwt_policy_t *policy, sio_span_t text)
{
    char             *token;
    size_t            n;
    sio_span_t        header, payload, bytes;
    sio_jwt_claims_t  claims;
    jwt_signer_t      signer;

    memset(&signer, 0, sizeof(signer));
    signer.digest = "SHA256";
    signer.secret = policy->keys[0].key;

    n = 0;

    while (n < text.n && text.p[n] != '\0') {
        n++;
    }

    header = (sio_span_t) { text.p, n };
    n += n < text.n;
    payload = (sio_span_t) { text.p + n, text.n - n };

    token = jwt_sign(&signer, header, payload);
    bytes = (sio_span_t) { (uint8_t *) token, strlen(token) };
    judge(policy, bytes);

    if (payload.n != 0) {
        n = bytes.n - 45;
        token[n] = token[n] == 'A' ? 'B' : 'A';
        check(sio_jwt_verify(policy, bytes, NOW, &claims) == SIO_JWT_INVALID);
    }

    free(token);
}


static int
is_rsa(sio_jwt_alg_t alg)
{
    return (alg >= SIO_JWT_RS256 && alg <= SIO_JWT_RS512)
           || (alg >= SIO_JWT_PS256 && alg <= SIO_JWT_PS512);
}


static void
judge_set(sio_span_t text)
{
    int                rc;
    unsigned           i, n;
    const char        *why;
    sio_jwt_key_t     *keys;
    sio_jwt_policy_t   policy;

    why = NULL;
    rc = sio_jwt_jwks(text, &keys, &n, &why);
    check(ERR_peek_error() == 0);

    if (rc != SIO_OK) {
        check(keys == NULL && n == 0 && why != NULL);
        return;
    }

    check(n != 0);

    /* OpenSSL finds by chance whether the modulus of an RSA key is unsound */

    for (i = 0; i < n; i++) {
        check(is_rsa(keys[i].alg)
              || sio_jwt_key_check(&keys[i], &why) == SIO_OK);
    }

    memset(&policy, 0, sizeof(policy));
    policy.keys = keys;
    policy.nkeys = n;
    judge(&policy, sio_span("eyJhbGciOiJFUzI1NiJ9.e30.AAAA"));

    sio_jwt_keys_free(keys, n);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sio_span_t               text;
    sio_jwt_policy_t         policy;
    const sio_jwt_key_t      keys[] = {
        { SIO_JWT_HS256, { NULL, 0 }, sio_span(SECRET) },
        { SIO_JWT_ES256, sio_span("e"), sio_span(PEM) }
    };
    const sio_jwt_require_t  require[] = {
        { sio_span("a.b"), sio_span("1") }
    };

    if (size == 0) {
        return 0;
    }

    text.n = size - 1;
    text.p = guard_copy(data + 1, size - 1);

    memset(&policy, 0, sizeof(policy));
    policy.keys = keys;
    policy.nkeys = 2;
    policy.require = require;
    policy.nrequire = data[0] >> 2 & 1;
    policy.leeway = data[0] >> 3;

    switch (data[0] & 3) {

    case 0:
        judge(&policy, text);
        break;

    case 1:
        judge_set(text);
        break;

    default:
        policy.leeway = 0;
        judge_signed(&policy, text);
    }

    guard_free((uint8_t *) text.p, text.n);

    return 0;
}
