
/*
 * What every CONNECT comes to, whoever decides it: a socket with what rules
 * give it, and its client told.
 */

#ifndef _NGX_SIO_CONNECT_H_INCLUDED_
#define _NGX_SIO_CONNECT_H_INCLUDED_


#include "ngx_sio_reader.h"
#include "ngx_sio_registry.h"


/* Bytes of what an answer to CONNECT needs besides the packet's pieces. */
#define NGX_SIO_CONNECT_HEAD  (NGX_SIO_NAMESPACE_NAME_MAX + 96)


/* What a namespace's rules give to a socket that is about to connect. */
void ngx_sio_connect_prepare(const ngx_sio_endpoint_t *endpoint,
    const ngx_sio_namespace_conf_t *conf, ngx_sio_connect_t *connect);

/*
 * Sets the packet that answers a CONNECT; head has NGX_SIO_CONNECT_HEAD
 * bytes, and has to live as long as the packet.
 */
void ngx_sio_connect_answer(ngx_sio_connect_t *connect, u_char *head);

/*
 * A socket of one of this worker's WebSockets was opened by another, at this
 * place of the log: the client is told, and the worker listens for it.
 */
void ngx_sio_connect_opened(ngx_sio_reader_t *reader,
    const ngx_sio_control_t *control);


#endif /* _NGX_SIO_CONNECT_H_INCLUDED_ */
