
/*
 * What nginx nodes tell and ask each other by a channel of their own, to which
 * servers for Node.js do not listen.
 */

#ifndef _NGX_SIO_CLUSTER_PRIVATE_H_INCLUDED_
#define _NGX_SIO_CLUSTER_PRIVATE_H_INCLUDED_


#include "ngx_sio_cluster_question.h"


/* Has other nginx nodes revoke the same; returns NGX_SIO_CLUSTER_... */
ngx_uint_t ngx_sio_cluster_revoke(const ngx_sio_revoke_t *revoke);

/*
 * Disconnects, in slices, who has a token that was revoked; then the question
 * with that id is answered, unless it is empty.
 */
void ngx_sio_cluster_revoke_walk(const ngx_sio_revoke_t *revoke,
    sio_span_t id);

/*
 * Asks the other nginx nodes to do an errand; handler, data and pool are set.
 * Returns as ngx_sio_cluster_question() does.
 */
ngx_uint_t ngx_sio_cluster_errand_ask(ngx_sio_cluster_question_t *q,
    const ngx_sio_errand_t *errand);

/*
 * Takes one node's answer: sets the errand's result, message and how many have
 * matched, and node, JSON, to who says so; all point into the answer.  NGX_OK,
 * or NGX_DECLINED when that node has no such socket.
 */
ngx_int_t ngx_sio_cluster_errand_answered(ngx_sio_errand_t *errand,
    const sio_adapter_response_t *response, sio_span_t *node);

/* Does what another node asks for, v, or lets it know that it is our own. */
void ngx_sio_cluster_errand_asked(ngx_sio_cluster_t *cl, const sio_json_t *v,
    ngx_uint_t own);

/* Answers an errand that was done here. */
void ngx_sio_cluster_errand_answer(ngx_sio_cluster_t *cl, sio_span_t id,
    const ngx_sio_errand_t *errand);

/* Takes what another nginx has said; for the leader. */
void ngx_sio_cluster_private(ngx_sio_cluster_t *cl, sio_span_t payload);

/*
 * Tells others that this node has its name, with the heartbeat; nothing without
 * node=.
 */
void ngx_sio_cluster_twin_tell(ngx_sio_cluster_t *cl);

/* Takes what somebody of this node's name has said; for the leader. */
void ngx_sio_cluster_twin_heard(ngx_sio_cluster_t *cl, sio_span_t payload);

/* Writes the name and whether another has it as members, at most 64 bytes. */
u_char *ngx_sio_cluster_twin_status(ngx_sio_cluster_t *cl, u_char *p);


#endif /* _NGX_SIO_CLUSTER_PRIVATE_H_INCLUDED_ */
