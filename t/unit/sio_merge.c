
/* Merging: what clients may try in order to say who they are themselves. */

#include "../lib/guard.h"
#include "../lib/tap.h"
#include "sio_merge.h"
#include "sio_packet.h"


#define span(text)  { (const uint8_t *) (text), sizeof(text) - 1 }


static sio_merge_member_t  members[] = {
    { span("user"), span("\"user\":"), span("\"550\"") },
    { span("a\"\n"), span("\"a\\\"\\n\":"), span("[1,{\"b\":2}]") }
};


/* Merges the first n members into the payload of a packet. */

static void
merges(unsigned n, const char *text, const char *want)
{
    size_t         size, got;
    uint8_t       *dst;
    sio_span_t     span;
    sio_merge_t    merge;
    sio_packet_t   packet;

    span.p = (const uint8_t *) text;
    span.n = strlen(text);

    if (sio_packet_parse(span, &packet) != SIO_OK) {
        ok(0, "%s is no packet", text);
        return;
    }

    merge.members = members;
    merge.n = n;
    merge.binary = packet.attachments != 0;

    size = sio_merge_size(&merge, &packet.payload);
    dst = guard_alloc(size);
    got = sio_merge_write(&merge, &packet.payload, dst);

    ok(got <= size, "within its size");
    is_bytes(dst, got, want, strlen(want), "%s", text);

    guard_free(dst, size);
}


static void
test_objects(void)
{
    merges(1, "2[\"e\",{}]", "[\"e\",{\"user\":\"550\"}]");
    merges(1, "2[\"e\",{\"a\":1.0e5}]",
           "[\"e\",{\"a\":1.0e5,\"user\":\"550\"}]");
    merges(1, "2[\"e\", { \"a\" : [ 1 ] , \"b\" : {} } ,7]",
           "[\"e\",{\"a\":[ 1 ],\"b\":{},\"user\":\"550\"},7]");
    merges(2, "2[\"e\",{\"a\":1}]",
           "[\"e\",{\"a\":1,\"user\":\"550\",\"a\\\"\\n\":[1,{\"b\":2}]}]");
    merges(1, "2[\"e\",{\"a\":1},{\"b\":2},\"x\"]",
           "[\"e\",{\"a\":1,\"user\":\"550\"},{\"b\":2,\"user\":\"550\"},"
           "\"x\"]");
}


static void
test_none(void)
{
    merges(1, "2[\"e\"]", "[\"e\",{\"user\":\"550\"}]");
    merges(1, "2[\"e\",1,\"user\",null,[{\"user\":\"1\"}]]",
           "[\"e\",1,\"user\",null,[{\"user\":\"1\"}],{\"user\":\"550\"}]");
    merges(1, "2[7]", "[7,{\"user\":\"550\"}]");
}


static void
test_forged(void)
{
    merges(1, "2[\"e\",{\"user\":\"1\"}]", "[\"e\",{\"user\":\"550\"}]");
    merges(1, "2[\"e\",{\"user\":1,\"a\":2,\"user\":{\"user\":3}}]",
           "[\"e\",{\"a\":2,\"user\":\"550\"}]");
    merges(1, "2[\"e\",{\"\\u0075ser\":1,\"us\\u0065\\u0072\":2,\"b\":3}]",
           "[\"e\",{\"b\":3,\"user\":\"550\"}]");
    merges(2, "2[\"e\",{\"a\\\"\\n\":1,\"\\u0061\\u0022\\u000A\":2}]",
           "[\"e\",{\"user\":\"550\",\"a\\\"\\n\":[1,{\"b\":2}]}]");
    merges(1, "2[\"e\",{\"User\":1,\"user \":2,\"use\":3,\"user\\u0000\":4}]",
           "[\"e\",{\"User\":1,\"user \":2,\"use\":3,\"user\\u0000\":4,"
           "\"user\":\"550\"}]");
    merges(1, "2[\"e\",{\"n\":{\"user\":1}}]",
           "[\"e\",{\"n\":{\"user\":1},\"user\":\"550\"}]");
}


static void
test_placeholders(void)
{
    merges(1, "51-[\"e\",{\"_placeholder\":true,\"num\":0}]",
           "[\"e\",{\"_placeholder\":true,\"num\":0},{\"user\":\"550\"}]");
    merges(1, "51-[\"e\",{\"num\":0,\"user\":1,\"_placeholder\":true}]",
           "[\"e\",{\"_placeholder\":true,\"num\":0},{\"user\":\"550\"}]");
    merges(1, "51-[\"e\",{\"_placeholder\":false,\"\\u005fplaceholder\":true,"
              "\"num\":9,\"num\":0},{}]",
           "[\"e\",{\"_placeholder\":true,\"num\":0},{\"user\":\"550\"}]");
    merges(1, "51-[\"e\",{\"_placeholder\":true,\"_placeholder\":1,"
              "\"num\":0,\"user\":1}]",
           "[\"e\",{\"_placeholder\":true,\"_placeholder\":1,\"num\":0,"
           "\"user\":\"550\"}]");
    merges(1, "51-[\"e\",{\"a\":{\"_placeholder\":true,\"num\":0}}]",
           "[\"e\",{\"a\":{\"_placeholder\":true,\"num\":0},"
           "\"user\":\"550\"}]");
    merges(1, "2[\"e\",{\"_placeholder\":true,\"num\":0,\"user\":1}]",
           "[\"e\",{\"_placeholder\":true,\"num\":0,\"user\":\"550\"}]");
}


int
main(void)
{
    test_objects();
    test_none();
    test_forged();
    test_placeholders();

    return done_testing();
}
