
/*
 * Tokens: those of RFC 7515, those of each algorithm, the hostile ones.  Which
 * keys and key sets are refused.  Keys are made anew at each run.
 */

#include "../lib/tap.h"
#include "../lib/guard.h"
#include "../lib/jwt_sign.h"
#include "sio_jwt_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>


#define NOW       1700000000
#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define LATER     "\"exp\":1700000001"
#define SECRET    "0123456789abcdef0123456789abcdef"
#define BYTES     ((const uint8_t *) SECRET)
#define HS        "{\"alg\":\"HS256\"}"


typedef enum {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    ES256,
    ES384,
    ES512,
    PS256,
    ED25519,
    RS256_OTHER,
    ES256_OTHER,
    KEYS
} key_e;


typedef struct {
    const char         *name;
    sio_jwt_alg_t       alg;
    jwt_signer_t        signer;
    char               *pem;        /* public */
} signing_t;


typedef struct {
    const char         *what;
    const char         *header;
    const char         *payload;
    sio_jwt_verdict_t   want;
} said_t;


typedef struct {
    const char         *what;
    const char         *form;       /* see form_token() */
} form_t;


typedef struct {
    const char         *what;
    key_e               signer;
    const char         *header;
    key_e               verifier;
} confusion_t;


typedef struct {
    const char         *claim;
    const char         *value;
    const char         *payload;
    sio_jwt_verdict_t   want;
} require_t;


typedef struct {
    const char         *payload;
    int64_t             leeway;
    sio_jwt_verdict_t   want;
} leeway_t;


typedef struct {
    const char         *what;
    const char         *text;
    const char         *why;        /* a part of it */
} set_t;


static signing_t  keys[KEYS] = {
    { "HS256", SIO_JWT_HS256, { "SHA256", NULL, { BYTES, 32 }, 0, 0 }, NULL },
    { "HS384", SIO_JWT_HS384, { "SHA384", NULL, { BYTES, 32 }, 0, 0 }, NULL },
    { "HS512", SIO_JWT_HS512, { "SHA512", NULL, { BYTES, 32 }, 0, 0 }, NULL },
    { "RS256", SIO_JWT_RS256, { "SHA256", NULL, { NULL, 0 }, 0, 0 }, NULL },
    { "RS384", SIO_JWT_RS384, { "SHA384", NULL, { NULL, 0 }, 0, 0 }, NULL },
    { "RS512", SIO_JWT_RS512, { "SHA512", NULL, { NULL, 0 }, 0, 0 }, NULL },
    { "ES256", SIO_JWT_ES256, { "SHA256", NULL, { NULL, 0 }, 32, 0 }, NULL },
    { "ES384", SIO_JWT_ES384, { "SHA384", NULL, { NULL, 0 }, 48, 0 }, NULL },
    { "ES512", SIO_JWT_ES512, { "SHA512", NULL, { NULL, 0 }, 66, 0 }, NULL },
    { "PS256", SIO_JWT_PS256, { "SHA256", NULL, { NULL, 0 }, 0, 1 }, NULL },
    { "EdDSA", SIO_JWT_EDDSA, { NULL, NULL, { NULL, 0 }, 0, 0 }, NULL },
    { "RS256", SIO_JWT_RS256, { "SHA256", NULL, { NULL, 0 }, 0, 0 }, NULL },
    { "ES256", SIO_JWT_ES256, { "SHA256", NULL, { NULL, 0 }, 32, 0 }, NULL }
};


/* All signed with the right secret; the key has the kid "a". */

static const said_t  said[] = {
    { "plain", HS, "{" LATER "}", SIO_JWT_OK },
    { "no claims", HS, "{}", SIO_JWT_OK },
    { "white space", " { \"alg\" : \"HS256\" } ", "\r\n\t{ }", SIO_JWT_OK },
    { "kid", "{\"alg\":\"HS256\",\"kid\":\"a\"}", "{}", SIO_JWT_OK },
    { "typ", "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", "{}", SIO_JWT_OK },
    { "typ lower", "{\"alg\":\"HS256\",\"typ\":\"jwt\"}", "{}", SIO_JWT_OK },
    { "escaped alg", "{\"\\u0061lg\":\"HS25\\u0036\"}", "{}", SIO_JWT_OK },
    { "key offered", "{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"\"}}",
      "{}", SIO_JWT_OK },

    { "none", "{\"alg\":\"none\"}", "{}", SIO_JWT_INVALID },
    { "None", "{\"alg\":\"None\"}", "{}", SIO_JWT_INVALID },
    { "NONE", "{\"alg\":\"NONE\"}", "{}", SIO_JWT_INVALID },
    { "nOnE", "{\"alg\":\"nOnE\"}", "{}", SIO_JWT_INVALID },
    { "none and blank", "{\"alg\":\"none \"}", "{}", SIO_JWT_INVALID },
    { "none in escapes", "{\"alg\":\"\\u006eone\"}", "{}", SIO_JWT_INVALID },
    { "alg empty", "{\"alg\":\"\"}", "{}", SIO_JWT_INVALID },
    { "alg missing", "{\"typ\":\"JWT\"}", "{}", SIO_JWT_INVALID },
    { "header empty", "{}", "{}", SIO_JWT_INVALID },
    { "alg lower", "{\"alg\":\"hs256\"}", "{}", SIO_JWT_INVALID },
    { "alg longer", "{\"alg\":\"HS2566\"}", "{}", SIO_JWT_INVALID },
    { "alg shorter", "{\"alg\":\"HS25\"}", "{}", SIO_JWT_INVALID },
    { "alg and blank", "{\"alg\":\"HS256 \"}", "{}", SIO_JWT_INVALID },
    { "alg and NUL", "{\"alg\":\"HS256\\u0000\"}", "{}", SIO_JWT_INVALID },
    { "alg unknown", "{\"alg\":\"XX256\"}", "{}", SIO_JWT_INVALID },
    { "alg number", "{\"alg\":256}", "{}", SIO_JWT_INVALID },
    { "alg null", "{\"alg\":null}", "{}", SIO_JWT_INVALID },
    { "alg true", "{\"alg\":true}", "{}", SIO_JWT_INVALID },
    { "alg array", "{\"alg\":[\"HS256\"]}", "{}", SIO_JWT_INVALID },
    { "alg object", "{\"alg\":{\"a\":1}}", "{}", SIO_JWT_INVALID },
    { "alg in capitals", "{\"ALG\":\"HS256\"}", "{}", SIO_JWT_INVALID },
    { "alg of its size", "{\"alg\":\"HS384\"}", "{}", SIO_JWT_INVALID },
    { "alg RS256", "{\"alg\":\"RS256\"}", "{}", SIO_JWT_INVALID },
    { "alg ES256", "{\"alg\":\"ES256\"}", "{}", SIO_JWT_INVALID },
    { "alg PS256", "{\"alg\":\"PS256\"}", "{}", SIO_JWT_INVALID },
    { "alg EdDSA", "{\"alg\":\"EdDSA\"}", "{}", SIO_JWT_INVALID },
    { "alg twice", "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "{}",
      SIO_JWT_INVALID },
    { "alg twice, none", "{\"alg\":\"none\",\"alg\":\"HS256\"}", "{}",
      SIO_JWT_INVALID },
    { "alg twice, escaped", "{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}", "{}",
      SIO_JWT_INVALID },
    { "kid wrong", "{\"alg\":\"HS256\",\"kid\":\"b\"}", "{}",
      SIO_JWT_INVALID },
    { "kid longer", "{\"alg\":\"HS256\",\"kid\":\"aa\"}", "{}",
      SIO_JWT_INVALID },
    { "kid empty", "{\"alg\":\"HS256\",\"kid\":\"\"}", "{}",
      SIO_JWT_INVALID },
    { "kid number", "{\"alg\":\"HS256\",\"kid\":1}", "{}", SIO_JWT_INVALID },
    { "kid null", "{\"alg\":\"HS256\",\"kid\":null}", "{}", SIO_JWT_INVALID },
    { "crit", "{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}", "{}",
      SIO_JWT_INVALID },
    { "crit empty", "{\"alg\":\"HS256\",\"crit\":[]}", "{}",
      SIO_JWT_INVALID },
    { "crit null", "{\"alg\":\"HS256\",\"crit\":null}", "{}",
      SIO_JWT_INVALID },
    { "b64", "{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]}", "{}",
      SIO_JWT_INVALID },
    { "header array", "[\"HS256\"]", "{}", SIO_JWT_INVALID },
    { "header string", "\"HS256\"", "{}", SIO_JWT_INVALID },
    { "header number", "1", "{}", SIO_JWT_INVALID },
    { "header null", "null", "{}", SIO_JWT_INVALID },
    { "header cut off", "{\"alg\":\"HS256\"", "{}", SIO_JWT_INVALID },
    { "header and more", HS "{}", "{}", SIO_JWT_INVALID },
    { "header with BOM", "\xef\xbb\xbf" HS, "{}", SIO_JWT_INVALID },
    { "header with comma", "{\"alg\":\"HS256\",}", "{}", SIO_JWT_INVALID },
    { "header in quotes", "{'alg':'HS256'}", "{}", SIO_JWT_INVALID },
    { "header no UTF-8", "{\"alg\":\"HS256\",\"x\":\"\xff\"}", "{}",
      SIO_JWT_INVALID },

    { "payload array", HS, "[]", SIO_JWT_INVALID },
    { "payload string", HS, "\"{}\"", SIO_JWT_INVALID },
    { "payload null", HS, "null", SIO_JWT_INVALID },
    { "payload blank", HS, " ", SIO_JWT_INVALID },
    { "payload cut off", HS, "{\"sub\":\"a", SIO_JWT_INVALID },
    { "payload and more", HS, "{}{}", SIO_JWT_INVALID },
    { "payload token", HS, HS ".e30.", SIO_JWT_INVALID },
    { "payload no UTF-8", HS, "{\"sub\":\"\xc0\xaf\"}", SIO_JWT_INVALID },
    { "payload surrogate", HS, "{\"sub\":\"\xed\xa0\x80\"}",
      SIO_JWT_INVALID },
    { "payload half pair", HS, "{\"sub\":\"\\ud800\"}", SIO_JWT_INVALID },
    { "payload control", HS, "{\"sub\":\"\x01\"}", SIO_JWT_INVALID },
    { "payload NUL", HS, "{\"sub\":\"a\\u0000b\"}", SIO_JWT_INVALID },
    { "name NUL", HS, "{\"sub\\u0000\":1}", SIO_JWT_INVALID },
    { "sub twice", HS, "{\"sub\":\"a\",\"sub\":\"b\"}", SIO_JWT_INVALID },
    { "exp twice", HS, "{\"exp\":1,\"exp\":1900000000}", SIO_JWT_INVALID },
    { "exp twice, escaped", HS, "{\"exp\":1,\"\\u0065xp\":1900000000}",
      SIO_JWT_INVALID },
    { "twice within", HS, "{\"a\":{\"b\":1,\"b\":2}}", SIO_JWT_INVALID },
    { "integer of 40 digits", HS,
      "{\"a\":1234567890123456789012345678901234567890}", SIO_JWT_INVALID },

    { "exp now", HS, "{\"exp\":1700000000}", SIO_JWT_EXPIRED },
    { "exp a second ago", HS, "{\"exp\":1699999999}", SIO_JWT_EXPIRED },
    { "exp half a second ago", HS, "{\"exp\":1699999999.5}",
      SIO_JWT_EXPIRED },
    { "exp in half a second", HS, "{\"exp\":1700000000.5}", SIO_JWT_OK },
    { "exp as real", HS, "{\"exp\":1.700000001e9}", SIO_JWT_OK },
    { "exp zero", HS, "{\"exp\":0}", SIO_JWT_EXPIRED },
    { "exp negative", HS, "{\"exp\":-1}", SIO_JWT_EXPIRED },
    { "exp least", HS, "{\"exp\":-9223372036854775808}", SIO_JWT_EXPIRED },
    { "exp most negative real", HS, "{\"exp\":-1e300}", SIO_JWT_EXPIRED },
    { "exp most", HS, "{\"exp\":9223372036854775807}", SIO_JWT_OK },
    { "exp huge real", HS, "{\"exp\":1e300}", SIO_JWT_OK },
    { "exp too large", HS, "{\"exp\":9223372036854775808}", SIO_JWT_INVALID },
    { "exp infinite", HS, "{\"exp\":1e999}", SIO_JWT_INVALID },
    { "exp NaN", HS, "{\"exp\":NaN}", SIO_JWT_INVALID },
    { "exp string", HS, "{\"exp\":\"1900000000\"}", SIO_JWT_INVALID },
    { "exp null", HS, "{\"exp\":null}", SIO_JWT_INVALID },
    { "exp false", HS, "{\"exp\":false}", SIO_JWT_INVALID },
    { "exp array", HS, "{\"exp\":[1900000000]}", SIO_JWT_INVALID },
    { "exp object", HS, "{\"exp\":{}}", SIO_JWT_INVALID },
    { "nbf now", HS, "{\"nbf\":1700000000}", SIO_JWT_OK },
    { "nbf in a second", HS, "{\"nbf\":1700000001}", SIO_JWT_INVALID },
    { "nbf in half a second", HS, "{\"nbf\":1700000000.5}",
      SIO_JWT_INVALID },
    { "nbf huge", HS, "{\"nbf\":1e300}", SIO_JWT_INVALID },
    { "nbf string", HS, "{\"nbf\":\"1\"}", SIO_JWT_INVALID },
    { "nbf null", HS, "{\"nbf\":null}", SIO_JWT_INVALID },
    { "nbf before exp is over", HS, "{\"nbf\":1700000009,\"exp\":1}",
      SIO_JWT_INVALID },
    { "iat ahead", HS, "{\"iat\":1700000009}", SIO_JWT_OK },
    { "iat string", HS, "{\"iat\":\"1700000000\"}", SIO_JWT_INVALID },
    { "iat array", HS, "{\"iat\":[]}", SIO_JWT_INVALID }
};


static const form_t  forms[] = {
    { "nothing", "" },
    { "one dot", "." },
    { "two dots", ".." },
    { "three dots", "..." },
    { "header", "H" },
    { "header, dot", "H." },
    { "header, payload", "H.P" },
    { "no signature", "H.P." },
    { "no payload", "H..S" },
    { "no header", ".P.S" },
    { "payload, signature", "P.S" },
    { "dot behind", "H.P.S." },
    { "dot before", ".H.P.S" },
    { "four parts", "H.P.S.S" },
    { "five parts, as if encrypted", "H.P.S.S.S" },
    { "payload twice", "H.P.P.S" },
    { "other signature", "H.P.O" },
    { "other payload", "H.Q.S" },
    { "other header", "N.P.S" },
    { "none, no signature", "N.P." },
    { "none, empty signature padded", "N.P.====" },
    { "none, its signature", "N.P.S" },
    { "signature twice", "H.P.SS" },
    { "signature cut by one", "H.P.S~" },
    { "signature cut by two", "H.P.S~~" },
    { "signature longer", "H.P.SA" },
    { "signature in hex", "H.P.6162636465666768" },
    { "signature padded", "H.P.S=" },
    { "signature padded twice", "H.P.S==" },
    { "header padded", "H=.P.S" },
    { "payload padded", "H.P==.S" },
    { "blank before", " H.P.S" },
    { "blank behind", "H.P.S " },
    { "line feed behind", "H.P.S\n" },
    { "line feed within", "H.\nP.S" },
    { "tab within", "H.P\t.S" },
    { "Bearer", "Bearer H.P.S" },
    { "quoted", "\"H.P.S\"" },
    { "standard alphabet", "H.P+/.S" },
    { "percent", "H.P%2e.S" },
    { "colons", "H:P:S" },
    { "garbage", "!.?.*" },
    { "high bytes", "\xff\xfe.\xff.\xff" },
    { "header of one digit", "x.P.S" },
    { "signature of one digit", "H.P.x" }
};


static const confusion_t  confusions[] = {
    { "public PEM as secret", HS256, "{\"alg\":\"HS256\"}", RS256 },
    { "public PEM as secret, named RS256", HS256, "{\"alg\":\"RS256\"}",
      RS256 },
    { "EC PEM as secret", HS256, "{\"alg\":\"HS256\"}", ES256 },
    { "EC PEM as secret, named ES256", HS256, "{\"alg\":\"ES256\"}", ES256 },
    { "RS256 named RS384", RS256, "{\"alg\":\"RS384\"}", RS384 },
    { "RS384 named RS256", RS384, "{\"alg\":\"RS256\"}", RS256 },
    { "RS256 named ES256", RS256, "{\"alg\":\"ES256\"}", ES256 },
    { "ES256 named RS256", ES256, "{\"alg\":\"RS256\"}", RS256 },
    { "ES384 named ES256", ES384, "{\"alg\":\"ES256\"}", ES256 },
    { "ES256 for an RS256 key", ES256, "{\"alg\":\"ES256\"}", RS256 },
    { "HS256 for an HS512 key", HS256, "{\"alg\":\"HS256\"}", HS512 },
    { "HS256 named HS512", HS256, "{\"alg\":\"HS512\"}", HS512 },
    { "PS256 named RS256", PS256, "{\"alg\":\"RS256\"}", RS256 },
    { "RS256 named none", RS256, "{\"alg\":\"none\"}", RS256 },
    { "another's RS256", RS256_OTHER, "{\"alg\":\"RS256\"}", RS256 },
    { "another's ES256", ES256_OTHER, "{\"alg\":\"ES256\"}", ES256 }
};


static const require_t  requires[] = {
    { "aud", "api", "{\"aud\":\"api\"}", SIO_JWT_OK },
    { "aud", "api", "{\"aud\":[\"web\",\"api\"]}", SIO_JWT_OK },
    { "aud", "api", "{\"aud\":\"web\"}", SIO_JWT_FORBIDDEN },
    { "aud", "api", "{\"aud\":\"apis\"}", SIO_JWT_FORBIDDEN },
    { "aud", "api", "{\"aud\":\"ap\"}", SIO_JWT_FORBIDDEN },
    { "aud", "api", "{\"aud\":\"API\"}", SIO_JWT_FORBIDDEN },
    { "aud", "api", "{\"aud\":[\"web\",\"app\"]}", SIO_JWT_FORBIDDEN },
    { "aud", "api", "{\"aud\":[]}", SIO_JWT_FORBIDDEN },
    { "aud", "api", "{\"aud\":[[\"api\"]]}", SIO_JWT_FORBIDDEN },
    { "aud", "api", "{\"aud\":{\"api\":1}}", SIO_JWT_FORBIDDEN },
    { "aud", "api", "{\"aud\":null}", SIO_JWT_FORBIDDEN },
    { "aud", "api", "{}", SIO_JWT_FORBIDDEN },
    { "aud", "", "{\"aud\":\"\"}", SIO_JWT_OK },
    { "level", "42", "{\"level\":42}", SIO_JWT_OK },
    { "level", "42", "{\"level\":\"42\"}", SIO_JWT_OK },
    { "level", "42", "{\"level\":[41,42]}", SIO_JWT_OK },
    { "level", "-42", "{\"level\":-42}", SIO_JWT_OK },
    { "level", "-9223372036854775808", "{\"level\":-9223372036854775808}",
      SIO_JWT_OK },
    { "level", "042", "{\"level\":42}", SIO_JWT_FORBIDDEN },
    { "level", "42", "{\"level\":42.0}", SIO_JWT_FORBIDDEN },
    { "level", "42", "{\"level\":421}", SIO_JWT_FORBIDDEN },
    { "admin", "true", "{\"admin\":true}", SIO_JWT_OK },
    { "admin", "true", "{\"admin\":false}", SIO_JWT_FORBIDDEN },
    { "admin", "false", "{\"admin\":false}", SIO_JWT_OK },
    { "admin", "null", "{\"admin\":null}", SIO_JWT_FORBIDDEN },
    { "realm.roles", "editor", "{\"realm\":{\"roles\":[\"editor\"]}}",
      SIO_JWT_OK },
    { "realm.roles", "editor", "{\"realm\":{\"roles\":[\"x\"]}}",
      SIO_JWT_FORBIDDEN },
    { "realm.roles", "editor", "{\"realm\":\"editor\"}", SIO_JWT_FORBIDDEN },
    { "realm.roles", "editor", "{\"realm\":{}}", SIO_JWT_FORBIDDEN },
    { "realm.roles", "editor", "{\"realm.roles\":\"editor\"}", SIO_JWT_OK },
    { "realm.roles", "editor",
      "{\"realm.roles\":\"x\",\"realm\":{\"roles\":\"editor\"}}",
      SIO_JWT_FORBIDDEN },
    { "https://x.y/role", "a", "{\"https://x.y/role\":\"a\"}", SIO_JWT_OK },
    { "iss", "a", "{\"iss\":\"\\u0061\"}", SIO_JWT_OK },
    { "iss", "a", "{\"iss\":\"b\",\"exp\":1}", SIO_JWT_EXPIRED }
};


static const leeway_t  leeways[] = {
    { "{\"exp\":1699999990}", 9, SIO_JWT_EXPIRED },
    { "{\"exp\":1699999990}", 10, SIO_JWT_EXPIRED },
    { "{\"exp\":1699999990}", 11, SIO_JWT_OK },
    { "{\"nbf\":1700000010}", 9, SIO_JWT_INVALID },
    { "{\"nbf\":1700000010}", 10, SIO_JWT_OK },
    { "{\"exp\":-9223372036854775808}", INT64_MAX, SIO_JWT_EXPIRED },
    { "{\"exp\":0}", INT64_MAX, SIO_JWT_OK },
    { "{\"nbf\":1e300}", INT64_MAX, SIO_JWT_OK }
};


/* The modulus of RFC 7515 appendix A.2. */

#define RFC_N  "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHm" \
               "fHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_" \
               "YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5" \
               "z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD" \
               "Zlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9ia" \
               "GNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"


static const set_t  sets[] = {
    { "empty", "", "no JSON" },
    { "array", "[]", "no JSON object" },
    { "no keys", "{}", "no array" },
    { "keys no array", "{\"keys\":{}}", "no array" },
    { "keys empty", "{\"keys\":[]}", "no key for signatures" },
    { "keys twice", "{\"keys\":[],\"keys\":[]}", "repeated" },
    { "key no object", "{\"keys\":[1]}", "without \"alg\"" },
    { "only for encryption", "{\"keys\":[{\"use\":\"enc\"}]}",
      "no key for signatures" },
    { "only for signing", "{\"keys\":[{\"key_ops\":[\"sign\"]}]}",
      "no key for signatures" },
    { "no alg", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"" SECRET "\"}]}",
      "without \"alg\"" },
    { "alg number", "{\"keys\":[{\"alg\":1,\"kty\":\"oct\",\"k\":\"" SECRET
      "\"}]}", "without \"alg\"" },
    { "alg none", "{\"keys\":[{\"alg\":\"none\",\"kty\":\"oct\",\"k\":\""
      SECRET "\"}]}", "unknown" },
    { "alg of encryption", "{\"keys\":[{\"alg\":\"RSA-OAEP\"}]}", "unknown" },
    { "kid number", "{\"keys\":[{\"kid\":1,\"alg\":\"HS256\",\"kty\":\"oct\","
      "\"k\":\"" SECRET "\"}]}", "\"kid\"" },
    { "no kty", "{\"keys\":[{\"alg\":\"HS256\",\"k\":\"" SECRET "\"}]}",
      "\"kty\"" },
    { "kty unknown", "{\"keys\":[{\"alg\":\"RS256\",\"kty\":\"X\"}]}",
      "\"kty\"" },
    { "kty not the alg's", "{\"keys\":[{\"alg\":\"RS256\",\"kty\":\"oct\","
      "\"k\":\"" SECRET "\"}]}", "\"kty\"" },
    { "alg not the kty's", "{\"keys\":[{\"alg\":\"HS256\",\"kty\":\"EC\"}]}",
      "\"kty\"" },
    { "k short", "{\"keys\":[{\"alg\":\"HS256\",\"kty\":\"oct\",\"k\":\"AAAA"
      "\"}]}", "fewer than 16" },
    { "k empty", "{\"keys\":[{\"alg\":\"HS256\",\"kty\":\"oct\",\"k\":\"\"}]}",
      "not valid" },
    { "k padded", "{\"keys\":[{\"alg\":\"HS256\",\"kty\":\"oct\",\"k\":\""
      "AAAAAAAAAAAAAAAAAAAAAA==\"}]}", "not valid" },
    { "n short", "{\"keys\":[{\"alg\":\"RS256\",\"kty\":\"RSA\",\"n\":\""
      SECRET "\",\"e\":\"AQAB\"}]}", "2048" },
    { "no e", "{\"keys\":[{\"alg\":\"RS256\",\"kty\":\"RSA\",\"n\":\""
      SECRET "\"}]}", "not valid" },
    { "point off the curve", "{\"keys\":[{\"alg\":\"ES256\",\"kty\":\"EC\","
      "\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
      "\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1\"}]}",
      "not valid" },
    { "curve not the alg's", "{\"keys\":[{\"alg\":\"ES384\",\"kty\":\"EC\","
      "\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
      "\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}",
      "another curve" },
    { "x and y of other sizes", "{\"keys\":[{\"alg\":\"ES256\",\"kty\":"
      "\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uP"
      "HvRVA\",\"y\":\"RcfxRM0bvZt-hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\"}]}",
      "not valid" },
    { "x long", "{\"keys\":[{\"alg\":\"ES256\",\"kty\":\"EC\",\"crv\":"
      "\"P-256\",\"x\":\"" SECRET SECRET SECRET SECRET SECRET SECRET "\","
      "\"y\":\"x_FE\"}]}", "not valid" },
    { "e is 1", "{\"keys\":[{\"alg\":\"RS256\",\"kty\":\"RSA\",\"n\":\""
      RFC_N "\",\"e\":\"AQ\"}]}", "not valid" },
    { "n even", "{\"keys\":[{\"alg\":\"RS256\",\"kty\":\"RSA\",\"n\":\""
      RFC_N "AA\",\"e\":\"AQAB\"}]}", "not valid" },
    { "x short", "{\"keys\":[{\"alg\":\"ES256\",\"kty\":\"EC\",\"crv\":"
      "\"P-256\",\"x\":\"f83O\",\"y\":\"x_FE\"}]}", "not valid" },
    { "crv unknown", "{\"keys\":[{\"alg\":\"ES256\",\"kty\":\"EC\",\"crv\":"
      "\"P-192\",\"x\":\"f83O\",\"y\":\"x_FE\"}]}", "not valid" }
};


/* RFC 7515 appendix A.1 to A.3, their keys as a set. */

static const char  rfc_set[] = "{\"keys\":[\n"
    "{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVM"
    "koqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"},\n"
    "{\"kty\":\"RSA\",\"use\":\"enc\",\"alg\":\"RSA-OAEP\",\"n\":\"\"},\n"
    "{\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"RS256\",\"kid\":\"r\",\"n\":\""
    RFC_N "\",\"e\":\"AQAB\"},\n"
    "{\"kty\":\"EC\",\"alg\":\"ES256\",\"key_ops\":[\"verify\"],\"crv\":\"P-25"
    "6\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu"
    "9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\",\"d\":\"jpsQnnGQmL-YBIffH1136cspY"
    "G6-0iY7X1fCE9-E9LI\"}]}";

#define RFC_PAYLOAD  "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6"\
                     "Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

static const char  *const rfc_tokens[] = {
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." RFC_PAYLOAD
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",

    "eyJhbGciOiJSUzI1NiJ9." RFC_PAYLOAD
    ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4B"
    "h-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZL"
    "grnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO-"
    "-xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6Lbg"
    "GY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",

    "eyJhbGciOiJFUzI1NiJ9." RFC_PAYLOAD
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKT"
    "UJqPP3-Kg6NU1Q"
};


static sio_span_t
span_of(const char *text)
{
    return (sio_span_t) { (const uint8_t *) text, strlen(text) };
}


static sio_jwt_key_t
verifier(key_e which)
{
    sio_jwt_key_t  key;

    memset(&key, 0, sizeof(key));
    key.alg = keys[which].alg;
    key.key = keys[which].pem != NULL ? span_of(keys[which].pem)
                                      : keys[which].signer.secret;

    return key;
}


static sio_jwt_policy_t
policy_of(const sio_jwt_key_t *key, unsigned n)
{
    sio_jwt_policy_t  policy;

    memset(&policy, 0, sizeof(policy));
    policy.keys = key;
    policy.nkeys = n;

    return policy;
}


/* A copy at the end of memory is judged; what must hold of any verdict does. */

static int
judge(const sio_jwt_policy_t *policy, sio_span_t token,
    sio_jwt_verdict_t want, const char *what)
{
    int                good;
    sio_span_t         copy;
    sio_jwt_claims_t   claims;
    sio_jwt_verdict_t  got;

    copy.n = token.n;
    copy.p = guard_copy(token.p, token.n);

    memset(&claims, 0xff, sizeof(claims));
    got = sio_jwt_verify(policy, copy, NOW, &claims);

    good = got == want && ERR_peek_error() == 0;

    if (got == SIO_JWT_OK) {
        good = good && claims.json != NULL && strlen(claims.json) == claims.n;

    } else {
        good = good && claims.json == NULL && claims.n == 0 && claims.exp == 0
               && claims.iat == 0;
    }

    sio_jwt_claims_free(&claims);
    guard_free((uint8_t *) copy.p, copy.n);

    if (what != NULL) {
        ok(good, "%s", what);
    }

    if (!good) {
        note("verdict %d, want %d", got, want);
    }

    return good;
}


static void
judge_text(const sio_jwt_policy_t *policy, char *token,
    sio_jwt_verdict_t want, const char *what)
{
    judge(policy, span_of(token), want, what);
    free(token);
}


/* A key that says that it is for this padding, as libjwt wants it. */

static EVP_PKEY *
make_pss(void)
{
    EVP_PKEY      *pkey;
    EVP_PKEY_CTX  *ctx;

    pkey = NULL;
    ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    jwt_must(ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1);
    jwt_must(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1);
    jwt_must(EVP_PKEY_keygen(ctx, &pkey) == 1);
    EVP_PKEY_CTX_free(ctx);

    return pkey;
}


static EVP_PKEY *
make_pkey(key_e which)
{
    switch (which) {

    case RS256:
    case RS256_OTHER:
        return EVP_RSA_gen(2048);

    case PS256:
        return make_pss();

    case RS384:
    case RS512:
        jwt_must(EVP_PKEY_up_ref(keys[RS256].signer.pkey));
        return keys[RS256].signer.pkey;

    case ES256:
    case ES256_OTHER:
        return EVP_EC_gen("P-256");

    case ES384:
        return EVP_EC_gen("P-384");

    case ES512:
        return EVP_EC_gen("P-521");

    case ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    default:
        return NULL;
    }
}


static char *
pem_of(EVP_PKEY *pkey, X509 *x509, int private)
{
    BIO   *bio;
    char  *data, *pem;
    long   n;

    bio = BIO_new(BIO_s_mem());

    if (x509 != NULL) {
        jwt_must(PEM_write_bio_X509(bio, x509) == 1);

    } else if (private) {
        jwt_must(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
                 == 1);

    } else {
        jwt_must(PEM_write_bio_PUBKEY(bio, pkey) == 1);
    }

    n = BIO_get_mem_data(bio, &data);
    pem = malloc((size_t) n + 1);
    jwt_must(pem != NULL);
    memcpy(pem, data, (size_t) n);
    pem[n] = '\0';
    BIO_free(bio);

    return pem;
}


static char *
certificate_of(EVP_PKEY *pkey)
{
    char  *pem;
    X509  *x509;

    x509 = X509_new();
    jwt_must(X509_set_pubkey(x509, pkey) == 1);
    jwt_must(X509_gmtime_adj(X509_getm_notBefore(x509), 0) != NULL);
    jwt_must(X509_gmtime_adj(X509_getm_notAfter(x509), 60) != NULL);
    jwt_must(X509_sign(x509, pkey, EVP_sha256()) > 0);

    pem = pem_of(NULL, x509, 0);
    X509_free(x509);

    return pem;
}


static void
make_keys(void)
{
    unsigned  i;

    for (i = RS256; i < KEYS; i++) {
        keys[i].signer.pkey = make_pkey((key_e) i);
        jwt_must(keys[i].signer.pkey != NULL);
        keys[i].pem = pem_of(keys[i].signer.pkey, NULL, 0);
    }
}


static void
free_keys(void)
{
    unsigned  i;

    for (i = RS256; i < KEYS; i++) {
        EVP_PKEY_free(keys[i].signer.pkey);
        free(keys[i].pem);
    }
}


static void
test_algorithms(void)
{
    int                had;
    char               header[64];
    unsigned           i;
    const char        *why;
    sio_jwt_alg_t      alg;
    sio_jwt_key_t      key;
    sio_jwt_policy_t   policy;

    for (i = 0; i < RS256_OTHER; i++) {
        why = NULL;
        had = sio_jwt_alg(span_of(keys[i].name), &alg, &why) == SIO_OK;
        ok(had || i >= PS256, "%s is not missing, or may be", keys[i].name);
        ok(alg == keys[i].alg, "%s is known", keys[i].name);
        ok(had == (why == NULL), "%s: a reason, or none", keys[i].name);

        key = verifier((key_e) i);

        if (!had) {
            ok(sio_jwt_key_check(&key, &why) == SIO_ERROR,
               "%s: no key where libjwt has it not", keys[i].name);
        }

        if (had) {
            ok(sio_jwt_key_check(&key, &why) == SIO_OK, "%s: the key",
               keys[i].name);
        }

        snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", keys[i].name);
        policy = policy_of(&key, 1);
        judge_text(&policy, jwt_sign(&keys[i].signer, span_of(header),
                                     sio_span("{" LATER "}")),
                   had ? SIO_JWT_OK : SIO_JWT_INVALID, keys[i].name);
    }
}


static void
test_names(void)
{
    unsigned            i;
    const char         *why;
    sio_jwt_alg_t       alg;
    static const char  *const wrong[] = {
        "", "none", "None", "hs256", "HS256 ", "HS2560", "HS", "RS1",
        "ES256K", "EDDSA", "RSA-OAEP", "dir"
    };

    for (i = 0; i < COUNT(wrong); i++) {
        why = NULL;
        ok(sio_jwt_alg(span_of(wrong[i]), &alg, &why) == SIO_ERROR
           && why != NULL, "no algorithm: \"%s\"", wrong[i]);
    }
}


static void
test_said(void)
{
    unsigned          i;
    sio_jwt_key_t     key;
    sio_jwt_policy_t  policy;

    key = verifier(HS256);
    key.kid = sio_span("a");
    policy = policy_of(&key, 1);

    for (i = 0; i < COUNT(said); i++) {
        judge_text(&policy, jwt_sign(&keys[HS256].signer,
                                     span_of(said[i].header),
                                     span_of(said[i].payload)),
                   said[i].want, said[i].what);
    }
}


/*
 * H, P, S: header, payload and signature of a good token; O, Q: signature and
 * payload of another one; N: a header that says none; ~ takes one away.
 */

static size_t
form_token(const char *form, const char *good, const char *other, char *dst)
{
    size_t       n;
    const char  *from, *to;

    n = 0;

    for ( /* void */ ; *form != '\0'; form++) {
        from = strchr("OQ", *form) != NULL ? other : good;
        to = strchr(from, '.');

        switch (*form) {

        case 'P':
        case 'Q':
            from = to + 1;
            to = strchr(from, '.');
            break;

        case 'S':
        case 'O':
            from = strrchr(from, '.') + 1;
            to = from + strlen(from);
            break;

        case 'N':
            from = "eyJhbGciOiJub25lIn0";
            to = from + strlen(from);
            break;

        case 'H':
            break;

        case '~':
            n--;
            continue;

        default:
            from = form;
            to = from + 1;
        }

        memcpy(dst + n, from, (size_t) (to - from));
        n += (size_t) (to - from);
    }

    return n;
}


static void
test_forms(key_e which, const char *header)
{
    char              *good, *other, token[4096];
    size_t             n;
    unsigned           i;
    sio_jwt_key_t      key;
    sio_jwt_policy_t   policy;

    key = verifier(which);
    policy = policy_of(&key, 1);
    good = jwt_sign(&keys[which].signer, span_of(header),
                    sio_span("{\"a\":1}"));
    other = jwt_sign(&keys[which].signer, span_of(header),
                     sio_span("{\"a\":2}"));

    n = form_token("H.P.S", good, other, token);
    judge(&policy, (sio_span_t) { (uint8_t *) token, n }, SIO_JWT_OK, "whole");
    n = form_token("H.Q.O", good, other, token);
    judge(&policy, (sio_span_t) { (uint8_t *) token, n }, SIO_JWT_OK, "other");

    for (i = 0; i < COUNT(forms); i++) {
        n = form_token(forms[i].form, good, other, token);
        judge(&policy, (sio_span_t) { (uint8_t *) token, n }, SIO_JWT_INVALID,
              forms[i].what);
    }

    free(good);
    free(other);
}


/* Signs until there is a character to write in the other alphabet. */

static void
test_alphabet(void)
{
    char              *token, *at;
    sio_jwt_key_t      key;
    sio_jwt_policy_t   policy;

    key = verifier(ES256);
    policy = policy_of(&key, 1);

    for ( ;; ) {
        token = jwt_sign(&keys[ES256].signer, sio_span("{\"alg\":\"ES256\"}"),
                         sio_span("{}"));
        at = strchr(token, '-');

        if (at != NULL) {
            break;
        }

        free(token);
    }

    judge(&policy, span_of(token), SIO_JWT_OK, "a signature with -");
    *at = '+';
    judge_text(&policy, token, SIO_JWT_INVALID, "the same with +");
}


/* Every beginning of a token, and every change of one character. */

static void
test_changes(key_e which, const char *header)
{
    int                good;
    char              *token, was;
    size_t             i, n;
    sio_jwt_key_t      key;
    sio_jwt_policy_t   policy;

    key = verifier(which);
    policy = policy_of(&key, 1);
    token = jwt_sign(&keys[which].signer, span_of(header), sio_span("{}"));
    n = strlen(token);
    good = 1;

    for (i = 0; i < n; i++) {
        good &= judge(&policy, (sio_span_t) { (uint8_t *) token, i },
                      SIO_JWT_INVALID, NULL);
    }

    ok(good, "%s: no beginning of a token", header);
    good = 1;

    for (i = 0; i < n; i++) {
        was = token[i];
        token[i] = was == 'A' ? 'B' : 'A';
        good &= judge(&policy, (sio_span_t) { (uint8_t *) token, n },
                      SIO_JWT_INVALID, NULL);
        token[i] = '\0';
        good &= judge(&policy, (sio_span_t) { (uint8_t *) token, n },
                      SIO_JWT_INVALID, NULL);
        token[i] = was;
    }

    ok(good, "%s: no changed character", header);
    judge_text(&policy, token, SIO_JWT_OK, "the token itself");
}


static void
test_confusions(void)
{
    unsigned            i;
    jwt_signer_t        signer;
    sio_jwt_key_t       key;
    sio_jwt_policy_t    policy;
    const confusion_t  *c;

    for (i = 0; i < COUNT(confusions); i++) {
        c = &confusions[i];
        key = verifier(c->verifier);
        policy = policy_of(&key, 1);
        signer = keys[c->signer].signer;

        if (c->signer == PS256) {
            signer.pkey = keys[RS256].signer.pkey;
        }

        if (signer.pkey == NULL && keys[c->verifier].pem != NULL) {
            signer.secret = key.key;
        }

        judge_text(&policy, jwt_sign(&signer, span_of(c->header),
                                     sio_span("{}")),
                   SIO_JWT_INVALID, c->what);
    }
}


/* A token with this signature, which nobody made from it. */

static void
judge_signature(key_e which, const uint8_t *sig, size_t n, const char *what)
{
    char              *token;
    size_t             at;
    sio_jwt_key_t      key;
    sio_jwt_policy_t   policy;

    key = verifier(which);
    policy = policy_of(&key, 1);
    token = malloc(sio_base64_encoded_size(n) + 64);
    jwt_must(token != NULL);

    at = (size_t) sprintf(token, "%s", which == ES256
                          ? "eyJhbGciOiJFUzI1NiJ9.e30."
                          : "eyJhbGciOiJSUzI1NiJ9.e30.");
    jwt_append(token, &at, (sio_span_t) { sig, n });
    token[at] = '\0';

    judge_text(&policy, token, SIO_JWT_INVALID, what);
}


static void
test_signatures(void)
{
    size_t        n;
    uint8_t       sig[JWT_SIGN_MAX], zero[JWT_SIGN_MAX];
    sio_span_t    text;
    jwt_signer_t  der;

    memset(zero, 0, sizeof(zero));
    text = sio_span("eyJhbGciOiJFUzI1NiJ9.e30");
    der = keys[ES256].signer;
    der.half = 0;

    n = jwt_signature(&der, text, sig);
    judge_signature(ES256, sig, n, "ECDSA in DER");

    n = jwt_signature(&keys[ES256].signer, text, sig);
    sig[64] = 0;
    judge_signature(ES256, sig, 63, "ECDSA, a byte less");
    judge_signature(ES256, sig, 65, "ECDSA, a byte more");
    judge_signature(ES256, sig, 32, "ECDSA, r alone");
    judge_signature(ES256, sig + 32, 32, "ECDSA, s alone");
    judge_signature(ES256, sig, 1, "ECDSA, one byte");

    memcpy(sig + 64, sig, 32);
    judge_signature(ES256, sig + 32, 64, "ECDSA, s and r");
    judge_signature(ES256, sig, 96, "ECDSA, as long as that of P-384");

    judge_signature(ES256, zero, 64, "ECDSA of zeros");
    memset(sig, 0xff, sizeof(sig));
    judge_signature(ES256, sig, 64, "ECDSA of ones");
    judge_signature(RS256, zero, 256, "RSA of zeros");
    judge_signature(RS256, sig, 256, "RSA of ones");
    judge_signature(RS256, sig, 1, "RSA, one byte");
    judge_signature(RS256, zero, 257, "RSA, a byte more");
}


/* A payload of this many arrays within its one member. */

static void
judge_nested(unsigned depth, sio_jwt_verdict_t want)
{
    char              *text, what[32];
    unsigned           i;
    sio_jwt_key_t      key;
    sio_jwt_policy_t   policy;

    key = verifier(HS256);
    policy = policy_of(&key, 1);
    text = malloc(2 * depth + 64);
    jwt_must(text != NULL);

    strcpy(text, "{\"a\":");

    for (i = 0; i < 2 * depth; i++) {
        text[5 + i] = i < depth ? '[' : ']';
    }

    strcpy(text + 5 + 2 * depth, "}");
    snprintf(what, sizeof(what), "payload with %u arrays", depth);
    judge_text(&policy, jwt_sign(&keys[HS256].signer, sio_span(HS),
                                 span_of(text)), want, what);

    memcpy(text, "{\"alg\":\"HS256\",\"b\":", 19);

    for (i = 0; i < 2 * depth; i++) {
        text[19 + i] = i < depth ? '[' : ']';
    }

    strcpy(text + 19 + 2 * depth, "}");
    snprintf(what, sizeof(what), "header with %u arrays", depth);
    judge_text(&policy, jwt_sign(&keys[HS256].signer, span_of(text),
                                 sio_span("{}")), want, what);
    free(text);
}


/* A good token of n bytes, where base64url has one. */

static void
judge_long(size_t n, sio_jwt_verdict_t want)
{
    char              *text, *token;
    size_t             size;
    sio_jwt_key_t      key;
    sio_jwt_policy_t   policy;

    key = verifier(HS256);
    policy = policy_of(&key, 1);
    token = jwt_sign(&keys[HS256].signer, sio_span(HS), sio_span(""));
    size = (n - strlen(token)) * 3 / 4;
    free(token);

    text = malloc(size + 1);
    jwt_must(text != NULL);
    memset(text, ' ', size);
    memcpy(text, "{\"a\":", 5);
    text[5] = '1';
    text[size - 1] = '}';
    text[size] = '\0';

    token = jwt_sign(&keys[HS256].signer, sio_span(HS), span_of(text));
    ok(strlen(token) == n, "a token of %zu bytes", n);
    judge_text(&policy, token, want, "its verdict");
    free(text);
}


static void
test_sizes(void)
{
    judge_nested(1, SIO_JWT_OK);
    judge_nested(15, SIO_JWT_OK);
    judge_nested(16, SIO_JWT_INVALID);
    judge_nested(2500, SIO_JWT_INVALID);
    judge_nested(100000, SIO_JWT_INVALID);

    judge_long(8191, SIO_JWT_OK);
    judge_long(8192, SIO_JWT_OK);
    judge_long(8193, SIO_JWT_INVALID);
    judge_long(100000, SIO_JWT_INVALID);
}


static void
test_require(void)
{
    char                what[128];
    unsigned            i;
    sio_jwt_key_t       key;
    sio_jwt_policy_t    policy;
    sio_jwt_require_t   require[2];

    key = verifier(HS256);
    policy = policy_of(&key, 1);
    policy.require = require;

    for (i = 0; i < COUNT(requires); i++) {
        policy.nrequire = 1;
        require[0].claim = span_of(requires[i].claim);
        require[0].value = span_of(requires[i].value);
        snprintf(what, sizeof(what), "%s=%s: %s", requires[i].claim,
                 requires[i].value, requires[i].payload);
        judge_text(&policy, jwt_sign(&keys[HS256].signer, sio_span(HS),
                                     span_of(requires[i].payload)),
                   requires[i].want, what);
    }

    policy.nrequire = 2;
    require[0] = (sio_jwt_require_t) { sio_span("iss"), sio_span("a") };
    require[1] = (sio_jwt_require_t) { sio_span("aud"), sio_span("b") };
    judge_text(&policy, jwt_sign(&keys[HS256].signer, sio_span(HS),
                                 sio_span("{\"iss\":\"a\",\"aud\":\"b\"}")),
               SIO_JWT_OK, "both required");
    judge_text(&policy, jwt_sign(&keys[HS256].signer, sio_span(HS),
                                 sio_span("{\"iss\":\"a\"}")),
               SIO_JWT_FORBIDDEN, "the second is missing");
}


static void
test_leeway(void)
{
    unsigned          i;
    sio_jwt_key_t     key;
    sio_jwt_policy_t  policy;

    key = verifier(HS256);
    policy = policy_of(&key, 1);

    for (i = 0; i < COUNT(leeways); i++) {
        policy.leeway = leeways[i].leeway;
        judge_text(&policy, jwt_sign(&keys[HS256].signer, sio_span(HS),
                                     span_of(leeways[i].payload)),
                   leeways[i].want, leeways[i].payload);
    }
}


static void
test_key_choice(void)
{
    char              *token;
    unsigned           i;
    sio_jwt_key_t      many[20];
    sio_jwt_policy_t   policy;

    for (i = 0; i < 20; i++) {
        many[i] = verifier(HS256);
        many[i].key = sio_span("another secret!!");
    }

    token = jwt_sign(&keys[HS256].signer, sio_span(HS), sio_span("{}"));
    policy = policy_of(many, 0);
    judge(&policy, span_of(token), SIO_JWT_INVALID, "no key at all");

    policy.nkeys = 20;
    many[16] = verifier(HS256);
    judge(&policy, span_of(token), SIO_JWT_INVALID, "the 17th key");

    many[3] = verifier(RS256);
    judge(&policy, span_of(token), SIO_JWT_OK, "the 16th of its algorithm");

    many[0].key = (sio_span_t) { NULL, 0 };
    policy.nkeys = 1;
    judge(&policy, span_of(token), SIO_JWT_INVALID, "an empty key");
    free(token);

    many[1] = verifier(HS256);
    many[1].kid = sio_span("b");
    policy.keys = many + 1;
    token = jwt_sign(&keys[HS256].signer,
                     sio_span("{\"alg\":\"HS256\",\"kid\":\"b\"}"),
                     sio_span("{}"));
    judge(&policy, span_of(token), SIO_JWT_OK, "the key of this kid");
    many[1].kid = sio_span("B");
    judge(&policy, span_of(token), SIO_JWT_INVALID, "the key of another kid");
    many[1].kid = sio_span("");
    judge(&policy, span_of(token), SIO_JWT_OK, "a key without kid");
    free(token);
}


static void
test_claims(void)
{
    char              *token;
    sio_jwt_key_t      key;
    sio_jwt_claims_t   claims;
    sio_jwt_policy_t   policy;

    key = verifier(HS256);
    policy = policy_of(&key, 1);

    token = jwt_sign(&keys[HS256].signer, sio_span(HS),
                     sio_span(" { \"sub\" : \" a \\\" b\\\\\" ,\r\n\t\"x\":"
                              "[0.10, 1E2, \"\\u00e9\"], \"exp\": 1800000000.2,"
                              "\"iat\":1600000000 } "));
    ok(sio_jwt_verify(&policy, span_of(token), NOW, &claims) == SIO_JWT_OK,
       "a token with claims");
    is_bytes(claims.json, claims.n,
             "{\"sub\":\" a \\\" b\\\\\",\"x\":[0.10,1E2,\"\\u00e9\"],\"exp\":"
             "1800000000.2,\"iat\":1600000000}", 79, "its claims");
    ok(claims.exp == 1800000001, "exp");
    ok(claims.iat == 1600000000, "iat");
    sio_jwt_claims_free(&claims);
    ok(claims.json == NULL, "freed");
    sio_jwt_claims_free(&claims);
    free(token);

    token = jwt_sign(&keys[HS256].signer, sio_span(HS),
                     sio_span("{\"exp\":9223372036854775807}"));
    ok(sio_jwt_verify(&policy, span_of(token), INT64_MIN, &claims)
       == SIO_JWT_OK, "the first of all times");
    ok(claims.exp == SIO_JWT_TIME_MAX && claims.iat == 0, "exp is cut off");
    sio_jwt_claims_free(&claims);
    ok(sio_jwt_verify(&policy, span_of(token), INT64_MAX, &claims)
       == SIO_JWT_EXPIRED, "the last of all times");
    free(token);
}


static void
check_key(sio_jwt_alg_t alg, const char *text, const char *part,
    const char *what)
{
    int             rc;
    const char     *why;
    sio_jwt_key_t   key;

    memset(&key, 0, sizeof(key));
    key.alg = alg;
    key.key.n = strlen(text);
    key.key.p = guard_copy(text, key.key.n);

    why = "";
    rc = sio_jwt_key_check(&key, &why);
    ok(rc == (part == NULL ? SIO_OK : SIO_ERROR)
       && ERR_peek_error() == 0
       && (part == NULL || strstr(why, part) != NULL), "key: %s", what);
    guard_free((uint8_t *) key.key.p, key.key.n);
}


static void
test_keys(void)
{
    char      *text;
    EVP_PKEY  *pkey;

    check_key(SIO_JWT_HS256, "0123456789abcdef", NULL, "secret of 16 bytes");
    check_key(SIO_JWT_HS512, "0123456789abcde", "16 bytes", "of 15 bytes");
    check_key(SIO_JWT_HS256, "", "no key", "empty secret");
    check_key(SIO_JWT_HS256, keys[RS256].pem, "PEM", "PEM as secret");
    check_key(SIO_JWT_HS256, keys[ES256].pem, "PEM", "EC PEM as secret");
    check_key(SIO_JWT_RS256, keys[ES256].pem, "another kind", "EC for RS256");
    check_key(SIO_JWT_ES256, keys[RS256].pem, "another kind", "RSA for ES256");
    check_key(SIO_JWT_ES256, keys[ES384].pem, "another curve", "P-384, ES256");
    check_key(SIO_JWT_ES512, keys[ES256].pem, "another curve", "P-256, ES512");
    check_key(SIO_JWT_RS256, keys[ED25519].pem, "another kind", "Ed25519");
    check_key(SIO_JWT_RS256, "", "no key", "empty PEM");
    check_key(SIO_JWT_RS256, SECRET, "PEM", "secret for RS256");
    check_key((sio_jwt_alg_t) 0, SECRET, "algorithm", "no algorithm");
    check_key((sio_jwt_alg_t) 99, SECRET, "algorithm", "algorithm 99");
    check_key(SIO_JWT_RS256, "-----BEGIN PUBLIC KEY-----\n"
              "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"
              "00112233445566778899AABBCCDDEEFF\n\nAAAA\n"
              "-----END PUBLIC KEY-----\n", "PEM", "encrypted PEM");

    text = pem_of(keys[RS256].signer.pkey, NULL, 1);
    check_key(SIO_JWT_RS256, text, "private", "private");
    free(text);

    pkey = EVP_RSA_gen(1024);
    text = pem_of(pkey, NULL, 0);
    check_key(SIO_JWT_RS256, text, "2048", "RSA of 1024 bits");
    free(text);
    EVP_PKEY_free(pkey);

    pkey = EVP_EC_gen("secp256k1");
    text = pem_of(pkey, NULL, 0);
    check_key(SIO_JWT_ES256, text, "another curve", "secp256k1");
    free(text);
    EVP_PKEY_free(pkey);
}


static void
test_certificates(void)
{
    char              *text;
    sio_jwt_key_t      key;
    sio_jwt_policy_t   policy;

    memset(&key, 0, sizeof(key));
    policy = policy_of(&key, 1);

    text = certificate_of(keys[RS256].signer.pkey);
    check_key(SIO_JWT_RS256, text, NULL, "certificate");
    check_key(SIO_JWT_ES256, text, "another kind", "certificate for ES256");
    check_key(SIO_JWT_HS256, text, "PEM", "certificate as secret");

    key.alg = SIO_JWT_RS256;
    key.key = span_of(text);
    judge_text(&policy, jwt_sign(&keys[RS256].signer,
                                 sio_span("{\"alg\":\"RS256\"}"),
                                 sio_span("{}")),
               SIO_JWT_OK, "certificate: its token");
    judge_text(&policy, jwt_sign(&keys[RS256_OTHER].signer,
                                 sio_span("{\"alg\":\"RS256\"}"),
                                 sio_span("{}")),
               SIO_JWT_INVALID, "certificate: another's token");

    text[strlen(text) / 2] = '!';
    check_key(SIO_JWT_RS256, text, "PEM", "broken certificate");
    judge_text(&policy, jwt_sign(&keys[RS256].signer,
                                 sio_span("{\"alg\":\"RS256\"}"),
                                 sio_span("{}")),
               SIO_JWT_INVALID, "broken certificate: a token");
    free(text);
}


static void
test_sets(void)
{
    int             rc;
    unsigned        i, n;
    sio_span_t      text;
    const char     *why;
    sio_jwt_alg_t   alg;
    sio_jwt_key_t  *made;

    for (i = 0; i < COUNT(sets); i++) {
        why = "";
        n = 99;
        text.n = strlen(sets[i].text);
        text.p = guard_copy(sets[i].text, text.n);
        rc = sio_jwt_jwks(text, &made, &n, &why);
        ok(rc == SIO_ERROR && made == NULL && n == 0
           && strstr(why, sets[i].why) != NULL && ERR_peek_error() == 0,
           "key set: %s", sets[i].what);

        if (rc == SIO_OK || strstr(why, sets[i].why) == NULL) {
            note("%s", why);
        }

        sio_jwt_keys_free(made, n);
        guard_free((uint8_t *) text.p, text.n);
    }

    text = sio_span("{\"keys\":[{\"alg\":\"PS256\",\"kty\":\"RSA\",\"n\":\""
                    RFC_N "\",\"e\":\"AQAB\"}]}");
    rc = sio_jwt_jwks(text, &made, &n, &why);
    ok(rc == sio_jwt_alg(sio_span("PS256"), &alg, &why),
       "key set: PS256 where libjwt has it");
    sio_jwt_keys_free(made, n);
}


static void
test_rfc(void)
{
    int                rc;
    unsigned           i, n;
    const char        *why;
    sio_span_t         text;
    sio_jwt_key_t     *made;
    sio_jwt_claims_t   claims;
    sio_jwt_policy_t   policy;

    why = "";
    text.n = sizeof(rfc_set) - 1;
    text.p = guard_copy(rfc_set, text.n);
    rc = sio_jwt_jwks(text, &made, &n, &why);
    guard_free((uint8_t *) text.p, text.n);

    if (!ok(rc == SIO_OK && n == 3, "RFC 7515: the keys")) {
        note("%s", why);
        return;
    }

    is_bytes(made[1].kid.p, made[1].kid.n, "r", 1, "RFC 7515: a kid");
    policy = policy_of(made, n);

    for (i = 0; i < COUNT(rfc_tokens); i++) {
        judge(&policy, span_of(rfc_tokens[i]), SIO_JWT_EXPIRED, "RFC 7515");
        ok(sio_jwt_verify(&policy, span_of(rfc_tokens[i]), 1300819379, &claims)
           == SIO_JWT_OK, "RFC 7515: in time");
        is_bytes(claims.json, claims.n, "{\"iss\":\"joe\",\"exp\":1300819380,"
                 "\"http://example.com/is_root\":true}", 64, "its claims");
        sio_jwt_claims_free(&claims);

        policy.nkeys = 2;
        judge(&policy, span_of(rfc_tokens[i]),
              i == 2 ? SIO_JWT_INVALID : SIO_JWT_EXPIRED,
              "RFC 7515: without the third key");
        policy.nkeys = n;
    }

    sio_jwt_keys_free(made, n);
}


/* What was found good before is judged again, but for its arithmetic. */

static void
test_seen(void)
{
    char              *token, *other;
    uint8_t            digest[SIO_JWT_DIGEST];
    sio_jwt_key_t      key, wrong;
    sio_jwt_policy_t   policy, strict;
    sio_jwt_claims_t   claims;

    key = verifier(RS256);
    wrong = verifier(RS256_OTHER);
    policy = policy_of(&key, 1);
    strict = policy_of(&wrong, 1);

    token = jwt_sign(&keys[RS256].signer, sio_span("{\"alg\":\"RS256\"}"),
                     sio_span("{\"seen\":1," LATER "}"));
    other = jwt_sign(&keys[RS256_OTHER].signer,
                     sio_span("{\"alg\":\"RS256\"}"),
                     sio_span("{\"seen\":1," LATER "}"));

    ok(sio_jwt_digest(&key, span_of(token), digest) == SIO_OK
       && !sio_jwt_seen(digest), "a new token was not seen");
    ok(sio_jwt_verify(&policy, span_of(token), NOW, &claims) == SIO_JWT_OK
       && sio_jwt_seen(digest), "now it was");
    sio_jwt_claims_free(&claims);

    ok(sio_jwt_verify(&policy, span_of(token), NOW, &claims) == SIO_JWT_OK,
       "and is good again");
    is_bytes(claims.json, claims.n, "{\"seen\":1,\"exp\":1700000001}", 27,
             "with its claims");
    sio_jwt_claims_free(&claims);

    ok(sio_jwt_verify(&policy, span_of(token), NOW + 1, &claims)
       == SIO_JWT_EXPIRED, "until it expires");
    ok(sio_jwt_verify(&strict, span_of(token), NOW, &claims)
       == SIO_JWT_INVALID, "not by another key");
    ok(sio_jwt_verify(&policy, span_of(other), NOW, &claims)
       == SIO_JWT_INVALID, "nor the other key's token");
    ok(sio_jwt_digest(&key, span_of(other), digest) == SIO_OK
       && !sio_jwt_seen(digest), "what is refused is not noted");

    token[strlen(token) - 9] ^= 1;
    ok(sio_jwt_verify(&policy, span_of(token), NOW, &claims)
       == SIO_JWT_INVALID, "another signature is another token");

    free(token);
    free(other);
}


int
main(void)
{
    make_keys();

    test_algorithms();
    test_names();
    test_said();
    test_forms(HS256, HS);
    test_forms(ES256, "{\"alg\":\"ES256\"}");
    test_forms(RS256, "{\"alg\":\"RS256\"}");
    test_alphabet();
    test_changes(HS256, "{\"alg\":\"HS256\"}");
    test_changes(ES256, "{\"alg\":\"ES256\"}");
    test_changes(RS256, "{\"alg\":\"RS256\"}");
    test_confusions();
    test_signatures();
    test_sizes();
    test_require();
    test_leeway();
    test_key_choice();
    test_claims();
    test_keys();
    test_certificates();
    test_sets();
    test_rfc();
    test_seen();

    free_keys();

    return done_testing();
}
