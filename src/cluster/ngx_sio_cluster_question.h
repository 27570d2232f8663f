
/*
 * Questions of this node to the others: lists of sockets and rooms, and
 * broadcasts with acks.  The worker that asks hears the answers itself, by a
 * connection that lives while there are questions.
 */

#ifndef _NGX_SIO_CLUSTER_QUESTION_H_INCLUDED_
#define _NGX_SIO_CLUSTER_QUESTION_H_INCLUDED_


#include "ngx_sio_cluster.h"


#define NGX_SIO_QUESTION_ID_LEN  64


typedef struct ngx_sio_cluster_question_s  ngx_sio_cluster_question_t;

/*
 * Takes an answer, which is on loan; NULL when it has become known how many
 * nodes there are, or that none of them can be heard.  May be called by
 * ngx_sio_cluster_question().  Must not close a question.
 */
typedef void (*ngx_sio_cluster_answer_pt)(ngx_sio_cluster_question_t *q,
    const sio_adapter_response_t *response);

/* The channels on which the answers to a namespace's questions come. */
typedef struct {
    ngx_queue_t                 queue;
    ngx_uint_t                  questions;
    ngx_uint_t                  ready;      /* Redis has said so */
    size_t                      len;
    u_char                      namespace[1];
} ngx_sio_cluster_channel_t;


struct ngx_sio_cluster_question_s {
    ngx_queue_t                 queue;      /* of the worker's */
    ngx_sio_cluster_t          *cl;         /* NULL: closed */
    ngx_sio_cluster_channel_t  *channel;
    ngx_sio_cluster_answer_pt   handler;    /* the caller's */
    void                       *data;       /* the caller's */
    ngx_pool_t                 *pool;       /* the caller's, outlives it */
    const char                 *kind;       /* of the channel it goes to */
    uint64_t                    serial;
    sio_span_t                  message;
    u_char                      id[NGX_SIO_QUESTION_ID_LEN];
    size_t                      id_len;
    ngx_msec_t                  since;
    unsigned                    event:1;    /* is sent in any case */
    unsigned                    sent:1;
    unsigned                    counted:1;
    unsigned                    failed:1;   /* answers cannot be heard */
    ngx_uint_t                  nodes;      /* that are to answer */
    ngx_uint_t                  answered;
};


/*
 * Asks the other nodes; handler, data and pool are set.  Returns
 * NGX_SIO_CLUSTER_SENT, and then it must be closed, or another of these: then
 * nobody is asked.
 */
ngx_uint_t ngx_sio_cluster_question(ngx_sio_cluster_question_t *q,
    ngx_sio_zone_t *zone, sio_span_t namespace,
    sio_adapter_request_t *request);

/* The same, to deliver an event and to be told what clients answer in time. */
ngx_uint_t ngx_sio_cluster_question_emit(ngx_sio_cluster_question_t *q,
    ngx_sio_emit_t *emit, ngx_msec_t time);

/* Gives a question its id. */
void ngx_sio_cluster_question_id(ngx_sio_cluster_question_t *q,
    ngx_sio_cluster_t *cl);

/*
 * Asks a question that has kind and id, by a message of the caller; namespace
 * is that of the channels.  Returns as ngx_sio_cluster_question() does.
 */
ngx_uint_t ngx_sio_cluster_question_open(ngx_sio_cluster_question_t *q,
    ngx_sio_cluster_t *cl, sio_span_t namespace, sio_span_t message);

/* Whether all nodes have answered, but for acks, or cannot be heard. */
ngx_uint_t ngx_sio_cluster_question_over(const ngx_sio_cluster_question_t *q);

/* How many nodes have not answered, as far as that is known. */
ngx_uint_t ngx_sio_cluster_question_missing(
    const ngx_sio_cluster_question_t *q);

/* Ends it; harmless when it is closed already. */
void ngx_sio_cluster_question_close(ngx_sio_cluster_question_t *q);

/* The channels of a namespace, made if need be; NULL without memory. */
ngx_sio_cluster_channel_t *ngx_sio_cluster_channel(ngx_sio_cluster_t *cl,
    sio_span_t namespace);

/* Subscribes to them, or unsubscribes. */
void ngx_sio_cluster_channel_command(ngx_sio_cluster_t *cl,
    ngx_sio_cluster_channel_t *channel, const char *command);

/* Writes the name of a kind's channel; at most NGX_SIO_CHANNEL_MAX bytes. */
size_t ngx_sio_cluster_channel_name(ngx_sio_cluster_t *cl,
    ngx_sio_cluster_channel_t *channel, const char *kind, u_char *p);

/* Forgets them; no question uses them. */
void ngx_sio_cluster_channel_free(ngx_sio_cluster_channel_t *channel);

/* Prepares a worker for questions, and looks after them now and then. */
void ngx_sio_cluster_questions_init(ngx_sio_cluster_t *cl);
void ngx_sio_cluster_questions_tick(ngx_sio_cluster_t *cl);

/* Closes the connection for answers, and forgets channels without questions. */
void ngx_sio_cluster_questions_exit(ngx_sio_cluster_t *cl);


#endif /* _NGX_SIO_CLUSTER_QUESTION_H_INCLUDED_ */
