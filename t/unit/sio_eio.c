
/* Engine.IO packets: single ones, and payloads taken apart. */

#include "../lib/guard.h"
#include "../lib/tap.h"
#include "sio_eio.h"


/* A text and how it is taken apart: "type:data|", and "!" for an error. */
typedef struct {
    const char  *text;
    size_t       n;
    const char  *want;
} case_t;


#define CASE(text, want)  { text, sizeof(text) - 1, want }


static const case_t  payloads[] = {
    CASE("", "!"),
    CASE("\x1e", "!"),
    CASE("4", "4:|"),
    CASE("4hello", "4:hello|"),
    CASE("0{}", "0:{}|"),
    CASE("1", "1:|"),
    CASE("2probe", "2:probe|"),
    CASE("3", "3:|"),
    CASE("5", "5:|"),
    CASE("52", "5:2|"),
    CASE("6", "6:|"),
    CASE("7", "!"),
    CASE("/", "!"),
    CASE("a", "!"),
    CASE("c", "!"),
    CASE(" 4", "!"),
    CASE("\xff", "!"),
    CASE("b", "b:|"),
    CASE("bAQID", "b:AQID|"),
    CASE("4a\x1e" "4b", "4:a|4:b|"),
    CASE("6\x1e" "1", "6:|1:|"),
    CASE("4\x1e" "b\x1e" "3", "4:|b:|3:|"),
    CASE("451-[]\x1e" "bAQ==\x1e" "4x", "4:51-[]|b:AQ==|4:x|"),
    CASE("4a\x1e", "4:a|!"),
    CASE("4a\x1e\x1e" "4b", "4:a|!"),
    CASE("4a\x1e" "x\x1e" "4b", "4:a|!"),
    CASE("4\xe2\x82\xac", "4:\xe2\x82\xac|")
};


/* Writes what sio_eio_next() makes of a payload, up to the first error. */

static size_t
take_apart(char *out, sio_span_t text)
{
    int               done;
    size_t            n;
    sio_eio_packet_t  packet;

    n = 0;
    done = 0;

    while (!done) {

        if (sio_eio_next(&text, &done, &packet) != SIO_OK) {
            out[n++] = '!';
            break;
        }

        out[n++] = packet.type;
        out[n++] = ':';
        memcpy(out + n, packet.data.p, packet.data.n);
        n += packet.data.n;
        out[n++] = '|';
    }

    return n;
}


static void
test_payload(const case_t *c)
{
    char        out[256];
    size_t      n;
    uint8_t    *copy;
    sio_span_t  text;

    copy = guard_copy(c->text, c->n);
    text.p = copy;
    text.n = c->n;

    n = take_apart(out, text);
    is_bytes(out, n, c->want, strlen(c->want), "payload for %s", c->want);

    guard_free(copy, c->n);
}


static void
test_single(void)
{
    uint8_t          *copy;
    unsigned          c, types;
    sio_span_t        text;
    sio_eio_packet_t  packet;

    types = 0;
    copy = guard_alloc(1);
    text.p = copy;
    text.n = 1;

    for (c = 0; c < 256; c++) {
        copy[0] = c;

        if (sio_eio_parse(text, &packet) == SIO_OK) {
            types++;
            ok(packet.type == c && packet.data.n == 0, "type %c", (int) c);
        }
    }

    is_uint(types, 8, "number of types");
    guard_free(copy, 1);

    text = sio_span("4a\x1e" "4b");
    ok(sio_eio_parse(text, &packet) == SIO_OK, "a frame with a separator");
    is_bytes(packet.data.p, packet.data.n, "a\x1e" "4b", 4, "is one packet");

    text.p = NULL;
    text.n = 0;
    ok(sio_eio_parse(text, &packet) == SIO_ERROR, "nothing is no packet");
}


int
main(void)
{
    size_t  i;

    for (i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        test_payload(&payloads[i]);
    }

    test_single();

    return done_testing();
}
