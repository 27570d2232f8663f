
/* Socket.IO packets: what is read, what is refused, what is written. */

#include "../lib/guard.h"
#include "../lib/tap.h"
#include "sio_packet.h"


/* How a packet is read: "type attachments nsp id payload event". */
typedef struct {
    const char  *text;
    const char  *want;
} case_t;


static const case_t  good[] = {
    { "0", "0 0 / - - -" },
    { "0{}", "0 0 / - {} -" },
    { "0{\"token\":\"t\"}", "0 0 / - {\"token\":\"t\"} -" },
    { "0/custom", "0 0 /custom - - -" },
    { "0/custom,", "0 0 /custom - - -" },
    { "0/custom,{\"a\":1}", "0 0 /custom - {\"a\":1} -" },
    { "0/custom?a=b,", "0 0 /custom?a=b - - -" },
    { "0/\xc3\xa9,", "0 0 /\xc3\xa9 - - -" },
    { "0/,", "0 0 / - - -" },
    { "1", "1 0 / - - -" },
    { "1/custom", "1 0 /custom - - -" },
    { "1/custom,", "1 0 /custom - - -" },
    { "2[\"a\"]", "2 0 / - [\"a\"] \"a\"" },
    { "2/,[\"m\"]", "2 0 / - [\"m\"] \"m\"" },
    { "2/admin,[\"a\",1]", "2 0 /admin - [\"a\",1] \"a\"" },
    { "2/a/b,7[\"a\"]", "2 0 /a/b 7 [\"a\"] \"a\"" },
    { "212[\"a\"]", "2 0 / 12 [\"a\"] \"a\"" },
    { "2007[\"a\"]", "2 0 / 007 [\"a\"] \"a\"" },
    { "212345678901234567890[\"a\"]",
      "2 0 / 12345678901234567890 [\"a\"] \"a\"" },
    { "2[1]", "2 0 / - [1] 1" },
    { "2[-1.5e3,{}]", "2 0 / - [-1.5e3,{}] -1.5e3" },
    { "2[\"\"]", "2 0 / - [\"\"] \"\"" },
    { "2 [ \"a\" , 1 ] ", "2 0 / - [ \"a\" , 1 ] \"a\"" },
    { "2[\"a-b\",\"5-\"]", "2 0 / - [\"a-b\",\"5-\"] \"a-b\"" },
    { "2/a-b,[\"1-\"]", "2 0 /a-b - [\"1-\"] \"1-\"" },
    { "2[\"connection\"]", "2 0 / - [\"connection\"] \"connection\"" },
    { "2[\"error\"]", "2 0 / - [\"error\"] \"error\"" },
    { "2[\"Connect\"]", "2 0 / - [\"Connect\"] \"Connect\"" },
    { "2[\"connect_errors\"]",
      "2 0 / - [\"connect_errors\"] \"connect_errors\"" },
    { "2[\"a\",{\"_placeholder\":true,\"num\":9}]",
      "2 0 / - [\"a\",{\"_placeholder\":true,\"num\":9}] \"a\"" },
    { "312[]", "3 0 / 12 [] -" },
    { "3/admin,12[\"b\"]", "3 0 /admin 12 [\"b\"] -" },
    { "31[null,\"connect\"]", "3 0 / 1 [null,\"connect\"] -" },
    { "4\"no\"", "4 0 / - \"no\" -" },
    { "4/r,{\"message\":\"x\"}", "4 0 /r - {\"message\":\"x\"} -" },
    { "52-789[\"m\",{\"_placeholder\":true,\"num\":1}]",
      "5 2 / 789 [\"m\",{\"_placeholder\":true,\"num\":1}] \"m\"" },
    { "51-/admin,13[\"m\"]", "5 1 /admin 13 [\"m\"] \"m\"" },
    { "510-[\"m\"]", "5 10 / - [\"m\"] \"m\"" },
    { "51-[7]", "5 1 / - [7] 7" },
    { "61-15[{\"_placeholder\":true,\"num\":0}]",
      "6 1 / 15 [{\"_placeholder\":true,\"num\":0}] -" },
    { "61-[]", "6 1 / - [] -" }
};


static const char  *bad[] = {
    "", "7", "9[]", "a", "-", " 0", "[\"a\"]",
    "0[]", "0null", "0\"x\"", "0 ", "0{", "0{}{}", "0{}x", "0custom",
    "1{}", "1[]", "1null", "1 ", "1/a,{}", "1x",
    "2", "2{}", "2[]", "2[null]", "2null", "2\"a\"", "2[true]", "2[[]]",
    "2[{}]", "2[\"a\"", "2[\"a\"]]", "2[\"a\",]", "2x[\"a\"]", "2/a[\"a\"]",
    "2/a", "2/a,", "212", "2-1[\"a\"]", "21-[\"a\"]", "2[\"\xff\"]",
    "2[\"\x01\"]", "2/\xff,[\"a\"]", "2123456789012345678901[\"a\"]",
    "2[\"connect\"]", "2[\"connect_error\"]", "2[\"disconnect\"]",
    "2[\"disconnecting\"]", "2[\"newListener\"]", "2[\"removeListener\"]",
    "2[\"\\u0063onnect\"]", "2[\"remove\\u004cistener\"]", "2/a,[\"connect\"]",
    "2[\"\\u0064\\u0069\\u0073\\u0063\\u006f\\u006e\\u006e\\u0065\\u0063t\"]",
    "3", "31", "31{}", "31null", "3\"a\"",
    "4", "4[]", "4null", "41", "4/a,",
    "5", "5-", "5-[\"m\"]", "50-[\"m\"]", "511-[\"m\"]", "5a-[\"m\"]",
    "51a-[\"m\"]", "51[\"m\"]", "5[\"m\"]", "51", "51-", "5 1-[\"m\"]",
    "5/a,1-[\"m\"]", "51-[]", "51-[\"connect\"]", "51-{}",
    "518446744073709551617-[\"m\"]",
    "6", "6-[]", "60-[]", "611-[]", "61[]", "61-", "61-{}"
};


/* The elements of an array with two attachments, and whether it is good. */
static const struct {
    const char  *text;
    int          good;
} placeholders[] = {
    { "[]", 1 },
    { "0", 1 },
    { "\"_placeholder\"", 1 },
    { "{\"_placeholder\":true,\"num\":0}", 1 },
    { "{\"num\":1,\"_placeholder\":true}", 1 },
    { " { \"num\" : 1 , \"_placeholder\" : true } ", 1 },
    { "{\"_placeholder\":true,\"num\":2}", 0 },
    { "{\"_placeholder\":true,\"num\":-1}", 0 },
    { "{\"_placeholder\":true,\"num\":0.5}", 0 },
    { "{\"_placeholder\":true,\"num\":\"0\"}", 0 },
    { "{\"_placeholder\":true,\"num\":null}", 0 },
    { "{\"_placeholder\":true,\"num\":[0]}", 0 },
    { "{\"_placeholder\":true,\"num\":18446744073709551616}", 0 },
    { "{\"_placeholder\":true}", 0 },
    { "{\"_placeholder\":false,\"num\":7}", 1 },
    { "{\"_placeholder\":1,\"num\":7}", 1 },
    { "{\"_placeholder\":\"true\",\"num\":7}", 1 },
    { "{\"_placeholder\":[true],\"num\":7}", 1 },
    { "{\"placeholder\":true,\"num\":7}", 1 },
    { "{\"a\":\"_placeholder\",\"b\":true,\"num\":7}", 1 },
    { "{\"\\u005fplaceholder\":true,\"num\":7}", 0 },
    { "{\"_pl\\u0061ceholder\":true,\"n\\u0075m\":1}", 1 },
    { "{\"_placeholder\":true,\"n\\u0075m\":2}", 0 },
    { "{\"_placeholder\":true,\"num\":0,\"num\":2}", 0 },
    { "{\"_placeholder\":true,\"num\":2,\"num\":0}", 1 },
    { "{\"_placeholder\":true,\"num\":2,\"_placeholder\":0}", 1 },
    { "{\"_placeholder\":true,\"num\":0,\"x\":[1,{\"num\":9}]}", 1 },
    { "{\"a\":{\"b\":[{\"_placeholder\":true,\"num\":1}]}}", 1 },
    { "{\"a\":{\"b\":[{\"_placeholder\":true,\"num\":5}]}}", 0 },
    { "[[[[{\"_placeholder\":true,\"num\":5}]]]]", 0 },
    { "{\"a\":{\"_placeholder\":true,\"num\":5},\"b\":1}", 0 },
    { "{\"_placeholder\":{},\"num\":true,\"a\":[]}", 1 },
    { "{\"_placeholder\":true,\"a\":{\"num\":0}}", 0 },
    { "{\"a\\\"\":\"}\\\\\",\"_placeholder\":true,\"num\":5}", 0 },
    { "[{\"num\":0},true,false,null,-1e5,\"]\"]", 1 }
};


static size_t
put(char *out, size_t n, sio_span_t s)
{
    out[n++] = ' ';

    if (s.n == 0) {
        out[n++] = '-';
        return n;
    }

    memcpy(out + n, s.p, s.n);

    return n + s.n;
}


/* Parses the first n bytes of a text and writes what came of it. */

static size_t
parse(char *out, const char *text, size_t n)
{
    size_t         len;
    uint8_t       *copy;
    sio_span_t     span;
    sio_packet_t   packet;

    copy = guard_copy(text, n);
    span.p = copy;
    span.n = n;

    if (sio_packet_parse(span, &packet) != SIO_OK) {
        guard_free(copy, n);
        return sprintf(out, "error");
    }

    len = sprintf(out, "%u %u", packet.type, packet.attachments);
    len = put(out, len, packet.nsp);
    len = put(out, len, packet.id);
    len = put(out, len, packet.payload.raw);
    len = put(out, len, packet.event.raw);

    guard_free(copy, n);

    return len;
}


static void
test_parse(void)
{
    char    out[256];
    size_t  i, n;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        n = parse(out, good[i].text, strlen(good[i].text));
        is_bytes(out, n, good[i].want, strlen(good[i].want), "%s",
                 good[i].text);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        n = parse(out, bad[i], strlen(bad[i]));
        is_bytes(out, n, "error", 5, "refused: %s", bad[i]);
    }
}


/* No packet with a payload is one any more when its last bytes are missing. */

static void
test_truncated(void)
{
    int     refused;
    char    out[256];
    size_t  i, n, json;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        json = strcspn(good[i].text, "[{\"");
        refused = 1;

        for (n = 0; n < strlen(good[i].text); n++) {
            parse(out, good[i].text, n);

            if (n > json && good[i].text[n] != ' '
                && strcmp(out, "error") != 0)
            {
                refused = 0;
            }
        }

        ok(refused, "truncated: %s", good[i].text);
    }
}


static void
test_placeholders(void)
{
    int         got;
    char        text[256], out[512];
    size_t      i, n;
    uint8_t    *copy;
    sio_span_t  span;
    sio_json_t  v;

    for (i = 0; i < sizeof(placeholders) / sizeof(placeholders[0]); i++) {
        n = strlen(placeholders[i].text);
        copy = guard_copy(placeholders[i].text, n);
        span.p = copy;
        span.n = n;

        if (ok(sio_json_parse(span, SIO_JSON_DEPTH, &v, NULL) == SIO_OK,
               "is JSON: %s", placeholders[i].text))
        {
            got = sio_packet_placeholders(&v, 2);
            is_uint(got, placeholders[i].good, "as placeholder");
        }

        guard_free(copy, n);

        n = sprintf(text, "52-[\"m\",%s]", placeholders[i].text);
        n = parse(out, text, n);
        is_uint(n != 5, placeholders[i].good, "within a packet");
    }
}


/* Nesting up to the bound is read, the walk does not overrun its levels. */

static void
test_depth(void)
{
    char        text[4 * SIO_JSON_DEPTH], out[8 * SIO_JSON_DEPTH];
    size_t      n, depth;
    sio_json_t  v;

    for (depth = SIO_JSON_DEPTH - 1; depth <= SIO_JSON_DEPTH + 1; depth++) {
        n = sprintf(text, "51-[1,");
        memset(text + n, '[', depth - 1);
        n += depth - 1;
        memset(text + n, ']', depth);
        n += depth;

        n = parse(out, text, n);
        is_uint(n == 5 && memcmp(out, "error", 5) == 0, depth > SIO_JSON_DEPTH,
                "%zu levels", depth);
    }

    depth = 2 * SIO_JSON_DEPTH;
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    v.kind = SIO_JSON_ARRAY;
    v.raw.p = (uint8_t *) text;
    v.raw.n = 2 * depth;
    ok(!sio_packet_placeholders(&v, 1), "too deep for the walk");
}


static void
test_write(unsigned type, unsigned attachments, const char *nsp,
    const char *id, const char *want)
{
    size_t       n, max;
    uint8_t     *dst;
    sio_span_t   nsp_span, id_span;

    nsp_span.p = (const uint8_t *) nsp;
    nsp_span.n = strlen(nsp);
    id_span.p = (const uint8_t *) id;
    id_span.n = strlen(id);

    max = sio_packet_head_max(nsp_span, id_span);
    dst = guard_alloc(max);

    n = sio_packet_write_head(dst, type, attachments, nsp_span, id_span);
    is_bytes(dst, n, want, strlen(want), "written: %s", want);
    ok(n <= max, "within its bound");

    guard_free(dst, max);
}


int
main(void)
{
    test_parse();
    test_truncated();
    test_placeholders();
    test_depth();

    test_write(SIO_CONNECT, 0, "/", "", "40");
    test_write(SIO_CONNECT, 0, "/admin", "", "40/admin,");
    test_write(SIO_DISCONNECT, 0, "/admin", "", "41/admin,");
    test_write(SIO_EVENT, 0, "/", "", "42");
    test_write(SIO_EVENT, 3, "", "", "42");
    test_write(SIO_EVENT, 0, "/a", "12", "42/a,12");
    test_write(SIO_ACK, 0, "/", "007", "43007");
    test_write(SIO_CONNECT_ERROR, 0, "/x", "", "44/x,");
    test_write(SIO_BINARY_EVENT, 1, "/", "", "451-");
    test_write(SIO_BINARY_EVENT, 10, "/admin", "12345678901234567890",
               "4510-/admin,12345678901234567890");
    test_write(SIO_BINARY_ACK, 2, "/", "15", "462-15");

    return done_testing();
}
