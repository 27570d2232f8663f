/*
 * Clients of Socket.IO, on WebSockets or polling: the handshake, one join with
 * an ack, and what comes then.  client.c is the client, client_ws.c and
 * client_poll.c bring its packets to and fro.
 */

#ifndef _CLIENT_H_INCLUDED_
#define _CLIENT_H_INCLUDED_


#include "deflate.h"
#include "ledger.h"
#include "stream.h"


#define CLIENT_DEPTH  64        /* the most emits of one client under way */
#define CLIENT_ID     64        /* the longest sid, pid, offset */


typedef enum {
    CLIENT_NEW = 0,
    CLIENT_OPENING,             /* until the session's sid is there */
    CLIENT_CONNECTING,          /* to the namespace */
    CLIENT_JOINING,
    CLIENT_READY,
    CLIENT_GONE
} client_state_t;


/* What a client comes back with. */
typedef struct {
    char       sid[CLIENT_ID];
    char       pid[CLIENT_ID];
    char       offset[CLIENT_ID];
} client_place_t;


typedef struct {
    stream_t         stream;    /* first: the client of a stream */
    inbox_t          inbox;
    deflate_t       *deflate;   /* NULL: the server does not compress */
    uint64_t         since;     /* when it began to connect */
    uint64_t         pending;   /* emits without an ack, a bit for each */
    uint64_t        *sent;      /* when they were sent */
    client_place_t  *place;
    char            *sid;       /* of a polling session */
    char            *queue;     /* packets for the next POST */
    uint32_t         next_id;
    uint32_t         number;
    uint8_t          state;
    uint8_t          upgraded;
    uint8_t          posting;
} client_t;


extern const stream_handler_t  client_ws_handler;
extern const stream_handler_t  client_poll_handler;


/* Makes the clients; none connects yet. */
void client_init(void);

/* Connects all, --conc at a time; client_settled() tells when to stop. */
void client_start(void);

/* Whether each of them is ready or has failed. */
int client_settled(void);

/* Clients that are ready. */
unsigned client_count(void);

/* Has each client keep --depth emits under way; 0: no new ones. */
void client_emit(int on);

/* Cuts all connections without a word; client_start() connects them again. */
void client_cut(void);

/* Clients that have recovered since client_cut(). */
unsigned client_recovered(void);


/* The transports call these.  A packet has come, of Engine.IO. */
void client_packet(client_t *c, const uint8_t *p, size_t n);

/* The connection to an endpoint without Socket.IO is there. */
void client_ready(client_t *c);

/* The connection has ended, or must not go on. */
void client_gone(client_t *c);

/* Sends one packet of Engine.IO. */
void client_ws_send(client_t *c, const void *p, size_t n);
void client_poll_send(client_t *c, const void *p, size_t n);


#endif /* _CLIENT_H_INCLUDED_ */
