
/*
 * Messages of the Redis adapter: what is read of MessagePack in any legal form,
 * what is refused, and what is written.
 */

#include "../lib/guard.h"
#include "../lib/tap.h"
#include "sio_adapter.h"


#define COUNT(array)  (sizeof(array) / sizeof(array[0]))

/* A broadcast around one argument of the event "e", both in hexadecimal. */
#define BEFORE  "93a156" "83a47479706502a464617461" "92a165"
#define AFTER   "a36e7370a12f" "83a5726f6f6d7390a665786365707490a5666c61677380"


typedef struct {
    const char  *name;
    const char  *hex;           /* of the argument */
    const char  *json;          /* NULL: the message is refused */
} value_t;

typedef struct {
    const char  *name;
    const char  *hex;
    const char  *text;          /* NULL: refused */
    const char  *rest;          /* uid|nsp|rooms|except|flags */
} message_t;

typedef struct {
    const char  *json;          /* the data */
    const char  *hex;           /* NULL: refused */
} number_t;


static const value_t  values[] = {
    { "nil", "c0", "null" },
    { "true", "c3", "true" },
    { "fixint", "7f", "127" },
    { "negative fixint", "e0", "-32" },
    { "uint8", "cc05", "5" },
    { "uint16", "cd0005", "5" },
    { "uint32", "ceffffffff", "4294967295" },
    { "uint64", "cfffffffffffffffff", "18446744073709551615" },
    { "int8", "d080", "-128" },
    { "int16", "d10001", "1" },
    { "int32", "d2ffffffff", "-1" },
    { "int64", "d38000000000000000", "-9223372036854775808" },
    { "float32", "ca3f000000", "0.5" },
    { "float32 as JavaScript reads it", "ca3dcccccd", "0.10000000149011612" },
    { "float64", "cb3fb999999999999a", "0.1" },
    { "float64, an integer", "cb4014000000000000", "5" },
    { "float64, -0", "cb8000000000000000", "0" },
    { "float64, large", "cb4480f0cf064dd592", "1e+22" },
    { "float64, not a number", "cb7ff8000000000000", "null" },
    { "float64, infinite", "cbfff0000000000000", "null" },
    { "fixstr", "a3c3a978", "\"\xc3\xa9x\"" },
    { "str8", "d90161", "\"a\"" },
    { "str16", "da000161", "\"a\"" },
    { "str32", "db0000000161", "\"a\"" },
    { "escapes", "a3220a5c", "\"\\\"\\n\\\\\"" },
    { "no UTF-8", "a361ff62", "\"a\xef\xbf\xbd" "b\"" },
    { "array16", "dc0002c001", "[null,1]" },
    { "array32", "dd00000001c0", "[null]" },
    { "map16", "de0001a16101", "{\"a\":1}" },
    { "map32", "df00000001a16101", "{\"a\":1}" },
    { "keys that are no strings", "8401c0c2c0c0c0c4016102",
      "{\"1\":null,\"false\":null,\"null\":null,\"a\":2}" },
    { "a key of another kind", "8190c0", NULL },
    { "undefined", "d40000", "null" },
    { "undefined in an array", "92d4000001", "[null,1]" },
    { "undefined in an object", "82a161d40000a16201", "{\"b\":1}" },
    { "timestamp 32", "d6ff00000000", "\"1970-01-01T00:00:00.000Z\"" },
    { "timestamp 64", "d7ff5f8d2d006789abcd",
      "\"2025-01-17T01:01:01.400Z\"" },
    { "timestamp 96", "c70cff00000000ffffffffffffffff",
      "\"1969-12-31T23:59:59.000Z\"" },
    { "timestamp 96 before 1970", "c70cff1dcd6501ffffffffffffffff",
      "\"1969-12-31T23:59:59.501Z\"" },
    { "a leap day", "d6ff386d4380", "\"2000-01-01T00:00:00.000Z\"" },
    { "the last day of a leap year's February", "d6ff38bb0c00",
      "\"2000-02-29T00:00:00.000Z\"" },
    { "a year of five digits", "c70cff00000000000000e677d21fff",
      "\"+033337-03-08T21:45:35.000Z\"" },
    { "a date that JavaScript has not", "c70cff000000007fffffffffffffff",
      "null" },
    { "a date of old versions", "d700000000000000000a",
      "\"1970-01-01T00:00:00.010Z\"" },
    { "a date of no size", "d5ff0000", NULL },
    { "an extension", "d40100", NULL },
    { "fixext 4 of type 0", "d60000000000", NULL },
    { "a word that is not used", "c1", NULL },
    { "a literal placeholder",
      "82ac5f706c616365686f6c646572c3a36e756d00",
      "{\"_placeholder\":true,\"num\":0}" },
    { "binary and a literal placeholder",
      "92c4010182ac5f706c616365686f6c646572c3a36e756d00", NULL },
    { "eleven attachments",
      "9bc40101c40101c40101c40101c40101c40101c40101c40101c40101c40101c40101",
      NULL },
    { "an array that is not there", "ddffffffff", NULL },
    { "a map that is not there", "dfffffffff", NULL },
    { "a string that is not there", "dbffffffff61", NULL },
    { "29 levels", "9191919191919191919191919191919191919191919191919191919190",
      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]" },
    { "30 levels",
      "919191919191919191919191919191919191919191919191919191919190", NULL },
};

static const message_t  messages[] = {
    { "of the emitter",
      "93a7656d697474657283a47479706502a46461746192a568656c6c6fa5776f726c64"
      "a36e7370a12f83a5726f6f6d7390a5666c61677380a665786365707490",
      "42[\"hello\",\"world\"]", "emitter|/|||" },
    { "of the adapter",
      "93a64f645267624d83a47479706502a46461746192a568656c6c6f01a36e7370a12f"
      "83a5726f6f6d7391a27231a665786365707490a5666c61677380",
      "42[\"hello\",1]", "OdRgbM|/|r1||" },
    { "with everything",
      "93c4015683a464617461" "91a165" "a36e7370a22f6ea47479706505"
      "83a665786365707492a17807a5666c61677383a8766f6c6174696c65c3a56c6f63616cc3"
      "a8636f6d7072657373c2a5726f6f6d7392a161a162",
      "42/n,[\"e\"]", "V|/n|a,b|x,7|vp" },
    { "without a namespace", "93a15682a47479706502a46461746191a16580",
      "42[\"e\"]", "V|/|||" },
    { "without data", "93a15681a4747970650280", NULL, NULL },
    { "with empty data", "93a15682a47479706502a4646174619080", NULL, NULL },
    { "of an acknowledgement", "93a15682a47479706503a46461746191a16580", NULL,
      NULL },
    { "of a reserved event",
      "93a15682a47479706502a46461746191a7636f6e6e65637480", NULL, NULL },
    { "of an event that is an object", "93a15682a47479706502a464617461918080",
      NULL, NULL },
    { "with a comma in the namespace",
      "93a15683a47479706502a46461746191a165a36e7370a32f2c6180", NULL, NULL },
    { "without options", "93a15682a47479706502a46461746191a165c0", NULL, NULL },
    { "with a room that is an object",
      "93a15682a47479706502a46461746191a16581a5726f6f6d739180", NULL, NULL },
    { "of two parts", "92a15680", NULL, NULL },
    { "of one part and a number", "93a15682a47479706502a46461746191a1658000",
      NULL, NULL },
    { "without a uid", "930182a47479706502a46461746191a16580", NULL, NULL },
    { "empty", "", NULL, NULL },
    { "a string", "a0", NULL, NULL },
};

static const number_t  numbers[] = {
    { "0", "00" },
    { "127", "7f" },
    { "128", "cc80" },
    { "65536", "ce00010000" },
    { "9007199254740993", "cf0020000000000001" },
    { "18446744073709551615", "cfffffffffffffffff" },
    { "18446744073709551616", "cb43f0000000000000" },
    { "-1", "ff" },
    { "-9223372036854775808", "d38000000000000000" },
    { "-0", "cb8000000000000000" },
    { "1.5", "cb3ff8000000000000" },
    { "1e3", "cb408f400000000000" },
    { "0.1000000000000000055511151231257827021181583404541015625000000000",
      "cb3fb999999999999a" },
    { "\"a\\u00e9\\n\"", "a461c3a90a" },
    { "\"\\ud800\"", "a3efbfbd" },
    { "{\"a\":[true,false,null]}", "81a16193c3c2c0" },
    { "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]",
      "dc001001010101010101010101010101010101" },
    { "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", NULL },
};


static sio_adapter_t  *codec;


static unsigned
digit(char c)
{
    return c <= '9' ? (unsigned) (c - '0') : (unsigned) (c - 'a' + 10);
}


static size_t
append_hex(uint8_t *dst, size_t n, const char *hex)
{
    for ( /* void */ ; *hex; hex += 2) {
        dst[n++] = (uint8_t) (digit(hex[0]) << 4 | digit(hex[1]));
    }

    return n;
}


static sio_span_t
guarded(const uint8_t *bytes, size_t n)
{
    sio_span_t  span;

    span.n = n;
    span.p = guard_copy(bytes, n);

    return span;
}


static void
test_values(void)
{
    int                       rc;
    char                      want[256];
    size_t                    n;
    uint8_t                   bytes[512];
    unsigned                  i;
    sio_span_t                message;
    const value_t            *v;
    sio_adapter_broadcast_t   b;

    for (i = 0; i < COUNT(values); i++) {
        v = &values[i];

        n = append_hex(bytes, 0, BEFORE);
        n = append_hex(bytes, n, v->hex);
        n = append_hex(bytes, n, AFTER);
        message = guarded(bytes, n);

        rc = sio_adapter_decode(codec, message, &b);

        if (v->json == NULL) {
            ok(rc == SIO_ERROR, "refused: %s", v->name);
            ok(sio_adapter_why(codec)[0] != '\0', "it says why");

        } else if (ok(rc == SIO_OK, "taken: %s %s", v->name,
                      sio_adapter_why(codec)))
        {
            n = (size_t) snprintf(want, sizeof(want), "42[\"e\",%s]", v->json);
            is_bytes(b.text.p, b.text.n, want, n, "what it is: %s", v->name);
        }

        guard_free((uint8_t *) message.p, message.n);
    }
}


static size_t
print_names(char *dst, size_t n, const sio_adapter_names_t *names)
{
    unsigned  i;

    for (i = 0; i < names->n; i++) {
        n += (size_t) sprintf(dst + n, "%s%.*s", i ? "," : "",
                              (int) names->name[i].n, names->name[i].p);
    }

    dst[n++] = '|';

    return n;
}


static void
test_messages(void)
{
    int                       rc;
    char                      got[256];
    size_t                    n;
    uint8_t                   bytes[512];
    unsigned                  i;
    sio_span_t                message;
    const message_t          *m;
    sio_adapter_broadcast_t   b;

    for (i = 0; i < COUNT(messages); i++) {
        m = &messages[i];

        message = guarded(bytes, append_hex(bytes, 0, m->hex));
        rc = sio_adapter_decode(codec, message, &b);

        if (m->text == NULL) {
            ok(rc == SIO_ERROR, "refused: a message %s", m->name);

        } else if (ok(rc == SIO_OK, "taken: a message %s %s", m->name,
                      sio_adapter_why(codec)))
        {
            is_bytes(b.text.p, b.text.n, m->text, strlen(m->text),
                     "its packet");

            n = (size_t) sprintf(got, "%.*s|%.*s|", (int) b.uid.n, b.uid.p,
                                 (int) b.nsp.n, b.nsp.p);
            n = print_names(got, n, &b.rooms);
            n = print_names(got, n, &b.except);
            n += (size_t) sprintf(got + n, "%s%s", b.is_volatile ? "v" : "",
                                  b.plain ? "p" : "");
            is_bytes(got, n, m->rest, strlen(m->rest), "the rest of it");
        }

        guard_free((uint8_t *) message.p, message.n);
    }
}


/* Every message that is cut is refused. */

static void
test_cut(void)
{
    size_t                    n, whole;
    uint8_t                   bytes[512];
    unsigned                  taken;
    sio_span_t                message;
    sio_adapter_broadcast_t   b;

    taken = 0;
    whole = append_hex(bytes, 0, messages[2].hex);

    for (n = 0; n < whole; n++) {
        message = guarded(bytes, n);
        taken += sio_adapter_decode(codec, message, &b) == SIO_OK;
        guard_free((uint8_t *) message.p, message.n);
    }

    is_uint(taken, 0, "messages that are cut");
}


static void
test_encode(void)
{
    size_t                    n;
    uint8_t                   bytes[512], text[256];
    unsigned                  i;
    sio_span_t                message, rooms[1];
    const number_t           *v;
    sio_adapter_broadcast_t   b;

    for (i = 0; i < COUNT(numbers); i++) {
        v = &numbers[i];

        memset(&b, 0, sizeof(b));
        b.uid = sio_span("V");
        b.text.n = (size_t) snprintf((char *) text, sizeof(text),
                                     "42[\"e\",%s]", v->json);
        b.text.p = text;

        if (v->hex == NULL) {
            ok(sio_adapter_encode(codec, &b, &message) == SIO_ERROR,
               "refused: %s", v->json);
            continue;
        }

        ok(sio_adapter_encode(codec, &b, &message) == SIO_OK, "written: %s",
           v->json);

        n = append_hex(bytes, 0, BEFORE);
        n = append_hex(bytes, n, v->hex);
        n = append_hex(bytes, n, AFTER);
        is_bytes(message.p, message.n, bytes, n, "as it should be");
    }

    memset(&b, 0, sizeof(b));
    rooms[0] = sio_span("r");
    b.uid = sio_span("V");
    b.rooms.name = rooms;
    b.rooms.n = 1;
    b.except = b.rooms;
    b.is_volatile = 1;
    b.plain = 1;
    b.text = sio_span("451-/n,[\"e\",{\"num\":0,\"_placeholder\":true}]");
    b.attachments[0] = sio_span("\x01\x02");
    b.nattachments = 1;

    ok(sio_adapter_encode(codec, &b, &message) == SIO_OK, "with everything");

    n = append_hex(bytes, 0, BEFORE "c4020102" "a36e7370a22f6e"
                   "83a5726f6f6d7391a172a665786365707491a172"
                   "a5666c61677382a8766f6c6174696c65c3a8636f6d7072657373c2");
    is_bytes(message.p, message.n, bytes, n, "as it should be");

    b.nattachments = 0;
    ok(sio_adapter_encode(codec, &b, &message) == SIO_ERROR,
       "an attachment that is missing");

    b.text = sio_span("40");
    ok(sio_adapter_encode(codec, &b, &message) == SIO_ERROR, "no event");
}


static void
test_requests(void)
{
    size_t                   i;
    uint8_t                  bytes[256];
    sio_span_t               message, again;
    sio_adapter_request_t    r;

    static const struct {
        const char          *hex;
        uint64_t             ms;
    } times[] = {
        { "cb4074d55555555555", 334 },      /* 1000 / 3 */
        { "cb3fe0000000000000", 1 },        /* 0.5 */
        { "ca43a6aaab", 334 },
        { "cb0000000000000000", 0 },
        { "cbc08f400000000000", 0 },        /* -1000 */
        { "cb7ff0000000000000", 0 },        /* infinity */
        { "cb7ff8000000000000", 0 },        /* no number */
        { "d0ff", 0 }, { "a131", 0 }, { "c0", 0 }
    };

    message = sio_span("{\"uid\":\"U\",\"type\":2,\"opts\":{\"rooms\":"
                       "[\"r\\u0031\",5],\"except\":[\"x\"]},\"rooms\":"
                       "[\"j\"]}");

    ok(sio_adapter_request_read(codec, message, &r) == SIO_OK, "a join %s",
       sio_adapter_why(codec));
    ok(r.type == SIO_ADAPTER_JOIN && r.opts && r.rooms.n == 2
       && sio_span_eq(r.rooms.name[0], sio_span("r1"))
       && sio_span_eq(r.rooms.name[1], sio_span("5"))
       && sio_span_eq(r.except.name[0], sio_span("x"))
       && r.names.n == 1 && sio_span_eq(r.names.name[0], sio_span("j")),
       "what it asks for");

    ok(sio_adapter_request_write(codec, &r, &again) == SIO_OK, "written");
    message = sio_span("{\"uid\":\"U\",\"type\":2,\"opts\":{\"rooms\":"
                       "[\"r1\",\"5\"],\"except\":[\"x\"]},\"rooms\":"
                       "[\"j\"]}");
    is_bytes(again.p, again.n, message.p, message.n, "as it was");

    message = sio_span("{\"sid\":\"S\",\"room\":\"j\",\"requestId\":\"I\","
                       "\"type\":3}");
    ok(sio_adapter_request_read(codec, message, &r) == SIO_OK
       && r.type == SIO_ADAPTER_LEAVE && !r.opts && r.names.n == 1
       && sio_span_eq(r.sid, sio_span("S"))
       && sio_span_eq(r.id, sio_span("I")), "of the old form");

    message.n = append_hex(bytes, 0, "83a47479706506a3756964a155"
                           "a46461746192a16501");
    message.p = bytes;
    ok(sio_adapter_request_read(codec, message, &r) == SIO_OK
       && r.type == SIO_ADAPTER_SERVER_SIDE_EMIT
       && sio_span_eq(r.data, sio_span("[\"e\",1]")), "as MessagePack");

    message.n = append_hex(bytes, 0, "85a3756964a155a97265717565737449"
                           "64a149a47479706507a67061636b6574" "82a47479706502"
                           "a46461746191a165a46f707473" "81a5666c61677381"
                           "a774696d656f7574cd03e8");
    ok(sio_adapter_request_read(codec, message, &r) == SIO_OK
       && r.type == SIO_ADAPTER_BROADCAST && r.broadcast.timeout == 1000
       && sio_span_eq(r.broadcast.text, sio_span("42[\"e\"]")),
       "a broadcast with acks %s", sio_adapter_why(codec));

    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        message.n = append_hex(bytes, 0, "85a3756964a155a97265717565737449"
                               "64a149a47479706507a67061636b6574"
                               "82a47479706502a46461746191a165a46f707473"
                               "81a5666c61677381a774696d656f7574");
        message.n = append_hex(bytes, message.n, times[i].hex);
        ok(sio_adapter_request_read(codec, message, &r) == SIO_OK
           && r.broadcast.timeout == times[i].ms, "a timeout %s",
           times[i].hex);
    }

    r.uid = sio_span("U");
    r.id = sio_span("I");
    r.broadcast.timeout = 70000;
    r.broadcast.text = sio_span("42/n,17[\"e\",1]");
    ok(sio_adapter_ask_write(codec, &r, &again) == SIO_OK
       && again.n < sizeof(bytes), "written");
    memcpy(bytes, again.p, again.n);
    message.p = bytes;
    message.n = again.n;
    ok(sio_adapter_request_read(codec, message, &r) == SIO_OK
       && r.type == SIO_ADAPTER_BROADCAST && r.broadcast.timeout == 70000
       && sio_span_eq(r.id, sio_span("I"))
       && sio_span_eq(r.broadcast.text, sio_span("42/n,[\"e\",1]")),
       "and read again, without its ack id");

    ok(sio_adapter_request_read(codec, sio_span("{\"type\":77}"), &r)
       == SIO_ERROR, "an unknown type");
    ok(sio_adapter_request_read(codec, sio_span("{\"type\":6}"), &r)
       == SIO_ERROR, "an emit without data");
    ok(sio_adapter_request_read(codec, sio_span("{"), &r) == SIO_ERROR,
       "no JSON");
    ok(sio_adapter_request_read(codec, sio_span("[]"), &r) == SIO_ERROR,
       "no MessagePack");
}


static void
test_responses(void)
{
    uint8_t                  bytes[256];
    sio_span_t               message, again;
    sio_adapter_response_t   r;

    message = sio_span("{\"requestId\":\"I\",\"sockets\":[{\"id\":1}]}");
    ok(sio_adapter_response_read(codec, message, &r) == SIO_OK
       && r.type == SIO_ADAPTER_NONE && sio_span_eq(r.id, sio_span("I"))
       && sio_span_eq(r.sockets.raw, sio_span("[{\"id\":1}]")), "sockets");

    message = sio_span("{\"type\":8,\"requestId\":\"I\",\"clientCount\":3}");
    ok(sio_adapter_response_read(codec, message, &r) == SIO_OK
       && r.type == SIO_ADAPTER_CLIENT_COUNT && r.count == 3, "a count");

    message.n = append_hex(bytes, 0, "83a47479706509a9726571756573744964a149"
                           "a67061636b657481a16101");
    message.p = bytes;
    ok(sio_adapter_response_read(codec, message, &r) == SIO_OK
       && r.type == SIO_ADAPTER_ACK
       && sio_span_eq(r.packet.raw, sio_span("{\"a\":1}")), "an ack");

    message.n = append_hex(bytes, 0, "83a47479706509a9726571756573744964a149"
                           "a67061636b657492c40105a178");
    ok(sio_adapter_response_read(codec, message, &r) == SIO_OK
       && r.nattachments == 1 && r.attachments[0].n == 1
       && r.attachments[0].p[0] == 5
       && sio_span_eq(r.packet.raw,
                      sio_span("[{\"_placeholder\":true,\"num\":0},\"x\"]")),
       "an ack with binary");

    message.n = append_hex(bytes, 0, "83a47479706509a9726571756573744964a149"
                           "a67061636b657481a16101");

    memset(&r, 0, sizeof(r));
    r.id = sio_span("I");
    r.packet.kind = SIO_JSON_OBJECT;
    r.packet.raw = sio_span("{\"a\":1}");
    ok(sio_adapter_ack_write(codec, &r, &again) == SIO_OK, "an ack, written");
    is_bytes(again.p, again.n, message.p, message.n, "as it was read");

    ok(sio_adapter_response_read(codec, sio_span("{}"), &r) == SIO_ERROR,
       "without an id");
}


int
main(void)
{
    codec = sio_adapter_create();

    test_values();
    test_messages();
    test_cut();
    test_encode();
    test_requests();
    test_responses();

    sio_adapter_free(codec);

    return done_testing();
}
