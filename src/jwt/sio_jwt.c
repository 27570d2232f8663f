
/*
 * Verification: a token's form, its signature by the keys whose algorithm it
 * names, its times, what is required of it.  libjwt is asked for the signature
 * and nothing else: it would let the token choose the algorithm, take a missing
 * key for leave to verify nothing, and looks at no claim.  Called by http for
 * handshakes and by engine for CONNECT.
 */

#include <stdio.h>
#include <stdlib.h>
#include <jansson.h>
#include <jwt.h>
#include <openssl/err.h>
#include "sio_json.h"
#include "sio_jwt_internal.h"


#define SIO_JWT_NAME_MAX  256   /* of a required claim, with a zero byte */
#define SIO_JWT_DIGITS    24    /* of an integer */


/* A token in its parts, decoded. */
typedef struct {
    sio_jwt_alg_t   alg;
    sio_span_t      kid;        /* p is NULL: none */
    sio_span_t      payload;
    json_t         *header;     /* owns kid */
    json_t         *claims;
    char            text[SIO_JWT_TOKEN_MAX + 1];
    uint8_t         parts[3][SIO_JWT_TOKEN_MAX];
} sio_jwt_token_t;


typedef struct {
    int64_t         exp;
    int64_t         nbf;
    int64_t         iat;
    int             has_exp;
    int             has_nbf;
    int             has_iat;
} sio_jwt_times_t;


static sio_jwt_verdict_t sio_jwt_judge(const sio_jwt_policy_t *policy,
    sio_jwt_token_t *t, int64_t now, sio_jwt_claims_t *claims);
static int sio_jwt_split(sio_jwt_token_t *t, sio_span_t token);
static json_t *sio_jwt_object(sio_span_t text);
static int sio_jwt_header(sio_jwt_token_t *t);
static int sio_jwt_signed(const sio_jwt_policy_t *policy,
    const sio_jwt_token_t *t);
static int sio_jwt_signed_by(const sio_jwt_key_t *key,
    const sio_jwt_token_t *t);
static int sio_jwt_verified(const sio_jwt_key_t *key,
    const sio_jwt_token_t *t);
static int sio_jwt_decode(const sio_jwt_token_t *t, const void *key, size_t n);
static int sio_jwt_times(const json_t *claims, sio_jwt_times_t *times);
static int sio_jwt_time(const json_t *claims, const char *name, int64_t *time,
    int *has);
static int64_t sio_jwt_cut(int64_t time);
static int sio_jwt_required(const sio_jwt_policy_t *policy,
    const json_t *claims);
static const json_t *sio_jwt_claim(const json_t *object, sio_span_t name);
static int sio_jwt_matches(const json_t *claim, sio_span_t value);
static int sio_jwt_scalar_matches(const json_t *claim, sio_span_t value);
static int sio_jwt_keep(sio_jwt_claims_t *claims, sio_span_t payload);


sio_jwt_verdict_t
sio_jwt_verify(const sio_jwt_policy_t *policy, sio_span_t token, int64_t now,
    sio_jwt_claims_t *claims)
{
    sio_jwt_token_t    t;
    sio_jwt_verdict_t  verdict;

    memset(claims, 0, sizeof(sio_jwt_claims_t));

    t.header = NULL;
    t.claims = NULL;
    verdict = SIO_JWT_INVALID;

    ERR_set_mark();

    if (sio_jwt_split(&t, token) == SIO_OK
        && sio_jwt_header(&t) == SIO_OK
        && sio_jwt_signed(policy, &t))
    {
        verdict = sio_jwt_judge(policy, &t, now, claims);
    }

    ERR_pop_to_mark();

    json_decref(t.header);
    json_decref(t.claims);

    return verdict;
}


void
sio_jwt_claims_free(sio_jwt_claims_t *claims)
{
    free(claims->json);
    memset(claims, 0, sizeof(sio_jwt_claims_t));
}


/* What a token says whose signature is good. */

static sio_jwt_verdict_t
sio_jwt_judge(const sio_jwt_policy_t *policy, sio_jwt_token_t *t, int64_t now,
    sio_jwt_claims_t *claims)
{
    int64_t          leeway;
    sio_jwt_times_t  times;

    t->claims = sio_jwt_object(t->payload);

    if (t->claims == NULL || sio_jwt_times(t->claims, &times) != SIO_OK) {
        return SIO_JWT_INVALID;
    }

    now = sio_jwt_cut(now);
    leeway = sio_jwt_cut(policy->leeway);

    if (times.has_nbf && times.nbf > now + leeway) {
        return SIO_JWT_INVALID;
    }

    if (times.has_exp && times.exp <= now - leeway) {
        return SIO_JWT_EXPIRED;
    }

    if (!sio_jwt_required(policy, t->claims)) {
        return SIO_JWT_FORBIDDEN;
    }

    if (sio_jwt_keep(claims, t->payload) != SIO_OK) {
        return SIO_JWT_INVALID;
    }

    claims->exp = times.exp;
    claims->iat = times.iat;

    return SIO_JWT_OK;
}


/* RFC 7515 section 3.1; both JSON parts are valid and shallow afterwards. */

static int
sio_jwt_split(sio_jwt_token_t *t, sio_span_t token)
{
    size_t      n[3];
    unsigned    i;
    sio_span_t  part, header;
    sio_json_t  v;

    if (token.n == 0 || token.n > SIO_JWT_TOKEN_MAX) {
        return SIO_ERROR;
    }

    memcpy(t->text, token.p, token.n);
    t->text[token.n] = '\0';

    for (i = 0; i < 3; i++) {
        part.p = token.p;
        part.n = 0;

        while (part.n < token.n && part.p[part.n] != '.') {
            part.n++;
        }

        if (part.n == 0 || (part.n == token.n) != (i == 2)
            || sio_jwt_base64url(t->parts[i], part, &n[i]) != SIO_OK)
        {
            return SIO_ERROR;
        }

        if (i < 2) {
            token.p += part.n + 1;
            token.n -= part.n + 1;
        }
    }

    header = (sio_span_t) { t->parts[0], n[0] };
    t->payload = (sio_span_t) { t->parts[1], n[1] };

    if (sio_json_parse(header, SIO_JWT_DEPTH, &v, NULL) != SIO_OK
        || sio_json_parse(t->payload, SIO_JWT_DEPTH, &v, NULL) != SIO_OK)
    {
        return SIO_ERROR;
    }

    t->header = sio_jwt_object(header);

    return t->header != NULL ? SIO_OK : SIO_ERROR;
}


static json_t *
sio_jwt_object(sio_span_t text)
{
    json_t  *object;

    object = json_loadb((const char *) text.p, text.n, JSON_REJECT_DUPLICATES,
                        NULL);

    if (!json_is_object(object)) {
        json_decref(object);
        return NULL;
    }

    return object;
}


/* RFC 7515 section 4.1: no extension is understood, so "crit" is refused. */

static int
sio_jwt_header(sio_jwt_token_t *t)
{
    sio_span_t     name;
    const json_t  *alg, *kid;

    alg = json_object_get(t->header, "alg");
    kid = json_object_get(t->header, "kid");

    if (!json_is_string(alg) || (kid != NULL && !json_is_string(kid))
        || json_object_get(t->header, "crit") != NULL)
    {
        return SIO_ERROR;
    }

    name.p = (const uint8_t *) json_string_value(alg);
    name.n = json_string_length(alg);

    t->alg = sio_jwt_alg_find(name);
    t->kid.p = (const uint8_t *) json_string_value(kid);
    t->kid.n = json_string_length(kid);

    return t->alg != 0 ? SIO_OK : SIO_ERROR;
}


static int
sio_jwt_signed(const sio_jwt_policy_t *policy, const sio_jwt_token_t *t)
{
    unsigned              i, tries;
    const sio_jwt_key_t  *key;

    tries = 0;

    for (i = 0; i < policy->nkeys && tries < SIO_JWT_TRIES; i++) {
        key = &policy->keys[i];

        if (key->alg != t->alg) {
            continue;
        }

        if (t->kid.p != NULL && key->kid.n != 0
            && !sio_span_eq(key->kid, t->kid))
        {
            continue;
        }

        tries++;

        if (sio_jwt_signed_by(key, t)) {
            return 1;
        }
    }

    return 0;
}


/* A secret's arithmetic is cheap, and most tokens come once: no look-up. */

static int
sio_jwt_signed_by(const sio_jwt_key_t *key, const sio_jwt_token_t *t)
{
    int         good;
    uint8_t     digest[SIO_JWT_DIGEST];
    sio_span_t  token;

    token = (sio_span_t) { (const uint8_t *) t->text, strlen(t->text) };

    if (sio_jwt_traits(key->alg)->type == NULL
        || sio_jwt_digest(key, token, digest) != SIO_OK)
    {
        return sio_jwt_verified(key, t);
    }

    if (sio_jwt_seen(digest)) {
        return 1;
    }

    good = sio_jwt_verified(key, t);

    if (good) {
        sio_jwt_remember(digest);
    }

    return good;
}


static int
sio_jwt_verified(const sio_jwt_key_t *key, const sio_jwt_token_t *t)
{
    int      good;
    char    *pem;
    size_t   n;

    if (sio_jwt_traits(key->alg)->type == NULL
        || !sio_jwt_is_certificate(key->key))
    {
        return sio_jwt_decode(t, key->key.p, key->key.n);
    }

    pem = sio_jwt_certificate_key(key->key, &n);

    if (pem == NULL) {
        return 0;
    }

    good = sio_jwt_decode(t, pem, n);
    free(pem);

    return good;
}


/* Without a key, libjwt verifies nothing and says that all is well. */

static int
sio_jwt_decode(const sio_jwt_token_t *t, const void *key, size_t n)
{
    int         good;
    jwt_t      *jwt;
    jwt_alg_t   alg;

    alg = jwt_str_alg(sio_jwt_traits(t->alg)->name);

    if (key == NULL || n == 0 || n > INT32_MAX || alg == JWT_ALG_NONE
        || alg == JWT_ALG_INVAL)
    {
        return 0;
    }

    jwt = NULL;

    if (jwt_decode(&jwt, t->text, key, (int) n) != 0) {
        return 0;
    }

    good = jwt_get_alg(jwt) == alg;
    jwt_free(jwt);

    return good;
}


static int
sio_jwt_times(const json_t *claims, sio_jwt_times_t *times)
{
    if (sio_jwt_time(claims, "exp", &times->exp, &times->has_exp) != SIO_OK
        || sio_jwt_time(claims, "nbf", &times->nbf, &times->has_nbf) != SIO_OK
        || sio_jwt_time(claims, "iat", &times->iat, &times->has_iat) != SIO_OK)
    {
        return SIO_ERROR;
    }

    return SIO_OK;
}


/* RFC 7519 section 2, NumericDate; a fraction counts as the next second. */

static int
sio_jwt_time(const json_t *claims, const char *name, int64_t *time, int *has)
{
    double         real;
    const json_t  *value;

    *has = 0;
    *time = 0;
    value = json_object_get(claims, name);

    if (value == NULL) {
        return SIO_OK;
    }

    if (!json_is_number(value)) {
        return SIO_ERROR;
    }

    *has = 1;

    if (json_is_integer(value)) {
        *time = sio_jwt_cut(json_integer_value(value));
        return SIO_OK;
    }

    real = json_real_value(value);

    if (real >= (double) SIO_JWT_TIME_MAX) {
        *time = SIO_JWT_TIME_MAX;

    } else if (real <= (double) -SIO_JWT_TIME_MAX) {
        *time = -SIO_JWT_TIME_MAX;

    } else {
        *time = (int64_t) real;
        *time += (double) *time < real;
    }

    return SIO_OK;
}


static int64_t
sio_jwt_cut(int64_t time)
{
    if (time > SIO_JWT_TIME_MAX) {
        return SIO_JWT_TIME_MAX;
    }

    return time < -SIO_JWT_TIME_MAX ? -SIO_JWT_TIME_MAX : time;
}


static int
sio_jwt_required(const sio_jwt_policy_t *policy, const json_t *claims)
{
    unsigned                  i;
    const json_t             *claim;
    const sio_jwt_require_t  *require;

    for (i = 0; i < policy->nrequire; i++) {
        require = &policy->require[i];
        claim = sio_jwt_claim(claims, require->claim);

        if (claim == NULL || !sio_jwt_matches(claim, require->value)) {
            return 0;
        }
    }

    return 1;
}


static const json_t *
sio_jwt_claim(const json_t *object, sio_span_t name)
{
    char           text[SIO_JWT_NAME_MAX], *dot;
    size_t         n;
    const json_t  *claim;

    while (name.n < sizeof(text)) {
        memcpy(text, name.p, name.n);
        text[name.n] = '\0';

        claim = json_object_get(object, text);

        if (claim != NULL) {
            return claim;
        }

        dot = strchr(text, '.');

        if (dot == NULL) {
            return NULL;
        }

        *dot = '\0';
        object = json_object_get(object, text);

        n = (size_t) (dot - text) + 1;
        name.p += n;
        name.n -= n;
    }

    return NULL;
}


static int
sio_jwt_matches(const json_t *claim, sio_span_t value)
{
    size_t         i;
    const json_t  *element;

    if (!json_is_array(claim)) {
        return sio_jwt_scalar_matches(claim, value);
    }

    json_array_foreach(claim, i, element) {

        if (sio_jwt_scalar_matches(element, value)) {
            return 1;
        }
    }

    return 0;
}


static int
sio_jwt_scalar_matches(const json_t *claim, sio_span_t value)
{
    char        digits[SIO_JWT_DIGITS];
    sio_span_t  text;

    switch (json_typeof(claim)) {

    case JSON_STRING:
        text.p = (const uint8_t *) json_string_value(claim);
        text.n = json_string_length(claim);
        break;

    case JSON_INTEGER:
        text.p = (const uint8_t *) digits;
        text.n = (size_t) snprintf(digits, sizeof(digits),
                                   "%" JSON_INTEGER_FORMAT,
                                   json_integer_value(claim));
        break;

    case JSON_TRUE:
        text = sio_span("true");
        break;

    case JSON_FALSE:
        text = sio_span("false");
        break;

    default:
        return 0;
    }

    return sio_span_eq(text, value);
}


/* The payload's own bytes: numbers and escapes stay as their sender's. */

static int
sio_jwt_keep(sio_jwt_claims_t *claims, sio_span_t payload)
{
    int      quoted;
    char    *out;
    size_t   i;
    uint8_t  c;

    out = malloc(payload.n + 1);

    if (out == NULL) {
        return SIO_ERROR;
    }

    quoted = 0;
    claims->json = out;

    for (i = 0; i < payload.n; i++) {
        c = payload.p[i];

        if (quoted && c == '\\') {
            *out++ = (char) c;
            c = payload.p[++i];

        } else if (c == '"') {
            quoted = !quoted;

        } else if (!quoted && (c == ' ' || (c >= '\t' && c <= '\r'))) {
            continue;
        }

        *out++ = (char) c;
    }

    *out = '\0';
    claims->n = (size_t) (out - claims->json);

    return SIO_OK;
}
